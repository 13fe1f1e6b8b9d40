//! Variables (RFC 5229): where they are kept, how strings are expanded, modifiers of `set`.
//! C: varlist.c, parse_string(), variables_modify_string()

use super::budget::STRING_OCTETS;
use crate::code::modifier;

/// `${0}` to `${9}`.
pub const MATCHES: usize = 10;

/// The variables of a run. Those of imap4flags are lists of flags; the one without name is internal.
#[derive(Debug, Default)]
pub struct Vars {
    /// The internal variable.
    pub flags: Vec<Vec<u8>>,
    named: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// What the last `:matches` or `:regex` set.
    pub matches: Vec<Vec<u8>>,
}

impl Vars {
    /// The list of a variable, in any case; the empty name is the internal one.
    pub fn list(&self, name: &[u8]) -> Option<&Vec<Vec<u8>>> {
        if name.is_empty() {
            return Some(&self.flags);
        }
        self.named.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, list)| list)
    }

    /// The same, to be changed.
    pub fn list_mut(&mut self, name: &[u8]) -> Option<&mut Vec<Vec<u8>>> {
        if name.is_empty() {
            return Some(&mut self.flags);
        }
        self.named.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, list)| list)
    }

    /// Sets a variable, which is made when missing.
    pub fn set(&mut self, name: &[u8], list: Vec<Vec<u8>>) {
        match self.list_mut(name) {
            Some(place) => *place = list,
            None => self.named.push((name.to_vec(), list)),
        }
    }

    /// A string with its references replaced; `None` when it grows too long.
    pub fn expand(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = find(rest, b"${") {
            let (before, from) = rest.split_at(start);
            out.extend_from_slice(before);
            let inside = from.get(2..).unwrap_or_default();
            let Some(end) = inside.iter().position(|&octet| octet == b'}') else {
                rest = from;
                break;
            };
            let name = inside.get(..end).unwrap_or_default();
            if let Some(number) = number(name).filter(|_| !is_identifier(name)) {
                let value = number.and_then(|number| self.matches.get(number));
                out.extend_from_slice(value.map(Vec::as_slice).unwrap_or_default());
            } else if is_identifier(name) {
                if let Some(list) = self.list(name) {
                    out.extend_from_slice(&list.join(&b' '));
                }
            } else {
                // No reference: one may begin right behind.
                out.extend_from_slice(b"${");
                rest = inside;
                continue;
            }
            if out.len() > STRING_OCTETS {
                return None;
            }
            rest = inside.get(end + 1..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        (out.len() <= STRING_OCTETS).then_some(out)
    }
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

/// The empty name counts, as in C.
fn is_identifier(name: &[u8]) -> bool {
    let starts = name.first().is_none_or(|first| !first.is_ascii_digit());
    starts && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'_')
}

/// What strtol takes for a whole number; the inner `None` is one that no match has.
fn number(name: &[u8]) -> Option<Option<usize>> {
    let digits = name.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    let (digits, is_negative) = match digits.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (digits, false),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    Some(number.filter(|number| !is_negative || *number == 0))
}

/// Applies modifiers in the order of their precedence.
pub fn modify(value: Vec<u8>, modifiers: i32) -> Vec<u8> {
    let has = |bit| modifiers & bit != 0;
    let mut value = value;
    if value.is_empty() {
        return if has(modifier::LENGTH) { b"0".to_vec() } else { value };
    }
    match (has(modifier::LOWER), has(modifier::UPPER)) {
        (true, false) => value.make_ascii_lowercase(),
        (false, true) => value.make_ascii_uppercase(),
        _ => {}
    }
    if let Some(first) = value.first_mut() {
        if has(modifier::LOWERFIRST) {
            first.make_ascii_lowercase();
        } else if has(modifier::UPPERFIRST) {
            first.make_ascii_uppercase();
        }
    }
    if has(modifier::QUOTEWILDCARD) || has(modifier::QUOTEREGEX) {
        let regex = has(modifier::QUOTEREGEX);
        let is_special = |octet: u8| b"*?\\".contains(&octet) || (regex && b".^$+()[{|".contains(&octet));
        value = value
            .into_iter()
            .flat_map(|octet| is_special(octet).then_some(b'\\').into_iter().chain([octet]))
            .collect();
    }
    if has(modifier::ENCODEURL) {
        let mut encoded = Vec::with_capacity(value.len());
        for octet in value {
            if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                encoded.push(octet);
            } else {
                encoded.extend_from_slice(format!("%{octet:02X}").as_bytes());
            }
        }
        value = encoded;
    }
    if has(modifier::LENGTH) { value.len().to_string().into_bytes() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut vars = Vars::default();
        vars.set(b"a", vec![b"1".to_vec()]);
        vars.set(b"List", vec![b"x".to_vec(), b"y".to_vec()]);
        vars.flags = vec![b"\\seen".to_vec()];
        vars.matches = vec![b"all".to_vec(), b"one".to_vec()];
        let found = vars.expand(text.as_bytes()).expect("short");
        assert_eq!(String::from_utf8_lossy(&found), expected, "{text}");
    }

    #[test]
    fn references_are_replaced() {
        check("a${A}b${list}c", "a1bx yc");
        check("${0}-${1}-${2}-${01}", "all-one--one");
        check("${none}|${a", "|${a");
        check("${${a}}", "${1}");
        check("${a.b}$", "${a.b}$");
        check("${}${-1}", "\\seen");
    }

    #[test]
    fn doubling_has_an_end() {
        let mut vars = Vars::default();
        vars.set(b"a", vec![vec![b'x'; 600_000]]);
        assert_eq!(vars.expand(b"${a}${a}"), None);
    }

    #[test]
    fn modifiers_have_their_order() {
        let check = |value: &str, bits, expected: &str| {
            let found = modify(value.as_bytes().to_vec(), bits);
            assert_eq!(String::from_utf8_lossy(&found), expected);
        };
        check("juMBlEd lETteRS", modifier::LOWER | modifier::UPPERFIRST, "Jumbled letters");
        check("juMBlEd", modifier::UPPER | modifier::LOWERFIRST, "jUMBLED");
        check("Rock * ?\\.", modifier::QUOTEWILDCARD, "Rock \\* \\?\\\\.");
        check("a.b", modifier::QUOTEREGEX | modifier::LENGTH, "4");
        check("a b/é~", modifier::ENCODEURL, "a%20b%2F%C3%A9~");
        check("", modifier::LENGTH, "0");
    }
}
