//! What the index and the cache need to know of a message, from its bytes.

use cyrus_util::guid::Guid;
use cyrus_util::ids::UnixTime;

/// A message looked at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedMessage {
    /// Octets.
    pub size: u32,
    /// Octets of the header with the blank line.
    pub header_size: u32,
    /// Day of Date:, local midnight; 0 when it cannot be told.
    pub sentdate: UnixTime,
    /// Date: in UTC; 0 when it cannot be told.
    pub gmtime: UnixTime,
    /// SHA-1 of the message.
    pub guid: Guid,
    /// The cache record.
    pub cache: Vec<u8>,
    /// Version of the cache record.
    pub cache_version: u16,
}
