//! Descriptors: taking over inherited ones, duplicating onto fixed numbers, flags, waiting.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Numbers below 64 that [`inherited`] has already given away.
static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// Takes ownership of a descriptor this process was started with (3 and 4 of a service).
///
/// Call it before anything else opens files, so that the number is still the inherited one.
///
/// # Errors
/// `NotFound` when no such descriptor is open, `AlreadyExists` when it was taken before,
/// `InvalidInput` for numbers outside 0..64.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    let bit = match u32::try_from(number) {
        Ok(n) if n < 64 => 1_u64 << n,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    // SAFETY: F_GETFD reads a flag of the descriptor table and touches no memory.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    if CLAIMED.fetch_or(bit, Ordering::SeqCst) & bit != 0 {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // SAFETY: the descriptor is open, came from our parent and is given to one owner only, which
    // CLAIMED guarantees.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Makes `fd` also standard input and standard output, as every service does with its connection.
///
/// # Errors
/// What dup2(2) says.
pub fn dup_to_stdio(fd: BorrowedFd<'_>) -> io::Result<()> {
    for number in [0, 1] {
        dup_onto(fd, number)?;
    }
    Ok(())
}

/// Points standard input, output and, if asked, error to /dev/null.
///
/// # Errors
/// What open(2) and dup2(2) say.
pub fn null_stdio(with_stderr: bool) -> io::Result<()> {
    use std::os::fd::AsFd;
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup_onto(null.as_fd(), 0)?;
    dup_onto(null.as_fd(), 1)?;
    if with_stderr {
        dup_onto(null.as_fd(), 2)?;
    }
    Ok(())
}

/// Makes `fd` standard output and standard error as well (a log file of a daemon).
///
/// # Errors
/// What dup2(2) says.
pub fn dup_to_output(fd: BorrowedFd<'_>) -> io::Result<()> {
    dup_onto(fd, 1)?;
    dup_onto(fd, 2)
}

fn dup_onto(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    if fd.as_raw_fd() == number {
        return Ok(());
    }
    loop {
        // SAFETY: `number` is one of 0, 1, 2, which no OwnedFd of this process stands for: std
        // never closes them and `inherited` is not called for them by the frame.
        if unsafe { libc::dup2(fd.as_raw_fd(), number) } >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// A new descriptor for the same open file, closed at exec.
///
/// # Errors
/// What fcntl(2) says.
pub fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    fd.try_clone_to_owned()
}

/// Sets or clears close-on-exec.
///
/// # Errors
/// What fcntl(2) says.
pub fn set_cloexec(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    flag(fd, libc::F_GETFD, libc::F_SETFD, libc::FD_CLOEXEC, on)
}

/// Sets or clears non-blocking mode of the open file.
///
/// # Errors
/// What fcntl(2) says.
pub fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    flag(fd, libc::F_GETFL, libc::F_SETFL, libc::O_NONBLOCK, on)
}

