//! Writing the index and caches anew without unlinked records (reference/mailbox-files.md 8.4).
//!
//! The new files are complete and synced under their `.NEW` names before the first rename. Index
//! first, then caches: a crash between leaves an index whose generation the cache lacks, so every
//! cache CRC fails and the messages are parsed until the next append finishes the rename.

use super::cache::CacheWriter;
use super::expunge::{clean_files, needs_cleanup};
use super::index::upgrade::Upgrade;
use super::index::{IndexHeader, InternalFlags, MailboxOptions, Record, SystemFlags, Version};
use super::location::Location;
use super::open::Mailbox;
use crate::append::ParsedMessage;
use crate::counters::Scope;
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock};
use crate::seen::SeenData;
use cyrus_base::log::Priority;
use cyrus_util::ids::{ModSeq, RecNo, Uid, UnixTime};
use cyrus_util::seqset::MergingSet;
use std::path::Path;
use std::sync::Arc;

/// Cache records older than this are made anew when the index becomes version 15 or more.
const CACHE_VERSION_FOR_15: u16 = 9;

impl Mailbox {
    /// Repacks, into `version` or the present one. Needs the exclusive name lock.
    /// C: `mailbox_index_repack()`, `mailbox_setversion()`
    ///
    /// # Errors
    /// `Locked` without the exclusive name lock, `Corrupt`, `Io`.
    pub fn repack(&mut self, user: &UserLock, version: Option<Version>) -> Result<()> {
        if self.name_lock.as_ref().is_none_or(|lock| lock.mode() != Mode::Exclusive) {
            return Err(Error::Locked);
        }
        let store = Arc::clone(&self.store);
        let location = self.location.clone();
        let new_index = Location::new_name(&location.index);
        let new_cache = Location::new_name(&location.cache);
        let new_archive = Location::new_name(&location.archive_cache);
        let result = self.write_repacked(user, version, &new_index, &new_cache, &new_archive);
        let (has_main, has_archive, deletedmodseq) = match result {
            Ok(written) => written,
            Err(error) => {
                for path in [&new_index, &new_cache, &new_archive] {
                    let _ = std::fs::remove_file(path);
                }
                return Err(error);
            }
        };
        let disk = store.disk();
        disk.rename(&new_index, &location.index)?;
        replace_cache(disk, has_main, &new_cache, &location.cache)?;
        if location.has_archive_cache() {
            replace_cache(disk, has_archive, &new_archive, &location.archive_cache)?;
        }
        self.caches.forget();
        if let Some(catalog) = store.catalog().filter(|_| deletedmodseq.0 > 0) {
            let kind = crate::conversations::kind_of(&location.mbtype);
            catalog.keep_modseq(&location.name, deletedmodseq, kind, Scope::ContentDeleted);
        }
        Ok(())
    }

