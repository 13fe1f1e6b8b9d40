//! Reading imapd.conf: lines, includes, duplicates, service overrides and the value syntaxes.
//!
//! Rests on bytes: any input gives a configuration or an error with C's words, never a panic, and memory grows only
//! with the size of the files. A file is read at most once, so includes end.

use super::options::{Kind, OPTIONS, Opt};
use super::{ConfigError, Seen, Setting, Text, Value};
use crate::exit::EX_CONFIG;
use crate::log::Priority;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the files hold, as the reader finds it.
pub(super) struct Reader<'a> {
    /// The service or tool whose `<service>_` forms count.
    pub ident: &'a str,
    /// `$CYRUS_PREFIX`, tried in front of every file name.
    pub prefix: Option<&'a OsStr>,
    /// One slot per option.
    pub options: Vec<Option<Setting>>,
    /// Keys that are no options, in the order of the file.
    pub overflow: Vec<(Box<str>, Text)>,
    /// What to say in the log.
    pub notices: Vec<(Priority, String)>,
    files: Vec<Vec<u8>>,
    depth: usize,
}

/// Includes may nest this deep; C has no bound but its stack.
const DEPTH_MAX: usize = 64;

impl<'a> Reader<'a> {
    pub(super) fn new(ident: &'a str, prefix: Option<&'a OsStr>) -> Reader<'a> {
        let mut options = Vec::new();
        options.resize_with(OPTIONS.len(), || None);
        Reader {
            ident,
            prefix,
            options,
            overflow: Vec::new(),
            notices: Vec::new(),
            files: Vec::new(),
            depth: 0,
        }
    }

    /// Reads one file and what it includes. C: config_read_file()
    pub(super) fn read_file(&mut self, name: &[u8]) -> Result<(), ConfigError> {
        let content = self.open(name).map_err(|error| {
            config_error(format!("can't open configuration file {}: {}", lossy(name), errno_text(&error)))
        })?;
        if self.files.iter().any(|known| known == name) {
            return Err(config_error(format!("configuration file {} included twice", lossy(name))));
        }
        if self.depth >= DEPTH_MAX {
            return Err(config_error(format!("configuration file {} included too deep", lossy(name))));
        }
        self.files.push(name.to_vec());
        self.depth += 1;
        let result = self.read_lines(name, &content);
        self.depth -= 1;
        result
    }

    fn open(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        if let Some(prefix) = self.prefix {
            let full = [prefix.as_bytes(), name].concat();
            if let Ok(content) = std::fs::read(Path::new(OsStr::from_bytes(&full))) {
                return Ok(content);
            }
        }
        match std::fs::read(Path::new(OsStr::from_bytes(name))) {
            // C opens a directory and finds it empty.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(Vec::new()),
            result => result,
        }
    }

    fn read_lines(&mut self, file: &[u8], content: &[u8]) -> Result<(), ConfigError> {
        let mut line_number = 0usize;
        let mut joined: Vec<u8> = Vec::new();
        for piece in content.split_inclusive(|&b| b == b'\n') {
            line_number += 1;
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            // A NUL hides the rest of its line from C, the line end included.
            let (text, ended) = match text.iter().position(|&b| b == 0) {
                Some(nul) => (text.get(..nul).unwrap_or_default(), false),
                None => (text, ended),
            };
            if let (true, Some(head)) = (ended, text.strip_suffix(b"\\")) {
                joined.extend_from_slice(head);
                continue;
            }
            if joined.is_empty() {
                self.read_line(file, line_number, text)?;
            } else {
                joined.extend_from_slice(text);
                let line = std::mem::take(&mut joined);
                self.read_line(file, line_number, &line)?;
            }
        }
        // A last line that asks to be continued is dropped, as in C.
        Ok(())
    }

    fn read_line(&mut self, file: &[u8], number: usize, line: &[u8]) -> Result<(), ConfigError> {
        let line = trim_start(line);
        if line.is_empty() || line.first() == Some(&b'#') {
            return Ok(());
        }
        let directive = line.first() == Some(&b'@');
        let from = usize::from(directive);
        let name_end = line
            .iter()
            .skip(from)
            .position(|&b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
            .map_or(line.len(), |at| at + from);
        let (key, rest) = line.split_at_checked(name_end).unwrap_or((line, b""));
        // An empty name makes C abort.
        let Some(value) = rest.strip_prefix(b":").filter(|_| !key.is_empty()) else {
            return Err(config_error(format!(
                "invalid option name on line {number} of configuration file {}",
                lossy(file)
            )));
        };
        let key = String::from_utf8_lossy(key).to_ascii_lowercase();
        let value = trim_end(trim_start(value));
        if value.is_empty() {
            return Err(config_error(format!("empty option value on line {number} of configuration file")));
        }
        if directive {
            if key == "@include" {
                return self.read_file(value);
            }
            return Err(config_error(format!(
                "invalid directive on line {number} of configuration file {}",
                lossy(file)
            )));
        }
        if let Some(opt) = self.service_form(&key) {
            return self.set(opt, &key, Seen::Service, value, number);
        }
        match Opt::by_name(key.as_bytes()) {
            Some(opt) => self.set(opt, &key, Seen::Plain, value, number),
            None => self.add_overflow(&key, value, number),
        }
    }

    /// The option behind `<service>_`, if `key` is such a form.
    fn service_form(&self, key: &str) -> Option<Opt> {
        let head = key.get(..self.ident.len())?;
        if !head.eq_ignore_ascii_case(self.ident) {
            return None;
        }
        Opt::by_name(key.get(self.ident.len()..)?.strip_prefix('_')?.as_bytes())
    }

    fn set(&mut self, opt: Opt, key: &str, seen: Seen, value: &[u8], line: usize) -> Result<(), ConfigError> {
        let before =
            self.options.get(opt as usize).and_then(|slot| slot.as_ref()).map(|setting| setting.seen);
        if before == Some(seen) {
            return Err(twice(key, line));
        }
        if before == Some(Seen::Service) {
            return Ok(());
        }
        if opt.row().deprecated_since.is_some() {
            self.add_overflow(key, value, line)?;
        }
        let value = self.parse_value(opt, value, line)?;
        if let Some(slot) = self.options.get_mut(opt as usize) {
            *slot = Some(Setting { seen, value });
        }
        Ok(())
    }

    fn parse_value(&mut self, opt: Opt, value: &[u8], line: usize) -> Result<Value, ConfigError> {
        let row = opt.row();
        let name = row.name;
        let invalid =
            |word: &[u8]| config_error(format!("invalid value '{}' for {name} in line {line}", lossy(word)));
        Ok(match row.kind {
            Kind::Str(_) => Value::Text(Text::new(value)),
            Kind::Int(_) => Value::Int(
                parse_int(value)
                    .ok_or_else(|| config_error(format!("non-integer value for {name} in line {line}")))?,
            ),
            Kind::Switch(_) => Value::Switch(
                parse_switch(value)
                    .ok_or_else(|| config_error(format!("non-switch value for {name} in line {line}")))?,
            ),
            Kind::List(_, words) => Value::Word(find_word(words, value).ok_or_else(|| invalid(value))?),
            Kind::Enum(_, words) => {
                let value: &[u8] = match value {
                    b"1" | b"yes" | b"t" | b"true" => b"on",
                    b"0" | b"no" | b"f" | b"false" => b"off",
                    other => other,
                };
                Value::Word(find_word(words, value).ok_or_else(|| invalid(value))?)
            }
            Kind::Bits(_, words) => {
                let mut bits = 0;
                for word in value.split(|&b| is_space(b)).filter(|word| !word.is_empty()) {
                    let (bit, preferred) = find_bit(words, word).ok_or_else(|| invalid(word))?;
                    if preferred.as_bytes() != word {
                        self.notices.push((
                            Priority::Warning,
                            format!(
                                "Value '{}' for option '{name}' is deprecated in favor of value '{preferred}'",
                                lossy(word)
                            ),
                        ));
                    }
                    bits |= 1u64.checked_shl(bit).unwrap_or(0);
                }
                Value::Bits(bits)
            }
            Kind::Duration(..) => {
                if parse_duration(value, b's').is_none() {
                    return Err(config_error(format!(
                        "unparsable duration '{}' for {name} in line {line}",
                        lossy(value)
                    )));
                }
                Value::Text(Text::new(value))
            }
        })
    }

    fn add_overflow(&mut self, key: &str, value: &[u8], line: usize) -> Result<(), ConfigError> {
        // C compares the value pointers, so only a second key is an error.
        if self.overflow.iter().any(|(known, _)| **known == *key) {
            return Err(twice(key, line));
        }
        self.overflow.push((key.into(), Text::new(value)));
        Ok(())
    }
}

