//! Services and daemons as configured, with what the master knows of each.
//!
//! Slots are never removed from the tables (children refer to them by number); a slot without name
//! is free for the next new service. Addresses of one service beyond the first are slots of their
//! own, "associates", with the same name and command.

use std::os::fd::OwnedFd;
use std::time::Duration;

use cyrus_base::exit::{EX_CONFIG, Fatal};
use cyrus_base::log::{self, Priority};

use crate::command::{Command, Dirs};
use crate::conf::{Entry, atoi};
use crate::forkrate::ForkRate;

/// One address of a service, or a daemon.
#[derive(Debug)]
pub struct Service {
    /// The entry's name; `None` marks a free slot.
    pub name: Option<String>,
    /// The command; `None` while disabled.
    pub exec: Option<Command>,
    /// The `listen` argument; `None` for daemons.
    pub listen: Option<Vec<u8>>,
    /// The `proto` argument.
    pub proto: Vec<u8>,
    /// `ipv4`, `ipv6`, `unix`, or `daemon`.
    pub family: &'static str,
    /// Number among the addresses of the service: `CYRUS_ID`.
    pub associate: u32,
    /// The listening socket.
    pub socket: Option<OwnedFd>,
    /// Both ends of the status pipe: we read the first, children write to the second.
    pub stat: Option<(OwnedFd, OwnedFd)>,
    /// Ready processes wanted.
    pub desired_workers: i32,
    /// Processes allowed.
    pub max_workers: i32,
    /// Limit of open files of the children; 0 leaves it.
    pub maxfds: u64,
    /// At least one process always.
    pub babysit: bool,
    /// Estimate and limit of forks.
    pub forkrate: ForkRate,
    /// Children in state READY.
    pub ready_workers: i32,
    /// Children alive.
    pub nactive: i32,
    /// Children ever.
    pub nforks: u64,
    /// Connections ever.
    pub nconnections: u64,
    /// READY children that died abnormally, each soon after the last.
    pub nreadyfails: u32,
    /// When the last of them died.
    pub last_ready_fail: Option<Duration>,
    /// The listening socket is registered with the poll.
    pub watched: bool,
}

impl Service {
    /// A free slot.
    pub fn empty(now: Duration) -> Self {
        Self {
            name: None,
            exec: None,
            listen: None,
            proto: Vec::new(),
            family: "unknown",
            associate: 0,
            socket: None,
            stat: None,
            desired_workers: 0,
            max_workers: 0,
            maxfds: 0,
            babysit: false,
            forkrate: ForkRate::new(0, now),
            ready_workers: 0,
            nactive: 0,
            nforks: 0,
            nconnections: 0,
            nreadyfails: 0,
            last_ready_fail: None,
            watched: false,
        }
    }

    /// The name for log lines and for `CYRUS_SERVICE`.
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("unknown")
    }

    /// May it have one more process?
    pub fn has_room(&self) -> bool {
        self.nactive < self.max_workers
    }

    /// A second address of the same service: configuration copied, counters at zero.
    pub fn associate_of(primary: &Service, now: Duration) -> Service {
        Service {
            name: primary.name.clone(),
            exec: primary.exec.clone(),
            listen: primary.listen.clone(),
            proto: primary.proto.clone(),
            desired_workers: primary.desired_workers,
            max_workers: primary.max_workers,
            maxfds: primary.maxfds,
            babysit: primary.babysit,
            forkrate: ForkRate::new(primary.forkrate.max, now),
            ..Service::empty(now)
        }
    }

    /// Counts an abnormal death in state READY; true when it is one too many.
    pub fn ready_failed(&mut self, now: Duration) -> bool {
        let soon = self.last_ready_fail.is_some_and(|last| now.saturating_sub(last) <= READY_FAIL_INTERVAL);
        self.nreadyfails = if soon { self.nreadyfails.saturating_add(1) } else { 1 };
        self.last_ready_fail = Some(now);
        self.nreadyfails >= READY_FAILS_MAX
    }
}

/// When an entry is read; decides whether a wrong one is fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// At start: a wrong entry ends the master.
    Start,
    /// After SIGHUP: it is logged and ignored.
    Again,
}

/// All services and wait daemons.
#[derive(Debug)]
pub struct Table {
    /// SERVICES, and DAEMONs without `wait`.
    pub services: Vec<Service>,
    /// DAEMONs with `wait`.
    pub waitdaemons: Vec<Service>,
    dirs: Dirs,
    verbose: i32,
}

