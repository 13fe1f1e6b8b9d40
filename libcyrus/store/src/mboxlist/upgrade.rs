//! What is done to mailboxes.db and annotations.db once, before any service runs: databases from before
//! version 3.5 get records by name and by id, entries that an interrupted command left are finished or
//! removed, and reverse ACLs are made or removed as the configuration asks. C: process_mboxlist()
//!
//! Each step is one transaction: a crash leaves a database of the old form or one of the new.

use super::change::ListChange;
use super::{MbEntry, new_uniqueid};
use crate::Store;
use crate::annotate::record::Key;
use crate::annotate::{OWNER, Scope};
use crate::catalog::{Catalog, Global, db_error};
use crate::error::Result;
use crate::lock::{Mode, UserLock, Wait};
use crate::mailbox::Mailbox;
use cyrus_util::mboxname::MboxName;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Form of the records in mailboxes.db.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    ByNameAndId,
    Empty,
    /// Names alone, with dots; before 3.5.
    Old,
}

impl Catalog {
    /// Makes the mailbox list fit for this version; returns whether it was of an old form.
    ///
    /// # Errors
    /// `Io`; what cannot be done to a single entry is logged and passed over.
    pub fn recover_list(&self, store: &Arc<Store>) -> Result<bool> {
        let upgraded = self.form()? == Form::Old;
        if upgraded {
            self.upgrade_list(store)?;
        }
        self.finish_entries(store)?;
        let mut change = self.change_list(&UserLock::unowned())?;
        change.switch_reverse_acls()?;
        change.commit()?;
        if upgraded {
            self.upgrade_annotations()?;
        }
        Ok(upgraded)
    }

