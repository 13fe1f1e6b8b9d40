//! The `B` record: what is known of one conversation (reference/databases.md 3.2).
//!
//! ```text
//! 1 (modseq numrecords exists unseen (counted ...) ((folder modseq numrecords exists unseen) ...)
//!    ((name route mailbox domain lastseen exists) ...) subject size ((guid exists internaldate) ...)
//!    createdmodseq)
//! ```
//! Version 0 counted every uid, version 1 counts every guid once; older texts may end after the
//! subject, the size or the messages.

use cyrus_mime::charset::parse_mimeheader;
use cyrus_util::dlist::Value;
use cyrus_util::guid::Guid;
use std::cmp::Ordering;

/// The version that is written for new conversations.
pub(super) const VERSION: u64 = 1;

/// This many senders are kept.
const SENDERS_MAX: usize = 99;

/// A conversation. C: `conversation_t`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// 0 or 1: what the counts count.
    pub version: u64,
    /// Highest modseq of its messages.
    pub modseq: u64,
    /// Messages, expunged ones too.
    pub num_records: u32,
    /// Messages neither deleted nor expunged.
    pub exists: u32,
    /// Of these the ones unseen outside Trash.
    pub unseen: u32,
    /// Octets.
    pub size: u32,
    /// How many have each counted flag.
    pub counts: Vec<u32>,
    /// By folder number.
    pub folders: Vec<ConvFolder>,
    /// Latest first.
    pub senders: Vec<Sender>,
    /// The messages, by date.
    pub messages: Vec<ThreadMessage>,
    /// Normalised subject; `None` as long as only drafts came.
    pub subject: Option<Vec<u8>>,
    /// Lowest createdmodseq of its messages, 0 for unknown.
    pub createdmodseq: u64,
    pub(super) dirty: bool,
}

/// What of a conversation is in one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConvFolder {
    /// Position in `$FOLDER_IDS`.
    pub number: u32,
    /// Highest modseq.
    pub modseq: u64,
    /// Messages, expunged ones too.
    pub num_records: u32,
    /// Messages neither deleted nor expunged.
    pub exists: u32,
    /// Of these the unseen ones.
    pub unseen: u32,
}

/// Who wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Display name as in ENVELOPE.
    pub name: Option<Vec<u8>>,
    /// Source route.
    pub route: Option<Vec<u8>>,
    /// Local part.
    pub mailbox: Vec<u8>,
    /// Domain.
    pub domain: Vec<u8>,
    /// Date of the latest message.
    pub lastseen: i64,
    /// Messages.
    pub exists: u32,
}

/// One message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadMessage {
    /// SHA-1 of the message.
    pub guid: Guid,
    /// Copies.
    pub exists: u32,
    /// INTERNALDATE.
    pub internaldate: i64,
}

/// Adds to a count that never goes below zero. C: `_apply_delta()`
pub(super) fn apply(count: &mut u32, delta: i64) {
    let step = u32::try_from(delta.unsigned_abs() & u64::from(u32::MAX)).unwrap_or(0);
    *count = if delta >= 0 { count.wrapping_add(step) } else { count.saturating_sub(step) };
}

impl Conversation {
    /// A conversation without messages.
    #[must_use]
    pub fn new() -> Self {
        Self { version: VERSION, dirty: true, ..Self::default() }
    }

    /// Reads a record. C: `conversation_parse()`
    #[must_use]
    pub fn parse(data: &[u8], utf8: bool) -> Option<Self> {
        let (version, text) = split_version(data)?;
        if version > VERSION {
            return None;
        }
        let value = Value::parse(text).ok()?;
        let Value::List(items) = &value else { return None };
        let number = |at: usize| items.get(at)?.as_u64();
        let small = |at: usize| number(at).map(low);
        let list = |at: usize| match items.get(at) {
            Some(Value::List(items)) => Some(items.as_slice()),
            _ => None,
        };
        let mut conv = Self {
            version,
            modseq: number(0)?,
            num_records: small(1)?,
            exists: small(2)?,
            unseen: small(3)?,
            counts: list(4)?.iter().map(|count| count.as_u64().map_or(0, low)).collect(),
            subject: items.get(7)?.as_bytes().map(<[u8]>::to_vec),
            size: small(8).unwrap_or(0),
            createdmodseq: number(10).unwrap_or(0),
            ..Self::default()
        };
        for item in list(5)? {
            let field = |at: usize| item.items().get(at).and_then(Value::as_u64).unwrap_or(0);
            let folder = conv.folder(low(field(0)));
            folder.modseq = field(1);
            folder.num_records = low(field(2));
            folder.exists = low(field(3));
            folder.unseen = low(field(4));
        }
        for item in list(6)? {
            let text = |at: usize| item.items().get(at).and_then(Value::as_bytes);
            let field = |at: usize| item.items().get(at).and_then(Value::as_u64).unwrap_or(0);
            let (Some(mailbox), Some(domain)) = (text(2), text(3)) else { continue };
            let seen = Seen { name: text(0), route: text(1), mailbox, domain };
            let lastseen = i64::try_from(field(4)).unwrap_or(i64::MAX);
            conv.update_sender(&seen, lastseen, i64::from(low(field(5))), utf8);
        }
        for item in list(9).unwrap_or_default() {
            let field = |at: usize| item.items().get(at).and_then(Value::as_u64).unwrap_or(0);
            conv.messages.push(ThreadMessage {
                guid: item.items().first().and_then(Value::as_guid).unwrap_or_default(),
                exists: low(field(1)),
                internaldate: i64::try_from(field(2)).unwrap_or(i64::MAX),
            });
        }
        conv.dirty = false;
        Some(conv)
    }

