//! Where each version of cyrus.index keeps its fields.
//!
//! Versions 6-10 and 12-17 exist; 11 was never released and anything above 17 is refused, as the
//! C server does: there is no forward compatibility.

/// A minor version of cyrus.index that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32);

impl Version {
    /// What new mailboxes get.
    pub const CURRENT: Self = Self(17);

    /// Accepts a number found in a file.
    #[must_use]
    pub fn new(minor: u32) -> Option<Self> {
        matches!(minor, 6..=10 | 12..=17).then_some(Self(minor))
    }

    /// The number as in the file.
    #[must_use]
    pub fn minor(self) -> u32 {
        self.0
    }

    /// Offsets of this version.
    #[must_use]
    pub fn layout(self) -> &'static Layout {
        match self.0 {
            6 => &V6,
            7 => &V7,
            8 => &V8,
            9 => &V9,
            10 => &V10,
            12 => &V12,
            13 => &V13,
            14 => &V14,
            15 => &V15,
            16 => &V16,
            _ => &V17,
        }
    }
}

/// Offsets and sizes of one version. `None`: the version lacks the field.
#[derive(Debug)]
pub struct Layout {
    /// Octets of the header, its CRC included.
    pub header_size: usize,
    /// CRC of the header, over everything before it.
    pub header_crc: Option<usize>,
    /// Octets of one record.
    pub record_size: usize,
    /// Offset of the message guid.
    pub guid: Option<usize>,
    /// Offset of the modseq.
    pub modseq: Option<usize>,
    /// Offset of the conversation id.
    pub cid: Option<usize>,
    /// Offset of the save date.
    pub savedate: Option<usize>,
    /// Offset of the modseq of creation.
    pub createdmodseq: Option<usize>,
    /// Offset of the CRC of the cache record.
    pub cache_crc: Option<usize>,
    /// Offset of the CRC of the record, over everything before it.
    pub record_crc: Option<usize>,
    /// Offset of the Date: header as UTC; older versions keep header_size there again.
    pub gmtime: Option<usize>,
}

const OLD: Layout = Layout {
    header_size: 76,
    header_crc: None,
    record_size: 60,
    guid: None,
    modseq: None,
    cid: None,
    savedate: None,
    createdmodseq: None,
    cache_crc: None,
    record_crc: None,
    gmtime: None,
};

const V6: Layout = OLD;
const V7: Layout = Layout { record_size: 72, ..OLD };
const V8: Layout = Layout { header_size: 92, record_size: 80, modseq: Some(72), ..OLD };
const V9: Layout = Layout { header_size: 96, ..V8 };
const V10: Layout = Layout { record_size: 88, guid: Some(60), modseq: Some(80), ..V9 };
const V12: Layout = Layout {
    header_size: 128,
    header_crc: Some(124),
    record_size: 96,
    cache_crc: Some(88),
    record_crc: Some(92),
    gmtime: Some(20),
    ..V10
};
const V13: Layout =
    Layout { record_size: 104, cid: Some(88), cache_crc: Some(96), record_crc: Some(100), ..V12 };
const V14: Layout = Layout { header_size: 160, header_crc: Some(156), ..V13 };
const V15: Layout = Layout { savedate: Some(52), ..V14 };
const V16: Layout =
    Layout { record_size: 112, createdmodseq: Some(96), cache_crc: Some(104), record_crc: Some(108), ..V15 };
const V17: Layout = V16;

const fn fits(field: Option<usize>, size: usize, whole: usize) -> bool {
    match field {
        Some(offset) => offset + size <= whole,
        None => true,
    }
}

const fn sound(layout: &Layout) -> bool {
    fits(layout.header_crc, 4, layout.header_size)
        && fits(layout.guid, 20, layout.record_size)
        && fits(layout.modseq, 8, layout.record_size)
        && fits(layout.cid, 8, layout.record_size)
        && fits(layout.savedate, 4, layout.record_size)
        && fits(layout.createdmodseq, 8, layout.record_size)
        && fits(layout.cache_crc, 4, layout.record_size)
        && fits(layout.record_crc, 4, layout.record_size)
        && layout.record_size >= 60
        && layout.header_size >= 76
}

const _: () = {
    assert!(sound(&V6) && sound(&V7) && sound(&V8) && sound(&V9) && sound(&V10));
    assert!(sound(&V12) && sound(&V13) && sound(&V14) && sound(&V15) && sound(&V16) && sound(&V17));
    assert!(matches!(V17.record_crc, Some(108)) && V17.record_size == 112);
    assert!(matches!(V13.record_crc, Some(100)) && V13.record_size == 104);
    assert!(matches!(V12.record_crc, Some(92)) && V12.record_size == 96);
};
