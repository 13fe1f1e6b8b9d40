//! Creating, deleting and renaming the files of a mailbox; the list entry is mboxlist's.

use super::change::{Passage, write_header};
use super::disk::Disk;
use super::header::MailboxHeader;
use super::index::{IndexHeader, MailboxOptions, Version};
use super::location::Location;
use super::open::Mailbox;
use super::spool;
use crate::context::Store;
use crate::conversations::kind_of;
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock, Wait};
use cyrus_base::log::Priority;
use cyrus_util::ids::{ModSeq, UidValidity, UnixTime};
use cyrus_util::mboxname::MboxName;
use std::path::Path;
use std::sync::Arc;

/// What a new mailbox starts with.
#[derive(Clone, Debug, Default)]
pub struct CreateParams {
    /// ACL in TAB form.
    pub acl: Vec<u8>,
    /// Quota root above it.
    pub quotaroot: Option<Vec<u8>>,
    /// UIDVALIDITY; 0 for the clock's second.
    pub uidvalidity: UidValidity,
    /// Option bits; `None` for `mailbox_default_options`.
    pub options: Option<u32>,
    /// Highest modseq to start from; 0 for 1.
    pub highestmodseq: ModSeq,
    /// Modseq of creation; 0 for the highest.
    pub createdmodseq: ModSeq,
}

/// How a rename ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// Only names changed.
    InPlace,
    /// Files were copied to the new place; the old place is to be deleted.
    Copied,
}

impl Mailbox {
    /// Makes directories, cyrus.index and cyrus.header. Needs an exclusive user lock.
    /// C: `mailbox_create()`
    ///
    /// # Errors
    /// `Locked` when this process has it open, `Exists` when its index and header are there
    /// already, `Io`.
    pub fn create(
        store: &Arc<Store>,
        user: &UserLock,
        location: Location,
        params: &CreateParams,
    ) -> Result<Self> {
        if !user.allows(Mode::Exclusive) {
            return Err(Error::Internal("create under a shared user lock"));
        }
        if !store.may_write() {
            return Err(Error::ConversationsUnsupported);
        }
        let lock = store.locks().lock_name(user, location.lock_file.clone(), Mode::Exclusive, Wait::Block)?;
        if location.header.exists() && location.index.exists() {
            return Err(Error::Exists);
        }
        let disk = store.disk();
        for file in [&location.index, &location.header] {
            if let Some(parent) = file.parent() {
                disk.make_dir(parent)?;
            }
        }
        disk.make_dir(&location.data)?;
        let header = MailboxHeader {
            mbtype: location.mbtype.clone(),
            name: location.name.as_bytes().to_vec(),
            uniqueid: location.uniqueid.clone(),
            quotaroot: params.quotaroot.clone(),
            acl: Some(params.acl.clone()),
            flags: Vec::new(),
        };
        let now = UnixTime::now();
        let uidvalidity =
            if params.uidvalidity.0 == 0 { UidValidity(now.as_u32()) } else { params.uidvalidity };
        let modseq = ModSeq(params.highestmodseq.0.max(1));
        let options = params.options.unwrap_or(store.settings().default_options);
        let mut index = IndexHeader::fresh(Version::CURRENT, uidvalidity, modseq, options, now);
        if params.createdmodseq.0 != 0 && params.createdmodseq < modseq {
            index.createdmodseq = params.createdmodseq;
        }
        // An index of no octets first: a crash before the header leaves something that is no
        // mailbox for anybody, and the next create begins anew.
        let file = disk.create(&location.index)?;
        index.header_file_crc = write_header(disk, &location, &header)?;
        disk.write_at(&file, &location.index, 0, &index.encode())?;
        disk.sync(&file, &location.index)?;
        drop(file);
        let mut mailbox = Self::with_lock(store, location, lock)?;
        mailbox.lock_index(user, Mode::Shared)?.abort();
        if let Some((session, uniqueid)) = mailbox.audited() {
            let name = mailbox.location.name.as_bytes();
            cyrus_base::log::audit_create(&session, name, &uniqueid, uidvalidity.0);
        }
        Ok(mailbox)
    }

    /// Marks the mailbox deleted and closes it; the last closer removes the files. The caller has
    /// removed the list entry, and removes seen state. C: `mailbox_delete()`
    ///
    /// # Errors
    /// `Io`.
    pub fn delete(self, user: &UserLock) -> Result<()> {
        self.delete_files(user, Passage::Leaves)
    }

