//! ENABLE (RFC 5161), and the commands that switch CONDSTORE on by being used (RFC 7162 3.1).

use crate::reply::Answer;
use crate::session::{Flow, Session};

/// ENABLE: tells what of the list was switched on by this command.
pub fn enable(session: &mut Session<'_>, capabilities: &[Vec<u8>]) -> Flow {
    let wants_qresync = capabilities.iter().any(|name| name == b"QRESYNC");
    let wants_condstore = wants_qresync || capabilities.iter().any(|name| name == b"CONDSTORE");
    let mut enabled = Vec::new();
    if wants_condstore && !session.enabled.condstore {
        session.enabled.condstore = true;
        enabled.extend_from_slice(b" CONDSTORE");
    }
    if wants_qresync && !session.enabled.qresync {
        session.enabled.qresync = true;
        enabled.extend_from_slice(b" QRESYNC");
    }
    // Without anything new C says nothing, whatever RFC 5161 3.2 wants.
    if !enabled.is_empty() {
        session.stream.write(&[b"* ENABLED", enabled.as_slice(), b"\r\n"].concat());
    }
    Answer::completed().into()
}

/// A command that needs CONDSTORE switches it on and says so. C: `condstore_enabled()`
pub fn use_condstore(session: &mut Session<'_>, command: &str) {
    if session.enabled.condstore {
        return;
    }
    session.enabled.condstore = true;
    if let Some(selected) = &session.selected {
        let modseq = selected.view.highestmodseq();
        let line = format!("* OK [HIGHESTMODSEQ {modseq}] CONDSTORE enabled by {command}\r\n");
        session.stream.write(line.as_bytes());
    }
}
