//! The log: C's lines, C's levels, one function per line.
//!
//! A process opens its log once ([`open`]); before that, lines go out under the program's name. Words that came from a
//! client are made printable and bounded here.

mod lines;

pub use lines::*;

use std::fmt;

/// Levels of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Priority {
    /// LOG_EMERG
    Emerg = 0,
    /// LOG_ALERT
    Alert = 1,
    /// LOG_CRIT
    Crit = 2,
    /// LOG_ERR
    Err = 3,
    /// LOG_WARNING
    Warning = 4,
    /// LOG_NOTICE
    Notice = 5,
    /// LOG_INFO
    Info = 6,
    /// LOG_DEBUG
    Debug = 7,
}

/// "Already logged, nothing left to say": proof that a failure was written to the log where file and errno were known.
/// Only this module makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "tell the caller that the failure was logged"]
pub struct Logged(());

/// Opens the log of this process: ident `<prefix>/<service>` and facility from the configuration, LOG_DEBUG lines only
/// with `debug: yes`; also receives what the `log` macros write.
pub fn open(config: &crate::Config) {
    let _ = config;
    todo!()
}

/// Writes one line. Lines of LOG_DEBUG are dropped unless the configuration says `debug: yes`.
pub fn write(priority: Priority, text: fmt::Arguments<'_>) {
    let _ = (priority, text);
    todo!()
}

/// Writes one line made of bytes: `text` must already be printable where it came from outside.
pub fn write_bytes(priority: Priority, text: &[u8]) {
    let _ = (priority, text);
    todo!()
}

/// Would a LOG_DEBUG line be written?
pub fn debug_enabled() -> bool {
    todo!()
}

/// Collects the lines written by this thread while `f` runs, instead of sending them: for tests.
pub fn capture<T>(f: impl FnOnce() -> T) -> (T, Vec<(Priority, String)>) {
    let _ = f;
    todo!()
}

/// Foreign bytes made fit for a log line: control and non-ASCII bytes become `?`, at most `max` bytes.
pub fn printable(bytes: &[u8], max: usize) -> String {
    let _ = (bytes, max);
    todo!()
}
