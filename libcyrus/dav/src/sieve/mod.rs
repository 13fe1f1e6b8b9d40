//! Sieve scripts as 3.6 keeps them (reference/databases.md 8).
//!
//! The source of a script is a message of the mailbox `user.X.#sieve`; a row of `sieve_scripts` in
//! the user's .dav database finds it by name; its bytecode is `NAME.bc` in the user's Sieve
//! directory, where the link `defaultbc` names the active one. The message is what counts: an
//! observer of the mailbox keeps row, bytecode and link in step with it.
//!
//! What a delivery needs is [`active_script`], [`ensure_bytecode`] and [`ScriptDir`].

mod dir;

pub use dir::ScriptDir;

use crate::error::Result;
use cyrus_store::Store;
use cyrus_util::ids::UnixTime;
use std::sync::Arc;

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
    let _ = (store, userid);
    todo!()
}

/// The source of a script of a user, or of `dir` for a global one (`userid` is `None`): the message
/// of its row, else the older `NAME.script` in the directory.
///
/// # Errors
/// `NotFound`, `Store`, `Io`.
pub fn source(store: &Arc<Store>, userid: Option<&[u8]>, dir: &ScriptDir, name: &[u8]) -> Result<Source> {
    let _ = (store, userid, dir, name);
    todo!()
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
    let _ = (store, userid, dir, name);
    todo!()
}
