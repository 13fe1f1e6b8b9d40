//! Dialogues as data: what clients say, written once, run against any server.
//!
//! ```text
//! # comment
//! @option name value       an option of imapd.conf for this dialogue
//! @deliver ann <<          an LMTP delivery of the message that follows, up to a line ">>"
//! A: SELECT INBOX          connection A sends this with a tag and reads the tagged answer
//! A> DONE                  connection A sends this without a tag; the answer of the running command is read
//! A? * 2 EXISTS            connection A waits for untagged lines up to one that starts so
//! A: APPEND INBOX <<       a literal follows, up to a line ">>"; what stands behind ">>" goes on with the command
//! A: APPEND INBOX <<+      the same, announced as a non-synchronizing literal
//! A!                       connection A is closed without a word
//! ```
//! `\r` (no letter behind), `\xNN` and `\\` in what is sent stand for those bytes. A connection is opened when first named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::imap::Imap;
use crate::instance::{Builder, Instance, Server};
use crate::place;
use crate::transcript::{difference, normalise, printable, response, without_lacking};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Tagged command in parts, literals between them.
    Command { who: char, parts: Vec<Vec<u8>> },
    /// Untagged line.
    Raw { who: char, line: Vec<u8> },
    /// Wait for an untagged line.
    Wait { who: char, start: String },
    /// Hang up.
    Close { who: char },
    /// Deliver by LMTP.
    Deliver { to: String, message: Vec<u8> },
}

/// A parsed dialogue file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    steps: Vec<Step>,
    options: Vec<(String, String)>,
}

/// Which servers serve a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// All programs of Debian's Cyrus.
    Oracle,
    /// All programs of ours.
    Ours,
    /// Our master with the oracle's services.
    Master,
    /// Our master; connections in turn on our imapd and the oracle's.
    Mixed,
}

/// What a data file writes for bytes.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        match tail {
            [b'r', t @ ..] if !t.first().is_some_and(u8::is_ascii_alphabetic) => {
                out.push(b'\r');
                rest = t;
            }
            [b'\\', t @ ..] => {
                out.push(b'\\');
                rest = t;
            }
            [b'x', h, l, t @ ..] if h.is_ascii_hexdigit() && l.is_ascii_hexdigit() => {
                let hex =
                    |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
                out.push(hex(h) * 16 + hex(l));
                rest = t;
            }
            _ => out.push(b),
        }
    }
    out
}

impl Dialogue {
    /// Parses the text of a dialogue file.
    ///
    /// # Errors
    /// A sentence naming the line that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut dialogue = Self::default();
        let mut lines = text.lines().enumerate();
        while let Some((n, line)) = lines.next() {
            let bad = || format!("line {}: not understood: {line}", n + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(rest) = line.strip_prefix("@option ") {
                let (name, value) = rest.split_once(' ').ok_or_else(bad)?;
                dialogue.options.push((name.into(), value.into()));
                continue;
            }
            let mut block = || {
                let mut body = Vec::new();
                for (_, line) in lines.by_ref() {
                    if let Some(after) = line.strip_prefix(">>") {
                        return Some((body, after.to_string()));
                    }
                    body.extend(unescape(line));
                    body.extend_from_slice(b"\r\n");
                }
                None
            };
            if let Some(rest) = line.strip_prefix("@deliver ") {
                let to = rest.strip_suffix(" <<").ok_or_else(bad)?;
                let (message, _) = block().ok_or_else(bad)?;
                dialogue.steps.push(Step::Deliver { to: to.into(), message });
                continue;
            }
            let mut chars = line.chars();
            let who = chars.next().filter(char::is_ascii_uppercase).ok_or_else(bad)?;
            let kind = chars.next().ok_or_else(bad)?;
            let rest = chars.as_str().strip_prefix(' ').unwrap_or(chars.as_str());
            match kind {
                ':' => {
                    let mut parts = Vec::new();
                    let mut rest = rest.to_string();
                    while let Some(head) = rest.strip_suffix("<<").or_else(|| rest.strip_suffix("<<+")) {
                        let mark = if rest.ends_with('+') { "+" } else { "" };
                        let (body, after) = block().ok_or_else(bad)?;
                        let mut part: Vec<u8> = parts.pop().unwrap_or_default();
                        part.extend(unescape(head));
                        part.extend_from_slice(format!("{{{}{mark}}}", body.len()).as_bytes());
                        parts.push(part);
                        parts.push(body);
                        rest = after;
                    }
                    let mut part: Vec<u8> = parts.pop().unwrap_or_default();
                    part.extend(unescape(&rest));
                    parts.push(part);
                    dialogue.steps.push(Step::Command { who, parts });
                }
                '>' => dialogue.steps.push(Step::Raw { who, line: unescape(rest) }),
                '?' => dialogue.steps.push(Step::Wait { who, start: rest.into() }),
                '!' => dialogue.steps.push(Step::Close { who }),
                _ => return Err(bad()),
            }
        }
        Ok(dialogue)
    }

