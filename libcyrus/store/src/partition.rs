//! Where the files of a mailbox are, from its entry (reference/mailbox-files.md 1).

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::mailbox::Location;
use crate::mboxlist::MbEntry;
use crate::partlist::PartList;
use cyrus_base::config::{MetaFile, Opt};
use cyrus_sys::space::Space;
use cyrus_util::mboxname::{MboxName, id_dir};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directory of one mailbox below a partition, its archive or its metadata root.
fn dir_below(catalog: &Catalog, root: &Path, name: &MboxName, uniqueid: Option<&[u8]>) -> PathBuf {
    match uniqueid {
        Some(uniqueid) => root.join(OsStr::from_bytes(&id_dir(uniqueid))),
        None => {
            let hashed = catalog.config().switch(Opt::Hashimapspool);
            let dir = name.legacy_dir(hashed, catalog.dirhash(), catalog.rules());
            let mut path = root.as_os_str().to_owned();
            path.push(OsStr::from_bytes(&dir));
            PathBuf::from(path)
        }
    }
}

impl Catalog {
    /// All paths of the mailbox of an entry.
    ///
    /// # Errors
    /// `UnknownPartition` when the configuration does not know its partition; `BadFormat` when an
    /// entry without unique id does not use directories by name.
    pub fn location(&self, entry: &MbEntry) -> Result<Location> {
        let config = self.config();
        let partition = entry.partition.as_deref().ok_or(Error::UnknownPartition)?;
        let partition = std::str::from_utf8(partition).map_err(|_| Error::UnknownPartition)?;
        let root = config.partition_dir(partition).ok_or(Error::UnknownPartition)?;
        let uniqueid = entry.uniqueid.as_deref().unwrap_or_default();
        let by_id = (!entry.mbtype.has_legacy_dirs()).then_some(uniqueid);
        // The id becomes part of a path: what is not one component is no id.
        if by_id.is_some_and(|id| id.len() < 2 || id.contains(&b'/') || id.starts_with(b".")) {
            return Err(Error::bad_format(root, "entry without unique id"));
        }
        let meta = |kind, file: &str| {
            let root = config.meta_dir(partition, kind).unwrap_or(root);
            dir_below(self, root, &entry.name, by_id).join(file)
        };
        let archive_root = config.archive_dir(partition).unwrap_or(root);
        let lock_file = match by_id {
            Some(id) => self.id_lock_file(id),
            None => {
                let mut path = dir_below(self, &self.lock_root(), &entry.name, None).into_os_string();
                path.push(".lock");
                PathBuf::from(path)
            }
        };
        Ok(Location {
            name: entry.name.clone(),
            owner: entry.name.owner(self.rules()),
            uniqueid: uniqueid.to_vec(),
            mbtype: entry.mbtype.print().into_bytes(),
            partition: partition.to_owned(),
            lock_file,
            data: dir_below(self, root, &entry.name, by_id),
            header: meta(MetaFile::Header, "cyrus.header"),
            index: meta(MetaFile::Index, "cyrus.index"),
            cache: meta(MetaFile::Cache, "cyrus.cache"),
            archive: dir_below(self, archive_root, &entry.name, by_id),
            archive_cache: meta(MetaFile::ArchiveCache, "cyrus.cache"),
            annotations: meta(MetaFile::Annotations, "cyrus.annotations"),
            partition_root: root.to_path_buf(),
        })
    }

    /// The file systems that new mailboxes may go to, each once, as they were when last looked at.
    #[must_use]
    pub fn spaces(&self) -> Vec<Space> {
        self.with_partlist(PartList::spaces)
    }

    fn id_lock_file(&self, id: &[u8]) -> PathBuf {
        let mut path = self.lock_root();
        if self.config().switch(Opt::Hashimapspool) {
            path.push(self.dirhash().letter(id).to_string());
        }
        let file = [id, b".lock"].concat();
        path.push(OsStr::from_bytes(&file));
        path
    }

    /// The partition a new mailbox goes to: asked for, else its parent's, else the default one, else the most fitting.
    /// C: mboxlist_create_partition()
    ///
    /// # Errors
    /// `UnknownPartition`.
    pub fn partition_for_new(&self, name: &MboxName, asked: Option<&[u8]>) -> Result<Vec<u8>> {
        let config = self.config();
        let partition = match asked {
            Some(partition) => Some(partition.to_vec()),
            None => match self.find_parent(name)? {
                Some(parent) => parent.partition,
                None => None,
            },
        };
        let partition = partition.or_else(|| config.default_partition().map(|name| name.as_bytes().to_vec()));
        let partition = match partition {
            Some(partition) => partition,
            None => {
                let selected = self.with_partlist(|list| list.select().map(|name| name.as_bytes().to_vec()));
                selected.ok_or(Error::UnknownPartition)?
            }
        };
        let known = std::str::from_utf8(&partition).ok().and_then(|name| config.partition_dir(name));
        if known.is_some() { Ok(partition) } else { Err(Error::UnknownPartition) }
    }
}
