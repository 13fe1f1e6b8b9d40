//! Conversations that grew too long go on in a new one (`conversations_max_thread`).
//!
//! The message ids keep pointing at the first conversation. Which one goes on now is said by the
//! annotation `newcid/<first>` of the mailbox `#splitconversations` of the user; each message of a
//! later one has the flag `SPLITCONVERSATION` and the first one in its annotation `basethrid`.

use super::Conversations;
use crate::annotate::Scope;
use crate::catalog::Catalog;
use crate::context::Store;
use crate::error::{Error, Result};
use crate::lock::{Mode, UserLock, Wait};
use crate::mailbox::{Mailbox, Touch};
use crate::mboxlist::{Actor, MbEntry, MbKind, MbType, NewMailbox};
use cyrus_auth::Granted;
use cyrus_util::ids::Uid;
use cyrus_util::mboxname::{MboxName, Parts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The mailbox whose annotations tell where conversations go on.
const MAILBOX: &[u8] = b"#splitconversations";

/// Entry of a message that names the conversation its own one was split from.
pub(crate) const BASE_ENTRY: &[u8] = b"/vendor/cmu/cyrus-imapd/basethrid";

/// What one session split.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    /// For a first conversation the one in which it goes on now.
    pub(crate) continuations: BTreeMap<u64, u64>,
    /// For a message the first conversation.
    pub(crate) bases: BTreeMap<Uid, u64>,
}

fn mailbox_name(catalog: &Catalog, owner: &[u8]) -> MboxName {
    let mut parts = Parts::from_userid(owner, catalog.rules());
    parts.boxes.push(MAILBOX.to_vec());
    parts.to_name(catalog.rules())
}

fn entry_of(base: u64) -> Vec<u8> {
    format!("/vendor/cmu/cyrus-imapd/newcid/{base:016x}").into_bytes()
}

/// The text of a conversation in an annotation.
pub(crate) fn hex(cid: u64) -> Vec<u8> {
    format!("{cid:016x}").into_bytes()
}

impl Conversations {
    /// The conversation in which `base` goes on, if it was split.
    pub(super) fn continuation(&self, base: u64) -> Result<Option<u64>> {
        if let Some(&cid) = self.splits.continuations.get(&base) {
            return Ok(Some(cid));
        }
        let entry = match self.catalog.lookup(&mailbox_name(&self.catalog, &self.owner)) {
            Ok(entry) => entry,
            Err(Error::NotFound | Error::Reserved) => return Ok(None),
            Err(error) => return Err(error),
        };
        let value = self.catalog.annotation(Scope::Mailbox(&entry), &entry_of(base), b"")?;
        let text = value.as_deref().filter(|value| value.len() == 16);
        let text = text.and_then(|value| std::str::from_utf8(value).ok());
        Ok(text.and_then(|text| u64::from_str_radix(text, 16).ok()))
    }

    /// What this session split, for the mailbox and for [`note_splits`].
    pub(crate) fn take_splits(&mut self) -> Splits {
        std::mem::take(&mut self.splits)
    }

    /// Whose conversations these are.
    pub(crate) fn owner(&self) -> &[u8] {
        &self.owner
    }
}

/// Writes down where conversations go on. A crash before it only makes the next message split once
/// more. `held` is the mailbox whose index lock the caller has.
pub(crate) fn note_splits(
    store: &Arc<Store>,
    user: &UserLock,
    owner: &[u8],
    held: &MboxName,
    continuations: &BTreeMap<u64, u64>,
) -> Result<()> {
    let Some(catalog) = store.catalog().filter(|_| !continuations.is_empty()) else { return Ok(()) };
    let name = mailbox_name(catalog, owner);
    let entry = match catalog.lookup(&name) {
        Ok(entry) => entry,
        Err(Error::NotFound) => {
            let mbtype = MbType::of(MbKind::Collection);
            let new = NewMailbox { mbtype, ..NewMailbox::named(name.clone()) };
            let actor = Actor::Tool(Granted::admin("splitconversations"));
            catalog.create_mailbox(store, user, &actor, &new)?
        }
        Err(error) => return Err(error),
    };
    if name == *held {
        return write(catalog, &entry, continuations);
    }
    let mut mailbox = Mailbox::open_entry(store, user, &entry, Mode::Shared, Wait::Block)?;
    let mut index = mailbox.lock_index(user, Mode::Exclusive)?;
    for (&base, &cid) in continuations {
        let key = entry_of(base);
        let old = catalog.annotation(Scope::Mailbox(&entry), &key, b"")?.unwrap_or_default();
        let new = hex(cid);
        if old != new {
            index.annotation_changed(None, &key, b"", &old, &new, Touch::Modseq)?;
        }
    }
    write(catalog, &entry, continuations)?;
    let changed = index.commit()?;
    catalog.update_entry(user, &MbEntry { foldermodseq: changed.highestmodseq, ..entry })
}

fn write(catalog: &Catalog, entry: &MbEntry, continuations: &BTreeMap<u64, u64>) -> Result<()> {
    for (&base, &cid) in continuations {
        catalog.set_annotation(Scope::Mailbox(entry), &entry_of(base), b"", Some(&hex(cid)))?;
    }
    Ok(())
}
