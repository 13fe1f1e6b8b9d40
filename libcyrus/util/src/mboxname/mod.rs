//! Mailbox names: the internal form, its parts, its policy and the form of database keys
//! (reference/mailbox-files.md 1.3 and 1.4, reference/databases.md 2).
//!
//! Internal: `[domain!]` + components joined by `.`; a dot inside a component is written `^`.
//! Database: domain, GS, components joined by US, dots as they are. External names, as a client
//! writes them, are the business of [`namespace`].

pub mod namespace;
pub mod policy;

pub use namespace::{Category, Namespace, Options, VirtDomains};

use crate::dirhash::DirHash;
use std::fmt;

/// Between domain and name in database keys.
pub const GS: u8 = 0x1d;
/// Between components in database keys.
pub const US: u8 = 0x1f;
/// Longest internal name in octets.
pub const MAX_MAILBOX_NAME: usize = 490;

/// The settings that names depend on everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRules {
    /// `defaultdomain`: this domain is never written.
    pub defaultdomain: Vec<u8>,
    /// `deletedprefix`: first component of mailboxes waiting for their end.
    pub deletedprefix: Vec<u8>,
}

impl Default for NameRules {
    fn default() -> Self {
        Self { defaultdomain: b"internal".to_vec(), deletedprefix: b"DELETED".to_vec() }
    }
}

/// A mailbox name in internal form. Nothing is checked by making one; see [`policy::check`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MboxName(Vec<u8>);

impl MboxName {
    /// Takes an internal name as it is.
    #[must_use]
    pub fn new(internal: impl Into<Vec<u8>>) -> Self {
        Self(internal.into())
    }

    /// The INBOX of a user. C: mboxname_user_mbox()
    #[must_use]
    pub fn user_inbox(userid: &[u8], rules: &NameRules) -> Self {
        Parts::from_userid(userid, rules).to_name(rules)
    }

    /// The octets of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The octets, owned.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Whether the name is empty, as that of the server entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name taken apart. C: mbname_from_intname()
    #[must_use]
    pub fn parts(&self, rules: &NameRules) -> Parts {
        Parts::from_internal(&self.0, rules)
    }

    /// The owner's userid (`local[@domain]`), also of a deleted mailbox; none for a shared one.
    #[must_use]
    pub fn owner(&self, rules: &NameRules) -> Option<Vec<u8>> {
        self.parts(rules).userid()
    }

    /// Whether it is in the deleted namespace.
    #[must_use]
    pub fn is_deleted(&self, rules: &NameRules) -> bool {
        self.parts(rules).deleted != 0
    }

    /// Whether it is a user's mailbox and not deleted. C: mboxname_isusermailbox(name, 0)
    #[must_use]
    pub fn is_user_mailbox(&self, rules: &NameRules) -> bool {
        let parts = self.parts(rules);
        parts.localpart.is_some() && parts.deleted == 0
    }

    /// Whether it is a user's INBOX. C: mboxname_isusermailbox(name, 1)
    #[must_use]
    pub fn is_user_inbox(&self, rules: &NameRules) -> bool {
        let parts = self.parts(rules);
        parts.localpart.is_some() && parts.deleted == 0 && parts.boxes.is_empty()
    }

    /// The domain as written, default or not.
    #[must_use]
    pub fn domain(&self) -> Option<&[u8]> {
        let at = self.0.iter().position(|&byte| byte == b'!')?;
        self.0.get(..at)
    }

