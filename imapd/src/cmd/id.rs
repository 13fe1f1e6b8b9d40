//! ID (RFC 2971).
//!
//! DIAGNOSTICS: `client id sessionid=<...>: "name" "value" ...` (INFO).

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};

/// Longest name or value of a client that is logged.
const LOGGED_OCTETS: usize = 1024;

/// ID.
pub fn id(session: &mut Session<'_>, parameters: &[(Vec<u8>, Option<Vec<u8>>)]) -> Flow {
    if session.user.is_none() && session.has_id {
        return Answer::ok("NIL").into();
    }
    if !parameters.is_empty() {
        let mut text = format!("client id sessionid=<{}>:", session.id);
        for (name, value) in parameters {
            let name = log::printable(name, LOGGED_OCTETS);
            let value = match value {
                Some(value) if value != b"NIL" => format!("\"{}\"", log::printable(value, LOGGED_OCTETS)),
                _ => "NIL".to_owned(),
            };
            text.push_str(&format!(" \"{name}\" {value}"));
        }
        log::write(Priority::Info, format_args!("{text}"));
    }
    let response = response(session);
    session.stream.write(response.as_bytes());
    super::noop::check(session);
    session.has_id = true;
    Answer::completed().into()
}

fn response(session: &Session<'_>) -> String {
    let config = &session.imapd.config;
    let info = config.choice(Opt::Serverinfo);
    let is_long = config.switch(Opt::Imapidresponse) && (session.user.is_some() || info == "on");
    if info == "off" && !is_long {
        return "* ID NIL\r\n".to_owned();
    }
    let mut text = "* ID (\"name\" \"Cyrus IMAPD\"".to_owned();
    if is_long || info == "on" {
        text.push_str(&format!(" \"version\" \"{}\"", libcyrus::base::VERSION));
    }
    text.push_str(" \"vendor\" \"Project Cyrus\" \"support-url\" \"https://www.cyrusimap.org\"");
    let kernel = |fact: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{fact}")).ok();
    if is_long && let (Some(os), Some(release)) = (kernel("ostype"), kernel("osrelease")) {
        text.push_str(&format!(" \"os\" \"{}\" \"os-version\" \"{}\"", os.trim(), release.trim()));
        text.push_str(" \"environment\" \"Built w/Cyrus SASL; Built w/rustls\"");
    }
    text.push_str(")\r\n");
    text
}
