//! What happened to mailboxes, messages, quotas and sessions, told to notifyd (RFC 5423; option
//! `event_notifier`).
//!
//! | file | what |
//! |---|---|
//! | `param` | the parameters of an event and the order in which they are told |
//! | `rules` | which events and parameters the configuration wants |
//! | `fill` | parameters from mailboxes, records, quotas and sessions |
//! | `content` | `messageContent` |
//! | `json` | the payload |
//! | `url` | `imap://` URLs |
//! | `report` | events become payloads, payloads go to the notify socket |
//!
//! A producer begins an event with [`crate::Catalog::event`], which gives none where nobody wants to hear
//! of it, fills it while it holds its locks, and hands it to the index guard
//! ([`crate::mailbox::IndexGuard::tell`]) or to [`crate::Catalog::report`]. Nothing is told before it is
//! committed. A socket that takes no more is waited for only by [`crate::Catalog::flush_events`], which
//! the daemons call when they hold no lock.

mod content;
mod fill;
mod json;
mod param;
mod report;
mod rules;
mod url;

pub(crate) use fill::Place;
pub use param::{Param, Value};
pub use report::Reporter;

use rules::Rules;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// What happened. C: `enum event_type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A client appended a message.
    MessageAppend,
    /// Messages were expunged because of their age.
    MessageExpire,
    /// Messages were expunged.
    MessageExpunge,
    /// A message was delivered.
    MessageNew,
    /// Messages were copied here.
    MessageCopy,
    /// Messages were moved here.
    MessageMove,
    /// Something did not fit into a quota.
    QuotaExceed,
    /// A quota that was exceeded no longer is.
    QuotaWithin,
    /// A quota was given, changed or taken.
    QuotaChange,
    /// Messages got `\Seen`.
    MessageRead,
    /// Messages got `\Deleted`; told in the place of [`EventKind::FlagsSet`].
    MessageTrash,
    /// Messages got flags.
    FlagsSet,
    /// Messages lost flags.
    FlagsClear,
    /// Somebody logged in.
    Login,
    /// Somebody who was logged in went.
    Logout,
    /// A mailbox was created.
    MailboxCreate,
    /// A mailbox was deleted.
    MailboxDelete,
    /// A mailbox was renamed.
    MailboxRename,
    /// Somebody subscribed to a mailbox.
    MailboxSubscribe,
    /// Somebody unsubscribed from a mailbox.
    MailboxUnsubscribe,
    /// The rights on a mailbox were changed.
    AclChange,
    /// The mod-sequence of a mailbox rose.
    MailboxModseq,
    /// An alarm of a calendar is due.
    CalendarAlarm,
    /// A device wants to be told of mail through Apple's service.
    ApplePushService,
    /// The same for calendars and addressbooks.
    ApplePushServiceDav,
}

impl EventKind {
    /// As the payload names it. C: `event_to_name()`
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageAppend => "MessageAppend",
            Self::MessageExpire => "MessageExpire",
            Self::MessageExpunge => "MessageExpunge",
            Self::MessageNew => "MessageNew",
            Self::MessageCopy => "vnd.cmu.MessageCopy",
            Self::MessageMove => "vnd.cmu.MessageMove",
            Self::QuotaExceed => "QuotaExceed",
            Self::QuotaWithin => "QuotaWithin",
            Self::QuotaChange => "QuotaChange",
            Self::MessageRead => "MessageRead",
            Self::MessageTrash => "MessageTrash",
            Self::FlagsSet => "FlagsSet",
            Self::FlagsClear => "FlagsClear",
            Self::Login => "Login",
            Self::Logout => "Logout",
            Self::MailboxCreate => "MailboxCreate",
            Self::MailboxDelete => "MailboxDelete",
            Self::MailboxRename => "MailboxRename",
            Self::MailboxSubscribe => "MailboxSubscribe",
            Self::MailboxUnsubscribe => "MailboxUnSubscribe",
            Self::AclChange => "AclChange",
            Self::MailboxModseq => "MailboxModseq",
            Self::CalendarAlarm => "CalendarAlarm",
            Self::ApplePushService => "ApplePushService",
            Self::ApplePushServiceDav => "ApplePushServiceDAV",
        }
    }

    /// A message that came here in its own event.
    fn is_new_message(self) -> bool {
        matches!(self, Self::MessageAppend | Self::MessageNew)
    }

    /// Messages came or went.
    fn is_of_messages(self) -> bool {
        matches!(
            self,
            Self::MessageAppend
                | Self::MessageExpire
                | Self::MessageExpunge
                | Self::MessageNew
                | Self::MessageCopy
                | Self::MessageMove
        )
    }

    /// Flags of messages changed.
    fn is_of_flags(self) -> bool {
        matches!(self, Self::FlagsSet | Self::FlagsClear | Self::MessageRead | Self::MessageTrash)
    }

    fn is_of_quota(self) -> bool {
        matches!(self, Self::QuotaExceed | Self::QuotaWithin | Self::QuotaChange)
    }
}

