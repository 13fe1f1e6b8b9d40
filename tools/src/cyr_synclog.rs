//! cyr_synclog: add a line to the sync log.

use crate::context::Context;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};
use libcyrus::base::start::Need;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
[-C altconfig] [-{type}] value


types:
  -u   USER
  -U   UNUSER
  -v   SIEVE
  -m   MAILBOX
  -M   UNMAILBOX
  -q   QUOTA
  -n   ANNOTATION
  -s   SEEN
  -b   SUBSCRIPTION

You may omit the type flag and just specify a complete log line
";

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:uUvmMacqnsb", long: &[] };
    let usage = format!("Usage: {} {USAGE}", call.prog.to_string_lossy());
    // An option that does not exist is told, and ignored.
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for complaint in &complaints {
        io::complain(format!("{complaint}\n").as_bytes());
    }
    let kind = args.options.iter().rev().map(|given| given.letter).find(|letter| *letter != 'C');
    let word = |at: usize| args.words.get(at).map(|word| word.as_bytes()).filter(|word| !word.is_empty());
    let (first, second) = (word(0), word(1));
    let needs_two = matches!(kind, Some('s' | 'b'));
    let Some(first) = first.filter(|_| !needs_two || second.is_some()) else {
        return io::usage("", &usage, EX_MINUS_ONE);
    };
    let context = match Context::open(args.value('C').map(Path::new), "cyr_synclog", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let catalog = &context.catalog;
    let second = second.unwrap_or_default();
    match kind {
        Some('u') => catalog.sync_log(&[b"USER", first]),
        Some('U') => catalog.sync_log(&[b"UNUSER", first]),
        Some('v') => catalog.sync_log(&[b"META", first]),
        Some('m') => catalog.sync_log(&[b"MAILBOX", first]),
        Some('M') => catalog.sync_log(&[b"UNMAILBOX", first]),
        Some('q') => catalog.sync_log(&[b"QUOTA", first]),
        Some('n') => catalog.sync_log(&[b"ANNOTATION", first]),
        Some('s') => catalog.sync_log(&[b"SEEN", first, second]),
        Some('b') => catalog.sync_log(&[b"SUB", first, second]),
        // As it is; -a and -c too.
        _ => catalog.sync_log_line(&[first, b"\n"].concat()),
    }
    EX_OK
}
