//! The bytes of a skiplist file (reference/cyrusdb.md 3).
//!
//! ```text
//! header  magic 20 | version | minor | maxlevel | curlevel | listsize | logstart | last_recovery
//! record  type (257 dummy, 1 inorder, 2 add) | keylen | key, padded | datalen | data, padded
//!         | pointer x level | 0xFFFFFFFF
//! log     also: 4 | offset of the deleted record; 255 (commit)
//! ```
//! All words are four octets, big-endian. There are no checksums; a version other than 1 is refused.

use crate::kind::MAGIC_SKIPLIST;

pub(super) const HEADER_SIZE: usize = 48;
pub(super) const DUMMY_OFFSET: u32 = 48;
pub(super) const MAXLEVEL: usize = 20;
const OFFSET_VERSION: usize = 20;
const OFFSET_MAXLEVEL: usize = 28;
const OFFSET_CURLEVEL: usize = 32;
const OFFSET_LISTSIZE: usize = 36;
const OFFSET_LOGSTART: usize = 40;
const OFFSET_LAST_RECOVERY: usize = 44;
const VERSION: u32 = 1;
const VERSION_MINOR: u32 = 2;

pub(super) const DUMMY: u32 = 257;
pub(super) const INORDER: u32 = 1;
pub(super) const ADD: u32 = 2;
pub(super) const DELETE: u32 = 4;
pub(super) const COMMIT: u32 = 255;
/// What follows the last pointer.
pub(super) const END: u32 = u32::MAX;

/// The header as values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    pub(super) curlevel: usize,
    pub(super) listsize: u32,
    pub(super) logstart: u32,
    pub(super) last_recovery: u32,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < HEADER_SIZE {
            return Err("file not large enough for header");
        }
        if !bytes.starts_with(MAGIC_SKIPLIST) {
            return Err("invalid magic header");
        }
        let field = |at| word(bytes, at).unwrap_or(0);
        if field(OFFSET_VERSION) != VERSION {
            return Err("version mismatch");
        }
        // Nothing ever wrote another number, and the dummy below has room for just these.
        if field(OFFSET_MAXLEVEL) != MAXLEVEL as u32 {
            return Err("maxlevel in database beyond maximum");
        }
        let curlevel = field(OFFSET_CURLEVEL) as usize;
        if curlevel > MAXLEVEL {
            return Err("curlevel in database beyond maximum");
        }
        let dummy = Record::parse(bytes, DUMMY_OFFSET).ok_or("dummy node damaged")?;
        if dummy.kind != DUMMY || !dummy.key.is_empty() || dummy.level != MAXLEVEL {
            return Err("first node not type DUMMY");
        }
        Ok(Self {
            curlevel,
            listsize: field(OFFSET_LISTSIZE),
            logstart: field(OFFSET_LOGSTART),
            last_recovery: field(OFFSET_LAST_RECOVERY),
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC_SKIPLIST.to_vec();
        for field in [
            VERSION,
            VERSION_MINOR,
            MAXLEVEL as u32,
            u32::try_from(self.curlevel).unwrap_or(0),
            self.listsize,
            self.logstart,
            self.last_recovery,
        ] {
            out.extend(field.to_be_bytes());
        }
        out
    }
}

/// A dummy, inorder or add record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) kind: u32,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) level: usize,
    /// Octets from the record's start to its pointers.
    pub(super) pointers_at: u32,
}

impl<'a> Record<'a> {
    /// The record at `at` of `bytes`.
    pub(super) fn parse(bytes: &'a [u8], at: u32) -> Option<Self> {
        let bytes = bytes.get(at as usize..)?;
        let kind = word(bytes, 0)?;
        if !matches!(kind, DUMMY | INORDER | ADD) {
            return None;
        }
        let key_len = word(bytes, 4)? as usize;
        let key = bytes.get(8..)?.get(..key_len)?;
        let value_at = 8 + round_up(key_len);
        let value_len = word(bytes, value_at)? as usize;
        let value = bytes.get(value_at + 4..)?.get(..value_len)?;
        let pointers_at = value_at + 4 + round_up(value_len);
        let mut level = 0;
        while word(bytes, pointers_at + 4 * level)? != END {
            level += 1;
            if level > MAXLEVEL {
                return None;
            }
        }
        let pointers_at = u32::try_from(pointers_at).ok()?;
        (level > 0).then_some(Self { kind, key, value, level, pointers_at })
    }

    /// Octets the record takes.
    pub(super) fn size(&self) -> u32 {
        self.pointers_at.saturating_add(4 * (u32::try_from(self.level).unwrap_or(0) + 1))
    }
}

/// Appends a record.
pub(super) fn append(out: &mut Vec<u8>, kind: u32, key: &[u8], value: &[u8], pointers: &[u32]) {
    out.extend(kind.to_be_bytes());
    for part in [key, value] {
        out.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(part);
        out.extend(std::iter::repeat_n(0, round_up(part.len()) - part.len()));
    }
    for pointer in pointers {
        out.extend(pointer.to_be_bytes());
    }
    out.extend(END.to_be_bytes());
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

fn round_up(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// A random level for a new record: 1, each further one with probability 1/2.
pub(super) fn random_level() -> usize {
    let ones = usize::try_from(fastrand::u32(..).trailing_ones()).unwrap_or(0);
    (1 + ones).min(MAXLEVEL)
}

/// Builds a whole file in memory from ascending records.
pub(super) struct Builder {
    bytes: Vec<u8>,
    header: Header,
    /// Per level, where the pointer lies that must lead to the next record.
    open: [usize; MAXLEVEL],
}

impl Builder {
    pub(super) fn new(last_recovery: u32) -> Self {
        let mut bytes = vec![0; HEADER_SIZE];
        append(&mut bytes, DUMMY, b"", b"", &[0; MAXLEVEL]);
        let header = Header { curlevel: 1, last_recovery, ..Header::default() };
        Self { bytes, header, open: std::array::from_fn(|i| HEADER_SIZE + 12 + 4 * i) }
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8], level: usize) {
        let level = level.clamp(1, MAXLEVEL);
        let at = self.bytes.len();
        let offset = u32::try_from(at).unwrap_or(u32::MAX).to_be_bytes();
        let none = [0; MAXLEVEL];
        append(&mut self.bytes, INORDER, key, value, none.get(..level).unwrap_or_default());
        let pointers = self.bytes.len() - 4 * (level + 1);
        for (i, open) in self.open.iter_mut().enumerate().take(level) {
            if let Some(place) = self.bytes.get_mut(*open..*open + 4) {
                place.copy_from_slice(&offset);
            }
            *open = pointers + 4 * i;
        }
        self.header.curlevel = self.header.curlevel.max(level);
        self.header.listsize = self.header.listsize.saturating_add(1);
    }

    /// The file; `None` when it would be larger than offsets can tell.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        self.header.logstart = u32::try_from(self.bytes.len()).ok()?;
        for (to, from) in self.bytes.iter_mut().zip(self.header.encode()) {
            *to = from;
        }
        Some(self.bytes)
    }
}
