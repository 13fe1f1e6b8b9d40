//! Our side as a server.

use super::exchange::{self, Dialect};
use super::layer::SaslLayer;
use super::{Failure, Policy, Refusal, Success};
use crate::error::{Error, Result};
use crate::prot::Stream;
use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use cyrus_sys::sasl::{self, Code, Hooks, Security, ServerLibrary, Step, Verdict};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

/// What the server tells libsasl about the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Local and remote address.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// SSF of TLS, 0 for none; a unix socket counts as trusted with 2 where the daemon says so.
    pub external_ssf: u32,
    /// EXTERNAL identity (client certificate CN, or the unix socket's postman).
    pub external_id: Option<String>,
}

/// Sends a challenge and gives the decoded response.
pub type Ask<'a> = dyn FnMut(&[u8]) -> std::result::Result<Vec<u8>, Failure> + 'a;

/// SASL of one server connection after the other.
pub struct Server {
    service: &'static str,
    servername: String,
    settings: Rc<Settings>,
    policy: Rc<dyn Policy>,
    peer: Peer,
    library: Option<Loaded>,
    connection: Option<Rc<RefCell<sasl::Server>>>,
    layer_wanted: bool,
    /// Mechanisms by external strength and identity: they do not change while we live.
    known: Vec<((u32, bool), Vec<String>)>,
}

/// The library and for which mechanism its plugins were chosen (`None`: all plugins).
struct Loaded {
    library: Rc<ServerLibrary>,
    mechanism: Option<String>,
}

/// What hooks and server need of the configuration.
struct Settings {
    /// `sasl_*` options (service forms already applied).
    options: BTreeMap<String, Vec<u8>>,
    srvtab: Option<Vec<u8>>,
    log_level: i32,
    min_ssf: u32,
    max_ssf: u32,
    allowplaintext: bool,
    allowanonymous: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("service", &self.service)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// `service` is libsasl's name (`imap`, `pop`, `lmtp`, `sieve`). Nothing is initialised yet.
    #[must_use]
    pub fn new(config: &Config, service: &'static str, policy: Rc<dyn Policy>) -> Self {
        Self {
            service,
            servername: config.servername().to_owned(),
            settings: Rc::new(Settings::from_config(config)),
            policy,
            peer: Peer::default(),
            library: None,
            connection: None,
            layer_wanted: false,
            known: Vec::new(),
        }
    }

    /// Starts with a connection, or tells of TLS on the running one; an exchange under way is
    /// forgotten.
    pub fn set_peer(&mut self, peer: Peer) {
        self.connection = None;
        self.layer_wanted = false;
        self.peer = peer;
    }

    /// Mechanisms offered now, in libsasl's order (`noplaintext` unless TLS or `allowplaintext`,
    /// layers within `sasl_minimum_layer` and `sasl_maximum_layer`).
    ///
    /// # Errors
    /// `Sasl` when libsasl cannot start.
    pub fn mechanisms(&mut self) -> Result<Vec<String>> {
        let key = (self.peer.external_ssf, self.peer.external_id.is_some());
        if let Some((_, known)) = self.known.iter().find(|(k, _)| *k == key) {
            return Ok(known.clone());
        }
        // All plugins together bring in large libraries (libcrypto alone 400 kB of private
        // memory); a short-lived child reads the list so that this process need not keep them.
        // Its answer is empty where libsasl could not start, else it begins with an octet of its
        // own: a site without TLS and without `allowplaintext` may well offer nothing.
        let listed = match &self.library {
            Some(Loaded { mechanism: None, .. }) => None,
            _ => cyrus_sys::process::in_child(|| {
                self.list().map(|list| format!("+{}", list.join(" ")).into_bytes()).unwrap_or_default()
            })
            .ok(),
        };
        let listed = listed.as_deref().and_then(|answer| answer.strip_prefix(b"+"));
        let list = match listed {
            Some(text) => String::from_utf8_lossy(text).split_ascii_whitespace().map(str::to_owned).collect(),
            None => self.list()?,
        };
        self.known.push((key, list.clone()));
        Ok(list)
    }

