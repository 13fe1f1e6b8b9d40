//! Files that belong to a user: where they are, and what happens to them when the user goes or
//! gets a new name (reference/databases.md 3).

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock};
use crate::mboxlist::MbEntry;
use cyrus_base::config::Opt;
use cyrus_util::mboxname::{MboxName, Parts, id_dir};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The files every user may have, by suffix.
const SUFFIXES: [&str; 8] =
    ["counters", "conversations", "seen", "sub", "mboxkey", "dav", "xapianactive", "alarm"];

impl Catalog {
    /// A user's file: in the directory of the INBOX's id, or by name when the INBOX has directories
    /// by name or does not exist. C: mboxname_conf_getpath()
    ///
    /// # Errors
    /// `Io`.
    pub fn user_path(&self, userid: &[u8], suffix: &str) -> Result<PathBuf> {
        let inbox = MboxName::user_inbox(userid, self.rules());
        match self.lookup_any(&inbox) {
            Ok(entry) if !entry.mbtype.has_legacy_dirs() => match &entry.uniqueid {
                Some(uniqueid) => Ok(self.id_path(uniqueid, suffix)),
                None => Ok(self.legacy_path(&Parts::from_userid(userid, self.rules()), suffix)),
            },
            Ok(_) | Err(Error::NotFound) => {
                Ok(self.legacy_path(&Parts::from_userid(userid, self.rules()), suffix))
            }
            Err(error) => Err(error),
        }
    }

    /// The file of a mailbox's owner, or of all shared mailboxes of its domain.
    ///
    /// # Errors
    /// `Io`.
    pub fn owner_path(&self, name: &MboxName, suffix: &str) -> Result<PathBuf> {
        let parts = name.parts(self.rules());
        match parts.userid() {
            Some(userid) => self.user_path(&userid, suffix),
            None => Ok(self.legacy_path(&parts, suffix)),
        }
    }

    /// The directory of a mailbox owner's files. C: mboxname_conf_getpath(mbname, NULL)
    ///
    /// # Errors
    /// `Io`.
    pub fn owner_dir(&self, name: &MboxName) -> Result<PathBuf> {
        let mut path = self.owner_path(name, "sub")?;
        path.pop();
        Ok(path)
    }

