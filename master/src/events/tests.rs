use super::*;
use crate::conf::{ConfError, Section, parse};
use std::path::Path;

fn moment(wall_s: i64, mono_s: u64) -> Now {
    Now { mono: Duration::from_secs(mono_s), wall_s, wall_ms: 0 }
}

fn event(args: &str, now: Now) -> Event {
    let mut found = None;
    let text = format!("EVENTS {{\n e cmd=x {args}\n}}\n");
    parse(text.as_bytes(), Path::new("c"), Section::Events, |entry| {
        found = Some(entry);
        Ok::<(), ConfError>(())
    })
    .expect("readable");
    let command = Command { path: "/bin/true".into(), argv: vec![] };
    Event::new(&found.expect("one entry"), command, now)
}

fn schedule(args: &str, now: Now) -> Schedule {
    let mut schedule = Schedule::default();
    schedule.add(event(args, now));
    schedule
}

#[test]
fn without_period_it_runs_once_at_start() {
    let now = moment(1_700_000_000, 0);
    let mut schedule = schedule("", now);
    assert_eq!(schedule.wait(now), Some(Duration::ZERO));
    assert_eq!(schedule.take_due(now).len(), 1);
    assert_eq!(schedule.take_due(now).len(), 0);
    assert_eq!(schedule.wait(now), None);
}

#[test]
fn a_period_counts_from_the_last_start_on_the_monotonic_clock() {
    let mut schedule = schedule("period=30", moment(1_700_000_000, 0));
    assert_eq!(schedule.take_due(moment(1_700_000_000, 0)).len(), 1);
    assert_eq!(schedule.take_due(moment(1_700_000_000, 1799)).len(), 0);
    // the wall clock jumping changes nothing
    assert_eq!(schedule.take_due(moment(1_800_000_000, 1799)).len(), 0);
    assert_eq!(schedule.take_due(moment(1_500_000_000, 1810)).len(), 1);
    assert_eq!(schedule.wait(moment(1_500_000_000, 1810)), Some(Duration::from_secs(1800)));
}

#[test]
fn a_negative_period_is_none() {
    let now = moment(1_700_000_000, 0);
    let mut schedule = schedule("period=-5", now);
    assert_eq!(schedule.take_due(now).len(), 1);
    assert_eq!(schedule.take_due(now).len(), 0);
}

#[test]
fn at_overrides_period_and_a_wrong_at_does_not() {
    let now = moment(1_700_000_000, 0);
    assert!(matches!(event("at=0400 period=5", now).due, Due::Daily { hour: 4, minute: 0, .. }));
    assert!(matches!(event("at=2400 period=5", now).due, Due::Periodic { .. }));
    assert!(matches!(event("at=1260 period=5", now).due, Due::Periodic { .. }));
    assert!(matches!(event("at=x", now).due, Due::Once));
}

#[test]
fn a_daily_job_runs_at_its_time_and_a_day_later() {
    // whatever the zone of the machine: ask for the next two minutes' time of day
    let start = 1_700_000_000 - 1_700_000_000 % 60;
    let soon = localtime::at(start + 120).expect("local");
    let mut schedule = schedule(&format!("at={:02}{:02}", soon.hour, soon.minute), moment(start, 0));
    assert_eq!(schedule.take_due(moment(start + 119, 119)).len(), 0);
    assert_eq!(schedule.wait(moment(start, 0)), Some(Duration::from_secs(120)));
    assert_eq!(schedule.take_due(moment(start + 120, 120)).len(), 1);
    assert_eq!(schedule.take_due(moment(start + 120, 120)).len(), 0);
    assert_eq!(schedule.take_due(moment(start + 120 + DAY_S, 120)).len(), 1);
}

/// Runs itself again with a zone that has summer time: TZ is read by the process, not by a call.
#[test]
fn a_daily_job_keeps_its_hour_when_the_clocks_change() {
    const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
    if std::env::var("TZ").as_deref() != Ok(ZONE) {
        let own = std::env::current_exe().expect("own program");
        let test = "events::tests::a_daily_job_keeps_its_hour_when_the_clocks_change";
        let run =
            std::process::Command::new(own).args(["--exact", test]).env("TZ", ZONE).output().expect("run");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    // (hour and minute, first day, the local times it is to run at)
    let noon = |year, month, day| {
        localtime::epoch(&LocalTime { year, month, day, hour: 12, minute: 0, second: 0, utc_offset_s: 0 })
            .expect("noon")
    };
    for (at, start) in
        [("0230", noon(2024, 3, 28)), ("0230", noon(2024, 10, 24)), ("0400", noon(2024, 3, 28))]
    {
        let mut schedule = schedule(&format!("at={at}"), moment(start, 0));
        let mut runs = Vec::new();
        for step in 0..6 * 24 * 60 {
            let now = moment(start + step * 60, 0);
            let (due, _) = log::capture(|| schedule.take_due(now));
            if !due.is_empty() {
                let local = localtime::at(now.wall_s).expect("local");
                runs.push((local.month, local.day, local.hour * 100 + local.minute));
            }
        }
        assert_eq!(runs.len(), 6, "once a day: {runs:?}");
        let days: std::collections::BTreeSet<_> = runs.iter().map(|(month, day, _)| (month, day)).collect();
        assert_eq!(days.len(), 6, "a day twice: {runs:?}");
        let hour: i32 = at.parse().expect("number");
        let odd: Vec<_> = runs.iter().filter(|(_, _, time)| *time != hour).collect();
        // 02:30 does not exist on 31 March 2024; the job runs within the hour around it
        assert!(
            odd.iter().all(|(month, day, time)| (*month, *day) == (3, 31) && (130..=330).contains(time)),
            "{runs:?}"
        );
    }
}
