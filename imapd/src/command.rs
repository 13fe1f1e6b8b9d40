//! A command as a typed value, before any handler sees it, and the table of what each one needs.

use crate::parser;
use crate::parser::lexer::{Bad, Lexer};

/// One range of a sequence set; `None` is `*`.
pub type Range = (Option<u32>, Option<u32>);

/// A sequence set as the client wrote it (RFC 3501 9 sequence-set), ranges unresolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence(pub Vec<Range>);

/// Which messages a command names, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Message sequence numbers.
    Seq(Sequence),
    /// Unique identifiers (the UID commands).
    Uid(Sequence),
}

/// One client command.
#[derive(Debug, PartialEq)]
#[allow(
    missing_docs,
    reason = "each variant is the command of the same name in RFC 3501 or the RFC its parser names"
)]
pub enum Command {
    Append {
        mailbox: Vec<u8>,
    },
    Authenticate {
        mechanism: Vec<u8>,
        initial: Option<Vec<u8>>,
    },
    Capability,
    Check,
    Close,
    Compress {
        algorithm: Vec<u8>,
    },
    Copy {
        ids: Ids,
        mailbox: Vec<u8>,
    },
    Create {
        mailbox: Vec<u8>,
        options: CreateOptions,
    },
    Delete {
        mailbox: Vec<u8>,
    },
    DeleteAcl {
        mailbox: Vec<u8>,
        identifier: Vec<u8>,
    },
    Enable {
        capabilities: Vec<Vec<u8>>,
    },
    Examine {
        mailbox: Vec<u8>,
        options: SelectOptions,
    },
    Expunge {
        ids: Option<Sequence>,
    },
    Fetch {
        ids: Ids,
        request: FetchRequest,
    },
    /// Each URL with the mechanism named, INTERNAL.
    GenUrlAuth {
        urls: Vec<Vec<u8>>,
    },
    GetAcl {
        mailbox: Vec<u8>,
    },
    GetAnnotation {
        mailbox: Vec<u8>,
        request: AnnotationRequest,
    },
    GetMetadata {
        mailboxes: Vec<Vec<u8>>,
        is_pattern: bool,
        entries: Vec<MetadataName>,
        options: MetadataOptions,
    },
    GetQuota {
        root: Vec<u8>,
    },
    GetQuotaRoot {
        mailbox: Vec<u8>,
    },
    Id {
        parameters: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    },
    Idle,
    List(ListRequest),
    ListRights {
        mailbox: Vec<u8>,
        identifier: Vec<u8>,
    },
    Login {
        user: Vec<u8>,
        password: PasswordArgument,
    },
    Logout,
    Lsub(ListRequest),
    Move {
        ids: Ids,
        mailbox: Vec<u8>,
    },
    MyRights {
        mailbox: Vec<u8>,
    },
    Namespace,
    Noop,
    Reconstruct {
        mailbox: Vec<u8>,
        recursive: bool,
    },
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
        partition: Option<Vec<u8>>,
    },
    /// All keys, or that of a mailbox.
    ResetKey {
        mailbox: Option<Vec<u8>>,
    },
    Search {
        by: Numbering,
        program: SearchProgram,
    },
    Select {
        mailbox: Vec<u8>,
        options: SelectOptions,
    },
    SetAcl {
        mailbox: Vec<u8>,
        identifier: Vec<u8>,
        rights: Vec<u8>,
    },
    SetAnnotation {
        mailbox: Vec<u8>,
        entries: Vec<AnnotationEntry>,
    },
    SetMetadata {
        mailbox: Vec<u8>,
        entries: Vec<(MetadataName, Option<Vec<u8>>)>,
    },
    SetQuota {
        root: Vec<u8>,
        limits: Vec<(Vec<u8>, i64)>,
    },
    Sort {
        by: Numbering,
        criteria: Vec<SortCriterion>,
        program: SearchProgram,
    },
    StartTls,
    Status {
        mailbox: Vec<u8>,
        items: Vec<StatusItem>,
    },
    Store {
        ids: Ids,
        request: StoreRequest,
    },
    Subscribe {
        mailbox: Vec<u8>,
    },
    Thread {
        by: Numbering,
        algorithm: ThreadAlgorithm,
        program: SearchProgram,
    },
    Unauthenticate,
    Unselect,
    UrlFetch {
        urls: Vec<UrlRequest>,
    },
    /// XMEID: what the client calls itself in event notifications.
    Xmeid {
        /// Its id.
        id: Vec<u8>,
    },
    Unsubscribe {
        mailbox: Vec<u8>,
    },
}

