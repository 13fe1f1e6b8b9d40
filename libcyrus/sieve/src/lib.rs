//! The Sieve language: parser, checker, compiler to bytecode, verifier, evaluator.
#![forbid(unsafe_code)]

pub mod code;
pub mod compile;
pub mod dump;
mod json;
pub mod read;
pub mod run;
pub mod settings;
pub mod verify;

pub use compile::{Bytecode, ScriptError, compile};
pub use run::run;
pub use settings::{CompileSettings, SettingsError, UNBUILT, extensions};
pub use verify::Program;
