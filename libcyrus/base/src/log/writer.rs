//! Datagrams to /dev/log in the form of the C library: `<PRI>Mmm dd hh:mm:ss IDENT[PID]: TEXT`.

use super::Priority;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest text of a line; what is beyond is cut.
const TEXT_MAX: usize = 8192;

/// A writer under one name.
#[derive(Debug)]
pub(super) struct Writer {
    ident: String,
    facility: u8,
    socket: Option<UnixDatagram>,
    line: Vec<u8>,
}

impl Writer {
    pub(super) fn new(ident: String, facility: u8) -> Writer {
        Writer { ident, facility, socket: None, line: Vec::new() }
    }

    pub(super) fn ident(&self) -> &str {
        &self.ident
    }

    /// Sends one line; a connection that broke is made again once.
    pub(super) fn write(&mut self, priority: Priority, text: &[u8]) {
        self.compose(priority, text);
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = connect().ok();
            }
            let Some(socket) = &self.socket else { return };
            match socket.send(&self.line) {
                Ok(_) => return,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return;
                }
                Err(_) => self.socket = None,
            }
        }
    }

    fn compose(&mut self, priority: Priority, text: &[u8]) {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        self.line.clear();
        let _ = write!(self.line, "<{}>", self.facility << 3 | priority as u8);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if let Some(t) = i64::try_from(now).ok().and_then(cyrus_sys::localtime::at) {
            let month = usize::try_from(t.month - 1).ok().and_then(|m| MONTHS.get(m)).unwrap_or(&"Jan");
            let _ = write!(self.line, "{month} {:2} {:02}:{:02}:{:02} ", t.day, t.hour, t.minute, t.second);
        }
        let _ = write!(self.line, "{}[{}]: ", self.ident, std::process::id());
        for &byte in text.iter().take(TEXT_MAX) {
            if byte < 0x20 && byte != b'\t' || byte == 0x7f {
                let _ = write!(self.line, "#{byte:03o}");
            } else {
                self.line.push(byte);
            }
        }
    }
}

fn connect() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect("/dev/log")?;
    // A log daemon that stands still delays a line by this much at most.
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_form_of_the_c_library() {
        let mut writer = Writer::new("g1/imap".into(), 2);
        writer.compose(Priority::Notice, b"login: a\nb");
        let line = String::from_utf8(writer.line.clone()).unwrap();
        let tail = format!(" g1/imap[{}]: login: a#012b", std::process::id());
        assert!(line.starts_with("<21>") && line.ends_with(&tail), "{line}");
        assert_eq!(line.len() - tail.len(), "<21>Nov 22 21:48:56".len());
    }
}
