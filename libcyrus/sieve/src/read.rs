//! A bytecode file as a sequence of operations with their arguments, versions 3 to 31.
//!
//! This is the lowest reading: words, strings and lists in the shapes that `code` names, each within the file and
//! no deeper than [`MAX_NESTING`]. What the arguments mean, and whether jumps lead
//! anywhere, is the business of `verify`. Memory grows with the octets of the file, never with a count in it.

use crate::code::{self, Arg, Fcc, MAX_NESTING, Match, Op, Test, Zone};
use std::fmt;

/// Why a file is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is shorter than the shortest script.
    TooShort,
    /// It does not begin with the magic.
    Magic,
    /// A version this build does not read.
    Version(u32),
    /// An argument reaches past the end.
    Truncated {
        /// Where, in words from the start of the file.
        at: usize,
    },
    /// No such command or test.
    Opcode {
        /// Where, in words from the start of the file.
        at: usize,
        /// The word found.
        word: i32,
    },
    /// Tests are nested too deep.
    Nesting {
        /// Where, in words from the start of the file.
        at: usize,
    },
    /// A jump or an end of a list leads where no command begins, or backwards.
    Jump {
        /// Where, in words from the start of the file.
        at: usize,
    },
    /// An argument has a value that its command cannot have.
    Argument {
        /// The command or test, in words from the start of the file.
        at: usize,
    },
}

impl fmt::Display for Malformed {
    /// The words of C where it has any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("Run error"),
            Self::Magic => f.write_str("Not a bytecode file"),
            Self::Version(_) => f.write_str("Incorrect Bytecode Version, please recompile (use sievec)"),
            Self::Truncated { at }
            | Self::Opcode { at, .. }
            | Self::Nesting { at }
            | Self::Jump { at }
            | Self::Argument { at } => write!(f, "Invalid sieve bytecode (word {at})"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Result of this module.
pub type Result<T> = std::result::Result<T, Malformed>;

/// A string or nil. Like C we end it at the first NUL.
pub type Text = Option<Vec<u8>>;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One word.
    Int(i32),
    /// A string.
    Text(Text),
    /// A list of strings.
    Texts(Vec<Text>),
    /// A list of words.
    Words(Vec<i32>),
    /// A test.
    Test(Box<RawTest>),
    /// A list of tests.
    Tests(Vec<RawTest>),
    /// Match type, relation, comparator.
    Comparator([i32; 3]),
    /// A folder for a copy; `None` when there is none.
    Fcc(Option<RawFcc>),
    /// Zone word and, when the zone is given, its string.
    Zone(i32, Text),
    /// A word index.
    Jump(usize),
}

/// The folder of `:fcc` and how it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFcc {
    /// The folder.
    pub folder: Vec<u8>,
    /// Whether it is made when missing.
    pub create: i32,
    /// Flags of the copy.
    pub flags: Vec<Text>,
    /// Its special use.
    pub special_use: Text,
    /// Its mailbox id.
    pub mailboxid: Text,
}

/// A test with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTest {
    /// Where it begins, in words.
    pub at: usize,
    /// Which one.
    pub test: Test,
    /// An index before the other arguments, of version 7 only.
    pub early_index: Option<i32>,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawCommand {
    /// Where it begins, in words.
    pub at: usize,
    /// Which one.
    pub op: Op,
    /// Its arguments.
    pub args: Vec<Value>,
}

/// A file taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawScript {
    /// Version of the bytecode.
    pub version: u32,
    /// Word of required extensions.
    pub requires: u32,
    /// The commands in the order of the file.
    pub commands: Vec<RawCommand>,
    /// Words in the file: where a jump to the end leads.
    pub end: usize,
}

/// Takes a file apart. C: bc_header_parse(), bc_action_parse(), bc_test_parse()
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<RawScript> {
    if bytes.len() < code::MAGIC.len() + 2 * WORD {
        return Err(Malformed::TooShort);
    }
    if !bytes.starts_with(code::MAGIC) {
        return Err(Malformed::Magic);
    }
    let mut reader = Reader { bytes, at: code::MAGIC.len() / WORD, version: 0 };
    let version = reader.word()?.cast_unsigned();
    if !(code::MIN_VERSION..=code::VERSION).contains(&version) {
        return Err(Malformed::Version(version));
    }
    reader.version = version;
    let requires =
        if version >= code::REQUIRED_EXTENSIONS_SINCE { reader.word()?.cast_unsigned() } else { 0 };
    let end = bytes.len() / WORD;
    let mut commands = Vec::new();
    while reader.at < end {
        commands.push(reader.command()?);
    }
    Ok(RawScript { version, requires, commands, end })
}

