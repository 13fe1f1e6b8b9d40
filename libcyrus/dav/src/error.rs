//! The error type of this floor.

use cyrus_base::log::Logged;
use std::fmt;

/// What can go wrong.
#[derive(Debug)]
pub enum Error {
    /// No such script.
    NotFound,
    /// There is a script of that name already.
    Exists,
    /// The active script cannot be deleted.
    Active,
    /// The script is no Sieve; the text for its author.
    Invalid(String),
    /// The store refuses.
    Store(cyrus_store::Error),
    /// A file or the SQLite database failed; it is in the log.
    Io(Logged),
}

/// Results of this floor.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("Script does not exist"),
            Self::Exists => f.write_str("Script already exists"),
            Self::Active => f.write_str("Active script cannot be deleted"),
            Self::Invalid(text) => f.write_str(text),
            Self::Store(error) => error.fmt(f),
            Self::Io(_) => f.write_str("System I/O error"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl From<cyrus_store::Error> for Error {
    fn from(error: cyrus_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Logged> for Error {
    fn from(logged: Logged) -> Self {
        Self::Io(logged)
    }
}
