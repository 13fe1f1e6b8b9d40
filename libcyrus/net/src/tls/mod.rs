//! TLS by rustls with the options of imapd.conf.
//!
//! `server.rs` our side as a server | `client.rs` our side as a client | `files.rs` certificates,
//! keys and CA lists from PEM files | `suites.rs` versions and ciphers with OpenSSL's names |
//! `names.rs` the CN of a certificate.
//!
//! TLS 1.2 and 1.3 only, whatever `tls_versions` asks beyond them (docs/deviations.md).
//!
//! DIAGNOSTICS: `starttls: VERSION with cipher NAME (BITS/BITS bits new) ...` after each handshake
//! as a server (C's words); options that cannot be honoured, once per process.

mod client;
mod files;
mod names;
mod server;
mod suites;

pub use client::{Client, ClientOptions};
pub use server::{Server, is_enabled};

/// What a handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// OpenSSL's name of the cipher suite.
    pub cipher: &'static str,
    /// Key bits, the SSF of the connection.
    pub bits: u32,
    /// The session was resumed.
    pub reused: bool,
    /// Subject CN of the peer's certificate. On a server it is the EXTERNAL identity, and the
    /// certificate was verified.
    pub peer_cn: Option<String>,
    /// Issuer CN of that certificate.
    pub peer_issuer_cn: Option<String>,
}

impl Info {
    /// What `connection` agreed on; its handshake must be complete.
    pub(crate) fn of(connection: &rustls::Connection) -> Self {
        let suite = connection.negotiated_cipher_suite();
        let (cipher, bits) = suite.map_or(("(NONE)", 0), |s| suites::name_and_bits(s.suite()));
        let peer = connection.peer_certificates().and_then(<[_]>::first);
        let peer_names = peer.and_then(|c| names::common_names(c));
        let (peer_issuer_cn, peer_cn) = peer_names.unwrap_or((None, None));
        Self {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher,
            bits,
            reused: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            peer_cn,
            peer_issuer_cn,
        }
    }

    /// C's line: `TLSv1.3 with cipher X (256/256 bits new) no authentication`.
    #[must_use]
    pub fn log_text(&self) -> String {
        let age = if self.reused { "reused" } else { "new" };
        let who = match &self.peer_cn {
            Some(cn) => format!("authenticated as {}", cyrus_base::log::printable(cn.as_bytes(), 256)),
            None => "no authentication".to_owned(),
        };
        let Self { version, cipher, bits, .. } = self;
        format!("{version} with cipher {cipher} ({bits}/{bits} bits {age}) {who}")
    }
}
