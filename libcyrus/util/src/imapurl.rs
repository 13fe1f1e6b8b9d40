//! IMAP URLs (RFC 5092) with authorisation (RFC 4467) as the C reads them. C: imapurl_fromURL()

use crate::datetime::parse_iso8601;
use crate::{hex, mutf7};

/// What an IMAP URL says; every part may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImapUrl {
    /// In whose namespace the mailbox's name is.
    pub user: Option<Vec<u8>>,
    /// The host of an absolute URL.
    pub server: Option<Vec<u8>>,
    /// The mailbox in modified UTF-7.
    pub mailbox: Option<Vec<u8>>,
    /// `;UIDVALIDITY=`, 0 when missing.
    pub uidvalidity: u32,
    /// `;UID=`, 0 when missing.
    pub uid: u32,
    /// `;SECTION=`, as written.
    pub section: Option<Vec<u8>>,
    /// `;PARTIAL=`: the first octet, and how many when that is bounded.
    pub partial: (u64, Option<u64>),
    /// `;EXPIRE=`, seconds since the epoch.
    pub expires_s: Option<i64>,
    /// `;URLAUTH=`.
    pub auth: Option<UrlAuth>,
}

/// Who may fetch a URL, and the proof that its owner said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlAuth {
    /// `submit+user`, `user+user`, `authuser` or `anonymous`.
    pub access: Vec<u8>,
    /// How the proof is made, and the proof: both or none in a URL that is whole.
    pub mechanism: Option<Vec<u8>>,
    /// The proof.
    pub token: Option<Vec<u8>>,
    /// How many octets of the URL, from its start, the proof covers.
    pub rump_octets: usize,
}

impl ImapUrl {
    /// Reads a URL; `None` when it is malformed.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut url = Self::default();
        if let Some(inside) = text.strip_prefix(b"{") {
            // The style of c-client.
            let end = memchr::memchr(b'}', inside)?;
            url.server = Some(inside.get(..end)?.to_vec());
            url.mailbox = Some(inside.get(end.checked_add(1)?..)?.to_vec());
            return Some(url);
        }
        let path = match text.strip_prefix(b"imap://") {
            Some(rest) => url.authority(rest)?,
            None => text.strip_prefix(b"/").unwrap_or(text),
        };
        let mut pieces = path.split(|&byte| byte == b';').peekable();
        let mailbox = pieces.next().unwrap_or_default();
        let mailbox = if pieces.peek().is_some() { without_slash(mailbox) } else { mailbox };
        let mut step = Step::Mailbox;
        while let Some(piece) = pieces.next() {
            let piece = if pieces.peek().is_some() { without_slash(piece) } else { piece };
            step = url.parameter(piece, step, text)?;
        }
        if !mailbox.is_empty() {
            url.mailbox = Some(mutf7::from_utf8(&decode(mailbox)?));
        }
        Some(url)
    }

    /// `user@host/`; returns what follows.
    fn authority<'t>(&mut self, rest: &'t [u8]) -> Option<&'t [u8]> {
        let slash = memchr::memchr(b'/', rest)?;
        let (authority, path) = (rest.get(..slash)?, rest.get(slash.checked_add(1)?..)?);
        let host = match memchr::memchr(b'@', authority) {
            Some(at) => {
                self.user = Some(decode(authority.get(..at)?)?);
                authority.get(at.checked_add(1)?..)?
            }
            None => authority,
        };
        self.server = Some(host.to_vec());
        Some(path)
    }

    /// One `name=value`; they stand in the order of [`Step`].
    fn parameter(&mut self, piece: &[u8], step: Step, url: &[u8]) -> Option<Step> {
        let equals = memchr::memchr(b'=', piece)?;
        let (name, value) = (piece.get(..equals)?.to_ascii_lowercase(), piece.get(equals.checked_add(1)?..)?);
        match name.as_slice() {
            b"uidvalidity" if step == Step::Mailbox => {
                self.uidvalidity = u32::try_from(leading_number(value)?.0).ok()?;
                Some(Step::UidValidity)
            }
            b"uid" if step <= Step::UidValidity => {
                self.uid = u32::try_from(leading_number(value)?.0).ok()?;
                Some(Step::Uid)
            }
            b"section" if step == Step::Uid => {
                self.section = Some(value.to_vec());
                Some(Step::Section)
            }
            b"partial" if step >= Step::Uid && step <= Step::Section => {
                let (start, rest) = leading_number(value)?;
                let count = match rest.strip_prefix(b".") {
                    Some(count) => Some(leading_number(count)?.0).filter(|&count| count > 0),
                    None => None,
                };
                self.partial = (start, count);
                Some(Step::Partial)
            }
            b"expire" if step >= Step::Uid && step < Step::Expire => {
                self.expires_s = Some(parse_iso8601(value)?);
                Some(Step::Expire)
            }
            b"urlauth" if step >= Step::Uid && step < Step::UrlAuth => {
                self.auth = Some(UrlAuth::parse(value, url)?);
                Some(Step::UrlAuth)
            }
            _ => None,
        }
    }
}

