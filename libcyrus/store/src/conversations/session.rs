//! The changes of one index-locked session, and mailboxes that come and go.

use super::update::{Intake, Limits};
use super::{Conversations, FREED, Status};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::lock::UserLock;
use crate::mailbox::{Mailbox, Record};
use cyrus_mime::CacheView;
use cyrus_util::ids::ModSeq;
use cyrus_util::mboxname::MboxName;
use std::sync::Arc;

/// How a record of a session was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// As a new message.
    New,
    /// With everything it had elsewhere: replication, archives.
    Silently,
}

impl Conversations {
    /// A record that was not there before; it is given its conversation.
    pub(crate) fn record_added(
        &mut self,
        mailbox: &mut Mailbox,
        new: &mut Record,
        added: Added,
    ) -> Result<()> {
        let intake = if added == Added::New { Intake::Assign } else { Intake::Keep };
        self.change(mailbox, None, Some(new), intake, Limits::Check)
    }

    /// Gives a record that has none its conversation, before it is counted there as a change.
    pub(crate) fn give_conversation(&mut self, mailbox: &mut Mailbox, record: &mut Record) -> Result<()> {
        let cache = mailbox.cache_bytes(record)?.into_owned();
        let cache = CacheView::at(&cache, 0).ok_or(Error::Internal("cache record lost its length"))?;
        let name = mailbox.location().name.clone();
        if let Some(conv) = self.assign(&name, record, &cache, false)? {
            self.save(record.cid, &conv)?;
        }
        Ok(())
    }

    /// A record that changed.
    pub(crate) fn record_changed(
        &mut self,
        mailbox: &mut Mailbox,
        old: &Record,
        new: &mut Record,
    ) -> Result<()> {
        let limits = Limits::Check;
        self.change(mailbox, Some(old), Some(new), Intake::Assign, limits)
    }

    /// All records of a mailbox leave: it goes, or goes where conversations are not kept.
    /// C: `mailbox_delete_conversations()`
    pub(crate) fn mailbox_leaves(&mut self, mailbox: &mut Mailbox, records: &[Record]) -> Result<()> {
        for record in records.iter().filter(|record| record.cid != 0) {
            self.change(mailbox, Some(record), None, Intake::Count, Limits::Ignore)?;
        }
        let key = self.folder_key(mailbox.header(), &mailbox.location().name);
        let Some(at) = self.folders.iter().position(|folder| *folder == key) else { return Ok(()) };
        if let Some(folder) = self.folders.get_mut(at) {
            *folder = FREED.to_vec();
        }
        self.write_folders()?;
        let left = self.status(&key)?;
        if left.threadexists > 0 || left.emailexists > 0 {
            log::error!(
                target: "syslog",
                "IOERROR: conversationsdb corruption {} still had {}/{} messages in folder key on delete",
                String::from_utf8_lossy(&key),
                left.threadexists,
                left.emailexists
            );
        }
        log::info!(target: "syslog", "conversations_rename_folder: deleted {}", String::from_utf8_lossy(&key));
        Ok(())
    }

    /// The modseq of a mailbox, which may have risen without a record. C: `mailbox_update_xconvmodseq()`
    pub(crate) fn raise_mailbox(&mut self, mailbox: &Mailbox, modseq: ModSeq) -> Result<()> {
        let key = self.folder_key(mailbox.header(), &mailbox.location().name);
        let mut status = self.status(&key)?;
        if modseq.0 > status.threadmodseq {
            status.threadmodseq = modseq.0;
            self.set_status(&key, status);
        }
        Ok(())
    }
}

impl Catalog {
    /// Notes a new, empty mailbox. C: `mailbox_add_conversations()`
    pub(crate) fn conversations_of_new(
        self: &Arc<Self>,
        user: &UserLock,
        name: &MboxName,
        mailbox: &Mailbox,
        modseq: ModSeq,
    ) -> Result<()> {
        let kind = super::kind_of(&mailbox.location().mbtype);
        if !self.has_conversations(name, kind) {
            return Ok(());
        }
        let mut open = Conversations::open(self, user, name)?;
        let key = open.folder_key(mailbox.header(), name);
        open.set_status(&key, Status { threadmodseq: modseq.0, ..Status::default() });
        open.commit()
    }
}
