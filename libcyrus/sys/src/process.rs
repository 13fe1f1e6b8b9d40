//! Work in a short-lived child, whose memory is gone with it; what this process used.

use crate::spawn::{Fork, fork};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Runs `work` in a forked child and gives what it returned. For a process with one thread.
///
/// # Errors
/// What pipe(2), fork(2) and read(2) say; `UnexpectedEof` when the child died before it answered.
pub fn in_child(work: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    match fork()? {
        Fork::Child => {
            drop(reader);
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let mut file = File::from(writer);
            let status = match done {
                Ok(answer) => {
                    let whole = file.write_all(&answer).and_then(|()| file.write_all(b"\0"));
                    i32::from(whole.is_err())
                }
                Err(_) => 1,
            };
            // SAFETY: _exit ends the child at once: no destructor or exit handler of the parent's
            // state may run twice.
            unsafe { libc::_exit(status) }
        }
        Fork::Parent(pid) => {
            drop(writer);
            let mut answer = Vec::new();
            let read = File::from(reader).read_to_end(&mut answer);
            loop {
                // SAFETY: waits for our own child; no status is asked for.
                let got = unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
                if got >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                    break;
                }
            }
            read?;
            match answer.pop() {
                Some(0) => Ok(answer),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}

/// Whether there is a process with this number, whosever it is. One that has ended and was not waited for is none.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    // 0 and -1 are not processes.
    let known = i32::try_from(pid).ok().filter(|&pid| pid > 0);
    known.is_some_and(|pid| kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)) && !has_ended(pid)
}

fn has_ended(pid: u32) -> bool {
    // "pid (name) S ...", and the name may hold anything.
    let line = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = line.rsplit(|&byte| byte == b')').next().and_then(|rest| rest.get(1));
    matches!(state, Some(b'Z' | b'X'))
}

/// CPU time that this process has used: for itself, and in the kernel.
#[must_use]
pub fn cpu_times() -> (Duration, Duration) {
    use nix::sys::resource::{UsageWho, getrusage};
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Default::default() };
    let duration = |time: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec()).unwrap_or(0))
    };
    (duration(usage.user_time()), duration(usage.system_time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_ends() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert!(is_alive(child.id()) && is_alive(std::process::id()));
        drop(child.stdin.take());
        while is_alive(child.id()) {
            std::thread::yield_now();
        }
        // Only now is it waited for.
        child.wait().unwrap();
        assert!(!is_alive(child.id()) && !is_alive(0) && !is_alive(u32::MAX));
    }

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test harness runs tests in threads of their own.
        assert!(in_child(|| b"x".to_vec()).is_err());
    }
}
