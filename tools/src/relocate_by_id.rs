//! relocate_by_id: move mailboxes with directories by name into directories by id.
//!
//! The directories and files of a mailbox are renamed one after the other; if one cannot be, those
//! before it go back. The entry and cyrus.header follow. Everything happens under the owner's
//! namespace lock, children first.

use crate::context::Context;
use crate::edit::edit;
use crate::{Call, io};
use libcyrus::auth::Granted;
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_CONFIG, EX_OK, EX_USAGE, Fatal};
use libcyrus::base::start::Need;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::Location;
use libcyrus::store::mboxlist::{Actor, MbEntry, NewMailbox, Show};
use libcyrus::store::{Error, Result};
use libcyrus::util::mboxname::{MboxName, Parts};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const USAGE: &str = "\
[OPTIONS]
A tool to relocate mailbox trees by their ids.

-C <config-file>   use <config-file> instead of config from imapd.conf
-q                 run quietly
-n                 do not make changes
-u                 give usernames instead of mailbox prefixes

";

/// Files of a user, in the order in which they are moved.
const USER_FILES: [&str; 7] = ["sub", "seen", "conversations", "counters", "mboxkey", "dav", "xapianactive"];

struct Run {
    context: Context,
    quiet: bool,
    dry: bool,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:qnu", long: &[] };
    let prog = Path::new(&call.prog).file_name().unwrap_or(&call.prog).to_string_lossy().into_owned();
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, &format!("Usage: {prog} {USAGE}"), EX_USAGE),
    };
    let context = match Context::open(args.value('C').map(Path::new), "relocate_by_id", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    if context.namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    if args.words.is_empty() {
        io::complain(b"please specify a mailbox to recurse from\n");
        return EX_USAGE;
    }
    let run = Run { context, quiet: args.has('q'), dry: args.has('n') };
    for word in &args.words {
        let word = word.as_bytes();
        let (root, what) = if args.has('u') {
            (
                Parts::from_userid(word, run.context.catalog.rules()).to_name(run.context.catalog.rules()),
                "user",
            )
        } else {
            (run.context.namespace.to_internal(word, None), "mailbox")
        };
        if let Err(error) = run.tree(&root, word, what) {
            return io::failed(&error);
        }
    }
    EX_OK
}

impl Run {
    fn say(&self, text: &[&[u8]]) {
        if !self.quiet {
            io::print(&text.concat());
        }
    }

    fn tree(&self, root: &MboxName, word: &[u8], what: &str) -> Result<()> {
        let entries = self.entries(root)?;
        if entries.is_empty() {
            io::complain(&[word, b": ", what.as_bytes(), b" not found\n"].concat());
            return Ok(());
        }
        let mut wanted = Vec::new();
        for entry in entries {
            if entry.mbtype.has_legacy_dirs() {
                wanted.extend(self.promoted(entry)?);
            }
        }
        if wanted.is_empty() {
            io::complain(&[word, b": ", what.as_bytes(), b" already relocated\n"].concat());
            return Ok(());
        }
        for entry in wanted.iter().rev() {
            if !self.relocate(entry)? {
                // As in C, after a failure the rest of the tree stays.
                break;
            }
        }
        Ok(())
    }

    /// The mailbox, those below it and the deleted ones that were there. C: mboxlist_mboxtree()
    fn entries(&self, root: &MboxName) -> Result<Vec<MbEntry>> {
        let catalog = &self.context.catalog;
        let mut found = Vec::new();
        match catalog.lookup_any(root) {
            Ok(entry) if !entry.mbtype.is_deleted() => found.push(entry),
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let mut collect = |entry| {
            found.push(entry);
            ControlFlow::Continue(())
        };
        catalog.each_child(root, Show::Living, &mut collect)?;
        // The name without the time stamp at its end.
        let mut deleted = root.to_deleted(1, catalog.rules()).to_db(catalog.rules());
        while deleted.last().is_some_and(u8::is_ascii_hexdigit) {
            deleted.pop();
        }
        catalog.each_entry(&deleted, Show::Living, &mut collect)?;
        Ok(found)
    }

    /// An intermediate name becomes a mailbox first. C: find_p()
    fn promoted(&self, entry: MbEntry) -> Result<Option<MbEntry>> {
        if !entry.mbtype.is_intermediate() {
            return Ok(Some(entry));
        }
        let (catalog, ext) = (&self.context.catalog, self.context.external(&entry.name));
        self.say(&[b"\nPromoting intermediary: ", &ext, b"\n"]);
        if self.dry {
            return Ok(None);
        }
        let owner = self.context.owner(&entry.name);
        let lock = self.context.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        let actor = Actor::Tool(Granted::admin("relocate_by_id"));
        let new = NewMailbox {
            mbtype: entry.mbtype.with_intermediate(false),
            force_user: true,
            ..NewMailbox::named(entry.name.clone())
        };
        match catalog.create_mailbox(&self.context.store, &lock, &actor, &new) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => {
                let text = format!(": {error}\n");
                io::complain(
                    &[b"\tFailed to promote intermediary ", ext.as_slice(), text.as_bytes()].concat(),
                );
                Ok(None)
            }
        }
    }

