//! What a user's .dav database keeps, and the mailboxes behind it.
//!
//! | file | what |
//! |---|---|
//! | [`card`] | address books, as far as Sieve asks |
//! | [`db`] | the SQLite file |
//! | [`sieve`] | Sieve scripts: messages of the `#sieve` mailbox, rows of `sieve_scripts`, bytecode files |
#![forbid(unsafe_code)]

pub mod card;
pub mod db;
mod error;
pub mod sieve;

pub use error::{Error, Result};
