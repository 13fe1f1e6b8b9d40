//! conversations.db: which messages of a user belong together (reference/databases.md 3.2).
//!
//! | file | what |
//! |---|---|
//! | `record` | `B`: a conversation |
//! | `guid` | `G`: where a content is |
//! | `status` | `F`: a folder in numbers |
//! | `assign` | which conversation a new message belongs to |
//! | `split` | going on in a new conversation when one is too long |
//! | `update` | what a changed message changes |
//! | `session` | the changes of one index-locked session, and folders that come and go |
//! | `prune` | forgetting message ids |
//! | `recalc` | counting anew, and comparing the result |
//!
//! Kept only with `conversations: yes`, and only for mailboxes of users that are neither deleted
//! nor hold submissions. [`Conversations`] is one write transaction: opened under the exclusive
//! namespace lock of the user inside the index lock, committed when the index is written. Nobody
//! can see it in between, because readers take the namespace lock too. Reading mailboxes never
//! opens it: what a client sees of conversations stands in the index.

mod assign;
mod guid;
mod places;
mod prune;
mod recalc;
mod record;
mod session;
pub(crate) mod split;
mod status;
mod update;

pub use guid::GuidRecord;
pub use prune::Pruned;
pub use recalc::{Difference, Recount};
pub use record::{ConvFolder, Conversation, Sender, ThreadMessage};
pub(crate) use session::Added;
pub(crate) use split::Splits;
pub use status::Status;

use crate::catalog::{Catalog, db_error};
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock};
use crate::mailbox::MailboxHeader;
use crate::mboxlist::{MbKind, MbType};
use cyrus_base::config::Opt;
use cyrus_db::{Create, Db, Txn};
use cyrus_util::dlist::Value;
use cyrus_util::guid::Guid;
use cyrus_util::ids::{ModSeq, UnixTime};
use cyrus_util::mboxname::{MboxName, Parts};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

const COUNTED_FLAGS: &[u8] = b"$COUNTED_FLAGS";
const FOLDER_IDS: &[u8] = b"$FOLDER_IDS";
const FOLDER_NAMES: &[u8] = b"$FOLDER_NAMES";
const QUOTA: &[u8] = b"Q";

/// A folder number that was freed.
const FREED: &[u8] = b"-";

/// More counted flags than this are not counted.
const COUNTED_MAX: usize = 32;

/// What of a user's messages counts for the quota, each guid once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmailUse {
    /// Messages.
    pub emails: i64,
    /// Octets.
    pub storage_octets: i64,
}

impl EmailUse {
    fn parse(data: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(data).ok()?.strip_prefix("1 %(E ")?.strip_suffix(')')?;
        let (emails, storage) = text.split_once(" S ")?;
        Some(Self { emails: emails.parse().ok()?, storage_octets: storage.parse().ok()? })
    }

    fn print(self) -> Vec<u8> {
        format!("1 %(E {} S {})", self.emails, self.storage_octets).into_bytes()
    }
}

/// The conversations of one user, open for changes. Dropping it changes nothing.
/// C: `struct conversations_state`
#[must_use = "changes that are not committed are undone"]
#[derive(Debug)]
pub struct Conversations {
    catalog: Arc<Catalog>,
    db: Db,
    txn: Txn,
    counted_flags: Vec<Vec<u8>>,
    /// By number: unique ids, or names in older databases.
    folders: Vec<Vec<u8>>,
    by_name: bool,
    trash_name: MboxName,
    trash: Option<Trash>,
    statuses: BTreeMap<Vec<u8>, Status>,
    used: Option<EmailUse>,
    used_changed: bool,
    utf8: bool,
    owner: Vec<u8>,
    splits: Splits,
}

/// The user's Trash, whose unseen messages do not make a conversation unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trash {
    key: Vec<u8>,
    number: Option<u32>,
}

impl Catalog {
    /// Whether the messages of a mailbox are kept in a conversations database.
    /// C: `mailbox_has_conversations()`
    #[must_use]
    pub fn has_conversations(&self, name: &MboxName, kind: MbKind) -> bool {
        if !self.config().switch(Opt::Conversations) || kind == MbKind::JmapSubmit {
            return false;
        }
        let parts = name.parts(self.rules());
        let submissions = self.config().bytes(Opt::Jmapsubmissionfolder);
        parts.deleted == 0
            && parts.localpart.is_some()
            && (submissions.is_none() || parts.boxes.first().map(Vec::as_slice) != submissions)
    }

