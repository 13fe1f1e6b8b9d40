//! Administrators' programs, one executable under many names.
#![forbid(unsafe_code)]
