//! One connection: the loop that takes commands (RFC 2033).
//!
//! No lock is held while the client is waited for: DATA goes to a staging file, and mailboxes are
//! locked one after the other when the message is complete.
//!
//! DIAGNOSTICS: `connection from HOST [preauth'd as postman]`, `command: ...` with `chatty`.

use crate::command::{self, Command, Mail, Rules};
use crate::data::Unstuffer;
use crate::deliver;
use crate::login;
use crate::process::Lmtpd;
use crate::recipient::{self, Recipient, Sender};
use crate::reply;
use crate::spool::{Additions, Spool, Spooled, Unspooled};
use libcyrus::auth::AuthState;
use libcyrus::base::VERSION;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::Error;
use libcyrus::net::prot::Stream;
use libcyrus::net::tls;
use libcyrus::service::{Connection, End, signals};
use libcyrus::store::append::Stage;
use libcyrus::store::mailbox::{Location, Mailbox};
use libcyrus::sys::time;
use libcyrus::util::datetime::print_rfc5322;
use libcyrus::util::ids::UnixTime;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a client may be silent.
const TIMEOUT: Duration = Duration::from_secs(360);

/// The longest command line, its end included.
const LINE_OCTETS: usize = 4095;

/// The longest LHLO name that is kept.
const LHLO_OCTETS: usize = 249;

/// How the client proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authenticated {
    /// Not at all: it may not send mail.
    No,
    /// By a certificate.
    Certificate,
    /// It needs not: unix socket or `-a`.
    Trusted,
    /// By AUTH.
    Login,
}

/// A transaction: MAIL and the recipients so far.
struct Envelope {
    return_path: Vec<u8>,
    /// MAIL's `AUTH=`.
    authid: Option<Vec<u8>>,
    sender: Sender,
    recipients: Vec<Recipient>,
}

/// One connection.
pub struct Session<'p> {
    /// What outlives the connection.
    pub lmtpd: &'p mut Lmtpd,
    /// The client.
    pub stream: Stream,
    /// `host [ip]`, for log and Received.
    pub clienthost: String,
    /// Our and the client's address; `None` on a unix socket.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// This session's id; LHLO and RSET make a new one.
    pub id: String,
    /// Unix socket or `-a`.
    pub is_preauthorised: bool,
    /// Who the client is.
    pub authenticated: Authenticated,
    /// Strength of the SASL layer.
    pub ssf: u32,
    lhlo: Vec<u8>,
    envelope: Option<Envelope>,
    cleanups: Vec<Location>,
}

/// What becomes of the session after a command.
enum Flow {
    Next,
    End(End),
}

impl<'p> Session<'p> {
    /// A session on a fresh connection.
    pub fn new(lmtpd: &'p mut Lmtpd, connection: Connection) -> Self {
        let mut stream = Stream::new(connection.fd);
        stream.set_timeout(Some(TIMEOUT));
        let is_preauthorised = lmtpd.preauthorised || connection.addresses.is_none();
        let id = lmtpd.ids.next_id();
        Self {
            lmtpd,
            stream,
            clienthost: connection.clienthost,
            addresses: connection.addresses,
            id,
            is_preauthorised,
            authenticated: if is_preauthorised { Authenticated::Trusted } else { Authenticated::No },
            ssf: 0,
            lhlo: Vec::new(),
            envelope: None,
            cleanups: Vec::new(),
        }
    }

    /// Serves the connection to its end. C: lmtpmode()
    pub fn run(mut self) -> End {
        let ending = match self.serve() {
            Ok(ending) => ending,
            Err(Error::Timeout) => {
                self.stream.write(b"421 4.4.1 bye idle for too long\r\n");
                End::Reuse
            }
            Err(Error::Interrupted) => End::Exit(75),
            Err(_) => End::Reuse,
        };
        for location in std::mem::take(&mut self.cleanups) {
            // Failures are in the log, and the next one to close the mailbox tries again.
            let _ = Mailbox::run_cleanup(&self.lmtpd.store, location);
        }
        self.stream.close();
        ending
    }

