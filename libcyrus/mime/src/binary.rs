//! A message with parts of Content-Transfer-Encoding BINARY made fit for the spool (RFC 3516 4.4): they become
//! base64. C: message_parse_binary_file()

use crate::message::{Limits, Message, Part, Span};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 a line.
const LINE_OCTETS: usize = 72;

/// The message with its binary parts encoded; `None` when it has none.
#[must_use]
pub fn encode(bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let message = Message::parse(bytes, limits);
    let mut changes: Vec<(Span, Vec<u8>)> = Vec::new();
    for part in message.parts.iter().filter(|part| part.encoding.as_deref() == Some(b"BINARY")) {
        changes.extend(renamed(bytes, part));
        // What contains parts is encoded part by part.
        if part.children.is_empty() && !part.is_multipart() {
            changes.push((part.content, lines(part.content.of(bytes))));
        }
    }
    if changes.is_empty() {
        return None;
    }
    changes.sort_by_key(|(span, _)| span.offset);
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(3) / 2);
    let mut done = 0_usize;
    for (span, text) in changes {
        let start = usize::try_from(span.offset).ok()?;
        out.extend_from_slice(bytes.get(done..start)?);
        out.extend(text);
        done = start.checked_add(span.of(bytes).len())?;
    }
    out.extend_from_slice(bytes.get(done..)?);
    Some(out)
}

/// The word `binary` in the part's header field, and its replacement.
fn renamed(bytes: &[u8], part: &Part) -> Option<(Span, Vec<u8>)> {
    const FIELD: &[u8] = b"content-transfer-encoding:";
    const WORD: &[u8] = b"binary";
    let header = part.header.of(bytes).to_ascii_lowercase();
    let field = if header.starts_with(FIELD) {
        0
    } else {
        memchr::memmem::find(&header, &[b"\n", FIELD].concat())?.checked_add(1)?
    };
    let value = field.checked_add(FIELD.len())?;
    let word = memchr::memmem::find(header.get(value..)?, WORD)?;
    let offset = part.header.offset.checked_add(u32::try_from(value.checked_add(word)?).ok()?)?;
    Some((Span { offset, size: u32::try_from(WORD.len()).ok()? }, b"base64".to_vec()))
}

fn lines(content: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(content);
    let mut out = Vec::with_capacity(text.len() + text.len() / 36 + 2);
    for line in text.as_bytes().chunks(LINE_OCTETS) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_parts_become_base64_and_others_stay() {
        let text = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
            --b\r\ncontent-transfer-encoding: Binary\r\nContent-Type: image/png\r\n\r\n\x00\x01\x02\r\n\
            --b--\r\n";
        let encoded = encode(text, &Limits::default()).unwrap();
        let expected = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
            --b\r\ncontent-transfer-encoding: base64\r\nContent-Type: image/png\r\n\r\nAAEC\r\n\r\n\
            --b--\r\n";
        assert_eq!(String::from_utf8_lossy(&encoded), String::from_utf8_lossy(expected));
        assert_eq!(encode(&encoded, &Limits::default()), None);
    }

    #[test]
    fn lines_are_cut_and_ended() {
        assert_eq!(lines(&[0; 54]), [vec![b'A'; 72], b"\r\n".to_vec()].concat());
        assert_eq!(lines(&[0; 57]), [vec![b'A'; 72], b"\r\nAAAA\r\n".to_vec()].concat());
    }
}
