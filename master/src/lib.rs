//! The prefork parent.
#![forbid(unsafe_code)]
