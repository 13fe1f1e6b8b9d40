//! The disassembler: a bytecode file as `sieved` prints it, as a listing or in the form of a script.
//!
//! It reads any file: what C would read beyond the end of the file is told as `Broken`. One command is read otherwise
//! than there: `error` is followed by its string, which C's reader does not know of and takes for commands.

mod listing;
mod source;

pub use listing::listing;
pub use source::source;

use crate::code::{Arg, Fcc, MAGIC, MAX_NESTING, Match, Op, REQUIRED_EXTENSIONS_SINCE, Test, Zone};

/// What a program prints and how it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// For standard output.
    pub text: Vec<u8>,
    /// For standard error.
    pub complaint: Vec<u8>,
    /// The exit code.
    pub code: i32,
}

/// Told of a file that does not begin as bytecode does.
const NO_MAGIC: &[u8] = b"not a bytecode file [magic number test failed]\n";

/// Why the reading ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The file ends inside a command, or a number cannot be.
    Broken,
    /// No version has this command.
    NoOperation(i32),
}

/// An argument as read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value<'a> {
    Int(i32),
    Text(Option<&'a [u8]>),
    Texts(Vec<Option<&'a [u8]>>),
    Ints(Vec<u32>),
}

/// The arguments of a command or test in order; :fcc and zones are as many as they have parts.
#[derive(Debug, Default)]
struct Values<'a>(Vec<Value<'a>>);

impl<'a> Values<'a> {
    fn int(&self, at: usize) -> i32 {
        match self.0.get(at) {
            Some(Value::Int(word)) => *word,
            _ => 0,
        }
    }
    fn text(&self, at: usize) -> Option<&'a [u8]> {
        match self.0.get(at) {
            Some(Value::Text(text)) => *text,
            _ => None,
        }
    }
    fn texts(&self, at: usize) -> &[Option<&'a [u8]>] {
        match self.0.get(at) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }
    fn ints(&self, at: usize) -> &[u32] {
        match self.0.get(at) {
            Some(Value::Ints(words)) => words,
            _ => &[],
        }
    }
}

/// A test as read; of `not`, `anyof` and `allof` the inner ones come next.
struct TestHead<'a> {
    kind: Test,
    values: Values<'a>,
    /// How many tests follow that belong to it.
    inner: usize,
}

/// Reads a file word by word.
struct Reader<'a> {
    bytes: &'a [u8],
    /// Index of the next word.
    at: usize,
    version: i32,
    requires: i32,
}

impl<'a> Reader<'a> {
    /// Reads the head of a file; `None`: it is no bytecode.
    fn new(bytes: &'a [u8]) -> Option<Reader<'a>> {
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        let mut reader = Reader { bytes, at: MAGIC.len() / 4, version: 0, requires: 0 };
        reader.version = reader.word().unwrap_or(0);
        if i64::from(reader.version) >= i64::from(REQUIRED_EXTENSIONS_SINCE) {
            reader.requires = reader.word().unwrap_or(0);
        }
        Some(reader)
    }

    /// Words in the file.
    fn length(&self) -> usize {
        self.bytes.len() / 4
    }

    fn word_at(&self, at: usize) -> Option<i32> {
        let start = at.checked_mul(4)?;
        let word = self.bytes.get(start..)?.first_chunk::<4>()?;
        Some(i32::from_be_bytes(*word))
    }

    fn word(&mut self) -> Result<i32, Stop> {
        let word = self.word_at(self.at).ok_or(Stop::Broken)?;
        self.at += 1;
        Ok(word)
    }

    /// A string up to its first NUL, as C prints it.
    fn text(&mut self) -> Result<Option<&'a [u8]>, Stop> {
        let length = self.word()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| Stop::Broken)?;
        let start = self.at.checked_mul(4).ok_or(Stop::Broken)?;
        let end = start.checked_add(length).ok_or(Stop::Broken)?;
        let text = self.bytes.get(start..end).ok_or(Stop::Broken)?;
        self.at += length / 4 + 1;
        Ok(text.split(|byte| *byte == 0).next())
    }

    /// The count of a list; the byte offset of its end is passed over.
    fn count(&mut self) -> Result<usize, Stop> {
        let count = usize::try_from(self.word()?).map_err(|_| Stop::Broken)?;
        self.word()?;
        // Each member has a word at least.
        if count > self.length() { Err(Stop::Broken) } else { Ok(count) }
    }

    fn texts(&mut self) -> Result<Value<'a>, Stop> {
        let count = self.count()?;
        (0..count).map(|_| self.text()).collect::<Result<_, _>>().map(Value::Texts)
    }

    fn values(&mut self, args: &[Arg]) -> Result<Values<'a>, Stop> {
        let mut values = Vec::new();
        for arg in args {
            match arg {
                Arg::Int | Arg::Jump => values.push(Value::Int(self.word()?)),
                Arg::Str => values.push(Value::Text(self.text()?)),
                Arg::StrList => values.push(self.texts()?),
                Arg::ValList => {
                    let count = self.count()?;
                    let words: Result<_, Stop> =
                        (0..count).map(|_| self.word().map(|word| word as u32)).collect();
                    values.push(Value::Ints(words?));
                }
                Arg::Comparator => {
                    for _ in 0..3 {
                        values.push(Value::Int(self.word()?));
                    }
                }
                Arg::Skip => {
                    self.word()?;
                }
                Arg::Fcc(age) => {
                    let folder = self.text()?;
                    values.push(Value::Text(folder));
                    if folder.is_some() {
                        values.push(Value::Int(self.word()?));
                        values.push(self.texts()?);
                        if *age != Fcc::Orig {
                            values.push(Value::Text(self.text()?));
                        }
                        if *age == Fcc::MailboxId {
                            values.push(Value::Text(self.text()?));
                        }
                    }
                }
                Arg::ZoneMinutes | Arg::Zone => {
                    let zone = self.word()?;
                    values.push(Value::Int(zone));
                    if zone == Zone::Given.word() {
                        let minutes = *arg == Arg::ZoneMinutes;
                        let offset = if minutes { self.word().map(|_| None)? } else { self.text()? };
                        values.push(Value::Text(offset));
                    } else {
                        values.push(Value::Text(None));
                    }
                }
                // Read by whom the tests belong to.
                Arg::Test | Arg::TestList => {}
            }
        }
        Ok(Values(values))
    }

    /// A command; of an `if` only the word before its test.
    fn command(&mut self) -> Result<(Op, Values<'a>), Stop> {
        let word = self.word()?;
        let op = Op::from_word(word).ok_or(Stop::NoOperation(word))?;
        let args = match op {
            Op::VacationOrig if self.version < 5 => op.args().get(..5).unwrap_or_default(),
            _ => op.args(),
        };
        Ok((op, self.values(args)?))
    }

    /// The head of a test, `depth` levels deep.
    fn test(&mut self, depth: usize) -> Result<TestHead<'a>, Stop> {
        if depth > MAX_NESTING {
            return Err(Stop::Broken);
        }
        let mut kind = Test::from_word(self.word()?).ok_or(Stop::Broken)?;
        if self.version == 7 {
            // Some writers of version 7 had the index already.
            let indexed = self.word_at(self.at + 1).and_then(Match::from_word).is_some();
            kind = match kind {
                Test::HeaderPreIndex if indexed => Test::Header,
                Test::AddressPreIndex if indexed => Test::Address,
                other => other,
            };
        }
        let values = self.values(kind.args())?;
        let inner = match kind {
            Test::Not => 1,
            Test::Anyof | Test::Allof => self.count()?,
            _ => 0,
        };
        Ok(TestHead { kind, values, inner })
    }

    /// Told of a file that cannot be read on.
    fn broken(&self) -> Vec<u8> {
        format!("the bytecode is broken near word {}\n", self.at).into_bytes()
    }
}

