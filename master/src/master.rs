//! The program: from the command line to the loop, and out again.
//!
//! Order of the start, as in the original: descriptors 3 and 4 reserved, configuration, streams,
//! background, pid file, START commands, services, events, daemons, sockets, then the cyrus user,
//! wait daemons, "ready for work".

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::time::Duration;

use cyrus_base::exit::{EX_OSERR, Fatal};
use cyrus_base::log::{self, Priority};
use cyrus_base::start::log_unhonoured;
use cyrus_base::{Config, Opt};
use cyrus_sys::spawn::{Waited, cloexec_from, reserve_fds, wait};
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::children::{Child, Children, Owner};
use crate::clock::{Clock, Now};
use crate::command::Dirs;
use crate::conf::{self, ConfError, Entry, Section, errno_text};
use crate::daemonize::{PidFile, Side, background, become_cyrus, redirect};
use crate::events::{Event, Schedule};
use crate::listen::{self, Policy};
use crate::options::{Options, Stay};
use crate::prometheus::Report;
use crate::reap::{End, ready_failed};
use crate::service::{Reading, Service, Table, refuse};
use crate::signals::Signals;
use crate::spawn::{Identity, LISTEN_FD, Nursery, Places, STATUS_FD};

impl From<ConfError> for Fatal {
    fn from(error: ConfError) -> Fatal {
        Fatal::new(error.to_string(), cyrus_base::exit::EX_CONFIG)
    }
}

/// The master at work.
pub(crate) struct Master<'a> {
    pub(crate) options: &'a Options,
    pub(crate) config: &'a Config,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) children: Children,
    pub(crate) schedule: Schedule,
    pub(crate) report: Option<Report>,
    pub(crate) nursery: Nursery,
    pub(crate) poll: Poll,
    pub(crate) signals: Signals,
    /// When to look again although nothing happens: a service was at its fork limit.
    pub(crate) wake_at: Option<Duration>,
    pub(crate) waitdaemon_pgid: Option<i32>,
    /// Since when the master is closing down.
    pub(crate) shutdown_since: Option<Duration>,
}

/// Runs the master and gives its exit code.
pub fn run() -> i32 {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_else(|| "master".into());
    let words: Vec<OsString> = words.collect();
    let verbose = std::env::var_os("CYRUS_VERBOSE");
    let options = match Options::parse(&program, &words, verbose.as_deref()) {
        Ok(options) => options,
        Err(fatal) => {
            eprintln!("{}", fatal.text);
            return fatal.code;
        }
    };
    if options.version {
        println!("cyrus-imapd {VERSION}");
        return 0;
    }
    if let Err(error) = reserve_fds(STATUS_FD..=LISTEN_FD) {
        eprintln!("couldn't dup fd 0: {}", errno_text(&error));
        return 2;
    }
    cloexec_from(LISTEN_FD + 1);
    let config = match Config::load(options.config_file.as_deref(), "master") {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{}", error.text);
            log::write(Priority::Crit, format_args!("{}", error.text));
            log::write(Priority::Notice, format_args!("exiting"));
            return error.code;
        }
    };
    log::open(&config);
    match start(&options, &config) {
        Ok(code) => code,
        Err(fatal) => {
            if options.stay == Stay::Debug {
                eprintln!("{}", fatal.text);
            }
            log::write(Priority::Crit, format_args!("{}", fatal.text));
            log::write(Priority::Notice, format_args!("exiting"));
            fatal.code
        }
    }
}

fn start(options: &Options, config: &Config) -> Result<i32, Fatal> {
    redirect(options)?;
    let mut ready = match background(options, config)? {
        Side::Starter(code) => return Ok(code),
        Side::Master(ready) => ready,
    };
    let pidfile = PidFile::take(&options.pidfile).inspect_err(|fatal| ready.tell(fatal.code))?;
    ready.tell(0);
    log::write(Priority::Debug, format_args!("process started"));
    log_unhonoured(config);

    let clock = Clock::start();
    let nursery = Nursery::new();
    let dirs = Dirs::installed();
    conf::section(&options.cyrus_conf, Section::Start, |entry| run_startup(&entry, &dirs, &nursery, &clock))?;
    let os_error =
        |what: &str, e: &std::io::Error| Fatal::new(format!("{what}: {}", errno_text(e)), EX_OSERR);
    let mut master = Master {
        options,
        config,
        clock,
        table: Table::new(dirs, options.verbose),
        children: Children::default(),
        schedule: Schedule::default(),
        report: None,
        nursery,
        poll: Poll::new().map_err(|e| os_error("unable to create poll", &e))?,
        signals: Signals::install()
            .map_err(|e| Fatal::new(format!("unable to install signal handler: {}", errno_text(&e)), 1))?,
        wake_at: None,
        waitdaemon_pgid: None,
        shutdown_since: None,
    };
    let wake = master.signals.wake().as_raw_fd();
    let registered = master.poll.registry().register(&mut SourceFd(&wake), SIGNALS, Interest::READABLE);
    registered.map_err(|e| os_error("unable to poll signals", &e))?;
    master.read_conf(Reading::Start)?;
    for at in 0..master.table.services.len() {
        master.open_service(at, Reading::Start)?;
    }
    become_cyrus(config)?;
    let now = master.clock.now();
    master.report = Report::configured(config, now);
    master.start_waitdaemons()?;
    log::write(Priority::Debug, format_args!("ready for work"));
    master.work()?;
    master.stop_waitdaemons();
    log::write(Priority::Notice, format_args!("All children have exited, closing down"));
    drop(pidfile);
    Ok(0)
}

