//! Time as the master needs it, taken once per turn of its loop.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since the master's start: for ages, rates and periods.
    pub mono: Duration,
    /// Seconds since the epoch: for the time of day.
    pub wall_s: i64,
    /// The milliseconds that belong to `wall_s`.
    pub wall_ms: u32,
}

/// The source of moments.
#[derive(Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            mono: self.0.elapsed(),
            wall_s: i64::try_from(wall.as_secs()).unwrap_or(i64::MAX),
            wall_ms: wall.subsec_millis(),
        }
    }
}
