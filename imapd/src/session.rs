//! One connection: its state, and the loop that takes commands (RFC 3501 3).
//!
//! The loop enforces what the table of [`crate::command`] says of each command; a handler in
//! `cmd/` gets a typed command and returns an [`Answer`]. Between commands no lock is held but
//! the shared name lock of a selected mailbox, and nothing is owed to the client.

use crate::capability;
use crate::cmd;
use crate::command::{self, Row, State, Tell};
use crate::parser::lexer::{Bad, Lexer, Limits, Source, Stop, is_atom};
use crate::process::Imapd;
use crate::reply::{self, Answer};
use libcyrus::auth::AuthState;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::EX_IOERR;
use libcyrus::base::log::{self, Priority};
use libcyrus::imap::view::View;
use libcyrus::net::prot::{Stream, Wake};
use libcyrus::service::{Connection, End, signals};
use libcyrus::store::event::EventKind;
use libcyrus::store::mailbox::{Location, Mailbox};
use libcyrus::util::mboxname::{MboxName, Namespace};
use std::io;
use std::time::{Duration, Instant};

/// The least that `timeout` may be (RFC 3501 5.4).
const TIMEOUT_MIN_S: i64 = 30 * 60;

/// A client silent for so long is taken to be idle.
const QUIET: Duration = Duration::from_secs(2);

/// Who is logged in.
pub struct User {
    /// Userid and rights.
    pub auth: AuthState,
    /// Names as this user sees them.
    pub namespace: Namespace,
}

/// Extensions the client switched on, by ENABLE or by use (RFC 5161, RFC 7162 3.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Enabled {
    /// CONDSTORE: FETCH responses carry MODSEQ.
    pub condstore: bool,
    /// QRESYNC: VANISHED stands for EXPUNGE, and unasked FETCH responses carry UID.
    pub qresync: bool,
}

/// The selected mailbox.
pub struct Selected {
    /// Its internal name.
    pub name: MboxName,
    /// Its messages as the client knows them.
    pub view: View,
}

/// One connection.
#[allow(clippy::struct_excessive_bools, reason = "what was said or done once, each for itself")]
pub struct Session<'p> {
    /// What outlives the connection.
    pub imapd: &'p mut Imapd,
    /// The client.
    pub stream: Stream,
    /// `host [ip]`, for the log.
    pub clienthost: String,
    /// Our and the client's address; `None` on a unix socket.
    pub addresses: Option<(std::net::SocketAddr, std::net::SocketAddr)>,
    /// This session's id.
    pub id: String,
    /// `None` before login.
    pub user: Option<User>,
    /// `None` unless SELECT or EXAMINE succeeded.
    pub selected: Option<Selected>,
    /// Extensions in use.
    pub enabled: Enabled,
    /// `+detail` of the login name (`imapmagicplus`).
    pub magicplus: Option<Vec<u8>>,
    /// Strength of TLS or, once an AUTHENTICATE succeeded, of its layer.
    pub ssf: u32,
    /// Whether an ID came already.
    pub has_id: bool,
    /// COMPRESS is in force.
    pub is_compressed: bool,
    /// Told with the next command (option `plaintextloginalert`).
    pub alert: Option<String>,
    /// libsasl may still be loaded though nothing needs it.
    pub sasl_may_go: bool,
    /// Mailboxes whose cleanup waits for a quiet moment.
    pub cleanups: Vec<Location>,
    /// The selected mailbox is gone and `disconnect_on_vanished_mailbox` is on.
    pub is_cut_off: bool,
    /// The administrator wants the user out, and BYE was said.
    sent_away: bool,
}

/// What becomes of the session after a command.
#[derive(Debug)]
pub enum Flow {
    /// Answer with the tag and go on.
    Answer(Answer),
    /// The handler answered itself (STARTTLS, AUTHENTICATE with its layer).
    Answered,
    /// The handler answered; the session ends.
    Logout,
}

impl From<Answer> for Flow {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// The connection as the lexer sees it.
pub struct Client<'s>(pub &'s mut Stream);

impl Source for Client<'_> {
    fn fill(&mut self) -> io::Result<&[u8]> {
        self.0.fill().map_err(to_io)
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }

    fn go_ahead(&mut self) -> io::Result<()> {
        self.0.write(b"+ go ahead\r\n");
        self.0.flush().map_err(to_io)
    }
}

