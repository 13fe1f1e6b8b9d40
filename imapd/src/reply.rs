//! The only place of tagged sentences: every outcome of a command and its words.

use crate::parser::lexer::Bad;
use libcyrus::auth::Denied;
use libcyrus::store;
use std::borrow::Cow;

/// What a command answers with its tag.
#[derive(Debug)]
pub struct Answer {
    status: Status,
    code: Option<Vec<u8>>,
    text: Cow<'static, str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    No,
    Bad,
}

impl Answer {
    /// `OK text`
    pub fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Ok, code: None, text: text.into() }
    }

    /// `OK Completed`
    #[must_use]
    pub fn completed() -> Self {
        Self::ok("Completed")
    }

    /// `NO text`
    pub fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: None, text: text.into() }
    }

    /// `BAD text`
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, code: None, text: text.into() }
    }

    /// With a response code, brackets not included.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Vec<u8>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With the time that the command took.
    #[must_use]
    pub fn after(mut self, took: std::time::Duration) -> Self {
        self.text = format!("{} ({}.{:03} sec)", self.text, took.as_secs(), took.subsec_millis()).into();
        self
    }

    /// Its sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is an OK.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    /// Whether it says that the mailbox does not exist.
    #[must_use]
    pub fn is_nonexistent(&self) -> bool {
        self.status == Status::No && self.text == NONEXISTENT
    }

    /// The whole line.
    #[must_use]
    pub fn line(&self, tag: &[u8]) -> Vec<u8> {
        let mut line = tag.to_vec();
        line.extend_from_slice(match self.status {
            Status::Ok => b" OK ",
            Status::No => b" NO ",
            Status::Bad => b" BAD ",
        });
        if let Some(code) = &self.code {
            line.push(b'[');
            line.extend_from_slice(code);
            line.extend_from_slice(b"] ");
        }
        line.extend_from_slice(self.text.as_bytes());
        line.extend_from_slice(b"\r\n");
        line
    }
}

impl From<store::Error> for Answer {
    fn from(error: store::Error) -> Self {
        Self::no(error.sentence())
    }
}

impl From<Denied> for Answer {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Hidden => Self::no(NONEXISTENT),
            Denied::Permission => Self::no("Permission denied"),
        }
    }
}

/// C: IMAP_MAILBOX_NONEXISTENT
const NONEXISTENT: &str = "Mailbox does not exist";

/// What the client sent, fit to stand in an answer: it cannot end the line.
#[must_use]
pub fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(|character: char| character.is_control(), "?")
}

/// The line that refuses a command that could not be parsed; `None` when nothing can be said.
#[must_use]
pub fn refusal(tag: &[u8], command: &str, bad: &Bad) -> Option<Vec<u8>> {
    let text: Cow<'_, [u8]> = match bad {
        Bad::Missing => format!("BAD Missing required argument to {command}").into_bytes().into(),
        Bad::Extra => format!("BAD Unexpected extra arguments to {command}").into_bytes().into(),
        Bad::Sequence => format!("BAD Invalid sequence in {command}").into_bytes().into(),
        Bad::Partition => format!("BAD Invalid partition name in {command}").into_bytes().into(),
        Bad::Text(text) => [b"BAD ".as_slice(), text].concat().into(),
        Bad::TooBig => {
            format!("NO [TOOBIG] Literal size exceeds fixed limit in {command}").into_bytes().into()
        }
        Bad::NeedsLayer => b"NO Login only available under a layer".as_slice().into(),
        Bad::Stop(_) => return None,
    };
    Some([tag, b" ", &text, b"\r\n"].concat())
}
