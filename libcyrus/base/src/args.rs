//! Command lines with getopt's habits over clap's builder.

use std::ffi::{OsStr, OsString};

/// What a program accepts, in getopt's notation.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Short options as for getopt: `"C:n:v"`, a colon marks an option with argument.
    pub short: &'static str,
    /// Long options and the short letter each stands for; that letter must be in `short`.
    pub long: &'static [(&'static str, char)],
}

/// One option found, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The option's letter.
    pub letter: char,
    /// Its argument, if the option takes one.
    pub value: Option<OsString>,
}

/// A command line taken apart.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Args {
    /// Options in the order given.
    pub options: Vec<Given>,
    /// The other words, in order.
    pub words: Vec<OsString>,
}

impl Args {
    /// Parses the words after the program's name.
    ///
    /// # Errors
    /// getopt's complaint (`PROG: invalid option -- 'x'`), without newline; the caller prints it, then its usage.
    pub fn parse(prog: &OsStr, args: &[OsString], spec: &Spec) -> Result<Args, String> {
        let _ = (prog, args, spec);
        todo!()
    }

    /// Was the option given?
    pub fn has(&self, letter: char) -> bool {
        self.options.iter().any(|given| given.letter == letter)
    }

    /// The argument of the last occurrence of an option.
    pub fn value(&self, letter: char) -> Option<&OsStr> {
        self.options.iter().rev().find(|given| given.letter == letter)?.value.as_deref()
    }
}
