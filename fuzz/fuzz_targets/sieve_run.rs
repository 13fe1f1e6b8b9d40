//! A script, a NUL and a message: what compiles is verified and listed, and filters the message within its bounds; the
//! same script compiles to the same bytecode again.
#![no_main]

#[path = "../../libcyrus/sieve/tests/memory/mod.rs"]
mod memory;

use cyrus_sieve::{CompileSettings, Program, compile, dump};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|&octet| octet == 0).unwrap_or(input.len());
    let (script, message) = input.split_at(end);
    let message = message.get(1..).unwrap_or_default();
    let settings = CompileSettings::everything();
    let Ok(bytecode) = compile(script, &settings) else { return };
    assert_eq!(compile(script, &settings).as_ref(), Ok(&bytecode));
    let listing = dump::listing(&bytecode.0);
    assert_eq!(listing.code, 0, "{}", String::from_utf8_lossy(&listing.complaint));
    assert_eq!(dump::source(&bytecode.0).code, 0);
    let program = Program::load(&bytecode.0).expect("what was compiled is bytecode");
    memory::filter(program, &bytecode.0, message);
});
