//! The proof in a URL that the owner of its mailbox wants it to be fetched (RFC 4467 5).
//!
//! C's mechanism INTERNAL: an octet 0, then HMAC-SHA1 of the URL up to its access identifier, all in hexadecimal.

use cyrus_util::hex;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// HMAC-SHA1, the only algorithm.
const ALGORITHM: &str = "00";

fn mac(secret: &[u8], rump: &[u8]) -> Option<Hmac<Sha1>> {
    // A key of any length will do.
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(rump);
    Some(mac)
}

/// The token for a URL without one.
#[must_use]
pub fn token(secret: &[u8], rump: &[u8]) -> String {
    let proof = mac(secret, rump).map(|mac| mac.finalize().into_bytes());
    [ALGORITHM, &hex::encode(proof.as_deref().unwrap_or_default())].concat()
}

/// Whether `token` proves that whoever has the secret vouches for `rump`; takes the same time for every token.
#[must_use]
pub fn is_valid(secret: &[u8], rump: &[u8], token: &[u8]) -> bool {
    let digits = token.strip_prefix(ALGORITHM.as_bytes()).unwrap_or_default();
    let (Some(octets), Some(mac)) = (hex::decode(digits), mac(secret, rump)) else { return false };
    !octets.is_empty() && mac.verify_slice(&octets).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_for_its_url_and_secret_only() {
        // RFC 2202 test case 2.
        let token = token(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(token, "00effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let check = |secret: &[u8], rump: &[u8], token: &[u8]| is_valid(secret, rump, token);
        assert!(check(b"Jefe", b"what do ya want for nothing?", token.as_bytes()));
        assert!(!check(b"jefe", b"what do ya want for nothing?", token.as_bytes()));
        assert!(!check(b"Jefe", b"what do ya want for nothing!", token.as_bytes()));
        for bad in [&b""[..], b"00", b"01effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", b"00ef", b"00zz", b"00e"]
        {
            assert!(!check(b"Jefe", b"what do ya want for nothing?", bad));
        }
    }
}
