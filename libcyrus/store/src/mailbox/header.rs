//! cyrus.header: name, uniqueid, quota root, ACL, keyword names (reference/mailbox-files.md 2).

use crate::error::{Error, Result};
use cyrus_util::dlist::Value;
use std::path::Path;

/// How many keywords a mailbox can name.
pub const MAX_USER_FLAGS: usize = 128;

/// Slots from here on are kept for replication and `mailbox_initial_flags`.
const CLIENT_FLAGS: usize = 100;

/// The first 115 octets of every cyrus.header.
pub const MAGIC: &[u8] = b"\xa1\x02\x8b\x0dCyrus mailbox header\n\
\"The best thing about this system was that it had lots of goals.\"\n\
\t--Jim Morris on Andrew\n";

/// Who asks for a new keyword, which decides how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagLimit {
    /// A client: the first 100 slots.
    Client,
    /// Replication or reconstruct: all 128.
    All,
}

/// cyrus.header as values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxHeader {
    /// Mailbox type letters (`e` for plain mail); empty when an old header does not tell.
    pub mbtype: Vec<u8>,
    /// Internal name; empty when an old header does not tell.
    pub name: Vec<u8>,
    /// Unique id; empty when an old header has none.
    pub uniqueid: Vec<u8>,
    /// Quota root.
    pub quotaroot: Option<Vec<u8>>,
    /// ACL in TAB form: `id TAB rights TAB ...`.
    pub acl: Option<Vec<u8>>,
    /// Keyword names by slot; `None` for a freed slot.
    pub flags: Vec<Option<Vec<u8>>>,
}

impl MailboxHeader {
    /// Reads a whole cyrus.header, new form or old.
    ///
    /// # Errors
    /// `BadFormat` when the magic or the form is wrong.
    ///
    /// C: `mailbox_read_header()`
    pub fn decode(bytes: &[u8], file: &Path) -> Result<Self> {
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| Error::bad_format(file, "header magic"))?;
        if body.first() == Some(&b'%') {
            Self::decode_dlist(body).ok_or_else(|| Error::bad_format(file, "header data"))
        } else {
            Self::decode_old(body).ok_or_else(|| Error::bad_format(file, "header lines"))
        }
    }

    /// The whole file, in the new form.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut line = Value::kv();
        line.put(b"T", Value::str(if self.mbtype.is_empty() { b"e" } else { self.mbtype.as_slice() }));
        line.put(b"N", Value::str(self.name.as_slice()));
        line.put(b"I", Value::str(self.uniqueid.as_slice()));
        if let Some(root) = &self.quotaroot {
            line.put(b"Q", Value::str(root.as_slice()));
        }
        if let Some(acl) = &self.acl {
            let mut list = Value::kv();
            let mut fields = acl.split(|&byte| byte == b'\t');
            while let (Some(id), Some(rights)) = (fields.next(), fields.next()) {
                list.put(id, Value::str(rights));
            }
            line.put(b"A", list);
        }
        let used = self.flags.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if used > 0 {
            let name = |flag: &Option<Vec<u8>>| flag.as_deref().map_or(Value::Nil, Value::str);
            line.put(b"U", Value::List(self.flags.iter().take(used).map(name).collect()));
        }
        let mut out = MAGIC.to_vec();
        line.print_to(&mut out);
        out.push(b'\n');
        out
    }

    /// Slot of a keyword, found without regard to case.
    #[must_use]
    pub fn flag_slot(&self, name: &[u8]) -> Option<u8> {
        let slot = self
            .flags
            .iter()
            .position(|flag| flag.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)))?;
        u8::try_from(slot).ok()
    }

    /// Name in a slot.
    #[must_use]
    pub fn flag_name(&self, slot: u8) -> Option<&[u8]> {
        self.flags.get(usize::from(slot))?.as_deref()
    }

    /// Keyword names in use with their slots.
    pub fn flag_names(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.flags
            .iter()
            .enumerate()
            .filter_map(|(slot, flag)| Some((u8::try_from(slot).ok()?, flag.as_deref()?)))
    }

    /// Finds the keyword or gives it the first empty slot; the flag tells whether it is new.
    ///
    /// # Errors
    /// `TooManyFlags`; `InvalidIdentifier` when the name is no atom.
    ///
    /// C: `mailbox_user_flag()`
    pub(crate) fn add_flag(
        &mut self,
        name: &[u8],
        limit: FlagLimit,
        initial: &[Vec<u8>],
    ) -> Result<(u8, bool)> {
        if let Some(slot) = self.flag_slot(name) {
            return Ok((slot, false));
        }
        let slot = self.flags.iter().position(Option::is_none).unwrap_or(self.flags.len());
        if slot >= MAX_USER_FLAGS {
            return Err(Error::TooManyFlags);
        }
        let required = || initial.iter().any(|flag| flag.eq_ignore_ascii_case(name));
        if slot >= CLIENT_FLAGS && limit == FlagLimit::Client && !required() {
            return Err(Error::TooManyFlags);
        }
        if !is_atom(name) {
            return Err(Error::InvalidIdentifier);
        }
        if let Some(place) = self.flags.get_mut(slot) {
            *place = Some(name.to_vec());
        } else {
            self.flags.push(Some(name.to_vec()));
        }
        Ok((u8::try_from(slot).unwrap_or(u8::MAX), true))
    }

    /// CRC of each keyword's lower-case name, by slot.
    #[must_use]
    pub(crate) fn flag_crcs(&self) -> Vec<u32> {
        self.flags
            .iter()
            .map(|flag| flag.as_ref().map_or(0, |name| crc32fast::hash(&name.to_ascii_lowercase())))
            .collect()
    }

    fn decode_dlist(body: &[u8]) -> Option<Self> {
        let line = Value::parse(body.trim_ascii_end()).ok()?;
        let text = |key: &[u8]| line.get(key).and_then(Value::as_bytes).map(<[u8]>::to_vec);
        let acl = line.get(b"A").map(|list| {
            let mut acl = Vec::new();
            for (id, rights) in list.pairs() {
                acl.extend_from_slice(id);
                acl.push(b'\t');
                acl.extend_from_slice(rights.as_bytes().unwrap_or_default());
                acl.push(b'\t');
            }
            acl
        });
        let flags = line.get(b"U").map(Value::items).unwrap_or_default();
        Some(Self {
            mbtype: text(b"T").unwrap_or_default(),
            name: text(b"N").unwrap_or_default(),
            uniqueid: text(b"I").unwrap_or_default(),
            quotaroot: text(b"Q"),
            acl,
            flags: flags.iter().take(MAX_USER_FLAGS).map(|f| f.as_bytes().map(<[u8]>::to_vec)).collect(),
        })
    }

    /// line 1 `quotaroot TAB uniqueid [TAB ..]`, line 2 keyword names, line 3 the ACL.
    fn decode_old(body: &[u8]) -> Option<Self> {
        let mut lines = body.split(|&byte| byte == b'\n');
        let mut first = lines.next()?.split(|&byte| byte == b'\t');
        let quotaroot = first.next().filter(|root| !root.is_empty()).map(<[u8]>::to_vec);
        let uniqueid = first.next().unwrap_or_default().to_vec();
        let mut flags: Vec<Option<Vec<u8>>> = Vec::new();
        let names = lines.next().unwrap_or_default();
        if !names.is_empty() {
            for name in names.split(|&byte| byte == b' ').take(MAX_USER_FLAGS) {
                flags.push((!name.is_empty()).then(|| name.to_vec()));
            }
            while flags.last() == Some(&None) {
                flags.pop();
            }
        }
        let acl = lines.next().filter(|acl| !acl.is_empty()).map(<[u8]>::to_vec);
        Some(Self { mbtype: Vec::new(), name: Vec::new(), uniqueid, quotaroot, acl, flags })
    }
}

