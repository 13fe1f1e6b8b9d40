//! Moving messages to the archive partition (reference/mailbox-files.md 8.5).

use super::change::Touch;
use super::guard::IndexGuard;
use super::index::{InternalFlags, MailboxOptions, Record};
use super::spool;
use crate::context::Settings;
use crate::error::Result;
use crate::mboxlist::MbKind;
use cyrus_util::ids::{RecNo, UnixTime};
use std::sync::Arc;

/// Whether a message goes to the archive as it arrives: a large one, and an old one unless the
/// mailbox is a calendar or addressbook. Flags are not known yet then. C: `mailbox_should_archive()`
pub(crate) fn archives_at_append(
    settings: &Settings,
    kind: MbKind,
    size: u32,
    internaldate: UnixTime,
) -> bool {
    settings.archive_enabled
        && (u64::from(size) >= settings.archive_maxsize_octets
            || (!matches!(kind, MbKind::Addressbook | MbKind::Calendar)
                && internaldate.0 <= UnixTime::now().0.saturating_sub(settings.archive_after_s)))
}

impl IndexGuard<'_> {
    /// Moves every message that `decide` picks to the archive and gives their number; the old
    /// files go when the mailbox is cleaned up. Never the other way. C: `mailbox_archive()`
    ///
    /// # Errors
    /// `ReadOnly`, `Io`.
    pub fn archive(&mut self, mut decide: impl FnMut(&Record) -> bool) -> Result<u32> {
        self.check_writable()?;
        let mut moved = 0;
        let store = Arc::clone(self.mailbox.store());
        for recno in 1..=self.num_records() {
            let mut record = self.record(RecNo(recno))?;
            let skip = record.internal_flags.has(InternalFlags::ARCHIVED)
                || record.internal_flags.has(InternalFlags::UNLINKED);
            if skip || !decide(&record) {
                continue;
            }
            let cache = self.mailbox.cache_bytes(&record)?.into_owned();
            let location = self.mailbox.location().clone();
            if location.has_archive() {
                let to = location.archive_file(record.uid);
                spool::copy(store.disk(), &location.spool_file(record.uid), &to)?;
                spool::sync_file(store.disk(), &to)?;
            }
            record.internal_flags =
                record.internal_flags.with(InternalFlags::ARCHIVED).with(InternalFlags::NEEDS_CLEANUP);
            if location.has_archive_cache() {
                let version = record.cache_version;
                self.renew_cache(&mut record, &cache)?;
                record.cache_version = version;
            }
            self.rewrite(&mut record, Touch::Silent)?;
            self.change_index_header(|header| header.options.set(MailboxOptions::NEEDS_UNLINK, true))?;
            moved += 1;
        }
        Ok(moved)
    }
}
