//! Exit codes (sysexits) and the last words of a process that cannot go on.

use crate::log::{self, Priority};
use std::fmt;
use std::io::Write;

/// Success.
pub const EX_OK: i32 = 0;
/// Wrong use of the command line.
pub const EX_USAGE: i32 = 64;
/// Wrong input data.
pub const EX_DATAERR: i32 = 65;
/// Unreadable input.
pub const EX_NOINPUT: i32 = 66;
/// Unknown user.
pub const EX_NOUSER: i32 = 67;
/// Unknown host.
pub const EX_NOHOST: i32 = 68;
/// Service not available.
pub const EX_UNAVAILABLE: i32 = 69;
/// Internal error.
pub const EX_SOFTWARE: i32 = 70;
/// Error of the operating system.
pub const EX_OSERR: i32 = 71;
/// A system file is missing or wrong.
pub const EX_OSFILE: i32 = 72;
/// Output cannot be made.
pub const EX_CANTCREAT: i32 = 73;
/// Input or output failed.
pub const EX_IOERR: i32 = 74;
/// Try again later.
pub const EX_TEMPFAIL: i32 = 75;
/// The peer broke the protocol.
pub const EX_PROTOCOL: i32 = 76;
/// Not permitted.
pub const EX_NOPERM: i32 = 77;
/// Wrong configuration.
pub const EX_CONFIG: i32 = 78;
/// What a shell sees of the original's `exit(-1)`.
pub const EX_MINUS_ONE: i32 = 255;

/// An error that ends the program: the text and the exit code. Libraries return it; only `main` acts on it.
#[derive(Debug)]
pub struct Fatal {
    /// What C writes behind `fatal error: `.
    pub text: String,
    /// The exit code.
    pub code: i32,
}

impl Fatal {
    /// Makes a fatal error of a text and an exit code.
    pub fn new(text: impl Into<String>, code: i32) -> Fatal {
        Fatal { text: text.into(), code }
    }

    /// The last words of a tool: `fatal error: TEXT` on standard error. Gives the exit code. C: fatal() in cli_fatal.c
    pub fn report(&self) -> i32 {
        let _ = writeln!(std::io::stderr(), "fatal error: {}", self.text);
        self.code
    }

    /// The last words of a daemon, whose standard error nobody reads: `Fatal error: TEXT` in the log. Gives the exit
    /// code.
    pub fn report_to_log(&self) -> i32 {
        log::write(Priority::Err, format_args!("Fatal error: {}", self.text));
        self.code
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fatal {}

impl From<crate::config::ConfigError> for Fatal {
    fn from(error: crate::config::ConfigError) -> Fatal {
        Fatal::new(error.text, error.code)
    }
}
