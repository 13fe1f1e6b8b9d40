//! An LMTP client for tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a reply is waited for unless told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom a connection goes through.
#[derive(Debug)]
enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// `openssl s_client`, which began TLS.
    Tls(Child),
}

impl Read for Peer {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
            Self::Tls(child) => child.stdout.as_mut().map_or(Ok(0), |out| out.read(into)),
        }
    }
}

/// One connection.
#[derive(Debug)]
pub struct Lmtp {
    stream: BufReader<Peer>,
    greeting: Vec<String>,
}

impl Lmtp {
    /// Connects to loopback and reads the greeting.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Self::over(Peer::Tcp(stream))
    }

    /// Connects to a unix socket and reads the greeting.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Self::over(Peer::Unix(stream))
    }

    /// Connects to loopback and begins TLS, after an LHLO of the client's own; there is no greeting to read then.
    ///
    /// # Panics
    /// When `openssl` cannot be started.
    pub fn connect_tls(port: u16) -> Self {
        let child = Command::new("timeout")
            .args(["20", "openssl", "s_client", "-quiet", "-starttls", "lmtp", "-connect"])
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        Self { stream: BufReader::new(Peer::Tls(child)), greeting: Vec::new() }
    }

    fn over(peer: Peer) -> Self {
        let mut lmtp = Self { stream: BufReader::new(peer), greeting: Vec::new() };
        lmtp.greeting = lmtp.reply();
        lmtp
    }

    /// Sets how long a reply is waited for; ten seconds unless told.
    ///
    /// # Panics
    /// When the socket does not take it.
    pub fn patience(&mut self, most: Duration) {
        match self.stream.get_ref() {
            Peer::Tcp(stream) => stream.set_read_timeout(Some(most)).expect("timeout"),
            Peer::Unix(stream) => stream.set_read_timeout(Some(most)).expect("timeout"),
            Peer::Tls(_) => {}
        }
    }

    /// The server's first reply.
    pub fn greeting(&self) -> &[String] {
        &self.greeting
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = match self.stream.get_mut() {
            Peer::Tcp(stream) => stream.write_all(bytes),
            Peer::Unix(stream) => stream.write_all(bytes),
            Peer::Tls(child) => child.stdin.as_mut().map_or(Ok(()), |input| input.write_all(bytes)),
        };
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) {
        let _ = match self.stream.get_mut() {
            Peer::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Peer::Unix(stream) => stream.shutdown(Shutdown::Write),
            Peer::Tls(child) => {
                child.stdin = None;
                Ok(())
            }
        };
    }

    /// Reads one reply, all its lines; empty when the server hung up.
    pub fn reply(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = Vec::new();
        while self.stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string();
            line.clear();
            let more = text.as_bytes().get(3) == Some(&b'-');
            lines.push(text);
            if !more {
                break;
            }
        }
        lines
    }

    /// Sends a command and reads one reply.
    pub fn command(&mut self, command: &str) -> Vec<String> {
        self.send(format!("{command}\r\n").as_bytes());
        self.reply()
    }

    /// Sends a message after DATA's 354 (dots doubled) and reads one reply per recipient.
    pub fn message(&mut self, message: &[u8], recipients: usize) -> Vec<Vec<String>> {
        let mut out = Vec::with_capacity(message.len() + 16);
        for line in message.split_inclusive(|b| *b == b'\n') {
            if line.first() == Some(&b'.') {
                out.push(b'.');
            }
            out.extend_from_slice(line);
        }
        if !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.send(&out);
        (0..recipients).map(|_| self.reply()).collect()
    }

    /// Delivers one message to one recipient; the reply to it or to what went wrong before.
    pub fn deliver(&mut self, sender: &str, recipient: &str, message: &[u8]) -> Vec<String> {
        for command in [format!("MAIL FROM:<{sender}>"), format!("RCPT TO:<{recipient}>")] {
            let reply = self.command(&command);
            if !reply.last().is_some_and(|l| l.starts_with("250")) {
                self.command("RSET");
                return reply;
            }
        }
        let reply = self.command("DATA");
        if !reply.last().is_some_and(|l| l.starts_with("354")) {
            return reply;
        }
        self.message(message, 1).pop().unwrap_or_default()
    }
}

impl Drop for Lmtp {
    fn drop(&mut self) {
        if let Peer::Tls(child) = self.stream.get_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
