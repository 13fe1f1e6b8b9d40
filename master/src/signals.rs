//! Signals as facts to be looked at, with a pipe end that wakes the poll.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/// What has been received and not yet taken.
#[derive(Debug)]
pub struct Signals {
    child: Arc<AtomicBool>,
    hangup: Arc<AtomicBool>,
    quit: Arc<AtomicBool>,
    wake: UnixStream,
}

impl Signals {
    /// Installs the handlers and unblocks the signals.
    ///
    /// # Errors
    /// The error of a handler that cannot be installed.
    pub fn install() -> io::Result<Signals> {
        let (wake, writer) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let signals = Signals { child: Arc::default(), hangup: Arc::default(), quit: Arc::default(), wake };
        let flags = [
            (SIGCHLD, &signals.child),
            (SIGHUP, &signals.hangup),
            (SIGINT, &signals.quit),
            (SIGQUIT, &signals.quit),
            (SIGTERM, &signals.quit),
        ];
        for (signal, flag) in flags {
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        // SIGALRM only wakes
        signal_hook::low_level::pipe::register(SIGALRM, writer)?;
        pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&ours()), None)?;
        Ok(signals)
    }

    /// The end to be polled.
    pub fn wake(&mut self) -> &mut UnixStream {
        &mut self.wake
    }

    /// Empties the pipe; to be called before the facts are taken.
    pub fn drain(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.wake.read(&mut bytes), Ok(n) if n > 0) {}
    }

    /// A child has died.
    pub fn take_child(&self) -> bool {
        self.child.swap(false, Ordering::SeqCst)
    }

    /// SIGHUP.
    pub fn take_hangup(&self) -> bool {
        self.hangup.swap(false, Ordering::SeqCst)
    }

    /// SIGTERM, SIGQUIT or SIGINT.
    pub fn take_quit(&self) -> bool {
        self.quit.swap(false, Ordering::SeqCst)
    }

    /// As [`Signals::take_quit`], without taking it.
    pub fn quit_pending(&self) -> bool {
        self.quit.load(Ordering::SeqCst)
    }
}

/// The signals the master acts on.
fn ours() -> SigSet {
    [Signal::SIGHUP, Signal::SIGALRM, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD]
        .into_iter()
        .collect()
}

/// The mask children get: what the master was started with, less the signals it needs itself.
pub fn mask_for_children() -> SigSet {
    let mut mask = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
    for signal in &ours() {
        mask.remove(signal);
    }
    mask
}

/// Signals whose action is set back to the default in children. SIGPIPE: Rust's start-up ignores it.
pub const DEFAULT_FOR_CHILDREN: [Signal; 7] = [
    Signal::SIGALRM,
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGPIPE,
    Signal::SIGQUIT,
    Signal::SIGTERM,
];
