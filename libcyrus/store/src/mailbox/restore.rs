//! Bringing expunged messages back: as copies with new UIDs (reference/mailbox-files.md 8.3).

use super::change::Touch;
use super::guard::IndexGuard;
use super::header::FlagLimit;
use super::index::{InternalFlags, Record, SystemFlags};
use super::spool;
use crate::error::{Error, Result};
use cyrus_util::ids::{RecNo, Uid};
use std::sync::Arc;

/// What a restored message has that the expunged one had not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restore<'a> {
    /// \Deleted is taken away.
    pub undelete: bool,
    /// A keyword it gets.
    pub keyword: Option<&'a [u8]>,
}

impl IndexGuard<'_> {
    /// Appends a copy of an expunged message with flags, dates and annotations, and marks the old
    /// record for unlinking. The new UID. C: restore_expunged()
    ///
    /// # Errors
    /// `ReadOnly`, `TooManyFlags`, `InvalidIdentifier`, `Io`.
    pub fn restore(&mut self, old: &Record, how: &Restore<'_>) -> Result<Uid> {
        self.check_writable()?;
        let uid = self.header().last_uid.0.checked_add(1).ok_or(Error::Internal("out of uids"))?;
        let cache = self.mailbox.cache_bytes(old)?.into_owned();
        let mut new = Record {
            recno: RecNo(0),
            uid: Uid(uid),
            cache_offset: 0,
            internal_flags: old.internal_flags.without(InternalFlags::EXPUNGED),
            ..old.clone()
        };
        if how.undelete {
            new.system_flags = new.system_flags.without(SystemFlags::DELETED);
        }
        let store = Arc::clone(self.mailbox.store());
        let disk = store.disk();
        let location = self.mailbox.location().clone();
        let target = spool::record_file(&location, &new);
        for file in [location.spool_file(new.uid), location.archive_file(new.uid)] {
            disk.unlink(&file)?;
        }
        spool::link_or_copy(disk, &spool::record_file(&location, old), &target)?;
        spool::sync_file(disk, &target)?;
        if let Some(directory) = target.parent() {
            spool::sync_file(disk, directory)?;
        }
        if let Some(keyword) = how.keyword {
            let slot = self.user_flag(keyword, FlagLimit::Client)?;
            new.user_flags.set(slot, true);
        }
        self.append(&mut new, &cache, Touch::Modseq)?;
        let annotations = self.mailbox.annotations_of(old.uid)?;
        self.take_annotations(&annotations, new.uid)?;
        let mut old = old.clone();
        old.internal_flags =
            old.internal_flags.with(InternalFlags::UNLINKED).with(InternalFlags::NEEDS_CLEANUP);
        self.rewrite(&mut old, Touch::Modseq)?;
        Ok(new.uid)
    }
}
