//! Bytes of a script to tokens, as C's scanner cuts them.
//!
//! The scanner of C takes the longest match of plain patterns, so words need no space between them (`keepstop` is two
//! words), words are case-sensitive, and a letter that starts no word is a token of its own. After `:comparator`,
//! `:count`, `:value` and `:importance` it reads a quoted name of a fixed list, where comments are unknown. A byte
//! above 0x7f or a NUL outside of strings ends the script. Compiled text must come out the same, so all of this is
//! kept, and written down in docs/undocumented.md.
//!
//! Promise: no panic on any bytes; each token takes at least one byte; memory is bounded by the script.

use super::Diagnostics;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// End of the script, or what C takes for it.
    End,
    /// A quoted or multi-line string, decoded; holds no NUL.
    Text(Vec<u8>),
    /// A number, cut to 32 bits.
    Number(i32),
    /// A word of the language; `:tags` with their colon, quoted names without their quotes.
    Word(&'static str),
    /// Any other byte.
    Byte(u8),
}

/// How the next bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Initial,
    /// A quoted name of this list is expected.
    Name(&'static NameList),
}

/// Quoted names after a tag: text and token, and the complaint about others.
#[derive(Debug, PartialEq, Eq)]
struct NameList {
    names: &'static [(&'static [u8], &'static str)],
    complaint: &'static str,
}

static COMPARATORS: NameList = NameList {
    names: &[
        (b"i;octet", "i;octet"),
        (b"i;ascii-casemap", "i;ascii-casemap"),
        (b"i;ascii-numeric", "i;ascii-numeric"),
    ],
    complaint: "unknown comparator-name ",
};

static RELATIONS: NameList = NameList {
    names: &[(b"eq", "eq"), (b"ne", "ne"), (b"gt", "gt"), (b"ge", "ge"), (b"lt", "lt"), (b"le", "le")],
    complaint: "invalid relational-match ",
};

/// The tokens of :importance are those of the priority tags of the old `notify`.
static IMPORTANCES: NameList = NameList {
    names: &[(b"1", ":high"), (b"2", ":normal"), (b"3", ":low")],
    complaint: "invalid importance ",
};

/// Every word, in no order that matters; the longest one that fits is taken.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "if", "elsif", "else", "require", "stop",
    "anyof", "allof", "exists", "false", "true", "not", "header", "address", "envelope", "size", ":over", ":under",
    "discard", "keep", "fileinto", "redirect", ":copy",
    ":comparator", ":is", ":contains", ":matches", ":regex", ":quoteregex", ":list", "valid_ext_list",
    ":all", ":localpart", ":domain", ":user", ":detail",
    "body", ":raw", ":text", ":content", "environment",
    "string", "set", ":lower", ":upper", ":lowerfirst", ":upperfirst", ":quotewildcard", ":length",
    "vacation", ":days", ":addresses", ":subject", ":from", ":handle", ":mime", ":seconds", ":count", ":value",
    "setflag", "addflag", "removeflag", "hasflag", ":flags", "mark", "unmark",
    "date", ":originalzone", ":zone", "currentdate", ":index", ":last", "addheader", "deleteheader",
    "reject", "ereject",
    "notify_method_capability", "valid_notify_method", "notify", ":options", ":message", ":encodeurl", ":importance",
    "denotify", ":method", ":id", ":low", ":normal", ":high",
    "ihave", "error", "mailboxexists", ":create", "metadata", "metadataexists", "servermetadata",
    "servermetadataexists",
    ":bytimerelative", ":bytimeabsolute", ":bymode", ":bytrace", ":notify", ":ret",
    "include", ":personal", ":global", ":optional", ":once", "return",
    "duplicate", ":header", ":uniqueid", "specialuse_exists", ":specialuse", ":fcc", "mailboxidexists", ":mailboxid",
    "snooze", ":mailbox", ":addflags", ":removeflags", ":weekdays", ":tzid",
    "log", "jmapquery",
    "processimip", ":invitesonly", ":updatesonly", ":deletecanceled", ":calendarid", ":outcome", ":errstr",
];

/// The scanner.
pub(super) struct Lexer<'a> {
    script: &'a [u8],
    at: usize,
    mode: Mode,
    /// A number was too large for 64 bits; C then stops applying K, M and G.
    overflowed: bool,
    /// Line of the end of the last token, from 1.
    pub(super) line: u32,
    /// `encoded-character` is required: strings are decoded.
    pub(super) encoded_character: bool,
}

