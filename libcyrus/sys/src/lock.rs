//! Whole-file fcntl record locks, the only kind Cyrus uses (reference/mailbox-files.md 7).
//!
//! These locks belong to the *process*: closing any descriptor of the file drops them. Whoever
//! locks a file opens it once per process and keeps that descriptor for the life of the lock.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Which kind of lock is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Others may read too (F_RDLCK).
    Shared,
    /// Nobody else (F_WRLCK).
    Exclusive,
}

/// What to do when somebody else holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Sleep until it is free (F_SETLKW), restarting after a signal.
    Block,
    /// Sleep until it is free, but return [`io::ErrorKind::Interrupted`] after a signal whose
    /// handler does not restart system calls.
    UntilSignal,
    /// Return [`io::ErrorKind::WouldBlock`] at once (F_SETLK).
    Try,
}

/// Who is told of locks that took long: from which time on, and a function of the file and the time.
type SlowLocks = (Duration, fn(PathBuf, Duration));

static SLOW: OnceLock<SlowLocks> = OnceLock::new();

/// From now on `tell` hears of every lock of this process that took longer than `limit`; the first call counts.
pub fn watch(limit: Duration, tell: fn(PathBuf, Duration)) {
    let _ = SLOW.set((limit, tell));
}

/// Locks the whole file behind `fd`.
///
/// # Errors
/// `WouldBlock` when `wait` is [`Wait::Try`] and the lock is taken; otherwise what fcntl(2) says.
pub fn lock(fd: BorrowedFd<'_>, mode: Mode, wait: Wait) -> io::Result<()> {
    let kind = match mode {
        Mode::Shared => libc::F_RDLCK,
        Mode::Exclusive => libc::F_WRLCK,
    };
    let Some((limit, tell)) = SLOW.get() else { return set(fd, kind, wait) };
    let start = Instant::now();
    set(fd, kind, wait)?;
    let took = start.elapsed();
    if took > *limit {
        let file = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        tell(file.unwrap_or_default(), took);
    }
    Ok(())
}

/// Releases this process's lock on the file.
///
/// # Errors
/// What fcntl(2) says.
pub fn unlock(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::F_UNLCK, Wait::Block)
}

fn set(fd: BorrowedFd<'_>, kind: libc::c_int, wait: Wait) -> io::Result<()> {
    let request = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let command = match wait {
        Wait::Block | Wait::UntilSignal => libc::F_SETLKW,
        Wait::Try => libc::F_SETLK,
    };
    loop {
        // SAFETY: the descriptor is open for the length of the borrow, and the kernel only reads
        // the flock structure, which outlives the call.
        let done = unsafe { libc::fcntl(fd.as_raw_fd(), command, &raw const request) };
        if done == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) if wait != Wait::UntilSignal => {}
            Some(libc::EACCES | libc::EAGAIN) if wait == Wait::Try => {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            _ => return Err(error),
        }
    }
}
