//! A POP3 client for tests.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One connection.
#[derive(Debug)]
pub struct Pop3 {
    stream: BufReader<TcpStream>,
    greeting: String,
}

impl Pop3 {
    /// Connects to loopback and reads the greeting.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
        stream.set_read_timeout(Some(Duration::from_secs(15))).expect("timeout");
        let mut pop3 = Self { stream: BufReader::new(stream), greeting: String::new() };
        pop3.greeting = pop3.line().unwrap_or_default();
        pop3
    }

    /// The server's first line.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// One line without its end; `None` when the server hung up.
    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let count = self.stream.read_until(b'\n', &mut line).ok()?;
        (count > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string())
    }

    /// Sends a line and reads the reply: one line, or all through the dot. Empty when the server hung up.
    pub fn command(&mut self, command: &str) -> Vec<String> {
        let _ = self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes());
        let mut words = command.split_ascii_whitespace();
        let word = words.next().unwrap_or_default().to_ascii_lowercase();
        let has_argument = words.next().is_some();
        let is_long = match word.as_str() {
            "capa" | "retr" | "top" => true,
            "list" | "uidl" | "auth" => !has_argument,
            _ => false,
        };
        let Some(first) = self.line() else { return Vec::new() };
        let mut lines = vec![first];
        if is_long && lines.first().is_some_and(|line| line.starts_with("+OK")) {
            while let Some(line) = self.line() {
                let is_last = line == ".";
                lines.push(line);
                if is_last {
                    break;
                }
            }
        }
        lines
    }
}
