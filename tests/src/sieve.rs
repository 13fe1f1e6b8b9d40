//! A ManageSieve client for tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Sent behind a command, so that its answer shows where all that the command caused has ended.
const SENTINEL: &[u8] = b"NOOP \"end-of-answer\"\r\n";
const SENTINEL_ANSWER: &str = "OK (TAG {13}";

/// One connection.
#[derive(Debug)]
pub struct Sieve {
    stream: BufReader<TcpStream>,
    greeting: Vec<u8>,
}

impl Sieve {
    /// Connects to loopback and reads the greeting.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("timeout");
        let mut sieve = Self { stream: BufReader::new(stream), greeting: Vec::new() };
        sieve.greeting = sieve.reply();
        sieve
    }

    /// The server's first reply.
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// One line with the literal it may end in; empty when the server hung up.
    fn line(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                return out;
            }
            out.extend_from_slice(&line);
            let text = String::from_utf8_lossy(&line);
            let size = text.trim_end().strip_suffix('}').and_then(|t| t.rsplit_once('{')).map(|(_, n)| n);
            let Some(size) = size.and_then(|n| n.parse::<u64>().ok()) else { return out };
            let mut literal = Vec::new();
            let _ = (&mut self.stream).take(size).read_to_end(&mut literal);
            out.extend_from_slice(&literal);
        }
    }

    /// Lines up to one that says OK, NO or BYE, or a literal alone (a challenge).
    pub fn reply(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let line = self.line();
            out.extend_from_slice(&line);
            let ends = ["OK", "NO", "BYE", "{"].iter().any(|word| line.starts_with(word.as_bytes()));
            // A script is a literal too; OK follows it.
            let is_script = line.starts_with(b"{") && !self.is_quiet();
            if line.is_empty() || (ends && !is_script) {
                return out;
            }
        }
    }

    /// Whether nothing more has arrived.
    fn is_quiet(&self) -> bool {
        self.stream.buffer().is_empty()
    }

    /// Sends a line and reads everything that it causes; ended by `None` in the second part when the
    /// server hung up.
    pub fn command(&mut self, line: &[u8]) -> (Vec<u8>, bool) {
        self.send(&[line, b"\r\n", SENTINEL].concat());
        let mut out = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return (out, false);
            }
            if line.starts_with(SENTINEL_ANSWER.as_bytes()) {
                return (out, true);
            }
            out.extend_from_slice(&line);
        }
    }

    /// AUTHENTICATE PLAIN with password `pw`; the answer.
    pub fn login(&mut self, userid: &str, acting_for: &str) -> Vec<u8> {
        let response = STANDARD.encode(format!("{acting_for}\0{userid}\0pw"));
        // Nothing behind it: the oracle loses what comes in the packet of a login that succeeds.
        self.send(format!("AUTHENTICATE \"PLAIN\" \"{response}\"\r\n").as_bytes());
        self.reply()
    }

    /// Sends a command that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&mut self, line: &[u8]) -> Vec<u8> {
        let (answer, _) = self.command(line);
        let last = answer.split(|b| *b == b'\n').rfind(|l| !l.is_empty()).unwrap_or_default();
        assert!(last.starts_with(b"OK"), "{}: {}", line.escape_ascii(), answer.escape_ascii());
        answer
    }

    /// PUTSCRIPT; the answer.
    pub fn put(&mut self, name: &str, text: &str) -> Vec<u8> {
        self.command(format!("PUTSCRIPT \"{name}\" {{{}+}}\r\n{text}", text.len()).as_bytes()).0
    }

    /// Puts a script that must be taken and makes it the active one.
    ///
    /// # Panics
    /// When it is refused.
    pub fn activate(&mut self, name: &str, text: &str) {
        self.ok(format!("PUTSCRIPT \"{name}\" {{{}+}}\r\n{text}", text.len()).as_bytes());
        self.ok(format!("SETACTIVE \"{name}\"").as_bytes());
    }

    /// The names of all scripts and whether each is active.
    pub fn list(&mut self) -> Vec<(String, bool)> {
        let answer = self.ok(b"LISTSCRIPTS");
        let text = String::from_utf8_lossy(&answer).into_owned();
        let name = |line: &str| {
            let (name, rest) = line.strip_prefix('"')?.rsplit_once('"')?;
            Some((name.to_owned(), rest.trim() == "ACTIVE"))
        };
        text.lines().filter_map(name).collect()
    }

    /// Removes all scripts, whatever their names are.
    pub fn wipe(&mut self) {
        self.ok(b"SETACTIVE \"\"");
        for (name, _) in self.list() {
            let name = name.replace("\\\"", "\"").replace("\\\\", "\\");
            let (head, size) = (b"DELETESCRIPT {".as_slice(), name.len().to_string());
            self.command(&[head, size.as_bytes(), b"+}\r\n", name.as_bytes()].concat());
        }
    }
}
