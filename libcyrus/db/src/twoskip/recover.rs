//! Making an unclean file sound again (reference/cyrusdb.md 2.8), and checking a sound one.

use super::format::{self, BLANK, COMMIT, DELETE, DUMMY_OFFSET, Head, Header, MAXLEVEL, RECORD};
use super::rewrite::Builder;
use super::view::{Heads, View};
use super::{Pending, Twoskip};
use crate::order::OrderedKey;
use crate::{Error, Result};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Instant;

impl Twoskip {
    /// Recovers if needed; called with the exclusive lock. C: `recovery()`
    pub(super) fn recover(&mut self) -> Result<()> {
        if self.is_clean() {
            return Ok(());
        }
        let start = Instant::now();
        let fixed = match self.relink() {
            Ok(fixed) => fixed,
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => {
                let name = self.file.path().display();
                log::error!("DBERROR: recovery1 failed, trying recovery2: filename=<{name}> {error}");
                self.rescue()?;
                0
            }
        };
        self.pending = Pending { num_records: self.header.num_records, ..Pending::default() };
        let records = self.header.num_records;
        log::info!(
            "twoskip: recovered {} ({records} record{}, {} bytes) in {:2.3} seconds - fixed {fixed} offset{}",
            self.file.path().display(),
            if records == 1 { "" } else { "s" },
            self.header.current_size,
            start.elapsed().as_secs_f64(),
            if fixed == 1 { "" } else { "s" },
        );
        Ok(())
    }

    /// Walks the lowest chain as of the last commit and links the higher ones anew; returns how
    /// many pointers changed. C: `recovery1()`
    fn relink(&mut self) -> Result<u64> {
        let (heads, num_records, changed) = {
            let view = View { tail: &[], heads: None, ..self.view() };
            let mut fix = Relink { heads: Heads::new(), changed: 0, view };
            let num_records = fix.run()?;
            (fix.heads, num_records, fix.changed)
        };
        if !self.header.is_dirty() {
            let dirty = self.header.dirty();
            self.write_header(dirty)?;
            self.file.sync()?;
            self.header = dirty;
        }
        self.write_heads(&heads)?;
        self.file.truncate(self.header.current_size)?;
        self.file.sync()?;
        let clean = Header { num_records, ..self.header }.clean();
        self.write_header(clean)?;
        self.file.sync()?;
        self.header = clean;
        self.file.remap()?;
        Ok(changed)
    }

    /// Reads out every transaction that is whole and makes a new file of the result.
    /// C: `recovery2()`, which on a delete record removes the record after the deleted one; we
    /// remove the one before, and only if it was linked to that.
    fn rescue(&mut self) -> Result<()> {
        let expected = self.header.num_records;
        let bytes = self.file.bytes();
        let view = View { base: bytes, tail: &[], tail_at: bytes.len() as u64, heads: None, ..self.view() };
        let image = {
            let mut state = Replay { records: BTreeMap::new(), view };
            let mut offset = DUMMY_OFFSET;
            let mut whole = true;
            while offset < bytes.len() as u64 {
                if is_blank(bytes, offset) {
                    offset += 8;
                    continue;
                }
                match view.head(offset) {
                    Ok(head) => {
                        if head.kind == COMMIT {
                            if whole {
                                state.apply(head.pointer(0), offset);
                            }
                            whole = true;
                        }
                        offset = head.end();
                    }
                    Err(_) => {
                        whole = false;
                        offset += 8;
                    }
                }
            }
            if state.records.is_empty() {
                return Err(view.corrupt(DUMMY_OFFSET, "no records found in recovery2"));
            }
            let mut builder = Builder::new(self.header.generation.saturating_add(1));
            for (key, head) in &state.records {
                builder.push(key.bytes, view.value(head));
            }
            builder.finish()
        };
        self.install(&image)?;
        log::warn!(
            "twoskip: recovery2 {} - rescued {} of {expected} records",
            self.file.path().display(),
            self.header.num_records,
        );
        Ok(())
    }

    /// Checks order, chains and count. C: `myconsistent()`
    pub(super) fn check_chains(&self) -> Result<()> {
        let view = self.view();
        let end = view.end();
        let dummy = view.dummy()?;
        let mut forward: [u64; MAXLEVEL] = std::array::from_fn(|chain| dummy.next(chain, end));
        let mut previous: &[u8] = b"";
        let mut count = 0_u64;
        while let Some(next) = forward.first().copied().filter(|next| *next != 0) {
            let Some(head) = view.live(next)? else { break };
            let key = view.key(&head);
            if view.order.compare(key, previous) != Ordering::Greater {
                return Err(view.corrupt(head.offset, "keys out of order"));
            }
            if let Some(first) = forward.first_mut() {
                *first = head.offset;
            }
            for (chain, expected) in forward.iter_mut().enumerate().take(head.level) {
                if *expected != head.offset {
                    return Err(view.corrupt(head.offset, "broken linkage"));
                }
                *expected = head.next(chain, end);
            }
            previous = key;
            count += 1;
        }
        let [_, higher @ ..] = forward;
        if higher.iter().any(|next| *next != 0) {
            return Err(view.corrupt(end, "broken tail"));
        }
        if count != self.pending.num_records {
            return Err(view.corrupt(0, "record count mismatch"));
        }
        Ok(())
    }
}

