//! STARTTLS (RFC 5804 2.2).
//!
//! DIAGNOSTICS: `error initializing TLS` (ERR), `STARTTLS failed: HOST` (NOTICE).

use crate::cmd::capability;
use crate::reply;
use crate::session::Session;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::sasl::{Canonical, Peer};
use libcyrus::net::{Error, tls};
use std::time::Duration;

/// How long the handshake may take.
const HANDSHAKE_MIN_S: i64 = 10 * 60;

/// STARTTLS; what came behind it in the clear is dropped.
///
/// # Errors
/// When the connection is lost.
pub fn starttls(session: &mut Session<'_>) -> Result<(), Error> {
    let early = session.stream.buffered().len();
    session.stream.consume(early);
    if session.stream.tls().is_some() {
        session.stream.write(&reply::no("TLS already active"));
        return Ok(());
    }
    if session.timsieved.tls.is_none() {
        session.timsieved.tls = tls::Server::from_config(&session.timsieved.config).ok();
    }
    let Some(server) = &session.timsieved.tls else {
        log::write(Priority::Err, format_args!("error initializing TLS"));
        session.stream.write(&reply::no("Error initializing TLS"));
        return Ok(());
    };
    session.stream.write(b"OK \"Begin TLS negotiation now\"\r\n");
    session.stream.flush()?;
    let timeout_s = session.timsieved.config.duration_s(Opt::Timeout).max(HANDSHAKE_MIN_S);
    let timeout = Duration::from_secs(u64::try_from(timeout_s).unwrap_or(0));
    if let Err(error) = session.stream.start_tls(server, timeout) {
        log::write(Priority::Notice, format_args!("STARTTLS failed: {}", session.clienthost));
        log::write(Priority::Debug, format_args!("{error}"));
        session.stream.write(&reply::no("Starttls failed"));
        return Ok(());
    }
    set_peer(session);
    capability::capability(session);
    Ok(())
}

/// Tells libsasl of the connection as it is now.
pub fn set_peer(session: &mut Session<'_>) {
    let tls = session.stream.tls();
    let peer = Peer {
        addresses: session.addresses,
        external_ssf: tls.map_or(0, |info| info.bits),
        external_id: tls.and_then(|info| info.peer_cn.clone()),
    };
    session.timsieved.sasl.set_peer(peer);
    let local = session.addresses.map(|(local, _)| local);
    let domain = Canonical::from_config(&session.timsieved.config, local).domain_from_ip;
    session.timsieved.facts.borrow_mut().local_domain = domain.map(String::into_bytes);
}