impl Table {
    /// No service.
    pub fn new(dirs: Dirs, verbose: i32) -> Self {
        Self { services: Vec::new(), waitdaemons: Vec::new(), dirs, verbose }
    }

    /// Where programs are looked for.
    pub fn dirs(&self) -> &Dirs {
        &self.dirs
    }

    /// Disables everything, before the configuration is read again. C: reread_conf()
    pub fn forget_commands(&mut self) {
        for service in self.services.iter_mut().chain(&mut self.waitdaemons) {
            service.exec = None;
        }
    }

    /// Adds or updates a service from an entry of SERVICES. C: add_service()
    ///
    /// # Errors
    /// C's words with code 78.
    pub fn add_service(&mut self, entry: &Entry, reading: Reading, now: Duration) -> Result<(), Fatal> {
        let name = &entry.name;
        let mut prefork = entry.int("prefork", 0);
        let babysit = entry.switch("babysit", false);
        let mut maxforkrate = u32::try_from(entry.int("maxforkrate", 0)).unwrap_or(0);
        if babysit {
            prefork = if prefork == 0 { 1 } else { prefork };
            maxforkrate = if maxforkrate == 0 { FORKRATE_DEFAULT } else { maxforkrate };
        }
        let listen = entry.bytes("listen").unwrap_or_default();
        let proto = entry.bytes("proto").unwrap_or(b"tcp");
        let words = entry.command();
        if words.is_empty() || listen.is_empty() {
            return missing(reading, "service", name);
        }
        if self.waitdaemons.iter().any(|w| w.exec.is_some() && w.name.as_ref() == Some(name)) {
            return multiple(reading, "service", name);
        }
        if self.is_primary_in_use(name) {
            return multiple(reading, "service", name);
        }
        let command = self.command(&words, "service", name)?;
        let same = |s: &Service| {
            s.name.as_ref() == Some(name) && s.listen.as_deref() == Some(listen) && s.proto == proto
        };
        let old = self.services.iter().position(|s| s.associate == 0 && (s.name.is_none() || same(s)));
        let at = self.slot(old, now);
        let Some(service) = self.services.get_mut(at) else { return Ok(()) };
        let reconfig = service.listen.is_some();
        service.name = Some(name.clone());
        service.listen = Some(listen.to_vec());
        service.proto = proto.to_vec();
        service.exec = Some(command.clone());
        service.forkrate.max = maxforkrate;
        service.maxfds = u64::try_from(entry.int("maxfds", 0)).unwrap_or(0);
        service.nreadyfails = 0;
        if proto.starts_with(b"tcp") {
            service.desired_workers = prefork;
            service.babysit = babysit;
            let max = atoi(entry.bytes("maxchild").unwrap_or(b"-1"));
            service.max_workers = if max < 0 { i32::MAX } else { max };
        } else {
            service.desired_workers = prefork.min(1);
            service.babysit = false;
            service.max_workers = 1;
        }
        if self.verbose > 2 {
            let line = format!(
                "{}: service '{name}' ({}, {}:{}, {}, {}, {})",
                if reconfig { "reconfig" } else { "add" },
                String::from_utf8_lossy(entry.bytes("cmd").unwrap_or_default()),
                String::from_utf8_lossy(proto),
                String::from_utf8_lossy(listen),
                service.desired_workers,
                service.max_workers,
                service.maxfds,
            );
            log::write(Priority::Debug, format_args!("{line}"));
        }
        let (desired, max, babysit, maxfds) =
            (service.desired_workers, service.max_workers, service.babysit, service.maxfds);
        let associates = self.services.iter_mut().filter(|s| {
            s.associate > 0 && s.name.as_ref() == Some(name) && s.listen.as_deref() == Some(listen)
        });
        for other in associates {
            other.exec = Some(command.clone());
            other.forkrate.max = maxforkrate;
            (other.desired_workers, other.max_workers, other.babysit, other.maxfds) =
                (desired, max, babysit, maxfds);
            other.nreadyfails = 0;
        }
        Ok(())
    }

