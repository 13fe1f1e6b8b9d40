//! The buffered stream of every protocol, C's `protstream` pair in one value.
//!
//! Reading never gives more than was received and never allocates by an announced size. A read
//! that would wait flushes the output first. Writes gather in a buffer of 32 KB; a larger
//! payload goes to the socket together with the buffer in one writev, uncopied (without layers).
//! TCP_NODELAY is always on: a flush is a decision, not a hint.

use crate::error::{Error, Result};
use crate::telemetry::{Direction, Telemetry};
use crate::tls;
use cyrus_base::log::{self, Priority};
use cyrus_sys::fd::{self, Poll};
use cyrus_sys::signal::{self, Signal};
use cyrus_sys::socket;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A transformation of both directions under the stream: a SASL security layer, compression.
pub trait Layer {
    /// Turns received octets into clear ones, appended to `out`; incomplete input is kept inside.
    ///
    /// # Errors
    /// Octets that cannot be; the connection is then broken.
    fn decode(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<()>;
    /// Turns clear octets into those to send, complete at return.
    ///
    /// # Errors
    /// As for decode.
    fn encode(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Result<()>;
}

/// A connection with its buffers and layers.
pub struct Stream {
    input: File,
    /// Where output goes when that is not `input`.
    output: Option<File>,
    received: Vec<u8>,
    /// Octets of `received` already consumed.
    taken: usize,
    at_end: bool,
    outgoing: Vec<u8>,
    failure: Option<Error>,
    timeout: Option<Duration>,
    /// The last read filled its buffer: more is probably there, do not poll first.
    expects_more: bool,
    tls: Option<Box<Tls>>,
    /// Layers above TLS; the last one is nearest to the protocol.
    layers: Vec<Box<dyn Layer>>,
    telemetry: Option<Telemetry>,
    read_octets: u64,
    written_octets: u64,
}

struct Tls {
    connection: rustls::Connection,
    info: tls::Info,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("input", &self.input)
            .field("buffered", &self.buffered().len())
            .field("pending", &self.outgoing.len())
            .finish_non_exhaustive()
    }
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
        socket::set_nodelay(fd.as_fd());
        Self {
            input: fd.into(),
            output: None,
            received: Vec::new(),
            taken: 0,
            at_end: false,
            outgoing: Vec::new(),
            failure: None,
            timeout: None,
            expects_more: false,
            tls: None,
            layers: Vec::new(),
            telemetry: None,
            read_octets: 0,
            written_octets: 0,
        }
    }

    /// A stream over standard input and output, where `service` puts the connection.
    ///
    /// # Errors
    /// What dup(2) says.
    pub fn stdio() -> Result<Self> {
        let mut stream = Self::new(fd::duplicate(io::stdin().as_fd())?);
        let output = fd::duplicate(io::stdout().as_fd())?;
        socket::set_nodelay(output.as_fd());
        stream.output = Some(output.into());
        Ok(stream)
    }

    /// Reading fails with `Timeout` when nothing comes for this long; `None` waits for ever.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Received octets not consumed yet. Never waits.
    #[must_use]
    pub fn buffered(&self) -> &[u8] {
        self.received.get(self.taken..).unwrap_or(&[])
    }

    /// Drops `n` octets of [`Stream::buffered`] (at most all of them).
    pub fn consume(&mut self, n: usize) {
        self.taken = self.taken.saturating_add(n).min(self.received.len());
        if self.taken == self.received.len() {
            self.received.clear();
            self.taken = 0;
        }
    }

    /// Gives the unconsumed octets, waiting for some when there are none; empty at end of file.
    ///
    /// # Errors
    /// `Timeout`; `Interrupted` when SIGTERM, SIGINT or SIGQUIT asks the process to end; or what
    /// a layer says.
    pub fn fill(&mut self) -> Result<&[u8]> {
        if self.buffered().is_empty() {
            self.fill_more()?;
        }
        Ok(self.buffered())
    }

    /// Waits for more octets than are buffered now and gives all of them: a parser that needs a
    /// longer look calls this until it is content. At end of file the slice does not grow.
    ///
    /// # Errors
    /// As [`Stream::fill`].
    pub fn fill_more(&mut self) -> Result<&[u8]> {
        let before = self.buffered().len();
        while !self.at_end && self.buffered().len() == before {
            self.receive()?;
        }
        Ok(self.buffered())
    }

