//! What every operation on the store needs: the settings, the locks of the process, the observers.

use crate::catalog::Catalog;
use crate::error::Result;
use crate::lock::{Mode, Registry, UserLock, Wait};
use crate::mailbox::disk::Disk;
use crate::mailbox::{IndexHeader, MailboxHeader, QuotaUse, Record};
use crate::quota::Change;
use cyrus_util::dirhash::DirHash;
use cyrus_util::mboxname::MboxName;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// `expunge_mode`: what becomes of expunged messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpungeMode {
    /// Record and file stay until cyr_expire.
    #[default]
    Delayed,
    /// Files are removed and the index repacked when the mailbox is closed.
    Immediate,
    /// Files are removed when the mailbox is closed, the record stays.
    Semidelayed,
}

/// The options of imapd.conf that this floor consults, read once.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of imapd.conf")]
pub struct Settings {
    /// `mboxname_lockpath`, or `<configdirectory>/lock`.
    pub lock_root: PathBuf,
    /// `hashimapspool`
    pub hash_spool: bool,
    /// `fulldirhash`
    pub full_dirhash: bool,
    /// `conversations`
    pub conversations: bool,
    /// `expunge_mode`
    pub expunge_mode: ExpungeMode,
    /// `archive_enabled`
    pub archive_enabled: bool,
    /// `archive_maxsize` in octets.
    pub archive_maxsize_octets: u64,
    /// `archive_after` in seconds.
    pub archive_after_s: i64,
    /// `mailbox_initial_flags`, split at blanks.
    pub initial_flags: Vec<Vec<u8>>,
    /// `mailbox_default_options`
    pub default_options: u32,
    /// `mailbox_maxmessages_email`, 0 for no limit.
    pub maxmessages_email: u32,
    /// `mailbox_maxmessages_addressbook`, 0 for no limit.
    pub maxmessages_addressbook: u32,
    /// `mailbox_maxmessages_calendar`, 0 for no limit.
    pub maxmessages_calendar: u32,
    /// How messages are parsed.
    pub limits: cyrus_mime::Limits,
    /// `rfc2047_utf8`
    pub rfc2047_utf8: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lock_root: PathBuf::from("/var/lib/cyrus/lock"),
            hash_spool: false,
            full_dirhash: false,
            conversations: false,
            expunge_mode: ExpungeMode::Delayed,
            archive_enabled: false,
            archive_maxsize_octets: 1024 * 1024,
            archive_after_s: 7 * 24 * 3600,
            initial_flags: Vec::new(),
            default_options: 0,
            maxmessages_email: 0,
            maxmessages_addressbook: 0,
            maxmessages_calendar: 0,
            limits: cyrus_mime::Limits::default(),
            rfc2047_utf8: false,
        }
    }
}

/// Told of every change of a record, under the exclusive index lock, before anything is written.
///
/// dav.db and the Sieve directory are kept by observers; the facade installs them. `old` is `None`
/// for an append. (Conversations are kept by the store itself.)
pub trait RecordObserver: Send + Sync {
    /// A record is about to change from `old` to `new`.
    ///
    /// # Errors
    /// Refuses the change.
    fn record_changes(&self, mailbox: &MailboxHeader, old: Option<&Record>, new: &mut Record) -> Result<()>;

    /// The changes of one index-locked session are about to be written.
    ///
    /// # Errors
    /// Fails the commit before the index header is written.
    fn commits(&self, mailbox: &MailboxHeader, index: &IndexHeader) -> Result<()>;

    /// The session's changes are thrown away.
    fn aborts(&self, mailbox: &MailboxHeader);
}

/// The store of one process. Made once, shared by reference.
pub struct Store {
    settings: Settings,
    locks: Arc<Registry>,
    disk: Disk,
    catalog: Option<Arc<Catalog>>,
    dbs: cyrus_db::Pool,
    stages: AtomicU32,
    observers: Vec<Box<dyn RecordObserver>>,
}

impl Store {
    /// A store with the given settings and no observers.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let hash = settings.hash_spool.then(|| DirHash::from_switch(settings.full_dirhash));
        let locks = Registry::new(settings.lock_root.clone(), hash);
        Self {
            settings,
            locks,
            disk: Disk::default(),
            catalog: None,
            dbs: cyrus_db::Pool::new(),
            stages: AtomicU32::new(0),
            observers: Vec::new(),
        }
    }

    /// The store of an installation: settings, databases and quotas are those of `catalog`.
    #[must_use]
    pub fn open(catalog: Arc<Catalog>) -> Self {
        Self { catalog: Some(Arc::clone(&catalog)), ..Self::new(catalog.settings()) }
    }

    /// The same with a disk that records every step, for crash tests.
    #[must_use]
    pub fn with_disk(settings: Settings, disk: Disk) -> Self {
        Self { disk, ..Self::new(settings) }
    }

    /// Installs an observer; the facade does this before the store is shared.
    pub fn observe(&mut self, observer: Box<dyn RecordObserver>) {
        self.observers.push(observer);
    }

    /// The options read at start.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The locks of this process.
    #[must_use]
    pub fn locks(&self) -> &Arc<Registry> {
        &self.locks
    }

    /// Where all writes to mailbox files go through.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The databases of the installation; `None` for a store made from settings alone.
    #[must_use]
    pub fn catalog(&self) -> Option<&Arc<Catalog>> {
        self.catalog.as_ref()
    }

    /// The open databases of this process, each opened once.
    #[must_use]
    pub fn dbs(&self) -> &cyrus_db::Pool {
        self.catalog.as_ref().map_or(&self.dbs, |catalog| catalog.dbs())
    }

    /// Number of the next staging file of this process.
    pub(crate) fn next_stage(&self) -> u32 {
        self.stages.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn observers(&self) -> &[Box<dyn RecordObserver>] {
        &self.observers
    }

    /// Books a change of use on a quota root. C: `quota_update_useds()`
    pub(crate) fn book_quota(&self, root: &[u8], name: &MboxName, delta: QuotaUse) -> Result<()> {
        match &self.catalog {
            Some(catalog) => catalog.use_quota_of(&MboxName::from(root), &Change::from(&delta), name),
            None => Ok(()),
        }
    }

    /// Books a whole mailbox that comes or goes. C: `mailbox_changequotaroot()`
    pub(crate) fn book_mailbox(&self, root: Option<&[u8]>, name: &MboxName, change: &Change) -> Result<()> {
        match (&self.catalog, root) {
            (Some(catalog), Some(root)) => catalog.use_quota_of(&MboxName::from(root), change, name),
            _ => Ok(()),
        }
    }

    /// Whether there is room below a quota root. C: `quota_check_useds()`
    pub(crate) fn check_quota(&self, root: &[u8], wanted: QuotaUse) -> Result<()> {
        match &self.catalog {
            Some(catalog) => catalog.check_quota(&MboxName::from(root), &Change::from(&wanted)),
            None => Ok(()),
        }
    }

    /// Whether mailboxes may be written: with `conversations` on, the databases must be known.
    pub(crate) fn may_write(&self) -> bool {
        !self.settings.conversations || self.catalog.is_some()
    }

    /// The namespace lock of a mailbox's owner; nothing to lock when it has none.
    ///
    /// # Errors
    /// As [`Registry::lock_user`].
    pub fn lock_owner(&self, owner: Option<&[u8]>, mode: Mode) -> Result<UserLock> {
        match owner {
            Some(userid) => self.locks.lock_user(userid, mode, Wait::Block),
            None => Ok(UserLock::unowned()),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("settings", &self.settings).finish_non_exhaustive()
    }
}
