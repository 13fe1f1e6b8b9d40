//! CREATE (RFC 3501 6.3.3, RFC 6154 3, RFC 8474 4), and the INBOX that a first login makes.
//!
//! DIAGNOSTICS: `autocreateinbox: ...` and `autosubscribe: ...` in C's words.

use crate::command::CreateOptions;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{AuthState, Granted};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::store::annotate::Scope;
use libcyrus::store::lock::{Mode, UserLock, Wait};
use libcyrus::store::mailbox::{Mailbox, Touch};
use libcyrus::store::mboxlist::{Actor, Find, MbEntry, MbKind, MbType, NewMailbox, Step};
use libcyrus::store::quota::{Limit, Quota};
use libcyrus::store::subs::Subscribe;
use libcyrus::store::{Error, Resource, Result};
use libcyrus::util::mboxname::{MboxName, Parts};
use std::ops::ControlFlow;

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
    if is_special && !user.auth.is_admin() && is_frontend {
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
        give_special_uses(session, &lock, &entry, &uses)?;
    }
    Ok(entry.uniqueid.unwrap_or_default())
}

/// Gives a new mailbox its special uses, and counts the annotation in its index as quotas need it.
fn give_special_uses(session: &Session<'_>, lock: &UserLock, entry: &MbEntry, uses: &[&[u8]]) -> Result<()> {
    let catalog = &session.imapd.catalog;
    catalog.set_special_uses(entry, uses)?;
    let location = catalog.location(entry)?;
    let owner = entry.name.owner(catalog.rules()).unwrap_or_default();
    let mut mailbox = Mailbox::open(&session.imapd.store, lock, location, Mode::Shared, Wait::Block)?;
    let mut index = mailbox.lock_index(lock, Mode::Exclusive)?;
    // As C: with the counters of `conversations` the new mailbox has its modseq already.
    let touch = match session.imapd.config.switch(Opt::Conversations) {
        true => Touch::Silent,
        false => Touch::Modseq,
    };
    index.annotation_changed(None, b"/specialuse", &owner, b"", &uses.join(&b' '), touch)?;
    index.commit().map(drop)
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
    let (storage, messages) = autocreate_quotas(session);
    // As in C a quota that cannot be set is no reason to refuse the INBOX.
    let _ = super::quota::set_limits(session, &new.name, &quota_limits(Some(storage), Some(messages)), lock);
    Ok(entry)
}

fn autocreate_quotas(session: &Session<'_>) -> (i64, i64) {
    let config = &session.imapd.config;
    (config.int(Opt::AutocreateQuota), config.int(Opt::AutocreateQuotaMessages))
}

fn quota_limits(storage: Option<i64>, messages: Option<i64>) -> Quota {
    let mut quota = Quota::default();
    for (resource, limit) in [(Resource::Storage, storage), (Resource::Message, messages)] {
        quota.set(resource, Limit { used: 0, limit: limit.filter(|limit| *limit >= 0) });
    }
    quota
}

/// Makes the INBOX of a user who logs in for the first time, with its folders, quota and
/// subscriptions, where `autocreate_quota` says so; LIST tries again. C: autocreate_inbox(), autocreate_user()
pub fn autocreate_inbox(session: &mut Session<'_>) {
    let Some(user) = &session.user else { return };
    let config = &session.imapd.config;
    let catalog = &session.imapd.catalog;
    if user.auth.is_admin() || config.int(Opt::AutocreateQuota) < 0 || user.auth.userid() == b"anonymous" {
        return;
    }
    let inbox = MboxName::user_inbox(user.auth.userid(), catalog.rules());
    if !matches!(catalog.lookup(&inbox), Err(Error::NotFound)) {
        return;
    }
    let is_listed = config.words(Opt::AutocreateUsers).any(|word| user.auth.is_member(word.as_bytes()));
    if user.auth.has_role(config, libcyrus::auth::Role::Proxy) || !is_listed {
        return;
    }
    let shown = log::printable(user.auth.userid(), 256);
    if let Err(error) = autocreate_user(session, &user.auth, &inbox, &shown) {
        log::write(Priority::Err, format_args!("autocreateinbox: User {shown}, INBOX failed. {error}"));
    }
}

