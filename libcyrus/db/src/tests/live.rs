//! Goal: the C tools and we read and write the same files. Skipped where they are not installed.

use super::{all, create};
use crate::{Db, Kind, OpenFlags};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TOOL: &str = "/usr/lib/cyrus/bin/cyr_dbtool";

/// A configuration the C tools start with.
pub(super) fn config(directory: &Path) -> PathBuf {
    let path = directory.join("imapd.conf");
    let text = format!("configdirectory: {}\n", directory.display());
    std::fs::write(&path, text).unwrap();
    path
}

/// Whether the C tools can be run here. They insist on being user cyrus, and so must whoever shares
/// files with them: as root, the test that asks runs itself again as cyrus instead.
pub(super) fn oracle_present() -> bool {
    if !Path::new(TOOL).exists() {
        println!("skipped: no {TOOL}");
        return false;
    }
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return true;
    }
    let thread = std::thread::current();
    let run = Command::new("setpriv")
        .args(["--reuid=cyrus", "--regid=mail", "--init-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", thread.name().unwrap()])
        .current_dir("/tmp")
        .output()
        .unwrap();
    print!("{}", String::from_utf8_lossy(&run.stdout));
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "as cyrus: {}", &errors[..errors.len().min(2000)]);
    false
}

struct Oracle {
    directory: tempfile::TempDir,
    config: PathBuf,
}

impl Oracle {
    fn new() -> Option<Self> {
        if !oracle_present() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        // Without a stamp every skiplist is recovered at each open.
        std::fs::create_dir(directory.path().join("db")).unwrap();
        std::fs::write(directory.path().join("db/skipstamp"), [0, 0, 0, 1]).unwrap();
        Some(Self { directory, config })
    }

