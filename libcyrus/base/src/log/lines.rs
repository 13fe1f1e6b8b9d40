//! The lines themselves, one function each, in the words of the C programs.

use super::{Logged, Priority, printable, write};
use crate::config::errno_text;
use std::fmt::{self, Display};
use std::io;

/// Longest piece of foreign text in a line.
const FOREIGN_MAX: usize = 256;

/// Fields of a line: `key=<value>` each, in order.
pub type Fields<'a> = &'a [(&'a str, &'a dyn Display)];

/// `TEXT: key=<value> ... syserror=<...>` at any level. NOTICE and INFO lines carry no `syserror` and, as in C, end in
/// a blank. C: xsyslog(), whose `func=<...>` names its own function and is left out here
pub fn line(priority: Priority, text: &str, fields: Fields<'_>, error: Option<&io::Error>) {
    match priority {
        Priority::Notice | Priority::Info => {
            write(priority, format_args!("{text}:{} ", Tail { fields, error: None }));
        }
        _ => write(priority, format_args!("{text}:{}", Tail { fields, error })),
    }
}

/// `IOERROR: TEXT: key=<value> ... syserror=<...>`: an input/output failure at the place that knows file and errno.
pub fn ioerror(text: &str, fields: Fields<'_>, error: Option<&io::Error>) -> Logged {
    write(Priority::Err, format_args!("IOERROR: {text}:{}", Tail { fields, error }));
    Logged(())
}

/// `DBERROR: TEXT: key=<value> ...`.
pub fn dberror(text: &str, fields: Fields<'_>) -> Logged {
    write(Priority::Err, format_args!("DBERROR: {text}:{}", Tail { fields, error: None }));
    Logged(())
}

/// `DBERROR: opening PATH: ERROR`: a database that cannot be opened.
pub fn dberror_opening(path: &dyn Display, error: &dyn Display) -> Logged {
    write(Priority::Err, format_args!("DBERROR: opening {path}: {error}"));
    Logged(())
}

/// What follows the colon.
struct Tail<'a> {
    fields: Fields<'a>,
    error: Option<&'a io::Error>,
}

impl Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.fields {
            write!(f, " {key}=<{value}>")?;
        }
        if let Some(error) = self.error {
            write!(f, " syserror=<{}>", errno_text(error))?;
        }
        Ok(())
    }
}

/// `login: HOST USER MECH[+TLS] User logged in SESSIONID=<ID>`; LOGIN with a password has the mechanism `plaintext`.
/// `host` is C's `name [address]`.
pub fn login(host: &str, userid: &[u8], mechanism: &str, tls: bool, sessionid: &str) {
    let (user, tls) = (printable(userid, FOREIGN_MAX), if tls { "+TLS" } else { "" });
    write(
        Priority::Notice,
        format_args!("login: {host} {user} {mechanism}{tls} User logged in SESSIONID=<{sessionid}>"),
    );
}

/// The login line of lmtpd and timsieved, which names no session.
pub fn login_lmtp(host: &str, userid: &[u8], mechanism: &str, tls: bool) {
    let (user, tls) = (printable(userid, FOREIGN_MAX), if tls { "+TLS" } else { "" });
    write(Priority::Notice, format_args!("login: {host} {user} {mechanism}{tls} User logged in"));
}

/// `login: HOST anonymous PASSWORD`: what an anonymous user gave as password is logged, as its trace.
pub fn login_anonymous(host: &str, trace: &[u8]) {
    write(Priority::Notice, format_args!("login: {host} anonymous {}", printable(trace, FOREIGN_MAX)));
}

/// `badlogin: HOST MECHANISM (USER) [REASON]`; without a user `badlogin: HOST MECHANISM [REASON]`.
pub fn badlogin(host: &str, mechanism: &str, userid: Option<&[u8]>, reason: &str) {
    badlogin_at(Priority::Notice, host, mechanism, userid, reason);
}

/// [`badlogin`] at the level of lmtpd, LOG_ERR.
pub fn badlogin_lmtp(host: &str, mechanism: &str, userid: Option<&[u8]>, reason: &str) {
    badlogin_at(Priority::Err, host, mechanism, userid, reason);
}

