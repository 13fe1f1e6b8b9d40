//! Every write to mailbox files goes through here, so that a test can replay any prefix of them.

use crate::error::{Error, Result};
use cyrus_sys::tmpfile;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsFd;
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
        let missing = || Error::io("create", path, ErrorKind::NotFound.into());
        self.create_in(path)?.ok_or_else(missing)
    }

    /// As [`Disk::create`]; `None` when its directory is missing.
    ///
    /// # Errors
    /// `Io`.
    pub fn create_in(&self, path: &Path) -> Result<Option<File>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o666).open(path);
        match file {
            Ok(file) => {
                self.note(|| Step::Create(path.to_path_buf()));
                Ok(Some(file))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("create", path, error)),
        }
    }

    /// Opens a file for reading and writing that is going to be called `path`, if anything: it has
    /// no name yet ([`Disk::name`]). Where there are no such files, it has its name at once, and
    /// the answer is true. `None` when its directory is missing.
    ///
    /// # Errors
    /// `Io`.
    pub fn create_unnamed(&self, path: &Path) -> Result<Option<(File, bool)>> {
        match tmpfile::create(path.parent().unwrap_or(path)) {
            Ok(file) => {
                self.note(|| Step::Create(path.to_path_buf()));
                Ok(Some((file, false)))
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                Ok(self.create_in(path)?.map(|file| (file, true)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("create", path, error)),
        }
    }

    /// Gives a file the name it was going to have.
    ///
    /// # Errors
    /// `Io`.
    pub fn name(&self, file: &File, path: &Path) -> Result<()> {
        tmpfile::link(file.as_fd(), path).map_err(|e| Error::io("link", path, e))
    }

    /// A file that was never given its name is not needed any more.
    pub fn forget_unnamed(&self, path: &Path) {
        self.note(|| Step::Unlink(path.to_path_buf()));
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

    /// Gives an open file, called `from` or to be called so, a further name.
    ///
    /// # Errors
    /// What link(2) says; not logged, because the caller may copy instead.
    pub fn link_open(&self, file: &File, from: &Path, to: &Path) -> std::io::Result<()> {
        tmpfile::link(file.as_fd(), to)?;
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
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("unlink", path, error)),
        }
    }
}
