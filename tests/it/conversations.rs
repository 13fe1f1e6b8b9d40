//! The conversations of users after a long dialogue: ours are those of the oracle, octet for octet but for ids and
//! times of the run, and counting them anew by either's tools changes nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Imap, Instance, Server, case};
use libcyrus::db::{Db, Kind, OpenFlags};

const USERS: [&str; 2] = ["ann", "bert"];

/// One random dialogue; the same for every server, because nothing of it depends on the answers.
struct Dialogue {
    random: fastrand::Rng,
    /// Messages so far by number: subject and message ids for references.
    messages: Vec<(String, String)>,
    bodies: Vec<String>,
    folders: BTreeMap<&'static str, Vec<String>>,
    made: usize,
    log: String,
}

impl Dialogue {
    fn new(seed: u64) -> Self {
        let first = || {
            ["INBOX", "INBOX.Drafts", "INBOX.Trash", "INBOX.Work", "INBOX.Work.Old"]
                .map(String::from)
                .to_vec()
        };
        Self {
            random: fastrand::Rng::with_seed(seed),
            messages: Vec::new(),
            bodies: Vec::new(),
            folders: USERS.into_iter().map(|user| (user, first())).collect(),
            made: 0,
            log: String::new(),
        }
    }

    fn folder(&mut self, user: &str) -> String {
        let folders = &self.folders[user];
        folders[self.random.usize(..folders.len())].clone()
    }

    fn message(&mut self) -> String {
        if !self.bodies.is_empty() && self.random.u8(..4) == 0 {
            return self.bodies[self.random.usize(..self.bodies.len())].clone();
        }
        let n = self.messages.len();
        let id = format!("<m{n}.Seed@Example.org>");
        let mut text = format!(
            "Message-ID: {id}\r\nDate: Mon, {:02} Jan 2024 10:{:02}:00 +0000\r\n",
            n % 27 + 1,
            n % 60
        );
        let from = [
            "Ann Archer <ann@a.example>",
            "bert@B.example",
            "=?utf-8?Q?J=C3=BCrg?= <jo@x.example>",
            "\"A B\" <ANN@a.example>",
        ];
        write!(text, "From: {}\r\n", from[self.random.usize(..from.len())]).expect("write");
        let mut subject = format!("Topic {} {}", n, ["plain", "ü", "[list] x"][n % 3]);
        if n > 0 && self.random.u8(..3) > 0 {
            let back = self.random.usize(n.saturating_sub(25)..n);
            let (of, parent) = self.messages[back].clone();
            match self.random.u8(..4) {
                0 => write!(text, "In-Reply-To: {parent}\r\n").expect("write"),
                1 => {
                    let other = self.messages[self.random.usize(..n)].1.clone();
                    write!(text, "References: {other}\r\n {parent}\r\n").expect("write");
                }
                _ => write!(text, "References: {parent}\r\n").expect("write"),
            }
            if self.random.u8(..5) > 0 {
                subject = format!("Re: {of}");
            }
        }
        if self.random.u8(..12) > 0 {
            write!(text, "Subject: {subject}\r\n").expect("write");
        }
        if self.random.u8(..6) == 0 {
            text.push_str("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nsame text\r\n");
            write!(text, "--q\r\nContent-Type: text/html\r\n\r\n<p>{n}</p>\r\n--q--\r\n").expect("write");
        } else {
            write!(text, "\r\n{}\r\n", "word ".repeat(self.random.usize(..40))).expect("write");
        }
        self.messages.push((subject, id));
        self.bodies.push(text.clone());
        text
    }

