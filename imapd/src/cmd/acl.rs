//! GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS (RFC 4314 3).

use crate::mailboxes::Found;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{self, AuthState, Op, UserIdRules};
use libcyrus::base::config::Opt;
use libcyrus::store::lock::Mode;
use libcyrus::store::mboxlist::Actor;
use libcyrus::store::{Error, Result};
use libcyrus::util::acl::Rights;
use libcyrus::util::imapstr::put_astring;

/// Any of these makes a mailbox one whose rights may be asked for (RFC 4314 3.5).
fn shows() -> Rights {
    Rights::LOOKUP | Rights::READ | Rights::INSERT | Rights::CREATE | Rights::DELETEMBOX | Rights::ADMIN
}

/// GETACL: the list as it is stored.
pub fn get(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    let name = session.internal_name(mailbox);
    let found = match session.find(&name) {
        Ok(found) => found,
        Err(error) => return finish(session, Err(error.into())),
    };
    if let Err(answer) = session.authorize(Op::Admin, &found) {
        return finish(session, Err(answer));
    }
    let mut line = b"* ACL ".to_vec();
    put_astring(&mut line, mailbox);
    for entry in found.acl.entries() {
        line.push(b' ');
        put_astring(&mut line, &entry.identifier);
        line.push(b' ');
        put_astring(&mut line, &entry.rights);
    }
    line.extend_from_slice(b"\r\n");
    finish(session, Ok(line))
}

/// SETACL.
pub fn set(session: &mut Session<'_>, mailbox: &[u8], identifier: &[u8], rights: &[u8]) -> Flow {
    change(session, mailbox, identifier, Some(rights))
}

/// DELETEACL.
pub fn delete(session: &mut Session<'_>, mailbox: &[u8], identifier: &[u8]) -> Flow {
    change(session, mailbox, identifier, None)
}

fn change(session: &mut Session<'_>, mailbox: &[u8], identifier: &[u8], rights: Option<&[u8]>) -> Flow {
    let name = session.internal_name(mailbox);
    let found = session.find(&name);
    if !session.imapd.config.switch(Opt::Allowsetacl) {
        return finish(session, Err(Answer::no("Command is disabled by configuration")));
    }
    let found = match found {
        Ok(found) => found,
        Err(error) => return finish(session, Err(error.into())),
    };
    if let Some(Err(letter)) = rights.filter(|rights| !rights.is_empty()).map(Rights::check) {
        let letter = char::from(letter);
        return Answer::bad(format!("The {letter} right is not supported")).into();
    }
    let outcome = change_found(session, &found, identifier, rights);
    finish(session, outcome.map(|()| Vec::new()).map_err(Answer::from))
}

fn change_found(
    session: &Session<'_>,
    found: &Found,
    identifier: &[u8],
    rights: Option<&[u8]>,
) -> Result<()> {
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let (catalog, store) = (&session.imapd.catalog, &session.imapd.store);
    let lock = store.lock_owner(found.owner.as_deref(), Mode::Exclusive)?;
    let actor = Actor::Session(&user.auth);
    catalog.set_acl(store, &lock, &actor, &found.entry.name, identifier, rights).map(drop)
}

/// LISTRIGHTS: what an identifier always has, and what it can be given.
pub fn list_rights(session: &mut Session<'_>, mailbox: &[u8], identifier: &[u8]) -> Flow {
    let name = session.internal_name(mailbox);
    let line = match session.find(&name) {
        Ok(found) => rights_line(session, &found, mailbox, identifier),
        Err(error) => Err(error),
    };
    finish(session, line.map_err(Answer::from))
}

fn rights_line(session: &Session<'_>, found: &Found, mailbox: &[u8], identifier: &[u8]) -> Result<Vec<u8>> {
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let is_own = found.owner.as_deref() == Some(user.auth.userid());
    if user.auth.rights(&found.acl).is_empty() && !user.auth.is_admin() && !is_own {
        return Err(Error::NotFound);
    }
    let config = &session.imapd.config;
    let canonical = if AuthState::new(config, identifier).is_admin() {
        Some(identifier.to_vec())
    } else {
        auth::canonical_userid(identifier, Some(user.auth.userid()), &UserIdRules::new(config), || None)
    };
    let rules = session.imapd.catalog.rules();
    let implicit = match &canonical {
        None => Rights::NONE,
        Some(who) if found.owner.as_ref() == Some(who) => user.auth.implicit_owner_rights(),
        Some(_) if found.entry.name.is_user_inbox(rules) => Rights::POST,
        Some(_) => Rights::NONE,
    };
    let optional = if canonical.is_some() { (!Rights::NONE).without(implicit) } else { implicit };
    let mut line = b"* LISTRIGHTS ".to_vec();
    put_astring(&mut line, mailbox);
    line.push(b' ');
    put_astring(&mut line, identifier);
    line.push(b' ');
    if implicit.is_empty() {
        line.extend_from_slice(b"\"\"");
    } else {
        line.extend_from_slice(implicit.print(user.auth.delete_right()).as_bytes());
    }
    for letter in optional.print(user.auth.delete_right()).bytes() {
        line.extend_from_slice(&[b' ', letter]);
    }
    line.extend_from_slice(b"\r\n");
    Ok(line)
}

/// MYRIGHTS.
pub fn my_rights(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    let name = session.internal_name(mailbox);
    let line = match (session.find(&name), &session.user) {
        (Ok(found), Some(user)) => {
            let is_own = found.owner.as_deref() == Some(user.auth.userid());
            my_rights_line(&user.auth, &found.acl, is_own, mailbox).ok_or(Error::NotFound)
        }
        (Ok(_), None) => Err(Error::PermissionDenied),
        (Err(error), _) => Err(error),
    };
    finish(session, line.map_err(Answer::from))
}

/// `* MYRIGHTS name rights`; `None` where not even that may be known.
pub(super) fn my_rights_line(
    auth: &AuthState,
    acl: &libcyrus::util::acl::Acl,
    is_own: bool,
    mailbox: &[u8],
) -> Option<Vec<u8>> {
    let mut rights = auth.rights(acl);
    if auth.is_admin() {
        rights |= Rights::LOOKUP | Rights::ADMIN;
    } else if is_own {
        rights |= auth.implicit_owner_rights();
    }
    if !rights.has_any(shows()) {
        return None;
    }
    let mut line = b"* MYRIGHTS ".to_vec();
    put_astring(&mut line, mailbox);
    line.push(b' ');
    put_astring(&mut line, rights.print(auth.delete_right()).as_bytes());
    line.extend_from_slice(b"\r\n");
    Some(line)
}

fn finish(session: &mut Session<'_>, outcome: std::result::Result<Vec<u8>, Answer>) -> Flow {
    super::noop::check(session);
    match outcome {
        Ok(line) => {
            session.stream.write(&line);
            Answer::completed().into()
        }
        Err(answer) => answer.into(),
    }
}
