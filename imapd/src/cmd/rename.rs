//! RENAME (RFC 3501 6.3.5): trees, INBOX, users and partitions.

use crate::host::ProcessHost;
use crate::mailboxes::Found;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{Granted, Op, ServerOp};
use libcyrus::base::config::Opt;
use libcyrus::imap::view::{Access, By, View};
use libcyrus::store::append::{AppendTxn, CopyFlags, QuotaCheck};
use libcyrus::store::lock::{Mode, UserLock, Wait};
use libcyrus::store::mailbox::Mailbox;
use libcyrus::store::mboxlist::{Actor, MbEntry, NewMailbox, RenameHow, Show};
use libcyrus::store::subs::Subscribe;
use libcyrus::store::{Error, Result};
use libcyrus::util::acl::Rights;
use libcyrus::util::ids::ModSeq;
use libcyrus::util::mboxname::{MAX_MAILBOX_NAME, MboxName};
use libcyrus::util::seqset::SeqSet;
use std::ops::ControlFlow;

/// RENAME.
pub fn rename(session: &mut Session<'_>, from: &[u8], to: &[u8], partition: Option<&[u8]>) -> Flow {
    if partition.is_some() && session.authorize_server(ServerOp::Place).is_err() {
        return Answer::from(Error::PermissionDenied).into();
    }
    if partition.is_some() && from != to {
        return Answer::no("Cross-server or cross-partition move w/rename not supported").into();
    }
    let is_own_inbox = from.eq_ignore_ascii_case(b"INBOX");
    let (from, to) = (session.internal_name(from), session.internal_name(to));
    let outcome = if is_own_inbox {
        rename_inbox(session, &from, &to)
    } else {
        rename_tree(session, &from, &to, partition)
    };
    super::noop::check(session);
    match outcome {
        Ok(()) => Answer::completed().into(),
        Err(error) => Answer::from(error).into(),
    }
}

/// The namespace locks of both owners, in the order of the names.
fn lock_both(session: &Session<'_>, from: &MboxName, to: &MboxName) -> Result<(UserLock, UserLock)> {
    let store = &session.imapd.store;
    let rules = session.imapd.catalog.rules();
    let (from_owner, to_owner) = (from.owner(rules), to.owner(rules));
    if from < to {
        let first = store.lock_owner(from_owner.as_deref(), Mode::Exclusive)?;
        Ok((first, store.lock_owner(to_owner.as_deref(), Mode::Exclusive)?))
    } else {
        let second = store.lock_owner(to_owner.as_deref(), Mode::Exclusive)?;
        Ok((store.lock_owner(from_owner.as_deref(), Mode::Exclusive)?, second))
    }
}

/// The entry to rename; an intermediate name may be renamed by who may rename what is below it.
fn find_source(session: &Session<'_>, from: &MboxName) -> Result<MbEntry> {
    match session.find(from) {
        Ok(found) => return Ok(found.entry),
        Err(Error::NotFound) => {}
        Err(error) => return Err(error),
    }
    let catalog = &session.imapd.catalog;
    let entry = catalog.lookup_any(from)?;
    if entry.mbtype.is_reserved() || entry.mbtype.is_deleted() {
        return Err(Error::NotFound);
    }
    if entry.mbtype.is_intermediate() {
        let mut verdict = Ok(());
        catalog.each_entry(&from.to_db(catalog.rules()), Show::Mailboxes, |child| {
            let (acl, owner) = (child.acl(), child.name.owner(catalog.rules()));
            let below = Found { entry: child, acl, owner };
            if let Err(answer) = session.authorize(Op::DeleteMailbox, &below) {
                verdict =
                    Err(if answer.is_nonexistent() { Error::NotFound } else { Error::PermissionDenied });
            }
            ControlFlow::Break(())
        })?;
        verdict?;
    }
    Ok(entry)
}

