//! Appending one or more messages to one mailbox.

use super::intent::{DeliveryName, Intent};
use super::stage::Staged;
use crate::conversations::kind_of;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind};
use crate::lock::Mode;
use crate::mailbox::archive::archives_at_append;
use crate::mailbox::{
    Changed, FlagLimit, IndexGuard, InternalFlags, Mailbox, NewAnnotation, QuotaUse, Record, SystemFlags,
    Touch, UserFlags, spool,
};
use cyrus_util::guid::Guid;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UidValidity, UnixTime};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an append gives a message besides its bytes. Which flags the user may set was decided
/// above.
#[derive(Clone, Debug, Default)]
pub struct AppendParams {
    /// INTERNALDATE; 0 for now.
    pub internaldate: UnixTime,
    /// RFC 3501 flags.
    pub system_flags: SystemFlags,
    /// Keywords.
    pub keywords: Vec<Vec<u8>>,
    /// Save date; 0 for now.
    pub savedate: UnixTime,
    /// Modseq of creation; 0 for the new one.
    pub createdmodseq: ModSeq,
    /// Conversation id, when known.
    pub cid: u64,
    /// Flags and keywords in the order and letters of the client, for event notifications; empty
    /// for those above.
    pub flag_names: Vec<Vec<u8>>,
}

/// Whether the quota root is asked before the first message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuotaCheck {
    /// No: the caller did, or may go over.
    #[default]
    Skip,
    /// For this much.
    Room(QuotaUse),
}

/// Whether the message file of an append is a further name of the staged file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// A file of its own.
    Copy,
    /// A link where one can be made.
    #[default]
    Link,
}

/// What became of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// UIDVALIDITY for the APPENDUID or COPYUID response code.
    pub uidvalidity: UidValidity,
    /// The new UIDs in order.
    pub uids: Vec<Uid>,
    /// Those given \Seen which the index does not keep for this user: they belong into the
    /// user's seen database.
    pub seen_elsewhere: Vec<Uid>,
    /// What the commit did.
    pub changed: Changed,
}

/// A transaction of 1..n messages into one mailbox under its exclusive index lock. Dropping it, or
/// [`AppendTxn::abort`], leaves nothing visible.
#[must_use = "an append that is not committed is undone"]
#[derive(Debug)]
pub struct AppendTxn<'m> {
    index: IndexGuard<'m>,
    seen_internal: bool,
    files: Vec<PathBuf>,
    uids: Vec<Uid>,
    seen_elsewhere: Vec<Uid>,
    linked: bool,
    done: bool,
    userid: Vec<u8>,
    /// What is told of it, and of each message the flags it came with.
    told_as: Option<EventKind>,
    flag_names: Vec<Vec<Vec<u8>>>,
    /// The one event of a copy.
    copied: Option<Event>,
    /// What is found of this append if the process dies in it.
    intent: Option<Intent>,
}

impl<'m> AppendTxn<'m> {
    /// Begins with the index locked exclusively. `userid` is who sets \Seen.
    /// C: `append_setup_mbox()`
    ///
    /// # Errors
    /// `ReadOnly` when the lock is shared, `OverQuota`.
    pub fn begin(index: IndexGuard<'m>, userid: &[u8], quota: QuotaCheck) -> Result<Self> {
        if index.mode() != Mode::Exclusive {
            return Err(Error::ReadOnly);
        }
        if let (QuotaCheck::Room(wanted), Some(root)) = (quota, &index.mailbox_header().quotaroot) {
            index.mailbox().store().check_quota(root, wanted)?;
        }
        let seen_internal = index.mailbox().seen_is_internal(userid);
        Ok(Self {
            index,
            seen_internal,
            files: Vec::new(),
            uids: Vec::new(),
            seen_elsewhere: Vec::new(),
            linked: false,
            done: false,
            userid: userid.to_vec(),
            told_as: None,
            flag_names: Vec::new(),
            copied: None,
            intent: None,
        })
    }

    /// What event notifications call it: `MessageAppend`, `MessageNew`, one for each message, or
    /// `MessageCopy`, `MessageMove`, one for all. Without this nothing is told.
    pub fn tell_as(&mut self, kind: EventKind) {
        match kind {
            EventKind::MessageCopy | EventKind::MessageMove => self.copied = self.index.event(kind),
            _ => self.told_as = self.index.event(kind).map(|_| kind),
        }
    }

