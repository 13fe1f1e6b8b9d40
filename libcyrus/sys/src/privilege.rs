//! Giving up root for good, and what may be kept: the right to bind ports below 1024.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Uid, initgroups, setgid, setuid};

/// The home directory of a user of the system.
#[must_use]
pub fn home_of(user: &str) -> Option<std::path::PathBuf> {
    nix::unistd::User::from_name(user).ok().flatten().map(|user| user.dir)
}

/// What stays of root's powers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// `CAP_NET_BIND_SERVICE`. It is not inheritable: an exec'd program does not get it.
    BindService,
}

/// Name of the real user of this process; `None` when the system knows none.
#[must_use]
pub fn user_name() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten()?;
    Some(user.name)
}

/// Becomes `user`, with its supplementary groups and the given group id, never to return.
///
/// Does nothing when real and effective ids are already those.
///
/// # Errors
/// The first system call that fails, by name and errno.
pub fn become_user(user: &CString, uid: u32, gid: u32, keep: Keep) -> Result<(), (&'static str, io::Error)> {
    let (new_uid, new_gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let same = nix::unistd::geteuid() == new_uid
        && nix::unistd::getuid() == new_uid
        && nix::unistd::getegid() == new_gid
        && nix::unistd::getgid() == new_gid;
    if same {
        return Ok(());
    }
    initgroups(user, new_gid).map_err(|e| ("initgroups", e.into()))?;
    setgid(new_gid).map_err(|e| ("setgid", e.into()))?;
    if keep == Keep::BindService && !new_uid.is_root() {
        nix::sys::prctl::set_keepcaps(true).map_err(|e| ("keepcaps", e.into()))?;
    }
    setuid(new_uid).map_err(|e| ("setuid", e.into()))?;
    if keep == Keep::BindService && !new_uid.is_root() {
        let wanted = 1u32 << CAP_NET_BIND_SERVICE;
        capset(wanted, wanted).map_err(|e| ("capset", e))?;
        nix::sys::prctl::set_keepcaps(false).map_err(|e| ("keepcaps", e.into()))?;
    }
    Ok(())
}

/// Sets this process's capability sets to the given low words; the inheritable set becomes empty.
fn capset(effective: u32, permitted: u32) -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let header = Header { version: LINUX_CAPABILITY_VERSION_3, pid: 0 };
    let data =
        [Data { effective, permitted, inheritable: 0 }, Data { effective: 0, permitted: 0, inheritable: 0 }];
    // SAFETY: version 3 of the call reads one header and two data words, which is what we pass;
    // the kernel writes to neither for a valid version.
    match unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// linux/capability.h
const CAP_NET_BIND_SERVICE: u32 = 10;
/// linux/capability.h
const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_of_the_system() {
        assert_eq!(home_of("root"), Some("/root".into()));
        assert_eq!(home_of("no such user"), None);
    }
}
