//! From the text of a script to bytecode.
//!
//! `lex` cuts the bytes into tokens, `parse` (control structure and recovery from errors), `actions` (with `notify` and
//! `vendor`) and `conditions` read them by recursive descent into the `ast`, `check` judges the arguments (`address`,
//! `regex`, `jmapquery`, `times` hold the longer judgements), `emit` writes the bytecode. A user sees the errors of a script as the C shows them: same words,
//! same lines, same order. Since the C's parser is a table-driven one that resumes after errors, the moments at which
//! it looks ahead and where it resumes are part of that; `parse` tells the rules.
//!
//! Promise: no panic on any bytes; nesting is bounded by `code::MAX_NESTING`; memory is bounded by a small multiple of
//! the script.

mod actions;
mod address;
mod ast;
mod check;
mod conditions;
mod emit;
mod jmapquery;
mod lex;
mod notify;
mod parse;
mod regex;
mod times;
mod vendor;

use crate::settings::CompileSettings;
use std::fmt;

/// A compiled script: the bytes of a `.bc` file of version 31.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytecode(pub Vec<u8>);

/// One complaint about a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line the parser had reached, from 1.
    pub line: u32,
    /// C's words; they quote strings of the script as they are.
    pub text: Vec<u8>,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, String::from_utf8_lossy(&self.text))
    }
}

/// The complaints so far, and whether new ones count.
#[derive(Debug, Default)]
struct Diagnostics {
    errors: Vec<ScriptError>,
    /// Depth of branches under an `ihave` that cannot be true: there, errors are ignored. C: ignore_err
    ignored: i32,
}

impl Diagnostics {
    /// Notes a complaint, given in pieces. C: yyerror()
    fn complain(&mut self, line: u32, pieces: &[&[u8]]) {
        if self.ignored == 0 {
            self.errors.push(ScriptError { line, text: pieces.concat() });
        }
    }
}

/// The errors of a script as the C shows them: each `line N: TEXT` and CRLF.
pub fn error_text(errors: &[ScriptError]) -> Vec<u8> {
    let mut out = Vec::new();
    for error in errors {
        out.extend_from_slice(format!("line {}: ", error.line).as_bytes());
        out.extend_from_slice(&error.text);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Compiles a script. C: sieve_script_parse_string(), sieve_generate_bytecode(), sieve_emit_bytecode()
///
/// # Errors
/// Every complaint about the script, in the order in which C finds them.
pub fn compile(script: &[u8], settings: &CompileSettings) -> Result<Bytecode, Vec<ScriptError>> {
    let parsed = parse::parse(script, settings)?;
    Ok(Bytecode(emit::emit(&parsed)))
}
