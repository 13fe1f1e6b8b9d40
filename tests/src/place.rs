//! Where things are: the workspace, our programs, the oracle, the shared data.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace's root directory.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Directory of our programs: `CYRUS_BIN`, or where cargo put this test's siblings.
pub fn ours() -> PathBuf {
    if let Some(dir) = std::env::var_os("CYRUS_BIN") {
        return PathBuf::from(dir);
    }
    let exe = std::env::current_exe().unwrap_or_default();
    // target/debug/deps/it-0123 -> target/debug
    exe.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
}

/// Is this one of the programs that stay resident? All others are names of `cyrus-tools`.
pub fn is_daemon(name: &str) -> bool {
    matches!(name, "master" | "imapd" | "lmtpd" | "idled" | "notifyd" | "pop3d" | "smmapd" | "timsieved")
}

/// File name of one of our programs in [`ours`]: `cyrus-imapd` as cargo builds it, `imapd` as it is installed.
pub fn our_file(name: &str) -> String {
    if !is_daemon(name) {
        return "cyrus-tools".into();
    }
    if ours().join(name).exists() { name.into() } else { format!("cyrus-{name}") }
}

/// Directory of the unpacked oracle (`bin/` of wrappers, `root/`), if `make oracle` made it.
pub fn oracle() -> Option<PathBuf> {
    let dir =
        std::env::var_os("CYRUS_ORACLE").map(PathBuf::from).unwrap_or_else(|| root().join("target/oracle"));
    dir.join("bin/imapd").exists().then_some(dir)
}

/// The data shared with other Cyrus work (golden instances, corpus): `CYRUS_SHARED`, or `../shared`.
pub fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("CYRUS_SHARED").map(PathBuf::from).unwrap_or_else(|| root().join("../shared"));
    dir.join("golden/setup.sh").exists().then_some(dir)
}

/// Does the effective user have root's rights?
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The user that instances run as: Debian's `mail` under root (never root itself), else ourselves.
pub fn user() -> String {
    static USER: OnceLock<String> = OnceLock::new();
    USER.get_or_init(|| {
        if is_root() {
            return "mail".into();
        }
        nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map_or("nobody".into(), |u| u.name)
    })
    .clone()
}

/// The arguments that start a program in a mount namespace of its own, if this machine lets us.
pub fn unshare() -> Option<&'static [&'static str]> {
    static WORKS: OnceLock<bool> = OnceLock::new();
    let args: &[&str] = if is_root() {
        &["unshare", "-m", "--propagation", "private"]
    } else {
        &["unshare", "-U", "-c", "--keep-caps", "-m", "--propagation", "private"]
    };
    let works = *WORKS.get_or_init(|| {
        let probe = std::env::temp_dir();
        Command::new(args[0])
            .args(&args[1..])
            .args(["sh", "-c", "mount -t tmpfs none \"$1\" && command -v setpriv", "sh"])
            .arg(probe)
            .output()
            .is_ok_and(|o| o.status.success())
    });
    works.then_some(args)
}

/// Gives a tree to the user that the servers run as, when we may.
pub fn own(path: &Path) {
    let Some(owner) = nix::unistd::User::from_name(&user()).ok().flatten() else { return };
    let _ = chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()));
    if std::fs::symlink_metadata(path).is_ok_and(|m| m.is_dir()) {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            own(&entry.path());
        }
    }
}
