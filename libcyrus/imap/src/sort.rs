//! SORT (RFC 5256, RFC 5957): what messages are compared by.
//!
//! A message becomes one value per criterion; equal ones keep the order of their numbers.
//! C: `index_msgdata_load()`, `index_sort_compare()`

use crate::view::View;
use cyrus_mime::address::parse_list;
use cyrus_mime::cache::{CacheView, Item};
use cyrus_mime::charset::{Charset, SearchFlags, Space, search_form};
use cyrus_mime::{header, subject};
use cyrus_store::Result;
use cyrus_store::mailbox::{Mailbox, Record, SystemFlags};
use cyrus_util::ids::MsgNo;
use std::cmp::Ordering;

/// So many records are read under one index lock.
pub(crate) const BATCH: usize = 1024;

/// What messages are compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A value of an annotation: entry, and whose (empty for the shared one).
    Annotation(Vec<u8>, Vec<u8>),
    /// INTERNALDATE.
    Arrival,
    /// First Cc mailbox.
    Cc,
    /// When it was sent, else INTERNALDATE.
    Date,
    /// Display name, else address, of the first From.
    DisplayFrom,
    /// The same of the first To.
    DisplayTo,
    /// First From mailbox.
    From,
    /// Whether it has this flag.
    HasFlag(Vec<u8>),
    /// MODSEQ.
    ModSeq,
    /// RFC822.SIZE.
    Size,
    /// X-Spam-score.
    SpamScore,
    /// Base subject.
    Subject,
    /// First To mailbox.
    To,
    /// UID.
    Uid,
    /// What is the same for all messages of a mailbox (FOLDER, RELEVANCY).
    Same,
}

/// One criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// By what.
    pub key: SortKey,
    /// The largest comes first.
    pub reverse: bool,
}

/// What a message has for one criterion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(u64),
    Text(Vec<u8>),
}

/// The messages in the order of the criteria; those whose record is gone are left out.
///
/// # Errors
/// As reading the records.
pub fn sort(view: &mut View, msgnos: &[MsgNo], criteria: &[Criterion]) -> Result<Vec<MsgNo>> {
    let created = counts_creation(criteria);
    let mut rows: Vec<(Vec<Value>, MsgNo)> = Vec::with_capacity(msgnos.len());
    for batch in msgnos.chunks(BATCH) {
        for (msgno, record) in &view.records(batch)? {
            let modseq = view.row(*msgno).map_or(0, |row| row.modseq.0);
            let mut values = values(view.mailbox_mut(), record, modseq, criteria);
            if created {
                values.push(Value::Number(record.createdmodseq.0));
            }
            rows.push((values, *msgno));
        }
    }
    let mut reversed: Vec<bool> = criteria.iter().map(|criterion| criterion.reverse).collect();
    reversed.push(criteria.last().is_some_and(|criterion| criterion.reverse));
    rows.sort_by(|(a, a_number), (b, b_number)| {
        compare(a, b, &reversed).then_with(|| a_number.cmp(b_number))
    });
    Ok(rows.into_iter().map(|(_, msgno)| msgno).collect())
}

fn compare(a: &[Value], b: &[Value], reversed: &[bool]) -> Ordering {
    let orders = a.iter().zip(b).zip(reversed).map(|((a, b), reverse)| match reverse {
        false => a.cmp(b),
        true => b.cmp(a),
    });
    orders.fold(Ordering::Equal, Ordering::then)
}

/// Sorting by arrival alone looks at the modseq of creation, too.
/// C: `index_sort_compare_arrival()` and its sisters
fn counts_creation(criteria: &[Criterion]) -> bool {
    match criteria {
        [one] => one.key == SortKey::Arrival,
        [flag, arrival] => {
            matches!(flag.key, SortKey::HasFlag(_))
                && flag.reverse
                && arrival.key == SortKey::Arrival
                && arrival.reverse
        }
        _ => false,
    }
}

fn values(mailbox: &mut Mailbox, record: &Record, modseq: u64, criteria: &[Criterion]) -> Vec<Value> {
    let needs_cache = criteria.iter().any(|criterion| {
        use SortKey as K;
        matches!(
            criterion.key,
            K::Cc | K::DisplayFrom | K::DisplayTo | K::From | K::SpamScore | K::Subject | K::To
        )
    });
    let bytes = if needs_cache {
        mailbox.cache_bytes(record).map(std::borrow::Cow::into_owned)
    } else {
        Ok(Vec::new())
    };
    let bytes = bytes.unwrap_or_default();
    let cache = CacheView::at(&bytes, 0);
    criteria.iter().map(|criterion| value(mailbox, record, modseq, cache.as_ref(), &criterion.key)).collect()
}

