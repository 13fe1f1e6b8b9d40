//! cyrusdb: twoskip, skiplist, flat, quotalegacy.
//!
//! [`Db::open`] finds the real type of a file by its magic and gives one handle for the four
//! formats of reference/cyrusdb.md. Files are shared with the C server, also while it runs:
//! every operation locks (fcntl), checks that the path still names the open inode, reads the
//! header again and maps what grew.
//!
//! Promises: what [`Db::store`], [`Db::delete`] or [`Txn::commit`] acknowledged survives a power
//! cut ([`Durability::Full`]); what they did not acknowledge is there whole or not at all; bytes
//! from disk never cause a panic or an endless walk. [`Db::foreach`] takes one lock, notes where
//! the matching records lie, lets the lock go and only then calls back: the callback sees one
//! consistent moment, keeps no writer waiting and may itself use the database.
//!
//! Never here: what keys and values mean (that is `store`), and global state: a file that one
//! process uses in two places is shared by cloning the [`Db`] or through a [`Pool`], because
//! closing any descriptor of a file drops the process's locks on it.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod detect;
mod engine;
mod error;
mod file;
mod flat;
mod kind;
mod open;
mod order;
mod quotalegacy;
mod skiplist;
mod storage;
mod twoskip;

#[cfg(test)]
mod tests;

use engine::{Engine, Put};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storage::Mode;

pub use detect::{convert, detect};
pub use error::{Error, Result};
pub use kind::Kind;
pub use open::{Convert, Create, Durability, OpenFlags, Order, Pool, QuotaHash};
pub use storage::{Backend, Storage, System};

/// An open database; clones share the descriptor and its locks.
#[derive(Clone, Debug)]
pub struct Db {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    kind: Kind,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    engine: Box<dyn Engine>,
    held: Held,
}

/// Which guards are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Nothing,
    Read(usize),
    Write,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere does not make the engine wrong: its state is re-read at each lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Runs `f` under the lock a guard holds, or under a shared one for its length.
    fn reading<T>(&mut self, f: impl FnOnce(&mut dyn Engine) -> Result<T>) -> Result<T> {
        if self.held != Held::Nothing {
            return f(self.engine.as_mut());
        }
        self.engine.lock(Mode::Shared)?;
        let result = f(self.engine.as_mut());
        self.engine.unlock();
        result
    }

    /// Runs `f` and commits, under the exclusive lock.
    fn writing<T>(&mut self, f: impl FnOnce(&mut dyn Engine) -> Result<T>) -> Result<T> {
        if self.held != Held::Nothing {
            return Err(Error::Locked);
        }
        self.engine.lock(Mode::Exclusive)?;
        let result = match f(self.engine.as_mut()) {
            Ok(value) => self.engine.commit().map(|()| value),
            Err(error) => {
                // The first error is the one to report.
                let _ = self.engine.abort();
                Err(error)
            }
        };
        self.engine.unlock();
        result
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.checkpoint_if_due();
    }
}

impl Inner {
    fn checkpoint_if_due(&mut self) {
        if self.held == Held::Nothing
            && self.engine.checkpoint_due()
            && self.engine.lock(Mode::Exclusive).is_ok()
        {
            // Somebody else may have done it meanwhile.
            if self.engine.checkpoint_due()
                && let Err(error) = self.engine.repack()
            {
                log::error!("DBERROR: checkpoint failed: {error}");
            }
            self.engine.unlock();
        }
    }
}

impl Db {
    /// Opens `path` as `kind`, or as what its magic says it is. C: `cyrusdb_open()`
    ///
    /// For quotalegacy the path is, as in C, a file in the directory that holds `quota/`:
    /// `<configdirectory>/quotas.db`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the file is missing and `flags.create` does not allow making it.
    pub fn open(path: &Path, kind: Kind, flags: &OpenFlags) -> Result<Self> {
        let engine = detect::open_engine(path, kind, flags)?;
        let kind = engine.kind();
        let inner = Mutex::new(Inner { engine, held: Held::Nothing });
        Ok(Self { shared: Arc::new(Shared { path: path.to_owned(), kind, inner }) })
    }

