//! The header of cyrus.index.

use super::layout::{Layout, Version};
use super::{CRC_INIT_ANNOT, put, u32_at, u64_at};
use crate::error::{Error, Result};
use cyrus_util::ids::{ModSeq, Uid, UidValidity, UnixTime};
use std::path::Path;

/// The `options` word of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxOptions(pub u32);

impl MailboxOptions {
    /// POP3 UIDLs are `UIDVALIDITY.UID`.
    pub const POP3_NEW_UIDL: u32 = 1 << 0;
    /// \Seen is shared by all users and kept in the index.
    pub const SHARED_SEEN: u32 = 1 << 2;
    /// Duplicate suppression is off for this mailbox.
    pub const DUP_DELIVER: u32 = 1 << 3;
    /// Some record has an alarm.
    pub const HAS_ALARMS: u32 = 1 << 4;
    /// Files wait to be unlinked under the exclusive name lock.
    pub const NEEDS_UNLINK: u32 = 1 << 29;
    /// Records wait to be dropped under the exclusive name lock.
    pub const NEEDS_REPACK: u32 = 1 << 30;
    /// The mailbox is deleted; the last closer removes its files.
    pub const DELETED: u32 = 1 << 31;

    const KNOWN: u32 = Self::POP3_NEW_UIDL
        | Self::SHARED_SEEN
        | Self::DUP_DELIVER
        | Self::HAS_ALARMS
        | Self::NEEDS_UNLINK
        | Self::NEEDS_REPACK
        | Self::DELETED;

    /// Whether all bits of `mask` are set.
    #[must_use]
    pub fn has(self, mask: u32) -> bool {
        self.0 & mask == mask
    }

    /// Sets or clears the bits of `mask`.
    pub fn set(&mut self, mask: u32, on: bool) {
        if on {
            self.0 |= mask;
        } else {
            self.0 &= !mask;
        }
    }
}

/// The header of cyrus.index as values. Fields that an old version lacks have C's defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexHeader {
    /// Which layout the file has.
    pub version: Version,
    /// Goes up at each repack; equals the first word of cyrus.cache.
    pub generation_no: u32,
    /// Always 0.
    pub format: u32,
    /// Where record 1 begins.
    pub start_offset: u32,
    /// Distance from record to record.
    pub record_size: u32,
    /// Records in the file, expunged ones included.
    pub num_records: u32,
    /// Time of the last append.
    pub last_appenddate: UnixTime,
    /// Highest UID ever given.
    pub last_uid: Uid,
    /// Octets of all messages that are not expunged.
    pub quota_mailbox_used: u64,
    /// Last login by POP3.
    pub pop3_last_login: UnixTime,
    /// UIDVALIDITY.
    pub uidvalidity: UidValidity,
    /// Messages with \Deleted.
    pub deleted: u32,
    /// Messages with \Answered.
    pub answered: u32,
    /// Messages with \Flagged.
    pub flagged: u32,
    /// Option bits.
    pub options: MailboxOptions,
    /// Unused since v12, kept as found.
    pub leaked_cache_records: u32,
    /// HIGHESTMODSEQ; at offset 68, so not aligned. 0 in the file reads as 1.
    pub highestmodseq: ModSeq,
    /// Highest modseq of any record that a repack removed.
    pub deletedmodseq: ModSeq,
    /// Messages, without expunged ones.
    pub exists: u32,
    /// Oldest last_updated of the expunged records still there, 0 for none.
    pub first_expunged: UnixTime,
    /// When the mailbox was repacked.
    pub last_repack_time: UnixTime,
    /// CRC of the whole cyrus.header.
    pub header_file_crc: u32,
    /// Replication's checksum of flags and identity.
    pub synccrc_basic: u32,
    /// Replication's checksum of annotations.
    pub synccrc_annot: u32,
    /// The owner's low mark of \Recent.
    pub recentuid: Uid,
    /// When that was set.
    pub recenttime: UnixTime,
    /// POP3 shows only messages received after this.
    pub pop3_show_after: UnixTime,
    /// Octets of annotation values.
    pub quota_annot_used: u64,
    /// The owner's messages without \Seen.
    pub unseen: u32,
    /// HIGHESTMODSEQ when the mailbox was made.
    pub createdmodseq: ModSeq,
    /// From when on deletions are known.
    pub changes_epoch: UnixTime,
}

impl IndexHeader {
    /// The header of a mailbox just created.
    #[must_use]
    pub fn fresh(
        version: Version,
        uidvalidity: UidValidity,
        modseq: ModSeq,
        options: u32,
        now: UnixTime,
    ) -> Self {
        let layout = version.layout();
        Self {
            version,
            generation_no: 0,
            format: 0,
            start_offset: size(layout.header_size),
            record_size: size(layout.record_size),
            num_records: 0,
            last_appenddate: UnixTime(0),
            last_uid: Uid(0),
            quota_mailbox_used: 0,
            pop3_last_login: UnixTime(0),
            uidvalidity,
            deleted: 0,
            answered: 0,
            flagged: 0,
            options: MailboxOptions(options),
            leaked_cache_records: 0,
            highestmodseq: modseq,
            deletedmodseq: ModSeq(0),
            exists: 0,
            first_expunged: UnixTime(0),
            last_repack_time: UnixTime(0),
            header_file_crc: 0,
            synccrc_basic: 0,
            synccrc_annot: CRC_INIT_ANNOT,
            recentuid: Uid(0),
            recenttime: UnixTime(0),
            pop3_show_after: UnixTime(0),
            quota_annot_used: 0,
            unseen: 0,
            createdmodseq: modseq,
            changes_epoch: now,
        }
    }

