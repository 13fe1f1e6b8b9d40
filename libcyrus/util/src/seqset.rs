//! Sets of message numbers or uids: `1,3:5,7:*` (RFC 3501 sequence-set), sorted and merged.

use std::fmt;

/// The largest number, printed `*`.
const STAR: u32 = u32::MAX;

/// A sorted list of disjoint inclusive ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeqSet {
    ranges: Vec<(u32, u32)>,
}

/// The text is no sequence set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invalid sequence")
    }
}

impl std::error::Error for Invalid {}

impl SeqSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a set; `*` means `max`, or the largest number when `max` is `None`. Ranges may stand
    /// in any order and be written backwards. One trailing comma is taken, as in C.
    ///
    /// # Errors
    /// [`Invalid`] for anything but numbers, `:`, `,` and `*`, and for numbers past 32 bits.
    pub fn parse(text: &[u8], max: Option<u32>) -> Result<Self, Invalid> {
        let mut ranges = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (start, after) = read_number(rest, max)?;
            rest = after;
            let mut end = start;
            if let Some(after) = rest.strip_prefix(b":") {
                (end, rest) = read_number(after, max)?;
            }
            ranges.push((start.min(end), start.max(end)));
            match rest.split_first() {
                Some((b',', after)) => rest = after,
                Some(_) => return Err(Invalid),
                None => {}
            }
        }
        let mut set = Self { ranges };
        set.simplify();
        Ok(set)
    }

    /// Whether `text` is a sequence set as a client may send it: numbers from 1, `*`, no empty
    /// parts. C: imparse_issequence()
    #[must_use]
    pub fn is_valid_text(text: &[u8]) -> bool {
        let number = |part: &[u8]| {
            part == b"*"
                || (part.first().is_some_and(|byte| (b'1'..=b'9').contains(byte))
                    && read_number(part, None).is_ok_and(|(_, rest)| rest.is_empty()))
        };
        !text.is_empty()
            && text.split(|&byte| byte == b',').all(|part| {
                let mut ends = part.splitn(2, |&byte| byte == b':');
                ends.all(number)
            })
    }

    /// A set of sorted numbers.
    #[must_use]
    pub fn from_sorted(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::new();
        for number in numbers {
            set.push(number);
        }
        set
    }

    /// Adds a number; cheapest when numbers come in ascending order.
    pub fn push(&mut self, number: u32) {
        match self.ranges.last_mut() {
            Some((_, high)) if number == high.saturating_add(1) => *high = number,
            Some((low, high)) if (*low..=*high).contains(&number) => {}
            Some((_, high)) if number < *high => self.insert_range(number, number),
            _ => self.ranges.push((number, number)),
        }
    }

    /// Adds a range in any place.
    pub fn insert_range(&mut self, low: u32, high: u32) {
        self.ranges.push((low.min(high), low.max(high)));
        self.simplify();
    }

    /// Adds all numbers of `other`. C: seqset_join()
    pub fn join(&mut self, other: &Self) {
        self.ranges.extend_from_slice(&other.ranges);
        self.simplify();
    }

    /// The ranges, ascending and disjoint.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Whether no number is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        let at = self.ranges.partition_point(|&(_, high)| high < number);
        self.ranges.get(at).is_some_and(|&(low, _)| low <= number)
    }

    /// The smallest number.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|&(low, _)| low)
    }

    /// The largest number.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|&(_, high)| high)
    }

    /// The smallest number from 1 that is not in it. C: seqset_firstnonmember()
    #[must_use]
    pub fn first_nonmember(&self) -> u32 {
        match self.ranges.first() {
            Some(&(0 | 1, high)) => high.saturating_add(1),
            _ => 1,
        }
    }

    /// How many numbers are in it.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|&(low, high)| u64::from(high).saturating_sub(u64::from(low)).saturating_add(1))
            .sum()
    }

    /// All numbers ascending. Mind sets that reach to `*`: intersect with what exists first.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|&(low, high)| low..=high)
    }

    fn simplify(&mut self) {
        self.ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.ranges.len());
        for &(low, high) in &self.ranges {
            match merged.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = (*end).max(high),
                _ => merged.push((low, high)),
            }
        }
        self.ranges = merged;
    }
}

