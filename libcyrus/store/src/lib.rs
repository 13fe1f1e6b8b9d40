//! Mailboxes on disk.
#![forbid(unsafe_code)]
