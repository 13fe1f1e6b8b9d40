//! AUTHENTICATE (RFC 3501 6.2.2, RFC 4959).
//!
//! DIAGNOSTICS: as LOGIN, with the mechanism's name.

use super::login;
use crate::capability;
use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::session::{Flow, Session, to_io};
use libcyrus::base::config::Opt;
use libcyrus::base::log;
use libcyrus::net::sasl::{Dialect, Failure};

/// AUTHENTICATE; the exchange's lines are read and written here.
///
/// # Errors
/// When the conversation cannot go on.
pub fn authenticate(
    session: &mut Session<'_>,
    tag: &[u8],
    mechanism: &[u8],
    initial: Option<&[u8]>,
) -> Result<Flow, Stop> {
    if session.user.is_some() {
        return Ok(Answer::bad("Already authenticated").into());
    }
    if login::needs_layer(session) {
        return Ok(Answer::no("Authenticate only available under a layer").into());
    }
    session.imapd.facts.borrow_mut().magicplus = None;
    let name = String::from_utf8_lossy(mechanism).into_owned();
    let outcome = session.imapd.sasl.authenticate(&mut session.stream, &name, initial, &Dialect::IMAP);
    let success = match outcome {
        Ok(success) => success,
        Err(failure) => return refused(session, &name, failure).map(Flow::Answer),
    };
    let is_tls = session.stream.tls().is_some();
    login::log_login(session, &success.userid, &name, is_tls);
    if let Some(refusal) = login::check_limits(session, &success.userid) {
        return Ok(refusal.into());
    }
    login::set_user(session, &success.userid);
    session.ssf = success.ssf;
    let answer =
        Answer::ok(format!("Success ({}) SESSIONID=<{}>", protection(is_tls, success.ssf), session.id));
    let answer = if success.ssf == 0 {
        let capabilities = capability::list(session, capability::Depth::Full);
        answer.with_code([b"CAPABILITY ".as_slice(), &capabilities].concat())
    } else {
        // What was said in the clear counts for nothing; the client asks again under the layer.
        answer
    };
    session.stream.write(&answer.line(tag));
    session.stream.flush().map_err(|error| Stop::Io(to_io(error)))?;
    session.imapd.sasl.install_layer(&mut session.stream).map_err(|error| Stop::Io(to_io(error)))?;
    login::start(session);
    Ok(Flow::Answered)
}

/// libsasl's account of a question for a name that it does not have yet.
const NO_NAME: &str = "SASL(-6): can't request information until later in exchange: Information that was \
                       requested is not yet available.";

fn protection(is_tls: bool, ssf: u32) -> &'static str {
    match (is_tls, ssf) {
        (true, 0) => "tls protection",
        (true, 1) => "tls plus integrity protection",
        (true, _) => "tls plus privacy protection",
        (false, 0) => "no protection",
        (false, 1) => "integrity protection",
        (false, _) => "privacy protection",
    }
}

fn refused(session: &mut Session<'_>, mechanism: &str, failure: Failure) -> Result<Answer, Stop> {
    match failure {
        Failure::Cancelled => Ok(Answer::bad("Client canceled authentication")),
        Failure::BadBase64 => {
            log_refusal(session, mechanism, None, "bad protocol / cancel");
            Ok(Answer::no("bad protocol / cancel"))
        }
        Failure::Refused { code, text, detail, userid } => {
            // C asks for the user's name first, and then logs what became of that question.
            let detail = if userid.is_some() { detail.as_str() } else { NO_NAME };
            log_refusal(session, mechanism, userid.as_deref(), detail);
            Ok(Answer::no(login::refusal_text(code, &text)))
        }
        Failure::Stream(error) => Err(Stop::Io(to_io(error))),
    }
}

fn log_refusal(session: &Session<'_>, mechanism: &str, userid: Option<&[u8]>, detail: &str) {
    log::badlogin(&session.clienthost, mechanism, Some(userid.unwrap_or(b"-notset-")), detail);
    login::pause(session, Opt::Failedloginpause);
}