/// One event, being filled. C: `struct mboxevent`
#[derive(Clone, Debug)]
pub struct Event {
    kind: EventKind,
    /// The mailbox is one that nobody wants to hear of.
    cancelled: bool,
    at: SystemTime,
    rules: Arc<Rules>,
    params: BTreeMap<Param, Value>,
    flags: Vec<Vec<u8>>,
    uids: Vec<u32>,
    old_uids: Vec<u32>,
    message_ids: Vec<Vec<u8>>,
}

impl Event {
    fn new(kind: EventKind, rules: Arc<Rules>) -> Self {
        Self {
            kind,
            cancelled: false,
            at: SystemTime::now(),
            rules,
            params: BTreeMap::new(),
            flags: Vec::new(),
            uids: Vec::new(),
            old_uids: Vec::new(),
            message_ids: Vec::new(),
        }
    }

    /// What it tells of.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Gives a parameter.
    pub fn set(&mut self, param: Param, value: Value) {
        self.params.insert(param, value);
    }

    fn set_text(&mut self, param: Param, text: impl Into<Vec<u8>>) {
        self.set(param, Value::Text(text.into()));
    }

    fn wants(&self, param: Param) -> bool {
        self.rules.wants(self.kind, param)
    }
}

/// When an event of an index-locked session is told, seen from the `MailboxModseq` of its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Before it: STORE, and expunges by programs.
    BeforeModseq,
    /// After it.
    AfterModseq,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use cyrus_base::config::Config;

    /// The rules of a configuration with these lines.
    pub(super) fn rules(lines: &str) -> Rules {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("imapd.conf");
        let text = format!("configdirectory: {0}\npartition-default: {0}\n{lines}", dir.path().display());
        std::fs::write(&file, text).expect("write");
        Rules::new(&Config::load(Some(&file), "imap").expect("configuration"))
    }

    #[test]
    fn groups_and_parameters_are_asked_for() {
        let rules = rules("event_groups: flags access\nevent_extra_params: modseq clientAddress diskUsed\n");
        for (kind, told) in [
            (EventKind::FlagsSet, true),
            (EventKind::MessageRead, true),
            (EventKind::AclChange, true),
            (EventKind::Login, true),
            (EventKind::MailboxCreate, false),
            (EventKind::MessageNew, false),
        ] {
            assert_eq!(rules.is_told(kind), told, "{kind:?}");
        }
        assert!(rules.wants(EventKind::FlagsSet, Param::Modseq));
        assert!(!rules.wants(EventKind::Login, Param::Modseq));
        assert!(rules.wants(EventKind::Login, Param::ClientAddress));
        assert!(rules.wants(EventKind::QuotaExceed, Param::DiskUsed));
        assert!(!rules.wants(EventKind::FlagsSet, Param::Timestamp));
    }
}
