//! unexpunge: list expunged messages that are still there, and bring them back.

use crate::context::Context;
use crate::edit::edit;
use crate::{Call, describe, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_CONFIG, EX_MINUS_ONE, EX_SOFTWARE, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{InternalFlags, Mailbox, Record, Restore};
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::MboxName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
unexpunge [-C <altconfig>] -l <mailbox> [<uid>...]
unexpunge [-C <altconfig>] -t time-interval [-d] [-v] [-f flag] mailbox
unexpunge [-C <altconfig>] -a [-d] [-v] [-f flag] <mailbox>
unexpunge [-C <altconfig>] -u [-d] [-v] [-f flag] <mailbox> <uid>...
";

/// Which expunged messages are meant.
enum Wanted {
    All,
    /// Those expunged at or after this time.
    Since(UnixTime),
    Uids(Vec<u64>),
}

impl Wanted {
    fn holds(&self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Since(time) => record.last_updated >= *time,
            Self::Uids(uids) => uids.contains(&u64::from(record.uid.0)),
        }
    }
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:laudt:f:v", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let modes = args.options.iter().filter(|given| "latu".contains(given.letter)).count();
    let needed = if args.has('u') { 2 } else { 1 };
    let Some(name) = args.words.first().filter(|_| modes == 1 && args.words.len() >= needed) else {
        return io::usage("", USAGE, EX_MINUS_ONE);
    };
    let context = match Context::open(args.value('C').map(Path::new), "unexpunge", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let keyword = args.value('f').map(OsStr::as_bytes);
    if keyword.is_some_and(|keyword| keyword.starts_with(b"\\")) {
        log::write(Priority::Err, format_args!("can't set a system flag"));
        return Fatal::new("can't set a system flag", EX_SOFTWARE).report();
    }
    if context.namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    if let Err(error) = context.catalog.mboxlist_db() {
        return io::failed(&error);
    }
    let name = context.namespace.to_internal(name.as_bytes(), None);
    let uids: Vec<u64> =
        args.words.iter().skip(1).map(|word| u64::try_from(io::atoi(word)).unwrap_or(0)).collect();
    if args.has('l') {
        let wanted = if uids.is_empty() { Wanted::All } else { Wanted::Uids(uids) };
        if let Err(error) = list(&context, &name, &wanted) {
            io::print(format!("Failed to open mailbox {name}: {error}").as_bytes());
        }
        return 0;
    }
    let wanted = match args.value('t') {
        Some(interval) => Wanted::Since(UnixTime(UnixTime::now().0.saturating_sub(seconds(interval)))),
        None if args.has('u') => Wanted::Uids(uids),
        None => Wanted::All,
    };
    let how = Restore { undelete: args.has('d'), keyword };
    restore(&context, &name, &wanted, &how, args.has('v'))
}

/// An interval: a number, in seconds unless a letter behind it says m, h, d or w.
fn seconds(interval: &OsStr) -> i64 {
    let number = io::atoi(interval);
    let unit = match interval.as_bytes() {
        [_, .., b'm'] => 60,
        [_, .., b'h'] => 3600,
        [_, .., b'd'] => 86400,
        [_, .., b'w'] => 7 * 86400,
        _ => 1,
    };
    if number > 0 { number.saturating_mul(unit) } else { number }
}

fn is_expunged(record: &Record) -> bool {
    !record.is_live() && !record.internal_flags.has(InternalFlags::UNLINKED)
}

/// Writes a block for each message. C: list_expunged()
fn list(context: &Context, name: &MboxName, wanted: &Wanted) -> Result<()> {
    let store = &context.store;
    let user = store.lock_owner(context.owner(name).as_deref(), Mode::Shared)?;
    let entry = context.catalog.lookup(name)?;
    let mut mailbox = Mailbox::open_entry(store, &user, &entry, Mode::Shared, Wait::Block)?;
    let index = mailbox.lock_index(&user, Mode::Shared)?;
    let mut records = Vec::new();
    for record in index.records() {
        let record = record?;
        if is_expunged(&record) && wanted.holds(&record) {
            records.push(record);
        }
    }
    drop(index);
    let mut out = Vec::new();
    for record in &records {
        out.extend(describe::message(&mut mailbox, record, Some(record.last_updated)));
    }
    io::print(&out);
    Ok(())
}

/// Brings the messages back. C: restore_expunged()
fn restore(context: &Context, name: &MboxName, wanted: &Wanted, how: &Restore<'_>, verbose: bool) -> i32 {
    let ext = context.external(name);
    let ext = ext.as_slice();
    let mut opened = false;
    let done = edit(context, name, |index| {
        opened = true;
        let all: &[u8] = if matches!(wanted, Wanted::All) { b"all " } else { b"" };
        io::print(&[b"restoring ", all, b"expunged messages in mailbox '", ext, b"'\n"].concat());
        let mut records = Vec::new();
        for record in index.records() {
            let record = record?;
            if is_expunged(&record) && wanted.holds(&record) {
                records.push(record);
            }
        }
        let mut lines = Vec::new();
        for record in &records {
            let uid = index.restore(record, how)?;
            if verbose {
                let numbers = format!(": {} => {uid}\n", record.uid);
                lines.extend([b"Unexpunged ", ext, numbers.as_bytes()].concat());
            }
        }
        Ok((lines, records.len()))
    });
    match done {
        Ok((lines, count)) => {
            io::print(&lines);
            io::print(format!("restored {count} expunged messages\n").as_bytes());
            let ext = String::from_utf8_lossy(ext);
            log::write(
                Priority::Notice,
                format_args!("restored {count} expunged messages in mailbox '{ext}'"),
            );
            0
        }
        Err(error) if opened => {
            io::complain(format!("unexpunge: {error}\n").as_bytes());
            EX_SOFTWARE
        }
        Err(error) => {
            io::print(format!("Failed to open mailbox '{name}'\n").as_bytes());
            if matches!(error, Error::NotFound) {
                return NONEXISTENT_OCTET;
            }
            io::complain(format!("unexpunge: {error}\n").as_bytes());
            EX_SOFTWARE
        }
    }
}

/// What a shell sees of the original's number for a mailbox that does not exist.
const NONEXISTENT_OCTET: i32 = 20;