/// The refusal as timsieved logs it: `badlogin: HOST MECHANISM REASON`.
pub fn badlogin_sieve(host: &str, mechanism: &[u8], reason: &str) {
    let (mechanism, reason) = (printable(mechanism, 64), printable(reason.as_bytes(), 1024));
    write(Priority::Notice, format_args!("badlogin: {host} {mechanism} {reason}"));
}

fn badlogin_at(priority: Priority, host: &str, mechanism: &str, userid: Option<&[u8]>, reason: &str) {
    let (mechanism, reason) = (printable(mechanism.as_bytes(), 64), printable(reason.as_bytes(), 1024));
    match userid.map(|userid| printable(userid, FOREIGN_MAX)) {
        Some(user) => write(priority, format_args!("badlogin: {host} {mechanism} ({user}) [{reason}]")),
        None => write(priority, format_args!("badlogin: {host} {mechanism} [{reason}]")),
    }
}

/// `badlogin: HOST plaintext (USER) invalid user`
pub fn badlogin_invalid_user(host: &str, userid: &[u8]) {
    write(
        Priority::Notice,
        format_args!("badlogin: {host} plaintext ({}) invalid user", printable(userid, FOREIGN_MAX)),
    );
}

/// `badlogin: HOST anonymous login refused`
pub fn badlogin_anonymous(host: &str) {
    write(Priority::Notice, format_args!("badlogin: {host} anonymous login refused"));
}

/// `starttls: PROTOCOL with cipher CIPHER (USED/ALL bits new|reused) no authentication|authenticated as NAME`,
/// at LOG_DEBUG as in C.
pub fn starttls(protocol: &str, cipher: &str, bits: (u32, u32), reused: bool, authid: Option<&[u8]>) {
    let session = if reused { "reused" } else { "new" };
    let who = match authid {
        Some(name) => format!("authenticated as {}", printable(name, FOREIGN_MAX)),
        None => "no authentication".to_owned(),
    };
    let (used, all) = bits;
    write(
        Priority::Debug,
        format_args!("starttls: {protocol} with cipher {cipher} ({used}/{all} bits {session}) {who}"),
    );
}

/// `STARTTLS negotiation failed: HOST`
pub fn starttls_failed(host: &str) {
    write(Priority::Notice, format_args!("STARTTLS negotiation failed: {host}"));
}

/// `SERVICEs TLS negotiation failed: HOST`, for TLS from the first byte (`imaps`).
pub fn tls_failed(service: &str, host: &str) {
    write(Priority::Notice, format_args!("{service} TLS negotiation failed: {host}"));
}

/// One record of a mailbox, as audit lines name it.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    /// The session's id.
    pub sessionid: &'a str,
    /// Internal mailbox name.
    pub mailbox: &'a [u8],
    /// The mailbox's uniqueid.
    pub uniqueid: &'a str,
    /// The record's UID.
    pub uid: u32,
    /// The record's modseq.
    pub modseq: u64,
    /// Flag codes joined by `|`.
    pub sysflags: &'a str,
    /// GUID in hexadecimal.
    pub guid: &'a str,
}

impl Display for AuditRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sessionid=<{}> mailbox=<{}> uniqueid=<{}> uid=<{}> modseq=<{}> sysflags=<{}> guid=<{}>",
            self.sessionid,
            printable(self.mailbox, 512),
            self.uniqueid,
            self.uid,
            self.modseq,
            self.sysflags,
            self.guid
        )
    }
}

/// `auditlog: append ... messageid=<id> size=<n>`; `messageid` comes with its own angle brackets, one that is missing
/// is `unknown`.
pub fn audit_append(record: &AuditRecord<'_>, messageid: Option<&[u8]>, size: u32) {
    let id = printable(messageid.unwrap_or(b"unknown"), 1024);
    audit(format_args!("append {record} messageid={id} size=<{size}>"));
}

/// `auditlog: expunge ... size=<n>`
pub fn audit_expunge(record: &AuditRecord<'_>, size: u32) {
    audit(format_args!("expunge {record} size=<{size}>"));
}

/// `auditlog: unlink ...` for a record whose file is to go.
pub fn audit_unlink(record: &AuditRecord<'_>) {
    audit(format_args!("unlink {record}"));
}

