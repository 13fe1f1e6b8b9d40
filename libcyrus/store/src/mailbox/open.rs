//! An open mailbox and the index lock on it.

use super::change::{Changed, Changes, Touch};
use super::header::{FlagLimit, MailboxHeader};
use super::index::{IndexHeader, Record, RecordView};
use super::location::Location;
use crate::context::Store;
use crate::error::Result;
use crate::lock::{IndexFile, Mode, NameLock, UserLock, Wait};
use cyrus_sys::map::Map;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UnixTime};
use std::sync::Arc;

/// An open mailbox. Holds the shared name lock: as long as it lives, no file of the mailbox is
/// renamed, removed or repacked. C: `struct mailbox`
#[derive(Debug)]
pub struct Mailbox {
    pub(super) store: Arc<Store>,
    pub(super) location: Location,
    pub(super) name_lock: NameLock,
    pub(super) index_file: Arc<IndexFile>,
    pub(super) map: Map,
    pub(super) index_header: IndexHeader,
    pub(super) header: MailboxHeader,
    pub(super) header_inode: u64,
    pub(super) header_crc: u32,
    pub(super) flag_crcs: Vec<u32>,
    pub(super) caches: super::cache::Caches,
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
}

impl Mailbox {
    /// Opens the mailbox at `location`, taking its name lock. C: `mailbox_open_advanced()`
    ///
    /// # Errors
    /// `NotFound` when it has no index or is marked deleted, `Locked`, `BadFormat`, `Corrupt`, `Io`.
    pub fn open(
        _store: &Arc<Store>,
        _user: &UserLock,
        _location: Location,
        _mode: Mode,
        _wait: Wait,
    ) -> Result<Self> {
        todo!()
    }

    /// Takes the owner's namespace lock for the next index lock. When this process does not hold
    /// it yet, the name lock is let go and taken again inside it, because the order is user, then
    /// name; the index is reopened if it was replaced meanwhile.
    ///
    /// # Errors
    /// As [`Mailbox::open`].
    pub fn lock_user(&mut self, _mode: Mode) -> Result<UserLock> {
        todo!()
    }

    /// Takes the index lock and refreshes header and map. Exclusive needs an exclusive user lock.
    ///
    /// # Errors
    /// `ConversationsUnsupported` for an exclusive lock where nobody keeps the conversations
    /// database; `Locked` when this process already has it; `NotFound` for a deleted mailbox.
    ///
    /// C: `mailbox_lock_index()`
    pub fn lock_index<'m>(&'m mut self, _user: &'m UserLock, _mode: Mode) -> Result<IndexGuard<'m>> {
        todo!()
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
    /// `Corrupt` when it is missing or damaged: the caller parses the message instead.
    pub fn cached(&mut self, _record: &Record) -> Result<super::cache::CacheRecord<'_>> {
        todo!()
    }

    /// The message file, mapped. C: `mailbox_map_record()`
    ///
    /// # Errors
    /// `Io` when the file cannot be opened.
    pub fn message(&self, _record: &Record) -> Result<Map> {
        todo!()
    }

    /// Whether \Seen of this user is kept in the index: the owner, or all with SHAREDSEEN.
    /// C: `mailbox_internal_seen()`
    #[must_use]
    pub fn seen_is_internal(&self, _userid: &[u8]) -> bool {
        todo!()
    }

    /// Closes the mailbox and tells what is left to do after the reply. A deleted mailbox is
    /// removed here if nobody else has it open. C: `mailbox_close()`
    ///
    /// # Errors
    /// `Io`.
    pub fn close(self) -> Result<Cleanup> {
        todo!()
    }

    /// Does the delayed work: tries the exclusive name lock, repacks or unlinks. Somebody else
    /// having the mailbox open is no error: the last one does it. C: `_delayed_cleanup()`
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn run_cleanup(_store: &Arc<Store>, _location: Location) -> Result<()> {
        todo!()
    }
}

/// Iterator over records in ascending order.
#[derive(Debug)]
pub struct Records<'g> {
    _guard: &'g (),
}

impl Iterator for Records<'_> {
    type Item = Result<Record>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

