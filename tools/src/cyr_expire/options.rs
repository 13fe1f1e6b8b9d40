//! The command line of cyr_expire.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::EX_USAGE;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is to be done.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the program")]
pub(super) struct Options {
    pub(super) config: Option<PathBuf>,
    /// `-A`
    pub(super) archive_s: Option<i64>,
    /// `-D`
    pub(super) delete_s: Option<i64>,
    /// `-E`
    pub(super) expire_s: Option<i64>,
    /// `-X`
    pub(super) expunge_s: Option<i64>,
    /// `-p`, as administrators write it.
    pub(super) prefix: Option<Vec<u8>>,
    /// `-u`
    pub(super) userid: Option<Vec<u8>>,
    /// Not `-x`.
    pub(super) expunges: bool,
    /// Not `-c`.
    pub(super) conversations: bool,
    /// `-t`
    pub(super) userflags: bool,
    /// `-a`
    pub(super) skips_annotations: bool,
    /// `-v`
    pub(super) verbose: bool,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// The exit code, when usage was told.
    pub(super) fn parse(call: &Call) -> Result<Self, i32> {
        let prog = Path::new(&call.prog).file_name().unwrap_or(&call.prog).to_string_lossy().into_owned();
        let wrong = |complaint: &str| io::usage(complaint, &usage(&prog), EX_USAGE);
        let spec = Spec { short: "C:D:E:X:A:p:u:vaxtch", long: &[] };
        let args = Args::parse(&call.prog, &call.args, &spec).map_err(|complaint| wrong(&complaint))?;
        if args.has('h') || (args.has('p') && args.has('u')) {
            return Err(wrong(""));
        }
        let age = |letter: char| match args.value(letter) {
            Some(text) => duration(text.as_bytes()).map(Some).ok_or_else(|| wrong("")),
            None => Ok(None),
        };
        let bytes = |letter: char| args.value(letter).map(OsStr::as_bytes).map(<[u8]>::to_vec);
        let options = Self {
            config: args.value('C').map(PathBuf::from),
            archive_s: age('A')?,
            delete_s: age('D')?,
            expire_s: age('E')?,
            expunge_s: age('X')?,
            prefix: bytes('p'),
            userid: bytes('u'),
            expunges: !args.has('x'),
            conversations: !args.has('c'),
            userflags: args.has('t'),
            skips_annotations: args.has('a'),
            verbose: args.has('v'),
        };
        let ages = [options.archive_s, options.delete_s, options.expire_s, options.expunge_s];
        if ages.iter().all(Option::is_none) && !options.userflags {
            return Err(wrong("Missing arguments."));
        }
        Ok(options)
    }
}

/// Seconds of a number with d, h, m or s behind it; days without one. C: parse_duration()
pub(super) fn duration(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() || text.starts_with('-') {
        return None;
    }
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '+').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: f64 = if number.is_empty() { 0.0 } else { number.parse().ok()? };
    let unit = match unit {
        "" | "d" => 86400.0,
        "h" => 3600.0,
        "m" => 60.0,
        "s" => 1.0,
        _ => return None,
    };
    // Never negative, and what is past the range of an i64 becomes its end.
    #[allow(clippy::cast_possible_truncation, reason = "fractions of a second do not count")]
    Some((number * unit) as i64)
}

fn usage(prog: &str) -> String {
    format!(
        "Usage: {prog} [OPTIONS] {{mailbox|users}}\n\
         Expire messages and duplicate delivery database entries.\n\
         \n\
         -a                       skip annotation lookup\n\
         -c                       do not expire conversations\n\
         -h                       print this help and exit\n\
         -p <mailbox-prefix>      specify prefix for mailboxes\n\
         -t                       remove user flags which are not used\n\
         -u <user-id>             specify user id for mailbox lookup\n\
         -v                       enable verbose output\n\
         -x                       do not expunge messages\n\
         -C <config-file>         use <config-file> instead of config from imapd.conf\n\
         -A <archive-duration>    \n\
         -D <delete-duration>     \n\
         -E <expire-duration>     \n\
         -X <expunge-duration>    \n\
         \n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_or_are_days() {
        let check = |text: &str, expected| assert_eq!(duration(text.as_bytes()), expected, "{text}");
        check("3", Some(3 * 86400));
        check("1.5h", Some(5400));
        check("10m", Some(600));
        check("7s", Some(7));
        check("d", Some(0));
        check("0", Some(0));
        for bad in ["", "-1", "x", "3dd", "1.2.3"] {
            check(bad, None);
        }
    }
}
