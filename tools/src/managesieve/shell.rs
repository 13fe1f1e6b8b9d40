//! sieveshell: commands from a terminal, a file or the command line.

use super::client::{Client, Login, Refused, reason};
use super::options::{Options, Spec};
use super::{DIED, connect, listed};
use crate::io::{complain, print};
use crate::{Call, cyradm};
use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, Result as Read};
use std::io::{BufRead, IsTerminal};
use std::path::Path;

const USAGE: &str = "\
Usage:
    sieveshell [--user=user] [--authname=authname] [--realm=realm]
    [--password=password] [--exec=script] [--execfile=file] server[:port]

    sieveshell --help

";

const OPTIONS_HELP: &str = "\
Options:
    -u user, --user=user
        The user whose mailboxes you want to work on. If not specified, it
        uses the same as -a.

    -a authname, --authname=authname
        The user to use for authentication. If not specified, it defaults to
        the current login user.

    -r realm, --realm=realm
        The realm to attempt authentication in.

    -p password, --password=password
        The password to use when authenticating to server. Note that this
        parameter can be seen in the process list. Use with caution!

    -e script, --exec=script
        Instead of working interactively, run commands from script, and exit
        when done.

    -f file, --execfile=file
        Instead of working interactively, run commands from file file and
        exit when done.

";

const PUT: &str = "put <filename> [<target name>]\n                 - upload script to server\n";
const GET: &str =
    "get <name> [<filename>]\n                 - get script. if no filename display to stdout\n";
const ACTIVATE: &str = "activate <name>  - set a script as the active script\n";
const DEACTIVATE: &str = "deactivate       - deactivate all scripts\n";
const DELETE: &str = "delete <name>    - delete script.\n";

const SPECS: [Spec; 8] = [
    Spec { names: &["a", "authname"], takes_value: true },
    Spec { names: &["u", "username"], takes_value: true },
    Spec { names: &["r", "realm"], takes_value: true },
    Spec { names: &["p", "password"], takes_value: true },
    Spec { names: &["e", "exec"], takes_value: true },
    Spec { names: &["f", "execfile"], takes_value: true },
    Spec { names: &["help", "?"], takes_value: false },
    Spec { names: &["man"], takes_value: false },
];

/// Runs the program.
pub fn run(call: &Call) -> i32 {
    let options = Options::parse(&SPECS, &call.args);
    if !options.complaints.is_empty() {
        complain(options.complaints.concat().as_bytes());
        complain(USAGE.as_bytes());
        return 2;
    }
    if options.value("help").is_some() {
        print(format!("{USAGE}{OPTIONS_HELP}").as_bytes());
        return 1;
    }
    if options.value("man").is_some() {
        print(format!("{USAGE}{OPTIONS_HELP}").as_bytes());
        return 0;
    }
    let [server] = options.words.as_slice() else {
        complain(format!("{}: need a server\n\n{USAGE}", call.prog.to_string_lossy()).as_bytes());
        return 2;
    };
    let value = |name| options.value(name).filter(|value| !value.is_empty());
    let lines = match (value("f"), value("e")) {
        (Some(file), _) => match std::fs::read_to_string(file) {
            Ok(text) => Some(text),
            Err(error) => {
                complain(b"unable to open file: 0\n");
                return error.raw_os_error().unwrap_or(DIED);
            }
        },
        (None, Some(text)) => Some(text.to_owned()),
        (None, None) => None,
    };
    let user = cyradm::system_user().unwrap_or_default();
    let mut login = Login {
        username: options.value("u").unwrap_or(&user).to_owned(),
        authname: options.value("a").unwrap_or(&user).to_owned(),
        realm: options.value("r").unwrap_or_default().to_owned(),
        password: options.value("p").map(str::to_owned),
    };
    print(format!("connecting to {server}\n").as_bytes());
    let Some(client) = connect(server, &mut login) else {
        complain(b"unable to connect to server\n");
        return DIED;
    };
    let mut shell = Shell { client: Some(client), failed: false };
    let died = match lines {
        Some(text) => shell.lines(text.lines().map(|line| Ok(line.to_owned()))),
        None if std::io::stdin().is_terminal() => shell.at_terminal(),
        None => shell.lines(std::io::stdin().lock().lines()),
    };
    match died {
        Some(code) => code,
        None => i32::from(shell.failed),
    }
}

struct Shell {
    client: Option<Client>,
    failed: bool,
}

/// What comes after a command.
enum Next {
    Line,
    End,
    Died(i32),
}

impl Shell {
    /// Lines that nobody is asked for; a code when the shell died of one.
    fn lines(&mut self, lines: impl Iterator<Item = std::io::Result<String>>) -> Option<i32> {
        for line in lines {
            match self.line(&line.ok()?) {
                Next::Line => {}
                Next::End => return None,
                Next::Died(code) => return Some(code),
            }
        }
        None
    }

