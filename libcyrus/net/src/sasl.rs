//! SASL exchanges of servers (and clients) over a [`Stream`], by libsasl2.
//!
//! libsasl is initialised when the first mechanism list or exchange needs it and shut down by
//! [`Server::release`], so that a session that no longer needs it gives the memory back.

use crate::error::Result;
use crate::prot::Stream;
use cyrus_base::Config;
use std::rc::Rc;

/// Verdict of [`Policy::may_proxy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// SASL_BADAUTH with a sentence.
    BadAuth(String),
    /// SASL_NOAUTHZ with a sentence.
    NoAuthz(String),
}

/// Decisions that need to know users; made by `auth`, handed in by the daemon.
pub trait Policy {
    /// Canonical form of a user name; `None` refuses it (`bad userid authenticated`).
    /// See [`Canonical`] for the rules that need no look-up. C: mysasl_canon_user()
    fn canon_user(&self, user: &[u8]) -> Option<Vec<u8>>;
    /// May `auth_identity` log in as `requested` (equal when no proxying is asked)?
    /// C: mysasl_proxy_policy()
    ///
    /// # Errors
    /// The refusal for libsasl.
    fn may_proxy(&self, requested: &[u8], auth_identity: &[u8]) -> std::result::Result<(), Refusal>;
}

/// The rules of userid canonicalisation that the configuration decides (domain, `anyone`,
/// `anonymous`); `auth` adds its own `auth_canonifyid`. C: canonify_userid()
#[derive(Clone, Debug)]
pub struct Canonical {
    /// `virtdomains` is not off.
    pub virtdomains: bool,
    /// `defaultdomain`.
    pub defaultdomain: Option<String>,
    /// Domain of our own address, used with `virtdomains: on` for names without one.
    pub domain_from_ip: Option<String>,
}

impl Canonical {
    /// The rules of a configuration; `local` is our end of the connection, for `virtdomains: on`.
    #[must_use]
    pub fn from_config(config: &Config, local: Option<std::net::SocketAddr>) -> Self {
        let _ = (config, local);
        todo!()
    }

    /// Applies the rules; the result still needs `auth`'s canonical form.
    #[must_use]
    pub fn apply(&self, user: &[u8], loginid: Option<&[u8]>) -> Vec<u8> {
        let _ = (user, loginid);
        todo!()
    }
}

/// How a protocol dresses the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Goes before a base64 challenge: `+ ` (IMAP, POP3), `334 ` (LMTP).
    pub prefix: &'static str,
    /// Challenges and answers are quoted strings or literals (ManageSieve, mupdate).
    pub quoted: bool,
    /// The longest accepted line.
    pub max_line: usize,
    /// Success data goes into the final answer instead of a challenge of its own (`success-data`).
    pub success_data: bool,
}

impl Dialect {
    /// IMAP and POP3.
    pub const IMAP: Self = Self { prefix: "+ ", quoted: false, max_line: 16384, success_data: false };
    /// LMTP.
    pub const LMTP: Self = Self { prefix: "334 ", quoted: false, max_line: 16384, success_data: false };
    /// ManageSieve.
    pub const SIEVE: Self = Self { prefix: "", quoted: true, max_line: 16384, success_data: true };
}

/// A finished successful exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// The user that is logged in (canonical).
    pub userid: Vec<u8>,
    /// Who proved an identity; differs from `userid` after proxying.
    pub authid: Vec<u8>,
    /// Mechanism name.
    pub mechanism: String,
    /// Strength of the negotiated security layer, 0 for none.
    pub ssf: u32,
    /// Last data for the client when the dialect wants it in the final answer, raw.
    pub success_data: Option<Vec<u8>>,
}

/// Why an exchange failed.
#[derive(Debug)]
pub enum Failure {
    /// The client sent `*`.
    Cancelled,
    /// The client's line was not base64 (C: `SASL_BADPROT`).
    BadBase64,
    /// libsasl refused.
    Refused {
        /// libsasl's code: -13 SASL_BADAUTH, -20 SASL_NOUSER, ...
        code: i32,
        /// sasl_errstring of the code: what the client is told.
        text: String,
        /// sasl_errdetail: what the log is told.
        detail: String,
        /// User name as far as known.
        userid: Option<Vec<u8>>,
    },
    /// The connection failed.
    Stream(crate::Error),
}

/// The security layer of a finished exchange.
#[derive(Debug)]
pub struct Layer {
    _todo: (),
}

/// What the server tells libsasl about the connection.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Local and remote address.
    pub addresses: Option<(std::net::SocketAddr, std::net::SocketAddr)>,
    /// SSF of TLS, 0 for none; a unix socket counts as trusted with 2 where the daemon says so.
    pub external_ssf: u32,
    /// EXTERNAL identity (client certificate CN, or the unix socket's postman).
    pub external_id: Option<String>,
}

/// SASL of one server connection after the other.
pub struct Server {
    _todo: (),
}

impl Server {
    /// `service` is libsasl's name (`imap`, `pop`, `lmtp`, `sieve`). Nothing is initialised yet.
    #[must_use]
    pub fn new(config: &Config, service: &'static str, policy: Rc<dyn Policy>) -> Self {
        let _ = (config, service, policy);
        todo!()
    }

    /// Starts with a connection (forgetting the former one's state).
    pub fn set_peer(&mut self, peer: Peer) {
        let _ = peer;
        todo!()
    }

    /// Mechanisms offered now, in libsasl's order (`noplaintext` unless TLS or `allowplaintext`, layers within
    /// `sasl_minimum_layer` and `sasl_maximum_layer`).
    ///
    /// # Errors
    /// `Sasl` when libsasl cannot start.
    pub fn mechanisms(&mut self) -> Result<Vec<String>> {
        todo!()
    }

    /// True when a plain text password may be sent now (`allowplaintext`, or a layer of TLS).
    #[must_use]
    pub fn plaintext_allowed(&self) -> bool {
        todo!()
    }

    /// Runs an exchange. `initial` is the base64 initial response as sent (`=` for an empty one). On success any
    /// security layer is already under the stream, except where `success_data` must be written first: then call
    /// [`Server::install_layer`] after the final answer. C: saslserver()
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
        let _ = (stream, mechanism, initial, dialect);
        todo!()
    }

    /// Checks a plain text password (LOGIN command). The result's userid is canonical and proxy-checked.
    ///
    /// # Errors
    /// `Refused` with libsasl's code.
    pub fn check_password(&mut self, user: &[u8], password: &[u8]) -> std::result::Result<Success, Failure> {
        let _ = (user, password);
        todo!()
    }

    /// Puts the negotiated security layer under the stream; call it right after the tagged OK was written and flushed.
    pub fn install_layer(&mut self, stream: &mut Stream) {
        let _ = stream;
        todo!()
    }

    /// Gives libsasl's memory back; the next use starts it again. Does nothing while a security
    /// layer needs it.
    pub fn release(&mut self) {
        todo!()
    }
}
