//! Parameters from mailboxes, records, quotas and sessions.

use super::{Event, EventKind, Param, Value};
use crate::audit::message_id;
use crate::catalog::Catalog;
use crate::counters::Counters;
use crate::error::Resource;
use crate::mailbox::{IndexHeader, Location, Mailbox, MailboxHeader, Record, SystemFlags};
use crate::mboxlist::MbEntry;
use crate::quota::{Limit, Quota};
use cyrus_mime::cache::{CacheView, Item};
use cyrus_util::ids::{Uid, UidValidity};
use cyrus_util::mboxname::MboxName;
use std::net::SocketAddr;

/// The mailbox of an event, as it is once the change is written.
pub(crate) struct Place<'a> {
    pub(crate) location: &'a Location,
    pub(crate) header: &'a MailboxHeader,
    pub(crate) index: &'a IndexHeader,
    /// The owner's counters, where they are not to be read now.
    pub(crate) counters: Option<&'a Counters>,
}

impl<'a> Place<'a> {
    /// A mailbox as it was last read.
    pub(crate) fn of(mailbox: &'a Mailbox) -> Self {
        Self {
            location: mailbox.location(),
            header: mailbox.header(),
            index: mailbox.index_header(),
            counters: None,
        }
    }
}

impl Event {
    /// Adds a message: its UID, Message-ID and MODSEQ, and for an event of its own what else is
    /// wanted. C: `mboxevent_extract_record()`
    pub fn add_record(&mut self, mailbox: &mut Mailbox, record: &Record) {
        if self.wants(Param::Modseq) {
            // MODSEQ is for events of one message; C looks before it adds the next one.
            if self.uids.first() == self.uids.last() {
                self.set_number(Param::Modseq, record.modseq.0);
            } else {
                self.params.remove(&Param::Modseq);
            }
        }
        self.uids.push(record.uid.0);
        if self.wants(Param::MidSet) {
            let id = message_id(mailbox, record).unwrap_or_else(|| b"NIL".to_vec());
            if !self.message_ids.contains(&id) {
                self.message_ids.push(id);
            }
        }
        if !self.kind.is_new_message() {
            return;
        }
        if self.wants(Param::MessageSize) {
            self.set_number(Param::MessageSize, u64::from(record.size));
        }
        if self.wants(Param::Cid) {
            self.set_text(Param::Cid, cid(record.cid));
        }
        if self.wants(Param::EmailId) {
            let guid = record.guid.to_string();
            self.set_text(Param::EmailId, format!("M{}", guid.get(..24).unwrap_or(&guid)));
        }
        if self.wants(Param::ThreadId) {
            let text = if record.cid == 0 { "NIL".to_owned() } else { format!("T{}", cid(record.cid)) };
            self.set_text(Param::ThreadId, text);
        }
        if (self.wants(Param::Envelope) || self.wants(Param::BodyStructure))
            && let Ok(bytes) = mailbox.cache_bytes(record)
            && let Some(cache) = CacheView::at(&bytes, 0)
        {
            for (param, item) in
                [(Param::Envelope, Item::Envelope), (Param::BodyStructure, Item::BodyStructure)]
            {
                if self.wants(param) {
                    self.set_text(param, cache.item(item));
                }
            }
        }
    }

    /// Adds the UID that a copied message has in the mailbox it comes from.
    /// C: `mboxevent_extract_copied_record()`
    pub fn add_copied(&mut self, catalog: &Catalog, source: &Mailbox, uid: Uid) {
        if self.old_uids.is_empty() {
            self.set_old_mailbox(catalog, &source.location().name, source.index_header().uidvalidity);
        }
        self.old_uids.push(uid.0);
    }

    /// Gives the URL of the mailbox that messages came from, or of the name before a rename.
    /// C: `mboxevent_extract_old_mailbox()`
    pub fn set_old_mailbox(&mut self, catalog: &Catalog, name: &MboxName, uidvalidity: UidValidity) {
        let url = catalog.event_url(Some(name), Some(uidvalidity), None);
        self.set_text(Param::OldMailboxId, url);
    }

