//! The list held against the directories of mailboxes kept by name.
//!
//! As in C, mailboxes kept by id are all told to have no directory.

use crate::io;
use libcyrus::base::config::{Config, Opt};
use libcyrus::store::mboxlist::Show;
use libcyrus::store::{Catalog, Result};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What a directory on the way to mailboxes stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The top of a partition.
    Root,
    /// A hash directory of a partition, or a mailbox's directory.
    Plain,
    /// `domain` or a hash directory in it: what it holds are domains.
    Domains,
    /// A domain: what it holds are mailboxes.
    Domain,
}

struct Directory {
    kind: Kind,
    name: Vec<u8>,
    path: PathBuf,
}

/// Tells where list and directories disagree. C: do_verify()
pub(super) fn verify(catalog: &Catalog) -> Result<()> {
    let found = find_mailboxes(catalog.config());
    let mut found = found.iter().peekable();
    let mut out = Vec::new();
    catalog.each_entry(b"", Show::Everything, |entry| {
        if entry.mbtype.is_intermediate() {
            return ControlFlow::Continue(());
        }
        let name = entry.name.as_bytes();
        while let Some((extra, path)) = found.next_if(|(found, _)| found.as_slice() < name) {
            let path = path.as_os_str().as_bytes();
            out.extend(
                [b"'", extra.as_slice(), b"' has a directory '", path, b"' but no DB entry\n"].concat(),
            );
        }
        if found.next_if(|(found, _)| found.as_slice() == name).is_none() {
            let partition = entry.partition.as_deref().unwrap_or(b"(null)");
            let text: [&[u8]; 5] =
                [b"'", name, b"' has a DB entry but no directory on partition '", partition, b"'\n"];
            out.extend(text.concat());
        }
        ControlFlow::Continue(())
    })?;
    io::print(&out);
    Ok(())
}

/// Every directory with a cyrus.header, by the name it stands for, in the order of the names.
fn find_mailboxes(config: &Config) -> Vec<(Vec<u8>, PathBuf)> {
    let hashed = config.switch(Opt::Hashimapspool);
    let first = if config.switch(Opt::Fulldirhash) { b'A' } else { b'a' };
    let domains = config.choice(Opt::Virtdomains) != "off";
    let mut todo: Vec<Directory> = Vec::new();
    for path in header_partitions(config).into_values() {
        if !hashed {
            todo.push(Directory { kind: Kind::Root, name: Vec::new(), path });
            continue;
        }
        if domains {
            push_hashed(&mut todo, Kind::Domains, &path.join("domain"), b"", first);
        }
        push_hashed(&mut todo, Kind::Plain, &path, b"", first);
    }
    let mut mailboxes = Vec::new();
    while let Some(directory) = todo.pop() {
        let Ok(entries) = fs::read_dir(&directory.path) else { continue };
        for entry in entries.flatten() {
            let file = entry.file_name();
            let bytes = file.as_bytes();
            if bytes == b"cyrus.header" {
                mailboxes.push((directory.name.clone(), directory.path.clone()));
            }
            let is_domain = directory.kind == Kind::Domains;
            if bytes.starts_with(b".") || (bytes.contains(&b'.') && !is_domain) {
                continue;
            }
            let path = entry.path();
            match directory.kind {
                Kind::Domains => {
                    let name = [bytes, b"!"].concat();
                    if hashed {
                        push_hashed(&mut todo, Kind::Domain, &path, &name, first);
                    } else {
                        todo.push(Directory { kind: Kind::Domain, name, path });
                    }
                }
                Kind::Root if domains && bytes == b"domain" => {
                    todo.push(Directory { kind: Kind::Domains, name: Vec::new(), path });
                }
                Kind::Root | Kind::Plain | Kind::Domain => {
                    let dot: &[u8] =
                        if directory.name.is_empty() || directory.name.ends_with(b"!") { b"" } else { b"." };
                    let name = [&directory.name, dot, bytes].concat();
                    todo.push(Directory { kind: Kind::Plain, name, path });
                }
            }
        }
    }
    mailboxes.sort();
    mailboxes
}

fn push_hashed(todo: &mut Vec<Directory>, kind: Kind, below: &Path, name: &[u8], first: u8) {
    for letter in (first..).take(26) {
        todo.push(Directory { kind, name: name.to_vec(), path: below.join(OsStr::from_bytes(&[letter])) });
    }
}

/// The directory of each partition where its cyrus.header files are.
fn header_partitions(config: &Config) -> BTreeMap<String, PathBuf> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let in_meta = config.has_bit(Opt::MetapartitionFiles, "header");
    for (key, value) in config.overflows() {
        let path = || PathBuf::from(std::ffi::OsString::from_vec(value.to_vec()));
        if let Some(name) = key.strip_prefix("partition-") {
            found.entry(name.to_owned()).or_insert_with(path);
        } else if let Some(name) = key.strip_prefix("metapartition-").filter(|_| in_meta) {
            found.insert(name.to_owned(), path());
        }
    }
    found
}
