//! Crossing versions of cyrus.index (reference/mailbox-files.md 4.1).
//!
//! Fields that came later were annotations before: conversation id (13), save date (15), modseq of
//! creation (16). Going up moves the annotation into the field, going down writes it back. The
//! annotation that moved into a field leaves a tombstone, as in C. Crossing 12 also moves the
//! owner's \Seen between the index and the seen database; the repack does that.

use super::super::change::StoredAnnotation;
use super::super::open::Mailbox;
use super::crcs::{annot_crc, basic_crc, is_virtual_annotation, virtual_annot_crc};
use super::header::IndexHeader;
use super::layout::Version;
use super::record::{Record, SystemFlags};
use super::{CRC_INIT_ANNOT, CRC_INIT_BASIC};
use crate::error::Result;
use cyrus_util::ids::{ModSeq, Uid, UnixTime};

const THRID: &[u8] = b"/vendor/cmu/cyrus-imapd/thrid";
const SAVEDATE: &[u8] = b"/vendor/cmu/cyrus-imapd/savedate";
const CREATEDMODSEQ: &[u8] = b"/vendor/cmu/cyrus-imapd/createdmodseq";

/// A change of version while the records are copied.
#[derive(Debug)]
pub(crate) struct Upgrade {
    from: u32,
    to: u32,
    writes: Vec<(Uid, &'static [u8], Vec<u8>)>,
    counted: Counted,
}

#[derive(Debug, Default)]
struct Counted {
    basic: u32,
    annot: u32,
    annotation_octets: u64,
    old_annotation_octets: u64,
    exists: u32,
    answered: u32,
    flagged: u32,
    deleted: u32,
    unseen: u32,
    size: u64,
}

impl Upgrade {
    /// Plans going from one version to another.
    pub(crate) fn plan(from: Version, to: Version) -> Self {
        Self { from: from.minor(), to: to.minor(), writes: Vec::new(), counted: Counted::default() }
    }

    /// Whether anything changes.
    pub(crate) fn is_needed(&self) -> bool {
        self.from != self.to
    }

    /// Whether a version is newer than the old one, and not than the new one.
    pub(crate) fn rises_over(&self, version: u32) -> bool {
        self.from < version && self.to >= version
    }

    /// Whether a version is newer than the new one, and not than the old one.
    pub(crate) fn falls_below(&self, version: u32) -> bool {
        self.from >= version && self.to < version
    }

    /// Moves values between fields and annotations.
    pub(crate) fn apply(&mut self, record: &mut Record, annotations: &[StoredAnnotation]) {
        let stored = |entry: &[u8]| {
            let found = annotations.iter().find(|each| each.entry == entry && each.userid.is_empty());
            found.and_then(|each| std::str::from_utf8(&each.value).ok())
        };
        let uid = record.uid;
        if self.rises_over(13) {
            if let Some(text) = stored(THRID).filter(|text| text.len() == 16) {
                record.cid = u64::from_str_radix(text, 16).unwrap_or(0);
            }
            self.clear(uid, THRID, stored(THRID));
        }
        if self.falls_below(13) && record.cid != 0 {
            self.writes.push((uid, THRID, format!("{:x}", record.cid).into_bytes()));
        }
        if self.rises_over(15) {
            if let Some(value) = stored(SAVEDATE).and_then(|text| text.parse().ok()) {
                record.savedate = UnixTime(value);
            }
            self.clear(uid, SAVEDATE, stored(SAVEDATE));
        }
        if self.falls_below(15) && record.savedate.0 != 0 {
            self.writes.push((uid, SAVEDATE, record.savedate.to_string().into_bytes()));
        }
        if self.rises_over(16) {
            if let Some(value) = stored(CREATEDMODSEQ).and_then(|text| text.parse().ok()) {
                record.createdmodseq = ModSeq(value);
            }
            self.clear(uid, CREATEDMODSEQ, stored(CREATEDMODSEQ));
        }
        if self.falls_below(16) && record.createdmodseq.0 != 0 {
            self.writes.push((uid, CREATEDMODSEQ, record.createdmodseq.to_string().into_bytes()));
        }
    }

    fn clear(&mut self, uid: Uid, entry: &'static [u8], stored: Option<&str>) {
        if stored.is_some() {
            self.writes.push((uid, entry, Vec::new()));
        }
    }

    /// Counts a record as it will be, for the check that nothing was lost.
    pub(crate) fn count(&mut self, record: &Record, mailbox: &Mailbox, annotations: &[StoredAnnotation]) {
        if !record.is_live() {
            return;
        }
        let to = Version::new(self.to).unwrap_or(Version::CURRENT);
        let counted = &mut self.counted;
        counted.exists += 1;
        counted.size += u64::from(record.size);
        counted.answered += u32::from(record.system_flags.has(SystemFlags::ANSWERED));
        counted.flagged += u32::from(record.system_flags.has(SystemFlags::FLAGGED));
        counted.deleted += u32::from(record.system_flags.has(SystemFlags::DELETED));
        counted.unseen += u32::from(!record.system_flags.has(SystemFlags::SEEN));
        counted.basic ^= basic_crc(record, mailbox.flag_crcs());
        counted.annot ^= virtual_annot_crc(record, to);
        let written =
            |entry: &[u8]| self.writes.iter().rev().find(|(uid, key, _)| *uid == record.uid && *key == entry);
        for each in annotations {
            counted.old_annotation_octets += each.value.len() as u64;
            if is_virtual_annotation(&each.entry, to) {
                continue;
            }
            if each.userid.is_empty() && written(&each.entry).is_some() {
                continue;
            }
            counted.annot ^= annot_crc(record.uid, &each.entry, &each.userid, &each.value);
            counted.annotation_octets += each.value.len() as u64;
        }
        for (_, entry, value) in self.writes.iter().rev().take_while(|(uid, ..)| *uid == record.uid) {
            if !value.is_empty() {
                counted.annot ^= annot_crc(record.uid, entry, b"", value);
                counted.annotation_octets += value.len() as u64;
            }
        }
    }

    /// Puts the counts into the new header and gives the two checksums.
    pub(crate) fn finish(&self, header: &mut IndexHeader) -> (u32, u32) {
        let counted = &self.counted;
        header.exists = counted.exists;
        header.answered = counted.answered;
        header.flagged = counted.flagged;
        header.deleted = counted.deleted;
        header.unseen = counted.unseen;
        header.quota_mailbox_used = counted.size;
        // The header still has the old sum, and what the mailbox's own annotations take is the rest.
        let of_mailbox = header.quota_annot_used.saturating_sub(counted.old_annotation_octets);
        header.quota_annot_used = of_mailbox + counted.annotation_octets;
        header.synccrc_basic = CRC_INIT_BASIC ^ counted.basic;
        header.synccrc_annot = CRC_INIT_ANNOT ^ counted.annot;
        (header.synccrc_basic, header.synccrc_annot)
    }

    /// Writes the annotations that changed.
    pub(crate) fn write_annotations(&self, mailbox: &Mailbox) -> Result<()> {
        mailbox.write_annotations(&self.writes)
    }
}
