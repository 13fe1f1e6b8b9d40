//! What an append that is under way leaves for whoever comes after a process that was killed in it.
//!
//! A process may end between the link of a message file and the index header that counts it, or between that header and
//! the mark in deliver.db. The first leaves a file that `reconstruct` would add as a message nobody was told of; the
//! second makes the MTA's next try a second copy. So each append begins with a symbolic link in `stage.` of the
//! partition, which leads nowhere: its target is the note.
//!
//! `intent-<uniqueid>` is made and removed under the exclusive index lock of the mailbox. Whoever holds that lock and
//! finds one knows that its maker is dead, and puts things right (`Intent::resolve`): files beyond the last UID go, and a
//! delivery that was committed becomes
//!
//! `mark-<hash>`, a mark as in deliver.db that has not got there yet. Deliveries to several mailboxes make one for each
//! (their marks are written together at the end), and a duplicate is looked for here after deliver.db.
//!
//! Nothing of this is synced: it is there for processes that die, not for power cuts, after which the rules of
//! docs/durability.md hold. The C programs neither make nor read such links; what one of ours left is put right by the
//! next of ours that appends there or starts ([`sweep`]).

use crate::context::Store;
use crate::duplicate::DeliveryKey;
use crate::error::{Error, Result};
use crate::lock::{Mode, Wait};
use crate::mailbox::location::stage_dir;
use crate::mailbox::{IndexGuard, Location, Mailbox};
use cyrus_base::log::{self, Priority};
use cyrus_sys::process;
use cyrus_util::guid::Guid;
use cyrus_util::ids::{Uid, UnixTime};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const INTENT: &str = "intent-";
const MARK: &str = "mark-";
/// How long a message that was sent once may be sent again: MTAs give up after five days.
const MARK_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// Nobody takes so long to send a message.
const STAGE_LIFE_S: i64 = 3_600;

/// What tells the delivery of a message to a mailbox from others, short enough for a name: two letters for each of the
/// first ten octets of a SHA-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeliveryName(String);

impl DeliveryName {
    pub(super) fn new(key: &DeliveryKey<'_>) -> Self {
        Self(Guid::of(&key.bytes()).to_string().chars().take(20).collect())
    }

    fn mark(&self, stage: &Path) -> PathBuf {
        stage.join(format!("{MARK}{}", self.0))
    }
}

/// The text of the link: `<pid> <first uid>`, of a delivery also `<guid> <name>`, the GUID cut to 16 letters. No more
/// than 59 octets, which fit into an inode.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    pid: u32,
    first: Uid,
    delivery: Option<(String, DeliveryName)>,
}

fn short(guid: &Guid) -> String {
    guid.to_string().chars().take(16).collect()
}

impl Note {
    fn text(&self) -> String {
        let Self { pid, first, delivery } = self;
        match delivery {
            Some((guid, name)) => format!("{pid} {} {guid} {}", first.0, name.0),
            None => format!("{pid} {}", first.0),
        }
    }

    fn read(link: &Path) -> Option<Self> {
        let text = fs::read_link(link).ok()?;
        let mut words = text.to_str()?.split(' ');
        let pid = words.next()?.parse().ok()?;
        let first = Uid(words.next()?.parse().ok()?);
        let delivery = match (words.next(), words.next()) {
            (Some(guid), Some(name)) if name.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Some((guid.to_owned(), DeliveryName(name.to_owned())))
            }
            _ => None,
        };
        Some(Self { pid, first, delivery })
    }
}

/// The link of one append. Dropping it removes the link; that must happen before the index lock goes.
#[must_use = "an intent that is dropped at once says nothing"]
#[derive(Debug)]
pub(super) struct Intent {
    /// None once it has become a mark.
    link: Option<PathBuf>,
    delivery: Option<DeliveryName>,
}

impl Drop for Intent {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            remove(link);
        }
    }
}

/// The mark of a delivery that is still to go into deliver.db.
#[must_use = "a mark is removed when deliver.db has it"]
#[derive(Debug)]
pub(super) struct PendingMark(PathBuf);

