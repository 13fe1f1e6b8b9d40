//! cyr_userseen: remove the seen state that owners keep outside their mailboxes.

use crate::context::Context;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};
use libcyrus::base::start::Need;
use libcyrus::store::Result;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::Mailbox;
use libcyrus::store::mboxlist::{MbEntry, Show};
use std::ops::ControlFlow;
use std::path::Path;

const USAGE: &str = "cyr_userseen [-C <altconfig>] -d\n";

/// Runs the tool: `cyr_userseen [-C config] [-d]`; without `-d` nothing is removed.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:d", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let context = match Context::open(args.value('C').map(Path::new), "cyr_userseen", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let mut entries = Vec::new();
    let walked = context.catalog.each_entry(b"", Show::Mailboxes, |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    });
    if let Err(error) = walked {
        return io::failed(&error);
    }
    for entry in &entries {
        // As in C, a mailbox that cannot be opened ends the walk and is no failure.
        if remove(&context, entry, args.has('d')).is_err() {
            break;
        }
    }
    EX_OK
}

/// C: deluserseen()
fn remove(context: &Context, entry: &MbEntry, acts: bool) -> Result<()> {
    let owner = context.owner(&entry.name);
    let user = context.store.lock_owner(owner.as_deref(), Mode::Shared)?;
    let mailbox = Mailbox::open_entry(&context.store, &user, entry, Mode::Shared, Wait::Block)?;
    let Some(userid) = owner else { return Ok(()) };
    let line: [&[u8]; 5] = [b"removing seen for ", &userid, b" on ", entry.name.as_bytes(), b"\n"];
    io::print(&line.concat());
    if acts {
        context.catalog.delete_seen(&userid, &mailbox.location().uniqueid)?;
    }
    Ok(())
}
