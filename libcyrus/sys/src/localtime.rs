//! The system's time zone: seconds since the epoch to local calendar time and back.

use crate::time;

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
    let t = time::try_local(epoch_s)?;
    Some(LocalTime {
        year: t.year,
        month: t.month.into(),
        day: t.day.into(),
        hour: t.hour.into(),
        minute: t.minute.into(),
        second: t.second.into(),
        utc_offset_s: t.utc_offset_s.into(),
    })
}

/// Seconds since the epoch of a local time. Fields out of range carry over (day 32 is the next
/// month); a time that a clock change skips lands after the gap; `utc_offset_s` is not looked at.
pub fn epoch(local: &LocalTime) -> Option<i64> {
    let LocalTime { year, month, day, hour, minute, second, .. } = *local;
    Some(time::from_local(year, month, day, hour, minute, second))
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
