//! `* n FETCH (...)`: the items of one message, in C's order (C: `index_fetchreply()`).

use super::{flags, put};
use crate::annotate::{
    self,
    fetch::{Entry, Wanted},
};
use crate::command::{AnnotationRequest, FetchItem, Fields, Partial};
use libcyrus::imap::view::View;
use libcyrus::mime::cache::{CacheView, Item, may_use_cached_headers};
use libcyrus::mime::charset::{TransferEncoding, decode_transfer};
use libcyrus::mime::header::{self, Pick};
use libcyrus::mime::section::{SectionMap, Want};
use libcyrus::net::prot::Stream;
use libcyrus::store::mailbox::{InternalFlags, Record};
use libcyrus::sys::map::Map;
use libcyrus::util::datetime::print_internaldate;
use libcyrus::util::guid::Guid;
use libcyrus::util::ids::MsgNo;
use libcyrus::util::imapstr::{put_astring, put_nstring};

/// A FETCH command sorted for answering.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "one per item without argument")]
pub struct Plan {
    uid: bool,
    flags: bool,
    digest: bool,
    internaldate: bool,
    lastupdated: bool,
    modseq: bool,
    size: bool,
    filesize: bool,
    sha1: bool,
    emailid: bool,
    threadid: bool,
    savedate: bool,
    createdmodseq: bool,
    folder: bool,
    uidvalidity: bool,
    envelope: bool,
    bodystructure: bool,
    body: bool,
    header: bool,
    header_lines: Vec<Vec<u8>>,
    header_lines_not: Vec<Vec<u8>>,
    text: bool,
    rfc822: bool,
    fields: Vec<(Section, Fields, Option<Partial>)>,
    sections: Vec<(Section, Option<Partial>)>,
    binaries: Vec<(Section, Option<Partial>)>,
    binary_sizes: Vec<Section>,
    /// ANNOTATION; several of them ask as one.
    pub annotations: Option<AnnotationRequest>,
    preview: bool,
    cid: bool,
    basecid: bool,
    mailboxes: bool,
    mailboxids: bool,
    /// Some item sets \Seen.
    pub sets_seen: bool,
}

/// A section as written and as understood.
#[derive(Debug)]
pub(crate) struct Section {
    text: Vec<u8>,
    /// Part numbers; `None` for a number that no part can have.
    pub(crate) path: Option<Vec<u32>>,
    pub(crate) want: Want,
}

impl Section {
    /// The same of a text that no parser has looked at; `None` when it is no section.
    pub(crate) fn parse_exactly(text: &[u8]) -> Option<Self> {
        let name = text.trim_ascii_start();
        let numbers = name.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let (path, name) = name.split_at_checked(numbers)?;
        let is_known = matches!(name, b"" | b"HEADER" | b"MIME" | b"TEXT");
        let is_joined = path.is_empty() || name.is_empty() || path.ends_with(b".");
        (is_known && is_joined).then(|| Self::parse(text))
    }

    fn parse(text: &[u8]) -> Self {
        let mut path = Some(Vec::new());
        let mut rest = text;
        while let Some(b'0'..=b'9') = rest.first() {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let (number, tail) = rest.split_at(digits);
            let number = std::str::from_utf8(number).ok().and_then(|n| n.parse::<u32>().ok());
            match (number.filter(|&n| n > 0 && n <= i32::MAX.unsigned_abs()), path.as_mut()) {
                (Some(number), Some(path)) => path.push(number),
                _ => path = None,
            }
            rest = tail.strip_prefix(b".").unwrap_or(tail);
        }
        let want = match rest {
            b"TEXT" => Want::Text,
            b"MIME" => Want::Mime,
            b"" => Want::Content,
            _ => Want::Header,
        };
        Self { text: text.to_vec(), path, want }
    }

    fn is_whole_message(&self) -> bool {
        self.text.is_empty()
    }
}

