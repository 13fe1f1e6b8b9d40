//! The frame of a service process. C: master/service.c
//!
//! DIAGNOSTICS: `could not getenv(CYRUS_SERVICE); exiting`, `process file has changed`,
//! `locking disabled: ...`, `accept failed: ...`, `refused connection from ...`, in C's words.

use crate::accept::{Listener, Next};
use crate::iolog::IoLog;
use crate::signals::{self, Poll};
use crate::status::{Message, Status};
use cyrus_base::exit::{EX_OSERR, EX_SOFTWARE, EX_TEMPFAIL, EX_USAGE, Fatal};
use cyrus_base::log::{self, Priority};
use cyrus_base::start::{self, Need};
use cyrus_base::{Config, Opt};
use cyrus_sys::signal::{self, Disposition, Signal};
use cyrus_sys::{fd, socket, title};
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// One accepted connection; its descriptor is also standard input and output.
#[derive(Debug)]
pub struct Connection {
    /// The connection (for UDP services the service's own socket).
    pub fd: OwnedFd,
    /// Our and the peer's address; `None` on unix sockets.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// `host [ip]`, `[ip]` or `[unix socket]`, as C logs clients. C: get_clienthost()
    pub clienthost: String,
}

/// What to do after a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Serve the next one, unless uses are up or a signal came.
    Reuse,
    /// End the process with this code.
    Exit(i32),
}

/// A service program.
pub trait Program: Sized {
    /// What must be in the configuration.
    const NEED: Need;

    /// The protocol as `iolog` names it; a program without one tells nothing of its sessions.
    const IOLOG: Option<&'static str> = None;

    /// Runs once before the first connection, as the cyrus user: open sockets, read options
    /// (`args` without the program's name and the frame's own options). C: service_init()
    ///
    /// # Errors
    /// The text and code to end with.
    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal>;

    /// Serves one connection. C: service_main()
    fn serve(&mut self, connection: Connection) -> End;

    /// Called when a panic was caught while serving: say `* BYE Fatal error: ...` to standard
    /// output; the process then ends.
    fn say_fatal(text: &str);

    /// Runs before the process ends. C: service_abort()
    fn stop(&mut self) {}
}

/// The whole life of a service process; returns the exit code for main.
#[must_use]
pub fn run<P: Program>() -> i32 {
    title::init();
    let args: Vec<OsString> = std::env::args_os().collect();
    let options = match Options::parse(&args) {
        Ok(options) => options,
        Err(text) => {
            log::write(Priority::Err, format_args!("{text}"));
            return EX_USAGE;
        }
    };
    let Some(service) = environment("CYRUS_SERVICE") else { return EX_SOFTWARE };
    let Some(id) = environment("CYRUS_ID") else { return EX_SOFTWARE };
    let id: i32 = id.trim().parse().unwrap_or(0);

    let ready = start::init(options.config.as_ref().map(AsRef::as_ref), &service, P::NEED)
        .and_then(|config| start::become_cyrus(&config).map(|()| config));
    let config = match ready {
        Ok(config) => Arc::new(config),
        Err(fatal) => return fatal.report(),
    };
    log_panics();
    if options.debugger {
        run_debugger(&config, args.first().map(OsString::as_os_str), &service);
    }
    log::write(Priority::Debug, format_args!("executed"));
    if let Err(e) = signal::unblock_all().and_then(|()| signals::install()) {
        return Fatal::new(format!("unable to install signal handlers: {e}"), EX_TEMPFAIL).report();
    }
    if options.stdio {
        serve_stdio::<P>(config, &options.rest)
    } else {
        serve_sockets::<P>(config, id, &options, args.first().map(OsString::as_os_str))
    }
}

/// What the frame takes from the command line.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    config: Option<OsString>,
    uses_max: u64,
    timeout_s: u32,
    debugger: bool,
    stdio: bool,
    rest: Vec<OsString>,
}

