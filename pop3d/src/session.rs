//! One connection: its state, and the loop that takes commands (RFC 1939 3).

use crate::capa;
use crate::command::{self, Command, Refusal, State};
use crate::login;
use crate::maildrop::Maildrop;
use crate::message::{self, Part};
use crate::process::Pop3d;
use libcyrus::auth::AuthState;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::EX_USAGE;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::prot::{Stream, Wake};
use libcyrus::net::{Error, tls};
use libcyrus::service::{Connection, End, signals};
use libcyrus::store;
use libcyrus::store::event::EventKind;
use libcyrus::store::mailbox::{Location, Mailbox};
use libcyrus::sys::time;
use std::net::SocketAddr;
use std::time::Duration;

/// The least `poptimeout`.
const TIMEOUT_MIN_S: i64 = 10 * 60;

/// The longest command line, its end included.
const LINE_OCTETS: usize = 8191;

/// A client that is quiet for so long gives libsasl's memory back.
const QUIET: Duration = Duration::from_secs(2);

/// How often the client asked for what.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    retr: u32,
    top: u32,
    dele: u32,
}

/// One connection.
pub struct Session<'p> {
    /// What outlives the connection.
    pub pop3d: &'p mut Pop3d,
    /// The client.
    pub stream: Stream,
    /// `host [ip]`, for the log.
    pub clienthost: String,
    /// Our and the client's address.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// This session's id.
    pub id: String,
    /// APOP's challenge, where APOP is offered.
    pub challenge: Option<String>,
    /// USER was said.
    pub pending: Option<Vec<u8>>,
    /// Who has logged in.
    pub user: Option<AuthState>,
    /// The messages; `None` before login and for an empty mailbox that was not opened.
    pub maildrop: Option<Maildrop>,
    /// Strength of TLS or of the SASL layer.
    pub ssf: u32,
    counts: Counts,
    sasl_may_go: bool,
    cleanups: Vec<Location>,
}

impl<'p> Session<'p> {
    /// A session on a fresh connection.
    pub fn new(pop3d: &'p mut Pop3d, connection: Connection) -> Self {
        let id = pop3d.ids.next_id();
        pop3d.catalog.audit_as(&id);
        Self {
            pop3d,
            stream: Stream::new(connection.fd),
            clienthost: connection.clienthost,
            addresses: connection.addresses,
            id,
            challenge: None,
            pending: None,
            user: None,
            maildrop: None,
            ssf: 0,
            counts: Counts::default(),
            sasl_may_go: true,
            cleanups: Vec::new(),
        }
    }

    /// Serves the connection to its end.
    pub fn run(mut self) -> End {
        self.stream.set_timeout(Some(self.timeout()));
        let ending = match self.serve() {
            Ok(ending) => ending,
            Err(Error::Interrupted) => End::Exit(75),
            Err(_) => End::Reuse,
        };
        let Counts { retr, top, dele } = self.counts;
        log::write(Priority::Notice, format_args!("counts: retr=<{retr}> top=<{top}> dele=<{dele}>"));
        for location in std::mem::take(&mut self.cleanups) {
            // Failures are in the log, and the next one to close the mailbox tries again.
            let _ = Mailbox::run_cleanup(&self.pop3d.store, location);
        }
        self.pop3d.catalog.flush_events();
        let (octets_in, octets_out) = self.stream.counts();
        if self.pop3d.config.switch(Opt::Auditlog) {
            log::audit_traffic(&self.id, octets_in, octets_out);
        }
        self.stream.close();
        ending
    }

    /// Whether nothing may be tried before STLS (`tls_required`).
    #[must_use]
    pub fn needs_layer(&self) -> bool {
        self.pop3d.config.switch(Opt::TlsRequired) && self.stream.tls().is_none()
    }