impl Plan {
    /// Sorts the items of a command; a UID command always tells UIDs.
    #[must_use]
    pub fn new(items: &[FetchItem], by_uid: bool) -> Self {
        use FetchItem as F;
        let mut plan = Self { uid: by_uid, ..Self::default() };
        for item in items {
            match item {
                F::Annotation(request) => {
                    let all = plan.annotations.get_or_insert_default();
                    all.entries.extend(request.entries.iter().cloned());
                    all.attributes.extend(request.attributes.iter().cloned());
                }
                F::BaseCid => plan.basecid = true,
                F::Cid => plan.cid = true,
                F::Mailboxes => plan.mailboxes = true,
                F::MailboxIds => plan.mailboxids = true,
                F::Preview => plan.preview = true,
                F::Binary { section, peek, partial } => {
                    plan.sets_seen |= !peek;
                    plan.binaries.push((Section::parse(section), *partial));
                }
                F::BinarySize { section } => plan.binary_sizes.push(Section::parse(section)),
                F::Body => plan.body = true,
                F::BodySection { section, fields, peek, partial } => {
                    plan.sets_seen |= !peek;
                    let section = Section::parse(section);
                    match fields {
                        Some(fields) => plan.fields.push((section, fields.clone(), *partial)),
                        None => plan.sections.push((section, *partial)),
                    }
                }
                F::BodyStructure => plan.bodystructure = true,
                F::CreatedModSeq => plan.createdmodseq = true,
                F::DigestSha1 => plan.digest = true,
                F::EmailId => plan.emailid = true,
                F::Envelope => plan.envelope = true,
                F::Flags => plan.flags = true,
                F::Folder => plan.folder = true,
                F::InternalDate => plan.internaldate = true,
                F::LastUpdated => plan.lastupdated = true,
                F::ModSeq => plan.modseq = true,
                F::Rfc822 { peek } => {
                    plan.sets_seen |= !peek;
                    plan.rfc822 = true;
                }
                F::Rfc822FileSize => plan.filesize = true,
                F::Rfc822Header => plan.header = true,
                F::Rfc822HeaderLines { names, not } => {
                    let list = if *not { &mut plan.header_lines_not } else { &mut plan.header_lines };
                    list.extend(names.iter().cloned());
                }
                F::Rfc822Sha1 => plan.sha1 = true,
                F::Rfc822Size => plan.size = true,
                F::Rfc822Text { peek } => {
                    plan.sets_seen |= !peek;
                    plan.text = true;
                }
                F::SaveDate => plan.savedate = true,
                F::ThreadId => plan.threadid = true,
                F::Uid => plan.uid = true,
                F::UidValidity => plan.uidvalidity = true,
            }
        }
        plan
    }

    /// Whether copies of the messages are to be looked for.
    #[must_use]
    pub fn needs_copies(&self) -> bool {
        self.mailboxes || self.mailboxids
    }

    /// Whether only the rows of the view are needed, not the records.
    #[must_use]
    pub fn needs_only_rows(&self) -> bool {
        let Self { uid: _, flags: _, modseq: _, uidvalidity: _, sets_seen: _, ref fields, .. } = *self;
        let by_record = self.digest
            || self.internaldate
            || self.lastupdated
            || self.size
            || self.filesize
            || self.sha1
            || self.emailid
            || self.threadid
            || self.savedate
            || self.createdmodseq
            || self.folder
            || self.envelope
            || self.bodystructure
            || self.body
            || self.header
            || self.text
            || self.rfc822
            || self.preview
            || self.cid
            || self.basecid
            || self.mailboxes
            || self.mailboxids;
        !by_record
            && self.annotations.is_none()
            && fields.is_empty()
            && self.header_lines.is_empty()
            && self.header_lines_not.is_empty()
            && self.sections.is_empty()
            && self.binaries.is_empty()
            && self.binary_sizes.is_empty()
    }

    fn needs_file(&self, record: &Record) -> bool {
        self.header
            || self.text
            || self.rfc822
            || self.sha1
            || self.filesize
            || !self.sections.is_empty()
            || !self.binaries.is_empty()
            || !self.binary_sizes.is_empty()
            || !self.header_lines_not.is_empty()
            || !may_use_cached_headers(&self.header_lines, record.cache_version)
            || self.fields.iter().any(|(section, fields, _)| !from_cache(section, fields, record))
    }

