//! An open mailbox and the index lock on it.

use super::cache::{CacheView, Caches};
use super::change::{Changes, Touch};
use super::header::{FlagLimit, MailboxHeader};
use super::index::{
    IndexHeader, InternalFlags, MailboxOptions, Record, RecordView, annot_crc, is_virtual_annotation,
};
use super::location::Location;
use crate::append::ParsedMessage;
use crate::context::{ExpungeMode, Store};
use crate::counters::Counters;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind, Order, Place};
use crate::lock::{IndexFile, Mode, NameLock, UserLock, Wait};
use crate::mboxlist::MbEntry;
use cyrus_base::log::Priority;
use cyrus_sys::map::Map;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UnixTime};
use std::borrow::Cow;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// An open mailbox. Holds the shared name lock: until it [rests](Mailbox::rest), no file of the
/// mailbox is renamed, removed or repacked. C: `struct mailbox`
#[derive(Debug)]
pub struct Mailbox {
    pub(super) store: Arc<Store>,
    pub(super) location: Location,
    pub(super) index_file: Arc<IndexFile>,
    pub(super) map: Map,
    pub(super) index_header: IndexHeader,
    pub(super) header: MailboxHeader,
    pub(super) header_inode: u64,
    pub(super) header_crc: u32,
    pub(super) flag_crcs: Vec<u32>,
    pub(super) caches: Caches,
    // Last, so that every descriptor is closed before the name lock goes.
    pub(super) name_lock: Option<NameLock>,
    /// The name lock was let go: the mailbox may have become another one.
    pub(super) has_rested: bool,
}

/// What should be done to a mailbox after the reply, while nobody waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Nothing.
    None,
    /// Unlink files or repack: give the location to [`Mailbox::run_cleanup`].
    Wanted(Box<Location>),
}

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

impl Mailbox {
    /// Opens the mailbox at `location`, taking its name lock. C: `mailbox_open_advanced()`
    ///
    /// # Errors
    /// `NotFound` when it has no index or is marked deleted, `Locked`, `BadFormat`, `Corrupt`, `Io`.
    pub fn open(
        store: &Arc<Store>,
        user: &UserLock,
        location: Location,
        mode: Mode,
        wait: Wait,
    ) -> Result<Self> {
        let name_lock = store.locks().lock_name(user, location.lock_file.clone(), mode, wait)?;
        Self::with_lock(store, location, name_lock)
    }

    /// Opens the mailbox of an entry of mailboxes.db. C: `mailbox_open_from_mbe()`
    ///
    /// # Errors
    /// `NotFound` for deleted and intermediate entries, `Moved`, and as [`Mailbox::open`];
    /// `Internal` when the store has no catalog.
    pub fn open_entry(
        store: &Arc<Store>,
        user: &UserLock,
        entry: &MbEntry,
        mode: Mode,
        wait: Wait,
    ) -> Result<Self> {
        if entry.mbtype.is_deleted() || entry.mbtype.is_intermediate() || entry.partition.is_none() {
            return Err(Error::NotFound);
        }
        if entry.mbtype.is_moving() {
            return Err(Error::Moved);
        }
        let catalog = store.catalog().ok_or(Error::Internal("store without catalog"))?;
        Self::open(store, user, catalog.location(entry)?, mode, wait)
    }

    /// Opens under a name lock that is already held.
    pub(super) fn with_lock(store: &Arc<Store>, location: Location, name_lock: NameLock) -> Result<Self> {
        let index_file = open_index(store, &location)?;
        let mut mailbox = Self {
            store: Arc::clone(store),
            index_file,
            map: Map::default(),
            index_header: IndexHeader::fresh(
                super::index::Version::CURRENT,
                cyrus_util::ids::UidValidity(0),
                ModSeq(1),
                0,
                UnixTime(0),
            ),
            header: MailboxHeader::default(),
            header_inode: 0,
            header_crc: 0,
            flag_crcs: Vec::new(),
            caches: Caches::default(),
            location,
            name_lock: Some(name_lock),
            has_rested: false,
        };
        mailbox.refresh_map()?;
        Ok(mailbox)
    }

    /// Lets the name lock go while nobody waits for an answer, so that others may delete, rename or
    /// repack the mailbox; [`Mailbox::lock_user`] takes it again. Nothing of the mailbox may be
    /// used before that. C: `index_release()`
    pub fn rest(&mut self) {
        self.name_lock = None;
        self.has_rested = true;
    }

    /// Takes the owner's namespace lock for the next index lock. When this process does not hold
    /// it yet, the name lock is let go and taken again inside it, because the order is user, then
    /// name; the index is reopened if it was replaced meanwhile.
    ///
    /// # Errors
    /// `Internal` when this process holds it shared and exclusive is asked for; `Io`.
    pub fn lock_user(&mut self, mode: Mode) -> Result<UserLock> {
        let locks = Arc::clone(self.store.locks());
        if self.name_lock.is_none() {
            let user = match &self.location.owner {
                Some(owner) => locks.lock_user(owner, mode, Wait::Block)?,
                None => UserLock::unowned(),
            };
            let path = self.location.lock_file.clone();
            self.name_lock = Some(locks.lock_name(&user, path, Mode::Shared, Wait::Block)?);
            return Ok(user);
        }
        let Some(owner) = &self.location.owner else { return Ok(UserLock::unowned()) };
        if locks.user_held(owner).is_some() {
            return locks.lock_user(owner, mode, Wait::Block);
        }
        locks.with_lock_dropped(&self.location.lock_file, || locks.lock_user(owner, mode, Wait::Block))
    }

