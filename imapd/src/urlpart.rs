//! The part of a message that an IMAP URL names, for URLFETCH and CATENATE. C: index_urlfetch()
//!
//! All locks are let go before anything is sent: what is lent is the map of the message file.

use crate::mailboxes::Acting;
use crate::reply::Answer;
use crate::response::fetch::Section;
use libcyrus::auth::Op;
use libcyrus::mime::cache::{CACHE_VERSION, CacheOptions, CacheView, cache_record};
use libcyrus::mime::charset::{TransferEncoding, decode_transfer};
use libcyrus::mime::imapstructure::{Form, write_body};
use libcyrus::mime::section::{SectionMap, Want};
use libcyrus::mime::{Message, PartId, Span};
use libcyrus::store::Error;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::InternalFlags;
use libcyrus::sys::map::Map;
use libcyrus::util::ids::{Uid, UidValidity};
use libcyrus::util::imapurl::ImapUrl;
use libcyrus::util::mboxname::MboxName;
use std::borrow::Cow;

/// Why a URL gives nothing.
pub enum Trouble {
    /// The mailbox cannot be opened, or may not be read.
    Mailbox(Answer),
    /// The mailbox is not the one of the URL's UIDVALIDITY any more.
    UidValidity,
    /// No such message.
    Message,
    /// No such part.
    Part,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Mailbox(error.into())
    }
}

/// A message that a URL names.
pub struct UrlMessage {
    map: Map,
    message: Message,
    sections: SectionMap,
}

/// One part of it.
pub struct UrlPart<'m> {
    /// Its octets, all of them.
    pub content: &'m [u8],
    /// The numbers that lead to it, when they alone name it.
    path: Option<Vec<u32>>,
    encoding: TransferEncoding,
}

impl UrlMessage {
    /// Opens the message of `url` in the mailbox `name`, which whoever acts must be allowed to read.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn open(acting: Acting<'_>, name: &MboxName, url: &ImapUrl) -> Result<Self, Trouble> {
        let (mut mailbox, lock, _granted) =
            acting.open_mailbox(name, Op::Read, Mode::Shared).map_err(Trouble::Mailbox)?;
        let guard = mailbox.lock_index(&lock, Mode::Shared)?;
        let uidvalidity = guard.header().uidvalidity;
        let found = guard.find(Uid(url.uid))?;
        guard.abort();
        drop(lock);
        if url.uidvalidity != 0 && uidvalidity != UidValidity(url.uidvalidity) {
            return Err(Trouble::UidValidity);
        }
        let record = found
            .filter(|record| !record.internal_flags.has(InternalFlags::EXPUNGED))
            .ok_or(Trouble::Message)?;
        let map = mailbox.message(&record).map_err(|_| Trouble::Message)?;
        let message = Message::parse(&map, &acting.imapd.store.settings().limits);
        let cache = cache_record(&message, &CacheOptions::default());
        let sections = CacheView::at(&cache.bytes, 0).map(|view| view.sections(CACHE_VERSION));
        Ok(Self { map, message, sections: sections.unwrap_or_default() })
    }

    /// The part that `section` names; the whole message without one.
    ///
    /// # Errors
    /// [`Trouble::Part`].
    pub fn part(&self, section: Option<&[u8]>) -> Result<UrlPart<'_>, Trouble> {
        let mut section = section.unwrap_or_default().to_ascii_uppercase();
        if section == b"TEXT.MIME" {
            // What some clients call the header.
            section = b"HEADER".to_vec();
        }
        if section.is_empty() {
            return Ok(UrlPart { content: &self.map, path: None, encoding: TransferEncoding::None });
        }
        let section = Section::parse_exactly(&section).ok_or(Trouble::Part)?;
        let path = section.path.as_deref().ok_or(Trouble::Part)?;
        let span: Span = self.sections.find(path, section.want).ok_or(Trouble::Part)?;
        let end = u64::from(span.offset).saturating_add(u64::from(span.size));
        if end > self.map.len() as u64 {
            return Err(Trouble::Part);
        }
        let is_content = section.want == Want::Content;
        let encoding = self.sections.part(path).filter(|_| is_content).map(|part| part.encoding);
        Ok(UrlPart {
            content: span.of(&self.map),
            path: is_content.then(|| path.to_vec()),
            encoding: encoding.unwrap_or_default(),
        })
    }

    /// BODYPARTSTRUCTURE of a part; with `decoded`, of the part as BINARY gives it (RFC 5524 3.2).
    #[must_use]
    pub fn structure(&self, part: &UrlPart<'_>, decoded: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        let id = part.path.as_deref().and_then(|path| self.walk(path)).unwrap_or(PartId(0));
        match decoded.filter(|_| part.encoding != TransferEncoding::None) {
            None => write_body(&mut out, &self.message, id, Form::BodyStructure),
            Some(decoded) => {
                let mut message = self.message.clone();
                let index = usize::try_from(id.0).unwrap_or(usize::MAX);
                if let Some(found) = message.parts.get_mut(index) {
                    found.encoding = encoding_of(decoded).map(<[u8]>::to_vec);
                    found.content.size = u32::try_from(decoded.len()).unwrap_or(u32::MAX);
                    found.content_lines = 0;
                }
                write_body(&mut out, &message, id, Form::BodyStructure);
            }
        }
        if out.is_empty() { b"NIL".to_vec() } else { out }
    }

    /// The part at the end of the numbers. C: find_part()
    fn walk(&self, path: &[u32]) -> Option<PartId> {
        let mut id = PartId(0);
        let mut is_message = true;
        for &number in path {
            let mut part = self.message.part(id)?;
            if !is_message && part.is_message() {
                id = *part.children.first()?;
                part = self.message.part(id)?;
                is_message = true;
            }
            if part.is_multipart() {
                id = *part.children.get(usize::try_from(number.checked_sub(1)?).ok()?)?;
            } else if !is_message || number != 1 {
                return None;
            }
            is_message = false;
        }
        Some(id)
    }
}