    fn needs_cache(&self) -> bool {
        self.envelope
            || self.bodystructure
            || self.body
            || !self.fields.is_empty()
            || !self.header_lines.is_empty()
            || !self.sections.is_empty()
            || !self.binaries.is_empty()
            || !self.binary_sizes.is_empty()
    }
}

/// Whether a HEADER.FIELDS can be answered from the cached headers.
fn from_cache(section: &Section, fields: &Fields, record: &Record) -> bool {
    section.text == b"HEADER.FIELDS"
        && !fields.not
        && may_use_cached_headers(&fields.names, record.cache_version)
}

/// What the writer must know beside the message.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The folder's name as the client writes it.
    pub folder: &'a [u8],
    /// Option `maxheaderlines`.
    pub max_header_lines: u32,
    /// How a message is parsed when its cache record is damaged.
    pub limits: &'a libcyrus::mime::Limits,
    /// CONDSTORE is in use: a changed message's MODSEQ is told.
    pub condstore: bool,
    /// QRESYNC is in use: a changed message's UID is told.
    pub qresync: bool,
    /// What ANNOTATION asks for.
    pub annotations: Option<&'a Wanted<'a>>,
    /// The entry that holds the text of PREVIEW (option `jmap_preview_annot`), without `/shared`.
    pub preview_entry: Option<&'a [u8]>,
    /// Who asks.
    pub userid: &'a [u8],
    /// The mailboxes that hold the message, when MAILBOXES or MAILBOXIDS asks for them.
    pub copies: &'a [Held],
}

/// A mailbox that holds a copy of a message.
pub struct Held {
    /// Its name as the client writes it.
    pub name: Vec<u8>,
    /// Its unique id.
    pub uniqueid: Vec<u8>,
}

/// Why a message was not answered as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A binary part cannot be decoded (RFC 3516 4.3).
    UnknownCte,
}

