//! twoskip: an append-only file whose records are linked into skip lists, the lowest twice.
//!
//! `format` the bytes | `view` reading | this file: transactions | `recover` after a crash |
//! `rewrite` checkpoint | `dump` for administrators.
//!
//! A transaction lives in memory until its commit, so an abort writes nothing. The commit of
//! several changes takes C's three syncs with the same order of facts on disk: header marked
//! dirty and records appended; links changed; header with the new size and clean. Until the last
//! is on disk, recovery (ours or C's) goes back to the size of the last commit.
//!
//! The commit of a single change takes two. First the record is appended while the header is
//! marked dirty **with the new size**; nothing links to the record yet, so recovery from any part
//! of this finds the old state. Then the one lowest link and the higher ones are changed and
//! synced; each head lies in one disk block. From here recovery finds the new record by the
//! lowest link and repairs the higher chains from it. The header is marked clean without a sync:
//! whether that reaches the disk or not, the next reader sees the record.
//!
//! With [`Durability::Relaxed`] the second sync is left out too when only one head changes, which
//! the lowest level makes the rule; a record that took long to find its place gets a higher one,
//! lest the lowest chain has to be searched step by step. Then a power cut may lose the record,
//! and, if the header got to disk without the link, leave a num_records that is one too high until
//! the next checkpoint; reading is not affected.
//!
//! Logs at info a recovery or checkpoint (C's words), at error what is found broken.

mod dump;
mod format;
mod recover;
mod rewrite;
mod view;

use crate::engine::{Engine, Put, Snapshot, lock_mending};
use crate::file::DbFile;
use crate::order::KeyOrder;
use crate::storage::Mode;
use crate::{Durability, Error, Kind, OpenFlags, Order, Result};
use format::{COMMIT, DELETE, HEADER_SIZE, Header, MAXLEVEL, RECORD};
use std::cmp::Ordering;
use std::path::Path;
use view::{Heads, View};

/// A relaxed record that had to pass so many others goes into higher chains, at the price of a
/// sync: a search never passes many more, and few records pay.
const LOW_STEPS: u32 = 256;

/// Files of less are never checkpointed. C: `MINREWRITE`
const REWRITE_MIN_OCTETS: u64 = 16834;
/// Growth since the last checkpoint at which a commit does not wait for an idle moment.
const REWRITE_NOW_FACTOR: u64 = 8;

/// An open twoskip file.
#[derive(Debug)]
pub(crate) struct Twoskip {
    file: DbFile,
    header: Header,
    order: KeyOrder,
    durability: Durability,
    no_compact: bool,
    pending: Pending,
}

/// A transaction's changes so far.
#[derive(Debug, Default)]
struct Pending {
    tail: Vec<u8>,
    heads: Heads,
    num_records: u64,
    changes: u64,
}

impl Twoskip {
    /// Opens the file, writing the first header into a new one. C: `opendb()`
    pub(crate) fn open(path: &Path, flags: &OpenFlags) -> Result<Self> {
        let file = DbFile::open(path, flags.create, flags.backend.clone())?;
        let mut db = Self {
            file,
            header: Header::default(),
            order: match flags.order {
                Order::Native => KeyOrder::Octets,
                Order::Mbox => KeyOrder::Mbox,
            },
            durability: flags.durability,
            no_compact: flags.no_compact,
            pending: Pending::default(),
        };
        db.lock(Mode::Shared)?;
        db.unlock();
        Ok(db)
    }