impl<'a> Lexer<'a> {
    /// Starts at the first byte.
    pub(super) fn new(script: &'a [u8]) -> Lexer<'a> {
        Lexer { script, at: 0, mode: Mode::Initial, overflowed: false, line: 1, encoded_character: false }
    }

    fn rest(&self) -> &'a [u8] {
        self.script.get(self.at..).unwrap_or_default()
    }

    /// Moves over `count` bytes and counts their lines.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let rest = self.rest();
        let taken = rest.get(..count).unwrap_or(rest);
        self.at += taken.len();
        let lines = taken.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        taken
    }

    /// The next token; complaints about it go to `diagnostics` with the line of its end.
    pub(super) fn next(&mut self, diagnostics: &mut Diagnostics) -> Token {
        loop {
            let Some(&byte) = self.rest().first() else { return Token::End };
            if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                self.take(1);
                continue;
            }
            let token = match self.mode {
                Mode::Initial => self.initial(byte, diagnostics),
                Mode::Name(list) => self.name(byte, list, diagnostics),
            };
            if let Some(token) = token {
                return token;
            }
        }
    }

    /// One token of the ordinary kind; `None`: a comment was skipped.
    fn initial(&mut self, byte: u8, diagnostics: &mut Diagnostics) -> Option<Token> {
        if byte == b'#' {
            let line = self.rest();
            self.take(line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len()));
            return None;
        }
        if byte == b'/' {
            if let Some(length) = bracketed_comment(self.rest()) {
                self.take(length);
                return None;
            }
        }
        if byte == b'"' {
            self.take(1);
            return Some(self.quoted(diagnostics));
        }
        if byte.is_ascii_digit() {
            return Some(self.number(diagnostics));
        }
        if let Some(length) = multi_line_start(self.rest()) {
            let start = self.take(length);
            return Some(self.multi_line(start.ends_with(b"\n"), diagnostics));
        }
        let fits = |word: &&&str| self.rest().starts_with(word.as_bytes());
        if let Some(word) = WORDS.iter().filter(fits).max_by_key(|word| word.len()) {
            self.take(word.len());
            self.mode = match *word {
                ":comparator" => Mode::Name(&COMPARATORS),
                ":count" | ":value" => Mode::Name(&RELATIONS),
                ":importance" => Mode::Name(&IMPORTANCES),
                _ => Mode::Initial,
            };
            return Some(Token::Word(word));
        }
        Some(self.byte(byte))
    }

    /// One token where a quoted name is expected; `None`: an unknown name was complained about.
    fn name(&mut self, byte: u8, list: &NameList, diagnostics: &mut Diagnostics) -> Option<Token> {
        let inner = self.rest().strip_prefix(b"\"");
        let Some(length) = inner.and_then(|inner| inner.iter().position(|byte| *byte == b'"')) else {
            return Some(self.byte(byte));
        };
        let text = self.take(length.saturating_add(2));
        self.mode = Mode::Initial;
        let name = text.get(1..=length).unwrap_or_default();
        if let Some((_, token)) = list.names.iter().find(|(known, _)| *known == name) {
            return Some(Token::Word(token));
        }
        let until_nul = text.split(|byte| *byte == 0).next().unwrap_or_default();
        diagnostics.complain(self.line, &[list.complaint.as_bytes(), until_nul]);
        None
    }

    fn byte(&mut self, byte: u8) -> Token {
        self.take(1);
        if byte == 0 || byte >= 0x80 { Token::End } else { Token::Byte(byte) }
    }

    fn number(&mut self, diagnostics: &mut Diagnostics) -> Token {
        let rest = self.rest();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let unit = match rest.get(digits) {
            Some(b'K' | b'k') => 10,
            Some(b'M' | b'm') => 20,
            Some(b'G' | b'g') => 30,
            _ => 0,
        };
        let text = self.take(digits + usize::from(unit > 0));
        let mut value: u64 = 0;
        for digit in text.iter().take(digits) {
            let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
            let Some(next) = next else {
                self.overflowed = true;
                value = u64::MAX;
                break;
            };
            value = next;
        }
        if !self.overflowed {
            value = value.wrapping_mul(1 << unit);
        }
        if value > i32::MAX as u64 {
            diagnostics.complain(self.line, &[b"number too large ", text]);
        }
        Token::Number(value as i32)
    }

    fn quoted(&mut self, diagnostics: &mut Diagnostics) -> Token {
        let mut text = Vec::new();
        loop {
            match *self.rest() {
                [b'"', ..] => {
                    self.take(1);
                    return self.text(text, diagnostics);
                }
                [b'\\', byte, ..] if byte != b'\n' => {
                    text.push(byte);
                    self.take(2);
                }
                [byte, ..] => {
                    text.push(byte);
                    self.take(1);
                }
                [] => return self.unfinished(diagnostics),
            }
        }
    }

    fn multi_line(&mut self, mut at_line_start: bool, diagnostics: &mut Diagnostics) -> Token {
        let mut text = Vec::new();
        loop {
            let length = match *self.rest() {
                [b'.', b'.', ..] if at_line_start => {
                    self.take(1);
                    1
                }
                [b'.', b'\r', b'\n', ..] if at_line_start => 3,
                [b'.', b'\r' | b'\n', ..] if at_line_start => 2,
                [_, ..] => 1,
                [] => return self.unfinished(diagnostics),
            };
            let taken = self.take(length);
            if length > 1 {
                return self.text(text, diagnostics);
            }
            text.extend_from_slice(taken);
            at_line_start = taken == b"\n";
        }
    }

    fn unfinished(&mut self, diagnostics: &mut Diagnostics) -> Token {
        diagnostics.complain(self.line, &[b"unexpected end of file in string"]);
        Token::End
    }

    fn text(&mut self, mut text: Vec<u8>, diagnostics: &mut Diagnostics) -> Token {
        if self.encoded_character && !decode_characters(&mut text) {
            diagnostics.complain(self.line, &[b"invalid unicode encoding: ", until_nul(&text)]);
        }
        let length = until_nul(&text).len();
        text.truncate(length);
        Token::Text(text)
    }
}

