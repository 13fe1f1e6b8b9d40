//! SEARCH's keys made ready, and the verdict on one message.
//!
//! A verdict is sought with what costs least: the row of the view, then the index record, then the
//! cache record, then the message file. Each step may leave it open ([`None`]).

mod text;

pub use text::Texts;

use crate::annotate::fetch::Wanted;
use crate::command::{AnnotationRequest, DateField, SearchKey, Sequence, SystemFlag, TextField};
use libcyrus::imap::view::{By, Row, View};
use libcyrus::mime::charset::{Charset, SearchFlags, search_form};
use libcyrus::store::annotate::{Definitions, Level};
use libcyrus::store::mailbox::{Record, SystemFlags};
use libcyrus::util::ids::MsgNo;
use libcyrus::util::seqset::SeqSet;

/// A key with its sets resolved and its strings in search form.
pub enum Key<'g> {
    /// Every message, or none.
    Always(bool),
    /// All of them.
    And(Vec<Key<'g>>),
    /// An annotation that holds the value.
    Annotation(Wanted<'g>, Option<Vec<u8>>),
    /// Either.
    Or(Box<Key<'g>>, Box<Key<'g>>),
    /// Not this.
    Not(Box<Key<'g>>),
    /// Message numbers.
    MsgNos(SeqSet),
    /// UIDs.
    Uids(SeqSet),
    /// A system flag.
    Flag(SystemFlag),
    /// A keyword's slot.
    Keyword(u8),
    /// MODSEQ at least this.
    ModSeq(u64),
    /// A date in `from..to`.
    Date(DateField, i64, i64),
    /// More octets than this.
    Larger(u32),
    /// Fewer octets than this.
    Smaller(u32),
    /// EMAILID equals.
    EmailId(Vec<u8>),
    /// THREADID equals.
    ThreadId(Vec<u8>),
    /// A string in a text field.
    Text(TextField, Vec<u8>),
    /// A string in a header field; an empty one asks for the field's presence.
    Header(Vec<u8>, Vec<u8>),
}

/// What making keys ready needs to know.
pub struct Ground<'v, 'd> {
    /// The selected mailbox.
    pub view: &'v View,
    /// How the strings are written.
    pub charset: Charset,
    /// How text is levelled.
    pub flags: SearchFlags,
    /// Seconds since the epoch.
    pub now: i64,
    /// The annotations that are known.
    pub definitions: &'d Definitions,
}

impl<'d> Ground<'_, 'd> {
    /// Makes a key ready.
    #[must_use]
    pub fn key(&self, key: &SearchKey) -> Key<'d> {
        use SearchKey as K;
        match key {
            K::All => Key::Always(true),
            K::Annotation { entry, attribute, value } => {
                let (entries, attributes) = (vec![entry.clone()], vec![attribute.clone()]);
                let request = AnnotationRequest { entries, attributes };
                Key::Annotation(Wanted::new(self.definitions, Level::Message, &request), value.clone())
            }
            K::And(keys) => Key::And(keys.iter().map(|key| self.key(key)).collect()),
            K::Or(a, b) => Key::Or(Box::new(self.key(a)), Box::new(self.key(b))),
            K::Not(key) => Key::Not(Box::new(self.key(key))),
            K::Sequence(set) => Key::MsgNos(self.set(set, By::MsgNo)),
            K::Uid(set) => Key::Uids(self.set(set, By::Uid)),
            K::Flag(flag) => Key::Flag(*flag),
            K::Keyword(name) => self.keyword(name),
            K::Text(field, text) => Key::Text(*field, self.text(text)),
            K::Header(name, text) => Key::Header(name.clone(), self.text(text)),
            K::Before(field, end) => Key::Date(*field, i64::MIN, *end),
            K::On(field, start, end) => Key::Date(*field, *start, *end),
            K::Since(field, start) => Key::Date(*field, *start, i64::MAX),
            K::Older(seconds) => {
                Key::Date(DateField::Internal, i64::MIN, self.now.saturating_sub(*seconds).saturating_add(1))
            }
            K::Younger(seconds) => {
                Key::Date(DateField::Internal, self.now.saturating_sub(*seconds), i64::MAX)
            }
            K::Larger(octets) => Key::Larger(*octets),
            K::Smaller(octets) => Key::Smaller(*octets),
            K::ModSeq(modseq) => Key::ModSeq(*modseq),
            K::EmailId(id) => Key::EmailId(id.clone()),
            K::ThreadId(id) => Key::ThreadId(id.clone()),
            // Save dates are kept from index version 15 on.
            K::SaveDateSupported => Key::Always(self.view.mailbox().index_header().version.minor() >= 15),
        }
    }

    fn set(&self, set: &Sequence, by: By) -> SeqSet {
        self.view.resolve(&set.0, by)
    }

    fn text(&self, text: &[u8]) -> Vec<u8> {
        search_form(text, self.charset, self.flags)
    }

    fn keyword(&self, name: &[u8]) -> Key<'d> {
        let named =
            |flag: &Option<Vec<u8>>| flag.as_ref().is_some_and(|flag| flag.eq_ignore_ascii_case(name));
        match self.view.keywords().iter().position(named).and_then(|slot| u8::try_from(slot).ok()) {
            Some(slot) => Key::Keyword(slot),
            None => Key::Always(false),
        }
    }
}

