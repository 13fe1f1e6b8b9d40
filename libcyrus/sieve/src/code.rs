//! The numbers of the Sieve bytecode, version 31: operations, tests, constants, argument shapes.
//!
//! A `.bc` file is 12 bytes of magic, then big-endian 32-bit words: the version, the mask of required
//! extensions (only from version 0x11 on), then commands up to the end of the file. Numbers are append-only:
//! a number once given never changes its meaning, in this or any later version.
//!
//! Shapes of arguments (`Arg`):
//! * a string is its length in bytes (-1: nil, nothing follows), the bytes, then 1 to 4 NULs up to a multiple of 4;
//! * a string list is a count, the byte offset (from the start of the file) of its end, then the strings;
//! * a value list is the same with one word per member, a test list with one test per member;
//! * a jump and the end of an `if` test are word indexes from the start of the file (first command: word 5).
//!
//! Compiler, disassembler, verifier and evaluator share these tables; none of them has numbers of its own.

/// The first bytes of every bytecode file. C: BYTECODE_MAGIC
pub const MAGIC: &[u8; 12] = b"CyrSBytecode";
/// The version written. C: BYTECODE_VERSION
pub const VERSION: u32 = 0x1f;
/// The oldest version read. C: BYTECODE_MIN_VERSION
pub const MIN_VERSION: u32 = 0x03;
/// The first version whose header has the word of required extensions.
pub const REQUIRED_EXTENSIONS_SINCE: u32 = 0x11;
/// Blocks and tests may be nested this deep in scripts and bytecode; C has a limit of memory only.
pub const MAX_NESTING: usize = 256;
/// Bit of the required extensions: strings are to be expanded for variables. C: BFE_VARIABLES
pub const REQUIRES_VARIABLES: u32 = 1;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum $name {
            $($(#[$vmeta])* $variant = $value),+
        }
        impl $name {
            /// Every value in order of its number.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The value with this number; `None` when no version knows it.
            pub fn from_word(word: i32) -> Option<$name> {
                match word {
                    $($value => Some($name::$variant),)+
                    _ => None,
                }
            }
            /// The number in the file.
            pub fn word(self) -> i32 {
                self as i32
            }
        }
    };
}

words! {
    /// Commands. C: enum bytecode
    Op {
        /// Ends the script.
        Stop = 0,
        /// `keep` without arguments; old.
        KeepOrig = 1,
        /// `discard`
        Discard = 2,
        /// `reject`
        Reject = 3,
        /// `fileinto` with a folder only; old.
        FileintoOrig = 4,
        /// `redirect` with an address only; old.
        RedirectOrig = 5,
        /// `if`: word index after the test, the test, a jump for false, then the commands.
        If = 6,
        /// `mark` of the imapflags draft; old.
        Mark = 7,
        /// `unmark` of the imapflags draft; old.
        Unmark = 8,
        /// `addflag` without variable; old.
        AddflagOrig = 9,
        /// `setflag` without variable; old.
        SetflagOrig = 10,
        /// `removeflag` without variable; old.
        RemoveflagOrig = 11,
        /// `notify` of draft-martin-sieve-notify-01.
        Notify = 12,
        /// `denotify` of draft-martin-sieve-notify-01.
        Denotify = 13,
        /// `vacation` counted in days; old.
        VacationOrig = 14,
        /// An empty block.
        Null = 15,
        /// Go on at a word index.
        Jump = 16,
        /// `include`
        Include = 17,
        /// `return`
        Return = 18,
        /// `fileinto` with :copy; old.
        FileintoCopy = 19,
        /// `redirect` with :copy; old.
        RedirectCopy = 20,
        /// `vacation` counted in seconds, without :fcc; old.
        VacationSec = 21,
        /// `keep` with flags and an unused word; old.
        KeepCopy = 22,
        /// `fileinto` with :flags and :copy; old.
        FileintoFlags = 23,
        /// `fileinto` with :create, :flags and :copy; old.
        FileintoCreate = 24,
        /// `set`
        Set = 25,
        /// `addflag`
        Addflag = 26,
        /// `setflag`
        Setflag = 27,
        /// `removeflag`
        Removeflag = 28,
        /// `addheader`
        Addheader = 29,
        /// `deleteheader`
        Deleteheader = 30,
        /// `ereject`
        Ereject = 31,
        /// `redirect` with :list and :copy; old.
        RedirectList = 32,
        /// `notify` of RFC 5435.
        Enotify = 33,
        /// `error`. A string follows, but C's reader takes no argument and runs into the words of the string.
        Error = 34,
        /// `keep` with :flags.
        Keep = 35,
        /// `vacation` with :fcc; old.
        VacationFccOrig = 36,
        /// `vacation` with :fcc and :specialuse; old.
        VacationFccSpluse = 37,
        /// `fileinto` with :specialuse; old.
        FileintoSpecialuse = 38,
        /// `redirect`
        Redirect = 39,
        /// `fileinto`
        Fileinto = 40,
        /// `log` of vnd.cyrus.log.
        Log = 41,
        /// `snooze` without time zone; old.
        SnoozeOrig = 42,
        /// `snooze` with a time zone, without :specialuse; old.
        SnoozeTzid = 43,
        /// `snooze`
        Snooze = 44,
        /// `vacation`
        Vacation = 45,
        /// `processimip` of vnd.cyrus.imip.
        Processimip = 46,
    }
}