impl PendingMark {
    /// deliver.db has it now.
    pub(super) fn written(self) {
        remove(&self.0);
    }
}

impl Intent {
    /// Notes that messages are about to be appended under this lock, first putting right what a dead process left. Where
    /// no link can be made the append goes on without.
    pub(super) fn make(
        index: &IndexGuard<'_>,
        delivery: Option<(&Guid, &DeliveryName)>,
    ) -> Result<Option<Self>> {
        let location = index.mailbox().location();
        let Some(link) = intent_of(location) else { return Ok(None) };
        let delivery = delivery.map(|(guid, name)| (short(guid), name.clone()));
        let first = Uid(index.header().last_uid.0.saturating_add(1));
        let note = Note { pid: std::process::id(), first, delivery };
        // Once there, once without the folder, once with an old one.
        for _ in 0..3 {
            match symlink(note.text(), &link) {
                Ok(()) => {
                    let delivery = note.delivery.map(|(_, name)| name);
                    return Ok(Some(Self { link: Some(link), delivery }));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::resolve(index, &link)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    index.mailbox().store().disk().make_dir(&location.stage_dir())?;
                }
                Err(_) => break,
            }
        }
        Ok(None)
    }

    /// The message is in the mailbox and its mark will be written later, when the mailbox is not locked any more.
    pub(super) fn into_mark(mut self) -> Option<PendingMark> {
        let link = self.link.as_ref()?;
        let mark = self.delivery.as_ref()?.mark(link.parent()?);
        fs::rename(link, &mark).ok()?;
        self.link = None;
        Some(PendingMark(mark))
    }

    /// Puts right what the maker of an intent left who died: it cannot live, because the lock is ours.
    fn resolve(index: &IndexGuard<'_>, link: &Path) -> Result<()> {
        let Some(note) = Note::read(link) else {
            remove(link);
            return Ok(());
        };
        let last = index.header().last_uid;
        // An index from before the append is somebody's repair; reconstruct is to find the files.
        if note.first.0 <= last.0.saturating_add(1) {
            remove_beyond(index, last)?;
        }
        if let Some((guid, name)) = &note.delivery
            && note.first <= last
            && index.find(note.first)?.is_some_and(|record| short(&record.guid) == *guid)
            && let Some(stage) = link.parent()
            && fs::rename(link, name.mark(stage)).is_ok()
        {
            return Ok(());
        }
        remove(link);
        Ok(())
    }
}

/// Whether a delivery is marked here, though not in deliver.db.
pub(super) fn find_mark(location: &Location, delivery: &DeliveryName) -> Option<PendingMark> {
    let mark = delivery.mark(&location.stage_dir());
    fs::symlink_metadata(&mark).is_ok().then_some(PendingMark(mark))
}

/// Puts right what dead processes left on all partitions: appends, old marks, staged messages. Failures are logged; what
/// they concern stays.
pub fn sweep(store: &Arc<Store>) {
    let Some(catalog) = store.catalog() else { return };
    let now = UnixTime::now();
    for (_, root) in catalog.config().partitions() {
        for entry in fs::read_dir(stage_dir(root)).into_iter().flatten().flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            if let Some(uniqueid) = name.as_bytes().strip_prefix(INTENT.as_bytes()) {
                let is_dead = Note::read(&path).is_none_or(|note| !process::is_alive(note.pid));
                if is_dead && let Err(error) = sweep_mailbox(store, uniqueid, &path) {
                    let path = path.display();
                    log::write(Priority::Err, format_args!("IOERROR: resolving append {path}: {error}"));
                }
            } else if name.as_bytes().starts_with(MARK.as_bytes()) {
                remove_old_mark(&path);
            } else if let Some((pid, since)) = staged_by(name.as_bytes())
                && now.0.saturating_sub(since.0) > STAGE_LIFE_S
                && !process::is_alive(pid)
            {
                remove(&path);
            }
        }
    }
}

