//! reconstruct: holds mailboxes against their message files and mends what differs.
//!
//! [`libcyrus::store::mailbox::reconstruct`] looks at the files of one mailbox; here is which mailboxes
//! are looked at, what is told, and in `entry` how cyrus.header and mailboxes.db are made to agree.
//! `path` makes entries from cyrus.header files (`-P`).

mod discover;
mod entry;
mod path;

use crate::context::{Context, Match};
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_USAGE};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::store::annotate::Scope;
use libcyrus::store::lock::{Mode, UserLock, Wait};
use libcyrus::store::mailbox::reconstruct::{Depth, GuidMismatch, OddFiles, Plan, Repair, reconstruct};
use libcyrus::store::mailbox::{Cleanup, CreateParams, Mailbox, Version};
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::{UidValidity, UnixTime};
use libcyrus::util::mboxname::MboxName;
use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const OPTIONS: &str = "\
A tool to reconstruct mailboxes.

-C <config-file>   use <config-file> instead of config from imapd.conf-p <partition>     use this indicated partition for search
-d                 check mailboxes database and insert missing entries
-x                 do not import metadata, create new
-r                 recursively reconstruct
-f                 examine filesystem underneath the mailbox
-s                 don't stat underlying files
-q                 run quietly
-n                 do not make changes
-G                 force re-parsing (checks GUID correctness)
-R                 perform UID upgrade operation on GUID mismatched files
-U                 use this if there are corrupt message files in spool
                   WARNING: this option deletes corrupted message files permanently
-o                 ignore odd files in mailbox disk directories
-O                 delete odd files (unlike -o)
-M                 prefer mailboxes.db over cyrus.header
-V <version>       Change the cyrus.index minor version to the version specified
-u                 give usernames instead of mailbox prefixes
-P                 give paths to cyrus.header files instead of mailbox prefixes
                   (this option ONLY repairs/creates mailboxes.db records)

";

/// What the index version is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewVersion {
    Keep,
    To(Version),
    /// One nobody can write.
    Unknown,
}

/// A run of the tool.
struct Run {
    context: Context,
    plan: Plan,
    new_version: NewVersion,
    args: Args,
    /// Mailboxes done already.
    visited: BTreeSet<MboxName>,
    /// Mailboxes found in the file system (`-f`), yet to be done.
    discovered: VecDeque<MboxName>,
}

/// Why the tool ends before its time: the exit code, everything else was said.
struct End(i32);

/// Runs the tool: `reconstruct [-C config] [options] [mailbox|user|path...]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:kp:rmfsxdgGqRUMIoOnV:uP", long: &[] };
    let name = Path::new(&call.prog).file_name().unwrap_or(&call.prog).to_string_lossy().into_owned();
    let usage = format!("Usage: {name} [OPTIONS]\n{OPTIONS}");
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for given in &args.options {
        if matches!(given.letter, 'g' | 'k') {
            io::complain(format!("reconstruct: deprecated option -{} ignored\n", given.letter).as_bytes());
        }
    }
    if let Some(complaint) = complaints.first() {
        return io::usage(complaint, &usage, EX_USAGE);
    }
    let config = args.value('C').map(Path::new);
    let context = match Context::open(config, "reconstruct", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    if args.has('m') {
        if args.has('r') || args.has('f') || !args.words.is_empty() {
            return io::usage("", &usage, EX_USAGE);
        }
        return io::usage("reconstructing mailboxes.db currently not supported", "", EX_USAGE);
    }
    if args.has('u') && args.has('P') {
        return io::usage("", &usage, EX_USAGE);
    }
    let mut run = Run {
        plan: plan(&args),
        new_version: new_version(&args),
        context,
        args,
        visited: BTreeSet::new(),
        discovered: VecDeque::new(),
    };
    match run.all() {
        Ok(()) => EX_OK,
        Err(End(code)) => code,
    }
}

fn plan(args: &Args) -> Plan {
    Plan {
        repair: if args.has('n') { Repair::Tell } else { Repair::Mend },
        depth: match (args.has('G'), args.has('s')) {
            (true, _) => Depth::Parse,
            (false, true) => Depth::NoStat,
            (false, false) => Depth::Stat,
        },
        guid_mismatch: match (args.has('R'), args.has('U')) {
            (true, _) => GuidMismatch::NewUid,
            (false, true) => GuidMismatch::Unlink,
            (false, false) => GuidMismatch::Keep,
        },
        odd_files: match (args.has('o'), args.has('O')) {
            (true, _) => OddFiles::Ignore,
            (false, true) => OddFiles::Remove,
            (false, false) => OddFiles::Tell,
        },
        mailbox_annotation_octets: None,
    }
}

