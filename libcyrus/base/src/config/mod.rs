//! imapd.conf: the option table, the parser, typed access, partitions.
//!
//! [`Config`] is read once at start and passed down by reference; it never changes afterwards.

mod options;
mod parse;
mod partition;

pub use options::{Honour, Kind, OPTIONS, Opt, OptionRow};
pub use parse::{parse_duration, parse_switch};
pub use partition::MetaFile;

use crate::log::Priority;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where imapd.conf is looked for when no `-C` is given.
pub const DEFAULT_FILE: &str = "/etc/imapd.conf";

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// C's words for it.
    pub text: String,
    /// The exit code, 78 with few exceptions.
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
    /// Options found in the file, ordered by option.
    set: Vec<(Opt, Setting)>,
    /// Other keys in the order of the file.
    overflow: Vec<(Box<str>, Text)>,
    servername: String,
    notices: Vec<(Priority, String)>,
}

/// A value set in the file.
#[derive(Debug)]
struct Setting {
    /// From a `<service>_` form?
    service_form: bool,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Text(Text),
    Int(i64),
    Switch(bool),
    Word(&'static str),
    Bits(u64),
}

/// Bytes of the file, with a readable form when they are not UTF-8.
#[derive(Debug)]
struct Text {
    raw: Box<[u8]>,
    lossy: Option<Box<str>>,
}

impl Config {
    /// Reads `file` (or the default one) for the service or tool `ident`.
    ///
    /// # Errors
    /// C's fatal text and exit code 78 for anything wrong in the file. C: config_read()
    pub fn load(file: Option<&Path>, ident: &str) -> Result<Config, ConfigError> {
        let _ = (file, ident);
        todo!()
    }

    /// Demands that `partition-<defaultpartition>` or, without default partition in a murder, any partition is set.
    ///
    /// # Errors
    /// C's fatal text when it is not. C: config_read() with CONFIG_NEED_PARTITION_DATA
    pub fn require_partitions(&self) -> Result<(), ConfigError> {
        todo!()
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
        todo!()
    }

    /// `servername`, or the host's name.
    pub fn servername(&self) -> &str {
        &self.servername
    }

    /// A text option (STRING or STRINGLIST). Bytes that are not UTF-8 are replaced; [`Config::bytes`] has them.
    pub fn string(&self, opt: Opt) -> Option<&str> {
        let _ = opt;
        todo!()
    }

    /// A text option as the bytes of the file.
    pub fn bytes(&self, opt: Opt) -> Option<&[u8]> {
        let _ = opt;
        todo!()
    }

    /// A text option that names a file or directory.
    pub fn path(&self, opt: Opt) -> Option<&Path> {
        let _ = opt;
        todo!()
    }

    /// A switch.
    pub fn switch(&self, opt: Opt) -> bool {
        let _ = opt;
        todo!()
    }

    /// A number. C: config_getint()
    pub fn int(&self, opt: Opt) -> i64 {
        let _ = opt;
        todo!()
    }

    /// A duration in seconds; an unset one is 0. C: config_getduration()
    pub fn duration_s(&self, opt: Opt) -> i64 {
        let _ = opt;
        todo!()
    }

    /// The chosen word of an ENUM (or STRINGLIST; empty when a list has none).
    pub fn choice(&self, opt: Opt) -> &'static str {
        let _ = opt;
        todo!()
    }

    /// A bit field: bit n stands for the n-th allowed word of the row.
    pub fn bits(&self, opt: Opt) -> u64 {
        let _ = opt;
        todo!()
    }

    /// Is `word` among the words of a bit field?
    pub fn has_bit(&self, opt: Opt, word: &str) -> bool {
        let _ = (opt, word);
        todo!()
    }

    /// The white-space separated words of a text option (`admins`, `lmtp_admins`, ...).
    pub fn words(&self, opt: Opt) -> impl Iterator<Item = &str> {
        self.string(opt).unwrap_or("").split_ascii_whitespace()
    }

    /// Was the option set in the file (in any form)?
    pub fn is_set(&self, opt: Opt) -> bool {
        self.set.binary_search_by_key(&opt, |(o, _)| *o).is_ok()
    }

    /// A key that is not in the table, `<service>_key` before `key`. C: config_getoverflowstring()
    pub fn overflow(&self, key: &str) -> Option<&str> {
        let _ = key;
        todo!()
    }

    /// All keys that are not in the table with their values, in the order of the file.
    pub fn overflows(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.overflow.iter().map(|(key, text)| (&**key, &*text.raw))
    }

    /// What reading the file had to say: deprecated options and values, options nobody acts on yet.
    pub fn notices(&self) -> &[(Priority, String)] {
        &self.notices
    }
}
