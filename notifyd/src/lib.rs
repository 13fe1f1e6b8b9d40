//! Notifications sent on by method.
#![forbid(unsafe_code)]
