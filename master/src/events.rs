//! Timed jobs: once at start, every so many minutes, or daily at a time of the local clock.
//!
//! Periods run on the monotonic clock, times of day on the calendar: a daily job keeps its local
//! hour when the clocks change, and runs once on the day that has its hour twice.

use std::time::Duration;

use cyrus_base::log::{self, Priority};
use cyrus_sys::localtime::{self, LocalTime};

use crate::clock::Now;
use crate::command::Command;
use crate::conf::Entry;

/// A job and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The entry's name.
    pub name: String,
    /// What to run.
    pub command: Command,
    due: Due,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Once, at the first look.
    Once,
    /// Again `period` after each start.
    Periodic { next: Duration, period: Duration },
    /// At `next_s`, which is `hour:minute` of the calendar day `day`.
    Daily { next_s: i64, day: LocalTime, hour: i32, minute: i32 },
}

impl Event {
    /// The event of an entry: `at` (if a time of day) before `period`. C: add_event()
    pub fn new(entry: &Entry, command: Command, now: Now) -> Event {
        let at = entry.int("at", -1);
        let (hour, minute) = (at / 100, at % 100);
        let today = localtime::at(now.wall_s);
        let due = match today {
            Some(today) if at >= 0 && hour <= 23 && minute <= 59 => daily(today, hour, minute, now.wall_s),
            _ => None,
        };
        let period = u64::try_from(entry.int("period", 0)).unwrap_or(0) * 60;
        let due = due.unwrap_or(match period {
            0 => Due::Once,
            period => Due::Periodic { next: now.mono, period: Duration::from_secs(period) },
        });
        Event { name: entry.name.clone(), command, due }
    }

    fn is_due(&self, now: Now) -> bool {
        match self.due {
            Due::Once => true,
            Due::Periodic { next, .. } => next <= now.mono,
            Due::Daily { next_s, .. } => next_s <= now.wall_s,
        }
    }

    fn wait(&self, now: Now) -> Duration {
        match self.due {
            Due::Once => Duration::ZERO,
            Due::Periodic { next, .. } => next.saturating_sub(now.mono),
            Due::Daily { next_s, .. } => {
                let seconds = u64::try_from(next_s.saturating_sub(now.wall_s)).unwrap_or(0);
                Duration::from_secs(seconds).saturating_sub(Duration::from_millis(now.wall_ms.into()))
            }
        }
    }

    /// Sets the next time; false when there is none.
    fn advance(&mut self, now: Now) -> bool {
        match &mut self.due {
            Due::Once => false,
            Due::Periodic { next, period } => {
                *next = now.mono.saturating_add(*period);
                true
            }
            Due::Daily { next_s, day, hour, minute } => {
                let before = *next_s;
                let mut tomorrow = *day;
                loop {
                    tomorrow.day += 1;
                    let local = LocalTime { hour: *hour, minute: *minute, second: 0, ..tomorrow };
                    match localtime::epoch(&local) {
                        Some(epoch) if epoch <= now.wall_s => {}
                        Some(epoch) => {
                            *next_s = epoch;
                            // the day number is brought back into its month
                            let noon = LocalTime { hour: 12, ..local };
                            *day = localtime::epoch(&noon).and_then(localtime::at).unwrap_or(local);
                            break;
                        }
                        None => return false,
                    }
                }
                let shift = (*next_s - before + DAY_S / 2).rem_euclid(DAY_S) - DAY_S / 2;
                if shift != 0 {
                    log::write(
                        Priority::Notice,
                        format_args!(
                            "timezone shift for {} - altering schedule by {shift} seconds",
                            self.name
                        ),
                    );
                }
                true
            }
        }
    }
}

/// All jobs that will run again.
#[derive(Debug, Default)]
pub struct Schedule(Vec<Event>);

impl Schedule {
    /// Adds a job.
    pub fn add(&mut self, event: Event) {
        self.0.push(event);
    }

    /// Forgets all jobs.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the jobs that are due and plans their next times.
    pub fn take_due(&mut self, now: Now) -> Vec<(String, Command)> {
        let mut due = Vec::new();
        self.0.retain_mut(|event| {
            if !event.is_due(now) {
                return true;
            }
            due.push((event.name.clone(), event.command.clone()));
            event.advance(now)
        });
        due
    }

    /// How long until the next job; `None` without jobs.
    pub fn wait(&self, now: Now) -> Option<Duration> {
        self.0.iter().map(|event| event.wait(now)).min()
    }
}

/// The next `hour:minute` not before `now_s`.
fn daily(today: LocalTime, hour: i32, minute: i32, now_s: i64) -> Option<Due> {
    for ahead in 0..=1 {
        let local = LocalTime { day: today.day + ahead, hour, minute, second: 0, ..today };
        let next_s = localtime::epoch(&local)?;
        if next_s >= now_s {
            let noon = LocalTime { hour: 12, ..local };
            return Some(Due::Daily { next_s, day: localtime::at(localtime::epoch(&noon)?)?, hour, minute });
        }
    }
    None
}

const DAY_S: i64 = 86_400;

#[cfg(test)]
mod tests;
