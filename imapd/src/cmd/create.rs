//! CREATE (RFC 3501 6.3.3, RFC 6154 3, RFC 8474 4), and the INBOX that a first login makes.
//!
//! DIAGNOSTICS: `autocreateinbox: ...` and `autosubscribe: ...` in C's words.

use crate::command::CreateOptions;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{Granted, ServerOp};
use libcyrus::autocreate::{Autocreate, give_special_uses, quota_limits};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::quota::set_quota_limits;
use libcyrus::store::annotate::Scope;
use libcyrus::store::lock::{Mode, UserLock};
use libcyrus::store::mboxlist::{Actor, MbEntry, MbKind, MbType, NewMailbox};
use libcyrus::store::{Error, Result};
use libcyrus::util::mboxname::Parts;

/// Special uses that are allowed besides `specialuse_extra`.
const SPECIAL_USES: [&str; 7] =
    ["\\Archive", "\\Drafts", "\\Important", "\\Junk", "\\Sent", "\\Trash", "\\Snoozed"];

/// CREATE.
pub fn create(session: &mut Session<'_>, tag: &[u8], mailbox: &[u8], options: &CreateOptions) -> Flow {
    match try_create(session, mailbox, options) {
        Ok(uniqueid) => {
            let code = [b"MAILBOXID (".as_slice(), &uniqueid, b")"].concat();
            session.stream.write(&Answer::completed().with_code(code).line(tag));
            super::noop::check(session);
            Flow::Answered
        }
        Err(answer) => answer.into(),
    }
}

/// What the options ask for.
#[derive(Default)]
struct Wanted {
    mbtype: MbType,
    partition: Option<Vec<u8>>,
    uniqueid: Option<Vec<u8>>,
    special_uses: Vec<Vec<u8>>,
}

fn try_create(
    session: &mut Session<'_>,
    mailbox: &[u8],
    options: &CreateOptions,
) -> std::result::Result<Vec<u8>, Answer> {
    let Some(user) = &session.user else { return Err(Answer::bad("Please login first")) };
    let catalog = &session.imapd.catalog;
    let store = &session.imapd.store;
    let rules = catalog.rules();
    let written = mailbox.strip_suffix(&[user.namespace.hiersep()]).unwrap_or(mailbox);
    let parts = user.namespace.parts_of(written, Some(user.auth.userid()));
    let name = parts.to_name(rules);
    let lock = store.lock_owner(parts.userid().as_deref(), Mode::Exclusive)?;
    let wanted = wanted(session, user.auth.userid(), &parts, options)?;
    let is_special = wanted.partition.is_some() || wanted.uniqueid.is_some();
    let is_frontend = session.imapd.config.string(Opt::Proxyservers).is_none();
    if is_special && is_frontend && session.authorize_server(ServerOp::Place).is_err() {
        return Err(Error::PermissionDenied.into());
    }
    let inbox = |at: usize| parts.boxes.get(at).is_some_and(|each| each.eq_ignore_ascii_case(b"INBOX"));
    if inbox(0) && inbox(1) {
        return Err(Error::BadName.into());
    }
    let actor = Actor::Session(&user.auth);
    create_ancestors(session, &lock, &actor, &parts, &wanted)?;
    let new = NewMailbox {
        mbtype: wanted.mbtype,
        partition: wanted.partition.clone(),
        uniqueid: wanted.uniqueid.clone(),
        ..NewMailbox::named(name)
    };
    let entry = match catalog.create_mailbox(store, &lock, &actor, &new) {
        Err(Error::PermissionDenied) if is_creatable_inbox(session, &parts) => {
            create_own_inbox(session, &lock, &new)?
        }
        other => other?,
    };
    if !wanted.special_uses.is_empty() {
        let uses = wanted.special_uses.iter().map(Vec::as_slice).collect::<Vec<_>>();
        give_special_uses(catalog, store, &lock, &entry, &uses)?;
    }
    Ok(entry.uniqueid.unwrap_or_default())
}

fn wanted(
    session: &Session<'_>,
    userid: &[u8],
    parts: &Parts,
    options: &CreateOptions,
) -> std::result::Result<Wanted, Answer> {
    let parameter = |name: &[u8]| options.parameters.iter().find(|(each, _)| each == name).map(|(_, v)| v);
    let atom = |name: &[u8]| parameter(name).and_then(|values| values.first().cloned());
    let mut wanted =
        Wanted { partition: atom(b"PARTITION"), uniqueid: atom(b"MAILBOXID"), ..Wanted::default() };
    if let Some(word) = &options.partition {
        // `server!partition` belongs to clusters; the partition counts.
        wanted.partition = word.split(|&byte| byte == b'!').nth(1).or(Some(word)).map(<[u8]>::to_vec);
    }
    if let Some(kind) = atom(b"TYPE") {
        wanted.mbtype = MbType::of(match kind.to_ascii_uppercase().as_slice() {
            b"CALENDAR" => MbKind::Calendar,
            b"COLLECTION" => MbKind::Collection,
            b"ADDRESSBOOK" => MbKind::Addressbook,
            _ => return Err(Error::BadType.into()),
        });
    }
    if let Some(uses) = parameter(b"USE") {
        if parts.localpart.is_none() || parts.boxes.len() != 1 {
            return Err(Error::SpecialUse.into());
        }
        wanted.special_uses = check_special_uses(session, userid, uses, &[])
            .map_err(|error| Answer::from(error).with_code("USEATTR"))?;
    }
    Ok(wanted)
}

