//! Key and value of an annotation.
//!
//! ```text
//! key    scope NUL entry NUL userid NUL
//! value  length u32 | 0 u32 | octets | NUL | "text/plain" NUL | 0 u64 | modseq u64 | flags u8
//! ```
//! All numbers big-endian; what follows the octets may be missing in old records. Flag bit 0 marks
//! the tombstone of a deleted message annotation.

const CONTENT_TYPE: &[u8] = b"text/plain\0";

/// A key taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Empty for the server, unique id of a mailbox, or decimal uid of a message.
    pub scope: &'a [u8],
    /// Name of the entry, without `/shared` or `/private`.
    pub entry: &'a [u8],
    /// Whose it is; empty for a shared one.
    pub userid: &'a [u8],
}

impl<'a> Key<'a> {
    /// The bytes of the key.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        [self.scope, b"\0", self.entry, b"\0", self.userid, b"\0"].concat()
    }

    /// Reads a key; the last NUL may be missing.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = bytes.split(|&byte| byte == 0);
        Some(Self { scope: fields.next()?, entry: fields.next()?, userid: fields.next()? })
    }
}

/// A value with what is stored beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// The value.
    pub value: Vec<u8>,
    /// Modseq of the message; 0 for server and mailboxes.
    pub modseq: u64,
    /// Whether only a tombstone is left.
    pub is_deleted: bool,
}

impl Annotation {
    /// A living annotation.
    #[must_use]
    pub fn new(value: &[u8], modseq: u64) -> Self {
        Self { value: value.to_vec(), modseq, is_deleted: false }
    }

    /// What remains of a deleted one.
    #[must_use]
    pub fn tombstone(modseq: u64) -> Self {
        Self { value: Vec::new(), modseq, is_deleted: true }
    }

    /// The stored bytes. C: make_entry()
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let length = u32::try_from(self.value.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(self.value.len().saturating_add(40));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.value);
        bytes.push(0);
        bytes.extend_from_slice(CONTENT_TYPE);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.modseq.to_be_bytes());
        bytes.push(u8::from(self.is_deleted));
        bytes
    }

    /// Reads stored bytes. C: split_attribs()
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let rest = rest.get(4..)?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        let mut annotation = Self { value: value.to_vec(), ..Self::default() };
        let Some(rest) = rest.strip_prefix(b"\0") else { return Some(annotation) };
        let Some(end) = rest.iter().position(|&byte| byte == 0) else { return Some(annotation) };
        let tail = rest.get(end.saturating_add(9)..).unwrap_or_default();
        if let Some((modseq, flags)) = tail.split_first_chunk::<8>() {
            annotation.modseq = u64::from_be_bytes(*modseq);
            annotation.is_deleted = flags.first().is_some_and(|flags| flags & 1 != 0);
        }
        Some(annotation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        for annotation in [Annotation::new(b"\\Trash", 0), Annotation::new(b"", 7), Annotation::tombstone(9)]
        {
            assert_eq!(Annotation::parse(&annotation.print()), Some(annotation));
        }
        let key = Key { scope: b"12", entry: b"/comment", userid: b"" };
        assert_eq!(Key::parse(&key.print()), Some(key));
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut random = fastrand::Rng::with_seed(23);
        for _ in 0..20_000 {
            let bytes = (0..random.usize(..40)).map(|_| random.u8(..3)).collect::<Vec<_>>();
            let _ = (Annotation::parse(&bytes), Key::parse(&bytes));
        }
    }
}