    fn run(&self, path: &Path, kind: Kind, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.start(path, kind, arguments);
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    fn start(&self, path: &Path, kind: Kind, arguments: &[&str]) -> std::process::Child {
        Command::new(TOOL)
            .args([Path::new("-n"), Path::new("-C"), &self.config, path])
            .arg(kind.name())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn show(&self, path: &Path, kind: Kind) -> Vec<u8> {
        self.run(path, kind, &["show"], b"").stdout
    }
}

/// Compares two texts, showing the first lines that differ.
fn same(theirs: &[u8], ours: &[u8]) {
    let lines = |text: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(text).lines().map(ToOwned::to_owned).collect()
    };
    let (theirs, ours) = (lines(theirs), lines(ours));
    let differ = theirs.iter().zip(&ours).find(|(a, b)| a != b);
    assert!(differ.is_none() && theirs.len() == ours.len(), "{differ:?} {} {}", theirs.len(), ours.len());
}

fn shown(db: &Db) -> Vec<u8> {
    all(db).into_iter().flat_map(|(key, value)| [&key[..], b"\t", &value, b"\n"].concat()).collect()
}

fn ours_then_theirs(kind: Kind) {
    let Some(oracle) = Oracle::new() else { return };
    let path = oracle.directory.path().join("a");
    let db = create(&path, kind);
    let mut rng = super::seeded();
    for round in 0..6 {
        for _ in 0..60 {
            let key = format!("key{}", rng.u8(..90));
            if rng.u8(..4) == 0 {
                db.delete(key.as_bytes()).unwrap();
            } else {
                db.store(key.as_bytes(), format!("value{}", rng.u64(..)).repeat(3).as_bytes()).unwrap();
            }
        }
        same(&oracle.show(&path, kind), &shown(&db));
        let answer = oracle.run(&path, kind, &["consistent"], b"").stdout;
        assert_eq!(answer, b"Yes, consistent\n");
        let commands: String = (0..30)
            .map(|_| match rng.u8(..3) {
                0 => format!("DELETE key{}\n", rng.u8(..90)),
                _ => format!("SET key{} theirs{}\n", rng.u8(..90), rng.u32(..)),
            })
            .collect();
        assert!(oracle.run(&path, kind, &["batch"], commands.as_bytes()).status.success());
        if round % 2 == 1 {
            oracle.run(&path, kind, &["repack"], b"");
        }
        same(&oracle.show(&path, kind), &shown(&db));
        db.check_consistency().unwrap();
    }
    // Theirs made, ours opened.
    let path = oracle.directory.path().join("other/b");
    oracle.run(&path, kind, &["batch"], b"BEGIN\nSET a 1\nSET b 2\nCOMMIT\nDELETE a\n");
    let db = Db::open(&path, kind, &OpenFlags::default()).unwrap();
    assert_eq!(shown(&db), b"b\t2\n");
}

#[test]
fn c_reads_what_we_write_and_the_other_way_round_in_twoskip() {
    ours_then_theirs(Kind::Twoskip);
}

#[test]
fn c_reads_what_we_write_and_the_other_way_round_in_skiplist() {
    ours_then_theirs(Kind::Skiplist);
}

#[test]
fn c_reads_what_we_write_and_the_other_way_round_in_flat() {
    ours_then_theirs(Kind::Flat);
}

#[test]
fn c_reads_what_we_write_and_the_other_way_round_in_quotalegacy() {
    ours_then_theirs(Kind::QuotaLegacy);
}

#[test]
fn both_write_quota_roots_at_the_same_time_and_nothing_is_lost() {
    together(Kind::QuotaLegacy, 150);
}

/// Writers of both kinds at the same time; every one of their records must be there at the end.
fn together(kind: Kind, each: usize) {
    let Some(oracle) = Oracle::new() else { return };
    let path = oracle.directory.path().join("a");
    let db = create(&path, kind);
    let children: Vec<_> = (0..2)
        .map(|child| {
            let mut process = oracle.start(&path, kind, &["batch"]);
            let mut input = process.stdin.take().unwrap();
            let feeder = std::thread::spawn(move || {
                for i in 0..each {
                    writeln!(input, "SET c{child}-{i} {}", "x".repeat(1 + i % 200)).unwrap();
                    if i % 5 == 0 && i > 0 {
                        writeln!(input, "DELETE c{child}-{}", i - 1).unwrap();
                    }
                }
            });
            (process, feeder)
        })
        .collect();
    for i in 0..each {
        db.store(format!("r-{i}").as_bytes(), "y".repeat(i % 200).as_bytes()).unwrap();
        if i % 5 == 0 && i > 0 {
            db.delete(format!("r-{}", i - 1).as_bytes()).unwrap();
        }
        if i % 10 == 0 {
            // Readers meanwhile see whole databases.
            all(&db);
            db.checkpoint_if_due();
        }
    }
    for (mut process, feeder) in children {
        feeder.join().unwrap();
        assert!(process.wait().unwrap().success());
    }
    db.check_consistency().unwrap();
    let keys: std::collections::BTreeSet<_> = all(&db).into_iter().map(|(key, _)| key).collect();
    for who in ["c0", "c1", "r"] {
        for i in 0..each {
            let deleted = (i + 1) % 5 == 0 && i + 1 < each;
            let key = format!("{who}-{i}").into_bytes();
            assert_eq!(keys.contains(&key), !deleted, "{who}-{i}");
        }
    }
    same(&oracle.show(&path, kind), &shown(&db));
}

#[test]
fn both_write_one_twoskip_file_at_the_same_time_and_nothing_is_lost() {
    together(Kind::Twoskip, 400);
}

#[test]
fn both_write_one_skiplist_file_at_the_same_time_and_nothing_is_lost() {
    together(Kind::Skiplist, 400);
}

#[test]
fn both_write_one_flat_file_at_the_same_time_and_nothing_is_lost() {
    together(Kind::Flat, 150);
}

#[test]
fn another_type_than_asked_for_is_opened_as_what_it_is() {
    let Some(oracle) = Oracle::new() else { return };
    let path = oracle.directory.path().join("a");
    oracle.run(&path, Kind::Twoskip, &["set", "a", "1"], b"");
    let db = Db::open(&path, Kind::Flat, &OpenFlags::default()).unwrap();
    assert_eq!(db.kind(), Kind::Twoskip);
    assert_eq!(shown(&db), b"a\t1\n");
}
