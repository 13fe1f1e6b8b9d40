//! Parts of dates (RFC 5260). C: BC_DATE in bc_eval.c

use crate::code::DatePart;
use cyrus_sys::time;
use cyrus_util::datetime::{Civil, CivilDate, print_iso8601, print_rfc5322};

/// Minutes east of Greenwich where the server is.
pub fn local_minutes() -> i64 {
    i64::from(time::local(time::now()).utc_offset_s) / 60
}

/// Minutes of a zone like `+0100`, with what sscanf lets pass.
pub fn zone_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = zone.split_first()?;
    let (hours, rest) = two_digits(rest)?;
    let (minutes, _) = two_digits(rest)?;
    let total = hours * 60 + minutes;
    Some(if *sign == b'-' { -total } else { total })
}

fn two_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    let text = text.trim_ascii_start();
    let count = text.iter().take(2).take_while(|octet| octet.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count).filter(|(digits, _)| !digits.is_empty())?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Some((number, rest))
}

/// A part of the date `at`, which has been moved by the zone already.
pub fn part(part: DatePart, at: i64, zone_minutes: i64) -> String {
    let civil = Civil::at(at, 0);
    let CivilDate { year, month, day } = civil.date;
    let (hour, minute, second) = (civil.hour, civil.minute, civil.second);
    match part {
        DatePart::Year => format!("{year:04}"),
        DatePart::Month => format!("{month:02}"),
        DatePart::Day => format!("{day:02}"),
        DatePart::Date => format!("{year:04}-{month:02}-{day:02}"),
        DatePart::Julian => julian(i64::from(year), i64::from(month), i64::from(day)).to_string(),
        DatePart::Hour => format!("{hour:02}"),
        DatePart::Minute => format!("{minute:02}"),
        DatePart::Second => format!("{second:02}"),
        DatePart::Time => format!("{hour:02}:{minute:02}:{second:02}"),
        DatePart::Iso8601 => print_iso8601(at),
        DatePart::Std11 => print_rfc5322(at, i64::from(time::local(at).utc_offset_s)),
        DatePart::Zone => {
            let sign = if zone_minutes >= 0 { '+' } else { '-' };
            format!("{sign}{:02}{:02}", zone_minutes.abs() / 60, zone_minutes.abs() % 60)
        }
        DatePart::Weekday => (at.div_euclid(86400) + 4).rem_euclid(7).to_string(),
    }
}

/// The Julian day as C counts it: not the modified one of the RFC.
fn julian(year: i64, month: i64, day: i64) -> i64 {
    let (month, year) = if month > 2 { (month - 3, year) } else { (month + 9, year - 1) };
    let (century, rest) = (year / 100, year % 100);
    century * 146_097 / 4 + rest * 1461 / 4 + (month * 153 + 2) / 5 + day + 1_721_119
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_date() {
        let at = 1_646_486_645; // 2022-03-05 13:24:05 UTC, a Saturday
        for (which, expected) in [
            (DatePart::Year, "2022"),
            (DatePart::Month, "03"),
            (DatePart::Day, "05"),
            (DatePart::Date, "2022-03-05"),
            (DatePart::Julian, "2459644"),
            (DatePart::Time, "13:24:05"),
            (DatePart::Iso8601, "2022-03-05T13:24:05Z"),
            (DatePart::Zone, "-0130"),
            (DatePart::Weekday, "6"),
        ] {
            assert_eq!(part(which, at, -90), expected);
        }
    }

    #[test]
    fn zones() {
        assert_eq!(zone_minutes(b"+0100"), Some(60));
        assert_eq!(zone_minutes(b"-0330"), Some(-210));
        assert_eq!(zone_minutes(b"(CET)"), None);
        assert_eq!(zone_minutes(b"+1"), None);
        assert_eq!(zone_minutes(b""), None);
    }
}
