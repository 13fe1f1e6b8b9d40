//! cvt_xlist_specialuse: turn the old `xlist-` options into special uses of mailboxes.

use crate::context::Context;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_TEMPFAIL, EX_USAGE};
use libcyrus::base::start::Need;
use libcyrus::store::Result;
use libcyrus::store::annotate::Scope;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{Mailbox, Touch};
use libcyrus::store::mboxlist::MbEntry;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
[options] mailbox...

Options:
    -C alt_config       # alternate config file
    -v                  # verbose

";

/// Where the configuration is when none is given.
const CONFIG_FILE: &str = "/etc/imapd.conf";

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:v", long: &[] };
    let prog = Path::new(&call.prog).file_name().unwrap_or(&call.prog).to_string_lossy().into_owned();
    let usage = format!("Usage:\n    {prog} {USAGE}");
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, &usage, EX_USAGE),
    };
    if args.words.is_empty() {
        return io::usage("", &usage, EX_USAGE);
    }
    let config = args.value('C').map(Path::new);
    let context = match Context::open(config, "cvt_xlist_specialuse", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let verbose = args.has('v');
    // By the name of the folder; the last option for a name wins.
    let mut uses: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (key, folder) in context.config().overflows_in_table_order() {
        let Some(flag) = key.strip_prefix("xlist-") else { continue };
        let flag = [b"\\", flag.as_bytes()].concat();
        if verbose {
            io::print(&[b"will set ", flag.as_slice(), b" for folders named ", folder, b"\n"].concat());
        }
        uses.insert(folder.to_vec(), flag);
    }
    if uses.is_empty() {
        let file = config.unwrap_or(Path::new(CONFIG_FILE)).display();
        io::complain(format!("no xlist- settings in {file}, nothing to do\n").as_bytes());
        return EX_OK;
    }
    for pattern in &args.words {
        let matches = match context.matches(pattern.as_bytes()) {
            Ok(matches) => matches,
            Err(_) => return EX_TEMPFAIL,
        };
        for found in matches {
            give(&context, &found.entry, &uses, verbose);
        }
    }
    EX_OK
}

/// C: set_specialuse()
fn give(context: &Context, entry: &MbEntry, uses: &BTreeMap<Vec<u8>, Vec<u8>>, verbose: bool) {
    let parts = entry.name.parts(context.catalog.rules());
    let (Some(owner), [folder]) = (parts.userid(), parts.boxes.as_slice()) else { return };
    let Some(flag) = uses.get(folder) else { return };
    let shown = String::from_utf8_lossy(flag);
    let name = &entry.name;
    match set(context, entry, &owner, flag) {
        Ok(None) if verbose => {
            io::print(format!("set specialuse {shown} for {name}\n").as_bytes());
        }
        Ok(Some(other)) if verbose => {
            let text = format!("not setting specialuse {shown} for {name}, already exists as {other}\n");
            io::print(text.as_bytes());
        }
        Ok(_) => {}
        Err(error) => {
            io::complain(format!("failed to set specialuse {shown} for {name}: {error}").as_bytes());
        }
    }
}

/// Sets a special use unless another mailbox of the user has it, which is returned.
fn set(context: &Context, entry: &MbEntry, owner: &[u8], flag: &[u8]) -> Result<Option<String>> {
    let (catalog, store) = (&context.catalog, &context.store);
    let user = store.lock_owner(Some(owner), Mode::Exclusive)?;
    for other in catalog.user_mailboxes(owner, false)? {
        if catalog.special_uses(&other)?.iter().any(|each| each.eq_ignore_ascii_case(flag)) {
            return Ok(Some(other.name.to_string()));
        }
    }
    let mut mailbox = Mailbox::open_entry(store, &user, entry, Mode::Shared, Wait::Block)?;
    let mut index = mailbox.lock_index(&user, Mode::Exclusive)?;
    let scope = Scope::Mailbox(entry);
    let old = catalog.annotation(scope, b"/specialuse", owner)?.unwrap_or_default();
    index.annotation_changed(None, b"/specialuse", owner, &old, flag, Touch::Modseq)?;
    catalog.set_annotation(scope, b"/specialuse", owner, Some(flag))?;
    let changed = index.commit()?;
    let foldermodseq = changed.highestmodseq;
    catalog.update_entry(&user, &MbEntry { foldermodseq, ..catalog.lookup(&entry.name)? })?;
    catalog.forget_status(&entry.name);
    catalog.sync_log(&[b"MAILBOX", entry.name.as_bytes()]);
    Ok(None)
}
