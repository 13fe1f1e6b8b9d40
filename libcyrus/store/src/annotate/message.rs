//! cyrus.annotations: the annotations of one mailbox's messages.

use super::record::{Annotation, Key};
use super::{OWNER, Scope, delete_prefixes};
use crate::catalog::{Catalog, db_error};
use crate::error::Result;
use crate::mailbox::Location;
use cyrus_base::config::Opt;
use cyrus_db::{Create, Db};
use cyrus_util::ids::Uid;
use std::ops::ControlFlow;

/// The annotations of a mailbox's messages.
#[derive(Debug)]
pub struct MessageAnnotations {
    db: Option<Db>,
    owner: Option<Vec<u8>>,
}

/// A change of one annotation of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageChange<'a> {
    /// The message.
    pub uid: Uid,
    /// Name of the entry.
    pub entry: &'a [u8],
    /// Whose it is, the real userid; empty for a shared one.
    pub userid: &'a [u8],
    /// The new value; `None` leaves a tombstone.
    pub value: Option<&'a [u8]>,
    /// Modseq of the message.
    pub modseq: u64,
}

impl Catalog {
    /// Opens the message annotations of a mailbox; without a file all reads find nothing.
    ///
    /// # Errors
    /// `Io`.
    pub fn message_annotations(&self, location: &Location, create: Create) -> Result<MessageAnnotations> {
        let path = &location.annotations;
        let db = if create == Create::Never && !path.exists() {
            None
        } else {
            Some(self.open_as(path, Opt::AnnotationDb, create)?)
        };
        Ok(MessageAnnotations { db, owner: location.owner.clone() })
    }

    /// Whether a value exists for any scope; used by tools that list databases.
    ///
    /// # Errors
    /// `Io`.
    pub fn has_annotations(&self, scope: Scope<'_>) -> Result<bool> {
        let mut found = false;
        self.each_annotation(scope, |_, _, _| {
            found = true;
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}

impl MessageAnnotations {
    fn key(&self, uid: Uid, entry: &[u8], userid: &[u8]) -> Vec<u8> {
        let is_owner = !userid.is_empty() && self.owner.as_deref() == Some(userid);
        let userid = if is_owner { OWNER } else { userid };
        Key { scope: uid.to_string().as_bytes(), entry, userid }.print()
    }

    /// A value; `userid` is empty for the shared one.
    ///
    /// # Errors
    /// `Io`.
    pub fn value(&self, uid: Uid, entry: &[u8], userid: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(db) = &self.db else { return Ok(None) };
        let data = db.fetch(&self.key(uid, entry, userid)).map_err(|error| db_error(db.path(), error))?;
        let annotation = data.and_then(|data| Annotation::parse(&data));
        Ok(annotation.filter(|annotation| !annotation.is_deleted).map(|annotation| annotation.value))
    }

    /// Calls `f` with uid, entry, real userid and record of every annotation, tombstones too; of
    /// one message when `uid` is given.
    ///
    /// # Errors
    /// `Io`.
    pub fn each(
        &self,
        uid: Option<Uid>,
        mut f: impl FnMut(Uid, &[u8], &[u8], &Annotation) -> ControlFlow<()>,
    ) -> Result<()> {
        let Some(db) = &self.db else { return Ok(()) };
        let prefix = uid.map_or(Vec::new(), |uid| format!("{uid}\0").into_bytes());
        db.foreach(&prefix, |key, data| {
            let parsed = Key::parse(key).zip(Annotation::parse(data));
            let Some((key, annotation)) = parsed else { return ControlFlow::Continue(()) };
            let uid = std::str::from_utf8(key.scope).ok().and_then(|text| text.parse().ok());
            let Some(uid) = uid else { return ControlFlow::Continue(()) };
            let userid =
                if key.userid == OWNER { self.owner.as_deref().unwrap_or_default() } else { key.userid };
            f(Uid(uid), key.entry, userid, &annotation)
        })
        .map_err(|error| db_error(db.path(), error))
    }

    /// Writes changes in one transaction and returns the value each one replaced, which the
    /// mailbox needs for its checksum.
    ///
    /// # Errors
    /// `Io`; nothing was changed then.
    pub fn write(&self, changes: &[MessageChange<'_>]) -> Result<Vec<Option<Vec<u8>>>> {
        let Some(db) = &self.db else { return Ok(vec![None; changes.len()]) };
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        let mut replaced = Vec::with_capacity(changes.len());
        for change in changes {
            let key = self.key(change.uid, change.entry, change.userid);
            let old = txn.fetch(&key).map_err(fail)?.and_then(|data| Annotation::parse(&data));
            let old = old.filter(|old| !old.is_deleted).map(|old| old.value);
            let new = match change.value {
                Some(value) => Some(Annotation::new(value, change.modseq)),
                None => old.is_some().then(|| Annotation::tombstone(change.modseq)),
            };
            if let Some(new) = new {
                txn.store(&key, &new.print()).map_err(fail)?;
            }
            replaced.push(old);
        }
        txn.commit().map_err(fail)?;
        Ok(replaced)
    }

    /// Removes all records of messages that are gone, tombstones too.
    ///
    /// # Errors
    /// `Io`.
    pub fn forget(&self, uids: &[Uid]) -> Result<()> {
        let Some(db) = &self.db else { return Ok(()) };
        delete_prefixes(db, uids.iter().map(|uid| format!("{uid}\0").into_bytes()))
    }
}
