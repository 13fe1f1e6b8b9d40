//! What annotations there are: entries of server, a mailbox or a message, with the attributes asked
//! for.

use super::Attributes;
use crate::command::AnnotationRequest;
use crate::mailboxes::Found;
use crate::session::Session;
use libcyrus::auth::Op;
use libcyrus::service::msgfile::MsgFile;
use libcyrus::store::Result;
use libcyrus::store::annotate::definitions::{Definitions, Look};
use libcyrus::store::annotate::{Level, Scope, Source};
use libcyrus::store::counters::Counters;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{IndexHeader, Mailbox};
use libcyrus::sys::space::Space;
use libcyrus::util::datetime::print_internaldate;
use libcyrus::util::glob::Glob;
use libcyrus::util::ids::{Uid, UnixTime};
use libcyrus::util::mboxname::MboxName;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;

/// An entry with the attributes found: their names and values, `None` where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without `/shared` or `/private`.
    pub name: Vec<u8>,
    /// In the order found.
    pub attributes: Vec<(&'static str, Option<Vec<u8>>)>,
}

impl Entry {
    /// Whether one of the values holds `needle`; NIL and the empty string are only found in
    /// themselves. C: _search_annot_match()
    #[must_use]
    pub fn holds(&self, needle: Option<&[u8]>) -> bool {
        self.attributes.iter().any(|(_, value)| match (value.as_deref(), needle) {
            (None, None) => true,
            (Some(value), Some(needle)) if needle.is_empty() || value.is_empty() => value == needle,
            (Some(value), Some(needle)) => memchr::memmem::find(value, needle).is_some(),
            (None, Some(_)) | (Some(_), None) => false,
        })
    }
}

/// What is looked for.
#[derive(Debug)]
pub struct Wanted<'d> {
    looks: Vec<Look<'d>>,
    attributes: Attributes,
}

impl<'d> Wanted<'d> {
    /// From names as the client gave them.
    #[must_use]
    pub fn new(definitions: &'d Definitions, level: Level, request: &AnnotationRequest) -> Self {
        let attributes = Attributes::named(&request.attributes);
        let looks =
            if attributes.is_empty() { Vec::new() } else { definitions.to_fetch(level, &request.entries) };
        Self { looks, attributes }
    }
}

/// Gathers entries; what was found once is not told again. C: output_entryatt()
struct Collector<'u> {
    userid: &'u [u8],
    wants: Attributes,
    found: Attributes,
    told: BTreeSet<(Vec<u8>, Vec<u8>)>,
    open: bool,
    entries: Vec<Entry>,
}

impl<'u> Collector<'u> {
    fn new(userid: &'u [u8], wants: Attributes) -> Self {
        let (found, told) = (Attributes::default(), BTreeSet::new());
        Self { userid, wants, found, told, open: false, entries: Vec::new() }
    }

    /// A value of the user, or the shared one; `None` is told as NIL.
    fn put(&mut self, entry: &[u8], userid: &[u8], value: Option<&[u8]>) {
        let continues = self.open && self.entries.last().is_some_and(|last| last.name == entry);
        if !self.told.insert((entry.to_vec(), userid.to_vec())) {
            self.open = continues;
            return;
        }
        let names = if userid.is_empty() {
            [(Attributes::VALUE_SHARED, "value.shared"), (Attributes::SIZE_SHARED, "size.shared")]
        } else {
            [(Attributes::VALUE_PRIVATE, "value.priv"), (Attributes::SIZE_PRIVATE, "size.priv")]
        };
        let mut attributes = Vec::new();
        for (attribute, name) in names.into_iter().filter(|(attribute, _)| self.wants.has(*attribute)) {
            self.found = self.found.with(attribute);
            let is_value = attribute == Attributes::VALUE_SHARED || attribute == Attributes::VALUE_PRIVATE;
            let size = || value.map_or(0, <[u8]>::len).to_string().into_bytes();
            attributes.push((name, if is_value { value.map(<[u8]>::to_vec) } else { Some(size()) }));
        }
        match self.entries.last_mut().filter(|_| continues) {
            Some(last) => last.attributes.extend(attributes),
            None if attributes.is_empty() => self.open = false,
            None => {
                self.open = true;
                self.entries.push(Entry { name: entry.to_vec(), attributes });
            }
        }
    }

    fn shared(&mut self, look: &Look<'_>, value: impl Into<Vec<u8>>) {
        self.put(&look.pattern, b"", Some(&value.into()));
    }

