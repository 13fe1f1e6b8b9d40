//! Message identity: the SHA-1 of the whole message file (reference/mailbox-files.md 4).

use crate::hex;
use sha1::{Digest, Sha1};
use std::fmt;

/// SHA-1 of a message; all zeros means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 20]);

impl Guid {
    /// The guid of a message given whole.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        Self(Sha1::digest(message).into())
    }

    /// Parses 40 hexadecimal digits, either case.
    #[must_use]
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        if text.len() != 40 {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = hex::octet(pair[0], pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Whether this is the "none" value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0 == [0; 20]
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Computes a [`Guid`] over a message that arrives in pieces.
#[derive(Clone, Default)]
pub struct GuidHasher(Sha1);

impl GuidHasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The guid of all bytes seen.
    #[must_use]
    pub fn finish(self) -> Guid {
        Guid(self.0.finalize().into())
    }
}
