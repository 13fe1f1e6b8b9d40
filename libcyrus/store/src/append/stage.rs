//! The staging file: a message on its way in.

use super::parse::ParsedMessage;
use crate::context::Store;
use crate::error::Result;
use std::path::Path;
use std::sync::Arc;

/// A message being written to `<partition>/stage./<pid>-<time>-<n>`. Dropping it removes the file.
#[derive(Debug)]
pub struct Stage {}

/// A message completely received; parsed; not yet durable. Dropping it removes the staging file,
/// not the message files linked to it.
#[derive(Debug)]
pub struct Staged {}

impl Stage {
    /// Begins a staging file on the partition whose root is given. C: `append_newstage()`
    ///
    /// # Errors
    /// `Io`.
    pub fn create(_store: &Arc<Store>, _partition_root: &Path) -> Result<Self> {
        todo!()
    }

    /// Adds the next bytes of the message.
    ///
    /// # Errors
    /// `Io`, `MessageTooLarge` past 4 GiB.
    pub fn write(&mut self, _bytes: &[u8]) -> Result<()> {
        todo!()
    }

    /// Octets written so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        todo!()
    }

    /// Ends the message and parses it.
    ///
    /// # Errors
    /// `Io`, `EmptyMessage`.
    pub fn finish(self) -> Result<Staged> {
        todo!()
    }
}

impl Staged {
    /// What is known of the message.
    #[must_use]
    pub fn parsed(&self) -> &ParsedMessage {
        todo!()
    }

    /// The staging file on the partition it was written to.
    #[must_use]
    pub fn path(&self) -> &Path {
        todo!()
    }

    /// The message bytes, mapped.
    ///
    /// # Errors
    /// `Io`.
    pub fn message(&self) -> Result<cyrus_sys::map::Map> {
        todo!()
    }
}
