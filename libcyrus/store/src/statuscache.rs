//! statuscache.db: what STATUS answered last (reference/databases.md 6).
//!
//! A cache only: it may be lost at any time, its failures are never the caller's. Records of other
//! versions count as missing.

use crate::catalog::{Catalog, Global};
use crate::error::Result;
use cyrus_base::config::Opt;
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;

const VERSION: u64 = 8;

/// What is the same for all users of a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxStatus {
    /// MESSAGES
    pub messages: u32,
    /// UIDNEXT
    pub uidnext: u32,
    /// UIDVALIDITY
    pub uidvalidity: u32,
    /// Option bits of the index header.
    pub mboptions: u32,
    /// SIZE
    pub size: u64,
    /// CREATEDMODSEQ
    pub createdmodseq: u64,
    /// HIGHESTMODSEQ
    pub highestmodseq: u64,
}

/// What depends on the user; true only as long as the modseq is the mailbox's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserStatus {
    /// RECENT
    pub recent: u32,
    /// UNSEEN
    pub unseen: u32,
    /// HIGHESTMODSEQ when these were counted.
    pub highestmodseq: u64,
}

impl MailboxStatus {
    /// The record.
    #[must_use]
    pub fn print(&self) -> String {
        format!(
            "I {VERSION} ({} {} {} {} {} {} {})",
            self.messages,
            self.uidnext,
            self.uidvalidity,
            self.mboptions,
            self.size,
            self.createdmodseq,
            self.highestmodseq
        )
    }

    /// Reads a record.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let [messages, uidnext, uidvalidity, mboptions, size, createdmodseq, highestmodseq] =
            numbers(data, "I ")?;
        let small = |number: u64| u32::try_from(number).ok();
        Some(Self {
            messages: small(messages)?,
            uidnext: small(uidnext)?,
            uidvalidity: small(uidvalidity)?,
            mboptions: small(mboptions)?,
            size,
            createdmodseq,
            highestmodseq,
        })
    }
}

impl UserStatus {
    /// The record.
    #[must_use]
    pub fn print(&self) -> String {
        format!("S {VERSION} ({} {} {})", self.recent, self.unseen, self.highestmodseq)
    }

    /// Reads a record.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let [recent, unseen, highestmodseq] = numbers(data, "S ")?;
        Some(Self { recent: u32::try_from(recent).ok()?, unseen: u32::try_from(unseen).ok()?, highestmodseq })
    }
}

/// `<kind>8 (n n n)`
fn numbers<const N: usize>(data: &[u8], kind: &str) -> Option<[u64; N]> {
    let text = std::str::from_utf8(data).ok()?.strip_prefix(kind)?;
    let (version, list) = text.split_once(" (")?;
    if version.parse() != Ok(VERSION) {
        return None;
    }
    let list = list.strip_suffix(')')?;
    let numbers = list.split(' ').map(str::parse).collect::<std::result::Result<Vec<_>, _>>().ok()?;
    numbers.try_into().ok()
}

fn key(name: &MboxName, userid: Option<&[u8]>) -> Vec<u8> {
    let mut key = name.as_bytes().to_vec();
    key.push(b'%');
    if let Some(userid) = userid {
        key.push(b'%');
        key.extend_from_slice(userid);
    }
    key
}

impl Catalog {
    fn status_on(&self) -> bool {
        self.config().switch(Opt::Statuscache)
    }

    /// The mailbox's part, if it is known.
    #[must_use]
    pub fn cached_status(&self, name: &MboxName) -> Option<MailboxStatus> {
        let db = self.status_on().then(|| self.global(Global::StatusCache).ok())??;
        MailboxStatus::parse(&db.fetch(&key(name, None)).ok()??)
    }

    /// A user's part, if it is known and still true at `highestmodseq`.
    #[must_use]
    pub fn cached_user_status(
        &self,
        name: &MboxName,
        userid: &[u8],
        highestmodseq: u64,
    ) -> Option<UserStatus> {
        let db = self.status_on().then(|| self.global(Global::StatusCache).ok())??;
        let status = UserStatus::parse(&db.fetch(&key(name, Some(userid))).ok()??)?;
        (status.highestmodseq == highestmodseq).then_some(status)
    }

    /// Remembers what was counted, both records in one transaction.
    pub fn remember_status(
        &self,
        name: &MboxName,
        status: &MailboxStatus,
        user: Option<(&[u8], UserStatus)>,
    ) {
        if !self.status_on() {
            return;
        }
        let write = || -> cyrus_db::Result<()> {
            let Ok(db) = self.global(Global::StatusCache) else { return Ok(()) };
            let mut txn = db.begin()?;
            txn.store(&key(name, None), status.print().as_bytes())?;
            if let Some((userid, user)) = user {
                txn.store(&key(name, Some(userid)), user.print().as_bytes())?;
            }
            txn.commit()
        };
        if let Err(error) = write() {
            log::error!(target: "syslog", "DBERROR: error updating database: {error}");
        }
    }

    /// Forgets all records of a mailbox that was deleted or renamed.
    pub fn forget_status(&self, name: &MboxName) {
        if !self.status_on() {
            return;
        }
        if let Err(error) = self.try_forget(name) {
            log::error!(target: "syslog", "DBERROR: error deleting from statuscache: {error}");
        }
    }

    fn try_forget(&self, name: &MboxName) -> Result<()> {
        let db = self.global(Global::StatusCache)?;
        let fail = |error| crate::catalog::db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        let mut keys = Vec::new();
        txn.foreach(&key(name, None), |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .map_err(fail)?;
        for key in keys {
            txn.delete(&key).map_err(fail)?;
        }
        txn.commit().map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_they_were_read() {
        let text = "I 8 (61 62 1795375841 0 123456 1 77)";
        assert_eq!(MailboxStatus::parse(text.as_bytes()).map(|status| status.print()).as_deref(), Some(text));
        let text = "S 8 (1 2 77)";
        assert_eq!(UserStatus::parse(text.as_bytes()).map(|status| status.print()).as_deref(), Some(text));
        assert_eq!(UserStatus::parse(b"S 7 (1 2 77)"), None);
        assert_eq!(MailboxStatus::parse(b"I 8 (1)"), None);
    }
}
