//! Access control lists as strings: rights, their canonical order, ordered entries (RFC 4314).
//!
//! An ACL is stored as `identifier TAB rights TAB ...`; the rights text of an entry is kept as it
//! was written and only the entry that changes is printed anew, in the order
//! `l r s w i p k x t e c d a n 0-9`. `c` and `d` are the RFC 2086 macros: read, they stand for
//! their members unless one of these is named too; written, they are added when any member is set.
//! Identifiers starting with `-` take rights away.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// The rights of one identifier.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rights(u32);

/// Which old right letter also grants [`Rights::DELETEMBOX`] (option `deleteright`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeleteRight {
    /// `c`, the default: the macro `c` covers `k` and `x`.
    #[default]
    Create,
    /// `d`: the macro `d` covers `t`, `e` and `x`.
    Delete,
    /// Any other letter grants `x` besides its own meaning.
    Other(u8),
}

impl DeleteRight {
    /// From the value of the option; only its first byte counts.
    #[must_use]
    pub fn from_option(value: &[u8]) -> Self {
        match value.first() {
            Some(b'c') => Self::Create,
            Some(b'd') => Self::Delete,
            Some(&other) => Self::Other(other),
            None => Self::Other(0),
        }
    }

    fn letter(self) -> u8 {
        match self {
            Self::Create => b'c',
            Self::Delete => b'd',
            Self::Other(letter) => letter,
        }
    }
}

/// Letters in canonical order with their bits; the macros have a place of their own.
const LETTERS: [(u8, Rights); 22] = [
    (b'l', Rights::LOOKUP),
    (b'r', Rights::READ),
    (b's', Rights::SETSEEN),
    (b'w', Rights::WRITE),
    (b'i', Rights::INSERT),
    (b'p', Rights::POST),
    (b'k', Rights::CREATE),
    (b'x', Rights::DELETEMBOX),
    (b't', Rights::DELETEMSG),
    (b'e', Rights::EXPUNGE),
    (b'a', Rights::ADMIN),
    (b'n', Rights::ANNOTATEMSG),
    (b'0', Rights(1 << 16)),
    (b'1', Rights(1 << 17)),
    (b'2', Rights(1 << 18)),
    (b'3', Rights(1 << 19)),
    (b'4', Rights(1 << 20)),
    (b'5', Rights(1 << 21)),
    (b'6', Rights(1 << 22)),
    (b'7', Rights(1 << 23)),
    (b'8', Rights(1 << 24)),
    (b'9', Rights(1 << 25)),
];

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// `l`: the mailbox is visible.
    pub const LOOKUP: Self = Self(1);
    /// `r`: SELECT, FETCH, SEARCH, COPY from.
    pub const READ: Self = Self(1 << 1);
    /// `s`: keep \Seen across sessions.
    pub const SETSEEN: Self = Self(1 << 2);
    /// `w`: change flags other than \Seen and \Deleted.
    pub const WRITE: Self = Self(1 << 3);
    /// `i`: APPEND, COPY into.
    pub const INSERT: Self = Self(1 << 4);
    /// `p`: deliver mail.
    pub const POST: Self = Self(1 << 5);
    /// `k`: create mailboxes below.
    pub const CREATE: Self = Self(1 << 6);
    /// `x`: delete or rename the mailbox.
    pub const DELETEMBOX: Self = Self(1 << 7);
    /// `t`: set and clear \Deleted.
    pub const DELETEMSG: Self = Self(1 << 8);
    /// `e`: EXPUNGE.
    pub const EXPUNGE: Self = Self(1 << 9);
    /// `a`: change the ACL.
    pub const ADMIN: Self = Self(1 << 10);
    /// `n`: change shared annotations of messages.
    pub const ANNOTATEMSG: Self = Self(1 << 11);
    /// All rights a mailbox can grant, without the user-defined `0`-`9`: `lrswipkxtecdan`.
    pub const ALL: Self = Self(0xfff);
    /// What an administrator has by configuration: `l k x a`.
    pub const ADMIN_IMPLICIT: Self = Self(1 | 1 << 6 | 1 << 7 | 1 << 10);

    /// Whether all of `rights` are here.
    #[must_use]
    pub const fn has(self, rights: Self) -> bool {
        self.0 & rights.0 == rights.0
    }

    /// Whether at least one of `rights` is here.
    #[must_use]
    pub const fn has_any(self, rights: Self) -> bool {
        self.0 & rights.0 != 0
    }

    /// Whether there is no right.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, rights: Self) -> Self {
        Self(self.0 | rights.0)
    }

    /// These rights without `rights`.
    #[must_use]
    pub const fn without(self, rights: Self) -> Self {
        Self(self.0 & !rights.0)
    }

    /// Reads a rights string; letters that mean nothing are skipped. C: cyrus_acl_strtomask()
    #[must_use]
    pub fn parse(text: &[u8], delete_right: DeleteRight) -> Self {
        Self::parse_strict(text, delete_right).unwrap_or_else(|(rights, _)| rights)
    }

    /// Reads a rights string.
    ///
    /// # Errors
    /// The rights understood and the last letter that means nothing.
    pub fn parse_strict(text: &[u8], delete_right: DeleteRight) -> Result<Self, (Self, u8)> {
        let (mut rights, mut bad) = (Self::NONE, None);
        let (mut create, mut delete) = (Self::NONE, Self::NONE);
        for &letter in text {
            let known = LETTERS.iter().find(|(each, _)| *each == letter);
            match (letter, known) {
                (b'c', _) => create |= Self::CREATE,
                (b'd', _) => delete |= Self::DELETEMSG | Self::EXPUNGE,
                (_, Some((_, right))) => rights |= *right,
                (_, None) if letter != delete_right.letter() => bad = Some(letter),
                (_, None) => {}
            }
            if letter == delete_right.letter() {
                match delete_right {
                    DeleteRight::Create => create |= Self::DELETEMBOX,
                    DeleteRight::Delete => delete |= Self::DELETEMBOX,
                    DeleteRight::Other(_) => rights |= Self::DELETEMBOX,
                }
            }
        }
        // A macro counts only when none of its members was named beside it; `c` is settled
        // first, so with deleteright `c` or `d` the shared member is seen by the other.
        if !rights.has_any(create) {
            rights |= create;
        }
        if !rights.has_any(delete) {
            rights |= delete;
        }
        bad.map_or(Ok(rights), |letter| Err((rights, letter)))
    }

    /// Whether `text` (after one leading `+` or `-`) holds only known letters.
    ///
    /// # Errors
    /// The first unknown letter; IMAP says `The X right is not supported`. C: cyrus_acl_checkstr()
    pub fn check(text: &[u8]) -> Result<(), u8> {
        let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        match text.iter().find(|each| !b"lrswipckxtedan0123456789".contains(each)) {
            Some(&letter) => Err(letter),
            None => Ok(()),
        }
    }

    /// The canonical string. C: cyrus_acl_masktostr()
    #[must_use]
    pub fn print(self, delete_right: DeleteRight) -> String {
        let mut create = Self::CREATE;
        let mut delete = Self::DELETEMSG | Self::EXPUNGE;
        match delete_right {
            DeleteRight::Create => create |= Self::DELETEMBOX,
            DeleteRight::Delete => delete |= Self::DELETEMBOX,
            DeleteRight::Other(_) => {}
        }
        let mut text = String::with_capacity(24);
        for (letter, right) in LETTERS {
            if letter == b'a' {
                if self.has_any(create) {
                    text.push('c');
                }
                if self.has_any(delete) {
                    text.push('d');
                }
            }
            if self.has(right) {
                text.push(char::from(letter));
            }
        }
        text
    }
}