    fn list(&mut self) -> Result<Vec<String>> {
        self.connect(None, false).map_err(|code| Error::Sasl(code.0, code.text()))?;
        let list = self.connection.as_ref().map(|c| c.borrow_mut().mechanisms());
        Ok(list.unwrap_or_default())
    }

    /// True when a plain text password may be sent now (`allowplaintext`, TLS, or a trusted
    /// socket).
    #[must_use]
    pub fn plaintext_allowed(&self) -> bool {
        self.settings.allowplaintext || self.peer.external_ssf >= 2
    }

    /// Runs an exchange. `initial` is the base64 initial response as sent (`=` for an empty one).
    /// After success write and flush the final answer, then call [`Server::install_layer`].
    /// C: saslserver()
    ///
    /// # Errors
    /// See [`Failure`]; the daemon words the answer and the log line.
    pub fn authenticate(
        &mut self,
        stream: &mut Stream,
        mechanism: &str,
        initial: Option<&[u8]>,
        dialect: &Dialect,
    ) -> std::result::Result<Success, Failure> {
        let initial = initial.map(exchange::initial).transpose()?;
        let mut ask = |challenge: &[u8]| exchange::ask(stream, dialect, challenge);
        self.exchange(mechanism, initial.as_deref(), dialect.success_data, &mut ask)
    }

    /// As [`Server::authenticate`] for a protocol that reads responses by its own parser: `initial` is
    /// decoded, `ask` sends a challenge and gives the decoded response.
    ///
    /// # Errors
    /// See [`Failure`]; what `ask` returns.
    pub fn exchange(
        &mut self,
        mechanism: &str,
        initial: Option<&[u8]>,
        success_data: bool,
        ask: &mut Ask<'_>,
    ) -> std::result::Result<Success, Failure> {
        self.connection = None;
        self.layer_wanted = false;
        let mechanism = mechanism.to_ascii_uppercase();
        if self.connect(Some(&mechanism), success_data).is_err() {
            // The plugins named for it do not load alone: try with all.
            self.library = None;
            let whole = self.connect(None, success_data);
            whole.map_err(|code| self.refused(code))?;
        }
        let Some(connection) = self.connection.clone() else {
            return Err(self.refused(Code::FAIL));
        };
        let mut step = connection.borrow_mut().start(&mechanism, initial);
        loop {
            match step {
                Ok(Step::Done(data)) => {
                    let data = data.filter(|_| success_data);
                    return self.success(&connection.borrow(), mechanism, data);
                }
                Ok(Step::Continue(challenge)) => {
                    let response = ask(&challenge)?;
                    step = connection.borrow_mut().step(&response);
                }
                Err(code) => return Err(self.refused(code)),
            }
        }
    }

    /// Checks a plain text password (LOGIN command). The result's userid is canonical; libsasl
    /// asks [`Policy::may_proxy`] about it. C: sasl_checkpass()
    ///
    /// # Errors
    /// `Refused` with libsasl's code.
    pub fn check_password(&mut self, user: &[u8], password: &[u8]) -> std::result::Result<Success, Failure> {
        self.connection = None;
        self.layer_wanted = false;
        self.connect(Some(NO_MECHANISM), false).map_err(|code| self.refused(code))?;
        let Some(connection) = self.connection.clone() else {
            return Err(self.refused(Code::FAIL));
        };
        let checked = connection.borrow_mut().check_password(user, password);
        checked.map_err(|code| self.refused(code))?;
        self.success(&connection.borrow(), "plaintext".to_owned(), None)
    }

    /// Checks the answer `user digest` to the challenge of a POP3 greeting (RFC 1939 7). C: sasl_checkapop()
    ///
    /// # Errors
    /// `Refused` with libsasl's code.
    pub fn check_apop(&mut self, challenge: &[u8], response: &[u8]) -> std::result::Result<Success, Failure> {
        self.connection = None;
        self.layer_wanted = false;
        self.connect(Some(NO_MECHANISM), false).map_err(|code| self.refused(code))?;
        let Some(connection) = self.connection.clone() else {
            return Err(self.refused(Code::FAIL));
        };
        let checked = connection.borrow_mut().check_apop(challenge, response);
        checked.map_err(|code| self.refused(code))?;
        self.success(&connection.borrow(), "APOP".to_owned(), None)
    }

