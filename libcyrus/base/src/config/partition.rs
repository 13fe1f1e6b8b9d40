//! Partitions: from a partition's name to the directories of its data, metadata and archive.

use super::Config;
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

impl Config {
    /// `defaultpartition`, lower-cased.
    pub fn default_partition(&self) -> Option<&str> {
        todo!()
    }

    /// Every data partition: name and directory, in the order of the file.
    pub fn partitions(&self) -> impl Iterator<Item = (&str, &Path)> {
        std::iter::empty()
    }

    /// Directory of message files: `partition-NAME`. C: config_partitiondir()
    pub fn partition_dir(&self, name: &str) -> Option<&Path> {
        let _ = name;
        todo!()
    }

    /// `metapartition-NAME` as written, whatever `metapartition_files` says. C: config_metapartitiondir()
    pub fn metapartition_dir(&self, name: &str) -> Option<&Path> {
        let _ = name;
        todo!()
    }

    /// `archivepartition-NAME` when `archive_enabled`. C: config_archivepartitiondir()
    pub fn archivepartition_dir(&self, name: &str) -> Option<&Path> {
        let _ = name;
        todo!()
    }

    /// Root directory for one kind of metadata file of a partition: `metadir-KIND-NAME`, else `metapartition-NAME`
    /// when the kind is listed in `metapartition_files`, else (archive cache: the archive, then) the data partition.
    pub fn meta_dir(&self, name: &str, kind: MetaFile) -> Option<&Path> {
        let _ = (name, kind);
        todo!()
    }

    /// Root directory of archived messages: the archive partition, else the data partition.
    pub fn archive_dir(&self, name: &str) -> Option<&Path> {
        self.archivepartition_dir(name).or_else(|| self.partition_dir(name))
    }
}