/// One URL of URLFETCH (RFC 4467 8, RFC 5524 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlRequest {
    /// As written.
    pub url: Vec<u8>,
    /// BODY or BINARY; none of them in a plain URLFETCH.
    pub data: Option<UrlData>,
    /// BODYPARTSTRUCTURE.
    pub structure: bool,
}

/// How an extended URLFETCH wants the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlData {
    /// Decoded.
    Binary,
    /// As it is.
    Body,
}

/// Which annotations are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnotationRequest {
    /// Names of entries, with wildcards.
    pub entries: Vec<Vec<u8>>,
    /// Names of attributes, with wildcards.
    pub attributes: Vec<Vec<u8>>,
}

/// Attributes of an annotation entry that are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationEntry {
    /// The entry.
    pub name: Vec<u8>,
    /// Attributes with their values, `None` for NIL.
    pub values: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The name of a metadata entry (RFC 5464 3.2), in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataName {
    /// What stands behind `/shared` or `/private`.
    pub entry: Vec<u8>,
    /// Whether it is below `/shared`.
    pub is_shared: bool,
}

/// Options of GETMETADATA (RFC 5464 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataOptions {
    /// MAXSIZE
    pub max_size: Option<u64>,
    /// DEPTH
    pub depth: MetadataDepth,
}

/// How far below the named entries GETMETADATA looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetadataDepth {
    /// The entries only.
    #[default]
    Zero,
    /// One level below, too.
    One,
    /// All levels below, too.
    Infinity,
}

/// What the answer of SEARCH counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Message sequence numbers.
    Seq,
    /// Unique identifiers.
    Uid,
}

/// LOGIN's second argument: it is kept out of `Debug` output.
#[derive(PartialEq, Eq)]
pub struct PasswordArgument(pub Vec<u8>);

impl std::fmt::Debug for PasswordArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// One CREATE parameter: its name in upper case, and its values.
pub type CreateParameter = (Vec<u8>, Vec<Vec<u8>>);

/// The list behind CREATE's mailbox: C's single partition word, or RFC 3501/6154 parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// `CREATE mailbox partition` (administrators).
    pub partition: Option<Vec<u8>>,
    /// `(PARTITION name)`, `(USE (\Flag ...))`, `(TYPE ..)`...: names in upper case with their values.
    pub parameters: Vec<CreateParameter>,
}

/// SELECT and EXAMINE parameters (RFC 4466 2.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SelectOptions {
    /// CONDSTORE (RFC 7162 3.1.8).
    pub condstore: bool,
    /// ANNOTATE (RFC 5257), accepted as C does.
    pub annotate: bool,
    /// QRESYNC (RFC 7162 3.2.5).
    pub qresync: Option<Qresync>,
    /// VENDOR.CMU-INCLUDE-EXPUNGED, where `allowdeleted` is on.
    pub include_expunged: bool,
}

/// What a client knows of a mailbox it selects again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Qresync {
    /// UIDVALIDITY.
    pub uidvalidity: u32,
    /// MODSEQ up to which it knows all.
    pub modseq: u64,
    /// The UIDs it knows of; all when `None`.
    pub uids: Option<Sequence>,
    /// Message numbers and the UIDs they had.
    pub known: Option<(Sequence, Sequence)>,
}

/// What FETCH gives for each message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FetchRequest {
    /// In the client's order.
    pub items: Vec<FetchItem>,
    /// CHANGEDSINCE (RFC 7162 3.1.4.1); it implies MODSEQ.
    pub changed_since: Option<u64>,
    /// VANISHED (RFC 7162 3.2.6): what went since is told, too.
    pub vanished: bool,
}

/// One FETCH item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the items of RFC 3501 6.4.5, RFC 3516, 7162, 8474, 8514 and C's own by their names"
)]
pub enum FetchItem {
    /// RFC 5257
    Annotation(AnnotationRequest),
    /// C's own, as the next ones of conversations.
    BaseCid,
    Cid,
    Mailboxes,
    MailboxIds,
    /// RFC 8970
    Preview,
    Binary {
        section: Vec<u8>,
        peek: bool,
        partial: Option<Partial>,
    },
    BinarySize {
        section: Vec<u8>,
    },
    Body,
    /// `BODY[section]`, `section` without brackets; header field names are apart.
    BodySection {
        section: Vec<u8>,
        fields: Option<Fields>,
        peek: bool,
        partial: Option<Partial>,
    },
    BodyStructure,
    CreatedModSeq,
    DigestSha1,
    EmailId,
    Envelope,
    Flags,
    Folder,
    InternalDate,
    LastUpdated,
    ModSeq,
    /// RFC822, RFC822.PEEK
    Rfc822 {
        peek: bool,
    },
    Rfc822FileSize,
    Rfc822Header,
    /// RFC822.HEADER.LINES and .NOT
    Rfc822HeaderLines {
        names: Vec<Vec<u8>>,
        not: bool,
    },
    Rfc822Sha1,
    Rfc822Size,
    Rfc822Text {
        peek: bool,
    },
    SaveDate,
    ThreadId,
    Uid,
    UidValidity,
}

