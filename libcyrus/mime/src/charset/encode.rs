//! Header values written: as they are, folded, or as UTF-8 encoded words (RFC 2047).
//!
//! A value with an address in it is taken for a list of addresses, of which only the names are encoded.

/// A value with bytes outside ASCII, control characters or overlong words as UTF-8 encoded words (Q); a long one is
/// folded. The output has no line end but folds, whatever the value holds. C: charset_encode_mimeheader()
#[must_use]
pub fn encode_mimeheader(value: &[u8]) -> Vec<u8> {
    // C lets line ends among addresses through.
    let is_clean = !value.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t');
    match find_address(value).filter(|_| is_clean) {
        Some(address) => encoded_addresses(value, address),
        None => folded_plain(value).unwrap_or_else(|| encoded_words(value)),
    }
}

/// Octets of a line with encoded words.
const ENCODED_LINE_MAX: usize = 72;

/// What starts an encoded word.
const WORD: &[u8] = b"=?UTF-8?Q?";

/// What breaks one.
const BREAK: &[u8] = b"?=\r\n =?UTF-8?Q?";

/// Where an address stands in a value, with its angle brackets, the blanks before them and the comma behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    start: usize,
    end: usize,
}

/// The first address of a value, if what stands around it is a list of addresses. C: find_addr()
fn find_address(value: &[u8]) -> Option<Address> {
    let at = 1 + value.iter().skip(1).position(|&octet| octet == b'@')?;
    let (is_angled, end) = address_end(value, at + 1)?;
    let local = value.get(..at)?;
    let start = if local.ends_with(b"\"") { quoted_start(local)? } else { atom_start(local)? };
    if start == 0 {
        return Some(Address { start, end });
    }
    match value.get(start - 1) {
        Some(b'<') if is_angled => {
            let before = value.get(..start - 1).unwrap_or_default();
            let blanks = before.iter().rev().take_while(|octet| is_space(**octet)).count();
            Some(Address { start: start - 1 - blanks, end })
        }
        Some(&octet) if !is_angled && (is_space(octet) || octet == b',') => {
            Some(Address { start: start - 1, end })
        }
        _ => None,
    }
}

/// Whether an angle bracket closes the domain that starts there, and the end of what belongs to the address.
fn address_end(value: &[u8], start: usize) -> Option<(bool, usize)> {
    let rest = value.get(start..)?;
    let domain = if let Some(literal) = rest.strip_prefix(b"[") {
        let length = literal.iter().position(|octet| b"[]\\".contains(octet))?;
        literal.get(length).filter(|&&octet| octet == b']')?;
        start + length + 2
    } else {
        let first = rest.first().filter(|octet| is_atom(**octet))?;
        let length = rest.iter().position(|&octet| octet != b'.' && !is_atom(octet)).unwrap_or(rest.len());
        // An atom ends with no dot.
        let last = rest.get(..length).and_then(<[u8]>::last).unwrap_or(first);
        if *last == b'.' {
            return None;
        }
        start + length
    };
    let is_angled = value.get(domain) == Some(&b'>');
    let mut end = after_spaces(value, domain + usize::from(is_angled));
    if end < value.len() {
        // Addresses are only separated by commas.
        value.get(end).filter(|&&octet| octet == b',')?;
        end = after_spaces(value, end + 1);
    }
    Some((is_angled, end))
}

/// The opening quote of a quoted local part that is all or the end of `local`.
fn quoted_start(local: &[u8]) -> Option<usize> {
    let mut at = local.len().checked_sub(1)?;
    loop {
        at = at.checked_sub(1)?;
        let is_escaped = at > 0 && local.get(at - 1) == Some(&b'\\');
        match local.get(at)? {
            b'"' if !is_escaped => return Some(at),
            b'"' => at -= 1,
            _ => {}
        }
    }
}