fn new_version(args: &Args) -> NewVersion {
    let Some(asked) = args.value('V') else { return NewVersion::Keep };
    if asked.eq_ignore_ascii_case("max") {
        return NewVersion::To(Version::CURRENT);
    }
    match u32::try_from(io::atoi(asked)) {
        Ok(0) => NewVersion::Keep,
        Ok(minor) => Version::new(minor).map_or(NewVersion::Unknown, NewVersion::To),
        Err(_) => NewVersion::Unknown,
    }
}

/// Holds the mailbox of an entry against its files and prints and logs what is found.
///
/// # Errors
/// As [`reconstruct`].
pub fn tell(context: &Context, user: &UserLock, entry: &MbEntry, plan: &Plan) -> Result<()> {
    let catalog = &context.catalog;
    let params = CreateParams {
        acl: entry.acl().print(),
        quotaroot: catalog.find_quota_root(&entry.name)?.map(MboxName::into_bytes),
        // As for a new mailbox: without counters, the second after this one.
        uidvalidity: match context.store.settings().conversations && plan.repair == Repair::Mend {
            true => catalog.next_uidvalidity(&entry.name, UidValidity(0))?,
            false => UidValidity(UnixTime::now().as_u32().saturating_add(1)),
        },
        ..CreateParams::default()
    };
    let mut octets = 0_u64;
    catalog.each_annotation(Scope::Mailbox(entry), |_, _, value| {
        octets = octets.saturating_add(value.len() as u64);
        ControlFlow::Continue(())
    })?;
    let plan = Plan { mailbox_annotation_octets: Some(octets), ..*plan };
    let location = catalog.location(entry)?;
    for finding in reconstruct(&context.store, user, &location, &params, &plan)? {
        io::print(format!("{finding}\n").as_bytes());
        log::write(Priority::Err, format_args!("{finding}"));
    }
    Ok(())
}

impl Run {
    fn all(&mut self) -> std::result::Result<(), End> {
        let words = std::mem::take(&mut self.args.words);
        if self.args.has('p') {
            self.create_named(&words)?;
        }
        if words.is_empty() {
            if self.args.has('r') || self.args.has('u') {
                return Err(End(io::usage("please specify a mailbox to recurse from", "", EX_USAGE)));
            }
            self.pattern(b"*")?;
        }
        for word in &words {
            if self.args.has('u') {
                self.user(word.as_bytes())?;
            } else if self.args.has('P') {
                path::rebuild_entry(&self.context, word);
            } else {
                self.pattern(word.as_bytes())?;
                if self.args.has('r') {
                    self.pattern(&self.below(word.as_bytes()))?;
                }
            }
        }
        while let Some(name) = self.discovered.pop_front() {
            match self.create(&name, None) {
                Ok(()) => self.named(&name)?,
                Err(error) => {
                    io::complain(format!("createmailbox {name}: {error}\n").as_bytes());
                }
            }
        }
        Ok(())
    }

    /// The pattern of everything below a mailbox; a domain stays at the end.
    fn below(&self, word: &[u8]) -> Vec<u8> {
        let at = word.iter().position(|byte| *byte == b'@').unwrap_or(word.len());
        let (mailbox, domain) = word.split_at_checked(at).unwrap_or((word, b""));
        let domain = if self.context.catalog.names().virtdomains.is_on() { domain } else { b"" };
        [mailbox, &[self.context.namespace.hiersep(), b'*'], domain].concat()
    }

    fn pattern(&mut self, pattern: &[u8]) -> std::result::Result<(), End> {
        let found = self.context.matches(pattern).map_err(|error| End(io::failed(&error)))?;
        found.iter().try_for_each(|each| self.mailbox(each))
    }

    /// All mailboxes of a user, the deleted ones too.
    fn user(&mut self, userid: &[u8]) -> std::result::Result<(), End> {
        let found = self.context.catalog.user_mailboxes(userid, true);
        let found = found.map_err(|error| End(io::failed(&error)))?;
        for entry in found.into_iter().filter(|entry| !entry.mbtype.is_intermediate()) {
            let ext = self.context.external(&entry.name);
            self.mailbox(&Match { ext, entry })?;
        }
        Ok(())
    }

    fn named(&mut self, name: &MboxName) -> std::result::Result<(), End> {
        match self.context.catalog.lookup(name) {
            Ok(entry) => self.mailbox(&Match { ext: self.context.external(name), entry }),
            Err(_) => Ok(()),
        }
    }

    /// One mailbox. C: do_reconstruct()
    fn mailbox(&mut self, found: &Match) -> std::result::Result<(), End> {
        let entry = &found.entry;
        if entry.mbtype.is_intermediate() || entry.mbtype.is_remote() || self.visited.contains(&entry.name) {
            return Ok(());
        }
        let done = self.locked(found);
        let name = &entry.name;
        match done {
            Ok(Ok(directory)) => {
                if self.args.has('f') {
                    discover::below(&self.context, name, &directory, &mut self.discovered);
                }
                self.visited.insert(name.clone());
                Ok(())
            }
            Ok(Err(end)) => Err(end),
            Err(error) => {
                let what = match (&error, self.new_version) {
                    (_, NewVersion::To(_) | NewVersion::Unknown) => {
                        "Failed to open mailbox to set version".to_owned()
                    }
                    (Error::Io { source, .. }, NewVersion::Keep) => {
                        let text = source.to_string();
                        text.split(" (os error").next().unwrap_or_default().to_owned()
                    }
                    (_, NewVersion::Keep) => "Failed to reconstruct mailbox".to_owned(),
                };
                io::complain(format!("{name}: {error} {what}\n").as_bytes());
                Ok(())
            }
        }
    }

