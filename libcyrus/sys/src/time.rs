//! Local time. The zone rules are read once (`TZ` or /etc/localtime) and never again: glibc's
//! `localtime` and `mktime` look at /etc/localtime at every call, `localtime_r` does not.

use std::sync::Once;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in calendar form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Year, 1970 as 1970.
    pub year: i32,
    /// Month 1..=12.
    pub month: u8,
    /// Day of the month 1..=31.
    pub day: u8,
    /// Hour 0..=23.
    pub hour: u8,
    /// Minute 0..=59.
    pub minute: u8,
    /// Second 0..=60.
    pub second: u8,
    /// Day of the week, Sunday 0.
    pub weekday: u8,
    /// Day of the year from 0.
    pub yearday: u16,
    /// Seconds east of UTC.
    pub utc_offset_s: i32,
    /// Daylight saving time is in force.
    pub is_dst: bool,
}

/// Stands for a moment whose year does not fit in an int.
const EPOCH: Broken = Broken {
    year: 1970,
    month: 1,
    day: 1,
    hour: 0,
    minute: 0,
    second: 0,
    weekday: 4,
    yearday: 0,
    utc_offset_s: 0,
    is_dst: false,
};

static ZONE: Once = Once::new();

/// Seconds since 1970, by the wall clock.
#[must_use]
pub fn now() -> i64 {
    since_epoch().0
}

/// Seconds since 1970 and nanoseconds, by the wall clock.
#[must_use]
pub fn since_epoch() -> (i64, u32) {
    let d = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (i64::try_from(d.as_secs()).unwrap_or(i64::MAX), d.subsec_nanos())
}

/// Calendar form of `seconds` in the local zone.
#[must_use]
pub fn local(seconds: i64) -> Broken {
    try_local(seconds).unwrap_or(EPOCH)
}

/// As [`local`]; `None` when the year does not fit.
#[must_use]
pub fn try_local(seconds: i64) -> Option<Broken> {
    ZONE.call_once(|| {
        // SAFETY: tzset only reads TZ and the zone file and stores them inside libc under its
        // own lock; Once keeps it to a single call.
        unsafe { tzset() }
    });
    convert(seconds, Zone::Local)
}

/// Calendar form of `seconds` in UTC.
#[must_use]
pub fn utc(seconds: i64) -> Broken {
    convert(seconds, Zone::Utc).unwrap_or(EPOCH)
}

/// Seconds since 1970 of a local calendar time; fields out of range carry over as in mktime.
/// Of a time that the zone repeats, the first is meant; one that it skips lands after the gap.
#[must_use]
pub fn from_local(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: i32) -> i64 {
    let flat = from_utc(year, month, day, hour, minute, second);
    // The offsets in force well before and well after; no zone changes twice in two days.
    let before = i64::from(local(flat - 86_400).utc_offset_s);
    let after = i64::from(local(flat + 86_400).utc_offset_s);
    let early = flat - before;
    let late = flat - after;
    if i64::from(local(early).utc_offset_s) == before {
        early
    } else if i64::from(local(late).utc_offset_s) == after {
        late
    } else {
        early
    }
}

/// Seconds since 1970 of a UTC calendar time; fields out of range carry over.
#[must_use]
pub fn from_utc(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: i32) -> i64 {
    let months = i64::from(year) * 12 + i64::from(month) - 1;
    let year = months.div_euclid(12);
    let month = months.rem_euclid(12) + 1;
    days_from_civil(year, month) * 86_400
        + (i64::from(day) - 1) * 86_400
        + i64::from(hour) * 3600
        + i64::from(minute) * 60
        + i64::from(second)
}

enum Zone {
    Local,
    Utc,
}

unsafe extern "C" {
    fn tzset();
}

fn convert(seconds: i64, zone: Zone) -> Option<Broken> {
    // SAFETY: tm is plain integers and one pointer that nobody follows; zero is valid for all.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    let time: libc::time_t = seconds;
    // SAFETY: both structures are live locals; the _r functions write only to `tm`.
    let ok = unsafe {
        match zone {
            Zone::Local => libc::localtime_r(&raw const time, &raw mut tm),
            Zone::Utc => libc::gmtime_r(&raw const time, &raw mut tm),
        }
    };
    if ok.is_null() {
        return None;
    }
    let small = |n: libc::c_int| u8::try_from(n).unwrap_or(0);
    Some(Broken {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        weekday: small(tm.tm_wday),
        yearday: u16::try_from(tm.tm_yday).unwrap_or(0),
        utc_offset_s: i32::try_from(tm.tm_gmtoff).unwrap_or(0),
        is_dst: tm.tm_isdst > 0,
    })
}

/// Days from 1970-01-01 to the first of the month (proleptic Gregorian).
fn days_from_civil(year: i64, month: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9).rem_euclid(12);
    let doy = (153 * mp + 2) / 5;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The form of ctime(3) without the line end: `Sun Nov 22 21:48:58 2026`, local time.
#[must_use]
pub fn ctime(seconds: i64) -> String {
    let t = local(seconds);
    format!(
        "{} {} {:2} {:02}:{:02}:{:02} {}",
        name(&WEEKDAYS, t.weekday.into()),
        name(&MONTHS, usize::from(t.month).wrapping_sub(1)),
        t.day,
        t.hour,
        t.minute,
        t.second,
        t.year
    )
}

/// English three-letter month names.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// English three-letter day names, Sunday first.
pub const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

fn name<const N: usize>(table: &[&'static str; N], index: usize) -> &'static str {
    table.get(index).copied().unwrap_or("???")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_round_trips_over_centuries() {
        let mut t = -5_000_000_000_i64;
        while t < 20_000_000_000 {
            let b = utc(t);
            let back = from_utc(
                b.year,
                b.month.into(),
                b.day.into(),
                b.hour.into(),
                b.minute.into(),
                b.second.into(),
            );
            assert_eq!(back, t);
            t += 7_654_321;
        }
    }

    #[test]
    fn local_round_trips() {
        for t in (1_600_000_000_i64..1_700_000_000).step_by(1_234_567) {
            let b = local(t);
            let back = from_local(
                b.year,
                b.month.into(),
                b.day.into(),
                b.hour.into(),
                b.minute.into(),
                b.second.into(),
            );
            assert_eq!(back, t);
        }
    }

    #[test]
    fn fields_carry_over() {
        assert_eq!(from_utc(2026, 13, 1, 0, 0, 0), from_utc(2027, 1, 1, 0, 0, 0));
        assert_eq!(from_utc(2026, 3, 0, 24, 0, 0), from_utc(2026, 3, 1, 0, 0, 0));
        assert_eq!(from_utc(1970, 1, 1, 0, 0, -1), -1);
    }
}