    /// The directory of a user's Sieve scripts, or of the global ones. `None` for a user without
    /// INBOX. C: user_sieve_path()
    ///
    /// # Errors
    /// `Io`.
    pub fn sieve_dir(&self, userid: Option<&[u8]>) -> Result<Option<PathBuf>> {
        let mut path = self.config().path(Opt::Sievedir).map(Path::to_path_buf).unwrap_or_default();
        let Some(userid) = userid else {
            path.push("global");
            return Ok(Some(path));
        };
        let entry = match self.lookup(&MboxName::user_inbox(userid, self.rules())) {
            Ok(entry) => entry,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        match &entry.uniqueid {
            Some(uniqueid) if !entry.mbtype.has_legacy_dirs() => {
                path.push(OsStr::from_bytes(&id_dir(uniqueid)));
            }
            _ => {
                let parts = entry.name.parts(self.rules());
                if let Some(domain) = &parts.domain {
                    path.push("domain");
                    path.push(self.dirhash().letter(domain).to_string());
                    path.push(OsStr::from_bytes(domain));
                }
                let localpart = parts.localpart.unwrap_or_default();
                path.push(self.dirhash().letter(&localpart).to_string());
                path.push(OsStr::from_bytes(&localpart));
            }
        }
        Ok(Some(path))
    }

    /// A file in the directory of an INBOX's id. C: mboxid_conf_getpath()
    #[must_use]
    pub fn id_path(&self, uniqueid: &[u8], suffix: &str) -> PathBuf {
        let mut path = self.config().configdirectory().join("user");
        path.push(OsStr::from_bytes(&id_dir(uniqueid)));
        path.push(format!("{suffix}.db"));
        path
    }

    /// A file found by name. C: mboxname_conf_getpath_legacy()
    #[must_use]
    pub fn legacy_path(&self, parts: &Parts, suffix: &str) -> PathBuf {
        let mut path = self.config().configdirectory().to_path_buf();
        if let Some(domain) = &parts.domain {
            path.push("domain");
            path.push(self.dirhash().letter(domain).to_string());
            path.push(OsStr::from_bytes(domain));
        }
        let mut file = match &parts.localpart {
            Some(localpart) => {
                path.push("user");
                path.push(self.dirhash().letter(localpart).to_string());
                localpart.clone()
            }
            None => b"shared".to_vec(),
        };
        file.push(b'.');
        file.extend_from_slice(suffix.as_bytes());
        path.push(OsStr::from_bytes(&file));
        path
    }

    /// Removes all files and quota roots of a user whose INBOX had this entry; the mailboxes must
    /// be gone or going. C: user_deletedata()
    ///
    /// # Errors
    /// `Internal` without the exclusive namespace lock, `Io`.
    pub fn delete_user_data(&self, lock: &UserLock, userid: &[u8], inbox: &MbEntry) -> Result<()> {
        need_exclusive(lock)?;
        let parts = Parts::from_userid(userid, self.rules());
        let by_id = inbox.uniqueid.as_ref().filter(|_| !inbox.mbtype.has_legacy_dirs());
        if !self.config().switch(Opt::Sieveusehomedir) {
            remove_directory(&self.sieve_path(&parts, by_id.map(Vec::as_slice)))?;
        }
        self.delete_user_quotas(userid)?;
        for suffix in SUFFIXES {
            remove_if_there(&match by_id {
                Some(uniqueid) => self.id_path(uniqueid, suffix),
                None => self.legacy_path(&parts, suffix),
            })?;
        }
        if let Some(uniqueid) = by_id
            && let Some(dir) = self.id_path(uniqueid, "sub").parent()
        {
            // What others left in it keeps it, as in C.
            let _ = std::fs::remove_dir(dir);
        }
        self.sync_log(&[b"UNUSER", userid]);
        Ok(())
    }

    /// Directory of a user's Sieve scripts. C: user_sieve_path()
    fn sieve_path(&self, parts: &Parts, uniqueid: Option<&[u8]>) -> PathBuf {
        let mut path = self.config().path(Opt::Sievedir).map(Path::to_path_buf).unwrap_or_default();
        if let Some(uniqueid) = uniqueid {
            path.push(OsStr::from_bytes(&id_dir(uniqueid)));
            return path;
        }
        if let Some(domain) = &parts.domain {
            path.push("domain");
            path.push(self.dirhash().letter(domain).to_string());
            path.push(OsStr::from_bytes(domain));
        }
        if let Some(localpart) = &parts.localpart {
            path.push(self.dirhash().letter(localpart).to_string());
            path.push(OsStr::from_bytes(localpart));
        }
        path
    }

    /// Moves the files of a user that are found by name; those by id stay with the INBOX's id.
    /// Counters and conversations were made anew for the new name while the mailboxes were renamed.
    /// `from` and `to` are the paths before and after the INBOX was renamed.
    /// C: user_renamedata()
    ///
    /// # Errors
    /// `Internal` without the exclusive namespace lock, `Io`.
    pub fn rename_user_files(&self, lock: &UserLock, from: &[u8], to: &[u8]) -> Result<()> {
        need_exclusive(lock)?;
        let (old, new) = (Parts::from_userid(from, self.rules()), Parts::from_userid(to, self.rules()));
        for suffix in SUFFIXES {
            let source = self.legacy_path(&old, suffix);
            if !source.exists() {
                continue;
            }
            let target = self.legacy_path(&new, suffix);
            if matches!(suffix, "counters" | "conversations") && target.exists() {
                remove_if_there(&source)?;
                continue;
            }
            make_parent(&target)?;
            std::fs::rename(&source, &target).map_err(|error| Error::io("rename", &source, error))?;
            sync_parent(&target)?;
            sync_parent(&source)?;
        }
        if self.config().switch(Opt::Sieveusehomedir) {
            return Ok(());
        }
        let (source, target) = (self.sieve_path(&old, None), self.sieve_path(&new, None));
        if source.is_dir() && !target.exists() {
            make_parent(&target)?;
            std::fs::rename(&source, &target).map_err(|error| Error::io("rename", &source, error))?;
            sync_parent(&target)?;
            sync_parent(&source)?;
        }
        Ok(())
    }
}

fn need_exclusive(lock: &UserLock) -> Result<()> {
    if lock.allows(Mode::Exclusive) {
        Ok(())
    } else {
        Err(Error::Internal("user files change without the exclusive namespace lock"))
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("unlink", path, error)),
    }
}

/// Removes a directory with the files in it; one that is not there is fine.
fn remove_directory(path: &Path) -> Result<()> {
    let files = match std::fs::read_dir(path) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("opendir", path, error)),
    };
    for file in files.flatten() {
        remove_if_there(&file.path())?;
    }
    std::fs::remove_dir(path).map_err(|error| Error::io("rmdir", path, error))
}

/// Makes the directories that lead to a file.
pub(crate) fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => std::fs::create_dir_all(parent).map_err(|error| Error::io("mkdir", parent, error)),
        None => Ok(()),
    }
}

/// Makes a rename in the directory of `path` survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let sync = || std::fs::File::open(parent)?.sync_all();
    sync().map_err(|error| Error::io("fsync", parent, error))
}
