//! The annotation entries that are known: those built in, and those of the file that option
//! `annotation_definitions` names.
//!
//! One entry a line of that file, `#` begins a comment:
//! ```text
//! name, scope, type, proxy type, attributes, extra rights
//! /vendor/example/color, message, string, backend, value.shared value.priv, w
//! ```
//! A line that is not understood is left out, and said so in the log. C: the tables and
//! init_annotation_definitions() of annotate.c

use crate::error::{Error, Result};
use cyrus_base::config::{Config, Opt};
use cyrus_util::acl::{DeleteRight, Rights};
use cyrus_util::glob::Glob;
use std::borrow::Cow;

/// Where the entries that Cyrus itself defines stand.
pub const CYRUS_PREFIX: &[u8] = b"/vendor/cmu/cyrus-imapd/";
/// Where those of calendars and address books stand, any name of which may be set.
const DAV_PREFIX: &[u8] = b"/vendor/cmu/cyrus-httpd/";
/// Longer lines of the definitions are taken in pieces. C: ANNOT_DEF_MAXLINELEN
const LINE_OCTETS: usize = 1023;
/// So many faults of the definitions are told. C: ANNOT_MAX_ERRORS
const FAULTS_TOLD: u32 = 63;

/// What an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The server.
    Server,
    /// A mailbox.
    Mailbox,
    /// A message.
    Message,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`
    Boolean,
    /// A number of either sign.
    Integer,
    /// Anything.
    String,
    /// A number.
    Unsigned,
}

/// Where an entry's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "most are named as their entry is")]
pub enum Source {
    AnnotSize,
    /// In annotations.db or cyrus.annotations.
    Database,
    FolderModSeq,
    /// Free room of all partitions.
    FreeSpace,
    /// Free room and whole room of the emptiest partition.
    FreeSpaceMost,
    /// Free room and whole room of all partitions.
    FreeSpaceTotal,
    /// In the database, for an INBOX only, and a switch.
    FuzzyAlways,
    LastPop,
    LastUpdate,
    /// The file motd.
    Motd,
    /// A bit of the options of cyrus.index.
    Option(u32),
    Partition,
    Pop3ShowAfter,
    /// Of frontends of a cluster only.
    Server,
    /// The file shutdown.
    Shutdown,
    Size,
    /// In the database; the value is checked.
    SpecialUse,
    SyncCrcs,
    UniqueId,
    UserCounters,
    UserModSeq,
}

/// Which halves of an entry exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halves {
    /// Shared and private values.
    Both,
    /// No value, only its name is known.
    None,
    /// Private values.
    Private,
    /// A shared value.
    Shared,
}

/// What is known of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Without `/shared` or `/private`; empty for entries that nobody defined.
    pub name: Cow<'static, [u8]>,
    /// What values must look like.
    pub kind: Kind,
    /// The halves that can be set.
    pub halves: Halves,
    /// Whether clients may set it at all.
    pub is_settable: bool,
    /// What setting the shared value takes beside the usual rights.
    pub extra_rights: Rights,
    /// Where the value is.
    pub source: Source,
}

impl Definition {
    const fn new(name: &'static str, kind: Kind, halves: Halves, source: Source) -> Self {
        let name = Cow::Borrowed(name.as_bytes());
        Self { name, kind, halves, is_settable: true, extra_rights: Rights::NONE, source }
    }

    const fn stored(name: &'static str, kind: Kind, halves: Halves) -> Self {
        Self::new(name, kind, halves, Source::Database)
    }

    const fn admin(name: &'static str, kind: Kind, halves: Halves) -> Self {
        let (name, source) = (Cow::Borrowed(name.as_bytes()), Source::Database);
        Self { name, kind, halves, is_settable: true, extra_rights: Rights::ADMIN, source }
    }

    const fn fixed(name: &'static str, kind: Kind, halves: Halves, source: Source) -> Self {
        let name = Cow::Borrowed(name.as_bytes());
        Self { name, kind, halves, is_settable: false, extra_rights: Rights::NONE, source }
    }

    /// Whether the half can be set.
    #[must_use]
    pub fn has_half(&self, is_shared: bool) -> bool {
        match self.halves {
            Halves::Both => true,
            Halves::None => false,
            Halves::Private => !is_shared,
            Halves::Shared => is_shared,
        }
    }

    /// A value as it is stored; nothing and an empty value take it away. C: annotate_canon_value()
    ///
    /// # Errors
    /// `BadAnnotationValue`.
    pub fn canonical(&self, value: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        let Some(value) = value else { return Ok(None) };
        let fits = match self.kind {
            Kind::String => true,
            Kind::Boolean => value.eq_ignore_ascii_case(b"true") || value.eq_ignore_ascii_case(b"false"),
            Kind::Unsigned => {
                !value.contains(&b'-') && number(value).is_some_and(|(_, n)| u64::try_from(n).is_ok())
            }
            Kind::Integer => number(value).is_some_and(|(_, n)| i64::try_from(n).is_ok()),
        };
        if !fits {
            return Err(Error::BadAnnotationValue);
        }
        let value = if self.kind == Kind::Boolean { value.to_ascii_lowercase() } else { value.to_vec() };
        Ok(Some(value))
    }
}

/// A decimal number as strtol() reads it, with its sign.
fn number(text: &[u8]) -> Option<(bool, i128)> {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b)?;
    let text = text.get(start..)?;
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 30 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i128 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((negative, if negative { -number } else { number }))
}

/// What is known of an entry that nobody defined.
static UNDEFINED: Definition = Definition::stored("", Kind::String, Halves::Both);

static MESSAGE: &[Definition] = {
    use Halves::{Both, Shared};
    use Kind::String;
    &[
        Definition::stored("/altsubject", String, Both),
        Definition::stored("/comment", String, Both),
        Definition::stored("/vendor/cmu/cyrus-imapd/basethrid", String, Both),
        Definition::stored("/vendor/cmu/cyrus-imapd/thrid", String, Both),
        Definition::stored("/vendor/cmu/cyrus-imapd/savedate", String, Both),
        Definition::stored("/vendor/cmu/cyrus-imapd/createdmodseq", String, Both),
        Definition::stored("/vendor/cmu/cyrus-imapd/snoozed-until", String, Shared),
        Definition::stored("/vendor/cmu/cyrus-imapd/snoozed", String, Shared),
    ]
};

static MAILBOX: &[Definition] = {
    use crate::mailbox::MailboxOptions as M;
    use Halves::{Both, Private, Shared};
    use Kind::{Boolean, String, Unsigned};
    &[
        Definition::stored("/check", Boolean, Both),
        Definition::stored("/checkperiod", Unsigned, Both),
        Definition::stored("/comment", String, Both),
        Definition::stored("/sort", String, Both),
        Definition::new("/specialuse", String, Private, Source::SpecialUse),
        Definition::stored("/thread", String, Both),
        Definition::fixed("/vendor/cmu/cyrus-imapd/annotsize", String, Shared, Source::AnnotSize),
        Definition::admin("/vendor/cmu/cyrus-imapd/archive", Unsigned, Shared),
        Definition::admin("/vendor/cmu/cyrus-imapd/delete", Unsigned, Shared),
        Definition::new(
            "/vendor/cmu/cyrus-imapd/duplicatedeliver",
            Boolean,
            Shared,
            Source::Option(M::DUP_DELIVER),
        ),
        Definition::admin("/vendor/cmu/cyrus-imapd/expire", Unsigned, Shared),
        Definition::fixed("/vendor/cmu/cyrus-imapd/lastpop", String, Shared, Source::LastPop),
        Definition::fixed(
            "/vendor/cmu/cyrus-imapd/hasalarms",
            Boolean,
            Shared,
            Source::Option(M::HAS_ALARMS),
        ),
        Definition::fixed("/vendor/cmu/cyrus-imapd/foldermodseq", Unsigned, Shared, Source::FolderModSeq),
        Definition::fixed("/vendor/cmu/cyrus-imapd/lastupdate", String, Shared, Source::LastUpdate),
        Definition::admin("/vendor/cmu/cyrus-imapd/news2mail", String, Shared),
        Definition::fixed("/vendor/cmu/cyrus-imapd/partition", String, Shared, Source::Partition),
        Definition::new(
            "/vendor/cmu/cyrus-imapd/pop3newuidl",
            Boolean,
            Shared,
            Source::Option(M::POP3_NEW_UIDL),
        ),
        Definition::new("/vendor/cmu/cyrus-imapd/pop3showafter", String, Shared, Source::Pop3ShowAfter),
        Definition::new("/vendor/cmu/cyrus-imapd/search-fuzzy-always", String, Shared, Source::FuzzyAlways),
        Definition::fixed("/vendor/cmu/cyrus-imapd/server", String, Shared, Source::Server),
        Definition::new(
            "/vendor/cmu/cyrus-imapd/sharedseen",
            Boolean,
            Shared,
            Source::Option(M::SHARED_SEEN),
        ),
        Definition::admin("/vendor/cmu/cyrus-imapd/sieve", String, Shared),
        Definition::fixed("/vendor/cmu/cyrus-imapd/size", String, Shared, Source::Size),
        Definition::stored("/vendor/cmu/cyrus-imapd/sortorder", Unsigned, Private),
        Definition::admin("/vendor/cmu/cyrus-imapd/squat", Boolean, Shared),
        Definition::fixed("/vendor/cmu/cyrus-imapd/synccrcs", String, Shared, Source::SyncCrcs),
        Definition::fixed("/vendor/cmu/cyrus-imapd/uniqueid", String, Shared, Source::UniqueId),
    ]
};

static SERVER: &[Definition] = {
    use Halves::{Both, Private, Shared};
    use Kind::{Boolean, String, Unsigned};
    &[
        Definition::admin("/admin", String, Shared),
        Definition::admin("/comment", String, Both),
        Definition::new("/motd", String, Shared, Source::Motd),
        Definition::fixed("/vendor/cmu/cyrus-imapd/usermodseq", Unsigned, Private, Source::UserModSeq),
        Definition::fixed("/vendor/cmu/cyrus-imapd/usercounters", String, Private, Source::UserCounters),
        Definition::admin("/vendor/cmu/cyrus-imapd/expire", Unsigned, Shared),
        Definition::fixed("/vendor/cmu/cyrus-imapd/freespace", String, Shared, Source::FreeSpace),
        Definition::fixed("/vendor/cmu/cyrus-imapd/freespace/total", String, Shared, Source::FreeSpaceTotal),
        Definition::fixed(
            "/vendor/cmu/cyrus-imapd/freespace/percent/most",
            String,
            Shared,
            Source::FreeSpaceMost,
        ),
        Definition::new("/vendor/cmu/cyrus-imapd/shutdown", String, Shared, Source::Shutdown),
        Definition::admin("/vendor/cmu/cyrus-imapd/squat", Boolean, Shared),
    ]
};

/// One thing to look at when entries are fetched.
#[derive(Clone, Debug)]
pub struct Look<'d> {
    /// What is known of the entry; `None` asks the database for all that the pattern names.
    pub definition: Option<&'d Definition>,
    /// Name or pattern.
    pub pattern: Vec<u8>,
}

/// All entries that are known.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    server: Vec<Definition>,
    mailbox: Vec<Definition>,
    message: Vec<Definition>,
    allows_undefined: bool,
}

impl Definitions {
    /// Those built in and those of `config`.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        let mut definitions =
            Self { allows_undefined: config.switch(Opt::AnnotationAllowUndefined), ..Self::default() };
        let delete_right = DeleteRight::from_option(config.bytes(Opt::Deleteright).unwrap_or(b"c"));
        if let Some(file) = config.string(Opt::AnnotationDefinitions) {
            match std::fs::read(file) {
                Ok(text) => definitions.read(&text, file, delete_right),
                Err(error) => {
                    let text = format!("{file}: could not open annotation definition file: {error}");
                    log::error!(target: "syslog", "{text}");
                }
            }
        }
        definitions
    }

    fn read(&mut self, text: &[u8], file: &str, delete_right: DeleteRight) {
        let mut faults = 0_u32;
        let mut number = 0_u32;
        for line in text.split_inclusive(|&byte| byte == b'\n').flat_map(|line| line.chunks(LINE_OCTETS)) {
            number = number.saturating_add(1);
            let is_blank =
                line.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|&byte| byte == b'#');
            if is_blank {
                continue;
            }
            match Line::new(line).definition(delete_right) {
                Ok((level, definition)) => match level {
                    Level::Server => self.server.push(definition),
                    Level::Mailbox => self.mailbox.push(definition),
                    Level::Message => self.message.push(definition),
                },
                Err(fault) => {
                    faults = faults.saturating_add(1);
                    if faults <= FAULTS_TOLD {
                        log::error!(target: "syslog", "{file}:{number}:{fault}");
                    }
                }
            }
        }
    }

    fn each(&self, level: Level) -> impl Iterator<Item = &Definition> {
        let (built_in, added) = match level {
            Level::Server => (SERVER, &self.server),
            Level::Mailbox => (MAILBOX, &self.mailbox),
            Level::Message => (MESSAGE, &self.message),
        };
        built_in.iter().chain(added)
    }

    /// What is known of an entry that is to be set. C: find_desc_store()
    ///
    /// # Errors
    /// `PermissionDenied` for one that may not be set.
    pub fn to_set(&self, level: Level, name: &[u8], is_dav: bool) -> Result<&Definition> {
        if is_dav && name.starts_with(DAV_PREFIX) {
            return Ok(&UNDEFINED);
        }
        if let Some(found) = self.each(level).find(|each| *each.name == *name) {
            return if found.is_settable { Ok(found) } else { Err(Error::PermissionDenied) };
        }
        let is_reserved = level == Level::Message && name.starts_with(b"/flags/");
        if !self.allows_undefined || is_reserved || name.starts_with(CYRUS_PREFIX) {
            return Err(Error::PermissionDenied);
        }
        Ok(&UNDEFINED)
    }

    /// What to look at for these patterns, in C's order: the last one first.
    /// C: annotate_state_fetch()
    #[must_use]
    pub fn to_fetch(&self, level: Level, patterns: &[Vec<u8>]) -> Vec<Look<'_>> {
        let mut looks = Vec::new();
        for pattern in patterns {
            let glob = Glob::new(pattern, b'/');
            let mut is_exact = false;
            for definition in self.each(level) {
                if glob.matches(&definition.name) && definition.source != Source::Server {
                    looks.push(Look { definition: Some(definition), pattern: definition.name.to_vec() });
                }
                if *definition.name == **pattern {
                    is_exact = true;
                    break;
                }
            }
            if !is_exact {
                looks.push(Look { definition: None, pattern: pattern.clone() });
            }
        }
        looks.reverse();
        looks
    }
}

/// One line of the definitions being read.
struct Line<'l> {
    fields: Vec<(usize, &'l [u8])>,
    at: usize,
    context: Option<&'l [u8]>,
}

impl<'l> Line<'l> {
    fn new(line: &'l [u8]) -> Self {
        let mut fields = Vec::new();
        let mut offset = 0_usize;
        for field in line.split(|&byte| byte == b',') {
            let trimmed = field.trim_ascii();
            let before = field.len().saturating_sub(field.trim_ascii_start().len());
            fields.push((offset.saturating_add(before), trimmed));
            offset = offset.saturating_add(field.len()).saturating_add(1);
        }
        Self { fields, at: 0, context: None }
    }

    /// What the log says of a fault.
    fn fault(&self, what: &str) -> String {
        let offset =
            self.at.checked_sub(1).and_then(|at| self.fields.get(at)).map_or(0, |(offset, _)| *offset);
        let near = match self.context.filter(|context| !context.is_empty()) {
            Some(context) => format!(", at or near '{}'", String::from_utf8_lossy(context)),
            None => String::new(),
        };
        format!("{offset}:error: {what}{near}")
    }

    /// The next field, of letters, digits and `extra`.
    fn field(&mut self, extra: &[u8]) -> std::result::Result<&'l [u8], String> {
        let Some(&(_, field)) = self.fields.get(self.at) else {
            return Err(self.fault("invalid annotation attributes"));
        };
        self.at = self.at.saturating_add(1);
        let wrong = field.iter().position(|byte| !byte.is_ascii_alphanumeric() && !extra.contains(byte));
        self.context = Some(wrong.and_then(|at| field.get(at..)).unwrap_or(field));
        if wrong.is_some() { Err(self.fault("invalid character")) } else { Ok(field) }
    }

    fn definition(mut self, delete_right: DeleteRight) -> std::result::Result<(Level, Definition), String> {
        let name = self.field(b".-_/:")?.to_ascii_lowercase();
        if name.starts_with(CYRUS_PREFIX) {
            return Err(self.fault("annotation under /vendor/cmu/cyrus-imapd/"));
        }
        let level = match self.field(b".-_/")?.to_ascii_lowercase().as_slice() {
            b"server" => Level::Server,
            b"mailbox" => Level::Mailbox,
            b"message" if name.starts_with(b"/flags/") => {
                return Err(self.fault("message entry under /flags/"));
            }
            b"message" => Level::Message,
            _ => return Err(self.fault("invalid annotation scope")),
        };
        let kind = match self.field(b"")?.to_ascii_lowercase().as_slice() {
            b"content-type" | b"string" => Kind::String,
            b"boolean" => Kind::Boolean,
            b"uint" => Kind::Unsigned,
            b"int" => Kind::Integer,
            _ => return Err(self.fault("invalid annotation type")),
        };
        let words = |field: &[u8]| -> Vec<Vec<u8>> {
            let words = field.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.map(<[u8]>::to_ascii_lowercase).collect()
        };
        let proxies = self.field(b".-_/ ")?;
        if !words(proxies)
            .iter()
            .all(|word| matches!(word.as_slice(), b"proxy" | b"backend" | b"proxy_and_backend"))
        {
            return Err(self.fault("invalid annotation proxy type"));
        }
        let attributes = self.field(b".-_/ ")?;
        let (mut shared, mut private) = (false, false);
        for word in words(attributes) {
            match word.as_slice() {
                b"value" => (shared, private) = (true, true),
                b"value.shared" => shared = true,
                b"value.priv" => private = true,
                b"size" | b"size.shared" | b"size.priv" => {}
                b"modifiedsince"
                | b"modifiedsince.shared"
                | b"modifiedsince.priv"
                | b"content-type"
                | b"content-type.shared"
                | b"content-type.priv" => {}
                _ => return Err(self.fault("invalid annotation attributes")),
            }
        }
        let halves = match (shared, private) {
            (true, true) => Halves::Both,
            (true, false) => Halves::Shared,
            (false, true) => Halves::Private,
            (false, false) => Halves::None,
        };
        let extra_rights = Rights::parse(self.field(b"")?, delete_right);
        if self.fields.len() > self.at {
            return Err(self.fault("junk at end of line"));
        }
        Ok((
            level,
            Definition {
                name: Cow::Owned(name),
                kind,
                halves,
                is_settable: true,
                extra_rights,
                source: Source::Database,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(text: &str, allows_undefined: bool) -> Definitions {
        let mut definitions = Definitions { allows_undefined, ..Definitions::default() };
        definitions.read(text.as_bytes(), "test", DeleteRight::from_option(b"c"));
        definitions
    }

    #[test]
    fn a_file_adds_entries() {
        let text = "# comment\n\n/Vendor/x/Color , message,STRING,backend,value.shared value.priv,w\n\
                    /vendor/x/n,mailbox,uint,proxy_and_backend,value.shared,\n";
        let known = definitions(text, false);
        let color = known.to_set(Level::Message, b"/vendor/x/color", false).expect("defined");
        assert_eq!(
            (color.kind, color.halves, color.extra_rights),
            (Kind::String, Halves::Both, Rights::WRITE)
        );
        let n = known.to_set(Level::Mailbox, b"/vendor/x/n", false).expect("defined");
        assert!(n.has_half(true) && !n.has_half(false));
        assert!(known.to_set(Level::Message, b"/vendor/x/n", false).is_err());
    }

    #[test]
    fn faults_are_told_with_their_place() {
        for (line, expected) in [
            (
                "/vendor/cmu/cyrus-imapd/x,server,string,backend,value,",
                "0:error: annotation under /vendor/cmu/cyrus-imapd/, at or near '/vendor/cmu/cyrus-imapd/x'",
            ),
            ("/a!,server", "0:error: invalid character, at or near '!'"),
            ("/a, nowhere,string", "4:error: invalid annotation scope, at or near 'nowhere'"),
            (
                "/flags/x,message,string,backend,value,",
                "9:error: message entry under /flags/, at or near 'message'",
            ),
        ] {
            assert_eq!(
                Line::new(line.as_bytes()).definition(DeleteRight::from_option(b"c")).expect_err(line),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn what_nobody_defined_is_allowed_by_option() {
        let (strict, free) = (definitions("", false), definitions("", true));
        for (level, name, is_free) in [
            (Level::Message, &b"/x"[..], true),
            (Level::Message, b"/flags/x", false),
            (Level::Mailbox, b"/flags/x", true),
            (Level::Mailbox, b"/vendor/cmu/cyrus-imapd/x", false),
        ] {
            assert!(strict.to_set(level, name, false).is_err(), "{name:?}");
            assert_eq!(free.to_set(level, name, false).is_ok(), is_free, "{name:?}");
        }
        assert!(strict.to_set(Level::Mailbox, b"/vendor/cmu/cyrus-httpd/x", true).is_ok());
        assert!(strict.to_set(Level::Mailbox, b"/vendor/cmu/cyrus-imapd/size", false).is_err());
    }

    #[test]
    fn an_exact_name_asks_no_database_beside_it() {
        let known = definitions("", false);
        let names = |patterns: &[&str]| -> Vec<(bool, String)> {
            let patterns: Vec<Vec<u8>> = patterns.iter().map(|text| text.as_bytes().to_vec()).collect();
            let looks = known.to_fetch(Level::Mailbox, &patterns);
            let show = |look: &Look<'_>| {
                (look.definition.is_some(), String::from_utf8_lossy(&look.pattern).into_owned())
            };
            looks.iter().map(show).collect()
        };
        assert_eq!(names(&["/comment"]), [(true, "/comment".into())]);
        assert_eq!(names(&["/x"]), [(false, "/x".into())]);
        assert_eq!(names(&["/vendor/cmu/cyrus-imapd/server"]), []);
        assert_eq!(
            names(&["/check%"]),
            [(false, "/check%".into()), (true, "/checkperiod".into()), (true, "/check".into())]
        );
    }

    #[test]
    fn values_have_one_form() {
        let of = |kind| Definition { kind, ..UNDEFINED.clone() };
        assert_eq!(of(Kind::Boolean).canonical(Some(b"TRUE")).ok().flatten(), Some(b"true".to_vec()));
        for (kind, value, fits) in [
            (Kind::Boolean, "yes", false),
            (Kind::Unsigned, " +7", true),
            (Kind::Unsigned, "-7", false),
            (Kind::Unsigned, "18446744073709551615", true),
            (Kind::Unsigned, "18446744073709551616", false),
            (Kind::Unsigned, "", false),
            (Kind::Integer, "-9223372036854775808", true),
            (Kind::Integer, "9223372036854775808", false),
            (Kind::String, "", true),
        ] {
            assert_eq!(of(kind).canonical(Some(value.as_bytes())).is_ok(), fits, "{kind:?} {value}");
        }
    }

    #[test]
    fn any_line_is_read_without_panic() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let bytes: Vec<u8> =
                (0..random.usize(..60)).map(|_| b",, /ax#\n\xff"[random.usize(..9)]).collect();
            definitions("", true).read(&bytes, "test", DeleteRight::from_option(b"c"));
        }
    }
}