    /// The path this was opened on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The real backend, which may differ from the one asked for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.shared.kind
    }

    /// The value of `key`, or `None`. While a guard of this handle is alive, its lock and view
    /// are used, pending changes included.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.shared.inner().reading(|engine| engine.fetch(key))
    }

    /// The first record whose key is greater than `key`; the empty key asks for the first of all.
    ///
    /// # Errors
    /// As [`Db::fetch`]; [`Error::NotImplemented`] in quotalegacy.
    pub fn fetch_next(&self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.shared.inner().reading(|engine| engine.fetch_next(key))
    }

    /// Calls `f` with every record whose key begins with `prefix`, in key order, until it breaks.
    /// All see the database of one moment; no lock is held during the calls, which may use this
    /// database too.
    ///
    /// # Errors
    /// As [`Db::fetch`]; nothing was called back then.
    pub fn foreach<F>(&self, prefix: &[u8], f: F) -> Result<()>
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        let records = self.shared.inner().reading(|engine| engine.collect(prefix))?;
        records.each(f);
        Ok(())
    }

    /// Begins a write transaction: takes the exclusive lock and keeps it until the guard ends.
    ///
    /// # Errors
    /// [`Error::Locked`] when a guard of this handle is alive.
    pub fn begin(&self) -> Result<Txn> {
        let mut inner = self.shared.inner();
        if inner.held != Held::Nothing {
            return Err(Error::Locked);
        }
        inner.engine.lock(Mode::Exclusive)?;
        inner.held = Held::Write;
        drop(inner);
        Ok(Txn { shared: Arc::clone(&self.shared), failed: false })
    }

    /// Begins a read transaction: takes the shared lock and keeps it until the guard ends, so
    /// that a whole command sees one state for one lock. Further ones join the first.
    ///
    /// # Errors
    /// [`Error::Locked`] when a write transaction of this handle is alive.
    pub fn begin_read(&self) -> Result<ReadTxn> {
        let mut inner = self.shared.inner();
        inner.held = match inner.held {
            Held::Nothing => {
                inner.engine.lock(Mode::Shared)?;
                Held::Read(1)
            }
            Held::Read(count) => Held::Read(count.saturating_add(1)),
            Held::Write => return Err(Error::Locked),
        };
        drop(inner);
        Ok(ReadTxn { db: self.clone() })
    }

    /// Stores one record, durable on return.
    ///
    /// # Errors
    /// As [`Db::begin`] and [`Txn::commit`].
    pub fn store(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.shared.inner().writing(|engine| engine.put(key, value, Put::Store))
    }

    /// Stores one record that must not exist yet.
    ///
    /// # Errors
    /// [`Error::Exists`] when it does; as [`Db::store`].
    pub fn create(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.shared.inner().writing(|engine| engine.put(key, value, Put::Create))
    }

    /// Deletes one record; true when there was one.
    ///
    /// # Errors
    /// As [`Db::store`].
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        self.shared.inner().writing(|engine| engine.remove(key))
    }

    /// Rewrites the file without its dead records. C: `cyrusdb_repack()`
    ///
    /// # Errors
    /// As [`Db::store`].
    pub fn repack(&self) -> Result<()> {
        self.shared.inner().writing(|engine| engine.repack())
    }

    /// Rewrites the file if it has grown enough since the last time. Commits leave this to a
    /// moment when no client waits; closing the last handle does it too.
    pub fn checkpoint_if_due(&self) {
        self.shared.inner().checkpoint_if_due();
    }

    /// Checks order, chains, checksums and counts of the whole file. C: `cyrusdb_consistent()`
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first thing found wrong.
    pub fn check_consistency(&self) -> Result<()> {
        self.shared.inner().reading(|engine| engine.check())
    }

    /// Appends the format's own text of the file to `out`. C: `cyrusdb_dump()`
    ///
    /// # Errors
    /// What the disk says; `out` has the text up to there.
    pub fn dump(&self, level: i32, out: &mut Vec<u8>) -> Result<()> {
        self.shared.inner().reading(|engine| engine.dump(level, out))
    }

    /// The order in which this database keeps its keys.
    #[must_use]
    pub fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        self.shared.inner().engine.compare(a, b)
    }
}

