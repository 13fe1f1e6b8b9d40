//! Goal: no bytes on disk make us panic or run for ever. Method: flip, cut and overwrite.

use super::{create, seeded};
use crate::{Db, Kind, OpenFlags};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

fn use_it(db: &Db) {
    // Whatever is answered will do, as long as it is answered.
    let _ = db.foreach(b"", |_, _| ControlFlow::Continue(()));
    let _ = db.fetch(b"k7");
    let _ = db.fetch_next(b"k3");
    let _ = db.check_consistency();
    let _ = db.dump(3, &mut Vec::new());
    let _ = db.store(b"k5", b"another value");
    let _ = db.delete(b"k9");
    let _ = db.repack();
}

fn run(kind: Kind, rounds: usize) {
    let mut rng = seeded();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let db = create(&path, kind);
    for i in 0..120 {
        db.store(format!("k{}", i % 50).as_bytes(), &vec![b'x'; i]).unwrap();
        if i % 7 == 0 {
            db.delete(format!("k{}", i / 2).as_bytes()).unwrap();
        }
    }
    drop(db);
    let sound = std::fs::read(&path).unwrap();
    let start = Instant::now();
    for _ in 0..rounds {
        let mut bytes = sound.clone();
        match rng.u8(..4) {
            0 => bytes.truncate(rng.usize(..bytes.len())),
            1 => {
                let at = rng.usize(..bytes.len());
                bytes[at..].fill(0);
            }
            _ => {
                for _ in 0..rng.usize(1..20) {
                    let at = rng.usize(..bytes.len());
                    bytes[at] = rng.u8(..);
                }
            }
        }
        let damaged = directory.path().join("damaged");
        std::fs::write(&damaged, &bytes).unwrap();
        if let Ok(db) = Db::open(&damaged, kind, &OpenFlags::default()) {
            use_it(&db);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(120), "walks are not bounded");
}

#[test]
fn damaged_twoskip_never_panics() {
    run(Kind::Twoskip, 3000);
}

#[test]
fn damaged_skiplist_never_panics() {
    run(Kind::Skiplist, 3000);
}

#[test]
fn damaged_flat_never_panics() {
    run(Kind::Flat, 500);
}

#[test]
fn recovery2_saves_the_transactions_that_are_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let db = create(&path, Kind::Twoskip);
    for i in 0..40 {
        db.store(format!("k{i:02}").as_bytes(), b"value").unwrap();
    }
    db.delete(b"k05").unwrap();
    db.store(b"k06", b"other").unwrap();
    drop(db);
    // A record in the middle is unreadable and the header says that a crash came.
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(3).position(|three| three == b"k20").unwrap();
    bytes[at - 4 - 8] ^= 0xff;
    bytes.extend_from_slice(&[0; 64]);
    std::fs::write(&path, &bytes).unwrap();
    let db = Db::open(&path, Kind::Twoskip, &OpenFlags::default()).unwrap();
    let keys: Vec<_> = super::all(&db).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 38);
    assert!(!keys.contains(&b"k05".to_vec()) && !keys.contains(&b"k20".to_vec()));
    assert_eq!(db.fetch(b"k06").unwrap().as_deref(), Some(&b"other"[..]));
    db.check_consistency().unwrap();
}