fn rename_tree(
    session: &mut Session<'_>,
    from: &MboxName,
    to: &MboxName,
    partition: Option<&[u8]>,
) -> Result<()> {
    let (lock, other) = lock_both(session, from, to)?;
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let (catalog, store) = (&session.imapd.catalog, &session.imapd.store);
    let rules = catalog.rules();
    let entry = find_source(session, from)?;
    let config = &session.imapd.config;
    let is_user = config.switch(Opt::Allowusermoves)
        && from.is_user_inbox(rules)
        && to.is_user_inbox(rules)
        && from != to
        && session.authorize_server(ServerOp::MoveUser).is_ok();
    let is_nested = from != to && (to.is_in_tree_of(from) || from.is_in_tree_of(to));
    let is_tree = !is_nested && from != to;
    let tool = Actor::Tool(Granted::admin("RENAME"));
    let mut children = Vec::new();
    if is_tree {
        let mut checked = Ok(());
        catalog.each_child(from, Show::Living, |child| {
            children.push(child);
            ControlFlow::Continue(())
        })?;
        for child in children.iter().filter(|child| !child.mbtype.is_intermediate()) {
            let Some(target) = child.name.rebase(from, to) else { continue };
            if target.as_bytes().len() > MAX_MAILBOX_NAME {
                checked = Err(Error::BadName);
            } else if checked.is_ok() {
                checked = catalog.check_create(&tool, &target, true);
            }
        }
        checked?;
    }
    let how = RenameHow {
        partition: partition.map(<[u8]>::to_vec).or_else(|| entry.partition.clone()),
        force_user: false,
        leaves_gaps: true,
    };
    catalog.rename_mailbox(store, &lock, &Actor::Session(&user.auth), from, to, &how)?;
    let unsubscribes = config.switch(Opt::DeleteUnsubscribe);
    let unsubscribe = |name: &MboxName| {
        if unsubscribes {
            // The name is gone either way.
            let _ = catalog.change_subscription(&user.auth, name, Subscribe::Remove);
        }
    };
    unsubscribe(from);
    let (olduser, newuser) = (from.owner(rules).unwrap_or_default(), to.owner(rules).unwrap_or_default());
    if is_user {
        give_to_new_user(session, &other, from, to, &olduser, &newuser)?;
        if entry.mbtype.has_legacy_dirs() {
            catalog.rename_user_files(&lock, &olduser, &newuser)?;
        }
    }
    let mut told = Vec::new();
    let mut tell = |line: &[u8], from: &MboxName, to: &MboxName, tail: &str| {
        let ext =
            |name: &MboxName| user.namespace.to_external(name, Some(user.auth.userid())).unwrap_or_default();
        told.extend_from_slice(line);
        told.extend_from_slice(&ext(from));
        told.push(b' ');
        told.extend_from_slice(&ext(to));
        told.extend_from_slice(tail.as_bytes());
        told.extend_from_slice(b"\r\n");
    };
    // The same name counts as a tree to C; its children stay where they are.
    if !is_nested {
        tell(b"* OK rename ", from, to, "");
    }
    let mut outcome = Ok(());
    for child in children {
        let Some(target) = child.name.rebase(from, to) else { continue };
        let how = RenameHow { partition: None, force_user: true, leaves_gaps: true };
        match catalog.rename_mailbox(store, &lock, &tool, &child.name, &target, &how) {
            Ok(()) => {
                unsubscribe(&child.name);
                if is_user {
                    give_to_new_user(session, &other, &child.name, &target, &olduser, &newuser)?;
                }
                tell(b"* OK rename ", &child.name, &target, "");
            }
            Err(error) => {
                tell(b"* NO rename ", &child.name, &target, &format!(": {error}"));
                outcome = Err(error);
                break;
            }
        }
    }
    catalog.fill_around(store, &lock, from, to, ModSeq(0))?;
    if is_user && outcome.is_ok() {
        catalog.delete_user_quotas(&olduser)?;
        catalog.sync_log(&[b"UNUSER", &olduser]);
        catalog.sync_log(&[b"USER", &newuser]);
    }
    session.stream.write(&told);
    outcome
}

