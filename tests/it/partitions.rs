//! Archive and metadata partitions, and which partition a new mailbox goes to: where the files are after each step is
//! the same with ours as with the oracle.

use cyrus_tests::imap::Answer;
use cyrus_tests::known::Need;
use cyrus_tests::transcript::{difference, normalise};
use cyrus_tests::{Builder, Imap, Instance, Server, case};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn message(number: u32, octets: usize) -> Vec<u8> {
    let head = format!(
        "From: Eve <eve@example.net>\r\nTo: ann@mail.example\r\nSubject: message {number}\r\n\
         Date: Mon, 2 Nov 2026 10:11:12 +0000\r\nMessage-ID: <part.{number}@example.net>\r\n\r\n"
    );
    [head.as_bytes(), &b"Fifty octets of text on a line, that is 52 of them\r\n".repeat(octets / 52)].concat()
}

/// Names of all files below `tree`, the directories of mailboxes numbered as they come by their files.
fn files(instance: &Instance, trees: &[&str], report: &mut Vec<String>, title: &str) {
    fn walk(dir: &Path, found: &mut BTreeMap<String, Vec<String>>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                let name = entry.file_name().to_string_lossy().into_owned();
                // The oracle makes this file before there is any annotation, ours with the first one.
                if name == "cyrus.annotations" {
                    continue;
                }
                found.entry(dir.display().to_string()).or_default().push(name);
            }
        }
    }
    report.push(format!("-- {title}"));
    for tree in trees {
        let mut found = BTreeMap::new();
        walk(&instance.root().join(tree), &mut found);
        let mut folders: Vec<String> = found
            .into_values()
            .map(|mut names| {
                names.sort();
                names.join(" ")
            })
            .collect();
        folders.sort();
        report.extend(folders.into_iter().map(|folder| format!("{tree}: {folder}")));
    }
}

/// What a server said to a command, without its times and ids.
fn tell(report: &mut Vec<String>, instance: &Instance, answer: &Answer) {
    report.extend(answer.text().lines().map(|line| normalise(line, instance.root())));
}

fn expire(instance: &Instance, server: Server, args: &[&str], report: &mut Vec<String>) {
    let out = instance.tool(server, "cyr_expire", args);
    report.push(format!("cyr_expire {args:?}: {}", out.status));
    for stream in [&out.stdout, &out.stderr] {
        report.extend(String::from_utf8_lossy(stream).lines().map(without_second));
    }
}

/// A deleted mailbox is named by the second of its deletion.
fn without_second(line: &str) -> String {
    match line.find("DELETED") {
        Some(at) => {
            line.char_indices().map(|(n, c)| if n > at && c.is_ascii_hexdigit() { '#' } else { c }).collect()
        }
        None => line.to_owned(),
    }
}