impl Options {
    /// C's reading: `-C file -U uses -T seconds -D -X`, each word apart; an option it does not
    /// know goes to the program with the next word, if that does not start with `-`.
    fn parse(args: &[OsString]) -> Result<Self, &'static str> {
        let mut found = Self {
            config: None,
            uses_max: 250,
            timeout_s: 60,
            debugger: false,
            stdio: false,
            rest: Vec::new(),
        };
        let merged = "options and arguments MUST be separated by whitespace";
        let mut words = args.iter().skip(1).peekable();
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            if text == "--" {
                found.rest.extend(words.by_ref().cloned());
                break;
            }
            let Some(letters) = text.strip_prefix('-').filter(|l| !l.is_empty()) else {
                found.rest.push(word.clone());
                continue;
            };
            if letters.chars().count() > 1 {
                return Err(merged);
            }
            let number = |value: Option<&OsString>| {
                value.and_then(|v| v.to_string_lossy().trim().parse::<i64>().ok()).unwrap_or(0)
            };
            match letters {
                "C" => found.config = words.next().cloned(),
                "U" => found.uses_max = u64::try_from(number(words.next())).unwrap_or(0),
                "T" => found.timeout_s = u32::try_from(number(words.next())).unwrap_or(0),
                "D" => found.debugger = true,
                "X" => found.stdio = true,
                _ => {
                    found.rest.push(word.clone());
                    let is_value = |w: &&OsString| !w.to_string_lossy().starts_with('-');
                    found.rest.extend(words.next_if(is_value).cloned());
                }
            }
        }
        Ok(found)
    }
}

fn environment(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        log::write(Priority::Err, format_args!("could not getenv({name}); exiting"));
    }
    value
}

/// Serves standard input and output once (`-X`).
fn serve_stdio<P: Program>(config: Arc<Config>, args: &[OsString]) -> i32 {
    let mut program = match P::start(config, args) {
        Ok(program) => program,
        Err(fatal) => {
            fatal.report();
            return 1;
        }
    };
    let Ok(fd) = fd::duplicate(std::io::stdin().as_fd()) else { return EX_OSERR };
    let (addresses, clienthost) = crate::accept::names(fd.as_fd(), &mut Vec::new());
    let end = serve_one(&mut program, Connection { fd, addresses, clienthost });
    program.stop();
    match end {
        End::Exit(code) => code,
        End::Reuse => 0,
    }
}

fn serve_sockets<P: Program>(config: Arc<Config>, id: i32, options: &Options, argv0: Option<&OsStr>) -> i32 {
    let (status, listen) = match (fd::inherited(STATUS_FD), fd::inherited(LISTEN_FD)) {
        (Ok(status), Ok(listen)) => (Status::new(status), listen),
        (status, listen) => {
            let e = status.err().or(listen.err()).map_or(String::new(), |e| e.to_string());
            log::write(Priority::Err, format_args!("unable to set close on exec: {e}"));
            return 1;
        }
    };
    let mut listener = match Listener::new(&config, id, listen, argv0, options.timeout_s) {
        Ok(listener) => listener,
        Err(e) => {
            log::write(Priority::Err, format_args!("getsockopt: SOL_SOCKET: failed to get type: {e}"));
            status.tell(Message::Unavailable);
            return 1;
        }
    };
    let mut program = match P::start(Arc::clone(&config), &options.rest) {
        Ok(program) => program,
        Err(fatal) => {
            fatal.report();
            status.tell(Message::Unavailable);
            return 1;
        }
    };
    let mut uses = 0;
    let code = loop {
        // Between connections a SIGHUP must wake us; during one it must not disturb.
        let _ = signal::set(Signal::Hup, Disposition::Note);
        let connection = match listener.next(&config, uses > 0) {
            Next::Connection(connection) => connection,
            Next::Shutdown => break EX_TEMPFAIL,
            Next::Quit(code) => {
                status.tell(Message::Unavailable);
                break code;
            }
        };
        let _ = signal::set(Signal::Hup, Disposition::NoteAndRestart);
        status.tell(Message::Unavailable);
        log::write(Priority::Debug, format_args!("accepted connection"));
        if let Err(e) = fd::dup_to_stdio(connection.fd.as_fd()) {
            log::write(Priority::Err, format_args!("can't duplicate accepted socket: {e}"));
            break EX_OSERR;
        }
        status.tell(Message::Connection);
        uses += 1;
        let iolog = IoLog::start(&config, P::IOLOG);
        let end = serve_one(&mut program, connection);
        if let Some(iolog) = iolog {
            iolog.tell();
        }
        listener.reset_stdio();
        if let End::Exit(code) = end {
            // A signal that was noticed where no poll point was is told of now.
            let _ = signals::poll();
            break code;
        }
        match signals::poll() {
            Poll::Shutdown => break EX_TEMPFAIL,
            Poll::Reload => break 0,
            Poll::Clear if uses >= options.uses_max => break 0,
            Poll::Clear => status.tell(Message::Available),
        }
    };
    program.stop();
    code
}

