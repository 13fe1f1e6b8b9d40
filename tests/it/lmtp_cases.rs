//! LMTP dialogues, group by group of configurations: `tests/data/lmtp_cases.txt`. Each reply is told, and each message
//! that was delivered, with folder, flags and text.

use cyrus_tests::dialogue::unescape;
use cyrus_tests::known::Need;
use cyrus_tests::transcript::{normalise, response};
use cyrus_tests::{Builder, Instance, Lmtp, Server, case, place, record};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Groups served at a time.
const THREADS: usize = 3;

/// Cases of one configuration.
#[derive(Default)]
struct Group {
    name: String,
    options: Vec<(String, String)>,
    lines: Vec<String>,
}

fn groups() -> Vec<Group> {
    let path = place::root().join("tests/data/lmtp_cases.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut groups: Vec<Group> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("@group ") {
            groups.push(Group { name: name.into(), ..Group::default() });
            continue;
        }
        let group = groups.last_mut().expect("@group");
        match line.strip_prefix("@option ") {
            Some(option) => {
                let (name, value) = option.split_once(": ").expect("option: value");
                group.options.push((name.into(), value.into()));
            }
            None => group.lines.push(line.into()),
        }
    }
    groups
}

fn start(server: Server, group: &Group) -> Instance {
    let mut builder = Builder::new(server).server("netlmtp", server);
    for (name, value) in &group.options {
        let certificate = cyrus_tests::tls::certificate().display().to_string();
        builder = builder.option(name, &value.replace("@CERTIFICATE@", &certificate));
    }
    builder.start()
}

/// One group on its way.
struct Run<'a> {
    instance: &'a Instance,
    out: String,
    lmtp: Option<Lmtp>,
    /// Recipients that are waiting for their reply.
    accepted: usize,
}

impl Run<'_> {
    fn say(&mut self, reply: &[String]) {
        for line in reply {
            let line = size(&made_id(&normalise(line, self.instance.root())));
            let _ = writeln!(self.out, "S: {line}");
        }
        if reply.is_empty() {
            self.out.push_str("closed\n");
        }
    }

    fn connect(&mut self, kind: &str) {
        let instance = self.instance;
        let lmtp = match kind {
            "net" => instance.lmtp("netlmtp"),
            "tls" => Lmtp::connect_tls(instance.port("netlmtp")),
            "unix" => Lmtp::connect_unix(&instance.root().join("sock/lmtp")),
            _ => instance.lmtp("lmtp"),
        };
        self.accepted = 0;
        if kind != "tls" {
            self.say(lmtp.greeting());
        }
        self.lmtp = Some(lmtp);
    }

    fn lmtp(&mut self) -> &mut Lmtp {
        self.lmtp.as_mut().expect("@case")
    }

    fn replies(&mut self, count: usize) {
        for _ in 0..count {
            let reply = self.lmtp().reply();
            self.say(&reply);
        }
    }

    fn command(&mut self, line: &str) {
        let _ = writeln!(self.out, "C: {line}");
        let mut bytes = unescape(line);
        bytes.extend_from_slice(b"\r\n");
        self.lmtp().send(&bytes);
        let reply = self.lmtp().reply();
        let is_good = reply.last().is_some_and(|line| line.starts_with("250"));
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "RCPT" if is_good => self.accepted += 1,
            "RSET" if is_good => self.accepted = 0,
            _ => {}
        }
        self.say(&reply);
    }

    /// A command of an IMAP client.
    fn imap(&mut self, line: &str) {
        let (user, command) = line.split_once(' ').expect("user and command");
        let mut imap = self.instance.imap_as("imap", user);
        let answer = imap.command(command);
        let _ = writeln!(self.out, "!{user} {command}: {}", if answer.is_ok() { "OK" } else { "refused" });
    }

    /// All messages of a mailbox, which are removed then.
    fn show(&mut self, line: &str) {
        let (user, mailbox) = line.split_once(' ').expect("user and mailbox");
        let mut imap = self.instance.imap_as("imap", user);
        let _ = writeln!(self.out, "mailbox {mailbox}");
        if user == "admin" {
            imap.ok(&format!("SETACL {mailbox} admin lrswipkxtea"));
        }
        imap.ok(&format!("SELECT {mailbox}"));
        // There may be none.
        let answer = imap.command("FETCH 1:* (FLAGS BODY.PEEK[])");
        for line in answer.lines.iter().filter(|line| line.starts_with(b"* ")) {
            let lines = response(line, self.instance.root());
            if !lines.first().is_some_and(|line| line.contains("FETCH")) {
                continue;
            }
            for line in lines {
                let _ = writeln!(self.out, "  {}", made_id(&made_date(&line)));
            }
        }
        imap.command("STORE 1:* +FLAGS.SILENT (\\Deleted)");
        imap.ok("EXPUNGE");
    }

    fn shutdown_file(&self, text: Option<&str>) {
        let file = self.instance.root().join("conf/msg/shutdown");
        match text {
            Some(text) => std::fs::write(&file, format!("{text}\n")).expect("shutdown file"),
            None => std::fs::remove_file(&file).expect("shutdown file"),
        }
    }

    fn message(&mut self, lines: &mut std::slice::Iter<'_, String>) {
        let mut body = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != ">>") {
            body.extend(unescape(line));
            body.extend_from_slice(b"\r\n");
        }
        let _ = writeln!(self.out, "C: ({} bytes)", body.len());
        let accepted = std::mem::take(&mut self.accepted);
        for reply in self.lmtp().message(&body, accepted) {
            self.say(&reply);
        }
    }

    fn step(&mut self, line: &str, lines: &mut std::slice::Iter<'_, String>) {
        if let Some(rest) = line.strip_prefix("@case ") {
            let _ = writeln!(self.out, "== {rest}");
            let kind = rest.rsplit_once(" over ").map_or("", |(_, kind)| kind);
            self.connect(kind);
        } else if let Some(line) = line.strip_prefix('!') {
            self.imap(line);
        } else if let Some(line) = line.strip_prefix("@show ") {
            self.show(line);
        } else if let Some(text) = line.strip_prefix("@shutdown") {
            self.shutdown_file(text.strip_prefix(' '));
            // That there was none is remembered for a second.
            std::thread::sleep(Duration::from_millis(1200));
        } else if line == "@message" {
            self.message(lines);
        } else if line == "@hangup" {
            self.lmtp().finish_sending();
            self.lmtp().patience(Duration::from_secs(3));
            self.replies(1);
        } else if let Some(text) = line.strip_prefix("@raw ") {
            let _ = writeln!(self.out, "C> {text}");
            let bytes = match text.split_once(" x ") {
                Some((count, text)) => unescape(text).repeat(count.parse().expect("count")),
                None => unescape(text),
            };
            self.lmtp().send(&bytes);
        } else if let Some(count) = line.strip_prefix("@replies ") {
            self.accepted = 0;
            self.replies(count.parse().expect("count"));
        } else if !line.is_empty() {
            self.command(line);
        }
    }
}