/// A life of messages with an archive; gives what was seen on the way.
fn archive(server: Server, meta: &str) -> Vec<String> {
    let mut instance = Builder::new(server)
        .option("archive_enabled", "yes")
        .option("archive_maxsize", "4")
        .option("archivepartition-default", "@ROOT@/archive")
        .option("metapartition-default", if meta.is_empty() { "" } else { "@ROOT@/meta" })
        .option("metapartition_files", meta)
        .start();
    let trees = ["spool", "archive", "meta"];
    let mut report = Vec::new();
    let mut imap: Imap = instance.imap_as("imap", "ann");
    imap.append("INBOX", &message(1, 100));
    imap.append("INBOX (\\Flagged)", &message(2, 9000));
    imap.append("INBOX \"01-Jan-2024 10:00:00 +0100\"", &message(3, 100));
    imap.append("INBOX", &message(4, 200));
    files(&instance, &trees, &mut report, "appended");
    imap.ok("CREATE INBOX.Sub");
    imap.ok("SELECT INBOX");
    imap.ok("COPY 1:3 INBOX.Sub");
    files(&instance, &trees, &mut report, "copied");
    expire(&instance, server, &["-v", "-A", "0"], &mut report);
    files(&instance, &trees, &mut report, "archived");
    // Anew: a session of the oracle may miss messages that were moved meanwhile where the cache has another partition.
    imap.ok("SELECT INBOX");
    tell(
        &mut report,
        &instance,
        &imap.ok("FETCH 1:* (FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODYSTRUCTURE)"),
    );
    tell(&mut report, &instance, &imap.ok("FETCH 2,4 (BODY.PEEK[1]<0.60>)"));
    tell(&mut report, &instance, &imap.ok("SEARCH BODY \"octets of text\""));
    imap.append("INBOX", &message(5, 100));
    imap.ok("STORE 1,2 +FLAGS.SILENT (\\Deleted)");
    tell(&mut report, &instance, &imap.ok("EXPUNGE"));
    imap.ok("UNSELECT");
    files(&instance, &trees, &mut report, "expunged");
    expire(&instance, server, &["-v", "-X", "0"], &mut report);
    files(&instance, &trees, &mut report, "expired");
    imap.ok("RENAME INBOX.Sub INBOX.Moved");
    files(&instance, &trees, &mut report, "renamed");
    tell(&mut report, &instance, &imap.ok("STATUS INBOX.Moved (MESSAGES SIZE)"));
    imap.ok("DELETE INBOX.Moved");
    imap.ok("LOGOUT");
    expire(&instance, server, &["-v", "-D", "0"], &mut report);
    // With a metadata partition the oracle leaves the archive of a deleted mailbox behind.
    let trees = if meta.is_empty() { &trees[..] } else { &["spool", "meta"] };
    files(&instance, trees, &mut report, "deleted");
    let out = instance.tool(server, "reconstruct", &["-r", "user.ann"]);
    report.extend(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned));
    files(&instance, trees, &mut report, "reconstructed");
    instance.stop();
    let out = instance.tool(Server::Oracle, "reconstruct", &["-n", "-r", "user.ann"]);
    report.extend(String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned));
    report
}

fn same_archive(meta: &str) {
    let (oracle, ours) = (archive(Server::Oracle, meta), archive(Server::Ours, meta));
    assert!(oracle.iter().any(|line| line.starts_with("archive: ")), "{oracle:#?}");
    if let Some(difference) = difference(&oracle.join("\n"), &ours.join("\n")) {
        panic!("{difference}");
    }
}

#[test]
fn messages_go_to_the_archive_partition() {
    case("ours::partitions::archive", &[Need::Oracle], || same_archive(""));
}

#[test]
fn metadata_has_a_partition_of_its_own() {
    case("ours::partitions::meta", &[Need::Oracle], || {
        same_archive("header index cache annotations archivecache")
    });
}

/// Where mailboxes of users go when no partition is the default one.
fn selection(server: Server, mode: &str, exclude: &str) -> Vec<String> {
    // Another file system: of two partitions on one the oracle takes any.
    let memory = tempfile::tempdir_in("/dev/shm").expect("/dev/shm");
    std::fs::set_permissions(memory.path(), Permissions::from_mode(0o777)).expect("chmod");
    let instance = Builder::new(server)
        .option("defaultpartition", "")
        .option("partition-default", "")
        .option("partition-one", "@ROOT@/one")
        .option("partition-memory", &memory.path().display().to_string())
        .option("partition_select_mode", mode)
        .option("partition_select_exclude", exclude)
        .start();
    let mut admin = instance.imap_as("imap", "admin");
    let mut report = Vec::new();
    for name in ["user.ann.sub", "user.fred", "user.gwen", "shared"] {
        let answer = admin.command(&format!("CREATE {name}"));
        report.push(format!("{name}: {}", answer.is_ok()));
    }
    admin.ok("LOGOUT");
    let list = instance.tool(Server::Oracle, "ctl_mboxlist", &["-d"]);
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let word =
            |key: &str| line.split(&format!("\"{key}\": \"")).nth(1).and_then(|rest| rest.split('"').next());
        report.push(format!("{:?} {:?}", word("name"), word("partition")));
    }
    report
}

#[test]
fn a_new_mailbox_goes_where_the_most_room_is() {
    case("ours::partitions::select", &[Need::Oracle], || {
        for (mode, exclude) in [
            ("freespace-most", ""),
            ("freespace-percent-most", ""),
            ("freespace-most", "one two"),
            ("random", "memory"),
        ] {
            let (oracle, ours) =
                (selection(Server::Oracle, mode, exclude), selection(Server::Ours, mode, exclude));
            assert_eq!(oracle, ours, "{mode}, without {exclude}");
        }
    });
}
