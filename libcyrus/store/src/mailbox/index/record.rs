//! One record of cyrus.index: what is known of a message without opening its file.

use super::layout::{Layout, Version};
use super::{put, u32_at, u64_at};
use crate::error::{Error, Result};
use cyrus_util::guid::Guid;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UnixTime};
use std::path::Path;

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident { $($(#[$bit_doc:meta])* $bit:ident = $value:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub u32);

        impl $name {
            $($(#[$bit_doc])* pub const $bit: Self = Self($value);)*

            /// Whether all bits of `mask` are set.
            #[must_use]
            pub const fn has(self, mask: Self) -> bool {
                self.0 & mask.0 == mask.0
            }

            /// These bits and those of `other`.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These bits but not those of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }
        }
    };
}

bits! {
    /// The flags of RFC 3501, low half of the flags word.
    SystemFlags {
        /// \Answered
        ANSWERED = 1 << 0,
        /// \Flagged
        FLAGGED = 1 << 1,
        /// \Deleted
        DELETED = 1 << 2,
        /// \Draft
        DRAFT = 1 << 3,
        /// \Seen, of the owner or shared
        SEEN = 1 << 4,
    }
}

bits! {
    /// Cyrus's own marks, high half of the flags word.
    InternalFlags {
        /// Snoozed (JMAP).
        SNOOZED = 1 << 26,
        /// The conversation was split; the base conversation is in an annotation.
        SPLITCONVERSATION = 1 << 27,
        /// A file of the message waits to be unlinked.
        NEEDS_CLEANUP = 1 << 28,
        /// The message file is on the archive partition.
        ARCHIVED = 1 << 29,
        /// The message file is, or is about to be, gone.
        UNLINKED = 1 << 30,
        /// Expunged: no client sees it any more.
        EXPUNGED = 1 << 31,
    }
}

/// The 128 keyword slots; slot s is bit s%32 of word s/32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserFlags(pub [u32; 4]);

impl UserFlags {
    /// Whether slot `slot` is set.
    #[must_use]
    pub fn has(&self, slot: u8) -> bool {
        self.0.get(usize::from(slot / 32)).is_some_and(|word| word >> (slot % 32) & 1 == 1)
    }

    /// Sets or clears a slot.
    pub fn set(&mut self, slot: u8, on: bool) {
        if let Some(word) = self.0.get_mut(usize::from(slot / 32)) {
            if on {
                *word |= 1 << (slot % 32);
            } else {
                *word &= !(1 << (slot % 32));
            }
        }
    }

    /// The set slots, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..128).filter(|&slot| self.has(slot))
    }

    /// Whether no slot is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}

/// A record as values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Position in the index; 0 for a record that has none yet.
    pub recno: RecNo,
    /// UID.
    pub uid: Uid,
    /// INTERNALDATE.
    pub internaldate: UnixTime,
    /// Day of the Date: header, as local midnight.
    pub sentdate: UnixTime,
    /// Octets of the message.
    pub size: u32,
    /// Octets up to and including the blank line.
    pub header_size: u32,
    /// Date: header in UTC.
    pub gmtime: UnixTime,
    /// Where in cyrus.cache; 0 for nowhere.
    pub cache_offset: u64,
    /// When the modseq last changed.
    pub last_updated: UnixTime,
    /// RFC 3501 flags.
    pub system_flags: SystemFlags,
    /// Cyrus's own flags.
    pub internal_flags: InternalFlags,
    /// Keywords.
    pub user_flags: UserFlags,
    /// RFC 8514 save date.
    pub savedate: UnixTime,
    /// Which headers the cache record can be trusted to hold.
    pub cache_version: u16,
    /// SHA-1 of the message.
    pub guid: Guid,
    /// MODSEQ.
    pub modseq: ModSeq,
    /// Conversation id, 0 without conversations.
    pub cid: u64,
    /// MODSEQ when the message came in.
    pub createdmodseq: ModSeq,
    /// CRC of the cache record, 0 for none.
    pub cache_crc: u32,
}

impl Record {
    /// Whether a client can see it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.internal_flags.has(InternalFlags::EXPUNGED)
    }

    /// Whether a reconstruct gave it up, to be left out by the next repack. What stood there before
    /// cannot be believed or even read. C: `mailbox_wipe_index_record()`
    #[must_use]
    pub fn is_wiped(&self) -> bool {
        self.uid == Uid(0)
    }

    /// The record as written, `layout.record_size` octets.
    ///
    /// C: `mailbox_index_record_to_buf()`
    #[must_use]
    pub fn encode(&self, version: Version) -> Vec<u8> {
        let mut bytes = vec![0; version.layout().record_size];
        self.encode_into(version, &mut bytes);
        bytes
    }

    /// Writes the record over `bytes`, which is zeroed and `record_size` long.
    pub(crate) fn encode_into(&self, version: Version, bytes: &mut [u8]) {
        let layout = version.layout();
        let mut word = |offset: usize, value: u32| put(bytes, offset, &value.to_be_bytes());
        word(0, self.uid.0);
        word(4, self.internaldate.as_u32());
        word(8, self.sentdate.as_u32());
        word(12, self.size);
        word(16, self.header_size);
        word(20, if layout.gmtime.is_some() { self.gmtime.as_u32() } else { self.header_size });
        word(24, u32::try_from(self.cache_offset & 0xffff_ffff).unwrap_or(0));
        word(28, self.last_updated.as_u32());
        word(32, (self.system_flags.0 & 0xffff) | (self.internal_flags.0 & 0xffff_0000));
        for (n, flags) in self.user_flags.0.iter().enumerate() {
            word(36 + 4 * n, *flags);
        }
        if let Some(offset) = layout.savedate {
            word(offset, self.savedate.as_u32());
        }
        let high = u32::try_from(self.cache_offset >> 32 & 0xffff).unwrap_or(0);
        word(56, high << 16 | u32::from(self.cache_version));
        if let Some(offset) = layout.cache_crc {
            word(offset, self.cache_crc);
        }
        if let Some(offset) = layout.guid {
            put(bytes, offset, &self.guid.0);
        }
        for (offset, value) in [
            (layout.modseq, self.modseq.0),
            (layout.cid, self.cid),
            (layout.createdmodseq, self.createdmodseq.0),
        ] {
            if let Some(offset) = offset {
                put(bytes, offset, &value.to_be_bytes());
            }
        }
        if let Some(offset) = layout.record_crc {
            let crc = bytes.get(..offset).map_or(0, crc32fast::hash);
            put(bytes, offset, &crc.to_be_bytes());
        }
    }
}

/// A record where it lies in the map; methods read the fields.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    bytes: &'a [u8],
    layout: &'static Layout,
    recno: RecNo,
}