    /// Notes that messages are coming, before the first does and before anybody asks for a duplicate: what a dead process
    /// left in this mailbox is put right. With `delivery`, the copy of a delivery that can be told from others.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn intend(&mut self, delivery: Option<(&Guid, &DeliveryName)>) -> Result<()> {
        if self.intent.is_none() && self.uids.is_empty() {
            self.intent = Intent::make(&self.index, delivery)?;
        }
        Ok(())
    }

    /// The intent, to be kept until the delivery is marked; while the mailbox is locked.
    pub(super) fn take_intent(&mut self) -> Option<Intent> {
        self.intent.take()
    }

    /// The index under the same lock, for annotations and the like.
    pub fn index(&mut self) -> &mut IndexGuard<'m> {
        &mut self.index
    }

    /// Appends a staged message; gives its UID. C: `append_fromstage()`
    ///
    /// # Errors
    /// `Io`, `TooManyFlags`.
    pub fn add(&mut self, staged: &Staged, params: &AppendParams) -> Result<Uid> {
        self.add_shared(staged, params, Sharing::Link)
    }

    /// As [`AppendTxn::add`], telling whether the message file may be shared.
    ///
    /// # Errors
    /// As [`AppendTxn::add`].
    pub fn add_shared(&mut self, staged: &Staged, params: &AppendParams, sharing: Sharing) -> Result<Uid> {
        self.intend(None)?;
        let parsed = staged.parsed();
        let mut record = Record {
            uid: self.next_uid()?,
            internaldate: or_now(params.internaldate),
            sentdate: parsed.sentdate,
            gmtime: parsed.gmtime,
            size: parsed.size,
            header_size: parsed.header_size,
            cache_version: parsed.cache_version,
            guid: parsed.guid,
            savedate: params.savedate,
            createdmodseq: params.createdmodseq,
            cid: params.cid,
            ..Record::default()
        };
        self.set_flags(&mut record, params)?;
        let store = Arc::clone(self.index.mailbox().store());
        let location = self.index.mailbox().location();
        if archives_at_append(store.settings(), kind_of(&location.mbtype), record.size, record.internaldate) {
            record.internal_flags = record.internal_flags.with(InternalFlags::ARCHIVED);
        }
        let target = spool::record_file(location, &record);
        let disk = store.disk();
        let settled = staged.is_settled_as(record.internaldate);
        if !settled {
            spool::set_times(staged.file(), staged.path(), record.internaldate)?;
        }
        self.files.push(target.clone());
        self.clear_other_place(&record, &target)?;
        if sharing == Sharing::Link && spool::link(disk, &target, || staged.link(&target))? {
            // The inode is durable already when it was synced for another mailbox; then its new
            // name goes into the journal before the growth of the cache in the same directory,
            // and the sync of that cache, which commit() waits for, takes it along.
            if !(settled && location.cache_takes_names_along(&target) && staged.has_ordered_journal()) {
                disk.sync(staged.file(), &target)?;
                staged.settle_as(record.internaldate);
            }
        } else {
            disk.unlink(&target)?;
            spool::copy_open(disk, staged.file(), staged.path(), &target)?;
            let copied = File::options().write(true).open(&target);
            let copied = copied.map_err(|e| Error::io("open message", &target, e))?;
            spool::set_times(&copied, &target, record.internaldate)?;
            disk.sync(&copied, &target)?;
        }
        let cache = &parsed.cache;
        self.index.append(&mut record, cache, Touch::Modseq)?;
        if self.told_as.is_some() {
            self.flag_names.push(flag_names(params));
        }
        self.uids.push(record.uid);
        Ok(record.uid)
    }

    /// Gives the message appended last annotations. C: in `append_fromstage()`
    ///
    /// # Errors
    /// As [`IndexGuard::set_annotation`].
    pub fn annotate(&mut self, annotations: &[NewAnnotation]) -> Result<()> {
        match self.uids.last() {
            Some(&uid) => self.index.set_annotations(uid, annotations),
            None => Ok(()),
        }
    }

    /// Appends a copy of a message of another open mailbox, hard-linked where possible, with its
    /// guid, dates, modseq of creation, flags and keywords; `flags` may drop what the user may not set. The save date
    /// is now, as in C. Its annotations come along. C: `append_copy()`
    ///
    /// # Errors
    /// `Io`.
    pub fn copy(&mut self, from: &mut Mailbox, record: &Record, flags: CopyFlags) -> Result<Uid> {
        self.intend(None)?;
        let cache = from.cache_bytes(record)?.into_owned();
        let source = spool::record_file(from.location(), record);
        let same_owner = from.location().owner == self.index.mailbox().location().owner;
        let mut copy = Record {
            recno: RecNo(0),
            uid: self.next_uid()?,
            cache_offset: 0,
            savedate: UnixTime(0),
            user_flags: UserFlags::default(),
            system_flags: record.system_flags.without(SystemFlags::SEEN),
            internal_flags: record.internal_flags.without(InternalFlags::SNOOZED),
            cid: if same_owner { record.cid } else { 0 },
            ..record.clone()
        };
        if flags.may_write {
            for slot in record.user_flags.iter() {
                let Some(name) = from.header().flag_name(slot) else { continue };
                match self.index.user_flag(name, FlagLimit::Client) {
                    Ok(slot) => copy.user_flags.set(slot, true),
                    Err(error) => {
                        let flag = String::from_utf8_lossy(name);
                        let fields: [(&str, &dyn std::fmt::Display); 2] =
                            [("flag", &flag), ("error", &error)];
                        let _logged = cyrus_base::log::ioerror("unable to copy flag", &fields, None);
                    }
                }
            }
        } else {
            copy.system_flags = SystemFlags(copy.system_flags.0 & SystemFlags::DELETED.0);
        }
        if !flags.may_delete {
            copy.system_flags = copy.system_flags.without(SystemFlags::DELETED);
        }
        if flags.seen {
            self.set_seen(&mut copy);
        }
        let store = Arc::clone(self.index.mailbox().store());
        let disk = store.disk();
        let target = spool::record_file(self.index.mailbox().location(), &copy);
        self.files.push(target.clone());
        self.clear_other_place(&copy, &target)?;
        if spool::link(disk, &target, || disk.link(&source, &target))? {
            self.linked = true;
        } else {
            spool::copy(disk, &source, &target)?;
            spool::sync_file(disk, &target)?;
        }
        self.index.append(&mut copy, &cache, Touch::Modseq)?;
        let annotations = from.annotations_of(record.uid)?;
        self.index.take_annotations(&annotations, copy.uid)?;
        if let (Some(event), Some(catalog)) = (&mut self.copied, store.catalog()) {
            event.add_copied(catalog, from, record.uid);
        }
        self.uids.push(copy.uid);
        Ok(copy.uid)
    }

    /// Makes it durable and visible, in that order. C: `append_commit()`
    ///
    /// # Errors
    /// `Io`; nothing is visible then.
    pub fn commit(self) -> Result<Appended> {
        self.commit_locked().map(|(appended, _)| appended)
    }

    /// As [`AppendTxn::commit`], keeping the index locked for as long as the second value lives.
    pub(super) fn commit_locked(mut self) -> Result<(Appended, Self)> {
        let uidvalidity = self.index.header().uidvalidity;
        if !self.uids.is_empty() {
            let now = UnixTime::now();
            self.index.change_index_header(|header| header.last_appenddate = now)?;
        }
        if self.linked {
            // The inodes are old and durable; their new names are in these directories.
            let store = Arc::clone(self.index.mailbox().store());
            let location = self.index.mailbox().location();
            // One of the two may not even exist yet.
            let mut directories = vec![&location.data, &location.archive];
            directories.dedup();
            directories
                .retain(|directory| self.files.iter().any(|file| file.parent() == Some(directory.as_path())));
            for directory in directories {
                spool::sync_file(store.disk(), directory)?;
            }
        }
        let changed = self.index.write_changes()?;
        self.done = true;
        self.tell();
        let appended = Appended {
            uidvalidity,
            uids: std::mem::take(&mut self.uids),
            seen_elsewhere: std::mem::take(&mut self.seen_elsewhere),
            changed,
        };
        Ok((appended, self))
    }

    /// Undoes everything. C: `append_abort()`
    pub fn abort(self) {}

    /// Tells what was appended; it is written already.
    fn tell(&mut self) {
        if self.copied.is_none() && self.told_as.is_none() {
            return;
        }
        // A record that cannot be read back is left out: the append itself is done.
        let find = |uid: &Uid| self.index.find(*uid).ok().flatten();
        let records: Vec<Record> = self.uids.iter().filter_map(find).collect();
        if let Some(mut event) = self.copied.take() {
            for record in &records {
                event.add_record(self.index.mailbox_mut(), record);
            }
            event.set_user(&self.userid);
            self.index.tell_now(event);
        }
        let Some(kind) = self.told_as else { return };
        let (mut exists, mut unseen) = (self.index.header().exists, self.index.header().unseen);
        let mut events = Vec::new();
        let names = std::mem::take(&mut self.flag_names);
        for (n, record) in records.iter().enumerate().rev() {
            let Some(mut event) = self.index.event(kind) else { return };
            for flag in names.get(n).into_iter().flatten() {
                event.add_flag(flag);
            }
            event.add_record(self.index.mailbox_mut(), record);
            event.set_counts(exists, unseen, record.uid);
            event.set_user(&self.userid);
            if event.wants_content()
                && let Ok(message) = self.index.mailbox().message(record)
            {
                event.set_content(&message, usize::try_from(record.header_size).unwrap_or(0));
            }
            // How it was before this one.
            exists = exists.saturating_sub(u32::from(record.is_live()));
            unseen = unseen
                .saturating_sub(u32::from(record.is_live() && !record.system_flags.has(SystemFlags::SEEN)));
            events.push(event);
        }
        for event in events.into_iter().rev() {
            self.index.tell_now(event);
        }
    }

    fn next_uid(&self) -> Result<Uid> {
        self.index.header().last_uid.0.checked_add(1).map(Uid).ok_or(Error::Internal("out of uids"))
    }

    /// Removes what an unfinished append may have left where the message is not going to be: a UID
    /// has a place in the spool and one in the archive.
    fn clear_other_place(&self, record: &Record, target: &Path) -> Result<()> {
        let location = self.index.mailbox().location();
        if !location.has_archive() {
            return Ok(());
        }
        let disk = self.index.mailbox().store().disk();
        for place in [location.spool_file(record.uid), location.archive_file(record.uid)] {
            if place != target {
                disk.unlink(&place)?;
            }
        }
        Ok(())
    }

    fn set_flags(&mut self, record: &mut Record, params: &AppendParams) -> Result<()> {
        record.system_flags = params.system_flags.without(SystemFlags::SEEN);
        if params.system_flags.has(SystemFlags::SEEN) {
            self.set_seen(record);
        }
        for name in &params.keywords {
            let slot = self.index.user_flag(name, FlagLimit::Client)?;
            record.user_flags.set(slot, true);
        }
        Ok(())
    }

    fn set_seen(&mut self, record: &mut Record) {
        if self.seen_internal {
            record.system_flags = record.system_flags.with(SystemFlags::SEEN);
        } else {
            self.seen_elsewhere.push(record.uid);
        }
    }
}

