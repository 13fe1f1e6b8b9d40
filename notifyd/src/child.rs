//! A program that gets a text on standard input and is waited for.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

/// Starts `program` with these arguments (`argv[0]` as given) and a pipe for standard input; the
/// rest of the environment is notifyd's own.
///
/// # Errors
/// What fork or exec say.
pub fn start<S: AsRef<OsStr>>(program: &str, name: &str, args: &[S]) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;
    Command::new(program).arg0(name).args(args).stdin(Stdio::piped()).spawn()
}

/// Gives the text and waits for the program's end. A program that does not read to the end is no
/// failure.
pub fn feed(mut child: Child, text: &[u8]) {
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(text);
    }
    let _ = child.wait();
}
