//! Goal: databases the C server wrote are read whole and written back byte for byte, and the list
//! of mailboxes is printed as `ctl_mboxlist -d` prints it.
//!
//! Method: unpack the two golden instances, decode and re-encode every record of every database.

use cyrus_base::config::Config;
use cyrus_db::{Db, Kind, OpenFlags};
use cyrus_store::Catalog;
use cyrus_store::annotate::{Annotation, Key};
use cyrus_store::counters::Counters;
use cyrus_store::mboxlist::{MbEntry, Show, dump_line};
use cyrus_store::quota::Quota;
use cyrus_store::seen::SeenData;
use cyrus_store::statuscache::{MailboxStatus, UserStatus};
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

struct Golden {
    _dir: tempfile::TempDir,
    root: PathBuf,
    expected: PathBuf,
    catalog: Catalog,
}

fn shared() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("CYRUS_SHARED").map_or_else(default, PathBuf::from);
    path.join("golden/setup.sh").exists().then_some(path)
}

fn golden(name: &str) -> Option<Golden> {
    let Some(shared) = shared() else {
        println!("skipped: no golden data; set CYRUS_SHARED");
        return None;
    };
    let dir = tempfile::tempdir().expect("temporary directory");
    let done = Command::new("sh")
        .arg(shared.join("golden/setup.sh"))
        .args([name.as_ref(), dir.path().as_os_str()])
        .output()
        .expect("setup.sh runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let root = dir.path().join(name);
    let config = Config::load(Some(&root.join("imapd.conf")), "test").expect("configuration");
    let catalog = Catalog::new(Arc::new(config));
    let expected = shared.join("golden/expected").join(name);
    Some(Golden { _dir: dir, root, expected, catalog })
}

/// Calls `f` with every record of a database and returns how many there were.
fn each(path: &Path, mut f: impl FnMut(&[u8], &[u8])) -> usize {
    let mut count = 0;
    let db = Db::open(path, Kind::Flat, &OpenFlags::default()).expect("database opens");
    db.foreach(b"", |key, value| {
        count += 1;
        f(key, value);
        ControlFlow::Continue(())
    })
    .expect("database is walked");
    count
}

fn files_named(dir: &Path, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_named(&path, wanted, found);
        } else if path.file_name().and_then(|name| name.to_str()).is_some_and(wanted) {
            found.push(path);
        }
    }
}

fn find(root: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files_named(root, &wanted, &mut found);
    found
}

#[track_caller]
fn same(file: &Path, key: &[u8], ours: &[u8], theirs: &[u8]) {
    assert_eq!(
        String::from_utf8_lossy(ours),
        String::from_utf8_lossy(theirs),
        "{} {}",
        file.display(),
        key.escape_ascii()
    );
}

#[test]
fn every_record_of_the_golden_databases_is_written_as_it_was_read() {
    for name in ["g1", "g2"] {
        let Some(golden) = golden(name) else { return };
        let rules = golden.catalog.rules();
        let conf = golden.root.join("conf");
        let mailboxes = conf.join("mailboxes.db");
        let count = each(&mailboxes, |key, value| match key.split_first() {
            Some((b'N', dbname)) => {
                let internal = MboxName::from_db(dbname, rules);
                same(&mailboxes, key, &internal.to_db(rules), dbname);
                let entry = MbEntry::parse(Some(internal), value, rules).expect("entry");
                same(&mailboxes, key, &entry.name_value(), value);
            }
            Some((b'I', _)) => {
                let entry = MbEntry::parse(None, value, rules).expect("entry");
                same(&mailboxes, key, &entry.id_value(rules), value);
            }
            _ => assert!(key.starts_with(b"A") && value.is_empty(), "{}", key.escape_ascii()),
        });
        assert!(count > 20, "{count}");

        let quotas = golden.catalog.quota_roots(b"").expect("quotas");
        assert!(!quotas.is_empty());
        for (root, _) in &quotas {
            let files = find(&conf.join("quota"), |file| file.as_bytes() == root.as_bytes());
            for file in files {
                let text = std::fs::read(&file).expect("quota file");
                let quota = Quota::parse(&text).expect("quota");
                same(&file, root.as_bytes(), &quota.print(), text.trim_ascii_end());
            }
        }

        let seen = find(&conf, |file| file == "seen.db" || file.ends_with(".seen"));
        assert!(!seen.is_empty());
        for file in seen {
            each(&file, |key, value| {
                same(&file, key, SeenData::parse(value).expect("seen").print().as_bytes(), value);
            });
        }

        for file in find(&golden.root, |file| file == "annotations.db" || file == "cyrus.annotations") {
            each(&file, |key, value| {
                same(&file, key, &Key::parse(key).expect("key").print(), key);
                same(&file, key, &Annotation::parse(value).expect("annotation").print(), value);
            });
        }

        for file in find(&conf, |file| file == "statuscache.db") {
            each(&file, |key, value| {
                let ours = match value.first() {
                    Some(b'I') => MailboxStatus::parse(value).expect("status").print(),
                    _ => UserStatus::parse(value).expect("status").print(),
                };
                same(&file, key, ours.as_bytes(), value);
            });
        }

        for file in find(&conf, |file| file == "counters.db" || file.ends_with(".counters")) {
            let bytes = std::fs::read(&file).expect("counters");
            let counters = Counters::parse(&bytes).expect("counters");
            assert_eq!(counters.print(), bytes, "{}", file.display());
        }
    }
}

#[test]
fn the_list_of_mailboxes_is_that_of_ctl_mboxlist() {
    for name in ["g1", "g2"] {
        let Some(golden) = golden(name) else { return };
        let mut lines = Vec::new();
        golden
            .catalog
            .each_entry(b"", Show::Everything, |entry| {
                lines.push(dump_line(&entry));
                ControlFlow::Continue(())
            })
            .expect("list");
        let expected =
            std::fs::read_to_string(golden.expected.join("ctl_mboxlist-d.txt")).expect("expected list");
        let expected = expected.trim_end().trim_end_matches("--exit 0--").trim_end();
        assert_eq!(format!("{{\n{}\n}}", lines.join(",\n")), expected, "{name}");
    }
}
