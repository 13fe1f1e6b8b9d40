//! cyradm: administrators' shell to an IMAP server, at a terminal or fed from a pipe. A client of the
//! protocol: it sees no file of the server.

mod client;
mod lex;
mod line;
mod run;
mod show;
mod table;

use crate::{Call, io};
use client::{Connection, Login};
use lex::Target;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use table::Trouble;

/// The port of IMAP.
pub const PORT: u16 = 143;
const VERSION: &str = "1.00";
const SYSTEM_RC: &str = "/etc/cyradmrc.pl";

const USAGE: &str = "\
Usage: cyradm [args] server
  --user <user>         Connect as <user> (authentication name)
  --authz <user>        Authorize as <user>
  --[no]rc              (Do not) load the configuration files
  --systemrc <file>     Use system-wide configuration <file>
  --userrc <file>       Use user configuration <file>
  --port <port>         Connect to server on <port>
  --auth <mechanism>    Authenticate with <mechanism>
  --tlskey <keyfile>    Use certificate with keyfile to authenticate with server
  --notls               Disable StartTLS negotiation
  --cafile <cacertfile> Use CA certificate file to validate server certificate
  --cadir <cacertdirectory> Use CA certificate directory to validate
                            server certificate
  --help                This help message
  --version             The version of Cyrus IMAP this utility is a part of

Defaults to interactive mode. Please see man cyradm(1) and the 'help' command
in the cyradm-shell for details.
";

/// The shell: its connection and where its words go.
pub struct Shell {
    /// The connection, if there is one; completion uses it too.
    pub connection: Rc<RefCell<Option<Connection>>>,
    /// Standard output and error of the present command, where they were redirected.
    redirected: [Option<File>; 2],
}

impl Shell {
    /// Writes to the present standard output.
    pub fn print(&self, bytes: &[u8]) {
        match &self.redirected[0] {
            // As with a pipe nobody reads: the shell goes on.
            Some(file) => drop((&mut &*file).write_all(bytes)),
            None => io::print(bytes),
        }
    }

    /// Writes a line to the present standard error, unless there is nothing to say.
    pub fn complain(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let line = format!("{text}\n");
        match &self.redirected[1] {
            Some(file) => drop((&mut &*file).write_all(line.as_bytes())),
            None => io::complain(line.as_bytes()),
        }
    }

    fn prompt(&self) -> String {
        let connection = self.connection.borrow();
        format!("{}> ", connection.as_ref().map_or("cyradm", |server| server.servername.as_str()))
    }

    /// Does the commands of a line; the error is the code to exit with.
    fn line(&mut self, line: &str) -> Result<(), i32> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let commands = match lex::commands(line, &variable) {
            Ok(commands) => commands,
            Err(complaint) => {
                self.complain(&complaint);
                return Ok(());
            }
        };
        for command in commands {
            let done = self.command(&command);
            let said = match done {
                Ok(()) => Ok(()),
                Err(Trouble::Complaint(text)) => {
                    self.complain(&text);
                    Ok(())
                }
                Err(Trouble::Exit(code)) => Err(code),
            };
            self.redirected = [None, None];
            said?;
        }
        Ok(())
    }

    fn command(&mut self, command: &lex::Command) -> table::Done {
        let Some((name, words)) = command.words.split_first() else { return Ok(()) };
        let input = self.redirect(command).map_err(Trouble::Complaint)?;
        match table::find(name) {
            Some(builtin) => (builtin.does)(self, words),
            None => self.program(name, words, input),
        }
    }

    /// Opens what the redirections name; gives a file for standard input.
    fn redirect(&mut self, command: &lex::Command) -> Result<Option<File>, String> {
        let mut input = None;
        for (descriptor, target) in &command.redirections {
            let open = |path: &str, options: &mut std::fs::OpenOptions| {
                options.open(path).map_err(|error| format!("{path}: {}", show::errno(&error)))
            };
            let slot = usize::try_from(*descriptor).unwrap_or(usize::MAX).wrapping_sub(1);
            let file = match target {
                Target::Read(path) => {
                    input = Some(open(path, std::fs::OpenOptions::new().read(true))?);
                    continue;
                }
                Target::Write(path) => {
                    Some(open(path, std::fs::OpenOptions::new().write(true).create(true).truncate(true))?)
                }
                Target::Append(path) => {
                    Some(open(path, std::fs::OpenOptions::new().append(true).create(true))?)
                }
                Target::Same(other) => {
                    let known = usize::try_from(*other).unwrap_or(usize::MAX).wrapping_sub(1);
                    let known = self
                        .redirected
                        .get(known)
                        .ok_or_else(|| format!("file descriptor `{other}' not open"))?;
                    match known {
                        Some(file) => file.try_clone().ok(),
                        // The terminal itself.
                        None => File::options().append(true).open(format!("/proc/self/fd/{other}")).ok(),
                    }
                }
            };
            match self.redirected.get_mut(slot) {
                Some(place) => *place = file,
                None => return Err(format!("file descriptor `{descriptor}' not open")),
            }
        }
        Ok(input)
    }

    /// A word that is no command of ours is a program.
    fn program(&mut self, name: &str, words: &[String], input: Option<File>) -> table::Done {
        let mut command = Command::new(name);
        command.args(words);
        command.stdin(input.map_or_else(Stdio::inherit, Stdio::from));
        let [out, err] = &self.redirected;
        let to = |file: &Option<File>| {
            file.as_ref().and_then(|file| file.try_clone().ok()).map_or_else(Stdio::inherit, Stdio::from)
        };
        command.stdout(to(out)).stderr(to(err));
        match command.status() {
            Ok(_) => Ok(()),
            Err(error) => Err(Trouble::Complaint(format!("{name}: {}", show::errno(&error)))),
        }
    }

    /// Reads and does lines until the end; the error is the code to exit with.
    fn lines(&mut self, input: &mut dyn BufRead) -> Result<(), i32> {
        loop {
            io::print(self.prompt().as_bytes());
            let mut line = Vec::new();
            match input.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches('\n'))?;
        }
    }

    fn file(&mut self, path: &Path) -> Result<(), i32> {
        match File::open(path) {
            Ok(file) if path.is_file() => self.lines(&mut BufReader::new(file)),
            _ => Ok(()),
        }
    }
}

