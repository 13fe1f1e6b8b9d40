//! The per-user counters file: modseqs and UIDVALIDITY (reference/databases.md 3.1).
//!
//! ```text
//! 0 generation u32 | 4 version u32 = 9 | 8 thirty-five modseqs u64 | 288 uidvalidity u32 | 292 crc32 u32
//! ```
//! Shorter files of older versions are read: the modseqs they lack start at the highest one. The
//! file is replaced as a whole under the fcntl lock of the old one. Only kept with
//! `conversations: yes`.

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::mboxlist::MbKind;
use crate::user::make_parent;
use cyrus_base::config::Opt;
use cyrus_sys::lock::{Mode, Wait};
use cyrus_util::ids::{ModSeq, UidValidity, UnixTime};
use cyrus_util::mboxname::MboxName;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const VERSION: u32 = 9;
/// Length in octets and modseqs of the versions 0 to 9.
const SIZES: [usize; 10] = [48, 56, 64, 88, 104, 120, 200, 232, 264, 296];
const MODSEQS: usize = 35;
const HEAD: usize = 8;
const TAIL: usize = 8;

/// What a modseq belongs to: position in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Highest = 0,
    Mail = 1,
    Caldav = 2,
    Carddav = 3,
    Notes = 4,
    MailFolders = 5,
    CaldavFolders = 6,
    CarddavFolders = 7,
    NotesFolders = 8,
    Quota = 9,
    Racl = 10,
    Submission = 11,
    SubmissionFolders = 12,
    MailDeleted = 13,
    CaldavDeleted = 14,
    CarddavDeleted = 15,
    NotesDeleted = 16,
    SubmissionDeleted = 17,
    MailFoldersDeleted = 18,
    CaldavFoldersDeleted = 19,
    CarddavFoldersDeleted = 20,
    NotesFoldersDeleted = 21,
    SubmissionFoldersDeleted = 22,
    DavNotification = 23,
    DavNotificationDeleted = 24,
    DavNotificationFolders = 25,
    DavNotificationFoldersDeleted = 26,
    // 27 to 30 are for JMAP notifications, which C 3.6 counts as mail.
    Sieve = 31,
    SieveDeleted = 32,
    SieveFolders = 33,
    SieveFoldersDeleted = 34,
}

/// What changed, which decides the counters that rise with the highest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Something in a mailbox, its name and ACL too.
    Content,
    /// Something in a mailbox is gone for good.
    ContentDeleted,
    /// A mailbox came.
    Folder,
    /// A mailbox is gone for good.
    FolderDeleted,
    /// A quota root.
    Quota,
    /// Reverse ACLs.
    Racl,
}

/// The counters of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// How often the file was written.
    pub generation: u32,
    modseqs: [u64; MODSEQS],
    /// Highest UIDVALIDITY given.
    pub uidvalidity: UidValidity,
}

impl Default for Counters {
    fn default() -> Self {
        Self { generation: 0, modseqs: [0; MODSEQS], uidvalidity: UidValidity(0) }
    }
}

