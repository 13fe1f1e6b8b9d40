//! Named normalisers: what differs from run to run is replaced by a word, nothing else is.

use std::path::Path;

/// A rule: the text after `before`, as far as `is_part` goes, becomes `word`.
struct Rule {
    name: &'static str,
    before: &'static str,
    is_part: fn(char) -> bool,
    word: &'static str,
}

const fn not(c: char, end: char) -> bool {
    c != end
}

/// All rules, by name.
const RULES: &[Rule] = &[
    Rule { name: "session id", before: "SESSIONID=<", is_part: |c| not(c, '>'), word: "@sessionid@" },
    Rule {
        name: "session id header",
        before: "X-Cyrus-Session-Id: ",
        is_part: |c| !c.is_whitespace(),
        word: "@sessionid@",
    },
    Rule {
        name: "uidvalidity",
        before: "UIDVALIDITY ",
        is_part: |c| c.is_ascii_digit(),
        word: "@uidvalidity@",
    },
    Rule { name: "appenduid", before: "[APPENDUID ", is_part: |c| c.is_ascii_digit(), word: "@uidvalidity@" },
    Rule { name: "copyuid", before: "[COPYUID ", is_part: |c| c.is_ascii_digit(), word: "@uidvalidity@" },
    Rule { name: "mailboxid", before: "MAILBOXID (", is_part: |c| not(c, ')'), word: "@mailboxid@" },
    Rule { name: "emailid", before: "THREADID (", is_part: |c| not(c, ')'), word: "@threadid@" },
    Rule {
        name: "version",
        before: "3.6.1",
        is_part: |c| c.is_ascii_alphanumeric() || "-+.".contains(c),
        word: "@version@",
    },
    Rule { name: "kernel", before: "\"os-version\" \"", is_part: |c| not(c, '"'), word: "@kernel@" },
    Rule { name: "libraries", before: "\"environment\" \"", is_part: |c| not(c, '"'), word: "@environment@" },
    Rule { name: "url mac", before: ":internal:", is_part: |c| c.is_ascii_hexdigit(), word: "@mac@" },
    Rule { name: "save date", before: "SAVEDATE \"", is_part: |c| not(c, '"'), word: "@date@" },
    Rule {
        name: "last update",
        before: "lastupdate\" (\"value.shared\" \"",
        is_part: |c| not(c, '"'),
        word: "@date@",
    },
    Rule { name: "received port", before: "[127.0.0.1]:", is_part: |c| c.is_ascii_digit(), word: "@port@" },
];

/// Replaces what differs from run to run: all rules, the instance's path, stamps of
/// delayed deletion, and the date of a Received header.
pub fn normalise(line: &str, root: &Path) -> String {
    let mut text = line.replace(&root.display().to_string(), "@ROOT@");
    for rule in RULES {
        debug_assert!(!rule.name.is_empty());
        text = apply(&text, rule);
    }
    delete_stamps(&received_date(&elapsed(&text)))
}

