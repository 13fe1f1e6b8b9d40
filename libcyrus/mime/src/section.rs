//! Where a section lies: `BODY[1.2.MIME]`, `BINARY[2]` out of the SECTION item, without reading the message
//! (reference/mailbox-files.md 6.3).

use crate::charset::TransferEncoding;
use crate::message::{Message, Part, PartId, Span};
use cyrus_util::guid::Guid;

/// The tree of parts that the SECTION item describes.
#[derive(Clone, Debug, Default)]
pub struct SectionMap {
    /// Node 0 stands for the imaginary message around the message.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    section: Section,
    /// The header and text of the message inside, for MESSAGE/RFC822.
    message: Option<Section>,
    /// Where the children are: node numbers `first..first + count`.
    first: usize,
    count: usize,
}

/// One part as the SECTION item knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Header (MIME header of a part, message header of a message).
    pub header: Span,
    /// Content.
    pub content: Span,
    /// Lines of the content (cache version 9 on, 0 before).
    pub content_lines: u32,
    /// Transfer encoding; [`TransferEncoding::Unknown`] makes BINARY fail with UNKNOWN-CTE.
    pub encoding: TransferEncoding,
    /// Charset name as the message gives it.
    pub charset: Option<Vec<u8>>,
    /// SHA-1 of the decoded content (cache version 5 on).
    pub content_guid: Guid,
    /// Size of the decoded content (cache version 8 on).
    pub decoded_size: u32,
}

/// What of a part is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// `BODY[1.2]`: the content of the part. With an empty path the whole message: see [`SectionMap::find`].
    Content,
    /// `BODY[1.HEADER]`, also `HEADER.FIELDS`: the header of the message (in the part).
    Header,
    /// `BODY[1.MIME]`: the header of the part itself.
    Mime,
    /// `BODY[1.TEXT]`: the body of the message (in the part).
    Text,
}

impl SectionMap {
    /// Reads the SECTION item; what is damaged or missing at the end is left out.
    #[must_use]
    pub fn parse(item: &[u8], cache_version: u16) -> Self {
        let mut map = Self { nodes: vec![Node::default()] };
        let mut words = Words { rest: item, cache_version };
        let mut todo = vec![0_usize];
        while let Some(index) = todo.pop() {
            let Some(total) = words.word() else { break };
            let Some(count) = total.checked_sub(1) else { continue };
            let Some(head) = words.section() else { break };
            let first = map.nodes.len();
            for _ in 0..count {
                // a damaged count ends here, when the item does
                let Some(section) = words.section() else { break };
                map.nodes.push(Node { section, ..Node::default() });
            }
            let found = map.nodes.len() - first;
            // part 1 of a message that is no multipart is the message itself; C goes by its numbers then
            let single = map.nodes.get(first).filter(|_| found == 1).map(|node| node.section.clone());
            let single = single.filter(|part| part.header.offset == head.header.offset);
            if let Some(node) = map.nodes.get_mut(index) {
                node.first = first;
                node.count = found;
                // a multipart has no header of its own here
                node.message = (head.header.size != u32::MAX).then(|| single.unwrap_or(head));
            }
            todo.extend((first..first + found).rev());
        }
        map
    }

    /// The bytes of the message file that `BODY[path.want]` names; `None` means the answer is NIL (or "" / 0 as
    /// the command wants). An empty path with [`Want::Content`] (`BODY[]`) is the whole file and is not asked
    /// here: it gives `None`. C: index_fetchsection()
    #[must_use]
    pub fn find(&self, path: &[u32], want: Want) -> Option<Span> {
        let node = self.walk(path)?;
        match want {
            Want::Content if path.is_empty() => None,
            Want::Content => Some(node.section.content),
            Want::Header => Some(node.message.as_ref()?.header),
            Want::Mime if path.is_empty() => None,
            Want::Mime => Some(node.section.header),
            Want::Text => Some(node.message.as_ref()?.content),
        }
    }

    /// The header that `BODY[path.HEADER.FIELDS ...]` picks from. Unlike [`SectionMap::find`] with
    /// [`Want::Header`], C takes the MIME header of a part that is no message. C: index_fetchfsection()
    #[must_use]
    pub fn header_fields(&self, path: &[u32]) -> Option<Span> {
        let node = self.walk(path)?;
        let span = node.message.as_ref().unwrap_or(&node.section).header;
        (span.size != 0).then_some(span)
    }

