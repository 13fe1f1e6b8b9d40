//! Versions, cipher suites and key exchange groups, with OpenSSL's names for them.

use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, SupportedProtocolVersion, version};

/// Name and key bits in OpenSSL's terms.
pub(super) fn name_and_bits(suite: CipherSuite) -> (&'static str, u32) {
    SUITES.iter().find(|(s, _, _)| *s == suite).map_or(("unknown", 0), |(_, name, bits)| (*name, *bits))
}

const SUITES: [(CipherSuite, &str, u32); 9] = [
    (CipherSuite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256),
    (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", 256),
    (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", 128),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", 256),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", 256),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", 256),
    (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", 256),
    (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", 128),
    (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", 128),
];

/// The versions asked for that we have; sentences about the others go to `notices`. C looks for
/// the words anywhere in the text, so do we.
pub(super) fn versions(text: &str, notices: &mut Vec<String>) -> Vec<&'static SupportedProtocolVersion> {
    let mut found = Vec::new();
    if text.contains("tls1_3") {
        found.push(&version::TLS13);
    }
    if text.contains("tls1_2") {
        found.push(&version::TLS12);
    }
    if found.is_empty() {
        notices.push(format!("TLS server engine: no supported version in '{text}'"));
    }
    found
}

/// The cryptography for `ciphers` (OpenSSL's list) and `curve`; what cannot be honoured goes to
/// `notices`.
pub(super) fn provider(
    ciphers: Option<&str>,
    curve: Option<&str>,
    notices: &mut Vec<String>,
) -> CryptoProvider {
    let mut provider = ring::default_provider();
    match ciphers {
        None | Some("DEFAULT" | "ALL" | "HIGH") => {}
        Some(list) => match explicit(list) {
            Some(wanted) => {
                let tls13 = |s: &rustls::SupportedCipherSuite| s.tls13().is_some();
                let all = std::mem::take(&mut provider.cipher_suites);
                provider.cipher_suites = all.iter().copied().filter(|s| tls13(s)).collect();
                for suite in wanted {
                    provider
                        .cipher_suites
                        .extend(all.iter().copied().filter(|s| s.suite() == suite && !tls13(s)));
                }
            }
            None => notices.push(format!(
                "TLS server engine: cipher list '{list}' is not a list of suites we know; ignored"
            )),
        },
    }
    if let Some(curve) = curve {
        let group = match curve {
            "prime256v1" | "secp256r1" | "P-256" => Some(rustls::NamedGroup::secp256r1),
            "secp384r1" | "P-384" => Some(rustls::NamedGroup::secp384r1),
            "X25519" | "x25519" => Some(rustls::NamedGroup::X25519),
            _ => None,
        };
        match group {
            Some(group) => provider.kx_groups.sort_by_key(|g| g.name() != group),
            None => notices.push(format!("TLS server engine: unknown curve '{curve}' ignored")),
        }
    }
    provider
}

/// The suites of a list that names suites only; `None` for keywords and unknown names.
fn explicit(list: &str) -> Option<Vec<CipherSuite>> {
    list.split([':', ',', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| SUITES.iter().find(|(_, name, _)| *name == word).map(|(suite, _, _)| *suite))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_the_provider_has_a_name() {
        for suite in ring::default_provider().cipher_suites {
            assert_ne!(name_and_bits(suite.suite()).1, 0, "{suite:?}");
        }
    }

    #[test]
    fn a_list_of_known_suites_is_obeyed_and_another_noticed() {
        let mut notices = Vec::new();
        let list = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
        let p = provider(Some(list), Some("prime256v1"), &mut notices);
        assert!(notices.is_empty());
        let names: Vec<_> = p.cipher_suites.iter().map(|s| name_and_bits(s.suite()).0).collect();
        assert_eq!(names[3..], list.split(':').collect::<Vec<_>>());
        assert_eq!(p.kx_groups[0].name(), rustls::NamedGroup::secp256r1);
        provider(Some("HIGH:!aNULL"), Some("sect571r1"), &mut notices);
        assert_eq!(notices.len(), 2);
    }

    #[test]
    fn old_versions_are_not_offered() {
        let mut notices = Vec::new();
        assert_eq!(versions("tls1_0 tls1_1 tls1_2 tls1_3", &mut notices).len(), 2);
        assert!(notices.is_empty());
        assert!(versions("tls1_0", &mut notices).is_empty());
        assert_eq!(notices.len(), 1);
    }
}
