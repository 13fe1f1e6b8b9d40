//! mbpath: tell where the files of mailboxes are.

use crate::{Call, io};
use libcyrus::auth::namespace::admin_namespace;
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::Opt;
use libcyrus::base::exit::{EX_DATAERR, EX_MINUS_ONE, EX_SOFTWARE, EX_USAGE, Fatal};
use libcyrus::base::start::{self, Need};
use libcyrus::store::mailbox::Location;
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::store::{Catalog, Error, Result};
use libcyrus::util::mboxname::{MboxName, Namespace, Parts};
use libcyrus::util::mutf7;
use serde_json::{Map, Value};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const USAGE: &str = "\
usage: mbpath [-C <alt_config>] [-l] [-m] [-q] [-s] [-u|p] [-a|A|D|M|S|U] <mailbox name>...

\t-j\tprint all values as a JSON object
\t-a\tprint all values with prefixes
\t-l\tlocal only (exit with error for remote/nonexistent)
\t-m\toutput the path to the metadata files (if different from the message files)
\t-q\tquietly drop any error messages
\t-s\tstop on error
\t-7\tmailbox arguments are in modified UTF7 rather than UTF8
\t-u\targuments are user, not mailbox
\t-p\targuments are UNIX path, not mailbox
\t-A\tpartition archive directory
\t-D\tpartition data directory (*default*)
\t-M\tpartition metadata file directory (duplicate of -m)
\t-S\tsieve directory for the user
\t-U\tuser files directory (seen, sub, etc)
";

/// Files in a user's directory that `-j` names.
const USER_FILES: [&str; 6] = ["conversations", "counters", "dav", "seen", "sub", "xapianactive"];

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:7ajlmqsupADMSU", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_USAGE),
    };
    let count = |letters: &str| args.options.iter().filter(|given| letters.contains(given.letter)).count();
    if count("amADMSU") > 1 {
        return wrong("Duplicate selectors given");
    }
    if count("up") > 1 {
        return wrong("Multiple modes given");
    }
    let config = match start::init(args.value('C').map(Path::new), "mbpath", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let namespace = admin_namespace(&config);
    let catalog = Catalog::new(Arc::new(config));
    let mut code = 0;
    for operand in &args.words {
        let name = meant(&catalog, &namespace, &args, operand.as_bytes()).unwrap_or_default();
        let done = catalog.lookup_any(&name).and_then(|entry| show(&catalog, &args, &entry));
        match done {
            Ok(true) => code = 0,
            Ok(false) => {
                let text = if args.has('q') { "" } else { "Non-local mailbox. Stopping\n" };
                return Fatal::new(text, EX_MINUS_ONE).report();
            }
            Err(error) => {
                code = match error {
                    Error::NotFound | Error::BadFormat { .. } | Error::Reserved => EX_DATAERR,
                    _ => EX_SOFTWARE,
                };
                if !args.has('q') && matches!(error, Error::NotFound) {
                    complain(&namespace, &name, operand);
                }
                if args.has('s') {
                    let text = if args.has('q') { "" } else { "Error in processing mailbox. Stopping\n" };
                    return Fatal::new(text, code).report();
                }
            }
        }
    }
    code
}

fn wrong(error: &str) -> i32 {
    io::usage("", &format!("{USAGE}\nERROR: {error}"), EX_USAGE)
}

/// The mailbox an operand means.
fn meant(catalog: &Catalog, namespace: &Namespace, args: &Args, operand: &[u8]) -> Result<MboxName> {
    if args.has('u') {
        return Ok(Parts::from_userid(operand, catalog.rules()).to_name(catalog.rules()));
    }
    if args.has('p') {
        return by_path(catalog, operand);
    }
    let utf8 = !args.has('7') && catalog.config().switch(Opt::SieveUtf8fileinto);
    let ext = if utf8 { mutf7::from_utf8(operand) } else { operand.to_vec() };
    Ok(namespace.to_internal(&ext, Some(b"cyrus")))
}

/// The mailbox whose directory, named by its id, this is; a path that does not begin at the root
/// names mailboxes below that of the working directory. C: mbname_from_path()
pub(crate) fn by_path(catalog: &Catalog, path: &[u8]) -> Result<MboxName> {
    let is_absolute = path.starts_with(b"/");
    let working = std::env::current_dir().unwrap_or_default();
    let directory = if is_absolute { path } else { working.as_os_str().as_bytes() };
    let id = directory.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let entry = catalog.lookup_by_uniqueid(id)?;
    let mut parts = entry.name.parts(catalog.rules());
    if !is_absolute {
        for step in path.split(|&byte| byte == b'/').filter(|step| !step.is_empty()) {
            match step {
                b"." => {}
                b".." => drop(parts.boxes.pop().ok_or(Error::NotFound)?),
                down => parts.boxes.push(down.to_vec()),
            }
        }
        if parts.localpart.is_some() && parts.boxes == [b"INBOX"] {
            parts.boxes.clear();
        }
    }
    Ok(parts.to_name(catalog.rules()))
}

fn complain(namespace: &Namespace, name: &MboxName, operand: &OsStr) {
    let mut text = b"Invalid mailbox name: '".to_vec();
    text.extend_from_slice(operand.as_bytes());
    text.push(b'\'');
    if let Some(ext) = namespace.to_external(name, Some(b"cyrus")) {
        if ext != operand.as_bytes() {
            text.extend_from_slice(b" ('");
            text.extend_from_slice(&ext);
            text.extend_from_slice(b"')\n");
        }
    }
    text.push(b'\n');
    io::complain(&text);
}

