//! LMTP delivery into mailboxes.
//!
//! `process` what outlives a connection | `session` LHLO..DATA loop | `command` and `address` parse
//! lines | `data` finds the end of a message | `spool` DATA to stage file | `recipient` who is
//! meant | `deliver` per recipient | `login` AUTH and STARTTLS | `reply` all sentences.
#![forbid(unsafe_code)]

pub mod address;
pub mod command;
pub mod data;
pub mod deliver;
pub mod login;
pub mod process;
pub mod recipient;
pub mod reply;
pub mod session;
pub mod spool;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Lmtpd>()
}
