//! The socket and the loop.
//!
//! Logs a datagram that makes no sense and a client that cannot be reached (which is forgotten), in
//! C's words; with `-d` or `CYRUS_VERBOSE` everything it is told.

use std::fs::Permissions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cyrus_base::exit::EX_TEMPFAIL;
use cyrus_base::log::{self, Priority, printable};
use mio::net::UnixDatagram;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::stat::{Mode, umask};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use crate::message::{MESSAGE_MAX, Message, Which, alert, notify};
use crate::table::Table;

/// What the server needs to know.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens.
    pub socket: PathBuf,
    /// Where `shutdown` is looked for.
    pub msgdir: PathBuf,
    /// How long a client idles at most.
    pub timeout_s: u64,
    /// SIGHUP ends it: the master will start another.
    pub exit_on_hangup: bool,
    /// Tell everything.
    pub verbose: bool,
}

/// A bound idled.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    socket: std::os::unix::net::UnixDatagram,
    table: Table,
    begun: Instant,
}

impl Server {
    /// Binds the socket, replacing what was there.
    ///
    /// # Errors
    /// The error of bind.
    pub fn bind(settings: Settings) -> io::Result<Server> {
        let _ = std::fs::remove_file(&settings.socket);
        let old = umask(Mode::empty());
        let socket = std::os::unix::net::UnixDatagram::bind(&settings.socket);
        umask(old);
        let socket = socket?;
        let _ = std::fs::set_permissions(&settings.socket, Permissions::from_mode(0o777));
        socket.set_nonblocking(true)?;
        let table = Table::new(settings.timeout_s, IDLERS_MAX);
        Ok(Server { settings, socket, table, begun: Instant::now() })
    }

    /// Gives the socket up without unlinking it: a forked child has it.
    pub fn abandon(self) {
        drop(self.socket);
    }

