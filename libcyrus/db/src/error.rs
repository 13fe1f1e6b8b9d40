//! What can go wrong with a database, and the codes C prints for it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Shorthand of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a database operation failed; C: `enum cyrusdb_ret`.
#[derive(Debug)]
pub enum Error {
    /// The bytes on disk are not what the format says.
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The key to create, or the database to make, is there already.
    Exists,
    /// The system refused an operation on the file.
    Io {
        /// The file.
        file: PathBuf,
        /// The operation, e.g. `fsync`.
        op: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another transaction of this process, or another process, has it.
    Locked,
    /// No such database file.
    NotFound,
    /// A backend or operation that is not built in: its name, e.g. `sql`.
    NotImplemented(&'static str),
    /// A write on a database that was opened for reading.
    ReadOnly,
}

impl Error {
    /// The number C gives this error, as its tools print it.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Corrupt { .. } | Self::Io { .. } => -1,
            Self::Exists => -3,
            Self::NotFound => -5,
            Self::Locked => -6,
            Self::NotImplemented(_) => -7,
            Self::ReadOnly => -9,
        }
    }

    /// An I/O failure of `op` on `file`.
    pub(crate) fn io(file: &Path, op: &'static str, source: io::Error) -> Self {
        Self::Io { file: file.to_owned(), op, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { file, offset, what } => {
                write!(f, "{}: {what} at offset {offset:#x}", file.display())
            }
            Self::Exists => f.write_str("item exists"),
            Self::Io { file, op, source } => write!(f, "{}: {op}: {source}", file.display()),
            Self::Locked => f.write_str("database locked"),
            Self::NotFound => f.write_str("not found"),
            Self::NotImplemented(what) => {
                write!(f, "database backend or operation not built in: {what}")
            }
            Self::ReadOnly => f.write_str("database opened read only"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Corrupt { .. }
            | Self::Exists
            | Self::Locked
            | Self::NotFound
            | Self::NotImplemented(_)
            | Self::ReadOnly => None,
        }
    }
}
