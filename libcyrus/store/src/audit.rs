//! The audit log (option `auditlog`): who changed what, line by line.
//!
//! The store does not know sessions; the daemon names the one it serves with
//! [`Catalog::audit_as`], and what is changed from then on is logged in its name.

use crate::catalog::Catalog;
use crate::error::Result;
use crate::mailbox::{IndexGuard, InternalFlags, Mailbox, Record, SystemFlags};
use crate::mboxlist::MbEntry;
use cyrus_base::log::{self, AuditAcl, AuditRecord};
use cyrus_mime::cache::{CacheView, nstring};
use cyrus_util::ids::RecNo;
use cyrus_util::mboxname::MboxName;

/// Envelope item of the message id.
const MESSAGE_ID: usize = 9;

/// One changed record of a session that is being committed.
pub(crate) struct RecordChange {
    /// As it was; none for an append.
    old: Option<Record>,
    new: Record,
    message_id: Option<Vec<u8>>,
}

impl Catalog {
    /// Logs the change of an ACL. C: `mboxlist_update_entry_full()`
    pub(crate) fn audit_acl(&self, old: Option<&MbEntry>, entry: &MbEntry) {
        let Some(session) = self.auditor() else { return };
        let acl_of = |entry: &MbEntry| entry.acl.as_ref().map(|acl| acl.print());
        let (before, now) = (old.and_then(acl_of), acl_of(entry));
        if old.is_some() && before.as_deref().unwrap_or_default() == now.as_deref().unwrap_or_default() {
            return;
        }
        log::audit_acl(&AuditAcl {
            sessionid: &session,
            mailbox: entry.name.as_bytes(),
            uniqueid: &entry.uniqueid.as_deref().unwrap_or_default().escape_ascii().to_string(),
            mbtype: &entry.mbtype.print(),
            oldacl: old.map(|_| before.as_deref().unwrap_or_default()),
            acl: now.as_deref(),
            foldermodseq: entry.foldermodseq.0,
        });
    }
}

impl Mailbox {
    /// The session to log for, and the unique id as text.
    pub(crate) fn audited(&self) -> Option<(String, String)> {
        let session = self.store().catalog()?.auditor()?;
        Some((session, self.location().uniqueid.escape_ascii().to_string()))
    }
}

impl Mailbox {
    /// Logs that the files of an unlinked record, as far as they are there, are removed now. C: `mailbox_cleanup_uid()`
    pub(crate) fn audit_files_going(&self, record: &Record) {
        if !record.internal_flags.has(InternalFlags::UNLINKED) {
            return;
        }
        let Some((session, uniqueid)) = self.audited() else { return };
        let (sysflags, guid) = (codes(record), record.guid.to_string());
        let line = line(self, &session, &uniqueid, record, &sysflags, &guid);
        if self.location().spool_file(record.uid).exists() {
            log::audit_unlink_file("unlink", &line);
        }
        if self.location().has_archive() && self.location().archive_file(record.uid).exists() {
            log::audit_unlink_file("unlinkarchive", &line);
        }
    }

    /// Logs that the modseq rose, where a commit was told to leave that to its caller.
    pub(crate) fn audit_modseq_as(&self, name: &MboxName) {
        if let Some((session, uniqueid)) = self.audited() {
            let header = self.index_header();
            let (highest, deleted) = (header.highestmodseq.0, header.deletedmodseq.0);
            log::audit_modseq(&session, name.as_bytes(), &uniqueid, highest, deleted);
        }
    }
}

impl IndexGuard<'_> {
    /// What there will be to log of `changed`, read while the old records are still in the file.
    pub(crate) fn audit_changes(&mut self, changed: Vec<Record>, stored: u32) -> Result<Vec<RecordChange>> {
        let mut changes = Vec::new();
        for new in changed {
            let path = &self.mailbox().location().index;
            let old = match self.view(RecNo(new.recno.0)) {
                Some(view) if new.recno.0 <= stored => Some(view.read(path)?),
                _ => None,
            };
            let message_id = if old.is_none() { message_id(self.mailbox_mut(), &new) } else { None };
            changes.push(RecordChange { old, new, message_id });
        }
        Ok(changes)
    }
}

