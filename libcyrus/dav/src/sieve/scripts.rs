//! A user's scripts, read and changed.
//!
//! Every change takes the user's namespace lock, the name lock of `#sieve` and its index lock, in
//! this order, and none is held between calls.

use super::dir::ScriptDir;
use super::message::{Draft, kept_name};
use super::table::Script;
use crate::db::DavDb;
use crate::error::{Error, Result};
use cyrus_auth::Granted;
use cyrus_base::config::Opt;
use cyrus_base::log::{self, Priority};
use cyrus_store::append::{AppendParams, AppendTxn, QuotaCheck, Stage};
use cyrus_store::lock::{Mode, UserLock, Wait};
use cyrus_store::mailbox::{Cleanup, IndexGuard, InternalFlags, Location, Mailbox, SystemFlags, Touch};
use cyrus_store::mboxlist::{Actor, MbKind, MbType, NewMailbox, new_uniqueid};
use cyrus_store::{Catalog, Store};
use cyrus_util::ids::{Uid, UnixTime};
use cyrus_util::mboxname::MboxName;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// JMAP's vacation script has a name of its own, and older versions had a file of this one.
const OLD_VACATION: &[u8] = b"jmap_vacation";
const VACATION: &[u8] = b"urn:ietf:params:jmap:vacationresponse";

/// The mailbox of a user's scripts. C: `sieve_mboxname()`
#[must_use]
pub fn folder_name(catalog: &Catalog, userid: &[u8]) -> MboxName {
    let folder = catalog.config().bytes(Opt::SieveFolder).unwrap_or(b"#sieve");
    let inbox = MboxName::user_inbox(userid, catalog.rules());
    MboxName::new([inbox.as_bytes(), b".", folder].concat())
}

