//! The text of one message as SEARCH looks into it.

use crate::annotate::fetch::{self, Entry, Wanted};
use crate::command::TextField;
use libcyrus::imap::view::View;
use libcyrus::mime::Span;
use libcyrus::mime::cache::{CacheView, Item, may_use_cached_headers, nstring};
use libcyrus::mime::charset::{Charset, SearchFlags, search_body, search_mimeheader, search_utf8};
use libcyrus::mime::header;
use libcyrus::mime::section::SectionMap;
use libcyrus::store::mailbox::Record;
use libcyrus::sys::map::Map;

/// The cache record and the file of one message, fetched when first looked at.
pub struct Texts<'v> {
    view: &'v mut View,
    record: &'v Record,
    flags: SearchFlags,
    userid: &'v [u8],
    cache: Option<Vec<u8>>,
    file: Option<Option<Map>>,
}

impl<'v> Texts<'v> {
    /// The texts of `record` as `userid` may see them.
    pub fn new(view: &'v mut View, record: &'v Record, flags: SearchFlags, userid: &'v [u8]) -> Self {
        Self { view, record, flags, userid, cache: None, file: None }
    }

    /// The message's annotations; none when they cannot be read.
    pub fn annotations(&mut self, wanted: &Wanted<'_>) -> Vec<Entry> {
        fetch::message(self.view.mailbox(), self.record.uid, self.userid, wanted).unwrap_or_default()
    }

    /// Whether an address list or the subject, as cached, holds the string.
    pub fn cached_field_has(&mut self, field: TextField, needle: &[u8]) -> bool {
        let flags = self.flags;
        let item = match field {
            TextField::Bcc => Item::Bcc,
            TextField::Cc => Item::Cc,
            TextField::From => Item::From,
            TextField::To => Item::To,
            TextField::Body | TextField::Subject | TextField::Text => Item::Subject,
        };
        let Some(cache) = CacheView::at(self.cache(), 0) else { return false };
        let text = match field {
            TextField::Subject => nstring(cache.item(item)).unwrap_or_default(),
            _ => cache.item(item),
        };
        !text.is_empty() && search_utf8(needle, text, flags)
    }

    /// Whether a header field of the message holds the string; an empty string asks for the field.
    pub fn header_has(&mut self, name: &[u8], needle: &[u8]) -> bool {
        let flags = self.flags;
        let has = |headers: &[u8]| {
            header::fields(headers).filter(|(field, _)| field.eq_ignore_ascii_case(name)).any(|(_, value)| {
                if needle.is_empty() { !value.is_empty() } else { search_mimeheader(needle, value, flags) }
            })
        };
        if may_use_cached_headers(&[name], self.record.cache_version) {
            return CacheView::at(self.cache(), 0).is_some_and(|cache| has(cache.item(Item::Headers)));
        }
        let size = usize::try_from(self.record.header_size).unwrap_or(usize::MAX);
        let file = self.file();
        has(file.get(..size).unwrap_or(file))
    }

    /// Whether the message's header, or what [`Texts::body_has`] looks into, holds the string.
    pub fn text_has(&mut self, needle: &[u8]) -> bool {
        let (flags, size) = (self.flags, usize::try_from(self.record.header_size).unwrap_or(usize::MAX));
        let file = self.file();
        let main = file.get(..size).unwrap_or(file);
        search_mimeheader(needle, main, flags) || self.body_has(needle)
    }

    /// Whether the text of any part, its header, or the header of a message in the message holds the string.
    /// C: search_text_match()
    pub fn body_has(&mut self, needle: &[u8]) -> bool {
        let flags = self.flags;
        let sections = self.sections();
        let file = self.file();
        let header_has = |header: Span| header.size > 0 && search_mimeheader(needle, header.of(file), flags);
        sections.inner_headers().into_iter().any(header_has)
            || sections.leaves().iter().any(|(_, section)| {
                let Some(name) = section.charset.as_deref() else { return false };
                let Some(charset) = Charset::lookup(name) else { return false };
                search_body(needle, section.content.of(file), charset, section.encoding, flags)
            })
    }

    fn sections(&mut self) -> SectionMap {
        let version = self.record.cache_version;
        CacheView::at(self.cache(), 0).map_or_else(SectionMap::default, |cache| cache.sections(version))
    }

    fn cache(&mut self) -> &[u8] {
        let (view, record) = (&mut *self.view, self.record);
        self.cache.get_or_insert_with(|| {
            view.mailbox_mut().cache_bytes(record).map(std::borrow::Cow::into_owned).unwrap_or_default()
        })
    }

    fn file(&mut self) -> &[u8] {
        let (view, record) = (&*self.view, self.record);
        self.file.get_or_insert_with(|| view.mailbox().message(record).ok()).as_deref().unwrap_or(&[])
    }
}
