//! What cyrus.index and the conversations want to know about a message.

use crate::message::Message;
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

/// A calendar day as written in a Date field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Year, all digits.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// Reads the index facts. `local_midnight` gives the local time zone's midnight of a day as Unix time.
/// C: message_create_record()
#[must_use]
pub fn index_facts(message: &Message, local_midnight: impl Fn(Day) -> Option<i64>) -> IndexFacts {
    let _ = (message, local_midnight);
    todo!()
}

/// The message ids of a References, In-Reply-To or Message-ID value, each with its angle brackets, at most
/// `max`. C: find_msgid()
#[must_use]
pub fn message_ids(value: &[u8], max: usize) -> Vec<Vec<u8>> {
    let _ = (value, max);
    todo!()
}

/// Whether an In-Reply-To value is only message ids, commas and blanks. C: is_valid_rfc2822_inreplyto()
#[must_use]
pub fn is_plain_in_reply_to(value: &[u8]) -> bool {
    let _ = value;
    todo!()
}
