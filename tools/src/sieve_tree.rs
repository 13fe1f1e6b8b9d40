//! What masssievec and translatesieve share: the few lines of imapd.conf that they read, and the directories of
//! scripts, `SIEVEDIR/x/user`.
//!
//! The originals are Perl scripts with a loose reading of imapd.conf of their own (no services, first column only);
//! it is kept, so that the same lines count.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Both end with this code for a configuration that cannot be opened.
pub(crate) const EX_NO_CONFIG: i32 = 2;
/// What both say to root, and their code.
pub(crate) const ROOT: (&[u8], i32) = (b"must not run as root\n", 255);

/// Is this root's process?
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Gives every line of the file and of those it includes, without comments.
///
/// # Errors
/// The file that cannot be read.
pub(crate) fn each_line(file: &Path, mut line: impl FnMut(&[u8])) -> Result<(), PathBuf> {
    let mut files = VecDeque::from([file.to_owned()]);
    let mut seen = 0;
    while let Some(file) = files.pop_front() {
        seen += 1;
        // Files that include each other are not followed for ever.
        let text = fs::read(&file).ok().filter(|_| seen < 100).ok_or(file)?;
        for text in text.split(|byte| *byte == b'\n').filter(|text| !text.starts_with(b"#")) {
            if let Some(at) = text.windows(9).position(|window| window == b"@include:") {
                if let Some(name) = text.get(at + 9..).and_then(value_after_blank) {
                    files.push_back(PathBuf::from(OsString::from_vec(name.to_vec())));
                }
            }
            line(text);
        }
    }
    Ok(())
}

/// What follows at least one blank.
fn value_after_blank(text: &[u8]) -> Option<&[u8]> {
    let value = text.trim_ascii_start();
    (value.len() < text.len()).then_some(value)
}

/// The value of `key: value`, with at least one blank between.
pub(crate) fn value<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    value_after_blank(line.strip_prefix(key.as_bytes())?.strip_prefix(b":")?)
}

/// The value of `key:value`, blanks or not.
pub(crate) fn loose_value<'a>(line: &'a [u8], key: &str) -> Option<&'a [u8]> {
    Some(line.strip_prefix(key.as_bytes())?.strip_prefix(b":")?.trim_ascii_start())
}

/// The names in a directory, none if it cannot be read.
pub(crate) fn names(dir: &Path) -> Vec<OsString> {
    fs::read_dir(dir)
        .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default()
}

/// The part of a name before `.script`.
pub(crate) fn script_stem(name: &OsString) -> Option<&[u8]> {
    name.as_bytes().strip_suffix(b".script")
}