/// What the command line said.
#[derive(Default)]
struct Given {
    login: Login,
    server: String,
    port: Option<u16>,
    no_rc: bool,
    system_rc: Option<PathBuf>,
    user_rc: Option<PathBuf>,
    words: Vec<String>,
}

/// Runs the tool: `cyradm [--user user] [--password password] ... [server [port]]`.
pub fn run(call: &Call) -> i32 {
    let mut given = Given::default();
    match line::parse(&call.args) {
        line::Parsed::Help => {
            io::print(USAGE.as_bytes());
            return 0;
        }
        line::Parsed::Version => {
            io::print(format!("version: Cyrus IMAP {VERSION}\n").as_bytes());
            return 0;
        }
        line::Parsed::Options { options, words, complaints } => {
            for complaint in complaints {
                io::complain(format!("{complaint}\n").as_bytes());
            }
            given.words = words;
            take_options(&mut given, options);
        }
    }
    let mut words = std::mem::take(&mut given.words).into_iter();
    if let Some(server) = words.next() {
        if !given.server.is_empty() {
            return fail("cyradm: may not specify server both with --server and bare arg", 255);
        }
        given.server = server;
        given.port = words.next().map_or(given.port, |port| port.parse().ok());
        if words.next().is_some() {
            io::print(USAGE.as_bytes());
        }
    }
    let mut shell = Shell { connection: Rc::default(), redirected: [None, None] };
    if let Err(code) = connect(&mut shell, &given) {
        return code;
    }
    match converse(&mut shell, &given) {
        Ok(()) => 0,
        Err(code) => code,
    }
}

fn take_options(given: &mut Given, options: Vec<(&'static str, String)>) {
    given.login.user = system_user();
    for (name, value) in options {
        match name {
            "user" => given.login.user = Some(value),
            "authz" => given.login.authz = value,
            "rc" => given.no_rc = false,
            "norc" => given.no_rc = true,
            "systemrc" => given.system_rc = Some(value.into()),
            "userrc" => given.user_rc = Some(value.into()),
            "server" => given.server = value,
            "port" => given.port = value.parse().ok(),
            "auth" => given.login.mechanisms = Some(value),
            "password" => given.login.password = Some(value),
            "tlskey" => given.login.tlskey = Some(value.into()),
            "notls" => given.login.notls = true,
            "cafile" => given.login.cafile = Some(value.into()),
            _ => given.login.cadir = Some(value.into()),
        }
    }
}

fn connect(shell: &mut Shell, given: &Given) -> Result<(), i32> {
    if given.server.is_empty() {
        return Ok(());
    }
    let mut connection = Connection::open(&given.server, given.port.unwrap_or(PORT)).map_err(|error| {
        fail(
            "cyradm: cannot connect to server",
            error.raw_os_error().filter(|code| *code < 256).unwrap_or(255),
        )
    })?;
    if let Err(text) = connection.authenticate(&given.login, &mut ask_password) {
        if !text.is_empty() {
            io::complain(format!("{text}\n").as_bytes());
        }
        let with = given.login.mechanisms.as_ref().map(|one| format!(" with {one}")).unwrap_or_default();
        let user = given.login.user.as_deref().unwrap_or_default();
        return Err(fail(&format!("cyradm: cannot authenticate to server{with} as {user}"), 255));
    }
    *shell.connection.borrow_mut() = Some(connection);
    Ok(())
}

fn converse(shell: &mut Shell, given: &Given) -> Result<(), i32> {
    if !given.no_rc {
        shell.file(given.system_rc.as_deref().unwrap_or(Path::new(SYSTEM_RC)))?;
        let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cyradmrc.pl"));
        if let Some(path) = given.user_rc.as_deref().or(home.as_deref()) {
            shell.file(path)?;
        }
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return line::at_terminal(shell);
    }
    shell.lines(&mut std::io::stdin().lock())
}

fn fail(text: &str, code: i32) -> i32 {
    io::complain(format!("{text}\n").as_bytes());
    code
}

/// The user of the system, as the environment names it.
pub fn system_user() -> Option<String> {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
}

/// Asks for a password at the terminal, without showing it.
pub fn ask_password(prompt: &str) -> Option<String> {
    let tty = File::options().read(true).write(true).open("/dev/tty").ok();
    let echo = |word: &str| {
        let input =
            tty.as_ref().and_then(|tty| tty.try_clone().ok()).map_or_else(Stdio::inherit, Stdio::from);
        // Without a terminal there is nothing to switch off.
        let _ = Command::new("stty").arg(word).stdin(input).stderr(Stdio::null()).status();
    };
    io::print(prompt.as_bytes());
    let mut line = String::new();
    echo("-echo");
    let read = match &tty {
        Some(tty) => BufReader::new(tty).read_line(&mut line),
        None => std::io::stdin().lock().read_line(&mut line),
    };
    echo("echo");
    io::print(b"\n");
    match read {
        Ok(octets) if octets > 0 => Some(line.trim_end_matches(['\n', '\r']).to_owned()),
        _ => None,
    }
}
