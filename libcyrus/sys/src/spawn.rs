//! Starting processes: fork for daemons, spawn for children, and the descriptors both must not leak.
//!
//! A child is started with `posix_spawn`, which on Linux shares the parent's memory until exec, so
//! its price does not grow with the parent. Nothing of ours runs between fork and exec.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;

/// What a child is to be born with.
///
/// Every descriptor that is not close-on-exec is inherited as well; a caller that promises a clean
/// child opens everything with `O_CLOEXEC` and calls [`cloexec_from`] once at start.
#[derive(Debug, Default)]
pub struct Spawn<'a> {
    /// Descriptors to place: (ours, number in the child).
    pub fds: Vec<(BorrowedFd<'a>, RawFd)>,
    /// Process group: `None` stays in ours, `Some(0)` founds one, `Some(n)` joins n.
    pub pgid: Option<i32>,
    /// Soft limit of open files; capped at the hard limit.
    pub nofile: Option<u64>,
    /// Signals blocked in the child.
    pub sigmask: Option<SigSet>,
    /// Signals set back to their default action (a handler is reset by exec anyway, an ignored
    /// signal is not).
    pub sigdefault: Vec<Signal>,
}

impl Spawn<'_> {
    /// Starts `path` with the given arguments and environment and returns its pid.
    ///
    /// # Errors
    /// The error of fork or of exec: with this call a program that cannot be executed is known
    /// here, not by an exit status.
    pub fn start(&self, path: &CString, argv: &[CString], envp: &[CString]) -> io::Result<i32> {
        let mut actions = PosixSpawnFileActions::init()?;
        // Sources below a target number would be overwritten by an earlier placement, so they are
        // first moved out of the way.
        let top = self.fds.iter().map(|(_, to)| *to).max().unwrap_or(2);
        let mut moved = Vec::new();
        for (from, to) in &self.fds {
            if from.as_raw_fd() <= top {
                let number = nix::fcntl::fcntl(*from, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(top + 1))?;
                // SAFETY: fcntl just made this descriptor; nobody else knows it.
                let copy = unsafe { OwnedFd::from_raw_fd(number) };
                actions.add_dup2(number, *to)?;
                moved.push(copy);
            } else {
                actions.add_dup2(from.as_raw_fd(), *to)?;
            }
        }
        let mut attr = PosixSpawnAttr::init()?;
        let mut flags = PosixSpawnFlags::empty();
        if let Some(pgid) = self.pgid {
            attr.set_pgroup(Pid::from_raw(pgid))?;
            flags |= PosixSpawnFlags::POSIX_SPAWN_SETPGROUP;
        }
        if let Some(mask) = &self.sigmask {
            attr.set_sigmask(mask)?;
            flags |= PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
        }
        if !self.sigdefault.is_empty() {
            attr.set_sigdefault(&self.sigdefault.iter().copied().collect())?;
            flags |= PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
        }
        attr.set_flags(flags)?;
        let limit = self.nofile.map(NofileLimit::set).transpose()?;
        let started = posix_spawn(path.as_c_str(), &actions, &attr, argv, envp);
        drop(limit);
        Ok(started?.as_raw())
    }
}

/// Our own soft limit, lowered or raised while a child is born (it inherits it) and then restored.
struct NofileLimit {
    soft: u64,
    hard: u64,
}

impl NofileLimit {
    fn set(wanted: u64) -> nix::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)?;
        Ok(Self { soft, hard })
    }
}

impl Drop for NofileLimit {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard);
    }
}

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one, with the pid of the new.
    Parent(i32),
}

/// Forks a process that has a single thread, for programs that put themselves in the background.
///
/// # Errors
/// `fork`'s error, or `EDEADLK` when the process has more than one thread (the child of such a
/// fork may only call exec).
pub fn fork() -> io::Result<Fork> {
    if std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() > 1) {
        return Err(Errno::EDEADLK.into());
    }
    // SAFETY: the process has one thread (checked above), so no lock can be held by a thread that
    // does not exist in the child, and the child may go on like any process.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(Fork::Child),
        nix::unistd::ForkResult::Parent { child } => Ok(Fork::Parent(child.as_raw())),
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By exit, with this status.
    Exited(i32),
    /// By a signal, real-time ones too, perhaps with a core dump.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// A core was dumped.
        core: bool,
    },
}