    /// Serves until told to stop; the exit code.
    ///
    /// # Errors
    /// The error of poll or of a signal handler.
    pub fn work(&mut self) -> io::Result<i32> {
        let (hangup, stop): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let (wake, writer) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        for (signal, flag) in [(SIGHUP, &hangup), (SIGINT, &stop), (SIGQUIT, &stop), (SIGTERM, &stop)] {
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let mut poll = Poll::new()?;
        let socket = UnixDatagram::from_std(self.socket.try_clone()?);
        let (datagrams, signals) = (socket.as_raw_fd(), wake.as_raw_fd());
        poll.registry().register(&mut SourceFd(&datagrams), Token(0), Interest::READABLE)?;
        poll.registry().register(&mut SourceFd(&signals), Token(1), Interest::READABLE)?;
        let mut events = Events::with_capacity(4);
        let mut more = false;
        let mut swept_s = 0;
        let mut next_look = Instant::now();
        loop {
            if stop.load(Ordering::SeqCst) {
                log::write(Priority::Notice, format_args!("graceful shutdown"));
                return Ok(self.shut_down(&socket, EX_TEMPFAIL));
            }
            if hangup.swap(false, Ordering::SeqCst) && self.settings.exit_on_hangup {
                log::write(Priority::Debug, format_args!("received SIGHUP, shutting down gracefully"));
                return Ok(self.shut_down(&socket, 0));
            }
            let now = Instant::now();
            if now >= next_look && self.told_to_shut_down() {
                self.say(format_args!("Detected shutdown file"));
                return Ok(self.shut_down(&socket, 1));
            }
            // Under load the file is looked for as often as at rest, not with every datagram.
            if now >= next_look {
                next_look = now + POLL;
            }
            let timeout = if more { Duration::ZERO } else { POLL };
            match poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            // the poll tells of a datagram once, so all are read; a flood is looked away from now and then
            more = self.receive(&socket);
            let now_s = self.begun.elapsed().as_secs();
            if now_s >= swept_s + SWEEP_S {
                swept_s = now_s;
                self.table.expire(now_s);
            }
        }
    }

    /// Reads what has come; true when there may be more.
    fn receive(&mut self, socket: &UnixDatagram) -> bool {
        let mut bytes = [0; MESSAGE_MAX];
        for _ in 0..BATCH {
            match socket.recv_from(&mut bytes) {
                Ok((length, from)) => {
                    let datagram = bytes.get(..length).unwrap_or_default();
                    match Message::decode(datagram) {
                        Some(message) => self.obey(socket, &message, from.as_pathname()),
                        None => log::write(
                            Priority::Err,
                            format_args!("IDLE: invalid message received: size={length}"),
                        ),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    log::write(Priority::Err, format_args!("IDLE: recvfrom failed: {}", errno_text(&error)));
                    return false;
                }
            }
        }
        true
    }

    /// C: process_message()
    fn obey(&mut self, socket: &UnixDatagram, message: &Message<'_>, from: Option<&Path>) {
        let now_s = self.begun.elapsed().as_secs();
        let mailbox = message.mailbox;
        let shown = || printable(mailbox, MESSAGE_MAX);
        match message.which {
            Which::Init => {
                let Some(from) = from else {
                    log::write(
                        Priority::Err,
                        format_args!("IDLE: INIT from a socket without a name, ignored"),
                    );
                    return;
                };
                self.say(format_args!("imapd[{}]: IDLE_MSG_INIT '{}'", id(from), shown()));
                if self.table.init(mailbox, from, now_s).is_err() {
                    log::write(
                        Priority::Err,
                        format_args!(
                            "IDLE: {} clients idle already, imapd {} will poll",
                            self.table.len(),
                            id(from)
                        ),
                    );
                }
            }
            Which::Done => {
                let Some(from) = from else { return };
                self.say(format_args!("imapd[{}]: IDLE_MSG_DONE '{}'", id(from), shown()));
                self.table.done(mailbox, from);
            }
            Which::Notify => {
                self.say(format_args!("IDLE_MSG_NOTIFY '{}'", shown()));
                let datagram = notify(mailbox);
                for remote in self.table.idlers(mailbox, now_s) {
                    self.say(format_args!("    fwd NOTIFY {}", id(&remote)));
                    if !deliver(socket, &remote, &datagram, "NOTIFY", &shown) {
                        self.say(format_args!("    forgetting {}", id(&remote)));
                        self.table.done(mailbox, &remote);
                    }
                }
            }
            Which::Noop => {}
            Which::Other(number) => {
                log::write(Priority::Err, format_args!("unrecognized message: {number:x}"));
            }
        }
    }

    fn told_to_shut_down(&self) -> bool {
        ["shutdown", "shutdown.idled"]
            .iter()
            .any(|name| std::fs::File::open(self.settings.msgdir.join(name)).is_ok())
    }

    /// Sends everybody to look for the administrator's words, and goes.
    fn shut_down(&mut self, socket: &UnixDatagram, code: i32) -> i32 {
        for remote in self.table.everybody() {
            self.say(format_args!("    ALERT {}", id(&remote)));
            deliver(socket, &remote, &alert(), "ALERT", &|| ".".to_owned());
        }
        let _ = std::fs::remove_file(&self.settings.socket);
        code
    }

    fn say(&self, text: std::fmt::Arguments<'_>) {
        if self.settings.verbose {
            log::write(Priority::Debug, text);
        }
    }
}

/// Sends without waiting; false when the client is to be forgotten.
fn deliver(
    socket: &UnixDatagram,
    remote: &Path,
    datagram: &[u8],
    what: &str,
    mailbox: &dyn Fn() -> String,
) -> bool {
    match socket.send_to(datagram, remote) {
        Ok(_) => true,
        // it has not yet read what it was told before, and will look at its mailbox anyway
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
        // its socket is unlinked: it has ended as it should
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            log::write(
                Priority::Err,
                format_args!(
                    "IDLE: error sending message {what} to imapd {} for mailbox {}: {}, forgetting.",
                    id(remote),
                    mailbox(),
                    errno_text(&error)
                ),
            );
            false
        }
    }
}

/// The words of an errno, without Rust's "(os error n)".
pub fn errno_text(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// What log lines call a client: the pid in its socket's name. C: idle_id_from_addr()
fn id(remote: &Path) -> String {
    let name = remote.file_name().unwrap_or_default().to_string_lossy();
    let tail = name.split_once('.').map_or(&*name, |(_, pid)| pid);
    printable(tail.as_bytes(), 100)
}

/// How often the shutdown file is looked for.
const POLL: Duration = Duration::from_secs(1);
/// How often those whose time is over are looked for.
const SWEEP_S: u64 = 60;
/// Datagrams read before signals and the shutdown file are looked at again.
const BATCH: usize = 1000;
/// Clients taken in; an entry is some 200 bytes.
const IDLERS_MAX: usize = 100_000;