/// The uses as the list of known ones writes them; each may be on one mailbox only, and stays where
/// `current` has it.
/// C: specialuse_validate()
fn check_special_uses(
    session: &Session<'_>,
    userid: &[u8],
    uses: &[Vec<u8>],
    current: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>> {
    let known: Vec<&str> = session.imapd.config.words(Opt::SpecialuseExtra).chain(SPECIAL_USES).collect();
    let mut checked = Vec::new();
    for word in uses.iter().filter(|word| !word.is_empty()) {
        let is_meant = |each: &&&str| {
            let each = each.as_bytes();
            each.eq_ignore_ascii_case(word)
                || each.get(1..).is_some_and(|rest| rest.eq_ignore_ascii_case(word))
        };
        let found = known.iter().find(is_meant).ok_or(Error::BadAnnotationEntry)?;
        let is_kept = current.iter().any(|each| each.eq_ignore_ascii_case(found.as_bytes()));
        if !is_kept && session.imapd.catalog.find_special_use(found.as_bytes(), userid)?.is_some() {
            return Err(Error::SpecialUse);
        }
        checked.push(found.as_bytes().to_vec());
    }
    Ok(checked)
}

/// The canonical form of a list of uses for an existing mailbox; those it has already may stay.
///
/// # Errors
/// `BadAnnotationEntry`, `SpecialUse`, `HasChildren`.
pub(super) fn special_use_value(
    session: &Session<'_>,
    entry: &MbEntry,
    userid: &[u8],
    text: &[u8],
) -> Result<Vec<u8>> {
    let catalog = &session.imapd.catalog;
    let words = |text: &[u8]| -> Vec<Vec<u8>> {
        let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.map(<[u8]>::to_vec).collect()
    };
    let current = catalog.annotation(Scope::Mailbox(entry), b"/specialuse", userid)?.unwrap_or_default();
    let uses = check_special_uses(session, userid, &words(text), &words(&current))?;
    let childless: Vec<&str> = session.imapd.config.words(Opt::SpecialuseNochildren).collect();
    let is_childless = |given: &Vec<u8>| childless.iter().any(|word| word.as_bytes() == given.as_slice());
    if uses.iter().any(is_childless) && catalog.has_children(&entry.name)? {
        return Err(Error::HasChildren);
    }
    Ok(uses.join(&b' '))
}

/// Makes the mailboxes that are missing between the nearest existing one and the new one.
fn create_ancestors(
    session: &Session<'_>,
    lock: &UserLock,
    actor: &Actor<'_>,
    parts: &Parts,
    wanted: &Wanted,
) -> Result<()> {
    let catalog = &session.imapd.catalog;
    let rules = catalog.rules();
    let parent = catalog.find_parent(&parts.to_name(rules))?;
    if parent.is_none() && parts.localpart.is_some() {
        return Ok(());
    }
    let oldest = parent.map_or(0, |entry| entry.name.parts(rules).boxes.len());
    if parts.boxes.len() <= oldest.saturating_add(1) {
        return Ok(());
    }
    catalog.check_create(actor, &parts.to_name(rules), false)?;
    for length in oldest.saturating_add(1)..parts.boxes.len() {
        let mut ancestor = parts.clone();
        ancestor.boxes.truncate(length);
        if ancestor.localpart.is_some()
            && ancestor.boxes.len() == 1
            && ancestor.boxes.first().is_some_and(|b| b == b"INBOX")
        {
            continue;
        }
        let new = NewMailbox {
            mbtype: wanted.mbtype,
            partition: wanted.partition.clone(),
            ..NewMailbox::named(ancestor.to_name(rules))
        };
        catalog.create_mailbox(&session.imapd.store, lock, actor, &new)?;
    }
    Ok(())
}

/// Whether the user may make this INBOX although nobody gave the right: `autocreate_quota`.
fn is_creatable_inbox(session: &Session<'_>, parts: &Parts) -> bool {
    let is_own =
        session.user.as_ref().is_some_and(|user| parts.userid().as_deref() == Some(user.auth.userid()));
    is_own && parts.boxes.is_empty() && session.imapd.config.int(Opt::AutocreateQuota) > 0
}

fn create_own_inbox(session: &Session<'_>, lock: &UserLock, new: &NewMailbox) -> Result<MbEntry> {
    let catalog = &session.imapd.catalog;
    let actor = Actor::Tool(Granted::admin("autocreate"));
    let told_for = session.user.as_ref().map(|user| user.auth.userid().to_vec());
    let new = NewMailbox { uniqueid: None, told_for, ..new.clone() };
    let entry = catalog.create_mailbox(&session.imapd.store, lock, &actor, &new)?;
    let config = &session.imapd.config;
    let (storage, messages) = (config.int(Opt::AutocreateQuota), config.int(Opt::AutocreateQuotaMessages));
    // As in C a quota that cannot be set is no reason to refuse the INBOX.
    let wanted = quota_limits(Some(storage), Some(messages));
    let _ = set_quota_limits(catalog, &session.imapd.store, &new.name, &wanted, false);
    Ok(entry)
}

/// Makes the INBOX of a user who logs in for the first time, where `autocreate_quota` says so; LIST tries again.
/// C: autocreate_inbox()
pub fn autocreate_inbox(session: &mut Session<'_>) {
    let Some(user) = &session.user else { return };
    if session.imapd.config.int(Opt::AutocreateQuota) < 0 {
        return;
    }
    let autocreate = Autocreate {
        catalog: &session.imapd.catalog,
        store: &session.imapd.store,
        auth: &user.auth,
        namespace: &user.namespace,
    };
    if let Err(error) = autocreate.user() {
        let shown = log::printable(user.auth.userid(), 256);
        log::write(Priority::Err, format_args!("autocreateinbox: User {shown}, INBOX failed. {error}"));
    }
}