impl Key<'_> {
    /// Whether the key asks for mod-sequences, so that the answer must tell the highest one
    /// (RFC 7162 3.1.5).
    #[must_use]
    pub fn asks_modseq(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::And(keys) => keys.iter().any(Self::asks_modseq),
            Self::Or(a, b) => a.asks_modseq() || b.asks_modseq(),
            Self::Not(key) => key.asks_modseq(),
            _ => false,
        }
    }

    /// The verdict as far as it can be had; `None` asks for more to look at.
    pub fn matches(&self, message: &mut Message<'_, '_>) -> Option<bool> {
        match self {
            Self::Always(verdict) => Some(*verdict),
            Self::And(keys) => {
                let mut open = false;
                for key in keys {
                    match key.matches(message) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => open = true,
                    }
                }
                (!open).then_some(true)
            }
            Self::Or(a, b) => match a.matches(message) {
                Some(true) => Some(true),
                Some(false) => b.matches(message),
                None => b.matches(message).filter(|&verdict| verdict),
            },
            Self::Not(key) => key.matches(message).map(|verdict| !verdict),
            Self::MsgNos(set) => Some(set.contains(message.msgno.0)),
            Self::Uids(set) => Some(set.contains(message.row.uid.0)),
            Self::Flag(flag) => Some(has_flag(message.row, *flag)),
            Self::Keyword(slot) => Some(message.row.user_flags.has(*slot)),
            Self::ModSeq(modseq) => Some(message.row.modseq.0 >= *modseq),
            Self::Date(field, from, to) => {
                let record = message.record?;
                let date = match field {
                    DateField::Internal => record.internaldate,
                    DateField::Saved => record.savedate,
                    DateField::Sent => record.sentdate,
                };
                Some((*from..*to).contains(&date.0))
            }
            Self::Larger(octets) => Some(message.record?.size > *octets),
            Self::Smaller(octets) => Some(message.record?.size < *octets),
            Self::EmailId(id) => {
                let guid = message.record?.guid.to_string();
                Some(id.strip_prefix(b"M") == guid.get(..24).map(str::as_bytes))
            }
            Self::ThreadId(id) => {
                let cid = message.record?.cid;
                Some(cid != 0 && id.strip_prefix(b"T") == Some(format!("{cid:016x}").as_bytes()))
            }
            Self::Annotation(wanted, value) => {
                let texts = message.texts.as_deref_mut()?;
                Some(texts.annotations(wanted).iter().any(|entry| entry.holds(value.as_deref())))
            }
            Self::Text(field, needle) => {
                let texts = message.texts.as_deref_mut()?;
                Some(match field {
                    TextField::Bcc | TextField::Cc | TextField::From | TextField::Subject | TextField::To => {
                        texts.cached_field_has(*field, needle)
                    }
                    TextField::Body => texts.body_has(needle),
                    TextField::Text => texts.text_has(needle),
                })
            }
            Self::Header(name, needle) => Some(message.texts.as_deref_mut()?.header_has(name, needle)),
        }
    }
}

/// One message, as much of it as has been fetched.
pub struct Message<'m, 't> {
    /// Its number.
    pub msgno: MsgNo,
    /// Its row.
    pub row: &'m Row,
    /// Its record.
    pub record: Option<&'m Record>,
    /// Its cache record and file.
    pub texts: Option<&'m mut Texts<'t>>,
}

fn has_flag(row: &Row, flag: SystemFlag) -> bool {
    let bit = match flag {
        SystemFlag::Answered => SystemFlags::ANSWERED,
        SystemFlag::Deleted => SystemFlags::DELETED,
        SystemFlag::Draft => SystemFlags::DRAFT,
        SystemFlag::Flagged => SystemFlags::FLAGGED,
        SystemFlag::Recent => return row.recent,
        SystemFlag::Seen => return row.seen,
    };
    row.system_flags.has(bit)
}
