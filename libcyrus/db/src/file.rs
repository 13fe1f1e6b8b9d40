//! One database file: descriptor, lock with inode check, and a map that follows its growth.
//! C: `mappedfile.c`

use crate::storage::{Backend, Mode};
use crate::{Create, Durability, Error, Result};
use cyrus_sys::lock::{self, Wait};
use cyrus_sys::map::Map;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open file with what is known of it since it was last locked.
#[derive(Debug)]
pub(crate) struct DbFile {
    path: PathBuf,
    file: File,
    id: (u64, u64),
    size: u64,
    map: Arc<Map>,
    locked: Option<Mode>,
    storage: Backend,
}

impl DbFile {
    /// Opens for reading and writing, making file and directories when `create` says so.
    pub(crate) fn open(path: &Path, create: Create, storage: Backend) -> Result<Self> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if create == Create::Never {
                    return Err(Error::NotFound);
                }
                make_parent(path)?;
                OpenOptions::new()
                    .read(true)
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .mode(0o644)
                    .open(path)
                    .map_err(|e| Error::io(path, "open", e))?
            }
            Err(e) => return Err(Error::io(path, "open", e)),
        };
        let meta = file.metadata().map_err(|e| Error::io(path, "fstat", e))?;
        Ok(Self {
            path: path.to_owned(),
            id: (meta.dev(), meta.ino()),
            size: meta.len(),
            file,
            map: Arc::default(),
            locked: None,
            storage,
        })
    }

    /// Takes a file just written as the one behind this handle, keeping its lock.
    pub(crate) fn replace(&mut self, file: File) -> Result<()> {
        let meta = file.metadata().map_err(|e| self.error("fstat", e))?;
        self.file = file;
        self.id = (meta.dev(), meta.ino());
        self.size = meta.len();
        self.map = Arc::default();
        self.remap()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn storage(&self) -> &Backend {
        &self.storage
    }

    /// The file as of the last lock.
    pub(crate) fn bytes(&self) -> &[u8] {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.map.get(..size).unwrap_or(&self.map)
    }

    /// The map, for who keeps slices of it beyond the lock.
    pub(crate) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map)
    }

    /// Locks the file that the path names now; true when that is another than before.
    pub(crate) fn lock(&mut self, mode: Mode) -> Result<bool> {
        let mut replaced = false;
        loop {
            lock::lock(self.file.as_fd(), mode, Wait::Block).map_err(|e| self.error("lock", e))?;
            let meta = self.file.metadata().map_err(|e| self.error("fstat", e))?;
            let there = match fs::metadata(&self.path) {
                Ok(there) => there,
                Err(e) => {
                    // Nothing better to do than to report the first error.
                    let _ = lock::unlock(self.file.as_fd());
                    return Err(self.error("stat", e));
                }
            };
            if (meta.dev(), meta.ino()) == (there.dev(), there.ino()) {
                self.locked = Some(mode);
                self.size = meta.len();
                if replaced {
                    self.map = Arc::default();
                    self.id = (meta.dev(), meta.ino());
                }
                if let Err(e) = self.remap() {
                    self.unlock();
                    return Err(e);
                }
                return Ok(replaced);
            }
            replaced = true;
            self.file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&self.path)
                .map_err(|e| self.error("open", e))?;
        }
    }

    /// Looks at the file that the path names now, without a lock: enough for formats that are
    /// only ever replaced as a whole.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        let there = fs::metadata(&self.path).map_err(|e| self.error("stat", e))?;
        if (there.dev(), there.ino()) != self.id {
            self.file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(&self.path)
                .map_err(|e| self.error("open", e))?;
            self.map = Arc::default();
        }
        let meta = self.file.metadata().map_err(|e| self.error("fstat", e))?;
        self.id = (meta.dev(), meta.ino());
        self.size = meta.len();
        self.remap()
    }

    /// Releases the lock, if any.
    pub(crate) fn unlock(&mut self) {
        if self.locked.take().is_some()
            && let Err(e) = lock::unlock(self.file.as_fd())
        {
            log::error!("IOERROR: lock_unlock failed: filename=<{}> {e}", self.path.display());
        }
    }

    pub(crate) fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        debug_assert_eq!(self.locked, Some(Mode::Exclusive));
        self.storage.0.write_at(&self.path, &self.file, bytes, offset).map_err(|e| self.error("write", e))?;
        self.size = self.size.max(offset.saturating_add(bytes.len() as u64));
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<()> {
        self.storage.0.sync(&self.path, &self.file).map_err(|e| self.error("fdatasync", e))
    }

    pub(crate) fn truncate(&mut self, len: u64) -> Result<()> {
        self.storage.0.truncate(&self.path, &self.file, len).map_err(|e| self.error("ftruncate", e))?;
        self.size = len;
        Ok(())
    }

    /// Maps the file again when it has grown past the map.
    pub(crate) fn remap(&mut self) -> Result<()> {
        if self.size > self.map.len() as u64 {
            let found = self.file.metadata().map_err(|e| self.error("fstat", e))?;
            let mut map = Map::clone(&self.map);
            map.follow(&self.file, &found).map_err(|e| self.error("mmap", e))?;
            self.map = Arc::new(map);
        }
        Ok(())
    }

    pub(crate) fn error(&self, op: &'static str, source: io::Error) -> Error {
        Error::io(&self.path, op, source)
    }
}

/// `<path>.NEW`, where a new version of a file is prepared.
pub(crate) fn new_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".NEW");
    name.into()
}

/// Makes an empty file at `path`, replacing what a crash left there, and locks it.
pub(crate) fn create_new(path: &Path) -> Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(path, "unlink", e)),
        _ => {}
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
        .map_err(|e| Error::io(path, "open", e))?;
    lock::lock(file.as_fd(), Mode::Exclusive, Wait::Block).map_err(|e| Error::io(path, "lock", e))?;
    Ok(file)
}

/// Makes the directories that lead to `path`. C: `cyrus_mkdir()`
pub(crate) fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|e| Error::io(parent, "mkdir", e)),
        None => Ok(()),
    }
}

/// Writes `parts` to a new file beside `path` and renames it over; the file is returned locked.
/// The directory is synced too when the change must survive a power cut.
pub(crate) fn replace_file(
    path: &Path,
    parts: &[(u64, &[u8])],
    storage: &Backend,
    durability: Durability,
) -> Result<File> {
    let beside = new_path(path);
    let file = create_new(&beside)?;
    let storage = &storage.0;
    let mut written = Ok(());
    for (offset, bytes) in parts {
        written = written.and_then(|()| storage.write_at(&beside, &file, bytes, *offset));
    }
    let done = written
        .map_err(|e| Error::io(&beside, "write", e))
        .and_then(|()| storage.sync(&beside, &file).map_err(|e| Error::io(&beside, "fsync", e)))
        .and_then(|()| storage.rename(&beside, path).map_err(|e| Error::io(path, "rename", e)));
    if let Err(error) = done {
        // The old file is still in place; what lies beside is rubbish.
        let _ = storage.remove(&beside);
        return Err(error);
    }
    if durability == Durability::Full {
        storage.sync_directory(path).map_err(|e| Error::io(path, "fsync", e))?;
    }
    Ok(file)
}
