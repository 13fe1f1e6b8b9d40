//! Tells waiting imapd processes that a mailbox changed.
#![forbid(unsafe_code)]
