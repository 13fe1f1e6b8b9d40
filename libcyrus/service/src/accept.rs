//! Waiting for the next connection under the accept lock.

use crate::frame::Connection;
use crate::hosts;
use crate::signals::{self, Poll};
use cyrus_base::exit::EX_OSERR;
use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use cyrus_sys::fd::{self, Poll as Ready};
use cyrus_sys::lock::{self, Mode, Wait};
use cyrus_sys::signal::{self, Signal};
use cyrus_sys::socket::{self, Keepalive, Kind, Name};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The listening socket with its lock.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    kind: Kind,
    is_unix: bool,
    lock: Option<File>,
    program: PathBuf,
    identity: Option<Identity>,
    timeout_s: u32,
    null: Option<File>,
    hosts: Vec<KnownHost>,
}

/// What came of waiting.
#[derive(Debug)]
pub(crate) enum Next {
    /// A connection to serve.
    Connection(Connection),
    /// A signal asks us to end; it was logged.
    Shutdown,
    /// End with this code: idle timeout, SIGHUP, new program file, or failure (logged).
    Quit(i32),
}

/// Inode, size and modification time of the program file.
type Identity = (u64, u64, i64);

/// A reverse look-up remembered for a while: name services are slow and clients come again.
#[derive(Debug)]
pub(crate) struct KnownHost {
    ip: IpAddr,
    name: Option<String>,
    at: Instant,
}

const HOSTS_KEPT: usize = 32;
const HOSTS_AGE: Duration = Duration::from_secs(60);

impl Listener {
    pub(crate) fn new(
        config: &Config,
        id: i32,
        socket: OwnedFd,
        argv0: Option<&OsStr>,
        timeout_s: u32,
    ) -> io::Result<Self> {
        fd::set_cloexec(socket.as_fd(), true)?;
        let kind = socket::kind(socket.as_fd())?;
        let is_unix = !matches!(socket::local_name(socket.as_fd())?, Name::Inet(_));
        let program = match argv0.map(Path::new) {
            Some(path) if path.is_absolute() => path.to_owned(),
            _ => std::env::current_exe()?,
        };
        // A random time up to twice as long spreads the ends of many idle processes.
        let spread = cyrus_sys::time::since_epoch().1.checked_rem(timeout_s).unwrap_or(0);
        Ok(Self {
            identity: identity(&program).ok(),
            lock: open_lock(config, id),
            socket,
            kind,
            is_unix,
            program,
            timeout_s: timeout_s.saturating_add(spread),
            null: OpenOptions::new().read(true).write(true).open("/dev/null").ok(),
            hosts: Vec::new(),
        })
    }

    /// Waits for a connection; with `was_used` not longer than the idle timeout.
    pub(crate) fn next(&mut self, config: &Config, was_used: bool) -> Next {
        loop {
            if was_used {
                signal::alarm(self.timeout_s);
            }
            let fd = match self.locked_wait() {
                Ok(fd) => fd,
                Err(next) => return next,
            };
            signal::alarm(0);
            signal::take(Signal::Alrm);
            let (addresses, clienthost) = names(fd.as_fd(), &mut self.hosts);
            if self.kind == Kind::Stream && !self.is_unix {
                if let Some((_, peer)) = addresses {
                    let name = clienthost.split_once(" [").map(|(name, _)| name);
                    let client = hosts::Client { ip: peer.ip(), name };
                    if !hosts::is_admitted(config.service(), client) {
                        let who = name.map_or_else(|| peer.ip().to_string(), str::to_owned);
                        log::write(Priority::Err, format_args!("refused connection from {who}"));
                        socket::shutdown(fd.as_fd());
                        continue;
                    }
                }
                keep_alive(config, fd.as_fd());
            }
            return Next::Connection(Connection { fd, addresses, clienthost });
        }
    }

    /// Standard input and output let go of the last connection.
    pub(crate) fn reset_stdio(&self) {
        if let Some(null) = &self.null {
            let _ = fd::dup_to_stdio(null.as_fd());
        }
    }

    /// One process at a time waits in accept; the others wait for the lock.
    fn locked_wait(&self) -> Result<OwnedFd, Next> {
        if let Some(file) = &self.lock {
            loop {
                interrupted()?;
                match lock::lock(file.as_fd(), Mode::Exclusive, Wait::UntilSignal) {
                    Ok(()) => break,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => {
                        log::write(
                            Priority::Err,
                            format_args!("fcntl: F_SETLKW: error getting accept lock: {e}"),
                        );
                        return Err(Next::Quit(EX_OSERR));
                    }
                }
            }
        }
        let accepted = self.accept();
        if let Some(file) = &self.lock {
            if let Err(e) = lock::unlock(file.as_fd()) {
                log::write(Priority::Err, format_args!("fcntl: F_SETLKW: error releasing accept lock: {e}"));
                return Err(Next::Quit(EX_OSERR));
            }
        }
        accepted
    }

