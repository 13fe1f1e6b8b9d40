//! cyrus.index: header, records, and the versions they come in (reference/mailbox-files.md 3-5).
//!
//! ```text
//! +----------------------+ 0
//! | header               |   76, 92, 96, 128 or 160 octets by minor version
//! +----------------------+ start_offset
//! | record 1             |   60 to 112 octets by minor version, ascending UIDs
//! | record 2 ...         |
//! +----------------------+ start_offset + num_records * record_size
//! | leftovers of a crash |   ignored: the header was not written, so they do not count
//! +----------------------+
//! ```

mod crcs;
mod header;
mod layout;
mod record;
#[cfg(test)]
mod tests;
pub mod upgrade;

pub use crcs::{CRC_INIT_ANNOT, CRC_INIT_BASIC, annot_crc};
pub(crate) use crcs::{basic_crc, is_virtual_annotation, virtual_annot_crc};
pub use header::{IndexHeader, MailboxOptions};
pub use layout::{Layout, Version};
pub use record::{InternalFlags, Record, RecordView, SystemFlags, UserFlags};

/// Reads a big-endian u32; `None` past the end.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk::<4>().map(|chunk| u32::from_be_bytes(*chunk))
}

/// Reads a big-endian u64; `None` past the end.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes.get(offset..)?.first_chunk::<8>().map(|chunk| u64::from_be_bytes(*chunk))
}

/// Writes `value` at `offset`; the caller sized `bytes` by the layout.
pub(crate) fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}
