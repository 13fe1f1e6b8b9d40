//! cyrus.header: name, uniqueid, quota root, ACL, keyword names (reference/mailbox-files.md 2).

use crate::error::{Error, Result};
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
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(b"%(T ");
        atom(&mut out, if self.mbtype.is_empty() { b"e" } else { &self.mbtype });
        out.extend_from_slice(b" N ");
        atom(&mut out, &self.name);
        out.extend_from_slice(b" I ");
        atom(&mut out, &self.uniqueid);
        if let Some(root) = &self.quotaroot {
            out.extend_from_slice(b" Q ");
            atom(&mut out, root);
        }
        if let Some(acl) = &self.acl {
            out.extend_from_slice(b" A %(");
            let mut fields = acl.split(|&byte| byte == b'\t');
            let mut first = true;
            while let (Some(id), Some(rights)) = (fields.next(), fields.next()) {
                if id.is_empty() {
                    break;
                }
                if !first {
                    out.push(b' ');
                }
                first = false;
                // The key of a pair is printed as it is.
                out.extend_from_slice(id);
                out.push(b' ');
                atom(&mut out, rights);
            }
            out.push(b')');
        }
        let used = self.flags.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if used > 0 {
            out.extend_from_slice(b" U (");
            for (slot, flag) in self.flags.iter().take(used).enumerate() {
                if slot > 0 {
                    out.push(b' ');
                }
                match flag {
                    Some(name) => atom(&mut out, name),
                    None => out.extend_from_slice(b"NIL"),
                }
            }
            out.push(b')');
        }
        out.extend_from_slice(b")\n");
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
        let mut cursor = Cursor { rest: body };
        let mut header = Self::default();
        cursor.eat(b"%(")?;
        while !cursor.closes() {
            let key = cursor.word()?;
            match key.as_slice() {
                b"T" => header.mbtype = cursor.value()?.unwrap_or_default(),
                b"N" => header.name = cursor.value()?.unwrap_or_default(),
                b"I" => header.uniqueid = cursor.value()?.unwrap_or_default(),
                b"Q" => header.quotaroot = cursor.value()?,
                b"A" => header.acl = Some(cursor.acl()?),
                b"U" => header.flags = cursor.flags()?,
                _ => cursor.skip(0)?,
            }
        }
        Some(header)
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
fn is_atom(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| byte > b' ' && byte < 0x7f && !b"(){%*\"\\]".contains(&byte))
}

/// Prints a dlist atom: bare, quoted, or as a literal (reference/databases.md 1).
fn atom(out: &mut Vec<u8>, value: &[u8]) {
    let bare = !value.is_empty()
        && value.len() < 1024
        && !value.eq_ignore_ascii_case(b"NIL")
        && value.iter().all(|&byte| byte > b' ' && byte < 0x7f && !b"(){%*\"\\".contains(&byte));
    if bare {
        out.extend_from_slice(value);
    } else if value.len() < 1024
        && value.iter().all(|&byte| byte != 0 && byte < 0x80 && !b"\r\n\"%\\".contains(&byte))
    {
        out.push(b'"');
        out.extend_from_slice(value);
        out.push(b'"');
    } else {
        out.extend_from_slice(format!("{{{}}}\r\n", value.len()).as_bytes());
        out.extend_from_slice(value);
    }
}

/// Reads the dlist text of a header line; everything is bounded by the bytes there are.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn eat(&mut self, expected: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Whether a list ends here; eats the parenthesis.
    fn closes(&mut self) -> bool {
        self.blanks();
        self.eat(b")").is_some()
    }

    fn take(&mut self, octets: usize) -> Option<Vec<u8>> {
        let (taken, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(taken.to_vec())
    }

    fn word(&mut self) -> Option<Vec<u8>> {
        self.blanks();
        let end = self.rest.iter().position(|&byte| b" ()\r\n".contains(&byte)).unwrap_or(self.rest.len());
        if end == 0 {
            return None;
        }
        self.take(end)
    }

    /// An atom, a quoted string, a literal; `NIL` is `None`.
    fn value(&mut self) -> Option<Option<Vec<u8>>> {
        self.blanks();
        match self.rest.first()? {
            b'"' => {
                self.eat(b"\"")?;
                let mut value = Vec::new();
                loop {
                    let (&byte, rest) = self.rest.split_first()?;
                    self.rest = rest;
                    match byte {
                        b'"' => return Some(Some(value)),
                        b'\\' => {
                            let (&quoted, rest) = self.rest.split_first()?;
                            self.rest = rest;
                            value.push(quoted);
                        }
                        _ => value.push(byte),
                    }
                }
            }
            b'{' => {
                self.eat(b"{")?;
                let end = self.rest.iter().position(|&byte| byte == b'}')?;
                let digits = self.take(end)?;
                let digits = digits.strip_suffix(b"+").unwrap_or(&digits);
                let octets = std::str::from_utf8(digits).ok()?.parse::<usize>().ok()?;
                self.eat(b"}")?;
                let _ = self.eat(b"\r");
                self.eat(b"\n")?;
                self.take(octets).map(Some)
            }
            _ => {
                let word = self.word()?;
                Some((word != b"NIL").then_some(word))
            }
        }
    }

    fn acl(&mut self) -> Option<Vec<u8>> {
        self.blanks();
        self.eat(b"%(")?;
        let mut acl = Vec::new();
        while !self.closes() {
            let id = self.value()??;
            let rights = self.value()?.unwrap_or_default();
            acl.extend_from_slice(&id);
            acl.push(b'\t');
            acl.extend_from_slice(&rights);
            acl.push(b'\t');
        }
        Some(acl)
    }

    fn flags(&mut self) -> Option<Vec<Option<Vec<u8>>>> {
        self.blanks();
        self.eat(b"(")?;
        let mut flags = Vec::new();
        while !self.closes() {
            let flag = self.value()?;
            if flags.len() < MAX_USER_FLAGS {
                flags.push(flag);
            }
        }
        Some(flags)
    }

    /// Steps over a value of a key we do not know, to a bounded depth.
    fn skip(&mut self, depth: u32) -> Option<()> {
        self.blanks();
        let _ = self.eat(b"%");
        if self.eat(b"(").is_some() {
            if depth > 16 {
                return None;
            }
            while !self.closes() {
                self.skip(depth + 1)?;
            }
            return Some(());
        }
        self.value().map(|_| ())
    }
}
