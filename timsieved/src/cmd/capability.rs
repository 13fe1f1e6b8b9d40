//! CAPABILITY (RFC 5804 2.4), also the greeting. C: capabilities()

use crate::reply;
use crate::session::Session;
use libcyrus::base::VERSION;
use libcyrus::base::config::Opt;
use libcyrus::net::tls;
use libcyrus::sieve;

/// Writes all capabilities.
pub fn capability(session: &mut Session<'_>) {
    let config = &session.timsieved.config;
    let murder = if config.string(Opt::MupdateServer).is_some() { " (Murder)" } else { "" };
    let implementation = match config.choice(Opt::Serverinfo) {
        "on" => format!("Cyrus timsieved{murder} {VERSION}"),
        "min" => format!("Cyrus timsieved{murder}"),
        _ => "ManageSieve".to_owned(),
    };
    let mut text = format!("\"IMPLEMENTATION\" \"{implementation}\"\r\n\"VERSION\" \"1.0\"\r\n");
    if !session.needs_tls() && (session.user.is_none() || session.ssf > 0) {
        let mechanisms = session.timsieved.sasl.mechanisms().unwrap_or_default();
        text.push_str(&format!("\"SASL\" \"{}\"\r\n", mechanisms.join(" ")));
    }
    for line in sieve::extensions(&session.timsieved.compile) {
        text.push_str(&format!("\"{}\" \"{}\"\r\n", line.name, line.value));
    }
    let has_tls = session.stream.tls().is_some();
    if tls::is_enabled(&session.timsieved.config) && !has_tls && session.user.is_none() {
        text.push_str("\"STARTTLS\"\r\n");
    }
    session.stream.write(text.as_bytes());
    if let Some(user) = &session.user {
        let owner = [b"\"OWNER\" ".as_slice(), &reply::quoted(user.userid()), b"\r\n"].concat();
        session.stream.write(&owner);
    }
    session.stream.write(b"\"UNAUTHENTICATE\"\r\nOK\r\n");
}
