//! What a delivery needs of scripts: which one is active, its source, and bytecode that is fresh.

use super::dir::ScriptDir;
use super::observer::compiled;
use super::scripts::{folder_name, text_of};
use crate::db::DavDb;
use crate::error::{Error, Result};
use cyrus_base::log;
use cyrus_store::lock::{Mode, Wait};
use cyrus_store::mailbox::Mailbox;
use cyrus_store::{Catalog, Store};
use cyrus_util::ids::UnixTime;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// How bytecode of our version begins: the magic and 31.
const FRESH: &[u8] = b"CyrSBytecode\0\0\0\x1f";

/// A script that shall run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveScript {
    /// The directory of its bytecode.
    pub dir: ScriptDir,
    /// Its name, without suffix.
    pub name: Vec<u8>,
}

/// The source of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The script.
    pub text: Vec<u8>,
    /// When it was last changed; older bytecode is stale.
    pub lastupdated: UnixTime,
}

/// The active script of a user; `None` without INBOX or without active script. Its bytecode may be
/// stale: [`ensure_bytecode`] comes next. C: `sieve_find_script()` without a name
///
/// # Errors
/// `Store`.
pub fn active_script(store: &Arc<Store>, userid: &[u8]) -> Result<Option<ActiveScript>> {
    let Some(dir) = ScriptDir::of_user(catalog(store)?, userid)? else { return Ok(None) };
    Ok(dir.active().map(|name| ActiveScript { dir, name }))
}

/// The source of a script of a user, or of `dir` for a global one (`userid` is `None`): the message
/// of its row, else the older `NAME.script` in the directory.
///
/// # Errors
/// `NotFound`, `Store`, `Io`.
pub fn source(store: &Arc<Store>, userid: Option<&[u8]>, dir: &ScriptDir, name: &[u8]) -> Result<Source> {
    match place(store, userid, dir, name)? {
        Place::Message { userid, script } => {
            let text = read_message(store, userid, &script)?;
            Ok(Source { text, lastupdated: script.lastupdated })
        }
        Place::File { lastupdated } => Ok(Source { text: read_file(&dir.script(name))?, lastupdated }),
    }
}

/// Compiles the bytecode of a script anew if it is missing, older than the source or of another
/// version. When there is no source the bytecode that is there stays as it is and this is an
/// error, which C ignores, and so may the caller. C: `sieve_script_rebuild()`
///
/// # Errors
/// `NotFound` without source, `Invalid` when it no longer compiles, `Store`, `Io`.
pub fn ensure_bytecode(
    store: &Arc<Store>,
    userid: Option<&[u8]>,
    dir: &ScriptDir,
    name: &[u8],
) -> Result<()> {
    let place = place(store, userid, dir, name)?;
    if is_fresh(&dir.bytecode(name), place.lastupdated())? {
        return Ok(());
    }
    let text = match &place {
        Place::Message { userid, script } => read_message(store, userid, script)?,
        Place::File { .. } => read_file(&dir.script(name))?,
    };
    dir.put_bytecode(name, &compiled(catalog(store)?, &text)?)
}

/// Where the source of a script is.
enum Place<'a> {
    Message { userid: &'a [u8], script: super::Script },
    File { lastupdated: UnixTime },
}

impl Place<'_> {
    fn lastupdated(&self) -> UnixTime {
        match self {
            Self::Message { script, .. } => script.lastupdated,
            Self::File { lastupdated } => *lastupdated,
        }
    }
}

fn catalog(store: &Store) -> Result<&Arc<Catalog>> {
    store.catalog().ok_or(Error::Store(cyrus_store::Error::Internal("store without catalog")))
}

fn place<'a>(
    store: &Arc<Store>,
    userid: Option<&'a [u8]>,
    dir: &ScriptDir,
    name: &[u8],
) -> Result<Place<'a>> {
    if let Some(userid) = userid
        && let Some(db) = DavDb::open_user_existing(catalog(store)?, userid)?
        && let Some(script) = db.script_named(name)?
    {
        return Ok(Place::Message { userid, script });
    }
    let file = dir.script(name);
    match std::fs::metadata(&file) {
        Ok(found) => Ok(Place::File { lastupdated: UnixTime(found.mtime()) }),
        Err(error) => {
            let _logged = log::ioerror(&format!("stat {}", file.display()), &[], Some(&error));
            Err(Error::NotFound)
        }
    }
}

fn read_message(store: &Arc<Store>, userid: &[u8], script: &super::Script) -> Result<Vec<u8>> {
    let catalog = catalog(store)?;
    let name = folder_name(catalog, userid);
    let user = store.lock_owner(Some(userid), Mode::Shared)?;
    let entry = catalog.lookup(&name)?;
    let mut mailbox = Mailbox::open_entry(store, &user, &entry, Mode::Shared, Wait::Block)?;
    text_of(&mut mailbox, &user, script.imap_uid)
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::NotFound,
        _ => log::ioerror("open", &[("path", &path.display())], Some(&error)).into(),
    })
}

/// Whether bytecode is there, not older than its source, and of our version.
fn is_fresh(path: &Path, lastupdated: UnixTime) -> Result<bool> {
    use std::io::Read;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(false),
        _ => Err(log::ioerror(&format!("stat {}", path.display()), &[], Some(&error)).into()),
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => return failed(error),
    };
    let found = match file.metadata() {
        Ok(found) => found,
        Err(error) => return failed(error),
    };
    let mut start = Vec::new();
    let read = file.take(FRESH.len() as u64).read_to_end(&mut start);
    Ok(read.is_ok() && found.mtime() >= lastupdated.0 && start == FRESH)
}
