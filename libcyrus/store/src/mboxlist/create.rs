//! Making mailboxes: who may, what they get, and the intermediate names above them.

use super::{Actor, MbEntry, MbType};
use crate::Store;
use crate::catalog::Catalog;
use crate::counters::Scope;
use crate::error::{Error, Result};
use crate::event::{EventKind, Place};
use crate::lock::UserLock;
use crate::mailbox::{CreateParams, Mailbox};
use cyrus_auth::{Op, Target, authorize};
use cyrus_base::config::Opt;
use cyrus_util::acl::{Acl, Rights, SetMode};
use cyrus_util::ids::{ModSeq, UidValidity};
use cyrus_util::mboxname::{MboxName, policy};
use std::sync::Arc;

/// Length of a unique id, in letters and digits.
const UNIQUEID_LENGTH: usize = 24;

/// What a new mailbox shall be; the default leaves everything to the configuration.
#[derive(Clone, Debug, Default)]
pub struct NewMailbox {
    /// Internal name.
    pub name: MboxName,
    /// Type.
    pub mbtype: MbType,
    /// Partition, if asked for.
    pub partition: Option<Vec<u8>>,
    /// ACL, if not that of the parent.
    pub acl: Option<Acl>,
    /// Unique id, if not a new one.
    pub uniqueid: Option<Vec<u8>>,
    /// UIDVALIDITY, 0 for the next one.
    pub uidvalidity: UidValidity,
    /// Whether a user's folder may be made before the user's INBOX.
    pub force_user: bool,
    /// Whose doing it is called in event notifications when the actor is no session.
    pub told_for: Option<Vec<u8>>,
}

impl NewMailbox {
    /// A mailbox of this name, all else by default.
    #[must_use]
    pub fn named(name: MboxName) -> Self {
        Self { name, ..Self::default() }
    }
}

