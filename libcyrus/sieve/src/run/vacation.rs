//! Whether a message is answered by `vacation`, and between whom. C: shouldRespond(), look_for_me()

use super::headers::Headers;
use super::host::Envelope;
use cyrus_mime::address::{canonicalise, parse_list};

/// Between whom an answer goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Parties {
    /// The address of the user that the message was sent to.
    pub from: Vec<u8>,
    /// Who sent it.
    pub to: Vec<u8>,
}

/// Fields of mailing lists (RFC 2919, RFC 2369).
const LIST_FIELDS: [&[u8]; 7] = [
    b"list-id",
    b"list-help",
    b"list-subscribe",
    b"list-unsubscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
];

/// Fields that name recipients.
const RECIPIENT_FIELDS: [&[u8]; 6] = [b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc"];

/// `addresses` are the user's others. `None`: no answer.
pub fn parties(headers: &Headers, envelope: Envelope<'_>, addresses: &[Vec<u8>]) -> Option<Parties> {
    if LIST_FIELDS.iter().any(|name| headers.first(name).is_some()) {
        return None;
    }
    let word = |name: &[u8]| headers.first(name).map(<[u8]>::trim_ascii_start);
    let is_set = |name: &[u8]| word(name).is_some_and(|value| !value.eq_ignore_ascii_case(b"no"));
    if is_set(b"x-ignorevacation") || is_set(b"auto-submitted") {
        return None;
    }
    let bulk = [b"junk".as_slice(), b"bulk", b"list"];
    if word(b"precedence").is_some_and(|value| bulk.iter().any(|one| value.eq_ignore_ascii_case(one))) {
        return None;
    }
    let mine = canonicalise(envelope.to);
    let sender = canonicalise(envelope.from)?;
    if mine.as_ref() == Some(&sender) || addresses.contains(&sender) || is_system(&sender) {
        return None;
    }
    let others: Vec<(&[u8], Option<Vec<u8>>)> =
        addresses.iter().map(|address| (address.as_slice(), canonicalise(address))).collect();
    let found = RECIPIENT_FIELDS.iter().flat_map(|name| headers.bodies(name)).find_map(|body| {
        parse_list(body).into_iter().find_map(|address| {
            let address = whole(&address.mailbox, &address.host);
            if let Some(mine) = &mine {
                if address.eq_ignore_ascii_case(mine) {
                    return Some(mine.clone());
                }
            }
            let same = |(_, other): &&(&[u8], Option<Vec<u8>>)| {
                other.as_ref().is_some_and(|other| address.eq_ignore_ascii_case(other))
            };
            others.iter().find(same).map(|(given, _)| given.to_vec())
        })
    });
    Some(Parties { from: found?, to: sender })
}

/// `mailbox@host` as C prints an address; empty for the end of a group. C: address_get_all()
pub fn whole(mailbox: &Option<Vec<u8>>, host: &Option<Vec<u8>>) -> Vec<u8> {
    if mailbox.is_none() && host.is_none() {
        return Vec::new();
    }
    let mailbox = mailbox.as_deref().unwrap_or(b"unknown-user");
    let host = host.as_deref().unwrap_or(b"unspecified-domain");
    [mailbox, b"@", host].concat()
}

/// Addresses of machines. C: sysaddr()
fn is_system(address: &[u8]) -> bool {
    let starts =
        |prefix: &[u8]| address.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts(b"mailer-daemon")
        || starts(b"listserv")
        || starts(b"majordomo")
        || address.windows(9).any(|window| window == b"-request@")
        || address.starts_with(b"owner-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, from: &str, addresses: &[&str], expected: Option<&str>) {
        let headers = Headers::parse(format!("{header}\r\n\r\n").as_bytes());
        let envelope = Envelope { from: from.as_bytes(), to: b"ann@Example.ORG", auth: None };
        let addresses: Vec<Vec<u8>> = addresses.iter().map(|address| address.as_bytes().to_vec()).collect();
        let found = parties(&headers, envelope, &addresses).map(|parties| parties.from);
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{header:?} {from:?}");
    }

    #[test]
    fn only_personal_mail_is_answered() {
        check("To: Ann <ANN@example.org>", "ed@x.org", &[], Some("ann@example.org"));
        check("To: other@x.org\r\nResent-Cc: ann@example.org", "ed@x.org", &[], Some("ann@example.org"));
        check("To: other@x.org", "ed@x.org", &[], None);
        check("To: a.n@X.org", "ed@x.org", &["A.N@x.org"], Some("A.N@x.org"));
    }

    #[test]
    fn machines_are_not_answered() {
        let to = "To: ann@example.org";
        check(to, "", &[], None);
        check(to, "ann@example.org", &[], None);
        check(to, "ed@x.org", &["ed@x.org"], None);
        for from in ["MAILER-daemon@x", "listserv@x", "Majordomo@x", "l-request@x", "owner-l@x"] {
            check(to, from, &[], None);
        }
        for field in
            ["List-Id: x", "Auto-Submitted: auto-replied", "X-IgnoreVacation: yes", "Precedence:  BULK"]
        {
            check(&format!("{to}\r\n{field}"), "ed@x.org", &[], None);
        }
        check(&format!("{to}\r\nAuto-Submitted: No"), "ed@x.org", &[], Some("ann@example.org"));
    }
}
