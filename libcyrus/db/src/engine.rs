//! What every backend can do under a lock, and the collected records of a foreach.

use crate::storage::Mode;
use crate::{Error, Kind, Result};
use cyrus_sys::map::Map;
use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Whether a write may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// Must not exist yet.
    Create,
    /// Replaces.
    Store,
}

/// A backend. All methods but `lock` are called with the lock held; those that change anything
/// with the exclusive one.
pub(crate) trait Engine: std::fmt::Debug + Send {
    fn kind(&self) -> Kind;
    /// Locks and brings the view of the file up to date, recovering it when it is unclean.
    fn lock(&mut self, mode: Mode) -> Result<()>;
    fn unlock(&mut self);
    fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn fetch_next(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>>;
    /// The records whose key begins with `prefix`, in order.
    fn collect(&mut self, prefix: &[u8]) -> Result<Snapshot>;
    fn put(&mut self, key: &[u8], value: &[u8], how: Put) -> Result<()>;
    fn remove(&mut self, key: &[u8]) -> Result<bool>;
    /// Makes everything since `lock` durable; on error nothing of it stays.
    fn commit(&mut self) -> Result<()>;
    fn abort(&mut self) -> Result<()>;
    /// Rewrites the file when that is due; called with the exclusive lock and nothing pending.
    fn checkpoint_due(&self) -> bool {
        false
    }
    fn repack(&mut self) -> Result<()>;
    fn check(&mut self) -> Result<()>;
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering;
    /// The text of `cyr_dbtool FILE TYPE dump LEVEL`.
    fn dump(&mut self, level: i32, out: &mut Vec<u8>) -> Result<()>;
}

/// Locks a file that must be sound before it is read. `lock_once` takes the lock, mends under the
/// exclusive one, and says false where there is something to mend under the shared one; then
/// whoever comes first mends it.
pub(crate) fn lock_mending<E: Engine>(
    engine: &mut E,
    mode: Mode,
    lock_once: impl Fn(&mut E, Mode) -> Result<bool>,
) -> Result<()> {
    let lock_or_leave = |engine: &mut E, mode| lock_once(engine, mode).inspect_err(|_| engine.unlock());
    while !lock_or_leave(engine, mode)? {
        engine.unlock();
        if !lock_or_leave(engine, Mode::Exclusive)? {
            return Err(Error::Locked);
        }
        engine.unlock();
    }
    Ok(())
}

/// Records of one moment, readable after the lock is gone.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    bytes: Bytes,
    items: Vec<Item>,
}

#[derive(Debug)]
enum Bytes {
    /// Committed keys and values never change in place and files are never cut below them, so
    /// the map stays true after the lock is released.
    Mapped(Arc<Map>),
    Owned(Vec<u8>),
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

#[derive(Clone, Copy, Debug)]
struct Item {
    key: usize,
    key_len: usize,
    value: usize,
    value_len: usize,
}

impl Snapshot {
    /// Over slices of `map`, added with [`Snapshot::push_range`].
    pub(crate) fn mapped(map: Arc<Map>) -> Self {
        Self { bytes: Bytes::Mapped(map), items: Vec::new() }
    }

    /// Notes where a record lies; key and value follow each other.
    pub(crate) fn push_range(&mut self, key: usize, key_len: usize, value_len: usize) {
        self.items.push(Item { key, key_len, value: key.saturating_add(key_len), value_len });
    }

    /// Copies a record.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        if let Bytes::Owned(bytes) = &mut self.bytes {
            let at = bytes.len();
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
            self.items.push(Item {
                key: at,
                key_len: key.len(),
                value: at + key.len(),
                value_len: value.len(),
            });
        }
    }

    pub(crate) fn each<F>(&self, mut f: F)
    where
        F: FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    {
        let bytes: &[u8] = match &self.bytes {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        };
        let slice = |at: usize, len: usize| bytes.get(at..at.saturating_add(len)).unwrap_or_default();
        for item in &self.items {
            if f(slice(item.key, item.key_len), slice(item.value, item.value_len)).is_break() {
                break;
            }
        }
    }
}
