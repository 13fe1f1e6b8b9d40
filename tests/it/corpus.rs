//! Every message of the shared corpus appended to two servers: what they tell of it must be the same, and so must the
//! bytes of cyrus.cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use cyrus_tests::known::Need;
use cyrus_tests::{Builder, Imap, Instance, Server, case, place};

const ITEMS: &str = "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE \
    BODY.PEEK[HEADER.FIELDS (From To Subject Date Message-ID References X-Priority List-Id)] \
    BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[1.HEADER] BODY.PEEK[1.TEXT] \
    BODY.PEEK[1.1] BODY.PEEK[1.1.MIME] BODY.PEEK[1.2] BODY.PEEK[2] BODY.PEEK[2.MIME] BODY.PEEK[2.HEADER] \
    BODY.PEEK[2.TEXT] BODY.PEEK[2.1] BODY.PEEK[2.2] BODY.PEEK[3] BODY.PEEK[3.MIME] BODY.PEEK[4] BODY.PEEK[5])";

fn unpack() -> (tempfile::TempDir, Vec<PathBuf>) {
    let archive = place::shared().expect("shared").join("corpus/mail-shared.tar.zst");
    let dir = tempfile::Builder::new().prefix("cyrus-corpus-").tempdir().expect("tempdir");
    let out = Command::new("tar").args(["-I", "zstd", "-xf"]).arg(archive).arg("-C").arg(dir.path()).output();
    let out = out.expect("tar");
    assert!(out.status.success(), "tar: {}", String::from_utf8_lossy(&out.stderr));
    let mail = dir.path().join("mail-shared/mail");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(mail).expect("mail").filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    (dir, files)
}

fn clean(text: &str) -> String {
    cyrus_tests::transcript::normalise(text, Path::new("/nonexistent"))
}

/// The largest cyrus.cache below the instance's spool: that of the one mailbox that was filled.
fn cache(instance: &Instance) -> Vec<u8> {
    fn walk(dir: &Path, best: &mut (u64, PathBuf)) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(m) if m.is_dir() => walk(&path, best),
                Ok(m) if path.file_name().is_some_and(|n| n == "cyrus.cache") && m.len() > best.0 => {
                    *best = (m.len(), path);
                }
                _ => {}
            }
        }
    }
    let mut best = (0, PathBuf::new());
    walk(&instance.root().join("spool"), &mut best);
    std::fs::read(best.1).expect("cyrus.cache")
}

struct Side {
    instance: Instance,
    imap: Imap,
}

fn side(server: Server) -> Side {
    let instance = Builder::new(server).start();
    let mut imap = instance.imap_as("imap", "ann");
    imap.ok("SELECT INBOX");
    Side { instance, imap }
}

fn compare(first: Server, second: Server, step: usize) {
    let (_dir, files) = unpack();
    assert!(files.len() > 1000, "only {} messages", files.len());
    let mut sides = [side(first), side(second)];
    let mut wrong: Vec<String> = Vec::new();
    let mut count = 0;
    let mut last_uid = 0;
    for file in files.iter().step_by(step) {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = std::fs::read(file).expect("message");
        let answers =
            sides.each_mut().map(|s| s.imap.append("INBOX () \"01-Jan-2024 10:00:00 +0100\"", &bytes));
        let ok = answers[0].is_ok();
        let texts = answers.map(|a| clean(&String::from_utf8_lossy(&a.last)));
        if texts[0] != texts[1] {
            wrong.push(format!("{name}: APPEND\n  - {}\n  + {}", texts[0], texts[1]));
            break;
        }
        if !ok {
            continue;
        }
        count += 1;
        last_uid += 1;
        let commands = [
            format!("UID FETCH {last_uid} {ITEMS}"),
            format!("UID FETCH {last_uid} (BINARY.SIZE[1])"),
            format!("UID FETCH {last_uid} (BINARY.PEEK[1])"),
            format!("UID FETCH {last_uid} (BINARY.SIZE[2])"),
        ];
        for command in &commands {
            let answers = sides.each_mut().map(|s| s.imap.command(command));
            let pick = |n: usize| -> Vec<String> {
                let all = answers[n].lines.iter().chain([&answers[n].last]);
                all.map(|l| String::from_utf8_lossy(l).into_owned())
                    .filter(|l| l.contains(" FETCH ") || l.starts_with('A'))
                    .map(|l| clean(&l))
                    .collect()
            };
            let (a, b) = (pick(0), pick(1));
            if a != b {
                let (x, y) = a.iter().zip(&b).find(|(x, y)| x != y).unwrap_or((&a[0], &b[0]));
                let at = x.bytes().zip(y.bytes()).position(|(p, q)| p != q).unwrap_or(x.len().min(y.len()));
                let cut = |s: &str| -> String {
                    let bytes = s.as_bytes();
                    let from = at.saturating_sub(60);
                    String::from_utf8_lossy(bytes.get(from..(at + 120).min(bytes.len())).unwrap_or_default())
                        .into()
                };
                let what: String = command.chars().take(40).collect();
                wrong.push(format!("{name}: {what} at byte {at}\n  - {}\n  + {}", cut(x), cut(y)));
            }
        }
    }
    let caches = sides.each_ref().map(|s| cache(&s.instance));
    if caches[0] != caches[1] {
        let at = caches[0].iter().zip(&caches[1]).position(|(a, b)| a != b);
        wrong.push(format!(
            "cyrus.cache differs at {at:?} ({} and {} bytes)",
            caches[0].len(),
            caches[1].len()
        ));
    }
    println!("{count} messages compared");
    let shown: Vec<&str> = wrong.iter().take(10).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} differences in {count} messages:\n{}", wrong.len(), shown.join("\n"));
}

#[test]
fn two_oracles_agree_on_the_corpus() {
    case("oracle::corpus", &[Need::Oracle, Need::Shared], || compare(Server::Oracle, Server::Oracle, 40));
}

#[test]
fn ours_agrees_with_the_oracle_on_the_corpus() {
    case("ours::corpus", &[Need::Oracle, Need::Shared], || compare(Server::Oracle, Server::Ours, 1));
}
