//! Which conversation a message belongs to (reference/databases.md 3.2, CID rules).

use super::Conversations;
use super::record::Conversation;
use crate::error::Result;
use crate::mailbox::{InternalFlags, Record, SystemFlags};
use cyrus_base::config::Opt;
use cyrus_mime::cache::nstring;
use cyrus_mime::facts::{is_plain_in_reply_to, message_ids};
use cyrus_mime::subject::{normalise, normalise_old};
use cyrus_mime::{CacheView, Item};
use cyrus_util::guid::Guid;
use cyrus_util::mboxname::MboxName;

/// Message ids taken from one header.
const IDS_MAX: usize = 20;

/// Mixed into a new id so that it does not look like the guid it comes from.
const MASK: u64 = 0x91f3_d9e1_0b69_0b12;

/// A cid of its own for a message. C: `generate_conversation_id()`
pub(super) fn fresh_cid(guid: &Guid) -> u64 {
    let head = guid.0.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
    match head ^ MASK {
        0 => 1,
        cid => cid,
    }
}

/// What a message says about its conversation.
struct Clues {
    /// Every valid message id, lower case, in the order found.
    ids: Vec<Vec<u8>>,
    /// Conversations that it may belong to.
    matches: Vec<u64>,
    /// Normalised subject.
    subject: Vec<u8>,
}

impl Conversations {
    /// Gives a new message its conversation, loads it and notes the message's ids in it.
    /// With `keeps_cid` the one it came with stays, even none. C: `message_update_conversations()`
    pub(super) fn assign(
        &mut self,
        mailbox: &MboxName,
        record: &mut Record,
        cache: &CacheView<'_>,
        keeps_cid: bool,
    ) -> Result<Option<Conversation>> {
        let clues = self.clues(cache)?;
        let mut must_keep = keeps_cid;
        if !keeps_cid {
            let known = self.places(&record.guid)?.iter().find(|place| place.part.is_none()).map(|p| p.cid);
            if let Some(cid) = known.filter(|&cid| cid != 0) {
                record.cid = cid;
                must_keep = true;
            }
            if record.cid == 0 {
                record.cid = clues.matches.iter().copied().max().unwrap_or(0);
            }
            if record.cid == 0 {
                record.cid = fresh_cid(&record.guid);
                must_keep = true;
            }
        }
        if record.cid == 0 {
            return Ok(None);
        }
        // Message ids stay with the first of several conversations that one became.
        let base = record.cid;
        if !must_keep && let Some(next) = self.continuation(base)? {
            record.cid = next;
        }
        let mut conv = self.load(record.cid)?.unwrap_or_else(Conversation::new);
        let max = u32::try_from(self.catalog.config().int(Opt::ConversationsMaxThread)).unwrap_or(u32::MAX);
        if conv.exists >= max && !must_keep {
            let was = record.cid;
            record.cid = fresh_cid(&record.guid);
            cyrus_base::log::write(
                cyrus_base::log::Priority::Notice,
                format_args!(
                    "splitting conversation for {mailbox} {} base:{base:016x} was:{was:016x} now:{:016x}",
                    record.uid, record.cid
                ),
            );
            conv = self.load(record.cid)?.unwrap_or_else(Conversation::new);
            self.splits.continuations.insert(base, record.cid);
        }
        if conv.subject.is_none() && !record.system_flags.has(SystemFlags::DRAFT) {
            conv.subject = Some(clues.subject);
        }
        for id in &clues.ids {
            self.link(id, base)?;
        }
        if base != record.cid {
            record.internal_flags = record.internal_flags.with(InternalFlags::SPLITCONVERSATION);
            self.splits.bases.insert(record.uid, base);
        }
        Ok(Some(conv))
    }

    /// C: `extract_convdata()`
    fn clues(&mut self, cache: &CacheView<'_>) -> Result<Clues> {
        let decoded = cache.subject().unwrap_or_default();
        let subject = normalise(decoded);
        let old_subject = normalise_old(decoded);
        let headers = cache.item(Item::Headers);
        let envelope = cache.envelope_tokens();
        let token = |at: usize| {
            let text = envelope.as_ref().and_then(|tokens| tokens.get(at)).and_then(|token| nstring(token));
            text.unwrap_or_default().to_vec()
        };
        let in_reply_to = Some(token(8)).filter(|text| is_plain_in_reply_to(text)).unwrap_or_default();
        let sources = [
            (fields(headers, b"references"), false),
            (in_reply_to, false),
            (token(9), false),
            (fields(headers, b"x-me-message-id"), true),
        ];
        let mut ids: Vec<Vec<u8>> = Vec::new();
        let mut matches = Vec::new();
        for (text, is_certain) in &sources {
            for id in message_ids(text, IDS_MAX) {
                let id = id.to_ascii_lowercase();
                if ids.contains(&id) || !is_valid(&id) {
                    continue;
                }
                for cid in self.conversations_of(&id)? {
                    let conv = self.load(cid)?;
                    let known = conv.as_ref().and_then(|conv| conv.subject.as_deref());
                    if *is_certain || known.is_none_or(|known| known == subject || known == old_subject) {
                        matches.push(cid);
                    }
                }
                ids.push(id);
            }
        }
        Ok(Clues { ids, matches, subject })
    }
}

/// Whether a message id can be a key. C: `conversations_check_msgid()`
fn is_valid(id: &[u8]) -> bool {
    let inside = id.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or_default();
    !inside.is_empty() && inside.iter().all(u8::is_ascii_graphic)
}

/// The lines of one header, with their names, out of the cached headers.
/// C: `message_pruneheader()`
fn fields(headers: &[u8], name: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut is_wanted = false;
    for line in headers.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b"\r") {
            break;
        }
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let head = line.iter().position(|&byte| byte == b':').and_then(|colon| line.get(..colon));
            is_wanted = head.is_some_and(|head| head.eq_ignore_ascii_case(name));
        }
        if is_wanted {
            out.extend_from_slice(line);
        }
    }
    out
}

/// The normalised subject of a message. C: `message_extract_convsubject()`
pub(super) fn subject_of(cache: &CacheView<'_>) -> Vec<u8> {
    normalise(cache.subject().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_picked_with_their_folding() {
        let headers = b"Subject: x\r\nReferences: <a@b>\r\n <c@d>\r\nX: y\r\n";
        assert_eq!(fields(headers, b"references"), b"References: <a@b>\r\n <c@d>\r\n");
        assert_eq!(fields(headers, b"none"), b"");
    }

    #[test]
    fn only_printable_ids_are_keys() {
        assert!(is_valid(b"<a@b>"));
        for bad in [b"<>".as_slice(), b"a@b", b"<a b@c>", b"<a\xff@c>", b"<"] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_cid_is_never_zero() {
        let mut guid = Guid::default();
        guid.0[..8].copy_from_slice(&MASK.to_be_bytes());
        assert_eq!(fresh_cid(&guid), 1);
    }
}
