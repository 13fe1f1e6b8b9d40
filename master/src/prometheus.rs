//! The master's part of the statistics: `master.txt`, a report in Prometheus's text format.

use std::fmt::{Display, Write as _};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use cyrus_sys::lock::{Mode, Wait, lock};

use crate::clock::Now;
use crate::conf::errno_text;
use crate::service::Service;

/// Where and how often the report is written.
#[derive(Debug)]
pub struct Report {
    file: PathBuf,
    period: Duration,
    next: Duration,
}

impl Report {
    /// The report the configuration asks for. C: init_prom_report()
    pub fn configured(config: &Config, now: Now) -> Option<Report> {
        let seconds = u64::try_from(config.duration_s(Opt::PrometheusUpdateFreq)).unwrap_or(0);
        if !config.switch(Opt::PrometheusEnabled) || seconds == 0 {
            return None;
        }
        let dir = match config.path(Opt::PrometheusStatsDir) {
            Some(dir) if dir.is_absolute() && dir.parent().is_some() => dir.to_owned(),
            Some(_) => {
                log::write(
                    Priority::Notice,
                    format_args!(
                        "couldn't find somewhere to write prometheus report to \
                         - disabling master prometheus report until next reload"
                    ),
                );
                return None;
            }
            None => config.configdirectory().join("stats"),
        };
        let _ = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&dir);
        let file = dir.join("master.txt");
        log::write(Priority::Debug, format_args!("updating {} every {seconds} seconds", file.display()));
        Some(Report { file, period: Duration::from_secs(seconds), next: now.mono })
    }

    /// How long until the next report.
    pub fn wait(&self, now: Now) -> Duration {
        self.next.saturating_sub(now.mono)
    }

    /// Writes the report if it is time; false when it cannot be written and is to be given up.
    /// C: do_prom_report()
    pub fn write_if_due<'a>(
        &mut self,
        now: Now,
        services: impl Iterator<Item = &'a Service> + Clone,
    ) -> bool {
        if now.mono < self.next {
            return true;
        }
        let give_up = |call: &str, error: &std::io::Error| {
            log::write(
                Priority::Err,
                format_args!(
                    "{call}({}): {} - disabling master prometheus report until next reload",
                    self.file.display(),
                    errno_text(error)
                ),
            );
            false
        };
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.file);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return give_up("open", &error),
        };
        match lock(file.as_fd(), Mode::Exclusive, Wait::Try) {
            Ok(()) => {}
            // a reader holds it: the report is skipped this time
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
            Err(error) => return give_up("lock_setlock", &error),
        }
        log::write(Priority::Debug, format_args!("updating prometheus report for master process"));
        let stamp = i128::from(now.wall_s) * 1000 + i128::from(now.wall_ms);
        if let Err(error) = replace(&mut file, text(stamp, services).as_bytes()) {
            let text = errno_text(&error);
            log::write(
                Priority::Err,
                format_args!("IOERROR: failed to truncate prom file {}: {text}", self.file.display()),
            );
        }
        self.next = now.mono + self.period;
        true
    }
}

fn replace(file: &mut File, text: &[u8]) -> std::io::Result<()> {
    file.write_all(text)?;
    file.set_len(text.len() as u64)
}

fn text<'a>(stamp: i128, services: impl Iterator<Item = &'a Service> + Clone) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, kind: &str, value: &dyn Fn(&Service) -> Box<dyn Display>| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for s in services.clone() {
            let label = s.name.as_deref().unwrap_or("(null)");
            let _ =
                writeln!(text, "{name}{{service=\"{label}\",family=\"{}\"}} {} {stamp}", s.family, value(s));
        }
    };
    metric("cyrus_master_ready_workers", "The number of ready workers", "gauge", &|s| {
        Box::new(s.ready_workers)
    });
    metric("cyrus_master_forks_total", "The number of children spawned", "counter", &|s| Box::new(s.nforks));
    metric("cyrus_master_active_children", "The number of children servicing clients", "gauge", &|s| {
        Box::new(s.nactive)
    });
    metric("cyrus_master_max_children", "The maximum number of child processes", "gauge", &|s| {
        Box::new(s.max_workers)
    });
    let help = "The rate at which we're spawning children";
    metric("cyrus_master_forks_per_second", help, "gauge", &|s| {
        Box::new(six_digits(s.forkrate.per_second()))
    });
    let help = "The maximum rate at which we will spawn children";
    metric("cyrus_master_max_forks_per_second", help, "gauge", &|s| Box::new(s.forkrate.max));
    let help = "The number of failures in READY state";
    metric("cyrus_master_ready_fails_total", help, "counter", &|s| Box::new(s.nreadyfails));
    text
}

/// Six significant digits, without trailing zeros (C's `%g` for the size of a fork rate).
fn six_digits(value: f64) -> String {
    if value < 1e-4 {
        return "0".to_owned();
    }
    #[allow(clippy::cast_possible_truncation, reason = "the logarithm of a fork rate is small")]
    let magnitude = value.log10().floor() as i32;
    let decimals = usize::try_from(5 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_six_digits() {
        for (value, text) in
            [(0.0, "0"), (0.5, "0.5"), (12.345_678, "12.3457"), (1.0, "1"), (0.012_345_678, "0.0123457")]
        {
            assert_eq!(six_digits(value), text);
        }
    }

    #[test]
    fn every_service_has_a_line_in_every_metric() {
        let mut service = Service::empty(Duration::ZERO);
        service.name = Some("imap".into());
        service.family = "ipv4";
        service.ready_workers = 2;
        let text = text(1_700_000_000_123, [&service].into_iter());
        assert!(
            text.contains("cyrus_master_ready_workers{service=\"imap\",family=\"ipv4\"} 2 1700000000123\n"),
            "{text}"
        );
        assert_eq!(text.lines().filter(|l| l.starts_with("# TYPE")).count(), 7);
        assert_eq!(text.lines().count(), 21);
    }
}
