//! The day that SEARCH names (RFC 3501 9 date), in the server's time zone as C takes it.

use libcyrus::sys::time::from_local;
use libcyrus::util::datetime::parse_search_date;

/// Start of the local day `d-mmm-yyyy` and of the next one, in seconds since the epoch.
#[must_use]
pub fn search_day(text: &[u8]) -> Option<(i64, i64)> {
    let date = parse_search_date(text)?;
    let (month, day) = (i32::try_from(date.month).ok()?, i32::try_from(date.day).ok()?);
    Some((from_local(date.year, month, day, 0, 0, 0), from_local(date.year, month, day + 1, 0, 0, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_24_hours_unless_the_clock_changes() {
        let (start, end) = search_day(b"1-feb-1994").expect("a date");
        assert!((23 * 3600..=25 * 3600).contains(&(end - start)));
        // As to C, 31 April is 1 May.
        assert_eq!(search_day(b"31-apr-2020"), search_day(b"1-may-2020"));
        for bad in [&b"32-apr-2020"[..], b"0-jan-2020", b"1-foo-2020", b"1-jan-2020x", b""] {
            assert_eq!(search_day(bad), None, "{bad:?}");
        }
    }
}