    fn view(&self) -> View<'_> {
        let size = usize::try_from(self.header.current_size).unwrap_or(usize::MAX);
        let bytes = self.file.bytes();
        View {
            path: self.file.path(),
            base: bytes.get(..size).unwrap_or(bytes),
            tail: &self.pending.tail,
            tail_at: self.header.current_size,
            heads: if self.pending.heads.is_empty() { None } else { Some(&self.pending.heads) },
            order: self.order,
        }
    }

    /// Writes the first header and the dummy into an empty file.
    fn initialise(&mut self) -> Result<()> {
        let image = rewrite::Builder::empty();
        self.file.write_at(image.get(HEADER_SIZE as usize..).unwrap_or_default(), HEADER_SIZE)?;
        self.file.write_at(image.get(..HEADER_SIZE as usize).unwrap_or_default(), 0)?;
        self.file.sync()
    }

    fn read_header(&mut self) -> Result<()> {
        self.header = Header::parse(self.file.bytes()).map_err(|what| Error::Corrupt {
            file: self.file.path().to_owned(),
            offset: 0,
            what,
        })?;
        self.pending = Pending { num_records: self.header.num_records, ..Pending::default() };
        Ok(())
    }

    fn is_clean(&self) -> bool {
        !self.header.is_dirty() && self.header.current_size == self.file.size()
    }

    /// Locks; false for a file that is new or unclean and that a shared lock may not mend.
    fn lock_once(&mut self, mode: Mode) -> Result<bool> {
        self.file.lock(mode)?;
        if self.file.size() == 0 {
            if mode == Mode::Shared {
                return Ok(false);
            }
            self.initialise()?;
            self.file.remap()?;
        }
        self.read_header()?;
        if self.is_clean() {
            return Ok(true);
        }
        if mode == Mode::Shared {
            return Ok(false);
        }
        self.recover()?;
        Ok(true)
    }

    fn append(&mut self, kind: u8, pointers: &[u64], key: &[u8], value: &[u8]) -> u64 {
        format::append(&mut self.pending.tail, self.header.current_size, kind, pointers, key, value)
    }

    /// Makes every predecessor below `level` point to `forward`. C: `stitch()`
    fn stitch(&mut self, level: usize, back: &[u64; MAXLEVEL], forward: &[u64; MAXLEVEL]) -> Result<()> {
        let committed = self.header.current_size;
        let mut chain = 0;
        while chain < level {
            let offset = back.get(chain).copied().unwrap_or_default();
            let head = self.view().head(offset)?;
            let (top, mut bytes) = (head.level, head.bytes.to_vec());
            if top <= chain {
                return Err(self.view().corrupt(offset, "predecessor below its chain"));
            }
            for (i, next) in forward.iter().enumerate().take(level.min(top)).skip(chain) {
                format::set_next(&mut bytes, top, i, *next, committed);
            }
            format::seal(&mut bytes);
            match offset.checked_sub(committed) {
                Some(at) => {
                    let at = usize::try_from(at).unwrap_or(usize::MAX);
                    let end = at.saturating_add(bytes.len());
                    if let Some(place) = self.pending.tail.get_mut(at..end) {
                        place.copy_from_slice(&bytes);
                    }
                }
                None => {
                    self.pending.heads.insert(offset, bytes);
                }
            }
            chain = top;
        }
        Ok(())
    }

    fn write_header(&mut self, header: Header) -> Result<()> {
        self.file.write_at(&header.encode(), 0)
    }

    fn write_heads(&mut self, heads: &Heads) -> Result<()> {
        for (offset, head) in heads {
            self.file.write_at(head, *offset)?;
        }
        Ok(())
    }

    /// The writes of a commit, in the order the module doc argues for.
    fn write(&mut self, pending: &Pending, next: Header) -> Result<()> {
        let old = self.header.current_size;
        let single = pending.changes == 1;
        let announced = if single { next.dirty() } else { self.header.dirty() };
        self.write_header(announced)?;
        self.file.write_at(&pending.tail, old)?;
        self.file.sync()?;
        self.write_heads(&pending.heads)?;
        let relaxed = self.durability == Durability::Relaxed && pending.heads.len() == 1;
        if !(single && relaxed) {
            self.file.sync()?;
        }
        self.write_header(next)?;
        if !single && self.durability == Durability::Full {
            self.file.sync()?;
        }
        Ok(())
    }
}

impl Engine for Twoskip {
    fn kind(&self) -> Kind {
        Kind::Twoskip
    }

    fn lock(&mut self, mode: Mode) -> Result<()> {
        lock_mending(self, mode, Self::lock_once)
    }

    fn unlock(&mut self) {
        self.file.unlock();
    }

    fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let view = self.view();
        Ok(view.locate(key)?.found.map(|head| view.value(&head).to_vec()))
    }

    fn fetch_next(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let view = self.view();
        let [next, ..] = view.locate(key)?.forward;
        let Some(head) = view.live(next)? else { return Ok(None) };
        view.check_tail(&head)?;
        Ok(Some((view.key(&head).to_vec(), view.value(&head).to_vec())))
    }

    fn collect(&mut self, prefix: &[u8]) -> Result<Snapshot> {
        let view = self.view();
        let location = view.locate(prefix)?;
        let [next, ..] = location.forward;
        let start = location.found.map_or(next, |head| head.offset);
        let pending = !view.tail.is_empty();
        let mut records = if pending { Snapshot::default() } else { Snapshot::mapped(self.file.map()) };
        view.walk(start, |head, key| {
            if !self.order.has_prefix(key, prefix) {
                return Ok(false);
            }
            if pending {
                records.push(key, view.value(head));
            } else {
                let at = usize::try_from(head.key_offset()).unwrap_or(usize::MAX);
                records.push_range(at, key.len(), view.value(head).len());
            }
            Ok(true)
        })?;
        Ok(records)
    }

    fn put(&mut self, key: &[u8], value: &[u8], how: Put) -> Result<()> {
        let view = self.view();
        let location = view.locate(key)?;
        let (back, mut forward) = (location.back, location.forward);
        let mut old_level = 0;
        if let Some(head) = &location.found {
            if how == Put::Create {
                return Err(Error::Exists);
            }
            if view.value(head) == value {
                return Ok(());
            }
            old_level = head.level;
        }
        let level = match self.durability {
            // Nearly always one head to change, so that the commit can do with one sync.
            Durability::Relaxed if self.pending.changes == 0 && location.low_steps < LOW_STEPS => 1,
            Durability::Relaxed if self.pending.changes == 0 => format::random_level().max(2),
            Durability::Full | Durability::Relaxed => format::random_level(),
        };
        let mut pointers = [0; MAXLEVEL + 1];
        for (pointer, next) in pointers.iter_mut().skip(1).zip(forward) {
            *pointer = next;
        }
        let pointers = pointers.get(..=level).unwrap_or_default();
        let offset = self.append(RECORD, pointers, key, value);
        forward.iter_mut().take(level).for_each(|next| *next = offset);
        self.stitch(level.max(old_level), &back, &forward)?;
        if old_level == 0 {
            self.pending.num_records = self.pending.num_records.saturating_add(1);
        }
        self.pending.changes += 1;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool> {
        let view = self.view();
        let location = view.locate(key)?;
        let Some(head) = location.found else { return Ok(false) };
        let (back, mut forward, level) = (location.back, location.forward, head.level);
        let [lowest, ..] = forward;
        let next = view.live(lowest)?.map_or(0, |head| head.offset);
        let offset = self.append(DELETE, &[next], b"", b"");
        if let Some(first) = forward.first_mut() {
            *first = offset;
        }
        self.stitch(level, &back, &forward)?;
        self.pending.num_records = self.pending.num_records.saturating_sub(1);
        self.pending.changes += 1;
        Ok(true)
    }

    fn commit(&mut self) -> Result<()> {
        if self.pending.tail.is_empty() {
            return Ok(());
        }
        let start = self.header.current_size;
        self.append(COMMIT, &[start], b"", b"");
        let pending = std::mem::take(&mut self.pending);
        let next = Header {
            num_records: pending.num_records,
            current_size: start.saturating_add(pending.tail.len() as u64),
            ..self.header
        }
        .clean();
        let written = self.write(&pending, next);
        if let Err(error) = written {
            log::error!("DBERROR: commit failed: filename=<{}> {error}", self.file.path().display());
            // Back to the last commit if the disk lets us; else the next to lock recovers.
            let undone = self
                .write_header(self.header.dirty())
                .and_then(|()| self.file.sync())
                .and_then(|()| self.file.remap())
                .and_then(|()| self.read_header())
                .and_then(|()| self.recover());
            if let Err(error) = undone {
                log::error!(
                    "DBERROR: commit AND abort failed: filename=<{}> {error}",
                    self.file.path().display()
                );
            }
            return Err(error);
        }
        self.header = next;
        self.pending.num_records = next.num_records;
        self.file.remap()?;
        let now = next.repack_size.saturating_mul(REWRITE_NOW_FACTOR).max(REWRITE_MIN_OCTETS);
        if self.checkpoint_due() && next.current_size > now {
            // The change is committed; a failed checkpoint is tried again later.
            if let Err(error) = self.repack() {
                log::error!("DBERROR: checkpoint of {} failed: {error}", self.file.path().display());
            }
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        self.pending = Pending { num_records: self.header.num_records, ..Pending::default() };
        Ok(())
    }

    fn checkpoint_due(&self) -> bool {
        !self.no_compact
            && self.header.current_size > REWRITE_MIN_OCTETS
            && self.header.current_size > self.header.repack_size.saturating_mul(2)
    }

    fn repack(&mut self) -> Result<()> {
        self.checkpoint()
    }

    fn check(&mut self) -> Result<()> {
        self.check_chains()
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.order.compare(a, b)
    }

    fn dump(&mut self, level: i32, out: &mut Vec<u8>) -> Result<()> {
        self.dump_text(level, out)
    }
}
