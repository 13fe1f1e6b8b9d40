//! What cyrus.index and the conversations want to know about a message.

use crate::message::Message;
use cyrus_util::datetime::{CivilDate, parse_rfc5322, parse_rfc5322_day};
use cyrus_util::guid::Guid;

/// Fields of the index record that come from the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFacts {
    /// Size of the file.
    pub size: u32,
    /// Size of the header.
    pub header_size: u32,
    /// SHA-1 of the file.
    pub guid: Guid,
    /// Date field as real time; `None` when it cannot be read (then C takes internaldate).
    pub gmtime: Option<i64>,
    /// Date field, day only: local midnight of the written date; `None` when it cannot be read.
    pub sentdate: Option<i64>,
}

/// Reads the index facts. `local_midnight` gives the local time zone's midnight of a day as Unix time.
/// C: message_create_record()
#[must_use]
pub fn index_facts(message: &Message, local_midnight: impl Fn(CivilDate) -> Option<i64>) -> IndexFacts {
    let root = message.root();
    let date = root.envelope.date.as_deref();
    IndexFacts {
        size: message.size,
        header_size: root.header.size,
        guid: message.guid,
        gmtime: date.and_then(parse_rfc5322),
        sentdate: date.and_then(parse_rfc5322_day).and_then(local_midnight),
    }
}