words! {
    /// Tests. C: enum bytecode_comps
    Test {
        /// `false`
        False = 0,
        /// `true`
        True = 1,
        /// `not`
        Not = 2,
        /// `exists`
        Exists = 3,
        /// `size`
        Size = 4,
        /// `anyof`
        Anyof = 5,
        /// `allof`
        Allof = 6,
        /// `address` without :index; old.
        AddressPreIndex = 7,
        /// `envelope`
        Envelope = 8,
        /// `header` without :index; old.
        HeaderPreIndex = 9,
        /// `body`
        Body = 10,
        /// `date` with the zone as minutes; old.
        DateOrig = 11,
        /// `currentdate` with the zone as minutes; old.
        CurrentdateOrig = 12,
        /// `address`
        Address = 13,
        /// `header`
        Header = 14,
        /// `hasflag`
        Hasflag = 15,
        /// `mailboxexists`
        Mailboxexists = 16,
        /// `metadata`
        Metadata = 17,
        /// `metadataexists`
        Metadataexists = 18,
        /// `servermetadata`
        Servermetadata = 19,
        /// `servermetadataexists`
        Servermetadataexists = 20,
        /// `string`
        String = 21,
        /// `valid_ext_list`
        ValidExtList = 22,
        /// `duplicate`
        Duplicate = 23,
        /// `ihave`
        Ihave = 24,
        /// `specialuse_exists`
        SpecialuseExists = 25,
        /// `environment`
        Environment = 26,
        /// `valid_notify_method`
        ValidNotifyMethod = 27,
        /// `notify_method_capability`
        NotifyMethodCapability = 28,
        /// `mailboxidexists`
        Mailboxidexists = 29,
        /// `jmapquery` of vnd.cyrus.jmapquery.
        Jmapquery = 30,
        /// `date`
        Date = 31,
        /// `currentdate`
        Currentdate = 32,
    }
}

words! {
    /// Side of a `size` test.
    SizeSide {
        /// `:over`
        Over = 0,
        /// `:under`
        Under = 1,
    }
}

words! {
    /// Relations of `:count` and `:value`.
    Relation {
        /// `"gt"`
        Gt = 4,
        /// `"ge"`
        Ge = 5,
        /// `"lt"`
        Lt = 6,
        /// `"le"`
        Le = 7,
        /// `"eq"`
        Eq = 8,
        /// `"ne"`
        Ne = 9,
    }
}

words! {
    /// Priorities of notifications.
    Priority {
        /// `:low`, `:importance "3"`
        Low = 12,
        /// `:normal`, `:importance "2"`
        Normal = 13,
        /// `:high`, `:importance "1"`
        High = 14,
        /// `denotify` without priority.
        Any = 15,
    }
}

words! {
    /// Parts of an address.
    AddressPart {
        /// `:all`
        All = 20,
        /// `:localpart`
        Localpart = 21,
        /// `:domain`
        Domain = 22,
        /// `:user` of subaddress.
        User = 23,
        /// `:detail` of subaddress.
        Detail = 24,
    }
}

words! {
    /// Comparators. C's word for them in the source is collation.
    Comparator {
        /// `i;ascii-casemap`
        AsciiCasemap = 29,
        /// `i;octet`
        Octet = 30,
        /// `i;ascii-numeric`
        AsciiNumeric = 31,
    }
}

words! {
    /// Match types.
    Match {
        /// `:is`
        Is = 36,
        /// `:contains`
        Contains = 37,
        /// `:matches`
        Matches = 38,
        /// `:regex`
        Regex = 39,
        /// `:count`
        Count = 40,
        /// `:value`
        Value = 41,
        /// `:list` of extlists.
        List = 42,
    }
}

