//! Address lists (RFC 5322 3.4) read with the leniency and the quirks of C's parser.

/// One member of an address list, as ENVELOPE shows it.
///
/// A group starts with an entry that has a mailbox (the group's name) and no host, and ends with one that has
/// neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name, still MIME-encoded; never empty when present.
    pub name: Option<Vec<u8>>,
    /// Source route without the final colon (`@a,@b`).
    pub route: Option<Vec<u8>>,
    /// Local part, or the name of a group.
    pub mailbox: Option<Vec<u8>>,
    /// Domain; `unspecified-domain` when the text had none.
    pub host: Option<Vec<u8>>,
    /// The domain was garbage (held an `@`).
    pub is_invalid: bool,
}

/// Reads an address list. C: parseaddr_list()
#[must_use]
pub fn parse_list(text: &[u8]) -> Vec<Address> {
    let _ = text;
    todo!()
}

/// The first address of `text` as `mailbox@host` with the host in lower case. C: address_canonicalise()
#[must_use]
pub fn canonicalise(text: &[u8]) -> Option<Vec<u8>> {
    let _ = text;
    todo!()
}

/// The addresses in the form kept in the cache for SEARCH (items FROM, TO, CC, BCC).
/// `utf8` tells whether raw UTF-8 in names is kept (`rfc2047_utf8`). C: message_write_searchaddr()
#[must_use]
pub fn search_form(addresses: &[Address], utf8: bool) -> Vec<u8> {
    let _ = (addresses, utf8);
    todo!()
}
