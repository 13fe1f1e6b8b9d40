//! Mailboxes on disk.
//!
//! Rooms, bottom up: [`lock`] user, name and index locks as values; [`mailbox`] the files of one
//! mailbox; [`append`] how messages get in. Everything hangs on one [`Store`] value per process.
#![forbid(unsafe_code)]

pub mod append;
mod context;
mod error;
pub mod lock;
pub mod mailbox;

pub use context::{ExpungeMode, RecordObserver, Settings, Store};
pub use error::{Error, Resource, Result};
