//! Goal: our cache records and index facts equal those the C server wrote, byte for byte.
//! Method: mailbox directories made by it (message files beside cyrus.index and cyrus.cache) are read, each message
//! is parsed by us and compared item by item. The golden instances of `../shared` are used when present; more
//! directories can be named, colon-separated, in `CYRUS_MIME_ORACLE`.

mod common;

use common::Tally;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn golden_mailboxes_have_the_same_cache() {
    let Some(shared) = common::shared() else {
        println!("skipped: no shared folder");
        return;
    };
    let unpacked = tempfile::tempdir().expect("a temporary directory");
    let mut tally = Tally::default();
    for name in ["g1", "g2"] {
        let archive = shared.join("golden").join(format!("{name}.tar.gz"));
        let status = Command::new("tar")
            .args(["-xzf".as_ref(), archive.as_os_str(), "--no-same-owner".as_ref(), "-C".as_ref()])
            .arg(unpacked.path())
            .status()
            .expect("tar runs");
        assert!(status.success(), "{archive:?}");
        compare_all(&unpacked.path().join(name), &mut tally);
    }
    tally.print();
    assert!(tally.messages > 100, "{tally:?}");
    assert_eq!(tally.differences, 0);
}

#[test]
fn named_mailboxes_have_the_same_cache() {
    let Some(dirs) = std::env::var_os("CYRUS_MIME_ORACLE") else {
        println!("skipped: CYRUS_MIME_ORACLE names no mailbox directory");
        return;
    };
    let mut tally = Tally::default();
    for dir in std::env::split_paths(&dirs) {
        compare_all(&dir, &mut tally);
    }
    tally.print();
    assert!(tally.messages > 0, "no message found");
    assert_eq!(tally.differences, 0);
}

/// Compares all mailboxes under `root`.
fn compare_all(root: &Path, tally: &mut Tally) {
    let mut todo = vec![root.to_path_buf()];
    let mut all: Vec<PathBuf> = Vec::new();
    while let Some(dir) = todo.pop() {
        for entry in std::fs::read_dir(&dir).expect("a readable directory").flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                todo.push(entry.path());
            }
        }
        all.push(dir);
    }
    // index, cache and messages may lie in different partitions
    for dir in &all {
        if dir.join("cyrus.index").exists() {
            let tail = dir.strip_prefix(root).ok().and_then(|p| p.iter().next_back().map(PathBuf::from));
            let siblings: Vec<PathBuf> =
                all.iter().filter(|d| tail.as_ref().is_some_and(|t| d.ends_with(t))).cloned().collect();
            common::compare_mailbox(dir, &siblings, tally);
        }
    }
}
