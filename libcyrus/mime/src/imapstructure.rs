//! ENVELOPE, BODY and BODYSTRUCTURE as IMAP text (RFC 3501 7.4.2).

use crate::message::{Message, PartId};

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
    let _ = (out, value);
    todo!()
}

/// Appends the envelope of a message part. C: message_write_envelope()
pub fn write_envelope(out: &mut Vec<u8>, message: &Message, part: PartId) {
    let _ = (out, message, part);
    todo!()
}

/// Appends BODY or BODYSTRUCTURE of a part. C: message_write_body()
pub fn write_body(out: &mut Vec<u8>, message: &Message, part: PartId, form: Form) {
    let _ = (out, message, part, form);
    todo!()
}
