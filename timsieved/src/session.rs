//! One connection: its state, and the loop that takes commands.
//!
//! Between commands no lock is held.
//!
//! DIAGNOSTICS: `Lost connection to client -- exiting`, `can't use home directories`.

use crate::cmd;
use crate::command::{self, Command, Parsed, State};
use crate::lex::{Lexer, Limits, Source};
use crate::process::Timsieved;
use crate::reply;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::dav::sieve::Scripts;
use libcyrus::net::prot::Stream;
use libcyrus::net::{Error, tls};
use libcyrus::service::{Connection, End, signals};
use std::net::SocketAddr;
use std::time::Duration;

/// The least that `timeout` may be.
const TIMEOUT_MIN_S: i64 = 10 * 60;

/// What becomes of the session after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next command.
    Next,
    /// The end.
    End,
}

/// Who is logged in, and what she may do here.
pub enum User {
    /// A user with scripts.
    Owner(Box<Scripts>, Vec<u8>),
    /// `anonymous`: scripts are checked, never kept.
    Anonymous,
    /// A user of another server of the murder: where to go instead.
    Elsewhere(Vec<u8>, Vec<u8>),
}

impl User {
    /// The userid.
    #[must_use]
    pub fn userid(&self) -> &[u8] {
        match self {
            Self::Owner(_, userid) | Self::Elsewhere(userid, _) => userid,
            Self::Anonymous => b"anonymous",
        }
    }
}

/// One connection.
pub struct Session<'p> {
    /// What outlives the connection.
    pub timsieved: &'p mut Timsieved,
    /// The client.
    pub stream: Stream,
    /// Octets to tokens.
    pub lexer: Lexer,
    /// `host [ip]`, for the log.
    pub clienthost: String,
    /// Our and the client's address; `None` on a unix socket.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// This session's id.
    pub id: String,
    /// `None` before login.
    pub user: Option<User>,
    /// Strength of the SASL layer of the login.
    pub ssf: u32,
    /// Whether a SASL layer is under the stream.
    pub has_layer: bool,
}

/// The connection as the lexer sees it: silence for too long and a closed connection are the same to it.
pub struct Client<'s>(pub &'s mut Stream);

fn gone<T>(error: Error, none: T) -> Result<T, Error> {
    match error {
        Error::Interrupted => Err(Error::Interrupted),
        _ => Ok(none),
    }
}

impl Source for Client<'_> {
    type Error = Error;

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        match self.0.fill() {
            Ok(octets) => Ok(octets.first().copied()),
            Err(error) => gone(error, None),
        }
    }

    fn bump(&mut self) {
        self.0.consume(1);
    }

    fn take(&mut self, most: u64, sink: &mut dyn FnMut(&[u8])) -> Result<u64, Error> {
        let octets = match self.0.fill() {
            Ok(octets) => octets,
            Err(error) => return gone(error, 0),
        };
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(octets.len());
        sink(octets.get(..length).unwrap_or_default());
        self.0.consume(length);
        Ok(length as u64)
    }
}

impl<'p> Session<'p> {
    /// A session on a fresh connection.
    pub fn new(timsieved: &'p mut Timsieved, connection: Connection) -> Self {
        let config = &timsieved.config;
        let mut stream = Stream::new(connection.fd);
        let timeout_s = config.duration_s(Opt::Timeout).max(TIMEOUT_MIN_S);
        stream.set_timeout(Some(Duration::from_secs(u64::try_from(timeout_s).unwrap_or(0))));
        let script_octets =
            u64::try_from(config.int(Opt::SieveMaxscriptsize)).unwrap_or(0).saturating_mul(1024);
        let lexer = Lexer::new(Limits { script_octets, has_tls: tls::is_enabled(config) });
        let id = timsieved.ids.next_id();
        timsieved.catalog.audit_as(&id);
        Self {
            timsieved,
            stream,
            lexer,
            clienthost: connection.clienthost,
            addresses: connection.addresses,
            id,
            user: None,
            ssf: 0,
            has_layer: false,
        }
    }

