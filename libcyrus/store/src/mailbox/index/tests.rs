//! Every version: what is encoded comes back, but for fields that the version lacks; what is
//! damaged is refused.

use super::*;
use cyrus_util::guid::Guid;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UidValidity, UnixTime};
use std::path::Path;

const VERSIONS: [u32; 11] = [6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17];

fn time(random: &mut fastrand::Rng) -> UnixTime {
    UnixTime(i64::from(random.u32(..)))
}

fn some_record(random: &mut fastrand::Rng) -> Record {
    let mut guid = [0; 20];
    random.fill(&mut guid);
    Record {
        recno: RecNo(1),
        uid: Uid(random.u32(1..)),
        internaldate: time(random),
        sentdate: time(random),
        size: random.u32(..),
        header_size: random.u32(..),
        gmtime: time(random),
        cache_offset: random.u64(..1 << 48),
        last_updated: time(random),
        system_flags: SystemFlags(random.u32(..32)),
        internal_flags: InternalFlags(random.u32(..) & 0xfc00_0000),
        user_flags: UserFlags([random.u32(..), random.u32(..), random.u32(..), random.u32(..)]),
        savedate: time(random),
        cache_version: random.u16(..),
        guid: Guid(guid),
        modseq: ModSeq(random.u64(..)),
        cid: random.u64(..),
        createdmodseq: ModSeq(random.u64(..)),
        cache_crc: random.u32(..),
    }
}

#[test]
fn records_of_every_version_come_back() {
    let mut random = fastrand::Rng::with_seed(1);
    for minor in VERSIONS {
        let version = Version::new(minor).expect("known version");
        for _ in 0..200 {
            let mut record = some_record(&mut random);
            let bytes = record.encode(version);
            assert_eq!(bytes.len(), version.layout().record_size);
            let view = RecordView::new(&bytes, version, RecNo(1)).expect("whole record");
            let back = view.read(Path::new("x")).expect("good CRC");
            if minor < 8 {
                record.modseq = ModSeq(0);
            }
            if minor < 10 {
                record.guid = Guid::default();
            }
            if minor < 12 {
                (record.gmtime, record.cache_crc) = (UnixTime(0), 0);
            }
            if minor < 13 {
                record.cid = 0;
            }
            if minor < 15 {
                record.savedate = UnixTime(0);
            }
            if minor < 16 {
                record.createdmodseq = ModSeq(0);
            }
            assert_eq!(back, record, "version {minor}");
        }
    }
}

#[test]
fn a_changed_bit_of_a_record_with_crc_is_found() {
    let mut random = fastrand::Rng::with_seed(2);
    for minor in [12, 13, 14, 15, 16, 17] {
        let version = Version::new(minor).expect("known version");
        let bytes = some_record(&mut random).encode(version);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let view = RecordView::new(&damaged, version, RecNo(1)).expect("whole record");
            assert!(view.read(Path::new("x")).is_err(), "version {minor} bit {bit}");
        }
    }
}

#[test]
fn headers_of_every_version_come_back() {
    let mut random = fastrand::Rng::with_seed(3);
    for minor in VERSIONS {
        let version = Version::new(minor).expect("known version");
        for _ in 0..200 {
            let mut header = IndexHeader::fresh(
                version,
                UidValidity(random.u32(..)),
                ModSeq(random.u64(1..)),
                0,
                UnixTime(9),
            );
            header.num_records = random.u32(1..);
            header.exists = header.num_records;
            header.last_uid = Uid(random.u32(..));
            header.quota_mailbox_used = random.u64(..);
            header.options = MailboxOptions(MailboxOptions::SHARED_SEEN | MailboxOptions::NEEDS_REPACK);
            header.synccrc_annot = random.u32(..);
            header.unseen = random.u32(..);
            header.last_repack_time = time(&mut random);
            header.changes_epoch = time(&mut random);
            let bytes = header.encode();
            assert_eq!(bytes.len(), version.layout().header_size);
            let back = IndexHeader::decode(&bytes, Path::new("x"), UnixTime(5)).expect("good header");
            if minor < 8 {
                header.highestmodseq = ModSeq(1);
            }
            if minor < 12 {
                header.deletedmodseq = header.highestmodseq;
                header.last_repack_time = UnixTime(0);
            }
            if minor < 13 {
                header.synccrc_annot = 0;
            }
            if minor < 14 {
                header.unseen = 0;
            }
            if minor < 16 {
                header.createdmodseq = ModSeq(0);
            }
            if minor < 17 {
                let repacked = header.last_repack_time;
                header.changes_epoch = if repacked.0 == 0 { UnixTime(5) } else { repacked };
            }
            assert_eq!(back, header, "version {minor}");
        }
    }
}

#[test]
fn unknown_versions_and_short_headers_are_refused() {
    let header = IndexHeader::fresh(Version::CURRENT, UidValidity(1), ModSeq(1), 0, UnixTime(1)).encode();
    for minor in [0, 5, 11, 18, u32::MAX] {
        let mut bytes = header.clone();
        bytes[8..12].copy_from_slice(&minor.to_be_bytes());
        assert!(IndexHeader::decode(&bytes, Path::new("x"), UnixTime(1)).is_err());
    }
    for length in 0..header.len() {
        assert!(IndexHeader::decode(&header[..length], Path::new("x"), UnixTime(1)).is_err());
    }
}
