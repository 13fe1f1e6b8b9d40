//! synccrcs: XOR accumulators over all records that are not expunged (reference 5).

use super::layout::Version;
use super::record::{InternalFlags, Record, SystemFlags};
use cyrus_util::ids::Uid;
use std::io::Write as _;

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
    let mut text = Vec::with_capacity(128);
    let written = write!(
        text,
        "{} {} {} ({}) {} {}",
        record.uid, record.modseq, record.last_updated, flags, record.internaldate, record.guid
    );
    debug_assert!(written.is_ok());
    crc32fast::hash(&text)
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
    let one = |name: &str, value: String| {
        annot_crc(record.uid, format!("{NAMESPACE}{name}").as_bytes(), b"", value.as_bytes())
    };
    let mut crc = 0;
    if record.cid != 0 && v >= 13 {
        crc ^= one("thrid", format!("{:x}", record.cid));
    }
    if record.savedate.0 != 0 && v >= 15 {
        crc ^= one("savedate", record.savedate.to_string());
    }
    if record.createdmodseq.0 != 0 && v >= 16 {
        crc ^= one("createdmodseq", record.createdmodseq.to_string());
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
