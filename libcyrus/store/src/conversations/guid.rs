//! `G` records: where messages and parts with a given content are.
//!
//! Key `G<guid40>:<folder>:<uid>` with `[part]` behind for the content of a part; value 25 octets:
//! `0x80|version`, cid u64, system flags u32, internal flags u32, internaldate u64. Older values
//! are 16 hexadecimal digits of the cid, or empty; older keys end after the guid and have
//! `folder:uid` items, separated by commas, as value.

use cyrus_util::guid::Guid;

/// Version of the value in a database that goes by ids.
pub(super) const BY_ID: u8 = 2;
/// Version of the value in a database that goes by names.
pub(super) const BY_NAME: u8 = 1;
/// Octets of `G` and a guid.
pub(super) const KEY_HEAD: usize = 41;

/// One place of a message or part. C: `conv_guidrec_t`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuidRecord {
    /// Position in `$FOLDER_IDS`.
    pub folder: u32,
    /// UID there.
    pub uid: u32,
    /// Part number; `None` for the whole message.
    pub part: Option<Vec<u8>>,
    /// Version of the value; flags are known from 1 on.
    pub version: u8,
    /// Conversation.
    pub cid: u64,
    /// RFC 3501 flags.
    pub system_flags: u32,
    /// Cyrus's own flags.
    pub internal_flags: u32,
    /// INTERNALDATE.
    pub internaldate: i64,
}

/// `G` and the guid, with which all records of a content begin.
pub(super) fn prefix(guid: &Guid) -> Vec<u8> {
    format!("G{guid}").into_bytes()
}

/// The places that one record of the database tells; more than one only in the oldest form.
pub(super) fn parse(key: &[u8], value: &[u8]) -> Vec<GuidRecord> {
    if key.len() == KEY_HEAD {
        let items = value.split(|&byte| byte == b',').filter(|item| !item.is_empty());
        return items.filter_map(parse_item).collect();
    }
    let Some(mut record) = key.get(KEY_HEAD..).and_then(|rest| parse_item(rest.strip_prefix(b":")?)) else {
        return Vec::new();
    };
    parse_value(&mut record, value);
    vec![record]
}

/// `folder:uid` or `folder:uid[part]`.
fn parse_item(item: &[u8]) -> Option<GuidRecord> {
    let text = std::str::from_utf8(item).ok()?;
    let (folder, rest) = text.split_once(':')?;
    let (uid, part) = match rest.split_once('[') {
        Some((uid, part)) => (uid, Some(part.strip_suffix(']').filter(|part| !part.is_empty())?)),
        None => (rest, None),
    };
    Some(GuidRecord {
        folder: folder.parse().ok()?,
        uid: uid.parse().ok()?,
        part: part.map(|part| part.as_bytes().to_vec()),
        ..GuidRecord::default()
    })
}

fn parse_value(record: &mut GuidRecord, value: &[u8]) {
    if value.len() < 16 {
        return;
    }
    let head = value.first().copied().unwrap_or(0);
    if head & 0x80 == 0 || head == 0x80 {
        let digits = value.get(..16).and_then(|digits| std::str::from_utf8(digits).ok());
        record.cid = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
        return;
    }
    let long =
        |at: usize| value.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u64::from_be_bytes(*b));
    let word =
        |at: usize| value.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u32::from_be_bytes(*b));
    record.version = head & 0x7f;
    record.cid = long(1);
    record.system_flags = word(9);
    record.internal_flags = word(13);
    record.internaldate = i64::try_from(long(17)).unwrap_or(0);
}

/// Whether two values say the same: the original sometimes repeats internal flags in the word of the
/// system flags, where nobody looks for them.
pub(super) fn is_same_place(a: &[u8], b: &[u8]) -> bool {
    let plain = |value: &[u8]| {
        let mut value = value.to_vec();
        if let Some(high) = value.get_mut(9..11) {
            high.fill(0);
        }
        value
    };
    a.len() == b.len() && plain(a) == plain(b)
}

/// The value of a record.
pub(super) fn print_value(version: u8, cid: u64, system: u32, internal: u32, internaldate: i64) -> Vec<u8> {
    let mut value = Vec::with_capacity(25);
    value.push(0x80 | version);
    value.extend_from_slice(&cid.to_be_bytes());
    value.extend_from_slice(&system.to_be_bytes());
    value.extend_from_slice(&internal.to_be_bytes());
    value.extend_from_slice(&internaldate.to_be_bytes());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let guid = Guid::of(b"x");
        let mut key = prefix(&guid);
        let old = parse(&key, b"0:1,3:14[1.2]");
        assert_eq!(old.iter().map(|each| (each.folder, each.uid)).collect::<Vec<_>>(), [(0, 1), (3, 14)]);
        key.extend_from_slice(b":3:14[1.2]");
        let value = print_value(BY_ID, 0x1234, 16, 1 << 31, 1_700_000_000);
        assert_eq!(value.len(), 25);
        let [record] = parse(&key, &value).try_into().unwrap_or_default();
        assert_eq!((record.part.as_deref(), record.cid), (Some(b"1.2".as_slice()), 0x1234));
        assert_eq!((record.system_flags, record.internaldate), (16, 1_700_000_000));
        let [hex] = parse(&key, b"00000000000000ff").try_into().unwrap_or_default();
        assert_eq!((hex.cid, hex.version), (255, 0));
        assert!(parse(&key[..50], b"").is_empty() || key.len() > 50);
    }
}
