//! What a child tells its master: 8 octets, two ints in host order (reference/master-ipc.md 2.3).

use cyrus_base::log::{self, Priority};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

/// The words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Message {
    /// Ready for a connection.
    Available = 1,
    /// Not ready any more.
    Unavailable = 2,
    /// Serves a connection.
    Connection = 3,
}

/// The pipe to master.
#[derive(Debug)]
pub(crate) struct Status(File);

impl Status {
    /// Takes the inherited pipe; our own children do not get it.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        use std::os::fd::AsFd;
        let _ = cyrus_sys::fd::set_cloexec(fd.as_fd(), true);
        Self(fd.into())
    }

    /// Sends one message; a master that is gone is logged.
    pub(crate) fn tell(&self, message: Message) {
        if (&self.0).write_all(&encode(message, std::process::id())).is_err() {
            let e = std::io::Error::last_os_error();
            log::write(Priority::Err, format_args!("unable to tell master {:x}: {e}", message as i32));
        }
    }
}

fn encode(message: Message, pid: u32) -> [u8; 8] {
    let mut octets = [0; 8];
    let (first, second) = octets.split_at_mut(4);
    first.copy_from_slice(&(message as i32).to_ne_bytes());
    second.copy_from_slice(&pid.to_ne_bytes());
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_two_ints() {
        let octets = encode(Message::Connection, 0x0102_0304);
        assert_eq!(octets[..4], 3_i32.to_ne_bytes());
        assert_eq!(octets[4..], 0x0102_0304_i32.to_ne_bytes());
    }
}
