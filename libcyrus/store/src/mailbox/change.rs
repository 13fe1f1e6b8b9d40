//! What one index-locked session changed, and the order in which it is written.

use cyrus_util::ids::ModSeq;

/// Whether a rewrite counts as a change for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// It gets the next modseq.
    Modseq,
    /// It keeps its modseq: archiving, unlinking, replication.
    Silent,
}

/// What a mailbox takes of its quota root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaUse {
    /// Octets of messages.
    pub storage_octets: i64,
    /// Messages.
    pub messages: i64,
    /// Octets of annotations.
    pub annotation_octets: i64,
}

/// What a commit did; the caller tells the sync log, idled and the statuscache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Whether anything was written.
    pub changed: bool,
    /// HIGHESTMODSEQ now.
    pub highestmodseq: ModSeq,
    /// Records appended.
    pub appended: u32,
    /// Records rewritten.
    pub rewritten: u32,
}

/// The changes collected so far.
#[derive(Debug, Default)]
pub(super) struct Changes {}
