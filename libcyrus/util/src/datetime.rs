//! Date and time texts: mail headers, INTERNALDATE, SEARCH dates, ISO 8601.
//!
//! Nothing here knows the local time zone: printing takes the zone's offset at that moment, and
//! what is to be read as local time is given back as a [`CivilDate`] for
//! `sys::localtime::epoch()`.

/// English month names as in mail.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// Longest token of a mail date.
const TOKEN_MAX: usize = 32;

/// A day of the calendar; the day may be out of its month's range and then runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilDate {
    /// Full year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// From 1.
    pub day: u32,
}

/// A moment taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// The day.
    pub date: CivilDate,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 is Sunday.
    pub weekday: u32,
}

impl Civil {
    /// The calendar time at `epoch_s`, `utc_offset_s` seconds east of UTC.
    #[must_use]
    pub fn at(epoch_s: i64, utc_offset_s: i64) -> Self {
        // Far beyond any real date; keeps all sums below in range.
        let local = epoch_s.saturating_add(utc_offset_s).clamp(-(1 << 45), 1 << 45);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let small = |number: i64| u32::try_from(number).unwrap_or(0);
        Self {
            date: civil_from_days(days),
            hour: small(second / 3600),
            minute: small(second / 60 % 60),
            second: small(second % 60),
            weekday: small((days + 4).rem_euclid(7)),
        }
    }
}

/// Seconds since the epoch of a calendar time read as UTC; fields out of range run over.
#[must_use]
pub fn epoch_utc(date: CivilDate, hour: u32, minute: u32, second: u32) -> i64 {
    days_from_civil(date) * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)
}

/// Reads the Date field of a message. Like C: the weekday needs its comma, `-` may stand between
/// day, month and year, seconds and zone may be missing, unknown zones are UTC, numbers out of
/// range run over; comments are not understood. C: time_from_rfc5322(DATETIME_FULL)
#[must_use]
pub fn parse_rfc5322(text: &[u8]) -> Option<i64> {
    let mut reader = Reader { text, at: 0 };
    let date = reader.date()?;
    reader.skip_space();
    let hour = reader.one_or_two_digits()?;
    reader.time_separator()?;
    let minute = reader.one_or_two_digits()?;
    let second = match reader.time_separator() {
        Some(()) => reader.one_or_two_digits()?,
        None => 0,
    };
    reader.skip_space();
    let sign = reader.current();
    if matches!(sign, Some(b'+' | b'-')) {
        reader.at = reader.at.saturating_add(1);
    }
    let offset_min = reader.token().map_or(0, |token| zone_offset_min(&token, sign));
    let time = epoch_utc(date, hour, minute, second);
    (time >= 0).then(|| time - offset_min * 60)
}

/// Reads only the day of a Date field, as written, whatever follows.
/// C: time_from_rfc5322(DATETIME_DATE_ONLY) before mktime()
#[must_use]
pub fn parse_rfc5322_day(text: &[u8]) -> Option<CivilDate> {
    Reader { text, at: 0 }.date()
}

/// `Mon, 02 Jan 2006 15:04:05 -0700`. C: time_to_rfc5322()
#[must_use]
pub fn print_rfc5322(epoch_s: i64, utc_offset_s: i64) -> String {
    let civil = Civil::at(epoch_s, utc_offset_s);
    let weekday = WEEKDAYS.get(civil.weekday as usize).unwrap_or(&"Sun");
    let CivilDate { year, day, .. } = civil.date;
    format!(
        "{weekday}, {day:02} {} {year:04} {:02}:{:02}:{:02} {}",
        month_name(civil.date),
        civil.hour,
        civil.minute,
        civil.second,
        zone(utc_offset_s)
    )
}

/// `02-Jan-2006 15:04:05 -0700`, a day below ten with a blank. C: time_to_rfc3501()
#[must_use]
pub fn print_internaldate(epoch_s: i64, utc_offset_s: i64) -> String {
    let civil = Civil::at(epoch_s, utc_offset_s);
    let CivilDate { year, day, .. } = civil.date;
    format!(
        "{day:2}-{}-{year} {:02}:{:02}:{:02} {}",
        month_name(civil.date),
        civil.hour,
        civil.minute,
        civil.second,
        zone(utc_offset_s)
    )
}