    /// The part `path` with its encoding, charset and decoded size, for BINARY and BINARY.SIZE.
    #[must_use]
    pub fn part(&self, path: &[u32]) -> Option<&Section> {
        if path.is_empty() { None } else { self.walk(path).map(|node| &node.section) }
    }

    /// The leaves of the tree with their paths, in order: what conversations and search index.
    #[must_use]
    pub fn leaves(&self) -> Vec<(Vec<u32>, &Section)> {
        let mut out = Vec::new();
        let mut todo = vec![(0_usize, Vec::new())];
        while let Some((index, path)) = todo.pop() {
            let Some(node) = self.nodes.get(index) else { continue };
            if node.count == 0 {
                out.push((path, &node.section));
                continue;
            }
            for n in (0..node.count).rev() {
                let mut path: Vec<u32> = path.clone();
                path.push(u32::try_from(n + 1).unwrap_or(u32::MAX));
                todo.push((node.first + n, path));
            }
        }
        out
    }

    /// Where the headers below the message's own are: of parts, multiparts among them, and of messages in it. Some may
    /// be empty.
    #[must_use]
    pub fn inner_headers(&self) -> Vec<Span> {
        let mut out = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let message = node.message.as_ref().map(|message| message.header);
            out.extend(message.filter(|_| index > 0));
            let children =
                self.nodes.iter().skip(node.first).take(node.count).map(|child| child.section.header);
            // The only part of a message that is no multipart is the message.
            out.extend(
                children.filter(|header| message.is_none_or(|message| message.offset != header.offset)),
            );
        }
        out
    }

    /// Every part but the multiparts, with its path: leaves and messages.
    #[must_use]
    pub fn bodies(&self) -> Vec<(Vec<u32>, &Section)> {
        let mut out = Vec::new();
        let mut todo = vec![(0_usize, Vec::new())];
        while let Some((index, path)) = todo.pop() {
            let Some(node) = self.nodes.get(index) else { continue };
            for n in (0..node.count).rev() {
                let mut path: Vec<u32> = path.clone();
                path.push(u32::try_from(n + 1).unwrap_or(u32::MAX));
                todo.push((node.first + n, path));
            }
            if !path.is_empty() && (node.count == 0 || node.message.is_some()) {
                out.push((path, &node.section));
            }
        }
        out
    }

    /// C: find_part(), step by step
    fn walk(&self, path: &[u32]) -> Option<&Node> {
        path.iter().try_fold(self.nodes.first()?, |node, &number| {
            let number = usize::try_from(number).ok()?.checked_sub(1)?;
            if number < node.count { self.nodes.get(node.first + number) } else { None }
        })
    }
}

struct Words<'a> {
    rest: &'a [u8],
    cache_version: u16,
}

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_be_bytes(*word))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn section(&mut self) -> Option<Section> {
        let header = Span { offset: self.word()?, size: self.word()? };
        let content = Span { offset: self.word()?, size: self.word()? };
        let word = self.word()?;
        let mut section = Section { header, content, encoding: encoding(word & 0xff), ..Section::default() };
        // versions up to 3 kept something else in the upper half
        let len = usize::try_from(word >> 16).unwrap_or(0);
        if self.cache_version >= 4 && len > 0 {
            let name = self.take(len)?;
            let end = memchr::memchr(0, name).unwrap_or(name.len());
            section.charset = name.get(..end).map(<[u8]>::to_vec);
        }
        if self.cache_version >= 5 {
            section.content_guid = Guid(*self.take(20)?.first_chunk()?);
        }
        if self.cache_version >= 8 {
            section.decoded_size = self.word()?;
        }
        if self.cache_version >= 9 {
            section.content_lines = self.word()?;
        }
        Some(section)
    }
}

fn encoding(number: u32) -> TransferEncoding {
    match number {
        0 => TransferEncoding::None,
        1 => TransferEncoding::QuotedPrintable,
        2 => TransferEncoding::Base64,
        3 => TransferEncoding::Base64Url,
        _ => TransferEncoding::Unknown,
    }
}