    /// The components as written (`^` stays), without the domain.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.after_domain().split(|&byte| byte == b'.')
    }

    /// The next name up: `user.ann.a` to `user.ann` to `user`; a top-level name goes to its domain
    /// (`ex.org!`) or to the empty name. None for `user` and the empty name.
    /// C: mboxname_make_parent()
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let start = self.0.len().saturating_sub(self.after_domain().len());
        let rest = self.after_domain();
        if self.0.is_empty() || rest == b"user" {
            return None;
        }
        let cut = match rest.iter().rposition(|&byte| byte == b'.') {
            Some(dot) if dot > 0 => start.saturating_add(dot),
            _ if rest.is_empty() => 0,
            _ => start,
        };
        Some(Self(self.0.get(..cut).unwrap_or_default().to_vec()))
    }

    /// A name below this one; `component` is already in internal form.
    #[must_use]
    pub fn child(&self, component: &[u8]) -> Self {
        let mut name = self.0.clone();
        if !name.is_empty() && !name.ends_with(b"!") {
            name.push(b'.');
        }
        name.extend_from_slice(component);
        Self(name)
    }

    /// Whether `self` is `ancestor` or below it. C: mboxname_is_prefix()
    #[must_use]
    pub fn is_in_tree_of(&self, ancestor: &Self) -> bool {
        match self.0.strip_prefix(ancestor.0.as_slice()) {
            Some(rest) => rest.is_empty() || rest.starts_with(b"."),
            None => false,
        }
    }

    /// This name with `from` at its start replaced by `to`.
    #[must_use]
    pub fn rebase(&self, from: &Self, to: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(from.0.as_slice())?;
        Some(Self([to.0.as_slice(), rest].concat()))
    }

    /// The name this mailbox gets when its deletion is delayed. C: mboxname_todeleted()
    #[must_use]
    pub fn to_deleted(&self, at: i64, rules: &NameRules) -> Self {
        let start = self.0.len().saturating_sub(self.after_domain().len());
        let (domain, rest) = self.0.split_at_checked(start).unwrap_or((&[], &self.0));
        let mut name = domain.to_vec();
        name.extend_from_slice(&rules.deletedprefix);
        name.push(b'.');
        name.extend_from_slice(rest);
        name.extend_from_slice(format!(".{:X}", at & 0xffff_ffff).as_bytes());
        Self(name)
    }

    /// The form of database keys and of `N` values. C: mbname_dbname()
    #[must_use]
    pub fn to_db(&self, rules: &NameRules) -> Vec<u8> {
        self.parts(rules).to_db(rules)
    }

    /// Reads the form of database keys. C: mboxname_from_dbname()
    #[must_use]
    pub fn from_db(dbname: &[u8], rules: &NameRules) -> Self {
        Parts::from_db(dbname, rules).to_name(rules)
    }

    /// The directory below a root for mailboxes kept by name, and of name locks: starts with `/`.
    /// C: mboxname_hash()
    #[must_use]
    pub fn legacy_dir(&self, hashimapspool: bool, hash: DirHash, rules: &NameRules) -> Vec<u8> {
        let mut parts = self.parts(rules);
        let mut path = Vec::new();
        if let Some(domain) = &parts.domain {
            path.extend_from_slice(b"/domain/");
            if hashimapspool {
                path.extend_from_slice(format!("{}/", hash.letter(domain)).as_bytes());
            }
            path.extend_from_slice(domain);
        }
        if let Some(localpart) = parts.localpart.take() {
            parts.boxes.splice(0..0, [b"user".to_vec(), localpart]);
        }
        if parts.deleted != 0 {
            parts.boxes.insert(0, rules.deletedprefix.clone());
            parts.boxes.push(deleted_stamp(parts.deleted));
        }
        if hashimapspool {
            if let Some(hashed) = parts.boxes.get(1).or_else(|| parts.boxes.first()) {
                path.extend_from_slice(format!("/{}", hash.letter(hashed)).as_bytes());
            }
        }
        for component in &parts.boxes {
            path.push(b'/');
            put_internal(&mut path, component);
        }
        path
    }

    fn after_domain(&self) -> &[u8] {
        match self.0.iter().position(|&byte| byte == b'!') {
            Some(at) => self.0.get(at.saturating_add(1)..).unwrap_or_default(),
            None => &self.0,
        }
    }
}

impl AsRef<[u8]> for MboxName {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for MboxName {
    fn from(internal: &[u8]) -> Self {
        Self(internal.to_vec())
    }
}

impl From<&str> for MboxName {
    fn from(internal: &str) -> Self {
        Self(internal.as_bytes().to_vec())
    }
}

impl fmt::Display for MboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for MboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// The directory of a mailbox or user kept by id: `uuid/c0/c1/id`, no slash in front.
/// C: mboxname_id_hash()
#[must_use]
pub fn id_dir(uniqueid: &[u8]) -> Vec<u8> {
    let mut path = b"uuid/".to_vec();
    for at in 0..2 {
        path.extend(uniqueid.get(at));
        path.push(b'/');
    }
    path.extend_from_slice(uniqueid);
    path
}

/// A name taken apart. Components hold dots as dots. C: mbname_t
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Domain, never the default one.
    pub domain: Option<Vec<u8>>,
    /// User part of a user's mailbox.
    pub localpart: Option<Vec<u8>>,
    /// Components below the user, or all of a shared mailbox.
    pub boxes: Vec<Vec<u8>>,
    /// When it was deleted (seconds since the epoch), 0 for a living mailbox.
    pub deleted: u64,
}

impl Parts {
    /// The parts of an internal name. C: mbname_from_intname()
    #[must_use]
    pub fn from_internal(name: &[u8], rules: &NameRules) -> Self {
        let mut parts = Self::default();
        let mut rest = name;
        if let Some(at) = name.iter().position(|&byte| byte == b'!') {
            parts.set_domain(name.get(..at).unwrap_or_default(), rules);
            rest = name.get(at.saturating_add(1)..).unwrap_or_default();
        }
        parts.boxes = split(rest, b'.')
            .map(|part| part.iter().map(|&byte| if byte == b'^' { b'.' } else { byte }).collect())
            .collect();
        parts.take_prefixes(rules);
        parts
    }

