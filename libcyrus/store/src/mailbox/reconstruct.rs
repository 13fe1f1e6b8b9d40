//! Checking a mailbox against its files and mending it: the logic behind the reconstruct tool.
//!
//! The walk holds records, message files and cache against each other, exactly in C's order, and
//! tells what it finds as [`Finding`]s whose Display is the line that C prints. Without
//! [`Repair::Mend`] nothing is written.

use super::change::{Changes, StoredAnnotation, Touch};
use super::guard::IndexGuard;
use super::index::{InternalFlags, MailboxOptions, Record};
use super::life::CreateParams;
use super::location::Location;
use super::open::Mailbox;
use super::spool;
use crate::append::{ParsedMessage, local_midnight_of};
use crate::context::Store;
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock, Wait};
use cyrus_util::ids::{ModSeq, RecNo, Uid, UidValidity, UnixTime};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Whether what is found is mended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repair {
    /// Only tell (`-n`).
    #[default]
    Tell,
    /// Tell and mend.
    Mend,
}

/// What to do with a file that holds another message than its record says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuidMismatch {
    /// Only tell.
    #[default]
    Keep,
    /// Give the file a new UID (`-R`).
    NewUid,
    /// Unlink it (`-U`).
    Unlink,
}

/// What to do with files that do not belong into a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OddFiles {
    /// Tell.
    #[default]
    Tell,
    /// Say nothing (`-o`).
    Ignore,
    /// Remove (`-O`).
    Remove,
}

/// How far to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Sizes by stat(2), messages only where something is odd.
    #[default]
    Stat,
    /// Without stat(2) (`-s`).
    NoStat,
    /// Every message is parsed (`-G`).
    Parse,
}

/// Options of one reconstruct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Mend or tell.
    pub repair: Repair,
    /// Depth.
    pub depth: Depth,
    /// Wrong messages.
    pub guid_mismatch: GuidMismatch,
    /// Odd files.
    pub odd_files: OddFiles,
    /// Octets of the mailbox's own annotations; `None` keeps what is counted.
    pub mailbox_annotation_octets: Option<u64>,
}

/// One thing that was not as it should be; Display is C's line without its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Internal name of the mailbox.
    pub mailbox: String,
    /// What it is.
    pub what: Found,
}