    /// As [`Mailbox::delete`] for what a rename with copies leaves behind: its records live on in
    /// the copy. C: `mailbox_rename_cleanup()`
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_renamed(self, user: &UserLock) -> Result<()> {
        self.delete_files(user, Passage::None)
    }

    fn delete_files(mut self, user: &UserLock, passage: Passage) -> Result<()> {
        {
            let mut guard = self.lock_index_even_deleted(user, Mode::Exclusive)?;
            guard.changes.passage = passage;
            let header = guard.header().clone();
            // The quota root gets back what the mailbox used; the index keeps its counts.
            guard.release_quota(&header)?;
            guard.change_index_header(|header| header.options.set(MailboxOptions::DELETED, true))?;
            guard.commit()?;
        }
        cyrus_base::log::write(
            Priority::Notice,
            format_args!("Deleted mailbox {}", String::from_utf8_lossy(self.location.name.as_bytes())),
        );
        if let Some((session, uniqueid)) = self.audited() {
            cyrus_base::log::audit_delete(&session, self.location.name.as_bytes(), &uniqueid);
        }
        let (store, location) = (Arc::clone(&self.store), self.location.clone());
        drop(self);
        remove_if_last(&store, location)
    }

    /// Gives the mailbox a new name (and partition or directories). A by-id mailbox that stays in
    /// its directories moves no file: only the name in cyrus.header and the quota root change, and
    /// the modseq goes up, for the caller to log (`audit_modseq_as`). Otherwise the files are copied, messages as hard links.
    ///
    /// # Errors
    /// `Exists`, `Io`.
    ///
    /// C: `mailbox_rename_copy()`, and the by-id branch of `mboxlist_renamemailbox()`
    pub fn rename(&mut self, user: &UserLock, to: &Location, quotaroot: Option<Vec<u8>>) -> Result<Renamed> {
        let in_place = to.data == self.location.data
            && to.index == self.location.index
            && to.header == self.location.header
            && to.archive == self.location.archive;
        if in_place {
            let (leaves, joins) = self.passages(&to.name)?;
            let mut guard = self.lock_index(user, Mode::Exclusive)?;
            guard.move_quota(quotaroot.as_deref())?;
            if leaves {
                guard.changes.passage = Passage::Leaves;
            }
            guard.next_modseq()?;
            guard.changes.audits_later = true;
            guard.change_mailbox_header(|header| {
                header.name = to.name.as_bytes().to_vec();
                header.quotaroot = quotaroot;
            })?;
            guard.commit()?;
            self.location.name = to.name.clone();
            self.location.owner.clone_from(&to.owner);
            if joins {
                let mut guard = self.lock_index(user, Mode::Exclusive)?;
                guard.changes.passage = Passage::Joins;
                guard.change_index_header(|_| {})?;
                guard.commit()?;
            }
            return Ok(Renamed::InPlace);
        }
        if to.index.exists() {
            return Err(Error::Exists);
        }
        let store = Arc::clone(&self.store);
        let from = self.location.clone();
        // Within one user's conversations nothing changes: the unique id is the same.
        let (kept_by, keeps) = (self.kept_by(&from.name), self.kept_by(&to.name));
        {
            let mut guard = self.lock_index(user, Mode::Exclusive)?;
            copy_files(store.disk(), &from, to)?;
            if kept_by.is_some() && kept_by != keeps {
                guard.changes.passage = Passage::Leaves;
                guard.change_index_header(|_| {})?;
                guard.commit()?;
            }
        }
        let mut moved = Self::open(&store, user, to.clone(), Mode::Exclusive, Wait::Block)?;
        let mut guard = moved.lock_index(user, Mode::Exclusive)?;
        let header = guard.header().clone();
        guard.take_quota(quotaroot.as_deref(), &header)?;
        if keeps.is_some() && kept_by != keeps {
            guard.changes.passage = Passage::Joins;
        }
        guard.next_modseq()?;
        guard.change_mailbox_header(|header| {
            header.name = to.name.as_bytes().to_vec();
            header.uniqueid.clone_from(&to.uniqueid);
            header.mbtype.clone_from(&to.mbtype);
            header.quotaroot = quotaroot;
        })?;
        guard.commit()?;
        if let Some((session, uniqueid)) = moved.audited() {
            let (old, new) = (from.name.as_bytes(), to.name.as_bytes());
            cyrus_base::log::audit_rename(&session, old, new, &uniqueid);
            if from.name == to.name {
                let (old, new) = (&from.partition, &to.partition);
                cyrus_base::log::audit_partitionmove(&session, to.name.as_bytes(), &uniqueid, old, new);
            }
        }
        Ok(Renamed::Copied)
    }

