//! The tree checks itself: floors, unsafe code, unfinished code, words that have no place in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cyrus_tests::{case, place};

/// ARCHITECTURE.md's floors: a crate stands only on lower ones; those of one floor do not know each other.
const FLOORS: &[(&str, u32)] = &[
    ("cyrus-sys", 0),
    ("cyrus-util", 0),
    ("cyrus-base", 1),
    ("cyrus-db", 2),
    ("cyrus-mime", 2),
    ("cyrus-net", 2),
    ("cyrus-auth", 3),
    ("cyrus-service", 3),
    ("cyrus-sieve", 3),
    ("cyrus-store", 4),
    ("cyrus-imap", 5),
    ("cyrus-dav", 5),
    ("libcyrus", 6),
    ("cyrus-master", 7),
    ("cyrus-idled", 7),
    ("cyrus-imapd", 7),
    ("cyrus-lmtpd", 7),
    ("cyrus-pop3d", 7),
    ("cyrus-timsieved", 7),
    ("cyrus-smmapd", 7),
    ("cyrus-notifyd", 7),
    ("cyrus-tools", 7),
    ("cyrus-tests", 7),
];

/// The master knows no mailbox: it stands on these only.
const MASTER: &[&str] = &["cyrus-sys", "cyrus-util", "cyrus-base"];

fn floor(name: &str) -> Option<u32> {
    FLOORS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
}

/// Files that git tracks (or would), with their bytes.
fn tracked(ends: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let root = place::root();
    let out = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .expect("git");
    assert!(out.status.success(), "git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    let names = out.stdout.split(|b| *b == 0).filter(|n| !n.is_empty());
    names
        .map(|n| PathBuf::from(String::from_utf8_lossy(n).into_owned()))
        .filter(|p| ends.is_empty() || ends.iter().any(|e| p.to_string_lossy().ends_with(e)))
        .filter_map(|p| Some((p.clone(), std::fs::read(root.join(&p)).ok()?)))
        .collect()
}

fn found(files: &[(PathBuf, Vec<u8>)], bad: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut all = Vec::new();
    for (path, bytes) in files {
        for (n, line) in String::from_utf8_lossy(bytes).lines().enumerate() {
            if bad(path, line) {
                all.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    all
}

fn none(what: &str, all: &[String]) {
    let first: Vec<&str> = all.iter().take(20).map(String::as_str).collect();
    assert!(all.is_empty(), "{} places of {what}:\n{}", all.len(), first.join("\n"));
}

#[test]
fn crates_stand_only_on_lower_floors() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(place::root())
        .output()
        .expect("cargo metadata");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(own) = floor(name) else {
            wrong.push(format!("{name} has no floor"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            let Some(its) = floor(on) else { continue };
            if its >= own {
                wrong.push(format!("{name} (floor {own}) stands on {on} (floor {its})"));
            }
            if name == "cyrus-master" && !MASTER.contains(&on) {
                wrong.push(format!("{name} stands on {on}"));
            }
        }
    }
    none("a wrong arrow between crates", &wrong);
}

#[test]
fn unsafe_code_is_only_in_sys_and_each_block_has_its_reason() {
    let word = concat!("un", "safe");
    let files = tracked(&[".rs"]);
    let all = found(&files, |path, line| {
        let code = line.split("//").next().unwrap_or_default();
        let uses =
            [" {", " fn", " impl", " extern"].iter().any(|after| code.contains(&format!("{word}{after}")));
        uses && !path.starts_with("libcyrus/sys")
    });
    none("unsafe outside libcyrus/sys", &all);
    let lacking: Vec<String> = files
        .iter()
        .filter(|(p, _)| p.starts_with("libcyrus/sys"))
        .flat_map(|(path, bytes)| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let lines: Vec<String> = text.lines().map(str::to_string).collect();
            let path = path.clone();
            (0..lines.len()).filter_map(move |n| {
                let code = lines[n].split("//").next().unwrap_or_default().to_string();
                if !code.contains(&format!("{word} {{")) {
                    return None;
                }
                let said = (n.saturating_sub(8)..=n).any(|m| lines[m].contains("SAFETY:"));
                (!said).then(|| format!("{}:{}", path.display(), n + 1))
            })
        })
        .collect();
    none("an unsafe block without SAFETY", &lacking);
}

#[test]
fn nothing_is_left_to_be_done() {
    case("tidy::nothing_is_left_to_be_done", &[], || {
        let words = [
            concat!("to", "do!("),
            concat!("unimpl", "emented!("),
            concat!("FIX", "ME"),
            concat!("XX", "X:"),
        ];
        let all = found(&tracked(&[".rs"]), |_, line| words.iter().any(|w| line.contains(w)));
        none("unfinished code", &all);
    });
}

#[test]
fn no_path_of_a_developers_machine_is_in_the_tree() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/.lib", "rary"),
        concat!("=/ro", "ot/"),
        concat!(" /ro", "ot/"),
        concat!("/ho", "me/dev"),
    ];
    let all = found(&tracked(&[]), |path, line| {
        path.file_name().is_none_or(|n| n != "Cargo.lock")
            && !path.starts_with("tests/golden")
            && words.iter().any(|w| line.contains(w))
    });
    none("a machine's path", &all);
}

#[test]
fn known_failures_each_have_a_reason() {
    let text = std::fs::read_to_string(place::root().join("tests/known-failures.toml")).expect("the list");
    let all = cyrus_tests::known::parse(&text).expect("understood");
    let mut seen = BTreeMap::new();
    for entry in &all {
        assert!(entry.reason.len() > 10, "no reason: {entry:?}");
        assert!(seen.insert(entry.test.clone(), ()).is_none(), "twice: {}", entry.test);
    }
}

/// A report rather than a rule: long files are named so that somebody looks for the second noun in them.
#[test]
fn source_files_stay_readable() {
    let mut long: Vec<(usize, String)> = tracked(&[".rs"])
        .iter()
        .map(|(p, b)| (b.iter().filter(|c| **c == b'\n').count(), p.display().to_string()))
        .filter(|(n, _)| *n > 800)
        .collect();
    long.sort();
    for (lines, path) in &long {
        println!("{lines:6} lines: {path}");
    }
    let limit = 2500;
    let tables = ["options.rs"];
    let worst: Vec<String> = long
        .iter()
        .filter(|(n, p)| *n > limit && !tables.iter().any(|t| p.ends_with(t)))
        .map(|(n, p)| format!("{p}: {n} lines"))
        .collect();
    none("a file past all measure", &worst);
}
