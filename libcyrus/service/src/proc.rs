//! The file `proc/<pid>` that tells administrators who is doing what. C: imap/proc.c
//!
//! One line `service TAB host TAB user TAB mailbox TAB command LF`. The first text is written to
//! `<pid>.new` and renamed, as C does at every command; later ones overwrite the file in place
//! with one pwrite, and only when the text changed (tabs and line ends in a field become spaces).

use cyrus_base::exit::{EX_CONFIG, EX_IOERR, Fatal};
use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use cyrus_sys::{signal, title};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Our entry in the proc directory; removed by drop.
#[derive(Debug)]
pub struct ProcFile {
    directory: PathBuf,
    service: String,
    open: Option<(PathBuf, File)>,
    text: Vec<u8>,
}

/// What a proc file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Service name.
    pub service: Vec<u8>,
    /// Client host.
    pub host: Vec<u8>,
    /// User, empty before login.
    pub user: Vec<u8>,
    /// Selected mailbox, internal name.
    pub mailbox: Vec<u8>,
    /// Running command.
    pub command: Vec<u8>,
}

/// A login limit was reached: of each limit that is set, the count and the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// `maxlogins_per_host`.
    pub host: Option<(u32, u32)>,
    /// `maxlogins_per_user`.
    pub user: Option<(u32, u32)>,
}

impl LimitReached {
    /// `Too many open connections (...)`, for the log and the client; like C's, it tells of both limits where both are set.
    #[must_use]
    pub fn sentence(self, host: &str, user: &[u8]) -> String {
        let of_host = self.host.map(|(now, most)| format!("{now} of {most} from {host}"));
        let of_user =
            self.user.map(|(now, most)| format!("{now} of {most} for {}", log::printable(user, 256)));
        let told: Vec<String> = of_host.into_iter().chain(of_user).collect();
        format!("Too many open connections ({})", told.join(", "))
    }
}

impl Drop for ProcFile {
    fn drop(&mut self) {
        self.cleanup();
    }
}

impl ProcFile {
    /// An entry to be; no file is made before the first [`ProcFile::register`].
    ///
    /// # Errors
    /// As [`directory`].
    pub fn new(config: &Config) -> Result<Self, Fatal> {
        Ok(Self::in_dir(directory(config)?, config.service()))
    }

    fn in_dir(directory: PathBuf, service: &str) -> Self {
        Self { directory, service: service.to_owned(), open: None, text: Vec::new() }
    }

    /// Says what this process does now; writes only when the text changed, and sets the process
    /// title. C: proc_register()
    ///
    /// # Errors
    /// `can't write proc file`, 74, as C's fatal.
    pub fn register(
        &mut self,
        host: &[u8],
        user: &[u8],
        mailbox: &[u8],
        command: &[u8],
    ) -> Result<(), Fatal> {
        let mut text = Vec::with_capacity(self.text.len() + 16);
        for (n, field) in [self.service.as_bytes(), host, user, mailbox, command].into_iter().enumerate() {
            if n > 0 {
                text.push(b'\t');
            }
            text.extend(field.iter().map(|b| match b {
                b'\t' | b'\r' | b'\n' => b' ',
                other => *other,
            }));
        }
        text.push(b'\n');
        if self.open.is_some() && text == self.text {
            return Ok(());
        }
        let shown = [self.service.as_bytes(), b": ", host, b" ", user, b" ", mailbox, b" ", command];
        title::set(&shown.concat());
        self.write(&text)?;
        self.text = text;
        Ok(())
    }

