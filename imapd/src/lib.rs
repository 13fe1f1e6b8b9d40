//! IMAP4rev1 server.
#![forbid(unsafe_code)]
