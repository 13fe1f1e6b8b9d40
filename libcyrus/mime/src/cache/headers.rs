//! Which header fields the cache holds, and since which cache version.

/// The version written to index records (C: MAILBOX_CACHE_MINOR_VERSION).
pub const CACHE_VERSION: u16 = 11;

/// The lowest cache version whose records hold the field `name`; `None` when it is never cached.
/// C: mailbox_cached_header()
#[must_use]
pub fn cached_since(name: &[u8]) -> Option<u16> {
    let mut lower = [0_u8; NAME_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    match &*lower {
        b"arc-authentication-results"
        | b"arc-message-signature"
        | b"arc-seal"
        | b"archived-at"
        | b"authentication-results"
        | b"bcc"
        | b"cc"
        | b"date"
        | b"delivery-date"
        | b"dkim-signature"
        | b"domainkey-signature"
        | b"domainkey-x509"
        | b"envelope-to"
        | b"from"
        | b"in-reply-to"
        | b"listbox-message-date"
        | b"message-id"
        | b"mime-version"
        | b"received"
        | b"received-spf"
        | b"return-path"
        | b"subject"
        | b"to"
        | b"topicbox-message-uuid"
        | b"topicbox-policy-reasoning" => None,
        b"followup-to" | b"newsgroups" | b"priority" | b"references" | b"resent-from" => Some(0),
        b"x-mailer" | b"x-trace" => Some(1),
        b"x-msmail-priority" | b"x-msoesrec" | b"x-priority" | b"x-ref" => Some(2),
        b"x-delivered-to" | b"x-mail-from" | b"x-resolved-to" | b"x-spam-score" | b"x-truedomain-domain" => {
            Some(3)
        }
        b"x-cyrus-session-id" | b"x-me-message-id" => Some(4),
        b"x-apple-base-url"
        | b"x-apple-mail-remote-attachments"
        | b"x-uniform-type-identifier"
        | b"x-universally-unique-identifier" => Some(6),
        b"reply-to" | b"sender" => Some(7),
        other if other.starts_with(b"x-") => None,
        _ => Some(1),
    }
}

/// Whether all of `names` can be answered from the HEADERS item of a record of `cache_version`.
#[must_use]
pub fn may_use_cached_headers<N: AsRef<[u8]>>(names: &[N], cache_version: u16) -> bool {
    names.iter().all(|name| cached_since(name.as_ref()).is_some_and(|since| since <= cache_version))
}

/// Longest name that is cached.
const NAME_MAX: usize = 31;