fn address_part(word: i32) -> &'static str {
    use crate::code::AddressPart as A;
    match A::from_word(word) {
        Some(A::All) => "all",
        Some(A::Localpart) => "localpart",
        Some(A::Domain) => "domain",
        Some(A::User) => "user",
        Some(A::Detail) => "detail",
        None => "(null)",
    }
}

fn transform(word: i32) -> &'static str {
    use crate::code::Transform as T;
    match T::from_word(word) {
        Some(T::Raw) => "raw",
        Some(T::Text) => "text",
        Some(T::Content) => "content",
        None => "(null)",
    }
}

fn date_part(word: i32) -> Option<&'static str> {
    use crate::code::DatePart as D;
    D::from_word(word).map(|part| match part {
        D::Year => "year",
        D::Month => "month",
        D::Day => "day",
        D::Date => "date",
        D::Julian => "julian",
        D::Hour => "hour",
        D::Minute => "minute",
        D::Second => "second",
        D::Time => "time",
        D::Iso8601 => "iso8601",
        D::Std11 => "std11",
        D::Zone => "zone",
        D::Weekday => "weekday",
    })
}

/// A time of day in seconds.
fn clock(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)
}

/// The query of `jmapquery` over several lines.
fn indented(query: Option<&[u8]>) -> Option<Vec<u8>> {
    let json = crate::json::Json::read(query?)?;
    Some(json.write(crate::json::Layout::Indented).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompileSettings, compile};

    fn bytecode(script: &str) -> Vec<u8> {
        compile(script.as_bytes(), &CompileSettings::everything())
            .map(|bytecode| bytecode.0)
            .unwrap_or_default()
    }

    #[test]
    fn a_script_is_listed_and_given_back() {
        let file = bytecode(
            "require \"variables\"; if anyof (true, not exists [\"a\", \"b\"]) { keep; } else { stop; }",
        );
        let expected = "\nBytecode version: 31\nRequire: Variables\n\n\
            0005: IF (ends at 19) ANYOF({2}\n\tTRUE\n\tNOT EXISTS{2} [\n\t\t ({1}a) ({1}b)\n\t]\n\t)\n\n\
            0019: JUMP 26\n0021: KEEP FLAGS{0} [\n\t]\n0024: JUMP 27\n0026: STOP\nfull len is: 27\n";
        assert_eq!(String::from_utf8_lossy(&listing(&file).text), expected);
        let expected = "require [\"variables\"];\n\nif anyof (true,\n          not exists [\"a\", \"b\"]) {\n    keep;\n}\n\
            else {\n    stop;\n}\n";
        assert_eq!(String::from_utf8_lossy(&source(&file).text), format!("\n{expected}"));
    }

    #[test]
    fn no_cut_of_a_file_is_read_beyond_its_end() {
        let file = bytecode(
            "require [\"vacation\", \"fcc\", \"date\"]; if allof (date \"a\" \"year\" \"1\", size :over 5) { \
             vacation :fcc \"x\" :addresses \"a@b\" \"y\"; }",
        );
        for end in 0..file.len() {
            let cut = file.get(..end).unwrap_or_default();
            listing(cut);
            source(cut);
        }
        assert_eq!(listing(b"something else").text, b"\nnot a bytecode file [magic number test failed]\n");
    }
}
