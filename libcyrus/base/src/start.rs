//! The first steps every program shares: configuration, log, identity.

use crate::config::{Config, Opt};
use crate::exit::{EX_USAGE, Fatal};
use crate::log::{self, Priority};
use cyrus_sys::lock;
use cyrus_sys::privilege::{self, Keep};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Group, User, geteuid};
use std::ffi::CString;
use std::path::Path;
use std::time::Duration;

/// In the environment of what our master starts: it has logged the options that have no effect.
pub const OPTIONS_LOGGED: &str = "CYRUS_OPTIONS_LOGGED";

/// The user programs run as when neither environment nor configuration name one.
const CYRUS_USER: &str = "cyrus";

/// What a program needs to find in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing beyond a valid file.
    Nothing,
    /// A usable set of partitions.
    Partitions,
}

/// Reads the configuration, logs what it has to say, turns root into the cyrus user, opens the log under `ident` as
/// configured and sets the umask. C: cyrus_init()
///
/// # Errors
/// The text and code to end the program with.
pub fn init(file: Option<&Path>, ident: &str, need: Need) -> Result<Config, Fatal> {
    log::open_early(ident);
    let config = Config::load(file, ident)?;
    for (priority, text) in config.notices() {
        log::write(*priority, format_args!("{text}"));
    }
    if need == Need::Partitions {
        config.require_partitions()?;
    }
    if is_root() {
        become_cyrus(&config)?;
    }
    log::open(&config);
    watch_locks(&config);
    // Children of our master leave this to it: they start too often.
    if std::env::var_os(OPTIONS_LOGGED).is_none() {
        log_unhonoured(&config);
    }
    set_umask(&config);
    Ok(config)
}

/// `lock_debugtime`: seconds after which waiting for a lock is logged. C: debug_locks_longer_than
fn watch_locks(config: &Config) {
    let text = config.string(Opt::LockDebugtime).unwrap_or_default().trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let seconds = text.get(..end).and_then(|number| number.parse().ok()).unwrap_or(0.);
    if let Some(limit) = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero()) {
        lock::watch(limit, |file, took| {
            let (file, took) = (file.display(), took.as_secs_f64());
            log::write(Priority::Notice, format_args!("locktimer: reopen {file} ({took:.2}s)"));
        });
    }
}

/// Has this process root's powers?
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Says for every option that is set but has no effect that this is so.
pub fn log_unhonoured(config: &Config) {
    for row in config.unhonoured() {
        log::write(
            Priority::Notice,
            format_args!("option '{}' is set but has no effect in this version", row.name),
        );
    }
}

/// Sets the umask of the `umask` option: its octal digits, whatever stands between them.
pub fn set_umask(config: &Config) {
    let digits = config.bytes(Opt::Umask).unwrap_or_default().iter().filter(|b| (b'0'..=b'7').contains(b));
    let mask = digits.fold(0u32, |mask, digit| mask.wrapping_mul(8).wrapping_add(u32::from(digit - b'0')));
    umask(Mode::from_bits_truncate(mask));
}

/// Name of the user that programs run as. C: cyrus_user()
pub fn cyrus_user(config: &Config) -> String {
    std::env::var("CYRUS_USER")
        .ok()
        .or_else(|| config.string(Opt::CyrusUser).map(str::to_owned))
        .unwrap_or_else(|| CYRUS_USER.to_owned())
}

/// Name of the group that programs run as; without one it is the user's own. C: cyrus_group()
pub fn cyrus_group(config: &Config) -> Option<String> {
    std::env::var("CYRUS_GROUP").ok().or_else(|| config.string(Opt::CyrusGroup).map(str::to_owned))
}

/// User name and the numeric user and group id of the cyrus user.
///
/// # Errors
/// Logged in C's words; the caller ends with `must run as the Cyrus user`.
pub fn cyrus_ids(config: &Config) -> Result<(CString, u32, u32), Fatal> {
    let refused = || Fatal::new("must run as the Cyrus user", EX_USAGE);
    let name = cyrus_user(config);
    let Ok(Some(user)) = User::from_name(&name) else {
        log::write(Priority::Err, format_args!("no entry in /etc/passwd for user {name}"));
        return Err(refused());
    };
    let mut gid = user.gid;
    if let Some(group) = cyrus_group(config) {
        let Ok(Some(entry)) = Group::from_name(&group) else {
            log::write(Priority::Err, format_args!("no entry in /etc/group for group {group}"));
            return Err(refused());
        };
        gid = entry.gid;
    }
    let name = CString::new(name).map_err(|_| refused())?;
    Ok((name, user.uid.as_raw(), gid.as_raw()))
}

/// Turns a process started by root into the cyrus user and group, for good. C: become_cyrus()
///
/// # Errors
/// `must run as the Cyrus user` with code 64 when the change fails; the log tells what failed.
pub fn become_cyrus(config: &Config) -> Result<(), Fatal> {
    let (name, uid, gid) = cyrus_ids(config)?;
    privilege::become_user(&name, uid, gid, Keep::Nothing).map_err(|(call, error)| {
        let user = name.to_string_lossy();
        let text = crate::config::errno_text(&error);
        log::write(Priority::Err, format_args!("unable to become user {user}: {call}: {text}"));
        Fatal::new("must run as the Cyrus user", EX_USAGE)
    })
}