/// Writes one message's answer.
///
/// # Errors
/// [`Trouble`] when an item could not be given; what could was written.
pub fn message(
    stream: &mut Stream,
    view: &mut View,
    msgno: MsgNo,
    record: &Record,
    plan: &Plan,
    facts: Facts<'_>,
) -> Result<(), Trouble> {
    let Some(row) = view.row(msgno).copied() else { return Ok(()) };
    let mut file: Option<Map> = None;
    if plan.needs_file(record) {
        let Ok(map) = view.mailbox().message(record) else {
            stream.write(format!("* OK Message {msgno} no longer exists\r\n").as_bytes());
            return Ok(());
        };
        file = Some(map);
    }
    let file_bytes: &[u8] = file.as_deref().unwrap_or(&[]);
    let changed = view.has_untold_flags(msgno);
    let mut writer = Writer { out: Vec::with_capacity(256), stream, msgno, started: false };
    if plan.flags || changed {
        writer.item("FLAGS ");
        flags(&mut writer.out, &row, view.keywords());
        view.flags_told(msgno);
    }
    if plan.uid || (changed && facts.qresync) {
        writer.text(format_args!("UID {}", row.uid));
    }
    if plan.digest {
        writer.text(format_args!("DIGEST.SHA1 {}", record.guid));
    }
    if plan.internaldate {
        writer.date("INTERNALDATE", record.internaldate.0);
    }
    if plan.lastupdated {
        writer.date("LASTUPDATED", record.last_updated.0);
    }
    if plan.modseq || (changed && facts.condstore) {
        writer.text(format_args!("MODSEQ ({})", row.modseq));
    }
    if plan.size {
        writer.text(format_args!("RFC822.SIZE {}", record.size));
    }
    if let Some(wanted) = facts.annotations {
        writer.item("ANNOTATION (");
        // As in C: what cannot be read is not there.
        let found = annotate::fetch::message(view.mailbox(), record.uid, facts.userid, wanted);
        put_annotations(&mut writer.out, &found.unwrap_or_default());
        writer.out.push(b')');
    }
    if plan.preview {
        writer.item("PREVIEW ");
        put_preview(&mut writer.out, view, record, facts.preview_entry);
    }
    if plan.filesize {
        writer.text(format_args!("RFC822.FILESIZE {}", file_bytes.len()));
    }
    if plan.sha1 {
        writer.text(format_args!("RFC822.SHA1 {}", Guid::of(file_bytes)));
    }
    if plan.emailid {
        let guid = record.guid.to_string();
        writer.text(format_args!("EMAILID (M{})", guid.get(..24).unwrap_or(&guid)));
    }
    if plan.cid {
        writer.item("CID ");
        put_cid(&mut writer.out, record.cid);
    }
    if plan.threadid {
        match record.cid {
            0 => writer.item("THREADID (NIL)"),
            cid => writer.text(format_args!("THREADID (T{cid:016x})")),
        }
    }
    if plan.savedate {
        let saved = if record.savedate.0 == 0 { record.internaldate } else { record.savedate };
        writer.date("SAVEDATE", saved.0);
    }
    if plan.createdmodseq {
        writer.text(format_args!("CREATEDMODSEQ ({})", record.createdmodseq));
    }
    if plan.basecid {
        let base = view.mailbox().annotation(record.uid, BASETHRID, b"").ok().flatten();
        let is_split = record.internal_flags.has(InternalFlags::SPLITCONVERSATION);
        let base = base.filter(|text| is_split && text.len() == 16);
        let base = base.and_then(|text| u64::from_str_radix(std::str::from_utf8(&text).ok()?, 16).ok());
        writer.item("BASECID ");
        put_cid(&mut writer.out, base.unwrap_or(0));
    }
    if plan.folder {
        writer.item("FOLDER ");
        put_astring(&mut writer.out, facts.folder);
    }
    if plan.uidvalidity {
        writer.text(format_args!("UIDVALIDITY {}", view.uidvalidity()));
    }
    for (is_wanted, name, texts) in [
        (
            plan.mailboxes,
            "MAILBOXES (",
            facts.copies.iter().map(|copy| copy.name.as_slice()).collect::<Vec<_>>(),
        ),
        (plan.mailboxids, "MAILBOXIDS (", facts.copies.iter().map(|copy| copy.uniqueid.as_slice()).collect()),
    ] {
        if is_wanted {
            writer.item(name);
            writer.out.extend_from_slice(&texts.join(&b' '));
            writer.out.push(b')');
        }
    }
    let mut trouble = Ok(());
    if plan.needs_cache() {
        let rebuilt;
        let mailbox = view.mailbox_mut();
        let cache = match mailbox.cached(record) {
            Ok(cached) => CacheView::at(cached.bytes(), 0),
            Err(_) => None,
        };
        let cache = match cache {
            Some(cache) => Some(cache),
            None => {
                // A damaged cache record: the message itself is asked instead, as C does.
                rebuilt = rebuild(view, record, facts.limits);
                rebuilt.as_deref().and_then(|bytes| CacheView::at(bytes, 0))
            }
        };
        if let Some(cache) = cache {
            trouble = cached_items(&mut writer, plan, record, &cache, file_bytes, facts);
        }
    }
    writer.whole_items(plan, record, file_bytes, facts);
    writer.end();
    trouble
}

/// `/entry (attribute value ...) ...`
fn put_annotations(out: &mut Vec<u8>, entries: &[Entry]) {
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        put_astring(out, &entry.name);
        out.push(b' ');
        let mut separator = b'(';
        for (attribute, value) in &entry.attributes {
            out.push(separator);
            separator = b' ';
            put_astring(out, attribute.as_bytes());
            out.push(b' ');
            put_nstring(out, value.as_deref());
        }
        out.push(b')');
    }
}

