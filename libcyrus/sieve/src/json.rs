//! JSON as the C's library (jansson) reads and writes it, for the query of `jmapquery`.
//!
//! Reads one object or array; strings are UTF-8 without NUL; integers have 64 bits; of repeated keys the last value
//! stays in the first place. Nesting is bounded (C: 2048 levels).

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 512;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In one line without blanks.
    Compact,
    /// A member a line, by two blanks deeper each level.
    Indented,
}

impl Json {
    /// Reads one object or array and nothing behind it.
    pub(crate) fn read(text: &[u8]) -> Option<Json> {
        let text = std::str::from_utf8(text).ok()?;
        let mut reader = Reader { rest: text };
        reader.blanks();
        if !reader.rest.starts_with(['{', '[']) {
            return None;
        }
        let value = reader.value(0)?;
        reader.blanks();
        reader.rest.is_empty().then_some(value)
    }

    /// The member of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Writes it.
    pub(crate) fn write(&self, layout: Layout) -> String {
        let mut out = String::new();
        self.write_to(&mut out, layout, 0);
        out
    }

    fn write_to(&self, out: &mut String, layout: Layout, depth: usize) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Integer(value) => out.push_str(&value.to_string()),
            Json::Real(value) => out.push_str(&real(*value)),
            Json::Text(text) => write_text(out, text),
            Json::Array(values) => write_members(out, layout, depth, ['[', ']'], values, |out, value| {
                value.write_to(out, layout, depth + 1);
            }),
            Json::Object(members) => {
                write_members(out, layout, depth, ['{', '}'], members, |out, (key, value)| {
                    write_text(out, key);
                    out.push_str(if layout == Layout::Compact { ":" } else { ": " });
                    value.write_to(out, layout, depth + 1);
                })
            }
        }
    }
}

fn write_members<T>(
    out: &mut String,
    layout: Layout,
    depth: usize,
    [open, close]: [char; 2],
    members: &[T],
    write: impl Fn(&mut String, &T),
) {
    let line = |out: &mut String, depth: usize| {
        if layout == Layout::Indented {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        }
    };
    out.push(open);
    for (i, member) in members.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        line(out, depth + 1);
        write(out, member);
    }
    if !members.is_empty() {
        line(out, depth);
    }
    out.push(close);
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// C's `%.17g`, with `.0` where it would look like an integer.
fn real(value: f64) -> String {
    let scientific = format!("{value:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |digits: &str| {
        let trimmed =
            if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
        trimmed.to_owned()
    };
    if (-4..17).contains(&exponent) {
        let text = trim(&format!("{value:.*}", usize::try_from(16 - exponent).unwrap_or(0)));
        return if text.contains('.') { text } else { text + ".0" };
    }
    format!("{}e{exponent}", trim(mantissa))
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes a piece of text if it is next.
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.rest.chars().next()? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' => self.text().map(Json::Text),
            '-' | '0'..='9' => self.number(),
            _ => {
                let rest = self.rest;
                let word = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic());
                let length = rest.len() - word.len();
                self.rest = word;
                match rest.get(..length)? {
                    "true" => Some(Json::Bool(true)),
                    "false" => Some(Json::Bool(false)),
                    "null" => Some(Json::Null),
                    _ => None,
                }
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        self.take("{");
        self.blanks();
        if self.take("}") {
            return Some(Json::Object(members));
        }
        loop {
            self.blanks();
            let key = self.text()?;
            self.blanks();
            if !self.take(":") {
                return None;
            }
            let value = self.value(depth + 1)?;
            let place = *places.entry(key.clone()).or_insert(members.len());
            match members.get_mut(place) {
                Some(member) => member.1 = value,
                None => members.push((key, value)),
            }
            self.blanks();
            if self.take("}") {
                return Some(Json::Object(members));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Json> {
        let mut values = Vec::new();
        self.take("[");
        self.blanks();
        if self.take("]") {
            return Some(Json::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            self.blanks();
            if self.take("]") {
                return Some(Json::Array(values));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        if !self.take("\"") {
            return None;
        }
        let mut text = String::new();
        loop {
            let mut characters = self.rest.chars();
            let character = characters.next()?;
            self.rest = characters.as_str();
            match character {
                '"' => return Some(text),
                '\\' => text.push(self.escape()?),
                control if control < ' ' => return None,
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(match character {
            '"' | '\\' | '/' => character,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.four_digits()?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    if !self.take("\\u") {
                        return None;
                    }
                    let second = self.four_digits().filter(|second| (0xdc00..0xe000).contains(second))?;
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).filter(|character| *character != '\0')?
            }
            _ => return None,
        })
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits =
            self.rest.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.rest = self.rest.get(4..)?;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.rest;
        self.take("-");
        if !self.take("0") && self.digits() == 0 {
            return None;
        }
        let mut is_real = false;
        if self.rest.starts_with('.') {
            self.take(".");
            is_real = true;
            if self.digits() == 0 {
                return None;
            }
        }
        if self.take("e") || self.take("E") {
            is_real = true;
            let _ = self.take("+") || self.take("-");
            if self.digits() == 0 {
                return None;
            }
        }
        let text = start.get(..start.len() - self.rest.len())?;
        if !is_real {
            return text.parse().ok().map(Json::Integer);
        }
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Json::Real)
    }

    fn digits(&mut self) -> usize {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        before - self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compact(text: &str) -> Option<String> {
        Json::read(text.as_bytes()).map(|value| value.write(Layout::Compact))
    }

    #[test]
    fn values_are_read_and_written() {
        let text = r#" { "a" : [ 1 , -0, 1.5e3, true, null ], "b": {}, "c": [], "a": "x\u00e9\u0001\/" } "#;
        assert_eq!(compact(text).as_deref(), Some("{\"a\":\"xé\\u0001/\",\"b\":{},\"c\":[]}"));
        assert_eq!(
            compact("[1, 1.0, 0.1, 1e17, 1e-5]").as_deref(),
            Some("[1,1.0,0.10000000000000001,1e17,1.0000000000000001e-5]")
        );
        let indented = Json::read(b"{\"a\":[1,{}],\"b\":[]}").map(|value| value.write(Layout::Indented));
        assert_eq!(indented.as_deref(), Some("{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "1",
            "{",
            "[1,]",
            "{'a':1}",
            "[01]",
            "[1.]",
            "[\"\\u0000\"]",
            "[\"\\ud800\"]",
            "[nul]",
            "[] x",
            "[\"\t\"]",
            "[9223372036854775808]",
        ] {
            assert_eq!(compact(text), None, "{text}");
        }
        assert_eq!(compact(&"[".repeat(100_000)), None);
    }
}
