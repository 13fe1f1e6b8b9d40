//! One message into many mailboxes.

use super::stage::Staged;
use super::txn::AppendParams;
use crate::context::Store;
use crate::error::Result;
use crate::mailbox::{Changed, Location};
use cyrus_util::ids::{Uid, UidValidity};
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
}

/// Delivers one staged message to several mailboxes; the copies on one partition are links to one
/// file, which is synced once for all.
#[derive(Debug)]
pub struct DeliveryBatch {}

impl DeliveryBatch {
    /// Begins with a staged message.
    #[must_use]
    pub fn new(_store: &Arc<Store>, _staged: Staged) -> Self {
        todo!()
    }

    /// Delivers to every target in turn; one result for each. A copy is acknowledged (`Ok`) only
    /// when it is durable.
    pub fn deliver(&mut self, _targets: &[(Location, AppendParams)]) -> Vec<Result<Delivered>> {
        todo!()
    }
}
