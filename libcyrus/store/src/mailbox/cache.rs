//! cyrus.cache: what FETCH and SEARCH need without opening the message (reference 6).

/// The ten items of a cache record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// IMAP ENVELOPE.
    Envelope = 0,
    /// IMAP BODYSTRUCTURE.
    BodyStructure = 1,
    /// IMAP BODY.
    Body = 2,
    /// Binary offsets of the parts.
    Section = 3,
    /// Cached header lines.
    Headers = 4,
    /// From in search form.
    From = 5,
    /// To in search form.
    To = 6,
    /// Cc in search form.
    Cc = 7,
    /// Bcc in search form.
    Bcc = 8,
    /// Subject as nstring.
    Subject = 9,
}

/// One cache record where it lies in the map.
#[derive(Clone, Copy, Debug)]
pub struct CacheRecord<'a> {
    items: [&'a [u8]; 10],
    whole: &'a [u8],
}

impl<'a> CacheRecord<'a> {
    /// Finds the items of the record at the start of `bytes`. C: `cache_parserecord()`
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut items = [&bytes[..0]; 10];
        let mut rest = bytes;
        for item in &mut items {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let padded = length.checked_next_multiple_of(4)?;
            let (padded, after) = after.split_at_checked(padded)?;
            *item = padded.get(..length)?;
            rest = after;
        }
        let whole = bytes.get(..bytes.len() - rest.len())?;
        Some(Self { items, whole })
    }

    /// One item.
    #[must_use]
    pub fn item(&self, item: Item) -> &'a [u8] {
        self.items.get(item as usize).copied().unwrap_or_default()
    }

    /// The record with length words and padding, what cache_crc covers.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// CRC of the record.
    #[must_use]
    pub fn crc(&self) -> u32 {
        crc32fast::hash(self.whole)
    }
}

/// The open cache files of a mailbox.
#[derive(Debug, Default)]
pub(super) struct Caches {}
