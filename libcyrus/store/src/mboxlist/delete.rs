//! Deleting mailboxes: at once, or by moving them to the deleted namespace first.

use super::{Actor, MbEntry};
use crate::Store;
use crate::catalog::Catalog;
use crate::counters::Scope;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind, Place};
use crate::lock::{Mode, UserLock, Wait};
use crate::mailbox::Mailbox;
use crate::mboxlist::rename::RenameHow;
use cyrus_auth::{Denied, Granted, Op, Target, authorize};
use cyrus_base::config::Opt;
use cyrus_util::acl::Rights;
use cyrus_util::ids::UnixTime;
use cyrus_util::mboxname::MboxName;
use std::sync::Arc;

/// How a mailbox is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteHow {
    /// As `delete_mode` says; what is in the deleted namespace already goes at once.
    Configured,
    /// The same as one of a user's mailboxes that all go: names missing above others stay so.
    WithUser,
    /// Now, files and all.
    Immediately,
}

impl Catalog {
    /// Deletes one mailbox; its children stay. C: mboxlist_deletemailbox(),
    /// mboxlist_delayed_deletemailbox()
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `NotSupported` for one's own INBOX, `SpecialUse`, `Io`.
    pub fn delete_mailbox(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        name: &MboxName,
        how: DeleteHow,
    ) -> Result<()> {
        let entry = self.check_delete(actor, name)?;
        let event = actor.userid().and_then(|userid| self.event_of(EventKind::MailboxDelete, userid));
        self.delete_granted(store, lock, &entry, how, event)
    }

    /// Deletes a mailbox of the deleted namespace for good, whatever its ACL says.
    ///
    /// # Errors
    /// As [`Catalog::delete_mailbox`].
    pub fn wipe_mailbox(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        granted: Granted,
        name: &MboxName,
        userid: &[u8],
    ) -> Result<()> {
        let entry = self.check_delete(&Actor::Tool(granted), name)?;
        let event = self.event_of(EventKind::MailboxDelete, userid);
        self.delete_granted(store, lock, &entry, DeleteHow::Configured, event)
    }

    fn delete_granted(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        entry: &MbEntry,
        how: DeleteHow,
        event: Option<Event>,
    ) -> Result<()> {
        let name = &entry.name;
        let delayed = self.config().choice(Opt::DeleteMode) == "delayed";
        if how != DeleteHow::Immediately && delayed && !name.is_deleted(self.rules()) {
            let to = self.free_deleted_name(name)?;
            self.rename_granted(store, lock, entry, &to, &RenameHow::default(), event)?;
            let modseq = self.lookup_any(&to)?.foldermodseq;
            self.keep_modseq(&to, modseq, entry.mbtype.kind, Scope::ContentDeleted);
            return match how {
                DeleteHow::WithUser => Ok(()),
                _ => self.fill_around(store, lock, name, &to, modseq),
            };
        }
        self.delete_now(store, lock, entry, how, event)
    }

    /// Deleting twice in one second must not meet the first one's name.
    fn free_deleted_name(&self, name: &MboxName) -> Result<MboxName> {
        let mut at = UnixTime::now().0;
        loop {
            let to = name.to_deleted(at, self.rules());
            match self.lookup_any(&to) {
                Ok(_) => at = at.saturating_add(1),
                Err(Error::NotFound) => return Ok(to),
                Err(error) => return Err(error),
            }
        }
    }

