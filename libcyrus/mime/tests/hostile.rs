//! Goal: no message, however mangled or large, makes the parser panic or take more than linear time, and no damaged
//! cache record is read out of bounds.
//! Method: seeded random changes of real messages and records; sizes far beyond what mail has, under a deadline.

mod common;

use cyrus_mime::cache::{CacheOptions, CacheView, Item, cache_record, envelope_addresses};
use cyrus_mime::charset::{SearchFlags, extract_text, mimeheader_search_form};
use cyrus_mime::section::{SectionMap, Want};
use cyrus_mime::{Limits, Message, header};
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs everything over a message as a server does.
fn exercise(bytes: &[u8]) {
    for limits in [
        Limits::default(),
        Limits { max_header_lines: 0, boundary_limit: 0, rfc2046_strict: true },
        Limits { max_header_lines: 3, boundary_limit: 2, rfc2046_strict: false },
    ] {
        let message = Message::parse(bytes, &limits);
        let record = cache_record(&message, &CacheOptions { rfc2047_utf8: true });
        let view = CacheView::verified(&record.bytes, 0, record.crc).expect("our own record");
        assert!(view.envelope_tokens().is_some(), "{}", view.item(Item::Envelope).escape_ascii());
        let map = view.sections(11);
        for path in [vec![], vec![1], vec![1, 1], vec![2], vec![u32::MAX], vec![0]] {
            for want in [Want::Content, Want::Header, Want::Mime, Want::Text] {
                let _ = map.find(&path, want).map(|span| span.of(bytes).len());
            }
            let _ = map
                .header_fields(&path)
                .map(|span| header::pick(span.of(bytes), header::Pick::Not(&["to"]), 9));
        }
        let root = message.root();
        let header = root.header.of(bytes);
        for (_, value) in header::fields(header).take(100) {
            let _ = mimeheader_search_form(value, SearchFlags::default());
        }
        for header in map.inner_headers() {
            let _ = header.of(bytes);
        }
        if bytes.len() < 100_000 {
            for (path, part) in map.leaves() {
                let charset = part.charset.as_deref().and_then(cyrus_mime::charset::Charset::lookup);
                if let Some(charset) = charset {
                    let is_html = path.len() % 2 == 1;
                    let _ = extract_text(
                        part.content.of(bytes),
                        charset,
                        part.encoding,
                        is_html,
                        SearchFlags::default(),
                    );
                }
            }
        }
    }
}

#[test]
fn mangled_messages_are_read_without_panic() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oddities");
    let messages: Vec<Vec<u8>> =
        common::packed_messages(&golden).into_values().filter(|m| m.len() < 10_000).collect();
    assert!(!messages.is_empty());
    let seed = std::env::var("CYRUS_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(361);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..3000 {
        let mut bytes = rng.choice(&messages).cloned().unwrap_or_default();
        for _ in 0..rng.usize(1..8) {
            let at = rng.usize(..=bytes.len());
            match rng.u8(..5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, *rng.choice(b"\r\n\0\"()<>@,;:\\=?*'% -\x80\xff").unwrap_or(&0)),
                2 if at < bytes.len() => bytes[at] = rng.u8(..),
                3 => drop(bytes.drain(at..(at + rng.usize(..20)).min(bytes.len()))),
                _ => {
                    let from = rng.usize(..=at);
                    let piece = bytes[from..at].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        exercise(&bytes);
    }
}

#[test]
fn damaged_cache_records_are_refused_or_read_within_bounds() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/oddities");
    let cache = std::fs::read(golden.join("cyrus.cache")).expect("cyrus.cache");
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let start = rng.usize(..cache.len());
        let mut piece = cache[start..(start + rng.usize(..4000)).min(cache.len())].to_vec();
        for _ in 0..rng.usize(..4) {
            let at = rng.usize(..=piece.len());
            if let Some(byte) = piece.get_mut(at) {
                *byte = rng.u8(..);
            }
        }
        if let Some(view) = CacheView::at(&piece, 0) {
            let _ = view.subject();
            for token in view.envelope_tokens().into_iter().flatten() {
                let _ = envelope_addresses(token);
            }
        }
        for version in [3, 7, 11] {
            let map = SectionMap::parse(&piece, version);
            let _ = map.find(&[1, 2], Want::Text);
        }
    }
    assert!(CacheView::at(&cache, u64::MAX).is_none());
}

#[test]
fn large_hostile_messages_take_linear_time() {
    let repeat = |head: &str, piece: &str, tail: &str| {
        let mut bytes = head.as_bytes().to_vec();
        while bytes.len() < 500_000 {
            bytes.extend(piece.as_bytes());
        }
        bytes.extend(tail.as_bytes());
        bytes
    };
    let mut nested = b"Content-Type: multipart/mixed; boundary=0\r\n\r\n".to_vec();
    for n in 0..20_000 {
        nested.extend(format!("--{n}\r\nContent-Type: multipart/mixed; boundary={}\r\n\r\n", n + 1).bytes());
    }
    let multipart = "Content-Type: multipart/mixed; boundary=x\r\n\r\n";
    let cases = [
        ("nested multiparts", nested),
        ("nested messages", repeat("", "Content-Type: message/rfc822\r\n\r\n", "x")),
        ("many parts", repeat(multipart, "--x\r\n\r\na\r\n", "")),
        ("many boundary lines", repeat(multipart, "--x\r\n", "")),
        ("one long header", repeat("Subject: ", "a\r\n ", "")),
        ("many headers", repeat("", "Subject: =?utf-8?q?a?=\r\n", "\r\n")),
        ("many encoded words", repeat("Subject: ", "=?utf-8?b?w6k=?= ", "\r\n\r\n")),
        ("broken encoded words", repeat("Subject: ", "=?a?q?", "\r\n\r\n")),
        ("many addresses", repeat("To: ", "a <b@c>, ", "\r\n\r\n")),
        ("open groups", repeat("To: ", "a:", "\r\n\r\n")),
        ("open comments", repeat("To: ", "(", "\r\n\r\n")),
        ("comments in type", repeat("Content-Type: text/plain; a=(", "(", "\r\n\r\n")),
        ("backslashes", repeat("To: \"", "\\\\", "\r\n\r\n")),
        ("first segments", repeat("Content-Type: a/b", "; x*0=y", "\r\n\r\n")),
        ("segments", repeat("Content-Type: a/b", "; x*0=y; x*1*=z", "\r\n\r\n")),
        ("charsets", repeat("Content-Type: text/plain", "; charset=x", "\r\n\r\n")),
        ("brackets", repeat("Subject: ", "[", "\r\n\r\n")),
        ("no line end", repeat("", "a", "")),
        ("colons", repeat("", ":\r\n", "")),
    ];
    for (name, bytes) in cases {
        let start = Instant::now();
        exercise(&bytes);
        let _ = cyrus_mime::subject::normalise(&bytes);
        let _ = cyrus_mime::subject::normalise_old(&bytes);
        let _ = cyrus_mime::facts::message_ids(&bytes, usize::MAX);
        let took = start.elapsed();
        println!("{name}: {} ms for {} octets", took.as_millis(), bytes.len());
        assert!(took < Duration::from_secs(60), "{name}: {took:?}");
    }
}