    /// What a database has, and NIL for what was asked for by name and is not there.
    /// C: annotation_get_fromdb()
    fn stored(
        &mut self,
        look: &Look<'_>,
        each: impl FnOnce(&mut dyn FnMut(&[u8], &[u8], &[u8])) -> Result<()>,
    ) -> Result<()> {
        self.found = Attributes::default();
        let glob = Glob::new(&look.pattern, b'/');
        let userid = self.userid;
        each(&mut |entry, owner, value| {
            if glob.matches(entry) && (owner.is_empty() || owner == userid) && !value.is_empty() {
                self.put(entry, owner, Some(value));
            }
        })?;
        if self.found == self.wants || look.pattern.iter().any(|byte| b"%*".contains(byte)) {
            return Ok(());
        }
        let private = Attributes::VALUE_PRIVATE.with(Attributes::SIZE_PRIVATE);
        let shared = Attributes::VALUE_SHARED.with(Attributes::SIZE_SHARED);
        if !self.found.has(private) && self.wants.has(private) {
            self.put(&look.pattern, userid, None);
        }
        if !self.found.has(shared) && self.wants.has(shared) {
            self.put(&look.pattern, b"", None);
        }
        self.open = false;
        Ok(())
    }
}

/// The entries of the server.
///
/// # Errors
/// What reading the database gives.
pub fn server(session: &Session<'_>, wanted: &Wanted<'_>) -> Result<Vec<Entry>> {
    let userid = session.user.as_ref().map_or(&[][..], |user| user.auth.userid());
    let catalog = &session.imapd.catalog;
    let mut found = Collector::new(userid, wanted.attributes);
    for look in &wanted.looks {
        match look.definition.map_or(Source::Database, |definition| definition.source) {
            Source::Motd => put_file(session, &mut found, look, MsgFile::Motd),
            Source::Shutdown => put_file(session, &mut found, look, MsgFile::Shutdown),
            Source::FreeSpace => {
                let free: u64 = catalog.spaces().iter().map(Space::available_kib).sum();
                found.shared(look, free.to_string());
            }
            Source::FreeSpaceTotal => {
                let spaces = catalog.spaces();
                let free: u64 = spaces.iter().map(Space::available_kib).sum();
                let total: u64 = spaces.iter().map(Space::total_kib).sum();
                found.shared(look, format!("{free};{total}"));
            }
            Source::FreeSpaceMost => {
                let share = |free: u64, total: u64| u128::from(free) * 1_000_000 / u128::from(total.max(1));
                let spaces = catalog.spaces();
                // Of equal ones the first.
                let most =
                    spaces.iter().rev().max_by_key(|space| share(space.available_kib(), space.total_kib()));
                let (free, total) = most.map_or((0, 0), |space| (space.available_kib(), space.total_kib()));
                found.shared(look, format!("{free};{total}"));
            }
            Source::UserModSeq => {
                let counters = catalog.read_counters(&MboxName::user_inbox(userid, catalog.rules()));
                let highest = counters.unwrap_or_default().highest();
                found.put(&look.pattern, userid, Some(highest.to_string().as_bytes()));
            }
            Source::UserCounters => {
                let counters = catalog.read_counters(&MboxName::user_inbox(userid, catalog.rules()));
                // Where there is no file all is 0, the version too.
                let summary = counters.ok().map(|counters| match counters == Counters::default() {
                    true => "0 0 0 0 0 0 0 0 0 0 0 0 0".to_owned(),
                    false => counters.summary(),
                });
                found.put(&look.pattern, userid, summary.as_deref().map(str::as_bytes));
            }
            _ => found.stored(look, |f| {
                catalog.each_annotation(Scope::Server, |entry, owner, value| {
                    f(entry, owner, value);
                    ControlFlow::Continue(())
                })
            })?,
        }
    }
    Ok(found.entries)
}

fn put_file(session: &Session<'_>, found: &mut Collector<'_>, look: &Look<'_>, file: MsgFile) {
    found.put(&look.pattern, b"", session.imapd.msgfiles.text(file).as_deref());
}

/// The entries of a mailbox.
///
/// # Errors
/// What opening the mailbox or reading the database gives.
pub fn mailbox(session: &Session<'_>, mailbox: &Found, wanted: &Wanted<'_>) -> Result<Vec<Entry>> {
    let userid = session.user.as_ref().map_or(&[][..], |user| user.auth.userid());
    let catalog = &session.imapd.catalog;
    let mut found = Collector::new(userid, wanted.attributes);
    let may_read = session.authorize(Op::ReadAnnotations, mailbox).is_ok();
    let may_look = session.authorize(Op::Lookup, mailbox).is_ok();
    let mut header: Option<IndexHeader> = None;
    for look in &wanted.looks {
        let source = look.definition.map_or(Source::Database, |definition| definition.source);
        if !(may_read || may_look && source == Source::Partition) {
            continue;
        }
        let value = match source {
            Source::Partition => mailbox.entry.partition.clone(),
            Source::FolderModSeq => Some(mailbox.entry.foldermodseq.to_string().into_bytes()),
            Source::UniqueId => mailbox.entry.uniqueid.clone(),
            Source::LastUpdate => {
                let location = catalog.location(&mailbox.entry)?;
                let Ok(found) = std::fs::metadata(&location.index) else { continue };
                date(UnixTime(found.mtime()))
            }
            Source::AnnotSize
            | Source::LastPop
            | Source::Option(_)
            | Source::Pop3ShowAfter
            | Source::Size
            | Source::SyncCrcs => {
                let header = match &header {
                    Some(header) => header,
                    None => header.insert(read_header(session, mailbox)?),
                };
                of_header(source, header)
            }
            _ => {
                found.stored(look, |f| {
                    catalog.each_annotation(Scope::Mailbox(&mailbox.entry), |entry, owner, value| {
                        f(entry, owner, value);
                        ControlFlow::Continue(())
                    })
                })?;
                continue;
            }
        };
        found.put(&look.pattern, b"", value.as_deref());
    }
    Ok(found.entries)
}