    fn check_delete(&self, actor: &Actor<'_>, name: &MboxName) -> Result<MbEntry> {
        let parts = name.parts(self.rules());
        let owner = parts.userid();
        if owner.is_some() && parts.boxes.is_empty() {
            if owner.as_deref() == actor.userid() {
                return Err(Error::NotSupported);
            }
            if !actor.is_admin() {
                return Err(Error::PermissionDenied);
            }
        }
        let entry = self.lookup_any(name)?;
        if entry.mbtype.is_deleted() {
            return Err(Error::NotFound);
        }
        if !actor.is_admin() && owner.is_some() {
            self.check_specialuse_protect(&entry)?;
        }
        let Actor::Session(state) = actor else { return Ok(entry) };
        if entry.mbtype.is_intermediate() {
            return Ok(entry);
        }
        let acl = entry.acl();
        match authorize(state, Op::DeleteMailbox, &Target { acl: &acl, owner: owner.as_deref() }) {
            // Administrators need the right too: it guards them against a slip.
            Ok(granted) if granted.rights().has(Rights::DELETEMBOX) => Ok(entry),
            Ok(_) | Err(Denied::Permission) => Err(Error::PermissionDenied),
            Err(Denied::Hidden) => {
                let is_own = owner.as_deref() == Some(state.userid());
                let is_ruler = is_own && state.implicit_owner_rights().has(Rights::ADMIN);
                Err(if is_ruler { Error::PermissionDenied } else { Error::NotFound })
            }
        }
    }

    /// `specialuse_protect`: folders with such a use are not deleted by users.
    pub(super) fn check_specialuse_protect(&self, entry: &MbEntry) -> Result<()> {
        let config = self.config();
        if config.string(Opt::SpecialuseProtect).is_none() {
            return Ok(());
        }
        let uses = self.special_uses(entry)?;
        let protected = config
            .words(Opt::SpecialuseProtect)
            .any(|word| uses.iter().any(|each| each.eq_ignore_ascii_case(word.as_bytes())));
        if protected { Err(Error::SpecialUse) } else { Ok(()) }
    }

    fn delete_now(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        entry: &MbEntry,
        how: DeleteHow,
        mut event: Option<Event>,
    ) -> Result<()> {
        let in_deleted = entry.name.is_deleted(self.rules());
        if entry.mbtype.is_intermediate() {
            if in_deleted {
                return self.remove_entry(lock, &entry.name);
            }
            let kind = entry.mbtype.kind;
            let foldermodseq = self.step_modseq(&entry.name, entry.foldermodseq, kind, Scope::FolderDeleted);
            self.update_entry(
                lock,
                &MbEntry { mbtype: entry.mbtype.deleted(), foldermodseq, ..entry.clone() },
            )?;
            self.keep_modseq(&entry.name, foldermodseq, kind, Scope::Folder);
            return Ok(());
        }
        let location = self.location(entry)?;
        let mut mailbox = Mailbox::open(store, lock, location, Mode::Exclusive, Wait::Block)?;
        let mut index = mailbox.lock_index(lock, Mode::Exclusive)?;
        let header = index.header().clone();
        let modseq = if in_deleted { header.highestmodseq } else { index.next_modseq()? };
        index.commit()?;
        if in_deleted {
            self.remove_entry(lock, &entry.name)?;
        } else {
            let has_children = self.has_children(&entry.name)?;
            let kind = super::MbType::of(super::MbKind::Email);
            let tombstone = MbEntry {
                name: entry.name.clone(),
                mbtype: if has_children { kind.with_intermediate(true) } else { kind.deleted() },
                uniqueid: entry.uniqueid.clone(),
                uidvalidity: header.uidvalidity,
                createdmodseq: header.createdmodseq,
                foldermodseq: modseq,
                ..MbEntry::default()
            };
            self.update_entry(lock, &tombstone)?;
            self.keep_modseq(&entry.name, modseq, super::MbKind::Email, Scope::Folder);
            if how != DeleteHow::WithUser {
                self.fill_intermediates(store, lock, &entry.name, entry.mbtype, modseq)?;
            }
            self.keep_modseq(&entry.name, modseq, entry.mbtype.kind, Scope::ContentDeleted);
        }
        self.sync_log(&[b"UNMAILBOX", entry.name.as_bytes()]);
        if let Some(event) = &mut event {
            event.set_mailbox(self, &Place::of(&mailbox));
        }
        mailbox.delete(lock)?;
        event.into_iter().for_each(|event| self.report(event));
        self.forget_status(&entry.name);
        self.delete_mailbox_annotations(entry)
    }
}
