//! One entry of mailboxes.db, as value and as bytes (reference/databases.md 2).
//!
//! Written in the form of 3.5 and later; the two older forms are read. Unknown keys are dropped.

use cyrus_util::acl::Acl;
use cyrus_util::dlist::Value;
use cyrus_util::ids::{ModSeq, UidValidity};
use cyrus_util::mboxname::{MboxName, NameRules};

/// What kind of data a mailbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MbKind {
    /// `a`
    Addressbook,
    /// `c`
    Calendar,
    /// `b`
    Collection,
    /// `e`
    #[default]
    Email,
    /// `p`
    JmapPush,
    /// `s`
    JmapSubmit,
    /// `n`
    Netnews,
    /// `f`
    Sieve,
}

const KINDS: [(MbKind, char, u32); 8] = [
    (MbKind::Email, 'e', 0),
    (MbKind::Netnews, 'n', 1),
    (MbKind::JmapSubmit, 's', 2),
    (MbKind::JmapPush, 'p', 3),
    (MbKind::Sieve, 'f', 5),
    (MbKind::Collection, 'b', 8),
    (MbKind::Calendar, 'c', 9),
    (MbKind::Addressbook, 'a', 10),
];

const FLAGS: [(u8, char, u32); 6] = [
    (MbType::DELETED, 'd', 1 << 7),
    (MbType::MOVING, 'm', 1 << 6),
    (MbType::REMOTE, 'r', 1 << 4),
    (MbType::RESERVE, 'z', 1 << 5),
    (MbType::INTERMEDIATE, 'i', 1 << 8),
    (MbType::LEGACY_DIRS, 'l', 1 << 9),
];

/// Type of a mailbox: its kind and state flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MbType {
    /// What it holds.
    pub kind: MbKind,
    flags: u8,
}

impl MbType {
    const DELETED: u8 = 1;
    const MOVING: u8 = 2;
    const REMOTE: u8 = 4;
    const RESERVE: u8 = 8;
    const INTERMEDIATE: u8 = 16;
    const LEGACY_DIRS: u8 = 32;

    /// An ordinary mailbox of a kind.
    #[must_use]
    pub fn of(kind: MbKind) -> Self {
        Self { kind, flags: 0 }
    }

    /// Reads the letters; unknown ones are skipped. C: mboxlist_string_to_mbtype()
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut mbtype = Self::default();
        for &byte in text {
            if let Some((kind, _, _)) = KINDS.iter().find(|(_, letter, _)| *letter == char::from(byte)) {
                mbtype.kind = *kind;
            } else if let Some((flag, _, _)) = FLAGS.iter().find(|(_, letter, _)| *letter == char::from(byte))
            {
                mbtype.flags |= flag;
            }
        }
        mbtype
    }

    /// The number of older entries and of tools. C: mbtype
    #[must_use]
    pub fn number(self) -> u32 {
        let kind = KINDS.iter().find(|(kind, _, _)| *kind == self.kind).map_or(0, |(_, _, number)| *number);
        FLAGS.iter().filter(|(flag, _, _)| self.flags & flag != 0).fold(kind, |sum, (_, _, bit)| sum | bit)
    }

    /// From the number of older entries.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        let kind = KINDS
            .iter()
            .find(|(_, _, each)| *each == number & 0xf)
            .map_or(MbKind::Email, |(kind, _, _)| *kind);
        let flags =
            FLAGS.iter().filter(|(_, _, bit)| number & bit != 0).fold(0, |sum, (flag, _, _)| sum | flag);
        Self { kind, flags }
    }

    /// The letters. C: mboxlist_mbtype_to_string()
    #[must_use]
    pub fn print(self) -> String {
        let kind = KINDS.iter().filter(|(kind, _, _)| *kind == self.kind).map(|(_, letter, _)| *letter);
        let flags = FLAGS.iter().filter(|(flag, _, _)| self.flags & flag != 0).map(|(_, letter, _)| *letter);
        kind.chain(flags).collect()
    }

    /// The same, marked as a tombstone.
    #[must_use]
    pub fn deleted(self) -> Self {
        Self { flags: self.flags | Self::DELETED, ..self }
    }

    /// The same as an intermediate name without a mailbox, or not.
    #[must_use]
    pub fn with_intermediate(self, on: bool) -> Self {
        Self {
            flags: if on { self.flags | Self::INTERMEDIATE } else { self.flags & !Self::INTERMEDIATE },
            ..self
        }
    }

    /// The same with directories by name, or by id.
    #[must_use]
    pub fn with_legacy_dirs(self, on: bool) -> Self {
        Self {
            flags: if on { self.flags | Self::LEGACY_DIRS } else { self.flags & !Self::LEGACY_DIRS },
            ..self
        }
    }

    /// Whether it is a tombstone.
    #[must_use]
    pub fn is_deleted(self) -> bool {
        self.flags & Self::DELETED != 0
    }

    /// Whether it is about to move to another server.
    #[must_use]
    pub fn is_moving(self) -> bool {
        self.flags & Self::MOVING != 0
    }

    /// Whether it lies on another server.
    #[must_use]
    pub fn is_remote(self) -> bool {
        self.flags & Self::REMOTE != 0
    }

    /// Whether the name is only reserved.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        self.flags & Self::RESERVE != 0
    }

    /// Whether there is only a name, no mailbox.
    #[must_use]
    pub fn is_intermediate(self) -> bool {
        self.flags & Self::INTERMEDIATE != 0
    }

    /// Whether its directories are found by name.
    #[must_use]
    pub fn has_legacy_dirs(self) -> bool {
        self.flags & Self::LEGACY_DIRS != 0
    }

    /// Whether there is a mailbox to open: none of the flags but the directory form.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.flags & !Self::LEGACY_DIRS == 0
    }
}

