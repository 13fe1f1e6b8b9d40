//! LMTP's own dialogue: every reply, refused or not.

use cyrus_tests::known::Need;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Server, case, place, record};

fn run(server: Server) -> String {
    let instance = Builder::new(server).start();
    let mut admin = instance.imap_as("imap", "admin");
    for command in [
        "CREATE user.full",
        "CREATE user.admin",
        "CREATE shared",
        "SETACL shared anyone p",
        "SETQUOTA user.full (STORAGE 0)",
        "SETQUOTA user.cleo (MESSAGE 5)",
        "LOGOUT",
    ] {
        admin.ok(command);
    }
    let text =
        std::fs::read_to_string(place::root().join("tests/data/lmtp.txt")).expect("tests/data/lmtp.txt");
    let mut out = String::new();
    let mut lmtp = instance.lmtp("lmtp");
    let say = |out: &mut String, reply: &[String]| {
        for line in reply {
            out.push_str(&format!("S: {}\n", normalise(line, instance.root())));
        }
        if reply.is_empty() {
            out.push_str("closed\n");
        }
    };
    say(&mut out, lmtp.greeting());
    let mut accepted = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            continue;
        }
        if line == "@new" {
            lmtp = instance.lmtp("lmtp");
            accepted = 0;
            say(&mut out, lmtp.greeting());
            continue;
        }
        if line == "@message" {
            let mut body = Vec::new();
            for line in lines.by_ref().take_while(|l| *l != ">>") {
                body.extend_from_slice(line.as_bytes());
                body.extend_from_slice(b"\r\n");
            }
            out.push_str(&format!("C: ({} bytes)\n", body.len()));
            for reply in lmtp.message(&body, accepted) {
                say(&mut out, &reply);
            }
            accepted = 0;
            continue;
        }
        out.push_str(&format!("C: {line}\n"));
        let reply = lmtp.command(line);
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        if reply.last().is_some_and(|l| l.starts_with("250")) {
            match verb.as_str() {
                "RCPT" => accepted += 1,
                "RSET" => accepted = 0,
                _ => {}
            }
        }
        say(&mut out, &reply);
        let wants_data = reply.last().is_some_and(|l| l.starts_with("354"));
        if wants_data && lines.peek() != Some(&"@message") {
            for reply in lmtp.message(b"Subject: unasked\r\n\r\nx\r\n", accepted) {
                say(&mut out, &reply);
            }
            accepted = 0;
        }
    }
    for user in ["ann", "bert", "cleo", "full", "admin"] {
        let mut imap = instance.imap_as("imap", if user == "full" { "admin" } else { user });
        let answer = imap.command(&format!("STATUS user.{user} (MESSAGES)"));
        out.push_str(&format!("{}\n", normalise(answer.text().trim_end(), instance.root())));
    }
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
    out
}

#[test]
fn oracle_answers_as_recorded() {
    case("oracle::lmtp", &[Need::Oracle], || record::check("lmtp", Server::Oracle, &run(Server::Oracle)));
}

#[test]
fn ours_answers_as_the_oracle_did() {
    case("ours::lmtp", &[], || record::check("lmtp", Server::Ours, &run(Server::Ours)));
}
