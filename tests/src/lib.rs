//! Harness and live tests.
#![forbid(unsafe_code)]
