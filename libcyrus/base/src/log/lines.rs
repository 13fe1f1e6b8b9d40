//! The lines themselves, one function each, in the words of the C programs.

use super::Logged;
use std::fmt;
use std::io;

/// `IOERROR: TEXT: key=<value> ... syserror=<...>`: an input/output failure at the place that knows file and errno.
pub fn ioerror(text: &str, fields: &[(&str, &dyn fmt::Display)], error: Option<&io::Error>) -> Logged {
    let _ = (text, fields, error);
    todo!()
}

/// `DBERROR: TEXT: key=<value> ...`.
pub fn dberror(text: &str, fields: &[(&str, &dyn fmt::Display)]) -> Logged {
    let _ = (text, fields);
    todo!()
}

/// `login: HOST USER MECH[+TLS] User logged in SESSIONID=<ID>`
pub fn login(host: &str, userid: &[u8], mechanism: &str, tls: bool, sessionid: &str) {
    let _ = (host, userid, mechanism, tls, sessionid);
    todo!()
}

/// `badlogin: HOST MECHANISM (USER) [REASON]`
pub fn badlogin(host: &str, mechanism: &str, userid: Option<&[u8]>, reason: &str) {
    let _ = (host, mechanism, userid, reason);
    todo!()
}