/// Quota limits and ACL entries of the old userid go to the new one.
/// C: user_copyquotaroot(), user_renameacl()
fn give_to_new_user(
    session: &Session<'_>,
    lock: &UserLock,
    from: &MboxName,
    to: &MboxName,
    olduser: &[u8],
    newuser: &[u8],
) -> Result<()> {
    let (catalog, store) = (&session.imapd.catalog, &session.imapd.store);
    match catalog.read_quota(from) {
        Ok(quota) => libcyrus::quota::set_quota_limits(
            &session.imapd.catalog,
            &session.imapd.store,
            to,
            &quota,
            false,
        )?,
        Err(Error::QuotaRootNotFound) => {}
        Err(error) => return Err(error),
    }
    let entry = match catalog.lookup(to) {
        Ok(entry) => entry,
        Err(Error::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    let actor = Actor::Tool(Granted::admin("RENAME"));
    for each in entry.acl().entries() {
        if each.identifier == olduser {
            catalog.set_acl(store, lock, &actor, to, newuser, Some(&each.rights))?;
            catalog.set_acl(store, lock, &actor, to, olduser, None)?;
        }
    }
    Ok(())
}

/// RENAME of one's own INBOX moves its messages to a new mailbox; INBOX and all below it stay.
fn rename_inbox(session: &mut Session<'_>, from: &MboxName, to: &MboxName) -> Result<()> {
    let (lock, _other) = lock_both(session, from, to)?;
    let entry = find_source(session, from)?;
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let (catalog, store) = (&session.imapd.catalog, &session.imapd.store);
    let new = NewMailbox {
        partition: entry.partition.clone(),
        mbtype: entry.mbtype,
        ..NewMailbox::named(to.clone())
    };
    let created = catalog.create_mailbox(store, &lock, &Actor::Session(&user.auth), &new)?;
    let rights = user.auth.rights(&entry.acl());
    let access = Access {
        examining: false,
        set_seen: rights.has(Rights::SETSEEN),
        write: rights.has(Rights::WRITE),
        delete_messages: rights.has(Rights::DELETEMSG),
        expunge: rights.has(Rights::EXPUNGE),
        sees_expunged: false,
    };
    let target_rights = user.auth.rights(&created.acl());
    let userid = user.auth.userid().to_vec();
    let source = Mailbox::open(store, &lock, catalog.location(&entry)?, Mode::Shared, Wait::Block)?;
    let mut target = Mailbox::open(store, &lock, catalog.location(&created)?, Mode::Shared, Wait::Block)?;
    let location = target.location().clone();
    let mut host = ProcessHost { imapd: session.imapd, userid: &userid };
    let mut view = View::open(source, &userid, access, &mut host)?;
    let all = view.resolve(&[(Some(1), None)], By::Uid);
    let msgnos: Vec<_> = view.select(&all, By::Uid).collect();
    let seen: Vec<bool> = msgnos.iter().map(|&n| view.row(n).is_some_and(|row| row.seen)).collect();
    let records = view.records(&msgnos)?;
    if records.is_empty() {
        return Ok(());
    }
    let index = target.lock_index(&lock, Mode::Exclusive)?;
    let uniqueid = index.mailbox_header().uniqueid.clone();
    let mut append = AppendTxn::begin(index, &userid, QuotaCheck::Skip)?;
    for ((_, record), seen) in records.iter().zip(seen) {
        let flags = CopyFlags {
            may_write: target_rights.has(Rights::WRITE),
            may_delete: target_rights.has(Rights::DELETEMSG),
            seen: seen && target_rights.has(Rights::SETSEEN),
        };
        append.copy(view.mailbox_mut(), record, flags)?;
    }
    let appended = append.commit()?;
    host.appended(&location, &uniqueid, &appended);
    let moved = SeqSet::from_sorted(records.iter().map(|(_, record)| record.uid.0));
    view.expunge(Some(&moved), false, &mut host)?;
    Ok(())
}
