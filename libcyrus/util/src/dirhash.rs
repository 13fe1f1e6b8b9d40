//! The one-letter directories of spool, user and lock trees (reference/mailbox-files.md 1.3).

/// How the letter is found (option `fulldirhash`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirHash {
    /// The first byte lower-cased when it is a letter, else `q`.
    #[default]
    FirstLetter,
    /// A checksum over the name up to its first dot, `A` to `W`.
    Full,
}

impl DirHash {
    /// From the switch `fulldirhash`.
    #[must_use]
    pub fn from_switch(full: bool) -> Self {
        if full { Self::Full } else { Self::FirstLetter }
    }

    /// The letter of a name. C: dir_hash_c()
    #[must_use]
    pub fn letter(self, name: &[u8]) -> char {
        match self {
            Self::FirstLetter => match name.first() {
                Some(byte) if byte.is_ascii_alphabetic() => char::from(byte.to_ascii_lowercase()),
                _ => 'q',
            },
            Self::Full => {
                let mut sum = 0_u32;
                for &byte in name.iter().take_while(|byte| !matches!(byte, 0 | b'.')) {
                    sum = ((sum << 3) ^ (sum >> 5)) ^ u32::from(byte);
                }
                // 0..=22 fits a letter.
                char::from(b'A'.saturating_add(u8::try_from(sum % 23).unwrap_or(0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_follow_the_first_byte_or_the_checksum() {
        assert_eq!(DirHash::FirstLetter.letter(b"Ann"), 'a');
        assert_eq!(DirHash::FirstLetter.letter(b"1ann"), 'q');
        assert_eq!(DirHash::FirstLetter.letter(b""), 'q');
        assert_eq!(DirHash::Full.letter(b""), 'A');
        assert_eq!(DirHash::Full.letter(b"a"), char::from(b'A' + 97 % 23));
        assert_eq!(DirHash::Full.letter(b"a.b"), DirHash::Full.letter(b"a"));
    }
}
