//! masssievec: compiles every script below the Sieve directory.

use crate::sieve_tree::{EX_NO_CONFIG, ROOT, each_line, is_root, names, script_stem, value};
use crate::{Call, io};
use libcyrus::base::config::DEFAULT_FILE;
use libcyrus::base::exit::EX_OK;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the tool: `masssievec SIEVEC [CONFIG]`. It ends with 0 whatever came of the scripts.
pub fn run(call: &Call) -> i32 {
    if is_root() {
        io::complain(ROOT.0);
        return ROOT.1;
    }
    let Some(sievec) = call.args.first() else {
        io::print(b"usage: masssievec <path to sievec> [imapd.conf]\n");
        return EX_OK;
    };
    let config = call.args.get(1).map_or(OsStr::new(DEFAULT_FILE), OsString::as_os_str);
    if !fs::metadata(sievec).is_ok_and(|file| file.permissions().mode() & 0o111 != 0) {
        io::print(&[sievec.as_bytes(), b" is not executable\n"].concat());
        return EX_OK;
    }
    if !sievec.as_bytes().starts_with(b"/") {
        io::print(&[sievec.as_bytes(), b" is not an absolute path\n"].concat());
        return EX_OK;
    }
    let mut sieve_dir = b"/usr/sieve".to_vec();
    let mut at_home = false;
    let read = each_line(Path::new(config), |line| {
        let yes = |value: &[u8]| [&b"1"[..], b"t", b"yes", b"on"].iter().any(|word| value.starts_with(word));
        at_home |= value(line, "sieveusehomedir").is_some_and(yes);
        if let Some(dir) = value(line, "sievedir") {
            sieve_dir = dir.to_vec();
        }
    });
    if at_home {
        io::print(
            b"you are storing sieve scripts in user's home directories, this script cannot deal with that\n",
        );
        return EX_OK;
    }
    if let Err(file) = read {
        io::complain(&[b"can't open ", file.as_os_str().as_bytes(), b"\n"].concat());
        return EX_NO_CONFIG;
    }
    io::print(&[b"you are using ", &*sieve_dir, b" as your sieve directory.\n"].concat());
    let sieve_dir = PathBuf::from(OsString::from_vec(sieve_dir));
    for part in names(&sieve_dir) {
        let part = sieve_dir.join(part);
        for user in names(&part) {
            io::print(&[b"processing user ", user.as_bytes(), b"\n"].concat());
            let dir = part.join(user);
            if dir.is_dir() {
                user_directory(&dir, sievec);
            }
        }
    }
    EX_OK
}

/// Compiles the scripts of one user; links of before version 2.1 to the active one become `defaultbc`.
fn user_directory(dir: &Path, sievec: &OsStr) {
    for name in names(dir) {
        let path = dir.join(&name);
        if name == "default" || name == "default.bc" {
            let Ok(target) = fs::read_link(&path) else {
                io::complain(&[name.as_bytes(), b" is not a symlink\n"].concat());
                continue;
            };
            let target = target.into_os_string();
            let bytecode = if name == "default" {
                script_stem(&target).map(|stem| [stem, b".bc"].concat())
            } else {
                let good = target.as_bytes().ends_with(b".bc") && target != "default.bc";
                good.then(|| target.as_bytes().to_vec())
            };
            if let Some(bytecode) = bytecode {
                // As the original: whether the link can be made is not asked.
                let _ = symlink(OsStr::from_bytes(&bytecode), dir.join("defaultbc"));
                let _ = fs::remove_file(&path);
            }
        } else if let Some(stem) = script_stem(&name) {
            let bytecode = OsString::from_vec([stem, b".bc"].concat());
            let status = Command::new(sievec).arg(&name).arg(bytecode).current_dir(dir).status();
            if !status.is_ok_and(|status| status.code().is_none_or(|code| code == 0)) {
                io::print(&[b"got error compiling ", name.as_bytes(), b".\n"].concat());
            }
        }
    }
}
