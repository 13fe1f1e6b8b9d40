//! Standard output and error for tools: a reader that went away is no failure.

use std::io::Write;

/// Writes to standard output.
pub fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Writes to standard error.
pub fn complain(bytes: &[u8]) {
    let _ = std::io::stderr().lock().write_all(bytes);
}

/// Writes a complaint (unless empty) and the usage text to standard error; gives `code` back.
pub fn usage(complaint: &str, usage: &str, code: i32) -> i32 {
    let mut err = std::io::stderr().lock();
    if !complaint.is_empty() {
        let _ = writeln!(err, "{complaint}");
    }
    let _ = err.write_all(usage.as_bytes());
    code
}

/// Tells of a failing database and gives the exit code. C: fatal()
pub fn failed(error: &libcyrus::store::Error) -> i32 {
    use libcyrus::base::exit::{EX_TEMPFAIL, Fatal};
    let text = match error {
        libcyrus::store::Error::Io { .. } => "can't read mailboxes file".to_owned(),
        other => other.to_string(),
    };
    Fatal::new(text, EX_TEMPFAIL).report()
}

/// The number at the start of an argument, 0 when there is none. C: atoi()
pub fn atoi(text: &std::ffi::OsStr) -> i64 {
    let text = text.to_string_lossy();
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    if negative { -number } else { number }
}

/// The system's sentence about an error, without Rust's number behind it.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
