//! An IMAP client for tests: sends lines, reads raw answers, understands literals, judges nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What one command brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Untagged responses and continuation requests, each whole with its literals, without the final CRLF.
    pub lines: Vec<Vec<u8>>,
    /// The tagged response, or the continuation request that stopped us; empty if the server hung up.
    pub last: Vec<u8>,
}

impl Answer {
    /// All of it as text, for messages.
    pub fn text(&self) -> String {
        let mut all = Vec::new();
        for line in self.lines.iter().chain([&self.last]) {
            all.extend_from_slice(line);
            all.push(b'\n');
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Did the command end in OK?
    pub fn is_ok(&self) -> bool {
        self.last.split(|b| *b == b' ').nth(1) == Some(b"OK")
    }

    /// The untagged line that contains `text`.
    pub fn find(&self, text: &str) -> Option<String> {
        self.lines.iter().map(|l| String::from_utf8_lossy(l).into_owned()).find(|l| l.contains(text))
    }
}

/// One connection.
#[derive(Debug)]
pub struct Imap {
    stream: BufReader<TcpStream>,
    greeting: Vec<u8>,
    tag: u32,
    prefix: char,
}

impl Imap {
    /// Connects to loopback and reads the greeting.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
        stream.set_read_timeout(Some(TIMEOUT)).expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        let mut imap = Self { stream: BufReader::new(stream), greeting: Vec::new(), tag: 0, prefix: 'A' };
        imap.greeting = imap.response().unwrap_or_default();
        imap
    }

    /// The server's first line.
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Letter that tags begin with.
    pub fn prefix(&mut self, letter: char) {
        self.prefix = letter;
    }

    /// The next tag.
    pub fn next_tag(&mut self) -> String {
        self.tag += 1;
        format!("{}{}", self.prefix, self.tag)
    }

    /// The tag of the last command.
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// Sends bytes as they are. A server that hung up is noticed when reading.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// Reads one response with its literals; `None` when the server hung up or said nothing in time.
    pub fn response(&mut self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let start = all.len();
            if self.stream.read_until(b'\n', &mut all).ok()? == 0 {
                return (!all.is_empty()).then_some(all);
            }
            let line = all.get(start..).unwrap_or_default();
            match literal(line) {
                Some(n) => {
                    let mut body = Vec::new();
                    (&mut self.stream).take(n).read_to_end(&mut body).ok()?;
                    all.extend_from_slice(&body);
                }
                None => {
                    while matches!(all.last(), Some(b'\r' | b'\n')) {
                        all.pop();
                    }
                    return Some(all);
                }
            }
        }
    }

    /// Reads until the response tagged `tag`, a continuation request, or the end.
    pub fn answer(&mut self, tag: &str) -> Answer {
        let mut answer = Answer::default();
        while let Some(line) = self.response() {
            let tagged = line.strip_prefix(tag.as_bytes()).is_some_and(|r| r.first() == Some(&b' '));
            if tagged || line.starts_with(b"+") {
                answer.last = line;
                return answer;
            }
            answer.lines.push(line);
        }
        answer
    }

    /// Like [`Imap::answer`], but any `BAD` without a known tag also ends it.
    pub fn answer_any(&mut self, tag: &str) -> Answer {
        let mut answer = Answer::default();
        while let Some(line) = self.response() {
            let tagged = line.strip_prefix(tag.as_bytes()).is_some_and(|r| r.first() == Some(&b' '));
            if (tagged && tag != "*") || line.starts_with(b"+") || line.starts_with(b"* BAD") {
                answer.last = line;
                return answer;
            }
            answer.lines.push(line);
        }
        answer
    }

    /// Reads untagged lines up to one that starts with `start`.
    pub fn until(&mut self, start: &str) -> Answer {
        let mut answer = Answer::default();
        while let Some(line) = self.response() {
            if line.starts_with(start.as_bytes()) {
                answer.last = line;
                return answer;
            }
            answer.lines.push(line);
        }
        answer
    }

    /// Sends a command and reads its answer.
    pub fn command(&mut self, command: &str) -> Answer {
        self.command_parts(&[command.as_bytes()])
    }

    /// Sends a command in parts; all but the last end in a literal announcement, after each of which the server's
    /// continuation is awaited (unless it is a non-synchronizing one).
    pub fn command_parts(&mut self, parts: &[&[u8]]) -> Answer {
        let tag = self.next_tag();
        let mut line = tag.clone().into_bytes();
        line.push(b' ');
        let mut all = Answer::default();
        for (n, part) in parts.iter().enumerate() {
            line.extend_from_slice(part);
            if n + 1 == parts.len() {
                break;
            }
            line.extend_from_slice(b"\r\n");
            self.send(&line);
            line.clear();
            if !part.ends_with(b"+}") {
                let answer = self.answer(&tag);
                all.lines.extend(answer.lines);
                if !answer.last.starts_with(b"+") {
                    all.last = answer.last;
                    return all;
                }
            }
        }
        line.extend_from_slice(b"\r\n");
        self.send(&line);
        let answer = self.answer(&tag);
        all.lines.extend(answer.lines);
        all.last = answer.last;
        all
    }

    /// A command that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn ok(&mut self, command: &str) -> Answer {
        let answer = self.command(command);
        assert!(answer.is_ok(), "{command}: {}", answer.text());
        answer
    }

    /// APPENDs a message; `args` is what stands before the literal (`INBOX (\Seen)`).
    pub fn append(&mut self, args: &str, message: &[u8]) -> Answer {
        let head = format!("APPEND {args} {{{}}}", message.len());
        self.command_parts(&[head.as_bytes(), message])
    }
}

/// The size a line's final `{n}` or `{n+}` announces.
fn literal(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let open = line.iter().rposition(|b| *b == b'{')?;
    std::str::from_utf8(line.get(open + 1..)?).ok()?.trim_end_matches('+').parse().ok()
}