/// The field list of `HEADER.FIELDS (...)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// As the client wrote them; the answer repeats them.
    pub names: Vec<Vec<u8>>,
    /// HEADER.FIELDS.NOT
    pub not: bool,
}

/// `<start.count>` behind a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// First octet, from 0.
    pub start: u32,
    /// Octets wanted, at least 1.
    pub count: u32,
}

/// How STORE changes flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
    /// `FLAGS`
    Replace,
}

/// STORE's work.
#[derive(Debug, PartialEq, Eq)]
pub struct StoreRequest {
    /// UNCHANGEDSINCE (RFC 7162 3.1.3).
    pub unchanged_since: Option<u64>,
    /// What is changed.
    pub change: StoreChange,
}

/// What STORE changes.
#[derive(Debug, PartialEq, Eq)]
pub enum StoreChange {
    /// Annotations (RFC 5257).
    Annotations(Vec<AnnotationEntry>),
    /// Flags; with `.SILENT` they are told all the same.
    Flags {
        /// Add, remove or replace.
        mode: StoreMode,
        /// System flags and keywords as written.
        flags: Vec<Vec<u8>>,
    },
}

/// STATUS data items (RFC 3501 6.3.10, 7162, 8438, 8474, and C's own).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as on the wire")]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    HighestModSeq,
    CreatedModSeq,
    Size,
    MailboxId,
}

/// LIST, LSUB, XLIST and their extended forms (RFC 3501, 5258, 5819, 6154, 8440).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one option word of RFC 5258 and independent of the others"
)]
pub struct ListRequest {
    /// An extended form was used: patterns in parentheses, selection or return options.
    pub extended: bool,
    /// The command was XLIST.
    pub is_xlist: bool,
    /// The reference name.
    pub reference: Vec<u8>,
    /// One, or several in the extended form.
    pub patterns: Vec<Vec<u8>>,
    /// Selection options.
    pub select_subscribed: bool,
    /// REMOTE.
    pub select_remote: bool,
    /// RECURSIVEMATCH.
    pub select_recursivematch: bool,
    /// SPECIAL-USE.
    pub select_special_use: bool,
    /// VENDOR.CMU-DAV
    pub select_dav: bool,
    /// VENDOR.CMU-INCLUDE-DELETED
    pub select_deleted: bool,
    /// VENDOR.FM-INCLUDE-NONEXISTENT
    pub select_intermediates: bool,
    /// Return options.
    pub return_subscribed: bool,
    /// CHILDREN.
    pub return_children: bool,
    /// SPECIAL-USE.
    pub return_special_use: bool,
    /// MYRIGHTS (RFC 8440).
    pub return_myrights: bool,
    /// METADATA (...), entries (RFC 9590 before it was one).
    pub return_metadata: Vec<MetadataName>,
    /// METADATA (...) among the selection options: how much of them is returned.
    pub metadata_options: MetadataOptions,
    /// STATUS (...) (RFC 5819).
    pub return_status: Option<Vec<StatusItem>>,
}

/// RETURN options of SEARCH (RFC 4731).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the option words of RFC 4731")]
pub struct SearchReturn {
    /// MIN
    pub min: bool,
    /// MAX
    pub max: bool,
    /// ALL
    pub all: bool,
    /// COUNT
    pub count: bool,
}

/// What SEARCH looks for.
#[derive(Debug, PartialEq)]
pub struct SearchProgram {
    /// RETURN (...); `None` asks for the plain SEARCH response.
    pub returns: Option<SearchReturn>,
    /// CHARSET as named; `None` is US-ASCII.
    pub charset: Option<Vec<u8>>,
    /// All of these must hold.
    pub keys: Vec<SearchKey>,
}

/// One criterion of SORT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortCriterion {
    /// By what.
    pub key: SortKey,
    /// REVERSE stands before it.
    pub reverse: bool,
}