/// A name a mailbox had before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormerName {
    /// The name.
    pub name: MboxName,
    /// When its entry was written.
    pub mtime: u64,
    /// UIDVALIDITY then.
    pub uidvalidity: UidValidity,
    /// createdmodseq then.
    pub createdmodseq: ModSeq,
    /// foldermodseq then.
    pub foldermodseq: ModSeq,
    /// Type then.
    pub mbtype: MbType,
    /// Partition then.
    pub partition: Option<Vec<u8>>,
}

/// An entry of mailboxes.db.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MbEntry {
    /// Internal name.
    pub name: MboxName,
    /// Type and state.
    pub mbtype: MbType,
    /// Unique id; missing in very old entries.
    pub uniqueid: Option<Vec<u8>>,
    /// Partition.
    pub partition: Option<Vec<u8>>,
    /// Server, in a murder.
    pub server: Option<Vec<u8>>,
    /// UIDVALIDITY.
    pub uidvalidity: UidValidity,
    /// Modseq of its creation.
    pub createdmodseq: ModSeq,
    /// Modseq of its last change of name, ACL and the like.
    pub foldermodseq: ModSeq,
    /// When the entry was written, seconds since the epoch.
    pub mtime: u64,
    /// Access control list.
    pub acl: Option<Acl>,
    /// Former names, newest first; only known when read by id.
    pub history: Vec<FormerName>,
}

/// The value is no entry. C: IMAP_MAILBOX_BADFORMAT
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEntry;

impl MbEntry {
    /// The ACL, empty when there is none.
    #[must_use]
    pub fn acl(&self) -> Acl {
        self.acl.clone().unwrap_or_default()
    }

    /// The value of its `N` record, stamped with `mtime`.
    #[must_use]
    pub fn name_value(&self) -> Vec<u8> {
        let mut value = Value::kv();
        value.put(b"T", Value::str(self.mbtype.print()));
        if let Some(uniqueid) = &self.uniqueid {
            value.put(b"I", Value::str(uniqueid.as_slice()));
        }
        self.put_common(&mut value);
        value.print()
    }

    /// The value of its `I` record, stamped with `mtime`.
    #[must_use]
    pub fn id_value(&self, rules: &NameRules) -> Vec<u8> {
        let mut value = Value::kv();
        value.put(b"T", Value::str(self.mbtype.print()));
        value.put(b"N", Value::str(self.name.to_db(rules)));
        self.put_common(&mut value);
        let history = self.history.iter().map(|item| {
            let mut former = Value::kv();
            former.put(b"N", Value::str(item.name.to_db(rules)));
            put_number(&mut former, b"M", item.mtime);
            put_number(&mut former, b"V", u64::from(item.uidvalidity.0));
            put_number(&mut former, b"C", item.createdmodseq.0);
            put_number(&mut former, b"F", item.foldermodseq.0);
            former.put(b"T", Value::str(item.mbtype.print()));
            if let Some(partition) = &item.partition {
                former.put(b"P", Value::str(partition.as_slice()));
            }
            former
        });
        value.put(b"H", Value::List(history.collect()));
        value.print()
    }