words! {
    /// Transforms of a `body` test.
    Transform {
        /// `:raw`
        Raw = 46,
        /// `:text`
        Text = 47,
        /// `:content`
        Content = 48,
    }
}

words! {
    /// Where an included script lies.
    Location {
        /// `:personal`
        Personal = 54,
        /// `:global`
        Global = 55,
    }
}

words! {
    /// Zone of a date test.
    Zone {
        /// `:zone`, or the local zone when its string is nil.
        Given = 60,
        /// `:originalzone`
        Original = 61,
    }
}

words! {
    /// Parts of a date.
    DatePart {
        /// `year`
        Year = 64,
        /// `month`
        Month = 65,
        /// `day`
        Day = 66,
        /// `date`
        Date = 67,
        /// `julian`
        Julian = 68,
        /// `hour`
        Hour = 69,
        /// `minute`
        Minute = 70,
        /// `second`
        Second = 71,
        /// `time`
        Time = 72,
        /// `iso8601`
        Iso8601 = 73,
        /// `std11`
        Std11 = 74,
        /// `zone`
        Zone = 75,
        /// `weekday`
        Weekday = 76,
    }
}

words! {
    /// What identifies a message to `duplicate`.
    DuplicateId {
        /// `:header`
        Header = 81,
        /// `:uniqueid`
        Uniqueid = 82,
    }
}

/// Bits of the first word of `include`. C: INC_LOCATION_MASK, INC_ONCE_MASK, INC_OPTIONAL_MASK
pub mod include {
    /// The bits that hold a `Location`.
    pub const LOCATION: i32 = 0x3f;
    /// `:once`
    pub const ONCE: i32 = 0x40;
    /// `:optional`
    pub const OPTIONAL: i32 = 0x80;
}

/// Bits of the weekday word of `snooze`.
pub mod snooze {
    /// One bit per day, Sunday is bit 0.
    pub const WEEKDAYS: i32 = 0x7f;
    /// Old forms: the mailbox word holds a mailbox id.
    pub const IS_ID: i32 = 0x80;
}

/// Bits of the first word of `processimip`.
pub mod imip {
    /// `:updatesonly`
    pub const UPDATESONLY: i32 = 1;
    /// `:deletecanceled`
    pub const DELETECANCELED: i32 = 2;
    /// `:invitesonly`
    pub const INVITESONLY: i32 = 4;
}

/// Bits of the modifiers word of `set`, each with the RFC 5229 precedence of its class.
pub mod modifier {
    /// `:lower` (40)
    pub const LOWER: i32 = 1;
    /// `:upper` (40)
    pub const UPPER: i32 = 2;
    /// `:lowerfirst` (30)
    pub const LOWERFIRST: i32 = 4;
    /// `:upperfirst` (30)
    pub const UPPERFIRST: i32 = 8;
    /// `:quotewildcard` (20)
    pub const QUOTEWILDCARD: i32 = 16;
    /// `:encodeurl` (15)
    pub const ENCODEURL: i32 = 32;
    /// `:length` (10)
    pub const LENGTH: i32 = 64;
    /// `:quoteregex` (20)
    pub const QUOTEREGEX: i32 = 128;
}

/// Where the folder of an :fcc may be described further, by the age of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fcc {
    /// Folder, create, flags.
    Orig,
    /// Folder, create, flags, special use.
    SpecialUse,
    /// Folder, create, flags, special use, mailbox id.
    MailboxId,
}

/// The shape of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// One word.
    Int,
    /// A string or nil.
    Str,
    /// A list of strings.
    StrList,
    /// A list of words.
    ValList,
    /// A test.
    Test,
    /// A list of tests.
    TestList,
    /// Three words: match type, relation or -1, comparator.
    Comparator,
    /// A word that is read and forgotten.
    Skip,
    /// A folder string; when it is not nil: a create word, a flag list and what the age adds.
    Fcc(Fcc),
    /// A zone word; when it is `Zone::Given`, a word of minutes follows.
    ZoneMinutes,
    /// A zone word; when it is `Zone::Given`, a string (`+0100` or nil) follows.
    Zone,
    /// A word index in this file.
    Jump,
}