    /// Takes the index lock and refreshes header and map. Exclusive needs an exclusive user lock.
    ///
    /// # Errors
    /// `ConversationsUnsupported` for an exclusive lock with `conversations: yes` in a store without
    /// databases; `Locked` when this process already has it; `NotFound` for a deleted mailbox.
    ///
    /// C: `mailbox_lock_index()`
    pub fn lock_index<'m>(&'m mut self, user: &'m UserLock, mode: Mode) -> Result<IndexGuard<'m>> {
        let guard = self.lock_index_even_deleted(user, mode)?;
        if guard.header().options.has(MailboxOptions::DELETED) {
            return Err(Error::NotFound);
        }
        Ok(guard)
    }

    /// As [`Mailbox::lock_index`], also for a mailbox marked deleted.
    pub(super) fn lock_index_even_deleted<'m>(
        &'m mut self,
        user: &'m UserLock,
        mode: Mode,
    ) -> Result<IndexGuard<'m>> {
        if mode == Mode::Exclusive {
            if !user.allows(Mode::Exclusive) {
                return Err(Error::Internal("exclusive index lock asked for under a shared user lock"));
            }
            if !self.store.may_write() {
                return Err(Error::ConversationsUnsupported);
            }
        }
        loop {
            self.index_file.lock(mode, Wait::Block)?;
            match self.refresh() {
                Ok(true) => break,
                Ok(false) => {
                    // Replaced by a repack while we did not hold the name lock.
                    self.index_file.unlock();
                    self.map = Map::default();
                    self.caches.forget();
                    self.index_file = open_index(&self.store, &self.location)?;
                }
                Err(error) => {
                    self.index_file.unlock();
                    return Err(error);
                }
            }
        }
        if std::mem::take(&mut self.has_rested) && !self.is_what_it_was() {
            self.index_file.unlock();
            self.has_rested = true;
            return Err(Error::NotFound);
        }
        let changes = Changes::new(self);
        Ok(IndexGuard { mailbox: self, mode, changes, user, events: Vec::new(), counters_before: None })
    }

    /// Whether the mailbox still has the name it was opened by. Headers of old versions have none.
    fn is_what_it_was(&self) -> bool {
        self.header.name.is_empty() || self.header.name == self.location.name.as_bytes()
    }

    /// Brings map and headers up to date under the index lock; false when the file was replaced.
    fn refresh(&mut self) -> Result<bool> {
        let path = &self.location.index;
        let found = self.index_file.file.metadata().map_err(|e| Error::io("fstat index", path, e))?;
        if found.nlink() == 0 {
            return Ok(false);
        }
        if found.len() != self.map.len() as u64 {
            self.map =
                Map::new(&self.index_file.file, found.len()).map_err(|e| Error::io("map index", path, e))?;
        }
        let header = IndexHeader::decode(&self.map, path, UnixTime::now())?;
        let needed =
            u64::from(header.start_offset) + u64::from(header.num_records) * u64::from(header.record_size);
        if needed > self.map.len() as u64 {
            return Err(Error::bad_format(path, "index shorter than its header says"));
        }
        if header.generation_no != self.index_header.generation_no {
            self.caches.forget();
        }
        self.index_header = header;
        self.refresh_header()?;
        Ok(true)
    }

    /// Re-reads cyrus.header when it is another file or not what the index says: an inode number
    /// alone comes back when the file is replaced twice.
    fn refresh_header(&mut self) -> Result<()> {
        let path = &self.location.header;
        let found = std::fs::metadata(path).map_err(|e| Error::io("stat header", path, e))?;
        let noted = self.index_header.header_file_crc;
        if found.ino() == self.header_inode && (noted == 0 || noted == self.header_crc) {
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io("read header", path, e))?;
        self.header = MailboxHeader::decode(&bytes, path)?;
        self.flag_crcs = self.header.flag_crcs();
        self.header_crc = crc32fast::hash(&bytes);
        self.header_inode = found.ino();
        if noted != 0 && noted != self.header_crc {
            cyrus_base::log::write(
                Priority::Warning,
                format_args!(
                    "Header CRC mismatch for mailbox {}: {:08X} {:08X}",
                    String::from_utf8_lossy(self.location.name.as_bytes()),
                    self.header_crc,
                    noted
                ),
            );
        }
        Ok(())
    }

    /// Maps the index as long as it is now.
    pub(super) fn refresh_map(&mut self) -> Result<()> {
        let path = &self.location.index;
        let size = self.index_file.file.metadata().map_err(|e| Error::io("fstat index", path, e))?.len();
        if size != self.map.len() as u64 {
            self.map = Map::new(&self.index_file.file, size).map_err(|e| Error::io("map index", path, e))?;
        }
        Ok(())
    }

    /// The store it belongs to.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Where the files are.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// cyrus.header as last read.
    #[must_use]
    pub fn header(&self) -> &MailboxHeader {
        &self.header
    }

    /// The index header as last read under the index lock.
    #[must_use]
    pub fn index_header(&self) -> &IndexHeader {
        &self.index_header
    }

    /// The cached data of a message. C: `mailbox_cacherecord()`
    ///
    /// # Errors
    /// `Corrupt` when it is missing or damaged; [`Mailbox::cache_bytes`] parses the message then.
    pub fn cached(&mut self, record: &Record) -> Result<CacheView<'_>> {
        let bytes = self.caches.record(&self.location, record)?;
        CacheView::at(bytes, 0).ok_or(Error::Internal("cache record lost its length"))
    }

    /// The cache record of a message, from the file, or made from the message when the one in the
    /// file is missing or damaged; read it with [`CacheView::at`]`(.., 0)`.
    ///
    /// # Errors
    /// `Io` when the message cannot be read either.
    pub fn cache_bytes(&mut self, record: &Record) -> Result<Cow<'_, [u8]>> {
        // Two steps, because a borrow that is returned from one arm only is not understood yet.
        if self.caches.record(&self.location, record).is_ok() {
            return self.caches.record(&self.location, record).map(Cow::Borrowed);
        }
        let name = String::from_utf8_lossy(self.location.name.as_bytes()).into_owned();
        let fields: [(&str, &dyn std::fmt::Display); 2] = [("mailbox", &name), ("record", &record.uid)];
        let _logged = cyrus_base::log::ioerror("no cache content, parsing and saving", &fields, None);
        let message = self.message(record)?;
        Ok(Cow::Owned(ParsedMessage::parse(&message, self.store.settings()).cache))
    }

    /// The message file, mapped. C: `mailbox_map_record()`
    ///
    /// # Errors
    /// `Io` when the file cannot be opened.
    pub fn message(&self, record: &Record) -> Result<Map> {
        super::spool::map_message(&self.location, record)
    }

    /// Whether \Seen of this user is kept in the index: the owner, or all with SHAREDSEEN.
    /// C: `mailbox_internal_seen()`
    #[must_use]
    pub fn seen_is_internal(&self, userid: &[u8]) -> bool {
        if self.index_header.version.minor() < 12 {
            return false;
        }
        self.index_header.options.has(MailboxOptions::SHARED_SEEN)
            || self.location.owner.as_deref() == Some(userid)
    }

    /// Closes the mailbox and tells what is left to do after the reply. A deleted mailbox is
    /// removed here if nobody else has it open. C: `mailbox_close()`
    ///
    /// # Errors
    /// `Io`.
    pub fn close(self) -> Result<Cleanup> {
        // The word as it is in the file now: somebody else may have deleted the mailbox.
        let word = super::index::u32_at(&self.map, 60).unwrap_or(0);
        let options = MailboxOptions(self.index_header.options.0 | word);
        let (store, location) = (Arc::clone(&self.store), self.location.clone());
        let known = self.header_inode != 0;
        drop(self);
        if !known {
            return Ok(Cleanup::None);
        }
        if options.has(MailboxOptions::DELETED) {
            super::life::remove_if_last(&store, location)?;
            return Ok(Cleanup::None);
        }
        if options.has(MailboxOptions::NEEDS_REPACK) || options.has(MailboxOptions::NEEDS_UNLINK) {
            return Ok(Cleanup::Wanted(Box::new(location)));
        }
        Ok(Cleanup::None)
    }

    /// Does the delayed work: tries the exclusive name lock, repacks or unlinks. Somebody else
    /// having the mailbox open is no error: the last one does it. C: `_delayed_cleanup()`
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn run_cleanup(store: &Arc<Store>, location: Location) -> Result<()> {
        let user = store.lock_owner(location.owner.as_deref(), Mode::Exclusive)?;
        let mut mailbox = match Self::open(store, &user, location, Mode::Exclusive, Wait::Try) {
            Ok(mailbox) => mailbox,
            Err(Error::Locked | Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        let options = match mailbox.lock_index(&user, Mode::Shared) {
            Ok(guard) => guard.header().options,
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        if options.has(MailboxOptions::NEEDS_REPACK) {
            mailbox.repack(&user, None)
        } else if options.has(MailboxOptions::NEEDS_UNLINK) {
            mailbox.unlink_expunged(&user)
        } else {
            Ok(())
        }
    }
}

fn open_index(store: &Store, location: &Location) -> Result<Arc<IndexFile>> {
    store.locks().open_index(&location.index).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound,
        _ => Error::io("open index", &location.index, error),
    })
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

/// Midnight of the day of `time` in the server's zone.
pub(crate) fn local_midnight_of(time: UnixTime) -> UnixTime {
    let midnight = cyrus_sys::localtime::at(time.0).and_then(|mut local| {
        local.hour = 0;
        local.minute = 0;
        local.second = 0;
        cyrus_sys::localtime::epoch(&local)
    });
    midnight.map_or(time, UnixTime)
}
