//! Every answer, as a netstring.
//!
//! DIAGNOSTICS: with `auditlog` `auditlog: ok|nonexistent|overquota|failed userid=<KEY> client=<HOST>`.

use libcyrus::base::log::{self, Priority};
use libcyrus::store::Error;

/// Why a request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// It is none.
    Protocol(&'static str),
    /// The store says so.
    Store(Error),
}

/// How answers are given.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// `auditlog`
    pub audits: bool,
    /// `lmtp_over_quota_perm_failure`
    pub over_quota_is_permanent: bool,
}

/// The answer to the question of `key`.
#[must_use]
pub fn answer(result: Result<(), Refusal>, key: &[u8], client: &str, manner: Manner) -> Vec<u8> {
    let audit = |outcome: &str| {
        if manner.audits {
            let (key, client) = (log::printable(key, 1024), log::printable(client.as_bytes(), 256));
            log::write(
                Priority::Notice,
                format_args!("auditlog: {outcome} userid=<{key}> client=<{client}>"),
            );
        }
    };
    let text = match result {
        Ok(()) => {
            audit("ok");
            [b"OK ", key].concat()
        }
        Err(Refusal::Store(error @ Error::NotFound)) => {
            audit("nonexistent");
            format!("NOTFOUND {}", error.sentence()).into_bytes()
        }
        Err(Refusal::Store(error @ Error::OverQuota(_))) => {
            audit("overquota");
            if manner.over_quota_is_permanent {
                audit("failed");
            }
            let word = if manner.over_quota_is_permanent { "PERM" } else { "TEMP" };
            format!("{word} {}", error.sentence()).into_bytes()
        }
        Err(Refusal::Store(error)) => {
            audit("failed");
            format!("PERM {}", error.sentence()).into_bytes()
        }
        Err(Refusal::Protocol(detail)) => {
            audit("failed");
            format!("PERM Bad protocol ({detail})").into_bytes()
        }
    };
    let mut out = format!("{}:", text.len()).into_bytes();
    out.extend_from_slice(&text);
    out.push(b',');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use libcyrus::store::Resource;

    fn check(result: Result<(), Refusal>, permanent: bool, expected: &str) {
        let manner = Manner { audits: false, over_quota_is_permanent: permanent };
        assert_eq!(String::from_utf8_lossy(&answer(result, b"alice", "[::1]", manner)), expected);
    }

    #[test]
    fn answers_have_the_words_of_c() {
        let store = |error| Err(Refusal::Store(error));
        check(Ok(()), false, "8:OK alice,");
        check(store(Error::NotFound), false, "31:NOTFOUND Mailbox does not exist,");
        check(store(Error::PermissionDenied), false, "22:PERM Permission denied,");
        check(store(Error::OverQuota(Resource::Storage)), false, "15:TEMP Over quota,");
        check(store(Error::OverQuota(Resource::Storage)), true, "15:PERM Over quota,");
        check(Err(Refusal::Protocol("missing key")), false, "31:PERM Bad protocol (missing key),");
    }
}
