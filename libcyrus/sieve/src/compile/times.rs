//! Times of day and dates that arguments are held to.

use super::check::{skip_space, strptime_time};

/// `H:M:S` and nothing else.
pub(super) fn time_of_day(text: &[u8]) -> Option<i32> {
    strptime_time(text).and_then(|(seconds, rest)| rest.is_empty().then_some(seconds))
}

/// A number of scanf(3)'s `%<width>d`.
fn scan_number(text: &[u8], width: usize) -> Option<(i64, &[u8])> {
    let text = skip_space(text);
    let signed = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let window = text.get(..width.min(text.len()))?.get(signed..)?;
    let digits = window.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = window.iter().take(digits).fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    let value = if text.first() == Some(&b'-') { -value } else { value };
    (digits > 0).then_some((value, text.get(signed + digits..)?))
}

/// A date and time of RFC 3339, as loosely as C reads it. C: time_from_iso8601()
pub(super) fn is_date_time(text: &[u8]) -> bool {
    read_date_time(text).is_some()
}

fn read_date_time(text: &[u8]) -> Option<()> {
    let (year, rest) = scan_number(text, 4)?;
    let (month, rest) = scan_number(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = scan_number(rest.strip_prefix(b"-")?, 2)?;
    let (hour, rest) = scan_number(rest.strip_prefix(b"T")?, 2)?;
    let (minute, rest) = scan_number(rest.strip_prefix(b":")?, 2)?;
    let (second, _) = scan_number(rest.strip_prefix(b":")?, 2)?;
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction.get(fraction.iter().take_while(|byte| byte.is_ascii_digit()).count()..)?;
    }
    match rest.split_first()? {
        (b'Z', _) => {}
        (b'+' | b'-', rest) => {
            let (_, rest) = scan_number(rest, 2)?;
            scan_number(rest.strip_prefix(b":")?, 2)?;
        }
        _ => return None,
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    ((1..=days).contains(&day) && hour <= 23 && minute <= 59 && second <= 60).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_those_of_strptime() {
        let cases: [(&[u8], Option<i32>); 8] = [
            (b"09:05:00", Some(32700)),
            (b"9:5:0", Some(32700)),
            (b" 9: 5: 0", Some(32700)),
            (b"23:59:61", Some(86401)),
            (b"24:00:00", None),
            (b"12:00", None),
            (b"12:00:00 ", None),
            (b"", None),
        ];
        for (text, expected) in cases {
            assert_eq!(time_of_day(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn dates_are_those_of_rfc_3339() {
        for good in ["2024-02-29T23:59:60Z", "2024-01-01T00:00:00.123+01:00", "2024-01-01T00:00:00-05:30"] {
            assert!(is_date_time(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "2023-02-29T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-13-01T00:00:00Z",
        ] {
            assert!(!is_date_time(bad.as_bytes()), "{bad}");
        }
    }
}
