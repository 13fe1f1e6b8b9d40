//! Bytes to parts, without recursion: depth costs heap, never stack (RFC 2046 5.1).
//!
//! The order of events, the moments when boundaries are forgotten and the arithmetic of sizes are those of C,
//! since BODYSTRUCTURE and SECTION must agree byte for byte.

use crate::cache;
use crate::charset::{self, TransferEncoding};
use crate::fieldvalue as field;
use crate::message::{Envelope, Limits, Message, Part, PartId, Remark, Span};
use crate::param::{self, Param};
use cyrus_util::guid::{Guid, GuidHasher};
use std::sync::Arc;

/// MESSAGE/RFC822 in each other that are looked into. C has no bound; since each level is hashed whole, this one
/// keeps the time linear.
const MESSAGES_DEEP: usize = 100;
/// Parts of one message; what comes after them is left unread.
const PARTS: usize = 100_000;
/// Multiparts in each other, whatever the configuration says.
const MULTIPARTS_DEEP: usize = 10_000;

/// C: message_parse_body() with all it calls
pub(crate) fn parse(bytes: &[u8], limits: &Limits, guid: Guid) -> Message {
    let mut parser = Parser {
        bytes,
        limits,
        at: 0,
        boundaries: Boundaries { ids: Vec::new(), is_strict: limits.rfc2046_strict },
        parts: Vec::new(),
        ends: Vec::new(),
        frames: Vec::new(),
        messages_deep: 0,
        cached_headers: Vec::new(),
        remarks: Vec::new(),
        no_envelope: Arc::default(),
    };
    parser.run();
    let size = count(bytes.len());
    let mut message = Message {
        parts: parser.parts,
        size,
        guid,
        cached_headers: parser.cached_headers,
        remarks: parser.remarks,
    };
    let body = message.root().header.size.wrapping_add(message.root().content.size);
    if body != size {
        message.remarks.push(Remark::SizeMismatch { file: size, body });
    }
    message
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What ended a part: the boundary line (with the line end before it) that belongs to an enclosing multipart.
#[derive(Clone, Copy, Default)]
struct End {
    size: u32,
    lines: u32,
}

/// Enclosing boundary ids, outermost first.
struct Boundaries {
    ids: Vec<Vec<u8>>,
    is_strict: bool,
}

impl Boundaries {
    /// Whether `line` is a delimiter of an enclosing multipart; a closing one ends that multipart and those
    /// within. C: message_pendingboundary()
    fn ends_at(&mut self, line: &[u8]) -> bool {
        let Some(text) = line.strip_prefix(b"--") else { return false };
        for index in 0..self.ids.len() {
            let Some(tail) = self.ids.get(index).and_then(|id| text.strip_prefix(id.as_slice())) else {
                continue;
            };
            if tail.starts_with(b"--") {
                self.ids.truncate(index);
            } else if !self.is_strict
                && tail.len() > 1
                && tail.first().is_some_and(|&c| c != 0 && !crate::address::is_space(c))
            {
                continue;
            }
            return true;
        }
        false
    }
}

enum Frame {
    /// A multipart whose children are being read.
    Multipart {
        part: usize,
        depth: usize,
        children: Child,
        preamble_size: u32,
        preamble_lines: u32,
        preamble_end: End,
    },
    /// A message whose message is being read; the offset is where that starts.
    Message { part: usize, start: usize },
}

/// What a child is when it does not say.
#[derive(Clone, Copy, PartialEq)]
enum Child {
    Text,
    Message,
}

enum Step {
    Enter { parent: Option<usize>, default: Child, is_message: bool },
    Leave(usize),
    Resume,
}

struct Parser<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    at: usize,
    boundaries: Boundaries,
    parts: Vec<Part>,
    ends: Vec<End>,
    frames: Vec<Frame>,
    messages_deep: usize,
    cached_headers: Vec<u8>,
    remarks: Vec<Remark>,
    no_envelope: Arc<Envelope>,
}

