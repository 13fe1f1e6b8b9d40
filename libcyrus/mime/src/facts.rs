//! What cyrus.index and the conversations want to know about a message.

use crate::message::Message;
use cyrus_util::datetime::{CivilDate, parse_rfc5322, parse_rfc5322_day};
use cyrus_util::guid::Guid;

/// Fields of the index record that come from the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFacts {
    /// Size of the file.
    pub size: u32,
    /// Size of the header.
    pub header_size: u32,
    /// SHA-1 of the file.
    pub guid: Guid,
    /// Date field as real time; `None` when it cannot be read (then C takes internaldate).
    pub gmtime: Option<i64>,
    /// Date field, day only: local midnight of the written date; `None` when it cannot be read.
    pub sentdate: Option<i64>,
}

/// Reads the index facts. `local_midnight` gives the local time zone's midnight of a day as Unix time.
/// C: message_create_record()
#[must_use]
pub fn index_facts(message: &Message, local_midnight: impl Fn(CivilDate) -> Option<i64>) -> IndexFacts {
    let root = message.root();
    let date = root.envelope.date.as_deref();
    IndexFacts {
        size: message.size,
        header_size: root.header.size,
        guid: message.guid,
        gmtime: date.and_then(parse_rfc5322),
        // a day before 1970 counts as unreadable in C, a moment before 1970 does not
        sentdate: date.and_then(parse_rfc5322_day).and_then(local_midnight).filter(|&midnight| midnight >= 0),
    }
}

/// The message ids of a References, In-Reply-To or Message-ID value, each with its angle brackets and without
/// quotes, at most `max`. Folding is allowed; a line end without a following blank ends the value.
/// C: find_msgid()
#[must_use]
pub fn message_ids(value: &[u8], max: usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = value;
    // an id starts with `<` and needs a `>` after it; none is left once the last was passed
    let last = memchr::memrchr(b'>', value).unwrap_or(0);
    while found.len() < max
        && let Some(at) = memchr::memchr2(b'<', b'\r', rest)
    {
        let Some((&c, tail)) = rest.get(at..).and_then(<[u8]>::split_first) else { break };
        rest = tail;
        if c == b'\r' {
            if tail.first() == Some(&b'\n') && !matches!(tail.get(1), Some(b' ' | b'\t')) {
                break;
            }
            continue;
        }
        if value.len() - rest.len() > last {
            break;
        }
        if let Some((id, after)) = message_id(tail) {
            found.push(id);
            rest = after;
        }
    }
    found
}

/// The id after its `<`, and what follows it.
fn message_id(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut id = b"<".to_vec();
    let mut rest = text;
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        rest = quoted;
        loop {
            let (&c, tail) = rest.split_first()?;
            rest = tail;
            match c {
                b'"' => break,
                b'\\' => {
                    let (&escaped, tail) = rest.split_first()?;
                    id.push(escaped);
                    rest = tail;
                }
                _ => id.push(c),
            }
        }
    } else {
        rest = atom(rest, &mut id);
    }
    rest = rest.strip_prefix(b"@").filter(|_| id.len() > 1)?;
    id.push(b'@');
    let before = id.len();
    rest = atom(rest, &mut id).strip_prefix(b">")?;
    id.push(b'>');
    (id.len() > before + 1).then_some((id, rest))
}

/// Copies what is no special character of message ids.
fn atom<'a>(text: &'a [u8], id: &mut Vec<u8>) -> &'a [u8] {
    let len =
        text.iter().position(|c| matches!(c, b'<' | b'>' | b' ' | b'@' | b'\\' | 0)).unwrap_or(text.len());
    let (atom, rest) = text.split_at(len);
    id.extend(atom);
    rest
}

/// Whether an In-Reply-To value starts like a list of message ids (after blanks and commas), or is empty: some
/// clients put other things there. C: is_valid_rfc2822_inreplyto()
#[must_use]
pub fn is_plain_in_reply_to(value: &[u8]) -> bool {
    let start = value.iter().find(|&&c| c != b',' && !crate::address::is_space(c));
    matches!(start, None | Some(b'<' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_found_among_other_things() {
        let check = |text: &str, expected: &[&str]| {
            let got: Vec<_> = message_ids(text.as_bytes(), 20)
                .iter()
                .map(|id| String::from_utf8_lossy(id).into_owned())
                .collect();
            assert_eq!(got, expected, "{text}");
        };
        check("<a@b> x <c@d>\r\n <e@f>\r\n<g@h>", &["<a@b>", "<c@d>", "<e@f>"]);
        check("<a b@c> <@d> <e@> <f@g", &[]);
        check("<\"q\\\"x\"@y>", &["<q\"x@y>"]);
        assert_eq!(message_ids(&b"<a@b>".repeat(50), 20).len(), 20);
    }

    #[test]
    fn in_reply_to_must_start_with_an_id() {
        assert!(is_plain_in_reply_to(b" , <a@b>"));
        assert!(is_plain_in_reply_to(b""));
        assert!(!is_plain_in_reply_to(b"Your message of <a@b>"));
    }
}