    /// Writes the three `.NEW` files and tells which caches there are.
    fn write_repacked(
        &mut self,
        user: &UserLock,
        version: Option<Version>,
        new_index: &Path,
        new_cache: &Path,
        new_archive: &Path,
    ) -> Result<(bool, bool, ModSeq)> {
        let store = Arc::clone(&self.store);
        let disk = store.disk();
        let mut guard = self.lock_index(user, Mode::Exclusive)?;
        let old_version = guard.header().version;
        let version = version.unwrap_or(old_version);
        if version != old_version {
            guard.recalculate(None)?;
        }
        let expected = (guard.header().synccrc_basic, guard.header().synccrc_annot);
        let mut upgrade = Upgrade::plan(old_version, version);
        let annotations = if upgrade.is_needed() {
            guard.mailbox().all_annotations()?
        } else {
            std::collections::BTreeMap::new()
        };

        cyrus_base::log::write(
            Priority::Info,
            format_args!("Repacking mailbox {} version {}", guard.mailbox().location().name, version.minor()),
        );
        let layout = version.layout();
        let mut header = guard.header().clone();
        header.version = version;
        header.generation_no = header.generation_no.wrapping_add(1);
        header.start_offset = u32::try_from(layout.header_size).unwrap_or(u32::MAX);
        header.record_size = u32::try_from(layout.record_size).unwrap_or(u32::MAX);
        header.num_records = 0;
        header.leaked_cache_records = 0;
        header.options.set(MailboxOptions::NEEDS_REPACK, false);
        header.options.set(MailboxOptions::NEEDS_UNLINK, false);

        let mut seen = SeenMove::plan(guard.mailbox(), &upgrade)?;
        if let Some(seen) = seen.as_ref().filter(|seen| seen.rises) {
            header.recentuid = seen.data.lastuid;
            header.recenttime = UnixTime(seen.data.lastchange);
        }

        let index = disk.create(new_index)?;
        let mut main: Option<CacheWriter> = None;
        let mut archive: Option<CacheWriter> = None;
        let mut body: Vec<u8> = Vec::new();
        let mut written = u64::from(header.start_offset);
        let mut gone: Vec<Uid> = Vec::new();
        for recno in 1..=guard.num_records() {
            let mut record = guard.record(RecNo(recno))?;
            if needs_cleanup(&record) {
                guard.mailbox().audit_files_going(&record);
                clean_files(disk, guard.mailbox().location(), &record)?;
                record.internal_flags = record.internal_flags.without(InternalFlags::NEEDS_CLEANUP);
            }
            if record.internal_flags.has(InternalFlags::UNLINKED) {
                gone.push(record.uid);
                if record.modseq > header.deletedmodseq {
                    header.deletedmodseq = record.modseq;
                    header.changes_epoch = record.last_updated;
                }
                continue;
            }
            let of_message = annotations.get(&record.uid).map(Vec::as_slice).unwrap_or_default();
            upgrade.apply(&mut record, of_message);
            if let Some(seen) = &mut seen {
                seen.apply(&mut record);
            } else if upgrade.rises_over(12) || upgrade.falls_below(12) {
                record.system_flags = record.system_flags.without(SystemFlags::SEEN);
            }
            let stale = (version.minor() >= 15 && record.cache_version < CACHE_VERSION_FOR_15)
                // Without a checksum nobody knows whether the cache is right.
                || old_version.minor() < 12;
            let cache = if !stale {
                guard.mailbox_mut().cache_bytes(&record)?.into_owned()
            } else if let Ok(message) = guard.mailbox().message(&record) {
                let parsed = ParsedMessage::parse(&message, store.settings());
                record.gmtime = if parsed.gmtime.0 == 0 { record.internaldate } else { parsed.gmtime };
                record.sentdate = parsed.sentdate;
                record.header_size = parsed.header_size;
                record.cache_version = parsed.cache_version;
                if record.guid.is_null() {
                    record.guid = parsed.guid;
                }
                parsed.cache
            } else {
                log::error!(
                    target: "syslog",
                    "IOERROR: FATAL - failed to parse file, expunging: mailbox=<{}> record=<{}>",
                    guard.mailbox().location().name,
                    record.uid
                );
                record.internal_flags =
                    record.internal_flags.with(InternalFlags::EXPUNGED).with(InternalFlags::UNLINKED);
                Vec::new()
            };
            let archived = record.internal_flags.has(InternalFlags::ARCHIVED)
                && guard.mailbox().location().has_archive_cache();
            let (slot, path) = if archived { (&mut archive, new_archive) } else { (&mut main, new_cache) };
            let writer = match slot {
                Some(writer) => writer,
                None => slot.insert(CacheWriter::create(disk, path.to_path_buf(), header.generation_no)?),
            };
            if cache.is_empty() {
                (record.cache_offset, record.cache_crc) = (0, 0);
            } else {
                record.cache_offset = writer.append(disk, &cache)?;
                record.cache_crc = crc32fast::hash(&cache);
            }
            let at = body.len();
            body.resize(at + layout.record_size, 0);
            record.encode_into(version, body.get_mut(at..).unwrap_or_default());
            header.num_records += 1;
            if body.len() >= 1 << 20 {
                disk.write_at(&index, new_index, written, &body)?;
                written += body.len() as u64;
                body.clear();
            }
            if version != old_version {
                upgrade.count(&record, guard.mailbox(), of_message);
            }
        }
        if !body.is_empty() {
            disk.write_at(&index, new_index, written, &body)?;
        }
        if version != old_version {
            let (basic, annot) = upgrade.finish(&mut header);
            if old_version.minor() >= 12 && version.minor() >= 12 && (basic, annot) != expected {
                return Err(Error::corrupt(new_index, 0, "CRC mismatch on repack commit"));
            }
        }
        if header.highestmodseq.0 == 0 {
            header.highestmodseq = ModSeq(1);
        }
        header.last_repack_time = UnixTime::now();
        disk.write_at(&index, new_index, 0, &header.encode())?;
        disk.sync(&index, new_index)?;
        for writer in [&mut main, &mut archive].into_iter().flatten() {
            writer.commit(disk)?;
        }
        if let Some(seen) = seen.filter(|seen| !seen.rises) {
            seen.store(guard.mailbox(), &header)?;
        }
        guard.mailbox().remove_annotations(&gone)?;
        upgrade.write_annotations(guard.mailbox())?;
        guard.abort();
        Ok((main.is_some(), archive.is_some(), header.deletedmodseq))
    }
}

