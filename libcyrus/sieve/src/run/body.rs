//! The body of the message, as `body` and `$text$` read it (RFC 5173). C: message_fetch_part()
//!
//! Text that is no other than its octets is lent from the message. Of what had to be decoded some is kept for the next
//! test, and beyond that the last part alone: memory does not grow with the number of parts.

use super::RunError;
use super::budget::Budget;
use cyrus_mime::charset::{Charset, decode_transfer};
use cyrus_mime::{Message, Part};
use std::borrow::Cow;

/// Decoded text that is kept besides the last part.
const KEPT_OCTETS: usize = 1024 * 1024;

/// A part's content as UTF-8; `None` when it cannot be decoded.
type Text<'m> = Option<Cow<'m, [u8]>>;

/// The body, read once.
#[derive(Debug)]
pub struct Body<'m> {
    bytes: &'m [u8],
    message: Message,
    /// By number of the part, where it is known.
    texts: Vec<Option<Text<'m>>>,
    /// Octets of the texts that are not lent.
    kept: usize,
}

impl<'m> Body<'m> {
    /// The body of a message.
    pub fn new(bytes: &'m [u8], message: Message) -> Self {
        let texts = vec![None; message.parts.len()];
        Self { bytes, message, texts, kept: 0 }
    }

    /// Numbers of the parts that have one of the types.
    pub fn parts(&self, types: &[Vec<u8>]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut waiting = vec![0_usize];
        while let Some(number) = waiting.pop() {
            let Some(part) = self.message.parts.get(number) else { continue };
            if types.iter().any(|wanted| is_of_type(part, wanted)) {
                found.push(number);
            } else if part.is_multipart() || part.is_message() {
                let children = part.children.iter().rev();
                waiting.extend(children.filter_map(|child| usize::try_from(child.0).ok()));
            }
        }
        found
    }

    /// Takes the text of a part; [`Body::put`] gives it back.
    ///
    /// # Errors
    /// It is more than the run may decode.
    pub fn take(&mut self, number: usize, budget: &mut Budget) -> Result<Text<'m>, RunError> {
        if let Some(text) = self.texts.get_mut(number).and_then(Option::take) {
            self.kept = self.kept.saturating_sub(owned(&text));
            return Ok(text);
        }
        let size = self.message.parts.get(number).map_or(0, |part| part.content.size);
        budget.work(u64::from(size))?;
        if self.kept.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)) > KEPT_OCTETS {
            self.forget();
        }
        Ok(self.message.parts.get(number).and_then(|part| decoded(part, self.bytes)))
    }

    /// Keeps the text of a part for the next who asks.
    pub fn put(&mut self, number: usize, text: Text<'m>) {
        if let Some(place) = self.texts.get_mut(number) {
            self.kept = self.kept.saturating_add(owned(&text));
            *place = Some(text);
        }
    }

    fn forget(&mut self) {
        for place in self.texts.iter_mut().filter(|place| place.as_ref().is_some_and(|text| owned(text) > 0))
        {
            *place = None;
        }
        self.kept = 0;
    }
}

/// Octets of memory that a text has for itself.
fn owned(text: &Text<'_>) -> usize {
    match text {
        Some(Cow::Owned(text)) => text.len(),
        Some(Cow::Borrowed(_)) | None => 0,
    }
}

/// `wanted` is `type`, `type/subtype`, or empty for every type.
fn is_of_type(part: &Part, wanted: &[u8]) -> bool {
    let slash = wanted.iter().position(|&octet| octet == b'/');
    let kind = wanted.get(..slash.unwrap_or(wanted.len())).unwrap_or_default();
    let subtype = slash.and_then(|slash| wanted.get(slash + 1..)).unwrap_or_default();
    (wanted.is_empty() || part.kind.eq_ignore_ascii_case(kind))
        && (subtype.is_empty() || part.subtype.eq_ignore_ascii_case(subtype))
}

/// The content as UTF-8, to its first NUL.
fn decoded<'m>(part: &Part, message: &'m [u8]) -> Text<'m> {
    let (encoding, charset) = part.charset();
    let charset = charset.and_then(Charset::lookup).unwrap_or(Charset::US_ASCII);
    let text = match decode_transfer(part.content.of(message), encoding)? {
        Cow::Borrowed(bytes) => charset.decode(bytes),
        Cow::Owned(bytes) => {
            let other = match charset.decode(&bytes) {
                Cow::Borrowed(same) if same.len() == bytes.len() => None,
                other => Some(other.into_owned()),
            };
            Cow::Owned(other.unwrap_or(bytes))
        }
    };
    Some(to_first_nul(text))
}

fn to_first_nul(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let Some(end) = text.iter().position(|&octet| octet == 0) else { return text };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cyrus_mime::Limits;

    const PARTS: usize = 5;

    /// A multipart of as many text parts in this encoding.
    fn message(encoding: &str, line: &str, lines: usize) -> Vec<u8> {
        let mut out = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
        for _ in 0..PARTS {
            out.extend_from_slice(b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n");
            out.extend(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").bytes());
            out.extend(format!("{line}\r\n").repeat(lines).bytes());
        }
        out.extend_from_slice(b"--b--\r\n");
        out
    }

    /// Reads all text parts twice; the most octets held while reading, and of the longest text.
    fn read(bytes: &[u8]) -> (usize, usize) {
        let mut body = Body::new(bytes, Message::parse(bytes, &Limits::default()));
        let mut budget = Budget::new();
        let (mut held, mut longest) = (0, 0);
        for _ in 0..2 {
            let parts = body.parts(&[b"text".to_vec()]);
            assert_eq!(parts.len(), PARTS);
            for part in parts {
                let text = body.take(part, &mut budget).expect("budget");
                assert!(text.as_ref().is_some_and(|text| text.starts_with(b"ABC")));
                held = held.max(body.kept + owned(&text));
                longest = longest.max(text.as_ref().map_or(0, |text| text.len()));
                body.put(part, text);
            }
        }
        (held, longest)
    }

    #[test]
    fn what_needs_no_decoding_is_lent() {
        let (held, longest) = read(&message("8bit", "ABC na\u{ef}ve", 1000));
        assert_eq!((held, longest), (0, 11_998));
    }

    #[test]
    fn small_parts_are_decoded_once() {
        let (held, longest) = read(&message("base64", "QUJD", 1000));
        assert_eq!((held, longest), (PARTS * 3000, 3000));
    }

    #[test]
    fn of_large_parts_one_is_held() {
        let (held, longest) = read(&message("base64", &"QUJD".repeat(19), 20_000));
        assert_eq!(longest, 57 * 20_000);
        assert_eq!(held, longest);
    }

    #[test]
    fn a_nul_ends_the_text() {
        assert_eq!(to_first_nul(Cow::Owned(b"a\0b".to_vec())), Cow::Borrowed(b"a"));
        assert_eq!(to_first_nul(Cow::Borrowed(b"a\0b")), Cow::Borrowed(b"a"));
    }
}
