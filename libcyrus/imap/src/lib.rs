//! What a client sees of a mailbox: view, search.
#![forbid(unsafe_code)]
