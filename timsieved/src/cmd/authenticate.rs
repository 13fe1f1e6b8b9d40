//! AUTHENTICATE and UNAUTHENTICATE (RFC 5804 2.1, 2.14). C: cmd_authenticate()
//!
//! Every failure is `NO "Authentication Error"`; the log knows more.
//!
//! DIAGNOSTICS: `login: HOST USER MECH[+TLS] User logged in`, `badlogin: HOST MECH REASON`,
//! `error in actions_setuser()`.

use crate::cmd::capability;
use crate::lex::{Lexer, Token};
use crate::reply;
use crate::session::{Client, Session, User};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libcyrus::auth::{AuthState, authorize_scripts};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::dav::sieve::{ScriptDir, Scripts};
use libcyrus::net::Error;
use libcyrus::net::prot::Stream;
use libcyrus::net::sasl::{Failure, Success};
use libcyrus::net::telemetry::Telemetry;
use libcyrus::util::mboxname::MboxName;

/// What the log says of a response that is not base64.
const NOT_BASE64: &str = "error base64 decoding string";

/// libsasl's word for an unknown user, which nobody is told.
const SASL_NOUSER: i32 = -20;
const SASL_BADAUTH_TEXT: &str = "authentication failure";

/// AUTHENTICATE.
///
/// # Errors
/// When the connection is lost.
pub fn authenticate(
    session: &mut Session<'_>,
    mechanism: &[u8],
    initial: Option<Vec<u8>>,
) -> Result<(), Error> {
    if session.user.is_some() {
        session.stream.write(&reply::no("Already authenticated"));
        return Ok(());
    }
    let name = String::from_utf8_lossy(mechanism).into_owned();
    let outcome = match initial.as_deref().map(decode).transpose() {
        Err(NotBase64) => Err(Failure::BadBase64),
        Ok(initial) => {
            let (stream, lexer) = (&mut session.stream, &mut session.lexer);
            let mut ask = |challenge: &[u8]| ask(stream, lexer, challenge);
            session.timsieved.sasl.exchange(&name, initial.as_deref(), true, &mut ask)
        }
    };
    let success = match outcome {
        Ok(success) => success,
        Err(failure) => return refuse(session, mechanism, failure),
    };
    let Some(user) = user_of(session, &success) else {
        session.stream.write(&reply::no("Authentication Error"));
        return Ok(());
    };
    match &success.success_data {
        Some(data) => {
            session.stream.write(format!("OK (SASL \"{}\")\r\n", STANDARD.encode(data)).as_bytes());
        }
        None => session.stream.write(reply::OK),
    }
    let has_tls = session.stream.tls().is_some();
    log::login_lmtp(&session.clienthost, &success.userid, &name, has_tls);
    session.stream.flush()?;
    session.user = Some(user);
    session.ssf = success.ssf;
    session.has_layer = success.ssf > 0;
    session.timsieved.sasl.install_layer(&mut session.stream)?;
    if success.ssf > 0 && session.timsieved.config.switch(Opt::SieveSaslSendUnsolicitedCapability) {
        capability::capability(session);
    }
    let userid = String::from_utf8_lossy(&success.userid).into_owned();
    let telemetry = Telemetry::open(&session.timsieved.config, &userid, &session.id);
    if telemetry.is_some() {
        session.stream.set_telemetry(telemetry);
    }
    Ok(())
}

/// Sends a challenge, as a literal, and reads the response by the lexer. Whatever does not belong to
/// the response stays for the next command.
fn ask(stream: &mut Stream, lexer: &mut Lexer, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = STANDARD.encode(challenge);
    stream.write(format!("{{{}}}\r\n{text}\r\n", text.len()).as_bytes());
    let mut client = Client(stream);
    let response = match lexer.token(&mut client).map_err(Failure::Stream)? {
        Token::String(response) => decode(&response).map_err(|NotBase64| Failure::BadBase64)?,
        _ => return Err(Failure::Cancelled),
    };
    match lexer.token(&mut client).map_err(Failure::Stream)? {
        Token::Eol => Ok(response),
        _ => Err(Failure::Refused {
            code: 0,
            text: "expected string".to_owned(),
            detail: String::new(),
            userid: None,
        }),
    }
}

