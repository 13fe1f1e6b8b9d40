//! Every write to mailbox files goes through here, so that a test can replay any prefix of them.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// One step as it reached the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `bytes` written at `offset`.
    Write {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Data and metadata of the file made durable.
    Sync(PathBuf),
    /// A file came into being, or was emptied.
    Create(PathBuf),
    /// A directory came into being.
    MakeDir(PathBuf),
    /// The second name now also leads to the file of the first.
    Link(PathBuf, PathBuf),
    /// The first name replaced the second.
    Rename(PathBuf, PathBuf),
    /// The name is gone.
    Unlink(PathBuf),
}

/// The writing side of the file system.
#[derive(Debug, Default)]
pub struct Disk {
    journal: Option<Mutex<Vec<Step>>>,
}

impl Disk {
    /// A disk that remembers each step, for crash tests.
    #[must_use]
    pub fn recording() -> Self {
        Self { journal: Some(Mutex::new(Vec::new())) }
    }

    /// Takes the steps recorded so far.
    #[must_use]
    pub fn take_steps(&self) -> Vec<Step> {
        match &self.journal {
            Some(journal) => std::mem::take(&mut journal.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Vec::new(),
        }
    }

    fn note(&self, step: impl FnOnce() -> Step) {
        if let Some(journal) = &self.journal {
            journal.lock().unwrap_or_else(PoisonError::into_inner).push(step());
        }
    }

    /// Opens `path` for reading and writing, made empty. Mode 0666 under the umask.
    ///
    /// # Errors
    /// `Io`.
    pub fn create(&self, path: &Path) -> Result<File> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o666).open(path);
        let file = file.map_err(|e| Error::io("create", path, e))?;
        self.note(|| Step::Create(path.to_path_buf()));
        Ok(file)
    }

    /// Makes a directory and those above it. Mode 0755 under the umask.
    ///
    /// # Errors
    /// `Io`.
    pub fn make_dir(&self, path: &Path) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path);
        made.map_err(|e| Error::io("create directory", path, e))?;
        self.note(|| Step::MakeDir(path.to_path_buf()));
        Ok(())
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_at(&self, file: &File, path: &Path, offset: u64, bytes: &[u8]) -> Result<()> {
        file.write_all_at(bytes, offset).map_err(|e| Error::io("write", path, e))?;
        self.note(|| Step::Write { path: path.to_path_buf(), offset, bytes: bytes.to_vec() });
        Ok(())
    }

    /// fsync(2).
    ///
    /// # Errors
    /// `Io`.
    pub fn sync(&self, file: &File, path: &Path) -> Result<()> {
        file.sync_all().map_err(|e| Error::io("fsync", path, e))?;
        self.note(|| Step::Sync(path.to_path_buf()));
        Ok(())
    }

    /// fdatasync(2): the data, and the size if it grew.
    ///
    /// # Errors
    /// `Io`.
    pub fn sync_data(&self, file: &File, path: &Path) -> Result<()> {
        file.sync_data().map_err(|e| Error::io("fdatasync", path, e))?;
        self.note(|| Step::Sync(path.to_path_buf()));
        Ok(())
    }

    /// Gives the file of `from` the further name `to`.
    ///
    /// # Errors
    /// What link(2) says; not logged, because the caller may copy instead.
    pub fn link(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::hard_link(from, to)?;
        self.note(|| Step::Link(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    /// rename(2).
    ///
    /// # Errors
    /// `Io`.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::rename(from, to).map_err(|e| Error::io("rename", from, e))?;
        self.note(|| Step::Rename(from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    /// Removes a name; one that is not there is no error. Tells whether it was.
    ///
    /// # Errors
    /// `Io`.
    pub fn unlink(&self, path: &Path) -> Result<bool> {
        match std::fs::remove_file(path) {
            Ok(()) => {
                self.note(|| Step::Unlink(path.to_path_buf()));
                Ok(true)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("unlink", path, error)),
        }
    }
}
