//! A mailbox through its life, held against a model, and against damage.

mod common;

use common::{append, check, create, location, message, open, plain, recording, settings};
use cyrus_store::append::{AppendParams, AppendTxn, CopyFlags, QuotaCheck};
use cyrus_store::event::EventKind;
use cyrus_store::lock::{Mode, UserLock, Wait};
use cyrus_store::mailbox::disk::Step;
use cyrus_store::mailbox::index::Version;
use cyrus_store::mailbox::reconstruct::{Found, Plan, Repair, reconstruct};
use cyrus_store::mailbox::{
    Cleanup, CreateParams, FlagLimit, InternalFlags, Mailbox, MailboxOptions, SystemFlags, Touch, UnlinkMark,
};
use cyrus_store::{Error, ExpungeMode, Settings, Store};
use cyrus_util::guid::Guid;
use cyrus_util::ids::{RecNo, Uid};
use std::collections::BTreeMap;
use std::sync::Arc;

fn exclusive(mailbox: &mut Mailbox, act: impl FnOnce(&mut cyrus_store::mailbox::IndexGuard<'_>)) {
    let user = UserLock::unowned();
    let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
    act(&mut guard);
    guard.commit().expect("commit");
}

#[test]
fn random_changes_leave_what_the_model_says() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let dir = tempfile::tempdir().expect("tempdir");
        let mode =
            [ExpungeMode::Delayed, ExpungeMode::Semidelayed, ExpungeMode::Immediate][seed as usize % 3];
        let store = Arc::new(Store::new(Settings { expunge_mode: mode, ..settings(dir.path()) }));
        drop(create(dir.path(), &store));
        // UID -> (message, flags, keyword)
        let mut model: BTreeMap<u32, (u32, u32, bool)> = BTreeMap::new();
        let mut next = 1;
        for step in 0..40 {
            let mut mailbox = open(dir.path(), &store);
            match random.u8(0..10) {
                0..4 => {
                    let count = random.u32(1..4);
                    let numbers: Vec<u32> = (0..count).map(|n| step * 10 + n + 1).collect();
                    let uids = append(&mut mailbox, &numbers, &AppendParams::default());
                    for (uid, number) in uids.iter().zip(&numbers) {
                        assert_eq!(uid.0, next);
                        next += 1;
                        model.insert(uid.0, (*number, 0, false));
                    }
                }
                4..7 => exclusive(&mut mailbox, |guard| {
                    let slot = guard.user_flag(b"Work", FlagLimit::Client).expect("flag");
                    for recno in 1..=guard.num_records() {
                        let mut record = guard.record(RecNo(recno)).expect("record");
                        if !record.is_live() || random.bool() {
                            continue;
                        }
                        let bits = random.u32(0..32);
                        let keyword = random.bool();
                        record.system_flags = SystemFlags(bits);
                        record.user_flags.set(slot, keyword);
                        guard.rewrite(&mut record, Touch::Modseq).expect("rewrite");
                        let entry = model.get_mut(&record.uid.0).expect("model");
                        (entry.1, entry.2) = (bits, keyword);
                    }
                }),
                7..9 => exclusive(&mut mailbox, |guard| {
                    let gone = guard
                        .expunge(EventKind::MessageExpunge, |record| {
                            record.system_flags.has(SystemFlags::DELETED)
                        })
                        .expect("expunge");
                    for uid in gone.uids {
                        model.remove(&uid.0).expect("model");
                    }
                }),
                _ => exclusive(&mut mailbox, |guard| {
                    guard.mark_unlinked(UnlinkMark::All).expect("mark");
                }),
            }
            if let Cleanup::Wanted(location) = mailbox.close().expect("close") {
                Mailbox::run_cleanup(&store, *location).expect("cleanup");
            }
            let mut mailbox = open(dir.path(), &store);
            let records = check(&mut mailbox);
            let live: BTreeMap<u32, (Guid, u32, bool)> = records
                .iter()
                .filter(|record| record.is_live())
                .map(|record| (record.uid.0, (record.guid, record.system_flags.0, record.user_flags.has(0))))
                .collect();
            let expected: BTreeMap<u32, (Guid, u32, bool)> = model
                .iter()
                .map(|(uid, (n, bits, key))| (*uid, (Guid::of(&message(*n)), *bits, *key)))
                .collect();
            assert_eq!(live, expected, "seed {seed} step {step}");
            let plan = Plan { mailbox_annotation_octets: Some(0), ..Plan::default() };
            drop(mailbox);
            let at = location(dir.path(), &store);
            let found = reconstruct(&store, &UserLock::unowned(), &at, &listed(), &plan);
            assert_eq!(found.expect("reconstruct"), [], "seed {seed} step {step}");
        }
    }
}

