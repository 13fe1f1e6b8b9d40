//! Who an address is, and whether mail may come in. C: verify_user()
//!
//! DIAGNOSTICS: `verify_user(USER) failed: ...` (DEBUG), `verify_user(USER) proxying to host SERVER` (ERR).

use crate::process::Smmapd;
use libcyrus::auth::{AuthState, Denied, Granted, Op, Target, authorize};
use libcyrus::base::log::{self, Priority};
use libcyrus::store::Error;
use libcyrus::store::quota::Change;
use libcyrus::util::mboxname::Parts;

/// Whether a message for `key` (`user[+folder][@domain]`, `postuser+shared.folder`) can be taken: the mailbox exists,
/// anybody may post to it if it is shared, and a message more is within its quota.
///
/// # Errors
/// `NotFound`, `PermissionDenied`, `OverQuota`, `Io`.
pub fn verify(smmapd: &Smmapd, key: &[u8]) -> Result<(), Error> {
    let parts = parts_of(smmapd, key);
    check(smmapd, &parts).inspect_err(|error| {
        let userid = parts.userid().unwrap_or_default();
        let (userid, text) = (log::printable(&userid, 256), error.sentence());
        log::write(Priority::Debug, format_args!("verify_user({userid}) failed: {text}"));
    })
}

fn parts_of(smmapd: &Smmapd, key: &[u8]) -> Parts {
    let mut parts = smmapd.namespace.parts_of_recipient(key);
    if smmapd.downcases {
        for part in [&mut parts.localpart, &mut parts.domain].into_iter().flatten() {
            part.make_ascii_lowercase();
        }
    }
    if parts.userid().unwrap_or_default() == smmapd.postuser {
        parts.localpart = None;
        parts.domain = None;
    }
    parts
}

fn check(smmapd: &Smmapd, parts: &Parts) -> Result<(), Error> {
    let catalog = &smmapd.catalog;
    let name = parts.to_name(catalog.rules());
    let entry = catalog.lookup(&name)?;
    if parts.localpart.is_none() {
        let acl = entry.acl();
        let target = Target { acl: &acl, owner: None };
        let _: Granted = authorize(&AuthState::anonymous(&smmapd.config), Op::Post, &target).map_err(
            |denied| match denied {
                Denied::Hidden => Error::NotFound,
                Denied::Permission => Error::PermissionDenied,
            },
        )?;
    }
    if entry.mbtype.is_remote() {
        // The other server's quota is not known here; C too says yes when it cannot ask.
        let server = log::printable(entry.server.as_deref().unwrap_or_default(), 256);
        let userid = log::printable(&parts.userid().unwrap_or_default(), 256);
        log::write(Priority::Err, format_args!("verify_user({userid}) proxying to host {server}"));
        return Ok(());
    }
    let message = Change { storage: 0, messages: 1, annotations: -1, folders: -1 };
    match catalog.find_quota_root(&name)? {
        Some(root) => catalog.check_quota(&root, &message),
        None => Ok(()),
    }
}
