//! A storage that does everything for real, keeps a list of it, and can refuse one operation.

use crate::{Backend, Storage, System};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug)]
pub(super) enum Op {
    Write(PathBuf, Vec<u8>, u64),
    Sync(PathBuf),
    Truncate(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    SyncDirectory,
    Remove(PathBuf),
}

#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) ops: Mutex<Vec<Op>>,
    /// Which operation to refuse, counted from 0.
    pub(super) refuse: Mutex<Option<usize>>,
}

impl Recorder {
    pub(super) fn backend() -> (Arc<Self>, Backend) {
        let recorder = Arc::new(Self::default());
        (Arc::clone(&recorder), Backend(recorder))
    }

    pub(super) fn count(&self) -> usize {
        self.ops.lock().unwrap().len()
    }

    fn note(&self, op: Op) -> io::Result<()> {
        let mut ops = self.ops.lock().unwrap();
        let refused = *self.refuse.lock().unwrap() == Some(ops.len());
        ops.push(op);
        if refused { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }
}

impl Storage for Recorder {
    fn write_at(&self, path: &Path, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.note(Op::Write(path.to_owned(), bytes.to_vec(), offset))?;
        System.write_at(path, file, bytes, offset)
    }

    fn sync(&self, path: &Path, _file: &File) -> io::Result<()> {
        // Recorded, not done: the image is rebuilt from the list.
        self.note(Op::Sync(path.to_owned()))
    }

    fn truncate(&self, path: &Path, file: &File, len: u64) -> io::Result<()> {
        self.note(Op::Truncate(path.to_owned(), len))?;
        System.truncate(path, file, len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.note(Op::Rename(from.to_owned(), to.to_owned()))?;
        System.rename(from, to)
    }

    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        self.note(Op::SyncDirectory)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.note(Op::Remove(path.to_owned()))?;
        System.remove(path)
    }
}

/// The files a disk would have after the operations in `ops` reached it.
pub(super) type Image = BTreeMap<PathBuf, Vec<u8>>;

/// Applies one operation.
pub(super) fn apply(image: &mut Image, op: &Op) {
    match op {
        Op::Write(path, bytes, offset) => {
            let file = image.entry(path.clone()).or_default();
            let at = usize::try_from(*offset).unwrap();
            if file.len() < at + bytes.len() {
                file.resize(at + bytes.len(), 0);
            }
            file[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Op::Truncate(path, len) => {
            image.entry(path.clone()).or_default().resize(usize::try_from(*len).unwrap(), 0);
        }
        Op::Rename(from, to) => {
            if let Some(file) = image.remove(from) {
                image.insert(to.clone(), file);
            }
        }
        Op::Remove(path) => {
            image.remove(path);
        }
        Op::Sync(_) | Op::SyncDirectory => {}
    }
}
