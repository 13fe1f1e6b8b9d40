//! GETMETADATA and SETMETADATA (RFC 5464): the entries that are known, and what they hold.

use crate::command::{MetadataDepth, MetadataName, MetadataOptions};
use crate::mailboxes::Found;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{Op, ServerOp};
use libcyrus::base::log::{self, Priority};
use libcyrus::service::msgfile::MsgFile;
use libcyrus::store::annotate::Scope;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::{IndexHeader, MailboxOptions, Touch};
use libcyrus::store::{Error, Result};
use libcyrus::util::datetime::{parse_rfc5322, print_internaldate};
use libcyrus::util::glob::Glob;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::imapstr::{put_astring, put_nstring, put_string};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Where an entry's value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    AnnotSize,
    Database,
    File(MsgFile),
    FolderModSeq,
    LastPop,
    Option(u32),
    Partition,
    Pop3ShowAfter,
    Size,
    SpecialUse,
    SyncCrcs,
    UniqueId,
}

/// What a value must look like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    String,
    Number,
}

/// Which halves an entry may be set in, and by whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sides {
    Both,
    Private,
    Shared,
    /// Shared, and only with the right to administer.
    SharedAdmin,
    BothAdmin,
    ReadOnly,
}

type Entry = (&'static str, Kind, Sides, Source);

const MAILBOX: &[Entry] = &[
    ("/check", Kind::Boolean, Sides::Both, Source::Database),
    ("/checkperiod", Kind::Number, Sides::Both, Source::Database),
    ("/comment", Kind::String, Sides::Both, Source::Database),
    ("/sort", Kind::String, Sides::Both, Source::Database),
    ("/specialuse", Kind::String, Sides::Private, Source::SpecialUse),
    ("/thread", Kind::String, Sides::Both, Source::Database),
    ("/vendor/cmu/cyrus-imapd/annotsize", Kind::String, Sides::ReadOnly, Source::AnnotSize),
    ("/vendor/cmu/cyrus-imapd/archive", Kind::Number, Sides::SharedAdmin, Source::Database),
    ("/vendor/cmu/cyrus-imapd/delete", Kind::Number, Sides::SharedAdmin, Source::Database),
    (
        "/vendor/cmu/cyrus-imapd/duplicatedeliver",
        Kind::Boolean,
        Sides::Shared,
        Source::Option(MailboxOptions::DUP_DELIVER),
    ),
    ("/vendor/cmu/cyrus-imapd/expire", Kind::Number, Sides::SharedAdmin, Source::Database),
    ("/vendor/cmu/cyrus-imapd/lastpop", Kind::String, Sides::ReadOnly, Source::LastPop),
    (
        "/vendor/cmu/cyrus-imapd/hasalarms",
        Kind::Boolean,
        Sides::ReadOnly,
        Source::Option(MailboxOptions::HAS_ALARMS),
    ),
    ("/vendor/cmu/cyrus-imapd/foldermodseq", Kind::Number, Sides::ReadOnly, Source::FolderModSeq),
    ("/vendor/cmu/cyrus-imapd/news2mail", Kind::String, Sides::SharedAdmin, Source::Database),
    ("/vendor/cmu/cyrus-imapd/partition", Kind::String, Sides::ReadOnly, Source::Partition),
    (
        "/vendor/cmu/cyrus-imapd/pop3newuidl",
        Kind::Boolean,
        Sides::Shared,
        Source::Option(MailboxOptions::POP3_NEW_UIDL),
    ),
    ("/vendor/cmu/cyrus-imapd/pop3showafter", Kind::String, Sides::Shared, Source::Pop3ShowAfter),
    (
        "/vendor/cmu/cyrus-imapd/sharedseen",
        Kind::Boolean,
        Sides::Shared,
        Source::Option(MailboxOptions::SHARED_SEEN),
    ),
    ("/vendor/cmu/cyrus-imapd/sieve", Kind::String, Sides::SharedAdmin, Source::Database),
    ("/vendor/cmu/cyrus-imapd/size", Kind::String, Sides::ReadOnly, Source::Size),
    ("/vendor/cmu/cyrus-imapd/sortorder", Kind::Number, Sides::Private, Source::Database),
    ("/vendor/cmu/cyrus-imapd/squat", Kind::Boolean, Sides::SharedAdmin, Source::Database),
    ("/vendor/cmu/cyrus-imapd/synccrcs", Kind::String, Sides::ReadOnly, Source::SyncCrcs),
    ("/vendor/cmu/cyrus-imapd/uniqueid", Kind::String, Sides::ReadOnly, Source::UniqueId),
];

const SERVER: &[Entry] = &[
    ("/admin", Kind::String, Sides::SharedAdmin, Source::Database),
    ("/comment", Kind::String, Sides::BothAdmin, Source::Database),
    ("/motd", Kind::String, Sides::SharedAdmin, Source::File(MsgFile::Motd)),
    ("/vendor/cmu/cyrus-imapd/expire", Kind::Number, Sides::SharedAdmin, Source::Database),
    ("/vendor/cmu/cyrus-imapd/shutdown", Kind::String, Sides::SharedAdmin, Source::File(MsgFile::Shutdown)),
    ("/vendor/cmu/cyrus-imapd/squat", Kind::Boolean, Sides::SharedAdmin, Source::Database),
];

/// What GETMETADATA collects for one mailbox.
struct Collected<'a> {
    options: &'a MetadataOptions,
    wants_shared: bool,
    wants_private: bool,
    seen: BTreeSet<(Vec<u8>, bool)>,
    items: Vec<u8>,
    biggest: u64,
}

