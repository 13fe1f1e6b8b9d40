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
