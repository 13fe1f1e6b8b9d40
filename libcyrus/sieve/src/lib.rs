//! The Sieve language: parser, checker, compiler to bytecode, verifier, evaluator.
#![forbid(unsafe_code)]

pub mod code;
pub mod compile;
pub mod dump;
mod json;
pub mod settings;

pub use compile::{Bytecode, ScriptError, compile};
pub use settings::{CompileSettings, SettingsError, extensions};
