//! The day that SEARCH names (RFC 3501 9 date), in the server's time zone as C takes it.

use libcyrus::sys::localtime::{LocalTime, epoch};

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// Start of the local day `d-mmm-yyyy` and of the next one, in seconds since the epoch.
#[must_use]
pub fn search_day(text: &[u8]) -> Option<(i64, i64)> {
    let mut parts = text.splitn(3, |&b| b == b'-');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let day = number(day, 1..=2)?;
    let year = number(year, 4..=4)?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))?;
    let month = i32::try_from(month).ok()? + 1;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let midnight =
        |day| epoch(&LocalTime { year, month, day, hour: 0, minute: 0, second: 0, utc_offset_s: 0 });
    Some((midnight(day)?, midnight(day + 1)?))
}

fn number(digits: &[u8], length: std::ops::RangeInclusive<usize>) -> Option<i32> {
    if !length.contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_24_hours_unless_the_clock_changes() {
        let (start, end) = search_day(b"1-feb-1994").expect("a date");
        assert!((23 * 3600..=25 * 3600).contains(&(end - start)));
        assert_eq!(search_day(b"01-Feb-1994"), search_day(b"1-feb-1994"));
        for bad in [&b"31-apr-2020"[..], b"0-jan-2020", b"1-foo-2020", b"1-jan-20", b"1-jan-2020x", b""] {
            assert_eq!(search_day(bad), None);
        }
    }
}