fn is_blank(bytes: &[u8], offset: u64) -> bool {
    usize::try_from(offset).ok().and_then(|at| bytes.get(at..)).is_some_and(|b| b.starts_with(BLANK))
}

/// State of [`Twoskip::relink`].
struct Relink<'a> {
    view: View<'a>,
    heads: Heads,
    changed: u64,
}

impl Relink<'_> {
    fn run(&mut self) -> Result<u64> {
        let view = self.view;
        let end = view.end();
        let dummy = view.dummy()?;
        let mut back = [DUMMY_OFFSET; MAXLEVEL + 1];
        let mut expected: [u64; MAXLEVEL + 1] = std::array::from_fn(|i| dummy.pointer(i));
        self.zero_lost(&dummy)?;
        let mut previous: &[u8] = b"";
        let mut count = 0;
        let mut offset = lowest(&dummy, end);
        while let Some(head) = view.live(offset)? {
            let key = view.key(&head);
            if view.order.compare(key, previous) != Ordering::Greater {
                return Err(view.corrupt(head.offset, "keys out of order"));
            }
            let slots = back.iter_mut().zip(expected.iter_mut()).enumerate();
            let mut wrong = Vec::new();
            for (i, (back, expected)) in slots.take(head.level + 1).skip(2) {
                if *expected != head.offset {
                    wrong.push((*back, i));
                }
                *back = head.offset;
                *expected = head.pointer(i);
            }
            for (back, i) in wrong {
                self.set(back, i, head.offset)?;
            }
            self.zero_lost(&head)?;
            previous = key;
            count += 1;
            offset = lowest(&head, end);
        }
        for (i, (back, expected)) in back.into_iter().zip(expected).enumerate().skip(2) {
            if expected != 0 {
                self.set(back, i, 0)?;
            }
        }
        Ok(count)
    }

    /// Zeroes lowest pointers that lead past the last commit.
    fn zero_lost(&mut self, head: &Head<'_>) -> Result<()> {
        for i in 0..2 {
            if head.pointer(i) >= self.view.end() {
                self.set(head.offset, i, 0)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, offset: u64, i: usize, next: u64) -> Result<()> {
        let head = self.view.head(offset)?;
        let bytes = self.heads.entry(offset).or_insert_with(|| head.bytes.to_vec());
        format::set_pointer(bytes, head.level, i, next);
        format::seal(bytes);
        self.changed += 1;
        Ok(())
    }
}

/// The lowest link, with links past the end read as none.
fn lowest(head: &Head<'_>, end: u64) -> u64 {
    let next = head.next(0, end);
    if next >= end { 0 } else { next }
}

/// State of [`Twoskip::rescue`]: what the transactions read so far amount to.
struct Replay<'a> {
    view: View<'a>,
    records: BTreeMap<OrderedKey<'a>, Head<'a>>,
}

impl<'a> Replay<'a> {
    /// Applies the records from `start` to the commit at `end`.
    fn apply(&mut self, start: u64, end: u64) {
        let view = self.view;
        let mut offset = start;
        while offset < end {
            if is_blank(view.base, offset) {
                offset += 8;
                continue;
            }
            let Ok(head) = view.head(offset) else { return };
            match head.kind {
                RECORD if view.check_tail(&head).is_ok() => {
                    let key = OrderedKey { bytes: view.key(&head), order: view.order };
                    // The key of the map borrows the newest record too.
                    self.records.remove(&key);
                    self.records.insert(key, head);
                }
                DELETE => self.delete(&head),
                _ => {}
            }
            offset = head.end();
        }
    }

    fn delete(&mut self, delete: &Head<'a>) {
        let view = self.view;
        let next = match view.live(delete.pointer(0)) {
            Ok(next) => next,
            Err(_) => return,
        };
        let candidate = match &next {
            Some(next) => {
                let key = OrderedKey { bytes: view.key(next), order: view.order };
                self.records.range(..key).next_back()
            }
            None => self.records.iter().next_back(),
        };
        let Some((key, head)) = candidate.map(|(key, head)| (*key, *head)) else { return };
        let leads_to = |pointer: u64| {
            view.live(pointer)
                .ok()
                .is_some_and(|live| live.map_or(0, |live| live.offset) == next.map_or(0, |next| next.offset))
        };
        if leads_to(head.pointer(0)) || leads_to(head.pointer(1)) {
            self.records.remove(&key);
        }
    }
}
