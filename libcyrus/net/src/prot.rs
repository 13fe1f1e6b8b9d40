//! The buffered stream of every protocol, C's `protstream` pair in one value.
//!
//! Reading never gives more than was received and never allocates by an announced size. A read
//! that would wait flushes the output first. Writes gather in a buffer of 32 KB; a larger
//! payload goes to the socket together with the buffer in one writev, uncopied (without layers).

use crate::error::Result;
use crate::sasl::Layer;
use crate::telemetry::Telemetry;
use crate::tls;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// A connection with its buffers and layers.
#[derive(Debug)]
pub struct Stream {
    _todo: (),
}

/// What ended a [`Stream::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The peer sent something or closed: reading will not wait.
    Input,
    /// The other descriptor of this index is readable.
    Other(usize),
    /// A signal was noted; look at the flags.
    Signal,
    /// The time is over.
    Timeout,
}

impl Stream {
    /// A stream over one descriptor for both directions. TCP_NODELAY is set.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        let _ = fd;
        todo!()
    }

    /// A stream over standard input and output, where `service` puts the connection.
    ///
    /// # Errors
    /// What dup(2) says.
    pub fn stdio() -> Result<Self> {
        todo!()
    }

    /// Reading fails with `Timeout` when nothing comes for this long; `None` waits for ever.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        let _ = timeout;
        todo!()
    }

    /// Received octets not consumed yet. Never waits.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        todo!()
    }

    /// Drops `n` octets of [`Stream::buffered`] (at most all of them).
    pub fn consume(&mut self, n: usize) {
        let _ = n;
        todo!()
    }

    /// Gives the unconsumed octets, waiting for some when there are none; empty at end of file.
    ///
    /// # Errors
    /// `Timeout`, `Interrupted`, or what the layer says.
    pub fn fill(&mut self) -> Result<&[u8]> {
        todo!()
    }

    /// Waits for more octets than are buffered now and gives all of them: a parser that needs a
    /// longer look calls this until it is content. At end of file the slice does not grow.
    ///
    /// # Errors
    /// As [`Stream::fill`].
    pub fn fill_more(&mut self) -> Result<&[u8]> {
        todo!()
    }

    /// Reads a line up to and including LF onto the end of `line`; false at end of file before
    /// any octet.
    ///
    /// # Errors
    /// `TooLong` when `limit` octets hold no LF (they stay unread); otherwise as [`Stream::fill`].
    pub fn read_line(&mut self, limit: usize, line: &mut Vec<u8>) -> Result<bool> {
        let _ = (limit, line);
        todo!()
    }

    /// Reads octets through the next LF and drops them.
    ///
    /// # Errors
    /// As [`Stream::fill`].
    pub fn skip_line(&mut self) -> Result<()> {
        todo!()
    }

    /// Hands the next `size` octets (a literal) to `sink` in the pieces in which they arrive.
    ///
    /// # Errors
    /// `Closed` when the peer ends inside; what `sink` returns; otherwise as [`Stream::fill`].
    pub fn read_literal<E: From<crate::Error>>(
        &mut self,
        size: u64,
        sink: &mut dyn FnMut(&[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let _ = (size, sink);
        todo!()
    }

    /// Appends the next `size` octets to `out`, which grows with what arrives.
    ///
    /// # Errors
    /// As [`Stream::read_literal`].
    pub fn read_exact_onto(&mut self, size: u64, out: &mut Vec<u8>) -> Result<()> {
        let _ = (size, out);
        todo!()
    }

    /// Puts octets into the output buffer. Failures are kept and shown by [`Stream::flush`], so
    /// that writers of responses need not look at each.
    pub fn write(&mut self, bytes: &[u8]) {
        let _ = bytes;
        todo!()
    }

    /// Flushes; shows the first failure of any write since.
    ///
    /// # Errors
    /// `Closed` or what the layer says.
    pub fn flush(&mut self) -> Result<()> {
        todo!()
    }

    /// Octets waiting in the output buffer.
    #[must_use]
    pub fn pending(&self) -> usize {
        todo!()
    }

    /// Total octets (read, written) in the clear, for the session's log line.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        todo!()
    }

    /// Flushes, then waits for input, for one of `others` to become readable, for a noted signal
    /// or for `timeout`. Input already in a buffer or layer ends the wait at once.
    ///
    /// # Errors
    /// What the flush or poll(2) says.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<Wake> {
        let _ = (others, timeout);
        todo!()
    }

    /// True when the peer has closed or reset the connection (input not looked at).
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        todo!()
    }

    /// Server side of STARTTLS or of a TLS port: drops any octets already received (they came in
    /// the clear, RFC 2595 4 and the injection attacks), shakes hands within `timeout`, and encrypts from now on.
    ///
    /// # Errors
    /// `Tls` with the reason, `Timeout`, `Closed`.
    pub fn start_tls(&mut self, server: &tls::Server, timeout: Duration) -> Result<tls::Info> {
        let _ = (server, timeout);
        todo!()
    }

    /// Client side of the same; `name` is the server's host name.
    ///
    /// # Errors
    /// As [`Stream::start_tls`].
    pub fn start_tls_client(
        &mut self,
        client: &tls::Client,
        name: &str,
        timeout: Duration,
    ) -> Result<tls::Info> {
        let _ = (client, name, timeout);
        todo!()
    }

    /// What TLS is in force, if any.
    #[must_use]
    pub fn tls(&self) -> Option<&tls::Info> {
        todo!()
    }

    /// Puts the security layer negotiated by SASL under the stream, for octets from now on.
    pub fn set_sasl_layer(&mut self, layer: Layer) {
        let _ = layer;
        todo!()
    }

    /// Copies both directions to a telemetry file from now on (`None` stops it).
    pub fn set_telemetry(&mut self, telemetry: Option<Telemetry>) {
        let _ = telemetry;
        todo!()
    }

    /// The descriptor peers are read from.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        todo!()
    }
}

impl std::io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Stream::write(self, bytes);
        Ok(bytes.len())
    }

    /// Does nothing: `write!` into a stream gathers; only [`Stream::flush`] sends.
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