impl<'m> IndexGuard<'m> {
    /// The mailbox.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        self.mailbox
    }

    /// The mailbox, to read its cache.
    pub fn mailbox_mut(&mut self) -> &mut Mailbox {
        self.mailbox
    }

    /// The index header with the changes of this session.
    #[must_use]
    pub fn header(&self) -> &IndexHeader {
        todo!()
    }

    /// cyrus.header with the changes of this session.
    #[must_use]
    pub fn mailbox_header(&self) -> &MailboxHeader {
        todo!()
    }

    /// How many records there are, expunged ones included.
    #[must_use]
    pub fn num_records(&self) -> u32 {
        todo!()
    }

    /// A record as on disk, in place, unchecked and without the changes of this session; for scans.
    #[must_use]
    pub fn view(&self, _recno: RecNo) -> Option<RecordView<'_>> {
        todo!()
    }

    /// A record with the changes of this session. C: `mailbox_read_index_record()`
    ///
    /// # Errors
    /// `Corrupt` for a wrong CRC or a position past the end.
    pub fn record(&self, _recno: RecNo) -> Result<Record> {
        todo!()
    }

    /// All records, expunged ones included, with the changes of this session.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        todo!()
    }

    /// The record of a UID, expunged or not. C: `mailbox_find_index_record()`
    ///
    /// # Errors
    /// As [`IndexGuard::record`].
    pub fn find(&self, _uid: Uid) -> Result<Option<Record>> {
        todo!()
    }

    /// Rewrites a record (flags, dates, cid ...). With [`Touch::Modseq`] it gets the next modseq.
    /// The record's modseq and last_updated fields are set. C: `mailbox_rewrite_index_record()`
    ///
    /// # Errors
    /// `ReadOnly` without the exclusive lock, `Corrupt`, what an observer says.
    pub fn rewrite(&mut self, _record: &mut Record, _touch: Touch) -> Result<()> {
        todo!()
    }

    /// Appends a record whose message file is in place; `cache` is its cache record.
    /// C: `mailbox_append_index_record()`
    ///
    /// # Errors
    /// `ReadOnly`, `MailboxFull`, what an observer says.
    pub fn append(&mut self, _record: &mut Record, _cache: &[u8], _touch: Touch) -> Result<()> {
        todo!()
    }

    /// Finds or makes a keyword and gives its slot. C: `mailbox_user_flag()`
    ///
    /// # Errors
    /// `TooManyFlags`, `InvalidIdentifier`, `ReadOnly`.
    pub fn user_flag(&mut self, _name: &[u8], _limit: FlagLimit) -> Result<u8> {
        todo!()
    }

    /// Frees a keyword slot that no record uses. C: `mailbox_remove_user_flag()`
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn remove_user_flag(&mut self, _slot: u8) -> Result<()> {
        todo!()
    }

    /// Changes cyrus.header (name, ACL, quota root, type).
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn change_mailbox_header(&mut self, _change: impl FnOnce(&mut MailboxHeader)) -> Result<()> {
        todo!()
    }

    /// Changes fields of the index header that belong to nobody else: recentuid and recenttime,
    /// pop3_last_login, pop3_show_after, option bits, uidvalidity.
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn change_index_header(&mut self, _change: impl FnOnce(&mut IndexHeader)) -> Result<()> {
        todo!()
    }

    /// Raises HIGHESTMODSEQ by one and gives it. C: `mailbox_modseq_dirty()`
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn next_modseq(&mut self) -> Result<ModSeq> {
        todo!()
    }

    /// Counts a changed annotation; empty values are absent ones. C: `mailbox_annot_changed()`
    ///
    /// # Errors
    /// `ReadOnly`.
    pub fn annotation_changed(
        &mut self,
        _uid: Option<Uid>,
        _entry: &[u8],
        _userid: &[u8],
        _old: &[u8],
        _new: &[u8],
        _touch: Touch,
    ) -> Result<()> {
        todo!()
    }

    /// Writes everything in the documented order and releases the lock.
    /// C: `mailbox_commit()` + `mailbox_unlock_index()`
    ///
    /// # Errors
    /// `Io`; what was written before the index header does not count then.
    pub fn commit(self) -> Result<Changed> {
        todo!()
    }

    /// Throws the changes away and releases the lock. C: `mailbox_abort()`
    pub fn abort(self) {
        todo!()
    }

    /// The time that this session stamps on its changes.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        todo!()
    }
}
