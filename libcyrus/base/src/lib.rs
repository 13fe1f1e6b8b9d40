//! Every process's first minute: configuration, log, arguments, exit codes.
#![forbid(unsafe_code)]