/// Serves a connection; a panic is told to the client and ends the process.
fn serve_one<P: Program>(program: &mut P, connection: Connection) -> End {
    socket::set_nodelay(connection.fd.as_fd());
    match catch_unwind(AssertUnwindSafe(|| program.serve(connection))) {
        Ok(end) => end,
        Err(payload) => {
            let text = payload
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "internal error".to_owned());
            let _ = catch_unwind(|| P::say_fatal(&text));
            End::Exit(EX_SOFTWARE)
        }
    }
}

/// Panics go to the log with their place, not to standard error (which is the client's or none).
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        log::write(Priority::Crit, format_args!("Fatal error: {info}"));
    }));
}

/// `-D`: runs `debug_command`, a printf form with program, process id and service.
fn run_debugger(config: &Config, argv0: Option<&OsStr>, service: &str) {
    let Some(form) = config.string(Opt::DebugCommand) else { return };
    let program = argv0.map_or(String::new(), |a| a.to_string_lossy().into_owned());
    let pid = std::process::id().to_string();
    let command = expand(form, &[&program, &pid, service]);
    log::write(Priority::Debug, format_args!("running external debugger: {command}"));
    let status = std::process::Command::new("/bin/sh").arg("-c").arg(&command).status();
    let status = status.ok().and_then(|s| s.code()).unwrap_or(-1);
    log::write(Priority::Debug, format_args!("debugger returned exit status: {status}"));
}

/// The conversions of `form`, whatever their letter, take the values in order.
fn expand(form: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut out = String::new();
    let mut chars = form.chars();
    while let Some(c) = chars.next() {
        match (c, c == '%') {
            (_, true) => match chars.next() {
                Some('%') => out.push('%'),
                _ => out.push_str(values.next().unwrap_or(&"")),
            },
            (c, _) => out.push(c),
        }
    }
    out
}

const STATUS_FD: i32 = 3;
const LISTEN_FD: i32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, &'static str> {
        let args: Vec<OsString> = ["imapd"].iter().chain(words).map(OsString::from).collect();
        Options::parse(&args)
    }

    #[test]
    fn the_frame_takes_its_options_and_leaves_the_rest() {
        let o = parse(&["-C", "/etc/x.conf", "-s", "-U", "30", "-p", "2", "-T", "5", "w"]).unwrap();
        assert_eq!(o.config, Some("/etc/x.conf".into()));
        assert_eq!((o.uses_max, o.timeout_s, o.stdio), (30, 5, false));
        assert_eq!(o.rest, ["-s", "-p", "2", "w"]);
        let o = parse(&["-U", "-5", "-X", "-D"]).unwrap();
        assert_eq!((o.uses_max, o.stdio, o.debugger), (0, true, true));
        assert!(parse(&["-U30"]).is_err());
        assert!(parse(&["-sp"]).is_err());
        assert_eq!(parse(&[]).unwrap().uses_max, 250);
    }

    #[test]
    fn the_debug_command_is_filled_in() {
        assert_eq!(expand("gdb %s %d # %s 100%%", &["imapd", "7", "imap"]), "gdb imapd 7 # imap 100%");
        assert_eq!(expand("x %s %s %s %s", &["a"]), "x a   ");
    }
}
