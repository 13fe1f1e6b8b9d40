//! The Sieve differential: every script of tests/data/sieve filters every message there, each pair a case.
//!
//! Each script has a user of its own and comes in by ManageSieve, with the personal scripts of includes.txt beside it;
//! the global ones lie in the Sieve directory. `@WORKID@` is the mailbox id of INBOX.Work. The messages follow by LMTP.
//! Scripts that speak of address books have one, its cards written into the user's dav.db. Told are the LMTP
//! reply, every stored copy with its folder, flags and bytes, the mails a stub `sendmail` took, with its arguments,
//! and the notifications. Ids, dates of new mails and what names a process are normalised. The oracle's account is
//! the record; ours must be the same, with its own bytecode and with the oracle's.

use cyrus_tests::imap::Imap;
use cyrus_tests::known::Need;
use cyrus_tests::sieve_scripts::blocks;
use cyrus_tests::transcript::normalise;
use cyrus_tests::{Builder, Instance, Server, case, place, record};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Users filtered for at a time.
const THREADS: usize = 8;

/// Takes mail as `sendmail -bs` does; the mail and the arguments go into a file of their own.
const SENDMAIL: &str = r#"#!/bin/bash
f=$(mktemp @ROOT@/out/part.XXXXXXXXXX)
printf 'argv: %s %s\n' "${0##*/}" "$*" >> "$f"
say() { printf '%s\r\n' "$1"; }
say '220 stub'
while IFS= read -r line; do
  line=${line%$'\r'}
  case "$line" in
    EHLO*) say '250-stub'; say '250-DSN'; say '250-AUTH PLAIN'; say '250 DELIVERBY';;
    MAIL*|RCPT*) printf '%s\n' "$line" >> "$f"
      case "$line" in *refused*) say '550 no';; *) say '250 ok';; esac;;
    DATA) say '354 go'
      while IFS= read -r line; do
        [ "$line" = $'.\r' ] && break
        printf '%s\n' "$line" >> "$f"
      done
      say '250 done';;
    QUIT) say '221 bye'; break;;
    *) say '250 ok';;
  esac
done
chmod 644 "$f"
mv "$f" "${f/part/mail}"
"#;

struct Script {
    name: String,
    text: String,
}

struct Message {
    sender: String,
    detail: String,
    text: String,
}

fn scripts(table: &str) -> Vec<Script> {
    blocks(table).into_iter().map(|(name, text)| Script { name, text }).collect()
}

fn messages() -> Vec<Message> {
    let read = |(head, text): (String, String)| {
        let (sender, detail) = head.split_once(' ').unwrap_or((&head, ""));
        let sender = sender.trim_matches(['<', '>']).to_owned();
        Message { sender, detail: detail.trim().to_owned(), text }
    };
    blocks("messages.txt").into_iter().map(read).collect()
}

fn user(index: usize) -> String {
    format!("s{index:03}")
}

/// One installation after all cases; what became of each.
fn run(builder: Builder) -> String {
    let scripts = scripts("scripts.txt");
    assert!(scripts.len() * messages().len() >= 400, "too few cases");
    run_scripts(builder, scripts)
}

/// The same for the scripts whose mailboxes are named in UTF-8.
fn run_utf8(builder: Builder) -> String {
    run_scripts(builder.option("sieve_utf8fileinto", "yes"), scripts("utf8.txt"))
}

