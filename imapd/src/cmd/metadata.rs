//! GETMETADATA and SETMETADATA (RFC 5464), GETANNOTATION and SETANNOTATION (the drafts before it,
//! with option `annotation_enable_legacy_commands`).

use crate::annotate::fetch::{self, Entry, Wanted};
use crate::annotate::store::{self, Change};
use crate::command::{AnnotationEntry, AnnotationRequest, MetadataDepth, MetadataName, MetadataOptions};
use crate::mailboxes::Found;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{Op, ServerOp};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::service::msgfile::MsgFile;
use libcyrus::store::annotate::{Definitions, Level, Scope, Source};
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{Mailbox, Touch};
use libcyrus::store::mboxlist::{Find, MbEntry, MbKind, Step};
use libcyrus::store::quota::Change as QuotaChange;
use libcyrus::store::{Error, Result};
use libcyrus::util::acl::Rights;
use libcyrus::util::datetime::parse_rfc5322;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::imapstr::{put_astring, put_nstring, put_string};
use libcyrus::util::mboxname::MboxName;
use std::ops::ControlFlow;

/// The entries of one mailbox as METADATA tells them.
pub(super) struct Items {
    /// `"/shared/..." value ...`
    text: Vec<u8>,
    /// Of values above MAXSIZE the longest.
    biggest: u64,
}

impl Items {
    /// Values above `max_size` are left out.
    pub(super) fn new(entries: &[Entry], max_size: Option<u64>) -> Self {
        let mut items = Self { text: Vec::new(), biggest: 0 };
        for entry in entries {
            for (attribute, value) in &entry.attributes {
                let top: &[u8] = if *attribute == "value.shared" { b"/shared" } else { b"/private" };
                let length = value.as_ref().map_or(0, Vec::len) as u64;
                if max_size.is_some_and(|most| length > most) {
                    items.biggest = items.biggest.max(length);
                    continue;
                }
                if !items.text.is_empty() {
                    items.text.push(b' ');
                }
                put_string(&mut items.text, &[top, &entry.name].concat());
                items.text.push(b' ');
                put_nstring(&mut items.text, value.as_deref());
            }
        }
        items
    }

    /// The untagged response; nothing when there is nothing to tell.
    pub(super) fn line(&self, mailbox: &[u8]) -> Vec<u8> {
        if self.text.is_empty() {
            return Vec::new();
        }
        let mut line = b"* METADATA ".to_vec();
        put_astring(&mut line, mailbox);
        line.extend_from_slice(&[b" (".as_slice(), &self.text, b")\r\n"].concat());
        line
    }
}

/// What METADATA asks for, as annotations name it. C: _metadata_to_annotate()
pub(super) fn request(entries: &[MetadataName], depth: MetadataDepth) -> AnnotationRequest {
    let mut request = AnnotationRequest::default();
    for name in entries {
        request.entries.push(name.entry.clone());
        match depth {
            MetadataDepth::Zero => {}
            MetadataDepth::One => request.entries.push([&name.entry, b"/%".as_slice()].concat()),
            MetadataDepth::Infinity => request.entries.push([&name.entry, b"/*".as_slice()].concat()),
        }
    }
    for (is_shared, attribute) in [(false, "value.priv"), (true, "value.shared")] {
        if entries.iter().any(|entry| entry.is_shared == is_shared) {
            request.attributes.push(attribute.into());
        }
    }
    request
}

