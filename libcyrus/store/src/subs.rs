//! sub.db: a user's subscriptions (reference/databases.md 3.4).
//!
//! Version 2 keys are `N` + database name, the user's own ones starting with `INBOX`. A file
//! without the version record holds internal names and is rewritten when it is opened for
//! changing.

use crate::catalog::{Catalog, db_error};
use crate::error::{Error, Result};
use crate::event::EventKind;
use cyrus_auth::AuthState;
use cyrus_base::config::Opt;
use cyrus_db::{Create, Db};
use cyrus_util::acl::Rights;
use cyrus_util::mboxname::{MboxName, Parts};
use std::ops::ControlFlow;

const VERSION_KEY: &[u8] = b"\x1fVER\x1f";
const VERSION: &[u8] = b"2";

/// How SUBSCRIBE treats names it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribe {
    /// Add; the mailbox must exist and be visible.
    Existing,
    /// Add whatever the name is.
    Force,
    /// Take away.
    Remove,
}

impl Catalog {
    fn subs_db(&self, userid: &[u8], create: Create) -> Result<Option<Db>> {
        let path = self.user_path(userid, "sub")?;
        if create == Create::Never && !path.exists() {
            return Ok(None);
        }
        let db = self.open_as(&path, Opt::SubscriptionDb, create)?;
        self.upgrade_subs(userid, &db)?;
        Ok(Some(db))
    }

    /// Rewrites a file of the old form, all in one transaction.
    fn upgrade_subs(&self, userid: &[u8], db: &Db) -> Result<()> {
        let fail = |error| db_error(db.path(), error);
        if db.fetch(VERSION_KEY).map_err(fail)?.is_some() {
            return Ok(());
        }
        let mut txn = db.begin().map_err(fail)?;
        let mut old = Vec::new();
        txn.foreach(b"", |key, _| {
            old.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .map_err(fail)?;
        if old.iter().any(|key| key == VERSION_KEY) {
            return Ok(()); // somebody else was faster
        }
        for key in &old {
            txn.delete(key).map_err(fail)?;
        }
        txn.store(VERSION_KEY, VERSION).map_err(fail)?;
        for key in old {
            let name = MboxName::new(key);
            txn.store(&self.subs_key(userid, &name), b"").map_err(fail)?;
        }
        txn.commit().map_err(fail)
    }

    /// The user's own names get `INBOX` for their beginning; as in C this is a comparison of
    /// bytes, so that `user.annie` is `INBOXie` to user ann, and read back alike.
    fn subs_key(&self, userid: &[u8], name: &MboxName) -> Vec<u8> {
        let dbname = name.to_db(self.rules());
        let inbox = Parts::from_userid(userid, self.rules()).to_db(self.rules());
        match dbname.strip_prefix(inbox.as_slice()) {
            Some(rest) if !inbox.is_empty() => [b"NINBOX", rest].concat(),
            _ => [b"N", dbname.as_slice()].concat(),
        }
    }

    fn subs_name(&self, userid: &[u8], key: &[u8]) -> Option<MboxName> {
        let dbname = key.strip_prefix(b"N")?;
        let name = match dbname.strip_prefix(b"INBOX") {
            Some(rest) => {
                let inbox = Parts::from_userid(userid, self.rules()).to_db(self.rules());
                MboxName::from_db(&[inbox.as_slice(), rest].concat(), self.rules())
            }
            None => MboxName::from_db(dbname, self.rules()),
        };
        Some(name)
    }

    /// All names a user is subscribed to, in the order of the file. C: mboxlist_sublist()
    ///
    /// # Errors
    /// `Io`.
    pub fn subscriptions(&self, userid: &[u8]) -> Result<Vec<MboxName>> {
        let Some(db) = self.subs_db(userid, Create::Never)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        db.foreach(b"N", |key, _| {
            names.extend(self.subs_name(userid, key));
            ControlFlow::Continue(())
        })
        .map_err(|error| db_error(db.path(), error))?;
        Ok(names)
    }

    /// Whether a user is subscribed. C: mboxlist_checksub()
    ///
    /// # Errors
    /// `Io`.
    pub fn is_subscribed(&self, userid: &[u8], name: &MboxName) -> Result<bool> {
        let Some(db) = self.subs_db(userid, Create::Never)? else { return Ok(false) };
        let found = db.fetch(&self.subs_key(userid, name)).map_err(|error| db_error(db.path(), error))?;
        Ok(found.is_some())
    }

    /// Subscribes or unsubscribes. C: mboxlist_changesub()
    ///
    /// # Errors
    /// `NotFound` for a mailbox that does not exist or may not be seen, `Io`.
    pub fn change_subscription(&self, auth: &AuthState, name: &MboxName, how: Subscribe) -> Result<()> {
        let userid = auth.userid();
        if how == Subscribe::Existing {
            let entry = self.lookup(name)?;
            if !auth.rights(&entry.acl()).has(Rights::LOOKUP) {
                return Err(Error::NotFound);
            }
        }
        self.set_subscription(userid, name, how != Subscribe::Remove)?;
        let kind = match how {
            Subscribe::Remove => EventKind::MailboxUnsubscribe,
            Subscribe::Existing | Subscribe::Force => EventKind::MailboxSubscribe,
        };
        if let Some(mut event) = self.event(kind) {
            event.set_entry(self, name, self.lookup(name).ok().as_ref());
            event.set_user(userid);
            self.report(event);
        }
        Ok(())
    }

    /// Writes or removes the record.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_subscription(&self, userid: &[u8], name: &MboxName, on: bool) -> Result<()> {
        let create = if on { Create::IfMissing } else { Create::Never };
        let Some(db) = self.subs_db(userid, create)? else { return Ok(()) };
        let key = self.subs_key(userid, name);
        let fail = |error| db_error(db.path(), error);
        if on {
            db.store(&key, b"").map_err(fail)?;
        } else {
            db.delete(&key).map_err(fail)?;
        }
        self.sync_log(&[b"SUB", userid, name.as_bytes()]);
        Ok(())
    }
}
