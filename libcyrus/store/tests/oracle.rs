//! C and ours on the same mailbox: what ours wrote is accepted by the C tools, and what they
//! changed is read by ours. Needs the C server's tools and root (to become its user).

mod common;

use common::append;
use cyrus_base::config::Config;
use cyrus_store::append::AppendParams;
use cyrus_store::event::EventKind;
use cyrus_store::lock::{Mode, Wait};
use cyrus_store::mailbox::{Cleanup, FlagLimit, Mailbox, SystemFlags, Touch, UnlinkMark};
use cyrus_store::{Catalog, Store};
use cyrus_util::ids::RecNo;
use cyrus_util::mboxname::MboxName;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const BIN: &str = "/usr/lib/cyrus/bin";

fn ready() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("CYRUS_SHARED").map_or(beside, PathBuf::from);
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    if root && Path::new(BIN).join("reconstruct").exists() && shared.join("golden/setup.sh").exists() {
        return Some(shared);
    }
    eprintln!("skipped: needs root, the C tools and golden data (set CYRUS_SHARED)");
    None
}

/// Runs a C tool as its user and gives all it printed.
fn tool(root: &Path, name: &str, args: &[&str]) -> String {
    let own = Command::new("chown").arg("-R").arg("cyrus:mail").arg(root).status();
    assert!(own.is_ok_and(|status| status.success()));
    let out = Command::new("setpriv")
        .args(["--reuid=cyrus", "--regid=mail", "--init-groups"])
        .arg(Path::new(BIN).join(name))
        .arg("-C")
        .arg(root.join("imapd.conf"))
        .args(args)
        .output()
        .expect("setpriv");
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn changes(mailbox: &mut Mailbox) {
    let user = mailbox.lock_user(Mode::Exclusive).expect("user lock");
    let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
    let slot = guard.user_flag(b"$ByUs", FlagLimit::Client).expect("flag");
    for recno in 1..=guard.num_records() {
        let mut record = guard.record(RecNo(recno)).expect("record");
        if !record.is_live() {
            continue;
        }
        match recno % 4 {
            0 => record.system_flags = record.system_flags.with(SystemFlags::SEEN),
            1 => record.system_flags = record.system_flags.with(SystemFlags::DELETED),
            2 => record.user_flags.set(slot, true),
            _ => continue,
        }
        guard.rewrite(&mut record, Touch::Modseq).expect("rewrite");
    }
    guard.expunge(EventKind::MessageExpunge, |record| record.uid.0 % 3 == 0).expect("expunge");
    guard.commit().expect("commit");
}

#[test]
fn the_c_tools_find_nothing_wrong_after_ours() {
    let Some(shared) = ready() else { return };
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let made = Command::new("sh").arg(shared.join("golden/setup.sh")).arg("g1").arg(dir.path()).status();
    assert!(made.is_ok_and(|status| status.success()));
    let root = dir.path().join("g1");
    let config = Config::load(Some(&root.join("imapd.conf")), "test").expect("imapd.conf");
    let store = Arc::new(Store::open(Arc::new(Catalog::new(Arc::new(config)))));
    let open = |name: &str| {
        let catalog = store.catalog().expect("catalog");
        let entry = catalog.lookup(&MboxName::new(name.as_bytes())).expect("entry");
        let owner = catalog.location(&entry).expect("location").owner;
        let user = store.lock_owner(owner.as_deref(), Mode::Shared).expect("user lock");
        Mailbox::open_entry(&store, &user, &entry, Mode::Shared, Wait::Block).expect("open")
    };
    let quota = tool(&root, "quota", &["-f", "-n"]);
    let names = [
        "shared",
        "shared.team",
        "old12",
        "old13",
        "old14",
        "old16",
        "user.ann",
        "user.ann.Work",
        "user.bert",
    ];
    for (round, name) in names.iter().enumerate() {
        let number = u32::try_from(round).expect("few") * 10;
        let mut mailbox = open(name);
        append(&mut mailbox, &[number + 1, number + 2, number + 3], &AppendParams::default());
        changes(&mut mailbox);
        append(&mut mailbox, &[number + 4], &AppendParams::default());
        if round % 2 == 1 {
            let user = mailbox.lock_user(Mode::Exclusive).expect("user lock");
            let mut guard = mailbox.lock_index(&user, Mode::Exclusive).expect("lock");
            guard.mark_unlinked(UnlinkMark::All).expect("mark");
            guard.commit().expect("commit");
        }
        match mailbox.close().expect("close") {
            Cleanup::Wanted(location) => Mailbox::run_cleanup(&store, *location).expect("cleanup"),
            Cleanup::None => assert_eq!(round % 2, 0),
        }
    }
    for name in names {
        let told = tool(&root, "reconstruct", &["-n", "-G", name]);
        // Version 12 does not keep these two, so C finds them changed every time.
        let lines: Vec<&str> = told
            .lines()
            .filter(|line| {
                name != "old12" || !(line.contains("quota_annot_used") || line.contains("sync_crc_annot"))
            })
            .collect();
        assert_eq!(lines, [name], "reconstruct -n -G {name}");
        let told = tool(&root, "mbexamine", &["-c", name]);
        assert!(!told.contains("ERROR") && told.contains(name), "{told}");
        let told = tool(&root, "mbexamine", &["-q", name]);
        assert!(told.contains("has CORRECT total quota usage"), "{told}");
        let told = tool(&root, "mbexamine", &[name]);
        assert!(told.contains("Minor Version"), "{told}");
    }
    // The quota roots follow: C finds nothing to correct, and more is used than before.
    let after = tool(&root, "quota", &["-f", "-n"]);
    assert!(!after.contains("usage was") && after != quota, "{after}");
    let told = tool(&root, "chk_cyrus", &["-M", "shared"]);
    assert!(told.contains("checking: shared"), "{told}");

    // And back: C repacks and changes the version, ours reads on.
    let told = tool(&root, "reconstruct", &["-V", "17", "old14"]);
    assert!(told.contains("Converted old14 version 14 to 17"), "{told}");
    let told = tool(&root, "reconstruct", &["-V", "13", "shared"]);
    assert!(told.contains("Converted shared version 17 to 13"), "{told}");
    for name in ["old14", "shared"] {
        let mut mailbox = open(name);
        let user = mailbox.lock_user(Mode::Shared).expect("user lock");
        let guard = mailbox.lock_index(&user, Mode::Shared).expect("lock");
        assert!(guard.records().all(|record| record.is_ok()));
        guard.abort();
        append(&mut mailbox, &[70], &AppendParams::default());
        drop(mailbox);
        let told = tool(&root, "reconstruct", &["-n", "-G", name]);
        assert_eq!(told.trim(), name, "reconstruct -n -G {name} after both");
    }
}
