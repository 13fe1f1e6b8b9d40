//! What a power cut leaves behind. Every step that an operation makes is recorded; for every
//! prefix of them (whole, with a torn last write, and with everything lost that was not synced)
//! the mailbox must open with the old or the new state, and with the new one once the operation
//! had returned.

mod common;

use common::{append, check, copy_tree, create, location, message, open, plain, recording};
use cyrus_store::Store;
use cyrus_store::append::AppendParams;
use cyrus_store::event::EventKind;
use cyrus_store::lock::{Mode, UserLock};
use cyrus_store::mailbox::disk::Step;
use cyrus_store::mailbox::reconstruct::{Plan, Repair, reconstruct};
use cyrus_store::mailbox::{CreateParams, Mailbox, SystemFlags, Touch, UnlinkMark};
use cyrus_util::guid::Guid;
use cyrus_util::ids::{RecNo, Uid};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn replay(steps: &[Step], from: &Path, to: &Path) {
    let moved = |path: &Path| -> PathBuf { to.join(path.strip_prefix(from).expect("inside")) };
    for step in steps {
        match step {
            Step::Write { path, offset, bytes } => {
                let file = std::fs::File::options().write(true).open(moved(path)).expect("open");
                file.write_all_at(bytes, *offset).expect("write");
            }
            Step::Create(path) => drop(std::fs::File::create(moved(path)).expect("create")),
            Step::MakeDir(path) => std::fs::create_dir_all(moved(path)).expect("mkdir"),
            Step::Link(a, b) => std::fs::hard_link(moved(a), moved(b)).expect("link"),
            Step::Rename(a, b) => std::fs::rename(moved(a), moved(b)).expect("rename"),
            Step::Unlink(path) => std::fs::remove_file(moved(path)).expect("unlink"),
            Step::Sync(_) => {}
        }
    }
}

/// The same steps without the writes that no later sync of their file covers, but with those to
/// the index, which may have reached the disk on their own.
fn only_durable(steps: &[Step]) -> Vec<Step> {
    let synced = |path: &Path, from: usize| {
        // A link and a renamed file are the same inode as the name they came from.
        let mut names: Vec<PathBuf> = vec![path.to_path_buf()];
        for step in &steps[from..] {
            match step {
                Step::Link(a, b) | Step::Rename(a, b) if names.contains(a) => names.push(b.clone()),
                Step::Sync(each) if names.contains(each) => return true,
                _ => {}
            }
        }
        false
    };
    let keep = |(at, step): (usize, &Step)| match step {
        Step::Write { path, .. } => path.ends_with("cyrus.index") || synced(path, at),
        _ => true,
    };
    steps.iter().enumerate().filter(|each| keep(*each)).map(|(_, step)| step.clone()).collect()
}

/// Runs `act` on a mailbox with three messages and holds every crash image against `states`.
///
/// Records changed in place and the header that counts them are two writes, in C as here: a crash
/// between leaves counts that only reconstruct sets right (`mends`).
fn every_crash(mends: bool, act: impl Fn(&Path, &Arc<Store>), states: impl Fn(&mut Mailbox) -> &'static str) {
    let dir = tempfile::tempdir().expect("tempdir");
    let root = dir.path().join("live");
    let base = dir.path().join("base");
    let store = recording(&root);
    drop(create(&root, &store));
    append(&mut open(&root, &store), &[1, 2, 3], &AppendParams::default());
    copy_tree(&root, &base);
    let _ = store.disk().take_steps();
    act(&root, &store);
    let steps = store.disk().take_steps();
    assert!(steps.len() > 2);
    assert_eq!(states(&mut open(&root, &plain(&root))), "new");

    let mut images: Vec<(String, Vec<Step>)> = Vec::new();
    for end in 0..=steps.len() {
        images.push((format!("{end} steps"), steps[..end].to_vec()));
        images.push((format!("{end} steps, unsynced lost"), only_durable(&steps[..end])));
        if let Some(Step::Write { path, offset, bytes }) = end.checked_sub(1).and_then(|at| steps.get(at)) {
            // In cyrus.index only appended records may be torn: what is changed in place is shorter
            // than a sector.
            if !path.ends_with("cyrus.index") || (*offset > 0 && !mends) {
                let mut torn = steps[..end - 1].to_vec();
                let half = bytes[..bytes.len() / 2].to_vec();
                torn.push(Step::Write { path: path.clone(), offset: *offset, bytes: half });
                images.push((format!("{end} steps, torn"), torn));
            }
        }
    }
    let mut seen_old = false;
    for (what, image) in &images {
        let crashed = dir.path().join("crashed");
        let _ = std::fs::remove_dir_all(&crashed);
        copy_tree(&base, &crashed);
        replay(image, &root, &crashed);
        let store = plain(&crashed);
        let state = states(&mut open(&crashed, &store));
        assert!(matches!(state, "old" | "new"), "{what}: {state}");
        seen_old |= state == "old";
        // And life goes on: the next message gets a file and a cache of its own.
        if mends {
            let plan = Plan { repair: Repair::Mend, mailbox_annotation_octets: Some(0), ..Plan::default() };
            let at = location(&crashed, &store);
            reconstruct(&store, &UserLock::unowned(), &at, &CreateParams::default(), &plan)
                .expect("reconstruct");
        }
        let mut mailbox = open(&crashed, &store);
        let uids = append(&mut mailbox, &[40], &AppendParams::default());
        let records = check(&mut mailbox);
        let last = records.last().expect("record");
        assert_eq!((last.uid, last.guid), (uids[0], Guid::of(&message(40))), "{what}");
    }
    assert!(seen_old);
    let (_, whole) = &images[images.len() - 2];
    let durable = dir.path().join("durable");
    copy_tree(&base, &durable);
    replay(&only_durable(whole), &root, &durable);
    assert_eq!(states(&mut open(&durable, &plain(&durable))), "new", "acknowledged, so it must be there");
}