impl Counters {
    /// Reads a file. C: mboxname_buf_to_counters()
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word));
        let version = if bytes.len() == SIZES[0] { 0 } else { usize::try_from(word(4)?).ok()? };
        let size = *SIZES.get(version)?;
        if bytes.len() != size
            || word(size.checked_sub(4)?)? != crc32fast::hash(bytes.get(..size.checked_sub(4)?)?)
        {
            return None;
        }
        // Version 0 has no version word of its own; the fields begin at the same place.
        let stored = size.checked_sub(HEAD)?.checked_sub(TAIL)? / 8;
        let mut counters = Self { generation: word(0)?, ..Self::default() };
        counters.uidvalidity = UidValidity(word(size.checked_sub(8)?)?);
        let body = bytes.get(HEAD..)?;
        for (slot, chunk) in counters.modseqs.iter_mut().zip(body.chunks_exact(8)).take(stored) {
            *slot = u64::from_be_bytes(*chunk.first_chunk::<8>()?);
        }
        Some(counters)
    }

    /// The counters as event notifications and `/vendor/cmu/cyrus-imapd/usercounters` have them:
    /// version, modseqs, uidvalidity. C: `mboxevent_extract_mailbox()`
    #[must_use]
    pub fn summary(&self) -> String {
        let slots = [
            Slot::Highest,
            Slot::Mail,
            Slot::Caldav,
            Slot::Carddav,
            Slot::Notes,
            Slot::MailFolders,
            Slot::CaldavFolders,
            Slot::CarddavFolders,
            Slot::NotesFolders,
            Slot::Quota,
            Slot::Racl,
        ];
        let numbers = slots.map(|slot| self.at(slot).to_string()).join(" ");
        format!("{VERSION} {numbers} {}", self.uidvalidity.0)
    }

    /// JMAP's states by type, as a JSON object. C: `jmap_states`
    pub(crate) fn jmap_states(&self) -> String {
        let states = [
            ("Mailbox", Slot::MailFolders),
            ("Email", Slot::Mail),
            ("EmailSubmission", Slot::Submission),
            ("Calendar", Slot::CaldavFolders),
            ("CalendarEvent", Slot::Caldav),
            ("Contact", Slot::Carddav),
            ("ContactGroup", Slot::Carddav),
            ("Note", Slot::Notes),
            ("SieveScript", Slot::Sieve),
            ("Quota", Slot::Quota),
            ("Racl", Slot::Racl),
        ];
        let members = states.map(|(name, slot)| format!("\"{name}\":\"{}\"", self.at(slot)));
        format!("{{{}}}", members.join(","))
    }

    fn at(&self, slot: Slot) -> u64 {
        self.modseqs.get(slot as usize).copied().unwrap_or(0)
    }

    /// The file, version 9.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZES[9]);
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        for modseq in self.modseqs {
            bytes.extend_from_slice(&modseq.to_be_bytes());
        }
        bytes.extend_from_slice(&self.uidvalidity.0.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    /// The highest modseq given.
    #[must_use]
    pub fn highest(&self) -> ModSeq {
        ModSeq(self.slot(Slot::Highest))
    }

    fn slot(&self, slot: Slot) -> u64 {
        self.modseqs.get(slot as usize).copied().unwrap_or(0)
    }

    fn raise(&mut self, slot: Slot, to: u64) {
        if let Some(value) = self.modseqs.get_mut(slot as usize) {
            *value = (*value).max(to);
        }
    }

    /// Raises the counters to at least `last` and, for `next`, one further. The new highest.
    ///
    /// C: `mboxname_domodseq()`
    fn advance(&mut self, kind: MbKind, scope: Scope, last: ModSeq, next: bool) -> ModSeq {
        self.raise(Slot::Highest, last.0);
        if next {
            let highest = self.slot(Slot::Highest).saturating_add(1);
            self.raise(Slot::Highest, highest);
        }
        let highest = self.slot(Slot::Highest);
        let to = if next { highest } else { last.0 };
        let (content, deleted, folders, folders_deleted) = slots(kind);
        let slots: &[Slot] = match scope {
            Scope::Content => &[content],
            Scope::Folder => &[content, folders],
            Scope::ContentDeleted => &[deleted],
            Scope::FolderDeleted => &[deleted, folders_deleted],
            Scope::Quota => &[Slot::Quota],
            Scope::Racl => &[Slot::Racl],
        };
        for &slot in slots {
            self.raise(slot, to);
        }
        ModSeq(highest)
    }
}

