//! Every process's first minute: configuration, log, arguments, exit codes.
#![forbid(unsafe_code)]

pub mod args;
pub mod config;
pub mod exit;
pub mod log;
pub mod start;

pub use config::{Config, ConfigError, Opt};
pub use log::{Logged, Priority};