    fn flags(&mut self) -> &'static str {
        let all = [
            "",
            "\\Seen",
            "\\Flagged",
            "\\Draft",
            "\\Seen \\Answered",
            "$Label1",
            "\\Seen $Label1",
            "\\Deleted",
            "\\Draft \\Seen",
        ];
        all[self.random.usize(..all.len())]
    }

    fn set(&mut self) -> String {
        let first = self.random.u32(1..30);
        match self.random.u8(..4) {
            0 => format!("{first}:{}", first + self.random.u32(..6)),
            1 => "*".to_string(),
            _ => first.to_string(),
        }
    }

    fn step(&mut self, imap: &mut Imap, user: &'static str) {
        let here = self.folder(user);
        let there = self.folder(user);
        let set = self.set();
        let command = match self.random.u8(..20) {
            0..=5 => {
                let text = self.message();
                let (flags, day) = (self.flags(), self.random.u8(1..28));
                let args = format!("{here} ({flags}) \"{day:02}-Jan-2024 12:00:00 +0000\"");
                let answer = imap.append(&args, text.as_bytes());
                writeln!(self.log, "APPEND {args}: {}", verdict(&answer.last)).expect("write");
                return;
            }
            6..=7 => format!("SELECT {here}"),
            8..=10 => {
                let how = ["+FLAGS", "-FLAGS", "FLAGS", "+FLAGS.SILENT"][self.random.usize(..4)];
                format!("UID STORE {set} {how} ({})", self.flags())
            }
            11..=12 => format!("UID COPY {set} {there}"),
            13 => format!("UID MOVE {set} {there}"),
            14 => "EXPUNGE".to_string(),
            15 => format!("UID EXPUNGE {set}"),
            16 => format!("UID COPY {set} user.{}.Shared", if user == "ann" { "bert" } else { "ann" }),
            17 => {
                self.made += 1;
                let name = format!("INBOX.F{}", self.made);
                self.folders.get_mut(user).expect("user").push(name.clone());
                format!("CREATE {name}")
            }
            18 => {
                let at = self.random.usize(..self.folders[user].len());
                let old = self.folders[user][at].clone();
                if at < 3 {
                    "NOOP".to_string()
                } else {
                    self.made += 1;
                    let new = format!("INBOX.R{}", self.made);
                    for name in self.folders.get_mut(user).expect("user") {
                        if let Some(rest) =
                            name.strip_prefix(&old).filter(|rest| rest.is_empty() || rest.starts_with('.'))
                        {
                            *name = format!("{new}{rest}");
                        }
                    }
                    format!("RENAME {old} {new}")
                }
            }
            _ => {
                let at = self.random.usize(..self.folders[user].len());
                if at < 3 || self.random.bool() {
                    "CLOSE".to_string()
                } else {
                    let name = self.folders.get_mut(user).expect("user").remove(at);
                    format!("DELETE {name}")
                }
            }
        };
        let answer = imap.command(&command);
        assert!(!answer.last.is_empty(), "{command}: no answer");
        writeln!(self.log, "{user} {command}: {}", verdict(&answer.last)).expect("write");
    }
}

fn verdict(last: &[u8]) -> String {
    String::from_utf8_lossy(last).split_whitespace().nth(1).unwrap_or_default().to_string()
}

/// The whole dialogue, the two users taking turns; what was asked and how it was answered.
fn talk(instance: &Instance, services: &[&str], seed: u64, steps: usize) -> String {
    let mut admin = instance.imap_as(services[0], "admin");
    let mut dialogue = Dialogue::new(seed);
    for user in USERS {
        for folder in ["Drafts", "Trash", "Work", "Work.Old", "Shared"] {
            admin.ok(&format!("CREATE user.{user}.{folder}"));
        }
        admin.ok(&format!("SETACL user.{user}.Shared anyone lrswipte"));
    }
    let login = |turn: usize, user: &str| instance.imap_as(services[turn % services.len()], user);
    let mut sessions: Vec<Imap> = USERS.iter().map(|user| login(0, user)).collect();
    for n in 0..steps {
        let at = usize::from(dialogue.random.u8(..3) == 0);
        let session = &mut sessions[at];
        if n % 40 == 39 {
            session.ok("LOGOUT");
            *session = login(n / 40, USERS[at]);
        }
        dialogue.step(session, USERS[at]);
    }
    for mut session in sessions {
        session.ok("LOGOUT");
    }
    // One whole user gets a new name.
    let answer = admin.command("RENAME user.ann user.anna");
    writeln!(dialogue.log, "RENAME user: {}", verdict(&answer.last)).expect("write");
    admin.ok("LOGOUT");
    dialogue.log
}

/// A database, read from a copy: whoever opens the real one may mend it, as another user.
fn open(path: &Path, kind: Kind) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let copy = dir.path().join("copy.db");
    std::fs::copy(path, &copy).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let db = Db::open(&copy, kind, &OpenFlags::default()).expect("database");
    (dir, db)
}

