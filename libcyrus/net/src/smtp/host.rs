//! The server of `smtp_host`: how it is reached, made private and told who we are.
//! C: smtpclient_open_host(), backend_connect(), backend_authenticate()
//!
//! DIAGNOSTICS: `smptclient_open: can't connect to host: ...`, `couldn't authenticate to backend server: ...`,
//! `HOST did not offer MECHANISMS`.

use super::{Client, Refusal, TIMEOUT};
use crate::error::Error;
use crate::prot::Stream;
use crate::sasl::{self, Failure};
use crate::tls;
use cyrus_base::config::{Config, Opt};
use cyrus_base::log::{self, Priority};
use cyrus_sys::sasl::{Code, Credentials, Security};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Connects as configured; the client is ready for its mail.
pub(super) fn open(config: &Config) -> Result<Client, Refusal> {
    let address = config.string(Opt::SmtpHost).unwrap_or("localhost:587");
    let server = Server::parse(address);
    let timeout = patience(config);
    connect(config, &server, timeout).map_err(|error| {
        log::write(Priority::Err, format_args!("smptclient_open: can't connect to host: {address}: {error}"));
        Refusal::Internal
    })
}

fn connect(config: &Config, server: &Server, timeout: Duration) -> Result<Client, Error> {
    let mut client = Client::over(server.connect(timeout)?, None);
    client.stream.set_timeout(Some(timeout));
    if server.wants_tls {
        secure(&mut client, config, server, timeout)?;
    }
    client.greet()?;
    let authname = config.string(Opt::SmtpAuthAuthname).filter(|_| !server.without_auth);
    if let Some(authname) = authname {
        if let Err(error) = authenticate(&mut client, config, authname, server, timeout) {
            client.quit();
            return Err(error);
        }
    }
    client.stream.set_timeout(Some(TIMEOUT));
    Ok(client)
}

/// `client_timeout`: until the server is reached and knows us. C waits without end for 0, we do not.
fn patience(config: &Config) -> Duration {
    match u64::try_from(config.duration_s(Opt::ClientTimeout)) {
        Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
        _ => TIMEOUT,
    }
}

/// AUTH; where nothing usable is offered in the clear, inside TLS.
fn authenticate(
    client: &mut Client,
    config: &Config,
    authname: &str,
    server: &Server,
    timeout: Duration,
) -> Result<(), Error> {
    let done = match log_in(client, config, authname, server) {
        Err(failure) if is_without_mechanism(&failure) && client.capabilities.starttls => {
            // A server that takes no TLS, or a failure of it, leaves the reason that was.
            start_tls(client, config, server, timeout)
                .map_err(|_| failure)
                .and_then(|()| log_in(client, config, authname, server))
        }
        done => done,
    };
    done.map_err(|failure| match failure {
        Failure::Refused { code, text, .. } => {
            log::write(Priority::Err, format_args!("couldn't authenticate to backend server: {text}"));
            Error::Sasl(code, text)
        }
        Failure::Stream(error) => error,
        Failure::Cancelled | Failure::BadBase64 => Error::Closed,
    })
}

fn is_without_mechanism(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { code, .. } if *code == Code::NOMECH.0)
}

fn start_tls(client: &mut Client, config: &Config, server: &Server, timeout: Duration) -> Result<(), Error> {
    client.say(b"STARTTLS")?;
    let (code, _) = client.reply()?;
    // What came in the clear must not be taken for what comes inside.
    if code != *b"220" || !client.stream.buffered().is_empty() {
        return Err(Error::Closed);
    }
    secure(client, config, server, timeout)?;
    client.ehlo()
}

fn secure(client: &mut Client, config: &Config, server: &Server, timeout: Duration) -> Result<(), Error> {
    let settings = tls::Client::from_config(config, identity(config, server))?;
    client.stream.start_tls_client(&settings, &server.host, timeout)?;
    Ok(())
}

/// Certificate and key for this server: `HOST_client_cert`, `HOST_client_key`, else those for all.
fn identity(config: &Config, server: &Server) -> Option<(PathBuf, PathBuf)> {
    let own = |name: &str, all: Opt| {
        let own = config.overflow(&server.option(name)).map(PathBuf::from);
        own.or_else(|| config.path(all).map(Into::into))
    };
    let cert = own("client_cert", Opt::TlsClientCert)?;
    let key = own("client_key", Opt::TlsClientKey).unwrap_or_else(|| cert.clone());
    Some((cert, key))
}

