//! flat: text lines `key TAB value LF` in mailbox order (reference/cyrusdb.md 4).
//!
//! Every commit writes a whole new file and renames it over, so readers need no lock: what they
//! have open never changes. Writers lock the file that is about to be replaced.

use crate::engine::{Engine, Put, Snapshot};
use crate::file::{DbFile, replace_file};
use crate::order::KeyOrder;
use crate::storage::Mode;
use crate::{Durability, Error, Kind, OpenFlags, Result};
use std::cmp::Ordering;
use std::ops::Range;
use std::path::Path;

const ORDER: KeyOrder = KeyOrder::Mbox;

/// An open flat file.
#[derive(Debug)]
pub(crate) struct Flat {
    file: DbFile,
    durability: Durability,
    /// The whole text as this transaction would leave it.
    pending: Option<Vec<u8>>,
}

impl Flat {
    /// C: `myopen()` of cyrusdb_flat.c
    pub(crate) fn open(path: &Path, flags: &OpenFlags) -> Result<Self> {
        let file = DbFile::open(path, flags.create, flags.backend.clone())?;
        Ok(Self { file, durability: flags.durability, pending: None })
    }

    fn text(&self) -> &[u8] {
        match &self.pending {
            Some(text) => text,
            None => self.file.bytes(),
        }
    }

    fn corrupt(&self, offset: usize, what: &'static str) -> Error {
        Error::Corrupt { file: self.file.path().to_owned(), offset: offset as u64, what }
    }

    /// Puts `line` in place of the one that `key` (encoded) has, or where it belongs.
    fn splice(&mut self, place: Range<usize>, line: &[u8]) {
        let text = self.text();
        let mut new = Vec::with_capacity(text.len() + line.len());
        new.extend_from_slice(text.get(..place.start).unwrap_or_default());
        new.extend_from_slice(line);
        new.extend_from_slice(text.get(place.end..).unwrap_or_default());
        self.pending = Some(new);
    }
}

impl Engine for Flat {
    fn kind(&self) -> Kind {
        Kind::Flat
    }

    fn lock(&mut self, mode: Mode) -> Result<()> {
        self.pending = None;
        match mode {
            Mode::Shared => self.file.refresh(),
            Mode::Exclusive => self.file.lock(mode).map(|_| ()),
        }
    }

    fn unlock(&mut self) {
        self.pending = None;
        self.file.unlock();
    }

    fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = encode(key);
        let text = self.text();
        Ok(match search(text, &key) {
            (line, true) => Some(decode(split(text.get(line).unwrap_or_default()).1)),
            _ => None,
        })
    }

    fn fetch_next(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let text = self.text();
        let (place, _) = search(text, &encode(key));
        let rest = text.get(place.end..).unwrap_or_default();
        Ok(rest.split_inclusive(|c| *c == b'\n').next().map(|line| {
            let (key, value) = split(line);
            (decode(key), decode(value))
        }))
    }

    fn collect(&mut self, prefix: &[u8]) -> Result<Snapshot> {
        let prefix = encode(prefix);
        let text = self.text();
        let (place, _) = search(text, &prefix);
        let mut records = Snapshot::default();
        let mut at = place.start;
        for line in text.get(at..).unwrap_or_default().split_inclusive(|c| *c == b'\n') {
            if !line.contains(&b'\t') || !line.ends_with(b"\n") {
                return Err(self.corrupt(at, "line without tab or end"));
            }
            let (key, value) = split(line);
            if !key.starts_with(&prefix) {
                break;
            }
            records.push(&decode(key), &decode(value));
            at += line.len();
        }
        Ok(records)
    }

    fn put(&mut self, key: &[u8], value: &[u8], how: Put) -> Result<()> {
        let mut line = encode(key);
        let (place, found) = search(self.text(), &line);
        if found && how == Put::Create {
            return Err(Error::Exists);
        }
        line.push(b'\t');
        line.extend(encode(value));
        line.push(b'\n');
        if found && self.text().get(place.clone()) == Some(&line) {
            return Ok(());
        }
        self.splice(place, &line);
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool> {
        let (place, found) = search(self.text(), &encode(key));
        if found {
            self.splice(place, b"");
        }
        Ok(found)
    }

    fn commit(&mut self) -> Result<()> {
        if let Some(text) = self.pending.take() {
            let parts = [(0, text.as_slice())];
            // The descriptor of the new file is opened again at the next use, because closing
            // the old one here would give up its lock before the directory is synced.
            replace_file(self.file.path(), &parts, self.file.storage(), self.durability)?;
        }
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        self.pending = None;
        Ok(())
    }

    fn repack(&mut self) -> Result<()> {
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        ORDER.compare(a, b)
    }

    fn dump(&mut self, _level: i32, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// Where the line of `key` (encoded) is, or the empty range where it belongs.
/// C: `bsearch_mem_mbox()`
fn search(text: &[u8], key: &[u8]) -> (Range<usize>, bool) {
    // A last line without its end is not part of the database.
    let whole = text.iter().rposition(|c| *c == b'\n').map_or(0, |at| at + 1);
    let text = text.get(..whole).unwrap_or_default();
    let (mut low, mut high) = (0, whole);
    while low < high {
        let middle = low + (high - low) / 2;
        let head = text.get(low..middle).unwrap_or_default();
        let start = head.iter().rposition(|c| *c == b'\n').map_or(low, |at| low + at + 1);
        let rest = text.get(start..high).unwrap_or_default();
        let end = rest.iter().position(|c| *c == b'\n').map_or(high, |at| start + at + 1);
        let (here, _) = split(text.get(start..end).unwrap_or_default());
        match ORDER.compare(here, key) {
            Ordering::Less => low = end,
            Ordering::Equal => return (start..end, true),
            Ordering::Greater => high = start,
        }
    }
    (low..low, false)
}

/// Key and value of a line, encoded.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match line.iter().position(|c| *c == b'\t') {
        Some(tab) => (line.get(..tab).unwrap_or_default(), line.get(tab + 1..).unwrap_or_default()),
        None => (line, b""),
    }
}

fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 10);
    for c in bytes {
        match c {
            0 | b'\t' | b'\r' | b'\n' => out.extend([0xff, c | 0x80]),
            0xff => out.extend([0xff, 0xff]),
            _ => out.push(*c),
        }
    }
    out
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut octets = bytes.iter();
    while let Some(c) = octets.next() {
        match (c, octets.as_slice().first()) {
            (0xff, Some(escaped)) => {
                octets.next();
                out.push(if *escaped == 0xff { 0xff } else { escaped & 0x7f });
            }
            (0xff, None) => {}
            _ => out.push(*c),
        }
    }
    out
}