/// What can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file of no record above the last UID.
    Adding(Uid),
    /// The file is in the archive and the record does not say so.
    Archived(Uid),
    /// The annotation and the flag do not say the same about being snoozed.
    SnoozedMismatch(Uid),
    /// The file is not in the archive and the record says so.
    NotArchived(Uid),
    /// Two files for one record; the archived one goes.
    DuplicateArchive(PathBuf),
    /// A record that is expunged and holds another message.
    ExpungedUnlinking(Uid),
    /// The file holds another message.
    GuidMismatch(Uid),
    /// Nothing was done about it.
    GuidAdvice,
    /// It gets a new UID.
    UidUpgrade(Uid),
    /// It goes.
    UnlinkRequested(Uid),
    /// A modseq above the highest.
    FutureModseq(Uid, ModSeq),
    /// A UID above the last.
    FutureUid(Uid),
    /// A field of the record differs from the message.
    Mismatch(Uid, &'static str),
    /// The cache record was made anew.
    RewroteCache {
        /// Message.
        uid: Uid,
        /// Offsets before and after.
        offsets: (u64, u64),
        /// CRCs before and after.
        crcs: (u32, u32),
    },
    /// A record without a file.
    NotFound(Uid),
    /// A file that does not belong here.
    OddFile(PathBuf),
    /// There are odd files.
    OddAdvice,
    /// A file of no record at or below the last UID.
    Rediscovered(Uid),
    /// A count of the header was wrong.
    Count(&'static str, u64, u64),
    /// A quota count of the header was wrong.
    QuotaCount(&'static str, u64, u64),
    /// The index cannot be read.
    IndexLost,
    /// cyrus.header cannot be read.
    HeaderLost,
    /// The ACL of cyrus.header, second, is not that of mailboxes.db, first.
    HeaderAcl(String, String),
    /// Said after it where one would expect it to be mended, as C does.
    HeaderAclAdvice,
    /// Annotations of a message that is not there.
    StaleAnnotations(Uid),
    /// A keyword that is no atom.
    BogusFlag(usize, String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.mailbox;
        match &self.what {
            Found::Adding(uid) => write!(f, "{name} uid {uid} found - adding"),
            Found::Archived(uid) => write!(f, "Marking file as archived {name} {uid}"),
            Found::NotArchived(uid) => write!(f, "Marking file as not archived {name} {uid}"),
            Found::DuplicateArchive(path) => write!(f, "Removing duplicate archive file {}", path.display()),
            Found::ExpungedUnlinking(uid) => write!(f, "{name} uid {uid} already expunged, unlinking"),
            Found::GuidMismatch(uid) => write!(f, "{name} uid {uid} guid mismatch"),
            Found::SnoozedMismatch(uid) => write!(f, "{name} uid {uid} snoozed mismatch"),
            Found::GuidAdvice => write!(f, "run reconstruct with -R to fix or -U to remove"),
            Found::UidUpgrade(uid) => write!(f, "{name} uid {uid} marking for uid upgrade"),
            Found::UnlinkRequested(uid) => write!(f, "{name} uid {uid} unlinking as requested with -U"),
            Found::FutureModseq(uid, modseq) => write!(f, "{name} uid {uid} future modseq {modseq} found"),
            Found::FutureUid(uid) => write!(f, "{name} future uid {uid} found"),
            Found::Mismatch(uid, field) => write!(f, "{name} uid {uid} mismatch: {field}"),
            Found::RewroteCache { uid, offsets, crcs } => write!(
                f,
                "{name} rewrote cache for {uid} (offset {} to {}, crc {} to {}/{})",
                offsets.0, offsets.1, crcs.0, crcs.1, crcs.1
            ),
            Found::NotFound(uid) => write!(f, "{name} uid {uid} not found"),
            Found::OddFile(path) => write!(f, "{name} odd file {}", path.display()),
            Found::OddAdvice => write!(f, "run reconstruct with -O to remove odd files"),
            Found::Rediscovered(uid) => write!(f, "{name} uid {uid} rediscovered - appending"),
            Found::Count(what, old, new) => write!(f, "{name}: updating {what} {old} => {new}"),
            Found::QuotaCount(what, old, new) => write!(f, "{name} updating {what}: {old} => {new}"),
            Found::IndexLost => write!(f, "{name}: failed to read index header"),
            Found::HeaderLost => write!(f, "{name}: failed to read header file"),
            Found::HeaderAcl(old, new) => write!(f, "{name}: update acl from header {old} => {new}"),
            Found::HeaderAclAdvice => {
                write!(f, "XXX - this is a noop right now - needs to update mailboxes.db")
            }
            Found::StaleAnnotations(uid) => write!(f, "removing stale annotations for {uid}"),
            Found::BogusFlag(slot, flag) => write!(f, "{name}: bogus flag name {slot}:{flag}"),
        }
    }
}

/// Checks, and with [`Repair::Mend`] mends, the mailbox at `location`. An index that cannot be
/// read is made anew with `params` before its messages are taken in again.
/// C: `mailbox_reconstruct()`
///
/// # Errors
/// `Locked`, `Io`; without mending also what opening says.
pub fn reconstruct(
    store: &Arc<Store>,
    user: &UserLock,
    location: &Location,
    params: &CreateParams,
    plan: &Plan,
) -> Result<Vec<Finding>> {
    let name = String::from_utf8_lossy(location.name.as_bytes()).into_owned();
    let mut found = Vec::new();
    let mut mailbox = open_or_make(store, user, location, params, plan, &mut found)?;
    let new_uidvalidity =
        if params.uidvalidity.0 == 0 { UidValidity(UnixTime::now().as_u32()) } else { params.uidvalidity };
    let guard = mailbox.lock_index(user, Mode::Exclusive)?;
    let in_header = guard.mailbox_header().acl.clone().unwrap_or_default();
    if in_header != params.acl {
        let text = |acl: &[u8]| String::from_utf8_lossy(acl).into_owned();
        found.push(Found::HeaderAcl(text(&params.acl), text(&in_header)));
        if plan.repair == Repair::Mend {
            found.push(Found::HeaderAclAdvice);
        }
    }
    let annotations = guard.mailbox().all_annotations()?;
    let is_snoozed = |each: &StoredAnnotation| each.entry == SNOOZED_ENTRY;
    let snoozed = annotations.iter().filter(|(_, of_message)| of_message.iter().any(is_snoozed));
    let snoozed = snoozed.map(|(uid, _)| *uid).collect();
    let mut walk =
        Walk { guard, plan, found, later: Vec::new(), new_uidvalidity, known: BTreeSet::new(), snoozed };
    walk.run()?;
    let Walk { guard, found, .. } = walk;
    match plan.repair {
        Repair::Mend => {
            guard.commit()?;
        }
        Repair::Tell => guard.abort(),
    }
    Ok(found.into_iter().map(|what| Finding { mailbox: name.clone(), what }).collect())
}

fn open_or_make(
    store: &Arc<Store>,
    user: &UserLock,
    location: &Location,
    params: &CreateParams,
    plan: &Plan,
    found: &mut Vec<Found>,
) -> Result<Mailbox> {
    let opened = Mailbox::open(store, user, location.clone(), Mode::Exclusive, Wait::Block);
    let broken = match opened {
        Ok(mut mailbox) => {
            let tried = mailbox.lock_index(user, Mode::Exclusive).map(IndexGuard::abort);
            match tried {
                Ok(()) => return Ok(mailbox),
                Err(error) => error,
            }
        }
        Err(error) => {
            tell_lost_index(location);
            error
        }
    };
    if plan.repair == Repair::Tell || matches!(broken, Error::Locked | Error::ConversationsUnsupported) {
        return Err(broken);
    }
    let index_readable = std::fs::read(&location.index).is_ok_and(|bytes| index_is_whole(&bytes, location));
    if index_readable {
        // Only cyrus.header is lost: keywords lose their names, everything else stays.
        found.push(Found::HeaderLost);
        let header = super::header::MailboxHeader {
            mbtype: location.mbtype.clone(),
            name: location.name.as_bytes().to_vec(),
            uniqueid: location.uniqueid.clone(),
            quotaroot: params.quotaroot.clone(),
            acl: Some(params.acl.clone()),
            flags: Vec::new(),
        };
        super::change::write_header(store.disk(), location, &header)?;
        return Mailbox::open(store, user, location.clone(), Mode::Exclusive, Wait::Block);
    }
    found.push(Found::IndexLost);
    store.disk().unlink(&location.index)?;
    store.disk().unlink(&location.cache)?;
    store.disk().unlink(&location.archive_cache)?;
    let mut params = params.clone();
    params.options =
        Some(params.options.unwrap_or(store.settings().default_options) | MailboxOptions::POP3_NEW_UIDL);
    Mailbox::create(store, user, location.clone(), &params)
}

/// The line of C's first attempt to open the mailbox; nothing when the index is there.
fn tell_lost_index(location: &Location) {
    if location.index.exists() {
        return;
    }
    let name = String::from_utf8_lossy(location.name.as_bytes()).into_owned();
    let fields: [(&str, &dyn std::fmt::Display); 2] = [("mailbox", &name), ("error", &"System I/O error")];
    let _logged = cyrus_base::log::ioerror("opening index failed", &fields, None);
}

/// Entry of a message that is snoozed.
const SNOOZED_ENTRY: &[u8] = b"/vendor/cmu/cyrus-imapd/snoozed";

struct Walk<'m, 'p> {
    guard: IndexGuard<'m>,
    plan: &'p Plan,
    found: Vec<Found>,
    /// Files that get a new UID at the end: their UID and whether they are archived.
    later: Vec<(Uid, bool)>,
    /// What a mailbox without UIDVALIDITY gets.
    new_uidvalidity: UidValidity,
    /// UIDs whose annotations stay.
    known: BTreeSet<Uid>,
    /// UIDs with an annotation that says they are snoozed.
    snoozed: BTreeSet<Uid>,
}

impl Walk<'_, '_> {
    fn mends(&self) -> bool {
        self.plan.repair == Repair::Mend
    }

    fn location(&self) -> Location {
        self.guard.mailbox().location().clone()
    }

    fn run(&mut self) -> Result<()> {
        self.check_header()?;
        let mut files = self.find_files()?;
        let mut last_seen = Uid(0);
        for recno in 1..=self.guard.num_records() {
            let record = match self.guard.record(RecNo(recno)) {
                Ok(record) if record.uid > last_seen => record,
                Ok(mut record) => {
                    self.wipe(&mut record);
                    continue;
                }
                Err(_) => {
                    let mut record =
                        self.guard.view(RecNo(recno)).map(|view| view.to_record()).unwrap_or_default();
                    record.recno = RecNo(recno);
                    self.wipe(&mut record);
                    continue;
                }
            };
            let lower: Vec<_> = files.range(..record.uid).map(|(uid, archived)| (*uid, *archived)).collect();
            self.later.extend(lower.iter().map(|(uid, archived)| (*uid, *archived == (false, true))));
            files.retain(|uid, _| *uid >= record.uid);
            last_seen = record.uid;
            self.known.insert(record.uid);
            let file = files.remove(&record.uid);
            self.compare(record, file)?;
        }
        if self.guard.header().last_uid < last_seen {
            self.guard.change_index_header(|header| header.last_uid = last_seen)?;
        }
        let last_uid = self.guard.header().last_uid;
        for (uid, places) in files {
            let archived = places == (false, true);
            if uid <= last_uid {
                self.later.push((uid, archived));
            } else {
                self.known.insert(uid);
                self.take_in(uid, archived)?;
            }
        }
        for (uid, archived) in std::mem::take(&mut self.later) {
            self.take_in(uid, archived)?;
        }
        self.remove_stale_annotations()?;
        self.compare_counts()?;
        if self.guard.header().uidvalidity.0 == 0 {
            let fresh = self.new_uidvalidity;
            self.guard.change_index_header(|header| header.uidvalidity = fresh)?;
        }
        Ok(())
    }

    fn check_header(&mut self) -> Result<()> {
        let header = self.guard.mailbox_header().clone();
        for (slot, flag) in header.flags.iter().enumerate() {
            let Some(flag) = flag else { continue };
            if !super::header::is_atom(flag) {
                self.found.push(Found::BogusFlag(slot, String::from_utf8_lossy(flag).into_owned()));
                self.guard.change_mailbox_header(|header| {
                    if let Some(place) = header.flags.get_mut(slot) {
                        *place = None;
                    }
                })?;
            }
        }
        let (expected, actual) = (self.guard.header().header_file_crc, self.guard.mailbox().header_crc);
        if expected != actual {
            self.guard.change_index_header(|header| header.header_file_crc = actual)?;
        }
        Ok(())
    }

    /// Message files by UID: whether one is in the spool and one in the archive.
    fn find_files(&mut self) -> Result<BTreeMap<Uid, (bool, bool)>> {
        let location = self.location();
        let mut files: BTreeMap<Uid, (bool, bool)> = BTreeMap::new();
        let mut directories = vec![(&location.data, false)];
        if location.has_archive() {
            directories.push((&location.archive, true));
        }
        for (directory, archive) in directories {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let name = entry.file_name();
                if let Some(uid) = spool::parse_name(name.as_encoded_bytes()) {
                    let places = files.entry(uid).or_default();
                    if archive { places.1 = true } else { places.0 = true }
                } else if !name.as_encoded_bytes().starts_with(b"cyrus.")
                    && !name.as_encoded_bytes().starts_with(b".")
                {
                    match self.plan.odd_files {
                        OddFiles::Ignore => {}
                        OddFiles::Tell => {
                            self.found.push(Found::OddFile(entry.path()));
                            self.found.push(Found::OddAdvice);
                        }
                        OddFiles::Remove => {
                            self.found.push(Found::OddFile(entry.path()));
                            if self.mends() {
                                self.guard.mailbox().store().disk().unlink(&entry.path())?;
                            }
                        }
                    }
                }
            }
        }
        Ok(files)
    }

    /// A record that cannot be trusted becomes an unlinked one without UID; the repack drops it.
    fn wipe(&mut self, record: &mut Record) {
        record.uid = Uid(0);
        record.internal_flags =
            record.internal_flags.with(InternalFlags::EXPUNGED).with(InternalFlags::UNLINKED);
        let changes: &mut Changes = &mut self.guard.changes;
        changes.records.insert(record.recno.0, record.clone());
        changes.header.options.set(MailboxOptions::NEEDS_REPACK, true);
        changes.dirty = true;
    }

    fn compare(&mut self, mut record: Record, file: Option<(bool, bool)>) -> Result<()> {
        let location = self.location();
        if let (Some((spooled, archived)), true) = (file, location.has_archive()) {
            if spooled && archived {
                let path = location.archive_file(record.uid);
                if self.mends() {
                    self.guard.mailbox().store().disk().unlink(&path)?;
                }
                self.found.push(Found::DuplicateArchive(path));
            }
            let says = record.internal_flags.has(InternalFlags::ARCHIVED);
            if spooled == says {
                self.found.push(if says {
                    Found::NotArchived(record.uid)
                } else {
                    Found::Archived(record.uid)
                });
                record.internal_flags = InternalFlags(record.internal_flags.0 ^ InternalFlags::ARCHIVED.0);
                self.guard.rewrite(&mut record, Touch::Modseq)?;
            }
        }
        let path = spool::record_file(&location, &record);
        let mut parse = self.plan.depth == Depth::Parse || record.internaldate.0 == 0;
        let mut there = file.is_some();
        if there && self.plan.depth != Depth::NoStat {
            match std::fs::metadata(&path) {
                Ok(found) if found.len() > 0 => parse |= found.len() != u64::from(record.size),
                _ => there = false,
            }
        }
        if !there {
            if record.internal_flags.has(InternalFlags::UNLINKED) {
                return Ok(());
            }
            self.found.push(Found::NotFound(record.uid));
            return if self.mends() { self.unlink(record, true) } else { Ok(()) };
        }
        let cache_ok = self.guard.mailbox_mut().cached(&record).is_ok();
        let before = record.clone();
        let mut cache = None;
        if parse || !cache_ok {
            let message = self.guard.mailbox().message(&record)?;
            let parsed = ParsedMessage::parse(&message, self.guard.mailbox().store().settings());
            if parsed.guid != record.guid {
                return self.wrong_message(record);
            }
            record.size = parsed.size;
            record.header_size = parsed.header_size;
            record.sentdate = parsed.sentdate;
            record.gmtime = parsed.gmtime;
            record.cache_version = parsed.cache_version;
            cache = Some(parsed.cache);
        }
        self.fill_dates(&mut record, &path);
        if record.modseq > self.guard.header().highestmodseq {
            let modseq = record.modseq;
            self.found.push(Found::FutureModseq(record.uid, modseq));
            self.guard.change_index_header(|header| header.highestmodseq = modseq)?;
        }
        if record.uid > self.guard.header().last_uid {
            let uid = record.uid;
            self.found.push(Found::FutureUid(uid));
            self.guard.change_index_header(|header| header.last_uid = uid)?;
        }
        for slot in 0..128 {
            if record.user_flags.has(slot) && self.guard.mailbox_header().flag_name(slot).is_none() {
                record.user_flags.set(slot, false);
            }
        }
        let snoozed = self.snoozed.contains(&record.uid);
        if record.is_live() && record.internal_flags.has(InternalFlags::SNOOZED) != snoozed {
            self.found.push(Found::SnoozedMismatch(record.uid));
            record.internal_flags = InternalFlags(record.internal_flags.0 ^ InternalFlags::SNOOZED.0);
        }
        let crc = cache.as_ref().map_or(record.cache_crc, |bytes| crc32fast::hash(bytes));
        let differs = self.tell_differences(&before, &record);
        let same_cache = cache_ok && crc == before.cache_crc && record.cache_version == before.cache_version;
        if !differs && same_cache {
            return Ok(());
        }
        if !self.mends() {
            return Ok(());
        }
        // C forgets the offset when it parses, and so writes (and tells) a new place every time.
        if let Some(bytes) = cache {
            self.guard.renew_cache(&mut record, &bytes)?;
            self.found.push(Found::RewroteCache {
                uid: record.uid,
                offsets: (0, record.cache_offset),
                crcs: (before.cache_crc, record.cache_crc),
            });
        }
        self.guard.rewrite(&mut record, Touch::Modseq)
    }

    fn fill_dates(&self, record: &mut Record, path: &std::path::Path) {
        if record.internaldate.0 == 0 {
            record.internaldate = file_time(path);
        }
        if record.gmtime.0 == 0 {
            record.gmtime = record.internaldate;
        }
        if record.sentdate.0 == 0 {
            record.sentdate = local_midnight_of(record.internaldate);
        }
    }

    /// C: `records_match()`
    fn tell_differences(&mut self, old: &Record, new: &Record) -> bool {
        let fields = [
            ("internaldate", old.internaldate != new.internaldate),
            ("sentdate", old.sentdate != new.sentdate),
            ("size", old.size != new.size),
            ("header_size", old.header_size != new.header_size),
            ("gmtime", old.gmtime != new.gmtime),
            ("internalflags", old.internal_flags != new.internal_flags),
            ("userflags", old.user_flags != new.user_flags),
        ];
        let mut differs = false;
        for (field, differ) in fields {
            if differ {
                self.found.push(Found::Mismatch(new.uid, field));
                differs = true;
            }
        }
        differs
    }

    fn wrong_message(&mut self, record: Record) -> Result<()> {
        let uid = record.uid;
        self.found.push(Found::GuidMismatch(uid));
        if !self.mends() {
            return Ok(());
        }
        if !record.is_live() {
            self.found.push(Found::ExpungedUnlinking(uid));
            return self.unlink(record, false);
        }
        match self.plan.guid_mismatch {
            GuidMismatch::Keep => {
                self.found.push(Found::GuidAdvice);
                Ok(())
            }
            GuidMismatch::NewUid => {
                self.found.push(Found::UidUpgrade(uid));
                self.later.push((uid, record.internal_flags.has(InternalFlags::ARCHIVED)));
                self.unlink(record, false)
            }
            GuidMismatch::Unlink => {
                self.found.push(Found::UnlinkRequested(uid));
                self.unlink(record, false)
            }
        }
    }

    fn unlink(&mut self, mut record: Record, repack: bool) -> Result<()> {
        record.internal_flags =
            record.internal_flags.with(InternalFlags::EXPUNGED).with(InternalFlags::UNLINKED);
        self.guard.rewrite(&mut record, Touch::Modseq)?;
        self.guard.want_cleanup(repack);
        Ok(())
    }

    /// Takes in a message file that no record has. C: `mailbox_reconstruct_append()`
    fn take_in(&mut self, uid: Uid, archived: bool) -> Result<()> {
        let location = self.location();
        let path = if archived { location.archive_file(uid) } else { location.spool_file(uid) };
        let store = Arc::clone(self.guard.mailbox().store());
        let size = std::fs::metadata(&path).map_or(0, |found| found.len());
        if size == 0 {
            self.found.push(Found::NotFound(uid));
            if self.mends() {
                store.disk().unlink(&path)?;
            }
            return Ok(());
        }
        let last_uid = self.guard.header().last_uid;
        self.found.push(if uid > last_uid { Found::Adding(uid) } else { Found::Rediscovered(uid) });
        if !self.mends() {
            return Ok(());
        }
        let mut record = Record { uid, ..Record::default() };
        if archived {
            record.internal_flags = InternalFlags::ARCHIVED;
        }
        if uid > last_uid && self.snoozed.contains(&uid) {
            record.internal_flags = record.internal_flags.with(InternalFlags::SNOOZED);
        }
        if uid <= last_uid {
            record.uid = Uid(last_uid.0.checked_add(1).ok_or(Error::Internal("out of uids"))?);
            store.disk().rename(&path, &spool::record_file(&location, &record))?;
        }
        let path = spool::record_file(&location, &record);
        let message = self.guard.mailbox().message(&record)?;
        let parsed = ParsedMessage::parse(&message, store.settings());
        record.internaldate = file_time(&path);
        record.size = parsed.size;
        record.header_size = parsed.header_size;
        record.sentdate = parsed.sentdate;
        record.gmtime = parsed.gmtime;
        record.guid = parsed.guid;
        record.cache_version = parsed.cache_version;
        self.guard.append(&mut record, &parsed.cache, Touch::Modseq)
    }

    /// Annotations of messages that neither a record nor a kept file has.
    fn remove_stale_annotations(&mut self) -> Result<()> {
        let mut stale = Vec::new();
        for uid in self.guard.mailbox().all_annotations()?.into_keys() {
            if !self.known.contains(&uid) {
                self.found.push(Found::StaleAnnotations(uid));
                stale.push(uid);
            }
        }
        if self.mends() { self.guard.mailbox().remove_annotations(&stale) } else { Ok(()) }
    }

    fn compare_counts(&mut self) -> Result<()> {
        let old = self.guard.header().clone();
        self.guard.recalculate(self.plan.mailbox_annotation_octets)?;
        let new = self.guard.header().clone();
        for (what, old, new) in [
            ("quota_mailbox_used", old.quota_mailbox_used, new.quota_mailbox_used),
            ("quota_annot_used", old.quota_annot_used, new.quota_annot_used),
        ] {
            if old != new {
                self.found.push(Found::QuotaCount(what, old, new));
            }
        }
        for (what, old, new) in [
            ("answered", old.answered, new.answered),
            ("flagged", old.flagged, new.flagged),
            ("deleted", old.deleted, new.deleted),
            ("exists", old.exists, new.exists),
            ("sync_crc", old.synccrc_basic, new.synccrc_basic),
            ("sync_crc_annot", old.synccrc_annot, new.synccrc_annot),
        ] {
            if old != new {
                self.found.push(Found::Count(what, u64::from(old), u64::from(new)));
            }
        }
        Ok(())
    }
}

fn file_time(path: &std::path::Path) -> UnixTime {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map_or_else(|_| UnixTime::now(), |found| UnixTime(found.mtime()))
}

/// Whether an index has a header and as many records as that says.
fn index_is_whole(bytes: &[u8], location: &Location) -> bool {
    super::index::IndexHeader::decode(bytes, &location.index, UnixTime(0)).is_ok_and(|header| {
        let records = u64::from(header.num_records).saturating_mul(u64::from(header.record_size));
        bytes.len() as u64 >= u64::from(header.start_offset).saturating_add(records)
    })
}