impl<'a> RecordView<'a> {
    /// A view of `bytes`; `None` when they are fewer than a record of this version has.
    #[must_use]
    pub fn new(bytes: &'a [u8], version: Version, recno: RecNo) -> Option<Self> {
        let layout = version.layout();
        Some(Self { bytes: bytes.get(..layout.record_size)?, layout, recno })
    }

    fn word(&self, offset: usize) -> u32 {
        u32_at(self.bytes, offset).unwrap_or(0)
    }

    fn long(&self, offset: Option<usize>) -> u64 {
        offset.and_then(|offset| u64_at(self.bytes, offset)).unwrap_or(0)
    }

    fn time(&self, offset: usize) -> UnixTime {
        UnixTime(i64::from(self.word(offset)))
    }

    /// Position in the index.
    #[must_use]
    pub fn recno(&self) -> RecNo {
        self.recno
    }

    /// UID.
    #[must_use]
    pub fn uid(&self) -> Uid {
        Uid(self.word(0))
    }

    /// INTERNALDATE.
    #[must_use]
    pub fn internaldate(&self) -> UnixTime {
        self.time(4)
    }

    /// Day of the Date: header.
    #[must_use]
    pub fn sentdate(&self) -> UnixTime {
        self.time(8)
    }

    /// Octets of the message.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.word(12)
    }

    /// Date: header in UTC; 0 where the version lacks it.
    #[must_use]
    pub fn gmtime(&self) -> UnixTime {
        self.layout.gmtime.map_or(UnixTime(0), |offset| self.time(offset))
    }

    /// 48 bits: the low 32 at 24, the high 16 in the top half of CACHE_VERSION.
    #[must_use]
    pub fn cache_offset(&self) -> u64 {
        u64::from(self.word(24)) | u64::from(self.word(56) >> 16) << 32
    }

    /// RFC 3501 flags.
    #[must_use]
    pub fn system_flags(&self) -> SystemFlags {
        SystemFlags(self.word(32) & 0xffff)
    }

    /// Cyrus's own flags.
    #[must_use]
    pub fn internal_flags(&self) -> InternalFlags {
        InternalFlags(self.word(32) & 0xffff_0000)
    }

    /// Keywords.
    #[must_use]
    pub fn user_flags(&self) -> UserFlags {
        UserFlags([36, 40, 44, 48].map(|offset| self.word(offset)))
    }

    /// MODSEQ.
    #[must_use]
    pub fn modseq(&self) -> ModSeq {
        ModSeq(self.long(self.layout.modseq))
    }

    /// When the modseq last changed.
    #[must_use]
    pub fn last_updated(&self) -> UnixTime {
        self.time(28)
    }

    /// SHA-1 of the message; null where the version lacks it.
    #[must_use]
    pub fn guid(&self) -> Guid {
        let bytes = self.layout.guid.and_then(|offset| self.bytes.get(offset..)?.first_chunk::<20>());
        bytes.map_or_else(Guid::default, |bytes| Guid(*bytes))
    }

    /// Whether the CRC is right (always, for versions without).
    #[must_use]
    pub fn crc_ok(&self) -> bool {
        match self.layout.record_crc {
            Some(offset) => {
                self.bytes.get(..offset).is_some_and(|body| crc32fast::hash(body) == self.word(offset))
            }
            None => true,
        }
    }

    /// All fields, unchecked.
    #[must_use]
    pub fn to_record(&self) -> Record {
        Record {
            recno: self.recno,
            uid: self.uid(),
            internaldate: self.internaldate(),
            sentdate: self.sentdate(),
            size: self.size(),
            header_size: self.word(16),
            gmtime: self.gmtime(),
            cache_offset: self.cache_offset(),
            last_updated: self.last_updated(),
            system_flags: self.system_flags(),
            internal_flags: self.internal_flags(),
            user_flags: self.user_flags(),
            savedate: self.layout.savedate.map_or(UnixTime(0), |offset| self.time(offset)),
            cache_version: u16::try_from(self.word(56) & 0xffff).unwrap_or(0),
            guid: self.guid(),
            modseq: self.modseq(),
            cid: self.long(self.layout.cid),
            createdmodseq: ModSeq(self.long(self.layout.createdmodseq)),
            cache_crc: self.layout.cache_crc.map_or(0, |offset| self.word(offset)),
        }
    }

    /// All fields, after checking the CRC.
    ///
    /// # Errors
    /// `Corrupt` when the CRC is wrong.
    ///
    /// C: `mailbox_buf_to_index_record()`
    pub fn read(&self, file: &Path) -> Result<Record> {
        if self.crc_ok() {
            Ok(self.to_record())
        } else {
            Err(Error::corrupt(file, u64::from(self.recno.0), "index record CRC"))
        }
    }
}