    /// Whether the records leave the conversations they are in, and whether they come into others,
    /// when the mailbox gets a new name and keeps its directories. The conversations of a user whose
    /// INBOX has its directories by id go with that id.
    fn passages(&self, to: &MboxName) -> Result<(bool, bool)> {
        let Some(catalog) = self.store.catalog() else { return Ok((false, false)) };
        let (from, rules) = (&self.location.name, catalog.rules());
        let (was_kept, is_kept) = (self.kept_by(from).is_some(), self.kept_by(to).is_some());
        if !was_kept || !is_kept || from.is_user_inbox(rules) || to.is_user_inbox(rules) {
            return Ok((was_kept && !is_kept, is_kept && !was_kept));
        }
        let suffix = "conversations";
        let moves = catalog.owner_path(from, suffix)? != catalog.owner_path(to, suffix)?;
        Ok((moves, moves))
    }

    /// Whose conversations a mailbox of this name would be in.
    fn kept_by(&self, name: &MboxName) -> Option<Vec<u8>> {
        let catalog = self.store.catalog()?;
        let kept = catalog.has_conversations(name, kind_of(&self.location.mbtype));
        name.parts(catalog.rules()).userid().filter(|_| kept)
    }
}

/// Removes the files of a deleted mailbox when nobody else has it open. C: `mailbox_close()`
pub(super) fn remove_if_last(store: &Arc<Store>, location: Location) -> Result<()> {
    let user = match store.lock_owner(location.owner.as_deref(), Mode::Exclusive) {
        Ok(user) => user,
        // Held shared by a caller further up: the next closer removes it.
        Err(Error::Internal(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut mailbox = match Mailbox::open(store, &user, location, Mode::Exclusive, Wait::Try) {
        Ok(mailbox) => mailbox,
        Err(Error::Locked | Error::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    // A new mailbox may have come in its place.
    let deleted = {
        let guard = mailbox.lock_index_even_deleted(&user, Mode::Shared)?;
        guard.header().options.has(MailboxOptions::DELETED)
    };
    if deleted { remove_all(store.disk(), &mailbox.location) } else { Ok(()) }
}

/// Removes everything in the data, meta and archive directories, and the directories.
/// C: `mailbox_delete_cleanup()`
pub(super) fn remove_all(disk: &Disk, location: &Location) -> Result<()> {
    let files = [&location.index, &location.header, &location.cache, &location.archive_cache];
    let mut directories: Vec<&Path> = vec![&location.data, &location.archive];
    directories.extend(files.into_iter().chain([&location.annotations]).filter_map(|file| file.parent()));
    directories.sort_unstable();
    directories.dedup();
    for directory in directories {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
                disk.unlink(&entry.path())?;
            }
        }
        // Parents too, as far as they are empty; legacy mailboxes have children inside.
        let mut empty = Some(directory);
        let mut levels = 0;
        while let Some(directory) = empty {
            levels += 1;
            if levels > 3 || std::fs::remove_dir(directory).is_err() {
                break;
            }
            empty = directory.parent();
        }
    }
    Ok(())
}

/// Copies all files of a mailbox: messages and cyrus.squat as links, the rest as copies; synced.
fn copy_files(disk: &Disk, from: &Location, to: &Location) -> Result<()> {
    for directory in [&to.data, &to.archive] {
        disk.make_dir(directory)?;
    }
    let meta = [
        (&from.index, &to.index),
        (&from.header, &to.header),
        (&from.cache, &to.cache),
        (&from.archive_cache, &to.archive_cache),
        (&from.annotations, &to.annotations),
    ];
    for (old, new) in meta {
        if old.exists() && !new.exists() {
            if let Some(parent) = new.parent() {
                disk.make_dir(parent)?;
            }
            spool::copy(disk, old, new)?;
            spool::sync_file(disk, new)?;
        }
    }
    for (old, new) in [(&from.data, &to.data), (&from.archive, &to.archive)] {
        let Ok(entries) = std::fs::read_dir(old) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let bytes = name.as_encoded_bytes();
            if spool::parse_name(bytes).is_some() || bytes == b"cyrus.squat" {
                let target = new.join(&name);
                disk.unlink(&target)?;
                spool::link_or_copy(disk, &entry.path(), &target)?;
            }
        }
    }
    Ok(())
}