    /// Reads a line up to and including LF onto the end of `line`; false at end of file before
    /// any octet. A last line without LF counts as a line.
    ///
    /// # Errors
    /// `TooLong` when `limit` octets hold no LF (they stay unread); otherwise as [`Stream::fill`].
    pub fn read_line(&mut self, limit: usize, line: &mut Vec<u8>) -> Result<bool> {
        let mut searched = 0;
        loop {
            let have = self.buffered();
            let unseen = have.get(searched..).unwrap_or(&[]);
            if let Some(at) = memchr::memchr(b'\n', unseen) {
                let len = searched + at + 1;
                if len > limit {
                    return Err(Error::TooLong);
                }
                line.extend_from_slice(have.get(..len).unwrap_or(have));
                self.consume(len);
                return Ok(true);
            }
            searched = have.len();
            if searched >= limit {
                return Err(Error::TooLong);
            }
            if self.fill_more()?.len() == searched {
                let rest = self.buffered();
                let is_some = !rest.is_empty();
                line.extend_from_slice(rest);
                self.consume(searched);
                return Ok(is_some);
            }
        }
    }

    /// Reads octets through the next LF and drops them.
    ///
    /// # Errors
    /// As [`Stream::fill`].
    pub fn skip_line(&mut self) -> Result<()> {
        loop {
            let have = self.fill()?;
            let len = have.len();
            if len == 0 {
                return Ok(());
            }
            if let Some(at) = memchr::memchr(b'\n', have) {
                self.consume(at + 1);
                return Ok(());
            }
            self.consume(len);
        }
    }

    /// Hands the next `size` octets (a literal) to `sink` in the pieces in which they arrive.
    ///
    /// # Errors
    /// `Closed` when the peer ends inside; what `sink` returns (the rest stays unread); otherwise
    /// as [`Stream::fill`].
    pub fn read_literal<E: From<Error>>(
        &mut self,
        size: u64,
        sink: &mut dyn FnMut(&[u8]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut left = size;
        while left > 0 {
            // Inside a literal the rest is usually on its way already.
            self.expects_more |= self.buffered().is_empty();
            let have = self.fill()?;
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(have.len());
            let Some(piece) = have.get(..take).filter(|p| !p.is_empty()) else {
                return Err(Error::Closed.into());
            };
            let done = sink(piece);
            self.consume(take);
            left -= take as u64;
            done?;
        }
        Ok(())
    }

    /// Appends the next `size` octets to `out`, which grows with what arrives.
    ///
    /// # Errors
    /// As [`Stream::read_literal`].
    pub fn read_exact_onto(&mut self, size: u64, out: &mut Vec<u8>) -> Result<()> {
        self.read_literal(size, &mut |piece| {
            out.extend_from_slice(piece);
            Ok(())
        })
    }

    /// Puts octets into the output buffer. Failures are kept and shown by [`Stream::flush`], so
    /// that writers of responses need not look at each; after one, output is dropped.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        self.written_octets = self.written_octets.saturating_add(bytes.len() as u64);
        if self.outgoing.len() + bytes.len() <= BUFFER {
            if self.outgoing.capacity() == 0 {
                self.outgoing.reserve_exact(if bytes.len() > 1024 { BUFFER } else { 4096 });
            }
            self.outgoing.extend_from_slice(bytes);
            return;
        }
        let buffered = std::mem::take(&mut self.outgoing);
        if let Err(e) = self.send(&buffered, bytes) {
            self.failure = Some(e);
        }
        self.outgoing = buffered;
        self.outgoing.clear();
    }

    /// Sends what is buffered; shows the first failure of any write since.
    ///
    /// # Errors
    /// `Closed` or what the layer says; again at every later call.
    pub fn flush(&mut self) -> Result<()> {
        if self.failure.is_none() && !self.outgoing.is_empty() {
            let buffered = std::mem::take(&mut self.outgoing);
            let sent = self.send(&buffered, &[]);
            self.outgoing = buffered;
            self.outgoing.clear();
            self.failure = sent.err();
        }
        match &self.failure {
            None => Ok(()),
            Some(Error::Io(e)) => Err(Error::Io(io::Error::new(e.kind(), e.to_string()))),
            Some(Error::Timeout) => Err(Error::Timeout),
            Some(Error::Interrupted) => Err(Error::Interrupted),
            Some(Error::Tls(text)) => Err(Error::Tls(text.clone())),
            Some(Error::Sasl(code, text)) => Err(Error::Sasl(*code, text.clone())),
            Some(Error::Closed | Error::TooLong | Error::Config(_)) => Err(Error::Closed),
        }
    }

