//! One message into many mailboxes.
//!
//! The copies on one partition are links to the staged file. Its data and its first name are made
//! durable with one fsync; each further name is in the journal of the file system before the
//! cache that is synced behind it, so that it costs no sync of its own (docs/durability.md; file
//! systems without such a journal get their sync). Mailboxes are done one after the other, each
//! complete, so that never more than one mailbox is locked.
//!
//! DIAGNOSTICS: `dupelim: eliminated duplicate message to ... (delivery)`.

use super::intent::{DeliveryName, Intent, PendingMark, find_mark};
use super::stage::Staged;
use super::txn::{AppendParams, AppendTxn, QuotaCheck, Sharing};
use crate::catalog::Catalog;
use crate::context::Store;
use crate::duplicate::{DeliveryKey, DeliveryMark};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::lock::{Mode, Wait};
use crate::mailbox::{Changed, Cleanup, Location, Mailbox, MailboxOptions};
use cyrus_util::ids::{Uid, UidValidity, UnixTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of one recipient's copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// UIDVALIDITY of the mailbox.
    pub uidvalidity: UidValidity,
    /// UID of the copy.
    pub uid: Uid,
    /// What the commit did.
    pub changed: Changed,
    /// Work left over in the mailbox, to be done after the reply.
    pub cleanup: Cleanup,
    /// \Seen was asked for but is kept in the user's seen database.
    pub seen_elsewhere: bool,
}

/// What one call of [`DeliveryBatch::deliver_one`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message is in the mailbox, durably.
    Delivered(Box<Delivered>),
    /// It was there before; nothing was changed.
    Duplicate,
}

/// One mailbox to deliver to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub location: Location,
    /// With what.
    pub params: AppendParams,
    /// Who delivers; decides where \Seen goes.
    pub userid: Vec<u8>,
    /// Whether the quota root is asked.
    pub quota: QuotaCheck,
}

/// What tells two deliveries of one message from two messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageKey {
    /// Message-ID.
    pub id: Vec<u8>,
    /// Text of the Date field.
    pub date: Vec<u8>,
}

impl MessageKey {
    /// The key of its delivery to a mailbox.
    fn to<'a>(&'a self, uniqueid: &'a [u8]) -> DeliveryKey<'a> {
        DeliveryKey { id: &self.id, to: uniqueid, date: &self.date }
    }
}

/// How a batch is delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOptions {
    /// Duplicates are recognised by this; `None` delivers always (`duplicatesuppression: no`).
    pub duplicates: Option<MessageKey>,
    /// Each mailbox gets a file of its own (`singleinstancestore: no`).
    pub copies: bool,
    /// How many mailboxes there will be. One is marked in deliver.db while it is locked; for more
    /// all marks are written together by [`DeliveryBatch::finish`].
    pub expected: usize,
    /// Session id for the audit log, with `auditlog: yes`.
    pub audit_session: Option<String>,
}

/// Delivers one staged message to several mailboxes.
#[derive(Debug)]
pub struct DeliveryBatch {
    store: Arc<Store>,
    staged: Staged,
    options: BatchOptions,
    now: UnixTime,
    /// The mailboxes, by unique id, that have the message and are not in deliver.db yet.
    marks: BTreeMap<Vec<u8>, (UnixTime, Uid)>,
    /// What stands for the marks until they are written.
    pending: Vec<PendingMark>,
}