    fn at_terminal(&mut self) -> Option<i32> {
        let editor: Read<DefaultEditor> = DefaultEditor::new();
        let mut editor = editor.ok()?;
        loop {
            match editor.readline("> ") {
                Ok(line) => {
                    // A history that cannot be kept is no reason to stop.
                    let _ = editor.add_history_entry(line.as_str());
                    match self.line(&line) {
                        Next::Line => {}
                        Next::End => return None,
                        Next::Died(code) => return Some(code),
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(_) => return None,
            }
        }
    }

    fn line(&mut self, line: &str) -> Next {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some((&verb, arguments)) = words.split_first() else { return Next::Line };
        if matches!(verb, "quit" | "q") {
            if let Some(client) = self.client.take() {
                client.logout();
            }
            return Next::End;
        }
        let Some(client) = self.client.as_mut() else { return Next::End };
        let (what, outcome) = match (verb, arguments) {
            ("put" | "p", [file]) => ("upload", put(client, file, file)),
            ("put" | "p", [file, name]) => ("upload", put(client, file, name)),
            ("put" | "p", _) => return help(PUT),
            ("list" | "l" | "ls", _) => ("list", list(client)),
            ("activate" | "a", [name]) => ("activate", activate(client, name)),
            ("activate" | "a", _) => return help(ACTIVATE),
            ("deactivate" | "da", []) => ("deactivate", activate(client, "")),
            ("deactivate" | "da", _) => return help(DEACTIVATE),
            ("delete" | "d", [name]) => ("delete", delete(client, name)),
            ("delete" | "d", _) => return help(DELETE),
            ("get" | "g", [name]) => ("get", get(client, name).map(|text| print(&text))),
            ("get" | "g", [name, file]) => {
                let outcome = get(client, name);
                if let Ok(text) = &outcome
                    && let Err(error) = std::fs::write(file, text)
                {
                    complain(format!("Unable to open {file}\n").as_bytes());
                    return Next::Died(error.raw_os_error().unwrap_or(DIED));
                }
                ("get", outcome.map(drop))
            }
            ("get" | "g", _) => return help(GET),
            ("help" | "?", _) => {
                let text = format!(
                    "Usage:\n  sieveshell [-u username] [-a authname] [-r realm] <server>\n\n\
                     help             - this screen\nlist             - list scripts on server\n\
                     {PUT}{GET}{DELETE}{ACTIVATE}{DEACTIVATE}quit             - quit\n"
                );
                print(text.as_bytes());
                return Next::Line;
            }
            (other, _) => {
                print(format!("Invalid command: {other}\n").as_bytes());
                self.failed = true;
                return Next::Line;
            }
        };
        match outcome {
            Ok(()) => Next::Line,
            Err(Failed::Said(text)) => {
                print(&[what.as_bytes(), b" failed: ", &text, b"\n"].concat());
                self.failed = true;
                Next::Line
            }
            Err(Failed::Lost) => {
                print(LOST);
                Next::Died(2)
            }
        }
    }
}

/// What is said when the server hangs up.
pub(super) const LOST: &[u8] = b"Bad protocol from MANAGESIEVE server: lost connection\n";

/// Why a command failed.
pub(super) enum Failed {
    Said(Vec<u8>),
    Lost,
}

fn help(text: &str) -> Next {
    print(text.as_bytes());
    Next::Line
}

fn failed(prefix: &str) -> impl Fn(Refused) -> Failed {
    move |refused| match refused {
        Refused::No(text) => Failed::Said([prefix.as_bytes(), &text].concat()),
        Refused::Lost => Failed::Lost,
    }
}

/// Puts a file; the script gets the last part of `name`.
pub(super) fn put(client: &mut Client, file: &str, name: &str) -> Result<(), Failed> {
    let text = std::fs::read(file).map_err(|error| Failed::Said(reason(&error).into_bytes()))?;
    let name = Path::new(name).file_name().map(std::ffi::OsStr::as_encoded_bytes).unwrap_or_default();
    client.put(name, &text).map_err(failed("put script: "))
}

pub(super) fn list(client: &mut Client) -> Result<(), Failed> {
    for (name, is_active) in client.list().map_err(failed(""))? {
        print(&listed(&name, is_active));
    }
    Ok(())
}

pub(super) fn activate(client: &mut Client, name: &str) -> Result<(), Failed> {
    client.simple("SETACTIVE", name.as_bytes()).map_err(failed("Setting script active: "))
}

pub(super) fn delete(client: &mut Client, name: &str) -> Result<(), Failed> {
    client.simple("DELETESCRIPT", name.as_bytes()).map_err(failed("Deleting script: "))
}

pub(super) fn get(client: &mut Client, name: &str) -> Result<Vec<u8>, Failed> {
    client.get(name.as_bytes()).map_err(failed(""))
}
