//! The orders in which keys are kept (reference/cyrusdb.md 1, Comparators).

use std::cmp::Ordering;

/// A total order of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    /// As unsigned octets.
    Octets,
    /// As signed octets: 0x80..=0xFF before 0x00.
    SignedOctets,
    /// Mailbox order: '.' sorts before every other printable character.
    Mbox,
}

impl KeyOrder {
    pub(crate) fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Octets => a.cmp(b),
            Self::SignedOctets => a.iter().map(|c| *c as i8).cmp(b.iter().map(|c| *c as i8)),
            Self::Mbox => a.iter().map(|c| mbox_rank(*c)).cmp(b.iter().map(|c| mbox_rank(*c))),
        }
    }

    /// Whether `key` begins with `prefix` in the sense of this order.
    pub(crate) fn has_prefix(self, key: &[u8], prefix: &[u8]) -> bool {
        match self {
            Self::Octets | Self::SignedOctets => key.starts_with(prefix),
            Self::Mbox => {
                key.get(..prefix.len()).is_some_and(|head| self.compare(head, prefix) == Ordering::Equal)
            }
        }
    }
}

/// A key that sorts as its database does.
#[derive(Clone, Copy)]
pub(crate) struct OrderedKey<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) order: KeyOrder,
}

impl Ord for OrderedKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(self.bytes, other.bytes)
    }
}

impl PartialOrd for OrderedKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for OrderedKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for OrderedKey<'_> {}

/// The weight of an octet in mailbox order. C: `bsearch.c` convert_to_compare
fn mbox_rank(c: u8) -> u8 {
    match c {
        0 => 0,
        b'\t' | b'\n' => 1,
        b'.' => 2,
        1..=8 => c + 2,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_differ_where_they_should() {
        let check = |order: KeyOrder, a: &[u8], b: &[u8], expected| {
            assert_eq!(order.compare(a, b), expected, "{order:?} {a:?} {b:?}");
            assert_eq!(order.compare(b, a), expected.reverse(), "{order:?} {b:?} {a:?}");
        };
        check(KeyOrder::Octets, b"a", b"ab", Ordering::Less);
        check(KeyOrder::Octets, b"\x7f", b"\x80", Ordering::Less);
        check(KeyOrder::SignedOctets, b"\x80", b"\x00", Ordering::Less);
        check(KeyOrder::SignedOctets, b"a", b"ab", Ordering::Less);
        check(KeyOrder::Mbox, b"user.a.b", b"user.a-b", Ordering::Less);
        check(KeyOrder::Octets, b"user.a.b", b"user.a-b", Ordering::Greater);
        check(KeyOrder::Mbox, b"user\tx", b"user.x", Ordering::Less);
        check(KeyOrder::Mbox, b"a.", b"a\x01", Ordering::Less);
    }
}