    /// Number of things clients say.
    pub fn commands(&self) -> usize {
        self.steps.iter().filter(|s| matches!(s, Step::Command { .. } | Step::Raw { .. })).count()
    }

    /// Starts an instance of `make` for it.
    ///
    /// # Panics
    /// When a program is missing or does not come up.
    pub fn instance(&self, make: Make) -> Instance {
        let mut builder = match make {
            Make::Oracle => Builder::new(Server::Oracle),
            Make::Ours => Builder::new(Server::Ours),
            Make::Master => Builder::new(Server::Oracle).server("master", Server::Ours),
            Make::Mixed => Builder::new(Server::Ours)
                .server("tools", Server::Oracle)
                .server("imap2", Server::Oracle)
                .server("lmtp2", Server::Oracle),
        };
        for (name, value) in &self.options {
            builder = builder.option(name, value);
        }
        builder.start()
    }

    /// Runs it and returns the normalised transcript.
    ///
    /// # Panics
    /// When a server cannot be reached at all.
    pub fn run(&self, instance: &Instance, make: Make) -> String {
        let mut clients: BTreeMap<char, (Imap, String)> = BTreeMap::new();
        let mut out = String::new();
        let mut turn = 0_usize;
        let root = instance.root();
        for step in &self.steps {
            let who = match step {
                Step::Deliver { to, message } => {
                    let service = if make == Make::Mixed && turn % 2 == 1 { "lmtp2" } else { "lmtp" };
                    turn += 1;
                    let mut lmtp = instance.lmtp(service);
                    lmtp.command("LHLO client.example");
                    let reply = lmtp.deliver("sender@client.example", to, message);
                    lmtp.command("QUIT");
                    out.push_str(&format!("@deliver {to}\n"));
                    for line in reply {
                        out.push_str(&format!("  {}\n", normalise(&line, root)));
                    }
                    continue;
                }
                Step::Command { who, .. } | Step::Raw { who, .. } | Step::Wait { who, .. } => *who,
                Step::Close { who } => {
                    clients.remove(who);
                    out.push_str(&format!("{who}!\n"));
                    continue;
                }
            };
            let (client, running) = clients.entry(who).or_insert_with(|| {
                let service = if make == Make::Mixed && turn % 2 == 1 { "imap2" } else { "imap" };
                turn += 1;
                let mut client = instance.imap(service);
                client.prefix(who);
                for line in printable(client.greeting()) {
                    out.push_str(&format!("{who} S: {}\n", normalise(&line, root)));
                }
                (client, String::new())
            });
            let answer = match step {
                Step::Command { parts, .. } => {
                    let pieces: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                    for line in printable(&parts.join(&b"\r\n"[..])) {
                        out.push_str(&format!("{who} C: {line}\n"));
                    }
                    let answer = client.command_parts(&pieces);
                    *running = client_tag(client, who);
                    answer
                }
                Step::Raw { line, .. } => {
                    for line in printable(line) {
                        out.push_str(&format!("{who} C> {line}\n"));
                    }
                    let mut bytes = line.clone();
                    bytes.extend_from_slice(b"\r\n");
                    client.send(&bytes);
                    let own =
                        line.split(|b| *b == b' ').next().map(|t| String::from_utf8_lossy(t).into_owned());
                    let tag = if running.is_empty() { own.unwrap_or_default() } else { running.clone() };
                    client.answer_any(&tag)
                }
                Step::Wait { start, .. } => client.until(start),
                Step::Close { .. } | Step::Deliver { .. } => continue,
            };
            if !answer.last.starts_with(b"+") && !matches!(step, Step::Wait { .. }) {
                running.clear();
            }
            for line in answer.lines.iter().chain([&answer.last]).filter(|l| !l.is_empty()) {
                for line in response(line, root) {
                    out.push_str(&format!("{who} S: {line}\n"));
                }
            }
            if answer.last.is_empty() && !matches!(step, Step::Wait { .. }) {
                out.push_str(&format!("{who} closed\n"));
            }
        }
        out
    }
}

