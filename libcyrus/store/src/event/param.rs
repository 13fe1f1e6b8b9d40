//! The parameters of events, in the order in which a payload has them.

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Int(i64),
    /// Text; what is no UTF-8 is left out of the payload, as C's JSON library does it.
    Text(Vec<u8>),
    /// Texts.
    List(Vec<Vec<u8>>),
    /// Text that is JSON already.
    Json(String),
    /// An address and a port, told as two members.
    Peer(String, u16),
    /// Known to be nothing, and left out.
    Nothing,
}

macro_rules! params {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A parameter (RFC 5423 4.3 and 6, and Cyrus's own). C: `enum event_param`
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Param { $($(#[doc = $doc])* $name,)* }

        impl Param {
            /// As the payload names it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

params! {
    /// When.
    Timestamp = "timestamp",
    /// Name of the service in cyrus.conf.
    Service = "service",
    /// Our end of a connection.
    ServerAddress = "serverDomain",
    /// The client's end.
    ClientAddress = "clientIP",
    /// URL of the mailbox that messages came from, or that had this name before.
    OldMailboxId = "oldMailboxID",
    /// UIDs that copied messages have there.
    OldUidset = "vnd.cmu.oldUidset",
    /// Unique id of the mailbox.
    MailboxId = "mailboxID",
    /// URL of the server, mailbox, message or quota root.
    Uri = "uri",
    /// MODSEQ, of one message.
    Modseq = "modseq",
    /// Limit of storage in KiB.
    DiskQuota = "diskQuota",
    /// Storage used in KiB.
    DiskUsed = "diskUsed",
    /// Limit of messages.
    MaxMessages = "maxMessages",
    /// Messages in the mailbox, or under the quota root.
    Messages = "messages",
    /// Unseen messages in the mailbox.
    UnseenMessages = "vnd.cmu.unseenMessages",
    /// UIDNEXT.
    UidNext = "uidnext",
    /// UIDs.
    UidSet = "uidset",
    /// Message-IDs.
    MidSet = "vnd.cmu.midset",
    /// Flags and keywords.
    FlagNames = "flagNames",
    /// Process id.
    Pid = "pid",
    /// Identifier of an ACL entry.
    AclSubject = "aclSubject",
    /// Its rights as they were asked for.
    AclRights = "aclRights",
    /// Who, or the owner of a quota root.
    User = "user",
    /// Octets of the message.
    MessageSize = "messageSize",
    /// Type letters of the mailbox.
    MbType = "vnd.cmu.mbtype",
    /// `servername`.
    ServerFqdn = "serverFQDN",
    /// ACL of the mailbox.
    MailboxAcl = "vnd.cmu.mailboxACL",
    /// Resource name of a calendar or addressbook object.
    DavFilename = "vnd.cmu.davFilename",
    /// Its UID.
    DavUid = "vnd.cmu.davUid",
    /// ENVELOPE.
    Envelope = "vnd.cmu.envelope",
    /// Session id.
    SessionId = "vnd.cmu.sessionId",
    /// BODYSTRUCTURE.
    BodyStructure = "bodyStructure",
    /// What the client called itself with XMEID.
    ClientId = "vnd.fastmail.clientId",
    /// Session id again.
    FastmailSessionId = "vnd.fastmail.sessionId",
    /// Conversations in the mailbox.
    ConvExists = "vnd.fastmail.convExists",
    /// Of these, ones with unseen messages.
    ConvUnseen = "vnd.fastmail.convUnseen",
    /// Conversation id.
    Cid = "vnd.fastmail.cid",
    /// Counters of the owner.
    Counters = "vnd.fastmail.counters",
    /// EMAILID.
    EmailId = "vnd.cmu.emailid",
    /// THREADID.
    ThreadId = "vnd.cmu.threadid",
    /// Header fields as JMAP has them.
    JmapEmail = "vnd.fastmail.jmapEmail",
    /// JMAP states.
    JmapStates = "vnd.fastmail.jmapStates",
    /// Time of an alarm.
    AlarmTime = "alarmTime",
    /// Who is to be told.
    AlarmRecipients = "alarmRecipients",
    /// Owner of the calendar.
    CalendarUserId = "userId",
    /// Calendar.
    CalendarId = "calendarId",
    /// Its name.
    CalendarName = "calendarName",
    /// Its colour.
    CalendarColor = "calendarColor",
    /// UID of the event.
    CalendarUid = "uid",
    /// ACTION of the alarm.
    CalendarAction = "action",
    /// SUMMARY.
    CalendarSummary = "summary",
    /// DESCRIPTION.
    CalendarDescription = "description",
    /// LOCATION.
    CalendarLocation = "location",
    /// Time zone.
    CalendarTimezone = "timezone",
    /// Start.
    CalendarStart = "start",
    /// End.
    CalendarEnd = "end",
    /// Whole days.
    CalendarAllday = "allDay",
    /// Names of the attendees.
    CalendarAttendeeNames = "attendeeNames",
    /// Their addresses.
    CalendarAttendeeEmails = "attendeeEmails",
    /// Their answers.
    CalendarAttendeeStatus = "attendeeStatus",
    /// Organizer.
    CalendarOrganizer = "organizer",
    /// Version of Apple's protocol.
    ApsVersion = "apsVersion",
    /// Account there.
    ApsAccountId = "apsAccountId",
    /// Device there.
    ApsDeviceToken = "apsDeviceToken",
    /// Subtopic.
    ApsSubtopic = "apsSubtopic",
    /// Mailboxes to watch.
    ApsMailboxes = "mailboxes",
    /// Topic.
    ApsTopic = "apsTopic",
    /// Owner of the calendar or addressbook.
    ApsMailboxUser = "mailboxUser",
    /// Its unique id.
    ApsMailboxUniqueId = "mailboxUniqueId",
    /// When the subscription ends.
    ApsExpiry = "expiry",
    /// The message, or parts of it; last, so that a reader can cut it off.
    MessageContent = "messageContent",
}