    /// Octets waiting in the output buffer.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.outgoing.len()
    }

    /// Total octets (read, written) in the clear, for the session's log line.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.read_octets - self.buffered().len() as u64, self.written_octets)
    }

    /// Flushes, then waits for input, for one of `others` to become readable, for a noted signal
    /// or for `timeout`. Input already in a buffer ends the wait at once. Empty buffers are given
    /// back, because this wait may be long.
    ///
    /// # Errors
    /// What the flush or poll(2) says.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>], timeout: Option<Duration>) -> Result<Wake> {
        self.flush()?;
        self.outgoing = Vec::new();
        if !self.buffered().is_empty() || self.at_end {
            return Ok(Wake::Input);
        }
        self.received = Vec::new();
        let mut fds = Vec::with_capacity(others.len() + 2);
        fds.push(Poll::readable(signal::wake_fd()?));
        fds.push(Poll::readable(self.input.as_fd()));
        fds.extend(others.iter().map(|fd| Poll::readable(*fd)));
        if fd::poll_all(&mut fds, timeout)? == 0 {
            return Ok(Wake::Timeout);
        }
        let ready = fds.iter().position(Poll::is_ready);
        Ok(match ready {
            Some(0) => {
                signal::drain_wake();
                Wake::Signal
            }
            Some(1) => Wake::Input,
            Some(n) => Wake::Other(n - 2),
            None => Wake::Timeout,
        })
    }

    /// True when the peer has closed the connection and all it sent was consumed.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.buffered().is_empty() && (self.at_end || socket::is_at_end(self.input.as_fd()))
    }

    /// Server side of STARTTLS or of a TLS port: drops any octets already received (they came in
    /// the clear; acting on them later would let an attacker inject commands, RFC 3501 6.2.1),
    /// shakes hands within `timeout`, and encrypts from now on.
    ///
    /// # Errors
    /// `Tls` with the reason, `Timeout`, `Closed`.
    pub fn start_tls(&mut self, server: &tls::Server, timeout: Duration) -> Result<tls::Info> {
        let connection = server.connection()?;
        let info = self.shake_hands(connection.into(), timeout)?;
        log::write(Priority::Notice, format_args!("starttls: {}", info.log_text()));
        Ok(info)
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
        let connection = client.connection(name)?;
        self.shake_hands(connection.into(), timeout)
    }

    /// What TLS is in force, if any.
    #[must_use]
    pub fn tls(&self) -> Option<&tls::Info> {
        self.tls.as_ref().map(|t| &t.info)
    }

    /// Puts a layer (SASL security, compression) under the stream: what is written from now on
    /// goes through it (what was written before is flushed first), and so does what is received,
    /// octets that came already included.
    ///
    /// # Errors
    /// What the flush or the decoding of early octets says.
    pub fn push_layer(&mut self, mut layer: Box<dyn Layer>) -> Result<()> {
        self.flush()?;
        let early = self.buffered().to_vec();
        self.received.clear();
        self.taken = 0;
        let decoded = layer.decode(&early, &mut self.received);
        self.layers.push(layer);
        decoded
    }

    /// Whether there are layers above TLS.
    #[must_use]
    pub fn has_layers(&self) -> bool {
        !self.layers.is_empty()
    }

    /// Takes the layer away that was put last (UNAUTHENTICATE); what was written before is flushed
    /// through it. Octets that came through it already stay.
    ///
    /// # Errors
    /// What the flush says.
    pub fn pop_layer(&mut self) -> Result<()> {
        let flushed = self.flush();
        self.layers.pop();
        flushed
    }

    /// Copies both directions to a telemetry file from now on (`None` stops it).
    pub fn set_telemetry(&mut self, telemetry: Option<Telemetry>) {
        self.telemetry = telemetry;
    }

    /// The descriptor peers are read from.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// Says goodbye under TLS (close_notify) and flushes, before the connection is dropped.
    pub fn close(mut self) {
        let _ = self.flush();
        if let Some(mut tls) = self.tls.take() {
            tls.connection.send_close_notify();
            let _ = tls.connection.write_tls(self.output.as_mut().unwrap_or(&mut self.input));
        }
    }

    /// One read from the peer through all layers; sets `at_end` at its end.
    fn receive(&mut self) -> Result<()> {
        if self.taken > 0 {
            self.received.drain(..self.taken);
            self.taken = 0;
        }
        let start = self.received.len();
        if self.tls.is_some() {
            // Waiting flushes, and what it flushes must be encrypted: only then take the layer out.
            self.wait_readable()?;
        }
        if let Some(mut tls) = self.tls.take() {
            let result = self.receive_tls(&mut tls);
            self.tls = Some(tls);
            result?;
        } else if self.layers.is_empty() {
            let mut buffer = std::mem::take(&mut self.received);
            let result = self.read_some(&mut buffer);
            self.received = buffer;
            self.at_end |= result? == 0;
        } else {
            let mut raw = Vec::new();
            self.at_end |= self.read_some(&mut raw)? == 0;
            self.decode(raw, 0)?;
        }
        let new = self.received.get(start..).unwrap_or(&[]);
        self.read_octets = self.read_octets.saturating_add(new.len() as u64);
        if let (Some(telemetry), false) = (&mut self.telemetry, new.is_empty()) {
            telemetry.write(Direction::Input, new);
        }
        Ok(())
    }

    /// Passes `raw` through the layers from number `first` on into `received`.
    fn decode(&mut self, raw: Vec<u8>, first: usize) -> Result<()> {
        let mut octets = raw;
        let count = self.layers.len();
        for (n, layer) in self.layers.iter_mut().enumerate().skip(first) {
            if n + 1 == count {
                return layer.decode(&octets, &mut self.received);
            }
            let mut next = Vec::new();
            layer.decode(&octets, &mut next)?;
            octets = next;
        }
        self.received.append(&mut octets);
        Ok(())
    }

    /// One read from the readable descriptor; never writes clear text, so it must not flush.
    fn receive_tls(&mut self, tls: &mut Tls) -> Result<()> {
        let n = tls.connection.read_tls(&mut self.input)?;
        let state = tls.connection.process_new_packets().map_err(|e| Error::Tls(e.to_string()));
        if tls.connection.wants_write() {
            tls.connection.write_tls(self.output.as_mut().unwrap_or(&mut self.input))?;
        }
        let ready = state?.plaintext_bytes_to_read();
        self.at_end |= n == 0;
        if ready > 0 {
            let mut clear = Vec::with_capacity(ready);
            let mut reader = tls.connection.reader().take(ready as u64);
            match reader.read_to_end(&mut clear) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e.into()),
            }
            self.decode(clear, 0)?;
        }
        Ok(())
    }

    /// Reads once into the end of `buffer`, which grows with success: 4 KB at first, up to 64 KB
    /// while the peer keeps it full.
    fn read_some(&mut self, buffer: &mut Vec<u8>) -> Result<usize> {
        let start = buffer.len();
        let room = if self.expects_more { LARGE_READ } else { SMALL_READ };
        buffer.resize(start + room, 0);
        let target = buffer.get_mut(start..).unwrap_or(&mut []);
        let result = if self.expects_more {
            match socket::read_now(self.input.as_fd(), target) {
                Ok(Some(n)) => Ok(n),
                Ok(None) => self.read_waiting(target),
                Err(e) => Err(e.into()),
            }
        } else {
            self.read_waiting(target)
        };
        let n = *result.as_ref().unwrap_or(&0);
        self.expects_more = n == room;
        buffer.truncate(start + n);
        result
    }

    fn read_waiting(&mut self, target: &mut [u8]) -> Result<usize> {
        self.wait_readable()?;
        loop {
            match self.input.read(target) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(0),
                other => return Ok(other?),
            }
        }
    }

    /// Flushes and waits until the descriptor can be read.
    fn wait_readable(&mut self) -> Result<()> {
        // A failed flush shows at the next flush; the peer may still have said something.
        let _ = self.flush();
        let end = self.timeout.and_then(|t| Instant::now().checked_add(t));
        let wake = signal::wake_fd()?;
        loop {
            if [Signal::Term, Signal::Int, Signal::Quit].into_iter().any(signal::is_raised) {
                return Err(Error::Interrupted);
            }
            let left = end.map(|e| e.saturating_duration_since(Instant::now()));
            let mut fds = [Poll::readable(self.input.as_fd()), Poll::readable(wake)];
            if fd::poll_all(&mut fds, left)? == 0 {
                return Err(Error::Timeout);
            }
            let [input, woken] = &fds;
            if input.is_ready() {
                return Ok(());
            }
            if woken.is_ready() {
                signal::drain_wake();
            }
        }
    }

    /// Sends two pieces in order through all layers.
    fn send(&mut self, first: &[u8], second: &[u8]) -> Result<()> {
        if let Some(telemetry) = &mut self.telemetry {
            if second.is_empty() {
                telemetry.write(Direction::Output, first);
            } else {
                telemetry.write(Direction::Output, &[first, second].concat());
            }
        }
        if self.layers.is_empty() && self.tls.is_none() {
            let file = self.output.as_mut().unwrap_or(&mut self.input);
            return write_both(file, first, second);
        }
        for piece in [first, second] {
            if piece.is_empty() {
                continue;
            }
            let mut wrapped: Option<Vec<u8>> = None;
            for layer in self.layers.iter_mut().rev() {
                let mut next = Vec::new();
                layer.encode(wrapped.as_deref().unwrap_or(piece), &mut next)?;
                wrapped = Some(next);
            }
            let octets = wrapped.as_deref().unwrap_or(piece);
            let file = self.output.as_mut().unwrap_or(&mut self.input);
            match &mut self.tls {
                None => write_both(file, octets, &[])?,
                Some(tls) => write_tls(&mut tls.connection, octets, file)?,
            }
        }
        Ok(())
    }

    fn shake_hands(&mut self, mut connection: rustls::Connection, timeout: Duration) -> Result<tls::Info> {
        self.flush()?;
        self.received = Vec::new();
        self.taken = 0;
        self.layers.clear();
        let end = Instant::now().checked_add(timeout);
        while connection.is_handshaking() || connection.wants_write() {
            while connection.wants_write() {
                connection.write_tls(self.output.as_mut().unwrap_or(&mut self.input))?;
            }
            if !connection.is_handshaking() {
                break;
            }
            let left = end.map(|e| e.saturating_duration_since(Instant::now()));
            let mut fds = [Poll::readable(self.input.as_fd())];
            if fd::poll_all(&mut fds, left)? == 0 {
                return Err(Error::Timeout);
            }
            if connection.read_tls(&mut self.input)? == 0 {
                return Err(Error::Tls("EOF in handshake".to_owned()));
            }
            if let Err(e) = connection.process_new_packets() {
                // Tell the peer why before giving up.
                let _ = connection.write_tls(self.output.as_mut().unwrap_or(&mut self.input));
                return Err(Error::Tls(e.to_string()));
            }
        }
        let info = tls::Info::of(&connection);
        // Application data may have come with the last handshake message.
        let early = connection.process_new_packets().map_err(|e| Error::Tls(e.to_string()))?;
        let ready = early.plaintext_bytes_to_read();
        if ready > 0 {
            let mut clear = Vec::with_capacity(ready);
            let _ = connection.reader().take(ready as u64).read_to_end(&mut clear);
            self.read_octets = self.read_octets.saturating_add(clear.len() as u64);
            self.received = clear;
        }
        connection.set_buffer_limit(Some(1 << 20));
        self.tls = Some(Box::new(Tls { connection, info: info.clone() }));
        Ok(info)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Stream::write(self, bytes);
        Ok(bytes.len())
    }

    /// Does nothing: `write!` into a stream gathers; only [`Stream::flush`] sends.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The output buffer.
const BUFFER: usize = 32 * 1024;
const SMALL_READ: usize = 4096;
const LARGE_READ: usize = 64 * 1024;

fn write_both(file: &mut File, mut first: &[u8], mut second: &[u8]) -> Result<()> {
    while !first.is_empty() || !second.is_empty() {
        let n = if second.is_empty() {
            file.write(first)
        } else if first.is_empty() {
            file.write(second)
        } else {
            file.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
        };
        let n = match n {
            Ok(0) => return Err(Error::Closed),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(e.into()),
        };
        let of_first = n.min(first.len());
        first = first.get(of_first..).unwrap_or(&[]);
        second = second.get(n - of_first..).unwrap_or(&[]);
    }
    Ok(())
}

fn write_tls(connection: &mut rustls::Connection, octets: &[u8], file: &mut File) -> Result<()> {
    for piece in octets.chunks(64 * 1024) {
        connection.writer().write_all(piece)?;
        while connection.wants_write() {
            match connection.write_tls(file) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "prot_tests.rs"]
mod tests;
