//! A message as bytes: header, structure, envelope, bodystructure, charset, cache record.
#![forbid(unsafe_code)]
