//! ManageSieve: dialogues of `tests/data/timsieved`, on the oracle, on ours, and on both in turn over the same scripts.
//!
//! ```text
//! == a case                  its users begin without scripts
//! @option name value         an option of imapd.conf (before the first case)
//! @user name                 a further user with an INBOX (before the first case)
//! A+ ann [other]             connection A logs in by PLAIN as ann, to act for other
//! A: LISTSCRIPTS             A sends this and reads everything that it causes
//! A: PUTSCRIPT "x" <<        a literal follows, up to a line ">>"; what stands behind ">>" goes on with the command
//! A> "..."                   A sends this and reads one reply or challenge
//! A!                         connection A is closed without a word
//! @deliver ann <<            a message by LMTP, up to a line ">>"
//! @imap ann STATUS INBOX ()  IMAP commands of a user, and their answers
//! @files ann                 bytecode files and the active link of a user
//! @old ann name <<           a script as versions before 3.6 kept it, up to a line ">>"
//! @active ann name           the link of a user to the script
//! ```

use cyrus_tests::dialogue::{Make, unescape};
use cyrus_tests::known::Need;
use cyrus_tests::tls::certificate;
use cyrus_tests::transcript::{difference, normalise, printable, response};
use cyrus_tests::{Builder, Instance, Server, Sieve, case, place, record};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A data file: what the instance is like, and the lines of each case.
#[derive(Default)]
struct Script {
    options: Vec<(String, String)>,
    users: Vec<String>,
    cases: Vec<(String, Vec<String>)>,
}

impl Script {
    fn load(name: &str) -> Self {
        let path = place::root().join(format!("tests/data/timsieved/{name}.txt"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut script = Self::default();
        for line in text.lines() {
            match (line.strip_prefix("== "), script.cases.last_mut()) {
                (Some(title), _) => script.cases.push((title.into(), Vec::new())),
                (None, Some((_, lines))) => lines.push(line.into()),
                (None, None) => match line.split_once(' ') {
                    Some(("@option", rest)) => {
                        let (name, value) = rest.split_once(' ').expect("name and value");
                        script.options.push((name.into(), value.into()));
                    }
                    Some(("@user", user)) => script.users.push(user.into()),
                    _ => assert!(line.is_empty() || line.starts_with('#'), "{name}: {line}"),
                },
            }
        }
        script
    }

    fn instance(&self, make: Make) -> Instance {
        let mut builder = match make {
            Make::Oracle | Make::Master => Builder::new(Server::Oracle).server("sieve", Server::Oracle),
            Make::Ours => Builder::new(Server::Ours).server("sieve", Server::Ours),
            Make::Mixed => Builder::new(Server::Ours)
                .server("tools", Server::Oracle)
                .server("imap2", Server::Oracle)
                .server("lmtp2", Server::Oracle)
                .server("sieve", Server::Ours)
                .server("sieve2", Server::Oracle),
        };
        for (name, value) in &self.options {
            let value = value.replace("@CERTIFICATE@", &certificate().display().to_string());
            builder = builder.option(name, &value);
        }
        for user in &self.users {
            builder = builder.user(user);
        }
        builder.start()
    }
}

/// A run of one file.
struct Run<'a> {
    instance: &'a Instance,
    make: Make,
    turn: usize,
    out: String,
    clients: BTreeMap<char, Sieve>,
    users: Vec<(String, String)>,
}

impl Run<'_> {
    /// In mixed runs connections go to ours and to the oracle's in turn.
    fn service(&mut self, name: &str) -> String {
        let second = self.make == Make::Mixed && self.turn % 2 == 1;
        self.turn += 1;
        if second { format!("{name}2") } else { name.to_owned() }
    }

    fn say(&mut self, who: &str, bytes: &[u8]) {
        for line in response(bytes, self.instance.root()) {
            // The implementation's version apart, answers are the same; a trailing blank line is none.
            let _ = writeln!(self.out, "{who} {line}");
        }
    }

