//! LIST patterns: `*` matches anything, `%` anything within one level (RFC 3501 6.3.8).

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    items: Vec<Item>,
    separator: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Any,
    Byte(u8),
    Level,
}

impl Glob {
    /// Compiles a pattern; wildcards standing together become one. C: glob_init()
    #[must_use]
    pub fn new(pattern: &[u8], separator: u8) -> Self {
        let mut items = Vec::with_capacity(pattern.len());
        for &byte in pattern {
            let item = match byte {
                b'*' => Item::Any,
                b'%' => Item::Level,
                other => Item::Byte(other),
            };
            match (items.last(), item) {
                (Some(Item::Any), Item::Any | Item::Level) | (Some(Item::Level), Item::Level) => {}
                (Some(Item::Level), Item::Any) => {
                    items.pop();
                    items.push(Item::Any);
                }
                _ => items.push(item),
            }
        }
        Self { items, separator }
    }

    /// The separator it was compiled for.
    #[must_use]
    pub fn separator(&self) -> u8 {
        self.separator
    }

    /// The bytes before the first wildcard: no name without them can match.
    #[must_use]
    pub fn literal_prefix(&self) -> Vec<u8> {
        let literal = |item: &Item| match item {
            Item::Byte(byte) => Some(*byte),
            Item::Any | Item::Level => None,
        };
        self.items.iter().map_while(literal).collect()
    }

    /// Length of the longest start of `name` that matches and ends at a separator or at the end of
    /// the name; a length short of the name is a match of its ancestor. C: glob_test()
    #[must_use]
    pub fn test(&self, name: &[u8]) -> Option<usize> {
        let at_boundary = |at: usize| at == name.len() || name.get(at) == Some(&self.separator);
        if let Some((Item::Any, literal)) = self.items.split_last() {
            if let Some(true) = starts_with(name, literal) {
                return Some(name.len());
            }
        }
        let mut reached = vec![false; name.len().saturating_add(1)];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for item in &self.items {
            let mut next = vec![false; reached.len()];
            let mut open = false;
            for (at, slot) in next.iter_mut().enumerate() {
                let here = reached.get(at).copied().unwrap_or(false);
                let before = at.checked_sub(1).and_then(|at| name.get(at)).copied();
                match item {
                    Item::Any => {
                        open |= here;
                        *slot = open;
                    }
                    Item::Level => {
                        open = here || (open && before != Some(self.separator));
                        *slot = open;
                    }
                    Item::Byte(byte) => {
                        *slot = before == Some(*byte)
                            && at.checked_sub(1).and_then(|at| reached.get(at)).copied().unwrap_or(false);
                    }
                }
            }
            reached = next;
        }
        (0..=name.len()).rev().find(|&at| reached.get(at).copied().unwrap_or(false) && at_boundary(at))
    }

    /// Whether the whole name matches.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.test(name) == Some(name.len())
    }
}

/// Whether `name` starts with the literal items; `None` when one of them is a wildcard.
fn starts_with(name: &[u8], items: &[Item]) -> Option<bool> {
    let mut same = true;
    for (at, item) in items.iter().enumerate() {
        match item {
            Item::Byte(byte) => same &= name.get(at) == Some(byte),
            Item::Any | Item::Level => return None,
        }
    }
    Some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, name: &str, expected: Option<usize>) {
        assert_eq!(Glob::new(pattern.as_bytes(), b'.').test(name.as_bytes()), expected, "{pattern} {name}");
    }

    #[test]
    fn wildcards_match_as_in_list() {
        check("*", "user.ann.Box", Some(12));
        check("%", "user.ann.Box", Some(4));
        check("%", "INBOX", Some(5));
        check("user.%", "user.ann.Box", Some(8));
        check("user.%.%", "user.ann.Box", Some(12));
        check("INBOX", "INBOX", Some(5));
        check("INBOX", "INBOXES", None);
        check("INBOX", "INBOX.x", Some(5));
        check("*Box", "user.ann.Box", Some(12));
        check("*b%", "a.bc.bd.e", Some(7));
        check("%%*", "a.b", Some(3));
        check("*%", "a.b", Some(3));
        check("", "a", None);
        check("", "", Some(0));
        check("user*", "shared", None);
        check("%.b", "a.b.c", Some(3));
    }
}
