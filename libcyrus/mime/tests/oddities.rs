//! Goal: handmade oddities (addresses, parameters, boundaries, encoded words, dates, deep nesting) read as the C
//! server reads them, and their sections lie where it finds them.
//! Method: `golden/oddities` holds 405 messages appended to it, the index and cache it made, and what it answered to
//! `BODY[...]` and `BINARY.SIZE[...]` (first 12 digits of SHA-1, size; what is not listed was NIL or 0).

mod common;

use common::Tally;
use cyrus_mime::cache::{CacheOptions, CacheView, cache_record};
use cyrus_mime::charset::decode_transfer;
use cyrus_mime::section::Want;
use cyrus_mime::{Limits, Message};
use cyrus_util::guid::Guid;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oddities")
}

#[test]
fn oddities_have_the_same_cache() {
    let mut tally = Tally::default();
    common::compare_mailbox(&golden(), &[], &mut tally);
    tally.print();
    assert_eq!((tally.messages, tally.differences), (405, 0));
}

#[test]
fn sections_of_oddities_lie_where_c_finds_them() {
    let messages = common::packed_messages(&golden());
    let table = std::fs::read_to_string(golden().join("sections.tsv")).expect("sections.tsv");
    let (mut asked, mut wrong) = (0, 0);
    for row in table.lines() {
        let mut cells = row.split('\t');
        let uid = cells.next().expect("uid");
        let theirs: HashMap<&str, &str> = cells.filter_map(|cell| cell.split_once('=')).collect();
        let bytes = &messages[&format!("{uid}.")];
        let record = cache_record(&Message::parse(bytes, &Limits::default()), &CacheOptions::default());
        let map = CacheView::at(&record.bytes, 0).expect("our own record").sections(11);
        let is_cut = theirs.values().any(|v| *v == "?");
        for path in PATHS {
            let numbers: Vec<u32> = path.split('.').filter_map(|n| n.parse().ok()).collect();
            for (word, want) in
                [("", Want::Content), ("MIME", Want::Mime), ("HEADER", Want::Header), ("TEXT", Want::Text)]
            {
                let name = [path, word].into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(".");
                if name.is_empty() || name == "MIME" {
                    continue;
                }
                let ours = map.find(&numbers, want).map(|span| {
                    let text = span.of(bytes);
                    format!("{}:{}", &Guid::of(text).to_string()[..12], text.len())
                });
                asked += 1;
                if ours.as_deref() != theirs.get(name.as_str()).copied() {
                    wrong += 1;
                    println!("{uid} BODY[{name}]: C {:?}, we {ours:?}", theirs.get(name.as_str()));
                }
            }
            if path.is_empty() || (is_cut && theirs.get(format!("B{path}").as_str()) != Some(&"?")) {
                continue;
            }
            let ours = map.part(&numbers).map_or("0".to_string(), |part| {
                decode_transfer(part.content.of(bytes), part.encoding)
                    .map_or("?".to_string(), |d| d.len().to_string())
            });
            let theirs = theirs.get(format!("B{path}").as_str()).copied().unwrap_or("0");
            asked += 1;
            if ours != theirs {
                wrong += 1;
                println!("{uid} BINARY.SIZE[{path}]: C {theirs}, we {ours}");
            }
        }
    }
    println!("{} of {asked} sections equal", asked - wrong);
    assert_eq!(wrong, 0);
}

const PATHS: [&str; 11] = ["", "1", "2", "3", "1.1", "1.2", "2.1", "1.1.1", "1.2.1", "4", "500"];
