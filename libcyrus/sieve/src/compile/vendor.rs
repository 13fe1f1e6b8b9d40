//! The actions of `vnd.cyrus`: snooze and processimip.

use super::actions::{Folder, texts};
use super::ast::{Command, Value};
use super::parse::{Parser, Stop};
use super::times::time_of_day;
use crate::code::{Op, imip, snooze};
use crate::settings::Capability as C;

impl Parser<'_> {
    pub(super) fn snooze(&mut self) -> Result<Command, Stop> {
        self.need(C::Snooze, "vnd.cyrus.snooze");
        let mut folder = Folder::default();
        let (mut add, mut remove, mut zone, mut days) = (None, None, None, 0);
        loop {
            let word = self.peek_word();
            match word {
                ":mailbox" => self.text_tag(":mailbox", &mut folder.name)?,
                ":addflags" | ":removeflags" => {
                    self.accept();
                    let list = self.texts()?;
                    let flags = if word == ":addflags" { &mut add } else { &mut remove };
                    self.new_flags(word, flags, list);
                }
                ":weekdays" => {
                    self.accept();
                    let list = self.list(Self::weekday)?;
                    if days != 0 {
                        self.duplicate_tag(":weekdays");
                    }
                    days = list.into_iter().fold(0, |days, day| days | day);
                }
                ":tzid" => self.text_tag(":tzid", &mut zone)?,
                _ if self.folder_tag(&mut folder)? => {}
                _ => break,
            }
        }
        let mut times = self.list(Self::time)?;
        if let Some(name) = &folder.name {
            self.check_mailbox(name);
        }
        let add = add.map(|flags| self.canonical_flags(flags));
        let remove = remove.map(|flags| self.canonical_flags(flags));
        times.sort_unstable();
        times.dedup();
        Ok(Command::Simple(
            Op::Snooze,
            vec![
                Value::Text(folder.name),
                Value::Text(folder.mailboxid),
                Value::Text(folder.special_use),
                Value::Int(folder.create),
                texts(add),
                texts(remove),
                Value::Int(if days == 0 { snooze::WEEKDAYS } else { days }),
                Value::Text(zone),
                Value::Ints(times),
            ],
        ))
    }

    fn weekday(&mut self) -> Result<i32, Stop> {
        let day = self.plain_text()?;
        if let [digit @ b'0'..=b'6'] = *day {
            return Ok(1 << (digit - b'0'));
        }
        self.complain(&[b"'", &day, b"': not a valid weekday for snooze"]);
        Ok(0)
    }

    fn time(&mut self) -> Result<i32, Stop> {
        let text = self.plain_text()?;
        let time = time_of_day(&text);
        if time.is_none() {
            self.complain(&[b"'", &text, b"': not a valid time for snooze"]);
        }
        Ok(time.unwrap_or(0))
    }

    pub(super) fn processimip(&mut self) -> Result<Command, Stop> {
        self.need(C::Imip, "vnd.cyrus.imip");
        let (mut calendar, mut outcome, mut error) = (None, None, None);
        let mut bits = 0;
        loop {
            let word = self.peek_word();
            let has = |bit| bits & bit != 0;
            match word {
                ":invitesonly" => {
                    self.accept();
                    if has(imip::INVITESONLY) {
                        self.duplicate_tag(word);
                    } else if has(imip::UPDATESONLY) {
                        self.conflicting_tags(word, ":updatesonly");
                    } else if has(imip::DELETECANCELED) {
                        self.conflicting_tags(word, ":deletecanceled");
                    }
                    bits |= imip::INVITESONLY;
                }
                ":updatesonly" => {
                    self.accept();
                    if has(imip::UPDATESONLY) {
                        self.duplicate_tag(word);
                    } else if has(imip::INVITESONLY) {
                        self.conflicting_tags(":invitesonly", word);
                    } else if calendar.is_some() {
                        self.conflicting_tags(word, ":calendarid");
                    }
                    bits |= imip::UPDATESONLY;
                }
                ":deletecanceled" => {
                    self.accept();
                    if has(imip::DELETECANCELED) {
                        self.duplicate_tag(word);
                    } else if has(imip::INVITESONLY) {
                        self.conflicting_tags(":invitesonly", word);
                    }
                    bits |= imip::DELETECANCELED;
                }
                ":calendarid" => {
                    self.accept();
                    let id = self.text()?;
                    if calendar.replace(id).is_some() {
                        self.duplicate_tag(word);
                    } else if has(imip::UPDATESONLY) {
                        self.conflicting_tags(":updatesonly", word);
                    }
                }
                ":outcome" | ":errstr" => {
                    self.accept();
                    let name = self.text()?;
                    let slot = if word == ":outcome" { &mut outcome } else { &mut error };
                    if slot.replace(name).is_some() {
                        self.duplicate_tag(word);
                    } else {
                        self.need(C::Variables, "variables");
                    }
                }
                _ => break,
            }
        }
        for name in [&outcome, &error].into_iter().flatten() {
            self.check_identifier(name);
        }
        Ok(Command::Simple(
            Op::Processimip,
            vec![Value::Int(bits), Value::Text(calendar), Value::Text(outcome), Value::Text(error)],
        ))
    }
}
