//! The staging file: a message on its way in.
//!
//! Written with no lock held, however slow the peer. It is never synced by itself: the message
//! becomes durable through its link in the mailbox (docs/durability.md).

use super::parse::ParsedMessage;
use crate::context::Store;
use crate::error::{Error, Result};
use crate::mailbox::location::stage_dir;
use cyrus_base::log::{self, Priority};
use cyrus_sys::map::Map;
use cyrus_util::guid::{Guid, GuidHasher};
use cyrus_util::ids::UnixTime;
use std::cell::Cell;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Octets kept back before they are written.
const BUFFER_OCTETS: usize = 256 * 1024;

/// A message being written to `<partition>/stage./<pid>-<time>-<n>`, or to a file on that partition
/// that has no name yet. Dropping it removes the file.
pub struct Stage {
    file: StageFile,
    hasher: GuidHasher,
    buffer: Vec<u8>,
    written: u64,
}

/// A message completely received; parsed; not yet durable. Dropping it removes the staging file,
/// not the message files linked to it.
#[derive(Debug)]
pub struct Staged {
    file: StageFile,
    parsed: ParsedMessage,
    /// The INTERNALDATE it was made durable with.
    settled: Cell<Option<UnixTime>>,
}

/// A file that need not have its name: most messages are linked from the descriptor to where they
/// belong, and nobody ever asks for the file in `stage.`.
#[derive(Debug)]
struct StageFile {
    store: Arc<Store>,
    file: File,
    path: PathBuf,
    has_name: Cell<bool>,
}

impl StageFile {
    /// `None` when the directory is missing.
    fn create(store: &Arc<Store>, path: &Path) -> Result<Option<Self>> {
        let Some((file, has_name)) = store.disk().create_unnamed(path)? else { return Ok(None) };
        let has_name = Cell::new(has_name);
        Ok(Some(Self { store: Arc::clone(store), file, path: path.to_path_buf(), has_name }))
    }

    fn link(&self, to: &Path) -> std::io::Result<()> {
        let disk = self.store.disk();
        if self.has_name.get() {
            disk.link(&self.path, to)
        } else {
            disk.link_open(&self.file, &self.path, to)
        }
    }

    fn named(&self) -> Result<&Path> {
        if !self.has_name.get() {
            self.store.disk().name(&self.file, &self.path)?;
            self.has_name.set(true);
        }
        Ok(&self.path)
    }
}

impl Drop for StageFile {
    fn drop(&mut self) {
        let disk = self.store.disk();
        if self.has_name.get() {
            // A failure is in the log already, and the next start finds the file in stage.
            let _ = disk.unlink(&self.path);
        } else {
            disk.forget_unnamed(&self.path);
        }
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("file", &self.file.path)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Stage {
    /// Begins a staging file on the partition whose root is given. C: `append_newstage()`
    ///
    /// # Errors
    /// `Io`.
    pub fn create(store: &Arc<Store>, partition_root: &Path) -> Result<Self> {
        let directory = stage_dir(partition_root);
        let name = format!("{}-{}-{}", std::process::id(), UnixTime::now(), store.next_stage());
        let path = directory.join(name);
        let file = match StageFile::create(store, &path)? {
            Some(file) => file,
            None => {
                store.disk().make_dir(&directory)?;
                let directory = directory.display();
                log::write(Priority::Notice, format_args!("created stage directory {directory}/"));
                let missing = || Error::io("create", &path, std::io::ErrorKind::NotFound.into());
                StageFile::create(store, &path)?.ok_or_else(missing)?
            }
        };
        Ok(Self { file, hasher: GuidHasher::default(), buffer: Vec::new(), written: 0 })
    }

    /// Adds the next bytes of the message.
    ///
    /// # Errors
    /// `Io`, `MessageTooLarge` past 4 GiB.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.size() + bytes.len() as u64 > u64::from(u32::MAX) {
            return Err(Error::MessageTooLarge);
        }
        self.hasher.update(bytes);
        for piece in bytes.chunks(BUFFER_OCTETS) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= BUFFER_OCTETS {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let StageFile { store, file, path, .. } = &self.file;
        store.disk().write_at(file, path, self.written, &self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Octets written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Ends the message and parses it.
    ///
    /// # Errors
    /// `Io`, `EmptyMessage`.
    pub fn finish(mut self) -> Result<Staged> {
        if self.size() == 0 {
            return Err(Error::EmptyMessage);
        }
        let settings = self.file.store.settings();
        let guid = std::mem::take(&mut self.hasher).finish();
        let parsed = if self.written == 0 {
            let parsed = ParsedMessage::parse_known(&self.buffer, settings, guid);
            self.flush()?;
            parsed
        } else {
            if !self.buffer.is_empty() {
                self.flush()?;
            }
            let path = &self.file.path;
            let message = Map::whole(&self.file.file).map_err(|e| Error::io("map stage", path, e))?;
            ParsedMessage::parse_known(&message, self.file.store.settings(), guid)
        };
        Ok(Staged { file: self.file, parsed, settled: Cell::new(None) })
    }
}

impl Staged {
    /// What is known of the message.
    #[must_use]
    pub fn parsed(&self) -> &ParsedMessage {
        &self.parsed
    }

    /// SHA-1 of the message.
    #[must_use]
    pub fn guid(&self) -> Guid {
        self.parsed.guid
    }

    /// The staging file on the partition it was written to, for who must have it by name. It gets
    /// that name with the first who asks, and keeps it as long as this lives.
    ///
    /// # Errors
    /// `Io`.
    pub fn named(&self) -> Result<&Path> {
        self.file.named()
    }

    /// The name that it has or would have.
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Gives the message a further name.
    ///
    /// # Errors
    /// What link(2) says; not logged, because the caller may copy instead.
    pub(super) fn link(&self, to: &Path) -> std::io::Result<()> {
        self.file.link(to)
    }

    /// Whether data and times were made durable with this INTERNALDATE.
    pub(super) fn is_settled_as(&self, internaldate: UnixTime) -> bool {
        self.settled.get() == Some(internaldate)
    }

    /// Notes that they were.
    pub(super) fn settle_as(&self, internaldate: UnixTime) {
        self.settled.set(Some(internaldate));
    }

    /// Whether a sync that needs the journal of the file system makes all that happened before it
    /// durable, names of other files included. Not so where each file is logged by itself.
    pub(super) fn has_ordered_journal(&self) -> bool {
        const LOGS_FILES_APART: [i64; 3] = [
            0x9123_683e, // btrfs
            0xca45_1a4e, // bcachefs
            0xf2f5_2010, // f2fs
        ];
        cyrus_sys::fd::filesystem_magic(self.file.file.as_fd())
            .is_ok_and(|magic| !LOGS_FILES_APART.contains(&magic))
    }

    pub(super) fn file(&self) -> &File {
        &self.file.file
    }

    /// The message bytes, mapped.
    ///
    /// # Errors
    /// `Io`.
    pub fn message(&self) -> Result<Map> {
        Map::whole(&self.file.file).map_err(|e| Error::io("map stage", &self.file.path, e))
    }
}