/// A failed connection as an [`io::Error`] that keeps whether it was a timeout or a signal.
pub fn to_io(error: libcyrus::net::Error) -> io::Error {
    use libcyrus::net::Error;
    let kind = match &error {
        Error::Timeout => io::ErrorKind::TimedOut,
        Error::Interrupted => io::ErrorKind::Interrupted,
        Error::Closed => io::ErrorKind::UnexpectedEof,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl<'p> Session<'p> {
    /// A session on a fresh connection.
    pub fn new(imapd: &'p mut Imapd, connection: Connection) -> Self {
        let id = imapd.ids.next_id();
        imapd.catalog.audit_as(&id);
        let mut stream = Stream::new(connection.fd);
        stream.set_timeout(Some(timeout(imapd)));
        Self {
            imapd,
            stream,
            clienthost: connection.clienthost,
            addresses: connection.addresses,
            id,
            user: None,
            selected: None,
            enabled: Enabled::default(),
            magicplus: None,
            ssf: 0,
            has_id: false,
            is_compressed: false,
            alert: None,
            sasl_may_go: true,
            cleanups: Vec::new(),
            is_cut_off: false,
            sent_away: false,
        }
    }

    /// Serves the connection to its end.
    pub fn run(mut self) -> End {
        let ending = match self.serve() {
            Ok(()) => End::Reuse,
            Err(stop) => self.say_bye(&stop),
        };
        cmd::close::leave_mailbox(&mut self);
        // As C: those who are sent away do not log out.
        if ending == End::Reuse && !self.sent_away {
            self.tell_access(EventKind::Logout);
        }
        self.run_cleanups();
        self.imapd.catalog.flush_events();
        let (octets_in, octets_out) = self.stream.counts();
        if self.imapd.config.switch(Opt::Auditlog) {
            log::audit_traffic(&self.id, octets_in, octets_out);
        }
        ending
    }

    fn serve(&mut self) -> Result<(), Stop> {
        cmd::starttls::set_peer(self);
        if self.imapd.options.tls_at_once && !cmd::starttls::at_once(self) {
            return Ok(());
        }
        let greeting = capability::greeting(self);
        self.stream.write(&greeting);
        if let Some(text) = self.imapd.msgfiles.motd() {
            self.untagged_alert(b"OK", &text);
        }
        loop {
            if !self.between_commands()? || !self.one_command()? {
                return self.stream.flush().map_err(|e| Stop::Io(to_io(e)));
            }
        }
    }

    /// Housekeeping while nobody waits for an answer; false when the session is to end. A client
    /// that has sent its next command already is not kept waiting.
    fn between_commands(&mut self) -> Result<bool, Stop> {
        if let Some(selected) = &mut self.selected {
            selected.view.rest();
        }
        if self.stream.buffered().is_empty() {
            self.stream.flush().map_err(|e| Stop::Io(to_io(e)))?;
            self.register_command(b"");
            self.run_cleanups();
            self.imapd.catalog.checkpoint_if_due();
            self.give_memory_back()?;
        }
        if self.shut_down_is_asked() {
            return Ok(false);
        }
        match signals::poll() {
            signals::Poll::Shutdown => Err(Stop::Io(io::ErrorKind::Interrupted.into())),
            signals::Poll::Clear | signals::Poll::Reload => Ok(true),
        }
    }

    /// Unloads libsasl when the client has been quiet for a moment: most connections idle for hours
    /// after their login, and those that come and go quickly would pay for loading it each time.
    fn give_memory_back(&mut self) -> Result<(), Stop> {
        if self.sasl_may_go
            && self.stream.wait(&[], Some(QUIET)).map_err(|e| Stop::Io(to_io(e)))? == Wake::Timeout
        {
            self.imapd.sasl.release();
            self.sasl_may_go = false;
        }
        Ok(())
    }

    /// Whether the administrator wants everybody out (the file msg/shutdown); BYE is written then.
    /// Administrators may stay, and nobody is sent away before login.
    pub fn shut_down_is_asked(&mut self) -> bool {
        if self.user.as_ref().is_none_or(|user| user.auth.is_admin()) {
            return false;
        }
        let userid = self.user.as_ref().map_or(&[][..], |user| user.auth.userid());
        let service = self.imapd.config.service();
        let denied = self.imapd.catalog.user_denied(userid, service.as_bytes());
        let Some(text) = self.imapd.msgfiles.shutdown().or(denied) else { return false };
        self.untagged_alert(b"BYE", &text);
        self.tell_usage();
        self.sent_away = true;
        true
    }

    /// The log's line of what the session cost.
    pub fn tell_usage(&mut self) {
        if let Some(user) = &self.user {
            self.imapd.usage.tell(user.auth.userid());
        }
    }

    /// Tells those who hear events that the user came or went.
    pub fn tell_access(&self, kind: EventKind) {
        if let Some(user) = &self.user {
            self.imapd.catalog.report_session(kind, self.addresses, user.auth.userid());
        }
    }

    /// How long the client may be silent.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        timeout(self.imapd)
    }

    /// Reads, checks, runs and answers one command; false when the session is to end.
    fn one_command(&mut self) -> Result<bool, Stop> {
        let limits = self.limits();
        let mut client = Client(&mut self.stream);
        let mut lexer = Lexer::new(&mut client, limits);
        if lexer.peek()?.is_none() {
            return Ok(false);
        }
        let tag = fatal(lexer.word())?;
        if !is_atom(&tag) || tag == b"*" || !lexer.eat(b' ')? {
            lexer.eat_line()?;
            self.stream.write(b"* BAD Invalid tag\r\n");
            return Ok(true);
        }
        let mut name = fatal(lexer.word())?;
        if name.is_empty() {
            lexer.eat_line()?;
            self.stream.write(&[&tag, b" BAD Null command\r\n".as_slice()].concat());
            return Ok(true);
        }
        name.make_ascii_lowercase();
        if let Some(first) = name.first_mut() {
            first.make_ascii_uppercase();
        }
        if self.imapd.config.switch(Opt::Chatty) {
            let (tag, name) = (log::printable(&tag, 64), log::printable(&name, 64));
            log::write(Priority::Notice, format_args!("command: {tag} {name}"));
        }
        let parsed = parse(&mut lexer, &name, self.user.is_some(), self.selected.is_some())?;
        self.register_command(&name);
        if let Some(alert) = self.alert.take() {
            self.untagged_alert(b"OK", alert.as_bytes());
        }
        let (row, command) = match parsed {
            Ok(parsed) => parsed,
            Err(line) => {
                self.stream.write(&[&tag, b" ".as_slice(), &line].concat());
                return Ok(true);
            }
        };
        let started = Instant::now();
        let flow = cmd::run(self, &tag, command)?;
        self.cut_off()?;
        let goes_on = match flow {
            Flow::Answer(answer) => {
                self.imapd.catalog.flush_events();
                self.tell_changes(row.tell);
                self.stream.write(&answer.line(&tag));
                true
            }
            Flow::Answered => true,
            Flow::Logout => false,
        };
        self.log_slow_command(&name, started.elapsed());
        Ok(goes_on)
    }

    /// Ends a session whose mailbox is gone, if the configuration says so. C: index_check()
    ///
    /// # Errors
    /// `Gone`.
    pub fn cut_off(&self) -> Result<(), Stop> {
        if !self.is_cut_off {
            return Ok(());
        }
        if let Some(selected) = &self.selected {
            let name = log::printable(selected.name.as_bytes(), usize::MAX);
            let text = format_args!("Mailbox {name} has been (re)moved out from under client");
            log::write(Priority::Warning, text);
        }
        Err(Stop::Gone)
    }

    /// The line `cmdtimer` for a command that took at least `commandmintimer` seconds; IDLE is
    /// meant to take long. Time spent waiting for the network is not told apart.
    fn log_slow_command(&self, name: &[u8], took: Duration) {
        let config = &self.imapd.config;
        let Some(least_s) = config.string(Opt::Commandmintimer) else { return };
        if name == b"Idle" || took.as_secs_f64() < least_s.trim().parse().unwrap_or(0.0) {
            return;
        }
        let userid = self.user.as_ref().map_or(&[][..], |user| user.auth.userid());
        let mailbox = self.selected.as_ref().map_or(&[][..], |selected| selected.name.as_bytes());
        let seconds = took.as_secs_f64();
        log::line(
            Priority::Notice,
            "cmdtimer",
            &[
                ("sessionid", &self.id),
                ("userid", &log::printable(userid, 256)),
                ("command", &log::printable(&name.to_ascii_lowercase(), 64)),
                ("mailbox", &log::printable(mailbox, 490)),
                ("cmdtime", &format_args!("{seconds:.6}")),
                ("nettime", &format_args!("{:.6}", 0.0)),
                ("total", &format_args!("{seconds:.6}")),
            ],
            None,
        );
    }

    /// Tells what changed in the selected mailbox, as far as the command allows.
    fn tell_changes(&mut self, tell: Tell) {
        let with_expunges = match tell {
            Tell::Nothing => return,
            Tell::NoExpunge => false,
            Tell::All => true,
        };
        crate::response::changes(self, with_expunges);
    }

    /// The bounds of a client's tokens.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let config = &self.imapd.config;
        let octets = |opt| usize::try_from(config.int(opt)).unwrap_or(0);
        Limits {
            word_octets: octets(Opt::Maxword),
            quoted_octets: octets(Opt::Maxquoted),
            literal_octets: octets(Opt::Maxliteral),
            arguments_octets: octets(Opt::Maxargssize),
            literal_minus: config.switch(Opt::Literalminus),
            conversations: config.switch(Opt::Conversations),
            qresync: self.enabled.qresync,
            allow_deleted: config.switch(Opt::Allowdeleted),
            login_needs_layer: self.user.is_none() && cmd::login::needs_layer_for_password(self),
        }
    }

    /// Says in `proc/<pid>` what is being done.
    pub fn register_command(&mut self, command: &[u8]) {
        let userid = self.user.as_ref().map_or(&[][..], |user| user.auth.userid());
        let mailbox = self.selected.as_ref().map_or(&[][..], |selected| selected.name.as_bytes());
        // A proc file that cannot be written is logged there; the client is served all the same.
        let _ = self.imapd.proc.register(self.clienthost.as_bytes(), userid, mailbox, command);
    }

    /// `* OK [ALERT] text`; a leading `[` would be taken for a response code.
    pub fn untagged_alert(&mut self, status: &[u8], text: &[u8]) {
        let text = text.split(|&b| b == b'\r' || b == b'\n').next().unwrap_or_default();
        let start = text.iter().position(|&b| b != b'[').unwrap_or(text.len());
        let text = text.get(start..).unwrap_or_default();
        self.stream.write(&[b"* ", status, b" [ALERT] ", text, b"\r\n"].concat());
    }

    fn run_cleanups(&mut self) {
        for location in std::mem::take(&mut self.cleanups) {
            // Failures are in the log, and the next one to close the mailbox tries again.
            let _ = Mailbox::run_cleanup(&self.imapd.store, location);
        }
    }

    fn say_bye(&mut self, stop: &Stop) -> End {
        let (text, ending) = match stop {
            Stop::Eof => return End::Reuse,
            Stop::Fatal(text) => (format!("Fatal error: {text}"), End::Exit(75)),
            Stop::Gone => ("Fatal error: Mailbox has been (re)moved".to_owned(), End::Exit(EX_IOERR)),
            Stop::TooMuch(text) => ((*text).to_owned(), End::Exit(75)),
            Stop::Io(error) => match error.kind() {
                io::ErrorKind::TimedOut => {
                    log::write(Priority::Warning, format_args!("idle for too long, closing connection"));
                    ("idle for too long".to_owned(), End::Reuse)
                }
                io::ErrorKind::Interrupted => {
                    // Writes the line of a graceful shutdown where nobody has yet.
                    let _ = signals::poll();
                    return End::Exit(75);
                }
                _ => return End::Reuse,
            },
        };
        self.stream.write(format!("* BYE {text}\r\n").as_bytes());
        // The peer may be gone already.
        let _ = self.stream.flush();
        ending
    }
}