fn read_header(session: &Session<'_>, mailbox: &Found) -> Result<IndexHeader> {
    let store = &session.imapd.store;
    let lock = store.lock_owner(mailbox.owner.as_deref(), Mode::Shared)?;
    let location = session.imapd.catalog.location(&mailbox.entry)?;
    let mut opened = Mailbox::open(store, &lock, location, Mode::Shared, Wait::Block)?;
    let header = opened.lock_index(&lock, Mode::Shared)?.header().clone();
    Ok(header)
}

fn of_header(source: Source, header: &IndexHeader) -> Option<Vec<u8>> {
    let text = match source {
        Source::AnnotSize => header.quota_annot_used.to_string(),
        Source::LastPop => return date(header.pop3_last_login),
        Source::Option(mask) => header.options.has(mask).to_string(),
        Source::Pop3ShowAfter => return date(header.pop3_show_after),
        Source::Size => header.quota_mailbox_used.to_string(),
        Source::SyncCrcs => format!("{} {}", header.synccrc_basic, header.synccrc_annot),
        _ => return None,
    };
    Some(text.into_bytes())
}

/// `None` for a time that never was.
fn date(time: UnixTime) -> Option<Vec<u8>> {
    let offset_s = libcyrus::sys::time::local(time.0).utc_offset_s;
    (time.0 != 0).then(|| print_internaldate(time.0, i64::from(offset_s)).into_bytes())
}

/// The entries of a message.
///
/// # Errors
/// What reading the database gives.
pub fn message(mailbox: &Mailbox, uid: Uid, userid: &[u8], wanted: &Wanted<'_>) -> Result<Vec<Entry>> {
    let mut found = Collector::new(userid, wanted.attributes);
    if wanted.looks.is_empty() {
        return Ok(found.entries);
    }
    let stored = mailbox.annotations_of(uid)?;
    for look in &wanted.looks {
        found.stored(look, |f| {
            stored.iter().for_each(|each| f(&each.entry, &each.userid, &each.value));
            Ok(())
        })?;
    }
    Ok(found.entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(entries: &[Entry]) -> Vec<String> {
        let value = |value: &Option<Vec<u8>>| match value {
            Some(value) => String::from_utf8_lossy(value).into_owned(),
            None => "NIL".into(),
        };
        let show = |entry: &Entry| {
            let attributes = entry.attributes.iter().map(|(name, of)| format!("{name}={}", value(of)));
            let attributes: Vec<String> = attributes.collect();
            format!("{} {}", String::from_utf8_lossy(&entry.name), attributes.join(" "))
        };
        entries.iter().map(show).collect()
    }

    fn check(pattern: &str, attributes: &[&str], expected: &[&str]) {
        let attributes: Vec<Vec<u8>> = attributes.iter().map(|name| name.as_bytes().to_vec()).collect();
        let mut found = Collector::new(b"ann", Attributes::named(&attributes));
        let look = Look { definition: None, pattern: pattern.as_bytes().to_vec() };
        let stored = [("/a", "", "ours"), ("/a", "ann", "mine"), ("/a", "bert", "his"), ("/b", "ann", "x")];
        let walked = found.stored(&look, |f| {
            stored
                .iter()
                .for_each(|(entry, owner, value)| f(entry.as_bytes(), owner.as_bytes(), value.as_bytes()));
            Ok(())
        });
        assert!(walked.is_ok());
        assert_eq!(shown(&found.entries), expected, "{pattern} {attributes:?}");
    }

    #[test]
    fn shared_and_own_values_of_an_entry_stand_together() {
        check("/a", &["value"], &["/a value.shared=ours value.priv=mine"]);
        check(
            "/*",
            &["value", "size.priv"],
            &["/a value.shared=ours value.priv=mine size.priv=4", "/b value.priv=x size.priv=1"],
        );
    }

    #[test]
    fn what_is_named_and_missing_is_nil() {
        check("/b", &["value"], &["/b value.priv=x value.shared=NIL"]);
        check("/c", &["value.shared", "size.shared"], &["/c value.shared=NIL size.shared=0"]);
        check("/c*", &["value"], &[]);
    }
}