impl Catalog {
    /// Whether `actor` may create `name` now: policy, existence, parent's ACL and quota.
    /// C: mboxlist_create_namecheck()
    ///
    /// # Errors
    /// `BadName`, `Exists`, `PermissionDenied`, `OverQuota`.
    pub fn check_create(&self, actor: &Actor<'_>, name: &MboxName, force_user: bool) -> Result<()> {
        let rules = self.rules();
        policy::check(name, self.names().virtdomains.is_on(), rules).map_err(|_| Error::BadName)?;
        let owner = name.owner(rules);
        let mut is_admin = actor.is_admin();
        let is_own = owner.is_some() && owner.as_deref() == actor.userid();
        if let Actor::Session(state) = actor {
            is_admin |= is_own && state.implicit_owner_rights().has(Rights::ADMIN);
        }
        match self.lookup(name) {
            Ok(entry) => {
                let acl = entry.acl();
                let target = Target { acl: &acl, owner: None };
                return Err(match actor {
                    Actor::Session(state) if !is_admin && authorize(state, Op::Lookup, &target).is_err() => {
                        Error::PermissionDenied
                    }
                    _ => Error::Exists,
                });
            }
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let Some(parent) = self.find_parent(name)? else {
            let parts = name.parts(rules);
            let is_orphan = parts.deleted == 0 && parts.localpart.is_some() && !parts.boxes.is_empty();
            return if !is_admin || (is_orphan && !force_user) {
                Err(Error::PermissionDenied)
            } else {
                Ok(())
            };
        };
        if let (false, Actor::Session(state)) = (is_admin, actor) {
            let acl = parent.acl();
            authorize(state, Op::Create, &Target { acl: &acl, owner: None })
                .map(drop)
                .map_err(|_| Error::PermissionDenied)?;
        }
        if let Some(root) = self.find_quota_root(name)? {
            self.check_quota(&root, &crate::quota::Change { folders: 1, ..Default::default() })?;
        }
        if !actor.is_admin() || is_own {
            self.check_nochildren(&parent)?;
        }
        Ok(())
    }

    /// `specialuse_nochildren`: some special mailboxes may have none below them.
    fn check_nochildren(&self, parent: &MbEntry) -> Result<()> {
        let config = self.config();
        if config.string(Opt::SpecialuseNochildren).is_none() {
            return Ok(());
        }
        let uses = self.special_uses(parent)?;
        let forbidden = config
            .words(Opt::SpecialuseNochildren)
            .any(|word| uses.iter().any(|each| each == word.as_bytes()));
        if forbidden { Err(Error::PermissionDenied) } else { Ok(()) }
    }

    /// The ACL a new mailbox starts with: its parent's, all rights for the owner, or `defaultacl`.
    /// C: mboxlist_create_acl()
    ///
    /// # Errors
    /// `Io`.
    pub fn acl_for_new(&self, name: &MboxName) -> Result<Acl> {
        if let Some(parent) = self.find_parent(name)? {
            return Ok(parent.acl());
        }
        let mut acl = Acl::new();
        let delete_right = self.delete_right();
        let mut set = |identifier: &[u8], rights| {
            acl.set(identifier, SetMode::Set, rights, delete_right, |_, rights| rights);
        };
        if let Some(owner) = name.owner(self.rules()) {
            set(&owner, Rights::ALL);
            return Ok(acl);
        }
        let words = self.config().words(Opt::Defaultacl).collect::<Vec<_>>();
        for pair in words.chunks_exact(2) {
            if let [identifier, rights] = pair {
                set(identifier.as_bytes(), Rights::parse(rights.as_bytes(), delete_right));
            }
        }
        Ok(acl)
    }

    /// Creates a mailbox: files first, then its entry, then missing names above it.
    /// C: mboxlist_createmailbox()
    ///
    /// # Errors
    /// As [`Catalog::check_create`]; `UnknownPartition`, `Io`.
    pub fn create_mailbox(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        actor: &Actor<'_>,
        new: &NewMailbox,
    ) -> Result<MbEntry> {
        self.check_create(actor, &new.name, new.force_user)?;
        let told_for = actor.userid().or(new.told_for.as_deref());
        let entry = self.create_unchecked(store, lock, new, ModSeq(0), told_for)?;
        self.fill_intermediates(store, lock, &entry.name, entry.mbtype, entry.foldermodseq)?;
        Ok(entry)
    }

    /// `foldermodseq` is that of the change which makes an intermediate name necessary, else 0.
    fn create_unchecked(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        new: &NewMailbox,
        foldermodseq: ModSeq,
        told_for: Option<&[u8]>,
    ) -> Result<MbEntry> {
        let mut uidvalidity = new.uidvalidity;
        let mut uniqueid = new.uniqueid.clone();
        let mut createdmodseq = foldermodseq;
        match self.lookup_any(&new.name) {
            Ok(old) if old.mbtype.is_deleted() => {
                // Clients must not take the new mailbox for the one they knew.
                if uidvalidity <= old.uidvalidity {
                    uidvalidity = UidValidity(old.uidvalidity.0.saturating_add(1));
                }
            }
            Ok(old) if old.mbtype.is_intermediate() => {
                uniqueid = uniqueid.or(old.uniqueid);
                createdmodseq = old.createdmodseq;
            }
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let acl = match &new.acl {
            Some(acl) => acl.clone(),
            None => self.acl_for_new(&new.name)?,
        };
        let legacy = match self.entry_of_user(&new.name)? {
            Some(user) => user.mbtype.has_legacy_dirs() || new.mbtype.has_legacy_dirs(),
            None => self.config().switch(Opt::MailboxLegacyDirs),
        };
        let mut entry = MbEntry {
            name: new.name.clone(),
            mbtype: new.mbtype.with_legacy_dirs(legacy),
            uniqueid: Some(uniqueid.unwrap_or_else(new_uniqueid)),
            partition: Some(self.partition_for_new(&new.name, new.partition.as_deref())?),
            acl: Some(acl.clone()),
            createdmodseq,
            ..MbEntry::default()
        };
        let kind = entry.mbtype.kind;
        let mut highestmodseq = ModSeq(0);
        let conversations = self.config().switch(Opt::Conversations);
        // The audit log tells of this step, so it is taken where it is read.
        if new.name.is_user_inbox(self.rules()) && (conversations || self.auditor().is_some()) {
            self.announce_user(lock, &entry)?;
        }
        if conversations {
            if uidvalidity.0 == 0 {
                uidvalidity = self.next_uidvalidity(&new.name, UidValidity(0))?;
            } else {
                self.set_uidvalidity(&new.name, uidvalidity)?;
            }
            highestmodseq = self.next_modseq(&new.name, ModSeq(0), kind, Scope::Folder)?;
            self.keep_modseq(&new.name, highestmodseq, kind, Scope::Content);
        } else if uidvalidity.0 == 0 {
            uidvalidity = UidValidity(now_u32().saturating_add(1));
        }
        let quotaroot = self.find_quota_root(&new.name)?;
        let params = CreateParams {
            acl: acl.print(),
            quotaroot: quotaroot.as_ref().map(|root| root.as_bytes().to_vec()),
            uidvalidity,
            options: None,
            highestmodseq,
            createdmodseq: entry.createdmodseq,
        };
        let location = self.location(&entry)?;
        let mailbox = Mailbox::create(store, lock, location, &params)?;
        let header = mailbox.index_header();
        entry.uidvalidity = header.uidvalidity;
        entry.createdmodseq = header.createdmodseq;
        entry.foldermodseq = if foldermodseq.0 == 0 { header.highestmodseq } else { foldermodseq };
        if let Some(root) = quotaroot {
            let change = crate::quota::Change { folders: 1, ..Default::default() };
            self.use_quota_of(&root, &change, &entry.name)?;
        }
        if let Some(catalog) = store.catalog() {
            catalog.conversations_of_new(lock, &entry.name, &mailbox, header.highestmodseq)?;
        }
        if let Err(error) = self.update_entry(lock, &entry) {
            // Without an entry nobody would find the files again; the first error is the answer.
            let _ = mailbox.delete(lock);
            return Err(error);
        }
        self.sync_log(&[b"MAILBOX", entry.name.as_bytes()]);
        if let Some(userid) = told_for
            && let Some(mut event) = self.event(EventKind::MailboxCreate)
        {
            event.set_user(userid);
            self.report_of(&Place::of(&mailbox), event);
        }
        Ok(entry)
    }

    /// Writes the entry of a new INBOX as that of an intermediate name, so that the user's files,
    /// which are found by the INBOX's id, have their place before the mailbox is there.
    fn announce_user(&self, lock: &UserLock, entry: &MbEntry) -> Result<()> {
        let uniqueid = entry.uniqueid.as_deref().unwrap_or_default();
        match self.lookup_by_uniqueid(uniqueid) {
            Ok(_) => Ok(()),
            Err(Error::NotFound) => self.update_entry(
                lock,
                &MbEntry {
                    name: entry.name.clone(),
                    mbtype: entry.mbtype.with_intermediate(true),
                    uniqueid: entry.uniqueid.clone(),
                    ..MbEntry::default()
                },
            ),
            Err(error) => Err(error),
        }
    }

    /// The entry of the owner's INBOX, or of the nearest parent of a shared mailbox.
    /// C: mboxlist_findusermbentry()
    fn entry_of_user(&self, name: &MboxName) -> Result<Option<MbEntry>> {
        match name.owner(self.rules()) {
            None => self.find_parent(name),
            Some(userid) => match self.lookup(&MboxName::user_inbox(&userid, self.rules())) {
                Ok(entry) => Ok(Some(entry)),
                Err(Error::NotFound) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Makes the mailboxes of a user that are missing above `name` and have something below them.
    /// C: mboxlist_update_intermediaries()
    ///
    /// # Errors
    /// As [`Catalog::create_mailbox`].
    pub fn fill_intermediates(
        &self,
        store: &Arc<Store>,
        lock: &UserLock,
        name: &MboxName,
        mbtype: MbType,
        modseq: ModSeq,
    ) -> Result<()> {
        let mut parts = name.parts(self.rules());
        if parts.deleted != 0 || parts.localpart.is_none() {
            return Ok(());
        }
        while !parts.boxes.is_empty() {
            if parts.boxes.len() == 1 && parts.boxes.first().is_some_and(|top| top == b"INBOX") {
                return Ok(());
            }
            let above = parts.to_name(self.rules());
            let is_missing = match self.lookup_any(&above) {
                Ok(entry) => entry.mbtype.is_deleted(),
                Err(Error::NotFound) => true,
                Err(error) => return Err(error),
            };
            if is_missing && self.has_children(&above)? {
                log::info!(target: "syslog", "mboxlist: intermediate fill-in mailbox: {above}");
                let kind = MbType::of(mbtype.kind);
                let new = NewMailbox { mbtype: kind, ..NewMailbox::named(above) };
                self.create_unchecked(store, lock, &new, modseq, None)?;
            }
            parts.boxes.pop();
        }
        Ok(())
    }
}

/// A new unique id: 24 characters of `0-9a-z`, as C makes it without libuuid.
#[must_use]
pub fn new_uniqueid() -> Vec<u8> {
    let mut id = Vec::with_capacity(UNIQUEID_LENGTH);
    while id.len() < UNIQUEID_LENGTH {
        id.push(fastrand::choice(b"0123456789abcdefghijklmnopqrstuvwxyz").copied().unwrap_or(b'0'));
    }
    id
}

fn now_u32() -> u32 {
    cyrus_util::ids::UnixTime::now().as_u32()
}
