//! `* LIST` and `* LSUB` lines (RFC 3501 7.2.2, RFC 5258 3).

use libcyrus::util::imapstr::put_astring;

/// What is said of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(u16);

impl Attributes {
    /// `\Noinferiors`
    pub const NO_INFERIORS: Self = Self(1);
    /// `\Noselect`
    pub const NO_SELECT: Self = Self(1 << 1);
    /// `\NonExistent`
    pub const NON_EXISTENT: Self = Self(1 << 4);
    /// `\Subscribed`
    pub const SUBSCRIBED: Self = Self(1 << 5);
    /// `\HasChildren`
    pub const HAS_CHILDREN: Self = Self(1 << 7);
    /// `\HasNoChildren`
    pub const HAS_NO_CHILDREN: Self = Self(1 << 8);
    /// CHILDINFO ("SUBSCRIBED"): something below is subscribed.
    pub const CHILD_SUBSCRIBED: Self = Self(1 << 9);

    /// Whether one of `these` is here.
    #[must_use]
    pub fn has(self, these: Self) -> bool {
        self.0 & these.0 != 0
    }

    /// Adds.
    pub fn add(&mut self, these: Self) {
        self.0 |= these.0;
    }

    /// Takes away.
    pub fn remove(&mut self, these: Self) {
        self.0 &= !these.0;
    }
}

const NAMES: [(Attributes, &str); 6] = [
    (Attributes::NO_INFERIORS, "\\Noinferiors"),
    (Attributes::NO_SELECT, "\\Noselect"),
    (Attributes::NON_EXISTENT, "\\NonExistent"),
    (Attributes::SUBSCRIBED, "\\Subscribed"),
    (Attributes::HAS_CHILDREN, "\\HasChildren"),
    (Attributes::HAS_NO_CHILDREN, "\\HasNoChildren"),
];

/// Appends one line. `uses` are special uses as stored. C: print_listresponse()
pub fn put_line(
    out: &mut Vec<u8>,
    response: &str,
    attributes: Attributes,
    uses: &[u8],
    separator: u8,
    name: &[u8],
) {
    out.extend_from_slice(format!("* {response} (").as_bytes());
    let words = NAMES.iter().filter(|(each, _)| attributes.has(*each)).map(|(_, word)| word.as_bytes());
    let words = words.chain(std::iter::once(uses).filter(|uses| !uses.is_empty())).collect::<Vec<_>>();
    out.extend_from_slice(&words.join(&b' '));
    out.extend_from_slice(&[b')', b' ', b'"', separator, b'"', b' ']);
    put_astring(out, name);
    if attributes.has(Attributes::CHILD_SUBSCRIBED) {
        out.extend_from_slice(b" (CHILDINFO (\"SUBSCRIBED\"))");
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_in_one_order_and_uses_behind_them() {
        let mut attributes = Attributes::HAS_NO_CHILDREN;
        attributes.add(Attributes::SUBSCRIBED);
        let mut out = Vec::new();
        put_line(&mut out, "LIST", attributes, b"\\Sent", b'/', b"a b");
        attributes.add(Attributes::CHILD_SUBSCRIBED);
        attributes.remove(Attributes::SUBSCRIBED);
        put_line(&mut out, "LSUB", attributes, b"", b'.', b"x");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"a b\"\r\n\
             * LSUB (\\HasNoChildren) \".\" x (CHILDINFO (\"SUBSCRIBED\"))\r\n"
        );
    }
}
