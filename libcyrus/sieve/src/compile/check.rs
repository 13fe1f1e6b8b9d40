//! Judgements on strings, lists and tags, with C's words for what is wrong.

use super::ast::Texts;
use super::parse::Parser;
use super::{jmapquery, regex};
use crate::code::{Comparator, Match};
use crate::settings::{Capabilities, Capability};

/// The highest `${n}`. C: MAX_MATCH_VARS
const MAX_MATCH_VARIABLE: i64 = 9;

/// Match type, relation, comparator and index of a test while its tags are read; -1 (index: 0): not given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) matching: i32,
    pub(super) relation: i32,
    pub(super) comparator: i32,
    pub(super) index: i32,
}

/// `:last` was read, `:index` not yet.
pub(super) const LAST_ONLY: i32 = i32::MIN;

impl Comparison {
    /// Nothing given.
    pub(super) fn new() -> Comparison {
        Comparison { matching: -1, relation: -1, comparator: -1, index: 0 }
    }
}

/// Headers that hold addresses, for `address` under `rfc3028_strict`.
const ADDRESS_HEADERS: &[&[u8]] = &[
    b"from",
    b"sender",
    b"reply-to",
    b"to",
    b"cc",
    b"bcc",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"resent-from",
    b"resent-sender",
    b"resent-to",
    b"resent-cc",
    b"resent-bcc",
    b"return-path",
    b"disposition-notification-to",
    b"approved",
    b"delivered-to",
];