    /// Messages and octets of the owner of `name`, counted once per guid; what GETQUOTA tells with
    /// `quota_use_conversations`. The caller holds the owner's namespace lock.
    /// C: `quota_read_withconversations()`
    ///
    /// # Errors
    /// `Io`.
    pub fn email_use(&self, name: &MboxName) -> Result<EmailUse> {
        let path = self.owner_path(name, "conversations")?;
        if !path.exists() {
            return Ok(EmailUse::default());
        }
        let db = self.open_as(&path, Opt::ConversationsDb, Create::Never)?;
        let data = db.fetch(QUOTA).map_err(|error| db_error(&path, error))?;
        Ok(data.and_then(|data| EmailUse::parse(&data)).unwrap_or_default())
    }

    /// The numbers of one folder as they are in the database now. C: `conversation_getstatus()`
    pub(crate) fn folder_status(&self, name: &MboxName, uniqueid: &[u8]) -> Result<Status> {
        let path = self.owner_path(name, "conversations")?;
        if !self.config().switch(Opt::Conversations) || !path.exists() {
            return Ok(Status::default());
        }
        let db = self.open_as(&path, Opt::ConversationsDb, Create::Never)?;
        let fetch = |key: &[u8]| db.fetch(key).map_err(|error| db_error(&path, error));
        let by_name = fetch(FOLDER_NAMES)?.is_some();
        let data = fetch(&status_key(if by_name { name.as_bytes() } else { uniqueid }))?;
        Ok(data.and_then(|data| Status::parse(&data)).unwrap_or_default())
    }
}

impl Conversations {
    /// Opens the database of the owner of `name` for changes, under the owner's namespace lock.
    /// C: `conversations_open_mbox()`
    ///
    /// # Errors
    /// `Internal` without the exclusive lock or an owner; `Io`, `Corrupt`.
    pub fn open(catalog: &Arc<Catalog>, user: &UserLock, name: &MboxName) -> Result<Self> {
        if !user.allows(Mode::Exclusive) {
            return Err(Error::Internal("conversations opened without the exclusive namespace lock"));
        }
        let owner = name.parts(catalog.rules()).userid().ok_or(Error::BadName)?;
        let path = catalog.owner_path(name, "conversations")?;
        let db = catalog.open_as(&path, Opt::ConversationsDb, Create::IfMissing)?;
        Self::begin(catalog, db, &path, &owner)
    }

    /// Opens the database at `path` as that of `owner`, for tools that build one beside the real one.
    ///
    /// # Errors
    /// `Io`, `Corrupt`.
    pub fn open_path(catalog: &Arc<Catalog>, path: &Path, owner: &[u8]) -> Result<Self> {
        let db = catalog.open_as(path, Opt::ConversationsDb, Create::IfMissing)?;
        Self::begin(catalog, db, path, owner)
    }

    fn begin(catalog: &Arc<Catalog>, db: Db, path: &Path, owner: &[u8]) -> Result<Self> {
        let txn = db.begin().map_err(|error| db_error(path, error))?;
        let mut trash = Parts::from_userid(owner, catalog.rules());
        trash.boxes.push(b"Trash".to_vec());
        let mut open = Self {
            catalog: Arc::clone(catalog),
            txn,
            db,
            counted_flags: Vec::new(),
            folders: Vec::new(),
            by_name: false,
            trash_name: trash.to_name(catalog.rules()),
            trash: None,
            statuses: BTreeMap::new(),
            used: None,
            used_changed: false,
            owner: owner.to_vec(),
            splits: Splits::default(),
            utf8: catalog.config().switch(Opt::Rfc2047Utf8),
        };
        open.load_counted_flags()?;
        let mut folders = open.fetch(FOLDER_IDS)?;
        if folders.is_none() {
            folders = open.fetch(FOLDER_NAMES)?;
            open.by_name = folders.is_some();
        }
        if let Some(folders) = folders {
            let list = Value::parse(&folders)
                .map_err(|_| Error::bad_format(open.db.path(), "folders of conversations"))?;
            open.folders =
                list.items().iter().map(|item| item.as_bytes().unwrap_or(FREED).to_vec()).collect();
        }
        open.find_trash()?;
        Ok(open)
    }

