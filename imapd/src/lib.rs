//! IMAP4rev1 server.
//!
//! `parser/` turns bytes into a [`command::Command`]; `command` says what each needs; `session`
//! is one connection's loop; `cmd/` holds one file per command; `response/` writes untagged data;
//! `reply` is the only place of tagged sentences; `capability` lists what is advertised.
#![forbid(unsafe_code)]

pub mod annotate;
pub mod capability;
pub mod cmd;
pub mod command;
pub mod date;
pub mod host;
pub mod mailboxes;
pub mod parser;
pub mod process;
pub mod reply;
pub mod response;
pub mod search;
pub mod session;
pub mod urlpart;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Imapd>()
}
