//! The frame of a service process. C: master/service.c

use cyrus_base::Config;
use cyrus_base::exit::Fatal;
use cyrus_base::start::Need;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// One accepted connection; its descriptor is also standard input and output.
#[derive(Debug)]
pub struct Connection {
    /// The connection (for UDP services the service's own socket).
    pub fd: OwnedFd,
    /// Peer and our address; `None` on unix sockets.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// `host [ip]`, `[ip]` or `[local]` (unix socket), as C logs clients. C: get_clienthost()
    pub clienthost: String,
}

/// What to do after a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Serve the next one, unless uses are up or a signal came.
    Reuse,
    /// End the process with this code.
    Exit(i32),
}

/// A service program.
pub trait Program: Sized {
    /// What must be in the configuration.
    const NEED: Need;

    /// Runs once before the first connection, as the cyrus user: open sockets, read options. C: service_init()
    ///
    /// # Errors
    /// The text and code to end with.
    fn start(config: &'static Config, args: &[OsString]) -> Result<Self, Fatal>;

    /// Serves one connection. C: service_main()
    fn serve(&mut self, connection: Connection) -> End;

    /// Called when a panic was caught while serving: say `* BYE Fatal error: ...` to standard output; the process then
    /// ends.
    fn say_fatal(text: &str);

    /// Runs before the process ends. C: service_abort()
    fn stop(&mut self) {}
}

/// The whole life of a service process; returns the exit code for main.
pub fn run<P: Program>() -> i32 {
    todo!()
}
