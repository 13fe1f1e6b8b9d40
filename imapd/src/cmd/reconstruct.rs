//! RECONSTRUCT, of Cyrus alone: an administrator has a mailbox put right, and the quota it counts
//! towards counted anew, by the tools of these names.

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::ServerOp;
use libcyrus::base::log::{self, Priority};
use libcyrus::store::Error;
use libcyrus::util::mboxname::MboxName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the tools are; `CYRUS_SBINDIR` at build time changes it.
const SBIN_DIR: &str = match option_env!("CYRUS_SBINDIR") {
    Some(dir) => dir,
    None => "/usr/lib/cyrus/bin",
};

/// RECONSTRUCT.
pub fn reconstruct(session: &mut Session<'_>, mailbox: &[u8], recursive: bool) -> Flow {
    let name = session.internal_name(mailbox);
    if let Err(refusal) = session.authorize_server(ServerOp::Reconstruct) {
        return refusal.into();
    }
    match try_reconstruct(session, &name, recursive) {
        Ok(answer) => answer.into(),
        Err(error) => Answer::from(error).into(),
    }
}

fn try_reconstruct(session: &Session<'_>, name: &MboxName, recursive: bool) -> Result<Answer, Error> {
    let user = session.user.as_ref().ok_or(Error::PermissionDenied)?;
    if session.selected.as_ref().is_some_and(|selected| selected.name == *name) {
        return Err(Error::Locked);
    }
    session.find(name)?;
    // The tools take names as administrators write them.
    let external = |name: &MboxName| {
        user.namespace.to_external(name, Some(user.auth.userid())).unwrap_or_else(|| name.as_bytes().to_vec())
    };
    let (shown, userid) = (log::printable(name.as_bytes(), 512), log::printable(user.auth.userid(), 256));
    let how = if recursive { "recursive" } else { "not recursive" };
    log::write(Priority::Notice, format_args!("Reconstructing '{shown}' ({how}) for user '{userid}'"));
    let options: &[&str] = if recursive { &["-r", "-f"] } else { &[] };
    if !runs(session, "reconstruct", options, &external(name)) {
        return Ok(Answer::no("Operating System Error"));
    }
    let root = session.imapd.catalog.find_quota_root(name)?.unwrap_or_else(|| name.clone());
    log::write(
        Priority::Notice,
        format_args!("Regenerating quota roots starting with '{shown}' for user '{userid}'"),
    );
    if !runs(session, "quota", &["-f"], &external(&root)) {
        return Ok(Answer::no("Operating System Error"));
    }
    Ok(Answer::completed())
}

/// Runs a tool on a mailbox and waits for it; true if it went well.
fn runs(session: &Session<'_>, tool: &str, options: &[&str], mailbox: &[u8]) -> bool {
    let outcome = Command::new(Path::new(SBIN_DIR).join(tool))
        .arg("-C")
        .arg(session.imapd.config.file())
        .args(options)
        .arg(OsStr::from_bytes(mailbox))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = &outcome {
        log::write(Priority::Err, format_args!("IOERROR: cannot run {tool}: {error}"));
    }
    outcome.is_ok_and(|status| status.success())
}
