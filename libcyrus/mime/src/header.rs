//! Header fields as lines: walk, pick, unfold.

use crate::fieldvalue;

/// Iterates over the fields of a header: name (without the colon) and raw value with folding and line end.
/// Ends at the blank line; lines that are no field are passed over.
pub fn fields(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = header;
    std::iter::from_fn(move || {
        loop {
            if matches!(rest.first(), None | Some(b'\r' | b'\n')) {
                return None;
            }
            let (field, tail) = rest.split_at_checked(field_len(rest))?;
            rest = tail;
            if let Some(colon) = field.iter().position(|c| matches!(c, b':' | b'\r' | b'\n'))
                && field.get(colon) == Some(&b':')
            {
                return Some((field.get(..colon)?, field.get(colon + 1..)?));
            }
        }
    })
}

/// The value of the first field `name`, raw (after the colon, folding kept, without the final line end).
#[must_use]
pub fn first<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, value) = fields(header).find(|(n, _)| n.eq_ignore_ascii_case(name))?;
    let value = value.strip_suffix(b"\n").unwrap_or(value);
    Some(value.strip_suffix(b"\r").unwrap_or(value))
}

/// Which fields a `HEADER.FIELDS` or `HEADER.FIELDS.NOT` asks for.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'a, N> {
    /// Only these.
    Only(&'a [N]),
    /// All but these.
    Not(&'a [N]),
}

/// The picked fields of `header` in order, folding kept, **without** the blank line that the answer ends with.
/// `max_header_lines` (0 = all) bounds the fields looked at. As in C a line without a colon belongs to the name
/// that the next colon ends, and an empty `Not` list picks nothing. C: message_pruneheader()
#[must_use]
pub fn pick<N: AsRef<[u8]>>(header: &[u8], pick: Pick<'_, N>, max_header_lines: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = memchr::memchr(0, header).and_then(|end| header.get(..end)).unwrap_or(header);
    let mut seen = 0_u32;
    let last_colon = memchr::memrchr(b':', rest);
    let whole = rest.len();
    let longest = match pick {
        Pick::Only(names) | Pick::Not(names) => names.iter().map(|n| n.as_ref().len()).max().unwrap_or(0),
    };
    while !matches!(rest.first(), None | Some(b'\r')) {
        let (field, tail) = rest.split_at(field_len(rest));
        // a name longer than any asked for needs no exact end
        let window = rest.get(..rest.len().min(longest + 1)).unwrap_or_default();
        let colon = memchr::memchr(b':', window);
        let has = |names: &[N]| {
            colon.is_some_and(|colon| {
                window
                    .get(..colon)
                    .is_some_and(|name| names.iter().any(|n| n.as_ref().eq_ignore_ascii_case(name)))
            })
        };
        let wanted = match pick {
            Pick::Only(names) => has(names),
            Pick::Not(names) => {
                !names.is_empty() && !has(names) && last_colon.is_some_and(|last| last >= whole - rest.len())
            }
        };
        if wanted {
            out.extend(field);
        }
        rest = tail;
        seen += 1;
        if max_header_lines != 0 && seen > max_header_lines {
            break;
        }
    }
    out
}

/// Length of the field that starts `text`, continuation lines and line end included.
fn field_len(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match text.get(at..).and_then(|tail| memchr::memchr(b'\n', tail)) {
            None => return text.len(),
            Some(n) => at += n + 1,
        }
        if !matches!(text.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
}

/// Unfolds a raw value: leading blanks removed, CRLF deleted, following blanks kept. C: message_parse_string()
#[must_use]
pub fn unfold(value: &[u8]) -> Vec<u8> {
    fieldvalue::string(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From: a\r\nTo: b\r\n c\r\nX: y\r\nbad line\r\nto: d\r\n\r\nbody: x\r\n";

    fn check(choice: Pick<'_, &str>, max: u32, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&pick(HEADER, choice, max)), expected);
    }

    #[test]
    fn fields_are_picked_in_message_order() {
        check(Pick::Only(&["TO", "from"]), 0, "From: a\r\nTo: b\r\n c\r\nto: d\r\n");
        check(Pick::Not(&["to"]), 0, "From: a\r\nX: y\r\nbad line\r\n");
        check(Pick::Only(&["from", "to"]), 1, "From: a\r\nTo: b\r\n c\r\n");
        check(Pick::Not(&[]), 0, "");
        check(Pick::Only(&["none"]), 0, "");
    }

    #[test]
    fn fields_end_at_the_blank_line() {
        let names: Vec<_> = fields(HEADER).map(|(name, _)| name).collect();
        assert_eq!(names, [b"From".as_slice(), b"To", b"X", b"to"]);
        assert_eq!(first(HEADER, b"TO"), Some(b" b\r\n c".as_slice()));
        assert_eq!(unfold(b" b\r\n c"), b"b c");
    }
}
