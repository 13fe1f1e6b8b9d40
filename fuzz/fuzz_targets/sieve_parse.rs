//! Any bytes are a script or have errors, and what compiles can be listed to its end.
#![no_main]

use cyrus_sieve::{CompileSettings, compile, dump};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    match compile(script, &CompileSettings::everything()) {
        Ok(bytecode) => {
            let listing = dump::listing(&bytecode.0);
            assert_eq!(listing.code, 0, "{}", String::from_utf8_lossy(&listing.complaint));
            dump::source(&bytecode.0);
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
    // The bytes as bytecode: whatever they are, they are listed or refused.
    dump::listing(script);
    dump::source(script);
});
