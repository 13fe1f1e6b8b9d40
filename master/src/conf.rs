//! cyrus.conf: sections, entries, arguments. Bytes in, entries out; no socket, no process.
//!
//! The file is asked for one section at a time, as the original does it, so a START command may
//! still write a later section. Reading rules: docs/man/cyrus.conf.5. C: masterconf.c

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A section of cyrus.conf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Long-running programs without a listener.
    Daemon,
    /// Timed jobs.
    Events,
    /// Programs with a listening socket.
    Services,
    /// Commands run once, in order, before anything else.
    Start,
}

impl Section {
    fn word(self) -> &'static [u8] {
        match self {
            Section::Daemon => b"DAEMON",
            Section::Events => b"EVENTS",
            Section::Services => b"SERVICES",
            Section::Start => b"START",
        }
    }
}

/// One entry: a name and its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The entry's name; letters and digits, or empty.
    pub name: String,
    args: Vec<Argument>,
}

/// Key and value.
type Argument = (Vec<u8>, Vec<u8>);

impl Entry {
    /// The value of the first argument with this key.
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.args.iter().find(|(k, _)| k == key.as_bytes()).map(|(_, v)| v.as_slice())
    }

    /// A number; the default when absent or when the value does not begin like one.
    pub fn int(&self, key: &str, default: i32) -> i32 {
        match self.bytes(key) {
            Some([b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) => self.atoi(key, default),
            _ => default,
        }
    }

    /// A number read as `atoi` does: 0 when the value is not one; the default only when absent.
    pub fn atoi(&self, key: &str, default: i32) -> i32 {
        self.bytes(key).map_or(default, atoi)
    }

    /// A switch; the default when absent or not understood.
    pub fn switch(&self, key: &str, default: bool) -> bool {
        match self.bytes(key) {
            Some([b'0' | b'n' | b'f', ..] | [b'o', b'f', ..]) => false,
            Some([b'1' | b'y' | b't', ..] | [b'o', b'n', ..]) => true,
            _ => default,
        }
    }

    /// The words of `cmd`; empty when there is no command.
    pub fn command(&self) -> Vec<Vec<u8>> {
        let cmd = self.bytes("cmd").unwrap_or_default();
        cmd.split(|b| is_space(*b)).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).collect()
    }
}

/// A cyrus.conf that cannot be used; every case ends the master with code 78.
#[derive(Debug, PartialEq, Eq)]
pub enum ConfError {
    /// An argument is not `key=value`.
    BadArgument(Place, u8),
    /// An entry's name is not letters and digits.
    BadName(Place, u8),
    /// A quoted value without closing quote.
    NoQuote(Place),
    /// More than 64 arguments.
    TooMany(Place),
    /// The file cannot be opened or read.
    Unreadable(PathBuf, String),
}

/// Where in the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// As given by `-M`.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = |f: &mut fmt::Formatter<'_>, place: &Place| {
            write!(f, "configuration file {}: ", place.file.display())
        };
        match self {
            ConfError::BadArgument(place, byte) => {
                head(f, place)?;
                write!(f, "bad character '{}' in argument on line {}", shown(*byte), place.line)
            }
            ConfError::BadName(place, byte) => {
                head(f, place)?;
                write!(f, "bad character '{}' in name on line {}", shown(*byte), place.line)
            }
            ConfError::NoQuote(place) => {
                head(f, place)?;
                write!(f, "missing \" on line {}", place.line)
            }
            ConfError::TooMany(place) => {
                head(f, place)?;
                write!(f, "too many arguments on line {}", place.line)
            }
            ConfError::Unreadable(file, why) => {
                write!(f, "can't open configuration file {}: {why}", file.display())
            }
        }
    }
}

impl std::error::Error for ConfError {}

/// Reads the file and hands the entries of the first section of that kind to `each`, in order.
///
/// The entries before a broken line have been handed over when the error comes.
/// `$CYRUS_PREFIX` with the file's name appended is tried first. C: masterconf_getsection()
///
/// # Errors
/// What is wrong with the file, or what `each` says.
pub fn section<E: From<ConfError>>(
    file: &Path,
    section: Section,
    each: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    let prefixed = std::env::var_os("CYRUS_PREFIX").and_then(|mut name| {
        name.push(file.as_os_str());
        std::fs::read(name).ok()
    });
    let bytes = match prefixed {
        Some(bytes) => bytes,
        None => std::fs::read(file).map_err(|e| ConfError::Unreadable(file.to_owned(), errno_text(&e)))?,
    };
    parse(&bytes, file, section, each)
}

