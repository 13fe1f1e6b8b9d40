//! Making entries of mailboxes.db from cyrus.header files (`-P`).

use crate::context::Context;
use crate::io;
use libcyrus::base::config::MetaFile;
use libcyrus::base::log::{self, Priority};
use libcyrus::store::Result;
use libcyrus::store::lock::{Mode, UserLock, Wait};
use libcyrus::store::mailbox::{Mailbox, MailboxHeader};
use libcyrus::store::mboxlist::{MbEntry, MbType, new_uniqueid};
use libcyrus::util::acl::Acl;
use libcyrus::util::mboxname::MboxName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const FILE: &[u8] = b"/cyrus.header";

/// Makes or mends the entry of the mailbox whose cyrus.header (or its directory) is at `word`, and tells.
/// C: reconstruct_mbentry()
pub fn rebuild_entry(context: &Context, word: &OsStr) {
    let Ok(real) = std::fs::canonicalize(word) else {
        return say(&[b"Can not resolve path '", word.as_bytes(), b"'"]);
    };
    let path = if word.as_bytes().ends_with(FILE) { real } else { real.join("cyrus.header") };
    let shown = path.as_os_str().as_bytes();
    let header = std::fs::read(&path).ok().and_then(|bytes| MailboxHeader::decode(&bytes, &path).ok());
    let Some(header) = header else {
        return say(&[b"Invalid/missing cyrus.header at '", shown, b"'"]);
    };
    let Some((partition, root)) = partition_of(context, &path) else {
        return say(&[
            b"Header for mailbox '",
            null_or(&header.name),
            b"' is not located on a valid [meta]partition",
        ]);
    };
    let mut entry = MbEntry {
        name: MboxName::new(header.name.clone()),
        mbtype: MbType::parse(&header.mbtype),
        uniqueid: Some(header.uniqueid.clone()).filter(|id| !id.is_empty()),
        partition: Some(partition.into_bytes()),
        acl: header.acl.as_deref().map(Acl::parse),
        ..MbEntry::default()
    };
    let mut fix_header = false;
    if entry.uniqueid.is_none() {
        if let Err(()) = find_uniqueid(context, &path, &root, &mut entry) {
            return say(&[
                b"Header for mailbox '",
                null_or(entry.name.as_bytes()),
                b"' is not located in proper UUID location: '",
                shown,
                b"'",
            ]);
        }
        fix_header = true;
    }
    if entry.name.is_empty() {
        let known = entry.uniqueid.as_deref().and_then(|id| context.catalog.lookup_by_uniqueid(id).ok());
        let Some(known) = known.filter(|known| !known.name.is_empty()) else {
            let text = "neither the mailbox header nor mbentry had a mailbox name, can NOT continue";
            return log::write(Priority::Info, format_args!("{text}"));
        };
        entry.name = known.name;
        fix_header = true;
    }
    let id = entry.uniqueid.clone().unwrap_or_default();
    let name = entry.name.clone();
    let name = name.as_bytes();
    let proper = context.catalog.location(&entry).map(|location| location.header).unwrap_or_default();
    if std::fs::canonicalize(&proper).ok().as_ref() != Some(&path) {
        let proper = proper.as_os_str().as_bytes();
        return say(&[
            b"Header for mailbox '",
            name,
            b"' (",
            &id,
            b") is not located in proper location: '",
            proper,
            b"'",
        ]);
    }
    let owner = context.owner(&entry.name);
    let user = match context.store.lock_owner(owner.as_deref(), Mode::Exclusive) {
        Ok(user) => user,
        Err(error) => return failed(b"failed to open mailbox ", name, &id, &error),
    };
    if let Err(error) = read_index(context, &user, &mut entry, fix_header) {
        return failed(b"failed to open mailbox ", name, &id, &error);
    }
    match context.catalog.update_entry(&user, &entry) {
        Ok(()) => say(&[b"created mbentry for ", name, b" (", &id, b")"]),
        Err(error) => failed(b"failed to create mbentry for ", name, &id, &error),
    }
}

/// The partition a file lies on, and its root.
fn partition_of(context: &Context, path: &Path) -> Option<(String, PathBuf)> {
    let config = context.config();
    config.partitions().find_map(|(name, _)| {
        let root = config.meta_dir(name, MetaFile::Header)?;
        let real = std::fs::canonicalize(root).ok()?;
        path.starts_with(&real).then(|| (name.to_owned(), real))
    })
}

/// A header of old has no id: it is the last part of a directory by id, or what the entry says, or a new one.
fn find_uniqueid(
    context: &Context,
    path: &Path,
    root: &Path,
    entry: &mut MbEntry,
) -> std::result::Result<(), ()> {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<&[u8]> = below.iter().map(OsStrExt::as_bytes).collect();
    if parts.first() == Some(&b"uuid".as_slice()) {
        let [_, first, second, id, _] = parts.as_slice() else { return Err(()) };
        if first.len() != 1 || second.len() != 1 || !id.starts_with(&[*first, *second].concat()) {
            return Err(());
        }
        entry.uniqueid = Some(id.to_vec());
        entry.mbtype = entry.mbtype.with_legacy_dirs(false);
        return Ok(());
    }
    let known = context.catalog.lookup_any(&entry.name).ok().and_then(|known| known.uniqueid);
    entry.uniqueid = Some(known.unwrap_or_else(new_uniqueid));
    entry.mbtype = entry.mbtype.with_legacy_dirs(true);
    Ok(())
}

/// Fills the entry with what cyrus.index says, and writes what the header lacks.
fn read_index(context: &Context, user: &UserLock, entry: &mut MbEntry, fix_header: bool) -> Result<()> {
    let mut mailbox = Mailbox::open_entry(&context.store, user, entry, Mode::Shared, Wait::Block)?;
    let mode = if fix_header { Mode::Exclusive } else { Mode::Shared };
    let mut guard = mailbox.lock_index(user, mode)?;
    let index = guard.header();
    entry.uidvalidity = index.uidvalidity;
    entry.foldermodseq = index.highestmodseq;
    entry.createdmodseq = index.createdmodseq;
    if !fix_header {
        guard.abort();
        return Ok(());
    }
    guard.change_mailbox_header(|header| {
        header.name = entry.name.as_bytes().to_vec();
        header.mbtype = entry.mbtype.print().into_bytes();
        header.uniqueid = entry.uniqueid.clone().unwrap_or_default();
    })?;
    guard.commit().map(drop)
}

fn failed(what: &[u8], name: &[u8], id: &[u8], error: &libcyrus::store::Error) {
    say(&[what, name, b" (", id, b"): ", error.to_string().as_bytes()]);
}

fn null_or(name: &[u8]) -> &[u8] {
    if name.is_empty() { b"(null)" } else { name }
}

fn say(parts: &[&[u8]]) {
    io::print(&[&parts.concat(), b"\n".as_slice()].concat());
}