    fn client(&mut self, who: char) -> &mut Sieve {
        if !self.clients.contains_key(&who) {
            let service = self.service("sieve");
            let client = self.instance.sieve(&service);
            self.clients.insert(who, client);
        }
        self.clients.get_mut(&who).expect("just opened")
    }

    fn line(&mut self, line: &str, lines: &mut dyn Iterator<Item = &String>) {
        let mut block = || {
            let mut body = Vec::new();
            for line in &mut *lines {
                if let Some(after) = line.strip_prefix(">>") {
                    return (body, after.to_string());
                }
                body.extend(unescape(line));
                body.extend_from_slice(b"\r\n");
            }
            panic!("a block has no end");
        };
        if let Some(rest) = line.strip_prefix('@') {
            let (word, rest) = rest.split_once(' ').expect("a word and a user");
            let (user, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let _ = writeln!(self.out, "{line}");
            match word {
                "deliver" => {
                    let (message, _) = block();
                    let service = self.service("lmtp");
                    let mut lmtp = self.instance.lmtp(&service);
                    lmtp.command("LHLO client.example");
                    for line in lmtp.deliver("sender@client.example", user, &message) {
                        let _ = writeln!(self.out, "  {}", normalise(&line, self.instance.root()));
                    }
                }
                "imap" => {
                    let service = self.service("imap");
                    let answer = self.instance.imap_as(&service, user).command(rest);
                    for line in answer.lines.iter().chain([&answer.last]) {
                        self.say(" ", line);
                    }
                }
                "files" => self.files(user),
                "old" => {
                    let name = rest.strip_suffix(" <<").expect("a name and a block");
                    let (text, _) = block();
                    self.old_script(user, name, &text);
                }
                "active" => {
                    let dir = self.sieve_dir(user);
                    symlink(format!("{rest}.bc"), dir.join("defaultbc")).expect("symlink");
                    place::own(&dir);
                }
                other => panic!("@{other} is not understood"),
            }
            return;
        }
        let mut chars = line.chars();
        let who = chars.next().filter(char::is_ascii_uppercase).unwrap_or_else(|| panic!("{line}"));
        let kind = chars.next().unwrap_or(' ');
        let rest = chars.as_str().strip_prefix(' ').unwrap_or(chars.as_str());
        let (prefix, from) = (format!("{who} C:"), format!("{who} S:"));
        match kind {
            '+' => {
                let (user, other) = rest.split_once(' ').unwrap_or((rest, ""));
                let _ = writeln!(self.out, "{prefix} (login {rest})");
                let answer = self.client(who).login(user, other);
                self.say(&from, &answer);
                self.users.push((user.into(), other.into()));
            }
            ':' => {
                let mut bytes = Vec::new();
                let mut rest = rest.to_string();
                while let Some(head) = rest.strip_suffix("<<") {
                    let (body, after) = block();
                    bytes.extend(unescape(head));
                    bytes.extend_from_slice(format!("{{{}+}}\r\n", body.len()).as_bytes());
                    bytes.extend(body);
                    rest = after;
                }
                bytes.extend(unescape(&rest));
                for line in printable(&bytes) {
                    let _ = writeln!(self.out, "{prefix} {line}");
                }
                let (answer, is_open) = self.client(who).command(&bytes);
                self.say(&from, &answer);
                if !is_open {
                    let _ = writeln!(self.out, "{who} closed");
                    self.clients.remove(&who);
                }
            }
            '>' => {
                let _ = writeln!(self.out, "{prefix} {rest}");
                let client = self.client(who);
                client.send(&[&unescape(rest)[..], b"\r\n"].concat());
                let answer = client.reply();
                self.say(&from, &answer);
            }
            '!' => {
                self.clients.remove(&who);
            }
            _ => panic!("{line} is not understood"),
        }
    }

    /// The directory of a user's bytecode, wherever the configuration puts it.
    fn sieve_dir(&self, user: &str) -> PathBuf {
        let name = self.instance.tool(Server::Oracle, "mbpath", &["-S", "-u", user]);
        PathBuf::from(String::from_utf8_lossy(&name.stdout).trim())
    }

    fn files(&mut self, user: &str) {
        let dir = self.sieve_dir(user);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = match std::fs::read_link(entry.path()) {
                Ok(target) => format!("{name} -> {}", target.display()),
                Err(_) => format!("{name} {} octets", entry.metadata().map_or(0, |m| m.len())),
            };
            found.push(text);
        }
        found.sort();
        for line in found {
            let _ = writeln!(self.out, "  {line}");
        }
    }

