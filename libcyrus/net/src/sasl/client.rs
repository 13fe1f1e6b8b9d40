//! Our side as a client: deliver, the test clients, cyradm, connections to other servers.

use super::Failure;
use super::layer::SaslLayer;
use crate::error::{Error, Result};
use crate::prot::Stream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cyrus_sys::sasl::{self, Code, Credentials, Security, Step};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

/// How a protocol's authentication command looks to a client.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The command up to the mechanism: `A01 AUTHENTICATE `, `AUTH `.
    pub start: &'static str,
    /// An initial response may follow the mechanism.
    pub initial: bool,
    /// A line that begins so is a challenge: `+ `, `334 `.
    pub challenge: &'static str,
    /// A line that begins so is success: `A01 OK`, `235`.
    pub ok: &'static str,
}

/// SASL of one client connection.
#[derive(Debug)]
pub struct Client {
    connection: Rc<RefCell<sasl::Client>>,
}

impl Client {
    /// A client of `service` (libsasl's name) at `host`. `external_ssf` is the strength of TLS.
    ///
    /// # Errors
    /// `Sasl` when libsasl cannot start.
    pub fn new(
        service: &str,
        host: &str,
        addresses: Option<(SocketAddr, SocketAddr)>,
        credentials: &Credentials,
        security: Security,
        external_ssf: u32,
    ) -> Result<Self> {
        let form = |a: SocketAddr| format!("{};{}", a.ip(), a.port());
        let texts = addresses.map(|(l, r)| (form(l), form(r)));
        let texts = texts.as_ref().map(|(l, r)| (l.as_str(), r.as_str()));
        let fail = |code: Code| Error::Sasl(code.0, code.text());
        let mut connection = sasl::Client::new(service, host, texts, credentials).map_err(fail)?;
        connection.set_security(security).map_err(fail)?;
        connection.set_external(external_ssf, None).map_err(fail)?;
        Ok(Self { connection: Rc::new(RefCell::new(connection)) })
    }

    /// Logs in with the best of `mechanisms` (space separated); the security layer is under the
    /// stream afterwards. Gives the mechanism and the server's last line. C: saslclient()
    ///
    /// # Errors
    /// `Refused` with the server's line as `detail`, or libsasl's refusal; `Stream`.
    pub fn authenticate(
        &mut self,
        stream: &mut Stream,
        mechanisms: &str,
        command: &Command,
    ) -> std::result::Result<(String, Vec<u8>), Failure> {
        let started = self.connection.borrow_mut().start(mechanisms);
        let (mechanism, mut response) = started.map_err(|code| self.refused(code))?;
        stream.write(format!("{}{mechanism}", command.start).as_bytes());
        if let (true, Some(data)) = (command.initial, &response) {
            let text = if data.is_empty() { "=".to_owned() } else { STANDARD.encode(data) };
            stream.write(format!(" {text}").as_bytes());
            response = None;
        }
        stream.write(b"\r\n");
        loop {
            stream.flush().map_err(Failure::Stream)?;
            let mut line = Vec::new();
            let got = stream.read_line(32 * 1024, &mut line).map_err(Failure::Stream)?;
            if !got {
                return Err(Failure::Stream(Error::Closed));
            }
            if line.starts_with(command.ok.as_bytes()) {
                self.install_layer(stream)?;
                return Ok((mechanism, line));
            }
            let Some(challenge) = line.strip_prefix(command.challenge.as_bytes()) else {
                let detail = String::from_utf8_lossy(&line).trim_end().to_owned();
                let Code(code) = Code::BADAUTH;
                let text = Code::BADAUTH.text();
                return Err(Failure::Refused { code, text, detail, userid: None });
            };
            // A delayed initial response answers the empty challenge; else libsasl does.
            let answer = match response.take() {
                Some(data) => data,
                None => {
                    let challenge =
                        STANDARD.decode(challenge.trim_ascii()).map_err(|_| Failure::BadBase64)?;
                    let stepped = self.connection.borrow_mut().step(&challenge);
                    match stepped {
                        Ok(Step::Continue(data)) => data,
                        Ok(Step::Done(data)) => data.unwrap_or_default(),
                        Err(code) => {
                            let failure = self.refused(code);
                            stream.write(b"*\r\n");
                            stream.flush().map_err(Failure::Stream)?;
                            return Err(failure);
                        }
                    }
                }
            };
            stream.write(STANDARD.encode(answer).as_bytes());
            stream.write(b"\r\n");
        }
    }

    /// Begins with the best of `mechanisms` (space separated), for a protocol that reads answers by its
    /// own parser: the mechanism, and an initial response if it has one.
    ///
    /// # Errors
    /// libsasl's refusal.
    pub fn start(&mut self, mechanisms: &str) -> std::result::Result<(String, Option<Vec<u8>>), Failure> {
        let started = self.connection.borrow_mut().start(mechanisms);
        started.map_err(|code| self.refused(code))
    }

    /// The response to a challenge.
    ///
    /// # Errors
    /// libsasl's refusal.
    pub fn step(&mut self, challenge: &[u8]) -> std::result::Result<Vec<u8>, Failure> {
        let stepped = self.connection.borrow_mut().step(challenge);
        match stepped.map_err(|code| self.refused(code))? {
            Step::Continue(data) => Ok(data),
            Step::Done(data) => Ok(data.unwrap_or_default()),
        }
    }

    /// Puts the negotiated security layer, if there is one, under the stream.
    ///
    /// # Errors
    /// `Stream`.
    pub fn install_layer(&self, stream: &mut Stream) -> std::result::Result<(), Failure> {
        if self.connection.borrow().ssf() > 0 {
            let layer = SaslLayer(Rc::clone(&self.connection));
            stream.push_layer(Box::new(layer)).map_err(Failure::Stream)?;
        }
        Ok(())
    }

    fn refused(&self, code: Code) -> Failure {
        let detail = self.connection.borrow().error_detail();
        Failure::Refused { code: code.0, text: code.text(), detail, userid: None }
    }
}
