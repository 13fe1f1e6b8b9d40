//! Partitions: from a partition's name to the directories of its data, metadata and archive.
//!
//! The directories are overflow keys with the partition's name as suffix (reference: mailbox files, 1.1); like all of
//! them they may be overridden by a `<service>_` form.

use super::parse::config_error;
use super::{Config, ConfigError, Opt};
use crate::log::{self, Priority};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The kinds of files of a mailbox that `metapartition_files` can move to another partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaFile {
    /// cyrus.annotations
    Annotations,
    /// The cache of archived messages.
    ArchiveCache,
    /// cyrus.cache
    Cache,
    /// cyrus.dav
    Dav,
    /// cyrus.expunge of old versions.
    Expunge,
    /// cyrus.header
    Header,
    /// cyrus.index
    Index,
    /// Lock files of old versions.
    Lock,
    /// cyrus.squat
    Squat,
}

impl MetaFile {
    /// The word of `metapartition_files`.
    fn word(self) -> &'static str {
        match self {
            MetaFile::Annotations => "annotations",
            MetaFile::ArchiveCache => "archivecache",
            MetaFile::Cache => "cache",
            MetaFile::Dav => "dav",
            MetaFile::Expunge => "expunge",
            MetaFile::Header => "header",
            MetaFile::Index => "index",
            MetaFile::Lock => "lock",
            MetaFile::Squat => "squat",
        }
    }

    /// KIND of the `metadir-KIND-NAME` key, for the kinds that have one. Annotations go with the index.
    fn metadir(self) -> Option<&'static str> {
        match self {
            MetaFile::Annotations | MetaFile::Index => Some("index"),
            MetaFile::ArchiveCache => Some("archivecache"),
            MetaFile::Cache => Some("cache"),
            MetaFile::Dav => Some("dav"),
            MetaFile::Header => Some("header"),
            MetaFile::Squat => Some("squat"),
            MetaFile::Expunge | MetaFile::Lock => None,
        }
    }
}

impl Config {
    /// Demands that `partition-<defaultpartition>` or, without default partition in a murder, any partition is set.
    ///
    /// # Errors
    /// C's fatal text when it is not. C: config_read() with CONFIG_NEED_PARTITION_DATA
    pub fn require_partitions(&self) -> Result<(), ConfigError> {
        let found = match self.default_partition() {
            Some(name) => self.partition_dir(name).is_some(),
            None => {
                let standard = self.string(Opt::MupdateServer).is_none()
                    || self.choice(Opt::MupdateConfig) == "standard";
                let frontend = standard && self.string(Opt::Proxyservers).is_none();
                frontend || self.overflows().any(|(key, _)| key.starts_with("partition-"))
            }
        };
        if found {
            return Ok(());
        }
        let name = self.default_partition().unwrap_or("<name>");
        Err(config_error(format!("partition-{name} option not specified in configuration file")))
    }

    /// `defaultpartition`, lower-cased.
    pub fn default_partition(&self) -> Option<&str> {
        self.default_partition.as_deref()
    }

    /// Every data partition: name and directory, in the order of the file. A `<service>_partition-` form replaces the
    /// directory of the plain one.
    pub fn partitions(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.overflows().filter_map(|(key, _)| {
            let name = key.strip_prefix("partition-")?;
            Some((name, self.directory("partition-", name)?))
        })
    }

    /// Directory of message files: `partition-NAME`. C: config_partitiondir()
    pub fn partition_dir(&self, name: &str) -> Option<&Path> {
        let dir = self.directory("partition-", name);
        if dir.is_none() {
            log::write(
                Priority::Warning,
                format_args!("requested partition directory for unknown partition '{name}'"),
            );
        }
        dir
    }

    /// `metapartition-NAME` as written, whatever `metapartition_files` says. C: config_metapartitiondir()
    pub fn metapartition_dir(&self, name: &str) -> Option<&Path> {
        self.directory("metapartition-", name)
    }

    /// `archivepartition-NAME` when `archive_enabled`. C: config_archivepartitiondir()
    pub fn archivepartition_dir(&self, name: &str) -> Option<&Path> {
        if !self.switch(Opt::ArchiveEnabled) {
            return None;
        }
        self.directory("archivepartition-", name)
    }

    /// Root directory for one kind of metadata file of a partition: `metadir-KIND-NAME`, else `metapartition-NAME`
    /// when the kind is listed in `metapartition_files`, else (archive cache: the archive, then) the data partition.
    pub fn meta_dir(&self, name: &str, kind: MetaFile) -> Option<&Path> {
        if let Some(word) = kind.metadir()
            && let Some(dir) = self.directory(&format!("metadir-{word}-"), name)
        {
            return Some(dir);
        }
        if self.has_bit(Opt::MetapartitionFiles, kind.word())
            && let Some(dir) = self.metapartition_dir(name)
        {
            return Some(dir);
        }
        match kind {
            MetaFile::ArchiveCache => self.archive_dir(name),
            _ => self.partition_dir(name),
        }
    }

    /// Root directory of archived messages: the archive partition, else the data partition.
    pub fn archive_dir(&self, name: &str) -> Option<&Path> {
        self.archivepartition_dir(name).or_else(|| self.partition_dir(name))
    }

    /// The directory under a key made of a prefix and a partition name; C's buffer bounds the key.
    fn directory(&self, prefix: &str, name: &str) -> Option<&Path> {
        if prefix.len() + name.len() >= 80 {
            return None;
        }
        let text = self.overflow_text(&format!("{prefix}{name}"))?;
        Some(Path::new(OsStr::from_bytes(&text.raw)))
    }
}
