//! Read-only shared maps of files.
//!
//! Files that are mapped are replaced by rename or only grow while a reader holds the lock that
//! promises it; whoever makes a [`Map`] keeps it no longer than that lock. Writing is always
//! `pwrite` on the descriptor, as in the C server.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Maps are made in steps of this, so that a file may grow a while before it is mapped anew: a new
/// map costs two system calls and a fault for each page that is looked at again.
const STEP: u64 = 64 * 1024;

/// What [`Map::bring_in`] reads at a time.
const PIECE: usize = 128 * 1024;

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

    /// Has the first page of a large file in memory before its map is looked at: a fault there would wait for as much
    /// as the kernel reads ahead (megabytes on some disks), a read does not. An error is left to the fault.
    pub fn bring_in_head(file: &File, found: &Metadata) {
        if found.len() > PIECE as u64 {
            let _ = file.read_at(&mut [0; 4096], 0);
        }
    }

    /// Has all of the map in memory, for a reader who wants every page of it: what of `file`, which is the mapped one,
    /// is not there yet is read in large pieces, several times faster than by one fault after the other. An error
    /// is left to the fault.
    pub fn bring_in(&self, file: &File) {
        let Some(map) = self.map.as_ref().filter(|_| self.len > PIECE) else { return };
        let Ok(Some(page)) = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE) else { return };
        let page = usize::try_from(page).unwrap_or(PIECE).clamp(1, PIECE);
        let mut present = vec![0_u8; self.len.div_ceil(page)];
        // SAFETY: `len` octets from the start of the map, which lives, and one octet of room for each page of them.
        if unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), self.len, present.as_mut_ptr()) } != 0 {
            return;
        }
        let mut piece = vec![0; PIECE];
        for (offset, pages) in (0_u64..).step_by(PIECE).zip(present.chunks(PIECE / page)) {
            if pages.iter().any(|page| page & 1 == 0) && file.read_at(&mut piece, offset).is_err() {
                return;
            }
        }
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
    fn what_is_brought_in_is_in_memory() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![b'x'; 3 * PIECE + 5]).unwrap();
        file.sync_all().unwrap();
        let map = Map::whole(&file).unwrap();
        let absent = || {
            let mut present = vec![0_u8; map.len().div_ceil(4096)];
            // SAFETY: as in `bring_in`.
            let told =
                unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), map.len(), present.as_mut_ptr()) };
            assert_eq!(told, 0);
            present.iter().filter(|page| *page & 1 == 0).count()
        };
        let all = nix::fcntl::PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        nix::fcntl::posix_fadvise(&file, 0, 0, all).unwrap();
        // Where the kernel keeps the pages all the same (tmpfs), nothing is shown here.
        map.bring_in(&file);
        assert_eq!(absent(), 0);
        assert!(map.iter().all(|octet| *octet == b'x'));
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
