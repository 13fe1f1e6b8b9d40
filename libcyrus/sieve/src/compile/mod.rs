//! From the text of a script to bytecode.

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
    let _ = (script, settings);
    todo!()
}
