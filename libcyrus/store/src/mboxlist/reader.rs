//! Many look-ups under one lock: what LIST asks of the names it found.

use super::{MbEntry, Show, name_key};
use crate::catalog::{Catalog, db_error};
use crate::error::Result;
use cyrus_db::ReadTxn;
use cyrus_util::mboxname::{MboxName, US};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// A read transaction on mailboxes.db. Take no other lock while it lives.
#[derive(Debug)]
pub struct ListReader<'a> {
    catalog: &'a Catalog,
    path: PathBuf,
    txn: ReadTxn,
}

impl Catalog {
    /// Begins to read.
    ///
    /// # Errors
    /// `Io`.
    pub fn list_reader(&self) -> Result<ListReader<'_>> {
        let db = self.mboxlist_db()?;
        let txn = db.begin_read().map_err(|error| db_error(db.path(), error))?;
        Ok(ListReader { catalog: self, path: db.path().to_path_buf(), txn })
    }
}

impl ListReader<'_> {
    /// The entry of a mailbox that can be opened; as in [`Catalog::lookup`], but the others and
    /// those that cannot be read are none.
    ///
    /// # Errors
    /// `Io`.
    pub fn lookup(&self, name: &MboxName) -> Result<Option<MbEntry>> {
        let key = name_key(&name.to_db(self.catalog.rules()));
        let data = self.txn.fetch(&key).map_err(|error| db_error(&self.path, error))?;
        let entry =
            data.and_then(|data| MbEntry::parse(Some(name.clone()), &data, self.catalog.rules()).ok());
        Ok(entry.filter(|entry| Show::Mailboxes.shows(entry.mbtype) && !entry.mbtype.is_reserved()))
    }

    /// Whether a living entry stands below `name`.
    ///
    /// # Errors
    /// `Io`.
    pub fn has_children(&self, name: &MboxName) -> Result<bool> {
        let rules = self.catalog.rules();
        let mut prefix = name.to_db(rules);
        prefix.push(US);
        let mut found = false;
        let walk = self.txn.foreach(&name_key(&prefix), |key, data| {
            let child = MboxName::from_db(key.get(1..).unwrap_or_default(), rules);
            found = MbEntry::parse(Some(child), data, rules).is_ok_and(|entry| !entry.mbtype.is_deleted());
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        walk.map_err(|error| db_error(&self.path, error))?;
        Ok(found)
    }
}