impl BitOr for Rights {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Rights {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Rights {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Rights {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0 & (Self::ALL.0 | 0x3ff << 16))
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(DeleteRight::Create))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How SETACL changes an entry (RFC 4314 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetMode {
    /// `+rights`: add to what is there.
    Add,
    /// `-rights`: take from what is there.
    Remove,
    /// `rights`: put in place of what is there; no rights removes the entry.
    Set,
}

impl SetMode {
    /// Splits the mode from the argument of SETACL.
    #[must_use]
    pub fn split(argument: &[u8]) -> (Self, &[u8]) {
        match argument.split_first() {
            Some((b'+', rest)) => (Self::Add, rest),
            Some((b'-', rest)) => (Self::Remove, rest),
            _ => (Self::Set, argument),
        }
    }
}

/// One entry: an identifier and its rights text as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Identifier; a leading `-` makes its rights negative.
    pub identifier: Vec<u8>,
    /// Rights letters as written.
    pub rights: Vec<u8>,
}

impl AclEntry {
    /// The identifier without its minus, and whether it had one.
    #[must_use]
    pub fn who(&self) -> (&[u8], bool) {
        match self.identifier.strip_prefix(b"-") {
            Some(rest) => (rest, true),
            None => (&self.identifier, false),
        }
    }
}

/// An ordered access control list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    entries: Vec<AclEntry>,
}

impl Acl {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `id TAB rights TAB ...`; an incomplete tail is dropped, as C ignores it.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut fields = text.split(|&byte| byte == b'\t').collect::<Vec<_>>();
        fields.pop(); // what follows the last TAB
        let entries = fields
            .chunks_exact(2)
            .map(|pair| AclEntry { identifier: pair[0].to_vec(), rights: pair[1].to_vec() })
            .take_while(|entry| !(entry.identifier.is_empty() && entry.rights.is_empty()))
            .collect();
        Self { entries }
    }