impl UrlAuth {
    /// `access[:mechanism[:token]]` at the end of `url`.
    fn parse(value: &[u8], url: &[u8]) -> Option<Self> {
        let mut words = value.splitn(3, |&byte| byte == b':');
        let access = words.next()?.to_vec();
        // Nothing may follow, so the rump ends as far from the end as the rest of this piece is long.
        if !url.ends_with(value) {
            return None;
        }
        let rump_octets = url.len().checked_sub(value.len().checked_sub(access.len())?)?;
        Some(Self {
            access,
            mechanism: words.next().map(<[u8]>::to_vec),
            token: words.next().map(<[u8]>::to_vec),
            rump_octets,
        })
    }
}

/// How far the parameters have come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Mailbox,
    UidValidity,
    Uid,
    Section,
    Partial,
    Expire,
    UrlAuth,
}

fn without_slash(piece: &[u8]) -> &[u8] {
    piece.strip_suffix(b"/").unwrap_or(piece)
}

/// The number at the start, and what follows it.
fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// Undoes `%XX`.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                out.push(hex::octet(*high, *low)?);
                rest = tail;
            }
            (&byte, _) => out.push(byte),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<ImapUrl> {
        ImapUrl::parse(text.as_bytes())
    }

    #[test]
    fn parts_are_found_in_their_order() {
        let text = "imap://a%6En@mail.example/INBOX/M%C3%BCll&;UIDVALIDITY=7/;UID=20/;SECTION=1.2/;PARTIAL=3.9\
                    ;EXPIRE=2030-01-02T03:04:05Z;URLAUTH=submit+fred:internal:00ab";
        let found = url(text).unwrap();
        assert_eq!(found.user.as_deref(), Some(b"ann".as_slice()));
        assert_eq!(found.server.as_deref(), Some(b"mail.example".as_slice()));
        assert_eq!(found.mailbox.as_deref(), Some(b"INBOX/M&APw-ll&-".as_slice()));
        assert_eq!((found.uidvalidity, found.uid, found.partial), (7, 20, (3, Some(9))));
        assert_eq!(found.section.as_deref(), Some(b"1.2".as_slice()));
        assert_eq!(found.expires_s, Some(1_893_553_445));
        let auth = found.auth.unwrap();
        assert_eq!(auth.access, b"submit+fred");
        assert_eq!(auth.token.as_deref(), Some(b"00ab".as_slice()));
        assert_eq!(&text[..auth.rump_octets], &text[..text.find(":internal").unwrap()]);
    }

    #[test]
    fn relative_and_partial_forms() {
        let found = url("/INBOX/;uid=1/;section=HEADER").unwrap();
        assert_eq!(found.mailbox.as_deref(), Some(b"INBOX".as_slice()));
        assert_eq!((found.uid, found.section.as_deref()), (1, Some(b"HEADER".as_slice())));
        assert_eq!(url("/;UID=5").unwrap().mailbox, None);
        assert_eq!(url(";UID=5/;PARTIAL=10").unwrap().partial, (10, None));
        assert_eq!(url("{host}INBOX").unwrap().server.as_deref(), Some(b"host".as_slice()));
        assert_eq!(url("INBOX/;UID=5;URLAUTH=anonymous").unwrap().auth.unwrap().rump_octets, 30);
    }

    #[test]
    fn disorder_and_junk_are_refused() {
        for text in [
            "imap://host",
            "{host",
            "/INBOX;uid=x",
            "/INBOX;section=1",
            "/INBOX;uid=1;uidvalidity=2",
            "/INBOX;uid=1;section=1;section=2",
            "/INBOX;uid=1;expire=tomorrow",
            "/INBOX;uid=1;urlauth=anonymous:internal:00;uid=2",
            "/INBOX;uid=99999999999",
            "/%zz;uid=1",
            "/INBOX;nothing",
        ] {
            assert_eq!(url(text), None, "{text}");
        }
    }
}
