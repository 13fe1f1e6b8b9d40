//! What a changed message changes: its `G` records, its conversation, the numbers of the folders
//! the conversation is in, the use. C: `conversations_update_record()`, `conversation_update()`
//!
//! Counts are of contents, not of copies: a second copy in the same folder changes nothing but
//! the number of copies. So the places of the content are looked at before and after.

use super::assign::subject_of;
use super::guid::{BY_ID, BY_NAME, GuidRecord, print_value};
use super::record::{Conversation, Seen, apply};
use super::{Conversations, FREED};
use crate::error::{Error, Result};
use crate::mailbox::{InternalFlags, Mailbox, MailboxHeader, Record, SystemFlags};
use cyrus_base::config::Opt;
use cyrus_mime::CacheView;
use cyrus_mime::cache::envelope_addresses;
use std::collections::BTreeSet;

/// How a message is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// It is given a conversation.
    Assign,
    /// It keeps the conversation it came with; its ids are noted.
    Keep,
    /// Only counted: its ids are known.
    Count,
}

/// Whether the limits of copies hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limits {
    /// They do.
    Check,
    /// They do not: the message is there already.
    Ignore,
}

/// The places of one content, counted. C: `struct emailcountitems`
#[derive(Clone, Debug, Default)]
struct Places {
    records: u32,
    exists: u32,
    unseen: u32,
    folder_records: u32,
    folder_exists: u32,
    folder_unseen: u32,
    /// Folders with a live copy.
    folders: BTreeSet<u32>,
}

impl Places {
    fn count(places: &[GuidRecord], folder: u32, trash: Option<u32>) -> Self {
        let mut counted = Self::default();
        for place in places.iter().filter(|place| place.part.is_none()) {
            let here = place.folder == folder;
            let knows_flags = place.version > 0;
            counted.records += 1;
            counted.folder_records += u32::from(here);
            let system = SystemFlags(place.system_flags);
            let expunged = InternalFlags(place.internal_flags).has(InternalFlags::EXPUNGED);
            if knows_flags && (system.has(SystemFlags::DELETED) || expunged) {
                continue;
            }
            counted.exists += 1;
            counted.folder_exists += u32::from(here);
            counted.folders.insert(place.folder);
            let seen = system.has(SystemFlags::SEEN) || system.has(SystemFlags::DRAFT);
            if !knows_flags || !seen {
                counted.unseen += u32::from(Some(place.folder) != trash);
                counted.folder_unseen += u32::from(here);
            }
        }
        counted
    }
}

/// One if it came, minus one if it went.
fn step(before: u32, after: u32) -> i64 {
    i64::from(after > 0) - i64::from(before > 0)
}

/// What one change means for the conversation.
struct Delta<'a> {
    folder: u32,
    before: &'a Places,
    after: &'a Places,
    octets: i64,
    flags: &'a [i64],
    modseq: u64,
    createdmodseq: u64,
}

impl Conversations {
    /// A record of a mailbox changes from `old` to `new`; both absent is nothing. Unlinked records
    /// count as absent. C: `mailbox_update_conversations()`
    pub(super) fn change(
        &mut self,
        mailbox: &mut Mailbox,
        old: Option<&Record>,
        new: Option<&mut Record>,
        intake: Intake,
        limits: Limits,
    ) -> Result<()> {
        let linked = |record: &Record| !record.internal_flags.has(InternalFlags::UNLINKED);
        let old = old.filter(|record| linked(record));
        match (old, new.filter(|record| linked(record))) {
            (None, None) => Ok(()),
            // Out of one conversation and into another, where its ids are noted too.
            (Some(old), Some(new)) if old.cid != new.cid => {
                self.apply_change(mailbox, Some(old), None, Intake::Count, limits)?;
                self.apply_change(mailbox, None, Some(new), Intake::Count, limits)
            }
            (old, new) => self.apply_change(mailbox, old, new, intake, limits),
        }
    }

