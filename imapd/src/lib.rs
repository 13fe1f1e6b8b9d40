//! IMAP4rev1 server.
//!
//! `parser/` turns bytes into a [`command::Command`]; `command` says what each needs; `session`
//! is one connection's loop; `cmd/` holds one file per command; `response/` writes untagged data;
//! `reply` is the only place of tagged sentences; `capability` lists what is advertised.
#![forbid(unsafe_code)]

pub mod command;
pub mod date;
pub mod parser;
