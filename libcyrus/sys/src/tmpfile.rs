//! Files without a name: made with `O_TMPFILE`, gone with the process that has them open, unless
//! they were given a name meanwhile. Making and removing a name costs more than many writes.

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::LazyLock;

/// The way to a descriptor by name, without which there is none to give names.
const DESCRIPTORS: &str = "/proc/self/fd";

static HAS_DESCRIPTORS: LazyLock<bool> = LazyLock::new(|| Path::new(DESCRIPTORS).is_dir());

/// Opens a new file without a name for reading and writing, on the file system of `directory`.
/// Mode 0666 under the umask.
///
/// # Errors
/// What open(2) says; `Unsupported` where the file system, the kernel or a missing /proc does not
/// allow it.
pub fn create(directory: &Path) -> io::Result<File> {
    if !*HAS_DESCRIPTORS {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let flags = OFlag::O_TMPFILE.bits();
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).mode(0o666).open(directory);
    opened.map_err(|error| match error.kind() {
        // What a kernel says that does not know the flag.
        io::ErrorKind::IsADirectory => io::ErrorKind::Unsupported.into(),
        _ => error,
    })
}

/// Gives an open file, which may have no name yet, the name `to`.
///
/// # Errors
/// What linkat(2) says.
pub fn link(file: BorrowedFd<'_>, to: &Path) -> io::Result<()> {
    let from = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    Ok(linkat(AT_FDCWD, from.as_str(), AT_FDCWD, to, AtFlags::AT_SYMLINK_FOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_gets_its_names_later() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = match create(dir.path()) {
            Ok(file) => file,
            Err(error) => return assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        };
        file.write_all(b"message").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        for name in ["1.", "2."] {
            link(file.as_fd(), &dir.path().join(name)).unwrap();
            assert_eq!(std::fs::read(dir.path().join(name)).unwrap(), b"message");
        }
        let again = link(file.as_fd(), &dir.path().join("1.")).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_missing_directory_is_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let error = create(&dir.path().join("none")).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported));
    }
}