fn timeout(imapd: &Imapd) -> Duration {
    let seconds = imapd.config.duration_s(Opt::Timeout).max(TIMEOUT_MIN_S);
    Duration::from_secs(seconds.unsigned_abs())
}

/// What [`parse`] found: the row and the command, or the line that refuses it.
type Parsed = Result<(&'static Row, command::Command), Vec<u8>>;

fn parse(lexer: &mut Lexer<'_>, name: &[u8], logged_in: bool, selected: bool) -> Result<Parsed, Stop> {
    let refuse = |lexer: &mut Lexer<'_>, text: &str| -> Result<Parsed, Stop> {
        lexer.eat_line()?;
        Ok(Err(format!("BAD {text}\r\n").into_bytes()))
    };
    // C looks at the first letter only: these may start a command before login.
    let early = name.first().is_some_and(|first| b"AELNCIS".contains(first));
    if !logged_in && !early {
        return refuse(lexer, "Please login first");
    }
    let (table, sub) = if name == b"Uid" {
        if !lexer.eat(b' ')? {
            return refuse(lexer, "Missing required argument to Uid");
        }
        (command::UID_COMMANDS, Some(fatal(lexer.word())?))
    } else {
        (command::COMMANDS, None)
    };
    let Some(row) = command::find(table, sub.as_deref().unwrap_or(name)) else {
        let text = if sub.is_some() { "Unrecognized UID subcommand" } else { "Unrecognized command" };
        return refuse(lexer, text);
    };
    match row.state {
        State::Authenticated | State::Selected if !logged_in => return refuse(lexer, "Please login first"),
        State::Selected if !selected => return refuse(lexer, "Please select a mailbox first"),
        _ => {}
    }
    match (row.parse)(lexer, row.name) {
        Ok(command) => Ok(Ok((row, command))),
        Err(Bad::Stop(stop)) => Err(stop),
        Err(bad) => {
            lexer.eat_line()?;
            let named = if sub.is_some() { "Uid" } else { row.name };
            let line = reply::refusal(b"", named, &bad).unwrap_or_default();
            Ok(Err(line.strip_prefix(b" ").map(<[u8]>::to_vec).unwrap_or(line)))
        }
    }
}

/// A token that is too long ends the session, as do all other failures at this place.
fn fatal<T>(token: Result<T, Bad>) -> Result<T, Stop> {
    token.map_err(|bad| match bad {
        Bad::Stop(stop) => stop,
        _ => Stop::TooMuch("[TOOBIG] Word too long"),
    })
}
