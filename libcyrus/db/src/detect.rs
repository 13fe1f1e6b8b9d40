//! Opening a file with the backend its magic names, and copying one database into another.

use crate::engine::Engine;
use crate::file::new_path;
use crate::flat::Flat;
use crate::quotalegacy::QuotaLegacy;
use crate::skiplist::Skiplist;
use crate::twoskip::Twoskip;
use crate::{Convert, Create, Db, Error, Kind, OpenFlags, Result};
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

/// What the first bytes of `path` prove it to be. C: `cyrusdb_detect()`
///
/// # Errors
/// When the file cannot be read; a missing one is [`Error::NotFound`].
pub fn detect(path: &Path) -> Result<Option<Kind>> {
    let mut file = File::open(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::NotFound,
        _ => Error::io(path, "open", e),
    })?;
    let mut head = [0; 32];
    match file.read_exact(&mut head) {
        Ok(()) => Ok(Kind::from_magic(&head)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(Error::io(path, "read", e)),
    }
}

/// Copies every record of the database `from` into a new one at `to`, which may be the same
/// path: then the new file replaces the old. C: `cyrusdb_convert()`
///
/// # Errors
/// What opening, reading or writing said; `to` is removed then.
pub fn convert(from: (&Path, Kind), to: (&Path, Kind), flags: &OpenFlags) -> Result<()> {
    let source_flags = OpenFlags { create: Create::Never, convert: Convert::UseAsFound, ..flags.clone() };
    let source = Db::open(from.0, from.1, &source_flags)?;
    let in_place = from.0 == to.0;
    let target_path = if in_place { new_path(to.0) } else { to.0.to_owned() };
    let mut reading = source.begin()?;
    match std::fs::remove_file(&target_path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io(&target_path, "unlink", e));
        }
        _ => {}
    }
    let target_flags = OpenFlags { create: Create::IfMissing, convert: Convert::UseAsFound, ..flags.clone() };
    let copied = (|| {
        let target = Db::open(&target_path, to.1, &target_flags)?;
        let mut writing = target.begin()?;
        let mut result = Ok(());
        reading.foreach(b"", |key, value| {
            result = writing.store(key, value);
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        result?;
        writing.commit()
    })();
    let done = copied.and_then(|()| {
        if in_place {
            let storage = &flags.backend.0;
            storage.rename(&target_path, to.0).map_err(|e| Error::io(to.0, "rename", e))
        } else {
            Ok(())
        }
    });
    if done.is_err() {
        // What could not be finished must not be taken for the whole.
        let _ = std::fs::remove_file(&target_path);
    }
    reading.abort()?;
    done
}

/// Opens `path` with `kind`, or with what it really is. C: `_myopen()` of cyrusdb.c
pub(crate) fn open_engine(path: &Path, kind: Kind, flags: &OpenFlags) -> Result<Box<dyn Engine>> {
    // C looks at the magic only after the backend refused the file, which flat never does; we look
    // first, so that a binary file is not read as lines either.
    let real = match kind {
        Kind::QuotaLegacy => kind,
        Kind::Flat | Kind::Skiplist | Kind::Twoskip => match detect(path) {
            Ok(found) => found.unwrap_or(kind),
            Err(Error::NotFound) => kind,
            Err(error) => return Err(error),
        },
    };
    if real == kind {
        return open_as(path, kind, flags);
    }
    let name = path.display();
    match flags.convert {
        Convert::InPlace => {
            match convert((path, real), (path, kind), flags) {
                Ok(()) => log::warn!("cyrusdb: converted {name} from {real} to {kind}"),
                Err(error) => log::error!(
                    "DBERROR: failed to convert, maybe someone beat us: fname=<{name}> from=<{real}> to=<{kind}> {error}"
                ),
            }
            open_as(path, kind, flags)
        }
        Convert::UseAsFound => {
            log::warn!("cyrusdb: opening {name} with backend {real} (requested {kind})");
            open_as(path, real, flags)
        }
    }
}

fn open_as(path: &Path, kind: Kind, flags: &OpenFlags) -> Result<Box<dyn Engine>> {
    Ok(match kind {
        Kind::Flat => Box::new(Flat::open(path, flags)?),
        Kind::QuotaLegacy => Box::new(QuotaLegacy::open(path, flags)?),
        Kind::Skiplist => Box::new(Skiplist::open(path, flags)?),
        Kind::Twoskip => Box::new(Twoskip::open(path, flags)?),
    })
}