    /// The record, with `flags` counted flags. C: `conv_to_buf()`
    #[must_use]
    pub fn print(&self, flags: usize) -> Vec<u8> {
        let num = |number: u32| Value::Num(u64::from(number));
        let text = |text: Option<&[u8]>| text.map_or(Value::Nil, Value::str);
        let counts = (0..flags).map(|at| num(self.counts.get(at).copied().unwrap_or(0))).collect();
        let folders = self.folders.iter().filter(|folder| folder.num_records > 0).map(|folder| {
            Value::List(vec![
                num(folder.number),
                Value::Num(folder.modseq),
                num(folder.num_records),
                num(folder.exists),
                num(folder.unseen),
            ])
        });
        let senders =
            self.senders.iter().filter(|sender| sender.exists > 0).take(SENDERS_MAX).map(|sender| {
                Value::List(vec![
                    text(sender.name.as_deref()),
                    text(sender.route.as_deref()),
                    text(Some(&sender.mailbox)),
                    text(Some(&sender.domain)),
                    Value::Num(unsigned(sender.lastseen)),
                    num(sender.exists),
                ])
            });
        let messages = self.messages.iter().filter(|message| message.exists > 0).map(|message| {
            Value::List(vec![
                Value::Guid(message.guid),
                num(message.exists),
                Value::Num(unsigned(message.internaldate)),
            ])
        });
        let value = Value::List(vec![
            Value::Num(self.modseq),
            num(self.num_records),
            num(self.exists),
            num(self.unseen),
            Value::List(counts),
            Value::List(folders.collect()),
            Value::List(senders.collect()),
            text(self.subject.as_deref()),
            num(self.size),
            Value::List(messages.collect()),
            Value::Num(self.createdmodseq),
        ]);
        let mut out = format!("{} ", self.version).into_bytes();
        value.print_to(&mut out);
        out
    }

    /// The entry of a folder, made when there is none. C: `conversation_get_folder()`
    pub(super) fn folder(&mut self, number: u32) -> &mut ConvFolder {
        let at = match self.folders.binary_search_by_key(&number, |folder| folder.number) {
            Ok(at) => at,
            Err(at) => {
                self.dirty = true;
                self.folders.insert(at, ConvFolder { number, ..ConvFolder::default() });
                at
            }
        };
        // `at` is in range: found or inserted there.
        &mut self.folders[at]
    }

    /// Counts a sender up or down and keeps the better spelling of each part.
    /// C: `conversation_update_sender()`
    pub(super) fn update_sender(&mut self, seen: &Seen<'_>, lastseen: i64, delta: i64, utf8: bool) {
        self.dirty = true;
        let known = self.senders.iter().position(|each| each.compare(seen.mailbox, seen.domain).is_eq());
        let mut sender = known.map_or_else(Sender::default, |at| self.senders.remove(at));
        if delta <= 0 && delta.unsigned_abs() >= u64::from(sender.exists) {
            return;
        }
        apply(&mut sender.exists, delta);
        if sender.name.is_none() || prefers_name(sender.name.as_deref(), seen.name, utf8) {
            sender.name = seen.name.map(<[u8]>::to_vec);
        }
        if sender.route.as_deref().is_none_or(|route| route > seen.route.unwrap_or_default()) {
            sender.route = seen.route.map(<[u8]>::to_vec);
        }
        let is_new = known.is_none();
        if is_new || sender.mailbox.as_slice() > seen.mailbox {
            sender.mailbox = seen.mailbox.to_vec();
        }
        if is_new || sender.domain.as_slice() > seen.domain {
            sender.domain = seen.domain.to_vec();
        }
        sender.lastseen = sender.lastseen.max(lastseen);
        let place = self.senders.iter().position(|each| {
            each.lastseen < sender.lastseen
                || (each.lastseen == sender.lastseen && each.compare(seen.mailbox, seen.domain).is_gt())
        });
        self.senders.insert(place.unwrap_or(self.senders.len()), sender);
    }

