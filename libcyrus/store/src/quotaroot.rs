//! Making and changing quota roots: SETQUOTA, automatic INBOXes, users that get a new name.

use crate::Store;
use crate::catalog::Catalog;
use crate::error::{Error, Resource, Result};
use crate::event::EventKind;
use crate::lock::{Mode, Wait};
use crate::mailbox::Mailbox;
use crate::mboxlist::{MbEntry, Show};
use crate::quota::{Limit, Quota};
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What became of a quota root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaSet {
    /// It had other limits before.
    Changed(Quota),
    /// It is new.
    Made,
    /// It had these limits already.
    Unchanged,
}

const RESOURCES: [Resource; 4] =
    [Resource::Storage, Resource::Message, Resource::AnnotationStorage, Resource::NumFolders];

impl Catalog {
    /// Gives a quota root new limits (what `wanted` says of use does not count). A root that is
    /// new counts what its mailboxes use; `force` makes one where no mailbox is.
    /// C: mboxlist_setquotas()
    ///
    /// # Errors
    /// `BadName`, `NotFound`, `NotSupported`, `Io`.
    pub fn set_quota_limits(
        &self,
        store: &Arc<Store>,
        root: &MboxName,
        wanted: &Quota,
        force: bool,
    ) -> Result<QuotaSet> {
        let bytes = root.as_bytes();
        if matches!(bytes.first(), None | Some(b'.')) || bytes.iter().any(|byte| b"/*%?".contains(byte)) {
            return Err(Error::BadName);
        }
        let apply = |quota: &mut Quota| {
            for resource in RESOURCES {
                let used = quota.resource(resource).used;
                quota.set(resource, Limit { used, limit: wanted.resource(resource).limit });
            }
        };
        let mut before = None;
        let mut after = Quota::default();
        let exists = self.update_quota(root, |quota| {
            let old = quota.clone();
            apply(quota);
            before = (*quota != old).then_some(old);
            after = quota.clone();
        })?;
        if exists {
            if let Some(before) = &before {
                self.tell_limits(root, Some(before), &after);
            }
            self.sync_log(&[b"QUOTA", bytes]);
            return Ok(before.map_or(QuotaSet::Unchanged, QuotaSet::Changed));
        }
        let is_domain = self.names().virtdomains.is_on() && bytes.last() == Some(&b'!');
        if !is_domain {
            match self.lookup(root) {
                Ok(entry) if entry.mbtype.is_remote() || entry.mbtype.is_moving() => {
                    return Err(Error::NotSupported);
                }
                Ok(_) => {}
                Err(Error::NotFound) if force || self.has_children(root)? => {}
                Err(error) => return Err(error),
            }
        }
        let mut quota = Quota::default();
        apply(&mut quota);
        self.write_quota(root, &quota)?;
        for entry in self.mailboxes_below_root(root, is_domain)? {
            self.give_quota_root(store, &entry, root)?;
        }
        self.tell_limits(root, None, &quota);
        self.sync_log(&[b"QUOTA", bytes]);
        Ok(QuotaSet::Made)
    }

    /// Tells the new limits, and those that hold again.
    fn tell_limits(&self, root: &MboxName, before: Option<&Quota>, after: &Quota) {
        let changed = |resource: &Resource| {
            before.is_some_and(|before| before.resource(*resource).limit != after.resource(*resource).limit)
        };
        let holds_again = |resource: &Resource| {
            before.is_some_and(|before| before.resource(*resource).is_over(*resource))
                && !after.resource(*resource).is_over(*resource)
        };
        if let Some(mut event) = self.event(EventKind::QuotaChange) {
            let all = RESOURCES.into_iter();
            all.for_each(|resource| event.set_quota(self, root, after, resource));
            self.report(event);
        }
        let within = RESOURCES.into_iter().filter(|resource| changed(resource) && holds_again(resource));
        if let Some(mut event) = self.event(EventKind::QuotaWithin) {
            within.for_each(|resource| event.set_quota(self, root, after, resource));
            self.report(event);
        }
    }

    fn mailboxes_below_root(&self, root: &MboxName, is_domain: bool) -> Result<Vec<MbEntry>> {
        let mut found = Vec::new();
        if is_domain {
            self.each_entry(&root.to_db(self.rules()), Show::Mailboxes, |entry| {
                found.push(entry);
                ControlFlow::Continue(())
            })?;
            return Ok(found);
        }
        match self.lookup(root) {
            Ok(entry) => found.push(entry),
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.each_child(root, Show::Mailboxes, |entry| {
            found.push(entry);
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Moves the use of one mailbox to a new root, unless a nearer root has it.
    /// C: mboxlist_changequota()
    fn give_quota_root(&self, store: &Arc<Store>, entry: &MbEntry, root: &MboxName) -> Result<()> {
        let owner = entry.name.owner(self.rules());
        let lock = store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        let location = self.location(entry)?;
        let mut mailbox = Mailbox::open(store, &lock, location, Mode::Shared, Wait::Block)?;
        let mut index = mailbox.lock_index(&lock, Mode::Exclusive)?;
        let old = index.mailbox_header().quotaroot.clone().map(MboxName::new);
        if old.as_ref().is_some_and(|old| old.as_bytes().len() >= root.as_bytes().len()) {
            return Ok(());
        }
        index.set_quota_root(Some(root.as_bytes()))?;
        index.commit().map(drop)
    }

    /// Removes all quota roots of a user. C: user_deletequotaroots()
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_user_quotas(&self, userid: &[u8]) -> Result<()> {
        let inbox = MboxName::user_inbox(userid, self.rules());
        for (root, _) in self.quota_roots(inbox.as_bytes())? {
            if root == inbox || root.is_in_tree_of(&inbox) {
                self.delete_quota(&root)?;
            }
        }
        Ok(())
    }
}