impl Op {
    /// The arguments in order. `If` is the word index of its test's end, then the test; its commands follow as
    /// commands. `VacationOrig` of versions below 5 ends after the fifth argument.
    pub fn args(self) -> &'static [Arg] {
        use Arg::{Comparator as C, Int as I, Skip, Str as S, StrList as L, ValList as U};
        match self {
            Op::Stop | Op::KeepOrig | Op::Discard | Op::Mark | Op::Unmark | Op::Null | Op::Return => &[],
            Op::Reject | Op::Ereject | Op::Error | Op::Log | Op::FileintoOrig | Op::RedirectOrig => &[S],
            Op::If => &[Arg::Jump, Arg::Test],
            Op::AddflagOrig | Op::SetflagOrig | Op::RemoveflagOrig | Op::Keep => &[L],
            Op::Notify | Op::Enotify => &[S, S, L, I, S],
            Op::Denotify => &[I, I, I, S],
            Op::VacationOrig | Op::VacationSec => &[L, S, S, I, I, S, S],
            Op::Jump => &[Arg::Jump],
            Op::Include | Op::FileintoCopy | Op::RedirectCopy => &[I, S],
            Op::KeepCopy => &[L, Skip],
            Op::FileintoFlags => &[L, I, S],
            Op::FileintoCreate => &[I, L, I, S],
            Op::Set | Op::Addheader => &[I, S, S],
            Op::Addflag | Op::Setflag | Op::Removeflag => &[S, L],
            Op::Deleteheader => &[I, C, S, L],
            Op::RedirectList => &[I, I, S],
            Op::VacationFccOrig => &[L, S, S, I, I, S, S, Arg::Fcc(Fcc::Orig)],
            Op::VacationFccSpluse => &[L, S, S, I, I, S, S, Arg::Fcc(Fcc::SpecialUse)],
            Op::Vacation => &[L, S, S, I, I, S, S, Arg::Fcc(Fcc::MailboxId)],
            Op::FileintoSpecialuse => &[S, I, L, I, S],
            Op::Redirect => &[S, S, I, S, S, I, I, S],
            Op::Fileinto => &[S, S, I, L, I, S],
            Op::SnoozeOrig => &[S, L, L, I, U],
            Op::SnoozeTzid => &[S, S, L, L, I, U],
            Op::Snooze => &[S, S, S, I, L, L, I, S, U],
            Op::Processimip => &[I, S, S, S],
        }
    }
}

impl Test {
    /// The arguments in order. `HeaderPreIndex` and `AddressPreIndex` of version 7 may carry an index before them:
    /// told by the position of the match type.
    pub fn args(self) -> &'static [Arg] {
        use Arg::{Comparator as C, Int as I, Str as S, StrList as L};
        match self {
            Test::False | Test::True => &[],
            Test::Not => &[Arg::Test],
            Test::Exists
            | Test::Mailboxexists
            | Test::Servermetadataexists
            | Test::ValidExtList
            | Test::Ihave
            | Test::ValidNotifyMethod
            | Test::Mailboxidexists => &[L],
            Test::Size => &[I, I],
            Test::Anyof | Test::Allof => &[Arg::TestList],
            Test::AddressPreIndex | Test::Envelope => &[C, I, L, L],
            Test::HeaderPreIndex | Test::Hasflag | Test::String => &[C, L, L],
            Test::Body => &[C, I, I, L, L],
            Test::DateOrig => &[I, Arg::ZoneMinutes, C, I, S, L],
            Test::CurrentdateOrig => &[Arg::ZoneMinutes, C, I, L],
            Test::Address => &[I, C, I, L, L],
            Test::Header => &[I, C, L, L],
            Test::Metadata | Test::NotifyMethodCapability => &[C, S, S, L],
            Test::Metadataexists | Test::SpecialuseExists => &[S, L],
            Test::Servermetadata | Test::Environment => &[C, S, L],
            Test::Duplicate => &[I, S, S, I, I],
            Test::Jmapquery => &[S],
            Test::Date => &[I, Arg::Zone, C, I, S, L],
            Test::Currentdate => &[Arg::Zone, C, I, L],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_round_trip() {
        for (i, op) in Op::ALL.iter().enumerate() {
            assert_eq!((op.word(), Op::from_word(op.word())), (i as i32, Some(*op)));
        }
        for (i, test) in Test::ALL.iter().enumerate() {
            assert_eq!((test.word(), Test::from_word(test.word())), (i as i32, Some(*test)));
        }
        assert_eq!((Op::ALL.len(), Test::ALL.len()), (47, 33));
        assert_eq!((Op::from_word(47), Test::from_word(-1)), (None, None));
    }
}
