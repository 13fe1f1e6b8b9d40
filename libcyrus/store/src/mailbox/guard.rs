//! The index lock: what is read under it, and the changes that are collected under it.

use super::change::{Changes, Touch};
use super::header::{FlagLimit, MailboxHeader};
use super::index::{
    IndexHeader, InternalFlags, MailboxOptions, Record, RecordView, annot_crc, is_virtual_annotation,
};
use super::open::Mailbox;
use crate::append::local_midnight_of;
use crate::context::ExpungeMode;
use crate::counters::Counters;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind, Order, Place};
use crate::lock::{Mode, UserLock};
use cyrus_base::log::Priority;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UnixTime};
use std::sync::Arc;

/// The index lock. Views of cyrus.index live no longer than it; changes are collected and written
/// by [`IndexGuard::commit`]; dropping it without commit throws them away.
#[must_use = "the index lock is released when this value is dropped"]
#[derive(Debug)]
pub struct IndexGuard<'m> {
    pub(super) mailbox: &'m mut Mailbox,
    pub(super) mode: Mode,
    pub(super) changes: Changes,
    pub(super) user: &'m UserLock,
    /// What is to be told once the changes are written.
    pub(super) events: Vec<(Order, Event)>,
    /// The owner's counters before the changes were written, where events tell of them.
    pub(super) counters_before: Option<Counters>,
}

/// Iterator over records in ascending order.
#[derive(Debug)]
pub struct Records<'g> {
    guard: &'g IndexGuard<'g>,
    next: u32,
}

impl Iterator for Records<'_> {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.guard.num_records() {
            return None;
        }
        self.next += 1;
        Some(self.guard.record(RecNo(self.next)))
    }
}