    fn apply_change(
        &mut self,
        mailbox: &mut Mailbox,
        old: Option<&Record>,
        new: Option<&mut Record>,
        intake: Intake,
        limits: Limits,
    ) -> Result<()> {
        let key = self.folder_key(mailbox.header(), &mailbox.location().name);
        let Some(sample) = new.as_deref().or(old).cloned() else { return Ok(()) };
        let cache = mailbox.cache_bytes(&sample)?.into_owned();
        let cache = CacheView::at(&cache, 0).ok_or(Error::Internal("cache record lost its length"))?;
        let header = mailbox.header();

        let (mut conv, new) = match new {
            Some(new) if old.is_none() && intake != Intake::Count => {
                let name = mailbox.location().name.clone();
                (self.assign(&name, new, &cache, intake == Intake::Keep)?, Some(&*new))
            }
            new => (None, new.map(|new| &*new)),
        };
        let Some(record) = new.or(old) else { return Ok(()) };
        if conv.is_none() && record.cid != 0 {
            conv = self.load(record.cid)?;
            let is_draft = record.system_flags.has(SystemFlags::DRAFT);
            match &mut conv {
                Some(conv) if conv.subject.is_none() && !is_draft => conv.subject = Some(subject_of(&cache)),
                Some(_) => {}
                None if new.is_none() => {
                    log::info!(
                        target: "syslog",
                        "conversation {:016x} already deleted, ignoring",
                        record.cid
                    );
                    return Ok(());
                }
                None => conv = Some(Conversation::new()),
            }
        }

        let folder = self.folder_number(&key)?;
        let before = Places::count(&self.places(&record.guid)?, folder, self.trash_number());
        self.change_places(folder, old, new, &cache)?;
        let after = Places::count(&self.places(&record.guid)?, folder, self.trash_number());
        if limits == Limits::Check && after.records > before.records {
            self.check_limits(&after, mailbox, record)?;
        }
        let exists = step(before.exists, after.exists);
        let octets = exists.saturating_mul(i64::from(record.size));
        self.change_use(exists, octets)?;
        let (Some(mut conv), true) = (conv, record.cid != 0) else { return Ok(()) };

        let flags = self.flag_steps(header, old, new);
        if let Some(from) = cache.envelope_tokens().and_then(|tokens| tokens.get(2).copied())
            && let Some(address) = envelope_addresses(from).first()
            && let (Some(mailbox), Some(domain)) = (&address.mailbox, &address.host)
        {
            let seen =
                Seen { name: address.name.as_deref(), route: address.route.as_deref(), mailbox, domain };
            conv.update_sender(&seen, record.gmtime.0, exists, self.utf8);
        }
        conv.update_message(&record.guid, record.internaldate.0, exists);
        let modseq = [old, new].into_iter().flatten().map(|record| record.modseq.0).max().unwrap_or(0);
        let delta = Delta {
            folder,
            before: &before,
            after: &after,
            octets,
            flags: &flags,
            modseq,
            createdmodseq: record.createdmodseq.0,
        };
        self.count(&mut conv, &delta)?;
        self.save(record.cid, &conv)
    }

    /// Brings the `G` records of a message and its parts up to date. C: `conversations_set_guid()`
    fn change_places(
        &mut self,
        folder: u32,
        old: Option<&Record>,
        new: Option<&Record>,
        cache: &CacheView<'_>,
    ) -> Result<()> {
        let version = if self.by_name { BY_NAME } else { BY_ID };
        let (record, value) = match (old, new) {
            (Some(old), Some(new))
                if old.system_flags == new.system_flags
                    && old.internal_flags == new.internal_flags
                    && old.internaldate == new.internaldate =>
            {
                return Ok(());
            }
            (_, Some(new)) => {
                let (system, internal) = (new.system_flags.0, new.internal_flags.0);
                (new, Some(print_value(version, new.cid, system, internal, new.internaldate.0)))
            }
            (Some(old), None) => (old, None),
            (None, None) => return Ok(()),
        };
        let item = format!("{folder}:{}", record.uid);
        self.set_place(&record.guid, item.as_bytes(), value.as_deref())?;
        for (path, section) in cache.sections(record.cache_version).bodies() {
            if section.content_guid.is_null() {
                continue;
            }
            let path = path.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let item = format!("{item}[{path}]");
            self.set_place(&section.content_guid, item.as_bytes(), value.as_deref())?;
        }
        Ok(())
    }

    fn check_limits(&self, after: &Places, mailbox: &Mailbox, record: &Record) -> Result<()> {
        let config = self.catalog.config();
        let limit = |opt| u32::try_from(config.int(opt)).unwrap_or(u32::MAX);
        if after.records <= limit(Opt::ConversationsMaxGuidrecords)
            && after.exists <= limit(Opt::ConversationsMaxGuidexists)
            && after.folder_exists <= limit(Opt::ConversationsMaxGuidinfolder)
        {
            return Ok(());
        }
        log::error!(
            target: "syslog",
            "IOERROR: conversations GUID limit for {}/{}/{} ({} {} {})",
            mailbox.location().name,
            record.uid,
            record.guid,
            after.records,
            after.exists,
            after.folder_exists
        );
        Err(Error::TooManyIdentical)
    }

    /// For each counted flag how it changes.
    fn flag_steps(&self, header: &MailboxHeader, old: Option<&Record>, new: Option<&Record>) -> Vec<i64> {
        let has = |record: Option<&Record>, flag: &[u8]| {
            record.is_some_and(|record| {
                record.is_live()
                    && !record.system_flags.has(SystemFlags::DELETED)
                    && has_flag(header, record, flag)
            })
        };
        let flags = self.counted_flags.iter();
        flags.map(|flag| i64::from(has(new, flag)) - i64::from(has(old, flag))).collect()
    }

