//! Goal: every backend behaves as a sorted map. Method: random operations on both.

use super::recorder::Recorder;
use super::{all, path_in, relaxed, seeded};
use crate::{Create, Db, Error, Kind, OpenFlags, Order};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(rng: &mut fastrand::Rng, kind: Kind) -> Vec<u8> {
    if kind == Kind::QuotaLegacy {
        let names = ["user.", "", "ex.org!user.", "ex.org!"];
        return format!("{}k{}", names[rng.usize(..names.len())], rng.u8(..40)).into_bytes();
    }
    let mut key = format!("k{}", rng.u8(..60)).into_bytes();
    if rng.u8(..6) == 0 {
        key.extend([rng.u8(..), rng.u8(..)]);
        if kind == Kind::Flat {
            // The file is sorted by escaped keys, as in C; compare() is not, as in C.
            key.retain(|c| !matches!(c, 0 | b'\t' | b'\n' | b'\r' | 0xff));
        }
    }
    key
}

fn value(rng: &mut fastrand::Rng, kind: Kind) -> Vec<u8> {
    if kind == Kind::QuotaLegacy {
        return format!("%(S ({}))", rng.u32(..)).into_bytes();
    }
    let length = if rng.u8(..20) == 0 { rng.usize(..3000) } else { rng.usize(..40) };
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

fn sorted(db: &Db, model: &Map) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records: Vec<_> = model.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    records.sort_by(|a, b| db.compare(&a.0, &b.0));
    records
}