    fn write(&mut self, text: &[u8]) -> Result<(), Fatal> {
        let failed = |text: &str, e: &std::io::Error, path: &Path| {
            log::write(Priority::Err, format_args!("IOERROR: {text} {}: {e}", path.display()));
            Fatal::new("can't write proc file", EX_IOERR)
        };
        if let Some((path, file)) = &self.open {
            // A shorter text is cut after it is written: a reader between the two sees a whole
            // first line.
            let done = file.write_all_at(text, 0).and_then(|()| {
                if text.len() < self.text.len() { file.set_len(text.len() as u64) } else { Ok(()) }
            });
            return done.map_err(|e| failed("writing", &e, path));
        }
        let path = self.directory.join(std::process::id().to_string());
        let new = self.directory.join(format!("{}.new", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o666);
        let file = match options.open(&new) {
            Ok(file) => file,
            Err(_) => {
                let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&self.directory);
                if made.is_err() {
                    return Err(Fatal::new("couldn't create proc directory", EX_IOERR));
                }
                log::write(Priority::Notice, format_args!("created proc directory"));
                options.open(&new).map_err(|e| failed("creating", &e, &new))?
            }
        };
        let done = file.write_all_at(text, 0).and_then(|()| std::fs::rename(&new, &path));
        if let Err(e) = done {
            let _ = std::fs::remove_file(&new);
            return Err(failed("renaming", &e, &new));
        }
        self.open = Some((path, file));
        Ok(())
    }

    /// Removes the file (end of a connection). C: proc_cleanup()
    pub fn cleanup(&mut self) {
        if let Some((path, _)) = self.open.take() {
            let _ = std::fs::remove_file(path);
        }
        self.text.clear();
    }
}

/// All entries with their process ids, from the directory of the configuration. Files without a
/// host field are passed over. C: proc_foreach()
#[must_use]
pub fn entries(config: &Config) -> Vec<(i32, Entry)> {
    directory(config).map(|dir| entries_in(&dir)).unwrap_or_default()
}

fn entries_in(dir: &Path) -> Vec<(i32, Entry)> {
    let mut found = Vec::new();
    let Ok(list) = std::fs::read_dir(dir) else { return found };
    for file in list.flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || name.ends_with(".new") {
            continue;
        }
        let Some(pid) = name.parse::<i32>().ok().filter(|pid| *pid > 0) else {
            log::write(
                Priority::Err,
                format_args!(
                    "IOERROR: bogus filename \"{}/{}\" in proc_foreach",
                    dir.display(),
                    log::printable(name.as_bytes(), 256)
                ),
            );
            continue;
        };
        if let Some(entry) = std::fs::read(file.path()).ok().and_then(|text| parse(&text)) {
            found.push((pid, entry));
        }
    }
    found
}

fn parse(text: &[u8]) -> Option<Entry> {
    let line = text.split(|b| matches!(b, b'\r' | b'\n')).next()?;
    let mut fields = line.splitn(5, |b| *b == b'\t').map(<[u8]>::to_vec);
    Some(Entry {
        service: fields.next()?,
        host: fields.next()?,
        user: fields.next().unwrap_or_default(),
        mailbox: fields.next().unwrap_or_default(),
        command: fields.next().unwrap_or_default(),
    })
}

/// Counts sessions against `maxlogins_per_host` and `maxlogins_per_user` before a login.
/// C: proc_checklimits()
///
/// # Errors
/// The limit that is reached.
pub fn check_limits(config: &Config, host: &[u8], user: &[u8]) -> Result<(), LimitReached> {
    let limit = |opt| u32::try_from(config.int(opt)).unwrap_or(0);
    let (max_host, max_user) = (limit(Opt::MaxloginsPerHost), limit(Opt::MaxloginsPerUser));
    if max_host == 0 && max_user == 0 {
        return Ok(());
    }
    count(&entries(config), host, user, max_host, max_user)
}

fn count(
    entries: &[(i32, Entry)],
    host: &[u8],
    user: &[u8],
    max_host: u32,
    max_user: u32,
) -> Result<(), LimitReached> {
    let number = |is: &dyn Fn(&Entry) -> bool| {
        u32::try_from(entries.iter().filter(|(_, e)| is(e)).count()).unwrap_or(u32::MAX)
    };
    let reached = LimitReached {
        host: (max_host > 0).then(|| (number(&|e| e.host == host), max_host)),
        user: (max_user > 0).then(|| (number(&|e| e.user == user), max_user)),
    };
    let is_full = [reached.host, reached.user].into_iter().flatten().any(|(now, most)| now >= most);
    if is_full { Err(reached) } else { Ok(()) }
}

