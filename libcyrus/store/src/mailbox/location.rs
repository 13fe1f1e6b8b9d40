//! Where the files of one mailbox are (reference/mailbox-files.md 1).

use cyrus_util::ids::Uid;
use cyrus_util::mboxname::MboxName;
use std::path::{Path, PathBuf};

/// The directories and names of one mailbox, worked out once from its mailboxes.db entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Internal name.
    pub name: MboxName,
    /// Owner's userid; `None` for a shared mailbox.
    pub owner: Option<Vec<u8>>,
    /// Unique id.
    pub uniqueid: Vec<u8>,
    /// Mailbox type letters as in mailboxes.db, `e` for plain mail.
    pub mbtype: Vec<u8>,
    /// Partition.
    pub partition: String,
    /// File whose fcntl lock is the name lock.
    pub lock_file: PathBuf,
    /// Directory of the message files.
    pub data: PathBuf,
    /// cyrus.header
    pub header: PathBuf,
    /// cyrus.index
    pub index: PathBuf,
    /// cyrus.cache
    pub cache: PathBuf,
    /// Directory of archived message files; equals `data` without an archive partition.
    pub archive: PathBuf,
    /// cyrus.cache of archived messages; equals `cache` when they share one file.
    pub archive_cache: PathBuf,
    /// cyrus.annotations
    pub annotations: PathBuf,
    /// Root of the partition, for the staging directory.
    pub partition_root: PathBuf,
}

impl Location {
    /// Whether cyrus.cache lies beside this message file, so that both are of one file system.
    #[must_use]
    pub fn cache_takes_names_along(&self, message: &Path) -> bool {
        let directory = message.parent();
        let cache = if directory == Some(&self.data) { &self.cache } else { &self.archive_cache };
        directory.is_some() && cache.parent() == directory
    }

    /// A location with everything in one directory below `root`, as tests and a plain
    /// installation have it.
    #[must_use]
    pub fn plain(name: MboxName, uniqueid: &[u8], dir: &Path, root: &Path, lock_file: PathBuf) -> Self {
        Self {
            name,
            owner: None,
            uniqueid: uniqueid.to_vec(),
            mbtype: b"e".to_vec(),
            partition: "default".to_owned(),
            lock_file,
            data: dir.to_path_buf(),
            header: dir.join("cyrus.header"),
            index: dir.join("cyrus.index"),
            cache: dir.join("cyrus.cache"),
            archive: dir.to_path_buf(),
            archive_cache: dir.join("cyrus.cache"),
            annotations: dir.join("cyrus.annotations"),
            partition_root: root.to_path_buf(),
        }
    }

    /// Message file on the data partition.
    #[must_use]
    pub fn spool_file(&self, uid: Uid) -> PathBuf {
        self.data.join(format!("{uid}."))
    }

    /// Message file on the archive partition.
    #[must_use]
    pub fn archive_file(&self, uid: Uid) -> PathBuf {
        self.archive.join(format!("{uid}."))
    }

    /// Whether archived messages live elsewhere.
    #[must_use]
    pub fn has_archive(&self) -> bool {
        self.archive != self.data
    }

    /// Whether archived messages have a cache file of their own.
    #[must_use]
    pub fn has_archive_cache(&self) -> bool {
        self.archive_cache != self.cache
    }

    /// Directory where messages are staged.
    #[must_use]
    pub fn stage_dir(&self) -> PathBuf {
        stage_dir(&self.partition_root)
    }

    /// `path` with `.NEW` at its end: how a meta file is replaced.
    #[must_use]
    pub fn new_name(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".NEW");
        PathBuf::from(name)
    }
}

/// Directory of a partition for messages on their way in.
pub(crate) fn stage_dir(partition_root: &Path) -> PathBuf {
    partition_root.join("stage.")
}