/// What SORT compares by (RFC 5256 3, RFC 5957, and C's own).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the sort keys by name")]
pub enum SortKey {
    Annotation { entry: Vec<u8>, is_shared: bool },
    Arrival,
    Cc,
    Date,
    DisplayFrom,
    DisplayTo,
    Folder,
    From,
    HasFlag(Vec<u8>),
    ModSeq,
    Relevancy,
    Size,
    SpamScore,
    Subject,
    To,
    Uid,
}

/// How THREAD gathers messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the algorithms by name")]
pub enum ThreadAlgorithm {
    OrderedSubject,
    References,
    Refs,
}

/// A text field that SEARCH looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the search keys of RFC 3501 6.4.4 by name")]
pub enum TextField {
    Bcc,
    Body,
    Cc,
    From,
    Subject,
    Text,
    To,
}

/// A date of a message that SEARCH compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateField {
    /// INTERNALDATE.
    Internal,
    /// The Date: header's day.
    Sent,
    /// RFC 8514.
    Saved,
}

/// One search key; days are the local start and end of the day as UNIX times.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the search keys of RFC 3501 6.4.4, 5032, 7162, 8474, 8514 by name")]
pub enum SearchKey {
    All,
    And(Vec<SearchKey>),
    /// RFC 5257 4.6
    Annotation {
        entry: Vec<u8>,
        attribute: Vec<u8>,
        value: Option<Vec<u8>>,
    },
    Or(Box<SearchKey>, Box<SearchKey>),
    Not(Box<SearchKey>),
    /// Message numbers.
    Sequence(Sequence),
    Uid(Sequence),
    /// `\Answered`, `\Deleted`, `\Draft`, `\Flagged`, `\Seen`, `\Recent`
    Flag(SystemFlag),
    Keyword(Vec<u8>),
    Text(TextField, Vec<u8>),
    Header(Vec<u8>, Vec<u8>),
    /// Before the start of the day.
    Before(DateField, i64),
    /// In `start..end`.
    On(DateField, i64, i64),
    /// From the start of the day.
    Since(DateField, i64),
    /// INTERNALDATE at least so many seconds ago (RFC 5032).
    Older(i64),
    /// INTERNALDATE at most so many seconds ago.
    Younger(i64),
    Larger(u32),
    Smaller(u32),
    ModSeq(u64),
    EmailId(Vec<u8>),
    ThreadId(Vec<u8>),
    SaveDateSupported,
}

/// The flags of RFC 3501 2.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named in the RFC")]
pub enum SystemFlag {
    Answered,
    Deleted,
    Draft,
    Flagged,
    Recent,
    Seen,
}

/// When a command may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Always.
    Any,
    /// After login.
    Authenticated,
    /// With a mailbox selected.
    Selected,
}

/// What may be told to the client besides the command's own answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Nothing of the selected mailbox is looked at.
    Nothing,
    /// EXISTS and FETCH, but no EXPUNGE (RFC 3501 7.4.1).
    NoExpunge,
    /// Everything that changed.
    All,
}