fn log_in(client: &mut Client, config: &Config, authname: &str, server: &Server) -> Result<(), Failure> {
    let nothing = || Failure::Refused {
        code: Code::NOMECH.0,
        text: Code::NOMECH.text(),
        detail: String::new(),
        userid: None,
    };
    let offered = client.capabilities.auth.clone().ok_or_else(nothing)?;
    let own = server.option("mechs");
    let wanted = config.overflow(&own).or_else(|| config.string(Opt::ForceSaslClientMech));
    let mechanisms = match wanted {
        Some(wanted) => common(wanted, &offered),
        None => offered,
    };
    if mechanisms.trim().is_empty() {
        let wanted = wanted.unwrap_or_default();
        log::write(Priority::Info, format_args!("{} did not offer {wanted}", server.text));
        return Err(nothing());
    }
    let credentials = Credentials {
        userid: Vec::new(),
        authname: authname.as_bytes().to_vec(),
        realm: config.bytes(Opt::SmtpAuthRealm).map(<[u8]>::to_vec),
        password: config.bytes(Opt::SmtpAuthPassword).unwrap_or_default().to_vec(),
    };
    let bits = client.stream.tls().map_or(0, |tls| tls.bits);
    let security = Security { min_ssf: 0, max_ssf: 0, noplaintext: false, noanonymous: true };
    let host = server.host.as_str();
    let mut sasl =
        sasl::Client::new("smtp", host, None, &credentials, security, bits).map_err(Failure::Stream)?;
    let command = sasl::Command { start: "AUTH ", initial: true, challenge: "334 ", ok: "235" };
    sasl.authenticate(&mut client.stream, &mechanisms, &command).map(|_| ())
}

/// Those mechanisms of `wanted` that are offered.
fn common(wanted: &str, offered: &str) -> String {
    let is_offered =
        |name: &&str| offered.split_ascii_whitespace().any(|other| other.eq_ignore_ascii_case(name));
    wanted.split_ascii_whitespace().filter(is_offered).collect::<Vec<_>>().join(" ")
}

/// A server of `smtp_host`: `host`, `host:port`, `[address]:port` or `/path`, then `/tls`, `/noauth`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    /// As configured.
    text: String,
    host: String,
    port: u16,
    is_path: bool,
    wants_tls: bool,
    without_auth: bool,
}

impl Server {
    fn parse(text: &str) -> Self {
        let mut rest = text;
        let (mut wants_tls, mut without_auth) = (false, false);
        loop {
            if let Some(shorter) = rest.strip_suffix("/tls") {
                (rest, wants_tls) = (shorter, true);
            } else if let Some(shorter) = rest.strip_suffix("/noauth") {
                (rest, without_auth) = (shorter, true);
            } else {
                break;
            }
        }
        let is_path = rest.starts_with('/');
        let (host, port) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None if is_path => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(25), |port| match port {
            "smtp" => Some(25),
            "submission" => Some(587),
            "smtps" | "submissions" => Some(465),
            number => number.parse().ok(),
        });
        Self {
            text: text.to_owned(),
            host: host.to_owned(),
            port: port.unwrap_or(25),
            is_path,
            wants_tls,
            without_auth,
        }
    }

    /// Name of an option of this server's own: what stands before the first dot, `_`, `name`.
    fn option(&self, name: &str) -> String {
        let short = self.text.split_once('.').map_or(self.host.as_str(), |(short, _)| short);
        format!("{short}_{name}")
    }

    fn connect(&self, timeout: Duration) -> io::Result<Stream> {
        let fd: OwnedFd = if self.is_path {
            UnixStream::connect(&self.host)?.into()
        } else {
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            let mut addresses = (self.host.as_str(), self.port).to_socket_addrs()?;
            let reached = addresses.find_map(|address| {
                TcpStream::connect_timeout(&address, timeout).map_err(|error| last = error).ok()
            });
            reached.ok_or(last)?.into()
        };
        Ok(Stream::new(fd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let check = |text: &str, host: &str, port, wants_tls, without_auth| {
            let is_path = host.starts_with('/');
            let (text, host) = (text.to_owned(), host.to_owned());
            let expected = Server { text: text.clone(), host, port, is_path, wants_tls, without_auth };
            assert_eq!(Server::parse(&text), expected, "{text}");
        };
        check("localhost:587", "localhost", 587, false, false);
        check("mx.example.org", "mx.example.org", 25, false, false);
        check("[::1]:2525/tls", "::1", 2525, true, false);
        check("h:smtp/noauth/tls", "h", 25, true, true);
        check("/run/smtp/noauth", "/run/smtp", 25, false, true);
    }

    #[test]
    fn a_server_has_options_of_its_own() {
        assert_eq!(Server::parse("relay.example.org:587").option("mechs"), "relay_mechs");
        assert_eq!(Server::parse("relay:587/tls").option("client_key"), "relay_client_key");
    }

    #[test]
    fn mechanisms_are_those_of_both() {
        assert_eq!(common("scram-sha-1 PLAIN", "LOGIN PLAIN"), "PLAIN");
        assert_eq!(common("GSSAPI", "LOGIN PLAIN"), "");
    }
}
