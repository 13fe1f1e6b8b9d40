//! imapd.conf.5 and the sample configuration, written from the option table.
//!
//! The files are committed; the tests here hold them against the table. After a change to the table rewrite them with
//! `CYRUS_WRITE_DOCS=1 cargo test -p cyrus-base docs`.

use super::options::{Kind, OPTIONS, OptionRow};
use std::fmt::Write;

/// The sample: every option, commented out, with its default and meaning.
fn sample() -> String {
    let mut text = String::from(
        "# Sample of imapd.conf: every option with its default, commented out. See imapd.conf(5).\n\
         # Written from the table in libcyrus/base/src/config/options.rs; do not edit.\n\
         #\n\
         # A working server needs at least:\n\
         #configdirectory: /var/lib/cyrus\n\
         #defaultpartition: default\n\
         #partition-default: /var/spool/cyrus/mail\n",
    );
    for row in sorted().into_iter().filter(|row| row.deprecated_since.is_none()) {
        let _ = writeln!(text, "\n# {}.", sentence(row.meaning));
        let words = words(row);
        if !words.is_empty() {
            let _ = writeln!(text, "# One of: {words}");
        }
        if let Kind::Bits(_, words) = row.kind {
            let _ = writeln!(text, "# Any of: {}", names(words));
        }
        let _ = writeln!(text, "#{}: {}", row.name, default(row).unwrap_or(""));
    }
    // No line may end in a blank.
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// The manual page.
fn man_page() -> String {
    let mut text = String::from(MAN_HEAD);
    for row in sorted() {
        let _ = writeln!(text, ".TP\n\\fB{}:\\fR {}", roff(row.name), roff(default(row).unwrap_or("<none>")));
        let _ = writeln!(text, "{}.", roff(&sentence(row.meaning)));
        let words = words(row);
        if !words.is_empty() {
            let _ = writeln!(text, "Allowed values: {}.", roff(&words));
        }
        match row.kind {
            Kind::Bits(_, words) => {
                let _ = writeln!(text, "Any of: {}.", roff(&names(words)));
            }
            Kind::Duration(_, unit) => {
                let unit = match unit {
                    b'd' => "days",
                    b'h' => "hours",
                    b'm' => "minutes",
                    _ => "seconds",
                };
                let _ = writeln!(text, "A duration; a number without unit means {unit}.");
            }
            _ => {}
        }
        match (row.deprecated_since, row.preferred) {
            (Some(since), Some(preferred)) => {
                let _ = writeln!(text, "Deprecated since {since}: use \\fB{}\\fR.", roff(preferred.name()));
            }
            (Some(since), None) => {
                let _ = writeln!(text, "Deprecated since {since}.");
            }
            (None, _) => {}
        }
    }
    text.push_str(MAN_TAIL);
    text
}

const MAN_HEAD: &str = r#".\" Written from the table in libcyrus/base/src/config/options.rs; do not edit.
.TH IMAPD.CONF 5 "" "Cyrus IMAP" "Cyrus IMAP"
.SH NAME
imapd.conf \- configuration of the Cyrus IMAP server
.SH DESCRIPTION
.B /etc/imapd.conf
is read by every program of the package; \fB\-C\fR \fIfile\fR names another one. When the environment variable
\fBCYRUS_PREFIX\fR is set, the file below that directory is tried first.
.PP
A line is \fIoption\fB:\fR \fIvalue\fR. White space around the value is dropped, an empty value is an error. Empty lines
and lines beginning with \fB#\fR are ignored. A line ending in \fB\e\fR is continued on the next one.
\fB@include:\fR \fIfile\fR reads another file in its place; no file may be read twice. An option given twice is an error.
.PP
\fIservice\fB_\fIoption\fR sets an option for one service only (its name in
.BR cyrus.conf (5),
or a tool's own name) and goes before the plain form wherever the two stand.
.PP
Switches are \fByes\fR (\fB1\fR, \fBon\fR, \fBt\fR...) or \fBno\fR (\fB0\fR, \fBoff\fR, \fBf\fR...). Numbers may be
decimal, 0x hexadecimal or 0 octal. Durations are numbers with the units \fBd h m s\fR, such as \fB1d12h\fR. A text
value that begins with \fB{configdirectory}\fR has that directory put in its place.
.PP
Keys that are no options are kept for those who ask for them: \fBpartition\-\fIname\fR (the directory of a partition),
\fBmetapartition\-\fIname\fR, \fBarchivepartition\-\fIname\fR, \fBmetadir\-\fIkind\fB\-\fIname\fR, and \fBsasl_\fIoption\fR, which is
handed to the SASL library.
.PP
An option that is set but that no program of this version acts on is named in the system log at start.
.SH OPTIONS
Each with its default.
"#;

const MAN_TAIL: &str = r#".SH SEE ALSO
.BR cyr_info (8),
.BR cyrus.conf (5),
.BR master (8)
"#;

fn sorted() -> Vec<&'static OptionRow> {
    let mut rows: Vec<_> = OPTIONS.iter().collect();
    rows.sort_by_key(|row| row.name);
    rows
}

fn default(row: &OptionRow) -> Option<&'static str> {
    match row.kind {
        Kind::Str(text) | Kind::List(text, _) | Kind::Duration(text, _) => text,
        Kind::Enum(word, _) | Kind::Bits(word, _) => Some(word),
        Kind::Switch(on) => Some(if on { "yes" } else { "no" }),
        Kind::Int(number) => Some(number.to_string().leak()),
    }
}

/// The allowed words of an option that takes one of several.
fn words(row: &OptionRow) -> String {
    match row.kind {
        Kind::List(_, words) | Kind::Enum(_, words) => words.join(" "),
        _ => String::new(),
    }
}

/// The words of a bit field without their old names.
fn names(words: &[&str]) -> String {
    let names: Vec<_> = words.iter().map(|word| word.split('=').next().unwrap_or_default()).collect();
    names.join(" ")
}

/// The meaning with a capital at its head.
fn sentence(meaning: &str) -> String {
    let mut chars = meaning.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Text as it must stand in a manual page.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// Compares a committed file with what the table gives, or rewrites it.
#[track_caller]
fn check(path: &str, expected: &str) {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CYRUS_WRITE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let first = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(found == expected, "{path} differs from the table, first at {first:?}; see the head of docs.rs");
}

#[test]
fn the_sample_file_is_that_of_the_table() {
    check("conf/imapd.conf.sample", &sample());
}

#[test]
fn the_manual_page_is_that_of_the_table() {
    check("docs/man/imapd.conf.5", &man_page());
}
