//! What one index-locked session changed, and the order in which it is written.
//!
//! Order of a commit (reference/mailbox-files.md 8.1): cache appended and synced, quota,
//! cyrus.annotations, cyrus.header, changed records in ascending order, observers, index header, fsync of the index.
//! Until the index header is written, appended records do not count and the caches hold only
//! octets that nobody points to.

use super::annotations::AnnotationWrite;
use super::cache::CacheWriters;
use super::guard::IndexGuard;
use super::header::MailboxHeader;
use super::index::{
    IndexHeader, InternalFlags, MailboxOptions, Record, SystemFlags, annot_crc, basic_crc,
    is_virtual_annotation, virtual_annot_crc,
};
use super::location::Location;
use super::open::Mailbox;
use crate::catalog::Catalog;
use crate::conversations::split::{BASE_ENTRY, hex, note_splits};
use crate::conversations::{Added, Conversations, Recount, Splits, kind_of};
use crate::counters::Scope;
use crate::error::{Error, Result};
use crate::mboxlist::MbKind;
use crate::quota::Change;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UnixTime};
use cyrus_util::mboxname::MboxName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Records this far apart are still written with one call, the ones between unchanged.
const GAP_RECORDS: u32 = 32;

/// Octets of records written with one call.
const BATCH_OCTETS: usize = 1 << 20;

/// Whether a rewrite counts as a change for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// It gets the next modseq.
    Modseq,
    /// It keeps its modseq: archiving, unlinking, replication.
    Silent,
}

/// What a mailbox takes of its quota root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaUse {
    /// Octets of messages.
    pub storage_octets: i64,
    /// Messages.
    pub messages: i64,
    /// Octets of annotations.
    pub annotation_octets: i64,
}

impl QuotaUse {
    /// What the header says is used.
    #[must_use]
    pub fn of(header: &IndexHeader) -> Self {
        Self {
            storage_octets: i64::try_from(header.quota_mailbox_used).unwrap_or(i64::MAX),
            messages: i64::from(header.exists),
            annotation_octets: i64::try_from(header.quota_annot_used).unwrap_or(i64::MAX),
        }
    }

    /// `self - before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            storage_octets: self.storage_octets.saturating_sub(before.storage_octets),
            messages: self.messages.saturating_sub(before.messages),
            annotation_octets: self.annotation_octets.saturating_sub(before.annotation_octets),
        }
    }

    /// Whether nothing is used or changed.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

/// What a commit did; the caller tells the sync log, idled and the statuscache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Whether anything was written.
    pub changed: bool,
    /// HIGHESTMODSEQ now.
    pub highestmodseq: ModSeq,
    /// Records appended.
    pub appended: u32,
    /// Records rewritten.
    pub rewritten: u32,
}

/// The changes collected so far.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about one session")]
pub(super) struct Changes {
    /// The index header as it will be.
    pub(super) header: IndexHeader,
    /// cyrus.header as it will be, when it changes.
    pub(super) mailbox_header: Option<MailboxHeader>,
    /// Changed and appended records by position.
    pub(super) records: BTreeMap<u32, Record>,
    /// Records that the file has.
    pub(super) stored: u32,
    pub(super) dirty: bool,
    pub(super) modseq_dirty: bool,
    pub(super) now: UnixTime,
    pub(super) caches: CacheWriters,
    /// Message annotations, read once when the first message is expunged.
    pub(super) annotations: Option<BTreeMap<Uid, Vec<StoredAnnotation>>>,
    /// Message annotations that were set.
    pub(super) pending_annotations: super::annotations::PendingAnnotations,
    /// The index header was written: what it counts may be seen by others.
    pub(super) published: bool,
    /// Appended records that keep their conversation, as replication wants it.
    pub(super) silent: BTreeSet<u32>,
    /// Records that are to get a conversation.
    pub(super) assign: BTreeSet<u32>,
    /// Whether these changes are in the conversations already.
    pub(super) conversations_counted: bool,
    /// Whether the mailbox as a whole comes to or goes from the conversations of its owner.
    pub(super) passage: Passage,
    /// The caller writes the audit line of the modseq, behind lines of its own.
    pub(super) audits_later: bool,
    /// The counters of the owner, when there are any.
    counters: Option<(Arc<Catalog>, MboxName)>,
    kind: MbKind,
    before: QuotaUse,
    flag_crcs: Vec<u32>,
}

