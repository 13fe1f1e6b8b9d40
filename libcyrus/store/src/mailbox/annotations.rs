//! What the mailbox itself needs of cyrus.annotations: sizes, checksums, removal with the message.
//!
//! Keys are `<uid> NUL <entry> NUL <userid> NUL`; values carry their length in front and a flags
//! octet at the end (reference/databases.md 4). What is set under the index lock is written in one
//! transaction, before the index (C: `mailbox_commit()`).

use super::change::{QuotaUse, StoredAnnotation, Touch};
use super::guard::IndexGuard;
use super::open::Mailbox;
use crate::annotate::definitions::CYRUS_PREFIX;
use crate::annotate::{Annotation, Key, OWNER};
use crate::error::{Error, Result};
use cyrus_base::config::Opt;
use cyrus_db::{Db, Kind, OpenFlags};
use cyrus_util::ids::Uid;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// How an annotation of a message is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnotationWrite {
    /// The user has the right to; asked only when the value changes.
    pub is_permitted: bool,
    /// Whether the quota root must have room.
    pub asks_quota: bool,
    /// Whether the mailbox gets a new modseq, which becomes that of the annotation.
    pub touch: Touch,
}

/// A value to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAnnotation {
    /// The entry.
    pub entry: Vec<u8>,
    /// Whose, the real userid; empty for the shared value.
    pub userid: Vec<u8>,
    /// The value; empty to take it away.
    pub value: Vec<u8>,
    /// How it is set.
    pub how: AnnotationWrite,
}

/// Annotations that wait for the commit, by message, entry and real userid.
pub(super) type PendingAnnotations = BTreeMap<(Uid, Vec<u8>, Vec<u8>), Annotation>;

impl IndexGuard<'_> {
    /// Sets an annotation of a message; an empty value takes it away and leaves a tombstone.
    /// `userid` is the real one, empty for the shared value. C: `write_entry()`
    ///
    /// # Errors
    /// `PermissionDenied`, `OverQuota`, `ReadOnly`, and what reading the database gives.
    pub fn set_annotation(
        &mut self,
        uid: Uid,
        entry: &[u8],
        userid: &[u8],
        value: &[u8],
        how: AnnotationWrite,
    ) -> Result<()> {
        self.check_writable()?;
        let place = (uid, entry.to_vec(), userid.to_vec());
        let old = match self.changes.pending_annotations.get(&place) {
            Some(pending) => pending.value.clone(),
            None => self.mailbox.annotation(uid, entry, userid)?.unwrap_or_default(),
        };
        if old == value {
            return Ok(());
        }
        if !how.is_permitted {
            return Err(Error::PermissionDenied);
        }
        if how.asks_quota
            && let Some(root) = &self.mailbox_header().quotaroot
        {
            let octets = |value: &[u8]| i64::try_from(value.len()).unwrap_or(i64::MAX);
            let wanted = QuotaUse {
                annotation_octets: octets(value).saturating_sub(octets(&old)),
                ..QuotaUse::default()
            };
            self.mailbox.store().check_quota(root, wanted)?;
        }
        self.annotation_changed(Some(uid), entry, userid, &old, value, how.touch)?;
        let modseq = self.header().highestmodseq.0;
        let new = match value {
            b"" => Annotation::tombstone(modseq),
            _ => Annotation::new(value, modseq),
        };
        self.changes.pending_annotations.insert(place, new);
        Ok(())
    }

    /// Sets several of one message.
    ///
    /// # Errors
    /// As [`IndexGuard::set_annotation`].
    pub fn set_annotations(&mut self, uid: Uid, annotations: &[NewAnnotation]) -> Result<()> {
        annotations
            .iter()
            .try_for_each(|each| self.set_annotation(uid, &each.entry, &each.userid, &each.value, each.how))
    }

    /// Gives a message the annotations of another one. What belongs to one copy only stays behind.
    /// C: `annotate_msg_copy()`
    ///
    /// # Errors
    /// As [`IndexGuard::set_annotation`].
    pub fn take_annotations(&mut self, found: &[StoredAnnotation], to: Uid) -> Result<()> {
        let how = AnnotationWrite { is_permitted: true, asks_quota: true, touch: Touch::Modseq };
        for each in found {
            let bound = each.entry.strip_prefix(CYRUS_PREFIX);
            if each.value.is_empty() || matches!(bound, Some(b"snoozed" | b"displayname")) {
                continue;
            }
            self.set_annotation(to, &each.entry, &each.userid, &each.value, how)?;
        }
        Ok(())
    }

    /// Writes what was set, in one transaction.
    pub(super) fn commit_annotations(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.changes.pending_annotations);
        self.mailbox.store_annotations(&pending)
    }
}

impl Mailbox {
    /// A value of a message; `userid` is the real one, empty for the shared value.
    ///
    /// # Errors
    /// `Io`.
    pub fn annotation(&self, uid: Uid, entry: &[u8], userid: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(db) = self.annotations_db()? else { return Ok(None) };
        let data = db.fetch(&self.annotation_key(uid, entry, userid));
        let found = data.map_err(|error| self.annotations_failed(&error))?;
        let found = found.and_then(|data| Annotation::parse(&data)).filter(|found| !found.is_deleted);
        Ok(found.map(|found| found.value))
    }