impl Parser<'_> {
    /// Is it required?
    pub(super) fn has(&self, capability: Capability) -> bool {
        self.granted.has(capability)
    }

    /// Complains unless it is required.
    pub(super) fn need(&mut self, capability: Capability, name: &str) {
        if !self.has(capability) {
            self.complain(&[name.as_bytes(), b" extension MUST be enabled with \"require\" command"]);
        }
    }

    pub(super) fn duplicate_tag(&mut self, tag: &str) {
        self.complain(&[b"duplicate ", tag.as_bytes(), b" tag"]);
    }

    pub(super) fn multiple_tags(&mut self, kind: &str) {
        self.complain(&[b"multiple ", kind.as_bytes(), b" tags"]);
    }

    pub(super) fn conflicting_tags(&mut self, one: &str, other: &str) {
        self.complain(&[b"tag ", one.as_bytes(), b" MUST NOT be used with tag ", other.as_bytes()]);
    }

    pub(super) fn unexpected_tag(&mut self, tag: &str) {
        self.complain(&[b"unexpected ", tag.as_bytes(), b" tag"]);
    }

    pub(super) fn missing_tag(&mut self, tag: &str) {
        self.complain(&[tag.as_bytes(), b" tag is required"]);
    }

    pub(super) fn invalid_value(&mut self, what: &str) {
        self.complain(&[b"invalid ", what.as_bytes(), b" value"]);
    }

    /// `require` with these names. C: check_reqs()
    pub(super) fn grant(&mut self, names: &[Vec<u8>]) {
        let mut refused: Vec<u8> = Vec::new();
        for name in names {
            match Capability::by_name(name).filter(|capability| self.settings.active.has(*capability)) {
                Some(capability) => {
                    self.granted.insert(capability);
                    if capability == Capability::VacationSeconds {
                        self.granted.insert(Capability::Vacation);
                    }
                }
                None => {
                    let separator = if refused.is_empty() { ":" } else { "," };
                    refused.extend_from_slice(&[separator.as_bytes(), b" \"", name, b"\""].concat());
                }
            }
        }
        if !refused.is_empty() {
            self.complain(&[b"Unsupported feature(s) in \"require\"", &refused]);
        } else if self.has(Capability::Ihave) {
            // From here on `ihave` may be followed by anything that can be tested for.
            let mut testable = Capabilities::all();
            for capability in [Capability::EncodedCharacter, Capability::Variables] {
                if !self.has(capability) {
                    testable.remove(capability);
                }
            }
            self.granted.extend(testable);
        }
        self.lexer.encoded_character = self.has(Capability::EncodedCharacter);
    }

    /// Complains of `${n}` with n too large. C: chk_match_vars()
    pub(super) fn check_match_variables(&mut self, text: &[u8]) {
        if !self.has(Capability::Variables) {
            return;
        }
        for at in memchr::memmem::find_iter(text, b"${") {
            let name = text.get(at + 2..).unwrap_or_default();
            let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || name.get(digits) != Some(&b'}') {
                continue;
            }
            let number = name.iter().take(digits).fold(0i64, |number, digit| {
                number.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
            });
            if number > MAX_MATCH_VARIABLE {
                let limit = MAX_MATCH_VARIABLE.to_string();
                self.complain(&[
                    b"string '",
                    text,
                    b"': match variable index > ",
                    limit.as_bytes(),
                    b" unsupported",
                ]);
                return;
            }
        }
    }

    /// Does it hold a reference to a variable that will be expanded? C: contains_variable()
    fn has_variable(&self, text: &[u8]) -> bool {
        self.has(Capability::Variables)
            && memchr::memmem::find_iter(text, b"${")
                .any(|at| is_reference(text.get(at + 2..).unwrap_or_default()))
    }

    /// C: verify_utf8()
    pub(super) fn check_utf8(&mut self, text: &[u8]) -> bool {
        let valid = is_utf8(text);
        if !valid {
            self.complain(&[b"string '", text, b"': not valid utf8"]);
        }
        valid
    }

    pub(super) fn check_mailbox(&mut self, name: &[u8]) {
        if !self.check_utf8(name) {
            self.complain(&[b"mailbox '", name, b"': not a valid mailbox"]);
        }
    }

    pub(super) fn check_header(&mut self, name: &[u8]) -> bool {
        let valid = name.iter().all(|byte| matches!(byte, 33..=57 | 59..=126));
        if !valid {
            self.complain(&[b"header '", name, b"': not a valid header"]);
        }
        valid
    }

    /// A header of an `address` test; known ones are put into lower case.
    fn check_address_header(&mut self, name: &mut [u8]) -> bool {
        if self.has_variable(name) {
            return true;
        }
        if !self.settings.rfc3028_strict {
            return self.check_header(name);
        }
        name.make_ascii_lowercase();
        let valid = ADDRESS_HEADERS.contains(&&*name);
        if !valid {
            self.complain(&[b"header '", name, b"': not a valid header for an address test"]);
        }
        valid
    }

    /// A part of an `envelope` test, put into lower case.
    fn check_envelope_part(&mut self, part: &mut [u8]) -> bool {
        if self.has_variable(part) {
            return true;
        }
        part.make_ascii_lowercase();
        let valid = !self.settings.rfc3028_strict || matches!(&*part, b"from" | b"to" | b"auth");
        if !valid {
            self.complain(&[b"env-part '", part, b"': not a valid part for an envelope test"]);
        }
        valid
    }

    pub(super) fn check_address_headers(&mut self, names: &mut Texts) {
        names.iter_mut().all(|name| self.check_address_header(name));
    }

    pub(super) fn check_envelope_parts(&mut self, parts: &mut Texts) {
        parts.iter_mut().all(|part| self.check_envelope_part(part));
    }

    pub(super) fn check_headers(&mut self, names: &Texts) {
        names.iter().all(|name| self.check_header(name));
    }

    pub(super) fn check_all_utf8(&mut self, texts: &Texts) -> bool {
        texts.iter().all(|text| self.check_utf8(text))
    }

    pub(super) fn check_identifiers(&mut self, names: &Texts) {
        names.iter().all(|name| self.check_identifier(name));
    }

    pub(super) fn check_identifier(&mut self, name: &[u8]) -> bool {
        let valid = is_identifier(name);
        if !valid {
            self.complain(&[b"string '", name, b"': not a valid sieve identifier"]);
        }
        valid
    }

    pub(super) fn check_address(&mut self, address: &[u8]) -> bool {
        let valid = self.has_variable(address) || self.addresses.accept(address);
        if !valid {
            self.complain(&[b"address '", address, b"': syntax error"]);
        }
        valid
    }

    /// The list of `redirect :list`. C has no validator at hand when compiling, and dies.
    pub(super) fn check_list(&mut self, list: &[u8]) {
        let is_known =
            [&b"urn:ietf:params:sieve:addrbook:"[..], b":addrbook:"].iter().any(|p| list.starts_with(p));
        if !is_known && !self.has_variable(list) {
            self.complain(&[b"list '", list, b"': is not valid/supported"]);
        }
    }

    /// Completes the tags of a comparison and checks that they go together. C: canon_comptags()
    pub(super) fn complete(&mut self, comparison: &mut Comparison) {
        if comparison.matching == -1 {
            comparison.matching = Match::Is.word();
        }
        if comparison.comparator == -1 {
            comparison.comparator = Comparator::AsciiCasemap.word();
        }
        let matching = Match::from_word(comparison.matching);
        let (tag, comparator) = match (Comparator::from_word(comparison.comparator), matching) {
            (Some(Comparator::AsciiNumeric), Some(Match::Contains)) => (":contains", "i;ascii-numeric"),
            (Some(Comparator::AsciiNumeric), Some(Match::Matches)) => (":matches", "i;ascii-numeric"),
            (Some(Comparator::AsciiNumeric), Some(Match::Regex)) => (":regex", "i;ascii-numeric"),
            (Some(Comparator::Octet), Some(Match::Count)) => (":count", "i;octet"),
            (Some(Comparator::AsciiCasemap), Some(Match::Count)) => (":count", "i;ascii-casemap"),
            _ => return,
        };
        self.complain(&[
            b"\"",
            tag.as_bytes(),
            b"\" match-type MUST NOT be used with \"",
            comparator.as_bytes(),
            b"\" comparator",
        ]);
    }

    /// The keys of a test: UTF-8 if asked for, and regular expressions that compile. C: verify_patternlist()
    pub(super) fn check_patterns(&mut self, patterns: &Texts, comparison: &mut Comparison, utf8: bool) {
        if utf8 && !self.check_all_utf8(patterns) {
            return;
        }
        self.complete(comparison);
        if comparison.matching != Match::Regex.word() {
            return;
        }
        let caseless = comparison.comparator == Comparator::AsciiCasemap.word();
        for pattern in patterns {
            if self.has(Capability::Variables) && memchr::memmem::find(pattern, b"${").is_some() {
                continue;
            }
            if let Err(complaint) = regex::check(pattern, caseless) {
                self.complain(&[complaint.as_bytes()]);
                return;
            }
        }
    }

    /// Flags as they are stored: split at spaces, system flags in lower case, without invalid and repeated ones; never
    /// an empty list. With `variables` they are left as they are. C: verify_flaglist()
    pub(super) fn canonical_flags(&self, flags: Texts) -> Texts {
        if self.has(Capability::Variables) {
            return flags;
        }
        let mut kept = Texts::new();
        for flag in flags.join(&b' ').split(|byte| *byte == b' ') {
            let mut flag = flag.trim_ascii().to_vec();
            if flag.first() == Some(&b'\\') {
                flag.make_ascii_lowercase();
                if !matches!(&*flag, b"\\seen" | b"\\answered" | b"\\flagged" | b"\\draft" | b"\\deleted") {
                    continue;
                }
            } else if !is_atom(&flag) {
                continue;
            }
            if !kept.iter().any(|other| other.eq_ignore_ascii_case(&flag)) {
                kept.push(flag);
            }
        }
        if kept.is_empty() {
            kept.push(Vec::new());
        }
        kept
    }

    /// The query of `jmapquery`, in compact form; nil if it is no JSON.
    pub(super) fn check_jmapquery(&mut self, query: &[u8]) -> Option<Vec<u8>> {
        let (compact, complaint) = jmapquery::check(query);
        if let Some(complaint) = complaint {
            self.complain(&[&complaint]);
        }
        compact
    }
}

