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

mod error;
mod kind;
mod open;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use error::{Error, Result};
pub use kind::Kind;
pub use open::{Convert, Create, Durability, OpenFlags, Order, Pool, QuotaHash};

/// An open database; clones share the descriptor and its locks.
#[derive(Clone, Debug)]
pub struct Db {
    path: PathBuf,
}

impl Db {
    /// Opens `path` as `kind`, or as what its magic says it is. C: `cyrusdb_open()`
    ///
    /// # Errors
    /// [`Error::NotFound`] when the file is missing and `flags.create` does not allow making it.
    pub fn open(path: &Path, kind: Kind, flags: &OpenFlags) -> Result<Self> {
        let _ = (path, kind, flags);
        todo!()
    }

    /// The file (for quotalegacy the directory) this was opened on.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The real backend, which may differ from the one asked for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        todo!()
    }

    /// The value of `key`, or `None`.
    ///
    /// # Errors
    /// [`Error::Locked`] while a [`Txn`] of this handle is open; otherwise what the disk says.
    pub fn fetch(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let _ = key;
        todo!()
    }

    /// The first record whose key is greater than `key`; the empty key asks for the first of all.
    ///
    /// # Errors
    /// As [`Db::fetch`].
    pub fn fetch_next(&self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let _ = key;
        todo!()
    }

    /// Calls `f` with every record whose key begins with `prefix`, in key order, until it breaks.
    /// All see the database of one moment; no lock is held during the calls.
    ///
    /// # Errors
    /// As [`Db::fetch`]; nothing was called back then.
    pub fn foreach<F>(&self, prefix: &[u8], f: F) -> Result<()>
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        let _ = (prefix, f);
        todo!()
    }

    /// Begins a write transaction: takes the exclusive lock and keeps it until the guard ends.
    ///
    /// # Errors
    /// [`Error::Locked`] when this handle already has a transaction, [`Error::ReadOnly`] when it
    /// was opened so.
    pub fn begin(&self) -> Result<Txn> {
        todo!()
    }

    /// Begins a read transaction: takes the shared lock and keeps it until the guard ends, so
    /// that a whole command sees one state for one lock.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub fn begin_read(&self) -> Result<ReadTxn> {
        todo!()
    }

    /// Stores one record, durable on return.
    ///
    /// # Errors
    /// As [`Db::begin`] and [`Txn::commit`].
    pub fn store(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let _ = (key, value);
        todo!()
    }

    /// Stores one record that must not exist yet.
    ///
    /// # Errors
    /// [`Error::Exists`] when it does; as [`Db::store`].
    pub fn create(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let _ = (key, value);
        todo!()
    }

    /// Deletes one record; true when there was one.
    ///
    /// # Errors
    /// As [`Db::store`].
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        let _ = key;
        todo!()
    }

    /// Rewrites the file without its dead records. C: `cyrusdb_repack()`
    ///
    /// # Errors
    /// As [`Db::store`].
    pub fn repack(&self) -> Result<()> {
        todo!()
    }

    /// Checks order, chains, checksums and counts of the whole file. C: `cyrusdb_consistent()`
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first thing found wrong.
    pub fn check_consistency(&self) -> Result<()> {
        todo!()
    }

    /// The order in which this database keeps its keys.
    #[must_use]
    pub fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        let _ = (a, b);
        todo!()
    }
}

/// A write transaction: owns the exclusive lock; dropping it without [`Txn::commit`] aborts.
#[must_use = "a transaction that is dropped at once changes nothing"]
#[derive(Debug)]
pub struct Txn {
    _private: (),
}

impl Txn {
    /// As [`Db::fetch`], seeing this transaction's own changes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let _ = key;
        todo!()
    }

    /// As [`Db::fetch_next`], seeing this transaction's own changes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch_next(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let _ = key;
        todo!()
    }

    /// As [`Db::foreach`], seeing this transaction's own changes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn foreach<F>(&mut self, prefix: &[u8], f: F) -> Result<()>
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        let _ = (prefix, f);
        todo!()
    }

    /// Stores a record; one with the same value is left alone.
    ///
    /// # Errors
    /// What the disk says; the transaction can then only be dropped.
    pub fn store(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let _ = (key, value);
        todo!()
    }

    /// Stores a record that must not exist yet.
    ///
    /// # Errors
    /// [`Error::Exists`] when it does; the transaction stays usable.
    pub fn create(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let _ = (key, value);
        todo!()
    }

    /// Deletes a record; true when there was one.
    ///
    /// # Errors
    /// As [`Txn::store`].
    pub fn delete(&mut self, key: &[u8]) -> Result<bool> {
        let _ = key;
        todo!()
    }

    /// Makes all changes durable at once and releases the lock.
    ///
    /// # Errors
    /// What the disk says; nothing was changed then.
    pub fn commit(self) -> Result<()> {
        todo!()
    }

    /// Undoes all changes and releases the lock; the same as dropping.
    ///
    /// # Errors
    /// What the disk says; the next to open the file recovers it.
    pub fn abort(self) -> Result<()> {
        todo!()
    }
}

/// A read transaction: owns the shared lock until it is dropped.
#[must_use = "the lock is released when this is dropped"]
#[derive(Debug)]
pub struct ReadTxn {
    _private: (),
}

impl ReadTxn {
    /// As [`Db::fetch`], without locking again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let _ = key;
        todo!()
    }

    /// As [`Db::fetch_next`], without locking again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn fetch_next(&self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let _ = key;
        todo!()
    }

    /// As [`Db::foreach`], without locking again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn foreach<F>(&self, prefix: &[u8], f: F) -> Result<()>
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        let _ = (prefix, f);
        todo!()
    }
}