    /// Adds or updates a daemon from an entry of DAEMON. C: add_daemon(), add_waitdaemon()
    ///
    /// # Errors
    /// C's words with code 78.
    pub fn add_daemon(&mut self, entry: &Entry, reading: Reading, now: Duration) -> Result<(), Fatal> {
        let name = &entry.name;
        let wait = entry.switch("wait", false);
        let kind = if wait { "waitdaemon" } else { "service" };
        let words = entry.command();
        if words.is_empty() {
            return missing(reading, "service", name);
        }
        let in_use = |s: &Service| s.exec.is_some() && s.name.as_ref() == Some(name);
        if self.waitdaemons.iter().any(in_use) || self.services.iter().any(in_use) {
            return multiple(reading, kind, name);
        }
        let command = self.command(&words, if wait { "waitdaemon" } else { "daemon" }, name)?;
        let table = if wait { &self.waitdaemons } else { &self.services };
        let free = |s: &Service| {
            s.associate == 0 && (s.name.is_none() || (s.name.as_ref() == Some(name) && s.listen.is_none()))
        };
        let old = table.iter().position(free);
        let reconfig = old.is_some();
        let service = if wait {
            let at = old.unwrap_or_else(|| {
                self.waitdaemons.push(Service::empty(now));
                self.waitdaemons.len() - 1
            });
            self.waitdaemons.get_mut(at)
        } else {
            let at = self.slot(old, now);
            self.services.get_mut(at)
        };
        let Some(service) = service else { return Ok(()) };
        let rate = u32::try_from(entry.int("maxforkrate", 0)).unwrap_or(0);
        service.name = Some(name.clone());
        service.exec = Some(command);
        service.forkrate.max = if rate == 0 { FORKRATE_DEFAULT } else { rate };
        service.maxfds = u64::try_from(entry.int("maxfds", 0)).unwrap_or(0);
        service.babysit = true;
        service.max_workers = 1;
        service.desired_workers = 1;
        service.family = "daemon";
        service.nreadyfails = 0;
        if self.verbose > 2 {
            log::write(
                Priority::Debug,
                format_args!(
                    "{}: {} '{name}' ({}, {})",
                    if reconfig { "reconfig" } else { "add" },
                    if wait { "waitdaemon" } else { "daemon" },
                    String::from_utf8_lossy(entry.bytes("cmd").unwrap_or_default()),
                    service.maxfds
                ),
            );
        }
        Ok(())
    }

    fn is_primary_in_use(&self, name: &String) -> bool {
        self.services.iter().any(|s| s.associate == 0 && s.exec.is_some() && s.name.as_ref() == Some(name))
    }

    fn command(&self, words: &[Vec<u8>], kind: &str, name: &str) -> Result<Command, Fatal> {
        // A program that is not there is a mistake in the configuration, at any time.
        self.dirs
            .resolve(words)
            .filter(Command::is_executable)
            .ok_or_else(|| Fatal::new(format!("cannot find executable for {kind} '{name}'"), EX_CONFIG))
    }

    fn slot(&mut self, old: Option<usize>, now: Duration) -> usize {
        old.unwrap_or_else(|| {
            self.services.push(Service::empty(now));
            self.services.len() - 1
        })
    }
}

/// How many slots the original would have allocated for so many.
pub fn allocated(slots: usize) -> usize {
    slots.div_ceil(5) * 5
}

fn missing(reading: Reading, kind: &str, name: &str) -> Result<(), Fatal> {
    refuse(reading, format!("unable to find command or port for {kind} '{name}'"))
}

fn multiple(reading: Reading, kind: &str, name: &str) -> Result<(), Fatal> {
    refuse(reading, format!("multiple entries for {kind} '{name}'"))
}

/// A wrong entry: fatal at start, ignored later.
///
/// # Errors
/// The text with code 78 at start.
pub fn refuse(reading: Reading, text: String) -> Result<(), Fatal> {
    match reading {
        Reading::Start => Err(Fatal::new(text, EX_CONFIG)),
        Reading::Again => {
            log::write(Priority::Warning, format_args!("WARNING: {text} -- ignored"));
            Ok(())
        }
    }
}

/// Largest number of slots, for the line after SIGHUP.
pub const SERVICE_MAX: i32 = i32::MAX - 10;