/// It is not base64.
struct NotBase64;

fn decode(text: &[u8]) -> Result<Vec<u8>, NotBase64> {
    STANDARD.decode(text).map_err(|_| NotBase64)
}

fn refuse(session: &mut Session<'_>, mechanism: &[u8], failure: Failure) -> Result<(), Error> {
    let reason = match failure {
        Failure::Stream(error) => return Err(error),
        // Nothing is logged of a response that was no string.
        Failure::Cancelled => None,
        Failure::BadBase64 => Some(NOT_BASE64.to_owned()),
        Failure::Refused { code: SASL_NOUSER, .. } => Some(SASL_BADAUTH_TEXT.to_owned()),
        Failure::Refused { text, .. } => Some(text),
    };
    if let Some(reason) = reason {
        log::badlogin_sieve(&session.clienthost, mechanism, &reason);
    }
    session.stream.write(&reply::no("Authentication Error"));
    Ok(())
}

/// What a login opens; `None` when the scripts cannot be had, which is in the log.
fn user_of(session: &mut Session<'_>, success: &Success) -> Option<User> {
    if success.userid == b"anonymous" {
        return Some(User::Anonymous);
    }
    let (config, catalog) = (&session.timsieved.config, &session.timsieved.catalog);
    let state = AuthState::new(config, &success.userid);
    // An administrator who acts for somebody else is none for that time.
    let is_admin = success.authid == success.userid && state.is_admin();
    let inbox = MboxName::user_inbox(&success.userid, catalog.rules());
    match catalog.lookup(&inbox) {
        Ok(entry) if entry.mbtype.is_remote() => return elsewhere(session, success, entry.server.as_deref()),
        Ok(_) => {}
        Err(_) if is_admin => {}
        Err(error) => {
            log::write(Priority::Err, format_args!("{error}"));
            return None;
        }
    }
    if is_admin {
        let domain = success.userid.iter().rposition(|&octet| octet == b'@');
        let domain = domain.and_then(|at| success.userid.get(at.saturating_add(1)..));
        let made = ScriptDir::global(catalog, domain).and_then(|dir| dir.make());
        if made.is_err() {
            log::write(Priority::Err, format_args!("error in actions_setuser()"));
            return None;
        }
    }
    let granted = authorize_scripts(&state, &success.userid).ok()?;
    match Scripts::open(&session.timsieved.store, &success.userid, granted) {
        Ok(scripts) => Some(User::Owner(Box::new(scripts), success.userid.clone())),
        Err(error) => {
            log::write(Priority::Debug, format_args!("{error}"));
            log::write(Priority::Err, format_args!("error in actions_setuser()"));
            None
        }
    }
}

/// A user whose INBOX is on another server of the murder is sent there.
fn elsewhere(session: &mut Session<'_>, success: &Success, server: Option<&[u8]>) -> Option<User> {
    let server = server.unwrap_or_default();
    let server = server.split(|&octet| octet == b'!').next().unwrap_or_default();
    if !session.timsieved.config.switch(Opt::SieveAllowreferrals) {
        log::write(Priority::Err, format_args!("couldn't authenticate to backend server"));
        return None;
    }
    let has_domains = session.timsieved.facts.borrow().local_domain.is_some();
    let with_percent = |name: &[u8]| -> Vec<u8> {
        let mut name = name.to_vec();
        if let Some(at) = name.iter_mut().find(|octet| **octet == b'@') {
            *at = b'%';
        }
        name
    };
    let place = if has_domains {
        [&with_percent(&success.authid), b";".as_slice(), &with_percent(&success.userid), b"@", server]
            .concat()
    } else {
        server.to_vec()
    };
    Some(User::Elsewhere(success.userid.clone(), place))
}

/// UNAUTHENTICATE: as at the beginning of the connection, under the same TLS.
///
/// # Errors
/// When the connection is lost.
pub fn unauthenticate(session: &mut Session<'_>) -> Result<(), Error> {
    session.stream.write(reply::OK);
    if session.has_layer {
        session.stream.pop_layer()?;
    } else {
        session.stream.flush()?;
    }
    session.has_layer = false;
    session.ssf = 0;
    session.user = None;
    session.stream.set_telemetry(None);
    super::starttls::set_peer(session);
    Ok(())
}