/// The start of the preview that a program put into an annotation; NIL when none is configured.
fn put_preview(out: &mut Vec<u8>, view: &View, record: &Record, entry: Option<&[u8]>) {
    let Some(entry) = entry else {
        out.extend_from_slice(b"NIL");
        return;
    };
    let found = view.mailbox().annotation(record.uid, entry, b"").ok().flatten().unwrap_or_default();
    put_astring(out, found.get(..PREVIEW_OCTETS).unwrap_or(&found));
}

fn put_cid(out: &mut Vec<u8>, cid: u64) {
    match cid {
        0 => out.extend_from_slice(b"NIL"),
        cid => put(out, format_args!("{cid:016x}")),
    }
}

/// Of a message whose conversation was split: the first conversation's id.
const BASETHRID: &[u8] = b"/vendor/cmu/cyrus-imapd/basethrid";

/// C: in `index_fetchreply()`
const PREVIEW_OCTETS: usize = 256;

/// A row's answer when no record is needed.
pub fn row_only(out: &mut Vec<u8>, view: &mut View, msgno: MsgNo, plan: &Plan, facts: Facts<'_>) {
    let Some(row) = view.row(msgno).copied() else { return };
    let changed = view.has_untold_flags(msgno);
    put(out, format_args!("* {msgno} FETCH ("));
    let start = out.len();
    let separate = |out: &mut Vec<u8>| {
        if out.len() > start {
            out.push(b' ');
        }
    };
    if plan.flags || changed {
        out.extend_from_slice(b"FLAGS ");
        flags(out, &row, view.keywords());
        view.flags_told(msgno);
    }
    if plan.uid || (changed && facts.qresync) {
        separate(out);
        put(out, format_args!("UID {}", row.uid));
    }
    if plan.modseq || (changed && facts.condstore) {
        separate(out);
        put(out, format_args!("MODSEQ ({})", row.modseq));
    }
    if plan.uidvalidity {
        separate(out);
        put(out, format_args!("UIDVALIDITY {}", view.uidvalidity()));
    }
    out.extend_from_slice(b")\r\n");
}

/// The cache record of a message whose own is damaged.
fn rebuild(view: &View, record: &Record, limits: &libcyrus::mime::Limits) -> Option<Vec<u8>> {
    let map = view.mailbox().message(record).ok()?;
    let message = libcyrus::mime::Message::parse(&map, limits);
    let options = libcyrus::mime::cache::CacheOptions::default();
    Some(libcyrus::mime::cache::cache_record(&message, &options).bytes)
}

