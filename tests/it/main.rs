//! One binary of all integration tests, a module per area.
#![forbid(unsafe_code)]

mod compress;
mod conversations;
mod corpus;
mod crash;
mod cyradm;
mod dialogues;
mod events;
mod golden;
mod golden_session;
mod greeting;
mod hammer;
mod lmtp;
mod lmtp_bulk;
mod lmtp_cases;
mod notifyd;
mod partitions;
mod pop3;
mod pop3_silent;
mod recover;
mod script;
mod sieve;
mod sievec;
mod sieveshell;
mod smmapd;
mod smtp_out;
mod syslog;
mod tidy;
mod timsieved;
mod tools;
mod urlauth;
mod words;
