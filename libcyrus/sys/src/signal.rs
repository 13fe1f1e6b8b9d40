//! Signals as flags: handlers only note that a signal came and who sent it, and wake whoever
//! waits in poll through one event descriptor. Nothing happens until the program asks.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// The signals a Cyrus process listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again, or end between connections.
    Hup,
    /// SIGINT: end.
    Int,
    /// SIGQUIT: end.
    Quit,
    /// SIGTERM: end.
    Term,
    /// SIGALRM: a timer ran out, or wake up.
    Alrm,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2: cancel the running command.
    Usr2,
    /// SIGCHLD: a child ended.
    Chld,
    /// SIGPIPE, only to be ignored.
    Pipe,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Hup,
        Self::Int,
        Self::Quit,
        Self::Term,
        Self::Alrm,
        Self::Usr1,
        Self::Usr2,
        Self::Chld,
        Self::Pipe,
    ];

    /// The kernel's number.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Hup => libc::SIGHUP,
            Self::Int => libc::SIGINT,
            Self::Quit => libc::SIGQUIT,
            Self::Term => libc::SIGTERM,
            Self::Alrm => libc::SIGALRM,
            Self::Usr1 => libc::SIGUSR1,
            Self::Usr2 => libc::SIGUSR2,
            Self::Chld => libc::SIGCHLD,
            Self::Pipe => libc::SIGPIPE,
        }
    }

    fn slot(self) -> usize {
        self as usize
    }
}

/// What a signal does when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Note it; system calls return `Interrupted`.
    Note,
    /// Note it; system calls that can be restarted are.
    NoteAndRestart,
    /// Discard it.
    Ignore,
    /// What the kernel does by default.
    Default,
}

static RAISED: [AtomicBool; 9] = [const { AtomicBool::new(false) }; 9];
static SENDER: [AtomicI32; 9] = [const { AtomicI32::new(0) }; 9];
static WAKE: AtomicI32 = AtomicI32::new(-1);
static WAKE_OWNER: OnceLock<OwnedFd> = OnceLock::new();

/// Decides what `signal` does from now on.
///
/// # Errors
/// What sigaction(2) and eventfd(2) say.
pub fn set(signal: Signal, disposition: Disposition) -> io::Result<()> {
    let (handler, flags) = match disposition {
        Disposition::Note => (note as *const () as libc::sighandler_t, libc::SA_SIGINFO),
        Disposition::NoteAndRestart => {
            (note as *const () as libc::sighandler_t, libc::SA_SIGINFO | libc::SA_RESTART)
        }
        Disposition::Ignore => (libc::SIG_IGN, 0),
        Disposition::Default => (libc::SIG_DFL, 0),
    };
    if flags != 0 {
        wake_fd()?;
    }
    // SAFETY: a zeroed sigaction is a valid value; all fields that matter are set below.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: sa_mask belongs to the live structure `action`; the handler only touches atomics
    // and calls write(2), both allowed in a signal handler.
    let done = unsafe {
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(signal.number(), &raw const action, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// True when `signal` came since it was last taken.
#[must_use]
pub fn is_raised(signal: Signal) -> bool {
    RAISED.get(signal.slot()).is_some_and(|f| f.load(Ordering::SeqCst))
}

/// Like [`is_raised`], and forgets it.
pub fn take(signal: Signal) -> bool {
    RAISED.get(signal.slot()).is_some_and(|f| f.swap(false, Ordering::SeqCst))
}

/// Process that sent the last `signal`; 0 when the kernel did or none came.
#[must_use]
pub fn sender(signal: Signal) -> i32 {
    SENDER.get(signal.slot()).map_or(0, |s| s.load(Ordering::SeqCst))
}

/// A descriptor that becomes readable when a noted signal arrives: add it to every poll and no
/// signal can slip in between looking at the flags and waiting.
///
/// # Errors
/// What eventfd(2) says.
pub fn wake_fd() -> io::Result<BorrowedFd<'static>> {
    if let Some(fd) = WAKE_OWNER.get() {
        return Ok(std::os::fd::AsFd::as_fd(fd));
    }
    // SAFETY: eventfd takes two integers and returns a new descriptor or -1.
    let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made just now and nobody else owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(raw) };
    let kept = WAKE_OWNER.get_or_init(|| owned);
    WAKE.store(kept.as_raw_fd(), Ordering::SeqCst);
    Ok(std::os::fd::AsFd::as_fd(kept))
}

/// Empties the wake descriptor after it was found readable.
pub fn drain_wake() {
    let fd: RawFd = WAKE.load(Ordering::SeqCst);
    let mut count = 0_u64;
    if fd >= 0 {
        // SAFETY: the descriptor lives for ever (WAKE_OWNER) and the buffer is eight octets long.
        unsafe { libc::read(fd, (&raw mut count).cast(), 8) };
    }
}

/// Sends SIGALRM after `seconds`, 0 cancels.
pub fn alarm(seconds: u32) {
    // SAFETY: alarm(2) takes an integer and cannot fail.
    unsafe { libc::alarm(seconds) };
}

/// Unblocks all signals and gives the listed ones their default action, for a process whose
/// parent may have left others.
///
/// # Errors
/// What sigprocmask(2) says.
pub fn unblock_all() -> io::Result<()> {
    // SAFETY: the set is initialised by sigemptyset before it is used.
    let done = unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends signal `number` (0: only ask whether it exists) to process `pid`, or to the group
/// `-pid` when negative.
///
/// # Errors
/// What kill(2) says.
pub fn kill(pid: i32, number: i32) -> io::Result<()> {
    // SAFETY: kill(2) takes two integers.
    if unsafe { libc::kill(pid, number) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn note(number: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    for signal in Signal::ALL {
        if signal.number() == number {
            if !info.is_null() {
                // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler; for signals
                // sent by a process si_pid is set, otherwise it reads as 0 or the child's id.
                let pid = unsafe { (*info).si_pid() };
                if let Some(s) = SENDER.get(signal.slot()) {
                    s.store(pid, Ordering::SeqCst);
                }
            }
            if let Some(f) = RAISED.get(signal.slot()) {
                f.store(true, Ordering::SeqCst);
            }
        }
    }
    let fd = WAKE.load(Ordering::SeqCst);
    if fd >= 0 {
        let one = 1_u64;
        // SAFETY: errno is saved and restored around write(2), which is async-signal-safe; the
        // descriptor lives for ever and the buffer is eight octets.
        unsafe {
            let saved = *libc::__errno_location();
            libc::write(fd, (&raw const one).cast(), 8);
            *libc::__errno_location() = saved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fd::{Poll, poll_all};
    use std::time::Duration;

    #[test]
    fn a_noted_signal_sets_its_flag_and_wakes_poll() {
        set(Signal::Usr2, Disposition::Note).unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        kill(me, Signal::Usr2.number()).unwrap();
        let mut fds = [Poll::readable(wake_fd().unwrap())];
        assert_eq!(poll_all(&mut fds, Some(Duration::from_secs(5))).unwrap(), 1);
        drain_wake();
        assert_eq!(sender(Signal::Usr2), me);
        assert!(take(Signal::Usr2));
        assert!(!take(Signal::Usr2));
        assert_eq!(poll_all(&mut fds, Some(Duration::from_millis(1))).unwrap(), 0);
    }
}