fn run_scripts(builder: Builder, scripts: Vec<Script>) -> String {
    let scripts = Arc::new(scripts);
    let messages = Arc::new(messages());
    let mut builder = builder
        .option("defaultdomain", "mail.example")
        .option("httpmodules", "carddav")
        .option("sendmail", "/nonexistent")
        .option("sievenotifier", "log")
        .option("sieve_maxscripts", "9");
    for index in 0..scripts.len() {
        builder = builder.user(&user(index));
    }
    let mut instance = builder.build();
    let root = instance.root().to_path_buf();
    lay_out_stub(&root);
    lay_out_global_scripts(&root);
    let socket = UnixDatagram::bind(root.join("sock/notify")).expect("notify socket");
    std::fs::set_permissions(root.join("sock/notify"), PermissionsExt::from_mode(0o777)).expect("chmod");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
    instance.start();
    let mut admin = instance.imap_as("imap", "admin");
    for index in 0..scripts.len() {
        admin.ok(&format!("CREATE user.{}", user(index)));
    }
    admin.ok("SETMETADATA \"\" (/shared/comment \"the srv\")");
    let instance = Arc::new(instance);
    let next = AtomicUsize::new(0);
    let accounts = Mutex::new(BTreeMap::new());
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let notices = std::thread::scope(|scope| {
        // The socket holds few datagrams, and a full one loses them.
        let listener = scope.spawn(|| {
            let mut got = Vec::new();
            let mut buffer = vec![0; 65536];
            loop {
                match socket.recv(&mut buffer) {
                    Ok(octets) => got.push(buffer[..octets].to_vec()),
                    Err(_) if is_over.load(Ordering::Relaxed) => return got,
                    Err(_) => {}
                }
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    while let Some((index, script)) = pick(&next, &scripts) {
                        let account = serve(&instance, &user(index), script, &messages);
                        accounts.lock().expect("accounts").insert(index, account);
                    }
                })
            })
            .collect();
        let joined: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        // The listener must end also when a worker failed.
        is_over.store(true, Ordering::Relaxed);
        joined.into_iter().for_each(|result| result.expect("worker"));
        listener.join().expect("listener")
    });
    let mails = mails(&root);
    let mut out = String::new();
    for (index, account) in accounts.into_inner().expect("accounts") {
        let user = user(index);
        let _ = writeln!(out, "== {}\n{account}", scripts[index].name);
        for mail in mails.iter().filter(|mail| mail.contains(&format!("<{user}-m"))) {
            let _ = writeln!(out, "mail:\n{mail}");
        }
        let marker = format!("\0{user}\0");
        let told = notices.iter().map(|octets| String::from_utf8_lossy(octets).into_owned());
        for notice in told.filter(|notice| notice.contains(&marker)) {
            // The last field is the staged file.
            let fields: Vec<&str> = notice.trim_end_matches('\0').split('\0').collect();
            let _ = writeln!(out, "notice: {:?}", fields.split_last().map_or(&[][..], |(_, rest)| rest));
        }
    }
    if place::oracle().is_some() {
        instance.check_by_oracle();
    }
    out
}

fn pick<'s>(next: &AtomicUsize, scripts: &'s [Script]) -> Option<(usize, &'s Script)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    scripts.get(index).map(|script| (index, script))
}

fn lay_out_stub(root: &Path) {
    let out = root.join("out");
    std::fs::create_dir_all(&out).expect("mkdir");
    std::fs::set_permissions(&out, PermissionsExt::from_mode(0o777)).expect("chmod");
    let stub = root.join("sendmail");
    std::fs::write(&stub, SENDMAIL.replace("@ROOT@", &root.display().to_string())).expect("stub");
    std::fs::set_permissions(&stub, PermissionsExt::from_mode(0o755)).expect("chmod");
    let conf = root.join("imapd.conf");
    let text = std::fs::read_to_string(&conf).expect("imapd.conf");
    std::fs::write(&conf, text.replace("/nonexistent", &stub.display().to_string())).expect("imapd.conf");
}

/// The included scripts of a place, `personal` or `global`.
fn included(place: &str) -> Vec<Script> {
    let of_place = |(head, text): (String, String)| {
        let name = head.strip_prefix(place)?.trim().to_owned();
        Some(Script { name, text })
    };
    blocks("includes.txt").into_iter().filter_map(of_place).collect()
}

fn lay_out_global_scripts(root: &Path) {
    let dir = root.join("sieve/global");
    std::fs::create_dir_all(&dir).expect("mkdir");
    std::fs::set_permissions(&dir, PermissionsExt::from_mode(0o777)).expect("chmod");
    for script in included("global") {
        std::fs::write(dir.join(format!("{}.script", script.name)), script.text).expect("global script");
    }
}

/// The id by which `fileinto :mailboxid` knows a mailbox.
fn mailboxid(imap: &mut Imap, name: &str) -> String {
    let status = imap.command(&format!("STATUS {name} (MAILBOXID)")).text();
    let id = status.split_once("MAILBOXID (").and_then(|(_, rest)| rest.split_once(')'));
    id.unwrap_or_else(|| panic!("no MAILBOXID: {status}")).0.to_owned()
}