/// C's strings end at a NUL.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Length of the bracketed comment at the start, if there is one.
///
/// C's pattern is "/*", then any of `[^*]` and `*[^/]`, an optional `*`, and "*/"; and the longest match is taken. A
/// comment that ends in an even number of stars (`/* x **/`) may therefore run on to the end of a later one.
fn bracketed_comment(text: &[u8]) -> Option<usize> {
    let body = text.strip_prefix(b"/*")?;
    memchr::memmem::find(body, b"*/")?;
    // Positions in the pattern: inside; after the `*` of `*[^/]`; after the optional `*`; after the `*` of `*/`.
    let (mut inside, mut starred, mut optional, mut closing) = (true, false, false, false);
    let mut end = None;
    for (i, byte) in body.iter().enumerate() {
        if closing && *byte == b'/' {
            end = Some(i + 3);
        }
        let star = *byte == b'*';
        let next_inside = (inside && !star) || (starred && *byte != b'/');
        (starred, closing, optional) = (inside && star, (inside || optional) && star, inside && star);
        inside = next_inside;
        if !(inside || starred || optional || closing) {
            break;
        }
    }
    end
}

/// Length of `text:`, white space, a comment and the line end, if a multi-line string starts here.
fn multi_line_start(text: &[u8]) -> Option<usize> {
    let after = text.strip_prefix(b"text:")?;
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = after.get(blanks..)?;
    let line_end = match rest {
        [b'#', ..] => {
            // The comment may hold CRs; the longest match ends at the LF, or at the last CR of the script.
            rest.iter()
                .position(|byte| *byte == b'\n')
                .or_else(|| rest.iter().rposition(|byte| *byte == b'\r'))?
                + 1
        }
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => return None,
    };
    Some(5 + blanks + line_end)
}