/// Sends SIGTERM to all other processes of `user`. C: proc_killuser()
pub fn kill_user(config: &Config, user: &[u8]) {
    if !user.is_empty() {
        send(config, signal::Signal::Term, |e| e.user == user);
    }
}

/// Sends SIGTERM to all other processes that have `mailbox` selected. C: proc_killmbox()
pub fn kill_mailbox(config: &Config, mailbox: &[u8]) {
    if !mailbox.is_empty() {
        send(config, signal::Signal::Term, |e| e.mailbox == mailbox);
    }
}

/// Sends SIGUSR2 to all other processes of `user` running `command` (empty: any).
/// C: proc_killusercmd()
pub fn cancel_user_command(config: &Config, user: &[u8], command: &[u8]) {
    if !user.is_empty() {
        send(config, signal::Signal::Usr2, |e| {
            e.user == user && (command.is_empty() || e.command == command)
        });
    }
}

fn send(config: &Config, signal: signal::Signal, is_meant: impl Fn(&Entry) -> bool) {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    for (pid, entry) in entries(config) {
        if pid != own && is_meant(&entry) {
            let _ = signal::kill(pid, signal.number());
        }
    }
}

/// Directory of proc files: `proc_path`, else `<configdirectory>/proc`.
///
/// # Errors
/// C's fatal texts for an unusable `proc_path`.
pub fn directory(config: &Config) -> Result<PathBuf, Fatal> {
    match config.path(Opt::ProcPath) {
        None => Ok(config.configdirectory().join("proc")),
        Some(path) if !path.is_absolute() => Err(Fatal::new("proc path must be fully qualified", EX_CONFIG)),
        Some(path) if path == Path::new("/") => Err(Fatal::new("proc path must not be '/'", EX_CONFIG)),
        Some(path) => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_the_latest_text_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let proc_dir = dir.path().join("proc");
        let mut file = ProcFile::in_dir(proc_dir.clone(), "imap");
        let host = b"localhost [127.0.0.1]";
        file.register(host, b"", b"", b"").unwrap();
        let path = proc_dir.join(std::process::id().to_string());
        let read = || std::fs::read(&path).unwrap();
        assert_eq!(read(), b"imap\tlocalhost [127.0.0.1]\t\t\t\n");
        file.register(host, b"alice", b"user.alice", b"Fetch").unwrap();
        file.register(host, b"alice", b"user.alice", b"").unwrap();
        assert_eq!(read(), b"imap\tlocalhost [127.0.0.1]\talice\tuser.alice\t\n");
        file.register(host, b"a\tb\n", b"", b"").unwrap();
        let entries = entries_in(&proc_dir);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].1.user, b"a b ");
        assert_eq!(entries[0].1.host, host);
        file.cleanup();
        assert!(entries_in(&proc_dir).is_empty());
        file.register(host, b"", b"", b"").unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn limits_count_host_and_user() {
        let entry =
            |host: &[u8], user: &[u8]| Entry { host: host.to_vec(), user: user.to_vec(), ..Entry::default() };
        let all = [(1, entry(b"a", b"ann")), (2, entry(b"a", b"bob")), (3, entry(b"b", b"ann"))];
        assert_eq!(count(&all, b"a", b"ann", 3, 3), Ok(()));
        let refused = |host: &[u8], user: &[u8], max_host, max_user| {
            count(&all, host, user, max_host, max_user).map_err(|it| it.sentence("h", user)).err()
        };
        let told = |limits: &str| Some(format!("Too many open connections ({limits})"));
        assert_eq!(refused(b"a", b"ann", 2, 0), told("2 of 2 from h"));
        assert_eq!(refused(b"c", b"ann", 1, 2), told("0 of 1 from h, 2 of 2 for ann"));
        assert_eq!(refused(b"a", b"cleo", 2, 5), told("2 of 2 from h, 0 of 5 for cleo"));
        assert_eq!(count(&all, b"c", b"cleo", 1, 1), Ok(()));
    }

    #[test]
    fn odd_files_are_survived() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"imap"), None);
        assert_eq!(parse(b"imap\thost\r\nx").unwrap().host, b"host");
    }
}
