//! ManageSieve: scripts managed by their users (RFC 5804).
//!
//! `process` what outlives a connection | `session` the command loop | `lex` octets to tokens |
//! `command` tokens to commands | `cmd` what they do | `reply` the sentences.
#![forbid(unsafe_code)]

pub mod cmd;
pub mod command;
pub mod lex;
pub mod process;
pub mod reply;
pub mod session;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Timsieved>()
}
