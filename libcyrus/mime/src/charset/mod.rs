//! Character sets, transfer encodings, encoded words, search form.
//!
//! C leans on ICU for all but US-ASCII and UTF-8. Here `encoding_rs` stands in for the multi-byte sets, tables
//! read from ICU for the single-byte ones, and `decode.rs` for the rest. A handful of sets that ICU knows and
//! mail never uses (SCSU, BOCU-1, ISCII, stateful EBCDIC...) are known by name, as BODYSTRUCTURE needs, but only
//! their ASCII is decoded.

mod decode;
mod encode;
mod html;
mod mimeheader;
mod searchform;
mod tables;
mod transfer;

pub use encode::encode_mimeheader;
pub use mimeheader::{mimeheader_search_form, parse_mimeheader};
pub use searchform::{SearchFlags, Space, fold_utf8};
pub(crate) use transfer::decode_pieces;
pub use transfer::{TransferEncoding, decode_transfer};

use std::borrow::Cow;
use tables::names;

/// A character set that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(u16);

/// How a character set is decoded.
#[derive(Clone, Copy)]
pub(crate) enum Codec {
    /// US-ASCII; the rest is U+FFFD.
    Ascii,
    /// UTF-8 with C's treatment of errors.
    Utf8,
    /// ASCII and a table for the upper half.
    High(&'static [u16; 128]),
    /// A table.
    Full(&'static [u16; 256]),
    /// What encoding_rs has.
    Rs(&'static encoding_rs::Encoding, Single),
    /// RFC 2152.
    Utf7,
    /// RFC 3501 5.1.3.
    ImapUtf7,
    /// With byte order mark, else big-endian.
    Utf16,
    /// With byte order mark, else big-endian.
    Utf32,
    /// Big-endian.
    Utf32Be,
    /// Little-endian.
    Utf32Le,
    /// RFC 1557.
    Iso2022Kr,
    /// RFC 1922.
    Iso2022Cn,
    /// RFC 1843.
    Hz,
    /// UTF-8 with surrogate pairs.
    Cesu8,
    /// Known by name only.
    Opaque,
}

/// What stands for a single byte that fits nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Single {
    /// U+FFFD.
    Replacement,
    /// U+001A, as ICU has it for some converters.
    Sub,
}

impl Charset {
    /// US-ASCII.
    pub const US_ASCII: Self = Self(0);
    /// UTF-8.
    pub const UTF_8: Self = Self(1);

    /// Looks a name or alias up, in any case. C: charset_lookupname()
    #[must_use]
    pub fn lookup(name: &[u8]) -> Option<Self> {
        if name.len() >= NAME_MAX {
            return None;
        }
        let mut buffer = [0_u8; NAME_MAX];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        if let Some(index) = names::ALIASES.find(lower) {
            return names::ALIAS_OF
                .get(index)
                .filter(|&&number| number != u16::MAX)
                .map(|&number| Self(number));
        }
        let mut folded = [0_u8; NAME_MAX];
        let len = compared(lower, &mut folded);
        let folded = folded.get(..len).filter(|name| !name.is_empty())?;
        names::NAME_OF.get(names::NAMES.find(folded)?).map(|&number| Self(number))
    }

    pub(crate) fn codec(self) -> Codec {
        names::CODECS.get(usize::from(self.0)).copied().unwrap_or(Codec::Ascii)
    }

    /// Decodes to UTF-8; what cannot be decoded becomes U+FFFD.
    #[must_use]
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        decode::to_utf8(self.codec(), bytes)
    }
}

/// Names at least this long are unknown (C: UCNV_MAX_CONVERTER_NAME_LENGTH).
const NAME_MAX: usize = 60;

/// A name as ICU compares them: letters and digits only, no leading zeros, options after a comma dropped.
fn compared(lower: &[u8], out: &mut [u8; NAME_MAX]) -> usize {
    let mut len = 0;
    let mut in_number = false;
    let lower = memchr::memchr(b',', lower).and_then(|comma| lower.get(..comma)).unwrap_or(lower);
    for (index, &c) in lower.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            in_number = false;
            continue;
        }
        if c == b'0' && !in_number && lower.get(index + 1).is_some_and(u8::is_ascii_digit) {
            continue;
        }
        in_number = c.is_ascii_digit();
        if let Some(slot) = out.get_mut(len) {
            *slot = c;
            len += 1;
        }
    }
    len
}

/// Text of a charset in search form (UTF-8). C: charset_convert()
#[must_use]
pub fn search_form(text: &[u8], charset: Charset, flags: SearchFlags) -> Vec<u8> {
    fold_utf8(&charset.decode(text), flags)
}

/// Whether `needle` (in search form) occurs in a header value. C: charset_search_mimeheader()
#[must_use]
pub fn search_mimeheader(needle: &[u8], value: &[u8], flags: SearchFlags) -> bool {
    needle.is_empty() || memchr::memmem::find(&mimeheader_search_form(value, flags), needle).is_some()
}

/// Whether `needle` (in search form) occurs in text that is UTF-8 already (a cache item).
/// C: charset_searchstring()
#[must_use]
pub fn search_utf8(needle: &[u8], text: &[u8], flags: SearchFlags) -> bool {
    needle.is_empty() || memchr::memmem::find(&fold_utf8(text, flags), needle).is_some()
}

/// Whether `needle` (in search form) occurs in the content of a text part. Markup is searched like any other
/// text. C: charset_searchfile()
#[must_use]
pub fn search_body(
    needle: &[u8],
    content: &[u8],
    charset: Charset,
    encoding: TransferEncoding,
    flags: SearchFlags,
) -> bool {
    if needle.is_empty() {
        return true;
    }
    let Some(bytes) = decode_transfer(content, encoding) else { return false };
    memchr::memmem::find(&search_form(&bytes, charset, flags), needle).is_some()
}

/// The text of a part in search form, as an indexer wants it: without markup if it is HTML.
/// C: charset_extract()
#[must_use]
pub fn extract_text(
    content: &[u8],
    charset: Charset,
    encoding: TransferEncoding,
    is_html: bool,
    flags: SearchFlags,
) -> Vec<u8> {
    if is_html && flags.skip_html {
        return Vec::new();
    }
    let Some(bytes) = decode_transfer(content, encoding) else { return Vec::new() };
    let text = charset.decode(&bytes);
    if is_html { fold_utf8(&html::strip(&text), flags) } else { fold_utf8(&text, flags) }
}

#[cfg(test)]
mod tests;
