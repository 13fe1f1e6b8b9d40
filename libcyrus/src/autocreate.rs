//! The INBOX of a user who comes for the first time (options `autocreate_*`), for every daemon that meets one.
//!
//! DIAGNOSTICS: `autocreateinbox: ...` and `autosubscribe: ...` in C's words.

use crate::quota::set_quota_limits;
use cyrus_auth::{AuthState, Granted, Role};
use cyrus_base::config::Opt;
use cyrus_base::log::{self, Priority};
use cyrus_store::lock::{Mode, UserLock, Wait};
use cyrus_store::mailbox::{Mailbox, Touch};
use cyrus_store::mboxlist::{Actor, Find, MbEntry, NewMailbox, Step};
use cyrus_store::quota::{Limit, Quota};
use cyrus_store::subs::Subscribe;
use cyrus_store::{Catalog, Error, Resource, Result, Store};
use cyrus_util::mboxname::{MboxName, Namespace};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Who comes, and to which installation.
#[derive(Clone, Copy)]
pub struct Autocreate<'a> {
    /// The databases.
    pub catalog: &'a Catalog,
    /// The mailboxes.
    pub store: &'a Arc<Store>,
    /// The user.
    pub auth: &'a AuthState,
    /// How the user names mailboxes.
    pub namespace: &'a Namespace,
}

impl Autocreate<'_> {
    /// Makes INBOX, folders, quota and subscriptions of a user of `autocreate_users` who has no INBOX;
    /// true when that was done. C: autocreate_user()
    ///
    /// # Errors
    /// When the INBOX could not be made.
    pub fn user(&self) -> Result<bool> {
        let auth = self.auth;
        if auth.is_admin() || auth.userid() == b"anonymous" {
            return Ok(false);
        }
        let inbox = MboxName::user_inbox(auth.userid(), self.catalog.rules());
        if !matches!(self.catalog.lookup(&inbox), Err(Error::NotFound)) {
            return Ok(false);
        }
        let config = self.catalog.config();
        let is_listed = config.words(Opt::AutocreateUsers).any(|word| auth.is_member(word.as_bytes()));
        if auth.has_role(config, Role::Proxy) || !is_listed {
            return Ok(false);
        }
        let shown = log::printable(auth.userid(), 256);
        self.create(&inbox, &shown)?;
        Ok(true)
    }

    fn create(&self, inbox: &MboxName, shown: &str) -> Result<()> {
        let auth = self.auth;
        let config = self.catalog.config();
        let catalog = self.catalog;
        let store = self.store;
        let actor = Actor::Tool(Granted::admin("autocreate"));
        let lock = store.lock_owner(Some(auth.userid()), Mode::Exclusive)?;
        let new = |name| NewMailbox { told_for: Some(auth.userid().to_vec()), ..NewMailbox::named(name) };
        catalog.create_mailbox(store, &lock, &actor, &new(inbox.clone()))?;
        catalog.change_subscription(auth, inbox, Subscribe::Force)?;
        let (storage, messages) =
            (config.int(Opt::AutocreateQuota), config.int(Opt::AutocreateQuotaMessages));
        let some = |limit: i64| (limit != 0).then_some(limit);
        if storage >= 0 || messages >= 0 {
            set_quota_limits(catalog, store, inbox, &quota_limits(some(storage), some(messages)), false)?;
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
            self.extras(&lock, &actor, &entry, folder);
        }
        if created > 0 {
            let text = format!("User {shown}, Inbox subfolders, created {created}, subscribed {subscribed}");
            log::write(Priority::Info, format_args!("{text}"));
        }
        drop(lock);
        let subscribed = self.subscribe_shared(auth, shown);
        cyrus_dav::sieve::autocreate(catalog, auth.userid());
        subscribed
    }

    /// `xlist-USE: FOLDER` and `autocreate_acl: FOLDER IDENTIFIER RIGHTS`.
    fn extras(&self, lock: &UserLock, actor: &Actor<'_>, entry: &MbEntry, folder: &str) {
        let catalog = self.catalog;
        let config = self.catalog.config();
        for (key, value) in config.overflows() {
            let Some(word) = key.strip_prefix("xlist-") else { continue };
            if value != folder.as_bytes() {
                continue;
            }
            let given = format!("\\{word}");
            if let Err(error) = give_special_uses(catalog, self.store, lock, entry, &[given.as_bytes()]) {
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
                self.store,
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
    fn subscribe_shared(&self, auth: &AuthState, shown: &str) -> Result<()> {
        let config = self.catalog.config();
        let catalog = self.catalog;
        if config.switch(Opt::AutocreateSubscribeSharedfoldersAll) {
            let find = Find { namespace: self.namespace, auth, is_admin: false, patterns: &[b"*".to_vec()] };
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
}

/// Gives a new mailbox its special uses, and counts the annotation in its index as quotas need it.
///
/// # Errors
/// As opening and writing.
pub fn give_special_uses(
    catalog: &Catalog,
    store: &Arc<Store>,
    lock: &UserLock,
    entry: &MbEntry,
    uses: &[&[u8]],
) -> Result<()> {
    catalog.set_special_uses(entry, uses)?;
    let location = catalog.location(entry)?;
    let owner = entry.name.owner(catalog.rules()).unwrap_or_default();
    let mut mailbox = Mailbox::open(store, lock, location, Mode::Shared, Wait::Block)?;
    let mut index = mailbox.lock_index(lock, Mode::Exclusive)?;
    // As C: with the counters of `conversations` the new mailbox has its modseq already.
    let touch = match catalog.config().switch(Opt::Conversations) {
        true => Touch::Silent,
        false => Touch::Modseq,
    };
    index.annotation_changed(None, b"/specialuse", &owner, b"", &uses.join(&b' '), touch)?;
    index.commit().map(drop)
}

/// Limits of storage (KiB) and messages; what is missing or negative is no limit.
#[must_use]
pub fn quota_limits(storage: Option<i64>, messages: Option<i64>) -> Quota {
    let mut quota = Quota::default();
    for (resource, limit) in [(Resource::Storage, storage), (Resource::Message, messages)] {
        quota.set(resource, Limit { used: 0, limit: limit.filter(|limit| *limit >= 0) });
    }
    quota
}