/// `auditlog: touched ...` for a changed record; the order of its fields differs from the others. `cid` is the
/// conversation id in C's 16 hexadecimal digits (`NIL` when there is none).
pub fn audit_touched(record: &AuditRecord<'_>, cid: &str, oldflags: &str) {
    audit(format_args!(
        "touched sessionid=<{}> mailbox=<{}> uniqueid=<{}> uid=<{}> guid=<{}> cid=<{cid}> modseq=<{}> oldflags=<{oldflags}> sysflags=<{}>",
        record.sessionid,
        printable(record.mailbox, 512),
        record.uniqueid,
        record.uid,
        record.guid,
        record.modseq,
        record.sysflags
    ));
}

/// `auditlog: unlink ...` (or `unlinkarchive`) when the message file itself goes.
pub fn audit_unlink_file(event: &str, record: &AuditRecord<'_>) {
    audit(format_args!(
        "{event} sessionid=<{}> mailbox=<{}> uniqueid=<{}> uid=<{}> sysflags=<{}>",
        record.sessionid,
        printable(record.mailbox, 512),
        record.uniqueid,
        record.uid,
        record.sysflags
    ));
}

/// `auditlog: modseq ...` at the commit of a mailbox.
pub fn audit_modseq(sessionid: &str, mailbox: &[u8], uniqueid: &str, highestmodseq: u64, deletedmodseq: u64) {
    audit(format_args!(
        "modseq sessionid=<{sessionid}> mailbox=<{}> uniqueid=<{uniqueid}> highestmodseq=<{highestmodseq}> deletedmodseq=<{deletedmodseq}>",
        printable(mailbox, 512)
    ));
}

/// `auditlog: create ...` of a mailbox.
pub fn audit_create(sessionid: &str, mailbox: &[u8], uniqueid: &str, uidvalidity: u32) {
    audit(format_args!(
        "create sessionid=<{sessionid}> mailbox=<{}> uniqueid=<{uniqueid}> uidvalidity=<{uidvalidity}>",
        printable(mailbox, 512)
    ));
}

/// `auditlog: delete ...` of a mailbox.
pub fn audit_delete(sessionid: &str, mailbox: &[u8], uniqueid: &str) {
    audit(format_args!(
        "delete sessionid=<{sessionid}> mailbox=<{}> uniqueid=<{uniqueid}>",
        printable(mailbox, 512)
    ));
}

/// `auditlog: rename ...` of a mailbox.
pub fn audit_rename(sessionid: &str, old: &[u8], new: &[u8], uniqueid: &str) {
    audit(format_args!(
        "rename sessionid=<{sessionid}> oldmailbox=<{}> newmailbox=<{}> uniqueid=<{uniqueid}>",
        printable(old, 512),
        printable(new, 512)
    ));
}

/// `auditlog: partitionmove ...` of a mailbox.
pub fn audit_partitionmove(sessionid: &str, mailbox: &[u8], uniqueid: &str, old: &str, new: &str) {
    audit(format_args!(
        "partitionmove sessionid=<{sessionid}> mailbox=<{}> uniqueid=<{uniqueid}> oldpart=<{old}> newpart=<{new}>",
        printable(mailbox, 512)
    ));
}

/// A change of an ACL, for its audit line.
#[derive(Clone, Copy, Debug)]
pub struct AuditAcl<'a> {
    /// The session's id.
    pub sessionid: &'a str,
    /// Internal mailbox name.
    pub mailbox: &'a [u8],
    /// The mailbox's uniqueid.
    pub uniqueid: &'a str,
    /// The mailbox's type letters.
    pub mbtype: &'a str,
    /// The ACL before, in the form of mailboxes.db; none for a new mailbox.
    pub oldacl: Option<&'a [u8]>,
    /// The ACL now; none for a mailbox that goes.
    pub acl: Option<&'a [u8]>,
    /// The folder's modseq.
    pub foldermodseq: u64,
}

/// `auditlog: acl: ...`
pub fn audit_acl(change: &AuditAcl<'_>) {
    write(
        Priority::Notice,
        format_args!(
            "auditlog: acl: sessionid=<{}> mailbox=<{}> uniqueid=<{}> mbtype=<{}> oldacl=<{}> acl=<{}> foldermodseq=<{}> ",
            change.sessionid,
            printable(change.mailbox, 512),
            change.uniqueid,
            change.mbtype,
            acl_text(change.oldacl.unwrap_or(b"NONE")),
            // C hands printf a null pointer.
            acl_text(change.acl.unwrap_or(b"(null)")),
            change.foldermodseq
        ),
    );
}

