//! A directory of bytecode: `NAME.bc` files and the link `defaultbc` to the active one.

use crate::error::Result;
use cyrus_store::Catalog;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directory of somebody's bytecode. C: `user_sieve_path()`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptDir {
    path: PathBuf,
}

impl ScriptDir {
    /// A directory by its path.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// That of a user; `None` when there is no INBOX.
    ///
    /// # Errors
    /// `Store`.
    pub fn of_user(catalog: &Catalog, userid: &[u8]) -> Result<Option<Self>> {
        Ok(catalog.sieve_dir(Some(userid))?.map(Self::at))
    }

    /// That of the global scripts of a virtual domain, or of the server.
    ///
    /// # Errors
    /// `Store`.
    pub fn global(catalog: &Catalog, domain: Option<&[u8]>) -> Result<Self> {
        let _ = (catalog, domain);
        todo!()
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytecode file of a script.
    #[must_use]
    pub fn bytecode(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(&[name, b".bc"].concat()))
    }

    /// The name of the active script, where the link `defaultbc` points to.
    /// C: `sievedir_get_active()`
    #[must_use]
    pub fn active(&self) -> Option<Vec<u8>> {
        todo!()
    }
}
