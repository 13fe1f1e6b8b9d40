//! LMTP delivery into mailboxes.
//!
//! `command` and `address` parse lines | `data` finds the end of a message.
#![forbid(unsafe_code)]

pub mod address;
pub mod command;
pub mod data;