    /// How long the client may be silent.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.pop3d.config.duration_s(Opt::Poptimeout).max(TIMEOUT_MIN_S).unsigned_abs())
    }

    /// `-ERR text`
    pub fn err(&mut self, text: &str) {
        self.stream.write(format!("-ERR {text}\r\n").as_bytes());
    }

    /// Waits as an option says, to slow down guessing.
    pub fn pause(&self, option: Opt) {
        if let Ok(seconds @ 1..) = u64::try_from(self.pop3d.config.duration_s(option)) {
            std::thread::sleep(Duration::from_secs(seconds));
        }
    }

    fn serve(&mut self) -> Result<End, Error> {
        login::set_peer(self);
        if self.pop3d.options.kpop {
            self.err("usage: pop3d [-C <alt_config>] [-k] [-s]");
            self.stream.flush()?;
            return Ok(End::Exit(EX_USAGE));
        }
        if self.pop3d.options.tls_at_once && !login::tls_at_once(self) {
            return Ok(End::Reuse);
        }
        if self.pop3d.config.switch(Opt::Allowapop) && !self.needs_layer() {
            self.challenge = Some(self.make_challenge());
        }
        let greeting = capa::greeting(self);
        self.stream.write(greeting.as_bytes());
        let mut line = Vec::new();
        loop {
            match signals::poll() {
                signals::Poll::Shutdown => return Ok(End::Exit(75)),
                signals::Poll::Clear | signals::Poll::Reload => {}
            }
            if self.stream.buffered().is_empty() {
                self.register_command(b"");
                self.pop3d.catalog.checkpoint_if_due();
                self.pop3d.catalog.flush_events();
            }
            if let Some(text) = self.farewell() {
                let start = text.iter().position(|&b| b != b'[').unwrap_or(text.len());
                let text = text.get(start..).unwrap_or_default();
                self.stream.write(&[b"-ERR [SYS/TEMP] ".as_slice(), text, b"\r\n"].concat());
                self.stream.flush()?;
                return Ok(End::Exit(0));
            }
            self.give_memory_back()?;
            line.clear();
            match self.stream.read_line(LINE_OCTETS, &mut line) {
                Ok(true) => {}
                Ok(false) => return Ok(End::Reuse),
                Err(Error::TooLong) => {
                    self.stream.skip_line()?;
                    self.err("Syntax error");
                    continue;
                }
                Err(error) => return Err(error),
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if self.pop3d.config.switch(Opt::DisconnectOnVanishedMailbox) && self.has_vanished() {
                self.err("[SYS/TEMP] Maildrop has been (re)moved");
                self.stream.flush()?;
                return Ok(End::Exit(0));
            }
            let text = text.to_vec();
            if let Some(ending) = self.one_command(&text)? {
                self.stream.flush()?;
                return Ok(ending);
            }
        }
    }

    /// Why everybody is to go: the shutdown file, or this user is denied.
    fn farewell(&mut self) -> Option<Vec<u8>> {
        if let Some(text) = self.pop3d.msgfiles.shutdown() {
            return Some(text);
        }
        let userid = self.user.as_ref().map(|user| user.userid().to_vec()).or(self.pending.clone())?;
        self.pop3d.catalog.user_denied(&userid, self.pop3d.config.service().as_bytes())
    }

    fn has_vanished(&self) -> bool {
        let Some(maildrop) = &self.maildrop else { return false };
        let gone = matches!(self.pop3d.catalog.lookup(&maildrop.name), Err(store::Error::NotFound));
        if gone {
            let name = log::printable(maildrop.name.as_bytes(), 490);
            log::write(
                Priority::Warning,
                format_args!("Maildrop {name} has been (re)moved out from under client"),
            );
        }
        gone
    }

    /// As imapd does: libsasl is unloaded when the client of a finished login has been quiet for a moment.
    fn give_memory_back(&mut self) -> Result<(), Error> {
        if !self.sasl_may_go || self.user.is_none() || !self.stream.buffered().is_empty() {
            return Ok(());
        }
        self.stream.flush()?;
        if self.stream.wait(&[], Some(QUIET))? == Wake::Timeout {
            self.pop3d.sasl.release();
            self.sasl_may_go = false;
        }
        Ok(())
    }

    /// `<random.time@server>`, never the same twice. C: sasl_mkchal()
    fn make_challenge(&self) -> String {
        let random = self.id.rsplit('-').next().unwrap_or_default();
        format!("<{random}.{}@{}>", time::now(), self.pop3d.config.servername())
    }

    fn one_command(&mut self, line: &[u8]) -> Result<Option<End>, Error> {
        let state = State {
            logged_in: self.user.is_some(),
            has_apop: self.challenge.is_some(),
            has_tls: tls::is_enabled(&self.pop3d.config),
        };
        let (word, command) = command::parse(line, state);
        if self.pop3d.config.switch(Opt::Chatty) {
            log::write(Priority::Notice, format_args!("command: {}", log::printable(&word, 64)));
        }
        self.register_command(&word);
        match command {
            Err(refusal) => self.err(refusal.text()),
            Ok(Command::Apop(response)) => login::apop(self, &response),
            Ok(Command::Auth(arguments)) => login::auth(self, arguments)?,
            Ok(Command::Capa) => capa::capa(self),
            Ok(Command::Dele(number)) => self.dele(number),
            Ok(Command::List(number)) => self.list(number),
            Ok(Command::Noop) => self.stream.write(b"+OK\r\n"),
            Ok(Command::Pass(password)) => login::pass(self, &password),
            Ok(Command::Quit) => return self.quit().map(Some),
            Ok(Command::Retr(number)) => self.retr(number),
            Ok(Command::Rset) => self.rset(),
            Ok(Command::Stat) => self.stat(),
            Ok(Command::Stls) => login::stls(self)?,
            Ok(Command::Top(number, lines)) => {
                if self.send(number, Part::Top(lines)) {
                    self.counts.top += 1;
                }
            }
            Ok(Command::Uidl(number)) => self.uidl(number),
            Ok(Command::User(name)) => login::user(self, &name),
        }
        Ok(None)
    }

    fn no_such_message(&mut self) {
        self.err("No such message");
    }

    fn stat(&mut self) {
        let listed = self.maildrop.iter().flat_map(Maildrop::listed);
        let (count, octets) =
            listed.fold((0_u64, 0_u64), |(n, sum), (_, message)| (n + 1, sum + u64::from(message.size)));
        self.stream.write(format!("+OK {count} {octets}\r\n").as_bytes());
    }

    fn list(&mut self, number: Option<u32>) {
        let Some(number) = number else {
            let mut out = String::from("+OK scan listing follows\r\n");
            for (number, message) in self.maildrop.iter().flat_map(Maildrop::listed) {
                out.push_str(&format!("{number} {}\r\n", message.size));
            }
            out.push_str(".\r\n");
            return self.stream.write(out.as_bytes());
        };
        match self.maildrop.as_ref().and_then(|maildrop| maildrop.message(number)) {
            Some(message) => self.stream.write(format!("+OK {number} {}\r\n", message.size).as_bytes()),
            None => self.no_such_message(),
        }
    }

    fn uidl(&mut self, number: Option<u32>) {
        let format = self.pop3d.config.choice(Opt::UidlFormat);
        let Some(number) = number else {
            let mut out = String::from("+OK unique-id listing follows\r\n");
            if let Some(maildrop) = &self.maildrop {
                for (number, message) in maildrop.listed() {
                    out.push_str(&format!("{number} {}\r\n", maildrop.uidl(message, format)));
                }
            }
            out.push_str(".\r\n");
            return self.stream.write(out.as_bytes());
        };
        let found = self
            .maildrop
            .as_ref()
            .and_then(|maildrop| maildrop.message(number).map(|message| maildrop.uidl(message, format)));
        match found {
            Some(uidl) => self.stream.write(format!("+OK {number} {uidl}\r\n").as_bytes()),
            None => self.no_such_message(),
        }
    }

    fn retr(&mut self, number: u32) {
        if self.send(number, Part::Whole) {
            self.counts.retr += 1;
            if let Some(message) = self.maildrop.as_mut().and_then(|maildrop| maildrop.message_mut(number)) {
                message.is_seen = true;
            }
        }
    }

    /// Sends a message, or the refusal.
    fn send(&mut self, number: u32, part: Part) -> bool {
        let Some(maildrop) = &self.maildrop else {
            self.no_such_message();
            return false;
        };
        let Some(found) = maildrop.message(number) else {
            self.no_such_message();
            return false;
        };
        let Ok(map) = maildrop.read(found) else {
            self.err("[SYS/PERM] Could not read message file");
            return false;
        };
        self.stream.write(b"+OK Message follows\r\n");
        let stream = &mut self.stream;
        message::stuffed(message::cut(&map, part), |piece| stream.write(piece));
        true
    }

    fn dele(&mut self, number: Result<u32, Refusal>) {
        if self.maildrop.as_ref().is_some_and(|maildrop| !maildrop.may_delete) {
            return self.err(&format!("[SYS/PERM] {}", store::Error::PermissionDenied.sentence()));
        }
        if self.pop3d.config.switch(Opt::Readonly) {
            return self.err(&format!("[SYS/PERM] {}", store::Error::ReadOnly.sentence()));
        }
        let number = match number {
            Ok(number) => number,
            Err(refusal) => return self.err(refusal.text()),
        };
        match self.maildrop.as_mut().and_then(|maildrop| maildrop.message_mut(number)) {
            Some(message) => {
                message.is_deleted = true;
                self.counts.dele += 1;
                self.stream.write(b"+OK message deleted\r\n");
            }
            None => self.no_such_message(),
        }
    }

    fn rset(&mut self) {
        for message in self.maildrop.iter_mut().flat_map(|maildrop| &mut maildrop.messages) {
            message.is_deleted = false;
            message.is_seen = false;
        }
        self.stream.write(b"+OK\r\n");
    }

    /// QUIT: the update state (RFC 1939 6).
    fn quit(&mut self) -> Result<End, Error> {
        if let (Some(maildrop), Some(auth)) = (self.maildrop.take(), &self.user) {
            let name = log::printable(maildrop.name.as_bytes(), 490);
            let removes = maildrop.messages.iter().any(|message| message.is_deleted);
            match maildrop.update(self.pop3d, auth) {
                Ok(cleanup) => self.cleanups.extend(cleanup),
                Err(error) => {
                    let text = error.sentence();
                    log::write(
                        Priority::Err,
                        format_args!("IOERROR: {name}: cannot update the maildrop: {text}"),
                    );
                    if removes {
                        self.err("[SYS/TEMP] some deleted messages not removed");
                        self.stream.flush()?;
                        return Ok(End::Reuse);
                    }
                }
            }
        }
        self.stream.write(b"+OK\r\n");
        self.stream.flush()?;
        let userid = self.user.as_ref().map_or(&[][..], AuthState::userid);
        self.pop3d.catalog.report_session(EventKind::Logout, self.addresses, userid);
        Ok(End::Reuse)
    }

    /// Says in `proc/<pid>` what is being done; the name that USER gave stands there before the login, as C's does.
    fn register_command(&mut self, command: &[u8]) {
        let userid =
            self.user.as_ref().map(AuthState::userid).or(self.pending.as_deref()).unwrap_or_default();
        let mailbox = self.maildrop.as_ref().map_or(&[][..], |maildrop| maildrop.name.as_bytes());
        // A proc file that cannot be written is logged there; the client is served all the same.
        let _ = self.pop3d.proc.register(self.clienthost.as_bytes(), userid, mailbox, command);
    }
}