    fn old_script(&self, user: &str, name: &str, text: &[u8]) {
        let dir = self.sieve_dir(user);
        std::fs::create_dir_all(&dir).expect("mkdir");
        std::fs::write(dir.join(format!("{name}.script")), text).expect("write");
        place::own(&self.instance.root().join("sieve"));
    }

    /// Lets the next case find no scripts.
    fn clean(&mut self) {
        self.clients.clear();
        let mut users = std::mem::take(&mut self.users);
        users.sort();
        users.dedup();
        for (user, other) in users {
            let mut client = self.instance.sieve("sieve");
            if client.login(&user, &other).starts_with(b"OK") {
                client.wipe();
            }
        }
    }
}

fn run(name: &str, make: Make) -> String {
    let script = Script::load(name);
    let instance = script.instance(make);
    let mut run = Run {
        instance: &instance,
        make,
        turn: 0,
        out: String::new(),
        clients: BTreeMap::new(),
        users: Vec::new(),
    };
    for (title, lines) in &script.cases {
        let _ = writeln!(run.out, "== {title}");
        let mut lines = lines.iter();
        while let Some(line) = lines.next() {
            if !line.is_empty() && !line.starts_with('#') {
                run.line(line, &mut lines);
            }
        }
        run.clean();
    }
    let out = std::mem::take(&mut run.out);
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
    out
}

fn check(name: &str, make: Make) {
    let actual = run(name, make);
    let golden = place::root().join(format!("tests/golden/timsieved/{name}.txt"));
    if make == Make::Oracle && std::env::var_os("RECORD").is_some() {
        std::fs::write(&golden, &actual).expect("write the record");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_else(|e| panic!("{}: {e}", golden.display()));
    if let Some(dir) = std::env::var_os("CYRUS_TRANSCRIPTS") {
        std::fs::write(Path::new(&dir).join(format!("timsieved.{name}.{make:?}")), &actual)
            .expect("transcript");
    }
    let comparable = |text: String| if make == Make::Oracle { text } else { record::without_unbuilt(&text) };
    if let Some(report) = difference(&comparable(expected), &comparable(actual)) {
        panic!("{name} on {make:?}: {report}");
    }
}

macro_rules! files {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            use super::*;

            #[test]
            fn oracle_answers_as_recorded() {
                case(concat!("oracle::timsieved::", stringify!($name)), &[Need::Oracle], || {
                    check(stringify!($name), Make::Oracle);
                });
            }

            #[test]
            fn ours_answers_as_the_oracle_did() {
                case(concat!("ours::timsieved::", stringify!($name)), &[Need::Oracle], || {
                    check(stringify!($name), Make::Ours);
                });
            }

            #[test]
            fn both_on_the_same_scripts_answer_alike() {
                case(concat!("mixed::timsieved::", stringify!($name)), &[Need::Oracle], || {
                    check(stringify!($name), Make::Mixed);
                });
            }
        })*
    };
}

files! { commands deliveries domains errors layouts limits login migration stores tls }

#[test]
fn every_file_is_run_and_there_are_enough_cases() {
    let dir = place::root().join("tests/data/timsieved");
    let mut files: Vec<String> = std::fs::read_dir(&dir)
        .expect("tests/data/timsieved")
        .filter_map(|e| e.ok()?.path().file_stem()?.to_str().map(str::to_string))
        .collect();
    files.sort();
    assert_eq!(files, NAMES);
    let cases: usize = files.iter().map(|name| Script::load(name).cases.len()).sum();
    assert!(cases >= 80, "only {cases} cases");
}
