//! `notify` and `denotify`, of RFC 5435 and of the draft before it.

use super::actions::{Folder, text, texts};
use super::ast::{Command, Value};
use super::check::Comparison;
use super::lex::Token;
use super::parse::{Parser, Stop};
use crate::code::{Op, Priority};
use crate::settings::Capability as C;

impl Parser<'_> {
    /// A priority, if one is ahead; `:importance` yields the same tokens.
    fn priority(&mut self) -> Option<Priority> {
        let priority = match self.peek_word() {
            ":low" => Priority::Low,
            ":normal" => Priority::Normal,
            ":high" => Priority::High,
            _ => return None,
        };
        self.accept();
        Some(priority)
    }

    /// Both kinds: with a string at the end it is that of RFC 5435, without one the old draft's.
    pub(super) fn notify(&mut self) -> Result<Command, Stop> {
        let (mut from, mut id, mut method, mut message, mut options) = (None, None, None, None, None);
        let mut priority: Option<Priority> = None;
        let mut fcc = Folder::default();
        loop {
            match self.peek_word() {
                ":from" => self.text_tag(":from", &mut from)?,
                ":importance" => {
                    self.accept();
                    let new = self.priority().ok_or(Stop::Unexpected)?;
                    if priority.replace(new).is_some() {
                        self.duplicate_tag(":importance");
                    }
                }
                ":id" => self.text_tag(":id", &mut id)?,
                ":method" => self.text_tag(":method", &mut method)?,
                ":message" => self.text_tag(":message", &mut message)?,
                ":options" => {
                    self.accept();
                    let list = self.texts()?;
                    if options.replace(list).is_some() {
                        self.duplicate_tag(":options");
                    }
                }
                _ if self.fcc_tag(&mut fcc)? => {}
                _ => match self.priority() {
                    Some(new) => {
                        if priority.replace(new).is_some() {
                            self.multiple_tags("priority");
                        }
                    }
                    None => break,
                },
            }
        }
        let (op, method, who) = if matches!(self.peek(), Token::Text(_)) {
            let uri = self.text()?;
            self.need(C::Enotify, "enotify");
            if id.is_some() {
                self.unexpected_tag(":id");
            }
            if method.is_some() {
                self.unexpected_tag(":method");
            }
            self.check_fcc(&mut fcc);
            (Op::Enotify, uri, from)
        } else {
            self.need(C::Notify, "notify");
            let given = [
                (from.is_some(), ":from"),
                (fcc.name.is_some(), ":fcc"),
                (fcc.create > 0, ":create"),
                (fcc.flags.is_some(), ":flags"),
                (fcc.special_use.is_some(), ":specialuse"),
            ];
            for (_, tag) in given.iter().filter(|(given, _)| *given) {
                self.unexpected_tag(tag);
            }
            (Op::Notify, method.unwrap_or_else(|| b"default".to_vec()), id)
        };
        Ok(Command::Simple(
            op,
            vec![
                text(method),
                Value::Text(who),
                texts(options),
                Value::Int(priority.unwrap_or(Priority::Normal).word()),
                text(message.unwrap_or_else(|| b"$from$: $subject$".to_vec())),
            ],
        ))
    }

    pub(super) fn denotify(&mut self) -> Result<Command, Stop> {
        self.need(C::Notify, "notify");
        let mut comparison = Comparison::new();
        comparison.comparator = crate::code::Comparator::AsciiCasemap.word();
        let (mut priority, mut pattern) = (None, None);
        loop {
            if let Some(new) = self.priority() {
                if priority.replace(new).is_some() {
                    self.multiple_tags("priority");
                }
            } else if self.match_tag(&mut comparison)? {
                pattern = Some(self.text()?);
            } else {
                break;
            }
        }
        self.complete(&mut comparison);
        if let Some(pattern) = &pattern {
            self.check_patterns(&vec![pattern.clone()], &mut comparison, false);
        }
        Ok(Command::Simple(
            Op::Denotify,
            vec![
                Value::Int(priority.unwrap_or(Priority::Any).word()),
                Value::Int(comparison.matching),
                Value::Int(comparison.relation),
                Value::Text(pattern),
            ],
        ))
    }
}
