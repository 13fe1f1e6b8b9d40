//! cyrus.cache: what FETCH and SEARCH need without opening the message (reference 6).
//!
//! The first word is the generation of the index it belongs to; records follow, only ever
//! appended. A reader trusts a record only when its CRC is the one in the index. What a crash
//! leaves behind the last record that counts is never read: no index record points there.

use super::disk::Disk;
use super::index::{InternalFlags, Record};
use super::location::Location;
use crate::error::{Error, Result};
use cyrus_sys::map::Map;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

pub use cyrus_mime::{CacheView, Item};

/// Pending octets are written when they are more than this.
const FLUSH_OCTETS: usize = 1 << 20;

/// The open cache files of a mailbox, for reading.
#[derive(Debug, Default)]
pub(super) struct Caches {
    main: Option<Opened>,
    archive: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    map: Map,
}

impl Caches {
    /// Forgets what is open: the files were replaced.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The octets of the record, checked against the CRC of the index.
    pub(super) fn record(&mut self, location: &Location, record: &Record) -> Result<&[u8]> {
        let archived = is_archived(location, record);
        let path = if archived { &location.archive_cache } else { &location.cache };
        if record.cache_offset == 0 || record.cache_crc == 0 {
            return Err(Error::corrupt(path, record.cache_offset, "no cache record"));
        }
        let slot = if archived { &mut self.archive } else { &mut self.main };
        let opened = match slot {
            Some(opened) => opened,
            None => {
                let file = File::open(path).map_err(|e| match e.kind() {
                    io::ErrorKind::NotFound => Error::corrupt(path, 0, "no cache file"),
                    _ => Error::io("open cache", path, e),
                })?;
                slot.insert(Opened { file, map: Map::default() })
            }
        };
        let offset = usize::try_from(record.cache_offset).unwrap_or(usize::MAX);
        if opened.map.get(offset..).is_none_or(|bytes| record_length(bytes).is_none()) {
            let found = opened.file.metadata().map_err(|e| Error::io("fstat cache", path, e))?;
            opened.map.follow(&opened.file, &found).map_err(|e| Error::io("map cache", path, e))?;
        }
        let rest = opened.map.get(offset..).unwrap_or_default();
        let whole = record_length(rest).and_then(|length| rest.get(..length));
        match whole {
            Some(whole) if crc32fast::hash(whole) == record.cache_crc => Ok(whole),
            Some(_) => Err(Error::corrupt(path, record.cache_offset, "cache record CRC")),
            None => Err(Error::corrupt(path, record.cache_offset, "cache record past the end")),
        }
    }
}

/// Whether the record's cache is in the archive cache file.
fn is_archived(location: &Location, record: &Record) -> bool {
    location.has_archive_cache() && record.internal_flags.has(InternalFlags::ARCHIVED)
}

/// Octets of the record that begins `bytes`: ten items, each with length word and padding.
#[must_use]
pub fn record_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    for _ in 0..10 {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest = after.get(length.checked_next_multiple_of(4)?..)?;
    }
    bytes.len().checked_sub(rest.len())
}

/// Appends to the cache files of a mailbox during one index-locked session.
#[derive(Debug, Default)]
pub(super) struct CacheWriters {
    main: Option<CacheWriter>,
    archive: Option<CacheWriter>,
}

/// Appends to one cache file. Records are collected and written with few system calls.
#[derive(Debug)]
pub(super) struct CacheWriter {
    file: File,
    path: PathBuf,
    written: u64,
    pending: Vec<u8>,
    dirty: bool,
    replaced: bool,
}

impl CacheWriters {
    /// Appends a record's octets and sets its cache fields.
    pub(super) fn append(
        &mut self,
        disk: &Disk,
        location: &Location,
        generation: u32,
        record: &mut Record,
        bytes: &[u8],
    ) -> Result<()> {
        let (slot, path) = if is_archived(location, record) {
            (&mut self.archive, &location.archive_cache)
        } else {
            (&mut self.main, &location.cache)
        };
        let writer = match slot {
            Some(writer) => writer,
            None => slot.insert(CacheWriter::open(disk, path.clone(), generation)?),
        };
        record.cache_offset = writer.append(disk, bytes)?;
        record.cache_crc = crc32fast::hash(bytes);
        Ok(())
    }