#[test]
fn an_append_costs_three_syncs_and_a_store_of_all_a_few_writes() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = recording(dir.path());
    let mut mailbox = create(dir.path(), &store);
    drop(mailbox);
    mailbox = open(dir.path(), &store);
    let numbers: Vec<u32> = (1..=500).collect();
    append(&mut mailbox, &numbers, &AppendParams::default());
    let _ = store.disk().take_steps();
    append(&mut mailbox, &[501], &AppendParams::default());
    let steps = store.disk().take_steps();
    let syncs = steps.iter().filter(|step| matches!(step, Step::Sync(_))).count();
    assert_eq!(syncs, 3, "{steps:?}");
    exclusive(&mut mailbox, |guard| {
        for recno in 1..=guard.num_records() {
            let mut record = guard.record(RecNo(recno)).expect("record");
            record.system_flags = record.system_flags.with(SystemFlags::SEEN);
            guard.rewrite(&mut record, Touch::Modseq).expect("rewrite");
        }
    });
    let steps = store.disk().take_steps();
    assert_eq!(steps.len(), 3, "one write of records, one of the header, one sync");
    check(&mut mailbox);
}

#[test]
fn copies_are_links_with_the_same_guid_and_flags() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = plain(dir.path());
    drop(create(dir.path(), &store));
    let mut from = open(dir.path(), &store);
    let params = AppendParams { keywords: vec![b"Work".to_vec()], ..AppendParams::default() };
    append(&mut from, &[1, 2], &params);
    let mut to = open(dir.path(), &store);
    let records = check(&mut from);
    let user = UserLock::unowned();
    let index = to.lock_index(&user, Mode::Exclusive).expect("lock");
    assert!(matches!(from.lock_index(&user, Mode::Shared), Err(Error::Locked)), "one lock per process");
    let mut txn = AppendTxn::begin(index, b"", QuotaCheck::Skip).expect("begin");
    let flags = CopyFlags { may_write: true, may_delete: true, seen: false };
    for record in &records {
        txn.copy(&mut from, record, flags).expect("copy");
    }
    assert_eq!(txn.commit().expect("commit").uids, [Uid(3), Uid(4)]);
    let after = check(&mut to);
    assert_eq!(after.len(), 4);
    for (old, new) in after[..2].iter().zip(&after[2..]) {
        assert_eq!(
            (old.guid, old.internaldate, old.user_flags),
            (new.guid, new.internaldate, new.user_flags)
        );
    }
    let links = std::os::unix::fs::MetadataExt::nlink(
        &std::fs::metadata(to.location().spool_file(Uid(3))).expect("stat"),
    );
    assert_eq!(links, 2);
}

#[test]
fn an_aborted_append_leaves_no_file_and_no_record() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = plain(dir.path());
    drop(create(dir.path(), &store));
    let mut mailbox = open(dir.path(), &store);
    let root = mailbox.location().partition_root.clone();
    let mut stage = cyrus_store::append::Stage::create(&store, &root).expect("stage");
    stage.write(&message(1)).expect("write");
    let staged = stage.finish().expect("finish");
    let user = UserLock::unowned();
    {
        let index = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
        let mut txn = AppendTxn::begin(index, b"", QuotaCheck::Skip).expect("begin");
        txn.add(&staged, &AppendParams::default()).expect("add");
        txn.abort();
    }
    drop(staged);
    assert!(!mailbox.location().spool_file(Uid(1)).exists());
    assert_eq!(std::fs::read_dir(root.join("stage.")).expect("stage.").count(), 0);
    assert!(check(&mut mailbox).is_empty());
}

#[test]
fn versions_12_to_17_take_changes_and_come_back() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = plain(dir.path());
    drop(create(dir.path(), &store));
    append(&mut open(dir.path(), &store), &[1, 2, 3], &AppendParams::default());
    let user = UserLock::unowned();
    for minor in [16, 15, 14, 13, 12, 13, 14, 15, 16, 17] {
        let at = location(dir.path(), &store);
        let mut mailbox = Mailbox::open(&store, &user, at, Mode::Exclusive, Wait::Block).expect("open");
        let before = check(&mut mailbox);
        mailbox.repack(&user, Version::new(minor)).expect("repack");
        drop(mailbox);
        let mut mailbox = open(dir.path(), &store);
        let after = check(&mut mailbox);
        assert_eq!(mailbox.index_header().version.minor(), minor);
        for (old, new) in before.iter().zip(&after) {
            assert_eq!((old.uid, old.modseq, old.guid), (new.uid, new.modseq, new.guid));
            if minor == 17 && old.uid <= Uid(3) {
                assert!(new.savedate.0 > 0 && new.createdmodseq.0 > 0, "came back from the annotations");
            }
        }
        append(&mut mailbox, &[minor], &AppendParams::default());
        check(&mut mailbox);
    }
}

