//! How fast a service forks: a decaying estimate, and whether it may fork now.

use std::time::Duration;

/// The estimate for one service. Times are of the monotonic clock, from any origin.
#[derive(Debug, Clone)]
pub struct ForkRate {
    /// Forks per second allowed; 0 = any number.
    pub max: u32,
    rate: f64,
    forks: u32,
    since: Duration,
}

impl ForkRate {
    /// An idle service.
    pub fn new(max: u32, now: Duration) -> Self {
        Self { max, rate: 0.0, forks: 0, since: now }
    }

    /// Counts one fork.
    pub fn forked(&mut self) {
        self.forks = self.forks.saturating_add(1);
    }

    /// The estimate in forks per second.
    pub fn per_second(&self) -> f64 {
        self.rate
    }

    /// Updates the estimate: the old one fades to a half within a second, the forks since the last
    /// call weigh in for the rest. Then: is the service at its limit? C: service_is_fork_limited()
    pub fn is_limited(&mut self, now: Duration) -> bool {
        if self.max == 0 {
            return false;
        }
        let interval = now.saturating_sub(self.since).as_secs_f64();
        if interval > 0.0 {
            let fade = DECAY_PER_SECOND.powf(interval);
            self.rate = fade * self.rate + (1.0 - fade) * (f64::from(self.forks) / interval);
            self.forks = 0;
            self.since = now;
        }
        // whole forks are compared, as the original does
        self.rate.floor() >= f64::from(self.max)
    }
}

/// When a limited service is looked at again.
pub const RETRY: Duration = Duration::from_millis(400);

const DECAY_PER_SECOND: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_never_limits() {
        let mut rate = ForkRate::new(0, Duration::ZERO);
        for _ in 0..1000 {
            rate.forked();
        }
        assert!(!rate.is_limited(Duration::from_millis(1)));
    }

    #[test]
    fn one_fork_weighs_ln_2_just_after_it() {
        // (1 - 0.5^t) / t tends to ln 2 for small t
        let mut rate = ForkRate::new(10, Duration::ZERO);
        rate.forked();
        assert!(!rate.is_limited(Duration::from_millis(1)));
        assert!((rate.per_second() - std::f64::consts::LN_2).abs() < 0.001, "{}", rate.per_second());
    }

    #[test]
    fn a_burst_is_stopped_and_forgiven() {
        let mut rate = ForkRate::new(10, Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut forks = 0;
        loop {
            now += Duration::from_millis(1);
            if rate.is_limited(now) {
                break;
            }
            rate.forked();
            forks += 1;
            assert!(forks < 100, "a fork per millisecond is never limited");
        }
        assert!((14..=16).contains(&forks), "{forks} forks until 10 per second were reached");
        // a second later the estimate has halved
        assert!(!rate.is_limited(now + Duration::from_secs(1)));
        assert!((4.5..=5.6).contains(&rate.per_second()), "{}", rate.per_second());
    }

    #[test]
    fn a_steady_rate_is_estimated_as_it_is() {
        let mut rate = ForkRate::new(100, Duration::ZERO);
        for step in 1..=200 {
            rate.forked();
            rate.is_limited(Duration::from_millis(100 * step));
        }
        assert!((rate.per_second() - 10.0).abs() < 0.01, "{}", rate.per_second());
    }

    #[test]
    fn time_standing_still_changes_nothing() {
        let mut rate = ForkRate::new(1, Duration::from_secs(5));
        rate.forked();
        assert!(!rate.is_limited(Duration::from_secs(5)));
        assert!(!rate.is_limited(Duration::from_secs(4)));
        assert_eq!(rate.per_second(), 0.0);
    }
}
