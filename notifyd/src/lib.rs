//! Notifications sent on by method: notifyd.
//!
//! `process` the datagrams of the socket | `request` one datagram's fields | `method` which method |
//! `mailto` by sendmail | `external` by a program | `child` a program that is fed and waited for.
//!
//! Who sends: imapd and its sisters (`event_notifier`, RFC 5423), lmtpd (`mailnotifier`), Sieve
//! scripts (`sievenotifier`). The socket is one of cyrus.conf with `proto="udp"`; one process
//! serves it, in order. What cannot be sent on is lost: a notification is no promise.
#![forbid(unsafe_code)]

pub mod child;
pub mod external;
pub mod mailto;
pub mod method;
pub mod process;
pub mod request;

/// The whole program; gives the exit code.
#[must_use]
pub fn main() -> i32 {
    libcyrus::service::run::<process::Notifyd>()
}