/// What becomes of the records of a mailbox in the conversations of its owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Passage {
    /// They come in.
    Joins,
    /// They leave.
    Leaves,
    /// They stay.
    #[default]
    None,
}

impl Changes {
    /// The changed records that conversations and audit log hear of: all but wiped ones, whose old
    /// state in the file cannot be read.
    fn told(&self) -> impl Iterator<Item = (RecNo, &Record)> {
        self.records
            .iter()
            .filter(|(_, record)| !record.is_wiped())
            .map(|(&recno, record)| (RecNo(recno), record))
    }

    pub(super) fn new(mailbox: &Mailbox) -> Self {
        let header = mailbox.index_header.clone();
        Self {
            before: QuotaUse::of(&header),
            stored: header.num_records,
            header,
            mailbox_header: None,
            records: BTreeMap::new(),
            dirty: false,
            modseq_dirty: false,
            now: UnixTime::now(),
            caches: CacheWriters::default(),
            annotations: None,
            pending_annotations: BTreeMap::new(),
            published: false,
            silent: BTreeSet::new(),
            assign: BTreeSet::new(),
            conversations_counted: false,
            passage: Passage::None,
            audits_later: false,
            kind: kind_of(&mailbox.location.mbtype),
            counters: mailbox
                .store
                .catalog()
                .filter(|_| mailbox.store.settings().conversations)
                .map(|catalog| (Arc::clone(catalog), mailbox.location.name.clone())),
            flag_crcs: mailbox.flag_crcs.clone(),
        }
    }

    /// A record got its conversation when it was counted already.
    fn recount_cid(&mut self, before: &Record, after: &Record) {
        if !after.internal_flags.has(InternalFlags::EXPUNGED) {
            let version = self.header.version;
            self.header.synccrc_annot ^=
                virtual_annot_crc(before, version) ^ virtual_annot_crc(after, version);
        }
    }

    /// Adds a record to, or takes it from, counts and checksums. C: `mailbox_index_update_counts()`
    pub(super) fn count(&mut self, record: &Record, add: bool) {
        if record.internal_flags.has(InternalFlags::EXPUNGED) {
            return;
        }
        let header = &mut self.header;
        let step = |count: &mut u32| {
            *count = if add { count.saturating_add(1) } else { count.saturating_sub(1) };
        };
        if record.system_flags.has(SystemFlags::ANSWERED) {
            step(&mut header.answered);
        }
        if record.system_flags.has(SystemFlags::FLAGGED) {
            step(&mut header.flagged);
        }
        if record.system_flags.has(SystemFlags::DELETED) {
            step(&mut header.deleted);
        }
        if !record.system_flags.has(SystemFlags::SEEN) {
            step(&mut header.unseen);
        }
        step(&mut header.exists);
        let size = u64::from(record.size);
        header.quota_mailbox_used = if add {
            header.quota_mailbox_used.saturating_add(size)
        } else {
            header.quota_mailbox_used.saturating_sub(size)
        };
        header.synccrc_basic ^= basic_crc(record, &self.flag_crcs);
        header.synccrc_annot ^= virtual_annot_crc(record, header.version);
        self.dirty = true;
    }

    /// Adds or takes the stored annotations of a message. C: `mailbox_annot_update_counts()`
    pub(super) fn count_annotations(&mut self, uid: Uid, annotations: &[StoredAnnotation], add: bool) {
        for annotation in annotations {
            if !is_virtual_annotation(&annotation.entry, self.header.version) && uid.0 != 0 {
                self.header.synccrc_annot ^=
                    annot_crc(uid, &annotation.entry, &annotation.userid, &annotation.value);
            }
            let size = annotation.value.len() as u64;
            let used = &mut self.header.quota_annot_used;
            *used = if add { used.saturating_add(size) } else { used.saturating_sub(size) };
        }
    }