/// Content, deleted content, folders, deleted folders.
fn slots(kind: MbKind) -> (Slot, Slot, Slot, Slot) {
    use Slot as S;
    match kind {
        MbKind::Addressbook => (S::Carddav, S::CarddavDeleted, S::CarddavFolders, S::CarddavFoldersDeleted),
        MbKind::Calendar => (S::Caldav, S::CaldavDeleted, S::CaldavFolders, S::CaldavFoldersDeleted),
        MbKind::Collection => (
            S::DavNotification,
            S::DavNotificationDeleted,
            S::DavNotificationFolders,
            S::DavNotificationFoldersDeleted,
        ),
        MbKind::JmapSubmit => {
            (S::Submission, S::SubmissionDeleted, S::SubmissionFolders, S::SubmissionFoldersDeleted)
        }
        // Notes: no type is theirs, but the name of a folder, for which see `counted_as`.
        MbKind::Netnews => (S::Notes, S::NotesDeleted, S::NotesFolders, S::NotesFoldersDeleted),
        MbKind::Sieve => (S::Sieve, S::SieveDeleted, S::SieveFolders, S::SieveFoldersDeleted),
        MbKind::Email | MbKind::JmapPush => (S::Mail, S::MailDeleted, S::MailFolders, S::MailFoldersDeleted),
    }
}

impl Catalog {
    /// The counters of a mailbox's owner as they are now; zeros when there is no file.
    /// C: mboxname_read_counters()
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn read_counters(&self, name: &MboxName) -> Result<Counters> {
        let path = self.owner_path(name, "counters")?;
        match std::fs::read(&path) {
            Ok(bytes) if bytes.is_empty() => Ok(Counters::default()),
            Ok(bytes) => Counters::parse(&bytes).ok_or_else(|| Error::corrupt(&path, 0, "counters")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Counters::default()),
            Err(error) => Err(Error::io("read", &path, error)),
        }
    }

    /// The next modseq for a change in a mailbox of the owner of `name`, greater than `last` and
    /// than every one given before. Without `conversations` the counters are not kept and it is the
    /// one after `last`. C: mboxname_nextmodseq()
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn next_modseq(&self, name: &MboxName, last: ModSeq, kind: MbKind, scope: Scope) -> Result<ModSeq> {
        if !self.config().switch(Opt::Conversations) {
            return Ok(ModSeq(last.0.saturating_add(1)));
        }
        let kind = self.counted_as(name, kind);
        self.update_counters(name, |counters| counters.advance(kind, scope, last, true))
    }

    /// Raises the counters, where they are kept, to a modseq that came from elsewhere. C: mboxname_setmodseq()
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn set_modseq(&self, name: &MboxName, to: ModSeq, kind: MbKind, scope: Scope) -> Result<ModSeq> {
        if !self.config().switch(Opt::Conversations) {
            return Ok(to);
        }
        let kind = self.counted_as(name, kind);
        self.update_counters(name, |counters| counters.advance(kind, scope, to, false))
    }

    /// As [`Catalog::set_modseq`] where there are counters; without them, or when they cannot be
    /// read (which is logged), the modseq is the mailbox's own.
    pub(crate) fn keep_modseq(&self, name: &MboxName, to: ModSeq, kind: MbKind, scope: Scope) -> ModSeq {
        self.set_modseq(name, to, kind, scope).unwrap_or_else(|error| {
            log::error!(target: "syslog", "IOERROR: counters of {name}: {error}");
            to
        })
    }

    /// As [`Catalog::next_modseq`] where there are counters; without them, or when they cannot be
    /// read (which is logged), one more than `last`.
    pub(crate) fn step_modseq(&self, name: &MboxName, last: ModSeq, kind: MbKind, scope: Scope) -> ModSeq {
        self.next_modseq(name, last, kind, scope).unwrap_or_else(|error| {
            log::error!(target: "syslog", "IOERROR: counters of {name}: {error}");
            ModSeq(last.0.saturating_add(1))
        })
    }

    /// Raises the counters of mail. C: `mboxname_setmodseq(name, modseq, 0, 0)`
    pub(crate) fn raise_modseq(&self, name: &MboxName, to: ModSeq) {
        self.keep_modseq(name, to, MbKind::Email, Scope::Content);
    }