/// Whose death is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// Any child that has died already; nobody is waited for.
    AnyDead,
    /// This child, however long it lives.
    Child(i32),
}

/// Reaps a child: its pid and its end. `None` when nobody has died.
///
/// # Errors
/// `ECHILD` without (such) children.
pub fn wait(who: Waited) -> io::Result<Option<(i32, Exit)>> {
    let (pid, flags) = match who {
        Waited::AnyDead => (-1, libc::WNOHANG),
        Waited::Child(pid) => (pid, 0),
    };
    let mut status = 0;
    loop {
        // SAFETY: waitpid writes only to the status, which lives across the call.
        match unsafe { libc::waitpid(pid, &mut status, flags) } {
            0 => return Ok(None),
            dead if dead > 0 => {
                let exit = if libc::WIFSIGNALED(status) {
                    Exit::Signaled { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
                } else {
                    Exit::Exited(libc::WEXITSTATUS(status))
                };
                return Ok(Some((dead, exit)));
            }
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
}

/// Puts `/dev/null` (close-on-exec) on each of the given descriptor numbers, whatever was there.
///
/// To be called before the process opens anything: the numbers are reserved for children.
///
/// # Errors
/// The error of open or dup3.
pub fn reserve_fds(numbers: std::ops::RangeInclusive<RawFd>) -> io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    let mut keep_null = false;
    for number in numbers {
        if null.as_raw_fd() == number {
            keep_null = true;
            continue;
        }
        // SAFETY: dup3 only changes the descriptor table; the numbers are the caller's to give,
        // by the contract above nobody in this process owns them yet.
        if unsafe { libc::dup3(null.as_raw_fd(), number, libc::O_CLOEXEC) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    if keep_null {
        std::mem::forget(null);
    }
    Ok(())
}

/// Marks every open descriptor from `first` on close-on-exec, so that what our own parent left open
/// does not reach our children.
pub fn cloexec_from(first: RawFd) {
    let Ok(from) = libc::c_uint::try_from(first) else { return };
    // SAFETY: only sets a flag on descriptors; on a kernel older than 5.11 the call fails and the
    // loop below does the work.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, from, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return;
    }
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in open.flatten() {
        let number = entry.file_name().to_str().and_then(|n| n.parse::<RawFd>().ok());
        if let Some(number) = number.filter(|n| *n >= first) {
            // SAFETY: F_SETFD on any number is harmless; a closed one gives EBADF.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    fn cstr(text: &str) -> CString {
        CString::new(text).expect("no NUL in test text")
    }

    fn output(spawn: &mut Spawn<'_>, script: &str) -> String {
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("pipe");
        let mut all = std::mem::take(&mut spawn.fds);
        all.push((writer.as_fd(), 1));
        let run = Spawn { fds: all, ..std::mem::take(spawn) };
        let pid = run
            .start(&cstr("/bin/sh"), &[cstr("sh"), cstr("-c"), cstr(script)], &[cstr("A=b")])
            .expect("spawn");
        drop(run);
        drop(writer);
        let mut text = String::new();
        std::fs::File::from(reader).read_to_string(&mut text).expect("read");
        nix::sys::wait::waitpid(Pid::from_raw(pid), None).expect("wait");
        text
    }

    #[test]
    fn limit_of_open_files_is_the_childs_only() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).expect("getrlimit");
        let mut spawn = Spawn { nofile: Some(37), ..Spawn::default() };
        assert_eq!(output(&mut spawn, "ulimit -n"), "37\n");
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).expect("getrlimit"), before);
    }

    #[test]
    fn environment_is_what_was_given() {
        assert!(output(&mut Spawn::default(), "echo $A-$HOME").starts_with("b-"));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_here() {
        let error = Spawn::default().start(&cstr("/nonexistent"), &[cstr("x")], &[]).expect_err("ENOENT");
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
