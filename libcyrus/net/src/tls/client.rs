//! Our side as a client. C: tls_init_clientengine(), tls_start_clienttls()

use super::{files, suites};
use crate::error::{Error, Result};
use cyrus_base::{Config, Opt};
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::path::PathBuf;
use std::sync::Arc;

/// Client side settings.
#[derive(Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
}

/// What a client may bring and believe.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// Own certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// CA file: with it (or `ca_dir`) the server's certificate and name are verified.
    pub ca_file: Option<PathBuf>,
    /// CA directory.
    pub ca_dir: Option<PathBuf>,
}

impl Client {
    /// Settings for connecting to another server with this certificate and key of ours. As in C, its certificate is
    /// not verified unless `tls_server_ca_file` or `_dir` is set.
    ///
    /// # Errors
    /// `Config` with a sentence for the log.
    pub fn from_config(config: &Config, identity: Option<(PathBuf, PathBuf)>) -> Result<Self> {
        Self::new(&ClientOptions {
            identity,
            ca_file: config.path(Opt::TlsServerCaFile).map(Into::into),
            ca_dir: config.path(Opt::TlsServerCaDir).map(Into::into),
        })
    }

    /// Settings given one by one (test clients' options).
    ///
    /// # Errors
    /// As [`Client::from_config`].
    pub fn new(options: &ClientOptions) -> Result<Self> {
        let provider = Arc::new(suites::provider(None, None, &mut Vec::new()));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Config(e.to_string()))?;
        let (file, dir) = (options.ca_file.as_deref(), options.ca_dir.as_deref());
        let builder = if file.is_some() || dir.is_some() {
            builder.with_root_certificates(files::authorities(file, dir)?)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
        };
        let config = match &options.identity {
            Some((cert, key)) => builder
                .with_client_auth_cert(files::certificates(cert)?, files::key(key)?)
                .map_err(|e| Error::Config(e.to_string()))?,
            None => builder.with_no_client_auth(),
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// A fresh client connection to the host `name`.
    pub(crate) fn connection(&self, name: &str) -> Result<rustls::ClientConnection> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Error::Tls(format!("{name} is no host name")))?;
        rustls::ClientConnection::new(Arc::clone(&self.config), name).map_err(|e| Error::Tls(e.to_string()))
    }
}

/// Believes every certificate, but checks that the peer has its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
