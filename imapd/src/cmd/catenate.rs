//! A message of APPEND put together of texts and of parts of other messages (RFC 4469).

use super::append::{Receiver, Refused};
use crate::mailboxes::Acting;
use crate::parser::lexer::{Bad, Lexer};
use crate::reply::{Answer, one_line};
use crate::urlpart::{Trouble, UrlMessage, cut};
use libcyrus::store::Error;
use libcyrus::store::append::Stage;
use libcyrus::util::imapurl::ImapUrl;
use libcyrus::util::mboxname::MboxName;

/// For whom URLs are looked up.
#[derive(Clone, Copy)]
pub(super) struct Catenator<'a> {
    pub(super) acting: Acting<'a>,
    /// The selected mailbox, which a URL without one means.
    pub(super) selected: Option<&'a MboxName>,
}

impl Catenator<'_> {
    /// The list behind `CATENATE`, written to the stage; tells whether a text was a literal8.
    pub(super) fn parts(
        &self,
        lexer: &mut Lexer<'_>,
        receiver: &Receiver,
        stage: &mut Stage,
    ) -> Result<bool, Refused> {
        if !lexer.eat(b' ')? || !lexer.eat(b'(')? {
            return Err(Bad::text("Missing message part(s) in Append command").into());
        }
        let mut is_binary = false;
        loop {
            let kind = lexer.keyword()?;
            if !lexer.eat(b' ')? {
                return Err(Bad::text("Missing message part data in Append command").into());
            }
            match kind.as_slice() {
                b"TEXT" => is_binary |= receiver.text(lexer, stage)?,
                b"URL" => {
                    let missing = || Bad::text("Missing URL in Append command");
                    let url = lexer.astring()?.ok_or_else(missing)?;
                    if !matches!(lexer.peek()?, Some(b' ' | b')')) {
                        return Err(missing().into());
                    }
                    self.add(&url, receiver, stage)?;
                }
                _ => return Err(Bad::text("Invalid message part type in Append command").into()),
            }
            if !lexer.eat(b' ')? {
                break;
            }
        }
        if lexer.eat(b')')? {
            Ok(is_binary)
        } else {
            Err(Bad::text("Missing space or ) after catenate list in Append command").into())
        }
    }

    /// Adds what a URL names.
    fn add(&self, text: &[u8], receiver: &Receiver, stage: &mut Stage) -> Result<(), Refused> {
        let refuse = |why: &str| {
            let code = format!("BADURL \"{}\"", one_line(text));
            Refused::Url(Answer::no(why.to_owned()).with_code(code))
        };
        let url = ImapUrl::parse(text).ok_or_else(|| refuse("Improperly specified URL"))?;
        if url.server.is_some() {
            return Err(refuse("Only relative URLs are supported"));
        }
        let name = match (&url.mailbox, self.selected) {
            (Some(mailbox), _) => self.acting.internal_name(mailbox),
            (None, Some(selected)) => selected.clone(),
            (None, None) => return Err(refuse("No mailbox is selected or specified")),
        };
        let trouble = |trouble: Trouble| match trouble {
            Trouble::Mailbox(answer) => refuse(answer.text()),
            Trouble::Message => refuse("No such message in mailbox"),
            Trouble::Part => Refused::Url(Answer::no("Syntax error in parameters")),
            Trouble::UidValidity => refuse("Uidvalidity of mailbox has changed"),
        };
        let message = UrlMessage::open(self.acting, &name, &url).map_err(trouble)?;
        let part = message.part(url.section.as_deref()).map_err(trouble)?;
        let content = cut(part.content, url.partial);
        if stage.size().saturating_add(content.len() as u64) > receiver.octets_max() {
            return Err(Refused::Store(Error::MessageTooLarge));
        }
        stage.write(content).map_err(Refused::Store)
    }
}
