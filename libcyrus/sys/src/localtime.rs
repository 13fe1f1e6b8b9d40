//! The system's time zone: seconds since the epoch to local calendar time and back.

/// A local calendar time, in the units of C's `struct tm` but with a full year and months from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Full year, such as 2024.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// Day of month, from 1.
    pub day: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 60.
    pub second: i32,
    /// Seconds east of UTC.
    pub utc_offset_s: i64,
}

/// The local time at `epoch_s`; `None` when the year does not fit.
pub fn at(epoch_s: i64) -> Option<LocalTime> {
    // SAFETY: tm is a plain C struct, all zero is a valid value.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the call; localtime_r writes only to tm. It reads TZ,
    // which no program of ours changes after its start.
    if unsafe { libc::localtime_r(&epoch_s, &mut tm) }.is_null() {
        return None;
    }
    Some(LocalTime {
        year: tm.tm_year.checked_add(1900)?,
        month: tm.tm_mon + 1,
        day: tm.tm_mday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        second: tm.tm_sec,
        utc_offset_s: tm.tm_gmtoff,
    })
}

/// Seconds since the epoch of a local time. Fields out of range carry over (day 32 is the next
/// month); a time that a clock change skips lands after the gap; `utc_offset_s` is not looked at.
pub fn epoch(local: &LocalTime) -> Option<i64> {
    // SAFETY: tm is a plain C struct, all zero is a valid value.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    tm.tm_year = local.year.checked_sub(1900)?;
    tm.tm_mon = local.month.checked_sub(1)?;
    tm.tm_mday = local.day;
    tm.tm_hour = local.hour;
    tm.tm_min = local.minute;
    tm.tm_sec = local.second;
    tm.tm_isdst = -1;
    // SAFETY: tm is valid and exclusively ours for the call.
    let seconds = unsafe { libc::mktime(&mut tm) };
    (seconds != -1).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for epoch_s in [0, 86_399, 951_782_400, 1_700_000_000, 4_102_444_800] {
            let local = at(epoch_s).expect("in range");
            assert_eq!(epoch(&local), Some(epoch_s), "{local:?}");
        }
    }
}
