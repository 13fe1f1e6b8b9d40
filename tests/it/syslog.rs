//! The log: every line that the oracle's programs write over a dialogue, ours write too, in the same words at the same
//! level. What no two runs share is put aside by name.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Instance, Server, case, place, record, wait_for};

use crate::script;

/// A step is over when nothing came for so long.
const QUIET: Duration = Duration::from_millis(50);

/// Lines of the oracle that ours has no reason for, or of which neither make says when they come.
const PUT_ASIDE: &[&str] = &[
    "process type:",
    // The connections with which the harness finds the services up are closed without a word.
    "Connection reset by peer",
    // There is no dav.db yet.
    "creating sql_db",
];

/// A text before a part that no two runs share, and the letters that end the part.
const MASKS: &[(&str, &str)] = &[
    ("essionid=<", ">"),
    ("SESSIONID=<", ">"),
    ("uniqueid=<", ">"),
    ("uidvalidity=<", ">"),
    ("guid=<", ">"),
    ("cid=<", ">"),
    ("bytes_in=<", ">"),
    ("bytes_out=<", ">"),
    ("DELETED.user.", " >"),
    ("DELETED.shared.", " >"),
    ("<cmu-lmtpd-", ">"),
    ("duplicate message to ", " "),
    ("> user=<", ">"),
    (" user: ", " "),
    (" sys: ", ""),
    ("unexpected process ", ""),
];

/// `<priority>ident: text` of a line, without time and process id.
fn clean(line: &str, instance: &Instance) -> Option<String> {
    let (priority, rest) = line.split_once('>')?;
    let rest = rest.get("Nov 23 02:00:00 ".len()..)?;
    let (ident, text) = rest.split_once("]: ")?;
    let ident = ident.split('[').next().unwrap_or_default();
    if priority == "<23" || PUT_ASIDE.iter().any(|each| text.contains(each)) || ident.ends_with("/master") {
        return None;
    }
    let mut text = text.replace(&instance.root().display().to_string(), "ROOT");
    for (before, after) in MASKS {
        let mut from = 0;
        while let Some(at) = text[from..].find(before) {
            let start = from + at + before.len();
            let len = text[start..].find(|c| after.contains(c)).unwrap_or(text.len() - start);
            text.replace_range(start..start + len, "@");
            from = start + 1;
        }
    }
    if ident.ends_with("/lmtp")
        && let Some(at) = text.find(" size=<")
    {
        // Of a delivery: header fields with process and session ids were added.
        text.truncate(at);
    }
    Some(format!("{priority}> {ident}: {text}"))
}

fn run(name: &str, server: Server) -> String {
    let path = place::root().join(format!("tests/data/syslog/{name}.txt"));
    let mut seen = 0;
    let mut marks = 0;
    script::run(
        &path,
        Builder::new(server),
        server,
        |_| (),
        |out, (), instance, step| {
            let log = instance.syslog().expect("log");
            marks += 1;
            let mark = format!("mark {marks}");
            let socket = UnixDatagram::unbound().expect("socket");
            // Sessions of a user who is deleted end when they notice.
            std::thread::sleep(if step.starts_with("admin: DELETE user") { 8 * QUIET } else { QUIET });
            socket.send_to(mark.as_bytes(), instance.root().join("log.sock")).expect("mark");
            wait_for("the mark", || log.lines().contains(&mark).then_some(()));
            let lines = log.lines();
            for line in lines.iter().skip(seen).filter_map(|line| clean(line, instance)) {
                out.push_str(&line);
                out.push('\n');
            }
            seen = lines.len();
        },
    )
}

const SCRIPTS: &[&str] = &["session"];

#[test]
fn the_oracle_writes_what_was_recorded() {
    case("oracle::syslog", &[Need::Oracle, Need::Namespace], || {
        for name in SCRIPTS {
            record::check(&format!("syslog/{name}"), Server::Oracle, &run(name, Server::Oracle));
        }
    });
}

#[test]
fn ours_writes_what_the_oracle_wrote() {
    case("ours::syslog", &[Need::Namespace], || {
        for name in SCRIPTS {
            record::check(&format!("syslog/{name}"), Server::Ours, &run(name, Server::Ours));
        }
    });
}
