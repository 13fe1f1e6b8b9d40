//! The log: C's lines, C's levels, one function per line.
//!
//! A process opens its log at start ([`open_early`], then [`open`]); its name and facility are, like the log
//! connection of the C library, one per process. Lines go as datagrams to /dev/log; a log daemon that is away loses
//! lines and never holds up mail. Words that came from a client are made printable and bounded here.

mod lines;
mod usage;

pub use crate::config::errno_text;
pub use lines::*;
pub use usage::Usage;

pub use cyrus_sys::syslog::Severity as Priority;
use cyrus_sys::syslog::{Facility, Writer};
use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// "Already logged, nothing left to say": proof that a failure was written to the log where file and errno were known.
/// Only this module makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "tell the caller that the failure was logged"]
pub struct Logged(());

/// Facilities that `syslog_facility` knows.
const FACILITIES: [&str; 12] = [
    "daemon", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7", "mail", "news",
    "user",
];

/// The log of this process.
struct Log {
    writer: Writer,
    debug: bool,
    echo: bool,
}

static LOG: Mutex<Option<Log>> = Mutex::new(None);

thread_local! {
    static CAPTURED: RefCell<Option<Vec<(Priority, String)>>> = const { RefCell::new(None) };
}

/// Prefix of the ident while neither environment nor configuration speak of the log: Debian's programs use it, and the
/// filters of its packages look for `cyrus/imap`.
const PREFIX: &str = "cyrus";

/// Opens the log before the configuration is known: ident `$CYRUS_SYSLOG_PREFIX/IDENT` or `cyrus/IDENT`, facility
/// mail. Debug lines are kept back until `debug` is known.
pub fn open_early(ident: &str) {
    let prefix = std::env::var("CYRUS_SYSLOG_PREFIX");
    install(&ident_with(Some(prefix.as_deref().unwrap_or(PREFIX)), ident), Facility::MAIL, false);
}

/// Opens the log of this process: ident `<prefix>/<service>` and facility from the configuration, LOG_DEBUG lines only
/// with `debug: yes`; also receives what the `log` macros write.
///
/// As in C a configured facility without a prefix leaves the ident bare, and master knows neither the default prefix
/// nor `syslog_facility`.
pub fn open(config: &crate::Config) {
    use crate::Opt;
    let is_master = config.service() == "master";
    let environment = std::env::var("CYRUS_SYSLOG_PREFIX").ok();
    let configured = config.string(Opt::SyslogPrefix);
    let facility_name = config.string(Opt::SyslogFacility).filter(|_| !is_master);
    let untouched = configured.is_none() && facility_name.is_none() && !is_master;
    let prefix = environment.as_deref().or(if untouched { Some(PREFIX) } else { configured });
    let mut facility = Facility::MAIL;
    if let Some(name) = facility_name {
        let known = FACILITIES.iter().any(|known| known.eq_ignore_ascii_case(name));
        match Facility::from_name(name).filter(|_| known) {
            Some(named) => facility = named,
            None => write(Priority::Err, format_args!("config error: syslog name {name} not recognised")),
        }
    }
    install(&ident_with(prefix, config.service()), facility, config.switch(Opt::Debug));
}

/// Sends every line to standard error too, as the original does with LOG_PERROR (squatter -v, cyr_expire -v).
pub fn echo_to_stderr(on: bool) {
    if let Some(log) = lock().as_mut() {
        log.echo = on;
    }
}

fn ident_with(prefix: Option<&str>, ident: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}/{ident}"),
        None => ident.to_owned(),
    }
}

fn install(ident: &str, facility: Facility, debug: bool) {
    let echo = lock().as_ref().is_some_and(|log| log.echo);
    *lock() = Some(Log { writer: Writer::new(ident, facility), debug, echo });
    // A second program name in one process keeps the first logger: it is stateless.
    let _ = log::set_logger(&Bridge);
    log::set_max_level(if debug { log::LevelFilter::Debug } else { log::LevelFilter::Info });
}

fn lock() -> MutexGuard<'static, Option<Log>> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes one line. Lines of LOG_DEBUG are dropped unless the configuration says `debug: yes`.
pub fn write(priority: Priority, text: fmt::Arguments<'_>) {
    match text.as_str() {
        Some(text) => write_bytes(priority, text.as_bytes()),
        None => {
            let mut line = Vec::with_capacity(128);
            let _ = line.write_fmt(text);
            write_bytes(priority, &line);
        }
    }
}

/// Writes one line made of bytes: `text` must already be printable where it came from outside.
pub fn write_bytes(priority: Priority, text: &[u8]) {
    let captured = CAPTURED.with_borrow_mut(|lines| match lines {
        Some(lines) => {
            lines.push((priority, String::from_utf8_lossy(text).into_owned()));
            true
        }
        None => false,
    });
    if captured {
        return;
    }
    let mut log = lock();
    let Some(log) = log.as_mut() else { return };
    if priority == Priority::Debug && !log.debug {
        return;
    }
    log.writer.write(priority, text);
    if log.echo {
        let mut line = format!("{}[{}]: ", log.writer.ident(), std::process::id()).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        let _ = std::io::stderr().write_all(&line);
    }
}

/// Would a LOG_DEBUG line be written?
pub fn debug_enabled() -> bool {
    CAPTURED.with_borrow(Option::is_some) || lock().as_ref().is_some_and(|log| log.debug)
}

/// Collects the lines written by this thread while `f` runs, instead of sending them: for tests.
pub fn capture<T>(f: impl FnOnce() -> T) -> (T, Vec<(Priority, String)>) {
    let outer = CAPTURED.replace(Some(Vec::new()));
    let result = f();
    let lines = CAPTURED.replace(outer).unwrap_or_default();
    (result, lines)
}

/// Foreign bytes made fit for a log line: control characters become `^X`, broken UTF-8 `?`; cut after `max` bytes.
pub fn printable(bytes: &[u8], max: usize) -> String {
    let bytes = bytes.get(..max).unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\0'..'\x20' => text.extend(['^', char::from(c as u8 + b'@')]),
                '\x7f' => text.push_str("^?"),
                c if c.is_control() => text.push('?'),
                c => text.push(c),
            }
        }
        if !chunk.invalid().is_empty() {
            text.push('?');
        }
    }
    text
}

/// The way of the `log` macros into the process log.
struct Bridge;

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info || debug_enabled()
    }

    fn log(&self, record: &log::Record<'_>) {
        let priority = match record.level() {
            log::Level::Error => Priority::Err,
            log::Level::Warn => Priority::Warning,
            log::Level::Info => Priority::Info,
            log::Level::Debug | log::Level::Trace => Priority::Debug,
        };
        write(priority, *record.args());
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_forge_a_line() {
        assert_eq!(printable(b"ann\r\nMar  5 imapd: login", 100), "ann^M^JMar  5 imapd: login");
        assert_eq!(printable("j\u{f6}rg \u{85}".as_bytes(), 100), "j\u{f6}rg ?");
        assert_eq!(printable(b"\xff\x00\x7f", 100), "?^@^?");
        assert_eq!(printable(&[b'x'; 1000], 10), "xxxxxxxxxx");
    }

    #[test]
    fn captured_lines_come_back_in_order_and_only_then() {
        let ((), lines) = capture(|| {
            write(Priority::Notice, format_args!("one {}", 1));
            write_bytes(Priority::Debug, b"two");
        });
        assert_eq!(lines, [(Priority::Notice, "one 1".to_owned()), (Priority::Debug, "two".to_owned())]);
        assert!(!CAPTURED.with_borrow(Option::is_some));
    }
}
