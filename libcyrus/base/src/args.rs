//! Command lines with getopt's habits.
//!
//! Words are taken apart by clap's lexer; what clap's builder would add gets in the way of a drop-in program: it reads
//! `-n=5` as 5 where getopt reads `=5`, does not take `--` as an option's argument, loses the order of options, and
//! has its own complaints. Options and words may be mixed, `--` ends the options, short options may be clustered
//! (`-rf`, `-Cfile`), long ones abbreviated as long as they stay unique.

use clap_lex::{ParsedArg, RawArgs};
use std::ffi::{OsStr, OsString};

/// What a program accepts, in getopt's notation.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Short options as for getopt: `"C:n:v"`, a colon marks an option with argument.
    pub short: &'static str,
    /// Long options and the short letter each stands for; that letter must be in `short`, where one that has no short
    /// form may stand as a letter no keyboard has.
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
    /// getopt's first complaint (`PROG: invalid option -- 'x'`), without newline; the caller prints it, then its
    /// usage.
    pub fn parse(prog: &OsStr, args: &[OsString], spec: &Spec) -> Result<Args, String> {
        let (parsed, complaints) = Args::parse_lenient(prog, args, spec);
        match complaints.into_iter().next() {
            Some(complaint) => Err(complaint),
            None => Ok(parsed),
        }
    }

    /// As [`Args::parse`], for the programs that go on after an unknown option (master does).
    pub fn parse_lenient(prog: &OsStr, args: &[OsString], spec: &Spec) -> (Args, Vec<String>) {
        let mut parser = Parser {
            prog: prog.to_string_lossy().into_owned(),
            spec,
            out: Args::default(),
            complaints: Vec::new(),
        };
        let raw = RawArgs::new(args);
        let mut cursor = raw.cursor();
        while let Some(arg) = raw.next(&mut cursor) {
            let mut next = || raw.next_os(&mut cursor).map(OsStr::to_owned);
            if arg.is_escape() {
                parser.out.words.extend(raw.remaining(&mut cursor).map(OsStr::to_owned));
            } else if arg.is_long() && !spec.long.is_empty() {
                parser.long(&arg, &mut next);
            } else if arg.is_long() {
                parser.complain("invalid option -- '-'");
            } else if arg.is_short() {
                parser.cluster(&arg, &mut next);
            } else {
                parser.out.words.push(arg.to_value_os().to_owned());
            }
        }
        (parser.out, parser.complaints)
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

struct Parser<'a> {
    prog: String,
    spec: &'a Spec,
    out: Args,
    complaints: Vec<String>,
}