fn client_tag(client: &Imap, who: char) -> String {
    format!("{who}{}", client.tag())
}

/// Where a dialogue and its recorded transcript are.
pub fn paths(name: &str) -> (PathBuf, PathBuf) {
    let tests = place::root().join("tests");
    (tests.join(format!("data/dialogues/{name}.txt")), tests.join(format!("golden/dialogues/{name}.txt")))
}

/// Loads a dialogue.
///
/// # Panics
/// When the file is missing or not understood.
pub fn load(path: &Path) -> Dialogue {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Dialogue::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs the dialogue `name` on servers of `make` and compares with what the oracle once answered. With `RECORD=1` in
/// the environment the oracle's run writes that record instead.
///
/// # Panics
/// When the transcripts differ, or afterwards the oracle's checkers complain about the mailboxes.
pub fn check(name: &str, make: Make) {
    let (data, golden) = paths(name);
    let dialogue = load(&data);
    let instance = dialogue.instance(make);
    let actual = dialogue.run(&instance, make);
    if make == Make::Oracle && std::env::var_os("RECORD").is_some() {
        std::fs::write(&golden, &actual).expect("write the record");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_else(|e| panic!("{}: {e}", golden.display()));
    let (expected, actual) = match make {
        Make::Oracle | Make::Master => (expected, actual),
        Make::Ours | Make::Mixed => (without_lacking(&expected), without_lacking(&actual)),
    };
    if let Some(dir) = std::env::var_os("CYRUS_TRANSCRIPTS") {
        let file = |what: &str| Path::new(&dir).join(format!("{name}.{make:?}.{what}"));
        std::fs::write(file("expected"), &expected).expect("CYRUS_TRANSCRIPTS");
        std::fs::write(file("actual"), &actual).expect("CYRUS_TRANSCRIPTS");
    }
    if let Some(report) = difference(&expected, &actual) {
        panic!("{name} on {make:?}: {report}");
    }
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_announced_with_their_size() {
        let d = Dialogue::parse("A: APPEND INBOX <<\nHello\n>> x\n").unwrap_or_default();
        let parts = vec![b"APPEND INBOX {7}".to_vec(), b"Hello\r\n x".to_vec()];
        assert_eq!(d.steps, vec![Step::Command { who: 'A', parts }]);
    }

    #[test]
    fn escapes_stand_for_bytes() {
        assert_eq!(unescape("a\\x00\\\\b\\r"), b"a\0\\b\r");
        assert_eq!(unescape("\\Seen \\Deleted"), b"\\Seen \\Deleted");
    }

    #[test]
    fn an_unknown_line_is_refused() {
        assert!(Dialogue::parse("hello").is_err());
        assert!(Dialogue::parse("A: X <<\nnever closed").is_err());
    }
}
