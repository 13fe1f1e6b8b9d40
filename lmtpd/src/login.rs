//! AUTH (RFC 2554) and STARTTLS (RFC 3207).
//!
//! A unix socket and `-a` are trusted: such a client is the postman and may offer EXTERNAL only.

use crate::session::{Authenticated, Session};
use libcyrus::base::log::{self, Priority};
use libcyrus::net::sasl::{Dialect, Failure, Peer, Success};
use libcyrus::net::telemetry::Telemetry;
use libcyrus::net::{Error, tls};
use std::time::Duration;

/// Who a trusted client is.
pub const POSTMAN: &str = "postman";

/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(360);

/// libsasl's codes that have answers of their own.
const SASL_NOMECH: i32 = -4;
const SASL_NOUSER: i32 = -20;

/// Tells libsasl about the connection as it is now.
pub fn set_peer(session: &mut Session<'_>) {
    let tls = session.stream.tls();
    let peer = if session.is_preauthorised {
        Peer { addresses: session.addresses, external_ssf: 2, external_id: Some(POSTMAN.to_owned()) }
    } else {
        Peer {
            addresses: session.addresses,
            external_ssf: tls.map_or(0, |info| info.bits),
            external_id: tls.and_then(|info| info.peer_cn.clone()),
        }
    };
    session.lmtpd.sasl.set_peer(peer);
}

/// The mechanisms LHLO shows, with blanks between; `None` for none.
pub fn mechanisms(session: &mut Session<'_>) -> Option<String> {
    if session.authenticated == Authenticated::Login {
        return None;
    }
    if session.is_preauthorised {
        return Some("EXTERNAL".to_owned());
    }
    let list = session.lmtpd.sasl.mechanisms().unwrap_or_default();
    let list: Vec<_> = list.into_iter().filter(|name| name != "ANONYMOUS").collect();
    (!list.is_empty()).then(|| list.join(" "))
}

/// AUTH.
///
/// # Errors
/// When the connection is lost.
pub fn auth(session: &mut Session<'_>, mechanism: &[u8], initial: Option<&[u8]>) -> Result<(), Error> {
    if session.authenticated == Authenticated::Login {
        session.stream.write(b"503 5.5.0 already authenticated\r\n");
        return Ok(());
    }
    if session.has_recipients() {
        session.stream.write(b"503 5.5.0 AUTH not permitted now\r\n");
        return Ok(());
    }
    let name = String::from_utf8_lossy(mechanism).to_ascii_uppercase();
    let is_offered = if session.is_preauthorised { name == "EXTERNAL" } else { name != "ANONYMOUS" };
    if !is_offered {
        session.stream.write(b"504 Unrecognized authentication type.\r\n");
        return Ok(());
    }
    let sasl = &mut session.lmtpd.sasl;
    match sasl.authenticate(&mut session.stream, &name, initial, &Dialect::LMTP) {
        Ok(success) => logged_in(session, &success),
        Err(failure) => refuse(session, &name, failure),
    }
}

fn logged_in(session: &mut Session<'_>, success: &Success) -> Result<(), Error> {
    let tls = session.stream.tls().is_some();
    log::login_lmtp(&session.clienthost, &success.userid, &success.mechanism, tls);
    session.authenticated = Authenticated::Login;
    session.ssf = success.ssf;
    start_telemetry(session, &String::from_utf8_lossy(&success.userid));
    session.stream.write(b"235 Authenticated!\r\n");
    session.stream.flush()?;
    session.lmtpd.sasl.install_layer(&mut session.stream)
}

fn refuse(session: &mut Session<'_>, mechanism: &str, failure: Failure) -> Result<(), Error> {
    let reply = match failure {
        Failure::Cancelled => "501 5.5.4 client canceled authentication\r\n".to_owned(),
        Failure::BadBase64 => "501 5.5.4 Error reading client response: \r\n".to_owned(),
        Failure::Refused { code: SASL_NOMECH, .. } => "504 Unrecognized authentication type.\r\n".to_owned(),
        Failure::Refused { code, detail, userid, .. } => {
            let user = userid.filter(|_| code != SASL_NOUSER);
            let user = user.as_deref().unwrap_or(b"-notset-");
            log::badlogin_lmtp(&session.clienthost, mechanism, Some(user), &detail);
            // What C says of every refusal, because it asks libsasl for the text of a code of its
            // own; so nobody learns whether a user exists.
            "501 5.5.4 undefined error!\r\n".to_owned()
        }
        Failure::Stream(error) => return Err(error),
    };
    session.stream.write(reply.as_bytes());
    Ok(())
}

/// Copies the dialogue where the directory `log/<user>` exists.
pub fn start_telemetry(session: &mut Session<'_>, user: &str) {
    let telemetry = Telemetry::open(&session.lmtpd.config, user, &session.id);
    if telemetry.is_some() {
        session.stream.set_telemetry(telemetry);
    }
}

/// STARTTLS.
///
/// # Errors
/// When the connection is lost.
pub fn starttls(session: &mut Session<'_>) -> Result<(), Error> {
    if session.is_preauthorised || !tls::is_enabled(&session.lmtpd.config) {
        session.stream.write(b"500 5.5.2 Syntax error\r\n");
        return Ok(());
    }
    if session.stream.tls().is_some() {
        session.stream.write(b"454 4.3.3 Already successfully executed STARTTLS\r\n");
        return Ok(());
    }
    if session.has_recipients() {
        session.stream.write(b"503 5.5.0 STARTTLS not permitted now\r\n");
        return Ok(());
    }
    if session.lmtpd.tls.is_none() {
        session.lmtpd.tls = tls::Server::from_config(&session.lmtpd.config).ok();
    }
    let Some(server) = &session.lmtpd.tls else {
        log::write(Priority::Err, format_args!("[lmtpd] error initializing TLS"));
        session.stream.write(b"454 4.3.3 Error initializing TLS\r\n");
        return Ok(());
    };
    // Whatever was sent behind STARTTLS in the clear is dropped.
    let early = session.stream.buffered().len();
    session.stream.consume(early);
    session.stream.write(b"220 Begin TLS negotiation now\r\n");
    session.stream.flush()?;
    match session.stream.start_tls(server, TLS_TIMEOUT) {
        Ok(info) => {
            if info.peer_cn.is_some() {
                session.authenticated = Authenticated::Certificate;
            }
            set_peer(session);
            Ok(())
        }
        Err(error) => {
            log::write(Priority::Notice, format_args!("[lmtpd] STARTTLS failed: {}", session.clienthost));
            log::write(Priority::Debug, format_args!("{error}"));
            session.stream.write(b"454 4.3.3 STARTTLS failed\r\n");
            Ok(())
        }
    }
}
