//! The databases of an installation: which file, which format, opened once per process.
//!
//! A [`Catalog`] is made from the configuration and shared by reference. The rooms `mboxlist`,
//! `quota`, `seen`, `subs`, `annotate`, `statuscache`, `duplicate`, `userdeny`, `synclog` and
//! `user` hang their functions on it; none of them keeps state of its own.

use crate::context::{ExpungeMode, Settings};
use crate::error::{Error, Result};
use crate::event::Reporter;
use crate::partlist::PartList;
use cyrus_base::config::{Config, Opt};
use cyrus_db::{Create, Db, Durability, Kind, OpenFlags, Pool, QuotaHash};
use cyrus_util::acl::DeleteRight;
use cyrus_util::dirhash::DirHash;
use cyrus_util::ids::UnixTime;
use cyrus_util::mboxname::{NameRules, Options};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The databases of one installation.
#[derive(Debug)]
pub struct Catalog {
    config: Arc<Config>,
    names: Options,
    pool: Pool,
    /// The global databases, once opened: they stay open for the life of the process.
    held: Mutex<HashMap<Global, Db>>,
    /// The second in which user_deny.db was last found missing.
    deny_missing_at: AtomicI64,
    stamp: Option<u32>,
    list_file: Option<PathBuf>,
    /// The session that is served, when its changes are to be in the audit log.
    auditor: Mutex<Option<String>>,
    /// The room of the partitions, once somebody asked.
    partlist: Mutex<Option<PartList>>,
    /// Tells events, where `event_notifier` is set.
    reporter: Option<Reporter>,
}

/// A database with a place of its own in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Global {
    Annotations,
    Deliver,
    Mboxlist,
    Quota,
    StatusCache,
    UserDeny,
}

impl Global {
    fn options(self) -> (Opt, Opt, &'static str) {
        match self {
            Self::Annotations => (Opt::AnnotationDb, Opt::AnnotationDbPath, "annotations.db"),
            Self::Deliver => (Opt::DuplicateDb, Opt::DuplicateDbPath, "deliver.db"),
            Self::Mboxlist => (Opt::MboxlistDb, Opt::MboxlistDbPath, "mailboxes.db"),
            Self::Quota => (Opt::QuotaDb, Opt::QuotaDbPath, "quotas.db"),
            Self::StatusCache => (Opt::StatuscacheDb, Opt::StatuscacheDbPath, "statuscache.db"),
            Self::UserDeny => (Opt::UserdenyDb, Opt::UserdenyDbPath, "user_deny.db"),
        }
    }
}

