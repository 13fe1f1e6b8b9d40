//! Protocol telemetry: `<configdirectory>/log/<userid>/` receives a copy of both directions when
//! that directory exists.
//!
//! The file starts with `---------- <userid> <ctime>` and an empty line; each piece received is
//! preceded by `<seconds<`, each piece sent by `>seconds>`. C: imap/telemetry.c, prot_fill()

use cyrus_base::{Config, Opt};
use cyrus_sys::time;
use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// An open telemetry file.
#[derive(Debug)]
pub struct Telemetry {
    file: File,
}

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Input,
    /// To the client.
    Output,
}

impl Telemetry {
    /// Opens the file of this session if the user's directory exists; `None` otherwise. Names
    /// that could leave the log directory have none. C: telemetry_log()
    #[must_use]
    pub fn open(config: &Config, userid: &str, sessionid: &str) -> Option<Self> {
        let name = if config.switch(Opt::TelemetryBysessionid) {
            format!("{}-{sessionid}", config.service())
        } else {
            format!("{}-{}", config.service(), std::process::id())
        };
        Self::open_in(&config.configdirectory().join("log"), userid, &name)
    }

    fn open_in(log: &Path, userid: &str, name: &str) -> Option<Self> {
        if userid.is_empty() || userid.starts_with('.') || userid.contains(['/', '\0']) {
            return None;
        }
        let path = log.join(userid).join(name);
        let mut file = OpenOptions::new().create(true).append(true).mode(0o644).open(path).ok()?;
        let header = format!("---------- {userid} {}\n\n", time::ctime(time::now()));
        let _ = file.write_all(header.as_bytes());
        Some(Self { file })
    }

    /// Copies one piece. Failures are ignored: telemetry must not disturb the session.
    pub fn write(&mut self, direction: Direction, octets: &[u8]) {
        let mark = match direction {
            Direction::Input => '<',
            Direction::Output => '>',
        };
        let stamp = format!("{mark}{}{mark}", time::now());
        let whole = stamp.len() + octets.len();
        match self.file.write_vectored(&[IoSlice::new(stamp.as_bytes()), IoSlice::new(octets)]) {
            Ok(n) if n >= stamp.len() && n < whole => {
                let _ = self.file.write_all(octets.get(n - stamp.len()..).unwrap_or(&[]));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_stamped_under_the_header() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Telemetry::open_in(dir.path(), "ann", "imap-1").is_none());
        std::fs::create_dir(dir.path().join("ann")).unwrap();
        assert!(Telemetry::open_in(dir.path(), "../ann", "imap-1").is_none());
        let mut t = Telemetry::open_in(dir.path(), "ann", "imap-1").unwrap();
        t.write(Direction::Input, b"a NOOP\r\n");
        t.write(Direction::Output, b"a OK done\r\n");
        let text = std::fs::read_to_string(dir.path().join("ann/imap-1")).unwrap();
        let mut lines = text.split('\n');
        let head = lines.next().unwrap();
        assert!(head.starts_with("---------- ann "), "{head}");
        assert_eq!(lines.next(), Some(""));
        let input = lines.next().unwrap();
        assert!(input.starts_with('<') && input.ends_with("<a NOOP\r"), "{input}");
        let output = lines.next().unwrap();
        assert!(output.starts_with('>') && output.ends_with(">a OK done\r"), "{output}");
    }
}