impl IndexGuard<'_> {
    /// The mailbox.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        self.mailbox
    }

    /// The mailbox, to read its cache.
    pub fn mailbox_mut(&mut self) -> &mut Mailbox {
        self.mailbox
    }

    /// How the lock is held.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The index header with the changes of this session.
    #[must_use]
    pub fn header(&self) -> &IndexHeader {
        &self.changes.header
    }

    /// cyrus.header with the changes of this session.
    #[must_use]
    pub fn mailbox_header(&self) -> &MailboxHeader {
        self.changes.mailbox_header.as_ref().unwrap_or(&self.mailbox.header)
    }

    /// How many records there are, expunged ones included.
    #[must_use]
    pub fn num_records(&self) -> u32 {
        self.changes.header.num_records
    }

    /// The time that this session stamps on its changes.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.changes.now
    }

    /// A record as on disk, in place, unchecked and without the changes of this session; for scans.
    #[must_use]
    pub fn view(&self, recno: RecNo) -> Option<RecordView<'_>> {
        if recno.0 == 0 || recno.0 > self.changes.stored {
            return None;
        }
        let header = &self.changes.header;
        let offset = u64::from(header.start_offset) + u64::from(recno.0 - 1) * u64::from(header.record_size);
        RecordView::new(self.mailbox.map.get(usize::try_from(offset).ok()?..)?, header.version, recno)
    }

    /// A record with the changes of this session. C: `mailbox_read_index_record()`
    ///
    /// # Errors
    /// `Corrupt` for a wrong CRC or a position past the end.
    pub fn record(&self, recno: RecNo) -> Result<Record> {
        if let Some(changed) = self.changes.records.get(&recno.0) {
            return Ok(changed.clone());
        }
        let path = &self.mailbox.location.index;
        let past = || Error::corrupt(path, u64::from(recno.0), "index record past end of file");
        self.view(recno).ok_or_else(past)?.read(path)
    }

    /// Has the whole index in memory, for who is about to look at every record and may be the first to do so.
    pub fn bring_in(&self) {
        self.mailbox.map.bring_in(&self.mailbox.index_file.file);
    }

    /// All records, expunged ones included, with the changes of this session.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records { guard: self, next: 0 }
    }

    /// The record of a UID, expunged or not. C: `mailbox_find_index_record()`
    ///
    /// # Errors
    /// As [`IndexGuard::record`].
    pub fn find(&self, uid: Uid) -> Result<Option<Record>> {
        let (mut low, mut high) = (1, self.num_records());
        while low <= high {
            let middle = low + (high - low) / 2;
            match self.uid_at(middle).cmp(&Some(uid)) {
                std::cmp::Ordering::Equal => return self.record(RecNo(middle)).map(Some),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle - 1,
            }
        }
        Ok(None)
    }

    fn uid_at(&self, recno: u32) -> Option<Uid> {
        match self.view(RecNo(recno)) {
            Some(view) => Some(view.uid()),
            None => self.changes.records.get(&recno).map(|record| record.uid),
        }
    }

    /// Begins an event about this mailbox; none where nobody wants to hear of its kind.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Option<Event> {
        self.mailbox.store.catalog()?.event(kind)
    }

    /// Tells an event once the changes of this session are written, or never if they are not.
    pub fn tell(&mut self, order: Order, event: Event) {
        self.events.push((order, event));
    }

    /// Tells an event about what was written already.
    pub(crate) fn tell_now(&self, event: Event) {
        if let Some(catalog) = self.mailbox.store.catalog() {
            catalog.report_of(&self.place(self.counters_before.as_ref()), event);
        }
    }

    /// Tells what was put off, and that the modseq rose.
    pub(super) fn tell_written(&mut self) {
        let Some(catalog) = self.mailbox.store.catalog().filter(|catalog| catalog.tells_events()) else {
            return;
        };
        let catalog = Arc::clone(catalog);
        let (before, after): (Vec<_>, Vec<_>) = std::mem::take(&mut self.events)
            .into_iter()
            .partition(|(order, _)| *order == Order::BeforeModseq);
        let counters = self.counters_before.as_ref();
        for (_, event) in before {
            catalog.report_of(&self.place(counters), event);
        }
        if self.changes.modseq_dirty
            && let Some(mut event) = catalog.event(EventKind::MailboxModseq)
        {
            event.set_user(b"");
            catalog.report_of(&self.place(None), event);
        }
        for (_, event) in after {
            catalog.report_of(&self.place(counters), event);
        }
    }

    fn place<'a>(&'a self, counters: Option<&'a Counters>) -> Place<'a> {
        Place {
            location: &self.mailbox.location,
            header: self.changes.mailbox_header.as_ref().unwrap_or(&self.mailbox.header),
            index: &self.changes.header,
            counters,
        }
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        if self.mode == Mode::Exclusive { Ok(()) } else { Err(Error::ReadOnly) }
    }

    /// Whether expunged messages lose their files at once.
    fn expunges_at_once(&self) -> bool {
        self.mailbox.store.settings().expunge_mode != ExpungeMode::Delayed
            || self.changes.header.version.minor() < 12
    }

    /// Rewrites a record (flags, dates, cid ...). With [`Touch::Modseq`] it gets the next modseq.
    /// The record's modseq and last_updated fields are set. C: `mailbox_rewrite_index_record()`
    ///
    /// # Errors
    /// `ReadOnly` without the exclusive lock, `Corrupt`, what an observer says.
    pub fn rewrite(&mut self, record: &mut Record, touch: Touch) -> Result<()> {
        self.check_writable()?;
        let old = self.record(record.recno)?;
        if old.uid != record.uid || old.guid != record.guid {
            return Err(Error::Internal("rewrite of another message"));
        }
        let was_expunged = old.internal_flags.has(InternalFlags::EXPUNGED);
        if was_expunged && !record.internal_flags.has(InternalFlags::EXPUNGED) {
            return Err(Error::Internal("expunged messages do not come back"));
        }
        let expunged = record.internal_flags.has(InternalFlags::EXPUNGED);
        if expunged && self.expunges_at_once() {
            record.internal_flags =
                record.internal_flags.with(InternalFlags::UNLINKED).with(InternalFlags::NEEDS_CLEANUP);
        }
        match touch {
            Touch::Silent => self.changes.dirty = true,
            Touch::Modseq => {
                record.modseq = self.changes.next_modseq();
                record.last_updated = self.changes.now;
            }
        }
        if record.internal_flags.has(InternalFlags::UNLINKED) {
            let at_once = self.mailbox.store.settings().expunge_mode == ExpungeMode::Immediate
                || self.changes.header.version.minor() < 12;
            self.want_cleanup(at_once);
        }
        let store = Arc::clone(&self.mailbox.store);
        for observer in store.observers() {
            observer.record_changes(&self.mailbox.header, Some(&old), record)?;
        }
        self.changes.count(&old, false);
        self.changes.count(record, true);
        if expunged && !was_expunged {
            let mut annotations = match self.changes.annotations.take() {
                Some(annotations) => annotations,
                None => self.mailbox.all_annotations()?,
            };
            if let Some(of_message) = annotations.remove(&record.uid) {
                self.changes.count_annotations(record.uid, &of_message, false);
            }
            self.changes.annotations = Some(annotations);
        }
        if expunged {
            self.note_expunged(record.last_updated);
        }
        self.changes.records.insert(record.recno.0, record.clone());
        Ok(())
    }

    /// Appends a record whose message file is in place; `cache` is its cache record.
    /// C: `mailbox_append_index_record()`
    ///
    /// # Errors
    /// `ReadOnly`, `MailboxFull`, what an observer says.
    pub fn append(&mut self, record: &mut Record, cache: &[u8], touch: Touch) -> Result<()> {
        self.check_writable()?;
        if record.uid <= self.changes.header.last_uid {
            return Err(Error::Internal("append below the last uid"));
        }
        if record.size == 0 || record.guid.is_null() {
            return Err(Error::Internal("append without a message"));
        }
        self.check_room()?;
        self.tell_twin(record);
        if record.internaldate.0 == 0 {
            record.internaldate = UnixTime::now();
        }
        if record.gmtime.0 == 0 {
            record.gmtime = record.internaldate;
        }
        if record.sentdate.0 == 0 {
            record.sentdate = local_midnight_of(record.internaldate);
        }
        match touch {
            Touch::Silent => self.changes.dirty = true,
            Touch::Modseq => {
                record.modseq = self.changes.next_modseq();
                if record.createdmodseq.0 == 0 || record.createdmodseq > record.modseq {
                    record.createdmodseq = record.modseq;
                }
                record.last_updated = self.changes.now;
                if record.savedate.0 == 0 {
                    record.savedate = self.changes.now;
                }
            }
        }
        let store = Arc::clone(&self.mailbox.store);
        if !record.internal_flags.has(InternalFlags::UNLINKED) {
            let generation = self.changes.header.generation_no;
            self.changes.caches.append(store.disk(), &self.mailbox.location, generation, record, cache)?;
        }
        for observer in store.observers() {
            observer.record_changes(&self.mailbox.header, None, record)?;
        }
        self.changes.count(record, true);
        record.recno = RecNo(self.changes.header.num_records.saturating_add(1));
        self.changes.header.num_records = record.recno.0;
        self.changes.header.last_uid = record.uid;
        if record.internal_flags.has(InternalFlags::EXPUNGED) {
            self.note_expunged(record.last_updated);
        }
        if touch == Touch::Silent {
            self.changes.silent.insert(record.recno.0);
        }
        self.changes.records.insert(record.recno.0, record.clone());
        Ok(())
    }

    /// The line for a message that is the same as the one before it.
    fn tell_twin(&self, record: &Record) {
        let last = RecNo(self.changes.header.num_records);
        if let Ok(before) = self.record(last).map(|before| (before.uid, before.guid))
            && before.1 == record.guid
        {
            let (name, uid) = (&self.mailbox.location.name, before.0);
            cyrus_base::log::write(
                Priority::Info,
                format_args!("{name}: same message appears twice {uid} {}", record.uid),
            );
        }
    }

    /// `mailbox_maxmessages_*`
    fn check_room(&self) -> Result<()> {
        let settings = self.mailbox.store.settings();
        let limit = match self.mailbox.location.mbtype.first() {
            Some(b'a') => settings.maxmessages_addressbook,
            Some(b'c') => settings.maxmessages_calendar,
            Some(b'e') | None => settings.maxmessages_email,
            Some(_) => 0,
        };
        if limit > 0 && self.changes.header.exists >= limit { Err(Error::MailboxFull) } else { Ok(()) }
    }

    /// Makes the cache record of a message anew from its file. The record must be rewritten after.
    pub(super) fn renew_cache(&mut self, record: &mut Record, cache: &[u8]) -> Result<()> {
        self.check_writable()?;
        let store = Arc::clone(&self.mailbox.store);
        let generation = self.changes.header.generation_no;
        self.changes.caches.append(store.disk(), &self.mailbox.location, generation, record, cache)?;
        record.cache_version = cyrus_mime::cache::CACHE_VERSION;
        self.changes.header.options.set(MailboxOptions::NEEDS_REPACK, true);
        self.changes.dirty = true;
        Ok(())
    }

    /// Finds or makes a keyword and gives its slot. C: `mailbox_user_flag()`
    ///
    /// # Errors
    /// `TooManyFlags`, `InvalidIdentifier`, `ReadOnly`.
    pub fn user_flag(&mut self, name: &[u8], limit: FlagLimit) -> Result<u8> {
        if let Some(slot) = self.mailbox_header().flag_slot(name) {
            return Ok(slot);
        }
        self.check_writable()?;
        let mut header = self.mailbox_header().clone();
        let added = header.add_flag(name, limit, &self.mailbox.store.settings().initial_flags);
        if matches!(added, Err(Error::TooManyFlags)) {
            log::error!(
                target: "syslog",
                "IOERROR: out of flags: mailbox=<{}> flag=<{}>",
                String::from_utf8_lossy(&header.name),
                String::from_utf8_lossy(name)
            );
        }
        let (slot, _) = added?;
        self.changes.flags_changed(&header);
        self.changes.mailbox_header = Some(header);
        self.changes.dirty = true;
        Ok(slot)
    }

    /// Frees a keyword slot that no record uses. C: `mailbox_remove_user_flag()`
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn remove_user_flag(&mut self, slot: u8) -> Result<()> {
        self.change_mailbox_header(|header| {
            if let Some(name) = header.flags.get_mut(usize::from(slot)) {
                *name = None;
            }
        })
    }

    /// Changes cyrus.header (name, ACL, quota root, type).
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn change_mailbox_header(&mut self, change: impl FnOnce(&mut MailboxHeader)) -> Result<()> {
        self.check_writable()?;
        let mut header = self.mailbox_header().clone();
        change(&mut header);
        if header != *self.mailbox_header() {
            self.changes.flags_changed(&header);
            self.changes.mailbox_header = Some(header);
            self.changes.dirty = true;
        }
        Ok(())
    }

    /// Changes fields of the index header that belong to nobody else: recentuid and recenttime,
    /// pop3_last_login, pop3_show_after, option bits, uidvalidity.
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn change_index_header(&mut self, change: impl FnOnce(&mut IndexHeader)) -> Result<()> {
        self.check_writable()?;
        change(&mut self.changes.header);
        self.changes.dirty = true;
        Ok(())
    }

    /// Raises HIGHESTMODSEQ by one and gives it. C: `mailbox_modseq_dirty()`
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn next_modseq(&mut self) -> Result<ModSeq> {
        self.check_writable()?;
        Ok(self.changes.next_modseq())
    }

    /// Counts a changed annotation; empty values are absent ones. C: `mailbox_annot_changed()`
    ///
    /// # Errors
    /// `ReadOnly`, `Corrupt`.
    pub fn annotation_changed(
        &mut self,
        uid: Option<Uid>,
        entry: &[u8],
        userid: &[u8],
        old: &[u8],
        new: &[u8],
        touch: Touch,
    ) -> Result<()> {
        self.check_writable()?;
        self.changes.annotations = None;
        if let Some(uid) = uid {
            match self.find(uid)? {
                Some(record) if record.is_live() => {}
                _ => return Ok(()),
            }
            if !is_virtual_annotation(entry, self.changes.header.version) {
                for value in [old, new] {
                    if !value.is_empty() {
                        self.changes.header.synccrc_annot ^= annot_crc(uid, entry, userid, value);
                    }
                }
            }
        }
        if touch == Touch::Modseq {
            self.changes.next_modseq();
        }
        self.changes.dirty = true;
        let used = &mut self.changes.header.quota_annot_used;
        *used = used.saturating_sub(old.len() as u64).saturating_add(new.len() as u64);
        Ok(())
    }

    /// Throws the changes away and releases the lock. C: `mailbox_abort()`
    pub fn abort(self) {}
}

impl Drop for IndexGuard<'_> {
    fn drop(&mut self) {
        if self.changes.dirty || self.changes.mailbox_header.is_some() {
            let store = Arc::clone(&self.mailbox.store);
            for observer in store.observers() {
                observer.aborts(&self.mailbox.header);
            }
        }
        self.mailbox.index_file.unlock();
    }
}
