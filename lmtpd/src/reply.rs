//! Every sentence a recipient's delivery is answered with (RFC 2033 4.2, RFC 3463).

use crate::process::Settings;
use libcyrus::store::Error;

/// Why a recipient is refused.
#[derive(Debug)]
pub enum Refusal {
    /// The store says so.
    Store(Error),
    /// The mailbox lies on another server, and there is no way there from here.
    Remote,
    /// The recipient's script says so: complete lines.
    Rejected(Vec<u8>),
}

impl Refusal {
    /// C's sentence for it.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Store(error) => error.sentence(),
            Self::Remote => "Server(s) unavailable to complete operation",
            Self::Rejected(_) => "Message rejected",
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// The reply to one recipient after DATA.
#[must_use]
pub fn delivered(result: &Result<(), Refusal>, settings: &Settings, session: &str) -> Vec<u8> {
    match result {
        Ok(()) => format!("250 2.1.5 Success SESSIONID=<{session}>\r\n").into_bytes(),
        Err(refusal) => refused(refusal, settings, session),
    }
}

/// The reply that refuses a recipient, at RCPT or after DATA. C: send_lmtp_error()
#[must_use]
pub fn refused(refusal: &Refusal, settings: &Settings, session: &str) -> Vec<u8> {
    match refusal {
        Refusal::Store(error) => refused_text(error, settings, session),
        Refusal::Rejected(lines) => lines.clone(),
        Refusal::Remote => b"451 4.4.3 Server(s) unavailable to complete operation\r\n".to_vec(),
    }
}

fn refused_text(error: &Error, settings: &Settings, session: &str) -> Vec<u8> {
    let text = error.sentence();
    let line = match error {
        Error::PermissionDenied => format!(
            "550-You do not have permission to post a message to this mailbox.\r\n\
             550-Please contact the owner of this mailbox in order to submit\r\n\
             550-your message, or {} if you believe you\r\n\
             550-received this message in error.\r\n\
             550 5.7.1 {text}",
            settings.postmaster
        ),
        Error::OverQuota(_) if settings.over_quota_is_permanent => {
            format!("552 5.2.2 {text} SESSIONID=<{session}>")
        }
        Error::OverQuota(_) => format!("452 4.2.2 {text} SESSIONID=<{session}>"),
        Error::BadFormat { .. } | Error::NotSupported | Error::ConversationsUnsupported => {
            format!("451 4.2.0 {text}")
        }
        Error::Moved | Error::Reserved | Error::DeliveryDisabled => format!("451 4.2.1 {text}"),
        Error::ContainsNul
        | Error::ContainsBareNewline
        | Error::Contains8Bit
        | Error::BadHeader
        | Error::NoBlankLine => format!("554 5.6.0 {text}"),
        Error::NotFound => "550-Mailbox unknown.  Either there is no mailbox associated with this\r\n\
             550-name or you do not have authorization to see it.\r\n\
             550 5.1.1 User unknown"
            .to_owned(),
        Error::Internal(_)
        | Error::Io { .. }
        | Error::ItemNotFound
        | Error::MailboxFull
        | Error::MessageTooLarge
        | Error::TooManyFlags
        | Error::TooManyIdentical
        | Error::Corrupt { .. }
        | Error::Exists
        | Error::BadName
        | Error::BadType
        | Error::Locked
        | Error::SpecialUse
        | Error::HasChildren
        | Error::UnknownPartition
        | Error::InvalidIdentifier
        | Error::InvalidRights
        | Error::QuotaRootNotFound
        | Error::BadAnnotationEntry
        | Error::BadAnnotationAttribute
        | Error::BadAnnotationValue
        | Error::EmptyMessage
        | Error::ReadOnly
        | Error::Again
        | Error::UnsupportedQuota
        | Error::UserLegacyDirs => format!("451 4.3.0 {text}"),
    };
    let mut line = line.into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}

/// The reply to each recipient of a message that was not taken.
#[must_use]
pub fn refused_message(error: &Error, settings: &Settings, session: &str) -> Vec<u8> {
    match error {
        Error::Io { source, .. } => cannot_stage("copy message to", source),
        _ => refused_text(error, settings, session),
    }
}

/// What the system said, for [`cannot_stage`].
#[must_use]
pub fn into_io(error: Error) -> std::io::Error {
    match error {
        Error::Io { source, .. } => source,
        other => std::io::Error::other(other.sentence()),
    }
}

/// The reply when the message cannot be staged: 4.3.1 for a full disk, 4.3.2 otherwise.
/// `doing` is `create` or `copy message to`.
#[must_use]
pub fn cannot_stage(doing: &str, error: &std::io::Error) -> Vec<u8> {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    let digit = if matches!(error.kind(), QuotaExceeded | StorageFull) { '1' } else { '2' };
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("451 4.3.{digit} cannot {doing} temporary file: {text}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use libcyrus::store::Resource;

    fn check(error: Error, expected: &str) {
        let settings = crate::process::tests::settings("");
        let reply = refused(&Refusal::Store(error), &settings, "id");
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }

    #[test]
    fn refusals_have_the_words_of_c() {
        check(Error::DeliveryDisabled, "451 4.2.1 Delivery to mailbox is disabled\r\n");
        check(Error::OverQuota(Resource::Storage), "452 4.2.2 Over quota SESSIONID=<id>\r\n");
        check(Error::ContainsNul, "554 5.6.0 Message contains NUL characters\r\n");
        check(Error::Locked, "451 4.3.0 Mailbox is locked\r\n");
        let reply = cannot_stage("create", &std::io::Error::from_raw_os_error(28));
        assert_eq!(reply, b"451 4.3.1 cannot create temporary file: No space left on device\r\n");
    }
}