    /// C: `_init_counted()`
    fn load_counted_flags(&mut self) -> Result<()> {
        let text = self.fetch(COUNTED_FLAGS)?.unwrap_or_default();
        self.init_counted_flags(text)
    }

    /// Counts the flags of the configuration from now on.
    fn reset_counted_flags(&mut self) -> Result<()> {
        self.init_counted_flags(Vec::new())
    }

    fn init_counted_flags(&mut self, mut text: Vec<u8>) -> Result<()> {
        if text.is_empty() {
            text = self.catalog.config().bytes(Opt::ConversationsCountedFlags).unwrap_or_default().to_vec();
            if !text.is_empty() {
                self.store(COUNTED_FLAGS, &text)?;
            }
        }
        let flags = text.split(|&byte| byte == b' ').filter(|flag| !flag.is_empty());
        self.counted_flags = flags.take(COUNTED_MAX).map(<[u8]>::to_vec).collect();
        Ok(())
    }

    fn find_trash(&mut self) -> Result<()> {
        let key = if self.by_name {
            Some(self.trash_name.as_bytes().to_vec())
        } else {
            match self.catalog.lookup(&self.trash_name) {
                Ok(entry) => entry.uniqueid,
                Err(Error::NotFound | Error::Reserved) => None,
                Err(error) => return Err(error),
            }
        };
        self.trash = key.map(|key| Trash { number: self.number_of(&key), key });
        Ok(())
    }

    fn number_of(&self, key: &[u8]) -> Option<u32> {
        self.folders.iter().position(|folder| folder == key).and_then(|at| u32::try_from(at).ok())
    }

    fn trash_number(&self) -> Option<u32> {
        self.trash.as_ref().and_then(|trash| trash.number)
    }

    /// What stands for a mailbox in keys and in the list of folders. C: `CONV_FOLDER_KEY_MBOX`
    fn folder_key(&self, header: &MailboxHeader, name: &MboxName) -> Vec<u8> {
        if self.by_name { name.as_bytes().to_vec() } else { header.uniqueid.clone() }
    }

    /// The unique ids (older databases: names) of the folders by number; freed numbers are `-`.
    #[must_use]
    pub fn folders(&self) -> &[Vec<u8>] {
        &self.folders
    }

    /// The number of a folder, given now if it has none: the first freed one, or a new one.
    /// C: `conversation_folder_number()`
    fn folder_number(&mut self, key: &[u8]) -> Result<u32> {
        if let Some(number) = self.number_of(key) {
            return Ok(number);
        }
        let at = self.folders.iter().position(|folder| folder == FREED);
        match at.and_then(|at| self.folders.get_mut(at)) {
            Some(freed) => *freed = key.to_vec(),
            None => self.folders.push(key.to_vec()),
        }
        self.write_folders()?;
        if self.trash.is_none() {
            self.find_trash()?;
        }
        let number = self.number_of(key).ok_or(Error::Internal("folder number lost"))?;
        if let Some(trash) = self.trash.as_mut().filter(|trash| trash.key == key) {
            trash.number = Some(number);
        }
        Ok(number)
    }

    fn write_folders(&mut self) -> Result<()> {
        let list = Value::List(self.folders.iter().map(|folder| Value::str(folder.as_slice())).collect());
        self.store(if self.by_name { FOLDER_NAMES } else { FOLDER_IDS }, &list.print())
    }

    /// The numbers of a folder, with the changes of this transaction. C: `conversation_getstatus()`
    ///
    /// # Errors
    /// `Io`.
    pub fn status(&mut self, folder: &[u8]) -> Result<Status> {
        if let Some(status) = self.statuses.get(folder) {
            return Ok(*status);
        }
        let data = self.fetch(&status_key(folder))?;
        Ok(data.and_then(|data| Status::parse(&data)).unwrap_or_default())
    }

