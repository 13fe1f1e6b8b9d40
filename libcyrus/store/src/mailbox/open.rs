//! An open mailbox: its locks, and its files as they are now.

use super::cache::{CacheView, Caches};
use super::change::Changes;
use super::guard::IndexGuard;
use super::header::MailboxHeader;
use super::index::{IndexHeader, MailboxOptions, Record};
use super::location::Location;
use crate::append::ParsedMessage;
use crate::context::Store;
use crate::error::{Error, Result};
use crate::lock::{IndexFile, Mode, NameLock, UserLock, Wait};
use crate::mboxlist::MbEntry;
use cyrus_base::log::Priority;
use cyrus_sys::map::Map;
use cyrus_util::ids::{ModSeq, UnixTime};
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
        Ok(Self {
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
        })
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
        if self.map.is_empty() {
            Map::bring_in_head(&self.index_file.file, &found);
        }
        self.map.follow(&self.index_file.file, &found).map_err(|e| Error::io("map index", path, e))?;
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
        let found = self.index_file.file.metadata().map_err(|e| Error::io("fstat index", path, e))?;
        self.map.follow(&self.index_file.file, &found).map_err(|e| Error::io("map index", path, e))
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