fn value(
    mailbox: &Mailbox,
    record: &Record,
    modseq: u64,
    cache: Option<&CacheView<'_>>,
    key: &SortKey,
) -> Value {
    let item = |item| cache.map(|cache| cache.item(item)).unwrap_or_default();
    match key {
        SortKey::Annotation(entry, userid) => {
            Value::Text(mailbox.annotation(record.uid, entry, userid).ok().flatten().unwrap_or_default())
        }
        SortKey::Arrival => Value::Number(record.internaldate.0.cast_unsigned()),
        SortKey::Cc => Value::Text(localpart(item(Item::Cc))),
        SortKey::Date => Value::Number(sent_at(record).cast_unsigned()),
        SortKey::DisplayFrom => Value::Text(display_name(item(Item::From))),
        SortKey::DisplayTo => Value::Text(display_name(item(Item::To))),
        SortKey::From => Value::Text(localpart(item(Item::From))),
        SortKey::HasFlag(name) => Value::Number(has_flag(mailbox, record, name).into()),
        SortKey::ModSeq => Value::Number(modseq),
        SortKey::Same => Value::Number(0),
        SortKey::Size => Value::Number(record.size.into()),
        SortKey::SpamScore => Value::Number(spam_score(item(Item::Headers))),
        SortKey::Subject => {
            let subject = cache.and_then(CacheView::subject).unwrap_or_default();
            Value::Text(subject::base(&decoded_again(subject)).text)
        }
        SortKey::To => Value::Text(localpart(item(Item::To))),
        SortKey::Uid => Value::Number(record.uid.0.into()),
    }
}

/// The decoded subject as C sorts by it: it decodes once more, as US-ASCII, and so every other octet
/// becomes U+FFFD. C: `index_extract_subject()`
fn decoded_again(subject: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(subject.len());
    for &byte in subject {
        match byte.is_ascii() {
            true => out.push(byte),
            false => out.extend_from_slice("\u{fffd}".as_bytes()),
        }
    }
    out
}

/// The time of the Date field, else INTERNALDATE.
pub(crate) fn sent_at(record: &Record) -> i64 {
    if record.gmtime.0 == 0 { record.internaldate.0 } else { record.gmtime.0 }
}

/// C: `get_localpart_addr()`
fn localpart(addresses: &[u8]) -> Vec<u8> {
    parse_list(addresses).into_iter().next().and_then(|first| first.mailbox).unwrap_or_default()
}

/// C: `get_displayname()`
fn display_name(addresses: &[u8]) -> Vec<u8> {
    let Some(first) = parse_list(addresses).into_iter().next() else { return Vec::new() };
    if let Some(name) = first.name.filter(|name| !name.is_empty()) {
        let flags = SearchFlags {
            skip_diacritics: false,
            space: Space::Keep,
            skip_html: false,
            keep_case: false,
            mime_utf8: false,
        };
        return match Charset::lookup(b"utf-8") {
            Some(utf8) => search_form(&name, utf8, flags),
            None => name,
        };
    }
    let address = match (first.mailbox, first.host) {
        (Some(mailbox), Some(host)) => [mailbox.as_slice(), b"@", &host].concat(),
        (Some(mailbox), None) => mailbox,
        (None, _) => Vec::new(),
    };
    address.to_ascii_uppercase()
}

/// C: `mailbox_record_hasflag()`
fn has_flag(mailbox: &Mailbox, record: &Record, name: &[u8]) -> bool {
    let system = match name.to_ascii_lowercase().as_slice() {
        b"\\answered" => Some(SystemFlags::ANSWERED),
        b"\\deleted" => Some(SystemFlags::DELETED),
        b"\\draft" => Some(SystemFlags::DRAFT),
        b"\\flagged" => Some(SystemFlags::FLAGGED),
        b"\\seen" => Some(SystemFlags::SEEN),
        _ => None,
    };
    match system {
        Some(flag) => record.system_flags.has(flag),
        None => record
            .user_flags
            .iter()
            .any(|slot| mailbox.header().flag_name(slot).is_some_and(|flag| flag.eq_ignore_ascii_case(name))),
    }
}

/// In hundredths, so that -1.5 comes before 2.
fn spam_score(headers: &[u8]) -> u64 {
    let text = header::first(headers, b"x-spam-score").unwrap_or_default().trim_ascii_start();
    let length = text.iter().take_while(|byte| byte.is_ascii_digit() || b"+-.".contains(byte)).count();
    let number = std::str::from_utf8(text.get(..length).unwrap_or_default()).ok();
    let score: f64 = number.and_then(|number| number.parse().ok()).unwrap_or(0.0);
    #[allow(clippy::cast_possible_truncation, reason = "a cast of floats saturates")]
    let hundredths = (score * 100.0 + 0.5) as i64;
    hundredths.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_criteria_decide_among_equal_ones() {
        let row = |number: u64, text: &str| vec![Value::Number(number), Value::Text(text.into())];
        assert_eq!(compare(&row(1, "b"), &row(1, "a"), &[false, false]), Ordering::Greater);
        assert_eq!(compare(&row(1, "b"), &row(1, "a"), &[false, true]), Ordering::Less);
        assert_eq!(compare(&row(1, "a"), &row(2, "a"), &[true, false]), Ordering::Greater);
    }

    #[test]
    fn addresses_give_their_local_part_or_name() {
        assert_eq!(localpart(b"\"ANN\" <ANN@EXAMPLE.ORG>, X@Y"), b"ANN");
        assert_eq!(display_name(b"\"Ann B\" <ann@example.org>"), b"ANN B");
        assert_eq!(display_name(b"<ann@example.org>"), b"ANN@EXAMPLE.ORG");
        assert_eq!(localpart(b""), b"");
    }

    #[test]
    fn a_spam_score_is_a_number() {
        assert_eq!(spam_score(b"X-Spam-score: 1.5\r\n"), 150);
        assert_eq!(spam_score(b"Subject: x\r\n"), 0);
    }
}