fn flag(fd: BorrowedFd<'_>, read: i32, write: i32, bit: i32, on: bool) -> io::Result<()> {
    // SAFETY: both commands take and return integers; the descriptor is open for the borrow.
    let old = unsafe { libc::fcntl(fd.as_raw_fd(), read) };
    if old < 0 {
        return Err(io::Error::last_os_error());
    }
    let new = if on { old | bit } else { old & !bit };
    // SAFETY: as above.
    if new != old && unsafe { libc::fcntl(fd.as_raw_fd(), write, new) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Marks every descriptor from `first` on close-on-exec (close_range with CLOEXEC; a loop over
/// /proc/self/fd on kernels without it).
///
/// # Errors
/// What the kernel says.
pub fn cloexec_from(first: RawFd) -> io::Result<()> {
    let from = u32::try_from(first).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: close_range with CLOSE_RANGE_CLOEXEC only sets flags in the descriptor table.
    let done = unsafe { libc::syscall(libc::SYS_close_range, from, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|n| n.parse::<RawFd>().ok()) else { continue };
        if number >= first {
            // SAFETY: sets a flag by number; a number closed meanwhile gives EBADF, ignored.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// What to wait for on a descriptor, and afterwards what came.
#[repr(transparent)]
pub struct Poll<'fd> {
    raw: libc::pollfd,
    fd: std::marker::PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> Poll<'fd> {
    /// Wait until `fd` can be read (or is at its end).
    #[must_use]
    pub fn readable(fd: BorrowedFd<'fd>) -> Self {
        Self::new(fd, libc::POLLIN)
    }

    /// Wait until `fd` can be written.
    #[must_use]
    pub fn writable(fd: BorrowedFd<'fd>) -> Self {
        Self::new(fd, libc::POLLOUT)
    }

    fn new(fd: BorrowedFd<'fd>, events: libc::c_short) -> Self {
        let raw = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
        Self { raw, fd: std::marker::PhantomData }
    }

    /// True when the last [`poll`] found it ready, at its end or in error.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.raw.revents != 0
    }
}

/// Waits until one of `fds` is ready; returns how many are, 0 after `timeout` (`None`: no limit).
///
/// # Errors
/// `Interrupted` when a signal handler ran; otherwise what poll(2) says.
pub fn poll(fds: &mut [Poll<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    let spec = timeout.map(|t| libc::timespec {
        tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(t.subsec_nanos()),
    });
    let spec_ptr = spec.as_ref().map_or(std::ptr::null(), |s| &raw const *s);
    let count = fds.len() as libc::nfds_t;
    // SAFETY: Poll is a transparent pollfd, the slice has `count` of them, the descriptors are
    // borrowed for the call, and the timespec outlives it; no signal mask is given.
    let ready =
        unsafe { libc::ppoll(fds.as_mut_ptr().cast::<libc::pollfd>(), count, spec_ptr, std::ptr::null()) };
    usize::try_from(ready).map_err(|_| io::Error::last_os_error())
}

/// As [`poll`], but goes on waiting for the rest of `timeout` after a signal.
///
/// # Errors
/// What poll(2) says.
pub fn poll_all(fds: &mut [Poll<'_>], timeout: Option<Duration>) -> io::Result<usize> {
    let end = timeout.and_then(|t| Instant::now().checked_add(t));
    let mut left = timeout;
    loop {
        match poll(fds, left) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {
                left = end.map(|e| e.saturating_duration_since(Instant::now())).or(left);
            }
            other => return other,
        }
    }
}

/// Number of the kind of file system a file is on (statfs(2) `f_type`).
///
/// # Errors
/// What fstatfs(2) says.
#[allow(clippy::useless_conversion, reason = "the kernel's type has another width elsewhere")]
pub fn filesystem_magic(fd: BorrowedFd<'_>) -> io::Result<i64> {
    let found = nix::sys::statfs::fstatfs(fd)?;
    Ok(found.filesystem_type().0.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::{AsFd, IntoRawFd};
    use std::os::unix::net::UnixStream;

    #[test]
    fn an_inherited_descriptor_is_given_away_once() {
        let (a, _b) = UnixStream::pair().unwrap();
        let number = a.into_raw_fd();
        assert!(inherited(number).is_ok());
        assert_ne!(inherited(number).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(inherited(-1).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn poll_sees_data_and_timeout() {
        let (a, mut b) = UnixStream::pair().unwrap();
        let mut fds = [Poll::readable(a.as_fd())];
        assert_eq!(poll_all(&mut fds, Some(Duration::from_millis(5))).unwrap(), 0);
        assert!(!fds[0].is_ready());
        b.write_all(b"x").unwrap();
        assert_eq!(poll_all(&mut fds, None).unwrap(), 1);
        assert!(fds[0].is_ready());
    }

    #[test]
    fn cloexec_can_be_set_and_cleared() {
        let (a, _b) = UnixStream::pair().unwrap();
        set_cloexec(a.as_fd(), false).unwrap();
        set_cloexec(a.as_fd(), true).unwrap();
        set_nonblocking(a.as_fd(), true).unwrap();
        let mut byte = [0];
        let read = std::io::Read::read(&mut &a, &mut byte);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