/// Parses what follows a command's name.
pub type Parse = fn(&mut Lexer<'_>, &str) -> Result<Command, Bad>;

/// One command: its name, its needs, its parser.
pub struct Row {
    /// As C writes it in error texts: first letter upper case, the rest lower.
    pub name: &'static str,
    /// When it may be given.
    pub state: State,
    /// What the loop tells before the tagged answer.
    pub tell: Tell,
    /// Its arguments.
    pub parse: Parse,
}

const fn row(name: &'static str, state: State, tell: Tell, parse: Parse) -> Row {
    Row { name, state, tell, parse }
}

/// Every command but the UID ones, in alphabetical order.
pub static COMMANDS: &[Row] = {
    use State::{Any, Authenticated, Selected};
    use Tell::{All, NoExpunge, Nothing};
    &[
        row("Append", Authenticated, All, parser::append::parse),
        row("Authenticate", Any, Nothing, parser::auth::authenticate),
        row("Capability", Any, Nothing, |l, _| parser::bare(l, Command::Capability)),
        row("Check", Selected, All, |l, _| parser::bare(l, Command::Check)),
        row("Close", Selected, Nothing, |l, _| parser::bare(l, Command::Close)),
        row("Compress", Authenticated, Nothing, parser::auth::compress),
        row("Copy", Selected, All, parser::messages::copy),
        row("Create", Authenticated, Nothing, parser::mailbox::create),
        row("Delete", Authenticated, Nothing, parser::mailbox::delete),
        row("Deleteacl", Authenticated, Nothing, parser::acl::delete),
        row("Enable", Authenticated, Nothing, parser::auth::enable),
        row("Examine", Authenticated, Nothing, parser::mailbox::examine),
        row("Expunge", Selected, All, |l, _| parser::bare(l, Command::Expunge { ids: None })),
        row("Fetch", Selected, NoExpunge, parser::fetch::parse),
        row("Genurlauth", Authenticated, Nothing, parser::urlauth::generate),
        row("Getacl", Authenticated, Nothing, parser::acl::get),
        row("Getannotation", Authenticated, Nothing, parser::annotate::get),
        row("Getmetadata", Authenticated, Nothing, parser::metadata::get),
        row("Getquota", Authenticated, Nothing, parser::quota::get),
        row("Getquotaroot", Authenticated, Nothing, parser::quota::get_root),
        row("Id", Any, Nothing, parser::auth::id),
        row("Idle", Authenticated, All, |l, _| parser::bare(l, Command::Idle)),
        row("List", Authenticated, Nothing, parser::list::list),
        row("Listrights", Authenticated, Nothing, parser::acl::list_rights),
        row("Login", Any, Nothing, parser::auth::login),
        row("Logout", Any, Nothing, |l, _| parser::bare(l, Command::Logout)),
        row("Lsub", Authenticated, Nothing, parser::list::lsub),
        row("Move", Selected, All, parser::messages::move_),
        row("Myrights", Authenticated, Nothing, parser::acl::my_rights),
        row("Namespace", Authenticated, Nothing, |l, _| parser::bare(l, Command::Namespace)),
        row("Noop", Any, All, |l, _| parser::bare(l, Command::Noop)),
        row("Reconstruct", Authenticated, Nothing, parser::mailbox::reconstruct),
        row("Rename", Authenticated, Nothing, parser::mailbox::rename),
        row("Resetkey", Authenticated, Nothing, parser::urlauth::reset),
        row("Rlist", Authenticated, Nothing, parser::list::rlist),
        row("Rlsub", Authenticated, Nothing, parser::list::lsub),
        row("Search", Selected, NoExpunge, parser::search::parse),
        row("Select", Authenticated, Nothing, parser::mailbox::select),
        row("Setacl", Authenticated, Nothing, parser::acl::set),
        row("Setannotation", Authenticated, Nothing, parser::annotate::set),
        row("Setmetadata", Authenticated, Nothing, parser::metadata::set),
        row("Setquota", Authenticated, Nothing, parser::quota::set),
        row("Sort", Selected, All, parser::sort::sort),
        row("Starttls", Any, Nothing, |l, _| parser::bare(l, Command::StartTls)),
        row("Status", Authenticated, Nothing, parser::status::parse),
        row("Store", Selected, NoExpunge, parser::store::parse),
        row("Subscribe", Authenticated, Nothing, parser::mailbox::subscribe),
        row("Thread", Selected, All, parser::sort::thread),
        row("Unauthenticate", Authenticated, Nothing, |l, _| parser::bare(l, Command::Unauthenticate)),
        row("Unselect", Selected, Nothing, |l, _| parser::bare(l, Command::Unselect)),
        row("Unsubscribe", Authenticated, Nothing, parser::mailbox::unsubscribe),
        row("Urlfetch", Authenticated, Nothing, parser::urlauth::fetch),
        row("Xlist", Authenticated, Nothing, parser::list::xlist),
        row("Xmeid", Authenticated, Nothing, parser::auth::xmeid),
        row("Xmove", Selected, All, parser::messages::move_),
    ]
};

/// The commands behind `UID` (RFC 3501 6.4.8, RFC 4315, RFC 6851).
pub static UID_COMMANDS: &[Row] = {
    use State::Selected;
    use Tell::All;
    &[
        row("Copy", Selected, All, parser::messages::uid_copy),
        row("Expunge", Selected, All, parser::messages::uid_expunge),
        row("Fetch", Selected, All, parser::fetch::parse_uid),
        row("Move", Selected, All, parser::messages::uid_move),
        row("Search", Selected, All, parser::search::parse_uid),
        row("Sort", Selected, All, parser::sort::uid_sort),
        row("Store", Selected, All, parser::store::parse_uid),
        row("Thread", Selected, All, parser::sort::uid_thread),
        row("Xmove", Selected, All, parser::messages::uid_move),
    ]
};

/// The row of a command's name, any case.
#[must_use]
pub fn find(table: &'static [Row], name: &[u8]) -> Option<&'static Row> {
    table.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name))
}
