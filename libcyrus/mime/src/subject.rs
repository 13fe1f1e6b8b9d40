//! Subjects reduced to what makes a conversation or a thread.

/// The subject for conversations: UTF-8 in, normalised out (bracketed pieces, leading `Re:`-like words and all
/// white space removed). C: conversation_normalise_subject()
#[must_use]
pub fn normalise(subject: &[u8]) -> Vec<u8> {
    let _ = subject;
    todo!()
}

/// The older rule, still compared with. C: oldstyle_normalise_subject()
#[must_use]
pub fn normalise_old(subject: &[u8]) -> Vec<u8> {
    let _ = subject;
    todo!()
}

/// Result of [`base`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseSubject {
    /// The extracted base subject.
    pub text: Vec<u8>,
    /// Whether the subject marks a reply or forward (RFC 5256 2.1).
    pub is_reply: bool,
}

/// The base subject of RFC 5256 2.1 for SORT and THREAD. Takes the raw field value. C: index_extract_subject()
#[must_use]
pub fn base(subject: &[u8]) -> BaseSubject {
    let _ = subject;
    todo!()
}
