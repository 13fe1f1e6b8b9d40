//! Whom an address means, and whether mail may come in for them (C: process_recipient(),
//! verify_user()).

use crate::process::Lmtpd;
use crate::reply::Refusal;
use libcyrus::auth::{AuthState, Denied, Granted, Op, Target, authorize};
use libcyrus::autocreate::Autocreate;
use libcyrus::base::log::{self, Priority};
use libcyrus::store::mboxlist::{MbEntry, Show};
use libcyrus::store::quota::Change;
use libcyrus::store::{Catalog, Error};
use libcyrus::util::mboxname::{MboxName, Parts};
use std::ops::ControlFlow;

/// An accepted recipient.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// The address of RCPT.
    pub address: Vec<u8>,
    /// User and folder, or a shared mailbox.
    pub parts: Parts,
    /// The INBOX of the user, or the shared mailbox, as RCPT found it.
    pub entry: MbEntry,
    /// Quota is not looked at.
    pub ignores_quota: bool,
}

/// Who sends, as far as the peer vouches for it: MAIL's `AUTH=`.
#[derive(Debug)]
pub struct Sender {
    /// MAIL's reverse-path.
    pub return_path: Vec<u8>,
    /// MAIL's `AUTH=`.
    pub authid: Option<Vec<u8>>,
    /// The client, `host [ip]`.
    pub clienthost: String,
    /// Its address, unless it came over a unix socket.
    pub remote_ip: Option<String>,
    /// `anonymous` without `AUTH=`.
    pub auth: AuthState,
    /// SIZE of MAIL, 0 without.
    pub octets: i64,
}

/// Finds the recipient an address means.
///
/// # Errors
/// Why it is refused.
pub fn find(
    lmtpd: &Lmtpd,
    address: &[u8],
    ignores_quota: bool,
    sender: &Sender,
) -> Result<Recipient, Refusal> {
    let mut refusal = Refusal::Store(Error::NotFound);
    if !address.is_empty() {
        match verify(lmtpd, parts_of(lmtpd, address), ignores_quota, sender) {
            Ok(recipient) => return Ok(Recipient { address: address.to_vec(), ..recipient }),
            Err(error) => refusal = error,
        }
    }
    let Some(catchall) = &lmtpd.settings.catchall else { return Err(refusal) };
    let recipient =
        verify(lmtpd, Parts::from_userid(catchall, lmtpd.namespace.rules()), ignores_quota, sender)?;
    Ok(Recipient { address: address.to_vec(), ..recipient })
}

fn parts_of(lmtpd: &Lmtpd, address: &[u8]) -> Parts {
    let mut parts = lmtpd.namespace.parts_of_recipient(address);
    if lmtpd.settings.downcases_recipients {
        for part in [&mut parts.localpart, &mut parts.domain].into_iter().flatten() {
            part.make_ascii_lowercase();
        }
    }
    if parts.localpart.as_deref().unwrap_or_default() == lmtpd.settings.postuser {
        parts.localpart = None;
        // The default domain is none already; without virtdomains no domain counts.
        if !lmtpd.namespace.options().virtdomains.is_on() {
            parts.domain = None;
        }
    }
    parts
}

