//! mbtool: mend the internal dates of a mailbox, or give it a new unique id.

use crate::context::{Context, Match};
use crate::edit::edit;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_CONFIG, EX_OK, EX_USAGE, Fatal};
use libcyrus::base::start::Need;
use libcyrus::store::Result;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::Touch;
use libcyrus::store::mboxlist::{MbEntry, new_uniqueid};
use libcyrus::sys::localtime;
use libcyrus::util::datetime::print_rfc5322;
use libcyrus::util::ids::{RecNo, UnixTime};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
Usage:
    mbtool [options] {-r|-t} mailbox...

Commands:
    -r    create new unique IDs for specified mailboxes
    -t    normalise internaldates in specified mailboxes

Options:
    -C alt_config  use alternate imapd.conf file
";

/// Dates that are nearer to each other than this are the same.
const NEAR_S: u64 = 86400;

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:rt", long: &[] };
    let wrong = |complaint: &str| io::usage(complaint, USAGE, EX_USAGE);
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return wrong(&complaint),
    };
    let commands = args.options.iter().filter(|given| matches!(given.letter, 'r' | 't')).count();
    if commands != 1 || args.words.is_empty() {
        return wrong("");
    }
    let context = match Context::open(args.value('C').map(Path::new), "mbtool", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    if context.namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    for pattern in &args.words {
        let matches = match context.matches(pattern.as_bytes()) {
            Ok(matches) => matches,
            Err(error) => return io::failed(&error),
        };
        for found in &matches {
            io::print(&[b"Working on ", found.ext.as_slice(), b"...\n"].concat());
            let done = if args.has('t') { set_dates(&context, found) } else { set_id(&context, found) };
            // As in C, the first that cannot be opened ends the pattern, and is no failure.
            if done.is_err() {
                break;
            }
        }
    }
    EX_OK
}

/// C: do_timestamp()
fn set_dates(context: &Context, found: &Match) -> Result<()> {
    edit(context, &found.entry.name, |index| {
        for recno in 1..=index.num_records() {
            let mut record = index.record(RecNo(recno))?;
            if !record.is_live() || record.internaldate.0.abs_diff(record.gmtime.0) < NEAR_S {
                continue;
            }
            let (old, new) = (shown(record.internaldate), shown(record.gmtime));
            io::print(format!("  {}: {old} => {new}\n", record.uid).as_bytes());
            record.internaldate = record.gmtime;
            index.rewrite(&mut record, Touch::Modseq)?;
        }
        Ok(())
    })
}

fn shown(time: UnixTime) -> String {
    print_rfc5322(time.0, localtime::at(time.0).map_or(0, |local| local.utc_offset_s))
}

/// C: do_reid()
fn set_id(context: &Context, found: &Match) -> Result<()> {
    let catalog = &context.catalog;
    let owner = context.owner(&found.entry.name);
    let lock = context.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
    let entry = catalog.lookup(&found.entry.name)?;
    if !entry.mbtype.has_legacy_dirs() {
        // No end of line, as in C.
        io::print(&[b"Non-legacy mailbox, cannot reid: ", found.ext.as_slice()].concat());
        return Ok(());
    }
    let uniqueid = new_uniqueid();
    edit(context, &entry.name, |index| {
        index.change_mailbox_header(|header| header.uniqueid.clone_from(&uniqueid))
    })?;
    catalog.update_entry(&lock, &MbEntry { uniqueid: Some(uniqueid), ..entry })
}
