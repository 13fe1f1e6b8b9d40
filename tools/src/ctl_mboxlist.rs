//! ctl_mboxlist: dump mailboxes.db (`-d`), load a dump (`-u`), hold it against the directories (`-v`).

mod load;
mod verify;

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_TEMPFAIL, EX_UNAVAILABLE, Fatal};
use libcyrus::base::start::{self, Need};
use libcyrus::store::lock::{Mode, UserLock};
use libcyrus::store::mboxlist::{MbEntry, Show, dump_line};
use libcyrus::store::{Catalog, Result, Store};
use libcyrus::util::mboxname::MboxName;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const USAGE: &str = "\
DUMP:
  ctl_mboxlist [-C <alt_config>] -d [-x] [-y] [-p partition] [-f filename]
UNDUMP:
  ctl_mboxlist [-C <alt_config>] -u [-f filename] [-L]    [< mboxlist.dump]
MUPDATE populate:
  ctl_mboxlist [-C <alt_config>] -m [-a] [-w] [-i] [-f filename]
VERIFY:
  ctl_mboxlist [-C <alt_config>] -v [-f filename]
";

/// The list and the locks of its names.
struct List {
    catalog: Arc<Catalog>,
    store: Store,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:Lawmdurcxf:p:viy", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, 1),
    };
    let count = |letters: &str| args.options.iter().filter(|given| letters.contains(given.letter)).count();
    let misplaced = |letters: &str, mode: char| count(letters) > 0 && !args.has(mode);
    if count("dumv") != 1
        || count("rc") > 0
        || count("f") > 1
        || misplaced("aw", 'm')
        || misplaced("pxy", 'd')
        || misplaced("L", 'u')
    {
        return io::usage("", USAGE, 1);
    }
    let config = match start::init(args.value('C').map(Path::new), "ctl_mboxlist", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    if args.has('m') {
        // There is no MUPDATE client here; nothing is done rather than half of it.
        return Fatal::new("populating mupdate is not possible in this version", EX_UNAVAILABLE).report();
    }
    let mut catalog = Catalog::new(Arc::new(config));
    if let Some(file) = args.value('f') {
        catalog = catalog.with_list_file(PathBuf::from(file));
    }
    let catalog = Arc::new(catalog);
    let list = List { store: Store::open(Arc::clone(&catalog)), catalog };
    let done = if args.has('d') {
        let partition = args.value('p').map(|name| name.as_encoded_bytes().to_vec());
        list.dump(partition.as_deref(), args.has('x'), args.has('y'))
    } else if args.has('v') {
        verify::verify(&list.catalog)
    } else if args.has('L') {
        list.load_lines()
    } else {
        list.load_json()
    };
    match done {
        Ok(()) => 0,
        Err(_) => Fatal::new("can't read mailboxes file", EX_TEMPFAIL).report(),
    }
}

impl List {
    /// Writes the entries as one JSON object and, to purge, removes each. C: do_dump()
    fn dump(&self, partition: Option<&[u8]>, purge: bool, intermediates: bool) -> Result<()> {
        let mut entries = Vec::new();
        self.catalog.each_entry(b"", Show::Everything, |entry| {
            let shown = (intermediates || !entry.mbtype.is_intermediate())
                && partition.is_none_or(|wanted| entry.partition.as_deref() == Some(wanted));
            if shown {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        })?;
        let mut out = BufWriter::new(std::io::stdout().lock());
        // A reader that went away is no failure.
        let _ = out.write_all(b"{\n");
        for (at, entry) in entries.iter().enumerate() {
            let _ = out.write_all(if at > 0 { b",\n" } else { b"" });
            let _ = out.write_all(dump_line(entry).as_bytes());
            if purge {
                let lock = self.lock_name(&entry.name)?;
                self.catalog.remove_entry(&lock, &entry.name)?;
            }
        }
        let _ = out.write_all(b"\n}\n");
        let _ = out.flush();
        Ok(())
    }

    /// The namespace lock under which the entry of a name may be changed.
    /// C: mboxname_usernamespacelock()
    fn lock_name(&self, name: &MboxName) -> Result<UserLock> {
        let owner = name.owner(self.catalog.rules());
        self.store.lock_owner(owner.as_deref(), Mode::Exclusive)
    }

    /// Writes an entry with its former names. C: mboxlist_updatelock()
    fn put(&self, entry: &MbEntry) -> Result<()> {
        use libcyrus::store::counters::Scope;
        let lock = self.lock_name(&entry.name)?;
        let mut change = self.catalog.change_list(&lock)?;
        change.put_with_history(entry)?;
        change.commit()?;
        self.catalog.set_modseq(&entry.name, entry.foldermodseq, entry.mbtype.kind, Scope::Folder)?;
        Ok(())
    }
}
