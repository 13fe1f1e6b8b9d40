//! Which header fields the cache holds, and since which cache version.

/// The version written to index records (C: MAILBOX_CACHE_MINOR_VERSION).
pub const CACHE_VERSION: u16 = 11;

/// The lowest cache version whose records hold the field `name`; `None` when it is never cached.
/// C: mailbox_cached_header()
#[must_use]
pub fn cached_since(name: &[u8]) -> Option<u16> {
    let _ = name;
    todo!()
}

/// Whether all of `names` can be answered from the HEADERS item of a record of `cache_version`.
#[must_use]
pub fn may_use_cached_headers<N: AsRef<[u8]>>(names: &[N], cache_version: u16) -> bool {
    names.iter().all(|name| cached_since(name.as_ref()).is_some_and(|since| since <= cache_version))
}
