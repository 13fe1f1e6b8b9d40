//! Starting children: environment, descriptors 3 and 4, process group, limits.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use cyrus_base::start::OPTIONS_LOGGED;
use cyrus_sys::spawn::Spawn;
use nix::sys::signal::SigSet;

use crate::command::Command;
use crate::service::Service;
use crate::signals::{DEFAULT_FOR_CHILDREN, mask_for_children};

/// Where a child writes its status messages.
pub const STATUS_FD: i32 = 3;
/// Where a child finds its listening socket.
pub const LISTEN_FD: i32 = 4;

/// What all children share: our environment and signal mask at start.
#[derive(Debug)]
pub struct Nursery {
    environment: Vec<(OsString, OsString)>,
    sigmask: SigSet,
}

/// What a child is told about itself.
#[derive(Debug, Clone, Copy)]
pub enum Identity<'a> {
    /// START and EVENTS: nothing.
    None,
    /// A service on one address.
    Service(&'a Service),
    /// A daemon.
    Daemon(&'a Service),
}

/// Descriptors and process group of a child.
#[derive(Debug, Default)]
pub struct Places<'a> {
    /// Descriptor 3.
    pub status: Option<BorrowedFd<'a>>,
    /// Process group, see [`Spawn::pgid`].
    pub pgid: Option<i32>,
}

impl Nursery {
    /// Remembers the environment and the signal mask. Children need not log the options that have no effect: the
    /// master has.
    pub fn new() -> Self {
        let inherited = std::env::vars_os().filter(|(key, _)| key != OPTIONS_LOGGED);
        let environment = inherited.chain([(OPTIONS_LOGGED.into(), "1".into())]).collect();
        Self { environment, sigmask: mask_for_children() }
    }

    /// Starts a command.
    ///
    /// # Errors
    /// The error of fork or exec.
    pub fn start(&self, command: &Command, identity: Identity<'_>, places: Places<'_>) -> io::Result<i32> {
        let path = CString::new(command.path.as_os_str().as_bytes())?;
        let mut spawn = Spawn {
            pgid: places.pgid,
            sigmask: Some(self.sigmask),
            sigdefault: DEFAULT_FOR_CHILDREN.to_vec(),
            ..Spawn::default()
        };
        if let Some(fd) = places.status {
            spawn.fds.push((fd, STATUS_FD));
        }
        if let Identity::Service(service) | Identity::Daemon(service) = identity {
            spawn.nofile = Some(service.maxfds).filter(|n| *n > 0);
        }
        if let Identity::Service(service) = identity {
            if let (Some((_, writer)), Some(socket)) = (&service.stat, &service.socket) {
                spawn.fds.push((writer.as_fd(), STATUS_FD));
                spawn.fds.push((socket.as_fd(), LISTEN_FD));
            }
        }
        spawn.start(&path, &command.argv, &self.environment_for(identity))
    }

    fn environment_for(&self, identity: Identity<'_>) -> Vec<CString> {
        let added: Vec<(&str, String)> = match identity {
            Identity::None => vec![],
            Identity::Service(s) => {
                vec![("CYRUS_SERVICE", s.shown().into()), ("CYRUS_ID", s.associate.to_string())]
            }
            Identity::Daemon(s) => vec![
                ("CYRUS_ISDAEMON", "1".into()),
                ("CYRUS_SERVICE", s.shown().into()),
                ("CYRUS_ID", s.associate.to_string()),
            ],
        };
        let kept = self.environment.iter().filter(|(key, _)| !added.iter().any(|(name, _)| key == name));
        let kept = kept.map(|(key, value)| {
            let mut line = key.clone();
            line.push("=");
            line.push(value);
            line
        });
        let added = added.iter().map(|(key, value)| OsString::from(format!("{key}={value}")));
        kept.chain(added).filter_map(|line| CString::new(line.into_vec()).ok()).collect()
    }
}

impl Default for Nursery {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn environment_of_each_kind() {
        let nursery = Nursery {
            environment: vec![("A".into(), "b".into()), ("CYRUS_ID".into(), "9".into())],
            sigmask: SigSet::empty(),
        };
        let mut service = Service::empty(Duration::ZERO);
        service.name = Some("imap".into());
        service.associate = 1;
        let check = |identity, expected: &[&str]| {
            let found = nursery.environment_for(identity);
            let found: Vec<_> = found.iter().map(|c| c.to_string_lossy().into_owned()).collect();
            assert_eq!(found, expected);
        };
        check(Identity::None, &["A=b", "CYRUS_ID=9"]);
        check(Identity::Service(&service), &["A=b", "CYRUS_SERVICE=imap", "CYRUS_ID=1"]);
        check(Identity::Daemon(&service), &["A=b", "CYRUS_ISDAEMON=1", "CYRUS_SERVICE=imap", "CYRUS_ID=1"]);
    }
}
