//! Renaming mailboxes, trees and users; moving a mailbox to another partition.

use super::{Actor, MbEntry, Show};
use crate::Store;
use crate::catalog::Catalog;
use crate::counters::Scope;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind, Place};
use crate::lock::{Mode, UserLock, Wait};
use crate::mailbox::{Location, Mailbox, Renamed};
use cyrus_auth::{Denied, Op, Target, authorize};
use cyrus_base::config::Opt;
use cyrus_util::ids::ModSeq;
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Options of a rename.
#[derive(Clone, Debug, Default)]
pub struct RenameHow {
    /// Partition of the new mailbox (directories by name, or the same name: a partition move).
    pub partition: Option<Vec<u8>>,
    /// Whether a user's folder may be made before the user's INBOX.
    pub force_user: bool,
    /// Whether names that are now missing above others are left so, because the others go too; the
    /// caller ends with [`Catalog::fill_around`].
    pub leaves_gaps: bool,
}

impl Catalog {
    /// Renames one mailbox; its children stay. `lock` covers both owners: of a rename between
    /// users the caller holds both namespace locks. C: mboxlist_renamemailbox()
    ///
    /// # Errors
    /// `NotFound`, `PermissionDenied`, `NotSupported` for an INBOX that may not be renamed, those
    /// of [`Catalog::check_create`] for the new name, `Io`.
    pub fn rename_mailbox(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        from: &MboxName,
        to: &MboxName,
        how: &RenameHow,
    ) -> Result<()> {
        self.rename_one(store, lock, actor, from, to, how)?;
        if how.leaves_gaps {
            return Ok(());
        }
        let modseq = self.lookup_any(to)?.foldermodseq;
        self.fill_around(store, lock, from, to, modseq)
    }

