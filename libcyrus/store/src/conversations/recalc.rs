//! Counting anew: everything but message ids, subjects and modseqs is made from the mailboxes
//! again; and comparing the result with what was there.

use super::record::{Conversation, Seen};
use super::update::{Intake, Limits};
use super::{Conversations, Status, guid};
use crate::error::Result;
use crate::mailbox::{IndexGuard, InternalFlags, Touch};
use cyrus_util::ids::RecNo;
use std::collections::BTreeMap;

/// Whether messages may get another conversation while they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recount {
    /// They keep the one they have.
    Keep,
    /// One whose content is in another conversation already goes there, with a new modseq.
    Join,
}

/// A record that is not the same in both databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its key.
    pub key: Vec<u8>,
    /// The value in the first one, if it is there.
    pub real: Option<Vec<u8>>,
    /// The value in the second one, if it is there.
    pub recounted: Option<Vec<u8>>,
}

impl Conversations {
    /// Whether this is an older database in which names stand for the folders.
    #[must_use]
    pub fn goes_by_name(&self) -> bool {
        self.by_name
    }

    /// Sets all counts to nothing. With `wipe` everything goes, and folders are known by id from
    /// then on. C: `conversations_zero_counts()`
    ///
    /// # Errors
    /// `Io`.
    pub fn zero_counts(&mut self, wipe: bool) -> Result<()> {
        if wipe {
            for (key, _) in self.all(b"")? {
                self.delete(&key)?;
            }
            self.by_name = false;
            self.folders.clear();
            self.statuses.clear();
            self.find_trash()?;
        } else {
            for (key, value) in self.all(b"B")? {
                let Some(mut conv) = Conversation::parse(&value, self.utf8) else {
                    self.delete(&key)?;
                    continue;
                };
                conv.forget_counts();
                let data = conv.print(self.counted_flags.len());
                self.store(&key, &data)?;
            }
            for (key, value) in self.all(b"F")? {
                match Status::parse(&value) {
                    Some(status) => {
                        let empty = Status { threadmodseq: status.threadmodseq, ..Status::default() };
                        self.store(&key, &empty.print())?;
                    }
                    None => self.delete(&key)?,
                }
            }
            for prefix in [b"G", b"Q"] {
                for (key, _) in self.all(prefix)? {
                    self.delete(&key)?;
                }
            }
        }
        self.used = None;
        self.reset_counted_flags()
    }

    /// Counts the messages of a mailbox that have a conversation. Another process reads the same:
    /// nothing of the mailbox changes with [`Recount::Keep`]. C: `mailbox_add_conversations()`
    ///
    /// # Errors
    /// `Io`, `Corrupt`; `ReadOnly` when a message changes under a shared lock.
    pub fn recount(&mut self, index: &mut IndexGuard<'_>, how: Recount) -> Result<()> {
        let highest = index.header().highestmodseq;
        let key = {
            let mailbox = index.mailbox();
            self.folder_key(mailbox.header(), &mailbox.location().name)
        };
        self.set_status(&key, Status { threadmodseq: highest.0, ..Status::default() });
        let intake = if how == Recount::Keep { Intake::Keep } else { Intake::Assign };
        for recno in 1..=index.num_records() {
            let record = index.record(RecNo(recno))?;
            if record.cid == 0 || record.internal_flags.has(InternalFlags::UNLINKED) {
                continue;
            }
            let mut counted = record.clone();
            self.change(index.mailbox_mut(), None, Some(&mut counted), intake, Limits::Ignore)?;
            if counted.cid != record.cid {
                let before = counted.clone();
                index.rewrite(&mut counted, Touch::Modseq)?;
                self.change(
                    index.mailbox_mut(),
                    Some(&before),
                    Some(&mut counted),
                    Intake::Count,
                    Limits::Ignore,
                )?;
            }
        }
        Ok(())
    }

    /// Removes conversations without messages. C: `conversations_cleanup_zero()`
    ///
    /// # Errors
    /// `Io`.
    pub fn remove_empty(&mut self) -> Result<()> {
        for (key, value) in self.all(b"B")? {
            if Conversation::parse(&value, self.utf8).is_some_and(|conv| conv.num_records == 0) {
                self.delete(&key)?;
            }
        }
        Ok(())
    }