    /// Puts the negotiated security layer, if there is one, under the stream. Call it right after
    /// the final answer was written.
    ///
    /// # Errors
    /// What the flush says.
    pub fn install_layer(&mut self, stream: &mut Stream) -> Result<()> {
        match (&self.connection, std::mem::take(&mut self.layer_wanted)) {
            (Some(connection), true) => stream.push_layer(Box::new(SaslLayer(Rc::clone(connection)))),
            _ => Ok(()),
        }
    }

    /// Gives libsasl's memory back; the next use starts it again, so call it when a client is
    /// about to idle rather than after each login. A connection whose stream has a security layer
    /// keeps what it needs.
    pub fn release(&mut self) {
        self.connection = None;
        self.library = None;
    }

    /// Makes the libsasl connection, with plugins for `mechanism` (all when `None`).
    fn connect(&mut self, mechanism: Option<&str>, success_data: bool) -> std::result::Result<(), Code> {
        if let Some(loaded) = &self.library {
            // One with all plugins serves for everything.
            if loaded.mechanism.is_some() && loaded.mechanism.as_deref() != mechanism {
                self.connection = None;
                self.library = None;
            }
        }
        if self.library.is_none() {
            let hooks = ServerHooks {
                settings: Rc::clone(&self.settings),
                policy: Rc::clone(&self.policy),
                mechanism: mechanism.map(str::to_owned),
                is_imap: self.service == "imap",
                logged: Cell::new(false),
            };
            let library = ServerLibrary::new(Box::new(hooks), "Cyrus")?;
            self.library = Some(Loaded { library, mechanism: mechanism.map(str::to_owned) });
        }
        let Some(loaded) = &self.library else { return Err(Code::FAIL) };
        let form = |a: SocketAddr| format!("{};{}", a.ip(), a.port());
        let addresses = self.peer.addresses.map(|(l, r)| (form(l), form(r)));
        let addresses = addresses.as_ref().map(|(l, r)| (l.as_str(), r.as_str()));
        let library = &loaded.library;
        let mut connection = library.connection(self.service, &self.servername, addresses, success_data)?;
        connection.set_security(Security {
            min_ssf: self.settings.min_ssf,
            max_ssf: self.settings.max_ssf,
            noplaintext: !self.plaintext_allowed(),
            noanonymous: !self.settings.allowanonymous,
        })?;
        let identity = self.peer.external_id.as_deref().map(str::as_bytes);
        connection.set_external(self.peer.external_ssf, identity)?;
        self.connection = Some(Rc::new(RefCell::new(connection)));
        Ok(())
    }

    fn success(
        &mut self,
        connection: &sasl::Server,
        mechanism: String,
        success_data: Option<Vec<u8>>,
    ) -> std::result::Result<Success, Failure> {
        let Some(userid) = connection.username() else {
            return Err(self.refused(Code::FAIL));
        };
        let authid = connection.authuser().unwrap_or_else(|| userid.clone());
        let ssf = connection.ssf();
        self.layer_wanted = ssf > 0;
        Ok(Success { userid, authid, mechanism, ssf, success_data })
    }

    fn refused(&self, code: Code) -> Failure {
        let (detail, userid) = match &self.connection {
            Some(connection) => {
                let connection = connection.borrow();
                (connection.error_detail(), connection.username())
            }
            None => (String::new(), None),
        };
        Failure::Refused { code: code.0, text: code.text(), detail, userid }
    }
}

/// Stands for "no mechanism plugin": password checks need only the password plugins.
const NO_MECHANISM: &str = "";

impl Settings {
    fn from_config(config: &Config) -> Self {
        let mut options = BTreeMap::new();
        let own = format!("{}_", config.service());
        for (key, _) in config.overflows() {
            let key = key.strip_prefix(&own).unwrap_or(key);
            if let (true, Some(value)) = (key.starts_with("sasl_"), config.overflow(key)) {
                options.insert(key.to_owned(), value.as_bytes().to_vec());
            }
        }
        let number = |opt| u32::try_from(config.int(opt)).unwrap_or(0);
        let log_level = options.get("sasl_log_level");
        let log_level = log_level.and_then(|v| std::str::from_utf8(v).ok()?.trim().parse().ok());
        Self {
            srvtab: config.bytes(Opt::Srvtab).map(<[u8]>::to_vec),
            log_level: log_level.unwrap_or(1),
            options,
            min_ssf: number(Opt::SaslMinimumLayer),
            max_ssf: number(Opt::SaslMaximumLayer),
            allowplaintext: config.switch(Opt::Allowplaintext),
            allowanonymous: config.switch(Opt::Allowanonymouslogin),
        }
    }

