//! Challenges and responses on the wire, base64 in each protocol's dress.

use super::Failure;
use crate::error::Error;
use crate::prot::Stream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a protocol dresses the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Goes before a base64 challenge: `+ ` (IMAP, POP3), `334 ` (LMTP).
    pub prefix: &'static str,
    /// Challenges and answers are strings: quoted, or literals (ManageSieve).
    pub quoted: bool,
    /// The longest accepted line.
    pub max_line: usize,
    /// Success data goes into the final answer instead of a challenge of its own.
    pub success_data: bool,
}

impl Dialect {
    /// IMAP and POP3.
    pub const IMAP: Self = Self { prefix: "+ ", quoted: false, max_line: MAX_LINE, success_data: false };
    /// LMTP.
    pub const LMTP: Self = Self { prefix: "334 ", quoted: false, max_line: MAX_LINE, success_data: false };
    /// ManageSieve.
    pub const SIEVE: Self = Self { prefix: "", quoted: true, max_line: MAX_LINE, success_data: true };
}

/// 16 KB of data, as base64 (RFC 4422 leaves the limit to us; C has the same).
const MAX_LINE: usize = 21848;

/// Decodes an initial response as sent with the command: `=` is an empty one.
pub(super) fn initial(sent: &[u8]) -> Result<Vec<u8>, Failure> {
    if sent == b"=" {
        return Ok(Vec::new());
    }
    decode(sent)
}

/// Sends a challenge and reads the response.
pub(super) fn ask(stream: &mut Stream, dialect: &Dialect, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
    let text = STANDARD.encode(challenge);
    if dialect.quoted {
        stream.write(format!("\"{text}\"\r\n").as_bytes());
    } else {
        stream.write(format!("{}{text}\r\n", dialect.prefix).as_bytes());
    }
    stream.flush().map_err(Failure::Stream)?;
    let mut line = line(stream, dialect.max_line)?;
    if dialect.quoted {
        line = string(stream, &line, dialect.max_line)?;
    }
    if line.first() == Some(&b'*') {
        return Err(Failure::Cancelled);
    }
    decode(&line)
}

/// One line without its end.
fn line(stream: &mut Stream, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut line = Vec::new();
    match stream.read_line(limit, &mut line) {
        Ok(true) => {}
        Ok(false) => return Err(Failure::Stream(Error::Closed)),
        Err(Error::TooLong) => {
            stream.skip_line().map_err(Failure::Stream)?;
            return Err(Failure::BadBase64);
        }
        Err(e) => return Err(Failure::Stream(e)),
    }
    while let Some(b'\n' | b'\r') = line.last() {
        line.pop();
    }
    Ok(line)
}

/// A quoted string on `line`, or the literal it announces.
fn string(stream: &mut Stream, line: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    if let Some(inner) = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\"")) {
        return Ok(inner.to_vec());
    }
    let size = line
        .strip_prefix(b"{")
        .and_then(|l| l.strip_suffix(b"}"))
        .map(|l| l.strip_suffix(b"+").unwrap_or(l))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
    match size {
        Some(size) if size <= limit => {
            let mut data = Vec::new();
            stream.read_exact_onto(size as u64, &mut data).map_err(Failure::Stream)?;
            stream.skip_line().map_err(Failure::Stream)?;
            Ok(data)
        }
        _ => Err(Failure::BadBase64),
    }
}

fn decode(text: &[u8]) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::BadBase64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn check(dialect: &Dialect, sent: &[u8], shown: &[u8]) -> Result<Vec<u8>, Failure> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(sent).unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        let mut stream = Stream::new(ours.into());
        let answer = ask(&mut stream, dialect, b"<1@x>");
        drop(stream);
        let mut seen = Vec::new();
        theirs.read_to_end(&mut seen).unwrap();
        assert_eq!(String::from_utf8_lossy(&seen), String::from_utf8_lossy(shown));
        answer
    }

    #[test]
    fn each_protocol_has_its_dress() {
        let imap = check(&Dialect::IMAP, b"YWJj\r\n", b"+ PDFAeD4=\r\n");
        assert_eq!(imap.unwrap(), b"abc");
        let lmtp = check(&Dialect::LMTP, b"\r\n", b"334 PDFAeD4=\r\n");
        assert_eq!(lmtp.unwrap(), b"");
        let sieve = check(&Dialect::SIEVE, b"\"YWJj\"\r\n", b"\"PDFAeD4=\"\r\n");
        assert_eq!(sieve.unwrap(), b"abc");
        let literal = check(&Dialect::SIEVE, b"{4+}\r\nYWJj\r\n", b"\"PDFAeD4=\"\r\n");
        assert_eq!(literal.unwrap(), b"abc");
    }

    #[test]
    fn bad_lines_are_told_apart() {
        let shown = b"+ PDFAeD4=\r\n";
        assert!(matches!(check(&Dialect::IMAP, b"*\r\n", shown), Err(Failure::Cancelled)));
        assert!(matches!(check(&Dialect::IMAP, b"YWJ\r\n", shown), Err(Failure::BadBase64)));
        assert!(matches!(check(&Dialect::IMAP, b"", shown), Err(Failure::Stream(Error::Closed))));
        let long = [vec![b'A'; 30_000], b"\r\n".to_vec()].concat();
        assert!(matches!(check(&Dialect::IMAP, &long, shown), Err(Failure::BadBase64)));
        let huge = check(&Dialect::SIEVE, b"{99999999999}\r\n", b"\"PDFAeD4=\"\r\n");
        assert!(matches!(huge, Err(Failure::BadBase64)));
    }
}
