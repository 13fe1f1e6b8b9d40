//! A script as a message: what is written into `#sieve`, and what a message there says of a script.

use cyrus_mime::charset::encode_mimeheader;
use cyrus_mime::{Limits, Message};
use cyrus_util::datetime::print_rfc5322;
use cyrus_util::guid::Guid;
use cyrus_util::ids::UnixTime;

/// What stands behind the id in the file name.
const EXTENSION: &[u8] = b".sieve";

/// A plain name that is shorter is written as it is.
const PLAIN_OCTETS: usize = 72;

/// What a new message is made of.
pub(super) struct Draft<'a> {
    pub userid: &'a [u8],
    pub servername: &'a str,
    pub name: &'a [u8],
    pub id: &'a [u8],
    pub text: &'a [u8],
    pub now: UnixTime,
}

impl Draft<'_> {
    /// The message, byte for byte as C writes it. C: `store_script()`
    pub(super) fn message(&self) -> Vec<u8> {
        let from = if self.userid.contains(&b'@') {
            [b"<", self.userid, b">"].concat()
        } else {
            [b"<", self.userid, b"@", self.servername.as_bytes(), b">"].concat()
        };
        let offset_s = cyrus_sys::time::local(self.now.0).utc_offset_s;
        let mut out = Vec::with_capacity(self.text.len() + 512);
        let mut line = |parts: &[&[u8]]| {
            parts.iter().for_each(|part| out.extend_from_slice(part));
            out.extend_from_slice(b"\r\n");
        };
        let server = self.servername.as_bytes();
        line(&[b"From: ", &encode_mimeheader(&from)]);
        line(&[b"Subject: ", &encode_mimeheader(self.name)]);
        line(&[b"Date: ", print_rfc5322(self.now.0, offset_s.into()).as_bytes()]);
        line(&[b"Message-ID: <", Guid::of(self.text).to_string().as_bytes(), b"@", server, b">"]);
        line(&[b"Content-Type: application/sieve; charset=utf-8"]);
        line(&[b"Content-Length: ", self.text.len().to_string().as_bytes()]);
        line(&[b"Content-Disposition: attachment;"]);
        line(&[b"\tfilename=\"", self.id, EXTENSION, b"\""]);
        line(&[b"MIME-Version: 1.0"]);
        line(&[]);
        out.extend_from_slice(self.text);
        out
    }
}

/// What a message of `#sieve` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The script's id.
    pub id: Vec<u8>,
    /// Its name; `None` without Subject.
    pub name: Option<Vec<u8>>,
    /// SHA-1 of the text, after decoding a transfer encoding.
    pub contentid: Guid,
    /// Octets before the text.
    pub header_octets: usize,
}

impl Facts {
    /// Reads a message; `None` when it has no script id, as no message that we wrote.
    pub(super) fn of(message: &[u8], limits: &Limits) -> Option<Self> {
        let parsed = Message::parse(message, limits);
        let root = parsed.root();
        let id = root.disposition_params.iter().rev().find_map(|param| {
            let id = param.value.strip_suffix(EXTENSION).filter(|id| !id.is_empty());
            id.filter(|_| param.attribute == b"FILENAME")
        })?;
        Some(Self {
            id: id.to_vec(),
            name: root.envelope.subject.clone(),
            contentid: root.content_guid,
            header_octets: usize::try_from(root.header.size).unwrap_or(usize::MAX).min(message.len()),
        })
    }
}

/// The name under which a script of this name is kept: what its Subject is when read again. A name
/// with other than printable ASCII becomes encoded words, and they are what C calls it.
pub(super) fn kept_name(name: &[u8]) -> Option<Vec<u8>> {
    let is_plain = name.iter().all(|byte| (b'!'..=b'~').contains(byte)) && name.len() < PLAIN_OCTETS;
    if is_plain {
        return Some(name.to_vec());
    }
    let message = [b"Subject: ", encode_mimeheader(name).as_slice(), b"\r\n\r\n"].concat();
    Message::parse(&message, &Limits::default()).root().envelope.subject.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_the_oracle_wrote() {
        let draft = Draft {
            userid: b"ann",
            servername: "mail.example",
            name: b"s1",
            id: b"13r0kmemanuzmwjx3ooma6k3",
            text: b"keep;",
            now: UnixTime(1_795_399_160),
        };
        let message = String::from_utf8(draft.message()).expect("text");
        let date = message.lines().find(|line| line.starts_with("Date: ")).expect("date").to_owned();
        assert_eq!(
            message.replace(&date, "Date: D"),
            "From: <ann@mail.example>\r\nSubject: s1\r\nDate: D\r\n\
             Message-ID: <1741a5f56c1cfc0f7ef3d0ad53bceb6518bdfdad@mail.example>\r\n\
             Content-Type: application/sieve; charset=utf-8\r\nContent-Length: 5\r\n\
             Content-Disposition: attachment;\r\n\tfilename=\"13r0kmemanuzmwjx3ooma6k3.sieve\"\r\n\
             MIME-Version: 1.0\r\n\r\nkeep;"
        );
        let facts = Facts::of(&draft.message(), &Limits::default()).expect("facts");
        assert_eq!(facts.id, draft.id);
        assert_eq!(facts.name.as_deref(), Some(b"s1".as_slice()));
        assert_eq!(facts.contentid, Guid::of(b"keep;"));
        assert_eq!(draft.message().get(facts.header_octets..), Some(b"keep;".as_slice()));
    }

    /// What the oracle made of names, as its rows show.
    #[test]
    fn names_are_kept_as_the_oracle_keeps_them() {
        let check = |name: &[u8], kept: &str| {
            let found = kept_name(name).map(|name| String::from_utf8_lossy(&name).into_owned());
            assert_eq!(found.as_deref(), Some(kept));
        };
        check("é".as_bytes(), "=?UTF-8?Q?=C3=A9?=");
        check(b"\xff\xfe", "=?UTF-8?Q?=FF=FE?=");
        check(b"a b", "a b");
        check(b" lead", "lead");
        check(b"trail ", "trail ");
        check(b"q\"uote", "q\"uote");
        check(b"nl\r\nx", "=?UTF-8?Q?nl?= =?UTF-8?Q?x?=");
        check(b"tab\tx", "tab\tx");
        let (first, second) = ("x".repeat(62), "x".repeat(38));
        check(&[b'x'; 100], &format!("=?UTF-8?Q?{first}?= =?UTF-8?Q?{second}?="));
    }
}
