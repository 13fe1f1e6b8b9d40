//! Lines to the system log: datagrams to /dev/log in the form libc sends them,
//! `<PRI>Mmm dd hh:mm:ss ident[pid]: text`.
//!
//! Never blocks: a log daemon that is away or slow loses lines, not mail. A broken connection is
//! made again at the next line, at most once a second.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::time;

/// How bad it is; the number is syslog's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// System is unusable.
    Emerg = 0,
    /// Action must be taken at once.
    Alert = 1,
    /// Critical.
    Crit = 2,
    /// An error.
    Err = 3,
    /// A warning.
    Warning = 4,
    /// Normal but worth noting; every login line.
    Notice = 5,
    /// Informational.
    Info = 6,
    /// Debugging.
    Debug = 7,
}

/// Which part of the system speaks; the number is syslog's code shifted by three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// LOG_MAIL, the default of Cyrus.
    pub const MAIL: Self = Self(2 << 3);

    /// The facility of a configuration word (`mail`, `local6`, ...), case ignored.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        NAMES.iter().find(|(n, _)| *n == lower).map(|(_, code)| Self(code << 3))
    }
}

const NAMES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// A writer to the log under one name.
#[derive(Debug)]
pub struct Writer {
    ident: String,
    facility: Facility,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    socket: Option<UnixDatagram>,
    retry_at: Option<Instant>,
    line: Vec<u8>,
}

impl Writer {
    /// A writer to /dev/log; the connection is made at the first line.
    #[must_use]
    pub fn new(ident: &str, facility: Facility) -> Self {
        Self::with_path(Path::new("/dev/log"), ident, facility)
    }

    /// A writer to the datagram socket at `path`.
    #[must_use]
    pub fn with_path(path: &Path, ident: &str, facility: Facility) -> Self {
        Self { ident: ident.to_owned(), facility, path: path.to_owned(), state: Mutex::new(State::default()) }
    }

    /// The name lines carry.
    #[must_use]
    pub fn ident(&self) -> &str {
        &self.ident
    }

    /// Sends one line. Control octets become `#ooo` so that no peer can forge a line; the text is
    /// cut at 8 KB.
    pub fn write(&self, severity: Severity, text: &[u8]) {
        let Ok(mut state) = self.state.lock() else { return };
        let mut line = std::mem::take(&mut state.line);
        line.clear();
        self.compose(&mut line, severity, text);
        self.send(&mut state, &line);
        state.line = line;
    }

    fn compose(&self, line: &mut Vec<u8>, severity: Severity, text: &[u8]) {
        use io::Write;
        let t = time::local(time::now());
        let month = usize::from(t.month).wrapping_sub(1);
        let _ = write!(
            line,
            "<{}>{} {:2} {:02}:{:02}:{:02} {}[{}]: ",
            self.facility.0 | severity as u8,
            time::MONTHS.get(month).copied().unwrap_or("Jan"),
            t.day,
            t.hour,
            t.minute,
            t.second,
            self.ident,
            std::process::id()
        );
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        for &b in text.iter().take(8192) {
            if (b < 0x20 && b != b'\t') || b == 0x7f {
                let _ = write!(line, "#{b:03o}");
            } else {
                line.push(b);
            }
        }
    }

    fn send(&self, state: &mut State, line: &[u8]) {
        for _ in 0..2 {
            if state.socket.is_none() {
                if state.retry_at.is_some_and(|at| Instant::now() < at) {
                    return;
                }
                match self.connect() {
                    Ok(socket) => state.socket = Some(socket),
                    Err(_) => {
                        state.retry_at = Instant::now().checked_add(Duration::from_secs(1));
                        return;
                    }
                }
            }
            let Some(socket) = &state.socket else { return };
            match socket.send(line) {
                Ok(_) => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    // The daemon is slow: wait a little once, then drop the line.
                    use std::os::fd::AsFd;
                    let mut fds = [crate::fd::Poll::writable(socket.as_fd())];
                    let _ = crate::fd::poll_all(&mut fds, Some(Duration::from_millis(100)));
                    let _ = socket.send(line);
                    return;
                }
                Err(_) => state.socket = None,
            }
        }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.path)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_libc_form_and_no_control_octets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let sink = UnixDatagram::bind(&path).unwrap();
        let log = Writer::with_path(&path, "cyrus/imap", Facility::MAIL);
        log.write(Severity::Notice, b"login: x\r\nfake\n");
        let mut buf = [0; 500];
        let n = sink.recv(&mut buf).unwrap();
        let text = String::from_utf8_lossy(&buf[..n]).into_owned();
        assert!(text.starts_with("<21>"), "{text}");
        let tail = format!(" cyrus/imap[{}]: login: x#015#012fake", std::process::id());
        assert!(text.ends_with(&tail), "{text}");
    }

    #[test]
    fn the_connection_is_made_again_and_a_missing_daemon_is_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Writer::with_path(&path, "x", Facility::from_name("LOCAL6").unwrap());
        let sink = UnixDatagram::bind(&path).unwrap();
        log.write(Severity::Err, b"one");
        drop(sink);
        std::fs::remove_file(&path).unwrap();
        log.write(Severity::Err, b"lost");
        let sink = UnixDatagram::bind(&path).unwrap();
        std::thread::sleep(Duration::from_millis(1100));
        log.write(Severity::Err, b"two");
        let mut buf = [0; 500];
        let n = sink.recv(&mut buf).unwrap();
        assert!(buf[..n].ends_with(b": two"));
        assert!(buf.starts_with(b"<179>"));
    }
}
