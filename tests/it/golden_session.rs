//! A working session on the packed golden instances: afterwards the oracle's checkers say of ours what they say of an
//! instance the oracle worked on itself with the same commands.

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Imap, Instance, Server, case};

/// A message of the session; the number makes it another one.
fn message(number: u32) -> Vec<u8> {
    format!(
        "From: Eve <eve@example.net>\r\nTo: ann@golden.example\r\nSubject: session {number}\r\n\
         Date: Mon, 2 Nov 2026 10:11:12 +0000\r\nMessage-ID: <session.{number}@example.net>\r\n\
         References: <session.0@example.net>\r\n\r\nText of message {number}.\r\n"
    )
    .into_bytes()
}

/// What a user does in a day: mailboxes of one, messages of the INBOX and of a new one.
fn work_as_ann(imap: &mut Imap, separator: &str, inbox: &str) {
    let name = |leaf: &str| format!("\"{inbox}{leaf}\"").replace('/', separator);
    for leaf in ["Session", "Session/Deep", "Session/Short"] {
        imap.ok(&format!("CREATE {}", name(leaf)));
    }
    for number in 0..6 {
        imap.append("INBOX", &message(number));
        imap.append(&format!("{} (\\Flagged $Label)", name("Session")), &message(100 + number));
    }
    imap.ok("SELECT INBOX");
    imap.ok("STORE 1:3 +FLAGS (\\Seen \\Answered session-keyword)");
    imap.ok("STORE 2 -FLAGS (\\Answered)");
    imap.ok("FETCH 1:* (FLAGS BODY[HEADER.FIELDS (SUBJECT)])");
    imap.ok("FETCH *:* (BODY[])");
    imap.ok(&format!("COPY 1:4 {}", name("Session")));
    imap.ok(&format!("COPY 2:3 {}", name("Session/Deep")));
    imap.ok(&format!("MOVE *:* {}", name("Session/Deep")));
    imap.ok("STORE 4,5 +FLAGS.SILENT (\\Deleted)");
    imap.ok("EXPUNGE");
    imap.ok(&format!("SELECT {}", name("Session")));
    imap.ok("STORE 2:4 +FLAGS (\\Deleted)");
    imap.ok("CLOSE");
    imap.ok(&format!("SETACL {} bert lrs", name("Session")));
    imap.ok(&format!("SETACL {} cleo -d", name("Session")));
    imap.ok(&format!("RENAME {} {}", name("Session/Deep"), name("Renamed")));
    imap.ok(&format!("SUBSCRIBE {}", name("Renamed")));
    imap.ok(&format!("DELETE {}", name("Session/Short")));
    imap.ok("LOGOUT");
}

/// One day on one make; gives what the oracle's checkers say.
fn day(name: &str, server: Server, separator: &str, inbox: &str) -> Vec<String> {
    let mut instance = Builder::new(server).golden(name).build();
    instance.start();
    let mut imap = instance.imap_as("imap", "ann");
    work_as_ann(&mut imap, separator, inbox);
    let mut admin = instance.imap_as("imap", "admin");
    let user = format!("user{separator}ann");
    admin.ok(&format!("SETQUOTA {user} (STORAGE 20000 MESSAGE 5000)"));
    admin.ok(&format!("CREATE user{separator}cleo{separator}Quoted"));
    admin.ok(&format!("SETQUOTA user{separator}cleo{separator}Quoted (STORAGE 10)"));
    admin.ok("LOGOUT");
    instance.stop();
    checkers(&instance)
}

/// The lines of the oracle's checkers, with what differs from run to run taken out.
fn checkers(instance: &Instance) -> Vec<String> {
    let mut lines = Vec::new();
    for (tool, args) in [
        ("reconstruct", &["-n", "-G", "-r", "*"][..]),
        ("quota", &[][..]),
        ("quota", &["-f", "-n"][..]),
        ("chk_cyrus", &[][..]),
        ("ctl_mboxlist", &["-v"][..]),
    ] {
        let out = instance.tool(Server::Oracle, tool, args);
        lines.push(format!("{tool} {args:?}: {}", out.status));
        for stream in [&out.stdout, &out.stderr] {
            let text = String::from_utf8_lossy(stream);
            let root = instance.root().display().to_string();
            lines.extend(text.lines().map(|line| without_ids(&line.replace(&root, "@ROOT@"))));
        }
    }
    lines.sort();
    lines
}

/// Unique ids (24 letters and digits), and the directories named by their first letters, become `@`.
fn without_ids(line: &str) -> String {
    let is_id = |word: &str| {
        word.len() >= 20 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let words: Vec<String> = line
        .split(' ')
        .map(|word| {
            let parts: Vec<&str> = word.split('/').collect();
            let shown: Vec<&str> = (0..parts.len())
                .map(|n| {
                    let short = parts[n].len() == 1
                        && parts.iter().skip(n).take(3).any(|p| is_id(p.trim_end_matches(':')));
                    if short || is_id(parts[n].trim_end_matches(':')) { "@" } else { parts[n] }
                })
                .collect();
            shown.join("/")
        })
        .collect();
    // A deleted mailbox is named by the second of its deletion.
    let line = words.join(" ");
    match line.find("DELETED") {
        Some(at) => {
            line.char_indices().map(|(n, c)| if n > at && c.is_ascii_hexdigit() { '#' } else { c }).collect()
        }
        None => line,
    }
}

fn check(name: &str, separator: &str, inbox: &str) {
    let theirs = day(name, Server::Oracle, separator, inbox);
    let ours = day(name, Server::Ours, separator, inbox);
    let surplus: Vec<&String> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    let lacking: Vec<&String> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    println!("{name}: the checkers say {} lines of ours, {} of the oracle's", ours.len(), theirs.len());
    assert!(
        surplus.is_empty() && lacking.is_empty() && ours.len() == theirs.len(),
        "said of ours only: {surplus:#?}\nsaid of the oracle's only: {lacking:#?}"
    );
    let mends = ours.iter().find(|line| line.contains(" uid ") || line.contains("fixing"));
    assert!(mends.is_none(), "something to mend: {mends:?}");
}

#[test]
fn checkers_say_the_same_of_g1_after_a_day_of_ours() {
    case("ours::golden_session::g1", &[Need::Oracle, Need::Shared], || check("g1", ".", "INBOX."));
}

#[test]
fn checkers_say_the_same_of_g2_after_a_day_of_ours() {
    case("ours::golden_session::g2", &[Need::Oracle, Need::Shared], || check("g2", "/", ""));
}