/// Makes the user's address book: Joe with two addresses, a list, and a deleted card.
fn fill_address_book(instance: &Instance, user: &str, inboxid: &str) {
    let mut admin = instance.imap_as("imap", "admin");
    let name = format!("user.{user}.#addressbooks.Default");
    admin.ok(&format!("CREATE {name} (TYPE ADDRESSBOOK)"));
    admin.ok(&format!("SETACL {name} admin lr"));
    let book = mailboxid(&mut admin, &name);
    let (first, second) = (&inboxid[..1], &inboxid[1..2]);
    let path = instance.root().join(format!("conf/user/uuid/{first}/{second}/{inboxid}/dav.db"));
    let dav = rusqlite::Connection::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    dav.busy_timeout(Duration::from_secs(5)).expect("timeout");
    dav.execute_batch(&format!(
        "INSERT INTO vcard_objs (rowid, mailbox, resource, imap_uid, modseq, vcard_uid, alive) VALUES \
         (1, '{book}', 'joe', 1, 1, 'joe', 1), (2, '{book}', 'list', 2, 2, 'list', 1), (3, '{book}', 'ed', 3, 3, 'ed', 0); \
         INSERT INTO vcard_emails (objid, pos, email, ispref) VALUES (1, 0, 'joe@example.org', 0), \
         (1, 1, 'joe@example.net', 1), (2, 0, 'List@lists.example', 0), (3, 0, 'ed@example.org', 1);"
    ))
    .expect("cards");
}

/// All cases of one script.
fn serve(instance: &Instance, user: &str, script: &Script, messages: &[Message]) -> String {
    let mut out = String::new();
    let mut imap = instance.imap_as("imap", user);
    for command in [
        "CREATE INBOX.Work",
        "CREATE INBOX.Junk (USE (\\Junk))",
        "SETMETADATA INBOX (/shared/comment \"marked\" /private/comment \"mine\")",
    ] {
        imap.command(command);
    }
    let mut sieve = instance.sieve("sieve");
    sieve.login(user, "");
    for script in included("personal") {
        sieve.put(&script.name, &script.text);
    }
    let answer = sieve.put("s", &script.text.replace("@WORKID@", &mailboxid(&mut imap, "INBOX.Work")));
    if !answer.starts_with(b"OK") {
        let _ = writeln!(out, "put: {}", answer.escape_ascii());
    }
    if script.text.contains("addrbook") {
        fill_address_book(instance, user, &mailboxid(&mut imap, "INBOX"));
    }
    sieve.command(b"SETACTIVE \"s\"");
    sieve.send(b"LOGOUT\r\n");
    sieve.reply();
    let mut lmtp = instance.lmtp("lmtp");
    lmtp.command("LHLO client");
    for (number, message) in messages.iter().enumerate() {
        let id = format!("{user}-m{number}@test");
        let text = message.text.replace("@USER@", user).replace("@ID@", &id);
        let to = format!("{user}{}@mail.example", message.detail);
        for line in lmtp.deliver(&message.sender, &to, text.as_bytes()) {
            let _ = writeln!(out, "lmtp m{number}: {}", normalise(&line, instance.root()));
        }
    }
    lmtp.command("QUIT");
    let listed = imap.command("LIST \"\" INBOX*").text();
    let mut names: Vec<&str> = listed
        .lines()
        .filter(|line| line.starts_with("* LIST"))
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    names.sort_unstable();
    for name in names {
        imap.command(&format!("EXAMINE {name}"));
        let fetched = imap.command("UID FETCH 1:* (FLAGS BODY.PEEK[])").text();
        let _ = writeln!(out, "mailbox {name}");
        out.push_str(&stored(&fetched));
    }
    imap.command("LOGOUT");
    out
}

/// Stored messages, as flags and text.
fn stored(fetched: &str) -> String {
    let mut out = String::new();
    for line in timeless(fetched) {
        if line.contains(" OK ") {
            continue;
        }
        // Sizes count lines that were left out.
        let line = match line.split_once(" BODY[] {") {
            Some((before, _)) => before.replace("\\Recent", "").replace(" )", ")").replace("( ", "("),
            None => line,
        };
        let _ = writeln!(out, "  {line}");
    }
    out
}

/// The mails that the stub took, in the order of their texts.
fn mails(root: &Path) -> Vec<String> {
    let mut mails: Vec<String> = std::fs::read_dir(root.join("out"))
        .expect("out")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("mail."))
        .map(|entry| {
            let octets = std::fs::read(entry.path()).expect("mail");
            timeless(&String::from_utf8_lossy(&octets)).iter().fold(String::new(), |mut out, line| {
                let _ = writeln!(out, "  {line}");
                out
            })
        })
        .collect();
    mails.sort();
    mails
}