/// Dates of the day are replaced; those of the cases are of 2024.
fn made_date(line: &str) -> String {
    if line.starts_with("Date: ") && !line.contains(" 2024 ") { "Date: @date@".into() } else { line.into() }
}

/// `<cmu-lmtpd-PID-TIME-N@host>`: the numbers are replaced.
fn made_id(line: &str) -> String {
    let Some((before, rest)) = line.split_once("<cmu-lmtpd-") else { return line.into() };
    let after = rest.find('@').and_then(|at| rest.get(at..)).unwrap_or_default();
    format!("{before}<cmu-lmtpd-@numbers@{after}")
}

/// `Message size (N)`: the session id counts.
fn size(line: &str) -> String {
    let Some((before, rest)) = line.split_once("Message size (") else { return line.into() };
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}Message size (@size@{after}")
}

fn serve(server: Server, group: &Group) -> String {
    let instance = start(server, group);
    let mut run = Run { instance: &instance, out: String::new(), lmtp: None, accepted: 0 };
    let mut lines = group.lines.iter();
    while let Some(line) = lines.next() {
        run.step(line, &mut lines);
    }
    let out = std::mem::take(&mut run.out);
    drop(run);
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
    out
}

fn run(server: Server) -> String {
    let groups = groups();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<String>> = Mutex::new(vec![String::new(); groups.len()]);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(group) = groups.get(index) else { return };
                    let out = format!("==== {}\n{}", group.name, serve(server, group));
                    done.lock().expect("results")[index] = out;
                }
            });
        }
    });
    done.into_inner().expect("results").concat()
}

/// What differs on purpose: docs/deviations.md.
const DEVIATIONS: &[&str] = &["NUL in a command"];

#[test]
fn oracle_answers_as_recorded() {
    case("oracle::lmtp_cases", &[Need::Oracle], || {
        record::check("lmtp_cases", Server::Oracle, &run(Server::Oracle));
    });
}

#[test]
fn ours_answers_as_the_oracle_did() {
    case("ours::lmtp_cases", &[], || {
        record::check_but("lmtp_cases", Server::Ours, &run(Server::Ours), DEVIATIONS);
    });
}

#[test]
fn there_are_enough_cases() {
    let cases =
        groups().iter().flat_map(|group| &group.lines).filter(|line| line.starts_with("@case")).count();
    assert!(cases >= 60, "{cases}");
}