    /// The parts of a name in database form.
    #[must_use]
    pub fn from_db(dbname: &[u8], rules: &NameRules) -> Self {
        let mut parts = Self::default();
        let mut rest = dbname;
        if let Some(at) = dbname.iter().position(|&byte| byte == GS) {
            parts.set_domain(dbname.get(..at).unwrap_or_default(), rules);
            rest = dbname.get(at.saturating_add(1)..).unwrap_or_default();
        }
        parts.boxes = split(rest, US).map(<[u8]>::to_vec).collect();
        parts.take_prefixes(rules);
        parts
    }

    /// The INBOX of a user. C: mbname_from_userid()
    #[must_use]
    pub fn from_userid(userid: &[u8], rules: &NameRules) -> Self {
        let mut parts = Self::default();
        if userid.is_empty() {
            return parts;
        }
        match userid.iter().rposition(|&byte| byte == b'@') {
            Some(at) => {
                parts.localpart = userid.get(..at).map(<[u8]>::to_vec);
                parts.set_domain(userid.get(at.saturating_add(1)..).unwrap_or_default(), rules);
            }
            None => parts.localpart = Some(userid.to_vec()),
        }
        parts
    }

    /// Sets the domain unless it is the default one.
    pub fn set_domain(&mut self, domain: &[u8], rules: &NameRules) {
        self.domain = (domain != rules.defaultdomain).then(|| domain.to_vec());
    }

    /// `local[@domain]` of the owner; none for a shared mailbox.
    #[must_use]
    pub fn userid(&self) -> Option<Vec<u8>> {
        let mut userid = self.localpart.clone()?;
        if let Some(domain) = &self.domain {
            userid.push(b'@');
            userid.extend_from_slice(domain);
        }
        Some(userid)
    }

    /// The internal name. C: mbname_intname()
    #[must_use]
    pub fn to_name(&self, rules: &NameRules) -> MboxName {
        let mut name = Vec::new();
        if let Some(domain) = &self.domain {
            name.extend_from_slice(domain);
            name.push(b'!');
        }
        let start = name.len();
        let mut put = |component: &[u8], escape: bool| {
            if name.len() > start {
                name.push(b'.');
            }
            if escape {
                put_internal(&mut name, component);
            } else {
                name.extend_from_slice(component);
            }
        };
        if self.deleted != 0 {
            put(&rules.deletedprefix, false);
        }
        if let Some(localpart) = &self.localpart {
            put(b"user", false);
            put(localpart, true);
        }
        for component in &self.boxes {
            put(component, true);
        }
        if self.deleted != 0 {
            put(&deleted_stamp(self.deleted), false);
        }
        MboxName(name)
    }

    /// The form of database keys.
    #[must_use]
    pub fn to_db(&self, rules: &NameRules) -> Vec<u8> {
        let mut parts = Vec::new();
        let stamp = deleted_stamp(self.deleted);
        if self.deleted != 0 {
            parts.push(rules.deletedprefix.as_slice());
        }
        if let Some(localpart) = &self.localpart {
            parts.push(b"user");
            parts.push(localpart);
        }
        parts.extend(self.boxes.iter().map(Vec::as_slice));
        if self.deleted != 0 {
            parts.push(&stamp);
        }
        let mut name = Vec::new();
        if let Some(domain) = &self.domain {
            name.extend_from_slice(domain);
            name.push(GS);
        }
        name.extend_from_slice(&parts.join(&US));
        name
    }

    fn take_prefixes(&mut self, rules: &NameRules) {
        if self.boxes.len() > 2 && self.boxes.first() == Some(&rules.deletedprefix) {
            self.boxes.remove(0);
            self.deleted = self.boxes.pop().map_or(0, |stamp| hex_start(&stamp));
        }
        if self.boxes.len() > 1 && self.boxes.first().is_some_and(|first| first == b"user") {
            self.boxes.remove(0);
            self.localpart = Some(self.boxes.remove(0));
        }
    }
}

/// Components between separators; empty ones vanish, as strtok(3) makes them.
pub(crate) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    text.split(move |&byte| byte == separator).filter(|part| !part.is_empty())
}

/// What strtoul(3) with base 16 reads at the start of `text`.
pub(crate) fn hex_start(text: &[u8]) -> u64 {
    let digits = text.iter().map_while(|&byte| char::from(byte).to_digit(16));
    digits.fold(0_u64, |sum, digit| {
        sum.checked_mul(16).and_then(|sum| sum.checked_add(u64::from(digit))).unwrap_or(u64::MAX)
    })
}

pub(crate) fn deleted_stamp(deleted: u64) -> Vec<u8> {
    format!("{:X}", deleted & 0xffff_ffff).into_bytes()
}

fn put_internal(out: &mut Vec<u8>, component: &[u8]) {
    out.extend(component.iter().map(|&byte| if byte == b'.' { b'^' } else { byte }));
}

#[cfg(test)]
mod tests;
