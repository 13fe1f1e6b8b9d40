//! What every operation on the store needs: the settings, the locks of the process, the observers.

use crate::error::Result;
use crate::lock::{Mode, Registry, UserLock, Wait};
use crate::mailbox::disk::Disk;
use crate::mailbox::{IndexHeader, MailboxHeader, Record};
use std::path::PathBuf;
use std::sync::Arc;

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
    /// `mailbox_initial_flags`, split at blanks.
    pub initial_flags: Vec<Vec<u8>>,
    /// `mailbox_default_options`
    pub default_options: u32,
    /// `mailbox_maxmessages_email`, 0 for no limit.
    pub maxmessages_email: u32,
    /// `auditlog`
    pub auditlog: bool,
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
            initial_flags: Vec::new(),
            default_options: 0,
            maxmessages_email: 0,
            auditlog: false,
        }
    }
}

/// Told of every change of a record, under the exclusive index lock, before anything is written.
///
/// The conversations database, dav.db and the Sieve directory are kept by observers; the facade
/// installs them. `old` is `None` for an append. The observer may change `new` (the conversation
/// id of an append).
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

    /// Whether it keeps the conversations database, so that mailboxes of an installation with
    /// `conversations: yes` may be written.
    fn keeps_conversations(&self) -> bool {
        false
    }
}

/// The store of one process. Made once, shared by reference.
pub struct Store {
    settings: Settings,
    locks: Arc<Registry>,
    disk: Disk,
    observers: Vec<Box<dyn RecordObserver>>,
}

impl Store {
    /// A store with the given settings and no observers.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let locks = Registry::new(settings.lock_root.clone(), settings.hash_spool, settings.full_dirhash);
        Self { settings, locks, disk: Disk::default(), observers: Vec::new() }
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

    pub(crate) fn observers(&self) -> &[Box<dyn RecordObserver>] {
        &self.observers
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