/// GETMETADATA.
pub fn get(
    session: &mut Session<'_>,
    mailboxes: &[Vec<u8>],
    is_pattern: bool,
    entries: &[MetadataName],
    options: &MetadataOptions,
) -> Flow {
    let request = request(entries, options.depth);
    let mut biggest = 0;
    let outcome = each_found(session, mailboxes, is_pattern, &request, |session, name, entries| {
        let items = Items::new(entries, options.max_size);
        biggest = items.biggest.max(biggest);
        session.stream.write(&items.line(name));
    });
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

/// The METADATA response for a mailbox of LIST, and how long the longest entry is that is left out; nothing for a
/// mailbox whose entries cannot be told.
pub(super) fn line_of(
    session: &Session<'_>,
    entry: &MbEntry,
    entries: &[MetadataName],
    options: &MetadataOptions,
    shown: &[u8],
) -> (Vec<u8>, u64) {
    let definitions = session.imapd.definitions();
    let request = request(entries, options.depth);
    let wanted = Wanted::new(&definitions, Level::Mailbox, &request);
    let found = Found::new(entry.clone(), session.imapd.catalog.rules());
    let told = session
        .authorize(Op::Lookup, &found)
        .and_then(|_may_know| fetch::mailbox(session, &found, &wanted).map_err(Answer::from));
    let items = told.map(|entries| Items::new(&entries, options.max_size)).ok();
    items.map(|items| (items.line(shown), items.biggest)).unwrap_or_default()
}

/// GETANNOTATION.
pub fn get_annotation(session: &mut Session<'_>, mailbox: &[u8], request: &AnnotationRequest) -> Flow {
    let outcome = if session.imapd.config.switch(Opt::AnnotationEnableLegacyCommands) {
        each_found(session, &[mailbox.to_vec()], true, request, |session, name, entries| {
            let mut out = Vec::new();
            for entry in entries {
                out.extend_from_slice(b"* ANNOTATION ");
                put_astring(&mut out, name);
                out.push(b' ');
                put_string(&mut out, &entry.name);
                out.push(b' ');
                let mut separator = b'(';
                for (attribute, value) in &entry.attributes {
                    out.push(separator);
                    separator = b' ';
                    put_string(&mut out, attribute.as_bytes());
                    out.push(b' ');
                    put_nstring(&mut out, value.as_deref());
                }
                out.extend_from_slice(b")\r\n");
            }
            session.stream.write(&out);
        })
    } else {
        Err(Error::PermissionDenied.into())
    };
    finish(session, outcome)
}

fn finish(session: &mut Session<'_>, outcome: std::result::Result<(), Answer>) -> Flow {
    super::noop::check(session);
    match outcome {
        Ok(()) => Answer::completed().into(),
        Err(answer) => answer.into(),
    }
}

/// Fetches from the server (an empty name), from mailboxes, or from those that a pattern names, and
/// gives `tell` the name as the client is to see it and what was found.
fn each_found<'p>(
    session: &mut Session<'p>,
    mailboxes: &[Vec<u8>],
    is_pattern: bool,
    request: &AnnotationRequest,
    mut tell: impl FnMut(&mut Session<'p>, &[u8], &[Entry]),
) -> std::result::Result<(), Answer> {
    let definitions = session.imapd.definitions();
    if mailboxes.first().is_some_and(Vec::is_empty) {
        let wanted = Wanted::new(&definitions, Level::Server, request);
        let entries = fetch::server(session, &wanted)?;
        tell(session, b"", &entries);
        return Ok(());
    }
    let names = match mailboxes {
        [pattern] if is_pattern => matching(session, pattern)?,
        names => names.iter().map(|name| session.internal_name(name)).collect(),
    };
    let wanted = Wanted::new(&definitions, Level::Mailbox, request);
    for name in names {
        let found = session.find(&name)?;
        let _may_know = session.authorize(Op::Lookup, &found)?;
        let entries = fetch::mailbox(session, &found, &wanted)?;
        let shown = match &session.user {
            Some(user) => user.namespace.to_external(&name, Some(user.auth.userid())).unwrap_or_default(),
            None => Vec::new(),
        };
        tell(session, &shown, &entries);
    }
    Ok(())
}

/// The mailboxes that a pattern names; at least one. C: apply_mailbox_pattern()
fn matching(session: &Session<'_>, pattern: &[u8]) -> Result<Vec<MboxName>> {
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let catalog = &session.imapd.catalog;
    let patterns = [pattern.to_vec()];
    let is_admin = session.authorize_server(ServerOp::ListAll).is_ok();
    let find = Find { namespace: &user.namespace, auth: &user.auth, is_admin, patterns: &patterns };
    let mut names = Vec::new();
    catalog.find_all(&find, |step| {
        if let Step::Name(found) = step
            && found.is_exact
        {
            names.push(found.parts.to_name(catalog.rules()));
        }
        ControlFlow::Continue(())
    })?;
    if names.is_empty() { Err(Error::NotFound) } else { Ok(names) }
}

/// SETMETADATA.
pub fn set(session: &mut Session<'_>, mailbox: &[u8], entries: &[(MetadataName, Option<Vec<u8>>)]) -> Flow {
    let mut grouped: Vec<AnnotationEntry> = Vec::new();
    for (name, value) in entries {
        let attribute = if name.is_shared { b"value.shared".to_vec() } else { b"value.priv".to_vec() };
        let value = (attribute, value.clone());
        match grouped.iter_mut().find(|entry| entry.name == name.entry) {
            Some(entry) => entry.values.push(value),
            None => grouped.push(AnnotationEntry { name: name.entry.clone(), values: vec![value] }),
        }
    }
    let outcome = set_entries(session, mailbox, &grouped);
    finish(session, outcome)
}

/// SETANNOTATION.
pub fn set_annotation(session: &mut Session<'_>, mailbox: &[u8], entries: &[AnnotationEntry]) -> Flow {
    let outcome = if session.imapd.config.switch(Opt::AnnotationEnableLegacyCommands) {
        set_entries(session, mailbox, entries)
    } else {
        Err(Error::PermissionDenied.into())
    };
    finish(session, outcome)
}

fn set_entries(
    session: &Session<'_>,
    mailbox: &[u8],
    entries: &[AnnotationEntry],
) -> std::result::Result<(), Answer> {
    let definitions = session.imapd.definitions();
    if mailbox.is_empty() {
        return Ok(set_server(session, &store::check(&definitions, Level::Server, entries, false)?)?);
    }
    let names = matching(session, mailbox)?;
    // All mailboxes must allow it before the first is changed.
    for last in [false, true] {
        for name in &names {
            let run = if last || names.len() == 1 { Run::Write } else { Run::Check };
            set_mailbox(session, name, &definitions, entries, run)?;
        }
        if names.len() == 1 {
            break;
        }
    }
    Ok(())
}

fn set_server(session: &Session<'_>, changes: &[Change<'_>]) -> Result<()> {
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let (msgfiles, catalog) = (&session.imapd.msgfiles, &session.imapd.catalog);
    let may_share = session.authorize_server(ServerOp::Annotate).is_ok();
    let mut files = Vec::new();
    let mut writes = Vec::new();
    for change in changes {
        let may_write = may_share || change.shared.is_none();
        let file = match change.definition.source {
            Source::Motd => Some(MsgFile::Motd),
            Source::Shutdown => Some(MsgFile::Shutdown),
            _ => None,
        };
        if let Some(file) = file {
            if !may_write {
                return Err(Error::PermissionDenied);
            }
            let value = change.shared.clone().flatten();
            if value.iter().flatten().any(|byte| b"\r\n".contains(byte)) {
                return Err(Error::BadAnnotationValue);
            }
            files.push((file, value));
            continue;
        }
        for (userid, value) in [(&b""[..], &change.shared), (user.auth.userid(), &change.private)] {
            let Some(value) = value else { continue };
            let value = value.as_deref().filter(|value| !value.is_empty());
            if catalog.annotation(Scope::Server, &change.name, userid)?.as_deref() == value {
                continue;
            }
            if !may_write {
                return Err(Error::PermissionDenied);
            }
            writes.push((change.name.as_slice(), userid, value));
        }
    }
    for (file, value) in files {
        msgfiles.set_text(file, value.as_deref()).map_err(|error| {
            log::write(Priority::Err, format_args!("IOERROR: cannot write {file:?} in msg: {error}"));
            Error::PermissionDenied
        })?;
    }
    if writes.is_empty() { Ok(()) } else { catalog.set_annotations(Scope::Server, &writes) }
}