impl Collected<'_> {
    fn put(&mut self, entry: &[u8], is_shared: bool, value: Option<&[u8]>) {
        let is_wanted = if is_shared { self.wants_shared } else { self.wants_private };
        if !self.seen.insert((entry.to_vec(), is_shared)) || !is_wanted {
            return;
        }
        let length = value.map_or(0, <[u8]>::len) as u64;
        if self.options.max_size.is_some_and(|most| length > most) {
            self.biggest = self.biggest.max(length);
            return;
        }
        if !self.items.is_empty() {
            self.items.push(b' ');
        }
        let top = if is_shared { b"/shared".as_slice() } else { b"/private" };
        put_string(&mut self.items, &[top, entry].concat());
        self.items.push(b' ');
        put_nstring(&mut self.items, value.filter(|value| !value.is_empty()));
    }
}

/// GETMETADATA.
pub fn get(
    session: &mut Session<'_>,
    mailboxes: &[Vec<u8>],
    entries: &[MetadataName],
    options: &MetadataOptions,
) -> Flow {
    let mut biggest = 0;
    let mut outcome = Ok(());
    for mailbox in mailboxes {
        let mut collected = Collected {
            options,
            wants_shared: entries.iter().any(|entry| entry.is_shared),
            wants_private: entries.iter().any(|entry| !entry.is_shared),
            seen: BTreeSet::new(),
            items: Vec::new(),
            biggest,
        };
        outcome = collect(session, mailbox, entries, &mut collected);
        biggest = collected.biggest;
        if !collected.items.is_empty() {
            let mut line = b"* METADATA ".to_vec();
            put_astring(&mut line, mailbox);
            line.extend_from_slice(&[b" (".as_slice(), &collected.items, b")\r\n"].concat());
            session.stream.write(&line);
        }
        if outcome.is_err() {
            break;
        }
    }
    super::noop::check(session);
    match outcome {
        Err(answer) => answer.into(),
        // One octet above the bound is not reported, as in C.
        Ok(()) if options.max_size.is_some_and(|most| biggest > most.saturating_add(1)) => {
            Answer::completed().with_code(format!("METADATA LONGENTRIES {biggest}")).into()
        }
        Ok(()) => Answer::completed().into(),
    }
}

fn collect(
    session: &Session<'_>,
    mailbox: &[u8],
    entries: &[MetadataName],
    collected: &mut Collected<'_>,
) -> std::result::Result<(), Answer> {
    let mut patterns = Vec::new();
    for name in entries {
        patterns.push(name.entry.clone());
        match collected.options.depth {
            MetadataDepth::Zero => {}
            MetadataDepth::One => patterns.push([&name.entry, b"/%".as_slice()].concat()),
            MetadataDepth::Infinity => patterns.push([&name.entry, b"/*".as_slice()].concat()),
        }
    }
    if mailbox.is_empty() {
        for (entry, pattern) in plan(SERVER, &patterns) {
            if let Some((text, _, _, Source::File(file))) = entry {
                collected.put(text.as_bytes(), true, session.imapd.msgfiles.text(file).as_deref());
            } else {
                put_stored(session, Scope::Server, entry.map_or(&pattern, |e| e.0.as_bytes()), collected)?;
            }
        }
        return Ok(());
    }
    let name = session.internal_name(mailbox);
    let (mut opened, lock, _) = session.open_mailbox(&name, Op::Lookup, Mode::Shared)?;
    let found = session.find(&name)?;
    let header = opened.lock_index(&lock, Mode::Shared)?.header().clone();
    let may_read = session.authorize(Op::ReadAnnotations, &found).is_ok();
    for (entry, pattern) in plan(MAILBOX, &patterns) {
        let Some((text, _, _, source)) = entry else {
            if may_read {
                put_stored(session, Scope::Mailbox(&found.entry), &pattern, collected)?;
            }
            continue;
        };
        if !may_read && source != Source::Partition {
            continue;
        }
        match source {
            Source::Database | Source::SpecialUse => {
                put_stored(session, Scope::Mailbox(&found.entry), text.as_bytes(), collected)?;
            }
            _ => {
                let value = virtual_value(source, &found, &header);
                collected.put(text.as_bytes(), true, Some(&value));
            }
        }
    }
    Ok(())
}