/// The scripts of one user.
pub struct Scripts {
    store: Arc<Store>,
    catalog: Arc<Catalog>,
    userid: Vec<u8>,
    folder: MboxName,
    db: DavDb,
    /// What to do to the mailbox once the client has its answer.
    cleanups: Vec<Location>,
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Scripts {
    /// The scripts of `userid`, who has an INBOX; directory, database and mailbox are made if they
    /// are missing, and scripts that older versions kept as files come into the mailbox.
    /// C: `sieve_ensure_folder()`
    ///
    /// # Errors
    /// `NotFound` without INBOX, `Store`, `Io`.
    pub fn open(store: &Arc<Store>, userid: &[u8], _granted: Granted) -> Result<Self> {
        let catalog = store.catalog().ok_or(cyrus_store::Error::Internal("store without catalog"))?;
        let dir = ScriptDir::of_user(catalog, userid)?.ok_or(Error::NotFound)?;
        dir.make()?;
        let db = DavDb::open_user(catalog, userid)?;
        let folder = folder_name(catalog, userid);
        let scripts = Self {
            store: Arc::clone(store),
            catalog: Arc::clone(catalog),
            userid: userid.to_vec(),
            folder,
            db,
            cleanups: Vec::new(),
        };
        match scripts.catalog.lookup(&scripts.folder) {
            Ok(_) => Ok(scripts),
            Err(cyrus_store::Error::NotFound) => scripts.make_folder(&dir),
            Err(error) => Err(error.into()),
        }
    }

    fn make_folder(mut self, dir: &ScriptDir) -> Result<Self> {
        let user = self.store.lock_owner(Some(&self.userid), Mode::Exclusive)?;
        match self.catalog.lookup(&self.folder) {
            // Somebody was faster.
            Ok(_) => return Ok(self),
            Err(cyrus_store::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let new = NewMailbox { mbtype: MbType::of(MbKind::Sieve), ..NewMailbox::named(self.folder.clone()) };
        let actor = Actor::Tool(Granted::admin("sieve"));
        let made = self.catalog.create_mailbox(&self.store, &user, &actor, &new);
        made.inspect_err(|error| {
            let text = format!("failed to create {} ({error})", self.folder);
            log::write(Priority::Err, format_args!("IOERROR: {text}"));
        })?;
        // Rows of a mailbox of that name that is gone.
        self.db.remove_scripts()?;
        let active = dir.active();
        for file in dir.old_scripts() {
            let path = dir.script(&file);
            let Ok(text) = std::fs::read(&path) else { continue };
            let is_vacation = file == OLD_VACATION;
            let name = if is_vacation { VACATION } else { file.as_slice() };
            let lastupdated = std::fs::metadata(&path).map_or(0, |found| found.mtime());
            let script = Script {
                name: name.to_vec(),
                id: if is_vacation { VACATION.to_vec() } else { Vec::new() },
                is_active: active.as_deref() == Some(file.as_slice()),
                lastupdated: UnixTime(lastupdated),
                ..Script::default()
            };
            if self.store_text(&user, &script, &text).is_ok() {
                let _ = std::fs::remove_file(&path);
                if is_vacation {
                    dir.remove_bytecode(&file)?;
                }
            }
        }
        Ok(self)
    }

    /// All scripts, in the order of the table.
    ///
    /// # Errors
    /// `Io`.
    pub fn list(&self) -> Result<Vec<Script>> {
        self.db.scripts()
    }

    /// How many there are.
    ///
    /// # Errors
    /// `Io`.
    pub fn count(&self) -> Result<i64> {
        self.db.script_count()
    }

    /// The script of a name as a client may write it: also by the letters that its message has in
    /// encoded words.
    ///
    /// # Errors
    /// `NotFound`, `Io`.
    pub fn find(&self, name: &[u8]) -> Result<Script> {
        if let Some(script) = self.db.script_named(name)? {
            return Ok(script);
        }
        let kept = kept_name(name).filter(|kept| kept != name).ok_or(Error::NotFound)?;
        self.db.script_named(&kept)?.ok_or(Error::NotFound)
    }

    /// The text of a script. C: `sieve_script_fetch()`
    ///
    /// # Errors
    /// `NotFound`, `Store`, `Io`.
    pub fn text(&self, script: &Script) -> Result<Vec<u8>> {
        let user = self.store.lock_owner(Some(&self.userid), Mode::Shared)?;
        let mut mailbox = self.mailbox(&user)?;
        text_of(&mut mailbox, &user, script.imap_uid)
    }

    /// Puts a script, a new one or new text of one. C: `sieve_script_store()`
    ///
    /// # Errors
    /// `Invalid`, `Store`, `Io`.
    pub fn put(&mut self, name: &[u8], text: &[u8]) -> Result<()> {
        let user = self.store.lock_owner(Some(&self.userid), Mode::Exclusive)?;
        let script = match self.find(name) {
            // The name goes on as it is kept: encoding it again would make another one of it.
            Ok(script) => script,
            Err(Error::NotFound) => Script { name: name.to_vec(), ..Script::default() },
            Err(error) => return Err(error),
        };
        self.store_text(&user, &script, text)
    }

    /// Makes `script` the active one, or none. C: `sieve_script_activate()`
    ///
    /// # Errors
    /// `Store`, `Io`.
    pub fn activate(&mut self, script: Option<&Script>) -> Result<()> {
        if script.is_some_and(|script| script.is_active) {
            return Ok(());
        }
        let user = self.store.lock_owner(Some(&self.userid), Mode::Exclusive)?;
        let active = self.db.active_script()?;
        self.change(&user, |index| {
            if let Some(old) = &active {
                set_flagged(index, old.imap_uid, false)?;
            }
            match script {
                Some(script) => set_flagged(index, script.imap_uid, true),
                None => Ok(()),
            }
        })
    }

    /// Removes a script. C: `sieve_script_remove()`
    ///
    /// # Errors
    /// `Store`, `Io`.
    pub fn remove(&mut self, script: &Script) -> Result<()> {
        let user = self.store.lock_owner(Some(&self.userid), Mode::Exclusive)?;
        self.change(&user, |index| expunge(index, script.imap_uid))
    }

    /// Gives a script another name. C: `sieve_script_rename()`
    ///
    /// # Errors
    /// `Store`, `Io`.
    pub fn rename(&mut self, script: &Script, name: &[u8]) -> Result<()> {
        let user = self.store.lock_owner(Some(&self.userid), Mode::Exclusive)?;
        let text = text_of(&mut self.mailbox(&user)?, &user, script.imap_uid)?;
        self.store_text(&user, &Script { name: name.to_vec(), ..script.clone() }, &text)
    }

    /// Does what was put off until the client had its answer.
    pub fn run_cleanups(&mut self) {
        for location in std::mem::take(&mut self.cleanups) {
            // Failures are in the log, and the next one to close the mailbox tries again.
            let _ = Mailbox::run_cleanup(&self.store, location);
        }
    }

    fn mailbox(&self, user: &UserLock) -> Result<Mailbox> {
        let entry = self.catalog.lookup(&self.folder)?;
        Ok(Mailbox::open_entry(&self.store, user, &entry, Mode::Shared, Wait::Block)?)
    }

    /// Appends the message of a script and expunges the one it had. C: `store_script()`
    fn store_text(&mut self, user: &UserLock, script: &Script, text: &[u8]) -> Result<()> {
        let now = UnixTime::now();
        let new_id = if script.id.is_empty() { new_uniqueid() } else { Vec::new() };
        let draft = Draft {
            userid: &self.userid,
            servername: self.catalog.config().servername(),
            name: &script.name,
            id: if script.id.is_empty() { &new_id } else { &script.id },
            text,
            now,
        };
        let entry = self.catalog.lookup(&self.folder)?;
        let partition = entry.partition.as_deref().and_then(|name| std::str::from_utf8(name).ok());
        let root = partition.and_then(|name| self.catalog.config().partition_dir(name));
        let root = root.ok_or(cyrus_store::Error::UnknownPartition)?;
        let mut stage = Stage::create(&self.store, root)?;
        stage.write(&draft.message())?;
        let staged = stage.finish()?;

        let mut mailbox = Mailbox::open_entry(&self.store, user, &entry, Mode::Shared, Wait::Block)?;
        let index = mailbox.lock_index(user, Mode::Exclusive)?;
        let mut append = AppendTxn::begin(index, &self.userid, QuotaCheck::Skip)?;
        let system_flags = if script.is_active { SystemFlags::FLAGGED } else { SystemFlags::default() };
        let params = AppendParams {
            internaldate: now,
            system_flags,
            createdmodseq: script.createdmodseq,
            ..AppendParams::default()
        };
        append.add(&staged, &params)?;
        append.commit()?;
        if script.imap_uid.0 != 0 {
            let mut index = mailbox.lock_index(user, Mode::Exclusive)?;
            expunge(&mut index, script.imap_uid)?;
            index.commit()?;
        }
        self.close(mailbox)
    }

    fn change(
        &mut self,
        user: &UserLock,
        change: impl FnOnce(&mut IndexGuard<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut mailbox = self.mailbox(user)?;
        let mut index = mailbox.lock_index(user, Mode::Exclusive)?;
        change(&mut index)?;
        index.commit()?;
        self.close(mailbox)
    }

    fn close(&mut self, mailbox: Mailbox) -> Result<()> {
        if let Cleanup::Wanted(location) = mailbox.close()? {
            self.cleanups.push(*location);
        }
        self.catalog.forget_status(&self.folder);
        self.catalog.sync_log(&[b"MAILBOX", self.folder.as_bytes()]);
        Ok(())
    }
}

/// The text of the message of a UID.
pub(super) fn text_of(mailbox: &mut Mailbox, user: &UserLock, uid: Uid) -> Result<Vec<u8>> {
    let record = mailbox.lock_index(user, Mode::Shared)?.find(uid)?.ok_or(Error::NotFound)?;
    let message = mailbox.message(&record)?;
    let start = usize::try_from(record.header_size).unwrap_or(usize::MAX);
    Ok(message.get(start..).unwrap_or_default().to_vec())
}

fn expunge(index: &mut IndexGuard<'_>, uid: Uid) -> Result<()> {
    let mut record = index.find(uid)?.ok_or(Error::NotFound)?;
    if record.internal_flags.has(InternalFlags::EXPUNGED) {
        return Ok(());
    }
    record.internal_flags = record.internal_flags.with(InternalFlags::EXPUNGED);
    Ok(index.rewrite(&mut record, Touch::Modseq)?)
}

fn set_flagged(index: &mut IndexGuard<'_>, uid: Uid, is_on: bool) -> Result<()> {
    let mut record = index.find(uid)?.ok_or(Error::NotFound)?;
    let flags = record.system_flags;
    record.system_flags =
        if is_on { flags.with(SystemFlags::FLAGGED) } else { flags.without(SystemFlags::FLAGGED) };
    Ok(index.rewrite(&mut record, Touch::Modseq)?)
}
