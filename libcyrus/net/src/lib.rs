//! Peers: buffered stream, TLS, SASL, telemetry, local datagrams.
//!
//! `prot` is the stream every protocol reads and writes; `tls` and `sasl` put layers under it;
//! `telemetry` copies it to a file; `local` pokes idled and notifyd.
#![forbid(unsafe_code)]

pub mod deflate;
pub mod error;
pub mod local;
pub mod notify;
pub mod prot;
pub mod sasl;
pub mod smtp;
pub mod telemetry;
pub mod tls;

pub use error::{Error, Result};
pub use prot::Stream;