    /// What a mailbox counts as: its type, or what a folder of its name is for.
    fn counted_as(&self, name: &MboxName, kind: MbKind) -> MbKind {
        let parts = name.parts(self.rules());
        let first = parts.boxes.first().map(Vec::as_slice);
        let named = |opt| first.is_some() && first == self.config().bytes(opt);
        let rows = [
            (MbKind::Addressbook, Opt::Addressbookprefix),
            (MbKind::Calendar, Opt::Calendarprefix),
            (MbKind::Netnews, Opt::Notesmailbox),
            (MbKind::JmapSubmit, Opt::Jmapsubmissionfolder),
            (MbKind::Collection, Opt::Davnotificationsprefix),
            (MbKind::Sieve, Opt::SieveFolder),
        ];
        let is = |row: &&(MbKind, Opt)| (row.0 == kind && kind != MbKind::Netnews) || named(row.1);
        rows.iter().find(is).map_or(MbKind::Email, |row| row.0)
    }

    /// Raises the UIDVALIDITY counter to one that was given elsewhere. C: `mboxname_setuidvalidity()`
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn set_uidvalidity(&self, name: &MboxName, to: UidValidity) -> Result<()> {
        self.update_counters(name, |counters| counters.uidvalidity = counters.uidvalidity.max(to))
    }

    /// The next UIDVALIDITY for a mailbox of the owner of `name`. C: mboxname_nextuidvalidity()
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn next_uidvalidity(&self, name: &MboxName, last: UidValidity) -> Result<UidValidity> {
        self.update_counters(name, |counters| {
            let floor = counters.uidvalidity.0.max(last.0).max(UnixTime::now().as_u32());
            counters.uidvalidity = UidValidity(floor.saturating_add(1));
            counters.uidvalidity
        })
    }

    fn update_counters<T>(&self, name: &MboxName, f: impl FnOnce(&mut Counters) -> T) -> Result<T> {
        let path = self.owner_path(name, "counters")?;
        make_parent(&path)?;
        let mut file = lock_in_place(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| Error::io("read", &path, error))?;
        let mut counters = match bytes.as_slice() {
            [] => Counters::default(),
            bytes => Counters::parse(bytes).ok_or_else(|| Error::corrupt(&path, 0, "counters"))?,
        };
        let before = counters.clone();
        let result = f(&mut counters);
        if counters != before {
            counters.generation = counters.generation.wrapping_add(1);
            replace(&path, &counters.print())?;
        }
        Ok(result)
    }
}

/// Opens and locks the file that has this name at the end.
fn lock_in_place(path: &Path) -> Result<File> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| Error::io("open", path, error))?;
        cyrus_sys::lock::lock(file.as_fd(), Mode::Exclusive, Wait::Block)
            .map_err(|error| Error::io("lock", path, error))?;
        let here = file.metadata().map_err(|error| Error::io("fstat", path, error))?;
        match std::fs::metadata(path) {
            Ok(there) if there.ino() == here.ino() && there.dev() == here.dev() => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("stat", path, error)),
        }
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = crate::mailbox::Location::new_name(path);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        std::fs::rename(&new, path)
    };
    // The directory is not synced: the index is, after this, and a counter that a power cut takes
    // back is raised again by the highest modseq of each mailbox that changes.
    write().map_err(|error| Error::io("write", &new, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let mut counters = Counters { generation: 3, uidvalidity: UidValidity(9), ..Counters::default() };
        assert_eq!(counters.advance(MbKind::Email, Scope::Folder, ModSeq(5), true), ModSeq(6));
        assert_eq!(counters.slot(Slot::MailFolders), 6);
        assert_eq!(counters.slot(Slot::Caldav), 0);
        let bytes = counters.print();
        assert_eq!(bytes.len(), 296);
        assert_eq!(Counters::parse(&bytes), Some(counters));
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = Counters::default().print();
        for at in 0..good.len() {
            let mut bad = good.clone();
            if let Some(byte) = bad.get_mut(at) {
                *byte ^= 1;
            }
            assert_eq!(Counters::parse(&bad), None, "{at}");
        }
        assert_eq!(Counters::parse(b""), None);
        assert_eq!(Counters::parse(&[0; 48]), None);
    }
}