/// Puts one mailbox right, unless somebody else did meanwhile.
fn sweep_mailbox(store: &Arc<Store>, uniqueid: &[u8], link: &Path) -> Result<()> {
    let Some(catalog) = store.catalog() else { return Ok(()) };
    let done = (|| {
        let location = catalog.location(&catalog.lookup_by_uniqueid(uniqueid)?)?;
        let user = store.lock_owner(location.owner.as_deref(), Mode::Exclusive)?;
        let mut mailbox = Mailbox::open(store, &user, location, Mode::Shared, Wait::Block)?;
        let index = mailbox.lock_index(&user, Mode::Exclusive)?;
        match Note::read(link) {
            Some(_) => Intent::resolve(&index, link),
            None => Ok(()),
        }
    })();
    match done {
        // The mailbox is gone, and its files with it.
        Err(Error::NotFound) => {
            remove(link);
            Ok(())
        }
        done => done,
    }
}

/// The process of a staged message and when it began, by its name `<pid>-<time>-<n>`.
fn staged_by(name: &[u8]) -> Option<(u32, UnixTime)> {
    let mut words = std::str::from_utf8(name).ok()?.split('-');
    let (pid, since, _n) = (words.next()?, words.next()?, words.next()?.parse::<u64>().ok()?);
    let staged = (pid.parse().ok()?, UnixTime(since.parse().ok()?));
    words.next().is_none().then_some(staged)
}

fn intent_of(location: &Location) -> Option<PathBuf> {
    let uniqueid = std::str::from_utf8(&location.uniqueid).ok()?;
    let is_name = !uniqueid.is_empty() && !uniqueid.contains('/');
    is_name.then(|| location.stage_dir().join(format!("{INTENT}{uniqueid}")))
}

/// Removes the message files that follow the last UID without a gap.
fn remove_beyond(index: &IndexGuard<'_>, last: Uid) -> Result<()> {
    let (location, disk) = (index.mailbox().location(), index.mailbox().store().disk());
    let mut removed = 0_u32;
    for uid in (last.0.saturating_add(1)..).map(Uid) {
        let mut is_there = disk.unlink(&location.spool_file(uid))?;
        if location.has_archive() {
            is_there |= disk.unlink(&location.archive_file(uid))?;
        }
        if !is_there {
            break;
        }
        removed += 1;
    }
    if removed > 0 {
        let name = location.name.as_bytes().escape_ascii();
        log::write(
            Priority::Notice,
            format_args!("removed {removed} files of an unfinished append from {name}"),
        );
    }
    Ok(())
}

fn remove(link: &Path) {
    // What cannot be removed is found again, and found to be done.
    let _ = fs::remove_file(link);
}

fn remove_old_mark(mark: &Path) {
    let changed = fs::symlink_metadata(mark).and_then(|found| found.modified());
    let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
    if age.is_some_and(|age| age > MARK_LIFE) {
        remove(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_fits_into_an_inode_and_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("intent-x");
        let key = DeliveryKey { id: b"<a@b>", to: b"id", date: b"now" };
        let name = DeliveryName::new(&key);
        let guid = Guid::of(b"message");
        for delivery in [None, Some((short(&guid), name))] {
            let note = Note { pid: 4_194_303, first: Uid(u32::MAX), delivery };
            assert!(note.text().len() < 60, "{}", note.text());
            symlink(note.text(), &link).unwrap();
            assert_eq!(Note::read(&link), Some(note));
            remove(&link);
        }
        for text in ["", "x 1", "1 x", "1"] {
            symlink(if text.is_empty() { "-" } else { text }, &link).unwrap();
            assert_eq!(Note::read(&link), None, "{text}");
            remove(&link);
        }
    }

    #[test]
    fn only_names_of_staged_messages_name_a_process() {
        assert_eq!(staged_by(b"123-1700000000-4"), Some((123, UnixTime(1_700_000_000))));
        for other in [&b"123-4"[..], b"a-1-2", b"1-2-3-4", b"mark-1-2", b"99999999999-1-1"] {
            assert_eq!(staged_by(other), None);
        }
    }
}
