//! quotalegacy: one file per quota root (reference/cyrusdb.md 5).
//!
//! A write transaction locks the file of every root it touches, also of those it only reads, and
//! keeps the locks until it ends. Files are replaced by rename; the changes of one transaction
//! become visible one after the other, as in C.

use crate::engine::{Engine, Put, Snapshot};
use crate::file::{DbFile, make_parent, replace_file};
use crate::order::KeyOrder;
use crate::storage::Mode;
use crate::{Backend, Create, Durability, Error, Kind, OpenFlags, Order, QuotaHash, Result};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The quota roots below one directory.
#[derive(Debug)]
pub(crate) struct QuotaLegacy {
    directory: PathBuf,
    hash: QuotaHash,
    order: KeyOrder,
    durability: Durability,
    backend: Backend,
    /// Set while a write transaction runs: its locked files by key.
    open: Option<BTreeMap<Vec<u8>, Root>>,
}

/// A quota root in a transaction.
#[derive(Debug)]
struct Root {
    /// The locked file; `None` when there is none yet.
    file: Option<DbFile>,
    /// The file was made by this transaction, only to have something to lock.
    made: bool,
    change: Change,
}

#[derive(Debug, PartialEq, Eq)]
enum Change {
    Delete,
    None,
    Store(Vec<u8>),
}

