//! Recorded answers of the oracle, kept in `tests/golden`.

use crate::instance::Server;
use crate::place;
use crate::transcript::difference;

/// Compares `actual` with what the oracle once answered (`tests/golden/<name>.txt`); with `RECORD=1` in the
/// environment the oracle's own run writes that record instead.
///
/// # Panics
/// When they differ.
pub fn check(name: &str, server: Server, actual: &str) {
    if server == Server::Oracle && std::env::var_os("RECORD").is_some() {
        std::fs::write(path(name), actual).expect("write the record");
    }
    let expected = recorded(name);
    leave(name, server, actual);
    let report = match server {
        Server::Ours => difference(&without_unbuilt(&expected), actual),
        _ => difference(&expected, actual),
    };
    if let Some(report) = report {
        panic!("{name} on {server:?}: {report}");
    }
}

/// As [`check`], for records that are sections headed by `== title` lines: those of `exceptions` differ on purpose.
///
/// # Panics
/// When another section differs, or one of the exceptions does not.
pub fn check_but(name: &str, server: Server, actual: &str, exceptions: &[&str]) {
    let expected = recorded(name);
    leave(name, server, actual);
    for title in exceptions {
        let (theirs, ours) = (section_of(&expected, title), section_of(actual, title));
        assert!(!theirs.is_empty(), "{name}: no section {title}");
        assert!(theirs != ours, "{name}: {title} no longer differs: take it off the exceptions");
    }
    let kept = |text: &str| {
        exceptions
            .iter()
            .fold(text.to_string(), |text, title| text.replacen(&section_of(&text, title), "", 1))
    };
    if let Some(report) = difference(&kept(&expected), &kept(actual)) {
        panic!("{name} on {server:?}: {report}");
    }
}

/// The text without the Sieve extensions that are not built yet and so not announced (docs/deviations.md).
#[must_use]
pub fn without_unbuilt(text: &str) -> String {
    let names = [" vnd.cyrus.snooze", " vnd.cyrus.imip", " vnd.cyrus.jmapquery"];
    let is_announcement = |line: &str| line.contains("\"SIEVE\" \"");
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if is_announcement(line) {
            out.push_str(&names.iter().fold(line.to_owned(), |line, name| line.replace(name, "")));
        } else {
            out.push_str(line);
        }
    }
    out
}

/// Leaves what was told in the directory `CYRUS_TRANSCRIPTS`, for a look.
fn leave(name: &str, server: Server, actual: &str) {
    if let Some(dir) = std::env::var_os("CYRUS_TRANSCRIPTS") {
        let file = std::path::Path::new(&dir).join(format!("{}.{server:?}.actual", name.replace('/', "-")));
        std::fs::write(file, actual).expect("CYRUS_TRANSCRIPTS");
    }
}

fn path(name: &str) -> std::path::PathBuf {
    place::root().join(format!("tests/golden/{name}.txt"))
}

fn recorded(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A section of a record, headed by `== title`; empty when there is none.
///
/// # Panics
/// There is no such record.
pub fn section(name: &str, title: &str) -> String {
    section_of(&recorded(name), title)
}

/// The section with its title, empty when there is none.
fn section_of(text: &str, title: &str) -> String {
    let head = format!("== {title}\n");
    let Some(start) = text.find(&head) else { return String::new() };
    let body = text.get(start + head.len()..).unwrap_or_default();
    let end = body.find("\n== ").map_or(body.len(), |at| at + 1);
    format!("{head}{}", body.get(..end).unwrap_or_default())
}
