//! Plain data: names, sets, dates, checksums, dlist, ACL strings; no I/O, no configuration.
#![forbid(unsafe_code)]

pub mod guid;
pub mod ids;
