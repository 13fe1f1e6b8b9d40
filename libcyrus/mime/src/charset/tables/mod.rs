//! Tables made by `generate.py`.
//!
//! They hold no pointers. A table of `&str` would have to be relocated when a program starts: each process would touch
//! all of it and keep a private copy, an idle imapd too that never meets a foreign charset. [`Strs`] is one run of
//! bytes and the place where each string ends, put together by the compiler.

/// Makes the columns of a table of pairs from its rows.
macro_rules! table {
    ($(#[$doc:meta])* $left:ident: $l:tt, $right:ident: $r:tt; $(($x:expr, $y:expr)),* $(,)?) => {
        column!($(#[$doc])* $left: $l = $($x),*);
        column!($(#[$doc])* $right: $r = $($y),*);
    };
}

/// Makes one column of a table.
macro_rules! column {
    ($(#[$doc:meta])* $name:ident: str = $($text:expr),*) => {
        $(#[$doc])*
        pub(in crate::charset) static $name: crate::charset::tables::Strs = {
            const LIST: &[&str] = &[$($text),*];
            static BYTES: [u8; crate::charset::tables::pack::total(LIST)] = crate::charset::tables::pack::joined(LIST);
            static ENDS: [u16; LIST.len()] = crate::charset::tables::pack::ends(LIST);
            crate::charset::tables::Strs { bytes: &BYTES, ends: &ENDS }
        };
    };
    ($(#[$doc:meta])* $name:ident: $number:ident = $($value:expr),*) => {
        $(#[$doc])*
        pub(in crate::charset) static $name: &[$number] = &[$($value),*];
    };
}

use std::cmp::Ordering;

pub(super) mod entities;
pub(super) mod names;
pub(super) mod pack;
pub(super) mod searchform;
pub(super) mod single;

/// Strings of a table, by number.
pub(super) struct Strs {
    bytes: &'static [u8],
    /// Where in `bytes` each string ends; the next one begins there.
    ends: &'static [u16],
}

impl Strs {
    /// The string of this number.
    pub(super) fn get(&self, number: usize) -> Option<&'static str> {
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let end = *self.ends.get(number)?;
        std::str::from_utf8(self.bytes.get(usize::from(start)..usize::from(end))?).ok()
    }

    /// The number of a string; the strings must be sorted.
    pub(super) fn find(&self, wanted: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle)?.as_bytes().cmp(wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_of_a_table_are_found_by_number_and_by_text() {
        column!(WORDS: str = "", "a", "ab", "b\u{20ac}");
        assert_eq!(
            (0..5).map(|n| WORDS.get(n)).collect::<Vec<_>>(),
            [Some(""), Some("a"), Some("ab"), Some("b€"), None]
        );
        assert_eq!(WORDS.find("b€".as_bytes()), Some(3));
        assert_eq!(WORDS.find(b""), Some(0));
        assert_eq!(WORDS.find(b"aa"), None);
        assert_eq!(WORDS.find(b"c"), None);
    }
}
