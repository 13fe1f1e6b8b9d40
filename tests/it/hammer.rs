//! Several clients at once on the same mailboxes, through both makes of servers; afterwards both see the same.

use std::collections::BTreeSet;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Imap, Instance, Server, case};

const WORKERS: u64 = 4;
const STEPS: usize = 120;
const MAILBOXES: [&str; 3] = ["INBOX", "INBOX.A", "INBOX.B"];

fn work(instance: &Instance, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let service = |n: usize| if n.is_multiple_of(2) { "imap" } else { "imap2" };
    let mut imap = instance.imap_as(service(seed as usize), "ann");
    for n in 0..STEPS {
        if n % 20 == 19 {
            imap.ok("LOGOUT");
            imap = instance.imap_as(service(n / 20 + seed as usize), "ann");
        }
        let here = MAILBOXES[random.usize(..MAILBOXES.len())];
        let there = MAILBOXES[random.usize(..MAILBOXES.len())];
        match random.u32(..8) {
            0..=1 => {
                let text = format!("Subject: {seed}.{n}\r\n\r\n{}\r\n", "x".repeat(random.usize(..3000)));
                let answer = imap.append(&format!("{here} (\\Seen)"), text.as_bytes());
                assert!(answer.is_ok(), "APPEND: {}", answer.text());
            }
            2 => {
                imap.ok(&format!("SELECT {here}"));
            }
            // With nothing selected, or nothing in it, these are refused; they must be answered all the same.
            3 => answered(&mut imap, "STORE 1:* +FLAGS (\\Flagged)"),
            4 => answered(&mut imap, &format!("UID COPY 1:3 {there}")),
            5 => answered(&mut imap, &format!("UID MOVE *:* {there}")),
            6 => {
                answered(&mut imap, "UID STORE 1:4 +FLAGS.SILENT (\\Deleted)");
                answered(&mut imap, "EXPUNGE");
            }
            _ => answered(&mut imap, "UID FETCH 1:* (FLAGS RFC822.SIZE ENVELOPE)"),
        }
    }
    imap.ok("LOGOUT");
}

fn answered(imap: &mut Imap, command: &str) {
    let answer = imap.command(command);
    assert!(!answer.last.is_empty(), "{command}: no answer\n{}", answer.text());
}

fn view(instance: &Instance, service: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut imap = instance.imap_as(service, "ann");
    for mailbox in MAILBOXES {
        let status =
            imap.ok(&format!("STATUS {mailbox} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE HIGHESTMODSEQ)"));
        all.push(status.text().lines().next().unwrap_or_default().to_string());
        imap.ok(&format!("EXAMINE {mailbox}"));
        let answer =
            imap.ok("UID FETCH 1:* (UID FLAGS MODSEQ INTERNALDATE RFC822.SIZE ENVELOPE BODY.PEEK[])");
        let mut uids = BTreeSet::new();
        for line in answer.lines {
            let line = String::from_utf8_lossy(&line).into_owned();
            let Some(uid) = line.split("UID ").nth(1).and_then(|t| t.split([' ', ')']).next()) else {
                continue;
            };
            if line.contains(" FETCH ") {
                assert!(uids.insert(uid.to_string()), "{mailbox}: UID {uid} twice");
            }
            all.push(line);
        }
    }
    all
}

fn hammer(first: Server, second: Server) {
    let instance = Builder::new(first).server("imap", first).server("imap2", second).prefork(1).start();
    let mut imap = instance.imap_as("imap", "ann");
    for mailbox in &MAILBOXES[1..] {
        imap.ok(&format!("CREATE {mailbox}"));
    }
    std::thread::scope(|scope| {
        for seed in 1..=WORKERS {
            let instance = &instance;
            scope.spawn(move || work(instance, seed));
        }
    });
    let (one, two) = (view(&instance, "imap"), view(&instance, "imap2"));
    assert!(one.len() > MAILBOXES.len(), "nothing is left to compare");
    for (a, b) in one.iter().zip(&two) {
        assert_eq!(a, b, "the servers see different mailboxes");
    }
    assert_eq!(one.len(), two.len());
    if cyrus_tests::place::oracle().is_some() {
        instance.check_by_oracle();
    }
}

#[test]
fn oracle_withstands_the_hammer() {
    case("oracle::hammer", &[Need::Oracle], || hammer(Server::Oracle, Server::Oracle));
}

#[test]
fn ours_withstands_the_hammer() {
    case("ours::hammer", &[], || hammer(Server::Ours, Server::Ours));
}

#[test]
fn both_together_withstand_the_hammer() {
    case("mixed::hammer", &[Need::Oracle], || hammer(Server::Oracle, Server::Ours));
}
