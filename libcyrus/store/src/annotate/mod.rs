//! Annotations of the server, of mailboxes and of messages (reference/databases.md 4).
//!
//! Server and mailbox annotations are in annotations.db, those of messages in cyrus.annotations of
//! the mailbox; both have the same [`record`] form. Annotations that are bits or fields of
//! cyrus.index (`sharedseen`, `lastpop`, ...) are not here.

pub mod definitions;
pub mod record;

pub use definitions::{Definition, Definitions, Level, Source};
pub use record::{Annotation, Key};

use crate::catalog::{Catalog, Global, db_error};
use crate::error::{Error, Result};
use crate::mboxlist::MbEntry;
use cyrus_db::Db;
use std::ops::ControlFlow;

/// The token that stands for a mailbox's owner in keys.
pub(crate) const OWNER: &[u8] = b"[.OwNeR.]";
/// Entry of special-use attributes.
const SPECIAL_USE: &[u8] = b"/specialuse";

/// Entry, userid (empty for shared values) and the new value, `None` to remove it.
pub type Change<'a> = (&'a [u8], &'a [u8], Option<&'a [u8]>);

/// What an annotation belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// The server.
    Server,
    /// A mailbox.
    Mailbox(&'a MbEntry),
}

/// Removes the records whose keys begin with one of `prefixes`, all at once.
fn delete_prefixes(db: &Db, prefixes: impl IntoIterator<Item = Vec<u8>>) -> Result<()> {
    let fail = |error| db_error(db.path(), error);
    let mut keys = Vec::new();
    for prefix in prefixes {
        db.foreach(&prefix, |key, _| {
            keys.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .map_err(fail)?;
    }
    if keys.is_empty() {
        return Ok(());
    }
    let mut txn = db.begin().map_err(fail)?;
    for key in keys {
        txn.delete(&key).map_err(fail)?;
    }
    txn.commit().map_err(fail)
}

impl Catalog {
    /// The key's userid: the owner's private annotations stay with the mailbox whatever the owner
    /// is called.
    fn key_user<'a>(&self, scope: Scope<'_>, userid: &'a [u8]) -> &'a [u8] {
        match scope {
            Scope::Mailbox(entry)
                if !userid.is_empty() && entry.name.owner(self.rules()).as_deref() == Some(userid) =>
            {
                OWNER
            }
            _ => userid,
        }
    }

    fn annotation_key(&self, scope: Scope<'_>, entry: &[u8], userid: &[u8]) -> Result<Vec<u8>> {
        let id = match scope {
            Scope::Server => b"".as_slice(),
            Scope::Mailbox(mailbox) => mailbox.uniqueid.as_deref().ok_or(Error::NotFound)?,
        };
        Ok(Key { scope: id, entry, userid: self.key_user(scope, userid) }.print())
    }

    /// A value; `userid` is empty for the shared one. C: annotatemore_lookup_mbe()
    ///
    /// # Errors
    /// `Io`.
    pub fn annotation(&self, scope: Scope<'_>, entry: &[u8], userid: &[u8]) -> Result<Option<Vec<u8>>> {
        let db = self.global(Global::Annotations)?;
        let key = self.annotation_key(scope, entry, userid)?;
        let data = db.fetch(&key).map_err(|error| db_error(db.path(), error))?;
        let annotation = data.and_then(|data| Annotation::parse(&data));
        Ok(annotation.filter(|annotation| !annotation.is_deleted).map(|annotation| annotation.value))
    }

    /// Sets a value, or removes it with `None`; durable on return. C: annotatemore_write()
    ///
    /// # Errors
    /// `Io`.
    pub fn set_annotation(
        &self,
        scope: Scope<'_>,
        entry: &[u8],
        userid: &[u8],
        value: Option<&[u8]>,
    ) -> Result<()> {
        self.set_annotations(scope, &[(entry, userid, value)])
    }

    /// Sets or removes several values at once; durable on return.
    ///
    /// # Errors
    /// `Io`; nothing was changed then.
    pub fn set_annotations(&self, scope: Scope<'_>, changes: &[Change<'_>]) -> Result<()> {
        let db = self.global(Global::Annotations)?;
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        for (entry, userid, value) in changes {
            let key = self.annotation_key(scope, entry, userid)?;
            match value {
                Some(value) => txn.store(&key, &Annotation::new(value, 0).print()).map_err(fail)?,
                None => drop(txn.delete(&key).map_err(fail)?),
            }
        }
        txn.commit().map_err(fail)?;
        let name = match scope {
            Scope::Server => b"".as_slice(),
            Scope::Mailbox(mailbox) => mailbox.name.as_bytes(),
        };
        self.sync_log(&[b"ANNOTATION", name]);
        Ok(())
    }

    /// Calls `f` with entry, userid (real names, empty for shared) and value of every annotation
    /// of a scope, in the order of the database.
    ///
    /// # Errors
    /// `Io`.
    pub fn each_annotation(
        &self,
        scope: Scope<'_>,
        mut f: impl FnMut(&[u8], &[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let db = self.global(Global::Annotations)?;
        let (id, owner) = match scope {
            Scope::Server => (b"".as_slice(), None),
            Scope::Mailbox(mailbox) => {
                (mailbox.uniqueid.as_deref().ok_or(Error::NotFound)?, mailbox.name.owner(self.rules()))
            }
        };
        let prefix = [id, b"\0"].concat();
        db.foreach(&prefix, |key, data| {
            let (Some(key), Some(value)) = (Key::parse(key), Annotation::parse(data)) else {
                return ControlFlow::Continue(());
            };
            if value.is_deleted {
                return ControlFlow::Continue(());
            }
            let userid = if key.userid == OWNER { owner.as_deref().unwrap_or_default() } else { key.userid };
            f(key.entry, userid, &value.value)
        })
        .map_err(|error| db_error(db.path(), error))
    }

    /// Removes all annotations of a mailbox that is going. C: annotate_delete_mailbox()
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_mailbox_annotations(&self, mailbox: &MbEntry) -> Result<()> {
        let Some(uniqueid) = mailbox.uniqueid.as_deref().filter(|id| !id.is_empty()) else { return Ok(()) };
        let db = self.global(Global::Annotations)?;
        delete_prefixes(&db, [[uniqueid, b"\0"].concat()])
    }

    /// The special uses of a mailbox (`\Trash` ...), as its owner gave them.
    ///
    /// # Errors
    /// `Io`.
    pub fn special_uses(&self, mailbox: &MbEntry) -> Result<Vec<Vec<u8>>> {
        let Some(owner) = mailbox.name.owner(self.rules()) else { return Ok(Vec::new()) };
        let value = self.annotation(Scope::Mailbox(mailbox), SPECIAL_USE, &owner)?.unwrap_or_default();
        let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Ok(words.map(<[u8]>::to_vec).collect())
    }

    /// The special uses of many mailboxes of one owner, as stored, read under one lock.
    ///
    /// # Errors
    /// `Io`.
    pub fn special_uses_of(&self, owner: &[u8], mailboxes: &[&MbEntry]) -> Result<Vec<Vec<u8>>> {
        if mailboxes.is_empty() {
            return Ok(Vec::new());
        }
        let db = self.global(Global::Annotations)?;
        let txn = db.begin_read().map_err(|error| db_error(db.path(), error))?;
        let value = |mailbox: &&MbEntry| {
            let Some(uniqueid) = &mailbox.uniqueid else { return Ok(Vec::new()) };
            let userid = self.key_user(Scope::Mailbox(mailbox), owner);
            let key = Key { scope: uniqueid, entry: SPECIAL_USE, userid }.print();
            let data = txn.fetch(&key).map_err(|error| db_error(db.path(), error))?;
            let annotation = data.and_then(|data| Annotation::parse(&data));
            Ok(annotation.filter(|each| !each.is_deleted).map(|each| each.value).unwrap_or_default())
        };
        mailboxes.iter().map(value).collect()
    }

    /// Gives a mailbox special uses, or takes them with an empty list.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_special_uses(&self, mailbox: &MbEntry, uses: &[&[u8]]) -> Result<()> {
        let owner = mailbox.name.owner(self.rules()).ok_or(Error::PermissionDenied)?;
        let value = uses.join(&b' ');
        let value = (!value.is_empty()).then_some(value.as_slice());
        self.set_annotation(Scope::Mailbox(mailbox), SPECIAL_USE, &owner, value)
    }
}