/// Prints what was asked for; false for a remote mailbox where only local ones are wanted.
fn show(catalog: &Catalog, args: &Args, entry: &MbEntry) -> Result<bool> {
    if entry.mbtype.is_reserved() {
        return Err(Error::Reserved);
    }
    if entry.mbtype.is_deleted() {
        return Err(Error::NotFound);
    }
    if entry.mbtype.is_remote() {
        if args.has('l') {
            return Ok(!args.has('s'));
        }
        if !args.has('j') {
            let server = entry.server.as_deref().unwrap_or_default();
            let line = [server, b"!", entry.partition.as_deref().unwrap_or_default(), b"\n"].concat();
            io::print(&line);
        }
        return Ok(true);
    }
    let location = catalog.location(entry)?;
    if args.has('j') {
        let json = json(catalog, entry, &location)?;
        let text = serde_json::to_string_pretty(&json).unwrap_or_default();
        io::print(format!("{text}\n").as_bytes());
        return Ok(true);
    }
    let all = args.has('a');
    let data_is_default = !args.options.iter().any(|given| "amADMSU".contains(given.letter));
    let owner = entry.name.owner(catalog.rules());
    let mut out = Vec::new();
    let mut put = |wanted: bool, label: &str, path: &Path| {
        if wanted || all {
            if all {
                out.extend_from_slice(format!("{label}: ").as_bytes());
            }
            out.extend_from_slice(path.as_os_str().as_bytes());
            out.push(b'\n');
        }
    };
    put(args.has('A'), "Archive", &location.archive);
    put(args.has('D') || data_is_default, "Data", &location.data);
    put(args.has('m') || args.has('M'), "Meta", meta(&location));
    put(args.has('S'), "Sieve", &catalog.sieve_dir(owner.as_deref())?.unwrap_or_default());
    put(args.has('U'), "User", &catalog.owner_dir(&entry.name)?);
    io::print(&out);
    Ok(true)
}

/// The directory of the metadata, that of cyrus.header.
fn meta(location: &Location) -> &Path {
    location.header.parent().unwrap_or(&location.data)
}

/// Everything as an object with sorted keys.
fn json(catalog: &Catalog, entry: &MbEntry, location: &Location) -> Result<Value> {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let path = |path: &Path| text(path.as_os_str().as_bytes());
    let parts = entry.name.parts(catalog.rules());
    let userid = parts.userid();
    let mut mbname = Map::new();
    mbname.insert("boxes".to_owned(), parts.boxes.iter().map(|each| text(each)).collect());
    if let Some(domain) = &parts.domain {
        mbname.insert("domain".to_owned(), text(domain));
    }
    mbname.insert("intname".to_owned(), text(entry.name.as_bytes()));
    if parts.deleted != 0 {
        mbname.insert("isdeleted".to_owned(), parts.deleted.into());
    }
    if let Some(localpart) = &parts.localpart {
        mbname.insert("localpart".to_owned(), text(localpart));
    }
    let mut all = Map::new();
    all.insert("archive".to_owned(), path(&location.archive));
    all.insert("data".to_owned(), path(&location.data));
    if let Some(userid) = &userid {
        mbname.insert("userid".to_owned(), text(userid));
    }
    all.insert("mbname".to_owned(), Value::Object(mbname));
    all.insert("meta".to_owned(), path(meta(location)));
    if let Some(userid) = &userid {
        let mut files = Map::new();
        for suffix in USER_FILES {
            if suffix == "sub" {
                files.insert("sieve".to_owned(), path(&catalog.sieve_dir(Some(userid))?.unwrap_or_default()));
            }
            files.insert(suffix.to_owned(), path(&catalog.user_path(userid, suffix)?));
        }
        all.insert("user".to_owned(), Value::Object(files));
        all.insert("xapian".to_owned(), Value::Object(tiers(catalog, entry, userid)?));
    }
    Ok(Value::Object(all))
}

/// The directory of the search index in every tier of the mailbox's partition.
fn tiers(catalog: &Catalog, entry: &MbEntry, userid: &[u8]) -> Result<Map<String, Value>> {
    let partition = String::from_utf8_lossy(entry.partition.as_deref().unwrap_or_default()).into_owned();
    // A deleted user's INBOX is a tombstone that still names its directory.
    let inbox = catalog.lookup_any(&MboxName::user_inbox(userid, catalog.rules()))?;
    let below = match &inbox.uniqueid {
        Some(id) if !inbox.mbtype.has_legacy_dirs() => {
            [b"user/".to_vec(), libcyrus::util::mboxname::id_dir(id)].concat()
        }
        _ => {
            let localpart = inbox.name.parts(catalog.rules()).localpart.unwrap_or_default();
            let letter = catalog.dirhash().letter(&localpart);
            [format!("{letter}/user/").as_bytes(), localpart.as_slice()].concat()
        }
    };
    let mut found = std::collections::BTreeMap::new();
    for (key, root) in catalog.config().overflows() {
        let Some((tier, of)) = key.split_once("searchpartition-") else { continue };
        if of == partition {
            let path: PathBuf = Path::new(OsStr::from_bytes(root)).join(OsStr::from_bytes(&below));
            found.insert(tier.to_owned(), Value::String(path.to_string_lossy().into_owned()));
        }
    }
    Ok(found.into_iter().collect())
}
