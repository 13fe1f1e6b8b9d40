//! The prefork parent: starts services when clients come, restarts what dies, runs timed jobs.
//!
//! It is the one program that starts as root and knows no mailbox. Floors below it: `base` for
//! configuration and log, `sys` for the kernel.
//!
//! | file | duty |
//! |---|---|
//! | `options.rs` | the command line |
//! | `conf.rs`, `command.rs` | cyrus.conf and what its commands name |
//! | `daemonize.rs` | streams, background, pid file, user |
//! | `service.rs` | services and daemons as configured |
//! | `listen.rs` | their sockets |
//! | `spawn.rs`, `children.rs` | starting processes, remembering them |
//! | `status.rs` | what children say |
//! | `reap.rs` | how they end |
//! | `forkrate.rs`, `events.rs`, `clock.rs` | time |
//! | `signals.rs` | what we are told |
//! | `prometheus.rs` | statistics |
//! | `master.rs`, `turn.rs`, `waitdaemon.rs` | the program: start, the loop, wait daemons |
#![forbid(unsafe_code)]

pub mod children;
pub mod clock;
pub mod command;
pub mod conf;
pub mod daemonize;
pub mod events;
pub mod forkrate;
pub mod listen;
pub mod master;
pub mod options;
pub mod prometheus;
pub mod reap;
pub mod service;
pub mod signals;
pub mod spawn;
pub mod status;
mod turn;
mod waitdaemon;

pub use master::run;
