//! The writing half of file access, behind a trait so that a test can record every write and
//! sync, rebuild what a power cut would leave, or refuse the n-th operation.

use cyrus_sys::lock;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Every operation by which a database changes the disk.
pub trait Storage: std::fmt::Debug + Send + Sync {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What pwrite(2) says.
    fn write_at(&self, path: &Path, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns when all that was written to `file` is on the disk.
    ///
    /// # Errors
    /// What fdatasync(2) says.
    fn sync(&self, path: &Path, file: &File) -> io::Result<()>;

    /// Cuts or extends `file`.
    ///
    /// # Errors
    /// What ftruncate(2) says.
    fn truncate(&self, path: &Path, file: &File, len: u64) -> io::Result<()>;

    /// Renames `from` over `to`.
    ///
    /// # Errors
    /// What rename(2) says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Returns when the directory entry of `path` is on the disk.
    ///
    /// # Errors
    /// What open(2) or fsync(2) say.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Removes `path`.
    ///
    /// # Errors
    /// What unlink(2) says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Storage for System {
    fn write_at(&self, _path: &Path, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, _path: &Path, file: &File) -> io::Result<()> {
        // fdatasync also writes a changed length; times are all it leaves out.
        file.sync_data()
    }

    fn truncate(&self, _path: &Path, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path.parent().unwrap_or_else(|| Path::new("/")))?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// A shared [`Storage`]; the default is the kernel.
#[derive(Clone, Debug)]
pub struct Backend(pub Arc<dyn Storage>);

impl Default for Backend {
    fn default() -> Self {
        Self(Arc::new(System))
    }
}

/// Which lock is held on a file.
pub(crate) type Mode = lock::Mode;
