//! Socketmap: may this address be delivered to now?.
#![forbid(unsafe_code)]