/// The start of the dotted atom that `local` ends with.
fn atom_start(local: &[u8]) -> Option<usize> {
    local.last().filter(|octet| is_atom(**octet))?;
    let length = local.iter().rev().take_while(|&&octet| octet == b'.' || is_atom(octet)).count();
    let start = local.len().checked_sub(length)?;
    // It starts with no dot.
    (local.get(start) != Some(&b'.')).then_some(start)
}

fn is_atom(octet: u8) -> bool {
    !is_space(octet) && !b"()<>[]:;@\\,.\"\0".contains(&octet)
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn after_spaces(value: &[u8], at: usize) -> usize {
    let spaces = value.get(at..).unwrap_or_default().iter().take_while(|octet| is_space(**octet)).count();
    at + spaces
}

/// A list of addresses: their names are encoded where they must be, and no line breaks within a name or an address.
/// What follows the last address stays as it is. C: encode_addrheader()
fn encoded_addresses(value: &[u8], first: Address) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 64);
    let mut column = 0;
    let mut rest = value;
    let mut found = Some(first);
    while let Some(Address { start, end }) = found {
        let name = rest.get(..start).unwrap_or_default();
        let address = rest.get(start..end).unwrap_or_default();
        rest = rest.get(end..).unwrap_or_default();
        let must_encode = !name.is_ascii();
        let octets = if must_encode { 3 * name.len() + 12 } else { name.len() };
        if octets > 0 {
            break_before(octets, &mut column, &mut out);
        }
        if must_encode {
            encode_phrase(name, &mut column, &mut out);
        } else {
            out.extend_from_slice(name);
            column += name.len();
        }
        break_before(address.len(), &mut column, &mut out);
        out.extend_from_slice(address);
        column += address.len();
        found = find_address(rest);
    }
    if !rest.is_empty() {
        break_before(rest.len(), &mut column, &mut out);
        out.extend_from_slice(rest);
    }
    out
}

/// Breaks the line if so many octets do not fit on it.
fn break_before(octets: usize, column: &mut usize, out: &mut Vec<u8>) {
    if *column + octets >= ENCODED_LINE_MAX {
        out.extend_from_slice(b"\r\n ");
        *column = 1;
    }
}

/// A name before an address as encoded words. C: encode_mimephrase()
fn encode_phrase(phrase: &[u8], column: &mut usize, out: &mut Vec<u8>) {
    out.extend_from_slice(WORD);
    *column += WORD.len();
    for &octet in phrase {
        if *column + octets_to_come(octet) >= ENCODED_LINE_MAX {
            out.extend_from_slice(BREAK);
            *column = 11;
        }
        let is_safe = octet.is_ascii_alphanumeric() || b"!*+-/[{".contains(&octet);
        *column += push_encoded(octet, is_safe, out);
    }
    out.extend_from_slice(b"?=");
}

/// A whole value as encoded words; where it is folded they are broken.
fn encoded_words(value: &[u8]) -> Vec<u8> {
    let mut out = WORD.to_vec();
    let mut column = WORD.len();
    let mut rest = value;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        if column + octets_to_come(octet) >= ENCODED_LINE_MAX {
            out.extend_from_slice(BREAK);
            column = 11;
        }
        if let (b'\r', Some(after)) = (octet, tail.strip_prefix(b"\n")) {
            rest = after.strip_prefix(b" ").or_else(|| after.strip_prefix(b"\t")).unwrap_or(after);
            if !after.is_empty() {
                out.extend_from_slice(BREAK);
                column = 12;
            }
            continue;
        }
        let is_safe = matches!(octet, b'!'..=b'<' | b'>' | b'@'..=b'^' | b'`'..=b'~');
        column += push_encoded(octet, is_safe, &mut out);
    }
    out.extend_from_slice(b"?=");
    out
}

/// How much an octet of UTF-8 announces: a character is not broken.
fn octets_to_come(octet: u8) -> usize {
    match octet {
        0xc0..=0xdf => 3,
        0xe0..=0xef => 6,
        0xf0..=0xf7 => 9,
        _ => 0,
    }
}

