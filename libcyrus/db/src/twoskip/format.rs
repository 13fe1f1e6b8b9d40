//! The bytes of a twoskip file (reference/cyrusdb.md 2.1 to 2.3).
//!
//! ```text
//! header  magic 20 | version 4 | generation 8 | num_records 8 | repack_size 8 | current_size 8 | flags 4 | crc 4
//! record  type 1 | level 1 | keylen 2 | vallen 4 | [keylen 8] [vallen 8] | pointer 8 x (level+1)
//!         | crc of all before 4 | crc of key, value, padding 4 | key | value | zeros to a multiple of 8
//! ```
//! All numbers are big-endian. A version above 1 is refused, as in C.

use crate::kind::MAGIC_TWOSKIP;

pub(super) const HEADER_SIZE: u64 = 64;
const OFFSET_VERSION: usize = 20;
const OFFSET_GENERATION: usize = OFFSET_VERSION + 4;
const OFFSET_NUM_RECORDS: usize = OFFSET_GENERATION + 8;
const OFFSET_REPACK_SIZE: usize = OFFSET_NUM_RECORDS + 8;
const OFFSET_CURRENT_SIZE: usize = OFFSET_REPACK_SIZE + 8;
const OFFSET_FLAGS: usize = OFFSET_CURRENT_SIZE + 8;
const OFFSET_CRC: usize = OFFSET_FLAGS + 4;
const VERSION: u32 = 1;
const FLAG_DIRTY: u32 = 1;

/// Where the dummy record lies.
pub(super) const DUMMY_OFFSET: u64 = HEADER_SIZE;
/// The level of the dummy; no record has more.
pub(super) const MAXLEVEL: usize = 31;
/// What may lie between records to keep a head inside one disk block.
pub(super) const BLANK: &[u8; 8] = b" BLANK\x07\xa0";
const BLOCK: u64 = 512;

pub(super) const DUMMY: u8 = b'=';
pub(super) const RECORD: u8 = b'+';
pub(super) const DELETE: u8 = b'-';
pub(super) const COMMIT: u8 = b'$';

/// The header as values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) generation: u64,
    pub(super) num_records: u64,
    pub(super) repack_size: u64,
    pub(super) current_size: u64,
    pub(super) flags: u32,
}

impl Header {
    pub(super) fn new(generation: u64) -> Self {
        Self { version: VERSION, generation, ..Self::default() }
    }

    /// Reads and checks a header; the error says what is wrong.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let header: &[u8; HEADER_SIZE as usize] =
            bytes.first_chunk().ok_or("file not large enough for header")?;
        if !header.starts_with(MAGIC_TWOSKIP) {
            return Err("invalid magic header");
        }
        let version = u32_at(header, OFFSET_VERSION);
        if version > VERSION {
            return Err("version mismatch");
        }
        if crc(header.get(..OFFSET_CRC).unwrap_or_default()) != u32_at(header, OFFSET_CRC) {
            return Err("header CRC failure");
        }
        Ok(Self {
            version,
            generation: u64_at(header, OFFSET_GENERATION),
            num_records: u64_at(header, OFFSET_NUM_RECORDS),
            repack_size: u64_at(header, OFFSET_REPACK_SIZE),
            current_size: u64_at(header, OFFSET_CURRENT_SIZE),
            flags: u32_at(header, OFFSET_FLAGS),
        })
    }

    pub(super) fn encode(&self) -> [u8; HEADER_SIZE as usize] {
        let mut out = Vec::with_capacity(HEADER_SIZE as usize);
        out.extend_from_slice(MAGIC_TWOSKIP);
        out.extend_from_slice(&self.version.to_be_bytes());
        for word in [self.generation, self.num_records, self.repack_size, self.current_size] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&self.flags.to_be_bytes());
        let sum = crc(&out);
        out.extend_from_slice(&sum.to_be_bytes());
        let mut fixed = [0; HEADER_SIZE as usize];
        fixed.copy_from_slice(&out);
        fixed
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.flags & FLAG_DIRTY != 0
    }

    pub(super) fn dirty(mut self) -> Self {
        self.flags |= FLAG_DIRTY;
        self
    }

    pub(super) fn clean(mut self) -> Self {
        self.flags &= !FLAG_DIRTY;
        self
    }
}

