//! The first steps every program shares: configuration, log, identity.

use crate::config::Config;
use crate::exit::Fatal;
use std::path::Path;

/// What a program needs to find in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing beyond a valid file.
    Nothing,
    /// A usable set of partitions.
    Partitions,
}

/// Reads the configuration, opens the log under `ident`, sets the umask and writes the configuration's notices.
/// C: cyrus_init()
///
/// # Errors
/// The text and code to end the program with.
pub fn init(file: Option<&Path>, ident: &str, need: Need) -> Result<Config, Fatal> {
    let _ = (file, ident, need);
    todo!()
}

/// Turns a process started by root into the cyrus user and group; does nothing for others.
///
/// # Errors
/// `must run as the Cyrus user` with code 64 when the change fails. C: become_cyrus_early()
pub fn become_cyrus(config: &Config) -> Result<(), Fatal> {
    let _ = config;
    todo!()
}
