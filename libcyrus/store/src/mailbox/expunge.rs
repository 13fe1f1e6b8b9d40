//! Expunging, and unlinking what was expunged (reference/mailbox-files.md 8.3).

use super::index::Record;
use super::open::IndexGuard;
use crate::error::Result;
use cyrus_util::ids::{Uid, UnixTime};

/// What an expunge did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpungeOutcome {
    /// The UIDs, ascending.
    pub uids: Vec<Uid>,
}

/// From when on expunged records are to be unlinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnlinkMark {
    /// All.
    All,
    /// Those expunged at or before this time.
    Until(UnixTime),
}

impl IndexGuard<'_> {
    /// Expunges every live record that `decide` picks. C: `mailbox_expunge()`
    ///
    /// # Errors
    /// As `rewrite`.
    pub fn expunge(&mut self, _decide: impl FnMut(&Record) -> bool) -> Result<ExpungeOutcome> {
        todo!()
    }

    /// Marks old expunged records for unlinking; gives their number. C: `mailbox_expunge_cleanup()`
    ///
    /// # Errors
    /// As `rewrite`.
    pub fn mark_unlinked(&mut self, _mark: UnlinkMark) -> Result<u32> {
        todo!()
    }
}
