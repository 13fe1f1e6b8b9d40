//! Changing the ACL of a mailbox: entry, then cyrus.header.

use super::Actor;
use crate::Store;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::event::{EventKind, Order};
use crate::lock::{Mode, UserLock, Wait};
use crate::mailbox::Mailbox;
use cyrus_auth::{Denied, Op, Target, authorize};
use cyrus_base::config::Opt;
use cyrus_util::acl::{Acl, Rights, SetMode};
use cyrus_util::mboxname::{MboxName, Parts};
use std::sync::Arc;

impl Catalog {
    /// Gives `identifier` (canonical, perhaps with a minus) rights on a mailbox. `rights` as in
    /// SETACL, with `+` or `-` in front to add or take; none or empty removes the entry. The owner
    /// keeps the implicit rights. C: mboxlist_setacl()
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `InvalidRights`, `InvalidIdentifier`, `Io`.
    pub fn set_acl(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        name: &MboxName,
        identifier: &[u8],
        rights: Option<&[u8]>,
    ) -> Result<Acl> {
        let rules = self.rules();
        let identifier = Parts::from_userid(identifier, rules).userid().ok_or(Error::InvalidIdentifier)?;
        let owner = name.owner(rules);
        let is_own = owner.is_some() && owner.as_deref() == actor.userid();
        let is_owners_entry = owner.as_deref() == Some(identifier.as_slice());
        let entry = self.lookup_any(name)?;
        if entry.mbtype.is_moving() || entry.mbtype.is_reserved() || entry.mbtype.is_deleted() {
            return Err(Error::NotSupported);
        }
        if entry.mbtype.is_intermediate() {
            return Err(Error::NotFound);
        }
        let mut mailbox = Mailbox::open(store, lock, self.location(&entry)?, Mode::Shared, Wait::Block)?;
        let mut index = mailbox.lock_index(lock, Mode::Exclusive)?;
        let mut change = self.change_list(lock)?;
        let mut entry = change.lookup(name)?.ok_or(Error::NotFound)?;
        let mut acl = entry.acl();
        if let Actor::Session(state) = actor {
            // The stored list decides here; the owner's implicit rights are in it already.
            let target = Target { acl: &acl, owner: None };
            authorize(state, Op::Admin, &target).map(drop).map_err(|denied| match denied {
                Denied::Permission => Error::PermissionDenied,
                Denied::Hidden => Error::NotFound,
            })?;
        }
        if !actor.is_admin() && identifier.starts_with(b"anyone") && !self.config().switch(Opt::Anyoneuseracl)
        {
            return Err(Error::PermissionDenied);
        }
        let delete_right = self.delete_right();
        let asked = rights.map(|rights| SetMode::split(rights).1);
        let (mode, letters) = SetMode::split(rights.unwrap_or_default());
        let rights = Rights::parse_strict(letters, delete_right).map_err(|_| Error::InvalidRights)?;
        if !actor.is_admin()
            && is_owners_entry
            && rights.has(Rights::ADMIN) == (mode == SetMode::Remove)
            && mode != SetMode::Add
        {
            return Err(Error::PermissionDenied);
        }
        let implicit = self.config().bytes(Opt::ImplicitOwnerRights).unwrap_or(b"lkxan");
        let implicit = Rights::parse(implicit, delete_right);
        let keep = if is_own || is_owners_entry { owner } else { None };
        let identifier = self.canonical(identifier, rights)?;
        acl.set(&identifier, mode, rights, delete_right, |who, rights| {
            if keep.as_deref() == Some(who) { rights | implicit } else { rights }
        });
        entry.acl = Some(acl.clone());
        entry.foldermodseq = index.next_modseq()?;
        change.put(&entry)?;
        change.commit()?;
        let text = acl.print();
        index.change_mailbox_header(|header| header.acl = Some(text))?;
        if let Some(mut event) = index.event(EventKind::AclChange) {
            event.set_acl(&identifier, asked);
            event.set_user(actor.userid().unwrap_or_default());
            index.tell(Order::AfterModseq, event);
        }
        index.commit()?;
        self.sync_log(&[b"MAILBOX", name.as_bytes()]);
        Ok(acl)
    }

    /// The canonical form of an identifier, perhaps with a minus. One that has none can still lose
    /// its rights: it was good when they were given. C: cyrus_acl_set()
    fn canonical(&self, identifier: Vec<u8>, rights: Rights) -> Result<Vec<u8>> {
        let tolower = self.config().switch(Opt::UsernameTolower);
        let (minus, who) = match identifier.strip_prefix(b"-") {
            Some(who) => (b"-".as_slice(), who),
            None => (b"".as_slice(), identifier.as_slice()),
        };
        match cyrus_auth::canonical_identifier(who, tolower) {
            Some(canonical) => Ok([minus, &canonical].concat()),
            None if rights.is_empty() && !who.is_empty() => Ok(identifier),
            None => Err(Error::InvalidIdentifier),
        }
    }
}