/// Reads the date-time of APPEND, also with a two-digit year and a zone name (RFC 822 style).
/// Seconds up to 99 run over, as in C. C: time_from_rfc3501()
#[must_use]
pub fn parse_internaldate(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let mut day = match take(&mut rest)? {
        b' ' => 0,
        digit => decimal(digit)?,
    };
    if let Some(digit) = rest.first().copied().and_then(decimal) {
        day = day * 10 + digit;
        take(&mut rest)?;
        if !(1..=31).contains(&day) {
            return None;
        }
    }
    eat(&mut rest, b'-')?;
    let month = month_number(&[take(&mut rest)?, take(&mut rest)?, take(&mut rest)?])?;
    eat(&mut rest, b'-')?;
    let mut year = two_digits(&mut rest)?;
    let old_format = !rest.first().is_some_and(u8::is_ascii_digit);
    if old_format {
        year += 1900;
    } else {
        if year < 19 {
            return None;
        }
        year = year * 100 + two_digits(&mut rest)?;
    }
    let date = CivilDate { year: i32::try_from(year).ok()?, month, day };
    if day > days_in_month(date) {
        return None;
    }
    eat(&mut rest, b' ')?;
    let hour = two_digits(&mut rest)?;
    eat(&mut rest, b':')?;
    let minute = two_digits(&mut rest)?;
    eat(&mut rest, b':')?;
    let second = two_digits(&mut rest)?;
    eat(&mut rest, b' ')?;
    if hour > 23 || minute > 59 {
        return None;
    }
    let offset_min = if old_format { old_zone(rest)? } else { new_zone(rest)? };
    let time = epoch_utc(date, hour, minute, second);
    (time != -1).then(|| time - offset_min * 60)
}

/// Reads the date of SEARCH BEFORE and its like, without quotes: `2-Jan-2006`; a two-digit year is
/// of the twentieth century, a day below ten may have a zero in front.
#[must_use]
pub fn parse_search_date(text: &[u8]) -> Option<CivilDate> {
    let mut fields = text.split(|&byte| byte == b'-');
    let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || !(1..=2).contains(&day.len()) {
        return None;
    }
    let number = |text: &[u8]| {
        let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
        std::str::from_utf8(digits).ok()?.parse::<u32>().ok()
    };
    let month = month_number(month)?;
    let mut full_year = match year.len() {
        2 | 4 => number(year)?,
        _ => return None,
    };
    if year.len() == 2 {
        full_year += 1900;
    }
    let day = number(day)?;
    if !(1..=31).contains(&day) {
        return None;
    }
    Some(CivilDate { year: i32::try_from(full_year).ok()?, month, day })
}

/// `2006-01-02T15:04:05Z`. C: time_to_rfc3339(), time_to_iso8601()
#[must_use]
pub fn print_iso8601(epoch_s: i64) -> String {
    iso8601(epoch_s, 0) + "Z"
}

/// `2006-01-02T15:04:05-07:00`, with `Z` for an offset of zero. C: timeval_to_iso8601(timeval_s)
#[must_use]
pub fn print_iso8601_local(epoch_s: i64, utc_offset_s: i64) -> String {
    let minutes = utc_offset_s.abs() / 60;
    if minutes == 0 {
        return print_iso8601(epoch_s);
    }
    let sign = if utc_offset_s < 0 { '-' } else { '+' };
    format!("{}{sign}{:02}:{:02}", iso8601(epoch_s, utc_offset_s), minutes / 60, minutes % 60)
}

/// `20060102T150405Z`.
#[must_use]
pub fn print_iso8601_basic(epoch_s: i64) -> String {
    print_iso8601(epoch_s).replace(['-', ':'], "")
}