    /// Counts a message up or down. C: `conversation_update_thread()`
    pub(super) fn update_message(&mut self, guid: &Guid, internaldate: i64, delta: i64) {
        match self.messages.iter().position(|message| message.guid == *guid) {
            None if delta <= 0 => return,
            None => self.messages.push(ThreadMessage { guid: *guid, exists: low_i64(delta), internaldate }),
            Some(at) => {
                let gone = self.messages.get_mut(at).is_none_or(|message| {
                    let gone = i64::from(message.exists).saturating_add(delta) <= 0;
                    message.internaldate = internaldate;
                    apply(&mut message.exists, delta);
                    gone
                });
                if gone {
                    self.messages.remove(at);
                    self.dirty = true;
                    return;
                }
            }
        }
        self.sort_messages();
        self.dirty = true;
    }

    /// By date, then by guid. C: `conversations_thread_sort()`
    pub(super) fn sort_messages(&mut self) {
        self.messages.sort_by(|a, b| a.internaldate.cmp(&b.internaldate).then(a.guid.0.cmp(&b.guid.0)));
    }
}

/// A sender as a message names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) name: Option<&'a [u8]>,
    pub(super) route: Option<&'a [u8]>,
    pub(super) mailbox: &'a [u8],
    pub(super) domain: &'a [u8],
}

impl Sender {
    /// C: `sender_cmp()`
    fn compare(&self, mailbox: &[u8], domain: &[u8]) -> Ordering {
        let lower = |text: &[u8]| text.to_ascii_lowercase();
        let by_domain = lower(&self.domain).cmp(&lower(domain));
        by_domain.then_with(|| lower(&self.mailbox).cmp(&lower(mailbox)))
    }
}

/// Whether `new` is the better display name: first one that is not all ASCII, then the longer,
/// then the one that sorts first. C: `sender_preferred_name()`
fn prefers_name(old: Option<&[u8]>, new: Option<&[u8]>, utf8: bool) -> bool {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if old == new {
        return false;
    }
    let (a, b) = (parse_mimeheader(old, utf8), parse_mimeheader(new, utf8));
    let order = b.is_ascii().cmp(&a.is_ascii()).reverse();
    let order = order.then(b.len().cmp(&a.len())).then_with(|| a.cmp(&b)).then_with(|| old.cmp(new));
    order.is_gt()
}

/// The version number in front of a value, and the value.
pub(super) fn split_version(data: &[u8]) -> Option<(u64, &[u8])> {
    let space = data.iter().position(|&byte| byte == b' ')?;
    let version = std::str::from_utf8(data.get(..space)?).ok()?.parse().ok()?;
    Some((version, data.get(space.checked_add(1)?..)?))
}

/// The low half, as C stores into 32 bits.
fn low(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

fn low_i64(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// A time as C prints it into 32 bits without sign.
fn unsigned(time: i64) -> u64 {
    u64::from(low(u64::from_ne_bytes(time.to_ne_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"1 (21 2 2 1 (0 1) ((0 21 1 1 1) (3 19 1 1 0)) ((\"Ann B\" NIL ann a.example 1700000000 1) \
(NIL NIL bert b.example 1600000000 1)) Hello 1234 ((0123456789abcdef0123456789abcdef01234567 1 1600000000) \
(1123456789abcdef0123456789abcdef01234567 1 1700000000)) 17)";

    #[test]
    fn records_are_written_as_they_were_read() {
        let conv = Conversation::parse(TEXT, false).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&conv.print(2)), String::from_utf8_lossy(TEXT));
        assert_eq!(conv.folders.len(), 2);
        assert_eq!(conv.subject.as_deref(), Some(b"Hello".as_slice()));
    }

    #[test]
    fn short_old_records_are_read() {
        let conv = Conversation::parse(b"0 (5 1 1 0 () ((0 5 1 1 0)) () NIL)", false).unwrap_or_default();
        assert_eq!((conv.version, conv.modseq, conv.size, conv.subject), (0, 5, 0, None));
        assert_eq!(Conversation::parse(b"2 (5 1 1 0 () () () NIL)", false), None);
        assert_eq!(Conversation::parse(b"1 (5 1", false), None);
    }

    #[test]
    fn the_better_name_is_kept_whatever_came_first() {
        let names: [Option<&[u8]>; 4] = [None, Some(b"bo"), Some(b"Bo Lee"), Some(b"=?utf-8?Q?B=C3=B6?=")];
        for first in names {
            for second in names {
                let mut a = Conversation::new();
                let mut b = Conversation::new();
                let seen = |name| Seen { name, route: None, mailbox: b"bo", domain: b"x.example" };
                a.update_sender(&seen(first), 5, 1, false);
                a.update_sender(&seen(second), 6, 1, false);
                b.update_sender(&seen(second), 6, 1, false);
                b.update_sender(&seen(first), 5, 1, false);
                assert_eq!(a.senders, b.senders);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut text = TEXT.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..text.len());
                text.truncate(random.usize(at..=text.len()));
                if let Some(byte) = text.get_mut(at) {
                    *byte = random.u8(..);
                }
                if text.is_empty() {
                    break;
                }
            }
            if let Some(conv) = Conversation::parse(&text, false) {
                let _ = conv.print(1);
            }
        }
    }
}
