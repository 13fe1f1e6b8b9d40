//! Writing entries: the `N` and `I` records of a mailbox and its reverse ACLs, in one transaction.

use super::{MbEntry, MbKind, id_key, name_key};
use crate::catalog::{Catalog, db_error};
use crate::counters::Scope;
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock};
use crate::mboxlist::FormerName;
use cyrus_base::config::Opt;
use cyrus_db::{Db, Txn};
use cyrus_util::ids::{ModSeq, UnixTime};
use cyrus_util::mboxname::MboxName;

/// Between the parts of a reverse ACL key.
const RS: u8 = 0x1e;

/// A transaction on mailboxes.db; dropped without commit nothing is changed.
#[must_use = "a change that is not committed is undone"]
#[derive(Debug)]
pub struct ListChange<'a> {
    catalog: &'a Catalog,
    db: Db,
    txn: Txn,
}

impl Catalog {
    /// Begins to change mailboxes.db. `lock` is the owner's namespace lock, exclusive.
    ///
    /// # Errors
    /// `Internal` without an exclusive lock; `Io`.
    pub fn change_list(&self, lock: &UserLock) -> Result<ListChange<'_>> {
        if !lock.allows(Mode::Exclusive) {
            return Err(Error::Internal("mailboxes.db change without the exclusive namespace lock"));
        }
        let db = self.mboxlist_db()?;
        let txn = db.begin().map_err(|error| db_error(db.path(), error))?;
        Ok(ListChange { catalog: self, db, txn })
    }

    /// Writes one entry. C: mboxlist_update()
    ///
    /// # Errors
    /// As [`Catalog::change_list`].
    pub fn update_entry(&self, lock: &UserLock, entry: &MbEntry) -> Result<()> {
        let mut change = self.change_list(lock)?;
        change.put(entry)?;
        change.commit()
    }

    /// Removes the `N` record of a name. C: mboxlist_update_entry(name, NULL)
    ///
    /// # Errors
    /// As [`Catalog::change_list`].
    pub fn remove_entry(&self, lock: &UserLock, name: &MboxName) -> Result<()> {
        let mut change = self.change_list(lock)?;
        change.remove(name)?;
        change.commit()
    }

    /// Whether reverse ACLs are kept: the marker record is there.
    ///
    /// # Errors
    /// `Io`.
    pub fn has_reverse_acls(&self) -> Result<bool> {
        if !self.config().switch(Opt::Reverseacls) {
            return Ok(false);
        }
        let db = self.mboxlist_db()?;
        let marker = db.fetch(&[b'A', b'S', RS]).map_err(|error| db_error(db.path(), error))?;
        Ok(marker.is_some())
    }

    /// Database names that reverse ACLs show to an identifier, those starting with `prefix`.
    ///
    /// # Errors
    /// `Io`.
    pub fn reverse_acl_names(&self, is_user: bool, identifier: &[u8], prefix: &[u8]) -> Result<Vec<Vec<u8>>> {
        let db = self.mboxlist_db()?;
        let start = racl_key(is_user, identifier, prefix);
        let skip = racl_key(is_user, identifier, b"").len();
        let mut names = Vec::new();
        db.foreach(&start, |key, _| {
            names.extend(key.get(skip..).map(<[u8]>::to_vec));
            std::ops::ControlFlow::Continue(())
        })
        .map_err(|error| db_error(db.path(), error))?;
        Ok(names)
    }
}

