//! Keeps rows, bytecode and link in step with the messages of `#sieve`, whoever changes them:
//! timsieved, an APPEND or EXPUNGE over IMAP, replication, lmtpd. C: `mailbox_update_sieve()`
//!
//! Files are written when the record changes, rows within one transaction per locked session, which
//! ends before the index header is written. The message stays the truth: a stale file is compiled
//! again by the next delivery.

use super::dir::ScriptDir;
use super::message::Facts;
use super::table::Script;
use crate::db::DavDb;
use crate::error::{Error, Result};
use cyrus_base::log;
use cyrus_sieve::{CompileSettings, compile};
use cyrus_store::mailbox::{IndexHeader, InternalFlags, MailboxHeader, Record, SystemFlags, spool};
use cyrus_store::{Catalog, RecordObserver};
use cyrus_util::mboxname::MboxName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The observer; one for each store.
pub struct SieveObserver {
    catalog: Arc<Catalog>,
    /// Open transactions by the mailbox's unique id.
    open: Mutex<HashMap<Vec<u8>, DavDb>>,
}

impl SieveObserver {
    /// An observer of the mailboxes of `catalog`.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Vec<u8>, DavDb>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, mailbox: &MailboxHeader, old: Option<&Record>, new: &Record) -> Result<()> {
        let name = MboxName::from(mailbox.name.as_slice());
        let is_expunged = new.internal_flags.has(InternalFlags::EXPUNGED);
        // Nothing of a deleted mailbox runs, and a record that comes expunged was never here.
        if name.is_deleted(self.catalog.rules()) || (old.is_none() && is_expunged) {
            return Ok(());
        }
        let Some(userid) = name.owner(self.catalog.rules()) else { return Ok(()) };
        let Some(dir) = ScriptDir::of_user(&self.catalog, &userid)? else { return Ok(()) };
        let entry = self.catalog.lookup(&name)?;
        let file = spool::record_file(&self.catalog.location(&entry)?, new);
        let message = match std::fs::read(&file) {
            Ok(message) => message,
            // Its file may go before its record does; then all that can change is in the table.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_expunged => Vec::new(),
            Err(error) => {
                return Err(log::ioerror("open message", &[("path", &file.display())], Some(&error)).into());
            }
        };
        let mut open = self.open();
        let db = match open.entry(mailbox.uniqueid.clone()) {
            std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let db = DavDb::open_user(&self.catalog, &userid)?;
                db.begin()?;
                place.insert(db)
            }
        };
        let facts = Facts::of(&message, &self.catalog.settings().limits);
        let known = match &facts {
            Some(facts) => db.script_with_id(&facts.id)?,
            None => db.script_of_message(&mailbox.uniqueid, new.uid)?,
        };
        let change = Change { dir: &dir, record: new, mailbox, catalog: &self.catalog };
        match known {
            // A newer message has the script now.
            Some(script) if script.imap_uid > new.uid => Ok(()),
            Some(script) if script.imap_uid == new.uid => change.update(db, script),
            known => match facts {
                // A message that is no script (C stops the process here).
                None => Ok(()),
                Some(_) if is_expunged => Ok(()),
                Some(facts) => change.put(db, known, facts, &message),
            },
        }
    }
}

/// One changed record.
struct Change<'a> {
    dir: &'a ScriptDir,
    record: &'a Record,
    mailbox: &'a MailboxHeader,
    catalog: &'a Catalog,
}

impl Change<'_> {
    fn is_active(&self) -> bool {
        self.record.system_flags.has(SystemFlags::FLAGGED)
    }

    /// Flags of the message that the row names.
    fn update(&self, db: &DavDb, mut script: Script) -> Result<()> {
        let flags = self.record.internal_flags;
        let is_expunged = flags.has(InternalFlags::EXPUNGED);
        if is_expunged {
            if script.is_alive {
                self.dir.remove_bytecode(&script.name)?;
            }
        } else if self.is_active() {
            if !script.is_active {
                self.dir.activate(&script.name)?;
            }
        } else if script.is_active {
            self.dir.deactivate()?;
        }
        if flags.has(InternalFlags::UNLINKED) {
            return db.remove_script(script.rowid);
        }
        script.modseq = self.record.modseq;
        script.is_alive = !is_expunged;
        script.is_active = self.is_active();
        db.write_script(&script)
    }

    /// A new message: a new script, or the new text or name of one.
    fn put(&self, db: &DavDb, known: Option<Script>, facts: Facts, message: &[u8]) -> Result<()> {
        let name = facts.name.ok_or_else(|| Error::Invalid("script without a name".to_owned()))?;
        let text = message.get(facts.header_octets..).unwrap_or_default();
        let bytecode = compiled(self.catalog, text)?;
        self.dir.put_bytecode(&name, &bytecode)?;
        if self.is_active() {
            self.dir.activate(&name)?;
        }
        let mut script = known.unwrap_or_default();
        if script.rowid == 0 {
            script.creationdate = self.record.internaldate;
            script.createdmodseq = self.record.createdmodseq;
            script.mailbox.clone_from(&self.mailbox.uniqueid);
            script.id = facts.id;
        }
        script.lastupdated = self.record.internaldate;
        script.imap_uid = self.record.uid;
        script.modseq = self.record.modseq;
        script.is_alive = true;
        script.is_active = self.is_active();
        script.name = name;
        script.contentid = facts.contentid.to_string().into_bytes();
        db.write_script(&script)
    }
}

/// The bytecode of a script as this server's configuration compiles it.
pub(super) fn compiled(catalog: &Catalog, text: &[u8]) -> Result<Vec<u8>> {
    let settings =
        CompileSettings::from_config(catalog.config()).map_err(|e| Error::Invalid(e.to_string()))?;
    let compiled = compile(text, &settings);
    compiled.map(|bytecode| bytecode.0).map_err(|errors| {
        let text = cyrus_sieve::compile::error_text(&errors);
        Error::Invalid(String::from_utf8_lossy(&text).into_owned())
    })
}

fn is_scripts(mailbox: &MailboxHeader) -> bool {
    mailbox.mbtype.first() == Some(&b'f')
}

/// The store's word for a failure here: what a client may know is no more than that.
fn refused(error: Error) -> cyrus_store::Error {
    match error {
        Error::Store(error) => error,
        _ => cyrus_store::Error::Internal("script not accepted"),
    }
}

impl RecordObserver for SieveObserver {
    fn record_changes(
        &self,
        mailbox: &MailboxHeader,
        old: Option<&Record>,
        new: &mut Record,
    ) -> cyrus_store::Result<()> {
        if is_scripts(mailbox) { self.change(mailbox, old, new).map_err(refused) } else { Ok(()) }
    }

    fn commits(&self, mailbox: &MailboxHeader, _index: &IndexHeader) -> cyrus_store::Result<()> {
        if !is_scripts(mailbox) {
            return Ok(());
        }
        let db = self.open().remove(&mailbox.uniqueid);
        db.map_or(Ok(()), |db| db.commit()).map_err(refused)
    }

    fn aborts(&self, mailbox: &MailboxHeader) {
        if is_scripts(mailbox)
            && let Some(db) = self.open().remove(&mailbox.uniqueid)
        {
            // What cannot be rolled back is gone with the connection.
            let _ = db.rollback();
        }
    }
}
