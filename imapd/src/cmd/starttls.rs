//! STARTTLS (RFC 3501 6.2.1), TLS ports, and what TLS and SASL add to the capabilities.
//!
//! DIAGNOSTICS: `error initializing TLS` (ERR), `STARTTLS negotiation failed: HOST`,
//! `imaps TLS negotiation failed: HOST` (NOTICE).

use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::session::{Flow, Session, to_io};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::sasl::{Canonical, Peer};
use libcyrus::net::tls;
use std::time::Duration;

/// How long the handshake of a TLS port may take.
const HANDSHAKE_AT_ONCE: Duration = Duration::from_secs(180);

/// STARTTLS.
///
/// # Errors
/// When the conversation cannot go on.
pub fn starttls(session: &mut Session<'_>, tag: &[u8]) -> Result<Flow, Stop> {
    if !tls::is_enabled(&session.imapd.config) {
        return Ok(Answer::bad("Unrecognized command").into());
    }
    if session.user.is_some() {
        return Ok(Answer::bad("Can't Starttls after authentication").into());
    }
    if session.stream.tls().is_some() {
        return Ok(Answer::bad("Already did a successful Starttls").into());
    }
    if !load(session) {
        return Ok(Answer::no("Error initializing TLS").into());
    }
    session.stream.write(&Answer::ok("Begin TLS negotiation now").line(tag));
    session.stream.flush().map_err(|error| Stop::Io(to_io(error)))?;
    let timeout = session.timeout();
    if !shake_hands(session, timeout) {
        log::starttls_failed(&session.clienthost);
        return Ok(Answer::no("Starttls negotiation failed").into());
    }
    Ok(Flow::Answered)
}

/// TLS before the greeting (`-s`); false when the connection is to end.
pub fn at_once(session: &mut Session<'_>) -> bool {
    if !load(session) {
        return false;
    }
    let is_done = shake_hands(session, HANDSHAKE_AT_ONCE);
    if !is_done {
        log::tls_failed("imap", &session.clienthost);
    }
    is_done
}

/// Certificates and keys, read once.
fn load(session: &mut Session<'_>) -> bool {
    if session.imapd.tls.is_none() {
        session.imapd.tls = tls::Server::from_config(&session.imapd.config).ok();
    }
    if session.imapd.tls.is_none() {
        log::write(Priority::Err, format_args!("error initializing TLS"));
    }
    session.imapd.tls.is_some()
}

/// What was read but not used before the handshake is dropped there: it came in the clear.
fn shake_hands(session: &mut Session<'_>, timeout: Duration) -> bool {
    let Some(server) = &session.imapd.tls else { return false };
    if session.stream.start_tls(server, timeout).is_err() {
        return false;
    }
    set_peer(session);
    true
}

/// Tells libsasl of the connection as it is now.
pub fn set_peer(session: &mut Session<'_>) {
    let tls = session.stream.tls();
    session.ssf = tls.map_or(0, |info| info.bits);
    let peer = Peer {
        addresses: session.addresses,
        external_ssf: tls.map_or(session.imapd.options.external_ssf, |info| info.bits),
        external_id: tls.and_then(|info| info.peer_cn.clone()),
    };
    session.imapd.sasl.set_peer(peer);
    let local = session.addresses.map(|(local, _)| local);
    let domain = Canonical::from_config(&session.imapd.config, local).domain_from_ip;
    session.imapd.facts.borrow_mut().local_domain = domain.map(String::into_bytes);
}

/// STARTTLS, LOGINDISABLED, AUTH= and SASL-IR as the state of the session has it.
pub fn add_capabilities(session: &mut Session<'_>, tokens: &mut Vec<String>) {
    let is_tls = session.stream.tls().is_some();
    let is_required = super::login::needs_layer(session);
    let has_user = session.user.is_some();
    if tls::is_enabled(&session.imapd.config) && !is_tls && !has_user {
        tokens.push("STARTTLS".to_owned());
    }
    if is_required || has_user || !session.imapd.sasl.plaintext_allowed() {
        tokens.push("LOGINDISABLED".to_owned());
    }
    if is_required || (has_user && session.ssf == 0) {
        return;
    }
    let mechanisms = session.imapd.sasl.mechanisms().unwrap_or_default();
    if mechanisms.is_empty() {
        return;
    }
    tokens.extend(mechanisms.iter().map(|name| format!("AUTH={name}")));
    if !has_user {
        tokens.push("SASL-IR".to_owned());
    }
}

/// UNAUTHENTICATE, COMPRESS=DEFLATE, `X-QUOTA=` resources, IDLE and APPENDLIMIT, the end of the list.
pub fn add_limits(session: &Session<'_>, tokens: &mut Vec<String>) {
    if session.user.as_ref().is_some_and(|user| user.auth.is_admin()) {
        tokens.push("UNAUTHENTICATE".to_owned());
    }
    if !session.is_compressed {
        tokens.push("COMPRESS=DEFLATE".to_owned());
    }
    let resources = ["STORAGE", "MESSAGE", "X-ANNOTATION-STORAGE", "X-NUM-FOLDERS"];
    tokens.extend(resources.iter().map(|name| format!("X-QUOTA={name}")));
    if session.imapd.idle.is_some() {
        tokens.push("IDLE".to_owned());
    }
    let most = match u64::try_from(session.imapd.config.int(Opt::Maxmessagesize)) {
        Ok(kib @ 1..) => kib.saturating_mul(1024),
        _ => u64::from(u32::MAX),
    };
    tokens.push(format!("APPENDLIMIT={most}"));
}
