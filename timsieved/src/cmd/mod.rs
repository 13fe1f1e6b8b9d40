//! What the commands do.
//!
//! [`authenticate`] AUTHENTICATE and UNAUTHENTICATE | [`capability`] | [`scripts`] everything about
//! scripts | [`starttls`]

pub mod authenticate;
pub mod capability;
pub mod scripts;
pub mod starttls;

use crate::session::Session;
use libcyrus::util::imapstr;

/// NOOP: says the tag again that came with it.
pub fn noop(session: &mut Session<'_>, tag: Option<Vec<u8>>) {
    let mut line = b"OK ".to_vec();
    if let Some(tag) = tag.filter(|tag| !tag.is_empty()) {
        line.extend_from_slice(b"(TAG ");
        imapstr::put_literal(&mut line, &tag);
        line.extend_from_slice(b") ");
    }
    line.extend_from_slice(b"\"Done\"\r\n");
    session.stream.write(&line);
}