/// Whether the changes are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Check,
    Write,
}

/// A value that changes: entry, userid, old and new value.
type Write<'c> = (&'c [u8], &'c [u8], Vec<u8>, Vec<u8>);

fn set_mailbox(
    session: &Session<'_>,
    name: &MboxName,
    definitions: &Definitions,
    entries: &[AnnotationEntry],
    run: Run,
) -> std::result::Result<(), Answer> {
    let Some(user) = &session.user else { return Err(Answer::bad("Please login first")) };
    let catalog = &session.imapd.catalog;
    let owner = name.owner(catalog.rules());
    let lock = session.imapd.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
    let mut found = session.find(name)?;
    let _may_know = session.authorize(Op::Lookup, &found)?;
    let is_dav =
        matches!(found.entry.mbtype.kind, MbKind::Addressbook | MbKind::Calendar | MbKind::Collection);
    let changes = store::check(definitions, Level::Mailbox, entries, is_dav)?;
    let location = catalog.location(&found.entry)?;
    let mut opened = Mailbox::open(&session.imapd.store, &lock, location, Mode::Shared, Wait::Block)?;
    let mut index = opened.lock_index(&lock, Mode::Exclusive)?;
    let scope = Scope::Mailbox(&found.entry);
    let mut header = index.header().clone();
    let mut writes: Vec<Write<'_>> = Vec::new();
    for change in &changes {
        let may_write = may_set(session, &found, change);
        let before = (header.options, header.pop3_show_after);
        let mut checked = None;
        match change.definition.source {
            Source::Option(mask) => {
                let is_on = change.shared.as_ref().is_some_and(|value| value.as_deref() == Some(b"true"));
                header.options.set(mask, is_on);
            }
            Source::Pop3ShowAfter => {
                let date = change.shared.clone().flatten();
                let date = date
                    .map(|text| parse_rfc5322(&text).ok_or_else(|| Answer::no("Syntax error in parameters")));
                header.pop3_show_after = UnixTime(date.transpose()?.unwrap_or(0));
            }
            Source::FuzzyAlways => {
                let value = change.shared.as_ref().and_then(|value| value.as_deref()).unwrap_or_default();
                if !name.is_user_inbox(catalog.rules()) {
                    return Err(Error::PermissionDenied.into());
                }
                if !value.is_empty() && libcyrus::base::config::parse_switch(value).is_none() {
                    return Err(Error::BadAnnotationEntry.into());
                }
            }
            Source::SpecialUse => {
                if let Some(text) = change.private.clone().flatten() {
                    checked = Some(super::create::special_use_value(
                        session,
                        &found.entry,
                        user.auth.userid(),
                        &text,
                    )?);
                }
            }
            _ => {}
        }
        if before != (header.options, header.pop3_show_after) && !may_write {
            return Err(Error::PermissionDenied.into());
        }
        if matches!(change.definition.source, Source::Option(_) | Source::Pop3ShowAfter) {
            continue;
        }
        for (userid, value) in [(&b""[..], &change.shared), (user.auth.userid(), &change.private)] {
            let Some(value) = value else { continue };
            let new = checked.clone().or_else(|| value.clone()).unwrap_or_default();
            let old = catalog.annotation(scope, &change.name, userid)?.unwrap_or_default();
            if old == new {
                continue;
            }
            if !may_write {
                return Err(Error::PermissionDenied.into());
            }
            if let Some(root) = &index.mailbox_header().quotaroot {
                let octets = |value: &[u8]| i64::try_from(value.len()).unwrap_or(i64::MAX);
                let annotations = octets(&new).saturating_sub(octets(&old));
                let wanted = QuotaChange { annotations, ..QuotaChange::default() };
                catalog.check_quota(&MboxName::new(root.clone()), &wanted)?;
            }
            writes.push((&change.name, userid, old, new));
        }
    }
    let is_header_changed =
        header.options != index.header().options || header.pop3_show_after != index.header().pop3_show_after;
    if run == Run::Check || (writes.is_empty() && !is_header_changed) {
        return Ok(());
    }
    for (entry, userid, old, new) in &writes {
        index.annotation_changed(None, entry, userid, old, new, Touch::Modseq)?;
    }
    if is_header_changed {
        index.change_index_header(|changed| {
            changed.options = header.options;
            changed.pop3_show_after = header.pop3_show_after;
        })?;
        index.next_modseq()?;
    }
    if !writes.is_empty() {
        let stored: Vec<_> = writes
            .iter()
            .map(|(entry, userid, _, new)| {
                (*entry, *userid, Some(new.as_slice()).filter(|new| !new.is_empty()))
            })
            .collect();
        catalog.set_annotations(scope, &stored)?;
    }
    let changed = index.commit()?;
    found.entry.foldermodseq = changed.highestmodseq;
    catalog.update_entry(&lock, &found.entry)?;
    Ok(())
}

/// Whether the rights allow the change, should it change anything. C: _annotate_may_store()
fn may_set(session: &Session<'_>, found: &Found, change: &Change<'_>) -> bool {
    let extra = change.definition.extra_rights;
    let may_share = || {
        let op = if extra == Rights::ADMIN { Op::AnnotateSharedAdmin } else { Op::AnnotateShared };
        let granted = session.authorize(op, found);
        granted.is_ok_and(|granted| granted.is_admin() || granted.rights().has(extra))
    };
    (change.shared.is_none() || may_share())
        && (change.private.is_none() || session.authorize(Op::AnnotatePrivate, found).is_ok())
}