    fn set_status(&mut self, folder: &[u8], status: Status) {
        self.statuses.insert(folder.to_vec(), status);
    }

    /// A conversation. C: `conversation_load()`
    ///
    /// # Errors
    /// `Io`; a record that cannot be read is logged and counts as absent, as in C.
    pub fn load(&mut self, cid: u64) -> Result<Option<Conversation>> {
        let key = conversation_key(cid);
        let Some(data) = self.fetch(&key)? else { return Ok(None) };
        let conv = Conversation::parse(&data, self.utf8);
        if conv.is_none() {
            log::error!(
                target: "syslog",
                "IOERROR: conversations_audit parse error: {} {} {}",
                self.db.path().display(),
                String::from_utf8_lossy(&key),
                String::from_utf8_lossy(&data)
            );
        }
        Ok(conv)
    }

    /// C: `conversation_save()`
    fn save(&mut self, cid: u64, conv: &Conversation) -> Result<()> {
        if !conv.dirty || cid == 0 {
            return Ok(());
        }
        let key = conversation_key(cid);
        if conv.num_records > 0 {
            let data = conv.print(self.counted_flags.len());
            self.store(&key, &data)
        } else {
            self.delete(&key)
        }
    }

    /// Where a content is: whole messages and parts. C: `conversations_guid_foreach()`
    ///
    /// # Errors
    /// `Io`.
    pub fn places(&mut self, guid: &Guid) -> Result<Vec<GuidRecord>> {
        let mut found = Vec::new();
        let path = self.db.path();
        self.txn
            .foreach(&guid::prefix(guid), |key, value| {
                found.extend(guid::parse(key, value));
                ControlFlow::Continue(())
            })
            .map_err(|error| db_error(path, error))?;
        Ok(found)
    }

    /// Writes or removes one `G` record; one in the oldest form is split up first.
    /// C: `conversations_guid_setitem()`
    fn set_place(&mut self, guid: &Guid, item: &[u8], value: Option<&[u8]>) -> Result<()> {
        let mut key = guid::prefix(guid);
        if let Some(old) = self.fetch(&key)?.filter(|old| !old.is_empty()) {
            for item in old.split(|&byte| byte == b',').filter(|item| !item.is_empty()) {
                self.store(&[&key, b":".as_slice(), item].concat(), b"")?;
            }
            self.delete(&key)?;
        }
        key.push(b':');
        key.extend_from_slice(item);
        match value {
            Some(value) => self.store(&key, value),
            None => self.delete(&key),
        }
    }

    /// The conversations a message id was seen in. C: `conversations_get_msgid()`
    fn conversations_of(&mut self, msgid: &[u8]) -> Result<Vec<u64>> {
        let data = self.fetch(msgid)?;
        Ok(data.and_then(|data| parse_links(&data)).map(|(cids, _)| cids).unwrap_or_default())
    }

    /// Notes that a message id was seen in a conversation. C: `conversations_add_msgid()`
    fn link(&mut self, msgid: &[u8], cid: u64) -> Result<()> {
        let mut cids = self.conversations_of(msgid)?;
        if cids.contains(&cid) {
            return Ok(());
        }
        cids.push(cid);
        let list = cids.iter().map(|cid| format!("{cid:016x}")).collect::<Vec<_>>().join(",");
        self.store(msgid, format!("0 {list} {}", UnixTime::now()).as_bytes())
    }

    /// What counts for the quota, with the changes of this transaction.
    /// C: `conversations_read_quota()`
    ///
    /// # Errors
    /// `Io`, `BadFormat`.
    pub fn email_use(&mut self) -> Result<EmailUse> {
        if let Some(used) = self.used {
            return Ok(used);
        }
        let used = match self.fetch(QUOTA)?.filter(|data| !data.is_empty()) {
            Some(data) => EmailUse::parse(&data)
                .ok_or_else(|| Error::bad_format(self.db.path(), "quota of conversations"))?,
            None => EmailUse::default(),
        };
        self.used = Some(used);
        Ok(used)
    }