const FORKRATE_DEFAULT: u32 = 10;
const READY_FAILS_MAX: u32 = 5;
const READY_FAIL_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::{Section, parse};
    use std::path::Path;

    fn read(table: &mut Table, reading: Reading, text: &str) -> Result<(), Fatal> {
        let file = Path::new("c");
        parse(text.as_bytes(), file, Section::Services, |e| table.add_service(&e, reading, Duration::ZERO))?;
        parse(text.as_bytes(), file, Section::Daemon, |e| table.add_daemon(&e, reading, Duration::ZERO))
    }

    fn table() -> Table {
        Table::new(Dirs::installed(), 0)
    }

    fn first(text: &str) -> Service {
        let mut table = table();
        read(&mut table, Reading::Start, text).expect("valid");
        table.services.remove(0)
    }

    #[test]
    fn defaults_of_a_service() {
        let s = first("SERVICES {\n a cmd=/bin/sh listen=1\n}\n");
        assert_eq!((s.desired_workers, s.max_workers, s.babysit), (0, i32::MAX, false));
        assert_eq!((s.forkrate.max, s.maxfds, s.proto.as_slice()), (0, 0, &b"tcp"[..]));
    }

    #[test]
    fn babysit_implies_a_process_and_a_rate() {
        let s = first("SERVICES {\n a cmd=/bin/sh listen=1 babysit=yes\n}\n");
        assert_eq!((s.desired_workers, s.forkrate.max, s.babysit), (1, 10, true));
    }

    #[test]
    fn udp_has_one_process() {
        let s = first("SERVICES {\n a cmd=/bin/sh listen=1 proto=udp prefork=5 maxchild=9\n}\n");
        assert_eq!((s.desired_workers, s.max_workers), (1, 1));
    }

    #[test]
    fn wrong_entries_end_the_start() {
        for (text, words) in [
            ("SERVICES {\n a listen=1\n}\n", "unable to find command or port for service 'a'"),
            ("SERVICES {\n a cmd=/bin/sh\n}\n", "unable to find command or port for service 'a'"),
            ("SERVICES {\n a cmd=/nonexistent listen=1\n}\n", "cannot find executable for service 'a'"),
            (
                "SERVICES {\n a cmd=/bin/sh listen=1\n a cmd=/bin/sh listen=2\n}\n",
                "multiple entries for service 'a'",
            ),
            (
                "SERVICES {\n a cmd=/bin/sh listen=1\n}\nDAEMON {\n a cmd=/bin/sh\n}\n",
                "multiple entries for service 'a'",
            ),
            (
                "DAEMON {\n a cmd=/bin/sh wait=y\n a cmd=/bin/sh wait=y\n}\n",
                "multiple entries for waitdaemon 'a'",
            ),
            ("DAEMON {\n a cmd=/nonexistent\n}\n", "cannot find executable for daemon 'a'"),
        ] {
            let fatal = read(&mut table(), Reading::Start, text).expect_err(text);
            assert_eq!((fatal.text.as_str(), fatal.code), (words, EX_CONFIG));
        }
    }

    #[test]
    fn wrong_entries_are_ignored_later_except_a_missing_program() {
        let mut table = table();
        let (_, said) = log::capture(|| {
            read(&mut table, Reading::Again, "SERVICES {\n a listen=1\n}\n").expect("ignored");
        });
        assert_eq!(
            said,
            [(
                Priority::Warning,
                "WARNING: unable to find command or port for service 'a' -- ignored".to_owned()
            )]
        );
        assert!(table.services.is_empty());
        assert!(read(&mut table, Reading::Again, "SERVICES {\n a cmd=/nonexistent listen=1\n}\n").is_err());
    }

    #[test]
    fn the_same_listen_keeps_its_slot_and_another_takes_a_new_one() {
        let mut table = table();
        read(&mut table, Reading::Start, "SERVICES {\n a cmd=/bin/sh listen=1\n}\n").expect("valid");
        table.forget_commands();
        read(&mut table, Reading::Again, "SERVICES {\n a cmd=\"/bin/sh x\" listen=1 prefork=3\n}\n")
            .expect("valid");
        assert_eq!(table.services.len(), 1);
        assert_eq!(table.services.first().map(|s| s.desired_workers), Some(3));
        table.forget_commands();
        read(&mut table, Reading::Again, "SERVICES {\n a cmd=/bin/sh listen=2\n}\n").expect("valid");
        assert_eq!(table.services.len(), 2);
        assert!(table.services.first().is_some_and(|s| s.exec.is_none()));
    }

    #[test]
    fn five_failures_each_within_ten_seconds_are_too_many() {
        let mut s = Service::empty(Duration::ZERO);
        let fails = |s: &mut Service, times: &[u64]| -> Vec<bool> {
            times.iter().map(|t| s.ready_failed(Duration::from_secs(*t))).collect()
        };
        assert_eq!(fails(&mut s, &[1, 10, 20, 30, 40]), [false, false, false, false, true]);
        let mut s = Service::empty(Duration::ZERO);
        assert_eq!(fails(&mut s, &[1, 2, 3, 4, 15, 16]), [false; 6]);
    }

    #[test]
    fn slots_are_counted_by_fives() {
        assert_eq!([0, 1, 5, 6].map(allocated), [0, 5, 5, 10]);
    }
}