/// Runs a START command to its end. C: run_startup()
fn run_startup(entry: &Entry, dirs: &Dirs, nursery: &Nursery, clock: &Clock) -> Result<(), Fatal> {
    let name = &entry.name;
    let command = dirs.resolve(&entry.command()).ok_or_else(|| {
        Fatal::new(format!("unable to find command for {name}"), cyrus_base::exit::EX_CONFIG)
    })?;
    let path = command.path.display();
    log::write(Priority::Debug, format_args!("about to exec {path}"));
    let begun = clock.now().mono;
    let pid = nursery.start(&command, Identity::None, Places::default()).map_err(|error| {
        let text = errno_text(&error);
        log::write(Priority::Crit, format_args!("can't exec {path} for startup: {text}"));
        Fatal::new("can't run startup", 1)
    })?;
    match wait(Waited::Child(pid)) {
        Ok(Some((_, exit))) => {
            let child = Child::new(Owner::Event, "START", name, &command.path, begun);
            End(exit).log(&child.describe(pid, clock.now().mono));
            if End(exit).is_failure() {
                return Err(Fatal::new("can't run startup", 1));
            }
        }
        Ok(None) => {}
        Err(error) => log::write(Priority::Err, format_args!("waitpid(): {}", errno_text(&error))),
    }
    Ok(())
}

