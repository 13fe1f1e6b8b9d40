//! Mailboxes on disk.
//!
//! Rooms, bottom up: [`lock`] user, name and index locks as values; [`mailbox`] the files of one
//! mailbox; [`append`] how messages get in. Everything about one mailbox's files hangs on one [`Store`] value per process.
//!
//! What is not in a mailbox's own directories hangs on the [`Catalog`]: [`mboxlist`] which mailboxes
//! there are, [`partition`] where their files lie, [`quota`], [`annotate`], [`seen`], [`subs`],
//! [`statuscache`], [`duplicate`], [`counters`], [`userdeny`], [`synclog`] and [`user`]; [`event`]
//! tells others what happened.
#![forbid(unsafe_code)]

pub mod annotate;
pub mod append;
mod audit;
pub mod catalog;
mod context;
pub mod conversations;
pub mod counters;
pub mod duplicate;
mod error;
pub mod event;
pub mod lock;
pub mod mailbox;
pub mod mboxkey;
pub mod mboxlist;
pub mod partition;
mod partlist;
pub mod quota;
mod quotaroot;
pub mod seen;
pub mod statuscache;
pub mod subs;
pub mod synclog;
pub mod user;
pub mod userdeny;

pub use catalog::Catalog;
pub use context::{ExpungeMode, RecordObserver, Settings, Store};
pub use error::{Error, Resource, Result};
pub use quotaroot::QuotaSet;
