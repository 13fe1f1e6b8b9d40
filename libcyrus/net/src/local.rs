//! Datagrams to the small local daemons: idled (reference/master-ipc.md 5) and notifyd (6).

use crate::error::Result;
use cyrus_base::Config;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
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
    /// Look at the shutdown file and at signals.
    Alert = 4,
}

/// Our end of the idle sockets: sends to idled, receives at `<configdirectory>/socket/idle.<pid>`,
/// which is removed by drop.
#[derive(Debug)]
pub struct Idle {
    _todo: (),
}

impl Idle {
    /// Opens the sockets; `None` when `imapidlepoll` is 0 or the socket cannot be made (then clients poll).
    /// C: idle_init()
    #[must_use]
    pub fn open(config: &Config) -> Option<Self> {
        let _ = config;
        todo!()
    }

    /// Sends one message about `mailbox` (internal name) to idled; true when idled took it. Never waits.
    pub fn send(&self, message: IdleMessage, mailbox: &[u8]) -> bool {
        let _ = (message, mailbox);
        todo!()
    }

    /// The descriptor to wait on beside the client.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        todo!()
    }

    /// Takes the next message without waiting: what and which mailbox. `None` when there is none.
    /// Malformed messages are dropped.
    pub fn receive(&self) -> Option<(IdleMessage, Vec<u8>)> {
        todo!()
    }

    /// Seconds between polls of a client when idled is away (`imapidlepoll`).
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        todo!()
    }
}

/// Notifications to notifyd.
#[derive(Debug)]
pub struct Notifier {
    /// `notifysocket`.
    pub path: PathBuf,
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
    /// The notifier of a configuration; `None` when `notifysocket` is empty.
    #[must_use]
    pub fn from_config(config: &Config) -> Option<Self> {
        let _ = config;
        todo!()
    }

    /// Sends one notification, never waits. C: notify()
    ///
    /// # Errors
    /// What the socket says; too long messages are cut.
    pub fn send(&self, notification: &Notification<'_>) -> Result<()> {
        let _ = notification;
        todo!()
    }
}