impl QuotaLegacy {
    /// C: `myopen()` of cyrusdb_quotalegacy.c: the file name in `path` is only a place holder.
    pub(crate) fn open(path: &Path, flags: &OpenFlags) -> Result<Self> {
        let directory = path.parent().unwrap_or_else(|| Path::new("/")).to_owned();
        match fs::metadata(&directory) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound && flags.create == Create::IfMissing => {
                make_parent(path)?;
            }
            Err(e) => return Err(Error::io(&directory, "stat", e)),
        }
        Ok(Self {
            directory,
            hash: flags.quota_hash,
            order: match flags.order {
                Order::Native => KeyOrder::Octets,
                Order::Mbox => KeyOrder::Mbox,
            },
            durability: flags.durability,
            backend: flags.backend.clone(),
            open: None,
        })
    }

    /// The file of a quota root. C: `hash_quota()`
    fn file_of(&self, key: &[u8]) -> Result<PathBuf> {
        // A key is a mailbox name; one that would leave the directory is nobody's.
        if key.is_empty() || key.contains(&0) || key.contains(&b'/') {
            return Err(Error::NotFound);
        }
        let mut path = self.directory.clone();
        let mut root = key;
        if self.hash.virtdomains
            && let Some(at) = key.iter().position(|c| *c == b'!')
        {
            let (domain, rest) = key.split_at(at);
            if domain.is_empty() || domain == b"." || domain == b".." {
                return Err(Error::NotFound);
            }
            path.push("domain");
            path.push(self.hash.hash.letter(domain).to_string());
            path.push(OsStr::from_bytes(domain));
            root = rest.strip_prefix(b"!").unwrap_or(rest);
        }
        path.push("quota");
        if root.is_empty() {
            path.push("root");
            return Ok(path);
        }
        path.push(self.letter(root));
        path.push(OsStr::from_bytes(root));
        Ok(path)
    }

    /// The directory of a root: the hash of what follows its first dot.
    fn letter(&self, root: &[u8]) -> String {
        let name = match root.iter().position(|c| *c == b'.') {
            Some(dot) => root.get(dot + 1..).unwrap_or_default(),
            None => root,
        };
        self.hash.hash.letter(name).to_string()
    }

    /// The quota roots that begin with `prefix`, unsorted.
    fn scan(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let (domain, rest) = match prefix.iter().position(|c| *c == b'!') {
            Some(at) if self.hash.virtdomains => (prefix.get(..at), prefix.get(at + 1..).unwrap_or_default()),
            _ => (None, prefix),
        };
        match domain {
            Some(domain) => self.scan_domain(domain, rest, &mut keys),
            None => {
                scan_roots(&self.directory.join("quota"), b"", rest, &mut keys);
                if self.hash.virtdomains && prefix.is_empty() {
                    for letter in entries(&self.directory.join("domain")) {
                        let directory = self.directory.join("domain").join(OsStr::from_bytes(&letter));
                        for domain in entries(&directory) {
                            self.scan_domain(&domain, b"", &mut keys);
                        }
                    }
                }
            }
        }
        keys
    }

    fn scan_domain(&self, domain: &[u8], rest: &[u8], keys: &mut Vec<Vec<u8>>) {
        let letter = self.hash.hash.letter(domain).to_string();
        let directory = self.directory.join("domain").join(letter);
        let quota = directory.join(OsStr::from_bytes(domain)).join("quota");
        let mut start = domain.to_vec();
        start.push(b'!');
        scan_roots(&quota, &start, rest, keys);
        if rest.is_empty() && quota.join("root").is_file() {
            keys.push(start);
        }
    }

    /// The value of a root, from the transaction or from its file.
    fn read(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let path = match self.file_of(key) {
            Err(Error::NotFound) => return Ok(None),
            path => path?,
        };
        if self.open.is_some() {
            let root = self.root(key, &path, Create::Never)?;
            return match (&root.change, &root.file) {
                (Change::Store(value), _) => Ok(Some(value.clone())),
                (Change::Delete, _) | (Change::None, None) => Ok(None),
                (Change::None, Some(file)) => parse(&path, file.bytes()).map(Some),
            };
        }
        match fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io(&path, "open", e)),
        }
    }

    /// The transaction's entry of a root, locking its file on first use.
    fn root(&mut self, key: &[u8], path: &Path, create: Create) -> Result<&mut Root> {
        let backend = self.backend.clone();
        let open = self.open.get_or_insert_with(BTreeMap::new);
        let root = open.entry(key.to_vec()).or_insert(Root { file: None, made: false, change: Change::None });
        if root.file.is_none() {
            match DbFile::open(path, create, backend) {
                Ok(mut file) => {
                    file.lock(Mode::Exclusive)?;
                    root.file = Some(file);
                }
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(root)
    }
}

impl Engine for QuotaLegacy {
    fn kind(&self) -> Kind {
        Kind::QuotaLegacy
    }

    fn lock(&mut self, mode: Mode) -> Result<()> {
        self.open = match mode {
            Mode::Shared => None,
            Mode::Exclusive => Some(BTreeMap::new()),
        };
        Ok(())
    }

    fn unlock(&mut self) {
        // Closing the files releases their locks.
        self.open = None;
    }

    fn fetch(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.read(key)
    }

    fn fetch_next(&mut self, _key: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        Err(Error::NotImplemented("fetch_next of quotalegacy"))
    }

    fn collect(&mut self, prefix: &[u8]) -> Result<Snapshot> {
        let mut keys = self.scan(prefix);
        if let Some(open) = &self.open {
            keys.extend(open.keys().filter(|key| key.starts_with(prefix)).cloned());
        }
        keys.sort_by(|a, b| self.order.compare(a, b));
        keys.dedup();
        let mut records = Snapshot::default();
        for key in keys {
            if let Some(value) = self.read(&key)? {
                records.push(&key, &value);
            }
        }
        Ok(records)
    }

    fn put(&mut self, key: &[u8], value: &[u8], how: Put) -> Result<()> {
        let path = self.file_of(key)?;
        let before = self.read(key)?;
        if before.is_some() && how == Put::Create {
            return Err(Error::Exists);
        }
        // A file to lock; it stays empty, which reads as an empty value, if this is aborted by a
        // crash. C leaves the same behind.
        let root = self.root(key, &path, Create::IfMissing)?;
        root.made |= before.is_none() && root.change == Change::None;
        root.change = Change::Store(value.to_vec());
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool> {
        let path = match self.file_of(key) {
            Err(Error::NotFound) => return Ok(false),
            path => path?,
        };
        let there = self.read(key)?.is_some();
        if there {
            self.root(key, &path, Create::Never)?.change = Change::Delete;
        }
        Ok(there)
    }

    fn commit(&mut self) -> Result<()> {
        let open = self.open.take().unwrap_or_default();
        let mut result = Ok(());
        for (key, root) in &open {
            let path = self.file_of(key)?;
            let done = match &root.change {
                Change::None => Ok(()),
                Change::Delete => match self.backend.0.remove(&path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(&path, "unlink", e)),
                    _ => Ok(()),
                },
                Change::Store(value) => {
                    let text = encode(value);
                    replace_file(&path, &[(0, &text)], &self.backend, self.durability).map(|_| ())
                }
            };
            result = result.and(done);
        }
        result
    }

    fn abort(&mut self) -> Result<()> {
        let open = self.open.take().unwrap_or_default();
        for (key, root) in open {
            // A file made only to be locked goes again, while it is still locked.
            if root.made {
                let path = self.file_of(&key)?;
                self.backend.0.remove(&path).map_err(|e| Error::io(&path, "unlink", e))?;
            }
        }
        Ok(())
    }

    fn repack(&mut self) -> Result<()> {
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        self.order.compare(a, b)
    }

    fn dump(&mut self, _level: i32, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// The roots in the hash directories below `quota` whose name begins with `prefix`.
fn scan_roots(quota: &Path, start: &[u8], prefix: &[u8], keys: &mut Vec<Vec<u8>>) {
    for letter in entries(quota) {
        if !matches!(letter.as_slice(), [c] if c.is_ascii_alphabetic()) {
            continue;
        }
        for name in entries(&quota.join(OsStr::from_bytes(&letter))) {
            if name.starts_with(prefix) && !name.ends_with(b".NEW") {
                keys.push([start, &name].concat());
            }
        }
    }
}

/// Names in a directory; none when it is not there.
fn entries(directory: &Path) -> Vec<Vec<u8>> {
    fs::read_dir(directory)
        .map(|names| names.flatten().map(|entry| entry.file_name().into_vec()).collect())
        .unwrap_or_default()
}

/// The value in a file. Old files have two lines; they come out as one with a space.
fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut value = match bytes.strip_suffix(b"\n") {
        Some(value) => value.to_vec(),
        None => {
            let offset = bytes.len() as u64;
            return Err(Error::Corrupt {
                file: path.to_owned(),
                offset,
                what: "quota file does not end in LF",
            });
        }
    };
    if !value.starts_with(b"%")
        && let Some(first) = value.iter_mut().find(|c| **c == b'\n')
    {
        *first = b' ';
    }
    Ok(value)
}

/// The bytes of a file for a value.
fn encode(value: &[u8]) -> Vec<u8> {
    let mut bytes = value.to_vec();
    if !value.starts_with(b"%")
        && let Some(first) = bytes.iter_mut().find(|c| **c == b' ')
    {
        *first = b'\n';
    }
    bytes.push(b'\n');
    bytes
}
