//! What the tests of this crate share: reading mailbox files of the C server, comparing.

use cyrus_mime::cache::{CacheOptions, CacheView, ITEMS, cache_record};
use cyrus_mime::{Limits, Message, facts};
use cyrus_util::datetime::{CivilDate, epoch_utc};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The folder with golden instances and corpus, if there is one.
#[allow(dead_code, reason = "not every test binary reads it")]
pub fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("CYRUS_SHARED").map_or(beside, PathBuf::from);
    path.is_dir().then_some(path)
}

/// What was compared.
#[derive(Debug, Default)]
pub struct Tally {
    pub messages: usize,
    pub differences: usize,
    pub by_item: [usize; ITEMS + 5],
}

impl Tally {
    #[allow(dead_code, reason = "not every test binary prints it")]
    pub fn print(&self) {
        println!("{} of {} messages equal", self.messages - self.differences, self.messages);
        for (name, count) in NAMES.iter().zip(self.by_item) {
            if count > 0 {
                println!("  {name}: {count} differ");
            }
        }
    }
}

const NAMES: [&str; ITEMS + 5] = [
    "envelope",
    "bodystructure",
    "body",
    "section",
    "headers",
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "header_size",
    "guid",
    "gmtime",
    "sentdate",
    "record",
];

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(*bytes[at..].first_chunk().expect("four bytes"))
}

/// Compares every message whose file is found in one of `dirs` with the index and cache of `index_dir`.
#[allow(dead_code, reason = "not every test binary compares mailboxes")]
pub fn compare_mailbox(index_dir: &Path, dirs: &[PathBuf], tally: &mut Tally) {
    let packed = packed_messages(index_dir);
    let find = |name: &str| {
        if let Some(message) = packed.get(name) {
            return Some(message.clone());
        }
        std::iter::once(index_dir)
            .chain(dirs.iter().map(PathBuf::as_path))
            .find_map(|d| std::fs::read(d.join(name)).ok())
    };
    let index = std::fs::read(index_dir.join("cyrus.index")).expect("cyrus.index");
    let Some(cache) = find("cyrus.cache") else { return };
    let (version, start, size) = (be32(&index, 8), be32(&index, 12) as usize, be32(&index, 16) as usize);
    let records = be32(&index, 20) as usize;
    if version < 12 {
        return;
    }
    for n in 0..records {
        let record = &index[start + n * size..][..size];
        let word = |at| be32(record, at);
        let (uid, cache_version) = (word(0), word(56) & 0xffff);
        let offset = u64::from(word(24)) | u64::from(word(56) >> 16) << 32;
        let Some(file) = find(&format!("{uid}.")) else { continue };
        if offset == 0 || cache_version != 11 {
            continue;
        }
        let Some(theirs) = CacheView::at(&cache, offset) else {
            panic!("{index_dir:?} {uid}: bad cache offset")
        };
        let message = Message::parse(&file, &Limits::default());
        let made = cache_record(&message, &CacheOptions::default());
        let ours = CacheView::at(&made.bytes, 0).expect("our own record");
        let facts = facts::index_facts(&message, midnight);
        let mut bad: Vec<usize> = Vec::new();
        for item in 0..ITEMS {
            if ours.item(ITEM[item]) != theirs.item(ITEM[item]) {
                bad.push(item);
                println!(
                    "{}/{uid}. {}:\n   C: {}\n  we: {}",
                    index_dir.display(),
                    NAMES[item],
                    show(theirs.item(ITEM[item]), ours.item(ITEM[item])),
                    show(ours.item(ITEM[item]), theirs.item(ITEM[item]))
                );
            }
        }
        let internaldate = i64::from(word(4));
        for (nr, (ours, theirs)) in [
            (i64::from(facts.header_size), i64::from(word(16))),
            (i64::from(facts.guid.0 != record[60..80]), 0),
            (facts.gmtime.filter(|&t| t != 0).unwrap_or(internaldate), i64::from(word(20))),
            (
                facts.sentdate.filter(|&t| t != 0).unwrap_or(internaldate - internaldate.rem_euclid(86_400)),
                i64::from(word(8)),
            ),
            (i64::from(made.bytes != theirs.bytes() && bad.is_empty()), 0),
        ]
        .into_iter()
        .enumerate()
        {
            // the index holds 32 bits
            if ours as u32 != theirs as u32 {
                bad.push(ITEMS + nr);
                println!("{}/{uid}. {}: C {theirs}, we {ours}", index_dir.display(), NAMES[ITEMS + nr]);
            }
        }
        tally.messages += 1;
        tally.differences += usize::from(!bad.is_empty());
        for item in bad {
            tally.by_item[item] += 1;
        }
    }
}

const ITEM: [cyrus_mime::Item; ITEMS] = {
    use cyrus_mime::Item::*;
    [Envelope, BodyStructure, Body, Section, Headers, From, To, Cc, Bcc, Subject]
};

/// The instances were made with TZ=UTC.
fn midnight(day: CivilDate) -> Option<i64> {
    Some(epoch_utc(day, 0, 0, 0))
}

/// The part of `a` where it begins to differ from `b`.
fn show(a: &[u8], b: &[u8]) -> String {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let from = same.saturating_sub(40);
    format!("@{same}/{} {}", a.len(), a[from..a.len().min(same + 100)].escape_ascii())
}

/// Messages kept in one file `messages`: each after a line `@ UID SIZE` and followed by LF. By file name.
pub fn packed_messages(dir: &Path) -> HashMap<String, Vec<u8>> {
    let mut found = HashMap::new();
    let Ok(bytes) = std::fs::read(dir.join("messages")) else { return found };
    let mut rest = bytes.as_slice();
    while let Some(end) = rest.iter().position(|&c| c == b'\n') {
        let line = std::str::from_utf8(&rest[..end]).expect("a head line");
        let mut words = line.split(' ').skip(1);
        let uid = words.next().expect("uid");
        let size: usize = words.next().and_then(|n| n.parse().ok()).expect("size");
        found.insert(format!("{uid}."), rest[end + 1..][..size].to_vec());
        rest = &rest[end + 1 + size + 1..];
    }
    found
}