fn apply(text: &str, rule: &Rule) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(rule.before) {
        let (head, tail) = rest.split_at(at + rule.before.len());
        out.push_str(head);
        let part = tail.find(|c| !(rule.is_part)(c)).unwrap_or(tail.len());
        if part > 0 || rule.before == "3.6.1" {
            out.push_str(rule.word);
        }
        rest = tail.get(part..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// `0.000 secs`: the number is a measured time.
fn elapsed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(" sec") {
        let (head, tail) = rest.split_at(at);
        let number = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        out.push_str(number);
        out.push_str(if number.len() < head.len() { "@secs@" } else { "" });
        let (unit, after) = tail.split_at(" sec".len());
        out.push_str(unit);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A whole response. Where a literal holds a session id, its size depends on that.
pub fn response(bytes: &[u8], root: &Path) -> Vec<String> {
    let mut lines: Vec<String> = printable(bytes).iter().map(|l| normalise(l, root)).collect();
    let has_id = lines.iter().any(|l| l.starts_with("X-Cyrus-Session-Id: "));
    if let Some(first) = lines.first_mut().filter(|l| has_id && l.ends_with('}')) {
        if let Some(at) = first.rfind('{') {
            first.truncate(at);
            first.push_str("{@size@}");
        }
    }
    lines
}

/// `DELETED.user.x.6B034286` ends in a time: eight hexadecimal digits after a separator.
fn delete_stamps(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("DELETED") {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let end = tail.find([' ', '"', ')']).unwrap_or(tail.len());
        let (name, after) = tail.split_at(end);
        match name.len().checked_sub(9).filter(|n| {
            name.is_char_boundary(*n)
                && name.get(*n + 1..).is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
        }) {
            Some(n) => {
                out.push_str(name.get(..=n).unwrap_or_default());
                out.push_str("@stamp@");
            }
            None => out.push_str(name),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The date of our own Received header: `\t Sun, 22 Nov 2026 20:21:26 +0000` alone on its line.
fn received_date(text: &str) -> String {
    let trimmed = text.trim_start();
    let is_date = text.starts_with('\t')
        && ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"].iter().any(|d| trimmed.starts_with(d));
    if is_date { "\t@date@".into() } else { text.to_string() }
}

/// Bytes as printable text: UTF-8 stays, everything else is `\xNN`; lines are split at CRLF.
pub fn printable(bytes: &[u8]) -> Vec<String> {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\t' => text.push(c),
                '\r' => text.push_str("\\r"),
                c if c.is_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => text.push(c),
            }
        }
        for b in chunk.invalid() {
            text.push_str(&format!("\\x{b:02x}"));
        }
    }
    text.replace("\\r\n", "\n").split('\n').map(str::to_string).collect()
}

/// What the oracle advertises and ours does not have yet: taken out of the oracle's capability lists before ours is
/// compared with them. The test `capabilities_that_ours_lacks_are_listed` keeps this list short.
pub const LACKING: &[&str] =
    &["MAILBOX-REFERRALS", "SCAN", "XCONVERSATIONS", "X-REPLICATION", "X-SIEVE-MAILBOX"];

/// The text without [what ours lacks](LACKING) in its capability lists.
pub fn without_lacking(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let Some(at) = line.find("CAPABILITY IMAP4rev1") else {
            out.push_str(line);
            continue;
        };
        let (head, list) = line.split_at(at);
        let (list, tail) = list.split_at(list.find([']', '\r', '\n']).unwrap_or(list.len()));
        let left: Vec<&str> = list.split(' ').filter(|token| !LACKING.contains(token)).collect();
        out.push_str(head);
        out.push_str(&left.join(" "));
        out.push_str(tail);
    }
    out
}

/// Compares two transcripts; `None` when they are equal, else a report with the first differing lines in context.
pub fn difference(expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let (mut e, mut a) = (expected.lines(), actual.lines());
    let mut context: Vec<&str> = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        match (e.next(), a.next()) {
            (None, None) => return Some("transcripts differ in line ends".into()),
            (x, y) if x == y => context.push(x.unwrap_or_default()),
            (x, y) => {
                let mut report = format!("first difference in line {number}:\n");
                for line in context.iter().skip(context.len().saturating_sub(6)) {
                    report.push_str(&format!("   {line}\n"));
                }
                for (sign, first, rest) in [("-", x, e), ("+", y, a)] {
                    for line in first.into_iter().chain(rest).take(6) {
                        report.push_str(&format!("{sign}  {line}\n"));
                    }
                }
                return Some(report);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(normalise(line, Path::new("/tmp/x")), expected);
    }

    #[test]
    fn rules_replace_only_what_changes() {
        check("A1 OK [APPENDUID 1795376578 5] Completed", "A1 OK [APPENDUID @uidvalidity@ 5] Completed");
        check("A OK Completed (0.000 secs 20 calls)", "A OK Completed (@secs@ secs 20 calls)");
        check("Cyrus IMAP 3.6.1-Debian-3.6.1-4+deb12u5 server", "Cyrus IMAP 3.6.1@version@ server");
        check("* LIST () \".\" DELETED.user.x.6B034286", "* LIST () \".\" DELETED.user.x.@stamp@");
        check("/tmp/x/conf", "@ROOT@/conf");
        check("* 3 EXISTS", "* 3 EXISTS");
    }

    #[test]
    fn a_difference_is_reported_with_its_line() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert!(difference("a\nb\n", "a\nc\n").is_some_and(|d| d.contains("line 2")));
        assert!(difference("a\n", "a\nc\n").is_some_and(|d| d.contains("+  c")));
    }
}
