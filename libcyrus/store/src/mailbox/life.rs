//! Creating, deleting and renaming the files of a mailbox; the list entry is mboxlist's.

use super::location::Location;
use super::open::Mailbox;
use crate::context::Store;
use crate::error::Result;
use crate::lock::UserLock;
use cyrus_util::ids::{ModSeq, UidValidity};
use std::sync::Arc;

/// What a new mailbox starts with.
#[derive(Clone, Debug)]
pub struct CreateParams {
    /// ACL in TAB form.
    pub acl: Vec<u8>,
    /// Quota root above it.
    pub quotaroot: Option<Vec<u8>>,
    /// UIDVALIDITY; 0 for one from the clock.
    pub uidvalidity: UidValidity,
    /// Option bits; `None` for `mailbox_default_options`.
    pub options: Option<u32>,
    /// Highest modseq to start from; 0 for the default.
    pub highestmodseq: ModSeq,
}

/// How a rename ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// Only names changed.
    InPlace,
    /// Files were copied to the new place; the old place is to be deleted.
    Copied,
}

impl Mailbox {
    /// Makes directories, cyrus.index and cyrus.header. Needs an exclusive user lock.
    /// C: `mailbox_create()`
    ///
    /// # Errors
    /// `Exists` when there is an index already, `Io`.
    pub fn create(
        _store: &Arc<Store>,
        _user: &UserLock,
        _location: Location,
        _params: &CreateParams,
    ) -> Result<Self> {
        todo!()
    }

    /// Marks the mailbox deleted and closes it; the last closer removes the files.
    /// C: `mailbox_delete()`
    ///
    /// # Errors
    /// `Io`.
    pub fn delete(self, _user: &UserLock) -> Result<()> {
        todo!()
    }

    /// Gives the mailbox a new name (and partition or directories). A by-id mailbox that stays on
    /// its partition moves no file. C: `mailbox_rename_copy()`
    ///
    /// # Errors
    /// `Exists`, `Io`.
    pub fn rename(
        &mut self,
        _user: &UserLock,
        _to: &Location,
        _quotaroot: Option<Vec<u8>>,
    ) -> Result<Renamed> {
        todo!()
    }
}