/// Is what follows `${` a reference to a variable, numbered or named, perhaps with namespaces?
fn is_reference(mut name: &[u8]) -> bool {
    loop {
        let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut is_identifier = false;
        if digits > 0 {
            name = name.get(digits..).unwrap_or_default();
        } else if name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
            let length =
                name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            name = name.get(length..).unwrap_or_default();
            is_identifier = true;
        } else {
            return false;
        }
        match name {
            [b'}', ..] => return true,
            [b'.', rest @ ..] if is_identifier && !rest.is_empty() => name = rest,
            _ => return false,
        }
    }
}

/// Lead and trail bytes of up to six bytes in shortest form; a wrong lead byte at the very end passes.
/// C: verify_utf8()
fn is_utf8(mut text: &[u8]) -> bool {
    while let [first, rest @ ..] = text {
        // Trailing bytes, and bits of which the first trailing byte must have one (0: any).
        let (trailing, mask) = match *first {
            0x00..=0x7f => (0, 0),
            0xc2..=0xdf => (1, 0),
            0xe0..=0xef => (2, if first & 0x0f == 0 { 0x20 } else { 0 }),
            0xf0..=0xf7 => (3, if first & 0x07 == 0 { 0x30 } else { 0 }),
            0xf8..=0xfb => (4, if first & 0x03 == 0 { 0x38 } else { 0 }),
            0xfc..=0xfd => (5, if first & 0x01 == 0 { 0x3c } else { 0 }),
            // C forgets to look whether the last byte was the one that it stopped at.
            _ => return rest.is_empty(),
        };
        let Some((tail, rest)) = rest.split_at_checked(trailing) else { return false };
        if tail.iter().any(|byte| byte & 0xc0 != 0x80)
            || (mask != 0 && tail.first().is_none_or(|b| b & mask == 0))
        {
            return false;
        }
        text = rest;
    }
    true
}