/// The head of a record, borrowed from the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) offset: u64,
    pub(super) kind: u8,
    pub(super) level: usize,
    pub(super) key_len: u64,
    pub(super) value_len: u64,
    /// From the type to the second crc.
    pub(super) bytes: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads the head that `bytes` begins with, checking its crc.
    pub(super) fn parse(offset: u64, bytes: &'a [u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "record head cut off";
        let fixed: &[u8; 8] = bytes.first_chunk().ok_or(SHORT)?;
        let [kind, level, k0, k1, v0, v1, v2, v3] = *fixed;
        let level = usize::from(level);
        if level > MAXLEVEL {
            return Err("level out of range");
        }
        let mut key_len = u64::from(u16::from_be_bytes([k0, k1]));
        let mut value_len = u64::from(u32::from_be_bytes([v0, v1, v2, v3]));
        let mut at = 8;
        if key_len == u64::from(u16::MAX) {
            key_len = try_u64_at(bytes, at).ok_or(SHORT)?;
            at += 8;
        }
        if value_len == u64::from(u32::MAX) {
            value_len = try_u64_at(bytes, at).ok_or(SHORT)?;
            at += 8;
        }
        let len = at + 8 * (level + 1) + 8;
        let bytes = bytes.get(..len).ok_or(SHORT)?;
        let (summed, sums) = bytes.split_at(len - 8);
        if u32_at(sums, 0) != crc(summed) {
            return Err("checksum of record head wrong");
        }
        Ok(Self { offset, kind, level, key_len, value_len, bytes })
    }

    pub(super) fn pointer(&self, i: usize) -> u64 {
        let from_end = 8 + 8 * (self.level + 1 - i.min(self.level));
        try_u64_at(self.bytes, self.bytes.len() - from_end).unwrap_or(0)
    }

    /// The next record of chain `chain` (0 is the lowest), `end` being the end of what counts.
    pub(super) fn next(&self, chain: usize, end: u64) -> u64 {
        if chain > 0 {
            return self.pointer(chain + 1);
        }
        let (a, b) = (self.pointer(0), self.pointer(1));
        if a >= end {
            b
        } else if b >= end {
            a
        } else {
            a.max(b)
        }
    }

    pub(super) fn crc_tail(&self) -> u32 {
        u32_at(self.bytes, self.bytes.len() - 4)
    }

    pub(super) fn key_offset(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    /// Length of key, value and padding.
    pub(super) fn tail_len(&self) -> u64 {
        self.key_len.saturating_add(self.value_len).saturating_add(7) & !7
    }

    /// Where the next record begins.
    pub(super) fn end(&self) -> u64 {
        self.key_offset().saturating_add(self.tail_len())
    }
}

/// Sets the pointers of an encoded head for its lowest chain (`chain` 0) or a higher one, by the
/// rule that keeps the lowest link of the last commit readable; `committed` is its size.
pub(super) fn set_next(head: &mut [u8], level: usize, chain: usize, offset: u64, committed: u64) {
    let base = head.len() - 8 - 8 * (level + 1);
    let index = if chain > 0 {
        chain + 1
    } else {
        let a = try_u64_at(head, base).unwrap_or(0);
        let b = try_u64_at(head, base + 8).unwrap_or(0);
        if a >= committed {
            0
        } else if b >= committed {
            1
        } else {
            usize::from(b <= a)
        }
    };
    set_pointer(head, level, index, offset);
}

/// Overwrites pointer `index` of an encoded head; [`seal`] it afterwards.
pub(super) fn set_pointer(head: &mut [u8], level: usize, index: usize, offset: u64) {
    if index > level {
        return;
    }
    let base = head.len() - 8 - 8 * (level + 1);
    if let Some(word) = head.get_mut(base + 8 * index..base + 8 * index + 8) {
        word.copy_from_slice(&offset.to_be_bytes());
    }
}

/// Recomputes the crc of an encoded head.
pub(super) fn seal(head: &mut [u8]) {
    if let Some((summed, sums)) = head.split_last_chunk_mut::<8>() {
        let sum = crc(summed).to_be_bytes();
        for (to, from) in sums.iter_mut().zip(sum) {
            *to = from;
        }
    }
}

/// Appends a record to `out`, whose first octet lies at `base` of the file, with the blanks that
/// go before it; returns the record's offset.
pub(super) fn append(
    out: &mut Vec<u8>,
    base: u64,
    kind: u8,
    pointers: &[u64],
    key: &[u8],
    value: &[u8],
) -> u64 {
    let mut head = Vec::with_capacity(24 + 8 * pointers.len() + 8);
    head.push(kind);
    head.push(u8::try_from(pointers.len().saturating_sub(1)).unwrap_or(0));
    let (key_len, value_len) = (key.len() as u64, value.len() as u64);
    let short_key = u16::try_from(key_len).unwrap_or(u16::MAX);
    let short_value = u32::try_from(value_len).unwrap_or(u32::MAX);
    head.extend_from_slice(&short_key.to_be_bytes());
    head.extend_from_slice(&short_value.to_be_bytes());
    if short_key == u16::MAX {
        head.extend_from_slice(&key_len.to_be_bytes());
    }
    if short_value == u32::MAX {
        head.extend_from_slice(&value_len.to_be_bytes());
    }
    for pointer in pointers {
        head.extend_from_slice(&pointer.to_be_bytes());
    }
    let padding = [0_u8; 8];
    let padding = padding.get(..(8 - (key.len() + value.len()) % 8) % 8).unwrap_or_default();
    let mut tail = crc32fast::Hasher::new();
    for part in [key, value, padding] {
        tail.update(part);
    }
    let sum = crc(&head);
    head.extend_from_slice(&sum.to_be_bytes());
    head.extend_from_slice(&tail.finalize().to_be_bytes());
    let head_len = head.len() as u64;
    if head_len <= BLOCK - 8 {
        let mut end = base + out.len() as u64;
        while (end + 8) % BLOCK > (end - 8 + head_len) % BLOCK {
            out.extend_from_slice(BLANK);
            end += 8;
        }
    }
    let offset = base + out.len() as u64;
    for part in [&head, key, value, padding] {
        out.extend_from_slice(part);
    }
    offset
}

/// A random level for a new record: 1, each further one with probability 1/2.
pub(super) fn random_level() -> usize {
    let ones = usize::try_from(fastrand::u64(..).trailing_ones()).unwrap_or(0);
    (1 + ones).min(MAXLEVEL)
}

pub(super) fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    try_u64_at(bytes, at).unwrap_or(0)
}

fn try_u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|word| u64::from_be_bytes(*word))
}
