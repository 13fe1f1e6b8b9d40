//! Octets that nobody can guess.

use std::fs::File;
use std::io::{self, Read};

/// Fills `octets` from /dev/urandom.
///
/// # Errors
/// What opening and reading it say.
pub fn fill(octets: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(octets)
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_fillings_differ() {
        let (mut one, mut other) = ([0; 16], [0; 16]);
        super::fill(&mut one).expect("/dev/urandom");
        super::fill(&mut other).expect("/dev/urandom");
        assert_ne!(one, other);
    }
}
