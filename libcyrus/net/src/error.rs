//! What can go wrong with a peer.

use std::fmt;
use std::io;

/// Why talking to a peer failed.
#[derive(Debug)]
pub enum Error {
    /// The peer closed the connection (or it broke).
    Closed,
    /// Nothing came within the timeout.
    Timeout,
    /// A line or word was longer than its limit; the octets read so far are dropped.
    TooLong,
    /// A signal asks the process to end (SIGTERM, SIGINT, SIGQUIT), or a waiter was interrupted.
    Interrupted,
    /// TLS failed; the sentence is for the log.
    Tls(String),
    /// SASL failed: libsasl's code and sentence.
    Sasl(i32, String),
    /// The configuration does not allow it (no certificate, ...).
    Config(String),
    /// Any other failure of the system.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("end of file reached"),
            Self::Timeout => f.write_str("idle for too long"),
            Self::TooLong => f.write_str("word too long"),
            Self::Interrupted => f.write_str("interrupted by a signal"),
            Self::Tls(text) | Self::Config(text) => f.write_str(text),
            Self::Sasl(code, text) => write!(f, "SASL({code}): {text}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted => Self::Closed,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::Interrupted => Self::Interrupted,
            _ => Self::Io(error),
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