impl DeliveryBatch {
    /// Begins with a staged message.
    #[must_use]
    pub fn new(store: &Arc<Store>, staged: Staged, options: BatchOptions) -> Self {
        Self {
            store: Arc::clone(store),
            staged,
            options,
            now: UnixTime::now(),
            marks: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    /// The message.
    #[must_use]
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Delivers to one mailbox. A copy is acknowledged (`Ok`) only when it is durable.
    /// INTERNALDATE is the same for all: the file is one. C: `deliver_mailbox()`
    ///
    /// # Errors
    /// As [`AppendTxn`]'s.
    pub fn deliver_one(&mut self, target: &Target) -> Result<Outcome> {
        let store = Arc::clone(&self.store);
        let user = store.lock_owner(target.location.owner.as_deref(), Mode::Exclusive)?;
        let mut mailbox = Mailbox::open(&store, &user, target.location.clone(), Mode::Shared, Wait::Block)?;
        let index = mailbox.lock_index(&user, Mode::Exclusive)?;
        let wants_duplicates = index.header().options.has(MailboxOptions::DUP_DELIVER);
        let mut txn = AppendTxn::begin(index, &target.userid, target.quota)?;
        txn.tell_as(EventKind::MessageNew);
        let key = self.options.duplicates.as_ref().map(|key| key.to(&target.location.uniqueid));
        let name = key.as_ref().filter(|key| !key.id.is_empty()).map(DeliveryName::new);
        txn.intend(name.as_ref().map(|name| (&self.staged.parsed().guid, name)))?;
        if let (Some(key), Some(catalog)) = (key.filter(|_| !wants_duplicates), store.catalog()) {
            if self.is_known(catalog, &key, name.as_ref(), &target.location)? {
                self.tell_duplicate(&key);
                txn.abort();
                return Ok(Outcome::Duplicate);
            }
        }
        let mut params = target.params.clone();
        if params.internaldate.0 == 0 {
            params.internaldate = self.now;
        }
        let sharing = if self.options.copies { Sharing::Copy } else { Sharing::Link };
        let uid = txn.add_shared(&self.staged, &params, sharing)?;
        let (appended, mut txn) = txn.commit_locked()?;
        if self.options.duplicates.is_some() {
            self.marks.insert(target.location.uniqueid.clone(), (UnixTime::now(), uid));
            if self.options.expected <= 1 && self.write_marks() {
                drop(txn.take_intent());
            }
            self.pending.extend(txn.take_intent().and_then(Intent::into_mark));
        }
        drop(txn);
        let cleanup = mailbox.close()?;
        Ok(Outcome::Delivered(Box::new(Delivered {
            uidvalidity: appended.uidvalidity,
            uid,
            changed: appended.changed,
            cleanup,
            seen_elsewhere: !appended.seen_elsewhere.is_empty(),
        })))
    }

    /// Remembers what was delivered. A failure is in the log and costs at most a second copy.
    pub fn finish(mut self) {
        self.write_marks();
    }

    fn is_known(
        &self,
        catalog: &Catalog,
        key: &DeliveryKey<'_>,
        name: Option<&DeliveryName>,
        location: &Location,
    ) -> Result<bool> {
        if self.marks.contains_key(key.to) {
            return Ok(true);
        }
        if catalog.check_duplicate(key)?.is_some() {
            return Ok(true);
        }
        let Some(mark) = name.and_then(|name| find_mark(location, name)) else { return Ok(false) };
        // Its process may have died before it wrote this; if not, it is written twice.
        match catalog.mark_duplicate(key, self.now, Uid(0)) {
            Ok(()) => mark.written(),
            Err(error) => tell_unmarked(&error),
        }
        Ok(true)
    }

    /// True when deliver.db has all marks. Those it could not take stay in `stage.` and are found there.
    fn write_marks(&mut self) -> bool {
        let marks = std::mem::take(&mut self.marks);
        let pending = std::mem::take(&mut self.pending);
        let (Some(catalog), Some(key)) = (self.store.catalog(), &self.options.duplicates) else {
            return true;
        };
        if marks.is_empty() {
            return true;
        }
        let marks: Vec<_> =
            marks.iter().map(|(to, &(at, uid))| DeliveryMark { key: key.to(to), at, uid }).collect();
        match catalog.mark_duplicates(&marks) {
            Ok(()) => pending.into_iter().for_each(PendingMark::written),
            Err(error) => {
                tell_unmarked(&error);
                return false;
            }
        }
        true
    }

    /// C: `duplicate_log()`
    fn tell_duplicate(&self, key: &DeliveryKey<'_>) {
        let (to, id, date) = (key.to.escape_ascii(), key.id.escape_ascii(), key.date.escape_ascii());
        log::info!(
            target: "syslog",
            "dupelim: eliminated duplicate message to {to} id {id} date {date} (delivery)"
        );
        if let Some(session) = &self.options.audit_session {
            cyrus_base::log::audit_duplicate(session, "delivery", key.id, key.to, key.date);
        }
    }
}

fn tell_unmarked(error: &Error) {
    log::error!(target: "syslog", "DBERROR: updating duplicate database: {error}");
}
