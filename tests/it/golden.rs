//! The packed golden instances: a server that opens them must show every mailbox and message as the oracle did.

use std::path::PathBuf;

use cyrus_tests::known::Need;
use cyrus_tests::transcript::without_lacking;
use cyrus_tests::{Builder, Instance, Server, case, place};

/// `* STATUS` answers of the oracle hold garbage in MAILBOXID when they come from its status cache; times differ.
fn normalise(line: &[u8]) -> Vec<u8> {
    let mut out = line.to_vec();
    if out.starts_with(b"* STATUS") {
        let from = find(&out, b"MAILBOXID (").map(|n| n + b"MAILBOXID (".len());
        let to = find(&out, b") UNSEEN");
        if let (Some(from), Some(to)) = (from, to) {
            out.splice(from..to, b"@".iter().copied());
        }
        return out;
    }
    for unit in [&b" secs"[..], b" sec)"] {
        if let Some(at) = find(&out, unit) {
            let start =
                out[..at].iter().rposition(|b| !b.is_ascii_digit() && *b != b'.').map_or(0, |n| n + 1);
            out.splice(start..at, b"@".iter().copied());
        }
    }
    out = replace(&out, b"SESSIONID=<", b'>', b"@");
    replace(&out, b"Cyrus IMAP ", b' ', b"@")
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|w| w == needle)
}

fn replace(line: &[u8], before: &[u8], end: u8, word: &[u8]) -> Vec<u8> {
    let mut out = line.to_vec();
    if let Some(at) = find(&out, before) {
        let start = at + before.len();
        if let Some(len) = out[start..].iter().position(|b| *b == end) {
            out.splice(start..start + len, word.iter().copied());
        }
    }
    out
}

fn expected_dir(name: &str) -> PathBuf {
    place::shared().expect("shared").join("golden/expected").join(name)
}

/// Replays the commands of one recorded transcript and compares the answers, byte by byte but for the normalised parts.
fn replay(instance: &Instance, server: Server, name: &str, user: &str) -> (usize, Vec<String>) {
    let path = expected_dir(name).join(format!("imap-{user}.txt"));
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    let mut imap = instance.imap("imap");
    let mut wrong = Vec::new();
    let mut commands = 0;
    let mut n = 0;
    while n < lines.len() {
        let line = lines[n];
        n += 1;
        let Some(command) = line.strip_prefix(b"C: ") else { continue };
        let command = command.strip_suffix(b"\r").unwrap_or(command);
        commands += 1;
        let start = n;
        while n < lines.len() && !lines[n].starts_with(b"C: ") {
            n += 1;
        }
        let mut expected: Vec<Vec<u8>> = Vec::new();
        for line in &lines[start..n] {
            match (line.strip_prefix(b"S: "), expected.last_mut()) {
                (Some(new), _) => expected.push(new.to_vec()),
                (None, Some(last)) if n < lines.len() || !line.is_empty() => {
                    last.push(b'\n');
                    last.extend_from_slice(line);
                }
                _ => {}
            }
        }
        let lacked = |line: &[u8]| -> Vec<u8> {
            match std::str::from_utf8(line) {
                Ok(text) if server == Server::Ours => without_lacking(text).into_bytes(),
                _ => line.to_vec(),
            }
        };
        let tag = command.split(|b| *b == b' ').next().unwrap_or_default();
        let mut bytes = command.to_vec();
        bytes.extend_from_slice(b"\r\n");
        imap.send(&bytes);
        let answer = imap.answer(&String::from_utf8_lossy(tag));
        let clean =
            |line: &[u8]| -> Vec<u8> { normalise(line).into_iter().filter(|b| *b != b'\r').collect() };
        let is_status = find(command, b" STATUS ").is_some();
        // The garbage may hold a line end, too.
        let whole =
            if is_status && answer.lines.len() > 1 { vec![answer.lines.join(&b'\n')] } else { answer.lines };
        let actual: Vec<Vec<u8>> = whole.iter().chain([&answer.last]).map(|l| clean(l)).collect();
        let expected: Vec<Vec<u8>> =
            expected.iter().map(|l| lacked(&clean(l))).filter(|l| !l.is_empty()).collect();
        if actual != expected {
            let at = actual.iter().zip(&expected).position(|(a, e)| a != e);
            let at = at.unwrap_or(actual.len().min(expected.len()));
            let show = |l: Option<&Vec<u8>>| {
                l.map(|l| String::from_utf8_lossy(l).chars().take(400).collect::<String>())
            };
            wrong.push(format!(
                "{user}: {}\n  - {}\n  + {}",
                String::from_utf8_lossy(command),
                show(expected.get(at)).unwrap_or("(nothing)".into()),
                show(actual.get(at)).unwrap_or("(nothing)".into())
            ));
        }
    }
    (commands, wrong)
}

fn check(name: &str, users: &[&str], server: Server) {
    let mut instance = Builder::new(server).golden(name).build();
    instance.start();
    let mut wrong = Vec::new();
    let mut commands = 0;
    for user in users {
        let (n, w) = replay(&instance, server, name, user);
        commands += n;
        wrong.extend(w);
    }
    println!("{name}: {commands} commands, {} answered otherwise", wrong.len());
    let most = std::env::var("CYRUS_SHOW").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let first: Vec<&str> = wrong.iter().take(most).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {commands} answers differ:\n{}", wrong.len(), first.join("\n"));
}

const G1: &[&str] = &["ann", "bert", "admin"];
const G2: &[&str] = &["ann", "bert", "dora_at_ex.example", "admin"];

#[test]
fn oracle_shows_g1_as_recorded() {
    case("oracle::golden::g1", &[Need::Oracle, Need::Shared], || check("g1", G1, Server::Oracle));
}

#[test]
fn oracle_shows_g2_as_recorded() {
    case("oracle::golden::g2", &[Need::Oracle, Need::Shared], || check("g2", G2, Server::Oracle));
}

#[test]
fn ours_shows_g1_as_the_oracle_did() {
    case("ours::golden::g1", &[Need::Shared], || check("g1", G1, Server::Ours));
}

#[test]
fn ours_shows_g2_as_the_oracle_did() {
    case("ours::golden::g2", &[Need::Shared], || check("g2", G2, Server::Ours));
}