/// What a copy may carry over, by the user's rights on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyFlags {
    /// Right `w`: flags and keywords.
    pub may_write: bool,
    /// Right `t`: \Deleted.
    pub may_delete: bool,
    /// The user has seen the original and has right `s`.
    pub seen: bool,
}

impl Drop for AppendTxn<'_> {
    fn drop(&mut self) {
        if !self.done && !self.index.is_published() {
            let store = Arc::clone(self.index.mailbox().store());
            for file in &self.files {
                let _ = store.disk().unlink(file);
            }
        }
        // While the index is still locked.
        drop(self.intent.take());
    }
}

/// The flags of a new message for events.
fn flag_names(params: &AppendParams) -> Vec<Vec<u8>> {
    if !params.flag_names.is_empty() {
        return params.flag_names.clone();
    }
    let system = [
        (SystemFlags::ANSWERED, b"\\answered".as_slice()),
        (SystemFlags::FLAGGED, b"\\flagged"),
        (SystemFlags::DELETED, b"\\deleted"),
        (SystemFlags::DRAFT, b"\\draft"),
        (SystemFlags::SEEN, b"\\seen"),
    ];
    let system = system.into_iter().filter(|(flag, _)| params.system_flags.has(*flag));
    system.map(|(_, name)| name.to_vec()).chain(params.keywords.iter().cloned()).collect()
}

fn or_now(time: UnixTime) -> UnixTime {
    if time.0 == 0 { UnixTime::now() } else { time }
}