/// TABs separate the parts of an ACL and stay.
fn acl_text(acl: &[u8]) -> String {
    let mut text = String::new();
    for (n, part) in acl.get(..4096).unwrap_or(acl).split(|&b| b == b'\t').enumerate() {
        if n > 0 {
            text.push('\t');
        }
        text.push_str(&printable(part, 4096));
    }
    text
}

/// `auditlog: setquota root=<ROOT> oldSTORAGE=<n> newSTORAGE=<n> ...`: every resource with its limit before and now,
/// -1 for none.
pub fn audit_setquota(root: &[u8], limits: &[(&str, i64, i64)]) {
    let items: String =
        limits.iter().map(|(name, old, new)| format!(" old{name}=<{old}> new{name}=<{new}>")).collect();
    audit(format_args!("setquota root=<{}>{items}", printable(root, 512)));
}

/// `auditlog: newquota root=<ROOT> newSTORAGE=<n> ...` for a new quota root.
pub fn audit_newquota(root: &[u8], limits: &[(&str, i64)]) {
    let items: String = limits.iter().map(|(name, new)| format!(" new{name}=<{new}>")).collect();
    audit(format_args!("newquota root=<{}>{items}", printable(root, 512)));
}

/// `auditlog: rmquota root=<ROOT> oldSTORAGE=<n> ...` for a quota root that goes.
pub fn audit_rmquota(root: &[u8], limits: &[(&str, i64)]) {
    let items: String = limits.iter().map(|(name, old)| format!(" old{name}=<{old}>")).collect();
    audit(format_args!("rmquota root=<{}>{items}", printable(root, 512)));
}

/// `auditlog: traffic ...` at the end of a session.
pub fn audit_traffic(sessionid: &str, bytes_in: u64, bytes_out: u64) {
    audit(format_args!("traffic sessionid=<{sessionid}> bytes_in=<{bytes_in}> bytes_out=<{bytes_out}>"));
}

/// `auditlog: duplicate ...` from the duplicate database.
pub fn audit_duplicate(sessionid: &str, action: &str, id: &[u8], to: &[u8], date: &[u8]) {
    audit(format_args!(
        "duplicate sessionid=<{sessionid}> action=<{action}> message-id={} user=<{}> date=<{}>",
        printable(id, 1024),
        printable(to, 512),
        printable(date, FOREIGN_MAX)
    ));
}