/// Builds the set kept in seen.db: numbers that do not exist between two members are taken in,
/// which keeps the text short. C: SEQ_MERGE
#[derive(Clone, Debug, Default)]
pub struct MergingSet {
    set: SeqSet,
    previous: u32,
}

impl MergingSet {
    /// Tells of the next existing number, ascending, and whether it is a member.
    pub fn add(&mut self, number: u32, is_member: bool) {
        if is_member {
            match self.set.ranges.last_mut() {
                Some((_, high)) if *high >= self.previous => *high = (*high).max(number),
                _ => self.set.push(number),
            }
        }
        self.previous = self.previous.max(number);
    }

    /// Starts with 1 as a member, so that an uninterrupted start is written `1:n`.
    #[must_use]
    pub fn finish(self) -> SeqSet {
        self.set
    }
}

impl fmt::Display for SeqSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |f: &mut fmt::Formatter<'_>, number: u32| match number {
            STAR => f.write_str("*"),
            _ => number.fmt(f),
        };
        for (at, &(low, high)) in self.ranges.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            number(f, low)?;
            if high != low {
                f.write_str(":")?;
                number(f, high)?;
            }
        }
        Ok(())
    }
}

fn read_number(text: &[u8], max: Option<u32>) -> Result<(u32, &[u8]), Invalid> {
    if let Some(rest) = text.strip_prefix(b"*") {
        return Ok((max.unwrap_or(STAR), rest));
    }
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits).ok_or(Invalid)?;
    let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).ok_or(Invalid)?;
    Ok((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, max: Option<u32>, expected: Result<&str, Invalid>) {
        let printed = SeqSet::parse(input.as_bytes(), max).map(|set| set.to_string());
        assert_eq!(printed.as_deref(), expected.as_ref().map(|text| *text), "{input}");
    }

    #[test]
    fn sets_are_sorted_merged_and_printed() {
        check("1,3,2", None, Ok("1:3"));
        check("7:5,1", None, Ok("1,5:7"));
        check("1:*", Some(9), Ok("1:9"));
        check("3:*", None, Ok("3:*"));
        check("*", None, Ok("*"));
        check("12:*", Some(9), Ok("9:12"));
        check("", None, Ok(""));
        check("1,", None, Ok("1"));
        check(",1", None, Err(Invalid));
        check("1;2", None, Err(Invalid));
        check("99999999999", None, Err(Invalid));
        check("1:2:3", None, Err(Invalid));
    }

    #[test]
    fn client_text_is_checked() {
        for good in ["1", "*", "1:*", "*:4", "1,2,3:4"] {
            assert!(SeqSet::is_valid_text(good.as_bytes()), "{good}");
        }
        for bad in ["", "0", "1,", "1::2", "a", "1:2:3", "01", "4294967296"] {
            assert!(!SeqSet::is_valid_text(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn membership_agrees_with_a_model() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..500 {
            let mut model = std::collections::BTreeSet::new();
            let mut set = SeqSet::new();
            for _ in 0..random.usize(..30) {
                let number = random.u32(1..50);
                model.insert(number);
                set.push(number);
            }
            assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            assert_eq!(SeqSet::parse(set.to_string().as_bytes(), None).as_ref(), Ok(&set));
            assert!((0..60).all(|n| set.contains(n) == model.contains(&n)));
            assert_eq!(set.len(), model.len() as u64);
        }
    }

    #[test]
    fn seen_sets_swallow_gaps_without_messages() {
        let mut set = MergingSet::default();
        for (number, member) in [(1, true), (4, true), (6, false), (9, true), (12, true)] {
            set.add(number, member);
        }
        assert_eq!(set.finish().to_string(), "1:4,9:12");
    }
}
