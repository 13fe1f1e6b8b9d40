//! Markup taken out of HTML text, for indexers. C: striphtml2uni()

use super::tables::entities::{ENTITIES, ENTITY_TEXTS};

/// The text of an HTML document (UTF-8): tags become blanks or nothing, scripts, styles and comments vanish,
/// character references are resolved.
pub(super) fn strip(text: &[u8]) -> Vec<u8> {
    let mut lexer =
        Lexer { out: Vec::with_capacity(text.len()), raw: Raw::Data, name: String::new(), tag: Tag::Open };
    let mut state = State::Text;
    for c in String::from_utf8_lossy(text).chars() {
        loop {
            let (next, is_eaten) = lexer.step(state, c);
            state = next;
            if is_eaten {
                break;
            }
        }
    }
    lexer.out
}

/// What the text outside tags is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Raw {
    Data,
    Script,
    Style,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Open,
    Close,
    Empty,
}

#[derive(Clone, Copy)]
enum State {
    Text,
    RawLess,
    TagOpen,
    EndTagOpen,
    TagName,
    TagParams,
    SelfClosing,
    Reference,
    ReferenceName,
    ReferenceHash,
    ReferenceHex,
    ReferenceDecimal,
    Declaration,
    BogusComment,
    CommentStart,
    CommentStartDash,
    Comment,
    CommentEndDash,
    CommentEnd,
    CommentEndBang,
}

struct Lexer {
    out: Vec<u8>,
    raw: Raw,
    name: String,
    tag: Tag,
}

impl Lexer {
    fn push(&mut self, c: char) {
        self.out.extend(c.encode_utf8(&mut [0; 4]).bytes());
    }

    /// The next state, and whether `c` is done with.
    fn step(&mut self, state: State, c: char) -> (State, bool) {
        let next = match (state, c) {
            (State::Text, '<') if self.raw != Raw::Data => State::RawLess,
            (State::Text, _) if self.raw != Raw::Data => State::Text,
            (State::Text, '<') => {
                self.name.clear();
                State::TagOpen
            }
            (State::Text, '&') => {
                self.name.clear();
                State::Reference
            }
            (State::Text, _) => {
                self.push(c);
                State::Text
            }
            (State::RawLess, '/') => {
                self.tag = Tag::Close;
                self.name.clear();
                State::TagName
            }
            (State::RawLess, _) => {
                self.push(c);
                return (State::Text, false);
            }
            (State::Reference, '#') => State::ReferenceHash,
            (State::Reference, _) if c.is_ascii_alphabetic() => self.named(c, State::ReferenceName),
            (State::Reference, _) => {
                self.push('&');
                return (State::Text, false);
            }
            (State::ReferenceHash, 'x' | 'X') => State::ReferenceHex,
            (State::ReferenceHash, '0'..='9') => self.named(c, State::ReferenceDecimal),
            (State::ReferenceHash, _) => {
                self.out.extend(b"&#");
                return (State::Text, false);
            }
            (State::ReferenceName, _) if c.is_ascii_alphabetic() => self.named(c, state),
            (State::ReferenceHex, _) if c.is_ascii_hexdigit() => self.named(c, state),
            (State::ReferenceDecimal, '0'..='9') => self.named(c, state),
            (State::ReferenceName | State::ReferenceHex | State::ReferenceDecimal, _) => {
                match state {
                    State::ReferenceName => self.entity(),
                    State::ReferenceHex => self.numeric(16),
                    _ => self.numeric(10),
                }
                return (State::Text, c == ';');
            }
            (State::TagOpen, '!') => State::Declaration,
            (State::TagOpen, '/') => State::EndTagOpen,
            (State::TagOpen, _) if c.is_ascii_alphabetic() => {
                self.tag = Tag::Open;
                self.named(c, State::TagName)
            }
            (State::TagOpen, _) => {
                self.push('<');
                return (State::Text, false);
            }
            (State::EndTagOpen, _) if c.is_ascii_alphabetic() => {
                self.tag = Tag::Close;
                self.named(c, State::TagName)
            }
            (State::EndTagOpen, _) => State::Text,
            (State::TagName, ' ' | '\t' | '\r' | '\n') => State::TagParams,
            (State::TagName | State::TagParams, '/') => State::SelfClosing,
            (State::TagName | State::TagParams, '>') => self.end_tag(),
            (State::TagName, _) if c.is_ascii_alphabetic() => self.named(c, state),
            (State::TagName, _) => State::Text,
            (State::TagParams, _) => State::TagParams,
            (State::SelfClosing, '>') => {
                self.tag = Tag::Empty;
                self.end_tag()
            }
            (State::SelfClosing, _) => State::TagParams,
            (State::Declaration, '-') => {
                self.name.push('-');
                if self.name.len() == 2 { State::CommentStart } else { State::Declaration }
            }
            (State::Declaration, _) => return (State::BogusComment, false),
            (State::BogusComment, '>')
            | (State::CommentStart, '>')
            | (State::CommentStartDash, '>')
            | (State::CommentEnd, '>')
            | (State::CommentEndBang, '>') => State::Text,
            (State::BogusComment, _) => State::BogusComment,
            (State::CommentStart, '-') => State::CommentStartDash,
            (State::CommentStartDash | State::CommentEndDash, '-') => State::CommentEnd,
            (State::Comment | State::CommentEndBang, '-') => State::CommentEndDash,
            (State::CommentEnd, '!') => State::CommentEndBang,
            (State::CommentEnd, '-') => State::CommentEnd,
            (
                State::CommentStart
                | State::CommentStartDash
                | State::Comment
                | State::CommentEndDash
                | State::CommentEnd
                | State::CommentEndBang,
                _,
            ) => State::Comment,
        };
        (next, true)
    }

    fn named(&mut self, c: char, next: State) -> State {
        // no name or number that means anything is longer
        if self.name.len() < 64 {
            self.name.push(c);
        }
        next
    }

    fn end_tag(&mut self) -> State {
        self.name.make_ascii_lowercase();
        let raw = match self.name.as_str() {
            "script" => Raw::Script,
            "style" => Raw::Style,
            name => {
                if !PHRASING.contains(&name) {
                    self.out.push(b' ');
                }
                return State::Text;
            }
        };
        match self.tag {
            Tag::Open if self.raw == Raw::Data => self.raw = raw,
            Tag::Close if self.raw == raw => self.raw = Raw::Data,
            _ => {}
        }
        State::Text
    }

    fn entity(&mut self) {
        match ENTITIES.find(self.name.as_bytes()).and_then(|index| ENTITY_TEXTS.get(index)) {
            Some(text) => self.out.extend(text.bytes()),
            None => self.push(char::REPLACEMENT_CHARACTER),
        }
    }

    fn numeric(&mut self, radix: u32) {
        let mut code = u32::from_str_radix(&self.name, radix).unwrap_or(u32::MAX);
        if (0x80..=0x9f).contains(&code) {
            let byte = [u8::try_from(code).unwrap_or(0)];
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte);
            code = text.chars().next().map_or(code, u32::from);
        }
        let is_error = matches!(code, 1..=8 | 0x0b | 0x0e..=0x1f | 0x7f..=0x9f | 0xfdd0..=0xfdef)
            || (code <= 0x10_ffff && code & 0xfffe == 0xfffe);
        if !is_error {
            self.push(char::from_u32(code).filter(|&c| c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
}

/// Tags that do not part words.
const PHRASING: [&str; 25] = [
    "a", "abbr", "b", "bdo", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "meter",
    "progress", "q", "ruby", "samp", "small", "span", "strong", "sub", "sup", "time", "var",
];
