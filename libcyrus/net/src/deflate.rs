//! COMPRESS=DEFLATE (RFC 4978): a raw deflate stream in each direction (RFC 1951).
//!
//! What is written is complete for the peer at every flush (a sync flush of deflate). The states
//! take some 300 kB, so only connections that ask for it have them.

use crate::error::{Error, Result};
use crate::prot::Layer;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Output grows in steps of this size.
const STEP: usize = 8 * 1024;

/// The layer.
pub struct Deflate {
    outgoing: Compress,
    incoming: Decompress,
}

impl Default for Deflate {
    fn default() -> Self {
        Self { outgoing: Compress::new(Compression::default(), false), incoming: Decompress::new(false) }
    }
}

impl std::fmt::Debug for Deflate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}

/// What the input's counter says was taken since `before`.
fn taken(total: u64, before: u64) -> usize {
    usize::try_from(total.saturating_sub(before)).unwrap_or(usize::MAX)
}

impl Layer for Deflate {
    fn decode(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut rest = received;
        loop {
            out.reserve(STEP);
            let (before, length) = (self.incoming.total_in(), out.len());
            let status = self.incoming.decompress_vec(rest, out, FlushDecompress::Sync);
            let status = status.map_err(|_| Error::Closed)?;
            rest = rest.get(taken(self.incoming.total_in(), before)..).unwrap_or_default();
            if status == Status::StreamEnd || (rest.is_empty() && out.len() < out.capacity()) {
                return Ok(());
            }
            if out.len() == length && status == Status::BufError {
                return if rest.is_empty() { Ok(()) } else { Err(Error::Closed) };
            }
        }
    }

    fn encode(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut rest = clear;
        loop {
            out.reserve(STEP);
            let before = self.outgoing.total_in();
            let status = self.outgoing.compress_vec(rest, out, FlushCompress::Sync);
            status.map_err(|_| Error::Closed)?;
            rest = rest.get(taken(self.outgoing.total_in(), before)..).unwrap_or_default();
            // Room that is left over means that all of it came out.
            if rest.is_empty() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_out_at_every_flush() {
        let (mut one, mut other) = (Deflate::default(), Deflate::default());
        let mut random = fastrand::Rng::with_seed(3);
        for size in [1_usize, 0, 100, 8192, 70_000, 1_000_000] {
            let clear: Vec<u8> = (0..size).map(|at| if at % 3 == 0 { random.u8(..) } else { b'a' }).collect();
            let (mut wire, mut back) = (Vec::new(), Vec::new());
            one.encode(&clear, &mut wire).expect("encoded");
            for piece in wire.chunks(random.usize(1..5000)) {
                other.decode(piece, &mut back).expect("decoded");
            }
            assert!(back == clear, "{size}");
        }
    }

    #[test]
    fn any_octets_are_decoded_without_panic() {
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..500 {
            let bytes: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
            let _ = Deflate::default().decode(&bytes, &mut Vec::new());
        }
    }
}
