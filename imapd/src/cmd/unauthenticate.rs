//! UNAUTHENTICATE (RFC 8437), which 3.6.1 has for administrators only.

use crate::capability;
use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::session::{Enabled, Flow, Session, to_io};

/// UNAUTHENTICATE: the connection is as it was before the login, but for TLS.
///
/// # Errors
/// When the connection fails.
pub fn unauthenticate(session: &mut Session<'_>, tag: &[u8]) -> Result<Flow, Stop> {
    if !session.user.as_ref().is_some_and(|user| user.auth.is_admin()) {
        return Ok(Answer::bad("Unrecognized command").into());
    }
    super::close::leave_for_another(session);
    session.user = None;
    session.magicplus = None;
    session.alert = None;
    session.has_id = false;
    session.enabled = Enabled::default();
    session.stream.set_telemetry(None);
    let capabilities = capability::list(session, capability::Depth::Greeting);
    let answer = Answer::completed().with_code([b"CAPABILITY ".as_slice(), &capabilities].concat());
    // The answer still goes through the layers of the session that ends.
    session.stream.write(&answer.line(tag));
    while session.stream.has_layers() {
        session.stream.pop_layer().map_err(|error| Stop::Io(to_io(error)))?;
    }
    session.is_compressed = false;
    session.sasl_may_go = true;
    super::starttls::set_peer(session);
    Ok(Flow::Answered)
}
