//! Parameter lists of MIME fields (RFC 2045 5.1) with RFC 2231 continuations folded.

use crate::address::is_space;
use crate::charset::{self, Charset};
use std::collections::HashMap;

/// `attribute=value`; the attribute in upper case, ending in `*` when the value is in extended form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Param {
    /// Name in upper case.
    pub attribute: Vec<u8>,
    /// Value as written, unquoted.
    pub value: Vec<u8>,
}

/// The value of the parameter `attribute` (given in upper case), decoded to UTF-8 when it is in extended form.
#[must_use]
pub fn value_utf8(params: &[Param], attribute: &[u8]) -> Option<Vec<u8>> {
    params.iter().find_map(|p| {
        if p.attribute == attribute {
            return Some(p.value.clone());
        }
        (p.attribute.strip_suffix(b"*") == Some(attribute))
            .then(|| extended_value(&p.value).unwrap_or_else(|| p.value.clone()))
    })
}

/// Decodes an extended value (`charset'language'%xx...`); `None` when it is not one.
/// C: charset_parse_mimexvalue()
#[must_use]
pub fn extended_value(value: &[u8]) -> Option<Vec<u8>> {
    let (name, rest) = split_once(value, b'\'')?;
    let charset = Charset::lookup(name)?;
    let (_, mut rest) = split_once(rest, b'\'')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((&c, tail)) = rest.split_first() {
        if c == b'%' {
            let (pair, after) = tail.split_at_checked(2)?;
            bytes.push(hex(pair)?);
            rest = after;
        } else {
            bytes.push(c);
            rest = tail;
        }
    }
    Some(charset.decode(&bytes).into_owned())
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(at, text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)
}

/// Characters that end a token (RFC 2045 5.1).
pub(crate) fn is_tspecial(c: u8) -> bool {
    b"()<>@,;:\\\"/[]?=".contains(&c)
}

/// Reads header text forward; the end reads as NUL.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub text: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    pub fn peek(&self) -> u8 {
        self.ahead(0)
    }

    pub fn ahead(&self, n: usize) -> u8 {
        self.text.get(self.at.saturating_add(n)).copied().unwrap_or(0)
    }

    pub fn slice(&self, from: usize) -> &'a [u8] {
        self.text.get(from..self.at.min(self.text.len())).unwrap_or_default()
    }

    /// Skips white space and comments; `None` at the end of the field. C: message_parse_rfc822space()
    pub fn space(mut self) -> Option<Self> {
        loop {
            match self.peek() {
                0 => return None,
                b'\n' => {
                    self.at += 1;
                    if !matches!(self.peek(), b' ' | b'\t') {
                        return None;
                    }
                }
                b'(' => {
                    self.at += 1;
                    let mut depth = 1_usize;
                    while depth > 0 {
                        match self.peek() {
                            0 => return None,
                            b'\n' => {
                                self.at += 1;
                                if !matches!(self.peek(), b' ' | b'\t') {
                                    return None;
                                }
                            }
                            b'\\' => self.at += 1,
                            b'(' => depth += 1,
                            b')' => depth -= 1,
                            _ => {}
                        }
                        self.at += 1;
                    }
                }
                c if is_space(c) => self.at += 1,
                _ => return Some(self),
            }
        }
    }

    /// A token up to white space, `(` or one of `stops`; `None` when a character is in the way that no token holds.
    pub fn token(&mut self, stops: &[u8]) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            let c = self.peek();
            if c == 0 || is_space(c) || c == b'(' || stops.contains(&c) {
                return Some(self.slice(start));
            }
            // 8-bit bytes count as controls, as C's signed characters make them
            if !(b' '..0x80).contains(&c) || is_tspecial(c) {
                return None;
            }
            self.at += 1;
        }
    }
}

/// Reads a parameter list that starts after the first `;`, continuations folded.
pub(crate) fn parse(cursor: Cursor<'_>) -> Vec<Param> {
    let mut params = Vec::new();
    let mut here = cursor;
    while let Some(next) = here.space() {
        here = next;
        match one(&mut here) {
            Outcome::Param(param, rest) => {
                params.push(param);
                match rest {
                    Some(rest) => here = rest,
                    None => break,
                }
            }
            Outcome::Skip => {
                while !matches!(here.peek(), 0 | b';' | b'\r' | b'\n') {
                    here.at += 1;
                }
                if here.peek() == b';' {
                    here.at += 1;
                }
            }
            Outcome::End => break,
        }
    }
    fold(params)
}

enum Outcome<'a> {
    /// A parameter, and where the next one starts.
    Param(Param, Option<Cursor<'a>>),
    /// Something unreadable: go on after the next `;`.
    Skip,
    /// The field ended in the middle.
    End,
}

fn one<'a>(here: &mut Cursor<'a>) -> Outcome<'a> {
    let Some(attribute) = here.token(b"=") else { return Outcome::Skip };
    let Some(next) = here.space() else { return Outcome::End };
    *here = next;
    let equals = here.peek();
    here.at += 1;
    if equals != b'=' {
        return Outcome::Skip;
    }
    let Some(next) = here.space() else { return Outcome::End };
    *here = next;
    let value = if here.peek() == b'"' {
        here.at += 1;
        match quoted(here) {
            Some(value) => value,
            None => return Outcome::End,
        }
    } else {
        match lenient_token(here) {
            Some(value) => value,
            None => return Outcome::Skip,
        }
    };
    let rest = match here.space() {
        None => None,
        Some(mut after) => {
            let stop = after.peek();
            after.at += 1;
            *here = after;
            if stop != b';' {
                return Outcome::Skip;
            }
            Some(after)
        }
    };
    Outcome::Param(Param { attribute: attribute.to_ascii_uppercase(), value }, rest)
}

