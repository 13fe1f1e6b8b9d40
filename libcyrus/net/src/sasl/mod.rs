//! SASL exchanges of servers and clients over a [`Stream`](crate::Stream), by libsasl2.
//!
//! `server.rs` our side as a server | `exchange.rs` challenges and responses on the wire |
//! `canonical.rs` the configuration's rules for user names | `client.rs` our side as a client |
//! `layer.rs` the security layer.
//!
//! libsasl is initialised when the first mechanism list or exchange needs it, with the plugins
//! that exchange needs, and shut down by [`Server::release`], so that a session that no longer
//! needs it gives the memory back.

mod canonical;
mod client;
mod exchange;
mod layer;
mod server;

pub use canonical::Canonical;
pub use client::{Client, Command};
pub use exchange::Dialect;
pub use server::{Peer, Server};

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
    fn may_proxy(&self, requested: &[u8], auth_identity: &[u8]) -> Result<(), Refusal>;
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
    /// The client's line was not base64, or too long (C: `SASL_BADPROT`).
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