fn autocreate_user(session: &Session<'_>, auth: &AuthState, inbox: &MboxName, shown: &str) -> Result<()> {
    let config = &session.imapd.config;
    let catalog = &session.imapd.catalog;
    let store = &session.imapd.store;
    let actor = Actor::Tool(Granted::admin("autocreate"));
    let lock = store.lock_owner(Some(auth.userid()), Mode::Exclusive)?;
    let new = |name| NewMailbox { told_for: Some(auth.userid().to_vec()), ..NewMailbox::named(name) };
    catalog.create_mailbox(store, &lock, &actor, &new(inbox.clone()))?;
    catalog.change_subscription(auth, inbox, Subscribe::Force)?;
    let (storage, messages) = autocreate_quotas(session);
    let some = |limit: i64| (limit != 0).then_some(limit);
    if storage >= 0 || messages >= 0 {
        super::quota::set_limits(session, inbox, &quota_limits(some(storage), some(messages)), &lock)?;
    }
    log::write(
        Priority::Notice,
        format_args!("autocreateinbox: User {shown}, INBOX was successfully created"),
    );
    let list =
        |opt| config.string(opt).unwrap_or_default().split('|').map(str::trim).filter(|w| !w.is_empty());
    let (mut created, mut subscribed) = (0, 0);
    for folder in list(Opt::AutocreateInboxFolders) {
        let name = MboxName::new([inbox.as_bytes(), b".", folder.as_bytes()].concat());
        let entry = match catalog.create_mailbox(store, &lock, &actor, &new(name.clone())) {
            Ok(entry) => entry,
            Err(error) => {
                let text = format!("User {shown}, subfolder {folder} creation failed. {error}");
                log::write(Priority::Warning, format_args!("autocreateinbox: {text}"));
                continue;
            }
        };
        created += 1;
        let text = format!("User {shown}, subfolder {folder} creation succeeded.");
        log::write(Priority::Notice, format_args!("autocreateinbox: {text}"));
        if list(Opt::AutocreateSubscribeFolders).any(|each| each == folder) {
            match catalog.change_subscription(auth, &name, Subscribe::Force) {
                Ok(()) => {
                    subscribed += 1;
                    let text = format!("User {shown}, subscription to {folder} succeeded");
                    log::write(Priority::Notice, format_args!("autocreateinbox: {text}"));
                }
                Err(error) => {
                    let text = format!("User {shown}, subscription to  {folder} failed. {error}");
                    log::write(Priority::Warning, format_args!("autocreateinbox: {text}"));
                }
            }
        }
        autocreate_extras(session, &lock, &actor, &entry, folder);
    }
    if created > 0 {
        let text = format!("User {shown}, Inbox subfolders, created {created}, subscribed {subscribed}");
        log::write(Priority::Info, format_args!("{text}"));
    }
    drop(lock);
    let subscribed = autosubscribe_shared(session, auth, shown);
    libcyrus::dav::sieve::autocreate(catalog, auth.userid());
    subscribed
}

/// `xlist-USE: FOLDER` and `autocreate_acl: FOLDER IDENTIFIER RIGHTS`.
fn autocreate_extras(
    session: &Session<'_>,
    lock: &UserLock,
    actor: &Actor<'_>,
    entry: &MbEntry,
    folder: &str,
) {
    let catalog = &session.imapd.catalog;
    let config = &session.imapd.config;
    for (key, value) in config.overflows() {
        let Some(word) = key.strip_prefix("xlist-") else { continue };
        if value != folder.as_bytes() {
            continue;
        }
        let given = format!("\\{word}");
        if let Err(error) = give_special_uses(session, lock, entry, &[given.as_bytes()]) {
            let text = format!("failed to set specialuse {given} for {}: {error}", entry.name);
            log::write(Priority::Warning, format_args!("autocreate: {text}"));
        }
    }
    let acl = config.overflow("autocreate_acl").unwrap_or_default();
    let words: Vec<&str> = acl.split_ascii_whitespace().collect();
    for triple in words.chunks_exact(3) {
        let [name, identifier, rights] = triple else { continue };
        if *name != folder {
            continue;
        }
        let set = catalog.set_acl(
            &session.imapd.store,
            lock,
            actor,
            &entry.name,
            identifier.as_bytes(),
            Some(rights.as_bytes()),
        );
        if let Err(error) = set {
            let text = format!("autocreate_acl {folder} {identifier} {rights}: {error}");
            log::write(Priority::Warning, format_args!("{text}"));
        }
    }
}

/// `autocreate_subscribe_sharedfolders` and its `_all`.
fn autosubscribe_shared(session: &Session<'_>, auth: &AuthState, shown: &str) -> Result<()> {
    let config = &session.imapd.config;
    let catalog = &session.imapd.catalog;
    if config.switch(Opt::AutocreateSubscribeSharedfoldersAll) {
        let Some(user) = &session.user else { return Ok(()) };
        let find = Find { namespace: &user.namespace, auth, is_admin: false, patterns: &[b"*".to_vec()] };
        let mut names = Vec::new();
        catalog.find_all(&find, |step| {
            if let Step::Name(found) = step
                && found.is_exact
                && found.parts.localpart.is_none()
            {
                names.push(found.parts.to_name(catalog.rules()));
            }
            ControlFlow::Continue(())
        })?;
        for name in names {
            // What was not asked for by name may fail silently, as in C.
            let _ = catalog.change_subscription(auth, &name, Subscribe::Existing);
        }
        return Ok(());
    }
    let folders = config.string(Opt::AutocreateSubscribeSharedfolders).unwrap_or_default();
    for folder in folders.split('|').map(str::trim).filter(|folder| !folder.is_empty()) {
        let name = MboxName::new(folder.as_bytes());
        match catalog.change_subscription(auth, &name, Subscribe::Existing) {
            Ok(()) => {
                let text = format!("User {shown} to folder {folder}, subscription succeeded");
                log::write(Priority::Notice, format_args!("autosubscribe: {text}"));
            }
            Err(error) => {
                let text = format!("User {shown} to folder {folder}, subscription failed: {error}");
                log::write(Priority::Warning, format_args!("autosubscribe: {text}"));
            }
        }
    }
    Ok(())
}
