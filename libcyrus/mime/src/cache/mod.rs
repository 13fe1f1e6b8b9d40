//! The cache record of a message: ten items, each a length, its bytes and padding (reference/mailbox-files.md 6).

mod headers;

pub use headers::{CACHE_VERSION, cached_since, may_use_cached_headers};

use crate::address::{self, Address};
use crate::charset;
use crate::imapstructure::{self, Form};
use crate::message::{Message, PartId};
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
    let mut items: [Vec<u8>; ITEMS] = Default::default();
    let [envelope, structure, body, section, headers, from, to, cc, bcc, subject] = &mut items;
    let root = PartId(0);
    let fields = &message.root().envelope;
    imapstructure::write_envelope(envelope, message, root);
    imapstructure::write_body(structure, message, root, Form::BodyStructure);
    imapstructure::write_body(body, message, root, Form::Body);
    crate::section::write(section, message);
    headers.extend(&message.cached_headers);
    for (item, list) in [(from, &fields.from), (to, &fields.to), (cc, &fields.cc), (bcc, &fields.bcc)] {
        *item = address::search_form(list.as_deref().unwrap_or_default(), options.rfc2047_utf8);
    }
    let decoded = fields.subject.as_deref().map(|text| charset::parse_mimeheader(text, options.rfc2047_utf8));
    imapstructure::write_nstring(subject, decoded.as_deref());

    let mut bytes = Vec::with_capacity(items.iter().map(|item| item.len() + 8).sum());
    for item in &items {
        bytes.extend(u32::try_from(item.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(item);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let crc = crc32fast::hash(&bytes);
    CacheRecord { bytes, crc }
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
        let record = file.get(usize::try_from(offset).ok()?..)?;
        let mut items: [&[u8]; ITEMS] = [&[]; ITEMS];
        let mut at = 0_usize;
        for slot in &mut items {
            let (word, rest) = record.get(at..)?.split_first_chunk::<4>()?;
            let len = usize::try_from(u32::from_be_bytes(*word)).ok()?;
            *slot = rest.get(..len)?;
            at = at.checked_add(4)?.checked_add(len.checked_next_multiple_of(4)?)?;
        }
        Some(Self { bytes: record.get(..at)?, items })
    }

    /// As [`CacheView::at`], and the CRC-32 of the record is `crc`.
    #[must_use]
    pub fn verified(file: &'a [u8], offset: u64, crc: u32) -> Option<Self> {
        Self::at(file, offset).filter(|view| view.crc() == crc)
    }

    /// The whole record, length words and padding included.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// CRC-32 of the whole record.
    #[must_use]
    pub fn crc(&self) -> u32 {
        crc32fast::hash(self.bytes)
    }

    /// One item.
    #[must_use]
    pub fn item(&self, item: Item) -> &'a [u8] {
        self.items.get(item as usize).copied().unwrap_or_default()
    }

    /// The SECTION item as a map of parts. `cache_version` is that of the index record.
    #[must_use]
    pub fn sections(&self, cache_version: u16) -> SectionMap {
        SectionMap::parse(self.item(Item::Section), cache_version)
    }

    /// The decoded subject (UTF-8), without its nstring dress; `None` for NIL.
    #[must_use]
    pub fn subject(&self) -> Option<&'a [u8]> {
        nstring(self.item(Item::Subject))
    }

    /// The fields of ENVELOPE that are plain strings or lists, as raw IMAP text: date subject from sender
    /// reply-to to cc bcc in-reply-to message-id. `None` when the item is damaged. C: parse_cached_envelope()
    #[must_use]
    pub fn envelope_tokens(&self) -> Option<[&'a [u8]; 10]> {
        let mut rest = self.item(Item::Envelope).strip_prefix(b"(")?;
        let mut tokens: [&[u8]; 10] = [&[]; 10];
        for (index, slot) in tokens.iter_mut().enumerate() {
            if index > 0 {
                rest = rest.strip_prefix(b" ")?;
            }
            let len = token_len(rest)?;
            let (token, tail) = rest.split_at_checked(len)?;
            *slot = token;
            rest = tail;
        }
        (rest == b")").then_some(tokens)
    }
}

/// Length of the NIL, string or parenthesised list that starts `text`.
fn token_len(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0_usize;
    loop {
        let rest = text.get(at..)?;
        match rest.first()? {
            b'(' => {
                depth += 1;
                at += 1;
            }
            b')' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b' ' => at += 1,
            _ => at = at.checked_add(string_len(rest)?)?,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Length of the nstring that starts `text`.
fn string_len(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => Some(memchr::memchr(b'"', text.get(1..)?)? + 2),
        b'{' => {
            let close = memchr::memchr(b'}', text)?;
            let len: usize = std::str::from_utf8(text.get(1..close)?).ok()?.parse().ok()?;
            let total = close.checked_add(3)?.checked_add(len)?;
            (text.get(close + 1..close + 3)? == b"\r\n" && total <= text.len()).then_some(total)
        }
        _ => text.starts_with(b"NIL").then_some(3),
    }
}

/// The bytes inside an nstring (`NIL`, `"..."`, `{n}\r\n...`).
#[must_use]
pub fn nstring(token: &[u8]) -> Option<&[u8]> {
    match token.first()? {
        b'"' => token.get(1..string_len(token)?.checked_sub(1)?),
        b'{' => token.get(memchr::memchr(b'}', token)?.checked_add(3)?..string_len(token)?),
        _ => None,
    }
}

/// Reads an address list as ENVELOPE holds it. C: message_parse_env_address()
#[must_use]
pub fn envelope_addresses(token: &[u8]) -> Vec<Address> {
    let mut out = Vec::new();
    let mut rest = token.strip_prefix(b"(").unwrap_or_default();
    while let Some((address, tail)) = envelope_address(rest) {
        out.push(address);
        rest = tail;
    }
    out
}

fn envelope_address(text: &[u8]) -> Option<(Address, &[u8])> {
    let mut rest = text.strip_prefix(b"(")?;
    let mut fields: [Option<Vec<u8>>; 4] = Default::default();
    for (index, field) in fields.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b" ")?;
        }
        let (token, tail) = rest.split_at_checked(string_len(rest)?)?;
        *field = nstring(token).map(<[u8]>::to_vec);
        rest = tail;
    }
    let [name, route, mailbox, host] = fields;
    Some((Address { name, route, mailbox, host, is_invalid: false }, rest.strip_prefix(b")")?))
}