/// A write transaction: owns the exclusive lock; dropping it without [`Txn::commit`] aborts.
#[must_use = "a transaction that is dropped at once changes nothing"]
#[derive(Debug)]
pub struct Txn {
    shared: Arc<Shared>,
    failed: bool,
}

impl Txn {
    /// As [`Db::fetch`], seeing this transaction's own changes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.shared.inner().engine.fetch(key)
    }

    /// As [`Db::fetch_next`], seeing this transaction's own changes.
    ///
    /// # Errors
    /// As [`Db::fetch_next`].
    pub fn fetch_next(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.shared.inner().engine.fetch_next(key)
    }

    /// As [`Db::foreach`], seeing this transaction's own changes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn foreach<F>(&mut self, prefix: &[u8], f: F) -> Result<()>
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        let records = self.shared.inner().engine.collect(prefix)?;
        records.each(f);
        Ok(())
    }

    /// Stores a record; one with the same value is left alone.
    ///
    /// # Errors
    /// What the disk says; the transaction can then only be dropped.
    pub fn store(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.change(|engine| engine.put(key, value, Put::Store))
    }

    /// Stores a record that must not exist yet.
    ///
    /// # Errors
    /// [`Error::Exists`] when it does; the transaction stays usable.
    pub fn create(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.change(|engine| engine.put(key, value, Put::Create))
    }

    /// Deletes a record; true when there was one.
    ///
    /// # Errors
    /// As [`Txn::store`].
    pub fn delete(&mut self, key: &[u8]) -> Result<bool> {
        self.change(|engine| engine.remove(key))
    }

    fn change<T>(&mut self, f: impl FnOnce(&mut dyn Engine) -> Result<T>) -> Result<T> {
        let result = f(self.shared.inner().engine.as_mut());
        self.failed |= matches!(result, Err(Error::Io { .. } | Error::Corrupt { .. }));
        result
    }

    /// Makes all changes durable at once and releases the lock.
    ///
    /// # Errors
    /// What the disk says; nothing was changed then. [`Error::Locked`] when an earlier change
    /// of this transaction failed half-way.
    pub fn commit(self) -> Result<()> {
        if self.failed {
            return Err(Error::Locked);
        }
        self.shared.inner().engine.commit()
    }

    /// Undoes all changes and releases the lock; the same as dropping.
    ///
    /// # Errors
    /// What the disk says; the next to open the file recovers it.
    pub fn abort(self) -> Result<()> {
        self.shared.inner().engine.abort()
    }
}

impl Drop for Txn {
    fn drop(&mut self) {
        let mut inner = self.shared.inner();
        // After a commit or abort there is nothing left to undo.
        if let Err(error) = inner.engine.abort() {
            log::error!("DBERROR: abort failed: filename=<{}> {error}", self.shared.path.display());
        }
        inner.engine.unlock();
        inner.held = Held::Nothing;
    }
}

/// A read transaction: owns the shared lock until it is dropped.
#[must_use = "the lock is released when this is dropped"]
#[derive(Debug)]
pub struct ReadTxn {
    db: Db,
}

impl ReadTxn {
    /// As [`Db::fetch`], without locking again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db.fetch(key)
    }

    /// As [`Db::fetch_next`], without locking again.
    ///
    /// # Errors
    /// As [`Db::fetch_next`].
    pub fn fetch_next(&self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.db.fetch_next(key)
    }

    /// As [`Db::foreach`], without locking again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn foreach<F>(&self, prefix: &[u8], f: F) -> Result<()>
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        self.db.foreach(prefix, f)
    }
}

impl Drop for ReadTxn {
    fn drop(&mut self) {
        let mut inner = self.db.shared.inner();
        inner.held = match inner.held {
            Held::Read(count) if count > 1 => Held::Read(count - 1),
            Held::Read(_) | Held::Nothing => {
                inner.engine.unlock();
                Held::Nothing
            }
            Held::Write => Held::Write,
        };
    }
}
