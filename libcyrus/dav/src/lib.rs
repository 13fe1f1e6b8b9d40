//! What a user's .dav database keeps, and the mailboxes behind it.
//!
//! | file | what |
//! |---|---|
//! | [`sieve`] | Sieve scripts: messages of the `#sieve` mailbox, rows of `sieve_scripts`, bytecode files |
#![forbid(unsafe_code)]

mod error;
pub mod sieve;

pub use error::{Error, Result};