    fn accept(&self) -> Result<OwnedFd, Next> {
        loop {
            interrupted()?;
            match identity(&self.program) {
                Err(e) => {
                    log::write(Priority::Info, format_args!("cannot stat process file: {e}"));
                    return Err(Next::Quit(0));
                }
                Ok(now) if Some(now) != self.identity => {
                    log::write(Priority::Info, format_args!("process file has changed"));
                    return Err(Next::Quit(0));
                }
                Ok(_) => {}
            }
            if !self.wait_readable().map_err(|e| failed("poll", &e))? {
                continue;
            }
            let taken = match self.kind {
                Kind::Stream => socket::accept(self.socket.as_fd()),
                Kind::Datagram => socket::peek_datagram(self.socket.as_fd())
                    .and_then(|()| fd::duplicate(self.socket.as_fd())),
            };
            match taken {
                Ok(fd) => return Ok(fd),
                Err(e) if is_passing(&e) => {}
                Err(e) if self.kind == Kind::Stream => return Err(failed("accept", &e)),
                Err(e) => return Err(failed("recvfrom", &e)),
            }
        }
    }

    /// True when the socket is ready, false when a signal came first.
    fn wait_readable(&self) -> io::Result<bool> {
        let wake = signal::wake_fd()?;
        let mut fds = [Ready::readable(self.socket.as_fd()), Ready::readable(wake)];
        match fd::poll(&mut fds, None) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(e) => Err(e),
            Ok(_) => {
                let [socket, wake] = &fds;
                if wake.is_ready() {
                    signal::drain_wake();
                }
                Ok(socket.is_ready())
            }
        }
    }
}

fn interrupted() -> Result<(), Next> {
    match signals::poll() {
        Poll::Clear => Ok(()),
        Poll::Shutdown => Err(Next::Shutdown),
        Poll::Reload => Err(Next::Quit(0)),
    }
}

fn failed(what: &str, e: &io::Error) -> Next {
    log::write(Priority::Err, format_args!("{what} failed: {e}"));
    Next::Quit(EX_OSERR)
}

/// Errors of accept(2) that belong to one connection, not to the socket.
fn is_passing(e: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        e.kind(),
        K::Interrupted
            | K::WouldBlock
            | K::ConnectionAborted
            | K::NetworkDown
            | K::HostUnreachable
            | K::NetworkUnreachable
    ) || e.raw_os_error().is_some_and(|n| PASSING.contains(&n))
}

/// EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EOPNOTSUPP.
const PASSING: [i32; 5] = [
    nix::libc::EPROTO,
    nix::libc::ENOPROTOOPT,
    nix::libc::EHOSTDOWN,
    nix::libc::ENONET,
    nix::libc::EOPNOTSUPP,
];

fn identity(path: &Path) -> io::Result<Identity> {
    let meta = std::fs::metadata(path)?;
    Ok((meta.ino(), meta.size(), meta.mtime()))
}

fn open_lock(config: &Config, id: i32) -> Option<File> {
    let name = format!("{}-{id}.lock", config.service());
    let path = config.configdirectory().join("socket").join(name);
    let opened =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    opened
        .inspect_err(|e| {
            log::write(
                Priority::Err,
                format_args!("locking disabled: couldn't open socket lockfile {}: {e}", path.display()),
            );
        })
        .ok()
}

fn keep_alive(config: &Config, fd: BorrowedFd<'_>) {
    if !config.switch(Opt::TcpKeepalive) {
        return;
    }
    let positive = |n: i64| u32::try_from(n).ok().filter(|n| *n > 0);
    let settings = Keepalive {
        count: positive(config.int(Opt::TcpKeepaliveCnt)),
        idle_s: positive(config.duration_s(Opt::TcpKeepaliveIdle)),
        interval_s: positive(config.duration_s(Opt::TcpKeepaliveIntvl)),
    };
    if let Err(e) = socket::set_keepalive(fd, settings) {
        log::write(Priority::Err, format_args!("unable to setsocketopt(SO_KEEPALIVE): {e}"));
    }
}

/// Addresses (ours, theirs) and C's text for the client.
pub(crate) fn names(
    fd: BorrowedFd<'_>,
    known: &mut Vec<KnownHost>,
) -> (Option<(SocketAddr, SocketAddr)>, String) {
    let (Ok(Name::Inet(local)), Ok(Name::Inet(peer))) = (socket::local_name(fd), socket::peer_name(fd))
    else {
        return (None, "[unix socket]".to_owned());
    };
    let ip = peer.ip();
    known.retain(|h| h.at.elapsed() < HOSTS_AGE);
    let name = match known.iter().find(|h| h.ip == ip) {
        Some(host) => host.name.clone(),
        None => {
            let name = socket::host_name(&peer);
            known.truncate(HOSTS_KEPT - 1);
            known.insert(0, KnownHost { ip, name: name.clone(), at: Instant::now() });
            name
        }
    };
    let text = match name {
        Some(name) => format!("{name} [{ip}]"),
        None => format!("[{ip}]"),
    };
    (Some((local, peer)), text)
}
