//! What the mailbox itself needs of cyrus.annotations: sizes, checksums, removal with the message.
//!
//! Keys are `<uid> NUL <entry> NUL <userid> NUL`; values carry their length in front and a flags
//! octet at the end (reference/databases.md 4). Setting annotations is `annotate`'s work.

use super::change::StoredAnnotation;
use super::open::Mailbox;
use crate::error::{Error, Result};
use cyrus_db::{Db, Kind, OpenFlags};
use cyrus_util::ids::Uid;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// How the database writes the mailbox owner's userid.
const OWNER: &[u8] = b"[.OwNeR.]";

impl Mailbox {
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
        let failed = |error: cyrus_db::Error| self.annotations_failed(&error);
        let path = &self.location.annotations;
        let db = self.store.dbs().open(path, Kind::Twoskip, &OpenFlags::create()).map_err(failed)?;
        let mut txn = db.begin().map_err(failed)?;
        for (uid, entry, value) in writes {
            let mut key = uid.to_string().into_bytes();
            key.push(0);
            key.extend_from_slice(entry);
            key.extend_from_slice(b"\0\0");
            let mut stored = u32::try_from(value.len()).unwrap_or(0).to_be_bytes().to_vec();
            stored.extend_from_slice(&[0; 4]);
            stored.extend_from_slice(value);
            stored.extend_from_slice(b"\0text/plain\0");
            stored.extend_from_slice(&[0; 16]);
            stored.push(u8::from(value.is_empty()));
            txn.store(&key, &stored).map_err(failed)?;
        }
        txn.commit().map_err(failed)
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
        let opened = self.store.dbs().open(path, Kind::Twoskip, &OpenFlags::default());
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
