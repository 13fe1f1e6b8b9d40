//! TLS by rustls with the options of imapd.conf.

use crate::error::Result;
use cyrus_base::Config;

/// Server side settings: certificates, client verification, versions. Make it lazily, when the
/// first peer asks for TLS; keep it for the life of the process.
#[derive(Debug)]
pub struct Server {
    _todo: (),
}

/// Client side settings.
#[derive(Debug)]
pub struct Client {
    _todo: (),
}

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
    /// Subject CN of the verified client certificate: the EXTERNAL identity.
    pub peer_cn: Option<String>,
    /// `issuer` CN of the verified client certificate.
    pub peer_issuer_cn: Option<String>,
}

impl Info {
    /// C's line: `TLSv1.3 with cipher X (256/256 bits new) no authentication`.
    #[must_use]
    pub fn log_text(&self) -> String {
        todo!()
    }
}

/// True when TLS can be offered: `tls_server_cert` is set and not `disabled`. C: tls_enabled()
#[must_use]
pub fn is_enabled(config: &Config) -> bool {
    let _ = config;
    todo!()
}

impl Server {
    /// Reads certificates and keys named by the configuration. C: tls_init_serverengine()
    ///
    /// # Errors
    /// `Config` with a sentence for the log.
    pub fn from_config(config: &Config) -> Result<Self> {
        let _ = config;
        todo!()
    }
}

impl Client {
    /// Settings for connecting to other servers (`tls_client_cert`, `tls_client_key`, CA options). Without CA the
    /// peer's certificate is not verified, as in C.
    ///
    /// # Errors
    /// `Config` with a sentence for the log.
    pub fn from_config(config: &Config) -> Result<Self> {
        let _ = config;
        todo!()
    }
}
