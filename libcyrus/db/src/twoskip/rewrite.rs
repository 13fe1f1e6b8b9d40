//! A new file of the live records alone (reference/cyrusdb.md 2.9).

use super::Twoskip;
use super::format::{self, COMMIT, DUMMY, DUMMY_OFFSET, HEADER_SIZE, Header, MAXLEVEL, RECORD, random_level};
use crate::file::replace_file;
use crate::{Durability, Result};
use std::time::Instant;

impl Twoskip {
    /// Replaces the file by one without dead records. C: `mycheckpoint()`
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        let start = Instant::now();
        let old_size = self.header.current_size;
        let image = {
            let view = self.view();
            let dummy = view.dummy()?;
            let mut builder = Builder::new(self.header.generation.saturating_add(1));
            view.walk(dummy.next(0, view.end()), |head, key| {
                builder.push(key, view.value(head));
                Ok(true)
            })?;
            builder.finish()
        };
        self.install(&image)?;
        let records = self.header.num_records;
        log::info!(
            "twoskip: checkpointed {} ({records} record{}, {old_size} => {} bytes) in {:2.3} seconds",
            self.file.path().display(),
            if records == 1 { "" } else { "s" },
            self.header.current_size,
            start.elapsed().as_secs_f64(),
        );
        Ok(())
    }

    /// Writes `image` beside the file and renames it over; goes on holding its lock.
    pub(super) fn install(&mut self, image: &[u8]) -> Result<()> {
        let (header, rest) = image.split_at(image.len().min(HEADER_SIZE as usize));
        // The new file has everything the old one had, so it must not be lost while this one's
        // later commits are acknowledged: the directory is synced in any case.
        let file = replace_file(
            self.file.path(),
            &[(HEADER_SIZE, rest), (0, header)],
            self.file.storage(),
            Durability::Full,
        )?;
        self.file.replace(file)?;
        self.read_header()
    }
}

/// Builds a whole file in memory from ascending records.
pub(super) struct Builder {
    bytes: Vec<u8>,
    header: Header,
    /// Per chain, the last record that belongs to it, and its level.
    last: [(u64, usize); MAXLEVEL],
}

impl Builder {
    pub(super) fn new(generation: u64) -> Self {
        let mut bytes = vec![0; HEADER_SIZE as usize];
        format::append(&mut bytes, 0, DUMMY, &[0; MAXLEVEL + 1], b"", b"");
        Self { bytes, header: Header::new(generation), last: [(DUMMY_OFFSET, MAXLEVEL); MAXLEVEL] }
    }

    /// A new database: header and dummy only.
    pub(super) fn empty() -> Vec<u8> {
        let mut builder = Self::new(1);
        let size = builder.bytes.len() as u64;
        builder.header.repack_size = size;
        builder.header.current_size = size;
        builder.with_header()
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        let level = random_level();
        let pointers = [0; MAXLEVEL + 1];
        let pointers = pointers.get(..=level).unwrap_or_default();
        let offset = format::append(&mut self.bytes, 0, RECORD, pointers, key, value);
        self.link(level, offset);
        self.header.num_records += 1;
    }

    fn link(&mut self, level: usize, offset: u64) {
        let mut chain = 0;
        while chain < level {
            let Some((back, top)) = self.last.get(chain).copied() else { break };
            let at = usize::try_from(back).unwrap_or(usize::MAX);
            // Lengths in front of the pointers do not matter here: heads are found by their end.
            if let Some(len) = head_len(self.bytes.get(at..).unwrap_or_default())
                && let Some(head) = self.bytes.get_mut(at..at.saturating_add(len))
            {
                for i in chain..level.min(top) {
                    format::set_pointer(head, top, i + 1, offset);
                }
                format::seal(head);
            }
            chain = top;
        }
        self.last.iter_mut().take(level).for_each(|last| *last = (offset, level));
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.header.repack_size = self.bytes.len() as u64;
        format::append(&mut self.bytes, 0, COMMIT, &[FIRST_OFFSET], b"", b"");
        self.header.current_size = self.bytes.len() as u64;
        self.with_header()
    }

    fn with_header(mut self) -> Vec<u8> {
        for (to, from) in self.bytes.iter_mut().zip(self.header.encode()) {
            *to = from;
        }
        self.bytes
    }
}

/// Length of the head that `bytes` begins with, crc not checked.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let [_, level, k0, k1, v0, v1, v2, v3] = *bytes.first_chunk()?;
    let long_key = [k0, k1] == [0xff; 2];
    let long_value = [v0, v1, v2, v3] == [0xff; 4];
    Some(8 + 8 * (usize::from(long_key) + usize::from(long_value) + usize::from(level) + 1) + 8)
}

/// Where the first record of a new file begins, after the dummy.
const FIRST_OFFSET: u64 = DUMMY_OFFSET + 8 + 8 * (MAXLEVEL as u64 + 1) + 8;
