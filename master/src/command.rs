//! A command of cyrus.conf: its words, and the program the first one names.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A command ready to be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program's file.
    pub path: PathBuf,
    /// All words as written, the first one too.
    pub argv: Vec<CString>,
}

/// The directories searched for a program without a leading slash, in this order.
#[derive(Debug, Clone)]
pub struct Dirs(Vec<PathBuf>);

impl Dirs {
    /// The daemons' directory, the administrators' directory, and last the directory of the
    /// master's own program file: a tree that was not installed works too.
    pub fn installed() -> Self {
        let mut dirs: Vec<PathBuf> = vec![LIBEXEC_DIR.into(), SBIN_DIR.into()];
        let own = std::env::current_exe().ok();
        dirs.extend(own.as_deref().and_then(Path::parent).map(Path::to_owned));
        Self(dirs)
    }

    /// Finds the program of a command; `None` for a command without words or with a NUL byte.
    ///
    /// A program found nowhere keeps the path of the last installed directory, for the message.
    pub fn resolve(&self, words: &[Vec<u8>]) -> Option<Command> {
        let first = Path::new(OsStr::from_bytes(words.first()?));
        let path = if first.is_absolute() {
            first.to_owned()
        } else {
            let found = self.0.iter().map(|dir| dir.join(first)).find(|path| path.exists());
            found.unwrap_or_else(|| Path::new(SBIN_DIR).join(first))
        };
        let argv = words.iter().map(|word| CString::new(word.as_slice()).ok()).collect::<Option<_>>()?;
        Some(Command { path, argv })
    }
}

impl Command {
    /// Is there a regular file that its owner may execute? C: verify_service_file()
    pub fn is_executable(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o100 != 0)
    }
}

/// Where the daemons are; `CYRUS_LIBEXECDIR` at build time changes it.
const LIBEXEC_DIR: &str = match option_env!("CYRUS_LIBEXECDIR") {
    Some(dir) => dir,
    None => "/usr/lib/cyrus/bin",
};
/// Where the tools are; `CYRUS_SBINDIR` at build time changes it.
const SBIN_DIR: &str = match option_env!("CYRUS_SBINDIR") {
    Some(dir) => dir,
    None => "/usr/sbin",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn first_directory_that_has_it_wins_and_argv_stays_as_written() {
        let (one, two) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        std::fs::write(two.path().join("prog"), "").expect("write");
        let dirs = Dirs(vec![one.path().into(), two.path().into()]);
        let command = dirs.resolve(&words("prog -a b")).expect("command");
        assert_eq!(command.path, two.path().join("prog"));
        assert_eq!(command.argv, [c"prog".to_owned(), c"-a".to_owned(), c"b".to_owned()]);
        assert!(!command.is_executable());
        std::fs::write(one.path().join("prog"), "").expect("write");
        assert_eq!(dirs.resolve(&words("prog")).expect("command").path, one.path().join("prog"));
    }

    #[test]
    fn absolute_names_are_taken_as_they_are() {
        let command = Dirs(vec![]).resolve(&words("/bin/sh -c x")).expect("command");
        assert_eq!(command.path, Path::new("/bin/sh"));
        assert!(command.is_executable());
    }

    #[test]
    fn nothing_to_run_is_none() {
        assert_eq!(Dirs(vec![]).resolve(&[]), None);
    }
}