    /// What differs from a database that was counted anew. Subjects are not counted; modseqs may be higher here, because
    /// messages are gone that had them, and senders may have been seen later. What the order of the
    /// changes decided is no difference: how a sender is spelled, which copy's date a message has,
    /// and how many messages of a folder are unseen, which is not always written.
    /// C: `fix_modseqs()`, `diff_records()`
    ///
    /// # Errors
    /// `Io`.
    pub fn differences(&mut self, recounted: &mut Self) -> Result<Vec<Difference>> {
        let real: BTreeMap<_, _> = self.all(b"")?.into_iter().collect();
        let mut other: BTreeMap<_, _> = recounted.all(b"")?.into_iter().collect();
        for (key, value) in &real {
            match key.first() {
                Some(b'F') => {
                    let Some(status) = Status::parse(value) else { continue };
                    match other.get_mut(key) {
                        None if status.threadexists == 0 => drop(other.insert(key.clone(), status.print())),
                        None => {}
                        Some(theirs) => {
                            if let Some(mut new) = Status::parse(theirs) {
                                new.threadmodseq = new.threadmodseq.max(status.threadmodseq);
                                // Not written down when nothing else changes, so it drifts.
                                new.emailunseen = status.emailunseen;
                                *theirs = new.print();
                            }
                        }
                    }
                }
                Some(b'B') => {
                    let Some(theirs) = other.get_mut(key) else { continue };
                    let parsed = Conversation::parse(value, self.utf8);
                    let counted = Conversation::parse(theirs, self.utf8);
                    if let (Some(conv), Some(mut new)) = (parsed, counted) {
                        new.take_memories_of(&conv, self.utf8);
                        *theirs = new.print(self.counted_flags.len());
                    }
                }
                _ => {}
            }
        }
        // Message ids and subjects are not counted.
        let same = |ours: &[u8], theirs: &[u8]| ours == theirs || guid::is_same_place(ours, theirs);
        let is_counted = |key: &[u8]| !matches!(key.first(), Some(b'<' | b'S'));
        let keys: std::collections::BTreeSet<&Vec<u8>> =
            real.keys().chain(other.keys()).filter(|key| is_counted(key)).collect();
        let mut found = Vec::new();
        for key in keys {
            let (ours, theirs) = (real.get(key), other.get(key));
            let is_place = key.first() == Some(&b'G');
            let differs = match (ours, theirs) {
                (Some(ours), Some(theirs)) if is_place => !same(ours, theirs),
                (ours, theirs) => ours != theirs,
            };
            if differs {
                let (real, recounted) = (ours.cloned(), theirs.cloned());
                found.push(Difference { key: key.clone(), real, recounted });
            }
        }
        Ok(found)
    }
}

impl Conversation {
    /// Leaves modseqs and subject only.
    fn forget_counts(&mut self) {
        self.version = super::record::VERSION;
        self.num_records = 0;
        self.exists = 0;
        self.unseen = 0;
        self.size = 0;
        self.counts.clear();
        self.folders.clear();
        self.senders.clear();
        self.messages.clear();
    }

    /// Takes over what cannot be counted from the messages that are left.
    fn take_memories_of(&mut self, old: &Self, utf8: bool) {
        self.modseq = self.modseq.max(old.modseq);
        self.subject.clone_from(&old.subject);
        for folder in &old.folders {
            let mine = self.folder(folder.number);
            mine.modseq = mine.modseq.max(folder.modseq);
        }
        for sender in &old.senders {
            let seen = Seen {
                name: sender.name.as_deref(),
                route: sender.route.as_deref(),
                mailbox: &sender.mailbox,
                domain: &sender.domain,
            };
            self.update_sender(&seen, sender.lastseen, 0, utf8);
        }
        let counts = |conv: &Self| {
            let mut counts: Vec<_> = conv
                .senders
                .iter()
                .filter(|sender| sender.exists > 0)
                .map(|sender| {
                    let (domain, mailbox) = (&sender.domain, &sender.mailbox);
                    (domain.to_ascii_lowercase(), mailbox.to_ascii_lowercase(), sender.exists)
                })
                .collect();
            counts.sort();
            counts
        };
        if counts(self) == counts(old) {
            self.senders.clone_from(&old.senders);
        }
        // Copies have dates of their own, and the last one that changed decides.
        for message in &old.messages {
            if let Some(mine) = self.messages.iter_mut().find(|mine| mine.guid == message.guid) {
                mine.internaldate = message.internaldate;
            }
        }
        self.sort_messages();
    }
}