    fn form(&self) -> Result<Form> {
        let db = self.mboxlist_db()?;
        let mut form = Form::Empty;
        db.foreach(b"", |key, data| {
            let entry = || MbEntry::parse(None, data, self.rules());
            form = match key {
                // Only of new databases an id's value has a name.
                [b'I', ..] if entry().is_ok_and(|entry| !entry.name.is_empty()) => Form::ByNameAndId,
                [b'A', b'S' | b'U', 0x1e, ..] => Form::ByNameAndId,
                // The only record left of a mailbox that lost its id, or one of an old list's names.
                [b'N', ..] if form != Form::Old && entry().is_ok() => {
                    form = Form::ByNameAndId;
                    return ControlFlow::Continue(());
                }
                _ => Form::Old,
            };
            if form == Form::ByNameAndId { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .map_err(|error| db_error(db.path(), error))?;
        Ok(form)
    }

    /// C: mboxlist_upgrade()
    fn upgrade_list(&self, store: &Arc<Store>) -> Result<()> {
        let mut change = self.change_list(&UserLock::unowned())?;
        let mut by_id: BTreeMap<Vec<u8>, Vec<MbEntry>> = BTreeMap::new();
        let mut special_uses = Vec::new();
        for (key, data) in change.everything()? {
            change.forget(&key)?;
            if key.starts_with(b"$RACL") || key.starts_with(b"$RUNQ") {
                continue;
            }
            let name = MboxName::new(key);
            let Ok(mut entry) = MbEntry::parse(Some(name.clone()), &data, self.rules()) else {
                log::warn!(target: "syslog", "Failed to parse mailboxes.db entry for '{name}'");
                continue;
            };
            entry.mbtype = entry.mbtype.with_legacy_dirs(true);
            if entry.uniqueid.is_none() {
                let Some(uniqueid) = self.uniqueid_of_header(store, &entry) else {
                    log::warn!(target: "syslog", "Failed to open mailbox '{name}'");
                    continue;
                };
                entry.uniqueid = Some(uniqueid);
            }
            special_uses.extend(legacy_special_use(&data).map(|uses| (entry.clone(), uses)));
            by_id.entry(entry.uniqueid.clone().unwrap_or_default()).or_default().push(entry);
        }
        for mut entries in by_id.into_values() {
            // Former names first, the living one last: each becomes history of the next.
            entries.sort_by_key(|entry| (!entry.mbtype.is_deleted(), entry.foldermodseq));
            for entry in entries {
                change.put(&entry)?;
            }
        }
        change.commit()?;
        for (entry, uses) in special_uses {
            if let Some(owner) = entry.name.owner(self.rules()) {
                self.set_annotation(Scope::Mailbox(&entry), b"/specialuse", &owner, Some(&uses))?;
            }
        }
        Ok(())
    }

    fn uniqueid_of_header(&self, store: &Arc<Store>, entry: &MbEntry) -> Option<Vec<u8>> {
        let user = store.lock_owner(entry.name.owner(self.rules()).as_deref(), Mode::Exclusive).ok()?;
        let mut mailbox = Mailbox::open_entry(store, &user, entry, Mode::Shared, Wait::Block).ok()?;
        let mut guard = mailbox.lock_index(&user, Mode::Exclusive).ok()?;
        let known = guard.mailbox_header().uniqueid.clone();
        if !known.is_empty() {
            guard.abort();
            return Some(known);
        }
        let uniqueid = new_uniqueid();
        log::info!(
            target: "syslog",
            "mailbox header had no uniqueid, creating one: mboxname=<{}> newuniqueid=<{}>",
            entry.name,
            String::from_utf8_lossy(&uniqueid)
        );
        guard.change_mailbox_header(|header| header.uniqueid.clone_from(&uniqueid)).ok()?;
        guard.commit().ok()?;
        Some(uniqueid)
    }

    /// Removes entries reserved by a command that never ended and gives ids to those without.
    /// C: fixmbox()
    fn finish_entries(&self, store: &Arc<Store>) -> Result<()> {
        let mut found = Vec::new();
        self.each_entry(b"", super::Show::Everything, |entry| {
            let is_local = entry.server.is_none() && entry.mbtype.is_active();
            if entry.mbtype.is_reserved() || (entry.uniqueid.is_none() && is_local) {
                found.push(entry);
            }
            ControlFlow::Continue(())
        })?;
        for mut entry in found {
            let name = entry.name.clone();
            if entry.mbtype.is_reserved() {
                let mut change = self.change_list(&UserLock::unowned())?;
                change.remove(&name)?;
                if let Some(uniqueid) = &entry.uniqueid {
                    change.remove_id(uniqueid)?;
                }
                change.commit()?;
                log::info!(target: "syslog", "removed reserved mailbox '{name}'");
            } else if let Some(uniqueid) = self.uniqueid_of_header(store, &entry) {
                let id = String::from_utf8_lossy(&uniqueid);
                log::info!(
                    target: "syslog",
                    "mbentry had no uniqueid, setting from header: mboxname=<{name}> newuniqueid=<{id}>"
                );
                entry.uniqueid = Some(uniqueid);
                self.update_entry(&UserLock::unowned(), &entry)?;
            }
        }
        Ok(())
    }

    /// Annotations of mailboxes were kept under their names; they get the ids. C: annotatemore_upgrade()
    fn upgrade_annotations(&self) -> Result<()> {
        let db = self.global(Global::Annotations)?;
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        let mut all = Vec::new();
        txn.foreach(b"", |key: &[u8], data: &[u8]| {
            all.push((key.to_vec(), data.to_vec()));
            ControlFlow::Continue(())
        })
        .map_err(fail)?;
        for (key, data) in all {
            let Some(parsed) = Key::parse(&key).filter(|parsed| !parsed.scope.is_empty()) else { continue };
            let Ok(entry) = self.lookup(&MboxName::new(parsed.scope)) else { continue };
            let Some(uniqueid) = &entry.uniqueid else { continue };
            let is_owner = entry.name.owner(self.rules()).as_deref() == Some(parsed.userid);
            let userid = if is_owner { OWNER } else { parsed.userid };
            let renewed = Key { scope: uniqueid, entry: parsed.entry, userid }.print();
            txn.delete(&key).map_err(fail)?;
            txn.store(&renewed, &data).map_err(fail)?;
        }
        txn.commit().map_err(fail)
    }
}

impl ListChange<'_> {
    /// Makes the reverse ACLs of all entries, or removes them, as `reverseacls` asks.
    /// C: mboxlist_set_racls()
    ///
    /// # Errors
    /// `Io`.
    pub fn switch_reverse_acls(&mut self) -> Result<()> {
        let wanted = self.wants_reverse_acls();
        if self.has_marker()? == wanted {
            return Ok(());
        }
        let everything = self.everything()?;
        if !wanted {
            log::info!(target: "syslog", "removing reverse acl support");
            let of_acl = |key: &[u8]| matches!(key, [b'A', b'S' | b'U', 0x1e, ..]);
            for (key, _) in everything.iter().filter(|(key, _)| of_acl(key)) {
                self.forget(key)?;
            }
            return Ok(());
        }
        log::info!(target: "syslog", "adding reverse acl support");
        self.set_marker()?;
        for (key, data) in everything {
            if let Some(dbname) = key.strip_prefix(b"N") {
                self.add_reverse_acls(dbname, &data)?;
            }
        }
        Ok(())
    }
}

/// The special use in a value of the oldest form, `(uniqueid X specialuse Y) ...`.
fn legacy_special_use(data: &[u8]) -> Option<Vec<u8>> {
    let inside = data.strip_prefix(b"(")?;
    let end = inside.iter().position(|byte| *byte == b')')?;
    let mut words = inside.get(..end)?.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if key == b"specialuse" {
            return Some(value.to_vec());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_special_use_of_an_old_value_is_found() {
        let found = legacy_special_use(b"(uniqueid 5d3 specialuse \\Trash ) 1 default anyone\tlrs\t");
        assert_eq!(found.as_deref(), Some(b"\\Trash".as_slice()));
        assert_eq!(legacy_special_use(b"(uniqueid 5d3) 0 default "), None);
        assert_eq!(legacy_special_use(b"0 default anyone\tlrs\t"), None);
        assert_eq!(legacy_special_use(b"(specialuse"), None);
    }
}
