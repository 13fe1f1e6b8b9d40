//! imapd.conf: the option table, the parser, typed access, partitions.
//!
//! [`Config`] is read once at start and passed down by reference; it never changes afterwards. Only what the file sets
//! is kept; defaults stay in the table.

#[cfg(test)]
mod docs;
mod options;
mod parse;
mod partition;
#[cfg(test)]
mod tests;

pub use options::{Honour, Kind, OPTIONS, Opt, OptionRow};
pub use parse::{parse_duration, parse_switch};
pub use partition::MetaFile;

pub use parse::errno_text;

use crate::log::Priority;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where imapd.conf is looked for when no `-C` is given.
pub const DEFAULT_FILE: &str = "/etc/imapd.conf";

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// C's words for it.
    pub text: String,
    /// The exit code, 78.
    pub code: i32,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigError {}

/// The configuration of one process: imapd.conf as seen by one service or tool.
#[derive(Debug)]
pub struct Config {
    file: PathBuf,
    ident: String,
    /// Options found in the file and defaults that had to be expanded, ordered by option.
    set: Vec<(Opt, Setting)>,
    /// Other keys in the order of the file.
    overflow: Vec<(Box<str>, Text)>,
    default_partition: Option<String>,
    servername: String,
    notices: Vec<(Priority, String)>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The table, with `{configdirectory}` replaced.
    Default,
    /// The file, under the option's own name.
    Plain,
    /// The file, in a `<service>_` form.
    Service,
}

/// A value and where it comes from.
#[derive(Debug)]
struct Setting {
    seen: Seen,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Text(Text),
    /// A text option without text: an old name whose value went to the preferred one.
    Nothing,
    Int(i64),
    Switch(bool),
    Word(&'static str),
    Bits(u64),
}

/// Bytes of the file, with a readable form when they are not UTF-8.
#[derive(Clone, Debug)]
struct Text {
    raw: Box<[u8]>,
    lossy: Option<Box<str>>,
}

impl Text {
    fn new(raw: &[u8]) -> Text {
        let lossy = match String::from_utf8_lossy(raw) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(text) => Some(text.into_boxed_str()),
        };
        Text { raw: raw.into(), lossy }
    }

    fn as_str(&self) -> &str {
        self.lossy.as_deref().unwrap_or_else(|| std::str::from_utf8(&self.raw).unwrap_or_default())
    }
}

