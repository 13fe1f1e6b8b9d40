//! skiplist: sorted records followed by a log, linked by 32-bit offsets without checksums.
//!
//! `format` the bytes | this file: reading and transactions | `recover` replay and checkpoint.
//!
//! A transaction lives in memory until its commit. The commit writes, like C: log records and
//! changed links, sync, the commit word, sync. A crash before the commit word leaves a file that
//! does not end in one; whoever locks it next replays the log and writes a new file. After a
//! power cut links may be old or new in any mixture; that is found by the stamp that
//! `ctl_cyrusdb -r` sets at boot: a file last recovered before it is replayed when opened.

mod format;
mod recover;

use crate::engine::{Engine, Put, Snapshot, lock_mending};
use crate::file::DbFile;
use crate::order::KeyOrder;
use crate::storage::Mode;
use crate::{Error, Kind, OpenFlags, Order, Result};
use format::{ADD, COMMIT, DELETE, DUMMY_OFFSET, END, Header, MAXLEVEL, Record, word};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Files of less log are not checkpointed. C: `SKIPLIST_MINREWRITE`
const REWRITE_MIN_OCTETS: u64 = 16834;
/// Growth since the last checkpoint at which a commit does not wait for an idle moment.
const REWRITE_NOW_FACTOR: u64 = 8;

/// An open skiplist file.
#[derive(Debug)]
pub(crate) struct Skiplist {
    file: DbFile,
    header: Header,
    order: KeyOrder,
    no_sync: bool,
    no_compact: bool,
    pending: Pending,
}

/// A transaction's changes so far.
#[derive(Debug, Default)]
struct Pending {
    /// What goes to the end of the file.
    tail: Vec<u8>,
    /// Changed pointers of the file by where they lie.
    pointers: BTreeMap<u32, u32>,
    curlevel: usize,
}

/// Where a key is or would be.
struct Location {
    /// Per level, the last record before the key.
    back: [u32; MAXLEVEL],
    /// The first record not before the key, 0 for none.
    at: u32,
    /// Whether that is the key.
    found: bool,
}

impl Skiplist {
    /// C: `myopen()` of cyrusdb_skiplist.c
    pub(crate) fn open(path: &Path, flags: &OpenFlags) -> Result<Self> {
        let file = DbFile::open(path, flags.create, flags.backend.clone())?;
        let mut db = Self {
            file,
            header: Header::default(),
            order: match flags.order {
                Order::Native => KeyOrder::SignedOctets,
                Order::Mbox => KeyOrder::Mbox,
            },
            no_sync: flags.skiplist_unsafe,
            no_compact: flags.no_compact,
            pending: Pending::default(),
        };
        db.lock(Mode::Shared)?;
        let stale = |header: &Header| {
            flags.skiplist_stamp.is_none_or(|stamp| stamp == 0 || header.last_recovery < stamp)
        };
        if stale(&db.header) {
            db.unlock();
            db.lock(Mode::Exclusive)?;
            // Somebody else may have been faster.
            if stale(&db.header)
                && let Err(error) = db.recover()
            {
                db.unlock();
                return Err(error);
            }
        }
        db.unlock();
        Ok(db)
    }

    fn corrupt(&self, offset: u32, what: &'static str) -> Error {
        Error::Corrupt { file: self.file.path().to_owned(), offset: u64::from(offset), what }
    }

    /// Size of the file without what is pending.
    fn base(&self) -> u32 {
        // lock() refuses files that 32 bits cannot address.
        u32::try_from(self.file.size()).unwrap_or(u32::MAX)
    }