    /// Moves one mailbox; false when it could not be moved.
    fn relocate(&self, entry: &MbEntry) -> Result<bool> {
        let catalog = &self.context.catalog;
        let ext = self.context.external(&entry.name);
        self.say(&[b"\nRelocating: ", &ext, b"\n"]);
        let owner = self.context.owner(&entry.name);
        let lock = self.context.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        let new = MbEntry { mbtype: entry.mbtype.with_legacy_dirs(false), ..entry.clone() };
        let mut moves = directories(&catalog.location(entry)?, &catalog.location(&new)?);
        if entry.name.is_user_inbox(catalog.rules())
            && let (Some(userid), Some(uniqueid)) = (&owner, &entry.uniqueid)
        {
            let parts = Parts::from_userid(userid, catalog.rules());
            for suffix in USER_FILES {
                moves.push((catalog.legacy_path(&parts, suffix), catalog.id_path(uniqueid, suffix)));
            }
            if let Some(scripts) = catalog.sieve_dir(Some(userid))? {
                let by_id = libcyrus::util::mboxname::id_dir(uniqueid);
                let root = catalog.config().path(libcyrus::base::config::Opt::Sievedir);
                let root = root.map(Path::to_path_buf).unwrap_or_default();
                moves.push((scripts, root.join(std::ffi::OsStr::from_bytes(&by_id))));
            }
        }
        for (at, (old, to)) in moves.iter().enumerate() {
            if self.rename(old, to).is_err() {
                for (old, to) in moves.iter().take(at).rev() {
                    // Back where it was; what fails is told.
                    let _ = self.rename(to, old);
                }
                return Ok(false);
            }
        }
        if self.dry {
            return Ok(true);
        }
        catalog.update_entry(&lock, &new)?;
        let letters = new.mbtype.print().into_bytes();
        let written = edit(&self.context, &entry.name, |index| {
            index.change_mailbox_header(|header| header.mbtype.clone_from(&letters))
        });
        match written {
            Ok(()) => Ok(true),
            Err(error) => {
                let text = format!(": {error}\n");
                let head: &[u8] = b"Failed to rewrite cyrus.header for ";
                io::complain(&[head, &ext, text.as_bytes()].concat());
                Ok(false)
            }
        }
    }

    /// C: relocate()
    fn rename(&self, old: &Path, new: &Path) -> std::io::Result<()> {
        match std::fs::metadata(old) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(error) => {
                let reason = io::reason(&error);
                io::complain(format!("\tFailed to access {}: {reason}\n", old.display()).as_bytes());
                return Err(error);
            }
        }
        let (from, to) = (old.as_os_str().as_bytes(), new.as_os_str().as_bytes());
        self.say(&[b"\tRenaming: ", from, b"\t -> ", to, b"\n"]);
        if self.dry {
            return Ok(());
        }
        let renamed = match std::fs::rename(old, new) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                new.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::rename(old, new))
            }
            other => other,
        };
        if let Err(error) = &renamed {
            let text = format!(
                "\tFailed to rename {}\t -> {}: {}\n",
                old.display(),
                new.display(),
                io::reason(error)
            );
            io::complain(text.as_bytes());
        }
        renamed
    }
}

/// Every directory of a mailbox once, and where it goes; then the files that do not go with one of
/// them. A file whose directory went before is not there any more when its turn comes.
fn directories(old: &Location, new: &Location) -> Vec<(PathBuf, PathBuf)> {
    let parent = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut moves = vec![
        (old.data.clone(), new.data.clone()),
        (old.archive.clone(), new.archive.clone()),
        (parent(&old.header), parent(&new.header)),
    ];
    for (from, to) in [
        (&old.header, &new.header),
        (&old.index, &new.index),
        (&old.cache, &new.cache),
        (&old.annotations, &new.annotations),
        (&old.archive_cache, &new.archive_cache),
    ] {
        moves.push((from.clone(), to.clone()));
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    moves.retain(|(from, _)| {
        let is_new = !seen.contains(from);
        seen.push(from.clone());
        is_new
    });
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_directory_is_moved_once() {
        let location = |root: &str| {
            let name = MboxName::new(b"user.a".as_slice());
            Location::plain(name, b"id", &Path::new(root).join("a"), Path::new(root), PathBuf::new())
        };
        let mut old = location("/old");
        old.header = PathBuf::from("/meta/a/cyrus.header");
        let moves = directories(&old, &location("/new"));
        let from: Vec<_> = moves.iter().map(|(from, _)| from.display().to_string()).collect();
        assert_eq!(
            from.get(..3),
            Some(["/old/a", "/meta/a", "/meta/a/cyrus.header"].map(String::from).as_slice())
        );
        assert_eq!(from.iter().collect::<std::collections::BTreeSet<_>>().len(), from.len());
    }
}
