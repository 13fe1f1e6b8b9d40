//! How a database is opened, and the pool that opens each file once per process.

use crate::{Backend, Db, Kind, Result, Shared};
use cyrus_base::config::{Config, Opt};
use cyrus_util::dirhash::DirHash;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, Weak};

/// What to do when the file is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// Return [`crate::Error::NotFound`].
    #[default]
    Never,
    /// Make it, with the directories that lead to it.
    IfMissing,
}

/// What to do with a file of another type than asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convert {
    /// Use it with its real backend (C: `cyrusdb: opening %s with backend %s (requested %s)`).
    #[default]
    UseAsFound,
    /// Rewrite it in the type asked for.
    InPlace,
}

/// What a write promises when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut: two syncs for a single record in twoskip, three for a
    /// transaction of several.
    #[default]
    Full,
    /// The file stays sound through a power cut, the last records may be lost: one sync,
    /// seldom two. For databases that can be rebuilt or whose loss costs nothing acknowledged (deliver.db,
    /// statuscache.db, tls_sessions.db).
    Relaxed,
}

/// Which order keys are kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// That of the format: octets for twoskip, signed octets for skiplist; flat is always in
    /// mailbox order.
    #[default]
    Native,
    /// Mailbox order (C: `CYRUSDB_MBOXSORT`).
    Mbox,
}

/// Where quotalegacy looks for a quota root's file (reference/cyrusdb.md 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaHash {
    /// `fulldirhash`.
    pub hash: DirHash,
    /// `virtdomains` is not off: `domain!rest` has a directory of its own.
    pub virtdomains: bool,
}

/// Options of [`Db::open`]; the default opens an existing file for reading and writing.
#[derive(Clone, Debug, Default)]
pub struct OpenFlags {
    /// Missing file.
    pub create: Create,
    /// File of another type.
    pub convert: Convert,
    /// What a write promises.
    pub durability: Durability,
    /// Order of the keys.
    pub order: Order,
    /// Hashing of quotalegacy.
    pub quota_hash: QuotaHash,
    /// The stamp of `<configdirectory>/db/skipstamp`: skiplist files recovered before it are
    /// recovered on open. `None`: no stamp file, every one is (as C).
    pub skiplist_stamp: Option<u32>,
    /// `skiplist_unsafe`: no syncs at all in skiplist.
    pub skiplist_unsafe: bool,
    /// Never checkpoint by itself (C: `CYRUSDB_NOCOMPACT`).
    pub no_compact: bool,
    /// Through what the disk is changed.
    pub backend: Backend,
}

impl OpenFlags {
    /// What the configuration says about opening databases: hashing of quota roots, the stamp of
    /// `db/skipstamp`, `skiplist_unsafe`.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let stamp = std::fs::read(config.configdirectory().join("db/skipstamp")).ok();
        Self {
            quota_hash: QuotaHash {
                hash: DirHash::from_switch(config.switch(Opt::Fulldirhash)),
                virtdomains: config.choice(Opt::Virtdomains) != "off",
            },
            skiplist_stamp: stamp.and_then(|bytes| bytes.first_chunk().map(|word| u32::from_be_bytes(*word))),
            skiplist_unsafe: config.switch(Opt::SkiplistUnsafe),
            ..Self::default()
        }
    }

    /// The default, making the file when it is missing.
    #[must_use]
    pub fn create() -> Self {
        Self { create: Create::IfMissing, ..Self::default() }
    }
}

/// Hands out one shared [`Db`] per file, because a second descriptor of the same file would on
/// closing drop the locks of the first.
#[derive(Debug, Default)]
pub struct Pool {
    open: Mutex<HashMap<PathBuf, Weak<Shared>>>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The database at `path`, opened now or still open from before.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open(&self, path: &Path, kind: Kind, flags: &OpenFlags) -> Result<Db> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = open.get(path).and_then(Weak::upgrade) {
            return Ok(Db { shared });
        }
        open.retain(|_, shared| shared.strong_count() > 0);
        let db = Db::open(path, kind, flags)?;
        open.insert(path.to_owned(), std::sync::Arc::downgrade(&db.shared));
        Ok(db)
    }
}
