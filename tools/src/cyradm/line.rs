//! The command line, with the habits of Perl's Getopt::Long, and editing lines at a terminal.

use super::client::Connection;
use super::{Shell, run, table};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};
use std::cell::RefCell;
use std::ffi::OsString;
use std::rc::Rc;

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    Number,
    Optional,
    Text,
}

/// Spellings, the option meant, what follows.
const OPTIONS: [(&str, &str, Takes); 31] = [
    ("user", "user", Takes::Text),
    ("u", "user", Takes::Text),
    ("authz", "authz", Takes::Text),
    ("z", "authz", Takes::Text),
    ("rc", "rc", Takes::Nothing),
    ("r", "rc", Takes::Nothing),
    ("norc", "norc", Takes::Nothing),
    ("no-rc", "norc", Takes::Nothing),
    ("nor", "norc", Takes::Nothing),
    ("no-r", "norc", Takes::Nothing),
    ("systemrc", "systemrc", Takes::Text),
    ("S", "systemrc", Takes::Text),
    ("userrc", "userrc", Takes::Text),
    ("server", "server", Takes::Text),
    ("s", "server", Takes::Text),
    ("port", "port", Takes::Number),
    ("p", "port", Takes::Number),
    ("auth", "auth", Takes::Text),
    ("a", "auth", Takes::Text),
    ("password", "password", Takes::Text),
    ("w", "password", Takes::Text),
    ("tlskey", "tlskey", Takes::Optional),
    ("t", "tlskey", Takes::Optional),
    ("notls", "notls", Takes::Nothing),
    ("cafile", "cafile", Takes::Text),
    ("cadir", "cadir", Takes::Text),
    ("capath", "cadir", Takes::Text),
    ("help", "help", Takes::Nothing),
    ("h", "help", Takes::Nothing),
    ("version", "version", Takes::Nothing),
    ("v", "version", Takes::Nothing),
];

/// A command line taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The usage text is wanted.
    Help,
    /// The version is wanted.
    Version,
    /// Options with their values, the other words, and what is to be said about wrong ones.
    Options {
        /// In order.
        options: Vec<(&'static str, String)>,
        /// Server and port.
        words: Vec<String>,
        /// Without line ends.
        complaints: Vec<String>,
    },
}

/// Takes the arguments apart: options with one dash or two, shortened while they stay unique, values behind `=`
/// or in the next word.
pub fn parse(args: &[OsString]) -> Parsed {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let mut args = args.into_iter().peekable();
    let (mut options, mut words, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(arg) = args.next() {
        if arg == "--" {
            words.extend(args.by_ref());
            break;
        }
        let dashed = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|text| !text.is_empty());
        let Some(dashed) = dashed else {
            words.push(arg);
            continue;
        };
        let (name, attached) = match dashed.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (dashed, None),
        };
        let (option, takes) = match find(name) {
            Ok(found) => found,
            Err(complaint) => {
                complaints.push(complaint);
                continue;
            }
        };
        match option {
            "help" => return Parsed::Help,
            "version" => return Parsed::Version,
            _ => {}
        }
        let value = match (takes, attached) {
            (Takes::Nothing, None) => Some(String::new()),
            (Takes::Nothing, Some(_)) => {
                complaints.push(format!("Option {name} does not take an argument"));
                continue;
            }
            (_, Some(value)) => Some(value),
            (Takes::Optional, None) => Some(args.next_if(|next| !next.starts_with('-')).unwrap_or_default()),
            (Takes::Number | Takes::Text, None) => args.next(),
        };
        match value {
            None => complaints.push(format!("Option {name} requires an argument")),
            Some(value) if takes == Takes::Number && value.parse::<u16>().is_err() => {
                complaints.push(format!("Value \"{value}\" invalid for option {name} (number expected)"))
            }
            Some(value) => options.push((option, value)),
        }
    }
    Parsed::Options { options, words, complaints }
}

fn find(name: &str) -> Result<(&'static str, Takes), String> {
    if let Some((_, option, takes)) = OPTIONS.iter().find(|(spelling, _, _)| *spelling == name) {
        return Ok((option, *takes));
    }
    let mut found: Vec<_> = OPTIONS.iter().filter(|(spelling, _, _)| spelling.starts_with(name)).collect();
    found.dedup_by_key(|(_, option, _)| *option);
    match found.as_slice() {
        [(_, option, takes)] => Ok((option, *takes)),
        [] => Err(format!("Unknown option: {name}")),
        many => {
            let names: Vec<&str> = many.iter().map(|(spelling, _, _)| *spelling).collect();
            Err(format!("Option {name} is ambiguous ({})", names.join(", ")))
        }
    }
}

/// Reads lines with editing, history and completion until the end; the error is the code to exit with.
pub fn at_terminal(shell: &mut Shell) -> Result<(), i32> {
    let mut editor: Editor<Names, DefaultHistory> = Editor::new().map_err(|_| 1)?;
    editor.set_helper(Some(Names { connection: Rc::clone(&shell.connection) }));
    loop {
        match editor.readline(&shell.prompt()) {
            Ok(line) => {
                if !line.trim().is_empty() {
                    // A history that cannot be kept is no reason to stop.
                    let _ = editor.add_history_entry(line.as_str());
                }
                shell.line(&line)?;
            }
            Err(ReadlineError::Interrupted) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Completes commands, and behind them mailboxes.
struct Names {
    connection: Rc<RefCell<Option<Connection>>>,
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..at).unwrap_or(line);
        let start = typed.rfind([' ', '\t', ';']).map_or(0, |blank| blank.saturating_add(1));
        let word = typed.get(start..).unwrap_or_default();
        let is_command = typed.get(..start).unwrap_or_default().trim_end().is_empty()
            || typed.get(..start).unwrap_or_default().trim_end().ends_with(';');
        let names: Vec<String> = if is_command {
            let all = table::BUILTINS.iter().flat_map(|each| std::iter::once(&each.name).chain(each.aliases));
            let mut all: Vec<String> =
                all.filter(|name| name.starts_with(word)).map(|name| (*name).to_owned()).collect();
            all.sort();
            all
        } else {
            let connection = self.connection.try_borrow_mut();
            match connection {
                Ok(mut connection) => {
                    connection.as_mut().map_or(Vec::new(), |server| run::completions(server, word))
                }
                Err(_) => Vec::new(),
            }
        };
        let pairs = names.into_iter().map(|name| Pair { display: name.clone(), replacement: name });
        Ok((start, pairs.collect()))
    }
}

impl Helper for Names {}
impl Highlighter for Names {}
impl Validator for Names {}
impl Hinter for Names {
    type Hint = String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let args: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        let text = match parse(&args) {
            Parsed::Options { options, words, complaints } => {
                let options: Vec<String> =
                    options.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} | {} | {}", options.join(" "), words.join(" "), complaints.join("; "))
            }
            other => format!("{other:?}"),
        };
        assert_eq!(text, expected, "{line}");
    }

    #[test]
    fn options_are_read_as_perl_reads_them() {
        check("-u imapuser -w secret localhost", "user=imapuser password=secret | localhost | ");
        check("--user=a --pass b -p 1143 h 2", "user=a password=b port=1143 | h 2 | ");
        check("-port x h", " | h | Value \"x\" invalid for option port (number expected)");
        check("--norc --tlskey --notls h", "norc= tlskey= notls= | h | ");
        check("--frob h", " | h | Unknown option: frob");
        check("h --version", "Version");
        check("-h", "Help");
        check("-- -u", " | -u | ");
        check("--ca x", " |  x | Option ca is ambiguous (cafile, cadir)".replace("|  x", "| x").as_str());
    }
}
