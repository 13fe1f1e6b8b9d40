//! The master's command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use cyrus_base::args::{Args, Spec};
use cyrus_base::exit::{EX_CONFIG, EX_USAGE, Fatal};

use crate::conf::atoi;

/// Where the standard streams go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// `-d`: into the background; the streams go to /dev/null.
    Background,
    /// Default: foreground, the streams go to /dev/null.
    Foreground,
    /// `-D`: foreground, the streams stay as they are.
    Debug,
}

/// The command line, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `-C`: imapd.conf.
    pub config_file: Option<PathBuf>,
    /// `-M`: cyrus.conf.
    pub cyrus_conf: PathBuf,
    /// `-p`: the pid file.
    pub pidfile: PathBuf,
    /// `-l`: the backlog of listening sockets.
    pub backlog: i32,
    /// `-d`, `-D`.
    pub stay: Stay,
    /// `-L`: standard output and error are appended to this file.
    pub error_log: Option<PathBuf>,
    /// `-j`: sweeps of the janitor per second.
    pub janitor_per_second: u32,
    /// `-v` and `CYRUS_VERBOSE`.
    pub verbose: i32,
    /// `-V`: print the version and exit.
    pub version: bool,
}

impl Options {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// 64 with getopt's complaint for a wrong option, 78 with C's words for wrong values.
    pub fn parse(
        program: &OsStr,
        words: &[OsString],
        cyrus_verbose: Option<&OsStr>,
    ) -> Result<Options, Fatal> {
        let args = Args::parse(program, words, &SPEC).map_err(|complaint| Fatal::new(complaint, EX_USAGE))?;
        if let Some(word) = args.words.first() {
            let text =
                format!("{}: unexpected argument '{}'", program.to_string_lossy(), word.to_string_lossy());
            return Err(Fatal::new(text, EX_USAGE));
        }
        let path = |letter| args.value(letter).map(PathBuf::from);
        let number = |letter, default| args.value(letter).map_or(default, |v| atoi(v.as_bytes()));
        let janitor = number('j', 1);
        if janitor < 1 {
            return Err(Fatal::new("The janitor period must be at least 1 second", EX_CONFIG));
        }
        let stay = match (args.has('d'), args.has('D')) {
            (true, true) => return Err(Fatal::new("Unable to be both debug and daemon mode", EX_CONFIG)),
            (true, false) => Stay::Background,
            (false, true) => Stay::Debug,
            (false, false) => Stay::Foreground,
        };
        let from_environment = cyrus_verbose.map_or(0, |v| atoi(v.as_bytes()).saturating_add(1));
        let given = args.options.iter().filter(|o| o.letter == 'v').count();
        Ok(Options {
            config_file: path('C'),
            cyrus_conf: path('M').unwrap_or_else(|| CYRUS_CONF.into()),
            pidfile: path('p').unwrap_or_else(|| PIDFILE.into()),
            backlog: number('l', 32),
            stay,
            error_log: path('L'),
            janitor_per_second: janitor.unsigned_abs(),
            verbose: from_environment.saturating_add(i32::try_from(given).unwrap_or(i32::MAX)),
            version: args.has('V'),
        })
    }
}

const SPEC: Spec = Spec { short: "C:L:M:p:l:Ddj:vV", long: &[] };
/// Default of `-M`.
const CYRUS_CONF: &str = "/etc/cyrus.conf";
/// Default of `-p`; `CYRUS_PIDFILE` at build time changes it.
const PIDFILE: &str = match option_env!("CYRUS_PIDFILE") {
    Some(file) => file,
    None => "/run/cyrus-master.pid",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Fatal> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Options::parse(OsStr::new("master"), &words, None)
    }

    #[test]
    fn defaults() {
        let options = parse(&[]).expect("no options");
        assert_eq!(options.cyrus_conf, PathBuf::from("/etc/cyrus.conf"));
        assert_eq!((options.backlog, options.janitor_per_second, options.verbose), (32, 1, 0));
        assert_eq!((options.stay, options.version), (Stay::Foreground, false));
    }

    #[test]
    fn every_option() {
        let options = parse(&["-C", "i", "-Mc", "-p", "p", "-l9", "-d", "-L", "e", "-j", "4", "-vv", "-V"])
            .expect("valid");
        let expected = Options {
            config_file: Some("i".into()),
            cyrus_conf: "c".into(),
            pidfile: "p".into(),
            backlog: 9,
            stay: Stay::Background,
            error_log: Some("e".into()),
            janitor_per_second: 4,
            verbose: 2,
            version: true,
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert_eq!(parse(&["-d", "-D"]).expect_err("both").code, EX_CONFIG);
        assert_eq!(parse(&["-j", "0"]).expect_err("janitor").code, EX_CONFIG);
        assert_eq!(parse(&["-x"]).expect_err("unknown").code, EX_USAGE);
        assert_eq!(parse(&["stray"]).expect_err("word").code, EX_USAGE);
    }

    #[test]
    fn verbosity_comes_from_the_environment_too() {
        let options = Options::parse(OsStr::new("m"), &["-v".into()], Some(OsStr::new("2"))).expect("valid");
        assert_eq!(options.verbose, 4);
    }
}