impl<'a> Parser<'a> {
    fn run(&mut self) {
        let mut step = Step::Enter { parent: None, default: Child::Text, is_message: true };
        loop {
            step = match step {
                Step::Enter { parent, default, is_message } => self.enter(parent, default, is_message),
                Step::Resume => self.resume(),
                Step::Leave(part) => match self.frames.last() {
                    None => return,
                    Some(&Frame::Message { part: outer, start }) => {
                        self.frames.pop();
                        self.messages_deep -= 1;
                        self.leave_message(outer, part, start);
                        Step::Leave(outer)
                    }
                    Some(Frame::Multipart { .. }) => {
                        if self.at >= self.bytes.len() && self.end(part).size == 0 {
                            self.boundaries.ids.clear();
                        }
                        Step::Resume
                    }
                },
            };
        }
    }

    fn end(&self, part: usize) -> End {
        self.ends.get(part).copied().unwrap_or_default()
    }

    fn set_end(&mut self, part: usize, end: End) {
        if let Some(slot) = self.ends.get_mut(part) {
            *slot = end;
        }
    }

    fn push(&mut self, parent: Option<usize>, part: Part, end: End) -> usize {
        let index = self.parts.len();
        self.parts.push(part);
        self.ends.push(end);
        if let Some(parent) = parent.and_then(|p| self.parts.get_mut(p)) {
            parent.children.push(PartId(count(index)));
        }
        index
    }

    /// Reads a header and, for a leaf, the content.
    fn enter(&mut self, parent: Option<usize>, default: Child, is_message: bool) -> Step {
        let mut part = Part { envelope: Arc::clone(&self.no_envelope), ..Part::default() };
        let (end, saw_boundary) = self.header(&mut part, parent.is_none(), is_message);
        if !part.has_type {
            set_default(&mut part, default);
        }
        if saw_boundary {
            let is_outer = part.is_message();
            let index = self.push(parent, part, end);
            if is_outer {
                self.push_empty(index);
            }
            return Step::Leave(index);
        }
        if part.is_multipart() {
            if let Some(id) = boundary_id(&part.params) {
                self.boundaries.ids.push(id);
                return self.enter_multipart(parent, part, end);
            }
        } else if part.is_message() && self.messages_deep < MESSAGES_DEEP {
            let index = self.push(parent, part, end);
            self.messages_deep += 1;
            self.frames.push(Frame::Message { part: index, start: self.at });
            return Step::Enter { parent: Some(index), default: Child::Text, is_message: true };
        }
        let start = self.at;
        let (size, lines, end) = self.content();
        part.content.size = size;
        part.content_lines = lines;
        let encoding = part.charset().0;
        self.hash(&mut part, start, encoding);
        let is_outer = part.is_message();
        let index = self.push(parent, part, end);
        if is_outer {
            self.push_empty(index);
        }
        Step::Leave(index)
    }

    /// The message that a MESSAGE/RFC822 without content is said to hold.
    fn push_empty(&mut self, parent: usize) {
        let mut part = Part { envelope: Arc::clone(&self.no_envelope), ..Part::default() };
        set_default(&mut part, Child::Text);
        self.push(Some(parent), part, End::default());
    }

    fn enter_multipart(&mut self, parent: Option<usize>, part: Part, end: End) -> Step {
        let depth = self.boundaries.ids.len();
        let children = if part.subtype == b"DIGEST" { Child::Message } else { Child::Text };
        let index = self.push(parent, part, end);
        let (preamble_size, preamble_lines, preamble_end) = self.content();
        self.frames.push(Frame::Multipart {
            part: index,
            depth,
            children,
            preamble_size,
            preamble_lines,
            preamble_end,
        });
        Step::Resume
    }