fn check(db: &Db, model: &Map, rng: &mut fastrand::Rng, kind: Kind) {
    let expected = sorted(db, model);
    assert!(all(db) == expected, "records differ");
    db.check_consistency().unwrap();
    let probe = key(rng, kind);
    assert_eq!(db.fetch(&probe).unwrap(), model.get(&probe).cloned());
    if kind != Kind::QuotaLegacy {
        let next = expected.iter().find(|(k, _)| db.compare(k, &probe).is_gt()).cloned();
        assert_eq!(db.fetch_next(&probe).unwrap(), next);
    }
    let prefix = match kind {
        // A prefix without domain does not reach into domains.
        Kind::QuotaLegacy => &b"ex.org!u"[..],
        _ => &probe[..probe.len().min(2)],
    };
    let mut found = Vec::new();
    db.foreach(prefix, |k, _| {
        found.push(k.to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    let wanted: Vec<_> =
        expected.iter().filter(|(k, _)| k.starts_with(prefix)).map(|(k, _)| k.clone()).collect();
    assert_eq!(found, wanted);
}

fn run(kind: Kind, flags: &OpenFlags, steps: usize) {
    let mut rng = seeded();
    let directory = tempfile::tempdir().unwrap();
    let path = path_in(directory.path(), kind);
    let mut flags = flags.clone();
    flags.quota_hash.virtdomains = true;
    let mut db = Db::open(&path, kind, &flags).unwrap();
    flags.create = Create::Never;
    let mut model = Map::new();
    for step in 0..steps {
        match rng.u8(..12) {
            0..=4 => {
                let (k, v) = (key(&mut rng, kind), value(&mut rng, kind));
                db.store(&k, &v).unwrap();
                model.insert(k, v);
            }
            5 => {
                let (k, v) = (key(&mut rng, kind), value(&mut rng, kind));
                match db.create(&k, &v) {
                    Ok(()) => assert!(model.insert(k, v).is_none()),
                    Err(Error::Exists) => assert!(model.contains_key(&k)),
                    Err(error) => panic!("{error}"),
                }
            }
            6 | 7 => {
                let k = key(&mut rng, kind);
                assert_eq!(db.delete(&k).unwrap(), model.remove(&k).is_some());
            }
            8 | 9 => {
                let mut txn = db.begin().unwrap();
                let mut changed = model.clone();
                for _ in 0..rng.usize(1..20) {
                    let k = key(&mut rng, kind);
                    if rng.u8(..3) == 0 {
                        assert_eq!(txn.delete(&k).unwrap(), changed.remove(&k).is_some());
                    } else {
                        let v = value(&mut rng, kind);
                        txn.store(&k, &v).unwrap();
                        changed.insert(k.clone(), v);
                    }
                    assert_eq!(txn.fetch(&k).unwrap(), changed.get(&k).cloned());
                }
                let mut seen = Vec::new();
                txn.foreach(b"", |k, v| {
                    seen.push((k.to_vec(), v.to_vec()));
                    ControlFlow::Continue(())
                })
                .unwrap();
                assert!(matches!(db.store(b"x", b"y"), Err(Error::Locked)));
                if rng.bool() {
                    txn.commit().unwrap();
                    model = changed.clone();
                } else {
                    txn.abort().unwrap();
                }
                assert!(seen == sorted(&db, &changed), "records in the transaction differ");
            }
            10 if step % 7 == 0 => db.repack().unwrap(),
            _ => {
                drop(db);
                db = Db::open(&path, kind, &flags).unwrap();
            }
        }
        if step % 5 == 0 {
            check(&db, &model, &mut rng, kind);
        }
    }
    check(&db, &model, &mut rng, kind);
}

#[test]
fn twoskip_is_a_sorted_map() {
    run(Kind::Twoskip, &OpenFlags::create(), 2000);
}

#[test]
fn relaxed_twoskip_is_a_sorted_map() {
    run(Kind::Twoskip, &relaxed(), 1000);
}

#[test]
fn twoskip_in_mailbox_order_is_a_sorted_map() {
    run(Kind::Twoskip, &OpenFlags { order: Order::Mbox, ..OpenFlags::create() }, 1000);
}

#[test]
fn skiplist_is_a_sorted_map() {
    // With a stamp from long ago nothing is recovered at open; without one everything is.
    run(Kind::Skiplist, &OpenFlags { skiplist_stamp: Some(1), ..OpenFlags::create() }, 2000);
    run(Kind::Skiplist, &OpenFlags::create(), 500);
}

#[test]
fn flat_is_a_sorted_map() {
    run(Kind::Flat, &OpenFlags::create(), 1000);
}

#[test]
fn quotalegacy_is_a_sorted_map() {
    run(Kind::QuotaLegacy, &OpenFlags::create(), 500);
}

#[test]
fn a_read_transaction_holds_off_writers_of_the_same_handle_until_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let db = super::create(&directory.path().join("a"), Kind::Twoskip);
    db.store(b"a", b"1").unwrap();
    let first = db.begin_read().unwrap();
    let second = db.begin_read().unwrap();
    assert!(matches!(db.begin(), Err(Error::Locked)));
    drop(first);
    assert_eq!(second.fetch(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    assert!(matches!(db.store(b"a", b"2"), Err(Error::Locked)));
    drop(second);
    db.store(b"a", b"2").unwrap();
}

#[test]
fn a_callback_may_change_the_database_it_walks() {
    let directory = tempfile::tempdir().unwrap();
    let db = super::create(&directory.path().join("a"), Kind::Twoskip);
    for i in 0..50 {
        db.store(format!("{i:03}").as_bytes(), b"old").unwrap();
    }
    let mut seen = 0;
    db.foreach(b"", |key, value| {
        assert_eq!(value, b"old");
        db.store(key, b"new").unwrap();
        db.repack().unwrap();
        seen += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, 50);
    assert!(all(&db).iter().all(|(_, value)| value == b"new"));
}

/// Records of the lowest chain alone are searched one by one: ten thousand marks of one message in deliver.db took half
/// a minute. Some of them must be in higher chains, whether they come together or one at a time.
#[test]
fn relaxed_twoskip_has_higher_chains() {
    let directory = tempfile::tempdir().unwrap();
    // This storage syncs nothing, for speed.
    let (_recorder, backend) = Recorder::backend();
    let flags = OpenFlags { no_compact: true, backend, ..relaxed() };
    let high_of = |name: &str, fill: &dyn Fn(&Db)| {
        let db = Db::open(&directory.path().join(name), Kind::Twoskip, &flags).unwrap();
        fill(&db);
        let mut text = Vec::new();
        db.dump(1, &mut text).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        let records = text.lines().filter(|line| line.contains(" RECORD ")).collect::<Vec<_>>();
        assert_eq!(records.len(), 2000);
        records.iter().filter(|line| !line.contains(" lvl=1 ")).count()
    };
    let one_by_one = high_of("one", &|db| {
        for n in 0..2000 {
            db.store(format!("{n:05}").as_bytes(), b"").unwrap();
        }
    });
    assert!((5..20).contains(&one_by_one), "{one_by_one}");
    let together = high_of("together", &|db| {
        let mut txn = db.begin().unwrap();
        for n in 0..2000 {
            txn.store(format!("{n:05}").as_bytes(), b"").unwrap();
        }
        txn.commit().unwrap();
    });
    assert!(together > 800, "{together}");
}
