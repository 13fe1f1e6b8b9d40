//! Expunging, and unlinking what was expunged (reference/mailbox-files.md 8.3).

use super::change::Touch;
use super::guard::IndexGuard;
use super::index::{InternalFlags, MailboxOptions, Record};
use super::location::Location;
use super::open::Mailbox;
use super::spool;
use crate::error::{Error, Result};
use crate::event::{EventKind, Order};
use crate::lock::{Mode, UserLock};
use cyrus_base::log::{self, Priority};
use cyrus_util::ids::{RecNo, Uid, UnixTime};

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
    /// Expunges every live record that `decide` picks, and tells it as `kind`.
    /// C: `mailbox_expunge()`
    ///
    /// # Errors
    /// As `rewrite`.
    pub fn expunge(
        &mut self,
        kind: EventKind,
        mut decide: impl FnMut(&Record) -> bool,
    ) -> Result<ExpungeOutcome> {
        self.check_writable()?;
        let mut event = self.event(kind);
        let mut outcome = ExpungeOutcome::default();
        for recno in 1..=self.num_records() {
            let mut record = self.record(RecNo(recno))?;
            if !record.is_live() || !decide(&record) {
                continue;
            }
            record.internal_flags = record.internal_flags.with(InternalFlags::EXPUNGED);
            self.rewrite(&mut record, Touch::Modseq)?;
            outcome.uids.push(record.uid);
            if let Some(event) = &mut event {
                event.add_record(self.mailbox_mut(), &record);
            }
        }
        if let Some(mut event) = event.filter(|_| !outcome.uids.is_empty()) {
            event.set_user(b"");
            self.tell(Order::BeforeModseq, event);
        }
        Ok(outcome)
    }

    /// Marks old expunged records for unlinking, works out first_expunged anew, and gives their
    /// number. C: `mailbox_expunge_cleanup()`
    ///
    /// # Errors
    /// As `rewrite`.
    pub fn mark_unlinked(&mut self, mark: UnlinkMark) -> Result<u32> {
        self.check_writable()?;
        let mut marked = 0;
        let mut first = UnixTime(0);
        let mut repack = false;
        for recno in 1..=self.num_records() {
            let mut record = self.record(RecNo(recno))?;
            if record.is_live() {
                continue;
            }
            if record.internal_flags.has(InternalFlags::UNLINKED) {
                repack = true;
                continue;
            }
            if matches!(mark, UnlinkMark::Until(time) if record.last_updated > time) {
                if first.0 == 0 || first > record.last_updated {
                    first = record.last_updated;
                }
                continue;
            }
            repack = true;
            record.internal_flags = record.internal_flags.with(InternalFlags::UNLINKED);
            self.rewrite(&mut record, Touch::Silent)?;
            marked += 1;
        }
        if repack {
            self.change_index_header(|header| {
                header.options.set(MailboxOptions::NEEDS_REPACK, true);
                header.first_expunged = first;
            })?;
        }
        Ok(marked)
    }
}

impl Mailbox {
    /// Removes the files of unlinked records and the stale copies of archived ones. Needs the
    /// exclusive name lock. C: `mailbox_index_unlink()`
    pub(super) fn unlink_expunged(&mut self, user: &UserLock) -> Result<()> {
        if self.name_lock.as_ref().is_none_or(|lock| lock.mode() != Mode::Exclusive) {
            return Err(Error::Locked);
        }
        let mut guard = self.lock_index(user, Mode::Exclusive)?;
        let store = std::sync::Arc::clone(guard.mailbox().store());
        log::write(
            Priority::Info,
            format_args!("Unlinking files in mailbox {}", guard.mailbox().location().name),
        );
        let mut gone = Vec::new();
        for recno in 1..=guard.num_records() {
            let mut record = guard.record(RecNo(recno))?;
            if !needs_cleanup(&record) {
                continue;
            }
            guard.mailbox().audit_files_going(&record);
            clean_files(store.disk(), guard.mailbox().location(), &record)?;
            if record.internal_flags.has(InternalFlags::UNLINKED) {
                gone.push(record.uid);
            }
            if record.internal_flags.has(InternalFlags::NEEDS_CLEANUP) {
                record.internal_flags = record.internal_flags.without(InternalFlags::NEEDS_CLEANUP);
                guard.changes.records.insert(record.recno.0, record);
            }
        }
        guard.mailbox().remove_annotations(&gone)?;
        guard.change_index_header(|header| header.options.set(MailboxOptions::NEEDS_UNLINK, false))?;
        guard.commit()?;
        Ok(())
    }
}

pub(super) fn needs_cleanup(record: &Record) -> bool {
    record.internal_flags.has(InternalFlags::NEEDS_CLEANUP)
        || record.internal_flags.has(InternalFlags::UNLINKED)
}

/// Removes the files a record does not need: both when it is unlinked, else the copy on the
/// partition where it does not live. C: `mailbox_record_cleanup()`
pub(super) fn clean_files(disk: &super::disk::Disk, location: &Location, record: &Record) -> Result<()> {
    if record.internal_flags.has(InternalFlags::UNLINKED) {
        return spool::remove_files(disk, location, record.uid);
    }
    if location.has_archive() {
        let stale = if record.internal_flags.has(InternalFlags::ARCHIVED) {
            location.spool_file(record.uid)
        } else {
            location.archive_file(record.uid)
        };
        disk.unlink(&stale)?;
    }
    Ok(())
}
