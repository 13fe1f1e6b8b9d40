//! A mailbox of our own in a directory of its own.
#![allow(dead_code, reason = "each test file uses its part")]

use cyrus_store::append::{AppendParams, AppendTxn, QuotaCheck, Stage};
use cyrus_store::lock::{Mode, UserLock, Wait};
use cyrus_store::mailbox::disk::Disk;
use cyrus_store::mailbox::{CreateParams, Location, Mailbox, Record};
use cyrus_store::{Settings, Store};
use cyrus_util::guid::Guid;
use cyrus_util::ids::{Uid, UidValidity};
use cyrus_util::mboxname::MboxName;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const ID: &[u8] = b"abcdefghijklmnopqrstuvwx";

pub fn settings(root: &Path) -> Settings {
    Settings { lock_root: root.join("lock"), ..Settings::default() }
}

pub fn location(root: &Path, store: &Store) -> Location {
    let spool = root.join("spool");
    let dir = spool.join("uuid/a/b/abcdefghijklmnopqrstuvwx");
    let lock = store.locks().id_path(ID);
    Location::plain(MboxName::new(&b"shared.box"[..]), ID, &dir, &spool, lock)
}

pub fn create(root: &Path, store: &Arc<Store>) -> Mailbox {
    let params = CreateParams {
        acl: b"anyone\tlrswipkxtecdan\t".to_vec(),
        uidvalidity: UidValidity(77),
        ..CreateParams::default()
    };
    Mailbox::create(store, &UserLock::unowned(), location(root, store), &params).expect("create")
}

pub fn open(root: &Path, store: &Arc<Store>) -> Mailbox {
    Mailbox::open(store, &UserLock::unowned(), location(root, store), Mode::Shared, Wait::Block)
        .expect("open")
}

pub fn message(n: u32) -> Vec<u8> {
    format!(
        "From: A <a{n}@example.org>\r\nTo: b@example.org\r\nSubject: number {n}\r\n\
         Date: Tue, 05 Mar 2024 09:0{}:00 +0100\r\nMessage-ID: <{n}@example.org>\r\n\r\nBody of {n}.\r\n{}",
        n % 10,
        "line\r\n".repeat(n as usize % 7)
    )
    .into_bytes()
}

pub fn append(mailbox: &mut Mailbox, numbers: &[u32], params: &AppendParams) -> Vec<Uid> {
    let store = Arc::clone(mailbox.store());
    let root = mailbox.location().partition_root.clone();
    let staged: Vec<_> = numbers
        .iter()
        .map(|&n| {
            let mut stage = Stage::create(&store, &root).expect("stage");
            for piece in message(n).chunks(50) {
                stage.write(piece).expect("write");
            }
            stage.finish().expect("finish")
        })
        .collect();
    let user = mailbox.lock_user(Mode::Exclusive).expect("user lock");
    let index = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
    let mut txn = AppendTxn::begin(index, b"somebody", QuotaCheck::Skip).expect("begin");
    for each in &staged {
        txn.add(each, params).expect("add");
    }
    txn.commit().expect("commit").uids
}

/// Every record must have its message, its cache, and the counts must be those of the records.
pub fn check(mailbox: &mut Mailbox) -> Vec<Record> {
    let user = UserLock::unowned();
    let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
    let records: Vec<Record> = guard.records().collect::<Result<_, _>>().expect("records");
    for record in &records {
        if record.internal_flags.has(cyrus_store::mailbox::InternalFlags::UNLINKED) {
            continue;
        }
        let message = guard.mailbox().message(record).expect("message");
        assert_eq!(Guid::of(&message), record.guid, "uid {}", record.uid);
        let cached = guard.mailbox_mut().cached(record).expect("cache");
        assert_eq!(cached.crc(), record.cache_crc);
    }
    assert!(records.windows(2).all(|pair| pair[0].uid < pair[1].uid));
    let before = guard.header().clone();
    guard.recalculate(Some(0)).expect("recalculate");
    let mut after = guard.header().clone();
    if after.version.minor() < 14 {
        after.unseen = before.unseen; // not in the file
    }
    if after.version.minor() < 13 {
        after.quota_annot_used = before.quota_annot_used;
        after.synccrc_annot = before.synccrc_annot;
    }
    assert_eq!(after, before);
    guard.abort();
    records
}

pub fn recording(root: &Path) -> Arc<Store> {
    Arc::new(Store::with_disk(settings(root), Disk::recording()))
}

pub fn plain(root: &Path) -> Arc<Store> {
    Arc::new(Store::new(settings(root)))
}

pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("mkdir");
    for entry in std::fs::read_dir(from).expect("read_dir").flatten() {
        let target: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copy");
        }
    }
}