    /// Goes on with the multipart on top: another child, or the epilogue and out.
    fn resume(&mut self) -> Step {
        let Some(&Frame::Multipart {
            part,
            depth,
            children,
            mut preamble_size,
            mut preamble_lines,
            preamble_end,
        }) = self.frames.last()
        else {
            // only multiparts resume
            return Step::Leave(0);
        };
        let limit = usize::try_from(self.limits.boundary_limit).unwrap_or(usize::MAX);
        let is_deep = (limit != 0 && depth >= limit) || depth >= MULTIPARTS_DEEP;
        if self.boundaries.ids.len() == depth && !is_deep && self.parts.len() < PARTS {
            return Step::Enter { parent: Some(part), default: children, is_message: false };
        }
        self.frames.pop();
        let own = self.parts.get(part).map(|p| p.children.clone()).unwrap_or_default();
        let last = own.last().and_then(|id| usize::try_from(id.0).ok());
        let mut epilogue = (0, 0, End::default());
        let mut end = self.end(part);
        let mut preamble_end = preamble_end;
        if self.boundaries.ids.len() == depth.saturating_sub(1) {
            epilogue = self.content();
        } else if let Some(last) = last {
            end = self.end(last);
            self.set_end(last, End::default());
        } else {
            end = preamble_end;
            preamble_end = End::default();
        }
        preamble_size = preamble_size.wrapping_add(preamble_end.size).wrapping_add(epilogue.0);
        preamble_lines = preamble_lines.wrapping_add(preamble_end.lines).wrapping_add(epilogue.1);
        let (mut size, mut lines) = (preamble_size, preamble_lines);
        for id in &own {
            let Some(index) = usize::try_from(id.0).ok() else { continue };
            let child_end = self.end(index);
            let Some(child) = self.parts.get(index) else { continue };
            size = size
                .wrapping_add(child.header.size)
                .wrapping_add(child.content.size)
                .wrapping_add(child_end.size);
            lines = lines
                .wrapping_add(child.header_lines)
                .wrapping_add(child.content_lines)
                .wrapping_add(child_end.lines);
        }
        end.size = end.size.wrapping_add(epilogue.2.size);
        end.lines = end.lines.wrapping_add(epilogue.2.lines);
        self.set_end(part, end);
        if let Some(part) = self.parts.get_mut(part) {
            part.content.size = size;
            part.content_lines = lines;
        }
        if limit != 0 && depth == limit {
            self.remarks.push(Remark::BoundaryLimit(self.limits.boundary_limit));
        }
        Step::Leave(part)
    }

    fn leave_message(&mut self, outer: usize, inner: usize, start: usize) {
        let end = self.end(inner);
        let Some((size, lines)) = self.parts.get(inner).map(|p| {
            (p.header.size.wrapping_add(p.content.size), p.header_lines.wrapping_add(p.content_lines))
        }) else {
            return;
        };
        self.set_end(outer, end);
        let Some(mut part) = self.parts.get_mut(outer).map(std::mem::take) else { return };
        part.content.size = size;
        part.content_lines = lines;
        self.hash(&mut part, start, TransferEncoding::None);
        if let Some(slot) = self.parts.get_mut(outer) {
            *slot = part;
        }
    }

    /// Content guid and decoded size. C: body_add_content_guid()
    fn hash(&self, part: &mut Part, start: usize, encoding: TransferEncoding) {
        let span = Span { offset: count(start), size: part.content.size };
        let (mut hasher, mut size) = (GuidHasher::default(), 0_usize);
        let is_known = charset::decode_pieces(span.of(self.bytes), encoding, &mut |piece| {
            hasher.update(piece);
            size = size.saturating_add(piece.len());
        });
        if is_known {
            part.content_guid = hasher.finish();
            part.decoded_size = count(size);
        }
    }

