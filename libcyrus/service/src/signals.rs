//! Signals of a service: SIGTERM, SIGINT and SIGQUIT ask it to end at the next poll point, SIGHUP
//! to end between connections, SIGUSR2 cancels the running command. C: lib/signals.c

use cyrus_base::log::{self, Priority};
use cyrus_sys::signal::{self, Disposition, Signal};
use std::sync::atomic::{AtomicBool, Ordering};

/// What the flags say at a poll point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Nothing came.
    Clear,
    /// SIGTERM, SIGINT or SIGQUIT: end now with code 75; the line `graceful shutdown` is logged
    /// when this is first told.
    Shutdown,
    /// SIGHUP (or SIGALRM while waiting for a connection): end after this connection.
    Reload,
}

/// Installs the handlers. SIGHUP does not disturb a connection's system calls.
///
/// # Errors
/// What sigaction(2) says.
pub fn install() -> std::io::Result<()> {
    for signal in [Signal::Alrm, Signal::Quit, Signal::Int, Signal::Term, Signal::Usr2] {
        signal::set(signal, Disposition::Note)?;
    }
    signal::set(Signal::Hup, Disposition::NoteAndRestart)?;
    signal::set(Signal::Pipe, Disposition::Ignore)
}

/// Looks at the flags. Call it before waiting for a client and in long loops. C: signals_poll()
#[must_use]
pub fn poll() -> Poll {
    let fatal = [Signal::Int, Signal::Quit, Signal::Term];
    if let Some(signal) = fatal.into_iter().find(|s| signal::is_raised(*s)) {
        static TOLD: AtomicBool = AtomicBool::new(false);
        if !TOLD.swap(true, Ordering::Relaxed) {
            tell(signal::sender(signal));
        }
        return Poll::Shutdown;
    }
    if signal::is_raised(Signal::Hup) || signal::is_raised(Signal::Alrm) {
        return Poll::Reload;
    }
    Poll::Clear
}

/// True once when SIGUSR2 came: cancel the running command. C: signals_cancelled()
#[must_use]
pub fn take_cancelled() -> bool {
    signal::take(Signal::Usr2)
}

/// The line that tells of the end; a sender other than our parent is named.
fn tell(sender: i32) {
    if sender == 0 || sender == nix::unistd::getppid().as_raw() {
        log::write(Priority::Notice, format_args!("graceful shutdown"));
        return;
    }
    let mut command = std::fs::read(format!("/proc/{sender}/cmdline")).unwrap_or_default();
    command.truncate(1023);
    if command.last() == Some(&0) {
        command.pop();
    }
    for octet in &mut command {
        if *octet == 0 {
            *octet = b' ';
        }
    }
    if command.is_empty() {
        command = b"unknown".to_vec();
    }
    let command = log::printable(&command, 1023);
    log::write(
        Priority::Notice,
        format_args!("graceful shutdown initiated by unexpected process {sender} ({command})"),
    );
}
