//! What `ctl_cyrusdb -r` and `reconstruct` find again, and `quota -Z`, on an instance that is not running.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use cyrus_tests::known::Need;
use cyrus_tests::wait::wait_for;
use cyrus_tests::{Builder, Instance, Server, case};

/// Where the UID of the sixth record stands in an index of version 17: a header of 160 octets, records of 112.
const RECORD_6_UID: usize = 160 + 5 * 112;

/// An instance with the mailboxes of the test's users, stopped.
fn stopped(server: Server) -> Instance {
    let mut instance = Builder::new(server).option("mailbox_legacy_dirs", "yes").start();
    instance.imap_as("imap", "ann").ok("CREATE INBOX.Sub");
    instance.stop();
    instance
}

/// The records of mailboxes.db.
fn records(instance: &Instance, server: Server) -> BTreeMap<String, String> {
    let file = instance.root().join("conf/mailboxes.db").display().to_string();
    let out = instance.tool(server, "cyr_dbtool", &[&file, "twoskip", "show"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The value of a mailbox without its id, and the id.
fn without_id(value: &str) -> (String, String) {
    let at = value.find(" I ").expect("an id");
    let rest = &value[at + 3..];
    let end = rest.find([' ', ')']).expect("its end");
    (format!("{}{}", &value[..at], &rest[end..]), rest[..end].to_owned())
}

fn loses_ids_and_finds_them(server: Server) {
    let instance = stopped(server);
    let before = records(&instance, server);
    let ids: BTreeMap<&String, String> = before
        .iter()
        .filter(|(key, _)| key.starts_with('N'))
        .map(|(key, v)| (key, without_id(v).1))
        .collect();
    assert!(ids.len() > 1, "{before:?}");
    let file = instance.root().join("conf/mailboxes.db").display().to_string();
    for (key, value) in &before {
        let done = match key.as_bytes()[0] {
            b'I' => instance.tool(server, "cyr_dbtool", &[&file, "twoskip", "delete", key]),
            b'N' => {
                instance.tool(server, "cyr_dbtool", &[&file, "twoskip", "set", key, &without_id(value).0])
            }
            _ => continue,
        };
        assert!(done.status.success(), "{key}");
    }
    assert!(records(&instance, server).keys().all(|key| !key.starts_with('I')));
    assert!(instance.tool(server, "ctl_cyrusdb", &["-r"]).status.success());
    let after = records(&instance, server);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (key, id) in ids {
        assert_eq!(without_id(&after[key]).1, id, "{key}");
    }
}

#[test]
fn ids_that_the_list_lost_are_found_in_the_headers() {
    case("oracle::recover::ids", &[Need::Oracle], || loses_ids_and_finds_them(Server::Oracle));
    case("ours::recover::ids", &[], || loses_ids_and_finds_them(Server::Ours));
}

/// What a tool wrote, and its exit code.
fn said(out: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes);
    format!("{}{}{:?}", text(&out.stdout), text(&out.stderr), out.status.code())
}

fn counts_step_by_step(server: Server) -> String {
    let instance = stopped(server);
    let steps = instance.root().join("conf/quota-sync");
    std::fs::create_dir(&steps).expect("directory");
    // The tool, run by the service's user, removes files from it.
    std::fs::set_permissions(&steps, std::fs::Permissions::from_mode(0o777)).expect("mode");
    let first = steps.join("user.ann");
    std::fs::write(&first, b"").expect("file");
    let second = steps.join("user.ann.Sub");
    let (early, late) = (first.clone(), second.clone());
    let started = Instant::now();
    let helper = std::thread::spawn(move || {
        wait_for("the first mailbox to be counted", || (!early.exists()).then_some(()));
        std::fs::write(late, b"").expect("file");
    });
    let out = instance.tool(server, "quota", &["-Z", "-f", "user.ann"]);
    helper.join().expect("helper");
    // A tool that did not wait for the second would leave it behind; one whose patience ended takes half a minute.
    assert!(!first.exists() && !second.exists(), "they are removed when done");
    assert!(started.elapsed() < Duration::from_secs(25), "it goes on with the file");
    said(&out)
}

#[test]
fn quota_waits_for_each_mailbox_to_be_let_go() {
    case("ours::recover::steps", &[Need::Oracle], || {
        assert_eq!(counts_step_by_step(Server::Ours), counts_step_by_step(Server::Oracle));
    });
}

/// Zeroes the UID of the sixth of ten records and mends it: what the tools said, and what there is then.
fn mends_a_lost_uid(server: Server) -> String {
    let mut instance = Builder::new(server)
        .option("mailbox_legacy_dirs", "yes")
        .option("conversations", "yes")
        .option("auditlog", "yes")
        .start();
    let mut imap = instance.imap_as("imap", "ann");
    for n in 1..=10 {
        let message =
            format!("Subject: message {n}\r\nMessage-ID: <{n}@recover.example>\r\n\r\nnumber {n}\r\n");
        assert!(imap.append("INBOX", message.as_bytes()).is_ok());
    }
    imap.ok("LOGOUT");
    instance.stop();
    let out = instance.tool(server, "mbpath", &["user.ann"]);
    let directory = PathBuf::from(String::from_utf8_lossy(&out.stdout).trim());
    let index = directory.join("cyrus.index");
    let mut bytes = std::fs::read(&index).expect("index");
    bytes[RECORD_6_UID..RECORD_6_UID + 4].fill(0);
    std::fs::write(&index, &bytes).expect("index");
    let mut told = String::new();
    for words in [&["user.ann"][..], &["-q", "-G", "user.ann"], &["-q", "-G", "user.ann"]] {
        told += &said(&instance.tool(server, "reconstruct", words));
        told.push('\n');
    }
    let files = std::fs::read_dir(&directory).expect("directory").flatten();
    let mut files: Vec<_> = files.map(|each| each.file_name().to_string_lossy().into_owned()).collect();
    // The oracle leaves an empty file of annotations there.
    files.retain(|name| name != "cyrus.annotations");
    files.sort();
    instance.start();
    let mut imap = instance.imap_as("imap", "ann");
    imap.ok("SELECT INBOX");
    let subjects = imap.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    let subjects: Vec<_> = (1..=10).map(|n| subjects.find(&format!("* {n} FETCH"))).collect();
    // The sums hold the times of the messages.
    let told: Vec<_> = told.lines().map(|line| line.split(": updating sync_crc").next()).collect();
    format!("{told:?}{files:?}\n{subjects:?}")
}

#[test]
fn a_message_whose_uid_was_lost_is_found_again() {
    case("ours::recover::lost_uid", &[Need::Oracle], || {
        assert_eq!(mends_a_lost_uid(Server::Ours), mends_a_lost_uid(Server::Oracle));
    });
}
