//! One binary of all integration tests, a module per area.
#![forbid(unsafe_code)]

mod dialogues;
mod tidy;