    /// C: `mailbox_modseq_dirty()`
    pub(super) fn next_modseq(&mut self) -> ModSeq {
        if let (false, Some((catalog, name))) = (self.modseq_dirty, &self.counters) {
            let highest = self.header.highestmodseq;
            self.header.highestmodseq = catalog.keep_modseq(name, highest, self.kind, Scope::Content);
        }
        self.header.highestmodseq.0 = self.header.highestmodseq.0.saturating_add(1);
        self.modseq_dirty = true;
        self.dirty = true;
        self.header.highestmodseq
    }

    pub(super) fn flags_changed(&mut self, header: &MailboxHeader) {
        self.flag_crcs = header.flag_crcs();
    }
}

/// One annotation of a message as stored in cyrus.annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnnotation {
    /// Entry name.
    pub entry: Vec<u8>,
    /// Real userid; empty for shared values.
    pub userid: Vec<u8>,
    /// Value.
    pub value: Vec<u8>,
}

impl IndexGuard<'_> {
    /// Writes everything in the documented order and releases the lock.
    ///
    /// The guard does not tell the sync log, idled or the statuscache: the caller does, with what
    /// is returned. C: `mailbox_commit()` + `mailbox_unlock_index()`
    ///
    /// # Errors
    /// `Io`; what was written before the index header does not count then.
    pub fn commit(mut self) -> Result<Changed> {
        self.write_changes()
    }

    /// As [`IndexGuard::commit`], keeping the lock.
    pub(crate) fn write_changes(&mut self) -> Result<Changed> {
        let mut changed = Changed { highestmodseq: self.changes.header.highestmodseq, ..Changed::default() };
        if !self.changes.dirty && self.changes.mailbox_header.is_none() {
            return Ok(changed);
        }
        let stored = self.changes.stored;
        let store = std::sync::Arc::clone(&self.mailbox.store);
        self.counters_before =
            store.catalog().and_then(|catalog| catalog.counters_for_events(&self.mailbox.location.name));
        let disk = store.disk();
        self.changes.caches.commit(disk)?;
        if self.changes.caches.replaced() {
            self.mailbox.caches.forget();
        }
        let renamed = self.changes.mailbox_header.is_some();
        if let Some(header) = self.changes.mailbox_header.take() {
            let crc = write_header(disk, &self.mailbox.location, &header)?;
            self.changes.header.header_file_crc = crc;
            self.mailbox.flag_crcs = header.flag_crcs();
            self.mailbox.header = header;
            self.mailbox.header_crc = crc;
            self.mailbox.header_inode = 0; // re-read (and its inode noted) at the next index lock
        }
        let mut conversations = self.keep_conversations()?;
        let splits = conversations.as_mut().map(|open| (open.owner().to_vec(), open.take_splits()));
        self.note_bases(splits.as_ref().map(|(_, splits)| splits))?;
        self.commit_quota()?;
        self.keep_counters();
        self.commit_annotations()?;
        let audited = self.mailbox.audited();
        let audit = match &audited {
            Some(_) => {
                let told = self.changes.told().map(|(_, record)| record.clone()).collect();
                self.audit_changes(told, stored)?
            }
            None => Vec::new(),
        };
        self.write_records()?;
        for observer in store.observers() {
            observer.commits(&self.mailbox.header, &self.changes.header)?;
        }
        let path = &self.mailbox.location.index;
        let bytes = self.changes.header.encode();
        disk.write_at(&self.mailbox.index_file.file, path, 0, &bytes)?;
        self.changes.published = true;
        if renamed {
            // The rename of cyrus.header is in the journal with the times of this inode.
            disk.sync(&self.mailbox.index_file.file, path)?;
        } else {
            disk.sync_data(&self.mailbox.index_file.file, path)?;
        }
        if let Some(Err(error)) = conversations.map(Conversations::commit) {
            // The messages are in and acknowledged; ctl_conversationsdb mends the rest, as in C.
            log::error!(
                target: "syslog",
                "Error committing to conversations database for mailbox {}: {error}",
                self.mailbox.location.name
            );
        }

        if let Some((session, uniqueid)) = &audited {
            crate::audit::tell(self.mailbox, session, uniqueid, &audit);
            if self.changes.modseq_dirty && !self.changes.audits_later {
                let (header, name) = (&self.changes.header, self.mailbox.location.name.as_bytes());
                let (highest, deleted) = (header.highestmodseq.0, header.deletedmodseq.0);
                cyrus_base::log::audit_modseq(session, name, uniqueid, highest, deleted);
            }
        }
        self.tell_written();
        changed.changed = true;
        changed.highestmodseq = self.changes.header.highestmodseq;
        changed.appended = self.changes.header.num_records.saturating_sub(stored);
        changed.rewritten = u32::try_from(self.changes.records.range(..=stored).count()).unwrap_or(u32::MAX);
        self.mailbox.index_header = self.changes.header.clone();
        self.changes.records.clear();
        self.changes.silent.clear();
        self.changes.assign.clear();
        self.changes.passage = Passage::None;
        self.changes.dirty = false;
        self.changes.modseq_dirty = false;
        self.changes.stored = self.changes.header.num_records;
        self.changes.before = QuotaUse::of(&self.changes.header);
        self.mailbox.refresh_map()?;
        if let Some((owner, splits)) = splits {
            let held = self.mailbox.location.name.clone();
            note_splits(&store, self.user, &owner, &held, &splits.continuations)?;
        }
        Ok(changed)
    }

    /// Sets the annotations that tell from which conversation those of the messages were split: of
    /// messages that came into such a one, and of those that lose the flag. C: `_store_change()`
    fn note_bases(&mut self, splits: Option<&Splits>) -> Result<()> {
        let Some(splits) = splits else { return Ok(()) };
        let mut found: Vec<(Uid, Vec<u8>, ModSeq)> = Vec::new();
        for (recno, record) in self.changes.told() {
            let is_split = record.internal_flags.has(InternalFlags::SPLITCONVERSATION);
            let was_split = self
                .view(recno)
                .is_some_and(|view| view.internal_flags().has(InternalFlags::SPLITCONVERSATION));
            let value = match splits.bases.get(&record.uid) {
                Some(&base) => hex(base),
                None if was_split && !is_split => Vec::new(),
                None => continue,
            };
            found.push((record.uid, value, record.modseq));
        }
        let how = AnnotationWrite { is_permitted: true, asks_quota: false, touch: Touch::Silent };
        for (uid, value, modseq) in found {
            self.set_annotation(uid, BASE_ENTRY, b"", &value, how)?;
            let place = (uid, BASE_ENTRY.to_vec(), Vec::new());
            if let Some(pending) = self.changes.pending_annotations.get_mut(&place) {
                pending.modseq = modseq.0;
            }
        }
        Ok(())
    }

    /// Lets a record that has no conversation get one at the commit; it must be rewritten too.
    pub fn want_conversation(&mut self, record: &Record) {
        self.changes.assign.insert(record.recno.0);
    }

    /// The conversations of these changes were counted already.
    pub fn conversations_are_counted(&mut self) {
        self.changes.conversations_counted = true;
    }

    /// Raises the owner's counters: behind the quota root, which takes the same modseq as the change
    /// that it books, as in C.
    fn keep_counters(&self) {
        let Some((catalog, name)) = &self.changes.counters else { return };
        if !name.is_deleted(catalog.rules()) {
            catalog.keep_modseq(name, self.changes.header.highestmodseq, self.changes.kind, Scope::Content);
        }
    }

    /// Brings the conversations up to date with the changes of this
    /// session, before any record is written: the map still shows the old ones. Appended records
    /// get their conversation. The transaction is to be committed after the index.
    fn keep_conversations(&mut self) -> Result<Option<Conversations>> {
        let Some((catalog, name)) = self.changes.counters.clone() else { return Ok(None) };
        if self.changes.conversations_counted || !catalog.has_conversations(&name, self.changes.kind) {
            return Ok(None);
        }
        let mut open = Conversations::open(&catalog, self.user, &name)?;
        let changed = self.changes.told().map(|(recno, _)| recno.0).collect::<Vec<_>>();
        for recno in changed {
            let Some(before) = self.changes.records.get(&recno).cloned() else { continue };
            let mut record = before.clone();
            if recno > self.changes.stored {
                let silent = self.changes.silent.contains(&recno);
                let added = if silent { Added::Silently } else { Added::New };
                open.record_added(self.mailbox, &mut record, added)?;
            } else if let Some(view) = self.view(RecNo(recno)) {
                let old = view.read(&self.mailbox.location.index)?;
                if self.changes.assign.contains(&recno) {
                    open.give_conversation(self.mailbox, &mut record)?;
                }
                open.record_changed(self.mailbox, &old, &mut record)?;
            }
            if record != before {
                self.changes.recount_cid(&before, &record);
                self.changes.records.insert(recno, record);
            }
        }
        match self.changes.passage {
            Passage::Joins => open.recount(self, Recount::Join)?,
            Passage::Leaves => {
                let records = self.records().collect::<Result<Vec<_>>>()?;
                open.mailbox_leaves(self.mailbox, &records)?;
            }
            Passage::None => {}
        }
        open.raise_mailbox(self.mailbox, self.changes.header.highestmodseq)?;
        Ok(Some(open))
    }

    /// Whether the index header of this session reached the file.
    pub(crate) fn is_published(&self) -> bool {
        self.changes.published
    }

    /// Writes changed records in ascending order, neighbours together. Records that lie between
    /// two changed ones are written as they are when that saves a call.
    fn write_records(&mut self) -> Result<()> {
        let header = &self.changes.header;
        let (start, size) = (u64::from(header.start_offset), header.record_size as usize);
        let version = header.version;
        let path = &self.mailbox.location.index;
        let disk = self.mailbox.store.disk();
        let file = &self.mailbox.index_file.file;
        let mut batch: Vec<u8> = Vec::new();
        let mut first = 0_u32;
        let mut next = 0_u32;
        let offset_of = |recno: u32| start + u64::from(recno.saturating_sub(1)) * size as u64;
        for (&recno, record) in &self.changes.records {
            let gap = recno.saturating_sub(next);
            let fillable = gap <= GAP_RECORDS && recno.saturating_sub(1) <= self.changes.stored;
            if !batch.is_empty() && (batch.len() >= BATCH_OCTETS || (gap > 0 && !fillable)) {
                disk.write_at(file, path, offset_of(first), &batch)?;
                batch.clear();
            }
            if batch.is_empty() {
                first = recno;
            } else if gap > 0 {
                let from = usize::try_from(offset_of(next)).unwrap_or(usize::MAX);
                let between = from..from.saturating_add(size.saturating_mul(gap as usize));
                let unchanged = self.mailbox.map.get(between);
                let unchanged =
                    unchanged.ok_or_else(|| Error::corrupt(path, from as u64, "record past the end"))?;
                batch.extend_from_slice(unchanged);
            }
            let at = batch.len();
            batch.resize(at + size, 0);
            record.encode_into(version, batch.get_mut(at..).unwrap_or_default());
            next = recno.saturating_add(1);
        }
        if !batch.is_empty() {
            disk.write_at(file, path, offset_of(first), &batch)?;
        }
        Ok(())
    }

    /// Books what the session added to or took from the quota root. C: `mailbox_commit_quota()`
    fn commit_quota(&self) -> Result<()> {
        let delta = QuotaUse::of(&self.changes.header).since(self.changes.before);
        let header = self.changes.mailbox_header.as_ref().unwrap_or(&self.mailbox.header);
        match &header.quotaroot {
            Some(root) if !delta.is_zero() => {
                self.mailbox.store.book_quota(root, &self.mailbox.location.name, delta)
            }
            _ => Ok(()),
        }
    }

    /// Gives back to the quota root what the mailbox used, and the mailbox: it is going away.
    pub(super) fn release_quota(&mut self, header: &IndexHeader) -> Result<()> {
        let mut change = Change::from(&QuotaUse::of(header));
        change.folders = 1;
        let root = self.mailbox.header.quotaroot.clone();
        self.mailbox.store.book_mailbox(root.as_deref(), &self.mailbox.location.name, &change.negated())
    }

    /// Books what the mailbox uses, and the mailbox, on a new root.
    pub(super) fn take_quota(&mut self, root: Option<&[u8]>, header: &IndexHeader) -> Result<()> {
        let mut change = Change::from(&QuotaUse::of(header));
        change.folders = 1;
        self.mailbox.store.book_mailbox(root, &self.mailbox.location.name, &change)
    }

    /// Puts the mailbox below another quota root and books what it uses there. C:
    /// `mailbox_set_quotaroot()` with the booking around it
    ///
    /// # Errors
    /// `ReadOnly`, `Io`.
    pub fn set_quota_root(&mut self, root: Option<&[u8]>) -> Result<()> {
        self.check_writable()?;
        self.move_quota(root)?;
        self.change_mailbox_header(|header| header.quotaroot = root.map(<[u8]>::to_vec))
    }

    /// Moves what the mailbox uses from its quota root to another.
    pub(super) fn move_quota(&mut self, root: Option<&[u8]>) -> Result<()> {
        if self.mailbox.header.quotaroot.as_deref() == root {
            return Ok(());
        }
        let header = self.changes.header.clone();
        self.release_quota(&header)?;
        self.take_quota(root, &header)
    }

    /// Counts everything anew from the records. `mailbox_annotation_octets` is what the annotations
    /// of the mailbox itself take in annotations.db; `None` keeps what is counted for them now.
    /// C: `mailbox_index_recalc()`
    ///
    /// # Errors
    /// `ReadOnly`, `Corrupt`.
    pub fn recalculate(&mut self, mailbox_annotation_octets: Option<u64>) -> Result<()> {
        self.check_writable()?;
        let annotations = self.mailbox.all_annotations()?;
        let mut of_messages = 0_u64;
        let mut live = Vec::new();
        for recno in 1..=self.changes.header.num_records {
            let record = self.record(cyrus_util::ids::RecNo(recno))?;
            if record.is_live() {
                let found = annotations.get(&record.uid).into_iter().flatten();
                of_messages += found.map(|each| each.value.len() as u64).sum::<u64>();
                live.push(record);
            }
        }
        let of_mailbox = mailbox_annotation_octets
            .unwrap_or_else(|| self.changes.header.quota_annot_used.saturating_sub(of_messages));
        let header = &mut self.changes.header;
        header.answered = 0;
        header.flagged = 0;
        header.deleted = 0;
        header.unseen = 0;
        header.exists = 0;
        header.quota_mailbox_used = 0;
        header.synccrc_basic = super::index::CRC_INIT_BASIC;
        header.synccrc_annot = super::index::CRC_INIT_ANNOT;
        self.changes.dirty = true;
        self.changes.header.quota_annot_used = of_mailbox;
        for record in live {
            self.changes.count(&record, true);
            if let Some(of_message) = annotations.get(&record.uid) {
                self.changes.count_annotations(record.uid, of_message, true);
            }
        }
        Ok(())
    }

    pub(super) fn note_expunged(&mut self, when: UnixTime) {
        let first = &mut self.changes.header.first_expunged;
        if first.0 == 0 || first.0 > when.0 {
            *first = when;
        }
    }

    pub(super) fn want_cleanup(&mut self, repack: bool) {
        self.changes.header.options.set(MailboxOptions::NEEDS_UNLINK, true);
        if repack {
            self.changes.header.options.set(MailboxOptions::NEEDS_REPACK, true);
        }
        self.changes.dirty = true;
    }
}

/// Replaces cyrus.header and gives its CRC. C: `mailbox_commit_header()`
pub(super) fn write_header(
    disk: &super::disk::Disk,
    location: &Location,
    header: &MailboxHeader,
) -> Result<u32> {
    let bytes = header.encode();
    let new = Location::new_name(&location.header);
    let file = disk.create(&new)?;
    disk.write_at(&file, &new, 0, &bytes)?;
    disk.sync(&file, &new)?;
    disk.rename(&new, &location.header)?;
    Ok(crc32fast::hash(&bytes))
}