    /// C: mysasl_config()
    fn option(&self, plugin: Option<&str>, option: &str) -> Option<Vec<u8>> {
        if option == "srvtab" {
            return self.srvtab.clone();
        }
        let specific = plugin.and_then(|p| self.options.get(&format!("sasl_{p}_{option}")));
        specific.or_else(|| self.options.get(&format!("sasl_{option}"))).cloned()
    }
}

struct ServerHooks {
    settings: Rc<Settings>,
    policy: Rc<dyn Policy>,
    mechanism: Option<String>,
    /// imapd writes all that libsasl says, in words of its own. C: imapd_sasl_log()
    is_imap: bool,
    logged: Cell<bool>,
}

impl Hooks for ServerHooks {
    fn option(&self, plugin: Option<&str>, option: &str) -> Option<Vec<u8>> {
        self.settings.option(plugin, option)
    }

    fn log(&self, level: i32, text: &[u8]) {
        let most = if self.is_imap { self.settings.log_level.max(4) } else { self.settings.log_level };
        if level > most || level <= 0 {
            return;
        }
        self.logged.set(true);
        if self.is_imap {
            let priority = match level {
                1 | 2 => Priority::Err,
                3 => Priority::Warning,
                4 => Priority::Info,
                _ => Priority::Debug,
            };
            log::write(priority, format_args!("SASL {}", log::printable(text, 1024)));
            return;
        }
        let priority = match level {
            1 => Priority::Err,
            2 => Priority::Notice,
            3 => Priority::Warning,
            4 => Priority::Info,
            _ => Priority::Debug,
        };
        log::write(priority, format_args!("{}", log::printable(text, 1024)));
    }

    fn canon_user(&self, user: &[u8]) -> std::result::Result<Vec<u8>, Verdict> {
        self.policy
            .canon_user(user)
            .ok_or_else(|| Verdict { code: Code::BADAUTH, text: "bad userid authenticated".to_owned() })
    }

    fn authorize(&self, requested: &[u8], identity: &[u8]) -> std::result::Result<(), Verdict> {
        self.policy.may_proxy(requested, identity).map_err(|refusal| {
            let (code, text) = match refusal {
                Refusal::BadAuth(text) => (Code::BADAUTH, text),
                Refusal::NoAuthz(text) => (Code::NOAUTHZ, text),
            };
            if self.is_imap {
                // C sets the text as libsasl's error, which is logged.
                log::write(Priority::Err, format_args!("SASL {text}"));
            }
            Verdict { code, text }
        })
    }

    fn loads_plugin(&self, file: &[u8]) -> bool {
        let Some(mechanism) = &self.mechanism else { return true };
        let name = file.rsplit(|b| *b == b'/').next().unwrap_or(file);
        let Some(owner) = MECHANISM_PLUGINS.iter().find(|(lib, _)| name.starts_with(lib)) else {
            // Password back ends, canonicalisers and plugins we do not know.
            return true;
        };
        owner.1.iter().any(|prefix| mechanism.starts_with(prefix))
    }
}

/// Plugin files of libsasl's own distribution that hold mechanisms only, with the beginnings of
/// the names of these.
const MECHANISM_PLUGINS: [(&[u8], &[&str]); 11] = [
    (b"libanonymous.", &["ANONYMOUS"]),
    (b"libcrammd5.", &["CRAM-MD5"]),
    (b"libdigestmd5.", &["DIGEST-MD5"]),
    (b"libgs2.", &["GS2-"]),
    (b"libgssapiv2.", &["GSS"]),
    (b"liblogin.", &["LOGIN"]),
    (b"libntlm.", &["NTLM"]),
    (b"libotp.", &["OTP"]),
    (b"libplain.", &["PLAIN"]),
    (b"libscram.", &["SCRAM-"]),
    (b"libsrp.", &["SRP"]),
];