    fn put_common(&self, value: &mut Value) {
        if let Some(partition) = &self.partition {
            value.put(b"P", Value::str(partition.as_slice()));
        }
        if let Some(server) = &self.server {
            value.put(b"S", Value::str(server.as_slice()));
        }
        put_number(value, b"V", u64::from(self.uidvalidity.0));
        put_number(value, b"C", self.createdmodseq.0);
        put_number(value, b"F", self.foldermodseq.0);
        value.put(b"M", Value::Num(self.mtime));
        if let Some(acl) = &self.acl {
            let pairs = acl.entries().iter();
            let pairs = pairs.map(|entry| (entry.identifier.clone(), Value::str(entry.rights.as_slice())));
            value.put(b"A", Value::KvList(pairs.collect()));
        }
    }

    /// Reads the value of an `N` record (then `name` is known) or of an `I` record.
    /// C: mboxlist_parse_entry()
    ///
    /// # Errors
    /// [`BadEntry`].
    pub fn parse(name: Option<MboxName>, data: &[u8], rules: &NameRules) -> Result<Self, BadEntry> {
        match data.first() {
            None => Err(BadEntry),
            Some(b'%') => Self::parse_dlist(name, data, rules),
            Some(_) => Self::parse_old(name, data),
        }
    }

    fn parse_dlist(name: Option<MboxName>, data: &[u8], rules: &NameRules) -> Result<Self, BadEntry> {
        let value = Value::parse(data).map_err(|_| BadEntry)?;
        let mut entry = Self { name: name.unwrap_or_default(), ..Self::default() };
        for (key, value) in value.pairs() {
            let text = || value.as_bytes().map(<[u8]>::to_vec);
            let number = || value.as_u64().unwrap_or(0);
            match key.as_slice() {
                b"T" => entry.mbtype = MbType::parse(value.as_bytes().unwrap_or_default()),
                b"I" => entry.uniqueid = text(),
                b"N" if entry.name.is_empty() => {
                    entry.name = MboxName::from_db(value.as_bytes().unwrap_or_default(), rules);
                }
                b"P" => entry.partition = text(),
                b"S" => entry.server = text(),
                b"V" => entry.uidvalidity = UidValidity(u32::try_from(number()).unwrap_or(0)),
                b"C" => entry.createdmodseq = ModSeq(number()),
                b"F" => entry.foldermodseq = ModSeq(number()),
                b"M" => entry.mtime = number(),
                b"A" => {
                    let mut acl = Acl::new();
                    for (identifier, rights) in value.pairs() {
                        acl.push(identifier, rights.as_bytes().unwrap_or_default());
                    }
                    entry.acl = Some(acl);
                }
                b"H" => {
                    entry.history = value.items().iter().map(|item| FormerName::parse(item, rules)).collect()
                }
                _ => {}
            }
        }
        Ok(entry)
    }

    /// `[(uniqueid X specialuse Y) ]type [server!]partition acl`
    fn parse_old(name: Option<MboxName>, data: &[u8]) -> Result<Self, BadEntry> {
        let mut entry = Self { name: name.unwrap_or_default(), ..Self::default() };
        let mut rest = data;
        if let Some(after) = rest.strip_prefix(b"(") {
            let end = after.iter().position(|&byte| byte == b')').ok_or(BadEntry)?;
            let (words, tail) = after.split_at_checked(end).ok_or(BadEntry)?;
            let mut words = words.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
            while let (Some(key), Some(word)) = (words.next(), words.next()) {
                if key == b"uniqueid" {
                    entry.uniqueid = Some(word.to_vec());
                }
            }
            rest = tail.strip_prefix(b")").unwrap_or(tail);
            rest = rest.strip_prefix(b" ").unwrap_or(rest);
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, tail) = rest.split_at_checked(digits).ok_or(BadEntry)?;
        let number = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        entry.mbtype = MbType::from_number(number);
        rest = tail.strip_prefix(b" ").unwrap_or(tail);
        let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
        let (place, acl) = rest.split_at_checked(end).ok_or(BadEntry)?;
        match place.iter().position(|&byte| byte == b'!') {
            Some(at) => {
                entry.server = place.get(..at).map(<[u8]>::to_vec);
                entry.partition = place.get(at.saturating_add(1)..).map(<[u8]>::to_vec);
            }
            None => entry.partition = Some(place.to_vec()),
        }
        entry.acl = Some(Acl::parse(acl.strip_prefix(b" ").unwrap_or(acl)));
        Ok(entry)
    }
}