/// What to look at for these patterns, in C's order: the last one first; `None` is the database.
fn plan(table: &'static [Entry], patterns: &[Vec<u8>]) -> Vec<(Option<Entry>, Vec<u8>)> {
    let mut plan = Vec::new();
    for pattern in patterns {
        let glob = Glob::new(pattern, b'/');
        let mut is_exact = false;
        for entry in table {
            if glob.matches(entry.0.as_bytes()) {
                plan.push((Some(*entry), pattern.clone()));
            }
            if entry.0.as_bytes() == pattern.as_slice() {
                is_exact = true;
                break;
            }
        }
        if !is_exact {
            plan.push((None, pattern.clone()));
        }
    }
    plan.reverse();
    plan
}

/// Puts what the database has, and NIL for what it has not.
fn put_stored(
    session: &Session<'_>,
    scope: Scope<'_>,
    pattern: &[u8],
    collected: &mut Collected<'_>,
) -> Result<()> {
    let Some(user) = &session.user else { return Ok(()) };
    let glob = Glob::new(pattern, b'/');
    session.imapd.catalog.each_annotation(scope, |entry, userid, value| {
        if glob.matches(entry) && (userid.is_empty() || userid == user.auth.userid()) {
            collected.put(entry, userid.is_empty(), Some(value));
        }
        ControlFlow::Continue(())
    })?;
    if !pattern.contains(&b'%') && !pattern.contains(&b'*') {
        collected.put(pattern, false, None);
        collected.put(pattern, true, None);
    }
    Ok(())
}

fn virtual_value(source: Source, found: &Found, header: &IndexHeader) -> Vec<u8> {
    let date = |time: UnixTime| {
        if time.0 == 0 {
            return String::new();
        }
        print_internaldate(time.0, i64::from(libcyrus::sys::time::local(time.0).utc_offset_s))
    };
    let text = match source {
        Source::AnnotSize => header.quota_annot_used.to_string(),
        Source::FolderModSeq => found.entry.foldermodseq.to_string(),
        Source::LastPop => date(header.pop3_last_login),
        Source::Option(mask) => header.options.has(mask).to_string(),
        Source::Partition => return found.entry.partition.clone().unwrap_or_default(),
        Source::Pop3ShowAfter => date(header.pop3_show_after),
        Source::Size => header.quota_mailbox_used.to_string(),
        Source::SyncCrcs => format!("{} {}", header.synccrc_basic, header.synccrc_annot),
        Source::UniqueId => return found.entry.uniqueid.clone().unwrap_or_default(),
        Source::Database | Source::File(_) | Source::SpecialUse => String::new(),
    };
    text.into_bytes()
}

/// SETMETADATA.
pub fn set(session: &mut Session<'_>, mailbox: &[u8], entries: &[(MetadataName, Option<Vec<u8>>)]) -> Flow {
    let outcome = if mailbox.is_empty() {
        set_server(session, entries).map_err(Answer::from)
    } else {
        set_mailbox(session, mailbox, entries)
    };
    super::noop::check(session);
    match outcome {
        Ok(()) => Answer::completed().into(),
        Err(answer) => answer.into(),
    }
}

/// The entry, if the half may be set, and the value in its canonical form.
fn check(table: &[Entry], name: &MetadataName, value: Option<&[u8]>) -> Result<(Entry, Option<Vec<u8>>)> {
    let known = table.iter().find(|entry| entry.0.as_bytes() == name.entry);
    let entry = known.ok_or(Error::PermissionDenied)?;
    let fits = match entry.2 {
        Sides::Both | Sides::BothAdmin => true,
        Sides::Private => !name.is_shared,
        Sides::Shared | Sides::SharedAdmin => name.is_shared,
        Sides::ReadOnly => false,
    };
    if !fits {
        return Err(Error::PermissionDenied);
    }
    let value = match (value, entry.1) {
        (None, _) => None,
        (Some(value), Kind::String) => Some(value.to_vec()),
        (Some(value), Kind::Boolean) => {
            let value = value.to_ascii_lowercase();
            let is_boolean = value == b"true" || value == b"false";
            Some(value).filter(|_| is_boolean).ok_or(Error::BadAnnotationValue).map(Some)?
        }
        (Some(value), Kind::Number) => {
            let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
            number.ok_or(Error::BadAnnotationValue)?;
            Some(value.to_vec())
        }
    };
    Ok((*entry, value.filter(|value| !value.is_empty())))
}