    fn record(&self, offset: u32) -> Result<Record<'_>> {
        let found = match offset.checked_sub(self.base()) {
            Some(at) => Record::parse(&self.pending.tail, at),
            None => Record::parse(self.file.bytes(), offset),
        };
        found.ok_or_else(|| self.corrupt(offset, "no record here"))
    }

    /// Pointer `level` of the record at `offset`.
    fn forward(&self, offset: u32, record: &Record<'_>, level: usize) -> u32 {
        if level >= record.level {
            return 0;
        }
        let at =
            offset.saturating_add(record.pointers_at).saturating_add(4 * u32::try_from(level).unwrap_or(0));
        if let Some(next) = self.pending.pointers.get(&at) {
            return *next;
        }
        match at.checked_sub(self.base()) {
            Some(at) => word(&self.pending.tail, at as usize).unwrap_or(0),
            None => word(self.file.bytes(), at as usize).unwrap_or(0),
        }
    }

    fn set_forward(&mut self, offset: u32, level: usize, next: u32) -> Result<()> {
        let record = self.record(offset)?;
        if level >= record.level {
            return Err(self.corrupt(offset, "record in a list above its level"));
        }
        let at =
            offset.saturating_add(record.pointers_at).saturating_add(4 * u32::try_from(level).unwrap_or(0));
        match at.checked_sub(self.base()) {
            Some(at) => {
                let at = at as usize;
                if let Some(place) = self.pending.tail.get_mut(at..at.saturating_add(4)) {
                    place.copy_from_slice(&next.to_be_bytes());
                }
            }
            None => {
                self.pending.pointers.insert(at, next);
            }
        }
        Ok(())
    }

    /// How many steps a walk may take: no file holds more records.
    fn steps_max(&self) -> u64 {
        (self.file.size().saturating_add(self.pending.tail.len() as u64) / 20).saturating_add(MAXLEVEL as u64)
    }

    /// C: `find_node()`
    fn locate(&self, key: &[u8]) -> Result<Location> {
        let mut at = DUMMY_OFFSET;
        let mut record = self.record(at)?;
        let mut back = [DUMMY_OFFSET; MAXLEVEL];
        let mut steps = self.steps_max();
        let mut next = 0;
        let mut found = false;
        for (level, back) in back.iter_mut().enumerate().take(self.pending.curlevel.max(1)).rev() {
            loop {
                next = self.forward(at, &record, level);
                if next == 0 {
                    found = false;
                    break;
                }
                let candidate = self.record(next)?;
                let order = self.order.compare(candidate.key, key);
                if order != Ordering::Less {
                    found = order == Ordering::Equal;
                    break;
                }
                (at, record) = (next, candidate);
                steps = steps.checked_sub(1).ok_or_else(|| self.corrupt(next, "endless list of records"))?;
            }
            *back = at;
        }
        Ok(Location { back, at: next, found })
    }

    /// Calls `f` with the records from `start` on, ascending, until it says stop.
    fn walk<'a, F>(&'a self, start: u32, mut f: F) -> Result<()>
    where
        F: FnMut(u32, &Record<'a>) -> Result<bool>,
    {
        let mut at = start;
        let mut previous: Option<&[u8]> = None;
        while at != 0 {
            let record = self.record(at)?;
            let ascending = |before| self.order.compare(before, record.key) == Ordering::Less;
            if !previous.is_none_or(ascending) {
                return Err(self.corrupt(at, "keys out of order"));
            }
            if !f(at, &record)? {
                break;
            }
            previous = Some(record.key);
            at = self.forward(at, &record, 0);
        }
        Ok(())
    }

    /// Where the record appended next will lie.
    fn end(&self) -> Result<u32> {
        let end = self.file.size().saturating_add(self.pending.tail.len() as u64);
        u32::try_from(end).map_err(|_| self.corrupt(END, "file would grow past 4 GiB"))
    }

    fn sync(&self) -> Result<()> {
        if self.no_sync { Ok(()) } else { self.file.sync() }
    }

    /// The writes of a commit, in the order the module doc gives.
    fn write(&mut self, pending: &Pending) -> Result<()> {
        if pending.curlevel != self.header.curlevel {
            let header = Header { curlevel: pending.curlevel, ..self.header };
            self.file.write_at(&header.encode(), 0)?;
            self.header = header;
        }
        let end = self.file.size();
        self.file.write_at(&pending.tail, end)?;
        for (at, next) in &pending.pointers {
            self.file.write_at(&next.to_be_bytes(), u64::from(*at))?;
        }
        self.sync()?;
        let end = self.file.size();
        self.file.write_at(&COMMIT.to_be_bytes(), end)?;
        self.sync()
    }

    fn reset(&mut self) {
        self.pending = Pending { curlevel: self.header.curlevel, ..Pending::default() };
    }

    /// C: `SAFE_TO_APPEND()`
    fn ends_well(&self) -> bool {
        let bytes = self.file.bytes();
        let back = |n: usize| bytes.len().checked_sub(n).and_then(|at| word(bytes, at));
        if !bytes.len().is_multiple_of(4) {
            return false;
        }
        if bytes.len() as u64 == u64::from(self.header.logstart) {
            return back(4) == Some(END);
        }
        back(4) == Some(COMMIT) && (back(8) == Some(END) || back(12) == Some(DELETE))
    }

    /// Locks; false for a file that is new or unclean and that a shared lock may not mend.
    fn lock_once(&mut self, mode: Mode) -> Result<bool> {
        self.file.lock(mode)?;
        if self.file.size() == 0 {
            if mode == Mode::Shared {
                return Ok(false);
            }
            self.initialise()?;
        }
        if self.file.size() >= u64::from(END) {
            return Err(self.corrupt(END, "file larger than 4 GiB"));
        }
        self.header = Header::parse(self.file.bytes()).map_err(|what| self.corrupt(0, what))?;
        self.reset();
        if self.ends_well() {
            return Ok(true);
        }
        if mode == Mode::Shared {
            return Ok(false);
        }
        self.recover()?;
        Ok(true)
    }
}

