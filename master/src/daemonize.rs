//! Becoming a daemon: reserved descriptors, streams, background, pid file, user.
//!
//! With `-d` the first process waits for four bytes on a pipe, the exit code of the start, so that
//! an init script learns whether the pid file could be taken. `<pidfile>.lock` keeps two starts apart.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cyrus_base::Config;
use cyrus_base::exit::{EX_OSERR, EX_TEMPFAIL, Fatal};
use cyrus_base::log::{self, Priority};
use cyrus_base::start::cyrus_ids;
use cyrus_sys::lock::{Mode, Wait, lock};
use cyrus_sys::privilege::{Keep, become_user};
use cyrus_sys::spawn::{Fork, fork};
use nix::fcntl::OFlag;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};

use crate::conf::errno_text;
use crate::options::{Options, Stay};

/// The pipe on which the waiting first process learns how the start went.
#[derive(Debug)]
pub struct ReadyPipe(Option<OwnedFd>);

impl ReadyPipe {
    /// Tells the exit code, if somebody waits for one.
    pub fn tell(&mut self, code: i32) {
        let Some(fd) = self.0.take() else { return };
        if let Err(error) = File::from(fd).write_all(&code.to_ne_bytes()) {
            let text = errno_text(&error);
            log::write(Priority::Err, format_args!("can't write to startup parent pipe: {text}"));
        }
    }
}

/// Which process this is after going to the background.
#[derive(Debug)]
pub enum Side {
    /// The first one, to exit with this code.
    Starter(i32),
    /// The one that goes on.
    Master(ReadyPipe),
}

/// Sends the standard streams where the options say.
///
/// # Errors
/// Code 2 when a file cannot be opened.
pub fn redirect(options: &Options) -> Result<(), Fatal> {
    if options.stay == Stay::Debug && options.error_log.is_none() {
        return Ok(());
    }
    let fail = |path: &Path, e: &std::io::Error| {
        Fatal::new(format!("couldn't open {}: {}", path.display(), errno_text(e)), 2)
    };
    let null = Path::new("/dev/null");
    let input = OpenOptions::new().read(true).write(true).open(null).map_err(|e| fail(null, &e))?;
    let output = match &options.error_log {
        Some(path) => {
            let opened = OpenOptions::new().append(true).create(true).mode(0o666).open(path);
            opened.map_err(|e| fail(path, &e))?
        }
        None => OpenOptions::new().write(true).open(null).map_err(|e| fail(null, &e))?,
    };
    let placed = dup2_stdin(&input).and_then(|()| dup2_stdout(&output)).and_then(|()| dup2_stderr(&output));
    placed.map_err(|e| fail(null, &e.into()))
}

/// With `-d`, goes to the background; otherwise nothing.
///
/// # Errors
/// C's words and codes: the starter's lock taken (75), no fork (71), no working directory (2).
pub fn background(options: &Options, config: &Config) -> Result<Side, Fatal> {
    if options.stay != Stay::Background {
        return Ok(Side::Master(ReadyPipe(None)));
    }
    let mut lock_path = options.pidfile.clone().into_os_string();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let lock_file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o644).open(&lock_path);
    let lock_file = lock_file.map_err(|e| {
        Fatal::new(format!("can't open pidfile lock: {} ({})", lock_path.display(), errno_text(&e)), EX_OSERR)
    })?;
    if lock(lock_file.as_fd(), Mode::Exclusive, Wait::Try).is_err() {
        return Err(Fatal::new(format!("can't get exclusive lock on {}", lock_path.display()), EX_TEMPFAIL));
    }
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)
        .map_err(|e| Fatal::new(format!("can't create startup pipe ({})", e.desc()), EX_OSERR))?;
    // where cores can go to
    let home = config.configdirectory();
    std::env::set_current_dir(home)
        .map_err(|e| Fatal::new(format!("couldn't chdir to {}: {}", home.display(), errno_text(&e)), 2))?;
    let _ = std::env::set_current_dir("cores");
    match fork().map_err(|_| Fatal::new("fork error", EX_OSERR))? {
        Fork::Parent(_) => {
            drop(writer);
            let mut code = [0; 4];
            let code = match File::from(reader).read_exact(&mut code) {
                Ok(()) => i32::from_ne_bytes(code),
                Err(error) => {
                    let text = errno_text(&error);
                    log::write(Priority::Err, format_args!("could not read from startup_pipe ({text})"));
                    EX_OSERR
                }
            };
            let _ = std::fs::remove_file(&lock_path);
            Ok(Side::Starter(code))
        }
        Fork::Child => {
            // the lock is the starter's; this copy of the descriptor holds none
            drop((reader, lock_file));
            let mut ready = ReadyPipe(Some(writer));
            if setsid().is_err() {
                ready.tell(EX_OSERR);
                return Err(Fatal::new("setsid failure", EX_OSERR));
            }
            Ok(Side::Master(ready))
        }
    }
}

