//! A directory of bytecode: `NAME.bc` files and the link `defaultbc` to the active one.
//!
//! Files are written beside and renamed; names survive a power cut before the caller goes on.

use crate::error::Result;
use cyrus_base::config::Opt;
use cyrus_base::log::{self, Logged};
use cyrus_store::Catalog;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The link to the active bytecode.
const ACTIVE: &str = "defaultbc";

/// What bytecode files end in.
const BYTECODE: &[u8] = b".bc";

/// What the sources of older versions end in.
const SCRIPT: &[u8] = b".script";

/// The longest name of a script, so that its files can be made.
const NAME_OCTETS: usize = 1024 - 7 - 4;

/// The directory of somebody's bytecode. C: `user_sieve_path()`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptDir {
    path: PathBuf,
}

/// Whether a script may have this name: no slash, no NUL, not empty, not too long.
/// C: `sievedir_valid_name()`
#[must_use]
pub fn is_valid_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() < NAME_OCTETS && !name.contains(&b'/') && !name.contains(&0)
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
        let mut path = catalog.config().path(Opt::Sievedir).map(Path::to_path_buf).unwrap_or_default();
        if let Some(domain) = domain.filter(|_| catalog.names().virtdomains.is_on()) {
            path.push("domain");
            path.push(catalog.dirhash().letter(domain).to_string());
            path.push(OsStr::from_bytes(domain));
        }
        path.push("global");
        Ok(Self::at(path))
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytecode file of a script.
    #[must_use]
    pub fn bytecode(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(&[name, BYTECODE].concat()))
    }

    /// The source of a script as older versions kept it.
    #[must_use]
    pub fn script(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(&[name, SCRIPT].concat()))
    }

    /// The name of the active script, where the link `defaultbc` points to.
    /// C: `sievedir_get_active()`
    #[must_use]
    pub fn active(&self) -> Option<Vec<u8>> {
        let link = self.path.join(ACTIVE);
        match std::fs::read_link(&link) {
            Ok(target) => {
                let target = target.as_os_str().as_bytes();
                let length = target.len().checked_sub(BYTECODE.len()).filter(|length| *length > 0)?;
                target.get(..length).map(<[u8]>::to_vec)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    let _logged = failed("failed to read active script link", "link", &link, &error);
                }
                None
            }
        }
    }

    /// Makes the directory if it is missing.
    ///
    /// # Errors
    /// `Io`.
    pub fn make(&self) -> Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.path)
            .map_err(|error| failed("unable to create directory", "path", &self.path, &error).into())
    }

    /// The names of sources of older versions that are still here.
    pub(super) fn old_scripts(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return Vec::new() };
        let files = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let mut names: Vec<Vec<u8>> = files
            .filter_map(|entry| Some(entry.file_name().as_bytes().strip_suffix(SCRIPT)?.to_vec()))
            .collect();
        names.sort_unstable();
        names
    }

    /// Writes the bytecode of a script in place of what is there. C: `sievedir_put_script()`
    ///
    /// # Errors
    /// `Io`.
    pub fn put_bytecode(&self, name: &[u8], bytecode: &[u8]) -> Result<()> {
        self.make()?;
        let file = self.bytecode(name);
        let new = self.path.join(OsStr::from_bytes(&[name, BYTECODE, b".NEW"].concat()));
        let told = |what, error: &io::Error| failed(what, "newpath", &new, error);
        // Nobody may keep another name of it.
        let _ = std::fs::remove_file(&new);
        let mut out = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .map_err(|e| told("failed to open new bytecode file", &e))?;
        let written = out.write_all(bytecode).and_then(|()| out.sync_all());
        if let Err(error) = written.and_then(|()| std::fs::rename(&new, &file)) {
            let logged = told("failed to write bytecode file", &error);
            let _ = std::fs::remove_file(&new);
            return Err(logged.into());
        }
        self.sync()
    }

    /// Lets the link point to a script, whose bytecode need not be there.
    /// C: `sievedir_activate_script()`
    ///
    /// # Errors
    /// `Io`.
    pub fn activate(&self, name: &[u8]) -> Result<()> {
        if self.active().as_deref() == Some(name) {
            return Ok(());
        }
        let link = self.path.join(ACTIVE);
        let new = self.path.join("defaultbc.NEW");
        // A crash may have left it.
        let _ = std::fs::remove_file(&new);
        let target = [name, BYTECODE].concat();
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), &new)
            .map_err(|e| failed("failed to create temp active script link", "link", &new, &e))?;
        if let Err(error) = std::fs::rename(&new, &link) {
            let logged = failed("failed to rename active script link", "newpath", &link, &error);
            let _ = std::fs::remove_file(&new);
            return Err(logged.into());
        }
        self.sync()
    }

    /// Takes the link away. C: `sievedir_deactivate_script()`
    ///
    /// # Errors
    /// `Io`.
    pub fn deactivate(&self) -> Result<()> {
        self.remove(&self.path.join(ACTIVE), "failed to delete active script link")
    }

    /// Removes the bytecode of a script. C: `sievedir_delete_script()`
    ///
    /// # Errors
    /// `Io`.
    pub fn remove_bytecode(&self, name: &[u8]) -> Result<()> {
        self.remove(&self.bytecode(name), "failed to delete bytecode file")
    }

    fn remove(&self, path: &Path, what: &str) -> Result<()> {
        match std::fs::remove_file(path) {
            Ok(()) => self.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(what, "path", path, &error).into()),
        }
    }

    /// Makes the names in the directory survive a power cut.
    fn sync(&self) -> Result<()> {
        let synced = File::open(&self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| failed("failed to fsync sieve directory", "path", &self.path, &error).into())
    }
}

fn failed(what: &str, key: &str, path: &Path, error: &io::Error) -> Logged {
    log::ioerror(what, &[(key, &path.display())], Some(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_follows_the_active_script() {
        let dir = tempfile::tempdir().expect("tempdir");
        let scripts = ScriptDir::at(dir.path().join("uuid/a"));
        assert_eq!(scripts.active(), None);
        scripts.put_bytecode(b"one", b"x").expect("put");
        scripts.activate(b"one").expect("activate");
        assert_eq!(scripts.active().as_deref(), Some(b"one".as_slice()));
        std::fs::write(scripts.path().join("defaultbc.NEW"), "left by a crash").expect("write");
        scripts.activate(b"two").expect("activate");
        assert_eq!(scripts.active().as_deref(), Some(b"two".as_slice()));
        scripts.deactivate().expect("deactivate");
        scripts.deactivate().expect("deactivate again");
        assert_eq!(scripts.active(), None);
        scripts.put_bytecode(b"one", b"y").expect("put again");
        assert_eq!(std::fs::read(scripts.bytecode(b"one")).expect("read"), b"y");
        scripts.remove_bytecode(b"one").expect("remove");
        assert!(!scripts.bytecode(b"one").exists());
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        assert!(is_valid_name(b"a b") && is_valid_name(b".."));
        assert!(!is_valid_name(b"") && !is_valid_name(b"a/b") && !is_valid_name(b"a\0"));
        assert!(is_valid_name(&[b'x'; 1012]) && !is_valid_name(&[b'x'; 1013]));
    }
}
