//! LMTP delivery into mailboxes.
//!
//! `process` what outlives a connection | `session` LHLO..DATA loop | `command` and `address` parse
//! lines | `data` finds the end of a message | `spool` DATA to stage file | `recipient` who is
//! meant | `deliver` per recipient | `script` which script filters it | `sieve_actions` what the
//! script does | `outgoing` mails of scripts | `login` AUTH and STARTTLS | `reply` all sentences.
#![forbid(unsafe_code)]

pub mod address;
pub mod command;
pub mod data;
pub mod deliver;
pub mod login;
pub mod outgoing;
pub mod process;
pub mod recipient;
pub mod reply;
pub mod script;
pub mod session;
pub mod sieve_actions;
pub mod spool;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Lmtpd>()
}