    /// Whether a transaction has recipients.
    #[must_use]
    pub fn has_recipients(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| !envelope.recipients.is_empty())
    }

    fn serve(&mut self) -> Result<End, Error> {
        let how = if self.is_preauthorised { " preauth'd as postman" } else { "" };
        log::write(Priority::Debug, format_args!("connection from {}{how}", self.clienthost));
        login::set_peer(self);
        if self.is_preauthorised {
            login::start_telemetry(self, login::POSTMAN);
        }
        let server = self.lmtpd.config.servername();
        let version =
            if self.lmtpd.settings.shows_version { format!(" Cyrus LMTP {VERSION}") } else { String::new() };
        self.stream.write(format!("220 {server}{version} server ready\r\n").as_bytes());
        let mut line = Vec::new();
        loop {
            if signals::poll() == signals::Poll::Shutdown {
                self.stream.flush()?;
                return Ok(End::Exit(75));
            }
            line.clear();
            match self.stream.read_line(LINE_OCTETS, &mut line) {
                Ok(true) => {}
                Ok(false) => return Ok(End::Reuse),
                Err(Error::TooLong) => {
                    self.stream.skip_line()?;
                    self.stream.write(b"500 5.5.2 Syntax error\r\n");
                    continue;
                }
                Err(error) => return Err(error),
            }
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            if let Flow::End(ending) = self.one_command(&line)? {
                self.stream.flush()?;
                return Ok(ending);
            }
        }
    }

    fn one_command(&mut self, line: &[u8]) -> Result<Flow, Error> {
        let first = line.first().map_or(0, u8::to_ascii_uppercase);
        if !matches!(first, b'L' | b'N' | b'Q') {
            if let Some(text) = self.lmtpd.msgfiles.shutdown() {
                self.stream.write(&[b"421 4.3.2 ".as_slice(), &text, b"\r\n"].concat());
                return Ok(Flow::End(End::Exit(0)));
            }
        }
        if self.lmtpd.settings.chatty {
            log::write(Priority::Notice, format_args!("command: {}", log::printable(line, 1024)));
        }
        if let Some(refusal) = self.too_early(line) {
            self.stream.write(refusal);
            return Ok(Flow::Next);
        }
        let rules = Rules {
            strict_rfc2821: self.lmtpd.settings.strict_rfc2821,
            message_octets_max: self.lmtpd.settings.message_octets_max,
        };
        let command = match command::parse(line, rules) {
            Ok(command) => command,
            Err(refusal) => {
                self.stream.write(format!("{refusal}\r\n").as_bytes());
                return Ok(Flow::Next);
            }
        };
        match command {
            Command::Auth { mechanism, initial } => login::auth(self, &mechanism, initial.as_deref())?,
            Command::Data => self.data()?,
            Command::Lhlo(name) => self.lhlo(&name),
            Command::Mail(mail) => self.mail(mail),
            Command::Noop => self.stream.write(b"250 2.0.0 ok\r\n"),
            Command::Quit => {
                self.stream.write(b"221 2.0.0 bye\r\n");
                return Ok(Flow::End(End::Reuse));
            }
            Command::Rcpt { recipient, ignore_quota } => self.rcpt(&recipient, ignore_quota),
            Command::Rset => {
                self.envelope = None;
                self.id = self.lmtpd.ids.next_id();
                self.stream.write(format!("250 2.0.0 Ok SESSIONID=<{}>\r\n", self.id).as_bytes());
            }
            Command::StartTls => login::starttls(self)?,
            Command::Vrfy => self.stream.write(b"252 2.3.3 try RCPT to attempt delivery\r\n"),
        }
        Ok(Flow::Next)
    }

    /// What is refused before its syntax is looked at.
    fn too_early(&self, line: &[u8]) -> Option<&'static [u8]> {
        let verb = line.get(..5).map(<[u8]>::to_ascii_lowercase).unwrap_or_default();
        let first = line.first().map_or(0, u8::to_ascii_lowercase);
        if first == b'm' && self.authenticated == Authenticated::No {
            return Some(if self.lmtpd.settings.soft_noauth {
                b"430 Authentication required\r\n"
            } else {
                b"530 Authentication required\r\n"
            });
        }
        match (verb.as_slice(), &self.envelope) {
            (b"mail ", Some(_)) => Some(b"503 5.5.1 Nested MAIL command\r\n"),
            (b"rcpt ", None) => Some(b"503 5.5.1 Need MAIL command\r\n"),
            _ => None,
        }
    }

    fn lhlo(&mut self, name: &[u8]) {
        let size = match self.lmtpd.settings.message_octets_max {
            Some(most) => format!("250-SIZE {most}\r\n"),
            None => "250-SIZE\r\n".to_owned(),
        };
        let mut reply = format!(
            "250-{}\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n{size}",
            self.lmtpd.config.servername()
        );
        let has_tls = self.stream.tls().is_some();
        if self.authenticated == Authenticated::No && !has_tls && tls::is_enabled(&self.lmtpd.config) {
            reply.push_str("250-STARTTLS\r\n");
        }
        if let Some(list) = login::mechanisms(self) {
            reply.push_str(&format!("250-AUTH {list}\r\n"));
        }
        reply.push_str(&format!("250-IGNOREQUOTA\r\n250 Ok SESSIONID=<{}>\r\n", self.id));
        self.stream.write(reply.as_bytes());
        self.lhlo = name.get(..LHLO_OCTETS).unwrap_or(name).to_vec();
        self.id = self.lmtpd.ids.next_id();
    }

    fn mail(&mut self, mail: Mail) {
        let config = &self.lmtpd.config;
        let auth = match &mail.auth {
            Some(authid) => AuthState::new(config, authid),
            None => AuthState::anonymous(config),
        };
        let octets = i64::try_from(mail.size_octets.unwrap_or(0)).unwrap_or(i64::MAX);
        let sender = Sender {
            return_path: mail.return_path.clone(),
            authid: mail.auth.clone(),
            clienthost: self.clienthost.clone(),
            remote_ip: self.addresses.map(|(_, remote)| remote.ip().to_string()),
            auth,
            octets,
        };
        self.envelope = Some(Envelope {
            return_path: mail.return_path,
            authid: mail.auth,
            sender,
            recipients: Vec::new(),
        });
        self.stream.write(b"250 2.1.0 ok\r\n");
    }

    fn rcpt(&mut self, address: &[u8], ignores_quota: bool) {
        let Some(envelope) = &mut self.envelope else { return };
        match recipient::find(self.lmtpd, address, ignores_quota, &envelope.sender) {
            Ok(recipient) => {
                envelope.recipients.push(recipient);
                self.stream.write(b"250 2.1.5 ok\r\n");
            }
            Err(refusal) => {
                self.stream.write(&reply::refused(&refusal, &self.lmtpd.settings, &self.id));
            }
        }
    }

    /// DATA: stages the message, then delivers it; one reply for each recipient. C: savemsg()
    fn data(&mut self) -> Result<(), Error> {
        if !self.has_recipients() {
            self.stream.write(b"503 5.5.1 No recipients\r\n");
            return Ok(());
        }
        let Some(envelope) = self.envelope.take() else { return Ok(()) };
        let stage = match self.stage(&envelope) {
            Ok(stage) => stage,
            Err(error) => {
                self.stream.write(&reply::cannot_stage("create", &error));
                return Ok(());
            }
        };
        let received_at = UnixTime(time::now());
        let additions = self.additions(&envelope, received_at);
        self.stream.write(b"354 go ahead\r\n");
        let settings = Arc::clone(&self.lmtpd.settings);
        let spool = Spool::new(stage, additions, settings.eight_bit, settings.message_octets_max);
        let received = match self.receive(spool) {
            Ok(received) => received,
            Err(error) => {
                // Half a message: whoever still listens hears that it was not taken.
                envelope.recipients.iter().for_each(|_| self.stream.write(b"451 4.3.0 System I/O error\r\n"));
                return Err(error);
            }
        };
        let results = match received {
            Ok(spooled) => {
                let sender = &envelope.sender;
                let recipients = &envelope.recipients;
                let report = deliver::deliver(self.lmtpd, &self.id, spooled, received_at, sender, recipients);
                self.cleanups.extend(report.cleanups);
                report.results
            }
            Err(refused) => {
                for _ in &envelope.recipients {
                    let line = self.refused(&refused);
                    self.stream.write(&line);
                }
                return Ok(());
            }
        };
        for result in &results {
            self.stream.write(&reply::delivered(result, &settings, &self.id));
        }
        Ok(())
    }

    fn refused(&self, refused: &Unspooled) -> Vec<u8> {
        let settings = &self.lmtpd.settings;
        match refused {
            Unspooled::TooLarge(octets) => format!(
                "552 5.2.3 Message size ({octets}) exceeds fixed maximum message size ({})\r\n",
                settings.message_octets_max.unwrap_or(0)
            )
            .into_bytes(),
            Unspooled::Store(error) => reply::refused_message(error, settings, &self.id),
        }
    }

    /// A staging file on the partition of the first recipient that has one here.
    fn stage(&self, envelope: &Envelope) -> std::io::Result<Stage> {
        let config = &self.lmtpd.config;
        let root = envelope.recipients.iter().find_map(|recipient| {
            let partition = recipient.entry.partition.as_deref()?;
            config.partition_dir(std::str::from_utf8(partition).ok()?)
        });
        let root = root.ok_or(std::io::ErrorKind::NotFound)?;
        Stage::create(&self.lmtpd.store, root).map_err(reply::into_io)
    }

    /// Takes the message through its final dot; all of it, even when it is refused on the way.
    fn receive(&mut self, mut spool: Spool) -> Result<Result<Spooled, Unspooled>, Error> {
        let mut unstuffer = Unstuffer::default();
        let mut content = Vec::new();
        while !unstuffer.is_at_end() {
            let piece = self.stream.fill()?;
            if piece.is_empty() {
                return Err(Error::Closed);
            }
            content.clear();
            let used = unstuffer.take(piece, &mut content);
            self.stream.consume(used);
            spool.take(&content);
            if unstuffer.saw_nul {
                spool.saw_nul();
            }
        }
        Ok(spool.finish())
    }

    fn additions(&mut self, envelope: &Envelope, now: UnixTime) -> Additions {
        let date = print_rfc5322(now.0, time::local(now.0).utc_offset_s.into());
        let server = self.lmtpd.config.servername().to_owned();
        let number = self.lmtpd.messages;
        self.lmtpd.messages = number.wrapping_add(1);
        let mut text = b"Return-Path: <".to_vec();
        text.extend_from_slice(&envelope.return_path);
        if !envelope.return_path.is_empty() && !envelope.return_path.contains(&b'@') {
            text.extend_from_slice(format!("@{server}").as_bytes());
        }
        text.extend_from_slice(b">\r\nReceived: from ");
        text.extend_from_slice(&self.lhlo);
        text.extend_from_slice(format!(" ({})\r\n\t", self.clienthost).as_bytes());
        if let Some(authid) = &envelope.authid {
            text.extend_from_slice(b" (authenticated user=");
            text.extend_from_slice(authid);
            text.extend_from_slice(format!(" bits={})\r\n\t", self.ssf).as_bytes());
        }
        let mut by = format!(" by {server}");
        if self.lmtpd.settings.shows_version {
            by.push_str(&format!(" (Cyrus {VERSION})"));
        }
        by.push_str(" with LMTP");
        if self.stream.tls().is_some() {
            by.push('S');
        }
        if self.authenticated != Authenticated::No {
            by.push('A');
        }
        if let Some(tls) = self.stream.tls() {
            let tls::Info { version, cipher, bits, .. } = tls;
            by.push_str(&format!("\r\n\t (version={version} cipher={cipher} bits={bits}/{bits} verify=YES)"));
        }
        by.push_str(&format!(";\r\n\t {date}\r\nX-Cyrus-Session-Id: {}\r\n", self.id));
        text.extend_from_slice(by.as_bytes());
        text.extend_from_slice(b"X-Sieve: CMU Sieve 3.0\r\n");
        let message_id = format!("<cmu-lmtpd-{}-{}-{number}@{server}>", std::process::id(), now.0);
        Additions { in_front: text, message_id: message_id.into_bytes(), date: date.into_bytes() }
    }
}