/// A user needs an INBOX, a shared mailbox the right to post. Quota may be exceeded by one message.
fn verify(lmtpd: &Lmtpd, parts: Parts, ignores_quota: bool, sender: &Sender) -> Result<Recipient, Refusal> {
    let catalog = &lmtpd.catalog;
    let userid = parts.userid();
    let mut parts = parts;
    let entry = match &userid {
        Some(userid) => inbox(lmtpd, userid)?,
        None => match catalog.lookup(&parts.to_name(catalog.rules())) {
            Err(Error::NotFound) if lmtpd.settings.matches_fuzzily => {
                let found = fuzzy_match(catalog, &parts)?.ok_or(Error::NotFound)?;
                let entry = catalog.lookup(&found.to_name(catalog.rules()))?;
                parts = found;
                entry
            }
            found => found?,
        },
    };
    if userid.is_none() {
        let acl = entry.acl();
        let _: Granted =
            authorize(&sender.auth, Op::Post, &Target { acl: &acl, owner: None }).map_err(denied)?;
    }
    if entry.mbtype.is_remote() {
        return Err(Refusal::Remote);
    }
    if !ignores_quota {
        let strict = lmtpd.settings.strict_quota;
        let change = Change {
            storage: if strict { sender.octets } else { 0 },
            messages: i64::from(strict),
            annotations: 0,
            folders: -1,
        };
        if let Some(root) = catalog.find_quota_root(&entry.name)? {
            catalog.check_quota(&root, &change)?;
        }
    }
    if let Some(userid) = &userid {
        if catalog.user_denied(userid, lmtpd.config.service().as_bytes()).is_some() {
            return Err(Error::DeliveryDisabled.into());
        }
    }
    Ok(Recipient { address: Vec::new(), parts, entry, ignores_quota })
}

/// The INBOX of a user, made now where `autocreate_post` says so. C: autocreate_inbox()
fn inbox(lmtpd: &Lmtpd, userid: &[u8]) -> Result<MbEntry, Error> {
    let catalog = &lmtpd.catalog;
    let name = MboxName::user_inbox(userid, catalog.rules());
    match catalog.lookup(&name) {
        Err(Error::NotFound) if lmtpd.settings.autocreates => {
            let auth = AuthState::new(&lmtpd.config, userid);
            let (store, namespace) = (&lmtpd.store, &lmtpd.namespace);
            match (Autocreate { catalog, store, auth: &auth, namespace }).user() {
                // Another delivery may have been quicker.
                Ok(_) | Err(Error::Exists) => {}
                Err(error) => {
                    let shown = log::printable(userid, 256);
                    log::write(
                        Priority::Err,
                        format_args!("autocreateinbox: User {shown}, INBOX failed. {error}"),
                    );
                    return Err(error);
                }
            }
            catalog.lookup(&name)
        }
        found => found,
    }
}

/// What a closed gate means here.
#[must_use]
pub fn denied(denied: Denied) -> Error {
    match denied {
        Denied::Hidden => Error::NotFound,
        Denied::Permission => Error::PermissionDenied,
    }
}

/// The mailbox whose name shares the most leading components with the one wanted; case does not
/// count, and blank, `-` and `_` are the same. C: fuzzy_match()
///
/// # Errors
/// `Io`.
pub fn fuzzy_match(catalog: &Catalog, wanted: &Parts) -> Result<Option<Parts>, Error> {
    let rules = catalog.rules();
    let root = Parts { boxes: Vec::new(), ..wanted.clone() };
    let prefix = if root.localpart.is_some() || root.domain.is_some() {
        root.to_name(rules).child(b"").to_db(rules)
    } else {
        Vec::new()
    };
    let mut best: Option<Parts> = None;
    let mut depth = 0;
    catalog.each_entry(&prefix, Show::Mailboxes, |entry| {
        let have = entry.name.parts(rules);
        let shared = wanted.boxes.iter().zip(&have.boxes).take_while(|(a, b)| is_alike(a, b)).count();
        let is_same_tree = have.localpart == wanted.localpart && have.deleted == 0;
        if shared > depth && is_same_tree {
            depth = shared;
            best = Some(have);
        }
        if depth == wanted.boxes.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(best.map(|found| Parts { boxes: found.boxes, ..wanted.clone() }))
}

fn is_alike(a: &[u8], b: &[u8]) -> bool {
    let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b) || (b"- _".contains(a) && b"- _".contains(b));
    a.len() == b.len() && a.iter().zip(b).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_without_case_and_blanks() {
        assert!(is_alike(b"My-Box", b"my_box"));
        assert!(is_alike(b"a b", b"A-B"));
        assert!(!is_alike(b"box", b"boxes"));
        assert!(!is_alike(b"a.b", b"a-b"));
    }
}