fn replace_cache(disk: &super::disk::Disk, made: bool, new: &Path, path: &Path) -> Result<()> {
    if made { disk.rename(new, path) } else { disk.unlink(path).map(|_| ()) }
}

/// \Seen of the owner, or with SHAREDSEEN of all, on its way between the seen database and the
/// index, which keeps it from version 12 on.
struct SeenMove {
    userid: Vec<u8>,
    data: SeenData,
    /// The UIDs that leave the index.
    uids: MergingSet,
    /// From the database into the index.
    rises: bool,
}

impl SeenMove {
    /// What is to be moved; nothing when 12 is not crossed, or when nobody's state is in the index.
    fn plan(mailbox: &Mailbox, upgrade: &Upgrade) -> Result<Option<Self>> {
        let rises = upgrade.rises_over(12);
        if !rises && !upgrade.falls_below(12) {
            return Ok(None);
        }
        let shared = mailbox.index_header().options.has(MailboxOptions::SHARED_SEEN);
        let userid = if shared { Some(b"anyone".to_vec()) } else { mailbox.location().owner.clone() };
        let (Some(userid), Some(catalog)) = (userid, mailbox.store().catalog()) else { return Ok(None) };
        let data =
            if rises { catalog.read_seen(&userid, &mailbox.header().uniqueid)? } else { SeenData::default() };
        Ok(Some(Self { userid, data, uids: MergingSet::default(), rises }))
    }

    fn apply(&mut self, record: &mut Record) {
        let was_seen = record.system_flags.has(SystemFlags::SEEN);
        record.system_flags = record.system_flags.without(SystemFlags::SEEN);
        if !self.rises {
            self.uids.add(record.uid.0, was_seen);
        } else if self.data.seenuids.contains(record.uid.0) {
            record.system_flags = record.system_flags.with(SystemFlags::SEEN);
        }
    }

    /// Writes the state that is not in the index any more.
    fn store(self, mailbox: &Mailbox, header: &IndexHeader) -> Result<()> {
        let Some(catalog) = mailbox.store().catalog() else { return Ok(()) };
        let uniqueid = mailbox.header().uniqueid.clone();
        catalog.update_seen(&self.userid, &uniqueid, |data| {
            data.lastuid = header.last_uid;
            data.seenuids = self.uids.finish();
            data.lastread = UnixTime::now().0;
            data.lastchange = header.last_appenddate.0;
        })
    }
}