/// Reads `2006-01-02T15:04:05[.fraction](Z|+hh:mm|-hh:mm)`. C: time_from_iso8601()
#[must_use]
pub fn parse_iso8601(text: &[u8]) -> Option<i64> {
    let mut rest = text;
    let year = two_digits(&mut rest)? * 100 + two_digits(&mut rest)?;
    eat(&mut rest, b'-')?;
    let month = two_digits(&mut rest)?;
    eat(&mut rest, b'-')?;
    let day = two_digits(&mut rest)?;
    if !matches!(take(&mut rest)?, b'T' | b't' | b' ') {
        return None;
    }
    let hour = two_digits(&mut rest)?;
    eat(&mut rest, b':')?;
    let minute = two_digits(&mut rest)?;
    eat(&mut rest, b':')?;
    let second = two_digits(&mut rest)?;
    if rest.first() == Some(&b'.') {
        take(&mut rest)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = rest.get(digits..)?;
    }
    let offset_s = match take(&mut rest)? {
        b'Z' | b'z' => 0,
        sign @ (b'+' | b'-') => {
            let hours = two_digits(&mut rest)?;
            eat(&mut rest, b':')?;
            let seconds = i64::from(hours * 3600 + two_digits(&mut rest)? * 60);
            if sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let date = CivilDate { year: i32::try_from(year).ok()?, month, day };
    let in_range = (1..=12).contains(&month) && (1..=days_in_month(date)).contains(&day);
    let in_range = in_range && hour < 24 && minute < 60 && second <= 60 && rest.is_empty();
    in_range.then(|| epoch_utc(date, hour, minute, second) - offset_s)
}

fn iso8601(epoch_s: i64, utc_offset_s: i64) -> String {
    let Civil { date, hour, minute, second, .. } = Civil::at(epoch_s, utc_offset_s);
    let CivilDate { year, month, day } = date;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

fn zone(utc_offset_s: i64) -> String {
    let minutes = utc_offset_s.abs() / 60;
    let sign = if utc_offset_s < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
}

fn month_name(date: CivilDate) -> &'static str {
    let at = date.month.saturating_sub(1);
    MONTHS.get(at as usize).unwrap_or(&"Jan")
}

fn month_number(name: &[u8]) -> Option<u32> {
    let at = MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    u32::try_from(at).ok()?.checked_add(1)
}

fn days_in_month(date: CivilDate) -> u32 {
    let leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    match date.month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar; a year is counted from March so that the
/// leap day is its last.
fn days_from_civil(date: CivilDate) -> i64 {
    let month = i64::from(date.month);
    let year = i64::from(date.year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(date.day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> CivilDate {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    CivilDate {
        year: i32::try_from(year).unwrap_or(i32::MAX),
        month: u32::try_from(month).unwrap_or(1),
        day: u32::try_from(day).unwrap_or(1),
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, after) = rest.split_first()?;
    *rest = after;
    Some(byte)
}

fn eat(rest: &mut &[u8], byte: u8) -> Option<()> {
    (take(rest)? == byte).then_some(())
}

fn decimal(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(10)
}

fn two_digits(rest: &mut &[u8]) -> Option<u32> {
    Some(decimal(take(rest)?)? * 10 + decimal(take(rest)?)?)
}

/// `+hhmm` to the end of the text.
fn new_zone(rest: &[u8]) -> Option<i64> {
    let mut rest = rest;
    let sign = take(&mut rest)?;
    let hours = two_digits(&mut rest)?;
    let minutes = i64::from(hours * 60 + two_digits(&mut rest)?);
    match (sign, rest.is_empty()) {
        (b'+', true) => Some(minutes),
        (b'-', true) => Some(-minutes),
        _ => None,
    }
}

/// A military letter or a North American zone name to the end of the text. `UT` itself is refused
/// and any other two letters are taken for it, as in C.
fn old_zone(rest: &[u8]) -> Option<i64> {
    let name = rest.to_ascii_lowercase();
    match name.as_slice() {
        [letter @ b'a'..=b'z'] => {
            let letter = i64::from(*letter);
            match letter {
                0x61..=0x69 => Some((letter - 0x61 + 1) * 60),
                0x6a => None,
                0x6b..=0x6d => Some((letter - 0x6b + 10) * 60),
                0x7a => Some(0),
                _ => Some((0x6d - letter) * 60),
            }
        }
        [b'a'..=b'z', _] => (name != b"ut").then_some(0),
        [first, middle, b't'] => {
            let offset = american_zone_min(first.to_ascii_uppercase())?;
            match middle {
                b'd' => Some(offset + 60),
                b's' => Some(offset),
                _ => None,
            }
        }
        _ => None,
    }
}

fn american_zone_min(first: u8) -> Option<i64> {
    let zones = b"AECMPYHB";
    let at = zones.iter().position(|&zone| zone == first)?;
    Some((i64::try_from(zones.len().checked_sub(at)?).ok()? - 12) * 60)
}

/// Minutes east of UTC of a zone as mail has it; unknown ones are UTC.
fn zone_offset_min(token: &[u8], sign: Option<u8>) -> i64 {
    match token {
        [letter] => {
            // The original compares the upper-cased letter but computes with the letter itself.
            let raw = i64::from(*letter);
            match letter.to_ascii_uppercase() {
                b'J' | b'Z' => 0,
                upper if upper < b'J' => (raw - 65 + 1) * 60,
                b'K'..=b'M' => (raw - 65) * 60,
                upper if upper < b'Z' => (77 - raw) * 60,
                _ => 0,
            }
        }
        [first, middle, b't' | b'T'] => {
            let offset = american_zone_min(first.to_ascii_uppercase());
            match (offset, middle.to_ascii_uppercase()) {
                (Some(offset), b'D') => offset + 60,
                (Some(offset), b'S') => offset,
                _ => 0,
            }
        }
        [_, _, _, _] => {
            let mut rest = token;
            let minutes = two_digits(&mut rest)
                .and_then(|hours| Some(i64::from(hours) * 60 + i64::from(two_digits(&mut rest)?)));
            let minutes = minutes.unwrap_or(0);
            if sign == Some(b'+') { minutes } else { -minutes }
        }
        _ => 0,
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn current(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.current(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at = self.at.saturating_add(1);
        }
    }

    /// Letters and digits from here, perhaps none; `None` at the end of the text.
    fn token(&mut self) -> Option<Vec<u8>> {
        self.current()?;
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().take(TOKEN_MAX).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        self.at = self.at.saturating_add(length);
        rest.get(..length).map(<[u8]>::to_vec)
    }

    fn number(token: &[u8]) -> Option<u32> {
        if token.len() > 9 {
            return None;
        }
        token.iter().try_fold(0_u32, |sum, &byte| Some(sum * 10 + decimal(byte)?))
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        let token = self.token()?;
        if (1..=2).contains(&token.len()) { Self::number(&token) } else { None }
    }

    /// `-` or one blank (then more of them) between day, month and year.
    fn date_separator(&mut self) {
        if self.current().is_some() {
            self.at = self.at.saturating_add(1);
        }
        self.skip_space();
    }

    fn time_separator(&mut self) -> Option<()> {
        matches!(self.current(), Some(b':' | b'.')).then(|| self.at = self.at.saturating_add(1))
    }

    fn date(&mut self) -> Option<CivilDate> {
        self.skip_space();
        if self.current()?.is_ascii_alphabetic() {
            if self.token()?.len() != 3 || self.current() != Some(b',') {
                return None;
            }
            self.at = self.at.saturating_add(1);
            self.skip_space();
        }
        let day = self.one_or_two_digits()?;
        self.date_separator();
        let month = month_number(&self.token()?)?;
        self.date_separator();
        let token = self.token()?;
        let year = Self::number(&token)?;
        let year = match token.len() {
            2 if year < 70 => year + 2000,
            2 => year + 1900,
            _ if year >= 1900 => year,
            _ => return None,
        };
        Some(CivilDate { year: i32::try_from(year).ok()?, month, day })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn mail(text: &str, expected: Option<&str>) {
        let printed = parse_rfc5322(text.as_bytes()).map(print_iso8601);
        assert_eq!(printed.as_deref(), expected, "{text}");
    }

    #[test]
    fn mail_dates_are_read_leniently() {
        mail("Mon, 02 Jan 2006 15:04:05 -0700", Some("2006-01-02T22:04:05Z"));
        mail("2 Jan 06 15:04 GMT", Some("2006-01-02T15:04:00Z"));
        mail("2-Jan-2006 15.04.05 EST", Some("2006-01-02T20:04:05Z"));
        mail("  Xyz, 31 Feb 2006 15:04:05", Some("2006-03-03T15:04:05Z"));
        mail("Mon, 02 Jan 2006 15:04:05 +0530 (IST)", Some("2006-01-02T09:34:05Z"));
        mail("2 Jan 2006 15:04:05 A", Some("2006-01-02T14:04:05Z"));
        mail("Mon 02 Jan 2006 15:04:05 -0700", None);
        mail("Monday, 02 Jan 2006 15:04:05 -0700", None);
        mail("2006-01-02", None);
        mail("", None);
        mail("2 Jan 1969 00:00:00 +0000", None);
        assert_eq!(
            parse_rfc5322_day(b"Mon, 2 Jan 2006 garbage"),
            Some(CivilDate { year: 2006, month: 1, day: 2 })
        );
    }

    #[test]
    fn internal_dates_are_printed_and_read() {
        assert_eq!(print_internaldate(1_136_239_445, -25_200), " 2-Jan-2006 15:04:05 -0700");
        assert_eq!(print_rfc5322(1_136_239_445, 3600), "Mon, 02 Jan 2006 23:04:05 +0100");
        assert_eq!(parse_internaldate(b" 2-Jan-2006 15:04:05 -0700"), Some(1_136_239_445));
        assert_eq!(parse_internaldate(b"02-Jan-2006 22:04:05 +0000"), Some(1_136_239_445));
        assert_eq!(parse_internaldate(b"2-Jan-70 00:00:00 Z"), Some(86_400));
        assert_eq!(parse_internaldate(b"2-Jan-70 00:00:00 EST"), Some(86_400 + 5 * 3600));
        for bad in ["31-Feb-2006 15:04:05 -0700", "2-Jan-2006 24:04:05 -0700", "2-Jan-2006 15:04:05", "x", ""]
        {
            assert_eq!(parse_internaldate(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn search_dates_are_days() {
        let day = |text: &str| parse_search_date(text.as_bytes()).map(|d| (d.year, d.month, d.day));
        assert_eq!(day("2-jan-2006"), Some((2006, 1, 2)));
        assert_eq!(day("02-Jan-94"), Some((1994, 1, 2)));
        assert_eq!(day("2-Jan-2006 "), None);
        assert_eq!(day("32-Jan-2006"), None);
    }

    #[test]
    fn days_and_calendar_agree_over_centuries() {
        for days in (-800_000..800_000).step_by(37) {
            assert_eq!(days_from_civil(civil_from_days(days)), days);
        }
        assert_eq!(print_iso8601_basic(951_782_400), "20000229T000000Z");
        assert_eq!(parse_iso8601(b"2000-02-29T01:00:00+01:00"), Some(951_782_400));
        assert_eq!(print_iso8601_local(951_782_400, 5400), "2000-02-29T01:30:00+01:30");
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut random = fastrand::Rng::with_seed(13);
        let alphabet = b"0129 -+:.,JanFebTuest\r\n\xff";
        for _ in 0..50_000 {
            let text = (0..random.usize(..34))
                .map(|_| alphabet.get(random.usize(..alphabet.len())).copied().unwrap_or(0));
            let text = text.collect::<Vec<_>>();
            let _ = (parse_rfc5322(&text), parse_rfc5322_day(&text), parse_internaldate(&text));
            let _ = (parse_search_date(&text), parse_iso8601(&text));
        }
        let _ = print_internaldate(i64::MIN, i64::MAX);
    }
}
