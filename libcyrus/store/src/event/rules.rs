//! Which events and parameters the configuration wants.

use super::{EventKind, Param};
use cyrus_base::config::{Config, Opt};

/// Which part of a message goes into an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inclusion {
    /// The whole message when it is not longer than the bound, else nothing.
    Standard,
    /// The beginning of the message.
    Message,
    /// The beginning of the header.
    Header,
    /// The beginning of the body.
    Body,
    /// The header and the beginning of the body.
    HeaderBody,
}

/// The `event_*` options, read once.
#[derive(Debug)]
pub(super) struct Rules {
    /// `event_groups`
    groups: Vec<&'static str>,
    /// `event_extra_params`
    extras: Vec<Param>,
    /// `event_exclude_flags`
    pub(super) excluded_flags: Vec<String>,
    /// `event_exclude_specialuse`
    pub(super) excluded_uses: Vec<String>,
    /// `event_exclude_specialuse` has `ALL`: only INBOXes are told of.
    pub(super) only_inboxes: bool,
    /// `event_content_inclusion_mode`
    pub(super) inclusion: Inclusion,
    /// `event_content_size`, 0 for no bound.
    pub(super) content_octets: usize,
}

const GROUPS: [&str; 8] =
    ["message", "quota", "flags", "access", "mailbox", "subscription", "calendar", "applepushservice"];

/// The optional parameters by their words; those that are told always are honoured by that.
const EXTRAS: [(&str, Param); 26] = [
    ("bodyStructure", Param::BodyStructure),
    ("clientAddress", Param::ClientAddress),
    ("diskUsed", Param::DiskUsed),
    ("flagNames", Param::FlagNames),
    ("messageContent", Param::MessageContent),
    ("messageSize", Param::MessageSize),
    ("messages", Param::Messages),
    ("modseq", Param::Modseq),
    ("service", Param::Service),
    ("timestamp", Param::Timestamp),
    ("uidnext", Param::UidNext),
    ("vnd.cmu.midset", Param::MidSet),
    ("vnd.cmu.unseenMessages", Param::UnseenMessages),
    ("vnd.cmu.envelope", Param::Envelope),
    ("vnd.cmu.sessionId", Param::SessionId),
    ("vnd.cmu.davFilename", Param::DavFilename),
    ("vnd.cmu.davUid", Param::DavUid),
    ("vnd.fastmail.clientId", Param::ClientId),
    ("vnd.fastmail.sessionId", Param::FastmailSessionId),
    ("vnd.fastmail.convExists", Param::ConvExists),
    ("vnd.fastmail.convUnseen", Param::ConvUnseen),
    ("vnd.fastmail.cid", Param::Cid),
    ("vnd.fastmail.counters", Param::Counters),
    ("vnd.fastmail.jmapStates", Param::JmapStates),
    ("vnd.cmu.emailid", Param::EmailId),
    ("vnd.cmu.threadid", Param::ThreadId),
];

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let words = |opt| config.words(opt).map(str::to_owned).collect::<Vec<_>>();
        let excluded_uses = words(Opt::EventExcludeSpecialuse);
        let extras = EXTRAS.iter().filter(|(word, _)| config.has_bit(Opt::EventExtraParams, word));
        Self {
            groups: GROUPS.into_iter().filter(|word| config.has_bit(Opt::EventGroups, word)).collect(),
            extras: extras.map(|(_, param)| *param).collect(),
            excluded_flags: words(Opt::EventExcludeFlags),
            only_inboxes: excluded_uses.iter().any(|word| word.eq_ignore_ascii_case("ALL")),
            excluded_uses,
            inclusion: match config.choice(Opt::EventContentInclusionMode) {
                "message" => Inclusion::Message,
                "header" => Inclusion::Header,
                "body" => Inclusion::Body,
                "headerbody" => Inclusion::HeaderBody,
                _ => Inclusion::Standard,
            },
            content_octets: usize::try_from(config.int(Opt::EventContentSize)).unwrap_or(0),
        }
    }

    /// Whether events of this kind are told at all.
    pub(super) fn is_told(&self, kind: EventKind) -> bool {
        use EventKind as K;
        let groups: &[&str] = match kind {
            K::MessageAppend
            | K::MessageExpire
            | K::MessageExpunge
            | K::MessageNew
            | K::MessageCopy
            | K::MessageMove => &["message"],
            K::QuotaExceed | K::QuotaWithin | K::QuotaChange => &["quota"],
            K::MessageRead | K::MessageTrash | K::FlagsSet | K::FlagsClear => &["flags"],
            K::Login | K::Logout => &["access"],
            K::MailboxCreate | K::MailboxDelete | K::MailboxRename | K::MailboxModseq => &["mailbox"],
            K::MailboxSubscribe | K::MailboxUnsubscribe => &["subscription"],
            K::AclChange => &["access", "mailbox"],
            K::CalendarAlarm => &["calendar"],
            K::ApplePushService | K::ApplePushServiceDav => &["applepushservice"],
        };
        groups.iter().any(|group| self.groups.contains(group))
    }

    /// Whether an event of this kind is to have a parameter that the configuration decides on.
    /// C: `mboxevent_expected_param()`
    pub(super) fn wants(&self, kind: EventKind, param: Param) -> bool {
        use EventKind as K;
        if matches!(kind, K::CalendarAlarm | K::ApplePushService | K::ApplePushServiceDav) {
            return false;
        }
        if param == Param::DiskUsed && matches!(kind, K::QuotaExceed | K::QuotaWithin) {
            return true;
        }
        let fits = match param {
            Param::BodyStructure
            | Param::Envelope
            | Param::FlagNames
            | Param::MessageContent
            | Param::MessageSize
            | Param::Cid
            | Param::EmailId
            | Param::ThreadId => kind.is_new_message(),
            Param::ClientAddress => matches!(kind, K::Login | K::Logout),
            Param::DiskUsed => kind == K::QuotaChange,
            Param::Messages | Param::Modseq | Param::UidNext | Param::MidSet | Param::UnseenMessages => {
                kind.is_of_messages() || kind.is_of_flags()
            }
            _ => true,
        };
        fits && self.extras.contains(&param)
    }

    /// Whether changes of this flag are not told.
    pub(super) fn excludes_flag(&self, flag: &[u8]) -> bool {
        self.excluded_flags.iter().any(|each| each.as_bytes().eq_ignore_ascii_case(flag))
    }
}
