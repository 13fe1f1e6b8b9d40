//! Message files: `<dir>/<uid>.`, on the data partition or, archived, on the archive partition.

use super::disk::Disk;
use super::index::{InternalFlags, Record};
use super::location::Location;
use crate::error::{Error, Result};
use cyrus_sys::map::Map;
use cyrus_util::ids::{Uid, UnixTime};
use std::fs::{File, FileTimes};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The file of a record. C: `mailbox_record_fname()`
#[must_use]
pub fn record_file(location: &Location, record: &Record) -> PathBuf {
    if record.internal_flags.has(InternalFlags::ARCHIVED) {
        location.archive_file(record.uid)
    } else {
        location.spool_file(record.uid)
    }
}

/// Maps the message of a record.
pub(super) fn map_message(location: &Location, record: &Record) -> Result<Map> {
    let path = record_file(location, record);
    let file = File::open(&path).map_err(|e| Error::io("open message", &path, e))?;
    Map::whole(&file).map_err(|e| Error::io("map message", &path, e))
}

/// The UID in a message file's name. C: `mailbox_parse_datafilename()`
#[must_use]
pub fn parse_name(name: &[u8]) -> Option<Uid> {
    let digits = name.strip_suffix(b".")?;
    if digits.first() == Some(&b'0') || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().map(Uid)
}

/// Sets both times of an open message file to its INTERNALDATE.
pub(crate) fn set_times(file: &File, path: &Path, internaldate: UnixTime) -> Result<()> {
    let seconds = u64::try_from(internaldate.0.max(0)).unwrap_or(0);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let times = FileTimes::new().set_accessed(time).set_modified(time);
    file.set_times(times).map_err(|e| Error::io("utime", path, e))
}

/// Gives a file the further name `to` by `link`, in place of what an unfinished append left there,
/// making the directory when it is missing. False where no link can be made: nothing is there then.
pub(crate) fn link(disk: &Disk, to: &Path, link: impl Fn() -> std::io::Result<()>) -> Result<bool> {
    match (link().map_err(|error| error.kind()), to.parent()) {
        (Ok(()), _) => return Ok(true),
        (Err(ErrorKind::NotFound), Some(parent)) => disk.make_dir(parent)?,
        (Err(_), _) => {
            disk.unlink(to)?;
        }
    }
    Ok(link().is_ok())
}

/// Gives `from` the further name `to`, or copies it where a link cannot be made; `to` must not
/// exist. The caller syncs. C: `mailbox_copyfile()`
pub(crate) fn link_or_copy(disk: &Disk, from: &Path, to: &Path) -> Result<()> {
    match disk.link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => {
            Err(Error::io("link", from, error))
        }
        Err(_) => copy(disk, from, to),
    }
}

/// Copies a file, keeping its times.
pub(crate) fn copy(disk: &Disk, from: &Path, to: &Path) -> Result<()> {
    let source = File::open(from).map_err(|e| Error::io("open", from, e))?;
    copy_open(disk, &source, from, to)
}

/// Copies an open file, called `from`, keeping its times.
pub(crate) fn copy_open(disk: &Disk, source: &File, from: &Path, to: &Path) -> Result<()> {
    let found = source.metadata().map_err(|e| Error::io("fstat", from, e))?;
    let bytes = Map::whole(source).map_err(|e| Error::io("map", from, e))?;
    let file = match disk.create(to) {
        Ok(file) => file,
        Err(error) => {
            let Some(parent) = to.parent().filter(|parent| !parent.is_dir()) else { return Err(error) };
            disk.make_dir(parent)?;
            disk.create(to)?
        }
    };
    let mut offset = 0;
    for chunk in bytes.chunks(1 << 20) {
        disk.write_at(&file, to, offset, chunk)?;
        offset += chunk.len() as u64;
    }
    if let Ok(modified) = found.modified() {
        let times = FileTimes::new().set_accessed(modified).set_modified(modified);
        file.set_times(times).map_err(|e| Error::io("utime", to, e))?;
    }
    Ok(())
}

/// Makes a message file, and the name it was given, durable: see docs/durability.md.
pub(crate) fn sync_file(disk: &Disk, path: &Path) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    disk.sync(&file, path)
}

/// Removes both possible files of a UID. C: `mailbox_cleanup_uid()`
pub(super) fn remove_files(disk: &Disk, location: &Location, uid: Uid) -> Result<()> {
    disk.unlink(&location.spool_file(uid))?;
    if location.has_archive() {
        disk.unlink(&location.archive_file(uid))?;
    }
    Ok(())
}