/// Names of mailboxes by unique id.
fn names(instance: &Instance) -> BTreeMap<String, String> {
    let (_dir, db) = open(&instance.root().join("conf/mailboxes.db"), Kind::Twoskip);
    let mut found = BTreeMap::new();
    db.foreach(b"I", |key, value| {
        let id = String::from_utf8_lossy(&key[1..]).into_owned();
        let text = String::from_utf8_lossy(value);
        let name = text.split("N ").nth(1).unwrap_or_default().split([' ', ')']).next().unwrap_or_default();
        let mut name = name.replace('\u{1f}', ".");
        if name.starts_with("DELETED") {
            name = name.rsplit_once('.').map_or(name.clone(), |(head, _)| head.to_string());
        }
        found.insert(id, name);
        ControlFlow::Continue(())
    })
    .expect("foreach");
    found
}

/// What masks a dump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mask {
    /// Ids and times.
    Ids,
    /// Modseqs too: they depend on when the mailbox of splits was made.
    Modseqs,
}

/// All records of a user's conversations, readable, with the ids of mailboxes as names.
fn dump(instance: &Instance, user: &str, mask: Mask) -> Vec<String> {
    let names = names(instance);
    let inbox = names.iter().find(|(_, name)| **name == format!("user.{user}")).map(|(id, _)| id.clone());
    let inbox = inbox.unwrap_or_else(|| panic!("no INBOX of {user}"));
    let dir = instance.root().join("conf/user/uuid").join(&inbox[..1]).join(&inbox[1..2]).join(&inbox);
    let (_dir, db) = open(&dir.join("conversations.db"), Kind::Skiplist);
    let mut lines = Vec::new();
    db.foreach(b"", |key, value| {
        let key_text = String::from_utf8_lossy(key).into_owned();
        let value_text = String::from_utf8_lossy(value).into_owned();
        let line = match key.first() {
            Some(b'<') => format!("{key_text} {}", value_text.rsplit_once(' ').map_or("", |(head, _)| head)),
            Some(b'F') => {
                let name = names.get(&key_text[1..]).cloned().unwrap_or_else(|| "gone".into());
                let value = if mask == Mask::Modseqs { after_modseq(&value_text) } else { value_text };
                format!("F {name} {value}")
            }
            // The word of the system flags: the oracle's STORE writes internal ones there as well.
            Some(b'G') if value.len() == 25 => {
                let mut value = value.to_vec();
                value[9..11].fill(0);
                format!("{key_text} {}", value.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            Some(b'B') if mask == Mask::Modseqs => format!("{key_text} {}", without_modseqs(&value_text)),
            Some(b'$') => {
                let mut text = value_text;
                for (id, name) in &names {
                    text = text.replace(id, name);
                }
                format!("{key_text} {text}")
            }
            _ => format!("{key_text} {value_text}"),
        };
        lines.push(line);
        ControlFlow::Continue(())
    })
    .expect("foreach");
    lines.sort();
    lines
}

fn after_modseq(text: &str) -> String {
    text.splitn(3, ' ').nth(2).unwrap_or_default().to_string()
}

/// A conversation without its own modseqs, those of its folders, and that of its creation.
fn without_modseqs(text: &str) -> String {
    let mut depth = 0_i32;
    let mut list = 0;
    let mut item = 0;
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '(' => {
                depth += 1;
                if depth == 2 {
                    list += 1;
                }
                item = 0;
                out.push(c);
            }
            ')' => {
                depth -= 1;
                out.push(c);
            }
            ' ' => {
                item += 1;
                out.push(c);
            }
            _ if depth == 3 && list == 2 && item == 1 => {}
            _ if depth == 1 && (item == 0 && list == 0) => {}
            _ => out.push(c),
        }
    }
    out.rsplit_once(' ').map_or(out.clone(), |(head, _)| head.to_string())
}

fn difference(what: &str, expected: &[String], actual: &[String]) {
    let missing: Vec<_> = expected.iter().filter(|line| !actual.contains(line)).take(8).collect();
    let extra: Vec<_> = actual.iter().filter(|line| !expected.contains(line)).take(8).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{what}:\nonly the oracle: {missing:#?}\nonly ours: {extra:#?}"
    );
    assert_eq!(expected.len(), actual.len(), "{what}");
}

fn builder(server: Server, max_thread: &str) -> Builder {
    Builder::new(server)
        .option("conversations", "yes")
        .option("conversations_db", "skiplist")
        .option("conversations_counted_flags", "\\Draft \\Flagged $Label1")
        .option("conversations_max_thread", max_thread)
        .option("allowusermoves", "yes")
        .option("hashimapspool", "no")
}

