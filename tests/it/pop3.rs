//! POP3's own dialogue: `tests/data/pop3.txt`, group by group of configurations, case by case.

use cyrus_tests::known::Need;
use cyrus_tests::pop3::Pop3;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Instance, Server, case, place, record};

/// Which programs serve a run: POP3 and, for what IMAP clients do meanwhile, IMAP.
#[derive(Clone, Copy)]
struct Makes {
    pop3: Server,
    imap: Server,
}

/// Messages of ann's INBOX, in order.
const MESSAGES: [&str; 4] = [
    "From: a@example.org\r\nSubject: first\r\nMessage-ID: <1@example.org>\r\n\r\nOne line.\r\n",
    "From: b@example.org\r\nSubject: dots\r\n\r\n.\r\n..\r\n.begin\r\nend.\r\n\r\nlast\r\n",
    "Subject: header only\r\n\r\n",
    "From: c@example.org\r\nSubject: long\r\n\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10",
];

fn start(makes: Makes, options: &[(String, String)]) -> Instance {
    let mut builder = Builder::new(makes.imap).server("pop3", makes.pop3).option("failedloginpause", "0");
    for (name, value) in options {
        builder = builder.option(name, value);
    }
    let instance = builder.start();
    let mut ann = instance.imap_as("imap", "ann");
    for (n, message) in MESSAGES.iter().enumerate() {
        let answer = ann.append(&format!("INBOX \"1{n}-Nov-2026 10:00:00 +0000\""), message.as_bytes());
        assert!(answer.is_ok(), "{}", answer.text());
    }
    ann.ok("CREATE INBOX.Folder");
    assert!(ann.append("INBOX.Folder", MESSAGES[0].as_bytes()).is_ok());
    ann.ok("LOGOUT");
    instance
}

/// UIDVALIDITY as decimals and in dovecot's hexadecimals becomes a word, APOP's challenge another.
fn clean(line: &str, instance: &Instance, validities: &[u32]) -> String {
    let mut text = normalise(line, instance.root());
    for validity in validities {
        text =
            text.replace(&format!("{validity}"), "@validity@").replace(&format!("{validity:08x}"), "@hex@");
    }
    if let (Some(at), true) = (text.find("server ready <"), text.ends_with('>')) {
        text.truncate(at + "server ready ".len());
        text.push_str("@challenge@");
    }
    text
}

fn run(makes: Makes) -> String {
    let path = place::root().join("tests/data/pop3.txt");
    let data = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out = String::new();
    let mut instance: Option<Instance> = None;
    let mut validities = Vec::new();
    let mut options = Vec::new();
    let mut pop3: Option<Pop3> = None;
    for line in data.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(group) = line.strip_prefix("@group ") {
            finish(instance.take());
            pop3 = None;
            options.clear();
            out.push_str(&format!("==== {group}\n"));
        } else if let Some(option) = line.strip_prefix("@option ") {
            let (name, value) = option.split_once(": ").expect("option: value");
            options.push((name.to_string(), value.to_string()));
        } else if let Some(name) = line.strip_prefix("@case ") {
            let instance = instance.get_or_insert_with(|| start(makes, &options));
            validities = ["INBOX", "INBOX.Folder"].map(|name| validity(instance, name)).to_vec();
            out.push_str(&format!("== {name}\n"));
            let connection = Pop3::connect(instance.port("pop3"));
            out.push_str(&format!("S: {}\n", clean(connection.greeting(), instance, &validities)));
            pop3 = Some(connection);
        } else if let Some(command) = line.strip_prefix('!') {
            let instance = instance.as_ref().expect("a case");
            let (user, command) = command.split_once(' ').expect("user and command");
            let mut imap = instance.imap_as("imap", user);
            if user != "admin" {
                imap.ok("SELECT INBOX");
            }
            let answer = imap.command(command);
            out.push_str(&format!("!{user} {command}: {}\n", if answer.is_ok() { "OK" } else { "NO" }));
            if command.starts_with("FETCH") {
                for line in &answer.lines {
                    let shown = String::from_utf8_lossy(line).into_owned();
                    out.push_str(&format!("I: {}\n", clean(&shown, instance, &validities)));
                }
            }
            imap.ok("LOGOUT");
        } else {
            let instance = instance.as_ref().expect("a case");
            let connection = pop3.as_mut().expect("a case");
            out.push_str(&format!("C: {line}\n"));
            let reply = connection.command(line.strip_prefix('\\').unwrap_or(line));
            for line in &reply {
                out.push_str(&format!("S: {}\n", clean(line, instance, &validities)));
            }
            if reply.is_empty() {
                out.push_str("closed\n");
            }
        }
    }
    finish(instance.take());
    out
}

fn validity(instance: &Instance, mailbox: &str) -> u32 {
    let mut imap = instance.imap_as("imap", "ann");
    let answer = imap.command(&format!("STATUS {mailbox} (UIDVALIDITY)"));
    let text = answer.text();
    let number = text.split("UIDVALIDITY ").nth(1).unwrap_or_default();
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(u32::MAX)
}

fn finish(instance: Option<Instance>) {
    if let Some(instance) = instance
        && place::oracle().is_some()
    {
        instance.check_by_oracle();
    }
}

#[test]
fn oracle_answers_as_recorded() {
    let makes = Makes { pop3: Server::Oracle, imap: Server::Oracle };
    case("oracle::pop3", &[Need::Oracle], || record::check("pop3", Server::Oracle, &run(makes)));
}

#[test]
fn ours_answers_as_the_oracle_did() {
    let makes = Makes { pop3: Server::Ours, imap: Server::Ours };
    case("ours::pop3", &[], || record::check("pop3", Server::Ours, &run(makes)));
}

#[test]
fn ours_answers_beside_the_imapd_of_the_oracle() {
    let makes = Makes { pop3: Server::Ours, imap: Server::Oracle };
    case("mixed::pop3", &[Need::Oracle], || record::check("pop3", Server::Ours, &run(makes)));
}
