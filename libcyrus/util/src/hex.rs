//! Octets in hexadecimal.

use std::fmt::Write;

/// The octet of two digits, either case.
#[must_use]
pub fn octet(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// The octets of a text of digits, either case; `None` when it is none.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    text.chunks(2)
        .map(|pair| match pair {
            [high, low] => octet(*high, *low),
            _ => None,
        })
        .collect()
}

/// The octets as lower-case digits.
#[must_use]
pub fn encode(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(encode(b"\0\x7f\xff"), "007fff");
        assert_eq!(decode(b"007fFf").as_deref(), Some(b"\0\x7f\xff".as_slice()));
        assert_eq!(decode(b"").as_deref(), Some(b"".as_slice()));
        for bad in [&b"0"[..], b"0g", b"+1", b"001", b"\xc3\xa4"] {
            assert_eq!(decode(bad), None);
        }
    }
}
