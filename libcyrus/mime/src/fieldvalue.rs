//! Values of the header fields that a part is described by.

use crate::address::{self, Address, is_space};
use crate::charset;
use crate::message::{Envelope, Part};
use crate::param::{self, Cursor};

/// Reads the field `name` into the part (and the envelope, if one is wanted). `value` goes from after the colon
/// to the end of the header.
pub(crate) fn read(name: &[u8], value: &[u8], part: &mut Part, envelope: Option<&mut Envelope>) {
    let mut lower = [0_u8; 32];
    let Some(lower) = lower.get_mut(..name.len()) else { return };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    match &*lower {
        b"content-description" => part.description = Some(string(value)),
        b"content-disposition" => disposition(value, part),
        b"content-id" => part.id = Some(string(value)),
        b"content-language" => part.languages = languages(value),
        b"content-location" => part.location = Some(string(value)),
        b"content-md5" => part.md5 = Some(string(value)),
        b"content-transfer-encoding" => part.encoding = encoding(value),
        b"content-type" => content_type(value, part),
        lower => {
            if let Some(envelope) = envelope {
                read_envelope(lower, value, envelope);
            }
        }
    }
}

fn read_envelope(lower: &[u8], value: &[u8], envelope: &mut Envelope) {
    match lower {
        b"bcc" => envelope.bcc = addresses(value),
        b"cc" => envelope.cc = addresses(value),
        b"date" => envelope.date = Some(string(value)),
        b"from" => envelope.from = addresses(value),
        b"in-reply-to" => envelope.in_reply_to = Some(string(value)),
        b"message-id" => envelope.message_id = Some(string(value)),
        b"reply-to" => envelope.reply_to = addresses(value),
        b"received" if envelope.received_date.is_none() => {
            envelope.received_date = Some(received_date(value))
        }
        b"references" => envelope.references = Some(string(value)),
        b"subject" => envelope.subject = Some(string(value)),
        b"sender" => envelope.sender = addresses(value),
        b"to" => envelope.to = addresses(value),
        b"x-deliveredinternaldate" => envelope.x_deliveredinternaldate = Some(string(value)),
        b"x-me-message-id" => envelope.x_me_message_id = Some(string(value)),
        _ => {}
    }
}

/// Length of a field that starts `text`, without its line end. As in C the first byte is never its end.
fn extent(text: &[u8]) -> usize {
    let mut from = 1;
    loop {
        let Some(at) = text.get(from..).and_then(|tail| memchr::memchr(b'\n', tail)).map(|at| at + from)
        else {
            return text.len();
        };
        if matches!(text.get(at + 1), Some(b' ' | b'\t')) {
            from = at + 1;
            continue;
        }
        return if at > 0 && text.get(at - 1) == Some(&b'\r') { at - 1 } else { at };
    }
}

/// The field that starts `text` as it stands, without its line end.
pub(crate) fn raw_field(text: &[u8]) -> &[u8] {
    text.get(..extent(text)).unwrap_or_default()
}

/// An unstructured value: leading blanks off, unfolded. C: message_parse_string()
pub(crate) fn string(value: &[u8]) -> Vec<u8> {
    let blanks = value.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
    let raw = raw_field(value.get(blanks..).unwrap_or_default());
    if memchr::memchr(b'\n', raw).is_none() {
        return raw.to_vec();
    }
    let mut out = Vec::with_capacity(raw.len());
    for &c in raw {
        if c != b'\n' {
            out.push(c);
        } else if out.last() == Some(&b'\r') {
            out.pop();
        }
    }
    out
}

fn addresses(value: &[u8]) -> Option<Vec<Address>> {
    Some(address::parse_list(raw_field(value))).filter(|list| !list.is_empty())
}

/// What follows the last semicolon of a Received field, or all of it.
fn received_date(value: &[u8]) -> Vec<u8> {
    let text = string(value);
    match memchr::memrchr(b';', &text) {
        Some(at) if at > 0 => string(text.get(at + 1..).unwrap_or_default()),
        _ => text,
    }
}

fn encoding(value: &[u8]) -> Option<Vec<u8>> {
    let mut here = Cursor::new(value).space()?;
    let token = here.token(b"")?;
    here.space().is_none().then(|| token.to_ascii_uppercase())
}

fn content_type(value: &[u8], part: &mut Part) {
    part.has_type = false;
    part.kind.clear();
    part.subtype.clear();
    part.params.clear();
    let Some(here) = Cursor::new(value).space() else { return };
    // old Mail.app wrote the whole field as an encoded word
    if here.peek() == b'=' && here.ahead(1) == b'?' {
        let rest = here.text.get(here.at..).unwrap_or_default();
        let len = extent(rest);
        let field = rest.get(..len).unwrap_or_default();
        let mut decoded = charset::parse_mimeheader(field, false);
        if decoded != field {
            decoded.extend(b"\r\n");
            read_type(Cursor::new(&decoded), part);
            for param in part.params.iter_mut().filter(|p| p.attribute.last().is_some_and(|&c| c != b'*')) {
                if !param.value.is_ascii() {
                    param.value = charset::encode_mimeheader(&param.value);
                }
            }
            return;
        }
    }
    read_type(here, part);
}

fn read_type(mut here: Cursor<'_>, part: &mut Part) {
    let Some(kind) = here.token(b"/") else { return };
    let Some(next) = here.space() else { return };
    here = next;
    if here.peek() != b'/' {
        return;
    }
    here.at += 1;
    let Some(next) = here.space() else { return };
    here = next;
    let Some(subtype) = here.token(b";") else { return };
    let rest = here.space();
    if rest.is_some_and(|r| r.peek() != b';') {
        return;
    }
    part.has_type = true;
    part.kind = kind.to_ascii_uppercase();
    part.subtype = subtype.to_ascii_uppercase();
    if let Some(mut rest) = rest {
        rest.at += 1;
        part.params = param::parse(rest);
    }
}

fn disposition(value: &[u8], part: &mut Part) {
    part.disposition = None;
    part.disposition_params.clear();
    let Some(mut here) = Cursor::new(value).space() else { return };
    let Some(token) = here.token(b";") else { return };
    let rest = here.space();
    if rest.is_some_and(|r| r.peek() != b';') {
        return;
    }
    part.disposition = Some(token.to_ascii_uppercase());
    if let Some(mut rest) = rest {
        rest.at += 1;
        part.disposition_params = param::parse(rest);
    }
}

fn languages(value: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut here = Cursor::new(value);
    while let Some(mut next) = here.space() {
        let start = next.at;
        loop {
            match next.peek() {
                0 | b',' | b'(' => break,
                c if is_space(c) => break,
                c if c == b'-' || c.is_ascii_alphabetic() => next.at += 1,
                _ => return out,
            }
        }
        let tag = next.slice(start).to_ascii_uppercase();
        let rest = next.space();
        if rest.is_some_and(|r| r.peek() != b',') {
            return out;
        }
        out.push(tag);
        match rest {
            Some(mut rest) => {
                rest.at += 1;
                here = rest;
            }
            None => return out,
        }
    }
    out
}
