//! Signals of a service: SIGTERM, SIGINT and SIGQUIT ask it to end at the next poll point, SIGHUP
//! to end between connections, SIGUSR2 cancels the running command.

/// What the flags say at a poll point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Nothing came.
    Clear,
    /// SIGTERM, SIGINT or SIGQUIT: end now with code 75, the line `graceful shutdown` is logged.
    Shutdown,
    /// SIGHUP (or SIGALRM while waiting for a connection): end after this connection.
    Reload,
}

/// Looks at the flags. Call it before waiting for a client and in long loops. C: signals_poll()
#[must_use]
pub fn poll() -> Poll {
    todo!()
}

/// True once when SIGUSR2 came: cancel the running command. C: signals_cancelled()
#[must_use]
pub fn take_cancelled() -> bool {
    todo!()
}
