//! A message as a tree of parts.

use crate::address::Address;
use crate::charset::TransferEncoding;
use crate::param::{self, Param};
use crate::parser;
use cyrus_util::guid::Guid;
use std::sync::Arc;

/// Bounds and habits that imapd.conf sets.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `maxheaderlines`: field lines looked at per header; 0 = all.
    pub max_header_lines: u32,
    /// `boundary_limit`: multiparts nested in each other; 0 = only the built-in bound.
    pub boundary_limit: u32,
    /// `rfc2046_strict`: a longer boundary that starts with an enclosing one matches it.
    pub rfc2046_strict: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_header_lines: 1000, boundary_limit: 1000, rfc2046_strict: false }
    }
}

/// A run of bytes in the message file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset from the start of the file.
    pub offset: u32,
    /// Length in octets.
    pub size: u32,
}

impl Span {
    /// The bytes of `message` that the span names; what lies past the end is left out.
    #[must_use]
    pub fn of<'a>(&self, message: &'a [u8]) -> &'a [u8] {
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX).min(message.len());
        let end = start.saturating_add(usize::try_from(self.size).unwrap_or(usize::MAX)).min(message.len());
        message.get(start..end).unwrap_or_default()
    }
}

/// Index of a part in [`Message::parts`]; 0 is the message itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub u32);

/// A message or one of its body parts.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Header, blank line included.
    pub header: Span,
    /// Lines of the header.
    pub header_lines: u32,
    /// Content, without the line end that belongs to the next boundary.
    pub content: Span,
    /// Lines of the content.
    pub content_lines: u32,
    /// Type in upper case (`TEXT`).
    pub kind: Vec<u8>,
    /// Subtype in upper case (`PLAIN`).
    pub subtype: Vec<u8>,
    /// Parameters of Content-Type.
    pub params: Vec<Param>,
    /// Content-ID.
    pub id: Option<Vec<u8>>,
    /// Content-Description.
    pub description: Option<Vec<u8>>,
    /// Content-Transfer-Encoding in upper case, as written.
    pub encoding: Option<Vec<u8>>,
    /// Content-MD5.
    pub md5: Option<Vec<u8>>,
    /// Content-Disposition in upper case.
    pub disposition: Option<Vec<u8>>,
    /// Parameters of Content-Disposition.
    pub disposition_params: Vec<Param>,
    /// Content-Language tags in upper case.
    pub languages: Vec<Vec<u8>>,
    /// Content-Location.
    pub location: Option<Vec<u8>>,
    /// Fields of the envelope and their relatives; empty for a part that is no message.
    pub envelope: Arc<Envelope>,
    /// SHA-1 of the transfer-decoded content; null where C keeps none.
    pub content_guid: Guid,
    /// Size of the transfer-decoded content.
    pub decoded_size: u32,
    /// Children: the parts of a multipart, or the one message of a MESSAGE/RFC822.
    pub children: Vec<PartId>,
    /// Content-Type could be read.
    pub(crate) has_type: bool,
}

/// Header fields that the envelope, the index and the conversations use: unfolded, not decoded.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Date.
    pub date: Option<Vec<u8>>,
    /// Subject.
    pub subject: Option<Vec<u8>>,
    /// From; `None` when the field is missing or empty.
    pub from: Option<Vec<Address>>,
    /// Sender.
    pub sender: Option<Vec<Address>>,
    /// Reply-To.
    pub reply_to: Option<Vec<Address>>,
    /// To.
    pub to: Option<Vec<Address>>,
    /// Cc.
    pub cc: Option<Vec<Address>>,
    /// Bcc.
    pub bcc: Option<Vec<Address>>,
    /// In-Reply-To.
    pub in_reply_to: Option<Vec<u8>>,
    /// Message-ID.
    pub message_id: Option<Vec<u8>>,
    /// References.
    pub references: Option<Vec<u8>>,
    /// Date of the first Received field: the text after its last semicolon.
    pub received_date: Option<Vec<u8>>,
    /// X-DeliveredInternalDate.
    pub x_deliveredinternaldate: Option<Vec<u8>>,
    /// X-ME-Message-ID.
    pub x_me_message_id: Option<Vec<u8>>,
}

/// What was read from a message.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// All parts, the message itself first, each after its parent.
    pub parts: Vec<Part>,
    /// Size in octets.
    pub size: u32,
    /// SHA-1 of all bytes.
    pub guid: Guid,
    /// Field lines for the HEADERS item of the cache.
    pub cached_headers: Vec<u8>,
    /// Things C writes to syslog about: for the caller to log.
    pub remarks: Vec<Remark>,
}

/// Something odd about a message that C reports in syslog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// `ERROR: mime boundary limit N exceeded, not parsing anymore`
    BoundaryLimit(u32),
    /// `ERROR: message has more than N header lines not caching any more`
    HeaderLines(u32),
    /// `IOERROR: size mismatch on parse`: header and content do not add up to the file.
    SizeMismatch {
        /// Size of the file.
        file: u32,
        /// Header and content.
        body: u32,
    },
}

impl Message {
    /// Reads a message. Never fails. C: message_parse_mapped()
    #[must_use]
    pub fn parse(bytes: &[u8], limits: &Limits) -> Self {
        parser::parse(bytes, limits, Guid::of(bytes))
    }

    /// Reads a message whose SHA-1 is known already. Never fails.
    #[must_use]
    pub fn parse_known(bytes: &[u8], limits: &Limits, guid: Guid) -> Self {
        parser::parse(bytes, limits, guid)
    }

    /// The message itself.
    #[must_use]
    pub fn root(&self) -> &Part {
        static NOTHING: std::sync::OnceLock<Part> = std::sync::OnceLock::new();
        self.parts.first().unwrap_or_else(|| NOTHING.get_or_init(Part::default))
    }

    /// A part by its index.
    #[must_use]
    pub fn part(&self, id: PartId) -> Option<&Part> {
        self.parts.get(usize::try_from(id.0).ok()?)
    }

    /// The children of a part.
    pub fn children<'a>(&'a self, part: &'a Part) -> impl DoubleEndedIterator<Item = &'a Part> {
        part.children.iter().filter_map(|&id| self.part(id))
    }
}

impl Part {
    /// Whether this is a MULTIPART/*.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        self.kind == b"MULTIPART"
    }

    /// Whether this is a MESSAGE/RFC822.
    #[must_use]
    pub fn is_message(&self) -> bool {
        self.kind == b"MESSAGE" && self.subtype == b"RFC822"
    }

    /// The transfer encoding as C reads it for this type of part, and the name of its charset, if any.
    /// C: message_parse_charset()
    #[must_use]
    pub fn charset(&self) -> (TransferEncoding, Option<&[u8]>) {
        let encoding = match self.encoding.as_deref() {
            None | Some(b"7BIT" | b"8BIT" | b"BINARY") => TransferEncoding::None,
            Some(b"BASE64") => TransferEncoding::Base64,
            Some(b"QUOTED-PRINTABLE") => TransferEncoding::QuotedPrintable,
            Some(_) => TransferEncoding::Unknown,
        };
        match self.kind.as_slice() {
            b"TEXT" => (encoding, Some(param::charset_name(&self.params).unwrap_or(b"us-ascii"))),
            b"MESSAGE" if self.subtype == b"RFC822" => (TransferEncoding::None, None),
            b"MESSAGE" => (TransferEncoding::None, Some(b"us-ascii")),
            _ => (encoding, None),
        }
    }
}