    /// Adds flags that were set or cleared, but those of `event_exclude_flags`.
    /// C: `mboxevent_add_flags()`
    pub fn add_flags<'f>(&mut self, system: SystemFlags, keywords: impl Iterator<Item = &'f [u8]>) {
        let system = [
            (SystemFlags::DELETED, b"\\Deleted".as_slice()),
            (SystemFlags::ANSWERED, b"\\Answered"),
            (SystemFlags::FLAGGED, b"\\Flagged"),
            (SystemFlags::DRAFT, b"\\Draft"),
            (SystemFlags::SEEN, b"\\Seen"),
        ]
        .into_iter()
        .filter(|(flag, _)| system.has(*flag))
        .map(|(_, name)| name);
        for flag in system.chain(keywords) {
            if !self.rules.excludes_flag(flag) {
                self.push_flag(flag);
            }
        }
    }

    /// Adds a flag that a new message came with, as the client wrote it. C: `mboxevent_add_flag()`
    pub fn add_flag(&mut self, flag: &[u8]) {
        if self.wants(Param::FlagNames) {
            self.push_flag(flag);
        }
    }

    fn push_flag(&mut self, flag: &[u8]) {
        if !self.flags.iter().any(|each| each.eq_ignore_ascii_case(flag)) {
            self.flags.push(flag.to_vec());
        }
    }

    /// Whether a flag is among those added.
    pub(super) fn has_flag(&self, flag: &[u8]) -> bool {
        self.flags.iter().any(|each| each.eq_ignore_ascii_case(flag))
    }

    /// Who did it.
    pub fn set_user(&mut self, userid: &[u8]) {
        self.set_text(Param::User, userid);
    }

    /// How many messages the user has not seen; otherwise the mailbox's own count is told.
    /// C: `mboxevent_set_numunseen()`
    pub fn set_unseen(&mut self, unseen: u32) {
        if self.wants(Param::UnseenMessages) {
            self.set_number(Param::UnseenMessages, u64::from(unseen));
        }
    }

    /// What the mailbox was like right after this message, when others followed it at once.
    pub(crate) fn set_counts(&mut self, exists: u32, unseen: u32, last_uid: Uid) {
        self.set_unseen(unseen);
        if self.wants(Param::Messages) {
            self.set_number(Param::Messages, u64::from(exists));
        }
        if self.wants(Param::UidNext) {
            self.set_number(Param::UidNext, u64::from(last_uid.0).saturating_add(1));
        }
    }

    /// The two ends of the connection and who logged in or out. C: `mboxevent_set_access()`
    pub fn set_session(&mut self, addresses: Option<(SocketAddr, SocketAddr)>, userid: &[u8]) {
        if let Some((server, client)) = addresses {
            let peer =
                |address: SocketAddr| Value::Peer(address.ip().to_canonical().to_string(), address.port());
            self.set(Param::ServerAddress, peer(server));
            if self.wants(Param::ClientAddress) {
                self.set(Param::ClientAddress, peer(client));
            }
        }
        self.set_user(userid);
    }

    /// The entry of an ACL that was changed; no rights for DELETEACL. C: `mboxevent_set_acl()`
    pub fn set_acl(&mut self, identifier: &[u8], rights: Option<&[u8]>) {
        self.set_text(Param::AclSubject, identifier);
        self.set(Param::AclRights, rights.map_or(Value::Nothing, |rights| Value::Text(rights.to_vec())));
    }

    /// Use and limit of a resource of a quota root. C: `mboxevent_extract_quota()`
    pub(crate) fn set_quota(
        &mut self,
        catalog: &Catalog,
        root: &MboxName,
        quota: &Quota,
        resource: Resource,
    ) {
        let Limit { used, limit } = quota.resource(resource);
        match resource {
            Resource::Storage => {
                if let Some(limit) = limit {
                    self.set(Param::DiskQuota, Value::Int(limit));
                } // a limit told of before stays, as in C
                if self.wants(Param::DiskUsed) {
                    self.set(Param::DiskUsed, Value::Int(used / 1024));
                }
            }
            Resource::Message => {
                self.set(Param::MaxMessages, Value::Int(limit.unwrap_or(-1)));
                self.set(Param::Messages, Value::Int(used));
            }
            Resource::AnnotationStorage | Resource::NumFolders => {}
        }
        if !self.params.contains_key(&Param::Uri) {
            let url = catalog.event_url(Some(root), None, None);
            self.set_text(Param::Uri, url);
            let owner = root.owner(catalog.rules()).unwrap_or_default();
            self.params.entry(Param::User).or_insert(Value::Text(owner));
        }
    }

    /// The mailbox, from its entry alone. C: `mboxevent_set_access()` with a name
    pub(crate) fn set_entry(&mut self, catalog: &Catalog, name: &MboxName, entry: Option<&MbEntry>) {
        let url = catalog.event_url(Some(name), None, None);
        self.set_text(Param::Uri, url);
        if let Some(id) = entry.and_then(|entry| entry.uniqueid.as_ref()) {
            self.set_text(Param::MailboxId, id.as_slice());
        }
    }

    /// The mailbox after the change; cancels the event where nobody wants to hear of the mailbox.
    /// C: `mboxevent_extract_mailbox()`
    pub(crate) fn set_mailbox(&mut self, catalog: &Catalog, place: &Place<'_>) {
        if self.params.contains_key(&Param::Uri) {
            return;
        }
        let name = &place.location.name;
        if !catalog.tells_of(name, place.location) {
            self.cancelled = true;
            return;
        }
        let uid =
            if self.kind.is_new_message() { std::mem::take(&mut self.uids).first().copied() } else { None };
        if self.kind.is_new_message() && uid.is_none() {
            return;
        }
        self.set_text(Param::Uri, catalog.event_url(Some(name), Some(place.index.uidvalidity), uid));
        self.set_text(Param::MbType, place.location.mbtype.as_slice());
        self.set_text(Param::MailboxAcl, place.header.acl.clone().unwrap_or_default());
        self.set_text(Param::MailboxId, place.location.uniqueid.as_slice());
        let numbers = [
            (Param::UidNext, u64::from(place.index.last_uid.0).saturating_add(1)),
            (Param::Messages, u64::from(place.index.exists)),
            (Param::UnseenMessages, u64::from(place.index.unseen)),
        ];
        for (param, number) in numbers {
            if self.wants(param) && !self.params.contains_key(&param) {
                self.set_number(param, number);
            }
        }
        self.set_owner_state(catalog, place);
    }

    /// Conversations of the mailbox and counters of its owner.
    fn set_owner_state(&mut self, catalog: &Catalog, place: &Place<'_>) {
        let (name, location) = (&place.location.name, place.location);
        if self.wants(Param::ConvExists) || self.wants(Param::ConvUnseen) {
            let status = catalog.folder_status(name, &location.uniqueid).unwrap_or_default();
            if self.wants(Param::ConvExists) {
                self.set_number(Param::ConvExists, u64::from(status.threadexists));
            }
            if self.wants(Param::ConvUnseen) {
                self.set_number(Param::ConvUnseen, u64::from(status.threadunseen));
            }
        }
        if !self.wants(Param::Counters) && !self.wants(Param::JmapStates) {
            return;
        }
        let now;
        let counters = match place.counters {
            Some(counters) => counters,
            None => {
                now = catalog.read_counters(name).unwrap_or_default();
                &now
            }
        };
        if self.wants(Param::Counters) {
            self.set_text(Param::Counters, counters.summary());
        }
        if self.wants(Param::JmapStates) {
            self.set(Param::JmapStates, Value::Json(counters.jmap_states()));
        }
    }

    fn set_number(&mut self, param: Param, number: u64) {
        self.set(param, Value::Int(i64::try_from(number).unwrap_or(i64::MAX)));
    }

    /// Whether there is anything to tell. C: the head of `mboxevent_notify()`
    pub(super) fn is_void(&self) -> bool {
        let has = |param| self.params.contains_key(&param);
        if self.cancelled {
            return true;
        }
        if self.kind.is_new_message() {
            return !has(Param::Uri);
        }
        if (self.kind.is_of_messages() || self.kind.is_of_flags()) && self.uids.is_empty() {
            return true;
        }
        // All the flags that changed are ones of `event_exclude_flags`. (C ends the process then.)
        if matches!(self.kind, EventKind::FlagsSet | EventKind::FlagsClear) && self.flags.is_empty() {
            return true;
        }
        self.kind.is_of_quota() && !has(Param::DiskQuota) && !has(Param::MaxMessages)
    }

    /// Whether it tells of a change of flags that includes clearing `\Seen`, which goes first.
    #[must_use]
    pub fn clears_seen(&self) -> bool {
        self.kind == EventKind::FlagsClear && self.has_flag(b"\\Seen")
    }
}

fn cid(cid: u64) -> String {
    if cid == 0 { "NIL".to_owned() } else { format!("{cid:016x}") }
}
