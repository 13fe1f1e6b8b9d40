//! Life of a child under master: status messages, accept lock, reuse, shutdown, proc files.
#![forbid(unsafe_code)]
