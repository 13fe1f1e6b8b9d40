//! Where a section lies: `BODY[1.2.MIME]`, `BINARY[2]` out of the SECTION item, without reading the message.

use crate::charset::TransferEncoding;
use crate::message::Span;
use cyrus_util::guid::Guid;

/// The tree of parts that the SECTION item describes.
#[derive(Clone, Debug, Default)]
pub struct SectionMap {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    section: Section,
    is_message: bool,
    children: Vec<u32>,
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
        let _ = (item, cache_version);
        todo!()
    }

    /// The bytes of the message file that `BODY[path.want]` names; `None` means the answer is NIL (or "" / 0 as
    /// the command wants). An empty path with [`Want::Content`] (`BODY[]`) is the whole file and is not asked
    /// here: it gives `None`. C: index_fetchsection()
    #[must_use]
    pub fn find(&self, path: &[u32], want: Want) -> Option<Span> {
        let _ = (path, want);
        todo!()
    }

    /// The header that `BODY[path.HEADER.FIELDS ...]` picks from. Unlike [`SectionMap::find`] with
    /// [`Want::Header`], C takes the MIME header of a part that is no message. C: index_fetchfsection()
    #[must_use]
    pub fn header_fields(&self, path: &[u32]) -> Option<Span> {
        let _ = path;
        todo!()
    }

    /// The part `path` with its encoding, charset and decoded size, for BINARY and BINARY.SIZE.
    #[must_use]
    pub fn part(&self, path: &[u32]) -> Option<&Section> {
        let _ = path;
        todo!()
    }
}
