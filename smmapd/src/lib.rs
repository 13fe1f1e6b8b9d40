//! Socketmap: may this address be delivered to now?
//!
//! `netstring` requests on the wire | `process` what outlives a connection | `session` the loop |
//! `verify` who an address is, and whether there is room | `reply` all answers.
#![forbid(unsafe_code)]

pub mod netstring;
pub mod process;
pub mod reply;
pub mod session;
pub mod verify;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Smmapd>()
}