fn set_server(session: &Session<'_>, entries: &[(MetadataName, Option<Vec<u8>>)]) -> Result<()> {
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let msgfiles = &session.imapd.msgfiles;
    let mut writes = Vec::new();
    for (name, value) in entries {
        let ((_, _, _, source), value) = check(SERVER, name, value.as_deref())?;
        let userid = if name.is_shared { b"".as_slice() } else { user.auth.userid() };
        let old = match source {
            Source::File(file) => msgfiles.text(file),
            _ => session.imapd.catalog.annotation(Scope::Server, &name.entry, userid)?,
        };
        if old != value {
            if name.is_shared {
                let _granted =
                    session.authorize_server(ServerOp::Annotate).map_err(|_| Error::PermissionDenied)?;
            }
            if matches!(source, Source::File(_)) && value.iter().flatten().any(|b| b"\r\n".contains(b)) {
                return Err(Error::BadAnnotationValue);
            }
            writes.push((source, &name.entry, userid, value));
        }
    }
    for (source, entry, userid, value) in writes {
        if let Source::File(file) = source {
            msgfiles.set_text(file, value.as_deref()).map_err(|error| {
                log::write(Priority::Err, format_args!("IOERROR: cannot write {file:?} in msg: {error}"));
                Error::PermissionDenied
            })?;
        } else {
            session.imapd.catalog.set_annotation(Scope::Server, entry, userid, value.as_deref())?;
        }
    }
    Ok(())
}

fn set_mailbox(
    session: &Session<'_>,
    mailbox: &[u8],
    entries: &[(MetadataName, Option<Vec<u8>>)],
) -> std::result::Result<(), Answer> {
    let Some(user) = &session.user else { return Err(Answer::bad("Please login first")) };
    let catalog = &session.imapd.catalog;
    let name = session.internal_name(mailbox);
    let (mut opened, lock, _) = session.open_mailbox(&name, Op::Lookup, Mode::Exclusive)?;
    let mut found = session.find(&name)?;
    let scope = Scope::Mailbox(&found.entry);
    let mut index = opened.lock_index(&lock, Mode::Exclusive)?;
    let mut writes = Vec::new();
    let mut header = index.header().clone();
    for (name, value) in entries {
        let (entry, mut value) = check(MAILBOX, name, value.as_deref())?;
        let op = match (name.is_shared, entry.2) {
            (false, _) => Op::AnnotatePrivate,
            (true, Sides::SharedAdmin) => Op::AnnotateSharedAdmin,
            (true, _) => Op::AnnotateShared,
        };
        let may_write = session.authorize(op, &found).is_ok();
        let before = (header.options, header.pop3_show_after);
        match entry.3 {
            Source::Option(mask) => {
                header.options.set(mask, value.as_deref() == Some(b"true"));
            }
            Source::Pop3ShowAfter => {
                let date = value
                    .as_deref()
                    .map(|text| parse_rfc5322(text).ok_or_else(|| Answer::no("Invalid parameters")));
                header.pop3_show_after = UnixTime(date.transpose()?.unwrap_or(0));
            }
            source => {
                let userid = if name.is_shared { b"".as_slice() } else { user.auth.userid() };
                let old = catalog.annotation(scope, &name.entry, userid)?;
                if let (Source::SpecialUse, Some(text)) = (source, &value) {
                    let current = old.clone().unwrap_or_default();
                    value = Some(super::create::special_use_value(session, userid, text, &current)?);
                }
                if old != value {
                    if !may_write {
                        return Err(Error::PermissionDenied.into());
                    }
                    writes.push((&name.entry, userid, old, value));
                }
                continue;
            }
        }
        if before != (header.options, header.pop3_show_after) && !may_write {
            return Err(Error::PermissionDenied.into());
        }
    }
    let is_header_changed =
        header.options != index.header().options || header.pop3_show_after != index.header().pop3_show_after;
    if writes.is_empty() && !is_header_changed {
        return Ok(());
    }
    for (entry, userid, old, value) in writes {
        let (was, is) = (old.unwrap_or_default(), value.clone().unwrap_or_default());
        index.annotation_changed(None, entry, userid, &was, &is, Touch::Modseq)?;
        catalog.set_annotation(scope, entry, userid, value.as_deref())?;
    }
    if is_header_changed {
        index.change_index_header(|changed| {
            changed.options = header.options;
            changed.pop3_show_after = header.pop3_show_after;
        })?;
        index.next_modseq()?;
    }
    let changed = index.commit()?;
    if is_header_changed {
        found.entry.foldermodseq = changed.highestmodseq;
        catalog.update_entry(&lock, &found.entry)?;
    }
    Ok(())
}
