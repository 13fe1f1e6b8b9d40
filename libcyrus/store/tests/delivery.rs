//! One message into several mailboxes: what is written and synced, in which order.

mod common;

use cyrus_store::append::{AppendParams, BatchOptions, DeliveryBatch, Outcome, QuotaCheck, Stage, Target};
use cyrus_store::lock::UserLock;
use cyrus_store::mailbox::disk::Step;
use cyrus_store::mailbox::{CreateParams, Location, Mailbox};
use cyrus_util::ids::UidValidity;
use cyrus_util::mboxname::MboxName;
use std::os::unix::fs::MetadataExt;

/// Delivers to `count` new mailboxes; gives their locations and the steps.
fn deliver(root: &std::path::Path, count: usize, copies: bool) -> (Vec<Location>, Vec<Step>) {
    deliver_when(root, count, copies, |_| {})
}

/// The same, when this was done to the staged file.
fn deliver_when(
    root: &std::path::Path,
    count: usize,
    copies: bool,
    before: impl FnOnce(&std::path::Path),
) -> (Vec<Location>, Vec<Step>) {
    let store = common::recording(root);
    let spool = root.join("spool");
    let locations: Vec<Location> = (0..count)
        .map(|n| {
            let id = format!("abcdefghijklmnopqrstuv{n:02}");
            let lock = store.locks().id_path(id.as_bytes());
            let name = MboxName::new(format!("box{n}").into_bytes());
            let location = Location::plain(name, id.as_bytes(), &spool.join(&id), &spool, lock);
            let params = CreateParams { uidvalidity: UidValidity(7), ..CreateParams::default() };
            drop(Mailbox::create(&store, &UserLock::unowned(), location.clone(), &params).expect("create"));
            location
        })
        .collect();
    let mut stage = Stage::create(&store, &spool).expect("stage");
    stage.write(&common::message(1)).expect("write");
    let staged = stage.finish().expect("finish");
    before(staged.named().expect("name"));
    let _ = store.disk().take_steps();
    let options = BatchOptions { copies, expected: count, ..BatchOptions::default() };
    let mut batch = DeliveryBatch::new(&store, staged, options);
    for location in &locations {
        let target = Target {
            location: location.clone(),
            params: AppendParams::default(),
            userid: b"somebody".to_vec(),
            quota: QuotaCheck::Skip,
        };
        assert!(matches!(batch.deliver_one(&target), Ok(Outcome::Delivered(_))));
    }
    batch.finish();
    (locations, store.disk().take_steps())
}

fn syncs(steps: &[Step]) -> usize {
    steps.iter().filter(|step| matches!(step, Step::Sync(_))).count()
}

#[test]
fn a_message_is_synced_once_for_all_mailboxes_of_a_partition() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (locations, steps) = deliver(dir.path(), 10, false);
    let messages = |step: &&Step| matches!(step, Step::Sync(path) if path.ends_with("1."));
    let first = std::fs::metadata(locations[0].data.join("1.")).expect("message");
    assert_eq!(first.nlink(), 10);
    // Where the temporary directory has no ordered journal each name is synced.
    let named = steps.iter().filter(messages).count();
    assert!(named == 1 || named == 10, "{named}");
    assert_eq!(syncs(&steps), 20 + named);
}

#[test]
fn nothing_is_visible_before_message_name_and_cache_are_durable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (locations, steps) = deliver(dir.path(), 3, false);
    let place = |wanted: &dyn Fn(&Step) -> bool| steps.iter().position(wanted).expect("step");
    let message = place(&|step| matches!(step, Step::Sync(path) if path.ends_with("1.")));
    for location in &locations {
        let linked = place(&|step| matches!(step, Step::Link(_, to) if to.starts_with(&location.data)));
        let cached = place(&|step| matches!(step, Step::Sync(path) if *path == location.cache));
        let visible =
            place(&|step| matches!(step, Step::Write { path, offset: 0, .. } if *path == location.index));
        let durable = place(&|step| matches!(step, Step::Sync(path) if *path == location.index));
        assert!(message < cached && linked < cached && cached < visible && visible < durable);
    }
}

#[test]
fn copies_are_files_of_their_own_and_each_is_synced() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (locations, steps) = deliver(dir.path(), 3, true);
    for location in &locations {
        assert_eq!(std::fs::metadata(location.data.join("1.")).expect("message").nlink(), 1);
    }
    assert_eq!(syncs(&steps), 9);
}

#[test]
fn where_no_further_link_can_be_made_the_message_is_copied() {
    let dir = tempfile::tempdir().expect("tempdir");
    let links = dir.path().join("links");
    std::fs::create_dir(&links).expect("mkdir");
    let mut most = 0;
    let (locations, _) = deliver_when(dir.path(), 3, false, |staged| {
        // ext4 allows 65,000; where there is no such limit all three are links.
        most =
            (1..70_000).find(|n| std::fs::hard_link(staged, links.join(n.to_string())).is_err()).unwrap_or(0);
        if most > 0 {
            std::fs::remove_file(links.join("1")).expect("remove");
        }
    });
    let files =
        locations.iter().map(|location| std::fs::metadata(location.data.join("1.")).expect("message"));
    let inodes: std::collections::BTreeSet<u64> = files.map(|file| file.ino()).collect();
    assert_eq!(inodes.len(), if most > 0 { 3 } else { 1 });
    let texts = locations.iter().map(|location| std::fs::read(location.data.join("1.")).expect("message"));
    assert!(texts.into_iter().all(|text| text == common::message(1)));
}