    /// Reads content up to a boundary or the end: size, lines, what ended it. C: message_parse_content()
    fn content(&mut self) -> (u32, u32, End) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if self.boundaries.ids.is_empty() {
            self.at = self.bytes.len();
            return (count(rest.len()), count(memchr::memchr_iter(b'\n', rest).count()), End::default());
        }
        let (mut size, mut lines) = (0_usize, 0_usize);
        let mut starts_at = 0;
        for line_end in memchr::memchr_iter(b'\n', rest).map(|at| at + 1).chain([rest.len()]) {
            let Some(line) = rest.get(starts_at..line_end).filter(|line| !line.is_empty()) else { continue };
            starts_at = line_end;
            if line.starts_with(b"--") && self.boundaries.ends_at(line) {
                self.at += line_end;
                let mut end = End { size: count(line.len()), lines: 1 };
                if lines > 0 {
                    lines -= 1;
                    end.lines += 1;
                }
                if size > 1 {
                    size -= 2;
                    end.size += 2;
                }
                return (count(size), count(lines), end);
            }
            size += line.len();
            if line.last() == Some(&b'\n') {
                lines += 1;
            }
        }
        self.at = self.bytes.len();
        (count(size), count(lines), End::default())
    }

    /// Reads a header. Tells what ended it, and whether that was a boundary. C: message_parse_headers()
    fn header(&mut self, part: &mut Part, is_root: bool, is_message: bool) -> (End, bool) {
        let start = self.at;
        let rest: &'a [u8] = self.bytes.get(start..).unwrap_or_default();
        let mut text_len = 0;
        let mut end = End::default();
        let mut saw_boundary = false;
        let mut at = 0;
        while at < rest.len() {
            let tail = rest.get(at..).unwrap_or_default();
            let len = memchr::memchr(b'\n', tail).map_or(tail.len(), |n| n + 1);
            let line = tail.get(..len).unwrap_or_default();
            if line.first() == Some(&b'-') {
                let line = until_nul(line);
                if self.boundaries.ends_at(line) {
                    end = End { size: count(line.len()), lines: 1 };
                    if at > 0 {
                        end.size += 2;
                        end.lines += 1;
                    }
                    saw_boundary = true;
                    text_len = at.saturating_sub(2);
                    at += len;
                    break;
                }
            }
            at += len;
            text_len = at;
            if line == b"\r\n" {
                break;
            }
        }
        self.at = start + at;
        let text = until_nul(rest.get(..text_len).unwrap_or_default());
        part.header = Span { offset: count(start), size: count(text.len()) };
        part.content.offset = count(self.at);
        part.header_lines = count(memchr::memchr_iter(b'\n', text).count());
        let limit = usize::try_from(self.limits.max_header_lines).unwrap_or(usize::MAX);
        let mut envelope = Envelope::default();
        let starts = [0].into_iter().chain(memchr::memchr_iter(b'\n', text).map(|at| at + 1));
        for (index, line) in starts.enumerate() {
            if limit != 0 && index > limit {
                self.remarks.push(Remark::HeaderLines(self.limits.max_header_lines));
                break;
            }
            let Some(here) = text.get(line..) else { continue };
            if matches!(here.first(), None | Some(b' ' | b'\t' | b'\r')) {
                continue;
            }
            // names longer than any we know need not be found whole
            let window = here.get(..here.len().min(64)).unwrap_or_default();
            let Some(colon) = window.iter().position(|c| matches!(c, b':' | b'\r' | b'\n')) else { continue };
            if window.get(colon) != Some(&b':') {
                continue;
            }
            let name = window.get(..colon).unwrap_or_default();
            if is_root && cache::cached_since(name).is_some() {
                self.cached_headers.extend(field::raw_field(here));
                self.cached_headers.extend(b"\r\n");
            }
            let value = here.get(colon + 1..).unwrap_or_default();
            field::read(name, value, part, is_message.then_some(&mut envelope));
        }
        if is_message {
            part.envelope = Arc::new(envelope);
        }
        (end, saw_boundary)
    }
}

/// Type and parameters of a part that gives none.
fn set_default(part: &mut Part, default: Child) {
    match default {
        Child::Text => {
            part.kind = b"TEXT".to_vec();
            part.subtype = b"PLAIN".to_vec();
            part.params = vec![Param { attribute: b"CHARSET".to_vec(), value: b"us-ascii".to_vec() }];
        }
        Child::Message => {
            part.kind = b"MESSAGE".to_vec();
            part.subtype = b"RFC822".to_vec();
        }
    }
}

fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The boundary of a multipart; `None` when the parameters have none.
fn boundary_id(params: &[Param]) -> Option<Vec<u8>> {
    let param = params.iter().find(|p| p.attribute == b"BOUNDARY" || p.attribute == b"BOUNDARY*")?;
    let decoded = (param.attribute == b"BOUNDARY*").then(|| param::extended_value(&param.value)).flatten();
    Some(decoded.unwrap_or_else(|| param.value.clone()))
}
