//! What a client sees of a mailbox.
//!
//! [`view`] numbers the messages of a selected mailbox, follows its changes and carries out the
//! client's; [`sort`] and [`thread`] put messages in order; [`urlauth`]
//! makes and checks the proofs in URLs; nothing here writes to a connection.
#![forbid(unsafe_code)]

pub mod sort;
pub mod thread;
pub mod urlauth;
pub mod view;
