//! The file `proc/<pid>` that tells administrators who is doing what. C: imap/proc.c

use cyrus_base::Config;
use std::path::PathBuf;

/// Our entry in the proc directory; removed by drop.
#[derive(Debug)]
pub struct ProcFile {
    _todo: (),
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

/// Which login limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// Logins counted from this host and its limit.
    pub host: (u32, u32),
    /// Logins counted of this user and its limit.
    pub user: (u32, u32),
}

impl ProcFile {
    /// An entry to be; no file is made before the first [`ProcFile::register`].
    ///
    /// # Errors
    /// `proc path must be fully qualified` and its sister, as C's fatal texts.
    pub fn new(config: &Config) -> Result<Self, cyrus_base::exit::Fatal> {
        let _ = config;
        todo!()
    }

    /// Says what this process does now; writes only when the text changed, and sets the process title.
    /// C: proc_register()
    ///
    /// # Errors
    /// `can't write proc file`, 74, as C's fatal.
    pub fn register(
        &mut self,
        host: &[u8],
        user: &[u8],
        mailbox: &[u8],
        command: &[u8],
    ) -> Result<(), cyrus_base::exit::Fatal> {
        let _ = (host, user, mailbox, command);
        todo!()
    }

    /// Removes the file (end of a connection). C: proc_cleanup()
    pub fn cleanup(&mut self) {
        todo!()
    }
}

/// All entries with their process ids, from the directory of the configuration. C: proc_foreach()
#[must_use]
pub fn entries(config: &Config) -> Vec<(i32, Entry)> {
    let _ = config;
    todo!()
}

/// Counts sessions against `maxlogins_per_host` and `maxlogins_per_user` before a login. C: proc_checklimits()
///
/// # Errors
/// The limit that is reached.
pub fn check_limits(config: &Config, host: &[u8], user: &[u8]) -> Result<(), LimitReached> {
    let _ = (config, host, user);
    todo!()
}

/// Sends SIGTERM to all other processes of `user`. C: proc_killuser()
pub fn kill_user(config: &Config, user: &[u8]) {
    let _ = (config, user);
    todo!()
}

/// Sends SIGTERM to all other processes that have `mailbox` selected. C: proc_killmbox()
pub fn kill_mailbox(config: &Config, mailbox: &[u8]) {
    let _ = (config, mailbox);
    todo!()
}

/// Sends SIGUSR2 to all other processes of `user` running `command` (empty: any). C: proc_killusercmd()
pub fn cancel_user_command(config: &Config, user: &[u8], command: &[u8]) {
    let _ = (config, user, command);
    todo!()
}

/// Directory of proc files.
///
/// # Errors
/// C's fatal texts for an unusable `proc_path`.
pub fn directory(config: &Config) -> Result<PathBuf, cyrus_base::exit::Fatal> {
    let _ = config;
    todo!()
}