impl<'m> UrlPart<'m> {
    /// Without its transfer encoding; `None` when that is unknown, and for what BINARY cannot name.
    #[must_use]
    pub fn decoded(&self) -> Option<Cow<'m, [u8]>> {
        decode_transfer(self.content, self.encoding)
    }

    /// Whether BINARY may name it (RFC 5524 3.2).
    #[must_use]
    pub fn is_binary_part(&self, section: Option<&[u8]>) -> bool {
        section.is_none_or(<[u8]>::is_empty) || self.path.is_some()
    }
}

/// The octets that PARTIAL asks for.
#[must_use]
pub fn cut(content: &[u8], (start, count): (u64, Option<u64>)) -> &[u8] {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let rest = content.get(size(start)..).unwrap_or_default();
    count.and_then(|count| rest.get(..size(count))).unwrap_or(rest)
}

/// The transfer encoding that fits; `None` is 7BIT.
fn encoding_of(content: &[u8]) -> Option<&'static [u8]> {
    if memchr::memchr(0, content).is_some() {
        Some(b"BINARY")
    } else if content.is_ascii() {
        None
    } else {
        Some(b"8BIT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_stays_inside() {
        assert_eq!(cut(b"abcdef", (0, None)), b"abcdef");
        assert_eq!(cut(b"abcdef", (2, Some(2))), b"cd");
        assert_eq!(cut(b"abcdef", (4, Some(20))), b"ef");
        assert_eq!(cut(b"abcdef", (9, Some(1))), b"");
        assert_eq!(cut(b"abcdef", (1, Some(u64::MAX))), b"bcdef");
    }

    #[test]
    fn the_encoding_follows_the_octets() {
        assert_eq!(encoding_of(b"a"), None);
        assert_eq!(encoding_of(b"\xe9"), Some(b"8BIT".as_slice()));
        assert_eq!(encoding_of(b"\xe9\0"), Some(b"BINARY".as_slice()));
    }
}
