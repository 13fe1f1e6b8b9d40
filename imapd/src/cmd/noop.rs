//! NOOP, CHECK, CAPABILITY, LOGOUT (RFC 3501 6.1, 6.4.1).

use crate::capability;
use crate::reply::Answer;
use crate::session::{Flow, Session};

/// CAPABILITY.
pub fn capability(session: &mut Session<'_>) -> Flow {
    let list = capability::list(session, capability::Depth::Full);
    check(session);
    session.stream.write(&[b"* CAPABILITY ", list.as_slice(), b"\r\n"].concat());
    Answer::completed().into()
}

/// NOOP and CHECK: what changed is looked at here and told by the loop.
pub fn noop(session: &mut Session<'_>) -> Flow {
    refresh(session);
    Answer::completed().into()
}

/// LOGOUT.
pub fn logout(session: &mut Session<'_>, tag: &[u8]) -> Flow {
    session.stream.write(b"* BYE LOGOUT received\r\n");
    session.stream.write(&Answer::completed().line(tag));
    session.tell_usage();
    Flow::Logout
}

/// Brings the selected mailbox up to date and tells what came or changed, but no expunges.
/// C: `imapd_check(NULL, 0)`
pub fn check(session: &mut Session<'_>) {
    refresh(session);
    crate::response::changes(session, false);
}

/// Brings the selected mailbox up to date; a mailbox that is gone is told to be empty, or ends the session where
/// `disconnect_on_vanished_mailbox` says so. Any other failure is in the log and the command's own answer stays what it
/// is, as in C. True when there is a mailbox and it is up to date.
pub fn refresh(session: &mut Session<'_>) -> bool {
    match super::with_selected(session, |selected, host| selected.view.refresh(host)) {
        None => false,
        Some(Ok(())) => true,
        Some(Err(error)) => {
            super::failed(session, error);
            false
        }
    }
}
