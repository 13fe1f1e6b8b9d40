//! The collection of Sieve scripts in `tests/data/sieve/scripts`: many cases to a file, one area to a file.
//!
//! A line `=== NAME` begins a case, whose text is every line up to the next such line. `==\ NAME` begins one in which
//! `\n`, `\r`, `\t`, `\xHH` and `\\` stand for bytes (any other backslash for itself) and the last line has no end.
//! `=#= LINES` sets lines of imapd.conf for the cases behind it (until the next). What stands before the first is a
//! comment.
//!
//! The scripts that filter in `tests/data/sieve` belong to it too: in these files `== NAME` begins a block.

use crate::place;
use std::fmt::Write as _;

/// One script.
#[derive(Clone, Debug)]
pub struct Case {
    /// `area/name`, different for each.
    pub name: String,
    /// The bytes of the script.
    pub script: Vec<u8>,
    /// Lines for imapd.conf, empty for the default settings.
    pub settings: String,
}

/// Every script of the collection, in the order of the files' names.
///
/// # Panics
/// A file cannot be read, or two cases have the same name.
pub fn cases() -> Vec<Case> {
    let dir = place::root().join("tests/data/sieve/scripts");
    let mut files: Vec<_> = std::fs::read_dir(&dir).expect("tests/data/sieve/scripts").flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut all: Vec<Case> = Vec::new();
    for file in files {
        let area = file.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file.path()).expect("a file of scripts");
        read(&area, &text, &mut all);
    }
    for (area, file) in [("filtering", "scripts.txt"), ("included", "includes.txt")] {
        let filtering = blocks(file).into_iter().map(|(name, text)| Case {
            name: format!("{area}/{name}"),
            script: text.into_bytes(),
            settings: String::new(),
        });
        all.extend(filtering);
    }
    let mut names: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("two scripts are called {}", twice[0]);
    }
    all
}

/// The blocks of a file in `tests/data/sieve`, each behind a line `== HEAD`, their lines ended by CRLF.
///
/// # Panics
/// The file cannot be read.
pub fn blocks(file: &str) -> Vec<(String, String)> {
    let path = place::root().join("tests/data/sieve").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            out.push((name.to_owned(), String::new()));
        } else if let Some((_, block)) = out.last_mut() {
            let _ = write!(block, "{line}\r\n");
        }
    }
    out
}

fn read(area: &str, text: &str, all: &mut Vec<Case>) {
    let mut settings = String::new();
    let mut in_settings = false;
    // The case being read: its name, whether it is escaped, its lines.
    let mut open: Option<(String, bool, Vec<&str>)> = None;
    let mut close = |open: &mut Option<(String, bool, Vec<&str>)>, settings: &str| {
        if let Some((name, escaped, lines)) = open.take() {
            let text = lines.join("\n");
            let script = if escaped { unescape(&text) } else { format!("{text}\n").into_bytes() };
            all.push(Case { name: format!("{area}/{name}"), script, settings: settings.to_owned() });
        }
    };
    for line in text.split_terminator('\n') {
        let marked = [("=== ", false), ("==\\ ", true)]
            .iter()
            .find_map(|(mark, escaped)| line.strip_prefix(mark).map(|name| (name.to_owned(), *escaped)));
        if let Some((name, escaped)) = marked {
            close(&mut open, &settings);
            in_settings = false;
            open = Some((name, escaped, Vec::new()));
        } else if let Some(first) = line.strip_prefix("=#= ") {
            close(&mut open, &settings);
            in_settings = true;
            settings = format!("{first}\n");
        } else if let Some((_, _, lines)) = &mut open {
            lines.push(line);
        } else if in_settings {
            settings.push_str(line);
            settings.push('\n');
        }
    }
    close(&mut open, &settings);
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes();
    while let Some((first, rest)) = bytes.split_first() {
        let (byte, length) = match (first, rest) {
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                let text = std::str::from_utf8(&digits).unwrap_or("");
                (u8::from_str_radix(text, 16).expect("two digits behind \\x"), 4)
            }
            (byte, _) => (*byte, 1),
        };
        out.push(byte);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    out
}
