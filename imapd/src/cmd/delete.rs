//! DELETE (RFC 3501 6.3.4): a mailbox, or by an administrator a whole user.

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::Granted;
use libcyrus::base::config::Opt;
use libcyrus::service::proc;
use libcyrus::store::lock::Mode;
use libcyrus::store::mboxlist::{Actor, DeleteHow};
use libcyrus::store::subs::Subscribe;
use libcyrus::store::{Error, Result};
use libcyrus::util::mboxname::MboxName;

/// DELETE.
pub fn delete(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    let name = session.internal_name(mailbox);
    let outcome = try_delete(session, &name);
    if outcome.is_ok()
        && session.imapd.config.switch(Opt::DeleteUnsubscribe)
        && let Some(user) = &session.user
    {
        // The mailbox is gone either way.
        let _ = session.imapd.catalog.change_subscription(&user.auth, &name, Subscribe::Remove);
    }
    let is_gone = session.imapd.config.choice(Opt::DeleteMode) == "immediate"
        || name.is_deleted(session.imapd.catalog.rules());
    if outcome.is_ok() && is_gone {
        // Who still has it selected is sent away, as its files are gone (C: mailbox_delete()).
        libcyrus::service::proc::kill_mailbox(&session.imapd.config, name.as_bytes());
    }
    super::noop::check(session);
    match outcome {
        Ok(()) => Answer::completed().into(),
        Err(error) => Answer::from(error).into(),
    }
}

fn try_delete(session: &mut Session<'_>, name: &MboxName) -> Result<()> {
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let (catalog, store) = (&session.imapd.catalog, &session.imapd.store);
    let owner = name.owner(catalog.rules());
    let lock = store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
    let found = session.find(name)?;
    let is_user = name.is_user_inbox(catalog.rules());
    if name.is_deleted(catalog.rules()) {
        // Whoever may see it may wipe it: C asks for no right here.
        let granted = Granted::admin("DELETE");
        return catalog.wipe_mailbox(store, &lock, granted, name, user.auth.userid());
    }
    if !is_user && catalog.has_children(name)? {
        return Err(Error::HasChildren);
    }
    catalog.delete_mailbox(store, &lock, &Actor::Session(&user.auth), name, DeleteHow::Configured)?;
    let Some(userid) = owner.filter(|_| is_user) else { return Ok(()) };
    let mut refused = Vec::new();
    for entry in catalog.user_mailboxes(&userid, false)? {
        let actor = Actor::Tool(Granted::admin("DELETE"));
        if let Err(error) = catalog.delete_mailbox(store, &lock, &actor, &entry.name, DeleteHow::WithUser) {
            refused.extend_from_slice(b"* NO delete ");
            refused.extend_from_slice(entry.name.as_bytes());
            refused.extend_from_slice(format!(": {error}\r\n").as_bytes());
        }
    }
    catalog.delete_user_data(&lock, &userid, &found.entry)?;
    drop(lock);
    proc::kill_user(&session.imapd.config, &userid);
    session.stream.write(&refused);
    Ok(())
}