    /// Makes the names that are missing above children left behind, and above the new place.
    /// `modseq` is that of the rename, or 0 for one of their own.
    ///
    /// # Errors
    /// As [`Catalog::create_mailbox`].
    pub fn fill_around(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        from: &MboxName,
        to: &MboxName,
        modseq: ModSeq,
    ) -> Result<()> {
        let mbtype = match self.lookup_any(to) {
            Ok(entry) => super::MbType::of(entry.mbtype.kind),
            Err(Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.fill_intermediates(store, lock, from, mbtype, modseq)?;
        self.fill_intermediates(store, lock, to, mbtype, modseq)
    }

    fn rename_one(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        from: &MboxName,
        to: &MboxName,
        how: &RenameHow,
    ) -> Result<()> {
        let entry = self.lookup_any(from)?;
        if entry.mbtype.is_deleted() {
            return Err(Error::NotFound);
        }
        if entry.mbtype.is_intermediate() {
            self.check_create(actor, to, how.force_user)?;
            return self.rename_granted(store, lock, &entry, to, how, None);
        }
        if let Actor::Session(state) = actor {
            let acl = entry.acl();
            let target = Target { acl: &acl, owner: None };
            authorize(state, Op::DeleteMailbox, &target).map(drop).map_err(|denied| match denied {
                Denied::Permission => Error::PermissionDenied,
                Denied::Hidden => Error::NotFound,
            })?;
        }
        if from == to {
            return self.move_partition(store, lock, actor, &entry, how);
        }
        let rules = self.rules();
        if !actor.is_admin() && from.owner(rules).is_some() && to.owner(rules) != from.owner(rules) {
            self.check_specialuse_protect(&entry)?;
        }
        if from.is_user_inbox(rules) && !to.is_deleted(rules) {
            let may_move = self.config().switch(Opt::Allowusermoves);
            if !to.is_user_inbox(rules) || !may_move {
                return Err(Error::NotSupported);
            }
        }
        self.check_create(actor, to, how.force_user)?;
        let event = actor.userid().and_then(|userid| self.event_of(EventKind::MailboxRename, userid));
        self.rename_granted(store, lock, &entry, to, how, event)
    }

    /// The rename itself, also used for delayed deletion.
    pub(super) fn rename_granted(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        entry: &MbEntry,
        to: &MboxName,
        how: &RenameHow,
        event: Option<Event>,
    ) -> Result<()> {
        log::info!(target: "syslog", "Rename: {} -> {to}", entry.name);
        let mut told = None;
        let mut renamed_in_place = None;
        let mut new = MbEntry { name: to.clone(), history: Vec::new(), ..entry.clone() };
        let mut leftover = None;
        if entry.mbtype.is_intermediate() {
            let scope = if to.is_deleted(self.rules()) { Scope::FolderDeleted } else { Scope::Folder };
            new.foldermodseq = self.step_modseq(to, entry.foldermodseq, entry.mbtype.kind, scope);
        } else {
            let location = self.location(entry)?;
            let mut mailbox = Mailbox::open(store, lock, location, Mode::Exclusive, Wait::Block)?;
            let new_root = self.find_quota_root(to)?;
            if entry.mbtype.has_legacy_dirs() {
                new.partition = Some(self.partition_for_new(to, how.partition.as_deref())?);
            }
            let target = self.location(&new)?;
            let renamed =
                mailbox.rename(lock, &target, new_root.as_ref().map(|root| root.as_bytes().to_vec()))?;
            let header = mailbox.index_header().clone();
            told = Some((Location { name: to.clone(), ..target }, mailbox.header().clone(), header.clone()));
            new.uidvalidity = header.uidvalidity;
            new.createdmodseq = header.createdmodseq;
            new.foldermodseq = header.highestmodseq;
            match renamed {
                Renamed::Copied => leftover = Some(mailbox),
                Renamed::InPlace => renamed_in_place = Some(mailbox),
            }
        }
        let tombstone = MbEntry {
            name: entry.name.clone(),
            mbtype: entry.mbtype.deleted(),
            uniqueid: entry.uniqueid.clone(),
            uidvalidity: entry.uidvalidity,
            createdmodseq: entry.createdmodseq,
            foldermodseq: new.foldermodseq,
            ..MbEntry::default()
        };
        let mut change = self.change_list(lock)?;
        change.put(&tombstone)?;
        change.put(&new)?;
        change.commit()?;
        if let Some(mailbox) = renamed_in_place {
            mailbox.audit_modseq_as(&entry.name);
        }
        self.sync_log(&[b"RENAME", entry.name.as_bytes(), to.as_bytes()]);
        self.forget_status(&entry.name);
        if let (Some(event), Some((location, header, index))) = (event, &told) {
            self.tell_renamed(event, entry, &Place { location, header, index, counters: None });
        }
        match leftover {
            Some(mailbox) => mailbox.delete_renamed(lock),
            None => Ok(()),
        }
    }

    /// Begins an event of somebody's doing.
    pub(super) fn event_of(&self, kind: EventKind, userid: &[u8]) -> Option<Event> {
        let mut event = self.event(kind)?;
        event.set_user(userid);
        Some(event)
    }

    /// A rename is told under the new name, a delayed deletion under the old one.
    fn tell_renamed(&self, mut event: Event, entry: &MbEntry, place: &Place<'_>) {
        if event.kind() == EventKind::MailboxDelete {
            let location = Location { name: entry.name.clone(), ..place.location.clone() };
            return self.report_of(&Place { location: &location, ..*place }, event);
        }
        event.set_old_mailbox(self, &entry.name, place.index.uidvalidity);
        self.report_of(place, event);
    }

    fn move_partition(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        entry: &MbEntry,
        how: &RenameHow,
    ) -> Result<()> {
        if !actor.is_admin() {
            return Err(Error::PermissionDenied);
        }
        let partition = how.partition.clone().ok_or(Error::Exists)?;
        if entry.partition.as_ref() == Some(&partition) {
            return Err(Error::Exists);
        }
        let mut new = MbEntry { partition: Some(partition), ..entry.clone() };
        let target = self.location(&new)?;
        let mut mailbox = Mailbox::open(store, lock, self.location(entry)?, Mode::Exclusive, Wait::Block)?;
        let index = mailbox.lock_index(lock, Mode::Shared)?;
        let quotaroot = index.mailbox_header().quotaroot.clone();
        index.abort();
        let renamed = mailbox.rename(lock, &target, quotaroot)?;
        new.foldermodseq = mailbox.index_header().highestmodseq;
        self.update_entry(lock, &new)?;
        self.sync_log(&[b"MAILBOX", entry.name.as_bytes()]);
        if renamed == Renamed::Copied { mailbox.delete_renamed(lock) } else { Ok(()) }
    }

    /// Renames a mailbox and everything below it, the mailbox first. Returns what was renamed.
    /// C: cmd_rename(), mboxlist_renametree()
    ///
    /// # Errors
    /// That of the first mailbox that could not be renamed; those before it stay renamed.
    pub fn rename_tree(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        from: &MboxName,
        to: &MboxName,
        how: &RenameHow,
    ) -> Result<Vec<(MboxName, MboxName)>> {
        if to.is_in_tree_of(from) && to != from {
            return Err(Error::BadName);
        }
        let mut names = vec![from.clone()];
        self.each_child(from, Show::Living, |entry| {
            names.push(entry.name);
            ControlFlow::Continue(())
        })?;
        let mut done = Vec::new();
        for name in names {
            let target = name.rebase(from, to).ok_or(Error::BadName)?;
            self.rename_one(store, lock, actor, &name, &target, how)?;
            done.push((name, target));
        }
        // Only now: in the middle every child still seemed to be without its parent.
        self.fill_around(store, lock, from, to, ModSeq(0))?;
        Ok(done)
    }
}