fn cached_items(
    writer: &mut Writer<'_>,
    plan: &Plan,
    record: &Record,
    cache: &CacheView<'_>,
    file: &[u8],
    facts: Facts<'_>,
) -> Result<(), Trouble> {
    for (wanted, name, item) in [
        (plan.envelope, "ENVELOPE ", Item::Envelope),
        (plan.bodystructure, "BODYSTRUCTURE ", Item::BodyStructure),
        (plan.body, "BODY ", Item::Body),
    ] {
        if wanted {
            writer.item(name);
            writer.out.extend_from_slice(cache.item(item));
        }
    }
    // RFC822 and its parts stand between these and the sections in C.
    writer.deferred_header_lines(plan, record, cache, file, facts);
    writer.rfc822_items(plan, record, file);
    let sections = if plan.fields.is_empty()
        && plan.sections.is_empty()
        && plan.binaries.is_empty()
        && plan.binary_sizes.is_empty()
    {
        SectionMap::default()
    } else {
        cache.sections(record.cache_version)
    };
    for (section, fields, partial) in &plan.fields {
        writer.item("BODY[");
        writer.out.extend_from_slice(&section.text);
        writer.out.push(b' ');
        let mut separator = b'(';
        for name in &fields.names {
            writer.out.push(separator);
            put_astring(&mut writer.out, name);
            separator = b' ';
        }
        writer.out.extend_from_slice(b")]");
        writer.origin(*partial);
        if from_cache(section, fields, record) {
            let text =
                header::pick(cache.item(Item::Headers), Pick::Only(&fields.names), facts.max_header_lines);
            writer.header_text(text, *partial);
            continue;
        }
        let span = section.path.as_deref().and_then(|path| sections.header_fields(path));
        match span {
            None => writer.out.extend_from_slice(b"NIL"),
            Some(span) => {
                let pick = if fields.not { Pick::Not(&fields.names) } else { Pick::Only(&fields.names) };
                let text = header::pick(span.of(file), pick, facts.max_header_lines);
                writer.header_text(text, *partial);
            }
        }
    }
    for (section, partial) in &plan.sections {
        writer.section("BODY[", section, *partial);
        if section.is_whole_message() {
            writer.data(file, 0, record.size, *partial);
            continue;
        }
        match section.path.as_deref().and_then(|path| sections.find(path, section.want)) {
            None => writer.out.extend_from_slice(b"NIL"),
            Some(span) => writer.data(file, span.offset, span.size, *partial),
        }
    }
    // As in C: what comes last decides whether the message was answered.
    let mut trouble = Ok(());
    for (section, partial) in &plan.binaries {
        if section.is_whole_message() {
            writer.section("BINARY[", section, *partial);
            writer.data(file, 0, record.size, *partial);
            continue;
        }
        let Some(part) = section.path.as_deref().and_then(|path| sections.part(path)) else {
            writer.section("BINARY[", section, *partial);
            writer.out.extend_from_slice(b"NIL");
            continue;
        };
        match decode(part.content.of(file), part.encoding) {
            None => trouble = Err(Trouble::UnknownCte),
            Some(decoded) => {
                trouble = Ok(());
                writer.section("BINARY[", section, *partial);
                let size = u32::try_from(decoded.len()).unwrap_or(u32::MAX);
                writer.data(&decoded, 0, size, *partial);
            }
        }
    }
    for section in &plan.binary_sizes {
        let size = if section.is_whole_message() {
            Some(u64::from(record.size))
        } else {
            match section.path.as_deref().and_then(|path| sections.part(path)) {
                None => Some(0),
                Some(part) => decode(part.content.of(file), part.encoding).map(|d| d.len() as u64),
            }
        };
        match size {
            None => trouble = Err(Trouble::UnknownCte),
            Some(size) => {
                trouble = Ok(());
                writer.section("BINARY.SIZE[", section, None);
                put(&mut writer.out, format_args!("{size}"));
            }
        }
    }
    trouble
}

fn decode(content: &[u8], encoding: TransferEncoding) -> Option<std::borrow::Cow<'_, [u8]>> {
    decode_transfer(content, encoding)
}

/// Gathers the answer and sends large pieces on without copying them.
struct Writer<'a> {
    out: Vec<u8>,
    stream: &'a mut Stream,
    msgno: MsgNo,
    started: bool,
}

