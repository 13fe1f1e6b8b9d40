//! Life of a child under master: status messages, accept lock, reuse, shutdown, proc files.
//!
//! A daemon's main is [`run`] with its [`Program`]; nothing else in the tree touches a listening
//! socket or speaks to master. Works under the C master and ours (reference/master-ipc.md 2.7).
#![forbid(unsafe_code)]

mod accept;
pub mod frame;
pub mod hosts;
mod iolog;
pub mod msgfile;
pub mod proc;
pub mod session;
pub mod signals;
mod status;

pub use frame::{Connection, End, Program, run};
