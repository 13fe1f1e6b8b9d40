//! Goal: every database of two instances of the C server reads as the C tools show it. Method: the
//! text of `cyr_dbtool show`, made once, against ours; then our rewriting of each against itself.

use super::all;
use crate::{Db, Error, Kind, OpenFlags};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the data of the C server lies.
fn shared() -> Option<PathBuf> {
    let directory = std::env::var_os("CYRUS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let golden = directory.join("golden");
    if golden.is_dir() {
        return Some(golden);
    }
    println!("skipped: no {}", golden.display());
    None
}

fn check(instance: &str) {
    let Some(golden) = shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let packed = golden.join(format!("{instance}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(packed).arg("-C").arg(directory.path());
    assert!(tar.status().unwrap().success());
    let root = directory.path().join(instance);
    let text = std::fs::read(golden.join(format!("expected/{instance}/cyr_dbtool-show.txt"))).unwrap();
    let mut rest = text.as_slice();
    let mut count = 0;
    while let Some(body) = rest.strip_prefix(b"### @ROOT@/") {
        let line_end = body.iter().position(|c| *c == b'\n').unwrap();
        let line = std::str::from_utf8(&body[..line_end]).unwrap();
        let (name, kind) = line.strip_suffix(')').unwrap().rsplit_once(" (").unwrap();
        let body = &body[line_end + 1..];
        let next = body.windows(11).position(|ahead| ahead == b"### @ROOT@/").unwrap_or(body.len());
        rest = &body[next..];
        let Some(kind) = Kind::from_name(kind) else { continue };
        let expected = body[..next].strip_suffix(b"--exit 0--\n").unwrap_or(&body[..next]);
        let path = root.join(name);
        let flags = OpenFlags { skiplist_stamp: Some(1), ..OpenFlags::default() };
        let db = match Db::open(&path, kind, &flags) {
            Ok(db) => db,
            Err(Error::NotFound) => panic!("{name} is not there"),
            Err(error) => panic!("{name}: {error}"),
        };
        let shown = || -> Vec<u8> {
            let records = all(&db).into_iter();
            records.flat_map(|(key, value)| [&key[..], b"\t", &value, b"\n"].concat()).collect()
        };
        assert!(shown() == expected, "{name} ({kind}) differs");
        db.check_consistency().unwrap();
        db.repack().unwrap();
        assert!(shown() == expected, "{name} ({kind}) differs after a repack");
        db.check_consistency().unwrap();
        count += 1;
    }
    println!("{instance}: {count} databases");
    assert!(count > 15);
}

#[test]
fn databases_of_the_first_golden_instance_read_as_c_shows_them() {
    check("g1");
}

#[test]
fn databases_of_the_second_golden_instance_read_as_c_shows_them() {
    check("g2");
}

/// A second reader of the format, written from its description alone, agrees with what we write.
#[test]
fn an_independent_checker_accepts_our_twoskip_files() {
    let Some(golden) = shared() else { return };
    let script = golden.join("twoskip_check.py");
    if !script.is_file() || Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3 or no {}", script.display());
        return;
    }
    let mut rng = super::seeded();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let db = super::create(&path, Kind::Twoskip);
    for round in 0..5 {
        let mut txn = db.begin().unwrap();
        for _ in 0..300 {
            let key = format!("key{}", rng.u16(..500));
            if rng.u8(..3) == 0 {
                txn.delete(key.as_bytes()).unwrap();
            } else {
                txn.store(key.as_bytes(), &vec![rng.u8(..); rng.usize(..300)]).unwrap();
            }
        }
        txn.commit().unwrap();
        for _ in 0..50 {
            db.store(format!("key{}", rng.u16(..500)).as_bytes(), &[rng.u8(..); 9]).unwrap();
        }
        if round == 3 {
            db.repack().unwrap();
        }
        let checked = Command::new("python3").arg(&script).arg(&path).output().unwrap();
        let errors = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && !errors.contains("Error"), "{errors}");
    }
}