/// Counting anew with the tools of `server` finds the same, but for modseqs that only gone messages had.
fn recount(instance: &Instance, server: Server, user: &str) {
    let before = dump(instance, user, Mask::Modseqs);
    let out = instance.tool(server, "ctl_conversationsdb", &["-R", user]);
    assert!(out.status.success(), "ctl_conversationsdb -R: {}", String::from_utf8_lossy(&out.stderr));
    let after = dump(instance, user, Mask::Modseqs);
    let (before, after) = (counted(&before), counted(&after));
    difference("counted anew", &after, &before);
}

/// Without what a recount cannot know: dates of senders and of copies, and folders without messages.
fn counted(lines: &[String]) -> Vec<String> {
    let keep = |line: &&String| !line.starts_with('<') && !line.starts_with("F ") || line.contains("F user");
    lines
        .iter()
        .filter(keep)
        .map(|line| match line.strip_prefix('B') {
            // Up to the senders.
            Some(_) => line.split(" ((").take(2).collect::<Vec<_>>().join(" (("),
            // Without the unseen messages of a folder, which the oracle does not always write down.
            None if line.starts_with("F ") => line.rsplit_once(' ').map_or("", |(head, _)| head).to_string(),
            None => line.clone(),
        })
        .collect()
}

fn audit(instance: &Instance, user: &str) {
    for server in [Server::Ours, Server::Oracle] {
        let out = instance.tool(server, "ctl_conversationsdb", &["-A", "-v", user]);
        let text = String::from_utf8_lossy(&[out.stderr, out.stdout].concat()).into_owned();
        assert!(text.ends_with(&format!("{user} is OK\n")), "{server:?}: {text}");
    }
}

fn compare(seed: u64, steps: usize, max_thread: &str, mask: Mask) {
    let oracle = builder(Server::Oracle, max_thread).start();
    let log = talk(&oracle, &["imap"], seed, steps);
    let ours = builder(Server::Ours, max_thread).start();
    let our_log = talk(&ours, &["imap"], seed, steps);
    for (expected, actual) in log.lines().zip(our_log.lines()) {
        assert_eq!(expected, actual, "the dialogues part ways\n{log}");
    }
    for user in ["anna", "bert"] {
        let (expected, actual) = (dump(&oracle, user, mask), dump(&ours, user, mask));
        assert!(expected.len() > 100, "only {} records", expected.len());
        difference(user, &expected, &actual);
        audit(&ours, user);
        recount(&ours, Server::Oracle, user);
        recount(&ours, Server::Ours, user);
        audit(&ours, user);
    }
    // What is expunged goes, with its records.
    for (instance, server) in [(&oracle, Server::Oracle), (&ours, Server::Ours)] {
        let out = instance.tool(server, "cyr_expire", &["-X", "0", "-c"]);
        assert!(out.status.success(), "cyr_expire: {}", String::from_utf8_lossy(&out.stderr));
    }
    for user in ["anna", "bert"] {
        let (expected, actual) = (dump(&oracle, user, Mask::Modseqs), dump(&ours, user, Mask::Modseqs));
        difference(user, &counted(&expected), &counted(&actual));
        audit(&ours, user);
    }
}

#[test]
fn a_long_dialogue_leaves_the_conversations_of_the_oracle() {
    case("ours::conversations::long", &[Need::Oracle], || compare(20_240_105, 1000, "100", Mask::Ids));
}

#[test]
fn long_conversations_are_split_as_the_oracle_splits_them() {
    case("ours::conversations::split", &[Need::Oracle], || compare(77, 500, "4", Mask::Modseqs));
}

#[test]
fn both_makes_keep_the_conversations_of_one_spool() {
    case("mixed::conversations", &[Need::Oracle], || {
        let instance = builder(Server::Oracle, "6").server("imap2", Server::Ours).start();
        let reference = builder(Server::Oracle, "6").start();
        let log = talk(&instance, &["imap", "imap2"], 5, 500);
        assert_eq!(log, talk(&reference, &["imap"], 5, 500), "the dialogues part ways");
        for user in ["anna", "bert"] {
            let expected = dump(&reference, user, Mask::Modseqs);
            difference(user, &expected, &dump(&instance, user, Mask::Modseqs));
            audit(&instance, user);
            recount(&instance, Server::Oracle, user);
        }
    });
}