/// The message id, with its angle brackets, as the cache has it.
pub(crate) fn message_id(mailbox: &mut Mailbox, record: &Record) -> Option<Vec<u8>> {
    let bytes = mailbox.cache_bytes(record).ok()?;
    let tokens = CacheView::at(&bytes, 0)?.envelope_tokens()?;
    nstring(tokens.get(MESSAGE_ID)?).map(<[u8]>::to_vec)
}

/// Logs written records. C: `_commit_one()`, `mailbox_rewrite_index_record()`
pub(crate) fn tell(mailbox: &Mailbox, session: &str, uniqueid: &str, changes: &[RecordChange]) {
    // C writes `touched` when a record is rewritten and the others when it is written.
    for RecordChange { old, new, .. } in changes {
        let (sysflags, guid) = (codes(new), new.guid.to_string());
        if let Some(old) = old {
            let cid = if new.cid == 0 { "NIL".to_owned() } else { format!("{:016x}", new.cid) };
            log::audit_touched(&line(mailbox, session, uniqueid, new, &sysflags, &guid), &cid, &codes(old));
        }
    }
    for RecordChange { old, new, message_id } in changes {
        let (sysflags, guid) = (codes(new), new.guid.to_string());
        let line = line(mailbox, session, uniqueid, new, &sysflags, &guid);
        if old.is_none() {
            log::audit_append(&line, message_id.as_deref(), new.size);
        }
        let becomes = |flag: InternalFlags| {
            new.internal_flags.has(flag) && !old.as_ref().is_some_and(|old| old.internal_flags.has(flag))
        };
        if becomes(InternalFlags::EXPUNGED) {
            log::audit_expunge(&line, new.size);
        }
        if becomes(InternalFlags::UNLINKED) {
            log::audit_unlink(&line);
        }
    }
}

fn line<'a>(
    mailbox: &'a Mailbox,
    sessionid: &'a str,
    uniqueid: &'a str,
    record: &Record,
    sysflags: &'a str,
    guid: &'a str,
) -> AuditRecord<'a> {
    AuditRecord {
        sessionid,
        mailbox: mailbox.location().name.as_bytes(),
        uniqueid,
        uid: record.uid.0,
        modseq: record.modseq.0,
        sysflags,
        guid,
    }
}

/// The flags as C abbreviates them, joined by `|`.
fn codes(record: &Record) -> String {
    let system = [
        ("AN", SystemFlags::ANSWERED),
        ("FL", SystemFlags::FLAGGED),
        ("DE", SystemFlags::DELETED),
        ("DR", SystemFlags::DRAFT),
        ("SE", SystemFlags::SEEN),
    ];
    let internal = [
        ("SN", InternalFlags::SNOOZED),
        ("SP", InternalFlags::SPLITCONVERSATION),
        ("NC", InternalFlags::NEEDS_CLEANUP),
        ("AR", InternalFlags::ARCHIVED),
        ("UN", InternalFlags::UNLINKED),
        ("EX", InternalFlags::EXPUNGED),
    ];
    let system = system.into_iter().filter(|(_, flag)| record.system_flags.has(*flag)).map(|(code, _)| code);
    let internal =
        internal.into_iter().filter(|(_, flag)| record.internal_flags.has(*flag)).map(|(code, _)| code);
    system.chain(internal).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_abbreviated_in_the_order_of_c() {
        let mut record = Record::default();
        assert_eq!(codes(&record), "");
        record.internal_flags = InternalFlags::EXPUNGED.with(InternalFlags::UNLINKED);
        record.system_flags = SystemFlags::SEEN.with(SystemFlags::DELETED);
        assert_eq!(codes(&record), "DE|SE|UN|EX");
    }
}
