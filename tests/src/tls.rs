//! What a server of the tests needs for TLS.

use crate::place;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// The file of a certificate for `mail.example` and its key, made once.
///
/// # Panics
/// Without `openssl`.
#[must_use]
pub fn certificate() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("cyrus-it-tls-").tempdir().expect("tempdir").keep();
        let file = dir.join("both.pem");
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=mail.example",
            ])
            .arg("-keyout")
            .arg(dir.join("key.pem"))
            .arg("-out")
            .arg(dir.join("cert.pem"))
            .output()
            .expect("openssl");
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
        let both = [std::fs::read(dir.join("key.pem")), std::fs::read(dir.join("cert.pem"))];
        let both: Vec<u8> = both.into_iter().flat_map(|part| part.expect("pem")).collect();
        std::fs::write(&file, both).expect("write");
        place::own(&dir);
        file
    })
}

/// Settings of a TLS server with [`certificate`].
///
/// # Panics
/// When the certificate is not one.
#[must_use]
pub fn server() -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_file(certificate()).expect("key");
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate()).expect("certificate").collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.expect("certificate"), key);
    Arc::new(config.expect("a certificate with its key"))
}
