//! ctl_conversationsdb: dump, load, rebuild and audit the conversations of users.

use crate::context::Context;
use crate::edit::edit;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_USAGE};
use libcyrus::base::start::Need;
use libcyrus::store::conversations::{Conversations, Difference, Recount};
use libcyrus::store::lock::{Mode, UserLock, Wait};
use libcyrus::store::mailbox::{InternalFlags, Mailbox, Touch};
use libcyrus::store::mboxlist::{MbEntry, MbKind, Show};
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::RecNo;
use libcyrus::util::mboxname::MboxName;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What to do with the conversations of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Dump,
    Load,
    Zero,
    Build,
    Recount,
    Audit,
    CheckFolders,
}

/// Options besides the task.
struct Run {
    context: Context,
    verbose: bool,
    recount: Recount,
    /// `-T`: where the database of an audit is kept.
    directory: Option<PathBuf>,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "durzSAbvRFC:T:", long: &[] };
    let wrong = |complaint: &str| io::usage(complaint, &usage(call), EX_USAGE);
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return wrong(&complaint),
    };
    let tasks: Vec<Task> = args.options.iter().filter_map(|given| task(given.letter)).collect();
    let [task] = *tasks.as_slice() else { return wrong("") };
    let recursive = args.has('r');
    let user = match args.words.as_slice() {
        [user] => Some(user.as_encoded_bytes().to_vec()),
        _ if recursive => None,
        _ => return wrong(""),
    };
    let config = args.value('C').map(Path::new);
    let context = match Context::open(config, "ctl_conversationsdb", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let run = Run {
        context,
        verbose: args.has('v'),
        recount: if args.has('S') { Recount::Join } else { Recount::Keep },
        directory: args.value('T').map(PathBuf::from),
    };
    // As in C, the user given with -r is no prefix: all users are meant.
    let users = match (recursive, user) {
        (false, Some(user)) => vec![user],
        _ => match run.users() {
            Ok(users) => users,
            Err(error) => return io::failed(&error),
        },
    };
    for user in users {
        // As in C a failure ends the walk, but is no exit code.
        if let Err(error) = run.user(task, &user) {
            if !matches!(error, Error::NotFound) {
                complain(format_args!("{}: {error}", String::from_utf8_lossy(&user)));
            }
            break;
        }
    }
    EX_OK
}

fn task(letter: char) -> Option<Task> {
    Some(match letter {
        'd' => Task::Dump,
        'u' => Task::Load,
        'z' => Task::Zero,
        'b' => Task::Build,
        'R' => Task::Recount,
        'A' => Task::Audit,
        'F' => Task::CheckFolders,
        _ => return None,
    })
}

fn complain(text: std::fmt::Arguments<'_>) {
    io::complain(format!("{text}\n").as_bytes());
}

impl Run {
    /// The owner of every mailbox, one after the other; owners of deleted ones are among them.
    /// C: mboxlist_alluser()
    fn users(&self) -> Result<Vec<Vec<u8>>> {
        let mut users: Vec<Vec<u8>> = Vec::new();
        self.context.catalog.each_entry(b"", Show::Living, |entry| {
            let owner = entry.name.parts(self.context.catalog.rules()).userid();
            users.extend(owner.filter(|owner| users.last() != Some(owner)));
            ControlFlow::Continue(())
        })?;
        Ok(users)
    }

    fn user(&self, task: Task, user: &[u8]) -> Result<()> {
        let inbox = MboxName::user_inbox(user, self.context.catalog.rules());
        let lock = self.context.store.lock_owner(Some(user), Mode::Exclusive)?;
        match task {
            Task::Dump => self.dump(user),
            Task::Load => self.load(user),
            Task::Zero => {
                for entry in self.mailboxes(user)? {
                    self.zero(&entry)?;
                }
                Ok(())
            }
            Task::Build => {
                for entry in self.mailboxes(user)? {
                    self.build(&entry)?;
                }
                Ok(())
            }
            Task::Recount => {
                let mut open = Conversations::open(&self.context.catalog, &lock, &inbox)?;
                let wipe = open.goes_by_name();
                self.recount(&mut open, user, &lock, wipe, Mode::Exclusive)?;
                open.commit()
            }
            Task::Audit => self.audit(user, &lock),
            Task::CheckFolders => {
                let open = Conversations::open(&self.context.catalog, &lock, &inbox)?;
                let folders = || open.folders().iter().filter(|folder| folder.as_slice() != b"-");
                let distinct: std::collections::BTreeSet<_> = folders().collect();
                let verdict: &[u8] = if distinct.len() == folders().count() { b"OK " } else { b"DUPLICATE " };
                io::print(&[verdict, user, b"\n"].concat());
                Ok(())
            }
        }
    }

