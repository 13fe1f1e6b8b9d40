//! Our side as a server. C: tls_init_serverengine(), tls_start_servertls()

use super::{files, suites};
use crate::error::{Error, Result};
use cyrus_base::log::{self, Priority};
use cyrus_base::{Config, Opt};
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;

/// Server side settings: certificates, client verification, versions. Make it lazily, when the
/// first peer asks for TLS; keep it for the life of the process.
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
}

/// True when TLS can be offered: `tls_server_cert` is set and not `disabled`. C: tls_enabled()
#[must_use]
pub fn is_enabled(config: &Config) -> bool {
    config
        .string(Opt::TlsServerCert)
        .is_some_and(|cert| !cert.is_empty() && !cert.eq_ignore_ascii_case("disabled"))
}

impl Server {
    /// Reads certificates and keys named by the configuration. Options that cannot be honoured
    /// are logged.
    ///
    /// # Errors
    /// `Config` with a sentence, which is logged too.
    pub fn from_config(config: &Config) -> Result<Self> {
        let mut notices = Vec::new();
        let made = build(config, &mut notices);
        for notice in &notices {
            log::write(Priority::Warning, format_args!("{notice}"));
        }
        match made {
            Ok(config) => Ok(Self { config: Arc::new(config) }),
            Err(e) => {
                log::write(Priority::Err, format_args!("{e}"));
                Err(e)
            }
        }
    }

    /// A fresh server connection.
    pub(crate) fn connection(&self) -> Result<rustls::ServerConnection> {
        rustls::ServerConnection::new(Arc::clone(&self.config)).map_err(|e| Error::Tls(e.to_string()))
    }
}

fn build(config: &Config, notices: &mut Vec<String>) -> Result<ServerConfig> {
    if !is_enabled(config) {
        return Err(Error::Config("TLS server engine: no tls_server_cert configured".to_owned()));
    }
    let versions = suites::versions(config.string(Opt::TlsVersions).unwrap_or(""), notices);
    if versions.is_empty() {
        return Err(Error::Config("TLS server engine: no usable tls_versions".to_owned()));
    }
    let ciphers = config.string(Opt::TlsCiphers);
    let provider = suites::provider(ciphers, config.string(Opt::TlsEccurve), notices);
    if config.is_set(Opt::TlsServerDhparam) {
        notices.push("TLS server engine: tls_server_dhparam ignored, no DHE ciphers".to_owned());
    }
    let provider = Arc::new(provider);
    let keys = Keys(certified_keys(config, &provider)?);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|e| Error::Config(format!("TLS server engine: {e}")))?;
    let builder = match client_verifier(config, &provider, notices)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut server = builder.with_cert_resolver(Arc::new(keys));
    server.ignore_client_order = config.switch(Opt::TlsPreferServerCiphers);
    server.session_storage = Arc::new(NoServerSessionStorage {});
    if config.duration_s(Opt::TlsSessionTimeout) > 0 {
        // Tickets cost the process no memory per session; their keys live as long as we do.
        server.ticketer = rustls::crypto::ring::Ticketer::new()
            .map_err(|e| Error::Config(format!("TLS server engine: {e}")))?;
        server.send_tls13_tickets = 1;
    } else {
        server.send_tls13_tickets = 0;
    }
    Ok(server)
}

/// `tls_server_cert` and `tls_server_key` name one file each or two with a comma between (an RSA
/// and an EC certificate); a key not named is in the certificate's file.
fn certified_keys(
    config: &Config,
    provider: &rustls::crypto::CryptoProvider,
) -> Result<Vec<Arc<CertifiedKey>>> {
    let certs = config.string(Opt::TlsServerCert).unwrap_or("");
    let keys = config.string(Opt::TlsServerKey).unwrap_or(certs);
    let mut keys = keys.split(',');
    let mut found = Vec::new();
    for cert_file in certs.splitn(2, ',') {
        let key_file = keys.next().unwrap_or(cert_file);
        let mut chain = files::certificates(Path::new(cert_file))?;
        if let (1, Some(ca)) = (chain.len(), config.path(Opt::TlsServerCaFile)) {
            chain.extend(files::certificates(ca)?);
        }
        let der = files::key(Path::new(key_file))?;
        let mismatch = |e: rustls::Error| {
            Error::Config(format!("Private key '{key_file}' does not match public key '{cert_file}': {e}"))
        };
        let signer = provider.key_provider.load_private_key(der).map_err(mismatch)?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(e) => return Err(mismatch(e)),
        }
        found.push(Arc::new(key));
    }
    // An EC certificate is cheaper for both sides; clients that cannot use it get the other.
    found.sort_by_key(|k| k.key.algorithm() != rustls::SignatureAlgorithm::ECDSA);
    Ok(found)
}

/// The verifier of client certificates; `None` when none are asked for.
fn client_verifier(
    config: &Config,
    provider: &Arc<rustls::crypto::CryptoProvider>,
    notices: &mut Vec<String>,
) -> Result<Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>> {
    let wanted = config.choice(Opt::TlsClientCerts);
    if wanted == "off" {
        return Ok(None);
    }
    let is_required = wanted == "require";
    let file = config.path(Opt::TlsClientCaFile);
    let dir = config.path(Opt::TlsClientCaDir);
    if file.is_none() && dir.is_none() {
        if is_required {
            let text = "TLS server engine: No client cert CA specified.";
            return Err(Error::Config(text.to_owned()));
        }
        return Ok(None);
    }
    let store = match files::authorities(file, dir) {
        Ok(store) if !store.is_empty() => store,
        _ if is_required => {
            let text = "TLS server engine: Failed loading client CA data";
            return Err(Error::Config(text.to_owned()));
        }
        _ => {
            notices.push("TLS server engine: Failed loading client CA data, cert auth disabled.".to_owned());
            return Ok(None);
        }
    };
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    if !is_required {
        builder = builder.allow_unauthenticated();
    }
    if let Some(crl) = config.path(Opt::TlsCrlFile) {
        match files::revocations(crl) {
            Ok(lists) => builder = builder.with_crls(lists).allow_unknown_revocation_status(),
            Err(e) => return Err(e),
        }
    }
    let verifier = builder.build().map_err(|e| Error::Config(format!("TLS server engine: {e}")))?;
    Ok(Some(verifier))
}

/// The certificates, best first; the first that the client can check is used.
#[derive(Debug)]
struct Keys(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Keys {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            let name = log::printable(name.as_bytes(), 255);
            let text = "TLS Server Name Indication (SNI) Extension";
            log::write(Priority::Debug, format_args!("{text}: \"{name}\""));
        }
        let usable = |k: &&Arc<CertifiedKey>| k.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(usable).or(self.0.first()).cloned()
    }
}
