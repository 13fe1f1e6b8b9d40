//! Command lines of the administrators' programs, run by both makes on copies of one golden instance: output, exit code
//! and what is left on disk are compared.

use std::collections::BTreeMap;
use std::path::Path;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Instance, Server, case, place};

/// One of the two copies, and who runs the tools in it.
struct Side {
    instance: Instance,
    server: Server,
}

impl Side {
    fn new(server: Server, golden: &str) -> Self {
        let instance = Builder::new(server).golden(golden).build();
        // The makes' own names in what they say about themselves.
        Self { instance, server }
    }

    fn run(&self, words: &[&str]) -> String {
        let (name, args) = words.split_first().expect("a tool");
        let root = self.instance.root().display().to_string();
        let args: Vec<String> = args.iter().map(|arg| arg.replace("@ROOT@", &root)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let out = self.instance.tool(self.server, name, &args);
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(&root, "@ROOT@");
            text.lines().map(|line| mask(line, name)).collect::<Vec<_>>().join("\n")
        };
        format!("O|{}\nE|{}\nrc={:?}", text(&out.stdout), text(&out.stderr), out.status.code())
    }

    /// A file's octets, none when it is not there.
    fn file(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.instance.root().join(path)).unwrap_or_default()
    }
}

/// Without what differs from run to run: the place of the program, and random boundaries.
fn mask(line: &str, name: &str) -> String {
    let place = format!("/{name}");
    let words = line.split_whitespace().map(|word| word.rfind(&place).map_or(word, |at| &word[at + 1..]));
    let line = words.collect::<Vec<_>>().join(" ");
    match line.find("dump-") {
        Some(at) if name == "cyrdump" => line[..at].to_string(),
        _ => line,
    }
}

/// Runs every line on both; the outputs must be equal.
fn compare(golden: &str, lines: &[&str]) -> (Side, Side) {
    let (oracle, ours) = (Side::new(Server::Oracle, golden), Side::new(Server::Ours, golden));
    for line in lines {
        let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
        let (expected, actual) = (oracle.run(&words), ours.run(&words));
        assert_eq!(expected, actual, "{line}");
    }
    (oracle, ours)
}