    /// The annotations of one message, in the order of the database.
    ///
    /// # Errors
    /// `Io`.
    pub fn annotations_of(&self, uid: Uid) -> Result<Vec<StoredAnnotation>> {
        let mut found = Vec::new();
        let Some(db) = self.annotations_db()? else { return Ok(found) };
        let owner = self.location.owner.as_deref().unwrap_or_default();
        let walked = db.foreach(format!("{uid}\0").as_bytes(), |key: &[u8], value: &[u8]| {
            found.extend(decode(key, value, owner).map(|(_, annotation)| annotation));
            ControlFlow::Continue(())
        });
        walked.map_err(|error| self.annotations_failed(&error))?;
        Ok(found)
    }

    fn annotation_key(&self, uid: Uid, entry: &[u8], userid: &[u8]) -> Vec<u8> {
        let is_owner = !userid.is_empty() && self.location.owner.as_deref() == Some(userid);
        let userid = if is_owner { OWNER } else { userid };
        Key { scope: uid.to_string().as_bytes(), entry, userid }.print()
    }

    fn store_annotations(&self, pending: &PendingAnnotations) -> Result<()> {
        if pending.is_empty() {
            return Ok(());
        }
        let failed = |error: cyrus_db::Error| self.annotations_failed(&error);
        let path = &self.location.annotations;
        let opened = self.store.dbs().open(path, self.annotations_kind(), &OpenFlags::create());
        let db = opened.map_err(failed)?;
        let mut txn = db.begin().map_err(failed)?;
        for ((uid, entry, userid), annotation) in pending {
            let key = self.annotation_key(*uid, entry, userid);
            txn.store(&key, &annotation.print()).map_err(failed)?;
        }
        txn.commit().map_err(failed)
    }

    fn annotations_kind(&self) -> Kind {
        let kind = self.store.catalog().map(|catalog| catalog.config().choice(Opt::AnnotationDb));
        kind.and_then(Kind::from_name).unwrap_or(Kind::Twoskip)
    }

    /// All message annotations by UID.
    pub(super) fn all_annotations(&self) -> Result<BTreeMap<Uid, Vec<StoredAnnotation>>> {
        let mut found: BTreeMap<Uid, Vec<StoredAnnotation>> = BTreeMap::new();
        let Some(db) = self.annotations_db()? else { return Ok(found) };
        let owner = self.location.owner.as_deref().unwrap_or_default();
        let walked = db.foreach(b"", |key: &[u8], value: &[u8]| {
            if let Some((uid, annotation)) = decode(key, value, owner) {
                found.entry(uid).or_default().push(annotation);
            }
            ControlFlow::Continue(())
        });
        walked.map_err(|error| self.annotations_failed(&error))?;
        Ok(found)
    }

    /// Removes the annotations of messages, tombstones too. C: `annotate_msg_cleanup()`
    pub(super) fn remove_annotations(&self, uids: &[Uid]) -> Result<()> {
        if uids.is_empty() {
            return Ok(());
        }
        let Some(db) = self.annotations_db()? else { return Ok(()) };
        let failed = |error: cyrus_db::Error| self.annotations_failed(&error);
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for uid in uids {
            let walked = db.foreach(format!("{uid}\0").as_bytes(), |key: &[u8], _: &[u8]| {
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            });
            walked.map_err(failed)?;
        }
        if keys.is_empty() {
            return Ok(());
        }
        let mut txn = db.begin().map_err(failed)?;
        for key in &keys {
            txn.delete(key).map_err(failed)?;
        }
        txn.commit().map_err(failed)
    }

    /// Writes shared annotations as they are, without counting them; empty values become
    /// tombstones.
    pub(super) fn write_annotations(&self, writes: &[(Uid, &'static [u8], Vec<u8>)]) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        let stored = writes.iter().map(|(uid, entry, value)| {
            let annotation = Annotation { is_deleted: value.is_empty(), ..Annotation::new(value, 0) };
            ((*uid, entry.to_vec(), Vec::new()), annotation)
        });
        self.store_annotations(&stored.collect())
    }

    /// CRC of each keyword by slot.
    pub(super) fn flag_crcs(&self) -> &[u32] {
        &self.flag_crcs
    }

    fn annotations_db(&self) -> Result<Option<Db>> {
        let path = &self.location.annotations;
        if !path.exists() {
            return Ok(None);
        }
        let opened = self.store.dbs().open(path, self.annotations_kind(), &OpenFlags::default());
        opened.map(Some).map_err(|error| self.annotations_failed(&error))
    }

    fn annotations_failed(&self, error: &cyrus_db::Error) -> Error {
        Error::io("annotations", &self.location.annotations, std::io::Error::other(error.to_string()))
    }
}

fn decode(key: &[u8], value: &[u8], owner: &[u8]) -> Option<(Uid, StoredAnnotation)> {
    let mut parts = key.split(|&byte| byte == 0);
    let uid = std::str::from_utf8(parts.next()?).ok()?;
    let uid = if uid.is_empty() { 0 } else { uid.parse().ok()? };
    let entry = parts.next()?.to_vec();
    let userid = parts.next()?;
    let userid = if userid == OWNER { owner } else { userid };
    let length = usize::try_from(super::index::u32_at(value, 0)?).ok()?;
    let text = value.get(8..)?.get(..length)?;
    if value.last()? & 1 == 1 {
        return None;
    }
    Some((Uid(uid), StoredAnnotation { entry, userid: userid.to_vec(), value: text.to_vec() }))
}