/// The placeholder that a value may begin with.
const PLACEHOLDER: &[u8] = b"{configdirectory}";

impl Reader<'_> {
    pub(super) fn value(&self, opt: Opt) -> Option<&Value> {
        self.options.get(opt as usize)?.as_ref().map(|setting| &setting.value)
    }

    /// Replaces `{configdirectory}` at the start of STRING values and defaults.
    pub(super) fn expand_configdirectory(&mut self, directory: &[u8]) {
        for (slot, row) in self.options.iter_mut().zip(OPTIONS) {
            let Kind::Str(default) = row.kind else { continue };
            let (seen, text) = match slot {
                Some(Setting { seen, value: Value::Text(text) }) => (*seen, &*text.raw),
                Some(_) => continue,
                None => (Seen::Default, default.unwrap_or("").as_bytes()),
            };
            if row.opt == Opt::Configdirectory {
                continue;
            }
            let Some((head, tail)) = text.split_at_checked(PLACEHOLDER.len()) else { continue };
            if head.eq_ignore_ascii_case(PLACEHOLDER) {
                let full = [directory, tail].concat();
                *slot = Some(Setting { seen, value: Value::Text(Text::new(&full)) });
            }
        }
    }

    /// Gives the values of deprecated options to the preferred ones, unless those are set. C: config_option_deprecate()
    pub(super) fn follow_deprecated(&mut self) {
        for row in OPTIONS {
            let Some(since) = row.deprecated_since else { continue };
            let Some(Some(old)) = self.options.get_mut(row.opt as usize) else { continue };
            if old.seen == Seen::Default {
                continue;
            }
            let Some(preferred) = row.preferred else {
                let text = format!("Option '{}' is deprecated in version {since}.", row.name);
                self.notices.push((Priority::Warning, text));
                continue;
            };
            let text = format!(
                "Option '{}' is deprecated in favor of '{}' since version {since}.",
                row.name,
                preferred.name()
            );
            self.notices.push((Priority::Warning, text));
            let (seen, value) = (old.seen, old.value.clone());
            let new = self.options.get(preferred as usize).and_then(|slot| slot.as_ref());
            if new.is_some_and(|setting| setting.seen != Seen::Default) {
                continue;
            }
            if let (Value::Text(_) | Value::Word(_), Kind::Str(_) | Kind::List(..) | Kind::Duration(..)) =
                (&value, row.kind)
                && let Some(Some(old)) = self.options.get_mut(row.opt as usize)
            {
                old.value = Value::Nothing;
            }
            if let Some(slot) = self.options.get_mut(preferred as usize) {
                *slot = Some(Setting { seen, value });
            }
        }
    }
}