#[test]
fn deleted_files_go_with_the_last_closer() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = plain(dir.path());
    drop(create(dir.path(), &store));
    append(&mut open(dir.path(), &store), &[1], &AppendParams::default());
    let mut other = open(dir.path(), &store);
    let user = UserLock::unowned();
    drop(other.lock_index(&user, Mode::Shared).expect("lock"));
    let data = other.location().data.clone();
    open(dir.path(), &store).delete(&user).expect("delete");
    assert!(data.join("1.").exists(), "somebody still has it open");
    assert!(matches!(other.lock_index(&user, Mode::Shared), Err(Error::NotFound)));
    assert_eq!(other.close().expect("close"), Cleanup::None);
    assert!(!data.exists());
    // The name is free for a new mailbox.
    drop(create(dir.path(), &store));
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = plain(dir.path());
    drop(create(dir.path(), &store));
    append(&mut open(dir.path(), &store), &[1, 2, 3, 4], &AppendParams::default());
    let at = location(dir.path(), &store);
    let files = [&at.index, &at.header, &at.cache];
    let whole: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("read")).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let mut refused = 0;
    for round in 0..1500 {
        let which = round % 3;
        let mut bytes = whole[which].clone();
        for _ in 0..random.usize(1..4) {
            let place = random.usize(..bytes.len());
            bytes[place] = random.u8(..);
        }
        if random.u8(..5) == 0 {
            bytes.truncate(random.usize(..bytes.len()));
        }
        // Each damaged file is a new inode, as a restore from backup makes it.
        std::fs::remove_file(files[which]).expect("unlink");
        std::fs::write(files[which], &bytes).expect("write");
        let read = || -> cyrus_store::Result<()> {
            let mut mailbox =
                Mailbox::open(&store, &UserLock::unowned(), at.clone(), Mode::Shared, Wait::Block)?;
            let user = UserLock::unowned();
            let mut guard = mailbox.lock_index(&user, Mode::Exclusive)?;
            let records: Vec<_> = guard.records().collect::<cyrus_store::Result<_>>()?;
            for record in &records {
                guard.find(record.uid)?;
                guard.mailbox_mut().cached(record)?;
            }
            guard.recalculate(None)?;
            Ok(())
        };
        refused += usize::from(read().is_err());
        std::fs::remove_file(files[which]).expect("unlink");
        std::fs::write(files[which], &whole[which]).expect("write");
    }
    assert!(refused > 900, "{refused}");
    check(&mut open(dir.path(), &store));
}

#[test]
fn reconstruct_finds_and_mends_what_was_broken() {
    let dir = tempfile::tempdir().expect("tempdir");
    let store = plain(dir.path());
    drop(create(dir.path(), &store));
    append(&mut open(dir.path(), &store), &[1, 2, 3, 4], &AppendParams::default());
    let at = location(dir.path(), &store);
    std::fs::remove_file(at.spool_file(Uid(2))).expect("unlink");
    std::fs::write(at.spool_file(Uid(9)), message(9)).expect("write");
    std::fs::write(at.data.join("odd"), b"x").expect("write");
    let mut bytes = std::fs::read(&at.cache).expect("read");
    let middle = bytes.len() - 20;
    bytes[middle] ^= 1;
    std::fs::write(&at.cache, bytes).expect("write");
    let user = UserLock::unowned();
    let tell = Plan { mailbox_annotation_octets: Some(0), ..Plan::default() };
    let mend = Plan { repair: Repair::Mend, ..tell };
    let lines = |plan: &Plan| -> Vec<String> {
        let found = reconstruct(&store, &user, &at, &listed(), plan).expect("reconstruct");
        found.iter().map(ToString::to_string).collect()
    };
    let told = lines(&tell);
    assert_eq!(told[0], format!("shared.box odd file {}", at.data.join("odd").display()));
    assert_eq!(told[1], "run reconstruct with -O to remove odd files");
    assert_eq!(told[2], "shared.box uid 2 not found");
    assert_eq!(told[3], "shared.box uid 9 found - adding");
    assert_eq!(lines(&tell), told, "telling changes nothing");
    let mended = lines(&mend);
    assert!(mended.iter().any(|line| line.starts_with("shared.box rewrote cache for 4 ")), "{mended:?}");
    let mut mailbox = open(dir.path(), &store);
    let uids: Vec<u32> = check(&mut mailbox).iter().filter(|r| r.is_live()).map(|r| r.uid.0).collect();
    assert_eq!(uids, [1, 3, 4, 9]);
    drop(mailbox);
    assert_eq!(lines(&tell).len(), 2, "only the odd file is left");

    // And when the index is lost, the messages are taken in again.
    std::fs::write(&at.index, b"rubbish").expect("write");
    let found = reconstruct(&store, &user, &at, &listed(), &mend).expect("reconstruct");
    assert_eq!(found[0].what, Found::IndexLost);
    let records = check(&mut open(dir.path(), &store));
    assert_eq!(records.iter().map(|r| r.uid.0).collect::<Vec<_>>(), [1, 3, 4, 9]);
    assert!(records.iter().all(|r| !r.internal_flags.has(InternalFlags::EXPUNGED)));
    let options = open(dir.path(), &store);
    assert!(!options.index_header().options.has(MailboxOptions::DELETED));
}

/// What the mailbox list says of the mailbox.
fn listed() -> CreateParams {
    CreateParams { acl: b"anyone\tlrswipkxtecdan\t".to_vec(), ..CreateParams::default() }
}
