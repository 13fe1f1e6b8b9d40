//! The cache record of a message: ten items, each a length, its bytes and padding (reference/mailbox-files.md 6).

mod headers;

pub use headers::{CACHE_VERSION, cached_since, may_use_cached_headers};

use crate::message::Message;
use crate::section::SectionMap;

/// The items of a cache record, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Item {
    /// ENVELOPE as IMAP text.
    Envelope = 0,
    /// BODYSTRUCTURE as IMAP text.
    BodyStructure = 1,
    /// BODY as IMAP text.
    Body = 2,
    /// Binary offsets and sizes of the parts.
    Section = 3,
    /// Cached field lines.
    Headers = 4,
    /// From in search form.
    From = 5,
    /// To in search form.
    To = 6,
    /// Cc in search form.
    Cc = 7,
    /// Bcc in search form.
    Bcc = 8,
    /// Decoded subject as an nstring.
    Subject = 9,
}

/// Number of items in a record.
pub const ITEMS: usize = 10;

/// Habits that imapd.conf sets for the cache.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheOptions {
    /// `rfc2047_utf8`: raw UTF-8 in Subject and names is kept.
    pub rfc2047_utf8: bool,
}

/// A record ready to be appended to cyrus.cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheRecord {
    /// The ten items with length words and padding.
    pub bytes: Vec<u8>,
    /// CRC-32 of `bytes`, for the index record.
    pub crc: u32,
}

/// Makes the cache record of a message. C: message_write_cache()
#[must_use]
pub fn cache_record(message: &Message, options: &CacheOptions) -> CacheRecord {
    let _ = (message, options);
    todo!()
}

/// A cache record in the cache file, checked for bounds, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct CacheView<'a> {
    /// The whole record.
    bytes: &'a [u8],
    /// Each item without length word and padding.
    items: [&'a [u8]; ITEMS],
}

impl<'a> CacheView<'a> {
    /// Reads the record that starts at `offset` of the cache file's bytes; `None` when it does not fit in.
    #[must_use]
    pub fn at(file: &'a [u8], offset: u64) -> Option<Self> {
        let _ = (file, offset);
        todo!()
    }

    /// As [`CacheView::at`], and the CRC-32 of the record is `crc`.
    #[must_use]
    pub fn verified(file: &'a [u8], offset: u64, crc: u32) -> Option<Self> {
        let _ = (file, offset, crc);
        todo!()
    }

    /// The whole record, length words and padding included.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// CRC-32 of the whole record.
    #[must_use]
    pub fn crc(&self) -> u32 {
        todo!()
    }

    /// One item.
    #[must_use]
    pub fn item(&self, item: Item) -> &'a [u8] {
        self.items[item as usize]
    }

    /// The SECTION item as a map of parts. `cache_version` is that of the index record.
    #[must_use]
    pub fn sections(&self, cache_version: u16) -> SectionMap {
        let _ = cache_version;
        todo!()
    }

    /// The decoded subject (UTF-8), without its nstring dress; `None` for NIL.
    #[must_use]
    pub fn subject(&self) -> Option<&'a [u8]> {
        todo!()
    }

    /// The fields of ENVELOPE that are plain strings or lists, as raw IMAP text: date subject from sender
    /// reply-to to cc bcc in-reply-to message-id. `None` when the item is damaged. C: parse_cached_envelope()
    #[must_use]
    pub fn envelope_tokens(&self) -> Option<[&'a [u8]; 10]> {
        todo!()
    }
}

/// The bytes inside an nstring (`NIL`, `"..."`, `{n}\r\n...`).
#[must_use]
pub fn nstring(token: &[u8]) -> Option<&[u8]> {
    let _ = token;
    todo!()
}

/// Reads an address list as ENVELOPE holds it. C: message_parse_env_address()
#[must_use]
pub fn envelope_addresses(token: &[u8]) -> Vec<crate::address::Address> {
    let _ = token;
    todo!()
}