impl FormerName {
    fn parse(value: &Value, rules: &NameRules) -> Self {
        let number = |key: &[u8]| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let text = |key: &[u8]| value.get(key).and_then(Value::as_bytes);
        Self {
            name: MboxName::from_db(text(b"N").unwrap_or_default(), rules),
            mtime: number(b"M"),
            uidvalidity: UidValidity(u32::try_from(number(b"V")).unwrap_or(0)),
            createdmodseq: ModSeq(number(b"C")),
            foldermodseq: ModSeq(number(b"F")),
            mbtype: MbType::parse(text(b"T").unwrap_or_default()),
            partition: text(b"P").map(<[u8]>::to_vec),
        }
    }
}

fn put_number(value: &mut Value, key: &[u8], number: u64) {
    if number != 0 {
        value.put(key, Value::Num(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_written_as_they_were_read() {
        let rules = NameRules::default();
        for text in [
            "%(T e I ud4kv1 P default V 1 C 1 F 2 M 1795375841 A %(alice lrswipkxtecdan -bob lr))",
            "%(T ed I ud4kv1 V 1 C 1 F 3 M 1795375841)",
            "%(T eil I x M 5 A %())",
        ] {
            let entry = MbEntry::parse(Some(MboxName::from("user.alice")), text.as_bytes(), &rules);
            assert_eq!(entry.map(|entry| entry.name_value()).as_deref(), Ok(text.as_bytes()));
        }
        let text =
            "%(T e N user\x1fj.doe V 1 M 1 A %(a lr) H (%(N user\x1fx M 1 V 1 C 1 F 1 T e P default)))";
        let entry = MbEntry::parse(None, text.as_bytes(), &rules);
        assert_eq!(entry.map(|entry| entry.id_value(&rules)).as_deref(), Ok(text.as_bytes()));
    }

    #[test]
    fn old_values_are_read() {
        let rules = NameRules::default();
        let old =
            MbEntry::parse(None, b"(uniqueid 5d3 specialuse \\Trash ) 1 back!part anyone\tlrs\t", &rules);
        let old = old.unwrap_or_default();
        assert_eq!(old.uniqueid.as_deref(), Some(b"5d3".as_slice()));
        assert_eq!(old.mbtype.kind, MbKind::Netnews);
        assert_eq!(old.server.as_deref(), Some(b"back".as_slice()));
        assert_eq!(old.partition.as_deref(), Some(b"part".as_slice()));
        assert_eq!(old.acl().print(), b"anyone\tlrs\t");
        let old = MbEntry::parse(None, b"0 default ann\tlrs\t", &rules).unwrap_or_default();
        assert_eq!(old.partition.as_deref(), Some(b"default".as_slice()));
    }

    #[test]
    fn types_have_letters_and_numbers() {
        for letters in ["e", "ed", "eil", "cr", "fl", "az"] {
            let mbtype = MbType::parse(letters.as_bytes());
            assert_eq!(mbtype.print(), letters);
            assert_eq!(MbType::from_number(mbtype.number()), mbtype);
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut random = fastrand::Rng::with_seed(17);
        let alphabet = b"%()TNIPSVCFMAH 0e!\x1f\xff\t";
        for _ in 0..20_000 {
            let text = (0..random.usize(..40))
                .map(|_| alphabet.get(random.usize(..alphabet.len())).copied().unwrap_or(0));
            let _ = MbEntry::parse(None, &text.collect::<Vec<_>>(), &NameRules::default());
        }
    }
}
