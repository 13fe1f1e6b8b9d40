//! sieved: lists compiled Sieve scripts.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::sieve::dump;
use std::os::unix::ffi::OsStrExt;

/// Every failure ends with this code.
const FAILED: i32 = 1;

/// Runs the tool: `sieved [-s] BYTECODE`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "s", long: &[] };
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for complaint in &complaints {
        io::usage(complaint, "", 0);
    }
    let Some(path) = args.words.first().filter(|_| complaints.is_empty()) else {
        io::complain(&[b"Syntax: ", call.prog.as_bytes(), b" [-s] <bytecode-file>\n"].concat());
        return FAILED;
    };
    let Ok(file) = std::fs::read(path) else {
        // C names its first argument, whatever that is.
        let first = call.args.first().map_or(&b""[..], |first| first.as_bytes());
        io::complain(&[b"can not open script '", first, b"'\n"].concat());
        return FAILED;
    };
    let dump = if args.has('s') { dump::source(&file) } else { dump::listing(&file) };
    io::print(&dump.text);
    io::complain(&dump.complaint);
    dump.code
}
