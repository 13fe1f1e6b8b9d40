//! The greeting and CAPA (RFC 1939 4, RFC 2449).

use crate::session::Session;
use libcyrus::base::VERSION;
use libcyrus::base::config::Opt;
use libcyrus::net::tls;

/// The greeting; the challenge of APOP is at its end.
#[must_use]
pub fn greeting(session: &Session<'_>) -> String {
    let config = &session.pop3d.config;
    let server = match config.choice(Opt::Serverinfo) {
        "off" => String::new(),
        "min" => format!(" {}", config.servername()),
        _ => format!(" {} Cyrus POP3 {VERSION}", config.servername()),
    };
    format!("+OK{server} server ready {}\r\n", session.challenge.as_deref().unwrap_or_default())
}

/// CAPA.
pub fn capa(session: &mut Session<'_>) {
    let mut out = String::from("+OK List of capabilities follows\r\n");
    let logged_in = session.user.is_some();
    let needs_layer = session.needs_layer();
    if !needs_layer && (!logged_in || session.ssf > 0) {
        let mechanisms = session.pop3d.sasl.mechanisms().unwrap_or_default();
        if !mechanisms.is_empty() {
            out.push_str(&format!("SASL {}\r\n", mechanisms.join(" ")));
        }
    }
    let config = &session.pop3d.config;
    if tls::is_enabled(config) && session.stream.tls().is_none() && !logged_in {
        out.push_str("STLS\r\n");
    }
    match config.duration_s(Opt::Popexpiretime) {
        ..0 => out.push_str("EXPIRE NEVER\r\n"),
        seconds => out.push_str(&format!("EXPIRE {}\r\n", seconds / (24 * 60 * 60))),
    }
    out.push_str(&format!("LOGIN-DELAY {}\r\n", config.duration_s(Opt::Popminpoll)));
    out.push_str("TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n");
    if !needs_layer && !logged_in && session.pop3d.sasl.plaintext_allowed() {
        out.push_str("USER\r\n");
    }
    if logged_in || config.choice(Opt::Serverinfo) == "on" {
        out.push_str(&format!("IMPLEMENTATION Cyrus POP3 {VERSION}\r\n"));
    }
    out.push_str(".\r\n");
    session.stream.write(out.as_bytes());
}