/// Without the white space of isspace(3) at its start.
pub(super) fn skip_space(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    text.get(blanks..).unwrap_or_default()
}

/// A number of strptime(3): blanks, then up to so many digits as long as it can stay under the limit.
pub(super) fn strptime_number(text: &[u8], least: i32, most: i32, digits: usize) -> Option<(i32, &[u8])> {
    let text = skip_space(text);
    let mut number = 0;
    let mut taken = 0;
    for digit in text.iter().take(digits).take_while(|byte| byte.is_ascii_digit()) {
        if taken > 0 && number * 10 > most {
            break;
        }
        number = number * 10 + i32::from(digit - b'0');
        taken += 1;
    }
    (taken > 0 && (least..=most).contains(&number)).then(|| (number, text.get(taken..).unwrap_or_default()))
}

/// `H:M:S` as strptime(3) reads %T, in seconds; one or two digits each, seconds up to 61.
pub(super) fn strptime_time(text: &[u8]) -> Option<(i32, &[u8])> {
    let (hours, rest) = strptime_number(text, 0, 23, 2)?;
    let (minutes, rest) = strptime_number(rest.strip_prefix(b":")?, 0, 59, 2)?;
    let (seconds, rest) = strptime_number(rest.strip_prefix(b":")?, 0, 61, 2)?;
    Some((3600 * hours + 60 * minutes + seconds, rest))
}

/// C: is_identifier(), for which the empty string is one.
pub(super) fn is_identifier(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && !name.first().is_some_and(u8::is_ascii_digit)
}

/// An IMAP atom. C: imparse_isatom()
fn is_atom(text: &[u8]) -> bool {
    matches!(text.len(), 1..1024)
        && text.iter().all(|byte| matches!(byte, 0x1f | 0x21..=0x7e) && !b"\"%(){\\*".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_judged_as_the_c_does() {
        for good in [&b"abc"[..], "é€😀".as_bytes(), b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"", b"a\xff"]
        {
            assert!(is_utf8(good), "{good:?}");
        }
        for bad in
            [&b"\xffa"[..], b"\xc1\x80", b"\xe0\x80\x80", b"\xc3", b"\xc3a", b"\x80a", b"\xf0\x80\x80\x80"]
        {
            assert!(!is_utf8(bad), "{bad:?}");
        }
    }

    #[test]
    fn references_to_variables_are_recognised() {
        for good in ["a}", "1}", "_a1}", "ns.name}", "a.1}"] {
            assert!(is_reference(good.as_bytes()), "{good}");
        }
        for bad in ["", "}", "a", "a-b}", "1.a}", "a.}", ".a}"] {
            assert!(!is_reference(bad.as_bytes()), "{bad}");
        }
    }
}
