//! One mailbox on disk.
//!
//! | file | what |
//! |---|---|
//! | [`location`] | where its files are |
//! | [`header`] | cyrus.header: name, uniqueid, quota root, ACL, keyword names |
//! | [`index`] | cyrus.index: header, records, versions |
//! | [`cache`] | cyrus.cache: envelope, structure, search text of each message |
//! | [`spool`] | message files |
//! | `open` | [`Mailbox`]: its locks, its files as they are now |
//! | `guard` | [`IndexGuard`]: what is read and changed under the index lock |
//! | `change` | what a session changed, and the order in which it is written |
//! | `expunge`, `repack`, `archive`, `life`, `restore`, [`reconstruct`] | the longer operations |
//!
//! A selected mailbox keeps a [`Mailbox`], which rests between commands. For each command the
//! session takes the user lock and with it the shared name lock, then the index lock, and lets
//! user and index lock go before it speaks:
//!
//! ```ignore
//! let user = mailbox.lock_user(Mode::Shared)?;
//! let index = mailbox.lock_index(&user, Mode::Shared)?;
//! for record in index.records() { .. }
//! ```

mod annotations;
pub(crate) mod archive;
pub mod cache;
mod change;
pub mod disk;
mod expunge;
mod guard;
pub mod header;
pub mod index;
mod life;
pub mod location;
mod open;
pub mod reconstruct;
mod repack;
mod restore;
pub mod spool;

pub use annotations::{AnnotationWrite, NewAnnotation};
pub use change::{Changed, QuotaUse, StoredAnnotation, Touch};
pub use expunge::{ExpungeOutcome, UnlinkMark};
pub use guard::{IndexGuard, Records};
pub use header::{FlagLimit, MailboxHeader};
pub use index::{
    IndexHeader, InternalFlags, MailboxOptions, Record, RecordView, SystemFlags, UserFlags, Version,
};
pub use life::{CreateParams, Renamed};
pub use location::Location;
pub use open::{Cleanup, Mailbox};
pub use restore::Restore;