/// An octet within an encoded word; how many octets it took.
fn push_encoded(octet: u8, is_safe: bool, out: &mut Vec<u8>) -> usize {
    match octet {
        b' ' => out.push(b'_'),
        _ if is_safe => out.push(octet),
        _ => {
            out.extend_from_slice(format!("={octet:02X}").as_bytes());
            return 3;
        }
    }
    1
}

/// A value that needs no encoding, folded at blanks past 78 octets; `None` when it must be encoded.
fn folded_plain(value: &[u8]) -> Option<Vec<u8>> {
    let is_blank = |octet: u8| octet == b' ' || octet == b'\t';
    let mut last_blank = 0;
    for (at, &octet) in value.iter().enumerate() {
        if !matches!(octet, b' '..=b'~' | b'\t') {
            return None;
        }
        if is_blank(octet) {
            last_blank = at;
        }
        if at > 74 && at - last_blank > 74 {
            return None;
        }
    }
    let mut out = Vec::with_capacity(value.len());
    if value.len() <= 75 {
        out.extend_from_slice(value);
        return Some(out);
    }
    let (mut start, mut at, mut last) = (0, 0, 0);
    while value.len().saturating_sub(start) > 78 && at < value.len() {
        let rest = value.get(at..).unwrap_or_default();
        at += rest.iter().position(|&octet| is_blank(octet)).unwrap_or(rest.len());
        if last > 0 && at - start > 78 {
            out.extend_from_slice(value.get(start..last).unwrap_or_default());
            out.extend_from_slice(b"\r\n");
            start = last;
        }
        last = at;
        at += 1;
    }
    out.extend_from_slice(value.get(start..).unwrap_or_default());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&encode_mimeheader(value.as_bytes())), expected, "{value}");
    }

    #[test]
    fn only_the_names_of_addresses_are_encoded() {
        check("\u{2217} <a@b.c>,\t\"B\" <b@c.d>, e@f", "=?UTF-8?Q?=E2=88=97?= <a@b.c>,\t\"B\" <b@c.d>, e@f");
        check("\"\u{e9} x\" <a@[1.2.3.4]>", "=?UTF-8?Q?=22=C3=A9_x=22?= <a@[1.2.3.4]>");
        check("ed@example.org", "ed@example.org");
        check("\u{e9} <\"q \\\" q\"@b.c>", "=?UTF-8?Q?=C3=A9?= <\"q \\\" q\"@b.c>");
        let long = "x".repeat(40);
        check(&format!("<{long}@b.c>, <{long}@d.e>"), &format!("<{long}@b.c>, \r\n <{long}@d.e>"));
    }

    #[test]
    fn what_is_no_list_of_addresses_is_encoded_whole() {
        check("see <a@b.c> \u{e9}", "=?UTF-8?Q?see_<a@b.c>_=C3=A9?=");
        check("\u{e9} a@b.", "=?UTF-8?Q?=C3=A9_a@b.?=");
        check("\u{e9} .a@b", "=?UTF-8?Q?=C3=A9_.a@b?=");
        check("\u{e9} a@", "=?UTF-8?Q?=C3=A9_a@?=");
        check("\u{e9}<a@b", "=?UTF-8?Q?=C3=A9<a@b?=");
        check("@", "@");
    }

    #[test]
    fn no_value_brings_a_line_end_of_its_own() {
        check("a@b.c,\r\nEvil: d@e.f", "=?UTF-8?Q?a@b.c,?=\r\n =?UTF-8?Q?Evil:_d@e.f?=");
        let mut random = fastrand::Rng::with_seed(5);
        let alphabet = b"a@b.,<>\"\\ \r\n\t\xc3\xa9[]x";
        for _ in 0..20000 {
            let value: Vec<u8> =
                (0..random.usize(0..120)).map(|_| alphabet[random.usize(..alphabet.len())]).collect();
            let out = encode_mimeheader(&value);
            let text = String::from_utf8_lossy(&out).replace("\r\n ", "").replace("\r\n\t", "");
            assert!(!text.contains(['\r', '\n']), "{value:?}");
        }
    }
}
