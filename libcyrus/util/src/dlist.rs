//! The dlist text form: values of many databases, cyrus.header, the replication protocol
//! (reference/databases.md 1).
//!
//! ```text
//! value  = NIL | atom | quoted | literal | list | kvlist
//! list   = "(" [ value *(SP value) ] ")"
//! kvlist = "%(" [ key SP value *(SP key SP value) ] ")"
//! ```
//! Strings are read without types; a number is a string of digits.

use crate::guid::Guid;
use crate::imapstr;
use std::fmt;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `\Flag`, printed without any quoting.
    Flag(Vec<u8>),
    /// Forty hexadecimal digits.
    Guid(Guid),
    /// Sixteen hexadecimal digits.
    Hex(u64),
    /// Keys with values.
    KvList(Vec<(Vec<u8>, Value)>),
    /// Values in order.
    List(Vec<Value>),
    /// Nothing.
    Nil,
    /// A decimal number.
    Num(u64),
    /// Any bytes, printed as atom, quoted or literal.
    Str(Vec<u8>),
}

/// The text is no dlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid dlist")
    }
}

impl std::error::Error for Invalid {}

/// How deep lists may stand in each other.
const DEPTH_MAX: usize = 64;

impl Value {
    /// Reads one value that takes the whole of `text`.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn parse(text: &[u8]) -> Result<Self, Invalid> {
        let mut reader = Reader { rest: text };
        let value = reader.value(0)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(Invalid) }
    }

    /// Reads one value at the start of `text` and returns what follows.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn parse_prefix(text: &[u8]) -> Result<(Self, &[u8]), Invalid> {
        let mut reader = Reader { rest: text };
        let value = reader.value(0)?;
        Ok((value, reader.rest))
    }

    /// Reads `key SP value`.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn parse_keyed(text: &[u8]) -> Result<(Vec<u8>, Self), Invalid> {
        let mut reader = Reader { rest: text };
        let key = reader.item()?.unwrap_or_default();
        reader.space()?;
        let value = reader.value(0)?;
        if reader.rest.is_empty() { Ok((key, value)) } else { Err(Invalid) }
    }

    /// A string value.
    #[must_use]
    pub fn str(text: impl Into<Vec<u8>>) -> Self {
        Self::Str(text.into())
    }

    /// An empty key-value list to be filled with [`Value::put`].
    #[must_use]
    pub fn kv() -> Self {
        Self::KvList(Vec::new())
    }

    /// Appends a pair to a key-value list; nothing happens to other values.
    pub fn put(&mut self, key: &[u8], value: Self) {
        if let Self::KvList(pairs) = self {
            pairs.push((key.to_vec(), value));
        }
    }

    /// The printed form.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.print_to(&mut out);
        out
    }

    /// Appends the printed form. C: dlist_print()
    pub fn print_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Flag(name) => out.extend_from_slice(name),
            Self::Guid(guid) => out.extend_from_slice(guid.to_string().as_bytes()),
            Self::Hex(number) => out.extend_from_slice(format!("{number:016x}").as_bytes()),
            Self::KvList(pairs) => {
                out.extend_from_slice(b"%(");
                for (at, (key, value)) in pairs.iter().enumerate() {
                    if at > 0 {
                        out.push(b' ');
                    }
                    imapstr::put_astring_plus(out, key);
                    out.push(b' ');
                    value.print_to(out);
                }
                out.push(b')');
            }
            Self::List(values) => {
                out.push(b'(');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(b' ');
                    }
                    value.print_to(out);
                }
                out.push(b')');
            }
            Self::Nil => out.extend_from_slice(b"NIL"),
            Self::Num(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Str(text) => imapstr::put_astring_plus(out, text),
        }
    }

    /// The value of a key, the first if there are several.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Self> {
        self.pairs().iter().find(|(each, _)| each == key).map(|(_, value)| value)
    }

    /// The pairs of a key-value list; none for other values.
    #[must_use]
    pub fn pairs(&self) -> &[(Vec<u8>, Self)] {
        match self {
            Self::KvList(pairs) => pairs,
            _ => &[],
        }
    }

    /// The items of a list; none for other values.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            _ => &[],
        }
    }

    /// The bytes of a string or flag.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Str(text) | Self::Flag(text) => Some(text),
            _ => None,
        }
    }

    /// A decimal number, read as such or from a string.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Num(number) => Some(*number),
            Self::Str(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// A decimal number of 32 bits.
    #[must_use]
    pub fn as_u32(&self) -> Option<u32> {
        u32::try_from(self.as_u64()?).ok()
    }

    /// A hexadecimal number.
    #[must_use]
    pub fn as_hex(&self) -> Option<u64> {
        match self {
            Self::Hex(number) => Some(*number),
            Self::Str(text) => u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok(),
            _ => None,
        }
    }

    /// A guid.
    #[must_use]
    pub fn as_guid(&self) -> Option<Guid> {
        match self {
            Self::Guid(guid) => Some(*guid),
            Self::Str(text) => Guid::from_hex(text),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Invalid> {
        if depth > DEPTH_MAX {
            return Err(Invalid);
        }
        if self.eat(b"(") {
            let mut values = Vec::new();
            while !self.eat(b")") {
                if !values.is_empty() {
                    self.space()?;
                }
                if self.eat(b")") {
                    break;
                }
                values.push(self.value(depth.saturating_add(1))?);
            }
            return Ok(Value::List(values));
        }
        if self.eat(b"%(") {
            let mut pairs = Vec::new();
            while !self.eat(b")") {
                if !pairs.is_empty() {
                    self.space()?;
                }
                if self.eat(b")") {
                    break;
                }
                let key = self.item()?.ok_or(Invalid)?;
                self.space()?;
                pairs.push((key, self.value(depth.saturating_add(1))?));
            }
            return Ok(Value::KvList(pairs));
        }
        if self.rest.is_empty() || self.rest.starts_with(b"%") {
            return Err(Invalid);
        }
        Ok(match self.item()? {
            Some(text) => Value::Str(text),
            None => Value::Nil,
        })
    }

    /// One or more spaces.
    fn space(&mut self) -> Result<(), Invalid> {
        if !self.eat(b" ") {
            return Err(Invalid);
        }
        while self.eat(b" ") {}
        Ok(())
    }

    fn eat(&mut self, token: &[u8]) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A quoted string, a literal or an atom; `None` for `NIL`.
    fn item(&mut self) -> Result<Option<Vec<u8>>, Invalid> {
        if self.eat(b"\"") {
            let mut text = Vec::new();
            loop {
                let (&byte, rest) = self.rest.split_first().ok_or(Invalid)?;
                self.rest = rest;
                match byte {
                    b'"' => return Ok(Some(text)),
                    b'\\' => {
                        let (&next, rest) = self.rest.split_first().ok_or(Invalid)?;
                        self.rest = rest;
                        text.push(next);
                    }
                    other => text.push(other),
                }
            }
        }
        if self.eat(b"{") {
            let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (number, rest) = self.rest.split_at_checked(digits).ok_or(Invalid)?;
            let rest = rest.strip_prefix(b"+").unwrap_or(rest);
            let rest = rest.strip_prefix(b"}\r\n").ok_or(Invalid)?;
            let length =
                std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).ok_or(Invalid)?;
            let (text, rest) = rest.split_at_checked(length).ok_or(Invalid)?;
            self.rest = rest;
            return Ok(Some(text.to_vec()));
        }
        let end = memchr::memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let word = self.rest.get(..end).unwrap_or_default();
        let parens = word.iter().rev().take_while(|&&byte| byte == b')').count();
        let length = word.len().saturating_sub(parens);
        let (word, rest) = self.rest.split_at_checked(length).ok_or(Invalid)?;
        self.rest = rest;
        if word.is_empty() {
            return Err(Invalid);
        }
        Ok((word != b"NIL").then(|| word.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(text: &[u8]) {
        let value = Value::parse(text).unwrap_or(Value::Nil);
        assert_eq!(value.print(), text, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn stored_values_are_read_and_printed_alike() {
        round_trip(
            b"%(T e N user.alice I ud4kv1 Q user.alice A %(alice lrswipkxtecdan) U (custom $Label1 NIL foo))",
        );
        round_trip(b"%(T e N user\x1falice P default V 1 C 1 F 1 M 1 A %(a lrs -b w) H (%(N x M 1)))");
        round_trip(b"(1 2 3)");
        round_trip(b"()");
        round_trip(b"%()");
        round_trip(b"%(S (1 2) M (\"\") X \"a b\" Y {3+}\r\na\"b Z ((a) (b)))");
    }

    #[test]
    fn malformed_text_is_refused() {
        for bad in [
            "",
            "(",
            "%(a)",
            "%(a b",
            "(a b",
            "(a)b",
            "\"a",
            "{5}\r\nabc",
            "{99999999999999999999}\r\n",
            "%x",
        ] {
            assert_eq!(Value::parse(bad.as_bytes()), Err(Invalid), "{bad}");
        }
        assert_eq!(Value::parse(&vec![b'('; 5000]), Err(Invalid));
    }

    #[test]
    fn any_bytes_parse_without_panic_and_print_to_a_fixed_point() {
        let mut random = fastrand::Rng::with_seed(9);
        let alphabet = b"ab ()%\"{}1\r\nNIL\\\xff\0";
        for _ in 0..20_000 {
            let text = (0..random.usize(..20))
                .map(|_| alphabet.get(random.usize(..alphabet.len())).copied().unwrap_or(0));
            let text = text.collect::<Vec<_>>();
            if let Ok(value) = Value::parse(&text) {
                assert_eq!(Value::parse(&value.print()).as_ref(), Ok(&value), "{text:?}");
            }
        }
    }
}
