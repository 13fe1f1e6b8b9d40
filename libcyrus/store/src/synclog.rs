//! The sync log: what replication and squatter have to look at.
//!
//! One line per change, appended under the file's lock and synced. Failures are logged and
//! otherwise ignored: the change itself is done.

use crate::catalog::Catalog;
use crate::user::make_parent;
use cyrus_base::config::Opt;
use cyrus_sys::lock::{Mode, Wait};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often a log that was renamed meanwhile is opened again.
const RETRIES: usize = 64;

impl Catalog {
    /// Appends one event, its words quoted where needed, to the log of every channel.
    /// A `RENAME` is followed by a `MAILBOX` line for both names. C: sync_log()
    pub fn sync_log(&self, words: &[&[u8]]) {
        if !self.config().switch(Opt::SyncLog) {
            return;
        }
        let Some(lines) = format(words) else { return };
        self.sync_log_line(&lines);
    }

    /// Appends text as it is, with its line end, to the log of every channel, when there are logs.
    pub fn sync_log_line(&self, lines: &[u8]) {
        if !self.config().switch(Opt::SyncLog) {
            return;
        }
        let channels = self.config().string(Opt::SyncLogChannels).unwrap_or("\"\"");
        for channel in channels.split(' ').filter(|channel| !channel.is_empty()) {
            let dir = self.config().configdirectory().join("sync");
            let path = if channel == "\"\"" { dir.join("log") } else { dir.join(channel).join("log") };
            if let Err(error) = append(&path, lines) {
                log::error!(target: "syslog", "sync_log(): Unable to write to log file {}: {error}", path.display());
            }
        }
    }
}

fn format(words: &[&[u8]]) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    put_line(&mut lines, words)?;
    if let [b"RENAME", names @ ..] = words {
        for name in names {
            put_line(&mut lines, &[b"MAILBOX", name])?;
        }
    }
    Some(lines)
}

fn put_line(lines: &mut Vec<u8>, words: &[&[u8]]) -> Option<()> {
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            lines.push(b' ');
        }
        put_word(lines, word)?;
    }
    lines.push(b'\n');
    Some(())
}

/// C: sync_quote_name(). A line break cannot be written; there is none in any name.
fn put_word(out: &mut Vec<u8>, word: &[u8]) -> Option<()> {
    if word.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return None;
    }
    let quoted = word.is_empty() || word.iter().any(|byte| b"\\\"{} \t()".contains(byte));
    if quoted {
        out.push(b'"');
    }
    for &byte in word {
        if b"\\\"{}".contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
    if quoted {
        out.push(b'"');
    }
    Some(())
}

fn append(path: &PathBuf, lines: &[u8]) -> std::io::Result<()> {
    for _ in 0..RETRIES {
        let mut file = open(path)?;
        cyrus_sys::lock::lock(file.as_fd(), Mode::Exclusive, Wait::Block)?;
        // sync_client takes the log by renaming it: what is written must go to the one in place.
        let is_in_place = std::fs::metadata(path).is_ok_and(|there| {
            file.metadata().is_ok_and(|here| here.ino() == there.ino() && here.dev() == there.dev())
        });
        if is_in_place {
            file.write_all(lines)?;
            return file.sync_all();
        }
    }
    Err(std::io::ErrorKind::WouldBlock.into())
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            make_parent(path).map_err(|_| std::io::Error::from(std::io::ErrorKind::NotFound))?;
            options.open(path)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: &str) {
        let words = words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>();
        assert_eq!(format(&words).as_deref(), Some(expected.as_bytes()));
    }

    #[test]
    fn names_are_quoted_where_needed() {
        check(&["MAILBOX", "user.ann"], "MAILBOX user.ann\n");
        check(&["MAILBOX", "user.ann.a b"], "MAILBOX \"user.ann.a b\"\n");
        check(&["SUB", "ann", "a\"b"], "SUB ann \"a\\\"b\"\n");
        check(&["RENAME", "a", "b"], "RENAME a b\nMAILBOX a\nMAILBOX b\n");
        check(&["USER", ""], "USER \"\"\n");
        assert_eq!(format(&[b"a\nb"]), None);
    }
}