/// The value of an option in force, for listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// A text option; `None` is unset.
    Text(Option<&'a [u8]>),
    /// A number.
    Int(i64),
    /// A switch.
    Switch(bool),
    /// The word of an enumeration.
    Word(&'static str),
    /// The bits of a bit field.
    Bits(u64),
}

impl Config {
    /// Reads `file` (or the default one) for the service or tool `ident`; `$CYRUS_PREFIX` is tried in front of it.
    ///
    /// # Errors
    /// C's fatal text and exit code 78 for anything wrong in the file. C: config_read()
    pub fn load(file: Option<&Path>, ident: &str) -> Result<Config, ConfigError> {
        let prefix = std::env::var_os("CYRUS_PREFIX");
        Config::load_under(prefix.as_deref(), file.unwrap_or(Path::new(DEFAULT_FILE)), ident)
    }

    /// [`Config::load`] with the prefix as an argument.
    fn load_under(prefix: Option<&OsStr>, file: &Path, ident: &str) -> Result<Config, ConfigError> {
        let mut reader = parse::Reader::new(ident, prefix);
        reader.read_file(file.as_os_str().as_bytes())?;
        let Some(Value::Text(directory)) = reader.value(Opt::Configdirectory) else {
            return Err(parse::config_error(
                "configdirectory option not specified in configuration file".into(),
            ));
        };
        let directory = directory.raw.clone();
        reader.expand_configdirectory(&directory);
        reader.follow_deprecated();

        let set = reader
            .options
            .into_iter()
            .zip(OPTIONS)
            .filter_map(|(slot, row)| Some((row.opt, slot?)))
            .collect();
        let mut config = Config {
            file: file.to_owned(),
            ident: ident.to_owned(),
            set,
            overflow: reader.overflow,
            default_partition: None,
            servername: String::new(),
            notices: reader.notices,
        };
        config.default_partition = match config.string(Opt::Defaultpartition) {
            Some(name) if !name.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                let text = "defaultpartition option contains non-alnum character";
                crate::log::write(Priority::Err, format_args!("INVALID defaultpartition: {name}"));
                return Err(parse::config_error(text.into()));
            }
            Some(name) => Some(name.to_ascii_lowercase()),
            None => None,
        };
        // C lower-cases the option in place, so listings show it so.
        let lowered = config.default_partition.as_deref().map(|name| Value::Text(Text::new(name.as_bytes())));
        if let (Some(lowered), Some((_, setting))) =
            (lowered, config.set.iter_mut().find(|(opt, _)| *opt == Opt::Defaultpartition))
        {
            setting.value = lowered;
        }
        config.servername = match config.string(Opt::Servername) {
            Some(name) => name.to_owned(),
            None => {
                nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
        };
        Ok(config)
    }

    /// The name of the service or tool that reads this configuration.
    pub fn service(&self) -> &str {
        &self.ident
    }

    /// The file that was read, as named by `-C`.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// `configdirectory`.
    pub fn configdirectory(&self) -> &Path {
        self.path(Opt::Configdirectory).unwrap_or(Path::new(""))
    }

    /// `servername`, or the host's name.
    pub fn servername(&self) -> &str {
        &self.servername
    }

    /// A text option (STRING or STRINGLIST). Bytes that are not UTF-8 are replaced; [`Config::bytes`] has them.
    pub fn string(&self, opt: Opt) -> Option<&str> {
        match self.setting(opt).map(|setting| &setting.value) {
            Some(Value::Text(text)) => Some(text.as_str()),
            Some(Value::Word(word)) => Some(word),
            Some(_) => None,
            None => default_text(opt),
        }
    }

    /// A text option as the bytes of the file.
    pub fn bytes(&self, opt: Opt) -> Option<&[u8]> {
        match self.setting(opt).map(|setting| &setting.value) {
            Some(Value::Text(text)) => Some(&text.raw),
            _ => self.string(opt).map(str::as_bytes),
        }
    }

    /// A text option that names a file or directory.
    pub fn path(&self, opt: Opt) -> Option<&Path> {
        self.bytes(opt).map(|bytes| Path::new(OsStr::from_bytes(bytes)))
    }

    /// A switch.
    pub fn switch(&self, opt: Opt) -> bool {
        match self.shown(opt) {
            Shown::Switch(on) => on,
            _ => false,
        }
    }

    /// A number. C: config_getint(), which has the width of an int
    pub fn int(&self, opt: Opt) -> i64 {
        match self.shown(opt) {
            Shown::Int(number) => i64::from(number as i32),
            _ => 0,
        }
    }

    /// A duration in seconds; an unset one is 0. C: config_getduration()
    pub fn duration_s(&self, opt: Opt) -> i64 {
        match opt.row().kind {
            Kind::Duration(_, unit) => {
                self.bytes(opt).and_then(|text| parse_duration(text, unit)).unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// The chosen word of an ENUM (or STRINGLIST; empty when a list has none).
    pub fn choice(&self, opt: Opt) -> &'static str {
        match self.setting(opt).map(|setting| &setting.value) {
            Some(Value::Word(word)) => word,
            Some(_) => "",
            None => match opt.row().kind {
                Kind::Enum(word, _) | Kind::List(Some(word), _) => word,
                _ => "",
            },
        }
    }

    /// A bit field: bit n stands for the n-th allowed word of the row.
    pub fn bits(&self, opt: Opt) -> u64 {
        match self.shown(opt) {
            Shown::Bits(bits) => bits,
            _ => 0,
        }
    }

    /// Is `word` (or the word it is an alias of) among the words of a bit field?
    pub fn has_bit(&self, opt: Opt, word: &str) -> bool {
        let Kind::Bits(_, words) = opt.row().kind else { return false };
        parse::find_bit(words, word.as_bytes()).is_some_and(|(bit, _)| self.bits(opt) >> bit & 1 == 1)
    }

    /// The white-space separated words of a text option (`admins`, `lmtp_admins`, ...).
    pub fn words(&self, opt: Opt) -> impl Iterator<Item = &str> {
        self.string(opt).unwrap_or("").split_ascii_whitespace()
    }

    /// Was the option set in the file (in any form)?
    pub fn is_set(&self, opt: Opt) -> bool {
        self.setting(opt).is_some_and(|setting| setting.seen != Seen::Default)
    }

    /// A key that is not in the table, `<service>_key` before `key`. C: config_getoverflowstring()
    pub fn overflow(&self, key: &str) -> Option<&str> {
        self.overflow_text(key).map(Text::as_str)
    }

    /// All keys that are not in the table with their values, in the order of the file.
    pub fn overflows(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.overflow.iter().map(|(key, text)| (&**key, &*text.raw))
    }

    /// The same in the order of C's hash table: 30 buckets by a seeded djb2 hash, sorted within each.
    pub fn overflows_in_table_order(&self) -> Vec<(&str, &[u8])> {
        let mut keys: Vec<_> = self.overflows().collect();
        keys.sort_by(|(a, _), (b, _)| bucket(a).cmp(&bucket(b)).then_with(|| a.as_bytes().cmp(b.as_bytes())));
        keys
    }

    /// What reading the file had to say, in C's words: deprecated options and values.
    pub fn notices(&self) -> &[(Priority, String)] {
        &self.notices
    }

    /// Options that are set to something else than their default though no program here acts on them yet.
    pub fn unhonoured(&self) -> impl Iterator<Item = &'static OptionRow> {
        self.set
            .iter()
            .filter(|(_, setting)| setting.seen != Seen::Default)
            .map(|(opt, _)| opt.row())
            .filter(|row| row.honour == Honour::NotYet && row.deprecated_since.is_none())
            .filter(|row| self.shown(row.opt) != default_shown(row))
    }

    /// The value in force in the form of its type.
    pub fn shown(&self, opt: Opt) -> Shown<'_> {
        let row = opt.row();
        match self.setting(opt).map(|setting| &setting.value) {
            None => default_shown(row),
            Some(Value::Text(text)) => Shown::Text(Some(&text.raw)),
            Some(Value::Nothing) => Shown::Text(None),
            Some(Value::Int(number)) => Shown::Int(*number),
            Some(Value::Switch(on)) => Shown::Switch(*on),
            Some(Value::Word(word)) if matches!(row.kind, Kind::List(..)) => {
                Shown::Text(Some(word.as_bytes()))
            }
            Some(Value::Word(word)) => Shown::Word(word),
            Some(Value::Bits(bits)) => Shown::Bits(*bits),
        }
    }

    fn setting(&self, opt: Opt) -> Option<&Setting> {
        let at = self.set.binary_search_by_key(&opt, |(o, _)| *o).ok()?;
        self.set.get(at).map(|(_, setting)| setting)
    }

    fn overflow_text(&self, key: &str) -> Option<&Text> {
        let find = |is_it: &dyn Fn(&str) -> bool| {
            self.overflow.iter().find(|(known, _)| is_it(known)).map(|(_, text)| text)
        };
        let is_service_form = |known: &str| {
            known.split_at_checked(self.ident.len()).is_some_and(|(ident, rest)| {
                ident.eq_ignore_ascii_case(&self.ident) && rest.strip_prefix('_') == Some(key)
            })
        };
        find(&is_service_form).or_else(|| find(&|known| known == key))
    }
}

/// The default of an option as the table has it.
pub fn default_shown(row: &'static OptionRow) -> Shown<'static> {
    match row.kind {
        Kind::Str(text) | Kind::List(text, _) | Kind::Duration(text, _) => {
            Shown::Text(text.map(str::as_bytes))
        }
        Kind::Int(number) => Shown::Int(number),
        Kind::Switch(on) => Shown::Switch(on),
        Kind::Enum(word, _) => Shown::Word(word),
        Kind::Bits(text, words) => Shown::Bits(
            text.split_ascii_whitespace()
                .filter_map(|word| parse::find_bit(words, word.as_bytes()))
                .fold(0, |bits, (bit, _)| bits | 1u64.checked_shl(bit).unwrap_or(0)),
        ),
    }
}

fn default_text(opt: Opt) -> Option<&'static str> {
    match opt.row().kind {
        Kind::Str(text) | Kind::List(text, _) | Kind::Duration(text, _) => text,
        _ => None,
    }
}

/// The bucket of a key in C's hash table of such keys.
fn bucket(key: &str) -> u32 {
    const BUCKETS: u32 = 30;
    /// What the C library's rand() gives first in a process that never seeds it.
    const SEED: u32 = 1_804_289_383;
    let bytes = SEED.to_le_bytes().into_iter().chain(key.bytes());
    bytes.fold(5381u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte)) % BUCKETS
}