/// The rest of a quoted string; `None` when the field ends first.
fn quoted(here: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        match here.peek() {
            0 => return None,
            b'"' => {
                here.at += 1;
                return Some(out);
            }
            b'\\' => {
                here.at += 1;
                if here.peek() == 0 {
                    return None;
                }
                if here.peek() == b'\r' {
                    if here.ahead(1) != b'\n' || !matches!(here.ahead(2), b' ' | b'\t') {
                        return None;
                    }
                    // as C: the CR was checked as part of a fold, but copying takes it for the quoted character
                    out.push(b'\r');
                    here.at += 1;
                    out.push(here.peek());
                    here.at += 1;
                } else {
                    out.push(here.peek());
                    here.at += 1;
                }
                continue;
            }
            b'\r' => {
                if here.ahead(1) != b'\n' || !matches!(here.ahead(2), b' ' | b'\t') {
                    return None;
                }
                here.at += 2;
            }
            _ => {}
        }
        out.push(here.peek());
        here.at += 1;
    }
}

/// An unquoted value: anything up to `;`, `(` or the end of the field, right-trimmed.
fn lenient_token(here: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let start = here.at;
    let mut last = start;
    loop {
        match here.peek() {
            0 | b';' | b'(' => break,
            b'\r' => {
                if here.ahead(1) == b'\n' && matches!(here.ahead(2), b' ' | b'\t') {
                    here.at += 2;
                    continue;
                }
                break;
            }
            b' ' | b'\t' => {}
            c if c < b' ' => return None,
            _ => last = here.at,
        }
        here.at += 1;
    }
    here.at = last + 1;
    Some(here.slice(start).to_vec())
}

/// Merges RFC 2231 continuations (`x*0`, `x*1`...) into `x` or `x*`. C: message_fold_params()
fn fold(params: Vec<Param>) -> Vec<Param> {
    if !params.iter().any(|p| p.attribute.contains(&b'*')) {
        return params;
    }
    let mut by_name: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for (index, param) in params.iter().enumerate().rev() {
        by_name.entry(param.attribute.clone()).or_default().push(index);
    }
    let mut slots: Vec<Option<Param>> = params.into_iter().map(Some).collect();
    for index in 0..slots.len() {
        let Some(Some(first)) = slots.get(index) else { continue };
        let Some((base, mut is_extended)) = initial(&first.attribute) else { continue };
        let base = base.to_vec();
        let mut value = first.value.clone();
        for section in 1..100 {
            let mut plain = base.clone();
            plain.extend(format!("*{section}").bytes());
            let mut extended = plain.clone();
            extended.push(b'*');
            let first_of = |name: &[u8]| by_name.get(name).and_then(|list| list.last()).copied();
            let (found, name) = match (first_of(&plain), first_of(&extended)) {
                (Some(p), Some(e)) if e < p => (e, extended),
                (Some(p), _) => (p, plain),
                (None, Some(e)) => (e, extended),
                (None, None) => break,
            };
            let piece_is_extended = name.last() == Some(&b'*');
            if let Some(list) = by_name.get_mut(&name) {
                list.pop();
            }
            let Some(piece) = slots.get_mut(found).and_then(Option::take) else { break };
            match (is_extended, piece_is_extended) {
                (true, false) => percent(&mut value, &piece.value),
                (false, true) => {
                    let mut encoded = b"''".to_vec();
                    percent(&mut encoded, &value);
                    encoded.extend(&piece.value);
                    value = encoded;
                    is_extended = true;
                }
                _ => value.extend(&piece.value),
            }
        }
        let mut attribute = base;
        if is_extended {
            attribute.push(b'*');
        }
        if let Some(slot) = slots.get_mut(index) {
            *slot = Some(Param { attribute, value });
        }
    }
    slots.into_iter().flatten().collect()
}

/// The name before `*0` or `*0*`, and whether the form is extended.
fn initial(attribute: &[u8]) -> Option<(&[u8], bool)> {
    let star = memchr::memchr(b'*', attribute)?;
    let (base, tail) = attribute.split_at_checked(star)?;
    match tail {
        b"*0" => Some((base, false)),
        b"*0*" => Some((base, true)),
        _ => None,
    }
}

/// Percent-encodes what an extended value may not hold.
fn percent(out: &mut Vec<u8>, value: &[u8]) {
    for &c in value {
        if c <= b' ' || c >= 0x7f || matches!(c, b'*' | b'\'' | b'%') || is_tspecial(c) {
            out.push(b'%');
            out.extend(format!("{c:02X}").bytes());
        } else {
            out.push(c);
        }
    }
}

/// The name of a charset that the parameters give: the last known one. C: message_parse_charset_params()
pub(crate) fn charset_name(params: &[Param]) -> Option<&[u8]> {
    params
        .iter()
        .filter(|p| {
            p.attribute == b"CHARSET" && !p.value.is_empty() && charset::Charset::lookup(&p.value).is_some()
        })
        .map(|p| p.value.as_slice())
        .next_back()
}