impl Master<'_> {
    /// Reads SERVICES, EVENTS and DAEMON. At start events come before daemons, as entries of both
    /// may be wrong and the first one decides what is said.
    pub(crate) fn read_conf(&mut self, reading: Reading) -> Result<(), Fatal> {
        let file = &self.options.cyrus_conf;
        let now = self.clock.now();
        let (table, schedule) = (&mut self.table, &mut self.schedule);
        schedule.clear();
        conf::section(file, Section::Services, |e| table.add_service(&e, reading, now.mono))?;
        conf::section(file, Section::Events, |e| add_event(&e, reading, table.dirs(), schedule, now))?;
        conf::section(file, Section::Daemon, |e| table.add_daemon(&e, reading, now.mono))
    }

    /// Opens the sockets of a service that has a command and no socket; further addresses become
    /// slots of their own. C: service_create()
    pub(crate) fn open_service(&mut self, at: usize, reading: Reading) -> Result<(), Fatal> {
        let now = self.clock.now().mono;
        let Some(service) = self.table.services.get_mut(at) else { return Ok(()) };
        let (Some(name), Some(listen), true, None) =
            (service.name.clone(), service.listen.clone(), service.exec.is_some(), &service.socket)
        else {
            return Ok(());
        };
        if service.associate > 0 {
            return Ok(());
        }
        let policy = Policy {
            backlog: self.options.backlog,
            ip_tos: listen::ip_tos(self.config.choice(Opt::Qosmarking)),
            errors_fatal: reading == Reading::Start && self.config.switch(Opt::MasterBindErrorsFatal),
        };
        let listeners = listen::open(&name, &listen, &service.proto, policy)?;
        if listeners.is_empty() {
            service.exec = None;
            return Ok(());
        }
        let mut slot = at;
        for (associate, listener) in (0..).zip(listeners) {
            if associate > 0 {
                let Some(primary) = self.table.services.get(at) else { return Ok(()) };
                let copy = Service::associate_of(primary, now);
                slot = self.table.services.len();
                self.table.services.push(copy);
            }
            let Some(service) = self.table.services.get_mut(slot) else { return Ok(()) };
            if self.options.verbose > 2 {
                log::write(Priority::Debug, format_args!("activating service {name}/{}", listener.family));
            }
            service.family = listener.family;
            service.associate = associate;
            service.socket = Some(listener.socket);
            // A service that comes back keeps its pipe: old children still speak through it.
            if service.stat.is_none() {
                let pipe = pipe2(OFlag::O_CLOEXEC).and_then(|(reader, writer)| {
                    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
                    Ok((reader, writer))
                });
                let pipe =
                    pipe.map_err(|e| Fatal::new(format!("couldn't create status socket: {}", e.desc()), 1))?;
                let raw = pipe.0.as_raw_fd();
                let registered = self.poll.registry().register(
                    &mut SourceFd(&raw),
                    status_token(slot),
                    Interest::READABLE,
                );
                registered
                    .map_err(|e| Fatal::new(format!("unable to poll status pipe: {}", errno_text(&e)), 1))?;
                service.stat = Some(pipe);
            }
        }
        Ok(())
    }

    /// Stops watching and closes the listening socket of a slot.
    pub(crate) fn close_listener(&mut self, at: usize) {
        self.unwatch(at);
        if let Some(service) = self.table.services.get_mut(at) {
            service.socket = None;
        }
    }

    /// Starts one child of a service or daemon, unless it forks too fast. C: spawn_service()
    pub(crate) fn spawn_service(&mut self, owner: Owner) {
        let now = self.clock.now().mono;
        let (list, wait_daemon) = match owner {
            Owner::Service(at) => (self.table.services.get_mut(at), false),
            Owner::WaitDaemon(at) => (self.table.waitdaemons.get_mut(at), true),
            Owner::Event => return,
        };
        let Some(service) = list else { return };
        if service.forkrate.is_limited(now) {
            self.look_again_at(now + crate::forkrate::RETRY);
            return;
        }
        let Some(command) = service.exec.clone() else { return };
        log::write(Priority::Debug, format_args!("about to exec {}", command.path.display()));
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").ok();
        let start = |pgid| {
            let (identity, status) = match (service.listen.is_some(), wait_daemon) {
                (true, _) => (Identity::Service(service), None),
                // nobody waits for the "ok" of a wait daemon that is started again
                (false, true) => (Identity::Daemon(service), null.as_ref().map(std::os::fd::AsFd::as_fd)),
                (false, false) => (Identity::Daemon(service), None),
            };
            self.nursery.start(&command, identity, Places { status, pgid })
        };
        let started = if wait_daemon {
            // the old group is gone when all its members have died
            let joined = self.waitdaemon_pgid.map(|pgid| start(Some(pgid)));
            match joined {
                Some(Ok(pid)) => Ok(pid),
                _ => start(Some(0)).inspect(|pid| self.waitdaemon_pgid = Some(*pid)),
            }
        } else {
            start(None)
        };
        service.forkrate.forked();
        match started {
            Ok(pid) => {
                service.ready_workers += 1;
                service.nforks += 1;
                service.nactive += 1;
                let kind = if service.listen.is_some() { "SERVICE" } else { "DAEMON" };
                let child = Child::new(owner, kind, service.shown(), &command.path, now);
                self.children.add(pid, child);
            }
            Err(error) => {
                let line = match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOMEM) => {
                        format!("can't fork process to run service {}/{}: ", service.shown(), service.family)
                    }
                    _ => format!("couldn't exec {}: ", command.path.display()),
                };
                log::write(Priority::Err, format_args!("{line}{}", errno_text(&error)));
                // what cannot be executed counts like a child that dies at once
                let disable = !wait_daemon && ready_failed(service, now);
                if disable {
                    service.exec = None;
                }
                self.look_again_at(now + crate::forkrate::RETRY);
                if let (true, Owner::Service(at)) = (disable, owner) {
                    self.close_listener(at);
                }
            }
        }
    }

    /// Makes the loop turn at this time at the latest.
    pub(crate) fn look_again_at(&mut self, at: Duration) {
        self.wake_at = Some(self.wake_at.map_or(at, |old| old.min(at)));
    }

    fn unwatch(&mut self, at: usize) {
        let Some(service) = self.table.services.get_mut(at) else { return };
        if let (true, Some(socket)) = (service.watched, &service.socket) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&socket.as_raw_fd()));
        }
        service.watched = false;
    }

    /// Watches a listening socket or ceases to. Registering anew tells of a client that is already
    /// waiting.
    pub(crate) fn watch(&mut self, at: usize, wanted: bool) {
        let Some(service) = self.table.services.get_mut(at) else { return };
        if service.watched == wanted {
            return;
        }
        if !wanted {
            return self.unwatch(at);
        }
        let Some(socket) = &service.socket else { return };
        let raw = socket.as_raw_fd();
        match self.poll.registry().register(&mut SourceFd(&raw), listen_token(at), Interest::READABLE) {
            Ok(()) => service.watched = true,
            Err(error) => log::write(
                Priority::Err,
                format_args!("unable to poll {}/{}: {}", service.shown(), service.family, errno_text(&error)),
            ),
        }
    }
}

fn add_event(
    entry: &Entry,
    reading: Reading,
    dirs: &Dirs,
    schedule: &mut Schedule,
    now: Now,
) -> Result<(), Fatal> {
    match dirs.resolve(&entry.command()) {
        Some(command) => schedule.add(Event::new(entry, command, now)),
        None => refuse(reading, format!("unable to find command or port for event '{}'", entry.name))?,
    }
    Ok(())
}

pub(crate) const SIGNALS: Token = Token(usize::MAX - 1);

pub(crate) fn status_token(slot: usize) -> Token {
    Token(slot * 2)
}

pub(crate) fn listen_token(slot: usize) -> Token {
    Token(slot * 2 + 1)
}

/// What `-V` says; `CYRUS_VERSION` at build time changes it.
const VERSION: &str = match option_env!("CYRUS_VERSION") {
    Some(version) => version,
    None => concat!("3.6.1-rs-", env!("CARGO_PKG_VERSION")),
};