    fn change_use(&mut self, emails: i64, storage_octets: i64) -> Result<()> {
        if emails == 0 && storage_octets == 0 {
            return Ok(());
        }
        let used = self.email_use()?;
        self.used = Some(EmailUse {
            emails: used.emails.saturating_add(emails),
            storage_octets: used.storage_octets.saturating_add(storage_octets),
        });
        self.used_changed = true;
        Ok(())
    }

    /// Writes the numbers of the folders and of the quota, then everything at once.
    /// C: `conversations_commit()`
    ///
    /// # Errors
    /// `Io`; nothing was changed then.
    pub fn commit(mut self) -> Result<()> {
        let statuses = std::mem::take(&mut self.statuses);
        let mut highest: Option<(MboxName, u64)> = None;
        for (folder, status) in &statuses {
            let key = status_key(folder);
            if status.threadmodseq == 0 {
                self.delete(&key)?;
            } else {
                self.store(&key, &status.print())?;
            }
            let Some(name) = self.name_of(folder)? else { continue };
            self.catalog.sync_log(&[b"MAILBOX", name.as_bytes()]);
            if highest.as_ref().is_none_or(|(_, modseq)| *modseq < status.threadmodseq) {
                highest = Some((name, status.threadmodseq));
            }
        }
        // All folders have one owner and so one counters file. C counts every folder as mail here.
        if let Some((name, modseq)) = highest {
            self.catalog.raise_modseq(&name, ModSeq(modseq));
        }
        if let Some(used) = self.used.filter(|_| self.used_changed) {
            let sound = used.emails >= 0 && used.storage_octets >= 0;
            if !sound {
                log::error!(
                    target: "syslog",
                    "IOERROR: conversations_audit on quota store: {} ({} {})",
                    self.db.path().display(),
                    used.emails,
                    used.storage_octets
                );
            }
            self.store(QUOTA, &if sound { used } else { EmailUse::default() }.print())?;
        }
        let Self { db, txn, .. } = self;
        txn.commit().map_err(|error| db_error(db.path(), error))
    }

    fn name_of(&self, folder: &[u8]) -> Result<Option<MboxName>> {
        if self.by_name {
            return Ok(Some(MboxName::from(folder)));
        }
        match self.catalog.lookup_by_uniqueid(folder) {
            Ok(entry) => Ok(Some(entry.name)),
            Err(Error::NotFound | Error::Reserved) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.txn.fetch(key).map_err(|error| db_error(self.db.path(), error))
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.txn.store(key, value).map_err(|error| db_error(self.db.path(), error))
    }

    fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.txn.delete(key).map(drop).map_err(|error| db_error(self.db.path(), error))
    }
}

fn status_key(folder: &[u8]) -> Vec<u8> {
    [b"F", folder].concat()
}

fn conversation_key(cid: u64) -> Vec<u8> {
    format!("B{cid:016x}").into_bytes()
}

/// The value of a message id: its conversations, and when it was last seen in a new one.
/// C: `_conversations_parse()`
fn parse_links(data: &[u8]) -> Option<(Vec<u64>, i64)> {
    let text = std::str::from_utf8(data).ok()?.strip_prefix("0 ")?;
    let (cids, stamp) = text.split_once(' ')?;
    let cids = cids.split(',').map(|cid| u64::from_str_radix(cid, 16).ok().filter(|_| cid.len() == 16));
    Some((cids.collect::<Option<Vec<_>>>()?, stamp.parse().ok()?))
}

/// The kind of a mailbox from its type letters.
pub(crate) fn kind_of(mbtype: &[u8]) -> MbKind {
    MbType::parse(mbtype).kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read() {
        let (cids, stamp) =
            parse_links(b"0 00000000000000ff,0123456789abcdef 1700000000").unwrap_or_default();
        assert_eq!((cids, stamp), (vec![255, 0x0123_4567_89ab_cdef], 1_700_000_000));
        assert_eq!(parse_links(b"0 ff 1700000000"), None);
        assert_eq!(parse_links(b"1 00000000000000ff 1"), None);
    }

    #[test]
    fn use_is_written_as_it_was_read() {
        let text = b"1 %(E 3 S 4096)";
        assert_eq!(EmailUse::parse(text).map(EmailUse::print).as_deref(), Some(text.as_slice()));
        assert_eq!(EmailUse::parse(b"1 %(E 3)"), None);
    }
}