    /// The TAB form, with C's trailing TAB.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for entry in &self.entries {
            text.extend_from_slice(&entry.identifier);
            text.push(b'\t');
            text.extend_from_slice(&entry.rights);
            text.push(b'\t');
        }
        text
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[AclEntry] {
        &self.entries
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends an entry as it is; used when reading stored lists.
    pub fn push(&mut self, identifier: &[u8], rights: &[u8]) {
        self.entries.push(AclEntry { identifier: identifier.to_vec(), rights: rights.to_vec() });
    }

    /// The rights an identifier (with its minus) has been given.
    #[must_use]
    pub fn rights_of(&self, identifier: &[u8], delete_right: DeleteRight) -> Rights {
        self.entries
            .iter()
            .find(|entry| entry.identifier == identifier)
            .map_or(Rights::NONE, |entry| Rights::parse(&entry.rights, delete_right))
    }

    /// Changes one entry. `identifier` is already canonical (it may start with `-`); `canon`
    /// says which rights the identifier (without minus) must keep or may not have. Resulting in
    /// no rights, the entry goes; a new one goes to the end. C: cyrus_acl_set()
    pub fn set(
        &mut self,
        identifier: &[u8],
        mode: SetMode,
        rights: Rights,
        delete_right: DeleteRight,
        canon: impl Fn(&[u8], Rights) -> Rights,
    ) {
        if identifier.is_empty() {
            return;
        }
        let old = self.rights_of(identifier, delete_right);
        let rights = match mode {
            SetMode::Add => old | rights,
            SetMode::Remove => old.without(rights),
            SetMode::Set => rights,
        };
        let rights = match identifier.strip_prefix(b"-") {
            Some(positive) => !canon(positive, !rights),
            None => canon(identifier, rights),
        };
        let at = self.entries.iter().position(|entry| entry.identifier == identifier);
        match (at, rights.is_empty()) {
            (Some(at), true) => drop(self.entries.remove(at)),
            (None, true) => {}
            (Some(at), false) => {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.rights = rights.print(delete_right).into_bytes();
                }
            }
            (None, false) => {
                self.push(identifier, rights.print(delete_right).as_bytes());
            }
        }
    }

    /// The sum of the rights given to identifiers for which `is_member` is true, less the negative
    /// ones. C: cyrus_acl_myrights()
    pub fn rights_for(
        &self,
        delete_right: DeleteRight,
        admin_implies_write: bool,
        mut is_member: impl FnMut(&[u8]) -> bool,
    ) -> Rights {
        let (mut positive, mut negative) = (Rights::NONE, Rights::NONE);
        for entry in &self.entries {
            let (who, minus) = entry.who();
            if is_member(who) {
                let rights = Rights::parse(&entry.rights, delete_right);
                if minus {
                    negative |= rights;
                } else {
                    positive |= rights;
                }
            }
        }
        if admin_implies_write && positive.has(Rights::ADMIN) {
            positive |= Rights::SETSEEN
                | Rights::WRITE
                | Rights::INSERT
                | Rights::DELETEMSG
                | Rights::EXPUNGE
                | Rights::ANNOTATEMSG;
        }
        positive.without(negative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(Rights::parse(input.as_bytes(), DeleteRight::Create).to_string(), expected);
    }

    #[test]
    fn rights_are_printed_in_canonical_order_with_their_macros() {
        check("lrswipkxtecdan", "lrswipkxtecdan");
        check("lrs", "lrs");
        check("lrswit", "lrswitd");
        check("lrswipcda", "lrswipkxtecda");
        check("nadcetxkpiwsrl", "lrswipkxtecdan");
        check("c", "kxc");
        check("kc", "kc");
        check("d", "ted");
        check("xd", "xtecd");
        check("09l", "l09");
        check("lq", "l");
    }

    #[test]
    fn the_delete_right_moves_x_between_the_macros() {
        let d = DeleteRight::Delete;
        assert_eq!(Rights::parse(b"d", d).print(d), "xted");
        assert_eq!(Rights::parse(b"c", d).print(d), "kc");
        let other = DeleteRight::Other(b'z');
        assert_eq!(Rights::parse(b"z", other).print(other), "x");
    }

    #[test]
    fn setacl_changes_one_entry_and_keeps_the_others_as_written() {
        let none = |_: &[u8], rights| rights;
        let c = DeleteRight::Create;
        let mut acl = Acl::parse(b"ann\tadl\tanyone\tlrs\tgarbage");
        acl.set(b"bob", SetMode::Add, Rights::parse(b"lr", c), c, none);
        acl.set(b"anyone", SetMode::Remove, Rights::parse(b"s", c), c, none);
        acl.set(b"-bob", SetMode::Set, Rights::parse(b"w", c), c, none);
        assert_eq!(acl.print(), b"ann\tadl\tanyone\tlr\tbob\tlr\t-bob\tw\t");
        acl.set(b"anyone", SetMode::Set, Rights::NONE, c, none);
        assert_eq!(acl.print(), b"ann\tadl\tbob\tlr\t-bob\tw\t");
        let rights = acl.rights_for(c, false, |id| id == b"bob" || id == b"anyone");
        assert_eq!(rights.to_string(), "lr");
    }

    #[test]
    fn any_bytes_parse_and_print_to_a_fixed_point() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let text =
                (0..random.usize(..40)).map(|_| *b"ab\t-lrs\xff\0 ".get(random.usize(..10)).unwrap_or(&0));
            let text = text.collect::<Vec<_>>();
            let acl = Acl::parse(&text);
            assert_eq!(Acl::parse(&acl.print()), acl, "{text:?}");
        }
    }
}
