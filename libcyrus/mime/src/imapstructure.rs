//! ENVELOPE, BODY and BODYSTRUCTURE as IMAP text (RFC 3501 7.4.2), in C's spelling
//! (reference/mailbox-files.md 6.1).

use crate::address::Address;
use crate::message::{Envelope, Message, Part, PartId};
use crate::param::Param;

/// BODY or BODYSTRUCTURE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Non-extensible.
    Body,
    /// With extension data.
    BodyStructure,
}

/// Appends an nstring as the cache holds it: NIL, quoted without escapes, or a literal.
/// C: message_write_nstring()
pub fn write_nstring(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => out.extend(b"NIL"),
        Some(text) if text.len() >= LITERAL_FROM || text.iter().any(|&c| needs_literal(c)) => {
            out.extend(format!("{{{}}}\r\n", text.len()).bytes());
            out.extend(text);
        }
        Some(text) => {
            out.push(b'"');
            out.extend(text);
            out.push(b'"');
        }
    }
}

fn needs_literal(c: u8) -> bool {
    c >= 0x80 || matches!(c, 0 | b'\r' | b'\n' | b'"' | b'%' | b'\\')
}

/// Appends the envelope of a message part. C: message_write_envelope()
pub fn write_envelope(out: &mut Vec<u8>, message: &Message, part: PartId) {
    if let Some(part) = message.part(part) {
        envelope(out, &part.envelope);
    }
}

fn envelope(out: &mut Vec<u8>, e: &Envelope) {
    out.push(b'(');
    write_nstring(out, e.date.as_deref());
    out.push(b' ');
    write_nstring(out, e.subject.as_deref());
    for list in [
        &e.from,
        if e.sender.is_some() { &e.sender } else { &e.from },
        if e.reply_to.is_some() { &e.reply_to } else { &e.from },
        &e.to,
        &e.cc,
        &e.bcc,
    ] {
        out.push(b' ');
        addresses(out, list.as_deref());
    }
    out.push(b' ');
    write_nstring(out, e.in_reply_to.as_deref());
    out.push(b' ');
    write_nstring(out, e.message_id.as_deref());
    out.push(b')');
}

fn addresses(out: &mut Vec<u8>, list: Option<&[Address]>) {
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        out.extend(b"NIL");
        return;
    };
    out.push(b'(');
    for address in list {
        out.push(b'(');
        write_nstring(out, address.name.as_deref());
        out.push(b' ');
        write_nstring(out, address.route.as_deref());
        out.push(b' ');
        write_nstring(out, address.mailbox.as_deref());
        out.push(b' ');
        write_nstring(out, address.host.as_deref());
        out.push(b')');
    }
    out.push(b')');
}

/// What is still to be written: a part, or the tail of one whose children are done.
enum Todo {
    Part(PartId),
    MultipartTail(PartId),
    MessageTail(PartId),
}

/// Appends BODY or BODYSTRUCTURE of a part. C: message_write_body()
pub fn write_body(out: &mut Vec<u8>, message: &Message, part: PartId, form: Form) {
    let mut todo = vec![Todo::Part(part)];
    while let Some(next) = todo.pop() {
        match next {
            Todo::Part(id) => {
                let Some(part) = message.part(id) else { continue };
                if part.is_multipart() {
                    if part.children.is_empty() {
                        write_empty_text(out, form);
                        continue;
                    }
                    out.push(b'(');
                    todo.push(Todo::MultipartTail(id));
                    todo.extend(part.children.iter().rev().map(|&child| Todo::Part(child)));
                    continue;
                }
                leaf_start(out, part);
                match (part.is_message(), part.children.first()) {
                    (true, Some(&child)) => {
                        out.push(b' ');
                        write_envelope(out, message, child);
                        out.push(b' ');
                        todo.push(Todo::MessageTail(id));
                        todo.push(Todo::Part(child));
                    }
                    _ => leaf_end(out, part, form),
                }
            }
            Todo::MultipartTail(id) => {
                let Some(part) = message.part(id) else { continue };
                out.push(b' ');
                write_nstring(out, Some(&part.subtype));
                if form == Form::BodyStructure {
                    out.push(b' ');
                    params(out, &part.params);
                    extension(out, part);
                }
                out.push(b')');
            }
            Todo::MessageTail(id) => {
                let Some(part) = message.part(id) else { continue };
                number(out, part.content_lines);
                leaf_end(out, part, form);
            }
        }
    }
}

/// What stands for a multipart without parts.
fn write_empty_text(out: &mut Vec<u8>, form: Form) {
    out.extend(br#"("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 0 0"#);
    if form == Form::BodyStructure {
        out.extend(b" NIL NIL NIL NIL");
    }
    out.push(b')');
}

fn leaf_start(out: &mut Vec<u8>, part: &Part) {
    out.push(b'(');
    write_nstring(out, Some(&part.kind));
    out.push(b' ');
    write_nstring(out, Some(&part.subtype));
    out.push(b' ');
    params(out, &part.params);
    out.push(b' ');
    write_nstring(out, part.id.as_deref());
    out.push(b' ');
    write_nstring(out, part.description.as_deref());
    out.push(b' ');
    write_nstring(out, Some(part.encoding.as_deref().unwrap_or(b"7BIT")));
    number(out, part.content.size);
    if part.kind == b"TEXT" {
        number(out, part.content_lines);
    }
}

fn leaf_end(out: &mut Vec<u8>, part: &Part, form: Form) {
    if form == Form::BodyStructure {
        out.push(b' ');
        write_nstring(out, part.md5.as_deref());
        extension(out, part);
    }
    out.push(b')');
}

/// Disposition, language, location.
fn extension(out: &mut Vec<u8>, part: &Part) {
    out.push(b' ');
    match &part.disposition {
        Some(disposition) => {
            out.push(b'(');
            write_nstring(out, Some(disposition));
            out.push(b' ');
            params(out, &part.disposition_params);
            out.push(b')');
        }
        None => out.extend(b"NIL"),
    }
    out.push(b' ');
    if part.languages.is_empty() {
        out.extend(b"NIL");
    } else {
        out.push(b'(');
        for (index, language) in part.languages.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            write_nstring(out, Some(language));
        }
        out.push(b')');
    }
    out.push(b' ');
    write_nstring(out, part.location.as_deref());
}

fn params(out: &mut Vec<u8>, params: &[Param]) {
    if params.is_empty() {
        out.extend(b"NIL");
        return;
    }
    out.push(b'(');
    for (index, param) in params.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write_nstring(out, Some(&param.attribute));
        out.push(b' ');
        write_nstring(out, Some(&param.value));
    }
    out.push(b')');
}

/// A space and a number.
fn number(out: &mut Vec<u8>, n: u32) {
    out.extend(format!(" {n}").bytes());
}

/// Strings this long are literals.
const LITERAL_FROM: usize = 1024;
