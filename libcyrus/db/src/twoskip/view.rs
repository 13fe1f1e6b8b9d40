//! Reading: the committed file plus what a transaction has pending on top of it.

use super::format::{self, DELETE, DUMMY, DUMMY_OFFSET, Head, MAXLEVEL, RECORD};
use crate::order::KeyOrder;
use crate::{Error, Result};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

/// Rewritten heads by offset.
pub(super) type Heads = BTreeMap<u64, Vec<u8>>;

/// What records can be read from.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) path: &'a Path,
    /// The committed part of the file.
    pub(super) base: &'a [u8],
    /// What is to be appended at `tail_at`.
    pub(super) tail: &'a [u8],
    pub(super) tail_at: u64,
    /// Heads of the committed part as they will be.
    pub(super) heads: Option<&'a Heads>,
    pub(super) order: KeyOrder,
}

/// Where a key is or would be.
pub(super) struct Location<'a> {
    /// Per chain, the last record before the key.
    pub(super) back: [u64; MAXLEVEL],
    /// Per chain, what follows: the key's own successors when it was found.
    pub(super) forward: [u64; MAXLEVEL],
    /// The record, when the key is there.
    pub(super) found: Option<Head<'a>>,
    /// Records that were passed one by one, in the lowest chain.
    pub(super) low_steps: u32,
}

impl<'a> View<'a> {
    /// Where everything ends.
    pub(super) fn end(&self) -> u64 {
        self.tail_at.saturating_add(self.tail.len() as u64)
    }

    pub(super) fn corrupt(&self, offset: u64, what: &'static str) -> Error {
        Error::Corrupt { file: self.path.to_owned(), offset, what }
    }

    fn from(&self, offset: u64) -> &'a [u8] {
        let (bytes, at) = match offset.checked_sub(self.tail_at) {
            Some(at) => (self.tail, at),
            None => (self.base, offset),
        };
        usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default()
    }

    /// The record at `offset`.
    pub(super) fn head(&self, offset: u64) -> Result<Head<'a>> {
        let changed = self.heads.and_then(|heads| heads.get(&offset));
        let bytes = match changed {
            Some(head) => head.as_slice(),
            None => self.from(offset),
        };
        let head = Head::parse(offset, bytes).map_err(|what| self.corrupt(offset, what))?;
        let whole = head.tail_len() <= self.from(head.key_offset()).len() as u64;
        if whole { Ok(head) } else { Err(self.corrupt(offset, "record reaches past the end")) }
    }

    /// As [`View::head`], going on from a delete record to the live one; `None` for offset 0.
    pub(super) fn live(&self, offset: u64) -> Result<Option<Head<'a>>> {
        if offset == 0 {
            return Ok(None);
        }
        let mut head = self.head(offset)?;
        if head.kind == DELETE {
            match head.pointer(0) {
                0 => return Ok(None),
                next => head = self.head(next)?,
            }
        }
        if head.kind != RECORD || head.level == 0 {
            return Err(self.corrupt(offset, "pointer to what is not a record"));
        }
        Ok(Some(head))
    }

    pub(super) fn dummy(&self) -> Result<Head<'a>> {
        let head = self.head(DUMMY_OFFSET)?;
        if head.kind != DUMMY || head.level != MAXLEVEL {
            return Err(self.corrupt(DUMMY_OFFSET, "no dummy record"));
        }
        Ok(head)
    }

    pub(super) fn key(&self, head: &Head<'_>) -> &'a [u8] {
        self.slice(head.key_offset(), head.key_len)
    }

    pub(super) fn value(&self, head: &Head<'_>) -> &'a [u8] {
        self.slice(head.key_offset().saturating_add(head.key_len), head.value_len)
    }

    fn slice(&self, offset: u64, len: u64) -> &'a [u8] {
        let bytes = self.from(offset);
        usize::try_from(len).ok().and_then(|len| bytes.get(..len)).unwrap_or_default()
    }

    /// Checks the sum over key and value.
    pub(super) fn check_tail(&self, head: &Head<'_>) -> Result<()> {
        let tail = self.slice(head.key_offset(), head.tail_len());
        if format::crc(tail) == head.crc_tail() {
            Ok(())
        } else {
            Err(self.corrupt(head.offset, "checksum of key and value wrong"))
        }
    }

    /// How many steps a walk may take: no file holds more records.
    pub(super) fn steps_max(&self) -> u64 {
        (self.end() / 24).saturating_add(2 * MAXLEVEL as u64)
    }

    /// Finds `key`. C: `relocate()`
    pub(super) fn locate(&self, key: &[u8]) -> Result<Location<'a>> {
        let end = self.end();
        let mut at = self.dummy()?;
        let mut location =
            Location { back: [0; MAXLEVEL], forward: [0; MAXLEVEL], found: None, low_steps: 0 };
        let mut last: Option<(u64, Option<Head<'a>>, Ordering)> = None;
        let mut steps = self.steps_max();
        let mut chain = MAXLEVEL;
        while chain > 0 {
            let level = chain - 1;
            let offset = at.next(level, end);
            if let (Some(back), Some(forward)) =
                (location.back.get_mut(level), location.forward.get_mut(level))
            {
                *back = at.offset;
                *forward = offset;
            }
            if last.as_ref().is_none_or(|(seen, ..)| *seen != offset) {
                let next = self.live(offset)?;
                let order = match &next {
                    Some(head) if head.level < chain => {
                        return Err(self.corrupt(offset, "record in a chain above its level"));
                    }
                    Some(head) => self.order.compare(self.key(head), key),
                    None => Ordering::Greater,
                };
                last = Some((offset, next, order));
            }
            if let Some((_, Some(head), Ordering::Less)) = last {
                at = head;
                location.low_steps += u32::from(chain == 1);
                steps =
                    steps.checked_sub(1).ok_or_else(|| self.corrupt(offset, "endless chain of records"))?;
                continue;
            }
            chain -= 1;
        }
        if let Some((_, Some(head), Ordering::Equal)) = last {
            self.check_tail(&head)?;
            for (level, forward) in location.forward.iter_mut().enumerate().take(head.level) {
                *forward = head.next(level, end);
            }
            location.found = Some(head);
        }
        Ok(location)
    }

    /// The records from `start` on along the lowest chain, ascending, until `f` says stop.
    pub(super) fn walk<F>(&self, start: u64, mut f: F) -> Result<()>
    where
        F: FnMut(&Head<'a>, &'a [u8]) -> Result<bool>,
    {
        let end = self.end();
        let mut offset = start;
        let mut previous: Option<&[u8]> = None;
        while let Some(head) = self.live(offset)? {
            let key = self.key(&head);
            if previous.is_some_and(|before| self.order.compare(before, key) != Ordering::Less) {
                return Err(self.corrupt(head.offset, "keys out of order"));
            }
            self.check_tail(&head)?;
            if !f(&head, key)? {
                break;
            }
            previous = Some(key);
            offset = head.next(0, end);
        }
        Ok(())
    }
}