fn audit(text: fmt::Arguments<'_>) {
    write(Priority::Notice, format_args!("auditlog: {text}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::capture;

    /// Lines written by the C programs for the same facts.
    #[track_caller]
    fn check(write_it: impl FnOnce(), priority: Priority, expected: &str) {
        let ((), lines) = capture(write_it);
        assert_eq!(lines, [(priority, expected.to_owned())]);
    }

    #[test]
    fn login_lines_have_the_words_of_c() {
        check(
            || login("localhost [127.0.0.1]", b"ann", "plaintext", true, "g1-1-2-1-9"),
            Priority::Notice,
            "login: localhost [127.0.0.1] ann plaintext+TLS User logged in SESSIONID=<g1-1-2-1-9>",
        );
        check(
            || {
                badlogin(
                    "localhost [127.0.0.1]",
                    "plaintext",
                    Some(b"ann"),
                    "SASL(-13): authentication failure: checkpass failed",
                )
            },
            Priority::Notice,
            "badlogin: localhost [127.0.0.1] plaintext (ann) [SASL(-13): authentication failure: checkpass failed]",
        );
        check(
            || badlogin_invalid_user("h [::1]", b"a\r\nb"),
            Priority::Notice,
            "badlogin: h [::1] plaintext (a^M^Jb) invalid user",
        );
    }

    #[test]
    fn an_io_error_is_logged_with_its_file_and_reason() {
        let error = io::Error::from_raw_os_error(2);
        let write_it = || {
            let _ = ioerror("open failed", &[("mailbox", &"user.ann"), ("fname", &"/x")], Some(&error));
        };
        check(
            write_it,
            Priority::Err,
            "IOERROR: open failed: mailbox=<user.ann> fname=</x> syserror=<No such file or directory>",
        );
    }

    /// The value of `key=<value>` in a line; of `messageid=`, which has no brackets of its own, the word.
    fn field<'a>(line: &'a str, key: &str) -> &'a str {
        let (_, rest) = line.split_once(&format!(" {key}=")).unwrap_or_else(|| panic!("{key} in {line}"));
        match rest.strip_prefix('<').filter(|_| key != "messageid") {
            Some(rest) => rest.split_once('>').unwrap().0,
            None => rest.split(' ').next().unwrap(),
        }
    }

    fn number<T: std::str::FromStr>(line: &str, key: &str) -> T {
        field(line, key).parse().ok().unwrap()
    }

    fn limits<'a>(line: &'a str, prefix: &str) -> Vec<(&'a str, i64)> {
        line.split(' ')
            .filter_map(|item| item.strip_prefix(prefix)?.strip_suffix('>')?.split_once("=<"))
            .map(|(name, value)| (name, value.parse().unwrap()))
            .collect()
    }

    /// Writes the line that the C program wrote, from the facts found in it.
    fn write_again(line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let bytes = |key| field(line, key).as_bytes();
        let host = words.get(1..3).unwrap_or_default().join(" ");
        let record = || AuditRecord {
            sessionid: field(line, "sessionid"),
            mailbox: bytes("mailbox"),
            uniqueid: field(line, "uniqueid"),
            uid: number(line, "uid"),
            modseq: number(line, "modseq"),
            sysflags: field(line, "sysflags"),
            guid: field(line, "guid"),
        };
        match (words[0], words[1]) {
            ("login:", _) => login(&host, words[3].as_bytes(), words[4], false, field(line, "SESSIONID")),
            ("badlogin:", _) if line.ends_with("invalid user") => badlogin_invalid_user(&host, b"a\x01b"),
            ("badlogin:", _) if words[3] == "anonymous" => badlogin_anonymous(&host),
            ("badlogin:", _) => {
                let (_, reason) = line.split_once(" [SASL").unwrap();
                badlogin(&host, words[3], Some(b"ann"), &format!("SASL{}", &reason[..reason.len() - 1]));
            }
            (_, "append") => {
                let id = Some(bytes("messageid")).filter(|id| id != b"unknown");
                audit_append(&record(), id, number(line, "size"));
            }
            (_, "expunge") => audit_expunge(&record(), number(line, "size")),
            (_, "touched") => audit_touched(&record(), field(line, "cid"), field(line, "oldflags")),
            (_, "create") => audit_create(
                field(line, "sessionid"),
                bytes("mailbox"),
                field(line, "uniqueid"),
                number(line, "uidvalidity"),
            ),
            (_, "modseq") => audit_modseq(
                field(line, "sessionid"),
                bytes("mailbox"),
                field(line, "uniqueid"),
                number(line, "highestmodseq"),
                number(line, "deletedmodseq"),
            ),
            (_, "acl:") => audit_acl(&AuditAcl {
                sessionid: field(line, "sessionid"),
                mailbox: bytes("mailbox"),
                uniqueid: field(line, "uniqueid"),
                mbtype: field(line, "mbtype"),
                oldacl: Some(bytes("oldacl")).filter(|acl| acl != b"NONE"),
                acl: Some(bytes("acl")).filter(|acl| acl != b"(null)"),
                foldermodseq: number(line, "foldermodseq"),
            }),
            (_, "traffic") => {
                audit_traffic(field(line, "sessionid"), number(line, "bytes_in"), number(line, "bytes_out"));
            }
            (_, "newquota") => audit_newquota(bytes("root"), &limits(line, "new")),
            (_, "setquota") => {
                let (old, new) = (limits(line, "old"), limits(line, "new"));
                let both: Vec<_> =
                    old.iter().zip(&new).map(|((name, old), (_, new))| (*name, *old, *new)).collect();
                audit_setquota(bytes("root"), &both);
            }
            other => panic!("no function for {other:?}"),
        }
    }

    #[test]
    fn lines_are_those_that_the_c_imapd_wrote() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/log/imapd.txt");
        let golden = std::fs::read_to_string(path).unwrap();
        assert!(golden.lines().count() > 20);
        for line in golden.lines() {
            check(|| write_again(line), Priority::Notice, line);
        }
    }
}
