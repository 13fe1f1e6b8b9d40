//! What a process that dies in the middle of an append leaves behind, and who puts it right.
//!
//! The one that dies is this test program once more, told by the environment where and in what to die.

mod common;

use cyrus_base::config::Config;
use cyrus_store::append::{
    AppendParams, AppendTxn, BatchOptions, CopyFlags, DeliveryBatch, MessageKey, Outcome, QuotaCheck, Stage,
    Target, sweep,
};
use cyrus_store::lock::{Mode, Wait};
use cyrus_store::mailbox::{Location, Mailbox};
use cyrus_store::mboxlist::{Actor, NewMailbox};
use cyrus_store::{Catalog, Store};
use cyrus_util::ids::{RecNo, Uid};
use cyrus_util::mboxname::MboxName;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const DIR: &str = "KILLED_TEST_DIR";
const IN: &str = "KILLED_TEST_IN";

struct Place {
    catalog: Arc<Catalog>,
    store: Arc<Store>,
}

impl Place {
    /// The installation in `dir`.
    fn open(dir: &Path) -> Self {
        let config = Config::load(Some(&dir.join("imapd.conf")), "test").expect("configuration");
        let catalog = Arc::new(Catalog::new(Arc::new(config)));
        Self { store: Arc::new(Store::open(Arc::clone(&catalog))), catalog }
    }

    /// A new one with the mailboxes `user.ann` and `user.ann.sub`.
    fn make(dir: &Path) -> Self {
        for sub in ["conf", "conf/db", "conf/quota", "spool"] {
            std::fs::create_dir(dir.join(sub)).expect("directory");
        }
        let root = dir.display();
        let text = format!(
            "configdirectory: {root}/conf\npartition-default: {root}/spool\ndefaultpartition: default\nadmins: admin\n"
        );
        std::fs::write(dir.join("imapd.conf"), text).expect("configuration");
        let place = Self::open(dir);
        let lock = place.store.lock_owner(Some(b"ann"), Mode::Exclusive).expect("lock");
        let actor = Actor::Tool(cyrus_auth::Granted::admin("test"));
        for name in ["user.ann", "user.ann.sub"] {
            let new = NewMailbox::named(MboxName::from(name));
            place.catalog.create_mailbox(&place.store, &lock, &actor, &new).expect("create");
        }
        drop(lock);
        place
    }

    fn location(&self, name: &str) -> Location {
        let entry = self.catalog.lookup(&MboxName::from(name)).expect("entry");
        self.catalog.location(&entry).expect("location")
    }

    /// Works in a mailbox.
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Mailbox, &cyrus_store::lock::UserLock) -> T) -> T {
        let lock = self.store.lock_owner(Some(b"ann"), Mode::Exclusive).expect("lock");
        let mut mailbox =
            Mailbox::open(&self.store, &lock, self.location(name), Mode::Shared, Wait::Block).expect("open");
        work(&mut mailbox, &lock)
    }

    /// Appends messages; leaves the transaction to `end`.
    fn append<T>(&self, numbers: &[u32], end: impl FnOnce(AppendTxn<'_>) -> T) -> T {
        self.with("user.ann", |mailbox, lock| {
            let root = mailbox.location().partition_root.clone();
            let index = mailbox.lock_index(lock, Mode::Exclusive).expect("index");
            let mut txn = AppendTxn::begin(index, b"ann", QuotaCheck::Skip).expect("begin");
            for &number in numbers {
                let staged = self.stage(&root, number);
                txn.add(&staged, &AppendParams::default()).expect("add");
            }
            end(txn)
        })
    }

    fn stage(&self, root: &Path, number: u32) -> cyrus_store::append::Staged {
        let mut stage = Stage::create(&self.store, root).expect("stage");
        stage.write(&common::message(number)).expect("write");
        stage.finish().expect("finish")
    }

    /// Begins the delivery of message 1, to be told from others, to `expected` mailboxes.
    fn batch(&self, expected: usize) -> DeliveryBatch {
        let staged = self.stage(&self.location("user.ann").partition_root, 1);
        let key = MessageKey { id: b"<1@example.org>".to_vec(), date: b"today".to_vec() };
        let options = BatchOptions { duplicates: Some(key), expected, ..BatchOptions::default() };
        DeliveryBatch::new(&self.store, staged, options)
    }

    fn target(&self) -> Target {
        Target {
            location: self.location("user.ann"),
            params: AppendParams::default(),
            userid: b"ann".to_vec(),
            quota: QuotaCheck::Skip,
        }
    }

    /// Names of the message files of a mailbox.
    fn files(&self, name: &str) -> Vec<String> {
        names(&self.location(name).data, |name| name.ends_with('.'))
    }

    /// Links of appends and marks.
    fn links(&self) -> Vec<String> {
        let stage = self.location("user.ann").partition_root.join("stage.");
        let starts = names(&stage, |name| name.starts_with("intent-") || name.starts_with("mark-"));
        starts.iter().map(|name| name.split('-').next().unwrap_or_default().to_owned()).collect()
    }

    fn exists(&self, name: &str) -> u32 {
        self.with(name, |mailbox, lock| {
            mailbox.lock_index(lock, Mode::Shared).expect("index").header().exists
        })
    }
}

fn names(dir: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| wanted(name))
        .collect();
    names.sort();
    names
}

/// A process that dies in `what`.
fn die(dir: &Path, what: &str) {
    let program = std::env::current_exe().expect("own name");
    let mut command = Command::new(program);
    command.args(["--exact", "the_one_that_dies", "--nocapture"]).env(DIR, dir).env(IN, what);
    let status = command.output().expect("child").status;
    assert_eq!(status.code(), Some(9), "{status}");
}