impl Writer<'_> {
    fn item(&mut self, name: &str) {
        if self.started {
            self.out.push(b' ');
        } else {
            put(&mut self.out, format_args!("* {} FETCH (", self.msgno));
            self.started = true;
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    fn text(&mut self, text: std::fmt::Arguments<'_>) {
        self.item("");
        put(&mut self.out, text);
    }

    fn date(&mut self, name: &str, epoch_s: i64) {
        let offset_s = libcyrus::sys::time::local(epoch_s).utc_offset_s;
        self.text(format_args!("{name} \"{}\"", print_internaldate(epoch_s, offset_s.into())));
    }

    fn section(&mut self, name: &str, section: &Section, partial: Option<Partial>) {
        self.item(name);
        self.out.extend_from_slice(&section.text);
        self.out.push(b']');
        self.origin(partial);
    }

    /// `<start>` and the space before the data.
    fn origin(&mut self, partial: Option<Partial>) {
        if let Some(partial) = partial {
            put(&mut self.out, format_args!("<{}>", partial.start));
        }
        self.out.push(b' ');
    }

    /// Picked header fields and the blank line behind them, cut to the partial.
    fn header_text(&mut self, mut text: Vec<u8>, partial: Option<Partial>) {
        text.extend_from_slice(b"\r\n");
        let cut = match partial {
            None => text.as_slice(),
            Some(partial) => {
                let rest = text.get(size_of_u32(partial.start)..).unwrap_or(&[]);
                rest.get(..size_of_u32(partial.count)).unwrap_or(rest)
            }
        };
        if cut.is_empty() {
            self.out.extend_from_slice(b"\"\"");
        } else {
            put(&mut self.out, format_args!("{{{}}}\r\n", cut.len()));
            self.out.extend_from_slice(cut);
        }
    }

    /// `size` octets of `file` from `offset`, cut to the partial; a file that is too short is filled
    /// up with blanks, so that the client stays in step. C: `index_fetchmsg()`
    fn data(&mut self, file: &[u8], offset: u32, size: u32, partial: Option<Partial>) {
        let start = partial.map_or(0, |p| p.start);
        let size = match partial {
            None => size,
            Some(partial) => size.saturating_sub(partial.start).min(partial.count),
        };
        let from = size_of_u32(offset).saturating_add(size_of_u32(start));
        let wanted = size_of_u32(size);
        let Some(rest) = file.get(from..).filter(|rest| wanted > 0 && !rest.is_empty()) else {
            self.out.extend_from_slice(b"\"\"");
            return;
        };
        let bytes = rest.get(..wanted).unwrap_or(rest);
        let binary = if memchr::memchr(0, bytes).is_some() { "~" } else { "" };
        put(&mut self.out, format_args!("{binary}{{{size}}}\r\n"));
        if bytes.len() < COPY_OCTETS {
            self.out.extend_from_slice(bytes);
        } else {
            self.stream.write(&self.out);
            self.out.clear();
            self.stream.write(bytes);
        }
        self.out.resize(self.out.len() + (wanted - bytes.len()), b' ');
    }

    /// RFC822.HEADER.LINES and .NOT.
    fn deferred_header_lines(
        &mut self,
        plan: &Plan,
        record: &Record,
        cache: &CacheView<'_>,
        file: &[u8],
        facts: Facts<'_>,
    ) {
        if plan.header || (plan.header_lines.is_empty() && plan.header_lines_not.is_empty()) {
            return;
        }
        self.item("RFC822.HEADER ");
        let whole = file.get(..size_of_u32(record.header_size)).unwrap_or(file);
        let text = if !plan.header_lines_not.is_empty() {
            header::pick(whole, Pick::Not(&plan.header_lines_not), facts.max_header_lines)
        } else if may_use_cached_headers(&plan.header_lines, record.cache_version) {
            header::pick(cache.item(Item::Headers), Pick::Only(&plan.header_lines), facts.max_header_lines)
        } else {
            header::pick(whole, Pick::Only(&plan.header_lines), facts.max_header_lines)
        };
        self.header_text(text, None);
    }

    fn rfc822_items(&mut self, plan: &Plan, record: &Record, file: &[u8]) {
        if plan.header {
            self.item("RFC822.HEADER ");
            self.data(file, 0, record.header_size, None);
        }
        if plan.text {
            self.item("RFC822.TEXT ");
            self.data(file, record.header_size, record.size.saturating_sub(record.header_size), None);
        }
        if plan.rfc822 {
            self.item("RFC822 ");
            self.data(file, 0, record.size, None);
        }
    }

    /// The RFC822 items when no cached item was asked for.
    fn whole_items(&mut self, plan: &Plan, record: &Record, file: &[u8], facts: Facts<'_>) {
        if plan.needs_cache() {
            return;
        }
        if !plan.header && !plan.header_lines_not.is_empty() {
            self.item("RFC822.HEADER ");
            let whole = file.get(..size_of_u32(record.header_size)).unwrap_or(file);
            let text = header::pick(whole, Pick::Not(&plan.header_lines_not), facts.max_header_lines);
            self.header_text(text, None);
        }
        self.rfc822_items(plan, record, file);
    }

    fn end(mut self) {
        if self.started {
            self.out.extend_from_slice(b")\r\n");
        }
        self.stream.write(&self.out);
    }
}

fn size_of_u32(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Pieces from this size on are sent from the map instead of being copied.
const COPY_OCTETS: usize = 4096;
