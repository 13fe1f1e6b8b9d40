//! synccrcs: XOR accumulators over all records that are not expunged (reference 5).

use super::layout::Version;
use super::record::{InternalFlags, Record, SystemFlags};
use cyrus_util::ids::{Uid, UnixTime};

/// Value of `synccrc_basic` over no record.
pub const CRC_INIT_BASIC: u32 = 0;
/// Value of `synccrc_annot` over no annotation.
pub const CRC_INIT_ANNOT: u32 = 12_345_678;

const NAMESPACE: &str = "/vendor/cmu/cyrus-imapd/";

/// What one record adds to `synccrc_basic`. C: `crc_basic()`
pub(crate) fn basic_crc(record: &Record, flag_crcs: &[u32]) -> u32 {
    if record.internal_flags.has(InternalFlags::EXPUNGED) {
        return 0;
    }
    let mut flags = 0;
    for (bit, name) in [
        (SystemFlags::DELETED, &b"\\deleted"[..]),
        (SystemFlags::ANSWERED, b"\\answered"),
        (SystemFlags::FLAGGED, b"\\flagged"),
        (SystemFlags::DRAFT, b"\\draft"),
        (SystemFlags::SEEN, b"\\seen"),
    ] {
        if record.system_flags.has(bit) {
            flags ^= crc32fast::hash(name);
        }
    }
    if !record.user_flags.is_empty() {
        for slot in record.user_flags.iter() {
            flags ^= flag_crcs.get(usize::from(slot)).copied().unwrap_or(0);
        }
    }
    let mut text = Text::default();
    text.number(u64::from(record.uid.0));
    text.bytes(b" ");
    text.number(record.modseq.0);
    text.bytes(b" ");
    text.number(seconds(record.last_updated));
    text.bytes(b" (");
    text.number(u64::from(flags));
    text.bytes(b") ");
    text.number(seconds(record.internaldate));
    text.bytes(b" ");
    for byte in record.guid.0 {
        text.bytes(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    crc32fast::hash(text.as_bytes())
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn seconds(time: UnixTime) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}

/// A short text on the stack: these checksums are made twice for every changed record.
struct Text {
    buffer: [u8; 192],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { buffer: [0; 192], length: 0 }
    }
}

impl Text {
    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        debug_assert!(end <= self.buffer.len());
        if let Some(place) = self.buffer.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }

    fn number(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.bytes(&digits[at..]);
    }

    fn as_bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// What one annotation adds to `synccrc_annot`. C: `crc_annot()`
#[must_use]
pub fn annot_crc(uid: Uid, entry: &[u8], userid: &[u8], value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(uid.to_string().as_bytes());
    for part in [entry, userid, value] {
        crc.update(b" ");
        crc.update(part);
    }
    crc.finalize()
}

/// What the annotations that live in record fields add. C: `crc_virtannot()`
pub(crate) fn virtual_annot_crc(record: &Record, version: Version) -> u32 {
    if record.internal_flags.has(InternalFlags::EXPUNGED) {
        return 0;
    }
    let v = version.minor();
    let mut crc = 0;
    if record.cid != 0 && v >= 13 {
        let value = format!("{:x}", record.cid);
        crc ^= annot_crc(record.uid, &[NAMESPACE.as_bytes(), b"thrid"].concat(), b"", value.as_bytes());
    }
    let mut number = |entry: &[u8], value: u64| {
        let mut text = Text::default();
        text.number(u64::from(record.uid.0));
        text.bytes(b" ");
        text.bytes(NAMESPACE.as_bytes());
        text.bytes(entry);
        text.bytes(b"  ");
        text.number(value);
        crc ^= crc32fast::hash(text.as_bytes());
    };
    if record.savedate.0 != 0 && v >= 15 {
        number(b"savedate", seconds(record.savedate));
    }
    if record.createdmodseq.0 != 0 && v >= 16 {
        number(b"createdmodseq", record.createdmodseq.0);
    }
    crc
}

/// Whether a stored annotation of this name is skipped because a record field stands for it.
pub(crate) fn is_virtual_annotation(entry: &[u8], version: Version) -> bool {
    let Some(name) = entry.strip_prefix(NAMESPACE.as_bytes()) else { return false };
    let since = match name {
        b"thrid" => 13,
        b"savedate" => 15,
        b"createdmodseq" => 16,
        _ => return false,
    };
    version.minor() >= since
}
