//! Writing the index and caches anew without unlinked records (reference/mailbox-files.md 8.4).

use super::index::Version;
use super::open::Mailbox;
use crate::error::Result;
use crate::lock::UserLock;

impl Mailbox {
    /// Repacks, into `version` or the present one. Needs the exclusive name lock.
    /// C: `mailbox_index_repack()`, `mailbox_setversion()`
    ///
    /// # Errors
    /// `Locked` without the exclusive name lock, `Corrupt`, `Io`.
    pub fn repack(&mut self, _user: &UserLock, _version: Option<Version>) -> Result<()> {
        todo!()
    }
}
