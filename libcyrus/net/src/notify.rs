//! Notifications to notifyd (reference/master-ipc.md 6): one datagram each, or with
//! `notifysocket: dlist:PATH` one line to a stream server.
//!
//! DIAGNOSTICS (ERR, with class, user and mailbox in the parentheses): `NOTIFY(..): datagram too
//! large`, `NOTIFY(..): unable to sendto() socket: ..`, `NOTIFY(..): failed to connect to ..`,
//! `NOTIFY(..): error sending .. to ..`; (NOTICE) `NOTIFY(..): response .. to method ..`.

use crate::error::Result;
use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use cyrus_util::imapstr::{Form, form};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

/// C's bound of a datagram.
const DATAGRAM_MAX: usize = 8192;

/// How long a stream server may take.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer of a stream server that is read.
const ANSWER_MAX: u64 = 1024;

/// The line to notifyd.
#[derive(Debug)]
pub struct Notifier {
    peer: Peer,
}

#[derive(Debug)]
enum Peer {
    Datagrams(PathBuf),
    Stream(PathBuf),
}

/// How long a notifier may wait for room in the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Not at all; a stream server is not even connected to.
    None,
    /// So long.
    Wait(Duration),
}

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Yes,
    /// There is no room now.
    Later,
    /// It cannot be sent; the log has the reason.
    Never,
}

/// One notification.
#[derive(Clone, Debug, Default)]
pub struct Notification<'a> {
    /// Method, empty for notifyd's default.
    pub method: &'a [u8],
    /// `MAIL`, `SIEVE`, `EVENT`.
    pub class: &'a [u8],
    /// Priority.
    pub priority: &'a [u8],
    /// User.
    pub user: &'a [u8],
    /// Mailbox, external name.
    pub mailbox: &'a [u8],
    /// Options of the method.
    pub options: &'a [&'a [u8]],
    /// The message.
    pub message: &'a [u8],
    /// Name of the message file, if any.
    pub filename: Option<&'a [u8]>,
}

impl Notifier {
    /// The notifier of a configuration: `notifysocket`, else `<configdirectory>/socket/notify`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let peer = match config.string(Opt::Notifysocket) {
            Some(text) => match text.strip_prefix("dlist:") {
                Some(path) => Peer::Stream(path.into()),
                None => Peer::Datagrams(text.into()),
            },
            None => Peer::Datagrams(config.configdirectory().join("socket/notify")),
        };
        Self { peer }
    }

    /// Sends one notification and logs what hinders it. C: `notify()`
    pub fn notify(&self, notification: &Notification<'_>, patience: Patience) -> Sent {
        let told = match (&self.peer, patience) {
            (Peer::Datagrams(_), _) => self.send_datagram(notification, patience),
            (Peer::Stream(_), Patience::None) => return Sent::Later,
            (Peer::Stream(path), Patience::Wait(_)) => return to_stream(path, notification),
        };
        match told {
            Ok(()) => Sent::Yes,
            Err(crate::Error::TooLong) => {
                complain(notification, format_args!("datagram too large"));
                Sent::Never
            }
            Err(crate::Error::Io(error)) if would_block(&error) && patience == Patience::None => Sent::Later,
            Err(crate::Error::Io(error)) => {
                let text = log::errno_text(&error);
                complain(notification, format_args!("unable to sendto() socket: {text}"));
                Sent::Never
            }
            Err(error) => {
                complain(notification, format_args!("unable to sendto() socket: {error}"));
                Sent::Never
            }
        }
    }

    /// Sends one notification, never waits for room.
    ///
    /// # Errors
    /// What the socket says; `TooLong` when it does not fit in one datagram.
    pub fn send(&self, notification: &Notification<'_>) -> Result<()> {
        match &self.peer {
            Peer::Datagrams(_) => self.send_datagram(notification, Patience::None),
            Peer::Stream(path) => {
                to_stream(path, notification);
                Ok(())
            }
        }
    }

    /// Whether a notification with only a method, the class `EVENT` and a message of together so
    /// many octets fits.
    #[must_use]
    pub fn fits(&self, octets: usize) -> bool {
        // Eight NULs, the class, and the count of no options.
        matches!(self.peer, Peer::Stream(_)) || octets.saturating_add(8 + 5 + 1) <= DATAGRAM_MAX
    }

    fn send_datagram(&self, notification: &Notification<'_>, patience: Patience) -> Result<()> {
        let Peer::Datagrams(path) = &self.peer else { return Ok(()) };
        let socket = UnixDatagram::unbound()?;
        match patience {
            Patience::None => socket.set_nonblocking(true)?,
            Patience::Wait(time) => socket.set_write_timeout(Some(time))?,
        }
        let room = cyrus_sys::socket::send_buffer_size(socket.as_fd())?;
        let limit = (room / 10).saturating_sub(32).min(DATAGRAM_MAX);
        let octets = notification.encode(limit).ok_or(crate::Error::TooLong)?;
        socket.send_to(&octets, path)?;
        Ok(())
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn complain(notification: &Notification<'_>, text: std::fmt::Arguments<'_>) {
    log::write(Priority::Err, format_args!("NOTIFY({}): {text}", notification.login()));
}

/// C: `notify_dlist()`
fn to_stream(path: &PathBuf, notification: &Notification<'_>) -> Sent {
    let shown = path.display();
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) => {
            let text = log::errno_text(&error);
            complain(notification, format_args!("failed to connect to {shown}: {text}"));
            return Sent::Never;
        }
    };
    let method = log::printable(notification.method, 64);
    let _ = stream.set_read_timeout(Some(STREAM_PATIENCE));
    let _ = stream.set_write_timeout(Some(STREAM_PATIENCE));
    let mut answer = Vec::new();
    let told = stream
        .write_all(&notification.line())
        .and_then(|()| BufReader::new((&stream).take(ANSWER_MAX)).read_until(b'\n', &mut answer).map(drop));
    if told.is_err() || answer.last() != Some(&b'\n') {
        complain(notification, format_args!("error sending {method} to {shown}"));
        return Sent::Never;
    }
    let word = answer.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
    if word != b"OK" {
        let (login, word) = (notification.login(), log::printable(word, 64));
        log::write(Priority::Notice, format_args!("NOTIFY({login}): response {word} to method {method}"));
    }
    Sent::Yes
}

