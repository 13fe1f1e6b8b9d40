//! cyr_expire: removes what is old: messages, expunged messages, deleted mailboxes, tombstones and
//! deliveries; moves messages to the archive.

mod options;

use crate::context::Context;
use crate::edit::edit;
use crate::{Call, io};
use libcyrus::auth::Granted;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::{EX_CONFIG, EX_OK, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::store::annotate::Scope;
use libcyrus::store::conversations::Conversations;
use libcyrus::store::event::EventKind;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::{IndexGuard, Record, SystemFlags, UnlinkMark};
use libcyrus::store::mboxlist::{Actor, DeleteHow, MbEntry, MbKind, Show};
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::MboxName;
use options::{Options, duration};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

/// Seconds of a day.
const DAY_S: i64 = 86400;

/// Age at which tombstones go.
const TOMBSTONE_S: i64 = 7 * DAY_S;

/// What one run works with and has done so far.
struct Run {
    context: Context,
    options: Options,
    /// From which age on the messages of each mailbox with an `expire` annotation went.
    marks: HashMap<Vec<u8>, UnixTime>,
    mailboxes: u64,
    messages: u64,
    expired: u64,
    expunged: u64,
    userflags: u64,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let options = match Options::parse(call) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let context = match Context::open(options.config.as_deref(), "cyr_expire", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    if context.namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    let mut run = Run {
        context,
        options,
        marks: HashMap::new(),
        mailboxes: 0,
        messages: 0,
        expired: 0,
        expunged: 0,
        userflags: 0,
    };
    match run.work() {
        Ok(()) => EX_OK,
        Err(error) => io::failed(&error),
    }
}

/// So many seconds ago.
fn ago(seconds: i64) -> UnixTime {
    UnixTime(UnixTime::now().0.saturating_sub(seconds))
}

/// Seconds as C prints them in days.
fn days(seconds: i64) -> String {
    let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
    format!("{:.2}", f64::from(seconds) / 86400.0)
}

impl Run {
    fn work(&mut self) -> Result<()> {
        if let Some(age_s) = self.options.archive_s {
            self.archive(age_s)?;
        }
        // As in C, `-E 0` alone is the one thing that leaves out this step.
        let wanted =
            self.options.expunge_s.is_some() || self.options.expire_s != Some(0) || self.options.userflags;
        if self.options.expunges && wanted {
            self.expire()?;
        }
        if self.options.conversations && self.context.config().switch(Opt::Conversations) {
            self.expire_conversations()?;
        }
        let is_delayed = self.context.config().choice(Opt::DeleteMode) == "delayed";
        if let Some(age_s) = self.options.delete_s.filter(|_| is_delayed) {
            self.delete(age_s)?;
        }
        if let Some(age_s) = self.options.expire_s.filter(|age_s| *age_s > 0) {
            self.prune(age_s)?;
        }
        Ok(())
    }

    /// Tells something with `-v`. C: verbosep()
    fn say(&self, text: &str) {
        if self.options.verbose {
            io::complain(format!("{text}\n").as_bytes());
        }
    }

    /// The entries that are meant, in C's order. C: mboxlist_allmbox(), mboxlist_usermboxtree()
    fn entries(&self, shows: impl Fn(&MbEntry) -> bool) -> Result<Vec<MbEntry>> {
        let catalog = &self.context.catalog;
        let rules = catalog.rules();
        let mut entries = Vec::new();
        let mut collect = |entry: MbEntry| {
            if shows(&entry) && !entry.mbtype.is_remote() {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        };
        let Some(userid) = &self.options.userid else {
            let prefix = self.options.prefix.as_deref().unwrap_or_default();
            let prefix = if prefix.is_empty() {
                Vec::new()
            } else {
                self.context.namespace.to_internal(prefix, None).to_db(rules)
            };
            catalog.each_entry(&prefix, Show::Everything, collect)?;
            return Ok(entries);
        };
        let inbox = MboxName::user_inbox(userid, rules);
        match catalog.lookup_any(&inbox) {
            Ok(entry) => {
                let _ = collect(entry);
            }
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        catalog.each_child(&inbox, Show::Everything, &mut collect)?;
        // The name without the time stamp at its end.
        let mut deleted = inbox.to_deleted(1, rules).to_db(rules);
        while deleted.last().is_some_and(u8::is_ascii_hexdigit) {
            deleted.pop();
        }
        catalog.each_entry(&deleted, Show::Everything, &mut collect)?;
        Ok(entries)
    }

    /// A duration in an annotation of the mailbox; those of the mailboxes above do not count, as
    /// in C. C: get_annotation_value()
    fn annotated(&self, entry: &MbEntry, name: &[u8]) -> Option<i64> {
        if self.options.skips_annotations {
            return None;
        }
        let value = self.context.catalog.annotation(Scope::Mailbox(entry), name, b"").ok()??;
        duration(&value)
    }

    /// C: do_archive()
    fn archive(&self, age_s: i64) -> Result<()> {
        let mut mark = ago(age_s);
        for entry in self.entries(|entry| !entry.mbtype.is_deleted() && !entry.mbtype.is_intermediate())? {
            // As in C, the mark of one mailbox stays for those that follow.
            match self.annotated(&entry, b"/vendor/cmu/cyrus-imapd/archive") {
                Some(0) => mark = UnixTime(0),
                Some(age_s) => mark = ago(age_s),
                None => {}
            }
            let done = edit(&self.context, &entry.name, |index| {
                index.archive(|record| self.archives(&entry, record, mark))
            });
            if let Err(error) = done {
                log::write(Priority::Warning, format_args!("unable to archive {}: {error}", entry.name));
            }
        }
        Ok(())
    }

    /// C: mailbox_should_archive()
    fn archives(&self, entry: &MbEntry, record: &Record, mark: UnixTime) -> bool {
        let config = self.context.config();
        let size_max = self.context.store.settings().archive_maxsize_octets;
        if !config.switch(Opt::ArchiveEnabled) || !record.is_live() {
            return false;
        }
        if u64::from(record.size) >= size_max || entry.name.is_deleted(self.context.catalog.rules()) {
            return true;
        }
        let is_flagged =
            config.switch(Opt::ArchiveKeepflagged) && record.system_flags.has(SystemFlags::FLAGGED);
        let stays = matches!(entry.mbtype.kind, MbKind::Addressbook | MbKind::Calendar);
        !stays && !is_flagged && record.internaldate <= mark
    }

    /// C: do_expunge()
    fn expire(&mut self) -> Result<()> {
        let mark = match self.options.expunge_s {
            Some(age_s) => {
                let days = days(age_s);
                self.say(&format!("Expunging deleted messages in mailboxes older than {days} days\n"));
                ago(age_s)
            }
            None => UnixTime(0),
        };
        let tombstone_mark = u64::try_from(ago(TOMBSTONE_S).0).unwrap_or(0);
        for entry in self.entries(|entry| !entry.mbtype.is_intermediate())? {
            let name = &entry.name;
            if entry.mbtype.is_deleted() {
                if entry.mtime < tombstone_mark {
                    self.say(&format!("Removing stale tombstone for {name}\n"));
                    log::write(Priority::Notice, format_args!("Removing stale tombstone for {name}"));
                    self.remove_tombstone(name)?;
                }
                continue;
            }
            if let Err(error) = self.expire_mailbox(&entry, mark) {
                log::write(Priority::Warning, format_args!("unable to open mailbox {name}: {error}"));
            }
        }
        let text = format!(
            "Expired {} and expunged {} out of {} messages from {} mailboxes",
            self.expired, self.expunged, self.messages, self.mailboxes
        );
        log::write(Priority::Notice, format_args!("{text}"));
        self.say(&format!("\n{text}\n"));
        if self.options.userflags {
            let text = format!("Expunged {} user flags", self.userflags);
            log::write(Priority::Notice, format_args!("{text}"));
            self.say(&format!("{text}\n"));
        }
        Ok(())
    }

    fn remove_tombstone(&self, name: &MboxName) -> Result<()> {
        let owner = self.context.owner(name);
        let lock = self.context.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        // Somebody may have made the mailbox anew meanwhile.
        if self.context.catalog.lookup_any(name).is_ok_and(|entry| entry.mbtype.is_deleted()) {
            self.context.catalog.remove_entry(&lock, name)?;
        }
        Ok(())
    }

    fn expire_mailbox(&mut self, entry: &MbEntry, mark: UnixTime) -> Result<()> {
        let age_s = self.annotated(entry, b"/vendor/cmu/cyrus-imapd/expire");
        let messages_mark = age_s.map(|age_s| if age_s == 0 { UnixTime(0) } else { ago(age_s) });
        let done = edit(&self.context, &entry.name, |index| {
            let name = &entry.name;
            let mut expired = 0;
            if let (Some(age_s), Some(mark)) = (age_s.filter(|age_s| *age_s > 0), messages_mark) {
                self.say(&format!("expiring messages in {name} older than {} days\n", days(age_s)));
                expired = index.expunge(EventKind::MessageExpire, |record| record.gmtime < mark)?.uids.len();
            }
            let seen = index.num_records();
            let userflags = if self.options.userflags { self.free_userflags(index)? } else { 0 };
            self.say(&format!("cleaning up expunged messages in {name}\n"));
            let expunged = index.mark_unlinked(UnlinkMark::Until(mark))?;
            Ok((expired, seen, userflags, expunged))
        });
        let (expired, seen, userflags, expunged) = done?;
        if let Some(mark) = messages_mark {
            self.marks.insert(entry.name.as_bytes().to_vec(), mark);
        }
        self.mailboxes = self.mailboxes.saturating_add(1);
        self.messages = self.messages.saturating_add(u64::from(seen));
        self.expired = self.expired.saturating_add(u64::try_from(expired).unwrap_or(0));
        self.expunged = self.expunged.saturating_add(u64::from(expunged));
        self.userflags = self.userflags.saturating_add(userflags);
        Ok(())
    }

    /// Frees the keywords that no message has. C: expunge_userflags()
    fn free_userflags(&self, index: &mut IndexGuard<'_>) -> Result<u64> {
        let mut used = BTreeSet::new();
        for record in index.records() {
            let record = record?;
            if record.is_live() {
                used.extend(record.user_flags.iter());
            }
        }
        let names = index.mailbox_header().flag_names();
        let unused: Vec<(u8, Vec<u8>)> = names
            .filter(|(slot, _)| !used.contains(slot))
            .map(|(slot, name)| (slot, name.to_vec()))
            .collect();
        for (slot, flag) in &unused {
            let flag = String::from_utf8_lossy(flag);
            let name = &index.mailbox().location().name;
            self.say(&format!("Expunging userflag {slot} ({flag}) from {name}\n"));
            index.remove_user_flag(*slot)?;
        }
        Ok(u64::try_from(unused.len()).unwrap_or(0))
    }

    /// C: do_cid_expire()
    fn expire_conversations(&self) -> Result<()> {
        let catalog = &self.context.catalog;
        let age_s = self.context.config().duration_s(Opt::ConversationsExpireAfter);
        // As in C whole days are told.
        let whole = age_s / DAY_S;
        self.say(&format!("Removing conversation entries older than {whole}.00 days\n"));
        let mark = ago(age_s);
        let mut done = BTreeSet::new();
        let (mut seen, mut removed) = (0_u64, 0_u64);
        for entry in self.entries(|entry| !entry.mbtype.is_deleted())? {
            if entry.name.is_deleted(catalog.rules()) {
                continue;
            }
            let Some(owner) = self.context.owner(&entry.name) else { continue };
            let path = catalog.user_path(&owner, "conversations")?;
            if done.contains(&path) {
                continue;
            }
            self.say(&format!("Pruning conversations from db {}\n", path.display()));
            let lock = self.context.store.lock_owner(Some(&owner), Mode::Exclusive)?;
            let pruned = Conversations::open(catalog, &lock, &entry.name).and_then(|mut open| {
                let pruned = open.prune(mark)?;
                open.commit().map(|()| pruned)
            });
            match pruned {
                Ok(pruned) => {
                    seen = seen.saturating_add(pruned.seen);
                    removed = removed.saturating_add(pruned.removed);
                }
                Err(error) => {
                    log::write(
                        Priority::Warning,
                        format_args!("unable to prune {}: {error}", path.display()),
                    );
                }
            }
            done.insert(path);
        }
        let count = done.len();
        let text =
            format!("Expired {removed} entries of {seen} entries seen in {count} conversation databases");
        log::write(Priority::Notice, format_args!("{text}"));
        self.say(&format!("{text}\n"));
        Ok(())
    }

    /// C: do_delete()
    fn delete(&self, age_s: i64) -> Result<()> {
        let catalog = &self.context.catalog;
        self.say(&format!("Removing deleted mailboxes older than {} days\n", days(age_s)));
        let mut mark = ago(age_s);
        let mut names = Vec::new();
        for entry in self.entries(|entry| !entry.mbtype.is_deleted())? {
            let deleted_at = entry.name.parts(catalog.rules()).deleted;
            if !entry.name.is_deleted(catalog.rules()) {
                continue;
            }
            // As in C, the mark of one mailbox stays for those that follow.
            match self.annotated(&entry, b"/vendor/cmu/cyrus-imapd/delete") {
                Some(0) => mark = UnixTime(0),
                Some(age_s) => mark = ago(age_s),
                None => {}
            }
            if deleted_at != 0 && i64::try_from(deleted_at).is_ok_and(|at| at <= mark.0) {
                self.say(&format!("Cleaning up {}\n", entry.name));
                names.push(entry.name);
            }
        }
        let actor = Actor::Tool(Granted::admin("cyr_expire"));
        for name in &names {
            self.say(&format!("Removing: {name}\n"));
            let owner = self.context.owner(name);
            let lock = self.context.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
            let how = DeleteHow::Immediately;
            if let Err(error) = catalog.delete_mailbox(&self.context.store, &lock, &actor, name, how) {
                log::write(Priority::Warning, format_args!("unable to remove {name}: {error}"));
            }
        }
        let text = format!("Removed {} deleted mailboxes", names.len());
        self.say(&format!("{text}\n"));
        log::write(Priority::Notice, format_args!("{text}"));
        Ok(())
    }

    /// C: duplicate_prune()
    fn prune(&self, age_s: i64) -> Result<()> {
        log::write(Priority::Notice, format_args!("duplicate_prune: pruning back {} days", days(age_s)));
        let mark = ago(age_s);
        let mark_of = |to: &[u8]| self.marks.get(to).copied().unwrap_or(mark);
        let (seen, purged) = self.context.catalog.prune_duplicates(mark_of)?;
        log::write(Priority::Notice, format_args!("duplicate_prune: purged {purged} out of {seen} entries"));
        Ok(())
    }
}