impl Engine for Skiplist {
    fn kind(&self) -> Kind {
        Kind::Skiplist
    }

    fn lock(&mut self, mode: Mode) -> Result<()> {
        lock_mending(self, mode, Self::lock_once)
    }

    fn unlock(&mut self) {
        self.file.unlock();
    }

    fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let location = self.locate(key)?;
        if !location.found {
            return Ok(None);
        }
        Ok(Some(self.record(location.at)?.value.to_vec()))
    }

    fn fetch_next(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let location = self.locate(key)?;
        let mut at = location.at;
        if location.found {
            at = self.forward(at, &self.record(at)?, 0);
        }
        if at == 0 {
            return Ok(None);
        }
        let record = self.record(at)?;
        Ok(Some((record.key.to_vec(), record.value.to_vec())))
    }

    fn collect(&mut self, prefix: &[u8]) -> Result<Snapshot> {
        let start = self.locate(prefix)?.at;
        // Copied, because an aborting C writer cuts the file below what we may have seen.
        let mut records = Snapshot::default();
        self.walk(start, |_, record| {
            if !self.order.has_prefix(record.key, prefix) {
                return Ok(false);
            }
            records.push(record.key, record.value);
            Ok(true)
        })?;
        Ok(records)
    }

    fn put(&mut self, key: &[u8], value: &[u8], how: Put) -> Result<()> {
        let location = self.locate(key)?;
        let back = location.back;
        let mut pointers = [0; MAXLEVEL];
        let level;
        if location.found {
            if how == Put::Create {
                return Err(Error::Exists);
            }
            let old = self.record(location.at)?;
            if old.value == value {
                return Ok(());
            }
            level = old.level;
            for (i, pointer) in pointers.iter_mut().enumerate().take(level) {
                *pointer = self.forward(location.at, &old, i);
            }
            self.end()?;
            self.pending.tail.extend(DELETE.to_be_bytes());
            self.pending.tail.extend(location.at.to_be_bytes());
        } else {
            level = format::random_level();
            self.pending.curlevel = self.pending.curlevel.max(level);
            for ((i, pointer), back) in pointers.iter_mut().enumerate().zip(back).take(level) {
                *pointer = self.forward(back, &self.record(back)?, i);
            }
        }
        let offset = self.end()?;
        let pointers = pointers.get(..level).unwrap_or_default();
        format::append(&mut self.pending.tail, ADD, key, value, pointers);
        self.end()?;
        for (i, back) in back.into_iter().enumerate().take(level) {
            self.set_forward(back, i, offset)?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool> {
        let location = self.locate(key)?;
        if !location.found {
            return Ok(false);
        }
        let old = self.record(location.at)?;
        let nexts: [u32; MAXLEVEL] = std::array::from_fn(|i| self.forward(location.at, &old, i));
        let level = old.level;
        self.pending.tail.extend(DELETE.to_be_bytes());
        self.pending.tail.extend(location.at.to_be_bytes());
        self.end()?;
        for ((i, back), next) in location.back.into_iter().enumerate().zip(nexts).take(level) {
            let leads_here = self.forward(back, &self.record(back)?, i) == location.at;
            if leads_here {
                self.set_forward(back, i, next)?;
            }
        }
        Ok(true)
    }

    fn commit(&mut self) -> Result<()> {
        if self.pending.tail.is_empty() {
            return Ok(());
        }
        let start = self.file.size();
        let pending = std::mem::take(&mut self.pending);
        let written = self.write(&pending);
        self.reset();
        if let Err(error) = written {
            log::error!("IOERROR: commit failed: filename=<{}> {error}", self.file.path().display());
            // Cut off what was added and link anew; else the next to lock does it.
            let undone =
                self.file.truncate(start).and_then(|()| self.file.remap()).and_then(|()| self.recover());
            if let Err(error) = undone {
                log::error!(
                    "DBERROR: skiplist commit AND abort failed: filename=<{}> {error}",
                    self.file.path().display()
                );
            }
            return Err(error);
        }
        self.file.remap()?;
        let now = u64::from(self.header.logstart).saturating_mul(REWRITE_NOW_FACTOR);
        if self.checkpoint_due() && self.file.size() > now
            // The change is committed; a failed checkpoint is tried again later.
            && let Err(error) = self.repack()
        {
            log::error!("DBERROR: checkpoint of {} failed: {error}", self.file.path().display());
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        self.reset();
        Ok(())
    }

    fn checkpoint_due(&self) -> bool {
        let log = u64::from(self.header.logstart).saturating_mul(2);
        !self.no_compact && self.file.size() > log.saturating_add(REWRITE_MIN_OCTETS)
    }

    fn repack(&mut self) -> Result<()> {
        self.checkpoint()
    }

    fn check(&mut self) -> Result<()> {
        let dummy = self.record(DUMMY_OFFSET)?;
        self.walk(self.forward(DUMMY_OFFSET, &dummy, 0), |at, record| {
            for level in 0..record.level {
                let next = self.forward(at, record, level);
                if next == 0 {
                    continue;
                }
                if self.order.compare(record.key, self.record(next)?.key) != Ordering::Less {
                    return Err(self.corrupt(at, "pointer to a key that is not greater"));
                }
            }
            Ok(true)
        })
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.order.compare(a, b)
    }

    fn dump(&mut self, _level: i32, out: &mut Vec<u8>) -> Result<()> {
        let bytes = self.file.bytes();
        let mut at = DUMMY_OFFSET;
        while u64::from(at) < self.file.size() {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{at:04X}: ");
            match word(bytes, at as usize) {
                Some(DELETE) => {
                    let offset = word(bytes, at as usize + 4).unwrap_or(0);
                    let _ = writeln!(out, "DELETE offset={offset:04X}");
                    at = at.saturating_add(8);
                }
                Some(COMMIT) => {
                    out.extend_from_slice(b"COMMIT \n");
                    at = at.saturating_add(4);
                }
                _ => {
                    let record =
                        Record::parse(bytes, at).ok_or_else(|| self.corrupt(at, "no record here"))?;
                    let name = match record.kind {
                        format::DUMMY => "DUMMY",
                        format::INORDER => "INORDER",
                        _ => "ADD",
                    };
                    let (key, value) = (record.key.len(), record.value.len());
                    let _ = write!(out, "{name} kl={key} dl={value} lvl={}\n\t", record.level);
                    for level in 0..record.level {
                        let _ = write!(out, "{:04X} ", self.forward(at, &record, level));
                    }
                    out.push(b'\n');
                    at = at.saturating_add(record.size());
                }
            }
        }
        Ok(())
    }
}