fn encoding_number(encoding: TransferEncoding) -> u32 {
    match encoding {
        TransferEncoding::None => 0,
        TransferEncoding::QuotedPrintable => 1,
        TransferEncoding::Base64 => 2,
        TransferEncoding::Base64Url => 3,
        TransferEncoding::Unknown => 255,
    }
}

/// Writes the SECTION item of a message. C: message_write_section()
pub(crate) fn write(out: &mut Vec<u8>, message: &Message) {
    write_message(out, message, message.root());
    let mut todo = inner(message.root(), PartId(0));
    while let Some(id) = todo.pop() {
        let Some(part) = message.part(id) else { continue };
        if let (true, Some(&child)) = (part.is_message(), part.children.first()) {
            let Some(inside) = message.part(child) else { continue };
            write_message(out, message, inside);
            todo.extend(inner(inside, child));
        } else if part.children.is_empty() {
            word(out, 0);
        } else {
            word(out, part_count(part));
            for empty in [0, u32::MAX, 0, u32::MAX] {
                word(out, empty);
            }
            no_charset(out, None);
            for child in message.children(part) {
                write_child(out, child, Some(child));
            }
            todo.extend(part.children.iter().rev());
        }
    }
}

/// The parts whose own sections follow those of a message, last first.
fn inner(message: &Part, id: PartId) -> Vec<PartId> {
    if parts_of(message) > 0 { message.children.iter().rev().copied().collect() } else { vec![id] }
}

/// Children that count as parts: those of a multipart.
fn parts_of(part: &Part) -> usize {
    if part.is_message() { 0 } else { part.children.len() }
}

fn part_count(part: &Part) -> u32 {
    u32::try_from(parts_of(part)).unwrap_or(u32::MAX).saturating_add(1)
}

/// Part 0 and the parts of a message.
fn write_message(out: &mut Vec<u8>, message: &Message, part: &Part) {
    word(out, if parts_of(part) > 0 { part_count(part) } else { 2 });
    spans(out, part, part.content.size);
    no_charset(out, Some(part));
    if parts_of(part) > 0 {
        for child in message.children(part) {
            // a multipart without parts keeps its charset words here, unlike elsewhere
            if child.is_multipart() && child.children.is_empty() {
                spans(out, child, 0);
                charset_words(out, child);
            } else {
                write_child(out, child, Some(child));
            }
        }
    } else {
        write_child(out, part, None);
    }
}

/// One part; `empty` is what a multipart without parts says of its charset.
fn write_child(out: &mut Vec<u8>, part: &Part, empty: Option<&Part>) {
    if part.is_multipart() && part.children.is_empty() {
        spans(out, part, 0);
        no_charset(out, empty);
    } else {
        spans(out, part, part.content.size);
        charset_words(out, part);
    }
}

fn word(out: &mut Vec<u8>, word: u32) {
    out.extend(word.to_be_bytes());
}

fn spans(out: &mut Vec<u8>, part: &Part, size: u32) {
    for n in [part.header.offset, part.header.size, part.content.offset, size] {
        word(out, n);
    }
}

fn tail(out: &mut Vec<u8>, part: &Part) {
    out.extend(part.content_guid.0);
    word(out, part.decoded_size);
    word(out, part.content_lines);
}

fn no_charset(out: &mut Vec<u8>, part: Option<&Part>) {
    word(out, 0xffff);
    match part {
        Some(part) => tail(out, part),
        None => out.extend([0; 28]),
    }
}

fn charset_words(out: &mut Vec<u8>, part: &Part) {
    let (encoding, name) = part.charset();
    let name = name.unwrap_or_default();
    let has_name = part.charset().1.is_some();
    let len = u32::try_from(name.len()).unwrap_or(u32::MAX).checked_div(4).map_or(0, |n| (n + 1) * 4);
    let len = if has_name && len <= 0xffff { len } else { 0 };
    word(out, (len << 16) | encoding_number(encoding));
    if len > 0 {
        let end = out.len() + usize::try_from(len).unwrap_or(0);
        out.extend(name);
        out.resize(end, 0);
    }
    tail(out, part);
}
