//! LMTP delivery into mailboxes.
#![forbid(unsafe_code)]
