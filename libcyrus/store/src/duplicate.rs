//! deliver.db: which message was delivered where (reference/databases.md 7).
//!
//! Values are in host order, as C writes them. Losing the last records costs at most a second copy
//! of a message, so they are not waited for.

use crate::catalog::{Catalog, Global, db_error};
use crate::error::Result;
use cyrus_util::ids::{Uid, UnixTime};
use std::ops::ControlFlow;

/// What names one delivery.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryKey<'a> {
    /// Message-ID.
    pub id: &'a [u8],
    /// Unique id of the mailbox, or the key of a Sieve action.
    pub to: &'a [u8],
    /// Text of the Date field.
    pub date: &'a [u8],
}

impl DeliveryKey<'_> {
    /// The key in deliver.db.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.id, b"\0", self.to, b"\0", self.date, b"\0"].concat()
    }

    /// Whether it names one delivery only.
    fn is_whole(&self) -> bool {
        !self.id.is_empty() && !self.to.is_empty()
    }
}

/// One delivery to remember.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryMark<'a> {
    /// What names it.
    pub key: DeliveryKey<'a>,
    /// When.
    pub at: UnixTime,
    /// UID of the copy.
    pub uid: Uid,
}

fn value(at: UnixTime, uid: Uid) -> Vec<u8> {
    [at.0.to_ne_bytes(), u64::from(uid.0).to_ne_bytes()].concat()
}

fn parse(data: &[u8]) -> Option<(UnixTime, Uid)> {
    let (mark, rest) = data.split_first_chunk::<8>()?;
    let uid = rest.first_chunk::<8>().map_or(0, |word| u64::from_ne_bytes(*word));
    Some((UnixTime(i64::from_ne_bytes(*mark)), Uid(u32::try_from(uid).unwrap_or(0))))
}

impl Catalog {
    /// When a message was delivered before; `None` for the first time. C: duplicate_check()
    ///
    /// # Errors
    /// `Io`.
    pub fn check_duplicate(&self, key: &DeliveryKey<'_>) -> Result<Option<UnixTime>> {
        if !key.is_whole() {
            return Ok(None);
        }
        let db = self.global(Global::Deliver)?;
        let data = db.fetch(&key.bytes()).map_err(|error| db_error(db.path(), error))?;
        Ok(data.and_then(|data| parse(&data)).map(|(mark, _)| mark))
    }

    /// Remembers a delivery. C: duplicate_mark()
    ///
    /// # Errors
    /// `Io`.
    pub fn mark_duplicate(&self, key: &DeliveryKey<'_>, at: UnixTime, uid: Uid) -> Result<()> {
        if !key.is_whole() {
            return Ok(());
        }
        let db = self.global(Global::Deliver)?;
        db.store(&key.bytes(), &value(at, uid)).map_err(|error| db_error(db.path(), error))
    }

    /// Remembers several deliveries in one transaction.
    ///
    /// # Errors
    /// `Io`.
    pub fn mark_duplicates(&self, marks: &[DeliveryMark<'_>]) -> Result<()> {
        if let [mark] = marks {
            return self.mark_duplicate(&mark.key, mark.at, mark.uid);
        }
        let db = self.global(Global::Deliver)?;
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        for mark in marks.iter().filter(|mark| mark.key.is_whole()) {
            txn.store(&mark.key.bytes(), &value(mark.at, mark.uid)).map_err(fail)?;
        }
        txn.commit().map_err(fail)
    }

    /// Removes the records that are older than what `before` says of the mailbox or script in
    /// their key; returns how many there were and how many went.
    /// C: duplicate_prune()
    ///
    /// # Errors
    /// `Io`.
    pub fn prune_duplicates(&self, before: impl Fn(&[u8]) -> UnixTime) -> Result<(usize, usize)> {
        let db = self.global(Global::Deliver)?;
        let fail = |error| db_error(db.path(), error);
        let (mut total, mut old) = (0, Vec::new());
        db.foreach(b"", |key, data| {
            total += 1;
            let to = key.split(|&byte| byte == 0).nth(1).unwrap_or_default();
            if parse(data).is_none_or(|(mark, _)| mark < before(to)) {
                old.push(key.to_vec());
            }
            ControlFlow::Continue(())
        })
        .map_err(fail)?;
        let mut txn = db.begin().map_err(fail)?;
        for key in &old {
            txn.delete(key).map_err(fail)?;
        }
        txn.commit().map_err(fail)?;
        Ok((total, old.len()))
    }
}