    /// Does one mailbox under its user's lock and gives its directory of meta files.
    fn locked(&mut self, found: &Match) -> Result<std::result::Result<PathBuf, End>> {
        let store = &self.context.store;
        let owner = self.context.owner(&found.entry.name);
        let user = store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        if self.new_version == NewVersion::Keep {
            self.hold_against_files(&user, found)?;
        }
        let mode = match self.new_version {
            NewVersion::Keep => Mode::Shared,
            NewVersion::To(_) | NewVersion::Unknown => Mode::Exclusive,
        };
        // The entry may say less than cyrus.header: an entry made for a directory found has no id.
        let mut mailbox = Mailbox::open_entry(store, &user, &found.entry, mode, Wait::Block)?;
        if let Err(end) = entry::agree(&self.context, &user, &mut mailbox, &self.args)? {
            return Ok(Err(end));
        }
        if !self.args.has('q') {
            io::print(&[found.ext.as_slice(), b"\n"].concat());
        }
        let directory = mailbox.location().header.parent().map(Path::to_path_buf).unwrap_or_default();
        if let Err(end) = self.change_version(&user, &mut mailbox, found) {
            return Ok(Err(end));
        }
        let cleanup = mailbox.close()?;
        drop(user);
        if let (Repair::Mend, Cleanup::Wanted(location)) = (self.plan.repair, cleanup) {
            Mailbox::run_cleanup(store, *location)?;
        }
        Ok(Ok(directory))
    }

    fn hold_against_files(&self, user: &UserLock, found: &Match) -> Result<()> {
        if self.plan.repair == Repair::Mend && !self.args.has('q') {
            log::write(Priority::Notice, format_args!("reconstructing {}", found.entry.name));
        }
        tell(&self.context, user, &found.entry, &self.plan)
    }

    fn change_version(
        &self,
        user: &UserLock,
        mailbox: &mut Mailbox,
        found: &Match,
    ) -> std::result::Result<(), End> {
        let version = match self.new_version {
            NewVersion::Keep => return Ok(()),
            NewVersion::To(version) => version,
            NewVersion::Unknown => {
                let fatal = libcyrus::base::exit::Fatal::new(
                    "index version not supported",
                    libcyrus::base::exit::EX_SOFTWARE,
                );
                return Err(End(fatal.report()));
            }
        };
        let old = mailbox.index_header().version;
        if old == version {
            return Ok(());
        }
        let ext = String::from_utf8_lossy(&found.ext);
        let said = match mailbox.repack(user, Some(version)) {
            Ok(()) => format!("Converted {ext} version {} to {}\n", old.minor(), version.minor()),
            Err(error) => format!("FAILED TO REPACK {ext} with new version {error}\n"),
        };
        io::print(said.as_bytes());
        Ok(())
    }

    /// Makes the entries of mailboxes whose directories are there (`-p`).
    fn create_named(&self, words: &[std::ffi::OsString]) -> std::result::Result<(), End> {
        let refuse = |text: String| Err(End(io::usage(&text, "", EX_USAGE)));
        if words.is_empty() {
            io::complain(b"When using -p, you must specify a mailbox to attempt to reconstruct.");
            return Err(End(EX_USAGE));
        }
        let internal = |word: &std::ffi::OsStr| self.context.namespace.to_internal(word.as_bytes(), None);
        for word in words {
            if word.as_bytes().iter().any(|byte| matches!(byte, b'%' | b'*')) {
                return refuse("Using wildcards with -p is not supported.".to_owned());
            }
            if !matches!(self.context.catalog.lookup(&internal(word)), Err(Error::NotFound)) {
                let word = word.to_string_lossy();
                return refuse(format!("Mailbox {word} already exists.  Cannot specify -p."));
            }
        }
        for word in words {
            let partition = self.args.value('p').map(OsStrExt::as_bytes);
            if self.create(&internal(word), partition).is_err() {
                io::complain(&[b"could not create ", word.as_bytes(), b"\n"].concat());
            }
        }
        Ok(())
    }

    /// Makes the entry of a mailbox whose directory is there, with `-x` a new mailbox.
    fn create(&self, name: &MboxName, partition: Option<&[u8]>) -> Result<()> {
        discover::create(&self.context, name, partition, self.args.has('x'))
    }
}
