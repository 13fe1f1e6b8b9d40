//! Deaths: what they mean, what is logged, and what the counters of the service become.

use std::fmt;
use std::time::Duration;

use cyrus_base::exit::EX_TEMPFAIL;
use cyrus_base::log::{self, Priority};
use cyrus_sys::spawn::Exit;
use nix::sys::signal::Signal;

use crate::service::Service;
use crate::status::State;

/// The end of a process, with C's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End(pub Exit);

impl End {
    /// Anything but exit with 0 or 75.
    pub fn is_failure(self) -> bool {
        !matches!(self.0, Exit::Exited(0 | EX_TEMPFAIL))
    }

    /// Logs the end of the process so described. C: decode_wait_status()
    pub fn log(self, described: &str) {
        let priority = if self.is_failure() { Priority::Err } else { Priority::Debug };
        log::write(priority, format_args!("{described} {self}"));
    }

    /// The words used for wait daemons when the master closes down.
    pub fn brief(self) -> String {
        match self.0 {
            Exit::Exited(code) => format!("exited with status {code}"),
            Exit::Signaled { signal, core } => {
                format!("killed with signal {signal}{}", if core { " (core dumped)" } else { "" })
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exit::Exited(0) => f.write_str("exited normally"),
            Exit::Exited(EX_TEMPFAIL) => f.write_str("was killed"),
            Exit::Exited(code) => write!(f, "exited, status {code}"),
            Exit::Signaled { signal, core } => {
                let dumped = if core { ", core dumped" } else { "" };
                write!(f, "signaled to death by signal {signal} ({}{dumped})", signal_name(signal))
            }
        }
    }
}

/// Books the death of a child of a service; true when the service is to be disabled because its
/// children keep dying before they have served anybody. C: reap_child()
pub fn account(service: &mut Service, pid: i32, state: State, failed: bool, now: Duration) -> bool {
    let name = service.shown().to_owned();
    let family = service.family;
    match state {
        State::Ready => {
            service.nactive -= 1;
            service.ready_workers -= 1;
            if !failed {
                return false;
            }
            log::write(
                Priority::Warning,
                format_args!("service {name}/{family} pid {pid} in READY state: terminated abnormally"),
            );
            ready_failed(service, now)
        }
        State::Busy => {
            service.nactive -= 1;
            if failed {
                log::write(
                    Priority::Debug,
                    format_args!("service {name}/{family} pid {pid} in BUSY state: terminated abnormally"),
                );
            }
            false
        }
        State::Dead => {
            log::write(
                Priority::Warning,
                format_args!("service {name}/{family} pid {pid} in DEAD state: receiving duplicate signals"),
            );
            false
        }
    }
}

/// Counts a READY child lost abnormally; true when the service is to be disabled.
pub fn ready_failed(service: &mut Service, now: Duration) -> bool {
    let too_many = service.ready_failed(now) && service.exec.is_some();
    if too_many {
        log::write(
            Priority::Err,
            format_args!(
                "too many failures for service {}/{}, disabling until next SIGHUP",
                service.shown(),
                service.family
            ),
        );
    }
    too_many
}

/// The death of a wait daemon: it is started again, however often it fails, but not silently.
pub fn account_waitdaemon(daemon: &mut Service, pid: i32, failed: bool, now: Duration) {
    daemon.nactive = 0;
    daemon.ready_workers = 0;
    if !failed {
        return;
    }
    let (name, family) = (daemon.shown().to_owned(), daemon.family);
    log::write(
        Priority::Warning,
        format_args!("daemon {name}/{family} pid {pid} in READY state: terminated abnormally"),
    );
    if daemon.ready_failed(now) && daemon.exec.is_some() {
        log::write(Priority::Err, format_args!("daemon {name}/{family} is repeatedly failing"));
    }
}

/// `strsignal` of the C library for the signals there are names for.
fn signal_name(number: i32) -> String {
    let Ok(signal) = Signal::try_from(number) else {
        return format!("Real-time signal {}", number.saturating_sub(34));
    };
    let name = match signal {
        Signal::SIGHUP => "Hangup",
        Signal::SIGINT => "Interrupt",
        Signal::SIGQUIT => "Quit",
        Signal::SIGILL => "Illegal instruction",
        Signal::SIGTRAP => "Trace/breakpoint trap",
        Signal::SIGABRT => "Aborted",
        Signal::SIGBUS => "Bus error",
        Signal::SIGFPE => "Floating point exception",
        Signal::SIGKILL => "Killed",
        Signal::SIGUSR1 => "User defined signal 1",
        Signal::SIGSEGV => "Segmentation fault",
        Signal::SIGUSR2 => "User defined signal 2",
        Signal::SIGPIPE => "Broken pipe",
        Signal::SIGALRM => "Alarm clock",
        Signal::SIGTERM => "Terminated",
        Signal::SIGSTKFLT => "Stack fault",
        Signal::SIGXCPU => "CPU time limit exceeded",
        Signal::SIGXFSZ => "File size limit exceeded",
        Signal::SIGVTALRM => "Virtual timer expired",
        Signal::SIGPROF => "Profiling timer expired",
        Signal::SIGIO => "I/O possible",
        Signal::SIGPWR => "Power failure",
        Signal::SIGSYS => "Bad system call",
        other => return other.as_str().to_owned(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_the_words_of_the_original() {
        let check = |end: Exit, words: &str, failure| {
            assert_eq!((End(end).to_string().as_str(), End(end).is_failure()), (words, failure));
        };
        check(Exit::Exited(0), "exited normally", false);
        check(Exit::Exited(75), "was killed", false);
        check(Exit::Exited(1), "exited, status 1", true);
        check(Exit::Signaled { signal: 9, core: false }, "signaled to death by signal 9 (Killed)", true);
        check(
            Exit::Signaled { signal: 11, core: true },
            "signaled to death by signal 11 (Segmentation fault, core dumped)",
            true,
        );
    }

    #[test]
    fn counters_follow_the_state() {
        let mut s = Service::empty(Duration::ZERO);
        (s.nactive, s.ready_workers) = (3, 2);
        log::capture(|| {
            account(&mut s, 1, State::Ready, false, Duration::ZERO);
            assert_eq!((s.nactive, s.ready_workers), (2, 1));
            account(&mut s, 2, State::Busy, true, Duration::ZERO);
            assert_eq!((s.nactive, s.ready_workers), (1, 1));
            account(&mut s, 2, State::Dead, true, Duration::ZERO);
            assert_eq!((s.nactive, s.ready_workers), (1, 1));
        });
    }
}