    /// The mailboxes of a user that have conversations, INBOX first.
    fn mailboxes(&self, user: &[u8]) -> Result<Vec<MbEntry>> {
        let mut entries = self.context.catalog.user_mailboxes(user, false)?;
        entries.retain(|entry| {
            let mbtype = &entry.mbtype;
            !mbtype.is_deleted() && !mbtype.is_intermediate() && !mbtype.is_remote()
        });
        Ok(entries)
    }

    fn is_kept(&self, entry: &MbEntry) -> bool {
        let kind: MbKind = entry.mbtype.kind;
        self.context.catalog.has_conversations(&entry.name, kind)
    }

    /// C: do_dump()
    fn dump(&self, user: &[u8]) -> Result<()> {
        let path = self.context.catalog.user_path(user, "conversations")?;
        if let Err(error) = std::fs::metadata(&path) {
            complain(format_args!("{}: {}", path.display(), io::reason(&error)));
            return Err(Error::NotFound);
        }
        let mut open = Conversations::open_path(&self.context.catalog, &path, user)?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for (key, value) in open.dump()? {
            // As in C a value is shown up to its first NUL.
            let shown = |text: &[u8]| text.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
            let line = [shown(&key).as_slice(), b"\t", &shown(&value), b"\n"].concat();
            if out.write_all(&line).is_err() {
                break;
            }
        }
        // A reader that went away is no failure.
        let _ = out.flush();
        Ok(())
    }

    /// C: do_undump()
    fn load(&self, user: &[u8]) -> Result<()> {
        let path = self.context.catalog.user_path(user, "conversations")?;
        let mut open = Conversations::open_path(&self.context.catalog, &path, user)?;
        let mut records = std::collections::BTreeMap::new();
        for line in std::io::stdin().lock().split(b'\n') {
            let line = line.map_err(|error| Error::io("read", Path::new("stdin"), error))?;
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match line.iter().position(|&byte| byte == b'\t') {
                Some(tab) => {
                    let (key, value) = line.split_at(tab);
                    records.insert(key.to_vec(), value.get(1..).unwrap_or_default().to_vec());
                }
                None => drop(records.remove(&line)),
            }
        }
        open.replace(records)?;
        open.commit()
    }

    /// C: zero_cid_cb()
    fn zero(&self, entry: &MbEntry) -> Result<()> {
        let done = edit(&self.context, &entry.name, |index| {
            for recno in 1..=index.num_records() {
                let mut record = index.record(RecNo(recno))?;
                if record.cid == 0 || record.internal_flags.has(InternalFlags::UNLINKED) {
                    continue;
                }
                record.cid = 0;
                record.internal_flags = record.internal_flags.without(InternalFlags::SPLITCONVERSATION);
                index.rewrite(&mut record, Touch::Modseq)?;
            }
            Ok(())
        });
        self.or_skip(entry, done)
    }

    /// C: build_cid_cb()
    fn build(&self, entry: &MbEntry) -> Result<()> {
        if !self.is_kept(entry) {
            return Ok(());
        }
        let done = edit(&self.context, &entry.name, |index| {
            for recno in 1..=index.num_records() {
                let mut record = index.record(RecNo(recno))?;
                if record.cid == 0 && !record.internal_flags.has(InternalFlags::UNLINKED) {
                    index.rewrite(&mut record, Touch::Modseq)?;
                    index.want_conversation(&record);
                }
            }
            Ok(())
        });
        self.or_skip(entry, done)
    }

    fn or_skip(&self, entry: &MbEntry, done: Result<()>) -> Result<()> {
        if let Err(Error::NotFound | Error::Moved) = done {
            complain(format_args!("Failed to open mailbox {}, skipping", entry.name));
            return Ok(());
        }
        done
    }