/// Replaces `${hex:..}` and `${unicode:..}` (RFC 5228 2.4.2.4); false: a code is no Unicode character.
fn decode_characters(text: &mut Vec<u8>) -> bool {
    let source = std::mem::take(text);
    let scanned = until_nul(&source);
    let (mut from, mut copied) = (0, 0);
    while let Some(found) = memchr::memmem::find(scanned.get(from..).unwrap_or_default(), b"${") {
        let start = from + found;
        from = start + 2;
        let rest = source.get(from..).unwrap_or_default();
        let (is_unicode, prefix) = if has_prefix(rest, b"hex:") {
            (false, 4)
        } else if has_prefix(rest, b"unicode:") {
            (true, 8)
        } else {
            continue;
        };
        from += prefix;
        from += count(&source, from, is_space);
        let encoded = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let length = count(&source, from, encoded);
        if !source.get(from).is_some_and(u8::is_ascii_hexdigit) || source.get(from + length) != Some(&b'}') {
            continue;
        }
        let mut decoded = Vec::new();
        loop {
            let digits = count(&source, from, |byte| byte.is_ascii_hexdigit());
            let mut code: u32 = 0;
            for digit in source.get(from..from + digits).unwrap_or_default() {
                code = code << 4 | char::from(*digit).to_digit(16).unwrap_or(0);
            }
            from += digits;
            if is_unicode {
                let Some(character) = char::from_u32(code) else {
                    text.extend_from_slice(source.get(copied..).unwrap_or_default());
                    return false;
                };
                decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            } else if digits > 2 {
                // Too many digits: taken as it stands. C steps on by the length of the whole, from here.
                decoded.clear();
                from = (from + length + 1).min(source.len());
                break;
            } else {
                decoded.push(code as u8);
            }
            from += count(&source, from, is_space);
            if source.get(from).is_none_or(|byte| *byte == b'}') {
                break;
            }
        }
        if !decoded.is_empty() {
            from = (from + 1).min(source.len());
            text.extend_from_slice(source.get(copied..start).unwrap_or_default());
            text.append(&mut decoded);
            copied = from;
        }
    }
    text.extend_from_slice(source.get(copied..).unwrap_or_default());
    true
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn count(text: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    text.get(from..).unwrap_or_default().iter().take_while(|byte| wanted(**byte)).count()
}

fn has_prefix(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(script: &[u8]) -> (Vec<Token>, Vec<String>) {
        let (mut lexer, mut diagnostics) = (Lexer::new(script), Diagnostics::default());
        lexer.encoded_character = true;
        let mut all = Vec::new();
        loop {
            match lexer.next(&mut diagnostics) {
                Token::End => break,
                token => all.push(token),
            }
        }
        (all, diagnostics.errors.iter().map(ToString::to_string).collect())
    }

    fn texts(script: &[u8]) -> Vec<Vec<u8>> {
        let text =
            |token| if let Token::Text(text) = token { text } else { format!("{token:?}").into_bytes() };
        tokens(script).0.into_iter().map(text).collect()
    }

    #[test]
    fn the_longest_word_is_taken_without_need_of_a_space() {
        let word = Token::Word;
        assert_eq!(tokens(b"keepstop").0, [word("keep"), word("stop")]);
        assert_eq!(tokens(b":lowerfirst:low").0, [word(":lowerfirst"), word(":low")]);
        assert_eq!(
            tokens(b"Keep").0,
            [Token::Byte(b'K'), Token::Byte(b'e'), Token::Byte(b'e'), Token::Byte(b'p')]
        );
    }

    #[test]
    fn a_comment_may_run_on_to_a_later_end() {
        assert_eq!(bracketed_comment(b"/* x */ keep; /* y */"), Some(7));
        assert_eq!(bracketed_comment(b"/* x **/ keep; /* y */"), Some(22));
        assert_eq!(bracketed_comment(b"/***/"), Some(5));
        assert_eq!(bracketed_comment(b"/*/"), None);
        assert_eq!(bracketed_comment(b"/* x"), None);
    }

    #[test]
    fn numbers_have_units_and_a_limit() {
        assert_eq!(tokens(b"1K 2m 0 1G").0, [1024, 2 << 20, 0, 1 << 30].map(Token::Number));
        let (found, errors) = tokens(b"\n2G 99999999999999999999 1K");
        assert_eq!(found, [i32::MIN, -1, 1].map(Token::Number));
        assert_eq!(errors, ["line 2: number too large 2G", "line 2: number too large 99999999999999999999"]);
    }

    #[test]
    fn strings_are_unescaped_and_unstuffed() {
        assert_eq!(texts(b"\"a\\\"b\\\\c\\d\""), [b"a\"b\\cd"]);
        assert_eq!(texts(b"text: # c\r\n..a\r\nb\n.c\n.\n"), [b".a\r\nb\n.c\n"]);
        assert_eq!(texts(b"text:\n.\n"), [b""]);
        assert_eq!(tokens(b"\"abc").1, ["line 1: unexpected end of file in string"]);
    }

    #[test]
    fn characters_are_decoded() {
        assert_eq!(texts(b"\"${hex:24 40}${HEX: 41 }\""), [b"$@A"]);
        assert_eq!(texts(b"\"${unicode:20AC}\""), ["€".as_bytes()]);
        assert_eq!(texts(b"\"${hex:}${hex:4 1g}${hexx:41}\""), [b"${hex:}${hex:4 1g}${hexx:41}"]);
        assert_eq!(tokens(b"\"${unicode:D800}\"").1, ["line 1: invalid unicode encoding: ${unicode:D800}"]);
    }
}
