//! `msg/shutdown`, `msg/shutdown.<service>` and `msg/motd`: words of the administrator to all
//! clients. Absent files are looked for at most once a second.

use cyrus_base::Config;
use cyrus_base::log::{self, Priority};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Looks for the files with a memory of one second.
#[derive(Debug)]
pub struct MsgFiles {
    service: PathBuf,
    system: PathBuf,
    motd: PathBuf,
    absent_at: Option<Instant>,
}

impl MsgFiles {
    /// For the service of this configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::in_dir(&config.configdirectory().join("msg"), config.service())
    }

    fn in_dir(dir: &Path, service: &str) -> Self {
        Self {
            service: dir.join(format!("shutdown.{service}")),
            system: dir.join("shutdown"),
            motd: dir.join("motd"),
            absent_at: None,
        }
    }

    /// First line of the shutdown file when there is one (perhaps empty): say it and end.
    /// C: shutdown_file()
    pub fn shutdown(&mut self) -> Option<Vec<u8>> {
        if self.absent_at.is_some_and(|at| at.elapsed() < Duration::from_secs(1)) {
            return None;
        }
        let Some(line) = first_line(&self.service).or_else(|| first_line(&self.system)) else {
            self.absent_at = Some(Instant::now());
            return None;
        };
        if line.is_empty() {
            log::write(Priority::Debug, format_args!("Shutdown file exists with no contents"));
        } else {
            let text = log::printable(&line, MAX_LINE);
            log::write(Priority::Debug, format_args!("Shutdown file: {text}, closing connection"));
        }
        Some(line)
    }

    /// First line of `msg/motd`, for an ALERT after login: without `[` at its start, which would
    /// look like a response code.
    #[must_use]
    pub fn motd(&self) -> Option<Vec<u8>> {
        let line = first_line(&self.motd)?;
        let text = line.iter().position(|b| *b != b'[').and_then(|n| line.get(n..));
        text.map(<[u8]>::to_vec)
    }
}

/// A file of `msg` that administrators read and write through METADATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MsgFile {
    /// `msg/motd`
    Motd,
    /// `msg/shutdown`
    Shutdown,
}

impl MsgFiles {
    fn path(&self, which: MsgFile) -> &Path {
        match which {
            MsgFile::Motd => &self.motd,
            MsgFile::Shutdown => &self.system,
        }
    }

    /// The file's first line as it stands; `None` without a file.
    #[must_use]
    pub fn text(&self, which: MsgFile) -> Option<Vec<u8>> {
        first_line(self.path(which))
    }

    /// Puts one line into the file, at once for all who read it; without a text, removes the file.
    ///
    /// # Errors
    /// The file cannot be written or removed.
    pub fn set_text(&self, which: MsgFile, text: Option<&[u8]>) -> std::io::Result<()> {
        let path = self.path(which);
        let Some(text) = text else {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        };
        let mut file = tempfile_beside(path)?;
        let written = file.1.write_all(&[text, b"\n"].concat()).and_then(|()| file.1.sync_all());
        let moved = written.and_then(|()| std::fs::rename(&file.0, path));
        if moved.is_err() {
            let _ = std::fs::remove_file(&file.0);
        }
        moved
    }
}

/// A new file in the same directory, of this process alone.
fn tempfile_beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{}.NEW", std::process::id()));
    let file = File::create(&name)?;
    Ok((PathBuf::from(name), file))
}

/// C's buffer for such a line.
const MAX_LINE: usize = 1023;

/// The first line without its end; `None` when the file cannot be opened.
fn first_line(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    let mut line = Vec::new();
    let _ = BufReader::new(file.take(MAX_LINE as u64)).read_until(b'\n', &mut line);
    let end = line.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(line.len());
    line.truncate(end);
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_file_goes_before_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        let fresh = || MsgFiles::in_dir(dir.path(), "imap");
        let mut files = fresh();
        assert_eq!(files.shutdown(), None);
        std::fs::write(dir.path().join("shutdown"), "all\r\nmore").unwrap();
        assert_eq!(files.shutdown(), None, "looked less than a second ago");
        assert_eq!(fresh().shutdown().unwrap(), b"all");
        std::fs::write(dir.path().join("shutdown.imap"), "imap only").unwrap();
        assert_eq!(fresh().shutdown().unwrap(), b"imap only");
        std::fs::write(dir.path().join("shutdown.imap"), "").unwrap();
        assert_eq!(fresh().shutdown().unwrap(), b"");
    }

    #[test]
    fn an_administrator_writes_and_removes_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let files = MsgFiles::in_dir(dir.path(), "imap");
        assert_eq!(files.text(MsgFile::Motd), None);
        files.set_text(MsgFile::Motd, Some(b"[hello")).unwrap();
        assert_eq!(files.text(MsgFile::Motd).as_deref(), Some(b"[hello".as_slice()));
        assert_eq!(std::fs::read(dir.path().join("motd")).unwrap(), b"[hello\n");
        files.set_text(MsgFile::Motd, None).unwrap();
        files.set_text(MsgFile::Motd, None).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_motd_cannot_start_a_response_code() {
        let dir = tempfile::tempdir().unwrap();
        let files = MsgFiles::in_dir(dir.path(), "imap");
        assert_eq!(files.motd(), None);
        std::fs::write(dir.path().join("motd"), "[[ALERT] hello\nworld\n").unwrap();
        assert_eq!(files.motd().unwrap(), b"ALERT] hello");
        std::fs::write(dir.path().join("motd"), vec![b'x'; 5000]).unwrap();
        assert_eq!(files.motd().unwrap().len(), MAX_LINE);
    }
}
