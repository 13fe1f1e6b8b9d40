//! The one error type of this floor; its Display is the sentence of Cyrus's error table.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// STORAGE, octets of messages (limits are in KiB).
    Storage,
    /// MESSAGE, number of messages.
    Message,
    /// X-ANNOTATION-STORAGE, octets of annotation values (limits are in KiB).
    AnnotationStorage,
    /// X-NUM-FOLDERS, number of mailboxes.
    NumFolders,
}

/// Why an operation on the store failed. `Display` gives C's sentence, byte for byte.
#[derive(Debug)]
pub enum Error {
    /// The request can never succeed because of a fault in the caller. C: IMAP_INTERNAL
    Internal(&'static str),
    /// The system refused; written to syslog where it happened. C: IMAP_IOERROR
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        file: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// C: IMAP_NOTFOUND
    ItemNotFound,
    /// C: IMAP_PERMISSION_DENIED
    PermissionDenied,
    /// C: IMAP_QUOTA_EXCEEDED
    OverQuota(Resource),
    /// A limit of messages per mailbox is reached. C: IMAP_NO_OVERQUOTA
    MailboxFull,
    /// C: IMAP_MESSAGE_TOO_LARGE
    MessageTooLarge,
    /// C: IMAP_USERFLAG_EXHAUSTED
    TooManyFlags,
    /// The file is not what this version can read. C: IMAP_MAILBOX_BADFORMAT
    BadFormat {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// Bytes that should be there and right are not. C: IMAP_MAILBOX_CHECKSUM
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// C: IMAP_MAILBOX_NOTSUPPORTED
    NotSupported,
    /// Writing a mailbox with `conversations: yes` needs the databases of the installation, which
    /// this store was made without; refused instead of leaving them stale.
    ConversationsUnsupported,
    /// More copies of one message than `conversations_max_guid*` allow.
    /// C: IMAP_CONVERSATION_GUIDLIMIT
    TooManyIdentical,
    /// C: IMAP_MAILBOX_NONEXISTENT
    NotFound,
    /// C: IMAP_MAILBOX_EXISTS
    Exists,
    /// C: IMAP_MAILBOX_BADNAME
    BadName,
    /// C: IMAP_MAILBOX_BADTYPE
    BadType,
    /// C: IMAP_MAILBOX_MOVED
    Moved,
    /// C: IMAP_MAILBOX_RESERVED
    Reserved,
    /// C: IMAP_MAILBOX_LOCKED
    Locked,
    /// C: IMAP_MAILBOX_DISABLED
    DeliveryDisabled,
    /// C: IMAP_MAILBOX_SPECIALUSE
    SpecialUse,
    /// C: IMAP_MAILBOX_HASCHILDREN
    HasChildren,
    /// C: IMAP_PARTITION_UNKNOWN
    UnknownPartition,
    /// C: IMAP_INVALID_IDENTIFIER
    InvalidIdentifier,
    /// C: IMAP_INVALID_RIGHTS
    InvalidRights,
    /// C: IMAP_MESSAGE_CONTAINSNULL
    ContainsNul,
    /// C: IMAP_MESSAGE_CONTAINSNL
    ContainsBareNewline,
    /// C: IMAP_MESSAGE_CONTAINS8BIT
    Contains8Bit,
    /// C: IMAP_MESSAGE_BADHEADER
    BadHeader,
    /// C: IMAP_MESSAGE_NOBLANKLINE
    NoBlankLine,
    /// C: IMAP_QUOTAROOT_NONEXISTENT
    QuotaRootNotFound,
    /// C: IMAP_ANNOTATION_BADENTRY
    BadAnnotationEntry,
    /// C: IMAP_ANNOTATION_BADATTRIB
    BadAnnotationAttribute,
    /// C: IMAP_ANNOTATION_BADVALUE
    BadAnnotationValue,
    /// C: IMAP_ZERO_LENGTH_LITERAL
    EmptyMessage,
    /// C: IMAP_CONNECTION_READONLY
    ReadOnly,
    /// C: IMAP_AGAIN
    Again,
    /// C: IMAP_UNSUPPORTED_QUOTA
    UnsupportedQuota,
    /// C: IMAP_USER_LEGACY_DIRS
    UserLegacyDirs,
}

/// Result of this floor.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An I/O failure on `file`, noted in the log once, here.
    #[must_use]
    pub fn io(what: &'static str, file: &Path, source: io::Error) -> Self {
        let _logged = cyrus_base::log::ioerror(what, &[("filename", &file.display())], Some(&source));
        Self::Io { what, file: file.to_path_buf(), source }
    }

    /// A damaged file.
    #[must_use]
    pub fn corrupt(file: &Path, offset: u64, what: &'static str) -> Self {
        Self::Corrupt { file: file.to_path_buf(), offset, what }
    }

    /// A file of a form we do not read.
    #[must_use]
    pub fn bad_format(file: &Path, what: &'static str) -> Self {
        Self::BadFormat { file: file.to_path_buf(), what }
    }

    /// C's sentence for this error.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Internal(_) => "Internal Error",
            Self::Io { .. } => "System I/O error",
            Self::ItemNotFound => "Item does not exist",
            Self::PermissionDenied => "Permission denied",
            Self::OverQuota(_) => "Over quota",
            Self::MailboxFull => "Mailbox is over %s quota",
            Self::MessageTooLarge => "Message size exceeds fixed limit",
            Self::TooManyFlags => "Too many user flags in mailbox",
            Self::BadFormat { .. } => "Mailbox has an invalid format",
            Self::Corrupt { .. } => "Mailbox format corruption detected",
            Self::NotSupported | Self::ConversationsUnsupported => "Operation is not supported on mailbox",
            Self::TooManyIdentical => "Too many identical emails",
            Self::NotFound => "Mailbox does not exist",
            Self::Exists => "Mailbox already exists",
            Self::BadName => "Invalid mailbox name",
            Self::BadType => "Invalid mailbox type",
            Self::Moved => "Mailbox has been moved to another server",
            Self::Reserved => "Mailbox is currently reserved",
            Self::Locked => "Mailbox is locked",
            Self::DeliveryDisabled => "Delivery to mailbox is disabled",
            Self::SpecialUse => "SPECIAL-USE flag conflict",
            Self::HasChildren => "[HASCHILDREN] Mailbox has inferior hierarchical names",
            Self::UnknownPartition => "Unknown/invalid partition",
            Self::InvalidIdentifier => "Invalid identifier",
            Self::InvalidRights => "Invalid rights",
            Self::ContainsNul => "Message contains NUL characters",
            Self::ContainsBareNewline => "Message contains bare newlines",
            Self::Contains8Bit => "Message contains non-ASCII characters in headers",
            Self::BadHeader => "Message contains invalid header",
            Self::NoBlankLine => "Message has no header/body separator",
            Self::QuotaRootNotFound => "Quota root does not exist",
            Self::BadAnnotationEntry => "Invalid annotation entry",
            Self::BadAnnotationAttribute => "Invalid annotation attribute",
            Self::BadAnnotationValue => "Invalid annotation value",
            Self::EmptyMessage => "Zero-length message literal",
            Self::ReadOnly => "This connection is configured for read-only access",
            Self::Again => "Retry operation",
            Self::UnsupportedQuota => "Unsupported quota resource",
            Self::UserLegacyDirs => "User is using legacy mailbox directories.  Reconstruct user first.",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
