//! Replaying a log, and writing the file anew.

use super::Skiplist;
use super::format::{
    ADD, Builder, COMMIT, DELETE, DUMMY_OFFSET, END, Header, INORDER, MAXLEVEL, Record, word,
};
use crate::file::replace_file;
use crate::order::OrderedKey;
use crate::{Durability, Result};
use cyrus_util::ids::UnixTime;
use std::collections::BTreeMap;
use std::time::Instant;

impl Skiplist {
    /// Writes header and dummy into an empty file.
    pub(super) fn initialise(&mut self) -> Result<()> {
        let image = Builder::new(UnixTime::now().as_u32()).finish().unwrap_or_default();
        self.file.write_at(&image, 0)?;
        self.file.sync()?;
        self.file.remap()
    }

    /// Replays inorder records and log and makes a new file of what they amount to; called with
    /// the exclusive lock. C: `recovery()`, followed by its checkpoint
    pub(super) fn recover(&mut self) -> Result<()> {
        let start = Instant::now();
        let live = self.replay();
        let count = live.len();
        let mut builder = Builder::new(UnixTime::now().as_u32());
        for (key, offset) in &live {
            if let Some(record) = Record::parse(self.file.bytes(), *offset) {
                builder.push(key.bytes, record.value, record.level);
            }
        }
        drop(live);
        self.install(builder)?;
        let seconds = start.elapsed().as_secs();
        log::warn!(
            "skiplist: recovered {} ({count} record{}, {} bytes) in {seconds} second{}",
            self.file.path().display(),
            if count == 1 { "" } else { "s" },
            self.file.size(),
            if seconds == 1 { "" } else { "s" },
        );
        Ok(())
    }

    /// Replaces the file by one of the live records only. C: `mycheckpoint()`
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        let start = Instant::now();
        let old_size = self.file.size();
        let dummy = self.record(DUMMY_OFFSET)?;
        // The whole file is written and synced, so it is as good as recovered.
        let mut builder = Builder::new(UnixTime::now().as_u32());
        self.walk(self.forward(DUMMY_OFFSET, &dummy, 0), |_, record| {
            builder.push(record.key, record.value, record.level);
            Ok(true)
        })?;
        self.install(builder)?;
        let seconds = start.elapsed().as_secs_f64();
        log::info!(
            "skiplist: checkpointed {} ({} record{}, {old_size} => {} bytes) in {seconds:2.3} seconds",
            self.file.path().display(),
            self.header.listsize,
            if self.header.listsize == 1 { "" } else { "s" },
            self.file.size(),
        );
        Ok(())
    }

    fn install(&mut self, builder: Builder) -> Result<()> {
        let Some(image) = builder.finish() else {
            return Err(self.corrupt(END, "file would grow past 4 GiB"));
        };
        let path = self.file.path();
        let file = replace_file(path, &[(0, &image)], self.file.storage(), Durability::Full)?;
        self.file.replace(file)?;
        self.header = Header::parse(self.file.bytes()).map_err(|what| self.corrupt(0, what))?;
        self.reset();
        Ok(())
    }

    /// The offset of every live record.
    fn replay(&self) -> BTreeMap<OrderedKey<'_>, u32> {
        let bytes = self.file.bytes();
        let name = self.file.path().display();
        let order = self.order;
        let mut live = BTreeMap::new();
        let dummy_size = 4 * (3 + MAXLEVEL as u32 + 1);
        let mut at = DUMMY_OFFSET.saturating_add(dummy_size);
        while word(bytes, at as usize) == Some(INORDER) {
            let Some(record) = Record::parse(bytes, at) else { break };
            live.insert(OrderedKey { bytes: record.key, order }, at);
            at = at.saturating_add(record.size());
        }
        while (at as usize) < bytes.len() {
            // C's recovery once left zeros here.
            if word(bytes, at as usize) == Some(0) {
                at = at.saturating_add(4);
                continue;
            }
            let Some(end) = transaction_end(bytes, at) else {
                log::warn!("skiplist recovery {name}: found partial txn, not replaying");
                break;
            };
            while at < end {
                match word(bytes, at as usize) {
                    Some(DELETE) => {
                        let target = word(bytes, at as usize + 4).unwrap_or(0);
                        let removed = Record::parse(bytes, target)
                            .and_then(|record| live.remove(&OrderedKey { bytes: record.key, order }));
                        if removed.is_none() {
                            log::error!(
                                "DBERROR: skiplist recovery {name}: DELETE at {at:04X} doesn't exist, skipping"
                            );
                        }
                        at = at.saturating_add(8);
                    }
                    Some(ADD) => {
                        let Some(record) = Record::parse(bytes, at) else { return live };
                        live.insert(OrderedKey { bytes: record.key, order }, at);
                        at = at.saturating_add(record.size());
                    }
                    _ => at = at.saturating_add(4),
                }
            }
        }
        live
    }
}

/// Where the transaction that begins at `at` ends, its commit included.
fn transaction_end(bytes: &[u8], mut at: u32) -> Option<u32> {
    loop {
        at = match word(bytes, at as usize)? {
            COMMIT => return at.checked_add(4),
            DELETE => at.checked_add(8)?,
            ADD => at.checked_add(Record::parse(bytes, at)?.size())?,
            _ => return None,
        };
    }
}