/// The lines of messages without what tells of time, process and session.
fn timeless(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut is_ours = false;
    let mut in_received = 0;
    for line in text.replace("\r\n", "\n").lines() {
        is_ours |= line.starts_with("Message-ID: <cmu-sieve-");
        if line.starts_with("Received: from client") {
            in_received = 3;
        }
        if in_received > 0 {
            in_received -= 1;
            if line.starts_with("Received:") || line.starts_with('\t') {
                continue;
            }
        }
        if line.starts_with("X-Cyrus-Session-Id:") {
            continue;
        }
        let is_date = is_ours && line.starts_with("Date: ");
        is_ours &= !is_date;
        out.push(match line {
            _ if is_date => "Date: D".to_owned(),
            line if line.starts_with("Reporting-UA: ") => "Reporting-UA: U".to_owned(),
            line => tidy(line),
        });
    }
    out
}

/// Replaces the parts of ids that differ from run to run.
fn tidy(line: &str) -> String {
    let mut line = line.to_owned();
    if let Some(start) = line.find("<cmu-sieve-") {
        if let Some(end) = line[start..].find('@') {
            line.replace_range(start + 11..start + end, "ID");
        }
    }
    if let Some(at) = line.find("/mail.example") {
        let digits = line[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
        line.replace_range(at - digits..at, "P");
    }
    line
}

fn builder(lmtpd: Server, timsieved: Server) -> Builder {
    Builder::new(lmtpd).server("sieve", timsieved)
}

/// `denotify` works here and is a run-time error of the original (docs/deviations.md).
const RUN_HERE: &[&str] = &["notify and denotify", "notify old and denotify all"];

/// `redirect :list` cannot be compiled by the original.
const COMPILED_HERE: &[&str] = &["extlists redirect", "extlists redirect full"];

/// What cannot run here is refused when it is put (docs/deviations.md).
const REFUSED_HERE: &[&str] = &["snooze without a place"];

/// What a case shows if nothing else is said: a message in INBOX.Work.
const FILED: &str = "mailbox INBOX.Work\n  * 1 FETCH";

/// Every action and test of reached.txt fires in its case; `--nocapture` prints the table.
#[test]
fn every_action_and_test_fires() {
    let text =
        std::fs::read_to_string(place::root().join("tests/data/sieve/reached.txt")).expect("reached.txt");
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with(' '));
    let mut silent = Vec::new();
    for row in rows {
        let mut parts = row.splitn(3, " | ");
        let (word, case) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let shown = parts.next().unwrap_or(FILED).replace("\\n", "\n");
        println!("{word:40} {case}");
        if !record::section("sieve", case).contains(&shown) {
            silent.push(row);
        }
    }
    assert!(silent.is_empty(), "these do not fire: {silent:#?}");
}

#[test]
fn oracle_filters_as_recorded() {
    case("oracle::sieve", &[Need::Oracle], || {
        record::check("sieve", Server::Oracle, &run(builder(Server::Oracle, Server::Oracle)));
    });
}

#[test]
fn ours_filters_as_the_oracle_did() {
    case("ours::sieve", &[], || {
        let exceptions = [RUN_HERE, COMPILED_HERE, REFUSED_HERE].concat();
        record::check_but("sieve", Server::Ours, &run(builder(Server::Ours, Server::Ours)), &exceptions);
    });
}

#[test]
fn the_oracle_files_by_utf8_names_as_recorded() {
    case("oracle::sieve_utf8", &[Need::Oracle], || {
        record::check("sieve_utf8", Server::Oracle, &run_utf8(builder(Server::Oracle, Server::Oracle)));
    });
}

#[test]
fn ours_files_by_utf8_names_as_the_oracle_did() {
    case("ours::sieve_utf8", &[], || {
        record::check("sieve_utf8", Server::Ours, &run_utf8(builder(Server::Ours, Server::Ours)));
    });
}

#[test]
fn ours_filters_by_bytecode_of_the_oracle() {
    case("ours::sieve_bytecode", &[Need::Oracle], || {
        let builder = builder(Server::Oracle, Server::Oracle).server("lmtp", Server::Ours);
        record::check_but("sieve", Server::Ours, &run(builder), RUN_HERE);
    });
}

#[test]
fn the_oracle_filters_by_our_bytecode() {
    case("oracle::sieve_bytecode", &[Need::Oracle], || {
        let builder = builder(Server::Oracle, Server::Ours);
        let exceptions = [COMPILED_HERE, REFUSED_HERE].concat();
        record::check_but("sieve", Server::Oracle, &run(builder), &exceptions);
    });
}