    /// C: do_recalc()
    fn recount(
        &self,
        open: &mut Conversations,
        user: &[u8],
        lock: &UserLock,
        wipe: bool,
        mode: Mode,
    ) -> Result<()> {
        let (store, catalog) = (&self.context.store, &self.context.catalog);
        open.zero_counts(wipe)?;
        let how = if mode == Mode::Exclusive { self.recount } else { Recount::Keep };
        for entry in self.mailboxes(user)? {
            if self.verbose {
                io::print(&[entry.name.as_bytes(), b"\n"].concat());
            }
            if !self.is_kept(&entry) {
                continue;
            }
            let mut mailbox = Mailbox::open_entry(store, lock, &entry, Mode::Shared, Wait::Block)?;
            let mut index = mailbox.lock_index(lock, mode)?;
            open.recount(&mut index, how)?;
            index.conversations_are_counted();
            if mode == Mode::Exclusive && index.commit()?.changed {
                catalog.forget_status(&entry.name);
                catalog.sync_log(&[b"MAILBOX", entry.name.as_bytes()]);
            }
        }
        open.remove_empty()
    }

    /// Counts into a copy and compares it with the real database. C: do_audit()
    fn audit(&self, user: &[u8], lock: &UserLock) -> Result<()> {
        let catalog = &self.context.catalog;
        let name = String::from_utf8_lossy(user);
        let say = |text: &str| {
            if self.verbose {
                io::print(text.as_bytes());
            }
        };
        say(&format!("User {name}\nPass 1: recalculate counts into temporary db\n"));
        let real = catalog.user_path(user, "conversations")?;
        let file = format!("{name}.conversations.audit.{}.db", std::process::id()).replace('/', "^");
        let copy = match (&self.directory, real.parent()) {
            (Some(directory), _) => directory.join(file),
            (None, Some(directory)) => directory.join(file),
            (None, None) => PathBuf::from(file),
        };
        if let Err(error) = std::fs::copy(&real, &copy) {
            complain(format_args!("Cannot make temp copy of conversations db {}: {error}", real.display()));
            return Err(Error::NotFound);
        }
        let compared = (|| -> Result<Vec<Difference>> {
            let mut counted = Conversations::open_path(catalog, &copy, user)?;
            self.recount(&mut counted, user, lock, false, Mode::Shared)?;
            counted.commit()?;
            say("Pass 2: find differences from recalculated to live dbs\n");
            let mut counted = Conversations::open_path(catalog, &copy, user)?;
            let inbox = MboxName::user_inbox(user, catalog.rules());
            Conversations::open(catalog, lock, &inbox)?.differences(&mut counted)
        })();
        // What is left of the copy disturbs nobody.
        let _ = std::fs::remove_file(&copy);
        let found = compared?;
        if self.verbose {
            for difference in &found {
                io::print(&tell(difference));
            }
        }
        if !found.is_empty() {
            io::print(format!("{name} is BROKEN ({} differences)\n", found.len()).as_bytes());
        } else {
            say(&format!("{name} is OK\n"));
        }
        Ok(())
    }
}

/// The lines of one difference.
fn tell(difference: &Difference) -> Vec<u8> {
    let line = |label: &str, value: &[u8]| {
        let value = value.split(|&byte| byte == 0).next().unwrap_or_default();
        [label.as_bytes(), b": \"", &difference.key, b"\" data \"", value, b"\"\n"].concat()
    };
    match (&difference.real, &difference.recounted) {
        (Some(real), Some(counted)) => [line("REAL", real), line("TEMP", counted)].concat(),
        (Some(real), None) => line("REALONLY", real),
        (None, Some(counted)) => line("TEMPONLY", counted),
        (None, None) => Vec::new(),
    }
}

fn usage(call: &Call) -> String {
    format!(
        "usage: {} [options] [-u|-d|-z|-f] [-r] username\n\
         \n\
         options are:\n    \
         -v             be more verbose\n    \
         -C altconfig   use altconfig instead of imapd.conf\n    \
         -u             undump the conversations database from stdin\n    \
         -d             dump the conversations database to stdout\n    \
         -z             zero the conversations DB (make all NULLs)\n    \
         -b             build conversations entries for any NULL records\n    \
         -R             recalculate all counts\n    \
         -A             audit conversations DB counts\n    \
         -F             check folder names\n    \
         -T dir         store temporary data for audit in dir\n\
         \n    \
         -r             recursive mode: username is a prefix\n",
        call.prog.to_string_lossy()
    )
}
