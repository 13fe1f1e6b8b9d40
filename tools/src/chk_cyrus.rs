//! chk_cyrus: looks through mailboxes for damage and changes nothing.

use crate::context::Context;
use crate::{Call, io, reconstruct};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK, EX_TEMPFAIL, Fatal};
use libcyrus::base::start::Need;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::reconstruct::{Depth, Plan};
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::util::mboxname::MboxName;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "chk_cyrus [-C <altconfig>] partition\n";

/// Runs the tool: `chk_cyrus [-C config] [-P partition | -M internal-name]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:P:M:", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    if args.has('P') && args.has('M') {
        return io::usage("", USAGE, EX_MINUS_ONE);
    }
    let context = match Context::open(args.value('C').map(Path::new), "chk_cyrus", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let partition = args.value('P').map(OsStrExt::as_bytes);
    let entries = match args.value('M').map(OsStrExt::as_bytes) {
        Some(name) => {
            io::complain(&[b"Examining mailbox: ", name, b"\n"].concat());
            context.catalog.lookup_any(&MboxName::new(name)).map_or(Vec::new(), |entry| vec![entry])
        }
        None => {
            let shown = partition.unwrap_or(b"ALL PARTITIONS");
            io::complain(&[b"Examining partition: ", shown, b"\n"].concat());
            match context.matches(b"*") {
                Ok(found) => found.into_iter().map(|found| found.entry).collect(),
                Err(error) => return io::failed(&error),
            }
        }
    };
    for entry in entries.iter().filter(|entry| !entry.mbtype.is_deleted()) {
        if let Err(fatal) = check(&context, entry, partition) {
            return fatal.report();
        }
    }
    EX_OK
}

fn check(context: &Context, entry: &MbEntry, partition: Option<&[u8]>) -> Result<(), Fatal> {
    let name = &entry.name;
    // As in C, a name without a mailbox ends the walk.
    if entry.mbtype.is_intermediate() {
        io::complain(format!("bad mailbox {name} in chkmbox\n").as_bytes());
        return Err(Fatal::new("fatal error", EX_TEMPFAIL));
    }
    if partition.is_some() && partition != entry.partition.as_deref() {
        return Ok(());
    }
    io::complain(format!("checking: {name}\n").as_bytes());
    // Findings were told; what cannot be opened is passed over, as in C, and stands in the log.
    if let Ok(user) = context.store.lock_owner(context.owner(name).as_deref(), Mode::Exclusive) {
        let _ = reconstruct::tell(context, &user, entry, &Plan { depth: Depth::NoStat, ..Plan::default() });
    }
    Ok(())
}
