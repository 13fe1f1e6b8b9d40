//! Datagrams to the small local daemons: idled (reference/master-ipc.md 5) and notifyd
//! ([`crate::notify`]).

pub use crate::notify::{Notification, Notifier, Patience, Sent};

use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// First word of an idle message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum IdleMessage {
    /// A client starts to idle on the mailbox.
    Init = 0,
    /// It stops.
    Done = 1,
    /// The mailbox changed.
    Notify = 2,
    /// Nothing.
    Noop = 3,
    /// Look at the shutdown file and at signals; the mailbox is `.`.
    Alert = 4,
}

impl IdleMessage {
    fn from_number(number: u64) -> Option<Self> {
        [Self::Init, Self::Done, Self::Notify, Self::Noop, Self::Alert]
            .into_iter()
            .find(|m| *m as u64 == number)
    }
}

/// The octets of an idle message: `unsigned long` in host order, name, NUL. `None` when the name
/// is too long for C's buffer or holds a NUL.
#[must_use]
pub fn encode_idle(message: IdleMessage, mailbox: &[u8]) -> Option<Vec<u8>> {
    if mailbox.len() + 1 > MAX_IDLE - 8 || mailbox.contains(&0) {
        return None;
    }
    let mut octets = (message as u64).to_ne_bytes().to_vec();
    octets.extend_from_slice(mailbox);
    octets.push(0);
    Some(octets)
}

/// Reads an idle message; `None` when it is malformed.
#[must_use]
pub fn decode_idle(octets: &[u8]) -> Option<(IdleMessage, &[u8])> {
    let (number, name) = octets.split_first_chunk::<8>()?;
    let message = IdleMessage::from_number(u64::from_ne_bytes(*number))?;
    let (end, name) = name.split_last()?;
    (*end == 0 && !name.contains(&0)).then_some((message, name))
}

/// The longest idle message.
pub const MAX_IDLE: usize = 1032;

/// Our end of the idle sockets: sends to idled, receives at `<configdirectory>/socket/idle.<pid>`,
/// which is removed by drop.
#[derive(Debug)]
pub struct Idle {
    socket: UnixDatagram,
    own_path: PathBuf,
    idled: PathBuf,
    poll_interval: Duration,
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.own_path);
    }
}

impl Idle {
    /// Opens the socket; `None` when `imapidlepoll` is 0 or the socket cannot be made (then
    /// clients poll). C: idle_init()
    #[must_use]
    pub fn open(config: &Config) -> Option<Self> {
        let seconds = u64::try_from(config.duration_s(Opt::Imapidlepoll)).unwrap_or(0);
        if seconds == 0 {
            return None;
        }
        let dir = config.configdirectory().join("socket");
        let idled = config.path(Opt::Idlesocket).map_or_else(|| dir.join("idle"), Into::into);
        let own = dir.join(format!("idle.{}", std::process::id()));
        match Self::at(&own, idled, Duration::from_secs(seconds)) {
            Ok(idle) => Some(idle),
            Err(e) => {
                log::write(Priority::Err, format_args!("bind: {}: {e}", own.display()));
                None
            }
        }
    }

    fn at(own: &Path, idled: PathBuf, poll_interval: Duration) -> std::io::Result<Self> {
        let _ = std::fs::remove_file(own);
        let socket = UnixDatagram::bind(own)?;
        std::fs::set_permissions(own, std::fs::Permissions::from_mode(0o777))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, own_path: own.to_owned(), idled, poll_interval })
    }

    /// Sends one message about `mailbox` (internal name) to idled; true when idled took it. Never
    /// waits.
    pub fn send(&self, message: IdleMessage, mailbox: &[u8]) -> bool {
        let Some(octets) = encode_idle(message, mailbox) else { return false };
        self.socket.send_to(&octets, &self.idled).is_ok()
    }

    /// The descriptor to wait on beside the client.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes the next message without waiting: what and which mailbox. `None` when there is none.
    /// Messages that are malformed or not from idled's socket are dropped.
    pub fn receive(&self) -> Option<(IdleMessage, Vec<u8>)> {
        let mut buffer = [0; MAX_IDLE + 1];
        loop {
            let (n, from) = self.socket.recv_from(&mut buffer).ok()?;
            let is_idled = from.as_pathname().is_some_and(|p| p == self.idled);
            let message = buffer.get(..n).and_then(decode_idle);
            if let (true, Some((message, name))) = (is_idled, message) {
                return Some((message, name.to_vec()));
            }
        }
    }

    /// Time between polls of a client when idled is away (`imapidlepoll`).
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        self.poll_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_messages_have_cs_form() {
        let octets = encode_idle(IdleMessage::Notify, b"user.ann").unwrap();
        assert_eq!(octets[..8], 2_u64.to_ne_bytes());
        assert_eq!(&octets[8..], b"user.ann\0");
        assert_eq!(decode_idle(&octets), Some((IdleMessage::Notify, &b"user.ann"[..])));
        assert_eq!(encode_idle(IdleMessage::Init, &[b'x'; 1024]), None);
        assert!(encode_idle(IdleMessage::Init, &[b'x'; 1023]).is_some());
        for bad in [&b""[..], b"1234567", &octets[..octets.len() - 1], &[9; 12]] {
            assert_eq!(decode_idle(bad), None);
        }
    }

    #[test]
    fn messages_of_idled_arrive_and_of_others_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let idled_path = dir.path().join("idle");
        let idled = UnixDatagram::bind(&idled_path).unwrap();
        let own = dir.path().join("idle.1");
        let idle = Idle::at(&own, idled_path, Duration::from_secs(60)).unwrap();
        assert!(idle.send(IdleMessage::Init, b"user.ann"));
        let mut buf = [0; 100];
        let (n, from) = idled.recv_from(&mut buf).unwrap();
        assert_eq!(decode_idle(&buf[..n]), Some((IdleMessage::Init, &b"user.ann"[..])));
        let stranger = UnixDatagram::unbound().unwrap();
        stranger.send_to(&encode_idle(IdleMessage::Alert, b".").unwrap(), &own).unwrap();
        let notify = encode_idle(IdleMessage::Notify, b"user.ann").unwrap();
        idled.send_to(&notify, from.as_pathname().unwrap()).unwrap();
        assert_eq!(idle.receive(), Some((IdleMessage::Notify, b"user.ann".to_vec())));
        assert_eq!(idle.receive(), None);
        drop(idled);
        assert!(!idle.send(IdleMessage::Done, b"user.ann"));
        drop(idle);
        assert!(!own.exists());
    }
}
