//! Read-only shared maps of files.
//!
//! Files that are mapped are replaced by rename or only grow while a reader holds the lock that
//! promises it; whoever makes a [`Map`] keeps it no longer than that lock. Writing is always
//! `pwrite` on the descriptor, as in the C server.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// Maps are made in steps of this, so that a file may grow a while before it is mapped anew: a new
/// map costs two system calls and a fault for each page that is looked at again.
const STEP: u64 = 64 * 1024;

/// A read-only map of the first octets of a file; empty for a length of zero.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// Reaches beyond the end of the file; nothing behind `len` is ever looked at.
    map: Option<Arc<memmap2::Mmap>>,
    len: usize,
}

impl Map {
    /// Maps the first `len` octets of `file`.
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

    /// Follows a file to its length: `found` is what fstat(2) says of it now, under the lock. The
    /// map must be of the same file, or empty.
    ///
    /// # Errors
    /// As [`Map::new`].
    pub fn follow(&mut self, file: &File, found: &Metadata) -> io::Result<()> {
        let room = self.map.as_ref().map_or(0, |map| map.len() as u64);
        match usize::try_from(found.len()) {
            Ok(len) if len > 0 && found.len() <= room => self.len = len,
            _ => *self = Self::within(file, found.len())?,
        }
        Ok(())
    }

    /// Maps `len` octets that the file was just seen to have.
    fn within(file: &File, len: u64) -> io::Result<Self> {
        if len == 0 {
            return Ok(Self::default());
        }
        let too_long = || io::Error::from(io::ErrorKind::OutOfMemory);
        let room = len.checked_next_multiple_of(STEP).ok_or_else(too_long)?;
        let (len, room) =
            (usize::try_from(len).map_err(|_| too_long())?, usize::try_from(room).map_err(|_| too_long())?);
        // SAFETY: the file was at least `len` long a moment ago and the protocol of every mapped
        // file (module doc) is that it is not truncated while a lock of ours stands; a foreign
        // process that breaks it can change the bytes we see, which every reader treats as
        // untrusted input anyway. What lies behind the end of the file is not looked at before
        // the file was seen to have grown there (`deref`, `follow`).
        let map = unsafe { memmap2::MmapOptions::new().len(room).map(file)? };
        Ok(Self { map: Some(Arc::new(map)), len })
    }
}

impl Deref for Map {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.map.as_deref().and_then(|map| map.get(..self.len)).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_map_follows_its_file_with_and_without_room() {
        let mut file = tempfile::tempfile().unwrap();
        let mut map = Map::default();
        let mut expected = Vec::new();
        for (n, size) in [1_usize, 4095, 1, 70_000, 3, 200_000].into_iter().enumerate() {
            let bytes = vec![u8::try_from(n).unwrap(); size];
            file.write_all(&bytes).unwrap();
            expected.extend(bytes);
            let before = map.clone();
            map.follow(&file, &file.metadata().unwrap()).unwrap();
            assert_eq!(*map, expected);
            assert!(expected.starts_with(&before), "a clone keeps its length");
        }
        file.set_len(10).unwrap();
        map.follow(&file, &file.metadata().unwrap()).unwrap();
        assert_eq!(map.len(), 10);
        file.set_len(0).unwrap();
        map.follow(&file, &file.metadata().unwrap()).unwrap();
        assert!(map.is_empty());
    }

    #[test]
    fn no_more_is_mapped_than_there_is() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        assert_eq!(*Map::new(&file, 2).unwrap(), *b"ab");
        assert_eq!(*Map::whole(&file).unwrap(), *b"abc");
        assert_eq!(Map::new(&file, 4).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