    /// Reads a header. `now` stands in for the changes epoch that old versions lack.
    ///
    /// # Errors
    /// `BadFormat` for an unknown version or a short file, `Corrupt` for a wrong CRC.
    ///
    /// C: `mailbox_buf_to_index_header()`
    pub fn decode(bytes: &[u8], file: &Path, now: UnixTime) -> Result<Self> {
        let short = || Error::bad_format(file, "index header is cut short");
        let word = |offset| u32_at(bytes, offset).ok_or_else(short);
        let long = |offset| u64_at(bytes, offset).ok_or_else(short);
        let time = |offset| word(offset).map(|value| UnixTime(i64::from(value)));

        let version = Version::new(word(8)?).ok_or_else(|| Error::bad_format(file, "index version"))?;
        let layout = version.layout();
        let whole = bytes.get(..layout.header_size).ok_or_else(short)?;
        let v = version.minor();

        let mut header = Self::fresh(version, UidValidity(word(44)?), ModSeq(1), 0, now);
        header.createdmodseq = ModSeq(0);
        header.synccrc_annot = 0;
        header.generation_no = word(0)?;
        header.format = word(4)?;
        header.start_offset = word(12)?;
        header.record_size = word(16)?;
        header.num_records = word(20)?;
        header.last_appenddate = time(24)?;
        header.last_uid = Uid(word(28)?);
        header.quota_mailbox_used = long(32)?;
        header.pop3_last_login = time(40)?;
        header.deleted = word(48)?;
        header.answered = word(52)?;
        header.flagged = word(56)?;
        header.options = MailboxOptions(word(60)?);
        header.leaked_cache_records = word(64)?;
        if v >= 8 {
            header.highestmodseq = ModSeq(long(68)?.max(1));
        }
        if v >= 12 {
            header.deletedmodseq = ModSeq(long(76)?);
            header.exists = word(84)?;
            header.first_expunged = time(88)?;
            header.last_repack_time = time(92)?;
            header.header_file_crc = word(96)?;
            header.synccrc_basic = word(100)?;
            header.recentuid = Uid(word(104)?);
            header.recenttime = time(108)?;
        } else {
            header.deletedmodseq = header.highestmodseq;
            header.exists = header.num_records;
        }
        if v >= 13 {
            header.pop3_show_after = time(112)?;
            header.quota_annot_used = u64::from(word(116)?);
            header.synccrc_annot = word(120)?;
        }
        if v >= 14 {
            header.unseen = word(124)?;
        }
        if v >= 16 {
            header.createdmodseq = ModSeq(long(128)?);
        }
        header.changes_epoch = match v {
            17.. => time(136)?,
            _ if header.last_repack_time.0 != 0 => header.last_repack_time,
            _ => now,
        };
        if let Some(offset) = layout.header_crc {
            let body = whole.get(..offset).ok_or_else(short)?;
            if crc32fast::hash(body) != word(offset)? {
                return Err(Error::corrupt(file, offset as u64, "index header CRC"));
            }
        }
        if (header.start_offset as usize) < layout.header_size
            || (header.record_size as usize) < layout.record_size
        {
            return Err(Error::bad_format(file, "index header or record size"));
        }
        if header.exists == 0 {
            header.options.set(MailboxOptions::POP3_NEW_UIDL, true);
        }
        Ok(header)
    }

    /// The header as written, `layout.header_size` octets.
    ///
    /// C: `mailbox_index_header_to_buf()`
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout: &Layout = self.version.layout();
        let v = self.version.minor();
        let mut bytes = vec![0; layout.header_size];
        let mut word = |offset: usize, value: u32| put(&mut bytes, offset, &value.to_be_bytes());
        word(0, self.generation_no);
        word(4, self.format);
        word(8, v);
        word(12, self.start_offset);
        word(16, self.record_size);
        word(20, self.num_records);
        word(24, self.last_appenddate.as_u32());
        word(28, self.last_uid.0);
        word(40, self.pop3_last_login.as_u32());
        word(44, self.uidvalidity.0);
        word(48, self.deleted);
        word(52, self.answered);
        word(56, self.flagged);
        word(60, self.options.0 & MailboxOptions::KNOWN);
        word(64, self.leaked_cache_records);
        if v >= 12 {
            word(84, self.exists);
            word(88, self.first_expunged.as_u32());
            word(92, self.last_repack_time.as_u32());
            word(96, self.header_file_crc);
            word(100, self.synccrc_basic);
            word(104, self.recentuid.0);
            word(108, self.recenttime.as_u32());
        }
        if v >= 13 {
            word(112, self.pop3_show_after.as_u32());
            word(116, u32::try_from(self.quota_annot_used).unwrap_or(u32::MAX));
            word(120, self.synccrc_annot);
        }
        if v >= 14 {
            word(124, self.unseen);
        }
        if v >= 17 {
            word(136, self.changes_epoch.as_u32());
        }
        put(&mut bytes, 32, &self.quota_mailbox_used.to_be_bytes());
        if v >= 8 {
            put(&mut bytes, 68, &self.highestmodseq.0.to_be_bytes());
        }
        if v >= 12 {
            put(&mut bytes, 76, &self.deletedmodseq.0.to_be_bytes());
        }
        if v >= 16 {
            put(&mut bytes, 128, &self.createdmodseq.0.to_be_bytes());
        }
        if let Some(offset) = layout.header_crc {
            let crc = bytes.get(..offset).map_or(0, crc32fast::hash);
            put(&mut bytes, offset, &crc.to_be_bytes());
        }
        bytes
    }
}

fn size(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
