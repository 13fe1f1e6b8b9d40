//! Read-only shared maps of files.
//!
//! Files that are mapped are replaced by rename or only grow while a reader holds the lock that
//! promises it; whoever makes a [`Map`] keeps it no longer than that lock. Writing is always
//! `pwrite` on the descriptor, as in the C server.

use std::fs::File;
use std::io;
use std::ops::Deref;

/// A read-only map of the first `len` bytes of a file; empty for a length of zero.
#[derive(Debug, Default)]
pub struct Map {
    map: Option<memmap2::Mmap>,
}

impl Map {
    /// Maps the first `len` octets of `file`. `len` must come from an fstat made under the lock.
    ///
    /// # Errors
    /// What mmap(2) says; `InvalidInput` when the file is shorter than `len`.
    pub fn new(file: &File, len: u64) -> io::Result<Self> {
        if len > 0 && file.metadata()?.len() < len {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Self::within(file, len)
    }

    /// Maps the whole file as it is now.
    ///
    /// # Errors
    /// As [`Map::new`].
    pub fn whole(file: &File) -> io::Result<Self> {
        Self::within(file, file.metadata()?.len())
    }

    /// Maps `len` octets that the file was just seen to have.
    fn within(file: &File, len: u64) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self { map: None });
        }
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: the file was at least `len` long a moment ago and the protocol of every mapped
        // file (module doc) is that it is not truncated while a lock of ours stands; a foreign
        // process that breaks it can change the bytes we see, which every reader treats as
        // untrusted input anyway.
        let map = unsafe { memmap2::MmapOptions::new().len(len).map(file)? };
        Ok(Self { map: Some(map) })
    }
}

impl Deref for Map {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or(&[])
    }
}
