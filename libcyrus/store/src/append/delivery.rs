//! One message into many mailboxes.
//!
//! The copies on one partition are links to the staged file, so its data is written out once and
//! each further copy costs its link, its cache and its index. Mailboxes are done one after the
//! other, each complete, so that never more than one mailbox is locked.

use super::stage::Staged;
use super::txn::{AppendParams, AppendTxn, QuotaCheck};
use crate::context::Store;
use crate::error::Result;
use crate::lock::{Mode, Wait};
use crate::mailbox::{Changed, Cleanup, Location, Mailbox};
use cyrus_util::ids::{Uid, UidValidity, UnixTime};
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

/// Delivers one staged message to several mailboxes.
#[derive(Debug)]
pub struct DeliveryBatch {
    store: Arc<Store>,
    staged: Staged,
}

impl DeliveryBatch {
    /// Begins with a staged message.
    #[must_use]
    pub fn new(store: &Arc<Store>, staged: Staged) -> Self {
        Self { store: Arc::clone(store), staged }
    }

    /// The message.
    #[must_use]
    pub fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Delivers to every target; one result for each, in their order. A copy is acknowledged
    /// (`Ok`) only when it is durable. INTERNALDATE is the same for all: the file is one.
    pub fn deliver(&self, targets: &[Target]) -> Vec<Result<Delivered>> {
        let now = UnixTime::now();
        targets.iter().map(|target| self.deliver_one(target, now)).collect()
    }

    fn deliver_one(&self, target: &Target, now: UnixTime) -> Result<Delivered> {
        let store = &self.store;
        let user = store.lock_owner(target.location.owner.as_deref(), Mode::Exclusive)?;
        let mut mailbox = Mailbox::open(store, &user, target.location.clone(), Mode::Shared, Wait::Block)?;
        let index = mailbox.lock_index(&user, Mode::Exclusive)?;
        let mut txn = AppendTxn::begin(index, &target.userid, target.quota)?;
        let mut params = target.params.clone();
        if params.internaldate.0 == 0 {
            params.internaldate = now;
        }
        let uid = txn.add(&self.staged, &params)?;
        let appended = txn.commit()?;
        let cleanup = mailbox.close()?;
        Ok(Delivered {
            uidvalidity: appended.uidvalidity,
            uid,
            changed: appended.changed,
            cleanup,
            seen_elsewhere: !appended.seen_elsewhere.is_empty(),
        })
    }
}
