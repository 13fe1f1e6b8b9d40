//! Killing every process in the middle of work: what was acknowledged is there afterwards, and all is sound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Imap, Instance, Lmtp, Server, case, place};

const ROUNDS: usize = 3;
const USERS: [&str; 3] = ["ann", "bert", "cleo"];

fn message(user: &str, round: usize, n: usize) -> String {
    let id = format!("{user}.{round}.{n}");
    let filler = "some words to make a body\r\n".repeat(n % 40);
    format!(
        "From: a@example.org\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nSubject: {id}\r\n\
         Message-ID: <{id}@example.org>\r\n\r\n{filler}end of {id}\r\n"
    )
}

/// Appends, flags and delivers until the servers die; returns the subjects that were acknowledged.
fn work(imap_port: u16, lmtp_port: u16, user: &str, round: usize, stop: &AtomicBool) -> Vec<String> {
    let mut done = Vec::new();
    let mut imap = Imap::connect(imap_port);
    if !imap.command(&format!("LOGIN {user} pw")).is_ok() {
        return done;
    }
    imap.command("SELECT INBOX");
    let mut lmtp = Lmtp::connect(lmtp_port);
    lmtp.command("LHLO client.example");
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let text = message(user, round, n);
        let fine = if n % 3 == 2 {
            lmtp.deliver("a@example.org", user, text.as_bytes())
                .last()
                .is_some_and(|l| l.starts_with("250 2.1.5"))
        } else {
            imap.append("INBOX (\\Seen)", text.as_bytes()).is_ok()
        };
        if !fine {
            break;
        }
        done.push(format!("{user}.{round}.{n}"));
        if n % 7 == 0 {
            imap.command("STORE * +FLAGS (\\Flagged $Mark)");
        }
        if n % 11 == 5 {
            imap.command("COPY * INBOX.Copies");
        }
    }
    done
}

fn subjects(instance: &Instance, user: &str) -> Vec<String> {
    let mut imap = instance.imap_as("imap", user);
    imap.ok("EXAMINE INBOX");
    let answer = imap.command("UID FETCH 1:* (BODY.PEEK[])");
    let lines = answer.lines.iter().map(|l| String::from_utf8_lossy(l).into_owned());
    lines
        .filter(|l| l.contains(" FETCH "))
        .filter_map(|l| {
            let subject = l.split("Subject: ").nth(1)?.split("\r\n").next()?.to_string();
            // A message is whole or absent.
            assert!(l.contains(&format!("end of {subject}\r\n")), "{subject} is torn: {l}");
            Some(subject)
        })
        .collect()
}

fn storm(server: Server) {
    let mut instance = Builder::new(server).start();
    for user in USERS {
        instance.imap_as("imap", user).ok("CREATE INBOX.Copies");
    }
    let mut acknowledged: Vec<(String, String)> = Vec::new();
    for round in 0..ROUNDS {
        let stop = Arc::new(AtomicBool::new(false));
        let (imap, lmtp) = (instance.port("imap"), instance.port("lmtp"));
        let workers: Vec<_> = USERS
            .iter()
            .map(|user| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || (user.to_string(), work(imap, lmtp, user, round, &stop)))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(700 + 150 * round as u64));
        instance.kill();
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            let (user, done) = worker.join().expect("worker");
            assert!(!done.is_empty(), "{user} got nothing acknowledged in round {round}");
            acknowledged.extend(done.into_iter().map(|s| (user.clone(), s)));
        }
        instance.start();
        for user in USERS {
            let there = subjects(&instance, user);
            let lost: Vec<&String> = acknowledged
                .iter()
                .filter(|(u, s)| u == user && !there.contains(s))
                .map(|(_, s)| s)
                .collect();
            assert!(lost.is_empty(), "acknowledged and lost after kill -9: {lost:?}");
        }
        if place::oracle().is_some() {
            instance.check_by_oracle_after_crash();
        }
    }
    println!("{} messages acknowledged in {ROUNDS} rounds, none lost", acknowledged.len());
}

#[test]
fn oracle_keeps_what_it_acknowledged_before_kill_9() {
    case("oracle::crash::kill9", &[Need::Oracle], || storm(Server::Oracle));
}

#[test]
fn ours_keeps_what_it_acknowledged_before_kill_9() {
    case("ours::crash::kill9", &[], || storm(Server::Ours));
}