impl Parser<'_> {
    fn cluster(&mut self, arg: &ParsedArg<'_>, next: &mut dyn FnMut() -> Option<OsString>) {
        let Some(mut flags) = arg.to_short() else { return };
        while let Some(flag) = flags.next_flag() {
            let letter = flag.unwrap_or(char::REPLACEMENT_CHARACTER);
            match self.takes_value(letter) {
                None => self.complain(&format!("invalid option -- '{letter}'")),
                Some(false) => self.out.options.push(Given { letter, value: None }),
                Some(true) => {
                    let attached = flags.next_value_os().map(OsStr::to_owned);
                    match attached.or_else(&mut *next) {
                        Some(value) => self.out.options.push(Given { letter, value: Some(value) }),
                        None => self.complain(&format!("option requires an argument -- '{letter}'")),
                    }
                    return;
                }
            }
        }
    }

    fn long(&mut self, arg: &ParsedArg<'_>, next: &mut dyn FnMut() -> Option<OsString>) {
        let Some((name, attached)) = arg.to_long() else { return };
        let name = name.unwrap_or("\u{fffd}");
        let matching: Vec<_> = self.spec.long.iter().filter(|(long, _)| long.starts_with(name)).collect();
        let exact = matching.iter().find(|(long, _)| *long == name);
        let &(long, letter) = match (exact, matching.as_slice()) {
            (Some(hit), _) => *hit,
            (None, [hit]) => *hit,
            (None, []) => return self.complain(&format!("unrecognized option '--{name}'")),
            (None, [first, ..]) if matching.iter().all(|(_, letter)| *letter == first.1) => first,
            (None, many) => {
                let names: String = many.iter().map(|(long, _)| format!(" '--{long}'")).collect();
                return self.complain(&format!("option '--{name}' is ambiguous; possibilities:{names}"));
            }
        };
        let value = match (self.takes_value(letter), attached) {
            (Some(true), Some(value)) => Some(value.to_owned()),
            (Some(true), None) => match next() {
                Some(value) => Some(value),
                None => return self.complain(&format!("option '--{long}' requires an argument")),
            },
            (_, Some(_)) => return self.complain(&format!("option '--{long}' doesn't allow an argument")),
            (_, None) => None,
        };
        self.out.options.push(Given { letter, value });
    }

    /// Does the option take an argument? `None` when there is no such option.
    fn takes_value(&self, letter: char) -> Option<bool> {
        if letter == ':' {
            return None;
        }
        let at = self.spec.short.find(letter)?;
        Some(self.spec.short.get(at + letter.len_utf8()..).is_some_and(|rest| rest.starts_with(':')))
    }

    fn complain(&mut self, what: &str) {
        self.complaints.push(format!("{}: {what}", self.prog));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec { short: "C:rfv", long: &[("recurse", 'r'), ("reset", 'f'), ("config", 'C')] };

    /// `expected` is `option=value ...| words` or the complaint.
    #[track_caller]
    fn check(line: &str, spec: &Spec, expected: &str) {
        let args: Vec<OsString> = line.split(' ').filter(|w| !w.is_empty()).map(Into::into).collect();
        let text = match Args::parse(OsStr::new("prog"), &args, spec) {
            Err(complaint) => complaint,
            Ok(args) => {
                let mut text = String::new();
                for given in &args.options {
                    text.push(given.letter);
                    if let Some(value) = &given.value {
                        text.push_str(&format!("={}", value.to_string_lossy()));
                    }
                    text.push(' ');
                }
                let words: Vec<_> = args.words.iter().map(|w| w.to_string_lossy()).collect();
                format!("{text}| {}", words.join(" "))
            }
        };
        assert_eq!(text, expected, "{line}");
    }

    #[test]
    fn short_options_may_be_clustered_attached_and_mixed_with_words() {
        check("-rf a -C conf b", &SPEC, "r f C=conf | a b");
        check("-vC/x y", &SPEC, "v C=/x | y");
        check("-C=5 -C -- -C -r", &SPEC, "C==5 C=-- C=-r | ");
        check("a -- -r -C", &SPEC, "| a -r -C");
        check("- -r", &SPEC, "r | -");
    }

    #[test]
    fn long_options_may_be_abbreviated_and_take_arguments_both_ways() {
        check("--recurse --config=a --conf b", &SPEC, "r C=a C=b | ");
        check("--re", &SPEC, "prog: option '--re' is ambiguous; possibilities: '--recurse' '--reset'");
        check("--recurse=x", &SPEC, "prog: option '--recurse' doesn't allow an argument");
        check("--config", &SPEC, "prog: option '--config' requires an argument");
        check("--nix", &SPEC, "prog: unrecognized option '--nix'");
    }

    #[test]
    fn complaints_are_those_of_getopt() {
        check("-rx", &SPEC, "prog: invalid option -- 'x'");
        check("-C", &SPEC, "prog: option requires an argument -- 'C'");
        check("-:", &SPEC, "prog: invalid option -- ':'");
        check("--x", &Spec { short: "r", long: &[] }, "prog: invalid option -- '-'");
    }

    #[test]
    fn a_lenient_program_goes_on_after_an_unknown_option() {
        let args: Vec<OsString> = ["-x", "-r", "w"].map(Into::into).to_vec();
        let (args, complaints) = Args::parse_lenient(OsStr::new("p"), &args, &SPEC);
        assert_eq!(complaints, ["p: invalid option -- 'x'"]);
        assert!(args.has('r') && args.words == ["w"]);
    }
}
