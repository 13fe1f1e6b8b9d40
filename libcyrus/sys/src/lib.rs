//! The kernel: maps, locks, descriptors, processes, signals, sockets, libsasl2, syslog.
//!
//! All `unsafe` of the project lives in this crate, each block with its SAFETY line; every
//! other crate forbids it.

pub mod addrinfo;
pub mod fd;
pub mod localtime;
pub mod lock;
pub mod map;
pub mod privilege;
pub mod process;
pub mod random;
pub mod sasl;
pub mod signal;
pub mod socket;
pub mod space;
pub mod spawn;
pub mod syslog;
pub mod time;
pub mod title;
pub mod tmpfile;
