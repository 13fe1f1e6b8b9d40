//! Harness of the live tests: private instances of the oracle (Debian's Cyrus 3.6.1) or of our programs, protocol
//! clients that record what they see, and the bookkeeping of what cannot pass yet.
//!
//! A dialogue is written once (`tests/data/dialogues`), what the oracle answered is kept (`tests/golden/dialogues`),
//! and the same dialogue is run on the oracle, on ours, and on both at once over the same mailboxes.
#![forbid(unsafe_code)]

pub mod dialogue;
pub mod imap;
pub mod instance;
pub mod known;
pub mod lmtp;
pub mod place;
pub mod pop3;
pub mod record;
pub mod sieve;
pub mod sieve_scripts;
pub mod smtp;
pub mod syslog;
pub mod tls;
pub mod transcript;
pub mod wait;

pub use imap::Imap;
pub use instance::{Builder, Instance, Server};
pub use known::case;
pub use lmtp::Lmtp;
pub use sieve::Sieve;
pub use wait::wait_for;
