//! POP3: a mailbox picked up (RFC 1939, 2449, 2595, 5034).
//!
//! `process` what outlives a connection | `session` one connection's loop | `command` a line as a typed
//! command | `login` USER, PASS, APOP, AUTH and STLS | `capa` what is offered | `maildrop` the messages as
//! they were at login, and what QUIT does to them | `message` a message as it is sent.
//!
//! No lock is held while the client is silent: the list of messages is taken under the locks once, and
//! QUIT takes them again (users' complaint cyrus#3827).
#![forbid(unsafe_code)]

pub mod capa;
pub mod command;
pub mod login;
pub mod maildrop;
pub mod message;
pub mod process;
pub mod session;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Pop3d>()
}