/// RFC 3501 atom, as C's `imparse_isatom()` sees it.
pub(super) fn is_atom(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| byte > b' ' && byte < 0x7f && !b"(){%*\"\\]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &[u8]) -> Option<MailboxHeader> {
        MailboxHeader::decode(&[MAGIC, body].concat(), Path::new("cyrus.header")).ok()
    }

    fn name(text: &str) -> Option<Vec<u8>> {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn the_magic_is_115_octets() {
        assert_eq!(MAGIC.len(), 115);
        assert!(MailboxHeader::decode(b"%(T e)\n", Path::new("x")).is_err());
    }

    #[test]
    fn the_written_form_comes_back() {
        let header = MailboxHeader {
            mbtype: b"e".to_vec(),
            name: b"user.al ice".to_vec(),
            uniqueid: b"ud4kv1".to_vec(),
            quotaroot: name("user.al ice"),
            acl: Some(b"alice\tlrswipkxtecdan\t-bob\tlr\t".to_vec()),
            flags: vec![name("custom"), None, name("$Label1")],
        };
        let bytes = header.encode();
        let body = &bytes[MAGIC.len()..];
        assert_eq!(
            body,
            b"%(T e N \"user.al ice\" I ud4kv1 Q \"user.al ice\" A %(alice lrswipkxtecdan -bob lr) \
              U (custom NIL $Label1))\n"
        );
        assert_eq!(decode(body), Some(header));
    }

    #[test]
    fn the_old_form_is_read() {
        let header = decode(b"user.a\tabc123\textra\nfoo  bar\na\tlrs\tb\tlr\t\n").expect("old form");
        assert_eq!(header.quotaroot, name("user.a"));
        assert_eq!(header.uniqueid, b"abc123");
        assert_eq!(header.flags, [name("foo"), None, name("bar")]);
        assert_eq!(header.acl, Some(b"a\tlrs\tb\tlr\t".to_vec()));
        let bare = decode(b"\n\n\n").expect("nothing in it");
        assert_eq!((bare.quotaroot, bare.flags.len(), bare.acl), (None, 0, None));
    }

    #[test]
    fn keywords_are_found_without_case_and_limited() {
        let mut header = MailboxHeader::default();
        for n in 0..100 {
            let added = header.add_flag(format!("k{n}").as_bytes(), FlagLimit::Client, &[]);
            assert_eq!(added.expect("room"), (n, true));
        }
        assert_eq!(header.flag_slot(b"K42"), Some(42));
        assert!(matches!(header.add_flag(b"more", FlagLimit::Client, &[]), Err(Error::TooManyFlags)));
        assert_eq!(
            header.add_flag(b"more", FlagLimit::Client, &[b"More".to_vec()]).expect("initial"),
            (100, true)
        );
        assert!(matches!(header.add_flag(b"no atom", FlagLimit::All, &[]), Err(Error::InvalidIdentifier)));
        for n in 101..128 {
            header.add_flag(format!("r{n}").as_bytes(), FlagLimit::All, &[]).expect("room");
        }
        assert!(matches!(header.add_flag(b"last", FlagLimit::All, &[]), Err(Error::TooManyFlags)));
    }
}
