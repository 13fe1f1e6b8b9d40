//! The loop: due jobs, deaths, services short of processes, then sleep until something happens.

use std::os::fd::AsRawFd;
use std::time::Duration;

use cyrus_base::exit::Fatal;
use cyrus_base::log::{self, Priority};
use cyrus_sys::spawn::{Waited, wait};
use mio::Events;
use mio::unix::SourceFd;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, read};

use crate::children::{Child, Children, Owner};
use crate::conf::errno_text;
use crate::master::{Master, SIGNALS};
use crate::prometheus::Report;
use crate::reap::{End, account, account_waitdaemon};
use crate::service::{Reading, SERVICE_MAX, Service, allocated};
use crate::spawn::{Identity, Places};
use crate::status::{self, MESSAGE_SIZE, Remark, State};

impl Master<'_> {
    /// Works until everybody has gone home after a signal to stop.
    pub(crate) fn work(&mut self) -> Result<(), Fatal> {
        let mut events = Events::with_capacity(128);
        loop {
            self.signals.drain();
            if self.signals.take_quit() {
                self.begin_shutdown();
            }
            let working = self.shutdown_since.is_none();
            if working {
                self.run_events();
            }
            if self.signals.take_child() {
                self.reap();
            }
            if working {
                self.man_services();
            } else if self.may_finish() {
                return Ok(());
            }
            if self.signals.take_hangup() && working {
                self.reconfigure()?;
            }
            self.watch_listeners();
            let now = self.clock.now();
            let timeout = self.timeout();
            self.wake_at = self.wake_at.filter(|at| *at > now.mono);
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(Fatal::new(format!("select failed: {}", errno_text(&error)), 1));
                }
                // a signal: the next turn looks at it; nothing else is reported as lost
                events.clear();
            }
            for event in &events {
                if event.token() == SIGNALS {
                    continue;
                }
                let (slot, listener) = (event.token().0 / 2, event.token().0 % 2 == 1);
                if listener {
                    self.client_waits(slot);
                } else {
                    self.hear(slot);
                }
            }
            self.sweep();
        }
    }

    /// SIGTERM for everybody, ourselves too (which is then ignored). C: begin_shutdown()
    fn begin_shutdown(&mut self) {
        if self.shutdown_since.is_some() {
            return;
        }
        self.shutdown_since = Some(self.clock.now().mono);
        log::write(Priority::Info, format_args!("attempting clean shutdown on signal"));
        if let Err(error) = kill(Pid::from_raw(0), Signal::SIGTERM) {
            log::write(Priority::Err, format_args!("begin_shutdown: kill(0, SIGTERM): {}", error.desc()));
        }
    }

    /// All children of services are gone, and of timed jobs too unless one of them does not obey.
    fn may_finish(&mut self) -> bool {
        let now = self.clock.now().mono;
        let waited = now.saturating_sub(self.shutdown_since.unwrap_or(now));
        let patient = waited < EVENT_PATIENCE;
        if patient {
            self.look_again_at(self.shutdown_since.unwrap_or(now) + EVENT_PATIENCE);
        }
        let mut children = self.children.living();
        !children.any(|(_, c)| match c.owner {
            Owner::Service(_) => true,
            Owner::Event => patient,
            Owner::WaitDaemon(_) => false,
        })
    }

    /// Starts the jobs whose time has come. C: spawn_schedule()
    fn run_events(&mut self) {
        let now = self.clock.now();
        for (name, command) in self.schedule.take_due(now) {
            let path = command.path.display();
            log::write(Priority::Debug, format_args!("about to exec {path}"));
            match self.nursery.start(&command, Identity::None, Places::default()) {
                Ok(pid) => {
                    self.children.add(pid, Child::new(Owner::Event, "EVENT", &name, &command.path, now.mono))
                }
                Err(error) => log::write(
                    Priority::Err,
                    format_args!("can't exec {path} on schedule: {}", errno_text(&error)),
                ),
            }
        }
    }

    /// C: reap_child()
    fn reap(&mut self) {
        while let Ok(Some((pid, exit))) = wait(Waited::AnyDead) {
            let now = self.clock.now().mono;
            let end = End(exit);
            let Some(child) = self.children.find(pid).filter(|c| c.state != State::Dead) else {
                end.log(&format!("unknown process pid:{pid}"));
                log::write(
                    Priority::Err,
                    format_args!("received SIGCHLD from unknown child pid {pid}, ignoring"),
                );
                continue;
            };
            end.log(&child.describe(pid, now));
            let (owner, state) = (child.owner, child.state);
            child.bury(now);
            let failed = end.is_failure() && self.shutdown_since.is_none();
            match owner {
                Owner::Service(at) => {
                    let Some(service) = self.table.services.get_mut(at) else { continue };
                    let disable = account(service, pid, state, failed, now);
                    if self.options.verbose > 0 {
                        say_ready("service", service);
                    }
                    if disable {
                        service.exec = None;
                        self.close_listener(at);
                    }
                }
                Owner::WaitDaemon(at) => {
                    if let Some(daemon) = self.table.waitdaemons.get_mut(at) {
                        account_waitdaemon(daemon, pid, failed, now);
                        if self.options.verbose > 0 {
                            say_ready("waitdaemon", daemon);
                        }
                    }
                }
                Owner::Event => {}
            }
        }
    }

    /// Starts what is missing and frees the slots nobody needs any more. C: check_undermanned()
    fn man_services(&mut self) {
        for at in 0..self.table.services.len() {
            if let Some(missing) = self.table.services.get(at).and_then(|s| self.missing(s)) {
                for _ in 0..missing {
                    self.spawn_service(Owner::Service(at));
                }
            }
            let done = |s: &&mut Service| {
                s.exec.is_none() && s.name.is_some() && s.nactive == 0 && s.socket.is_none()
            };
            let now = self.clock.now().mono;
            if let Some(service) = self.table.services.get_mut(at).filter(done) {
                if let Some((reader, _)) = &service.stat {
                    let _ = self.poll.registry().deregister(&mut SourceFd(&reader.as_raw_fd()));
                }
                *service = Service::empty(now);
            }
        }
        for at in 0..self.table.waitdaemons.len() {
            if let Some(missing) = self.table.waitdaemons.get(at).and_then(|s| self.missing(s)) {
                for _ in 0..missing {
                    self.spawn_service(Owner::WaitDaemon(at));
                }
            }
            let now = self.clock.now().mono;
            let done = |s: &&mut Service| s.exec.is_none() && s.name.is_some() && s.nactive == 0;
            if let Some(daemon) = self.table.waitdaemons.get_mut(at).filter(done) {
                *daemon = Service::empty(now);
            }
        }
    }

    fn missing(&self, s: &Service) -> Option<i32> {
        s.exec.as_ref()?;
        if s.has_room() && s.ready_workers < s.desired_workers {
            let missing = s.desired_workers - s.ready_workers;
            if self.options.verbose > 0 {
                log::write(
                    Priority::Debug,
                    format_args!("service {}/{} needs {missing} more ready workers", s.shown(), s.family),
                );
            }
            // no more than maxchild in all
            return Some(missing.min(s.max_workers - s.nactive));
        }
        if s.babysit && s.nactive == 0 {
            log::write(
                Priority::Err,
                format_args!(
                    "lost all children for service: {}/{}.  Applying babysitter.",
                    s.shown(),
                    s.family
                ),
            );
            return Some(1);
        }
        None
    }

    /// SIGHUP. C: reread_conf()
    fn reconfigure(&mut self) -> Result<(), Fatal> {
        log::write(Priority::Notice, format_args!("got SIGHUP"));
        self.table.forget_commands();
        self.read_conf(Reading::Again)?;
        let now = self.clock.now();
        for (pid, child) in self.children.living().filter(|(_, c)| c.owner != Owner::Event) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGHUP);
            child.sighup_at = Some(now.mono);
        }
        for at in 0..self.table.services.len() {
            let Some(service) = self.table.services.get_mut(at) else { continue };
            match (&service.exec, &service.socket) {
                (None, Some(socket)) => {
                    // signalled above, now woken from accept
                    let _ = nix::sys::socket::shutdown(socket.as_raw_fd(), nix::sys::socket::Shutdown::Both);
                    service.listen = None;
                    service.proto.clear();
                    service.desired_workers = 0;
                    self.close_listener(at);
                }
                (Some(_), None) => self.open_service(at, Reading::Again)?,
                _ => {}
            }
        }
        self.report = Report::configured(self.config, now);
        let (services, daemons) = (self.table.services.len(), self.table.waitdaemons.len());
        log::write(
            Priority::Notice,
            format_args!(
                "Services reconfigured. {services} out of {} (max {SERVICE_MAX}) services structures \
                 and {daemons} out of {} (max {SERVICE_MAX}) waitdaemon structures are now in use",
                allocated(services),
                allocated(daemons),
            ),
        );
        Ok(())
    }

    /// A listening socket is watched only while nobody is ready, there is room for one more child,
    /// and the service does not fork too fast.
    fn watch_listeners(&mut self) {
        let now = self.clock.now().mono;
        let working = self.shutdown_since.is_none();
        for at in 0..self.table.services.len() {
            let Some(s) = self.table.services.get_mut(at) else { continue };
            let mut wanted =
                working && s.exec.is_some() && s.socket.is_some() && s.ready_workers == 0 && s.has_room();
            if wanted && s.forkrate.is_limited(now) {
                wanted = false;
                self.look_again_at(now + crate::forkrate::RETRY);
            }
            self.watch(at, wanted);
        }
    }

    /// A client waits and nobody is ready.
    fn client_waits(&mut self, at: usize) {
        // Edge-triggered: registering again in the next turn tells of a client still waiting.
        self.watch(at, false);
        let wanted = |s: &Service| s.exec.is_some() && s.has_room() && s.ready_workers == 0;
        if self.shutdown_since.is_none() && self.table.services.get(at).is_some_and(wanted) {
            self.spawn_service(Owner::Service(at));
        }
    }

    /// Reads everything the children of a service have said.
    fn hear(&mut self, at: usize) {
        loop {
            let Some((reader, _)) = self.table.services.get(at).and_then(|s| s.stat.as_ref()) else { return };
            let mut bytes = [0; MESSAGE_SIZE];
            // Writers send eight bytes at once, which a pipe never tears.
            match read(reader, &mut bytes) {
                Ok(MESSAGE_SIZE) => {
                    if let Some(service) = self.table.services.get_mut(at) {
                        hear(service, at, &mut self.children, bytes, self.options.verbose > 0);
                    }
                }
                Ok(0) | Err(nix::Error::EAGAIN) => return,
                Ok(_) => {
                    log::write(
                        Priority::Err,
                        format_args!("got incorrectly sized response from child: {at:x}"),
                    );
                }
                Err(nix::Error::EINTR) => {}
                Err(error) => {
                    log::write(
                        Priority::Err,
                        format_args!("error while receiving message from child {at:x}: {}", error.desc()),
                    );
                    return;
                }
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let now = self.clock.now();
        let wake = self.wake_at.map(|at| at.saturating_sub(now.mono));
        if self.shutdown_since.is_some() {
            return Some(wake.unwrap_or(JANITOR_WAKEUP).min(JANITOR_WAKEUP));
        }
        let report = self.report.as_ref().map(|r| r.wait(now));
        [Some(JANITOR_WAKEUP), wake, report, self.schedule.wait(now)].into_iter().flatten().min()
    }

    fn sweep(&mut self) {
        let now = self.clock.now();
        for (pid, owner, state, seconds) in self.children.sweep(now.mono, self.options.janitor_per_second) {
            let (kind, service) = match owner {
                Owner::Service(at) => ("service", self.table.services.get(at)),
                Owner::WaitDaemon(at) => ("waitdaemon", self.table.waitdaemons.get(at)),
                Owner::Event => ("service", None),
            };
            let (name, family) = service.map_or(("unknown", "unknown"), |s| (s.shown(), s.family));
            log::write(
                Priority::Info,
                format_args!(
                    "{kind} {name}/{family} pid {pid} in state {} has not yet been recycled \
                     since SIGHUP was sent ({seconds}s ago)",
                    state.number()
                ),
            );
        }
        let services = self.table.services.iter().chain(&self.table.waitdaemons);
        if self.report.as_mut().is_some_and(|r| !r.write_if_due(now, services)) {
            self.report = None;
        }
    }
}

/// One message to a service, from one of its children or from somebody who says so. C: process_msg()
fn hear(service: &mut Service, at: usize, children: &mut Children, bytes: [u8; MESSAGE_SIZE], verbose: bool) {
    let (message, pid) = status::decode(bytes);
    let head = format!("service {}/{} pid {pid}", service.shown(), service.family);
    let state = match children.find(pid) {
        Some(child) if child.owner == Owner::Service(at) => child.state,
        Some(_) => {
            // The original would move the child to this service; a forged pid could then
            // upset the counters of another one.
            log::write(Priority::Err, format_args!("{head}: not a child of this service, message ignored"));
            return;
        }
        None => {
            log::write(Priority::Warning, format_args!("{head}: receiving messages from long dead children"));
            State::Dead
        }
    };
    let change = status::apply(state, message);
    service.ready_workers += change.ready;
    service.nconnections += u64::from(change.connection);
    if let Some(child) = children.find(pid) {
        child.state = change.state;
    }
    if let Some(remark) = change.remark {
        let priority = match remark {
            Remark::NowAvailable | Remark::NowUnavailable | Remark::Serving | Remark::ServingMore => {
                Priority::Debug
            }
            Remark::AlreadyReady | Remark::AlreadyBusy => Priority::Warning,
            Remark::ForcedBusy | Remark::ForcedReady => Priority::Err,
            Remark::Unrecognized(_) => Priority::Crit,
        };
        let colon = if matches!(remark, Remark::Unrecognized(_)) { ":" } else { "" };
        if priority != Priority::Debug || verbose {
            log::write(priority, format_args!("{head}{colon} {remark}"));
        }
    }
    if verbose {
        say_ready("service", service);
    }
}

fn say_ready(kind: &str, service: &Service) {
    log::write(
        Priority::Debug,
        format_args!(
            "{kind} {}/{} now has {} ready workers",
            service.shown(),
            service.family,
            service.ready_workers
        ),
    );
}

/// The loop turns at least this often, for the janitor.
const JANITOR_WAKEUP: Duration = Duration::from_secs(10);
/// How long a timed job is waited for after it was told to stop.
const EVENT_PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Whatever is said by whomever, in whatever order children come and go: the counters of a
    /// service are the numbers of its living children, and never negative.
    #[test]
    fn no_sequence_of_messages_and_deaths_makes_the_counters_wrong() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut services = [Service::empty(Duration::ZERO), Service::empty(Duration::ZERO)];
        let mut children = Children::default();
        let (_, said) = log::capture(|| {
            for step in 0..50_000 {
                let now = Duration::from_millis(step);
                let at = usize::try_from(random(2)).expect("small");
                let pid = i32::try_from(random(30)).expect("small");
                let service = services.get_mut(at).expect("two services");
                match random(8) {
                    0 => {
                        if children.find(pid).is_none_or(|c| c.state == State::Dead) {
                            children.add(
                                pid,
                                Child::new(Owner::Service(at), "SERVICE", "a", Path::new("/a"), now),
                            );
                            service.nactive += 1;
                            service.ready_workers += 1;
                        }
                    }
                    1 => {
                        if let Some(child) = children.find(pid).filter(|c| c.owner == Owner::Service(at)) {
                            let before = child.state;
                            child.bury(now);
                            account(service, pid, before, random(2) == 0, now);
                        }
                    }
                    _ => {
                        let message = i32::try_from(random(6)).expect("small");
                        let mut bytes = [0; MESSAGE_SIZE];
                        bytes[..4].copy_from_slice(&message.to_ne_bytes());
                        bytes[4..].copy_from_slice(&pid.to_ne_bytes());
                        hear(service, at, &mut children, bytes, false);
                    }
                }
                children.sweep(now, 1);
                for (at, service) in services.iter().enumerate() {
                    let of = |wanted: fn(State) -> bool, children: &mut Children| {
                        children
                            .living()
                            .filter(|(_, c)| c.owner == Owner::Service(at) && wanted(c.state))
                            .count()
                    };
                    let ready = of(|s| s == State::Ready, &mut children);
                    let active = of(|_| true, &mut children);
                    assert_eq!(usize::try_from(service.ready_workers), Ok(ready), "step {step}");
                    assert_eq!(usize::try_from(service.nactive), Ok(active), "step {step}");
                }
            }
        });
        assert!(said.iter().any(|(_, line)| line.ends_with("not a child of this service, message ignored")));
        assert!(said.iter().any(|(_, line)| line.contains("Software bug: unrecognized message 0x5")));
        assert!(said.iter().any(|(_, line)| line.ends_with("forced to BUSY state")));
    }
}