/// Parses a duration into seconds; `unit` (one of `d h m s`) is that of a number without one.
/// C: config_parseduration()
pub fn parse_duration(text: &[u8], unit: u8) -> Option<i64> {
    let last_unit = text.last().filter(|b| b.is_ascii_digit()).map(|_| unit);
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut sum, mut number, mut saw_digit) = (0i64, 0i64, false);
    for byte in digits.iter().copied().chain(last_unit) {
        if byte.is_ascii_digit() {
            number = number.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
            saw_digit = true;
            continue;
        }
        if !saw_digit {
            return None;
        }
        let factor = match byte {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        sum = sum.saturating_add(number.saturating_mul(factor));
        (number, saw_digit) = (0, false);
    }
    // C holds seconds in an int.
    let sum = sum.min(i64::from(i32::MAX));
    Some(if negative { -sum } else { sum })
}

/// Reads a switch by its first letters; `None` if it is neither yes nor no. C: config_parse_switch()
pub fn parse_switch(text: &[u8]) -> Option<bool> {
    match (text.first()?, text.get(1)) {
        (b'0' | b'n' | b'f', _) | (b'o', Some(b'f')) => Some(false),
        (b'1' | b'y' | b't', _) | (b'o', Some(b'n')) => Some(true),
        _ => None,
    }
}

/// A whole number as strtol() with base 0 reads it: decimal, 0x hexadecimal or 0 octal, clamped; `None` when text
/// is left over.
fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] => (16, rest),
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0i128;
    for &byte in digits {
        let digit = char::from(byte).to_digit(radix)?;
        number = (number * i128::from(radix) + i128::from(digit)).min(1 << 64);
    }
    let number = if negative { -number } else { number };
    Some(i64::try_from(number).unwrap_or(if negative { i64::MIN } else { i64::MAX }))
}

/// The word of a list that equals `value`.
fn find_word(words: &'static [&'static str], value: &[u8]) -> Option<&'static str> {
    words.iter().copied().find(|word| word.as_bytes() == value)
}

/// Bit number and preferred name of a word of a bit field, given by its name or an alias.
pub(super) fn find_bit(words: &'static [&'static str], value: &[u8]) -> Option<(u32, &'static str)> {
    words.iter().zip(0u32..).find_map(|(entry, bit)| {
        let mut names = entry.split('=');
        let preferred = names.next()?;
        let hit = preferred.as_bytes() == value || names.any(|alias| alias.as_bytes() == value);
        hit.then_some((bit, preferred))
    })
}

pub(super) fn config_error(text: String) -> ConfigError {
    ConfigError { text, code: EX_CONFIG }
}

fn twice(key: &str, line: usize) -> ConfigError {
    config_error(format!(
        "option '{key}' was specified twice in config file (second occurrence on line {line})"
    ))
}

fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// strerror() without Rust's `(os error N)`.
pub fn errno_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text.get(..at).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// C's isspace().
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn trim_start(text: &[u8]) -> &[u8] {
    let from = text.iter().position(|&b| !is_space(b)).unwrap_or(text.len());
    text.get(from..).unwrap_or_default()
}

fn trim_end(text: &[u8]) -> &[u8] {
    let to = text.iter().rposition(|&b| !is_space(b)).map_or(0, |at| at + 1);
    text.get(..to).unwrap_or_default()
}
