//! Character sets, transfer encodings, encoded words, search form.

use std::borrow::Cow;

/// Content-Transfer-Encoding, as numbered in the SECTION item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransferEncoding {
    /// 7BIT, 8BIT, BINARY or none.
    #[default]
    None,
    /// QUOTED-PRINTABLE.
    QuotedPrintable,
    /// BASE64.
    Base64,
    /// base64url, never in mail.
    Base64Url,
    /// Anything else.
    Unknown,
}

/// A character set that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset {
    _private: (),
}

impl Charset {
    /// Looks a name or alias up, in any case. C: charset_lookupname()
    #[must_use]
    pub fn lookup(name: &[u8]) -> Option<Self> {
        let _ = name;
        todo!()
    }

    /// Decodes to UTF-8; what cannot be decoded becomes U+FFFD.
    #[must_use]
    pub fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let _ = bytes;
        todo!()
    }
}

/// Undoes a transfer encoding; `None` for [`TransferEncoding::Unknown`]. C: charset_decode_mimebody()
#[must_use]
pub fn decode_transfer(bytes: &[u8], encoding: TransferEncoding) -> Option<Cow<'_, [u8]>> {
    let _ = (bytes, encoding);
    todo!()
}

/// What the search form does to text (C: CHARSET_*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchFlags {
    /// `search_skipdiacrit`: diacritical marks are dropped.
    pub skip_diacritics: bool,
    /// `search_whitespace`.
    pub space: Space,
    /// `search_skiphtml`: markup of TEXT/HTML is dropped.
    pub skip_html: bool,
    /// Letters keep their case (not used by SEARCH).
    pub keep_case: bool,
    /// `rfc2047_utf8`: raw UTF-8 in headers is kept.
    pub mime_utf8: bool,
}

/// White space in the search form (`search_whitespace`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Space {
    /// `none`: every blank stays.
    Keep,
    /// `merge`: a run is one space.
    #[default]
    Merge,
    /// `skip`: all go.
    Skip,
}

/// Text of a charset in search form (UTF-8). C: charset_convert()
#[must_use]
pub fn search_form(text: &[u8], charset: Charset, flags: SearchFlags) -> Vec<u8> {
    let _ = (text, charset, flags);
    todo!()
}

/// A header value in search form: encoded words decoded, then folded. C: charset_decode_mimeheader()
#[must_use]
pub fn mimeheader_search_form(value: &[u8], flags: SearchFlags) -> Vec<u8> {
    let _ = (value, flags);
    todo!()
}

/// A header value as UTF-8: encoded words decoded, case and blanks kept. C: charset_parse_mimeheader()
#[must_use]
pub fn parse_mimeheader(value: &[u8], utf8: bool) -> Vec<u8> {
    let _ = (value, utf8);
    todo!()
}

/// Whether `needle` (in search form) occurs in a header value. C: charset_search_mimeheader()
#[must_use]
pub fn search_mimeheader(needle: &[u8], value: &[u8], flags: SearchFlags) -> bool {
    let _ = (needle, value, flags);
    todo!()
}

/// Whether `needle` (in search form) occurs in the content of a text part. C: charset_searchfile()
#[must_use]
pub fn search_body(
    needle: &[u8],
    content: &[u8],
    charset: Charset,
    encoding: TransferEncoding,
    is_html: bool,
    flags: SearchFlags,
) -> bool {
    let _ = (needle, content, charset, encoding, is_html, flags);
    todo!()
}

/// The text of a part in search form, as an indexer wants it. C: charset_extract()
#[must_use]
pub fn extract_text(
    content: &[u8],
    charset: Charset,
    encoding: TransferEncoding,
    is_html: bool,
    flags: SearchFlags,
) -> Vec<u8> {
    let _ = (content, charset, encoding, is_html, flags);
    todo!()
}