/// The pid file, locked as long as this lives.
#[derive(Debug)]
#[must_use = "the lock on the pid file is what keeps a second master away"]
pub struct PidFile {
    _file: File,
}

impl PidFile {
    /// Takes and writes the pid file.
    ///
    /// # Errors
    /// Code 71 with C's words; the caller tells the ready pipe.
    pub fn take(path: &Path) -> Result<PidFile, Fatal> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(path);
        let mut file =
            file.map_err(|e| Fatal::new(format!("can't open pidfile: {}", errno_text(&e)), EX_OSERR))?;
        if lock(file.as_fd(), Mode::Exclusive, Wait::Try).is_err() {
            let text = "cannot get exclusive lock on pidfile (is another master still running?)";
            return Err(Fatal::new(text, EX_OSERR));
        }
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(0))?;
            file.set_len(0)?;
            file.write_all(format!("{}\n", std::process::id()).as_bytes())
        };
        write(&mut file).map_err(|e| {
            log::write(Priority::Err, format_args!("unable to write to pidfile: {}", errno_text(&e)));
            Fatal::new("unable to write to pidfile (see syslog for details)", EX_OSERR)
        })?;
        file.sync_all()
            .map_err(|e| Fatal::new(format!("unable to sync pidfile: {}", errno_text(&e)), EX_OSERR))?;
        Ok(PidFile { _file: file })
    }
}

/// Becomes the cyrus user, keeping only the right to bind low ports: a service added before a
/// SIGHUP may have one. C: become_cyrus()
///
/// # Errors
/// Code 1 with C's words.
pub fn become_cyrus(config: &Config) -> Result<(), Fatal> {
    let cannot = || Fatal::new("can't change to the cyrus user", 1);
    let (name, uid, gid) = cyrus_ids(config).map_err(|_logged| cannot())?;
    become_user(&name, uid, gid, Keep::BindService).map_err(|(step, error)| {
        let (user, error) = (name.to_string_lossy(), errno_text(&error));
        let line = match step {
            "initgroups" => format!("unable to initialize groups for user {user}: {error}"),
            "setgid" => format!("unable to set group id to {gid} for user {user}: {error}"),
            _ => format!("unable to set user id to {uid} for user {user}: {error}"),
        };
        log::write(Priority::Err, format_args!("{line}"));
        cannot()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_holds_our_pid_and_what_was_there_is_gone() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("pid");
        std::fs::write(&path, "123456789012345\n").expect("write");
        let held = PidFile::take(&path).expect("take");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), format!("{}\n", std::process::id()));
        drop(held);
    }

    #[test]
    fn a_pid_file_that_cannot_be_opened_is_an_os_error() {
        let fatal = PidFile::take(Path::new("/nonexistent/pid")).expect_err("no directory");
        assert_eq!(
            (fatal.text.as_str(), fatal.code),
            ("can't open pidfile: No such file or directory", EX_OSERR)
        );
    }
}