    /// Whether a cache file was replaced by another.
    pub(super) fn replaced(&self) -> bool {
        [&self.main, &self.archive].into_iter().flatten().any(|writer| writer.replaced)
    }

    /// Makes all that was appended durable.
    pub(super) fn commit(&mut self, disk: &Disk) -> Result<()> {
        for writer in [&mut self.main, &mut self.archive].into_iter().flatten() {
            writer.commit(disk)?;
        }
        Ok(())
    }
}

impl CacheWriter {
    /// Opens the file for appending; makes it, or gives an empty one its generation.
    fn open(disk: &Disk, path: PathBuf, generation: u32) -> Result<Self> {
        let opened = File::options().read(true).write(true).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if let Some(parent) = path.parent() {
                    if !parent.is_dir() {
                        disk.make_dir(parent)?;
                    }
                }
                disk.create(&path)?
            }
            Err(e) => return Err(Error::io("open cache", &path, e)),
        };
        let size = file.metadata().map_err(|e| Error::io("fstat cache", &path, e))?.len();
        let mut writer =
            Self { file, path, written: size, pending: Vec::new(), dirty: false, replaced: false };
        if size < 4 {
            writer.written = 0;
            writer.pending.extend_from_slice(&generation.to_be_bytes());
            writer.dirty = true;
        } else {
            let mut word = [0; 4];
            writer.file.read_exact_at(&mut word, 0).map_err(|e| Error::io("read cache", &writer.path, e))?;
            if u32::from_be_bytes(word) != generation {
                return Self::replace(disk, writer.path, generation);
            }
        }
        Ok(writer)
    }

    /// A crash between the renames of a repack left a cache of another generation: takes the new
    /// one if it is still there, else begins an empty one; the data of its records is made from
    /// the messages until they get new ones.
    fn replace(disk: &Disk, path: PathBuf, generation: u32) -> Result<Self> {
        let new = Location::new_name(&path);
        let mut word = [0; 4];
        let fits = File::open(&new).and_then(|file| file.read_exact_at(&mut word, 0)).is_ok()
            && u32::from_be_bytes(word) == generation;
        if !fits {
            Self::create(disk, new.clone(), generation)?.commit(disk)?;
        }
        disk.rename(&new, &path)?;
        let file = File::options().read(true).write(true).open(&path);
        let file = file.map_err(|e| Error::io("open cache", &path, e))?;
        let written = file.metadata().map_err(|e| Error::io("fstat cache", &path, e))?.len();
        Ok(Self { file, path, written, pending: Vec::new(), dirty: true, replaced: true })
    }

    /// Begins a new file with this generation.
    pub(super) fn create(disk: &Disk, path: PathBuf, generation: u32) -> Result<Self> {
        let file = disk.create(&path)?;
        Ok(Self {
            file,
            path,
            written: 0,
            pending: generation.to_be_bytes().to_vec(),
            dirty: true,
            replaced: false,
        })
    }

    /// Appends and tells the offset.
    pub(super) fn append(&mut self, disk: &Disk, bytes: &[u8]) -> Result<u64> {
        let offset = self.written + self.pending.len() as u64;
        if offset >= 1 << 48 {
            return Err(Error::corrupt(&self.path, offset, "cache offset past 48 bits"));
        }
        self.pending.extend_from_slice(bytes);
        self.dirty = true;
        if self.pending.len() > FLUSH_OCTETS {
            self.flush(disk)?;
        }
        Ok(offset)
    }

    fn flush(&mut self, disk: &Disk) -> Result<()> {
        if !self.pending.is_empty() {
            disk.write_at(&self.file, &self.path, self.written, &self.pending)?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    /// Writes and syncs.
    pub(super) fn commit(&mut self, disk: &Disk) -> Result<()> {
        if self.dirty {
            self.flush(disk)?;
            disk.sync_data(&self.file, &self.path)?;
            self.dirty = false;
        }
        Ok(())
    }
}