    /// Serves the connection to its end. C: cmdloop()
    pub fn run(mut self) -> End {
        if self.timsieved.config.switch(Opt::Sieveusehomedir) {
            log::write(Priority::Err, format_args!("can't use home directories"));
            self.stream.write(b"NO Fatal error: Error initializing actions\r\n");
            self.stream.close();
            return End::Exit(libcyrus::base::exit::EX_TEMPFAIL);
        }
        let ending = match self.serve() {
            Err(Error::Interrupted) => End::Exit(libcyrus::base::exit::EX_TEMPFAIL),
            Ok(()) | Err(_) => End::Reuse,
        };
        self.run_cleanups();
        self.timsieved.sasl.release();
        self.stream.close();
        ending
    }

    fn serve(&mut self) -> Result<(), Error> {
        cmd::starttls::set_peer(self);
        cmd::capability::capability(self);
        loop {
            if self.stream.buffered().is_empty() {
                self.stream.flush()?;
                self.run_cleanups();
            }
            if signals::poll() == signals::Poll::Shutdown {
                return Err(Error::Interrupted);
            }
            if self.one_command()? == Flow::End {
                return self.stream.flush();
            }
        }
    }

    fn state(&self) -> State {
        State {
            is_authenticated: self.user.is_some(),
            only_verifies: matches!(self.user, Some(User::Anonymous)),
            has_tls: tls::is_enabled(&self.timsieved.config),
            needs_tls: self.needs_tls(),
        }
    }

    /// `tls_required`
    #[must_use]
    pub fn needs_tls(&self) -> bool {
        self.timsieved.config.switch(Opt::TlsRequired) && self.stream.tls().is_none()
    }

    fn one_command(&mut self) -> Result<Flow, Error> {
        let state = self.state();
        let command = match command::parse(&mut self.lexer, &mut Client(&mut self.stream), state)? {
            Parsed::Command(command) => command,
            Parsed::Refused(text) => {
                self.stream.write(&reply::no(text));
                return Ok(Flow::Next);
            }
            Parsed::Gone => {
                log::write(Priority::Warning, format_args!("Lost connection to client -- exiting"));
                self.stream.write(b"BYE \"Shutdown TCP timeout\"\r\n");
                return Ok(Flow::End);
            }
        };
        if let Some(flow) = self.refer(&command) {
            return Ok(flow);
        }
        match command {
            Command::Authenticate { mechanism, initial } => {
                cmd::authenticate::authenticate(self, &mechanism, initial)?;
            }
            Command::Capability => cmd::capability::capability(self),
            Command::CheckScript(text) => cmd::scripts::check(self, &text),
            Command::DeleteScript(name) => cmd::scripts::delete(self, &name),
            Command::GetScript(name) => cmd::scripts::get(self, &name),
            Command::HaveSpace(name, octets) => cmd::scripts::have_space(self, &name, octets),
            Command::ListScripts => cmd::scripts::list(self),
            Command::Logout => {
                self.stream.write(b"OK \"Logout Complete\"\r\n");
                return Ok(Flow::End);
            }
            Command::Noop(tag) => cmd::noop(self, tag),
            Command::PutScript(name, text) => cmd::scripts::put(self, &name, &text),
            Command::RenameScript(old, new) => cmd::scripts::rename(self, &old, &new),
            Command::SetActive(name) => cmd::scripts::set_active(self, &name),
            Command::StartTls => cmd::starttls::starttls(self)?,
            Command::Unauthenticate => cmd::authenticate::unauthenticate(self)?,
        }
        Ok(Flow::Next)
    }

    /// Sends a user whose scripts are on another server there, whatever is asked but the few commands
    /// that need no scripts.
    fn refer(&mut self, command: &Command) -> Option<Flow> {
        let is_ours = matches!(
            command,
            Command::Authenticate { .. }
                | Command::CheckScript(_)
                | Command::Logout
                | Command::Noop(_)
                | Command::Unauthenticate
        );
        let Some(User::Elsewhere(_, server)) = &self.user else { return None };
        if is_ours {
            return None;
        }
        let line = [b"BYE (REFERRAL \"sieve://".as_slice(), server, b"\") \"Try Remote.\"\r\n"].concat();
        self.stream.write(&line);
        Some(Flow::End)
    }

    fn run_cleanups(&mut self) {
        if let Some(User::Owner(scripts, _)) = &mut self.user {
            scripts.run_cleanups();
        }
    }
}