/// The words of an errno, without Rust's "(os error n)".
pub fn errno_text(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// [`section`] over the file's bytes.
///
/// # Errors
/// As for [`section`].
pub fn parse<E: From<ConfError>>(
    bytes: &[u8],
    file: &Path,
    section: Section,
    mut each: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    let mut lines = Lines { rest: bytes, number: 0 };
    let mut level = 0i64;
    while let Some(line) = lines.next() {
        let word = section.word();
        let head = line.split_at_checked(word.len());
        let opens = level == 0
            && head.is_some_and(|(h, rest)| {
                h.eq_ignore_ascii_case(word)
                    // the first letter is compared as it is written in the documentation
                    && h.first() == word.first()
                    && !rest.first().is_some_and(u8::is_ascii_alphanumeric)
            });
        level += nesting(line);
        if opens && level == 1 {
            // The closing brace was taken by the section, so the level stays at 1 and nothing
            // after it counts as a section again: of several sections of one name the first is used.
            entries(&mut lines, file, &mut each)?;
        }
    }
    Ok(())
}

/// `atoi` with the wrap-around of its usual implementation cut to a clamp.
pub fn atoi(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value = 0i32;
    for digit in digits.iter().take_while(|b| b.is_ascii_digit()) {
        let digit = i32::from(digit - b'0');
        value = value.saturating_mul(10);
        value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
    }
    value
}

/// A path of a command's first word.
pub fn as_path(word: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(word))
}

/// Lines as `fgets` with a buffer of 4096 cuts them, without leading white space and comment.
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let window = self.rest.get(..LINE_MAX).unwrap_or(self.rest);
        let end = memchr(b'\n', window).map_or(window.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        self.number += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        // a NUL ends the line, as everywhere in C
        let line = until(line, 0);
        let start = line.iter().position(|b| !is_space(*b)).unwrap_or(line.len());
        Some(until(line.get(start..).unwrap_or_default(), b'#'))
    }
}

fn entries<E: From<ConfError>>(
    lines: &mut Lines<'_>,
    file: &Path,
    each: &mut impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(line) = lines.next() {
        match line.first() {
            None => continue,
            Some(b'}') => return Ok(()),
            Some(_) => {}
        }
        let place = || Place { file: file.to_owned(), line: lines.number };
        let end = line.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(line.len());
        let (name, rest) = line.split_at(end);
        // The byte after the name is dropped whatever it is; only a name that runs into it is wrong.
        let rest = match rest.split_first() {
            Some((byte, _)) if !name.is_empty() && !is_space(*byte) => {
                return Err(ConfError::BadName(place(), *byte).into());
            }
            Some((_, rest)) => rest,
            None => rest,
        };
        let name = String::from_utf8_lossy(name).into_owned();
        each(Entry { name, args: arguments(rest, place)? })?;
    }
    Ok(())
}

fn arguments(mut rest: &[u8], place: impl Fn() -> Place) -> Result<Vec<Argument>, ConfError> {
    let mut args = Vec::new();
    loop {
        let start = rest.iter().position(|b| !is_space(*b)).unwrap_or(rest.len());
        rest = rest.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(args);
        }
        let end = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let value = match after.split_first() {
            Some((b'=', value)) => value,
            other => return Err(ConfError::BadArgument(place(), other.map_or(0, |(b, _)| *b))),
        };
        let (value, after) = match value.split_first() {
            Some((b'"', quoted)) => {
                let close = memchr(b'"', quoted).ok_or_else(|| ConfError::NoQuote(place()))?;
                (quoted.get(..close).unwrap_or_default(), quoted.get(close + 1..).unwrap_or_default())
            }
            _ => value.split_at(value.iter().position(|b| is_space(*b)).unwrap_or(value.len())),
        };
        if args.len() == ARGS_MAX {
            return Err(ConfError::TooMany(place()));
        }
        args.push((key.to_vec(), value.to_vec()));
        rest = after;
    }
}

fn nesting(line: &[u8]) -> i64 {
    line.iter()
        .map(|b| match b {
            b'{' => 1,
            b'}' => -1,
            _ => 0,
        })
        .sum()
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == byte)
}

fn until(line: &[u8], stop: u8) -> &[u8] {
    memchr(stop, line).and_then(|at| line.get(..at)).unwrap_or(line)
}

/// C's `isspace` in the C locale (Rust's `is_ascii_whitespace` lacks the vertical tab).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn shown(byte: u8) -> char {
    if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '?' }
}

/// What one `fgets` takes at most.
const LINE_MAX: usize = 4095;
const ARGS_MAX: usize = 64;

#[cfg(test)]
mod tests;
