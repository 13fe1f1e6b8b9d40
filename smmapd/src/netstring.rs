//! Requests on the wire: `<length>:<map> <key>,`.

/// The longest request.
pub const REQUEST_OCTETS_MAX: usize = 1024;

/// Digits of the longest length that is read.
const LENGTH_DIGITS_MAX: usize = 10;

/// What the octets received so far begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More octets are needed.
    Incomplete,
    /// A request of so many octets on the wire.
    Request {
        /// The address; the map's name before it does not matter.
        key: &'a [u8],
        /// Octets on the wire.
        octets: usize,
    },
    /// What is wrong, and how many octets it took.
    Bad {
        /// In C's words.
        text: &'static str,
        /// Octets to skip; 0 when there is no telling where the next request begins.
        octets: usize,
    },
}

/// Parses what `received` begins with; `at_end` when no more will come. C: begin_handling()
#[must_use]
pub fn parse(received: &[u8], at_end: bool) -> Parsed<'_> {
    let digits = received.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let bad = |text| Parsed::Bad { text, octets: 0 };
    if digits > LENGTH_DIGITS_MAX {
        return bad("missing length");
    }
    match received.get(digits) {
        None if !at_end => return Parsed::Incomplete,
        Some(b':') if digits > 0 => {}
        _ => return bad("missing length"),
    }
    let length =
        received.get(..digits).and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    let Some(length) = length.filter(|&length| length <= REQUEST_OCTETS_MAX) else {
        return bad("request size doesn't match length");
    };
    let start = digits.saturating_add(1);
    let end = start.saturating_add(length);
    let Some(request) = received.get(start..end) else {
        return if at_end { bad("request size doesn't match length") } else { Parsed::Incomplete };
    };
    let octets = end.saturating_add(1);
    match received.get(end) {
        None if !at_end => return Parsed::Incomplete,
        Some(b',') => {}
        _ => return Parsed::Bad { text: "missing terminator", octets },
    }
    let request = request.split(|&octet| octet == 0).next().unwrap_or_default();
    match request.iter().position(|&octet| octet == b' ') {
        Some(space) => {
            Parsed::Request { key: request.get(space.saturating_add(1)..).unwrap_or_default(), octets }
        }
        None => Parsed::Bad { text: "missing key", octets },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(received: &str, at_end: bool, expected: Parsed<'_>) {
        assert_eq!(parse(received.as_bytes(), at_end), expected, "{received:?}");
    }

    #[test]
    fn requests_are_found_in_the_stream() {
        check("5:0 ann,rest", false, Parsed::Request { key: b"ann", octets: 8 });
        check("7: a b c,x", false, Parsed::Bad { text: "missing terminator", octets: 10 });
        check("6: a b c,", false, Parsed::Request { key: b"a b c", octets: 9 });
        check("2:0 ,", false, Parsed::Request { key: b"", octets: 5 });
        for part in ["", "5", "5:", "5:0 an", "5:0 ann"] {
            check(part, false, Parsed::Incomplete);
        }
    }

    #[test]
    fn what_is_no_request_is_named() {
        let check_bad =
            |received, at_end, text, octets| check(received, at_end, Parsed::Bad { text, octets });
        check_bad("abc", false, "missing length", 0);
        check_bad(":", false, "missing length", 0);
        check_bad("5;", false, "missing length", 0);
        check_bad("99999999999999999999", false, "missing length", 0);
        check_bad("1025:", false, "request size doesn't match length", 0);
        check_bad("5:0 a", true, "request size doesn't match length", 0);
        check_bad("5:0 annX", false, "missing terminator", 8);
        check_bad("3:ann,", false, "missing key", 6);
    }
}