#[test]
fn an_append_is_there_or_not_there() {
    every_crash(
        false,
        |root, store| {
            let params = AppendParams { keywords: vec![b"$Label1".to_vec()], ..AppendParams::default() };
            append(&mut open(root, store), &[4, 5], &params);
        },
        |mailbox| match check(mailbox).len() {
            3 => "old",
            5 => {
                assert_eq!(mailbox.header().flag_slot(b"$label1"), Some(0));
                "new"
            }
            _ => "neither",
        },
    );
}

#[test]
fn a_keyword_is_never_set_without_its_name() {
    every_crash(
        true,
        |root, store| {
            let mut mailbox = open(root, store);
            let user = UserLock::unowned();
            let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
            let slot = guard.user_flag(b"work", cyrus_store::mailbox::FlagLimit::Client).expect("flag");
            let mut record = guard.record(RecNo(2)).expect("record");
            record.user_flags.set(slot, true);
            record.system_flags = record.system_flags.with(SystemFlags::FLAGGED);
            guard.rewrite(&mut record, Touch::Modseq).expect("rewrite");
            guard.commit().expect("commit");
        },
        |mailbox| {
            let user = UserLock::unowned();
            let guard = mailbox.lock_index(&user, Mode::Shared).expect("lock");
            let record = guard.find(Uid(2)).expect("find").expect("uid 2");
            let (named, counted) =
                (guard.mailbox_header().flag_slot(b"work").is_some(), guard.header().flagged);
            match (record.user_flags.has(0), counted) {
                (false, 0) => "old",
                (true, 1) if named => "new",
                // The record is on disk and the header with the counts is not: C leaves the same,
                // and reconstruct counts anew; the flag itself is right.
                (true, 0) if named => "old",
                _ => "neither",
            }
        },
    );
}

#[test]
fn a_repack_cut_off_anywhere_loses_no_message() {
    every_crash(
        true,
        |root, store| {
            let mut mailbox = open(root, store);
            let user = UserLock::unowned();
            let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
            guard.expunge(EventKind::MessageExpunge, |record| record.uid == Uid(2)).expect("expunge");
            guard.mark_unlinked(UnlinkMark::All).expect("mark");
            guard.commit().expect("commit");
            drop(mailbox);
            Mailbox::run_cleanup(store, location(root, store)).expect("cleanup");
        },
        |mailbox| {
            let user = UserLock::unowned();
            let guard = mailbox.lock_index(&user, Mode::Shared).expect("lock");
            let records: Vec<_> = guard.records().collect::<Result<_, _>>().expect("records");
            for record in records.iter().filter(|record| record.is_live()) {
                assert_eq!(Guid::of(&guard.mailbox().message(record).expect("message")), record.guid);
            }
            let live: Vec<u32> = records.iter().filter(|r| r.is_live()).map(|r| r.uid.0).collect();
            match (live.as_slice(), records.len()) {
                ([1, 2, 3], 3) | ([1, 3], 3) => "old",
                ([1, 3], 2) => "new",
                _ => "neither",
            }
        },
    );
}
