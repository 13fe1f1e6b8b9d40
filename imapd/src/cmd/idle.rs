//! IDLE (RFC 2177): waits for the client's DONE and tells what changes meanwhile.

use crate::parser::lexer::{Lexer, Stop};
use crate::reply::Answer;
use crate::response;
use crate::session::{Client, Flow, Session, to_io};
use libcyrus::net::local::IdleMessage;
use libcyrus::net::prot::Wake;
use libcyrus::service::signals;
use std::time::{Duration, Instant};

/// Runs an IDLE to its DONE.
///
/// # Errors
/// When the client goes, stays silent for longer than `timeout`, or the process must end.
pub fn idle(session: &mut Session<'_>, tag: &[u8]) -> Result<Flow, Stop> {
    if session.imapd.idle.is_none() {
        return Ok(Answer::bad("Unrecognized command").into());
    }
    session.stream.write(b"+ idling\r\n");
    session.imapd.sasl.release();
    session.sasl_may_go = false;
    announce(session, IdleMessage::Init);
    let waited = wait_for_input(session, tag);
    announce(session, IdleMessage::Done);
    if !waited? {
        return Ok(Flow::Logout);
    }
    let limits = session.limits();
    let mut client = Client(&mut session.stream);
    let mut lexer = Lexer::new(&mut client, limits);
    let word = lexer.word().map_err(|_| Stop::Eof)?;
    if lexer.at_eol()? && word.eq_ignore_ascii_case(b"DONE") {
        super::noop::refresh(session);
        return Ok(Answer::completed().into());
    }
    lexer.eat_line()?;
    Ok(Answer::bad("Invalid Idle continuation").into())
}

/// Tells idled that this process waits, or no longer waits, for the selected mailbox.
fn announce(session: &Session<'_>, message: IdleMessage) {
    let name = session.selected.as_ref().map_or(&b"."[..], |selected| selected.name.as_bytes());
    if let Some(idle) = &session.imapd.idle {
        idle.send(message, name);
    }
}

/// True when the client sent something; false when the server shuts down (BYE is written).
fn wait_for_input(session: &mut Session<'_>, _tag: &[u8]) -> Result<bool, Stop> {
    let timeout = session.timeout();
    let deadline = Instant::now() + timeout;
    let mut look = true;
    loop {
        if look {
            super::noop::refresh(session);
            session.cut_off()?;
            response::changes(session, true);
        }
        if let Some(selected) = &mut session.selected {
            selected.view.rest();
        }
        if session.shut_down_is_asked() {
            return Ok(false);
        }
        if signals::poll() == signals::Poll::Shutdown {
            return Err(Stop::Io(std::io::ErrorKind::Interrupted.into()));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stop::Io(std::io::ErrorKind::TimedOut.into()));
        }
        let Some(idle) = &session.imapd.idle else { return Ok(true) };
        let interval = idle.poll_interval().min(left).max(Duration::from_millis(10));
        let others = [idle.fd()];
        match session.stream.wait(&others, Some(interval)).map_err(|e| Stop::Io(to_io(e)))? {
            Wake::Input => return Ok(true),
            Wake::Other(_) => {
                look = false;
                // Several notices may have gathered: one look answers all of them.
                while let Some((message, _)) = session.imapd.idle.as_ref().and_then(|idle| idle.receive()) {
                    look |= message == IdleMessage::Notify;
                }
            }
            Wake::Signal => look = false,
            // Without idled this is the poll.
            Wake::Timeout => look = true,
        }
    }
}