/// The index files of an instance by mailbox directory, without the two times that a repack writes.
fn indexes(side: &Side) -> BTreeMap<String, Vec<u8>> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), root, found);
            } else if matches!(entry.file_name().to_str(), Some("cyrus.index" | "cyrus.cache")) {
                let name = entry.path().strip_prefix(root).expect("inside").display().to_string();
                found.insert(name, std::fs::read(entry.path()).expect("file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&side.instance.root().join("spool"), side.instance.root(), &mut found);
    found
}

#[test]
fn wrong_calls_are_answered_alike() {
    let names = [
        "arbitron",
        "ctl_conversationsdb",
        "cvt_xlist_specialuse",
        "cyr_deny",
        "cyr_df",
        "cyr_ls",
        "cyr_pwd",
        "cyr_synclog",
        "cyrdump",
        "ipurge",
        "mbtool",
        "relocate_by_id",
        "tls_prune",
        "cyr_expire",
        "unexpunge",
    ];
    let lines: Vec<String> = names.iter().map(|name| format!("{name} -9")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    case("ours::tools::usage", &[Need::Oracle, Need::Shared], || drop(compare("g1", &lines)));
}

#[test]
fn tools_say_and_do_what_the_oracles_do() {
    case("ours::tools::table", &[Need::Oracle, Need::Shared], || {
        let (oracle, ours) = compare(
            "g1",
            &[
                "cyr_ls user.ann",
                "cyr_ls -i user.ann",
                "cyr_ls -1 -7 user.ann",
                "cyr_ls -R -1 -i user.ann",
                "cyr_ls -m shared",
                "cyr_ls nosuch",
                "cyr_pwd",
                "cyr_deny -l",
                "cyr_deny -a nobody",
                "cyr_deny -s imap,pop -m away ann",
                "cyr_deny bert",
                "cyr_deny -l",
                "cyr_deny -a ann",
                "cyr_deny -a nosuch",
                "cyr_deny -l",
                "cyr_deny -l extra",
                "ipurge -f -d 1 -n user.bert",
                "ipurge -f -v -d 1 -n -X user.*",
                "ipurge -k 1 -v -n shared*",
                "ipurge -b 500 -x -v -n shared*",
                "ipurge -b 500 -i -v -n shared*",
                "ipurge -M -d 1 -n shared",
                "ipurge -d 1 -o -s -v shared*",
                "ipurge -k 1 -v shared*",
                "ipurge -d 10000000 -v",
                "mbtool -r user.cleo",
                "mbtool -t nosuch",
                "mbtool -t user.bert",
                "cyrdump nosuch",
                "cvt_xlist_specialuse user.ann",
                "relocate_by_id nosuch",
                "relocate_by_id user.ann",
                "relocate_by_id -u ann",
                "tls_prune",
                "cyr_synclog -u ann",
                "cyr_synclog -m user.ann",
                "cyr_synclog -q user.ann",
                "cyr_synclog -n user.ann",
                "cyr_synclog -b ann user.ann",
                "cyr_synclog -s ann shared",
                "cyr_synclog -v ann",
                "cyr_synclog -s ann",
                "cyr_synclog",
                "arbitron -o nosuch",
                "arbitron -d 0",
                "arbitron -D 13",
                "quota -q -f",
                "mbexamine -q user.ann",
            ],
        );
        for file in ["conf/user_deny.db", "conf/sync/log"] {
            let (expected, actual) = (oracle.file(file), ours.file(file));
            assert!(!expected.is_empty() && expected == actual, "{file} differs");
        }
    });
}

#[test]
fn legacy_users_are_relocated_and_conversations_rebuilt_alike() {
    case("ours::tools::g2", &[Need::Oracle, Need::Shared], || {
        compare(
            "g2",
            &[
                "ctl_conversationsdb -d bert",
                "ctl_conversationsdb -d nosuch",
                "ctl_conversationsdb -A ann",
                "ctl_conversationsdb -A -v bert",
                "ctl_conversationsdb -F ann",
                "ctl_conversationsdb -F -r",
                "ctl_conversationsdb -d -u ann",
                "ctl_conversationsdb -R -v bert",
                "ctl_conversationsdb -d bert",
                "ctl_conversationsdb -z bert",
                "ctl_conversationsdb -d bert",
                "ctl_conversationsdb -b bert",
                "ctl_conversationsdb -A bert",
                "relocate_by_id -n user/legacy",
                "relocate_by_id user/legacy",
                "relocate_by_id user/legacy",
                "relocate_by_id -u legacy",
                "mbpath -a user/legacy",
                "cyr_ls user/legacy",
                "mbexamine -q user/legacy",
                "ctl_conversationsdb -A -v legacy",
            ],
        );
    });
}

#[test]
fn every_version_of_the_index_is_written_as_the_oracle_writes_it() {
    case("ours::tools::versions", &[Need::Oracle, Need::Shared], || {
        let (oracle, ours) = (Side::new(Server::Oracle, "g1"), Side::new(Server::Ours, "g1"));
        for version in ["16", "15", "14", "13", "12", "10", "9", "7", "6", "8", "max"] {
            // The oracle finds fault with its own checksums when user.ann goes to version 10.
            let first = if version == "10" { "user.cleo" } else { "user.ann" };
            let words = ["reconstruct", "-V", version, first, "user.bert", "shared"];
            assert_eq!(oracle.run(&words), ours.run(&words), "-V {version}");
            for name in ["user.ann", "user.bert", "shared"] {
                let words = ["mbexamine", name];
                let text = |side: &Side| {
                    let text = side.run(&words);
                    // The oracle loses count of annotations that became fields.
                    let kept =
                        |line: &&str| !line.contains("Last Repack") && !line.contains("Annotations Size");
                    text.lines().filter(kept).map(str::to_string).collect::<Vec<_>>()
                };
                let (expected, actual) = (text(&oracle), text(&ours));
                for (expected, actual) in expected.iter().zip(&actual) {
                    assert_eq!(expected, actual, "-V {version}: {name}");
                }
            }
        }
        let (expected, actual) = (indexes(&oracle), indexes(&ours));
        assert_eq!(expected.keys().collect::<Vec<_>>(), actual.keys().collect::<Vec<_>>());
        assert!(!place::ours().as_os_str().is_empty());
    });
}
