//! `F` records: the conversations of one folder in numbers.

use super::record::split_version;
use cyrus_util::dlist::Value;

/// The numbers of one folder. C: `conv_status_t`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Highest modseq of anything in it; the record goes when this is 0.
    pub threadmodseq: u64,
    /// Conversations with a message here.
    pub threadexists: u32,
    /// Of these the ones with anything unseen.
    pub threadunseen: u32,
    /// Messages.
    pub emailexists: u32,
    /// Unseen messages.
    pub emailunseen: u32,
}

impl Status {
    /// Reads a record. C: `conversation_parsestatus()`
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let (version, text) = split_version(data)?;
        let value = Value::parse(text).ok().filter(|_| version == 0)?;
        let items = value.items();
        let count = |at: usize| items.get(at).and_then(Value::as_u32).unwrap_or(0);
        Some(Self {
            threadmodseq: items.first()?.as_u64()?,
            threadexists: count(1),
            threadunseen: count(2),
            emailexists: count(3),
            emailunseen: count(4),
        })
    }

    /// The record. C: `conversation_storestatus()`
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let Self { threadmodseq, threadexists, threadunseen, emailexists, emailunseen } = self;
        format!("0 ({threadmodseq} {threadexists} {threadunseen} {emailexists} {emailunseen})").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_they_were_read() {
        let text = b"0 (12 3 1 4 2)";
        assert_eq!(Status::parse(text).map(|status| status.print()).as_deref(), Some(text.as_slice()));
        assert_eq!(Status::parse(b"1 (12 3 1 4 2)"), None);
    }
}
