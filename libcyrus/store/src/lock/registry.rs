//! The locked files of this process: one descriptor each, with a count of holders.

use super::{Mode, Wait};
use crate::error::{Error, Result};
use cyrus_sys::lock;
use cyrus_util::dirhash::DirHash;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How many unheld lock files stay open for the next time.
const IDLE_FILES: usize = 16;

/// All lock files and locked cyrus.index files of the process.
#[derive(Debug)]
pub struct Registry {
    root: PathBuf,
    hash: Option<DirHash>,
    files: Mutex<HashMap<PathBuf, LockFile>>,
    indexes: Mutex<HashMap<PathBuf, Weak<IndexFile>>>,
}

#[derive(Debug)]
struct LockFile {
    file: File,
    mode: Option<Mode>,
    holders: usize,
}

/// The one descriptor of a cyrus.index in this process, shared by all who have the mailbox open.
#[derive(Debug)]
pub struct IndexFile {
    /// Open for reading and writing.
    pub file: File,
    path: PathBuf,
    inode: u64,
    locked: Mutex<bool>,
}

impl Registry {
    /// A registry for the lock files below `root` (`mboxname_lockpath`), in one-letter directories if the spool has them.
    #[must_use]
    pub fn new(root: PathBuf, hash: Option<DirHash>) -> Arc<Self> {
        Arc::new(Self { root, hash, files: Mutex::new(HashMap::new()), indexes: Mutex::new(HashMap::new()) })
    }

    /// Lock file of a user's namespace: `*U*<userid>.lock`, dots written `^`.
    #[must_use]
    pub fn user_path(&self, userid: &[u8]) -> PathBuf {
        let mut name = b"*U*".to_vec();
        name.extend(userid.iter().map(|&byte| if byte == b'.' { b'^' } else { byte }));
        self.id_path(&name)
    }

    /// Lock file of a by-id mailbox: `<uniqueid>.lock`.
    #[must_use]
    pub fn id_path(&self, id: &[u8]) -> PathBuf {
        let mut path = self.root.clone();
        if let Some(hash) = self.hash {
            path.push(hash.letter(id).to_string());
        }
        let mut name = id.to_vec();
        name.extend_from_slice(b".lock");
        path.push(OsString::from_vec(name));
        path
    }

    /// Where the lock files are.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn acquire(&self, path: &Path, mode: Mode, wait: Wait, nests: bool) -> Result<()> {
        let mut files = locked(&self.files);
        if let Some(entry) = files.get_mut(path) {
            if entry.holders > 0 {
                return match (entry.mode, mode) {
                    (Some(Mode::Exclusive), _) if nests => {
                        entry.holders += 1;
                        Ok(())
                    }
                    (Some(Mode::Shared), Mode::Shared) => {
                        entry.holders += 1;
                        Ok(())
                    }
                    (Some(Mode::Shared), Mode::Exclusive) if nests => {
                        Err(Error::Internal("exclusive namespace lock asked for under a shared one"))
                    }
                    _ => Err(Error::Locked),
                };
            }
        } else {
            if files.len() >= IDLE_FILES {
                files.retain(|_, entry| entry.holders > 0);
            }
            let file = open_lock_file(path).map_err(|e| Error::io("open lock file", path, e))?;
            files.insert(path.to_path_buf(), LockFile { file, mode: None, holders: 0 });
        }
        let Some(entry) = files.get_mut(path) else { return Err(Error::Internal("lock file vanished")) };
        match lock::lock(entry.file.as_fd(), mode, wait) {
            Ok(()) => {
                entry.mode = Some(mode);
                entry.holders = 1;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Error::Locked),
            Err(error) => Err(Error::io("lock", path, error)),
        }
    }

    pub(super) fn release(&self, path: &Path) {
        let mut files = locked(&self.files);
        if let Some(entry) = files.get_mut(path) {
            entry.holders = entry.holders.saturating_sub(1);
            if entry.holders == 0 {
                entry.mode = None;
                if lock::unlock(entry.file.as_fd()).is_err() {
                    files.remove(path);
                }
            }
        }
    }

    /// Lets go of a shared name lock for a moment and takes it again, whoever holds it in this
    /// process: the way to take an outer lock without breaking the order.
    pub(crate) fn with_lock_dropped<T>(&self, path: &Path, outer: impl FnOnce() -> Result<T>) -> Result<T> {
        let mode = {
            let mut files = locked(&self.files);
            let Some(entry) = files.get_mut(path) else { return outer() };
            let mode = entry.mode;
            if mode.is_some() {
                lock::unlock(entry.file.as_fd()).map_err(|e| Error::io("unlock", path, e))?;
            }
            mode
        };
        let result = outer();
        if let Some(mode) = mode {
            let files = locked(&self.files);
            if let Some(entry) = files.get(path) {
                lock::lock(entry.file.as_fd(), mode, Wait::Block).map_err(|e| Error::io("lock", path, e))?;
            }
        }
        result
    }

    pub(super) fn mode(&self, path: &Path) -> Mode {
        self.held(path).unwrap_or(Mode::Shared)
    }

    pub(super) fn held(&self, path: &Path) -> Option<Mode> {
        locked(&self.files).get(path).and_then(|entry| entry.mode)
    }

    /// Opens a cyrus.index, or finds the descriptor that this process already has.
    ///
    /// # Errors
    /// What open(2) says.
    pub fn open_index(&self, path: &Path) -> io::Result<Arc<IndexFile>> {
        let mut indexes = locked(&self.indexes);
        if let Some(known) = indexes.get(path).and_then(Weak::upgrade) {
            if known.is_current()? {
                return Ok(known);
            }
        }
        indexes.retain(|_, weak| weak.strong_count() > 0);
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let inode = file.metadata()?.ino();
        let opened = Arc::new(IndexFile { file, path: path.to_path_buf(), inode, locked: Mutex::new(false) });
        indexes.insert(path.to_path_buf(), Arc::downgrade(&opened));
        Ok(opened)
    }
}

impl IndexFile {
    /// Whether the file still has its name: a replaced file has no link left.
    ///
    /// # Errors
    /// What fstat(2) says.
    pub fn is_current(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    /// Inode of the open file.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Takes the index lock.
    ///
    /// # Errors
    /// `Locked` when this process already holds it, or on `Try` when another does.
    pub fn lock(&self, mode: Mode, wait: Wait) -> Result<()> {
        let mut held = locked(&self.locked);
        if *held {
            return Err(Error::Locked);
        }
        match lock::lock(self.file.as_fd(), mode, wait) {
            Ok(()) => {
                *held = true;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Error::Locked),
            Err(error) => Err(Error::io("lock index", &self.path, error)),
        }
    }

    /// Releases the index lock.
    pub fn unlock(&self) {
        let mut held = locked(&self.locked);
        if *held {
            *held = false;
            if let Err(error) = lock::unlock(self.file.as_fd()) {
                let _ = Error::io("unlock index", &self.path, error);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_lock_file(path: &Path) -> io::Result<File> {
    let open =
        || OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o666).open(path);
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            open()
        }
        other => other,
    }
}
