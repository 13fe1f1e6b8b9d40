//! POP3: a mailbox picked up.
#![forbid(unsafe_code)]
