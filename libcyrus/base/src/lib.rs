//! Every process's first minute: configuration, log, arguments, exit codes.
#![forbid(unsafe_code)]

pub mod args;
pub mod config;
pub mod exit;
pub mod log;
pub mod start;

pub use config::{Config, ConfigError, Opt};
pub use log::{Logged, Priority};

/// The name of the package in `version` listings and greetings.
pub const PACKAGE: &str = "cyrus-imapd";

/// The version shown there: the release whose behaviour this package has, and our own.
pub const VERSION: &str = concat!("3.6.1-rs-", env!("CARGO_PKG_VERSION"));
