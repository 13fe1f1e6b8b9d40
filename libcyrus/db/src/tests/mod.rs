//! Rings 3 to 5 for the four formats: models, crash images, damage, and the C tools.

mod crash;
mod damage;
mod golden;
mod live;
mod model;
mod recorder;

use crate::{Db, Durability, Kind, OpenFlags};
use std::ops::ControlFlow;
use std::path::Path;

/// All records of a database.
fn all(db: &Db) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    db.foreach(b"", |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

fn create(path: &Path, kind: Kind) -> Db {
    Db::open(path, kind, &OpenFlags::create()).unwrap()
}

fn relaxed() -> OpenFlags {
    OpenFlags { durability: Durability::Relaxed, ..OpenFlags::create() }
}

/// The file of a test database: quotalegacy wants a directory of its own.
fn path_in(directory: &Path, kind: Kind) -> std::path::PathBuf {
    directory.join(kind.name()).join("test.db")
}

/// A seed that is printed, so that a failure can be repeated with `DB_SEED`.
fn seeded() -> fastrand::Rng {
    let seed =
        std::env::var("DB_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("DB_SEED={seed}");
    // The levels of records come from the generator of the thread.
    fastrand::seed(seed);
    fastrand::Rng::with_seed(seed)
}