impl ListChange<'_> {
    /// The entry of a name as this transaction sees it.
    ///
    /// # Errors
    /// `Io`, `BadFormat`.
    pub fn lookup(&mut self, name: &MboxName) -> Result<Option<MbEntry>> {
        let key = name_key(&name.to_db(self.catalog.rules()));
        let data = self.txn.fetch(&key).map_err(|error| db_error(self.db.path(), error))?;
        data.map(|data| self.catalog.parse_entry(&self.db, Some(name.clone()), &data)).transpose()
    }

    fn lookup_id(&mut self, uniqueid: &[u8]) -> Result<Option<MbEntry>> {
        let data = self.txn.fetch(&id_key(uniqueid)).map_err(|error| db_error(self.db.path(), error))?;
        data.map(|data| self.catalog.parse_entry(&self.db, None, &data)).transpose()
    }

    /// Writes both records of an entry, stamped with now. The `I` record of another mailbox that
    /// had this name goes; a name that changes becomes the newest of the former ones.
    /// C: mboxlist_update_entry()
    ///
    /// # Errors
    /// `Io`, `BadFormat`.
    pub fn put(&mut self, entry: &MbEntry) -> Result<()> {
        self.put_entry(entry, Vec::new())
    }

    /// As [`ListChange::put`], with former names of its own in front of those known already.
    ///
    /// # Errors
    /// `Io`, `BadFormat`.
    pub fn put_with_history(&mut self, entry: &MbEntry) -> Result<()> {
        self.put_entry(entry, entry.history.clone())
    }

    fn put_entry(&mut self, entry: &MbEntry, mut history: Vec<FormerName>) -> Result<()> {
        let rules = self.catalog.rules();
        let dbname = entry.name.to_db(rules);
        let old = self.lookup(&entry.name)?;
        self.put_reverse_acls(&entry.name, old.as_ref(), Some(entry))?;
        if let Some(old_id) = old.as_ref().and_then(|old| old.uniqueid.clone()) {
            if Some(&old_id) != entry.uniqueid.as_ref() {
                let at_old_id = self.lookup_id(&old_id)?;
                if at_old_id.is_some_and(|at_old_id| at_old_id.name == entry.name) {
                    self.delete(&id_key(&old_id))?;
                }
            }
        }
        self.catalog.audit_acl(old.as_ref(), entry);
        let mut entry = entry.clone();
        entry.mtime = u64::try_from(UnixTime::now().0).unwrap_or(0);
        self.store(&name_key(&dbname), &entry.name_value())?;
        let Some(uniqueid) = entry.uniqueid.clone() else { return Ok(()) };
        if let Some(before) = self.lookup_id(&uniqueid)? {
            if before.name != entry.name {
                history.push(FormerName {
                    name: before.name,
                    mtime: before.mtime,
                    uidvalidity: before.uidvalidity,
                    createdmodseq: before.createdmodseq,
                    foldermodseq: before.foldermodseq,
                    mbtype: before.mbtype,
                    partition: before.partition,
                });
            }
            history.extend(before.history);
        }
        entry.history = history;
        self.store(&id_key(&uniqueid), &entry.id_value(rules))
    }

    /// Removes the `N` record of a name; its `I` record stays, as in C, for cyr_expire.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove(&mut self, name: &MboxName) -> Result<()> {
        let old = self.lookup(name)?;
        self.put_reverse_acls(name, old.as_ref(), None)?;
        self.delete(&name_key(&name.to_db(self.catalog.rules())))
    }

    /// Removes the `I` record of an id.
    ///
    /// # Errors
    /// `Io`.
    pub fn remove_id(&mut self, uniqueid: &[u8]) -> Result<()> {
        self.delete(&id_key(uniqueid))
    }

    /// Makes everything durable at once.
    ///
    /// # Errors
    /// `Io`; nothing was changed then.
    pub fn commit(self) -> Result<()> {
        let Self { db, txn, .. } = self;
        txn.commit().map_err(|error| db_error(db.path(), error))
    }

    fn put_reverse_acls(
        &mut self,
        name: &MboxName,
        old: Option<&MbEntry>,
        new: Option<&MbEntry>,
    ) -> Result<()> {
        if !self.catalog.config().switch(Opt::Reverseacls) {
            return Ok(());
        }
        let marker = self.txn.fetch(&[b'A', b'S', RS]).map_err(|error| db_error(self.db.path(), error))?;
        if marker.is_none() {
            return Ok(());
        }
        let owner = name.owner(self.catalog.rules());
        let dbname = name.to_db(self.catalog.rules());
        let admins = self.catalog.config().words(Opt::Admins).map(|word| word.as_bytes().to_vec());
        let hidden = admins.chain(owner.clone()).collect::<Vec<_>>();
        let (before, after) = (readers(old, &hidden), readers(new, &hidden));
        for identifier in before.iter().filter(|identifier| !after.contains(identifier)) {
            self.delete(&racl_key(owner.is_some(), identifier, &dbname))?;
            self.tell_reader(identifier)?;
        }
        for identifier in after.iter().filter(|identifier| !before.contains(identifier)) {
            self.store(&racl_key(owner.is_some(), identifier, &dbname), b"")?;
            self.tell_reader(identifier)?;
        }
        Ok(())
    }

    /// What a user may see has changed. C: `mboxlist_update_raclmodseq()`
    fn tell_reader(&mut self, identifier: &[u8]) -> Result<()> {
        let inbox = MboxName::user_inbox(identifier, self.catalog.rules());
        let Some(entry) = self.lookup(&inbox)? else { return Ok(()) };
        if entry.mbtype.is_deleted() || entry.mbtype.is_intermediate() || entry.mbtype.is_reserved() {
            return Ok(());
        }
        self.catalog.step_modseq(&inbox, ModSeq(0), MbKind::Email, Scope::Racl);
        self.catalog.sync_log(&[b"MAILBOX", inbox.as_bytes()]);
        Ok(())
    }

    /// Every record as it is.
    pub(super) fn everything(&mut self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut all = Vec::new();
        let walked = self.txn.foreach(b"", |key: &[u8], data: &[u8]| {
            all.push((key.to_vec(), data.to_vec()));
            std::ops::ControlFlow::Continue(())
        });
        walked.map_err(|error| db_error(self.db.path(), error))?;
        Ok(all)
    }

    /// Removes a record, whatever it is.
    pub(super) fn forget(&mut self, key: &[u8]) -> Result<()> {
        self.delete(key)
    }

    pub(super) fn wants_reverse_acls(&self) -> bool {
        self.catalog.config().switch(Opt::Reverseacls)
    }

    pub(super) fn has_marker(&mut self) -> Result<bool> {
        let marker = self.txn.fetch(&[b'A', b'S', RS]).map_err(|error| db_error(self.db.path(), error))?;
        Ok(marker.is_some())
    }

    pub(super) fn set_marker(&mut self) -> Result<()> {
        self.store(&[b'A', b'S', RS], b"")
    }

    /// The reverse ACLs of an entry that has none yet.
    pub(super) fn add_reverse_acls(&mut self, dbname: &[u8], data: &[u8]) -> Result<()> {
        let rules = self.catalog.rules();
        let name = MboxName::from_db(dbname, rules);
        match MbEntry::parse(Some(name.clone()), data, rules) {
            Ok(entry) => self.put_reverse_acls(&name, None, Some(&entry)),
            Err(_) => Ok(()),
        }
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.txn.store(key, value).map_err(|error| db_error(self.db.path(), error))
    }

    fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.txn.delete(key).map(drop).map_err(|error| db_error(self.db.path(), error))
    }
}

/// Identifiers with lookup or read right.
fn readers(entry: Option<&MbEntry>, hidden: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let entry = entry.filter(|entry| !entry.mbtype.is_deleted());
    let acl = entry.map(MbEntry::acl).unwrap_or_default();
    let reads = acl.entries().iter().filter(|each| each.rights.iter().any(|letter| b"lr".contains(letter)));
    reads.map(|each| each.identifier.clone()).filter(|identifier| !hidden.contains(identifier)).collect()
}

fn racl_key(is_user: bool, identifier: &[u8], dbname: &[u8]) -> Vec<u8> {
    let kind = if is_user { b'U' } else { b'S' };
    [&[b'A', kind, RS], identifier, &[RS], dbname].concat()
}