const WORD: usize = 4;

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    version: u32,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<i32> {
        let start = self.at.checked_add(ahead)?.checked_mul(WORD)?;
        let (word, _) = self.bytes.get(start..)?.split_first_chunk::<WORD>()?;
        Some(i32::from_be_bytes(*word))
    }

    fn word(&mut self) -> Result<i32> {
        let word = self.peek(0).ok_or(Malformed::Truncated { at: self.at })?;
        self.at += 1;
        Ok(word)
    }

    fn text(&mut self) -> Result<Text> {
        let at = self.at;
        let length = self.word()?;
        if length == -1 {
            return Ok(None);
        }
        let truncated = Malformed::Truncated { at };
        let length = usize::try_from(length).map_err(|_| truncated)?;
        let start = self.at * WORD;
        // At least one NUL follows, and all is filled up to a word.
        let words = length / WORD + 1;
        let bytes = self.bytes.get(start..).and_then(|rest| rest.get(..words * WORD)).ok_or(truncated)?;
        let bytes = bytes.get(..length).ok_or(truncated)?;
        self.at += words;
        let end = bytes.iter().position(|&octet| octet == 0).unwrap_or(length);
        Ok(bytes.get(..end).map(<[u8]>::to_vec))
    }

    /// Count and end of a list; C does not look at the end, so nor do we.
    fn list<T>(&mut self, mut member: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let at = self.at;
        let count = usize::try_from(self.word()?).map_err(|_| Malformed::Truncated { at })?;
        let _end = self.word()?;
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(member(self)?);
        }
        Ok(members)
    }

    fn command(&mut self) -> Result<RawCommand> {
        let at = self.at;
        let word = self.word()?;
        let op = Op::from_word(word).ok_or(Malformed::Opcode { at, word })?;
        let mut args = op.args();
        if op == Op::VacationOrig && self.version < 5 {
            args = args.get(..5).unwrap_or(args);
        }
        Ok(RawCommand { at, op, args: self.args(args, 0)? })
    }

    fn test(&mut self, depth: usize) -> Result<RawTest> {
        let at = self.at;
        if depth >= MAX_NESTING {
            return Err(Malformed::Nesting { at });
        }
        let word = self.word()?;
        let test = Test::from_word(word).ok_or(Malformed::Opcode { at, word })?;
        let mut args = test.args();
        let mut early_index = None;
        if self.version == 7 {
            match test {
                Test::HeaderPreIndex | Test::AddressPreIndex
                    if self.peek(1).is_some_and(|word| Match::from_word(word).is_some()) =>
                {
                    early_index = Some(self.word()?);
                }
                Test::DateOrig | Test::CurrentdateOrig => {
                    let has_index = self.has_early_index();
                    if has_index {
                        early_index = Some(self.word()?);
                    }
                    if test == Test::DateOrig {
                        // Its own index stands first in later versions.
                        args = args.get(1..).unwrap_or_default();
                    }
                }
                _ => {}
            }
        }
        let args = self.args(args, depth)?;
        Ok(RawTest { at, test, early_index, args })
    }

    /// Whether a date test of version 7 has an index, told by where the comparator stands.
    fn has_early_index(&self) -> bool {
        let is_comparator =
            |ahead| self.peek(ahead).is_some_and(|word| code::Comparator::from_word(word).is_some());
        let given = Zone::Given.word();
        match () {
            () if is_comparator(3) => false,
            () if is_comparator(4) => self.peek(0) != Some(given),
            () => true,
        }
    }

    fn args(&mut self, shapes: &[Arg], depth: usize) -> Result<Vec<Value>> {
        let mut args = Vec::with_capacity(shapes.len());
        for shape in shapes {
            let value = match shape {
                Arg::Int => Value::Int(self.word()?),
                Arg::Str => Value::Text(self.text()?),
                Arg::StrList => Value::Texts(self.list(Self::text)?),
                Arg::ValList => Value::Words(self.list(Self::word)?),
                Arg::Test => Value::Test(Box::new(self.test(depth + 1)?)),
                Arg::TestList => self.tests(depth)?,
                Arg::Comparator => Value::Comparator([self.word()?, self.word()?, self.word()?]),
                Arg::Skip => {
                    self.word()?;
                    continue;
                }
                Arg::Fcc(age) => Value::Fcc(self.fcc(*age)?),
                Arg::ZoneMinutes => {
                    let zone = self.word()?;
                    let text = (zone == Zone::Given.word()).then(|| self.word()).transpose()?;
                    Value::Zone(zone, text.map(offset_of_minutes))
                }
                Arg::Zone => {
                    let zone = self.word()?;
                    let text = if zone == Zone::Given.word() { self.text()? } else { None };
                    Value::Zone(zone, text)
                }
                Arg::Jump => {
                    let at = self.at;
                    Value::Jump(usize::try_from(self.word()?).map_err(|_| Malformed::Jump { at })?)
                }
            };
            args.push(value);
        }
        Ok(args)
    }

    fn tests(&mut self, depth: usize) -> Result<Value> {
        let at = self.at;
        let count = usize::try_from(self.word()?).map_err(|_| Malformed::Truncated { at })?;
        let end = usize::try_from(self.word()?).map_err(|_| Malformed::Jump { at })?;
        let mut tests = Vec::new();
        for _ in 0..count {
            tests.push(self.test(depth + 1)?);
        }
        // A list that is cut short jumps there.
        if end / WORD == self.at { Ok(Value::Tests(tests)) } else { Err(Malformed::Jump { at }) }
    }

    fn fcc(&mut self, age: Fcc) -> Result<Option<RawFcc>> {
        let Some(folder) = self.text()? else { return Ok(None) };
        let create = self.word()?;
        let flags = self.list(Self::text)?;
        let special_use = if age == Fcc::Orig { None } else { self.text()? };
        let mailboxid = if age == Fcc::MailboxId { self.text()? } else { None };
        Ok(Some(RawFcc { folder, create, flags, special_use, mailboxid }))
    }
}

/// Minutes east of Greenwich as `+0100`.
fn offset_of_minutes(minutes: i32) -> Vec<u8> {
    format!("{:+03}{:02}", minutes / 60, (minutes % 60).abs()).into_bytes()
}
