//! Wait daemons: started one after the other before any service, each waited for until it says
//! `ok`, and stopped last, in reverse order.

use std::os::fd::AsFd;

use cyrus_base::exit::{EX_CONFIG, EX_OSERR, Fatal};
use cyrus_base::log::{self, Priority};
use cyrus_sys::spawn::{Waited, wait};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2, read};

use crate::children::{Child, Owner};
use crate::conf::errno_text;
use crate::master::Master;
use crate::reap::End;
use crate::spawn::{Identity, Places, STATUS_FD};

impl Master<'_> {
    /// # Errors
    /// C's words; the wait daemons already started have been told to stop.
    pub(crate) fn start_waitdaemons(&mut self) -> Result<(), Fatal> {
        for at in 0..self.table.waitdaemons.len() {
            let Err((why, code)) = self.start_waitdaemon(at) else { continue };
            let name = self.table.waitdaemons.get(at).map_or("unknown", |s| s.shown());
            log::write(Priority::Err, format_args!("ERROR: {why}"));
            if let Some(pgid) = self.waitdaemon_pgid {
                let _ = kill(Pid::from_raw(-pgid), Signal::SIGTERM);
            }
            return Err(Fatal::new(format!("unable to spawn waitdaemon {name}/daemon"), code));
        }
        Ok(())
    }

    /// C: spawn_waitdaemon()
    fn start_waitdaemon(&mut self, at: usize) -> Result<(), (String, i32)> {
        let now = self.clock.now().mono;
        let Some(service) = self.table.waitdaemons.get_mut(at) else { return Ok(()) };
        let Some(command) = service.exec.clone() else { return Ok(()) };
        let name = format!("{}/{}", service.shown(), service.family);
        let unable = |what: &str, why: &str| {
            (format!("unable to spawn waitdaemon {name}: {what} failed: {why}"), EX_OSERR)
        };
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(|e| unable("pipe", e.desc()))?;
        log::write(Priority::Debug, format_args!("about to exec {}", command.path.display()));
        let places = Places { status: Some(writer.as_fd()), pgid: Some(self.waitdaemon_pgid.unwrap_or(0)) };
        let pid = self
            .nursery
            .start(&command, Identity::Daemon(service), places)
            .map_err(|e| unable("fork", &errno_text(&e)))?;
        drop(writer);
        self.waitdaemon_pgid.get_or_insert(pid);
        service.forkrate.forked();
        service.ready_workers += 1;
        service.nforks += 1;
        service.nactive += 1;
        let child = Child::new(Owner::WaitDaemon(at), "DAEMON", service.shown(), &command.path, now);
        self.children.add(pid, child);
        let mut said = Vec::new();
        while said.len() < READY.len() {
            // a signal to stop must not wait for a daemon that never speaks
            let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            if self.signals.quit_pending() {
                return Err((format!("waitdaemon {name} interrupted by a signal to stop"), EX_CONFIG));
            }
            if !matches!(poll(&mut fds, PollTimeout::from(200u8)), Ok(1..)) {
                continue;
            }
            let mut bytes = [0; 4];
            let room = READY.len() - said.len();
            match read(&reader, bytes.get_mut(..room).unwrap_or_default()) {
                Ok(0) => break,
                Ok(n) => said.extend_from_slice(bytes.get(..n).unwrap_or_default()),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(error) => {
                    return Err((
                        format!(
                            "waitdaemon {name} did not write \"ok\\r\\n\" to fd {STATUS_FD}: {}",
                            error.desc()
                        ),
                        EX_CONFIG,
                    ));
                }
            }
        }
        if said != READY {
            return Err((
                format!("waitdaemon {name} did not write \"ok\\r\\n\" to fd {STATUS_FD}: Success"),
                EX_CONFIG,
            ));
        }
        Ok(())
    }

    /// Stops them, last one first, each waited for.
    pub(crate) fn stop_waitdaemons(&mut self) {
        for at in (0..self.table.waitdaemons.len()).rev() {
            let Some(service) = self.table.waitdaemons.get(at) else { continue };
            let name = format!("{}/{}", service.shown(), service.family);
            let now = self.clock.now().mono;
            for (pid, child) in self.children.living().filter(|(_, c)| c.owner == Owner::WaitDaemon(at)) {
                child.bury(now);
                match kill(Pid::from_raw(pid), Signal::SIGTERM) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => {
                        log::write(
                            Priority::Err,
                            format_args!("kill child {pid} of {name}: {}", error.desc()),
                        );
                        continue;
                    }
                }
                log::write(Priority::Notice, format_args!("waiting for child {pid} of {name} to exit..."));
                match wait(Waited::Child(pid)) {
                    Ok(Some((_, exit))) => {
                        log::write(
                            Priority::Notice,
                            format_args!("child {pid} of {name} {}", End(exit).brief()),
                        );
                    }
                    Ok(None) => {}
                    Err(error) => {
                        log::write(Priority::Err, format_args!("waitpid {pid}: {}", errno_text(&error)))
                    }
                }
            }
        }
    }
}

const READY: &[u8] = b"ok\r\n";