impl Catalog {
    /// The databases of `config`; nothing is opened yet.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        let names = cyrus_auth::namespace::options(&config);
        let stamp = std::fs::read(config.configdirectory().join("db/skipstamp")).ok();
        let stamp = stamp.and_then(|bytes| bytes.first_chunk::<4>().map(|word| u32::from_be_bytes(*word)));
        Self {
            reporter: Reporter::new(&config),
            config,
            names,
            pool: Pool::new(),
            held: Mutex::default(),
            deny_missing_at: AtomicI64::new(0),
            stamp,
            list_file: None,
            auditor: Mutex::default(),
            partlist: Mutex::default(),
        }
    }

    /// Works with the list of partitions, which is made at the first use.
    pub(crate) fn with_partlist<T>(&self, work: impl FnOnce(&mut PartList) -> T) -> T {
        let mut partlist = self.partlist.lock().unwrap_or_else(PoisonError::into_inner);
        work(partlist.get_or_insert_with(|| PartList::new(&self.config)))
    }

    /// From now on changes are logged as those of this session, if `auditlog` is on, and events
    /// are told in its name.
    pub fn audit_as(&self, session: &str) {
        if let Some(reporter) = &self.reporter {
            reporter.serve(session);
        }
        let session = self.config.switch(Opt::Auditlog).then(|| session.to_owned());
        *self.auditor.lock().unwrap_or_else(PoisonError::into_inner) = session;
    }

    /// Who tells events; none where nobody wants to hear of any.
    pub(crate) fn reporter(&self) -> Option<&Reporter> {
        self.reporter.as_ref()
    }

    /// The session whose changes are logged; none when nothing is to be logged.
    pub(crate) fn auditor(&self) -> Option<String> {
        self.auditor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same with another file for mailboxes.db.
    #[must_use]
    pub fn with_list_file(self, file: PathBuf) -> Self {
        Self { list_file: Some(file), ..self }
    }

    /// The open databases of this process, each opened once.
    #[must_use]
    pub fn dbs(&self) -> &Pool {
        &self.pool
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Default domain and deleted prefix.
    #[must_use]
    pub fn rules(&self) -> &NameRules {
        &self.names.rules
    }

    /// The options of names.
    #[must_use]
    pub fn names(&self) -> &Options {
        &self.names
    }

    /// How the letters of rights belong together.
    #[must_use]
    pub fn delete_right(&self) -> DeleteRight {
        DeleteRight::from_option(self.config.bytes(Opt::Deleteright).unwrap_or(b"c"))
    }

    /// How directory letters are made.
    #[must_use]
    pub fn dirhash(&self) -> DirHash {
        DirHash::from_switch(self.config.switch(Opt::Fulldirhash))
    }

    /// The settings of the mailbox rooms.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let config = &self.config;
        let words = |opt| config.words(opt).map(|word| word.as_bytes().to_vec()).collect();
        let unsigned = |opt| u32::try_from(config.int(opt)).unwrap_or(0);
        Settings {
            lock_root: self.lock_root(),
            hash_spool: config.switch(Opt::Hashimapspool),
            full_dirhash: config.switch(Opt::Fulldirhash),
            conversations: config.switch(Opt::Conversations),
            expunge_mode: match config.choice(Opt::ExpungeMode) {
                "immediate" => ExpungeMode::Immediate,
                "semidelayed" => ExpungeMode::Semidelayed,
                _ => ExpungeMode::Delayed,
            },
            archive_enabled: config.switch(Opt::ArchiveEnabled),
            archive_maxsize_octets: u64::from(unsigned(Opt::ArchiveMaxsize)).saturating_mul(1024),
            archive_after_s: config.duration_s(Opt::ArchiveAfter),
            initial_flags: words(Opt::MailboxInitialFlags),
            default_options: unsigned(Opt::MailboxDefaultOptions),
            maxmessages_email: unsigned(Opt::MailboxMaxmessagesEmail),
            maxmessages_addressbook: unsigned(Opt::MailboxMaxmessagesAddressbook),
            maxmessages_calendar: unsigned(Opt::MailboxMaxmessagesCalendar),
            limits: cyrus_mime::Limits {
                max_header_lines: unsigned(Opt::Maxheaderlines),
                boundary_limit: unsigned(Opt::BoundaryLimit),
                rfc2046_strict: config.switch(Opt::Rfc2046Strict),
            },
            rfc2047_utf8: config.switch(Opt::Rfc2047Utf8),
        }
    }

    /// Directory of the name locks.
    #[must_use]
    pub fn lock_root(&self) -> PathBuf {
        match self.config.path(Opt::MboxnameLockpath) {
            Some(path) => path.to_path_buf(),
            None => self.config.configdirectory().join("lock"),
        }
    }

    /// One of the global databases. It stays open: opening mailboxes.db anew costs more than all
    /// that a command asks of it.
    pub(crate) fn global(&self, which: Global) -> Result<Db> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(db) = held.get(&which) {
            return Ok(db.clone());
        }
        let db = self.open_global(which)?;
        held.insert(which, db.clone());
        Ok(db)
    }

    /// Compacts the open databases that have grown; for moments when nobody waits.
    pub fn checkpoint_if_due(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for db in held.values() {
            db.checkpoint_if_due();
        }
    }

    /// user_deny.db, if there is one; its absence is looked at once a second.
    pub(crate) fn user_deny_db(&self) -> Option<Db> {
        let now = UnixTime::now().0;
        if self.deny_missing_at.load(Ordering::Relaxed) == now {
            return None;
        }
        let db = self.global(Global::UserDeny).ok();
        if db.is_none() {
            self.deny_missing_at.store(now, Ordering::Relaxed);
        }
        db
    }

    /// user_deny.db for administrators; `None` when there is none and it is not to be made.
    pub(crate) fn user_deny_db_to_change(&self, create: Create) -> Result<Option<Db>> {
        match self.open_global_as(Global::UserDeny, create) {
            Ok(db) => Ok(Some(db)),
            Err(Error::NotFound) => Ok(None),
            Err(Error::Io { .. }) if create == Create::Never => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open_global(&self, which: Global) -> Result<Db> {
        let create = if which == Global::UserDeny { Create::Never } else { Create::IfMissing };
        self.open_global_as(which, create)
    }

    fn open_global_as(&self, which: Global, create: Create) -> Result<Db> {
        let (kind, path, name) = which.options();
        let kind_name = self.config.choice(kind);
        let default = || match (which, kind_name) {
            (Global::Quota, "quotalegacy") => self.config.configdirectory().join("quota"),
            _ => self.config.configdirectory().join(name),
        };
        let path = match (&self.list_file, which) {
            (Some(file), Global::Mboxlist) => file.clone(),
            _ => self.config.path(path).map_or_else(default, Path::to_path_buf),
        };
        let durability = match which {
            Global::Deliver | Global::StatusCache => Durability::Relaxed,
            Global::Annotations | Global::Mboxlist | Global::Quota | Global::UserDeny => Durability::Full,
        };
        self.open_db(&path, kind_name, create, durability)
    }

    /// A database of a user or a mailbox, in the format option `kind` names.
    pub(crate) fn open_as(&self, path: &Path, kind: Opt, create: Create) -> Result<Db> {
        self.open_db(path, self.config.choice(kind), create, Durability::Full)
    }

    fn open_db(&self, path: &Path, kind: &str, create: Create, durability: Durability) -> Result<Db> {
        let kind = Kind::from_name(kind).ok_or(Error::Internal("database type not built in"))?;
        let flags = OpenFlags {
            create,
            durability,
            quota_hash: QuotaHash { hash: self.dirhash(), virtdomains: self.names.virtdomains.is_on() },
            skiplist_stamp: self.stamp,
            skiplist_unsafe: self.config.switch(Opt::SkiplistUnsafe),
            ..OpenFlags::default()
        };
        self.pool.open(path, kind, &flags).map_err(|error| db_error(path, error))
    }
}

/// What a failing database means to the store.
pub(crate) fn db_error(path: &Path, error: cyrus_db::Error) -> Error {
    match error {
        cyrus_db::Error::Corrupt { file, offset, what } => Error::corrupt(&file, offset, what),
        cyrus_db::Error::Io { file, op, source } => Error::io(op, &file, source),
        // Not in the log: whoever opens without making the file knows that it may be missing.
        cyrus_db::Error::NotFound => {
            let source = std::io::ErrorKind::NotFound.into();
            Error::Io { what: "open", file: path.to_path_buf(), source }
        }
        cyrus_db::Error::Exists => Error::Exists,
        cyrus_db::Error::Locked => Error::Again,
        cyrus_db::Error::ReadOnly => Error::Internal("database is read-only"),
        cyrus_db::Error::NotImplemented(what) => Error::Internal(what),
    }
}
