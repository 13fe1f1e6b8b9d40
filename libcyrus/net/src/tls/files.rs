//! Certificates, keys, CA and revocation lists from PEM files.

use crate::error::{Error, Result};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::path::Path;

/// All certificates of a file, in its order.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| problem("get certificate", path, &e))?.collect();
    let all = all.map_err(|e| problem("get certificate", path, &e))?;
    if all.is_empty() {
        return Err(problem("get certificate", path, &"no start line"));
    }
    Ok(all)
}

/// The private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).map_err(|e| problem("get private key", path, &e))
}

/// Revocation lists of a file.
pub(super) fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    CertificateRevocationListDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| problem("load CRL", path, &e))
}

/// The CAs of a file and of a directory of PEM files (hashed names or not). Certificates that
/// do not parse are passed over; a file that cannot be read is an error.
pub(super) fn authorities(file: Option<&Path>, dir: Option<&Path>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    if let Some(file) = file {
        store.add_parsable_certificates(certificates(file)?);
    }
    if let Some(dir) = dir {
        let list = std::fs::read_dir(dir).map_err(|e| problem("read CA directory", dir, &e))?;
        for entry in list.flatten() {
            if is_hash_name(&entry.file_name().to_string_lossy()) {
                if let Ok(found) = certificates(&entry.path()) {
                    store.add_parsable_certificates(found);
                }
            }
        }
    }
    Ok(store)
}

/// OpenSSL reads only files named by the hash of a subject: `xxxxxxxx.n`.
fn is_hash_name(name: &str) -> bool {
    let Some((hash, number)) = name.split_once('.') else { return false };
    hash.len() == 8
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn problem(what: &str, path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Config(format!("unable to {what} from '{}': {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_count_in_a_directory() {
        assert!(is_hash_name("4f06f81d.0"));
        assert!(!is_hash_name("ca.pem"));
        assert!(!is_hash_name("4f06f81d.r0"));
    }

    #[test]
    fn a_missing_or_empty_file_is_told_with_its_name() {
        let error = certificates(Path::new("/nonexistent.pem")).unwrap_err().to_string();
        assert!(error.starts_with("unable to get certificate from '/nonexistent.pem': "));
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(certificates(empty.path()).is_err());
        assert!(key(empty.path()).is_err());
    }
}