    /// C: `conversation_update()`
    fn count(&mut self, conv: &mut Conversation, delta: &Delta<'_>) -> Result<()> {
        let (before, after) = (delta.before, delta.after);
        let old_unseen = conv.unseen;
        // Version 0 counted copies.
        let change = |before: u32, after: u32| match conv.version {
            0 => i64::from(after) - i64::from(before),
            _ => step(before, after),
        };
        let records = change(before.records, after.records);
        let exists = change(before.exists, after.exists);
        let unseen = change(before.unseen, after.unseen);
        let folder_records = change(before.folder_records, after.folder_records);
        let folder_exists = change(before.folder_exists, after.folder_exists);
        let folder_unseen = change(before.folder_unseen, after.folder_unseen);
        apply(&mut conv.num_records, records);
        apply(&mut conv.exists, exists);
        apply(&mut conv.unseen, unseen);
        apply(&mut conv.size, delta.octets);
        let mut changed =
            [records, exists, unseen, delta.octets, folder_records, folder_exists, folder_unseen]
                .iter()
                .any(|step| *step != 0);
        if conv.counts.len() < delta.flags.len() {
            conv.counts.resize(delta.flags.len(), 0);
        }
        for (count, step) in conv.counts.iter_mut().zip(delta.flags) {
            apply(count, *step);
            changed |= *step != 0;
        }
        if delta.modseq > conv.modseq {
            conv.modseq = delta.modseq;
            changed = true;
        }
        let created = delta.createdmodseq;
        if created != 0 && (conv.createdmodseq == 0 || created < conv.createdmodseq) {
            conv.createdmodseq = created;
            changed = true;
        }
        let folder = conv.folder(delta.folder);
        let old = folder.clone();
        apply(&mut folder.num_records, folder_records);
        apply(&mut folder.exists, folder_exists);
        apply(&mut folder.unseen, folder_unseen);
        if delta.modseq > folder.modseq {
            folder.modseq = delta.modseq;
            changed = true;
        }
        let new = folder.clone();
        conv.dirty |= changed;
        self.count_folders(conv, delta, old_unseen, (&old, &new))
    }

    /// The numbers of every folder the conversation is in.
    fn count_folders(
        &mut self,
        conv: &Conversation,
        delta: &Delta<'_>,
        old_unseen: u32,
        (old, new): (&super::ConvFolder, &super::ConvFolder),
    ) -> Result<()> {
        let (before, after) = (delta.before, delta.after);
        let trash = self.trash_number();
        let is_trash = Some(delta.folder) == trash;
        let emails = step(before.folder_exists, after.folder_exists);
        let unseen = step(before.unseen, after.unseen);
        let own_unseen = step(before.folder_unseen, after.folder_unseen);
        let threads = step(old.exists, new.exists);
        let threads_unseen =
            if is_trash { step(old.unseen, new.unseen) } else { step(old_unseen, conv.unseen) };
        for folder in &conv.folders {
            let at = usize::try_from(folder.number).unwrap_or(usize::MAX);
            let Some(key) = self.folders.get(at).filter(|key| *key != FREED).cloned() else { continue };
            let mut status = self.status(&key)?;
            let before_all = status;
            // As in C, a step of the unseen alone does not write the record; the modseq does.
            let mut is_changed = false;
            if folder.number == delta.folder {
                apply(&mut status.emailexists, emails);
                is_changed |= emails != 0;
                if is_trash {
                    apply(&mut status.emailunseen, own_unseen);
                    is_changed |= own_unseen != 0;
                } else if emails > 0 {
                    apply(&mut status.emailunseen, i64::from(after.unseen > 0));
                } else if emails < 0 {
                    apply(&mut status.emailunseen, -i64::from(before.unseen > 0));
                } else {
                    apply(&mut status.emailunseen, unseen);
                }
                apply(&mut status.threadexists, threads);
                is_changed |= threads != 0;
                let was_unseen = if is_trash { old.unseen } else { old_unseen };
                let is_unseen = if is_trash { new.unseen } else { conv.unseen };
                let threads_unseen = match (old.exists > 0, new.exists > 0) {
                    (false, true) if is_unseen > 0 => 1,
                    (true, false) if was_unseen > 0 => -1,
                    (_, true) => threads_unseen,
                    (_, false) => 0,
                };
                apply(&mut status.threadunseen, threads_unseen);
                is_changed |= threads_unseen != 0;
            } else if !is_trash && Some(folder.number) != trash && folder.exists > 0 {
                if after.folders.contains(&folder.number) {
                    apply(&mut status.emailunseen, unseen);
                }
                apply(&mut status.threadunseen, threads_unseen);
                is_changed |= threads_unseen != 0;
            }
            if status.threadmodseq < delta.modseq {
                status.threadmodseq = delta.modseq;
                is_changed = true;
            }
            if is_changed && status != before_all {
                self.set_status(&key, status);
            }
        }
        Ok(())
    }
}

/// C: `mailbox_record_hasflag()`
fn has_flag(header: &MailboxHeader, record: &Record, flag: &[u8]) -> bool {
    let system = match flag.to_ascii_lowercase().as_slice() {
        b"\\answered" => SystemFlags::ANSWERED,
        b"\\deleted" => SystemFlags::DELETED,
        b"\\draft" => SystemFlags::DRAFT,
        b"\\flagged" => SystemFlags::FLAGGED,
        b"\\seen" => SystemFlags::SEEN,
        [b'\\', ..] => return false,
        _ => return header.flag_slot(flag).is_some_and(|slot| record.user_flags.has(slot)),
    };
    record.system_flags.has(system)
}
