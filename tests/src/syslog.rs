//! A syslog daemon for one instance: a datagram socket whose lines are kept in memory.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What the instance's programs logged so far.
#[derive(Clone, Debug, Default)]
pub struct Syslog {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Syslog {
    /// Listens at `path` (a new socket) until the process ends.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn listen(path: &Path) -> std::io::Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        let log = Self::default();
        let lines = Arc::clone(&log.lines);
        std::thread::spawn(move || {
            let mut buf = vec![0; 65536];
            while let Ok(n) = socket.recv(&mut buf) {
                let bytes = buf.get(..n).unwrap_or_default();
                if bytes == b"quit" {
                    return;
                }
                let line = String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\0']).to_string();
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Ok(log)
    }

    /// All lines, in order, with priority and time stamp.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line that contains `text`.
    pub fn find(&self, text: &str) -> Option<String> {
        self.lines().into_iter().find(|l| l.contains(text))
    }
}