#[test]
fn the_one_that_dies() {
    let (Some(dir), Ok(what)) = (std::env::var_os(DIR), std::env::var(IN)) else { return };
    let place = Place::open(Path::new(&dir));
    match what.as_str() {
        "append" => place.append(&[1, 2, 3], |_txn| std::process::exit(9)),
        "copy" => place.with("user.ann", |from, lock| {
            let record =
                from.lock_index(lock, Mode::Shared).expect("index").record(RecNo(1)).expect("record");
            let mut to =
                Mailbox::open(&place.store, lock, place.location("user.ann.sub"), Mode::Shared, Wait::Block)
                    .expect("open");
            let index = to.lock_index(lock, Mode::Exclusive).expect("index");
            let mut txn = AppendTxn::begin(index, b"ann", QuotaCheck::Skip).expect("begin");
            let flags = CopyFlags { may_write: true, may_delete: true, seen: false };
            txn.copy(from, &record, flags).expect("copy");
            std::process::exit(9)
        }),
        "delivery" => {
            let mut batch = place.batch(2);
            assert!(matches!(batch.deliver_one(&place.target()), Ok(Outcome::Delivered(_))));
            std::process::exit(9)
        }
        _ => unreachable!(),
    }
}

#[test]
fn files_of_an_unfinished_append_go_with_the_next_one() {
    let dir = tempfile::tempdir().expect("tempdir");
    let place = Place::make(dir.path());
    die(dir.path(), "append");
    assert_eq!(place.files("user.ann"), ["1.", "2.", "3."]);
    assert_eq!(place.links(), ["intent"]);
    let appended = place.append(&[4], |txn| txn.commit()).expect("commit");
    assert_eq!(appended.uids, [Uid(1)]);
    assert_eq!((place.files("user.ann"), place.exists("user.ann")), (vec!["1.".to_owned()], 1));
    assert!(place.links().is_empty());
}

#[test]
fn a_process_that_starts_puts_right_what_dead_ones_left() {
    let dir = tempfile::tempdir().expect("tempdir");
    let place = Place::make(dir.path());
    place.append(&[7], |txn| txn.commit()).expect("commit");
    die(dir.path(), "copy");
    assert_eq!(place.files("user.ann.sub"), ["1."]);
    die(dir.path(), "append");
    assert_eq!(place.files("user.ann"), ["1.", "2.", "3.", "4."]);
    sweep(&place.store);
    assert!(place.links().is_empty());
    assert_eq!(place.files("user.ann"), ["1."]);
    assert!(place.files("user.ann.sub").is_empty());
    assert_eq!((place.exists("user.ann"), place.exists("user.ann.sub")), (1, 0));
}

#[test]
fn what_is_under_way_is_left_alone() {
    let dir = tempfile::tempdir().expect("tempdir");
    let place = Place::make(dir.path());
    let appended = place.append(&[1], |txn| {
        sweep(&place.store);
        assert_eq!(place.links(), ["intent"]);
        txn.commit().expect("commit")
    });
    assert_eq!(appended.uids, [Uid(1)]);
    assert_eq!(place.files("user.ann"), ["1."]);
    assert!(place.links().is_empty());
    place.append(&[2, 3], |txn| txn.abort());
    assert_eq!(place.files("user.ann"), ["1."]);
    assert!(place.links().is_empty());
}

#[test]
fn a_delivery_whose_mark_was_never_written_is_not_made_twice() {
    let dir = tempfile::tempdir().expect("tempdir");
    let place = Place::make(dir.path());
    die(dir.path(), "delivery");
    assert_eq!((place.exists("user.ann"), place.links()), (1, vec!["mark".to_owned()]));
    sweep(&place.store);
    let mut batch = place.batch(1);
    assert_eq!(batch.deliver_one(&place.target()).expect("delivery"), Outcome::Duplicate);
    batch.finish();
    assert!(place.links().is_empty());
    // deliver.db has it now.
    assert_eq!(place.batch(1).deliver_one(&place.target()).expect("delivery"), Outcome::Duplicate);
    assert_eq!(place.exists("user.ann"), 1);
}

#[test]
fn a_delivery_that_died_before_its_mark_is_found_by_its_guid() {
    let dir = tempfile::tempdir().expect("tempdir");
    let place = Place::make(dir.path());
    let mark = |place: &Place| {
        let stage = place.location("user.ann").partition_root.join("stage.");
        names(&stage, |name| name.starts_with("mark-")).pop().expect("mark").split_off("mark-".len())
    };
    die(dir.path(), "delivery");
    // As it is between the index header and the mark: the note is still that of the append.
    let stage = place.location("user.ann").partition_root.join("stage.");
    let name = mark(&place);
    let id = place.location("user.ann").uniqueid;
    let intent = stage.join(format!("intent-{}", String::from_utf8_lossy(&id)));
    std::fs::rename(stage.join(format!("mark-{name}")), intent).expect("rename");
    let mut batch = place.batch(1);
    assert_eq!(batch.deliver_one(&place.target()).expect("delivery"), Outcome::Duplicate);
    batch.finish();
    assert!(place.links().is_empty());
    assert_eq!(place.exists("user.ann"), 1);
}

#[test]
fn a_marked_delivery_leaves_no_link() {
    let dir = tempfile::tempdir().expect("tempdir");
    let place = Place::make(dir.path());
    for expected in [1, 2] {
        let mut batch = place.batch(expected);
        let _ = batch.deliver_one(&place.target()).expect("delivery");
        batch.finish();
        assert!(place.links().is_empty(), "{expected}");
    }
    assert_eq!(place.exists("user.ann"), 1);
}