impl Notification<'_> {
    /// The datagram, at most `limit` octets; `None` when it does not fit.
    fn encode(&self, limit: usize) -> Option<Vec<u8>> {
        let count = self.options.len().to_string();
        let head = [self.method, self.class, self.priority, self.user, self.mailbox];
        let fields = head
            .into_iter()
            .chain([count.as_bytes()])
            .chain(self.options.iter().copied())
            .chain([self.message])
            .chain(self.filename);
        let mut octets = Vec::new();
        for field in fields {
            // A NUL inside would shift every field after it.
            octets.extend(field.iter().copied().filter(|b| *b != 0));
            octets.push(0);
        }
        (octets.len() <= limit).then_some(octets)
    }

    /// The line for a stream server; absent fields are `NIL`.
    fn line(&self) -> Vec<u8> {
        let mut out = b"NOTIFY %(".to_vec();
        let optional = |text: &[u8]| (!text.is_empty()).then(|| text.to_vec());
        let fields = [
            ("METHOD", Some(self.method.to_vec())),
            ("CLASS", Some(self.class.to_vec())),
            ("PRIORITY", optional(self.priority)),
            ("USER", optional(self.user)),
            ("MAILBOX", optional(self.mailbox)),
        ];
        for (name, value) in &fields {
            out.extend_from_slice(name.as_bytes());
            out.push(b' ');
            put(&mut out, value.as_deref());
            out.push(b' ');
        }
        out.extend_from_slice(b"OPTIONS (");
        for (n, option) in self.options.iter().enumerate() {
            if n > 0 {
                out.push(b' ');
            }
            put(&mut out, Some(option));
        }
        out.extend_from_slice(b") MESSAGE ");
        put(&mut out, Some(self.message));
        out.extend_from_slice(b" FILEPATH ");
        put(&mut out, self.filename);
        out.extend_from_slice(b")\r\n");
        out
    }

    /// Class, user and mailbox for the log.
    fn login(&self) -> String {
        let mut text = log::printable(self.class, 32).to_string();
        for each in [self.user, self.mailbox] {
            if each.is_empty() {
                break;
            }
            text.push_str(&format!(", {}", log::printable(each, 256)));
        }
        text
    }
}

/// An astring whose literals need no answer.
fn put(out: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else { return out.extend_from_slice(b"NIL") };
    match form(text) {
        Form::Literal => {
            out.extend_from_slice(format!("{{{}+}}\r\n", text.len()).as_bytes());
            out.extend_from_slice(text);
        }
        Form::Atom | Form::Quoted => cyrus_util::imapstr::put_astring(out, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_counts_its_options() {
        let n = Notification {
            class: b"MAIL",
            user: b"ann",
            mailbox: b"INBOX",
            options: &[b"a", b"b"],
            message: b"You have new mail",
            ..Notification::default()
        };
        let expected = b"\0MAIL\0\0ann\0INBOX\x002\0a\0b\0You have new mail\0";
        assert_eq!(n.encode(DATAGRAM_MAX).unwrap(), expected);
        assert_eq!(n.encode(20), None);
        assert_eq!(n.login(), "MAIL, ann, INBOX");
    }

    #[test]
    fn a_stream_server_gets_one_line() {
        let n = Notification {
            method: b"log",
            class: b"EVENT",
            options: &[b"a b"],
            message: b"{\"event\":1}",
            ..Notification::default()
        };
        let expected = "NOTIFY %(METHOD log CLASS EVENT PRIORITY NIL USER NIL MAILBOX NIL OPTIONS (\"a b\") MESSAGE \
                        {11+}\r\n{\"event\":1} FILEPATH NIL)\r\n";
        assert_eq!(String::from_utf8_lossy(&n.line()), expected);
    }

    #[test]
    fn a_full_socket_is_told_from_a_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let notifier = Notifier { peer: Peer::Datagrams(path.clone()) };
        let n = Notification { class: b"EVENT", message: &[b'x'; 8000], ..Notification::default() };
        assert_eq!(notifier.notify(&n, Patience::None), Sent::Never);
        let ear = UnixDatagram::bind(&path).unwrap();
        let mut sent = 0;
        while notifier.notify(&n, Patience::None) == Sent::Yes {
            sent += 1;
            assert!(sent < 100_000);
        }
        assert_eq!(notifier.notify(&n, Patience::None), Sent::Later);
        let mut buffer = [0; 9000];
        ear.recv(&mut buffer).unwrap();
        assert_eq!(notifier.notify(&n, Patience::Wait(Duration::from_secs(5))), Sent::Yes);
        let long = Notification { message: &[b'x'; 9000], ..n };
        assert_eq!(notifier.notify(&long, Patience::None), Sent::Never);
    }
}
