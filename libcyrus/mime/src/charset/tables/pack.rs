//! Puts the strings of a table together; all of it runs in the compiler, where a wrong index or length is an error.

#![allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time only"
)]

/// The bytes of all strings.
pub(in crate::charset) const fn total(list: &[&str]) -> usize {
    let (mut sum, mut row) = (0, 0);
    while row < list.len() {
        sum += list[row].len();
        row += 1;
    }
    assert!(sum <= u16::MAX as usize, "a table of strings is longer than its ends can tell");
    sum
}

/// All strings, one after the other.
pub(in crate::charset) const fn joined<const LEN: usize>(list: &[&str]) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    let (mut at, mut row) = (0, 0);
    while row < list.len() {
        let text = list[row].as_bytes();
        let mut byte = 0;
        while byte < text.len() {
            bytes[at] = text[byte];
            at += 1;
            byte += 1;
        }
        row += 1;
    }
    bytes
}

/// Where each string ends in [`joined`].
pub(in crate::charset) const fn ends<const ROWS: usize>(list: &[&str]) -> [u16; ROWS] {
    let mut ends = [0; ROWS];
    let (mut at, mut row) = (0, 0);
    while row < list.len() {
        at += list[row].len();
        ends[row] = at as u16;
        row += 1;
    }
    ends
}
