//! Appending one or more messages to one mailbox.

use super::stage::Staged;
use crate::error::Result;
use crate::mailbox::{Changed, IndexGuard, Mailbox, Record, SystemFlags};
use cyrus_util::ids::{ModSeq, Uid, UidValidity, UnixTime};

/// What an append gives a message besides its bytes.
#[derive(Clone, Debug, Default)]
pub struct AppendParams {
    /// INTERNALDATE; 0 for now.
    pub internaldate: UnixTime,
    /// RFC 3501 flags. \Seen goes into the record only where the index keeps it for the user.
    pub system_flags: SystemFlags,
    /// Keywords.
    pub keywords: Vec<Vec<u8>>,
    /// Save date; 0 for now.
    pub savedate: UnixTime,
    /// Modseq of creation; 0 for the new one.
    pub createdmodseq: ModSeq,
    /// Conversation id, when known.
    pub cid: u64,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// UIDVALIDITY for the APPENDUID or COPYUID response code.
    pub uidvalidity: UidValidity,
    /// The new UIDs in order.
    pub uids: Vec<Uid>,
    /// What the commit did.
    pub changed: Changed,
}

/// A transaction of 1..n messages into one mailbox under its exclusive index lock. Dropping it, or
/// [`AppendTxn::abort`], leaves nothing visible.
#[must_use = "an append that is not committed is undone"]
#[derive(Debug)]
pub struct AppendTxn<'m> {
    index: IndexGuard<'m>,
}

impl<'m> AppendTxn<'m> {
    /// Begins with the index locked exclusively. C: `append_setup_mbox()`
    ///
    /// # Errors
    /// `ReadOnly` when the lock is shared.
    pub fn begin(index: IndexGuard<'m>) -> Result<Self> {
        Ok(Self { index })
    }

    /// Appends a staged message; gives its UID. C: `append_fromstage()`
    ///
    /// # Errors
    /// `Io`, `OverQuota`, `TooManyFlags`.
    pub fn add(&mut self, _staged: &Staged, _params: &AppendParams) -> Result<Uid> {
        todo!()
    }

    /// Appends a copy of a message of another open mailbox, hard-linked where possible, with its
    /// guid, dates, flags and keywords. C: `append_copy()`
    ///
    /// # Errors
    /// `Io`, `TooManyFlags`.
    pub fn copy(&mut self, _from: &mut Mailbox, _record: &Record) -> Result<Uid> {
        todo!()
    }

    /// Makes it durable and visible, in that order. C: `append_commit()`
    ///
    /// # Errors
    /// `Io`; nothing is visible then.
    pub fn commit(self) -> Result<Appended> {
        todo!()
    }

    /// Undoes everything. C: `append_abort()`
    pub fn abort(self) {}
}
