//! What one notifyd process does: it takes the datagrams of its socket one after the other.
//!
//! DIAGNOSTICS: `malformed notify request` (ERR), `do_notify using method '..'` (DEBUG).

use crate::method::Method;
use crate::request::Request;
use libcyrus::base::Config;
use libcyrus::base::exit::{EX_TEMPFAIL, EX_USAGE, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::service::signals::{self, Poll};
use libcyrus::service::{Connection, End, Program};
use libcyrus::sys::fd;
use libcyrus::sys::signal;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

/// C's bound of a datagram; what is longer is cut off, and then lacks a field or not, as in C.
const DATAGRAM_MAX: usize = 8192;

/// The process.
#[derive(Debug)]
pub struct Notifyd {
    config: Arc<Config>,
    /// `-m`; none for a name that is no method.
    default: Option<Method>,
    /// Mails sent, for their message ids.
    sent: u32,
}

impl Notifyd {
    fn take(&mut self, datagram: &[u8]) {
        let Some(request) = Request::parse(datagram) else {
            log::write(Priority::Err, format_args!("malformed notify request"));
            return;
        };
        let method = if request.method.is_empty() { self.default } else { Method::from_name(request.method) };
        let name = method.map_or("unknown", Method::name);
        log::write(Priority::Debug, format_args!("do_notify using method '{name}'"));
        if let Some(method) = method {
            method.notify(&self.config, &request, &mut self.sent);
        }
    }

    fn serve_socket(&mut self, socket: &UnixDatagram) -> io::Result<End> {
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            match signals::poll() {
                Poll::Shutdown => return Ok(End::Exit(EX_TEMPFAIL)),
                Poll::Reload => return Ok(End::Exit(0)),
                Poll::Clear => {}
            }
            let wake = signal::wake_fd()?;
            let mut fds = [fd::Poll::readable(socket.as_fd()), fd::Poll::readable(wake)];
            match fd::poll(&mut fds, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
                Ok(_) => {}
            }
            let [ready, woken] = &fds;
            if woken.is_ready() {
                signal::drain_wake();
            }
            if !ready.is_ready() {
                continue;
            }
            match socket.recv(&mut buffer) {
                Ok(octets) => {
                    let datagram = buffer.get(..octets).unwrap_or_default().to_vec();
                    self.take(&datagram);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

impl Program for Notifyd {
    const NEED: Need = Need::Nothing;

    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal> {
        let name = default_method(args)?;
        Ok(Self { default: Method::from_name(name.as_encoded_bytes()), config, sent: 0 })
    }

    fn serve(&mut self, connection: Connection) -> End {
        let socket = UnixDatagram::from(connection.fd);
        self.serve_socket(&socket).unwrap_or_else(|error| {
            log::write(Priority::Err, format_args!("recvfrom: {}", log::errno_text(&error)));
            End::Exit(error.raw_os_error().unwrap_or(EX_TEMPFAIL))
        })
    }

    fn say_fatal(_text: &str) {
        // There is nobody at the other end; the log has it.
    }
}

fn default_method(args: &[OsString]) -> Result<OsString, Fatal> {
    use libcyrus::base::args::{Args, Spec};
    let usage = |_| Fatal::new("usage: notifyd [-C <alt_config>]".to_owned(), EX_USAGE);
    let args = Args::parse("notifyd".as_ref(), args, &Spec { short: "m:", long: &[] }).map_err(usage)?;
    Ok(args.value('m').map_or_else(|| "null".into(), OsString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_method_is_an_option() {
        assert_eq!(default_method(&["-m".into(), "log".into()]).ok(), Some("log".into()));
        assert_eq!(default_method(&[]).ok(), Some("null".into()));
        assert!(default_method(&["-x".into()]).is_err());
    }
}
