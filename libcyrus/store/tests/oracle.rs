//! C and ours on the same mailbox: what ours wrote is accepted by the C tools, and what they
//! changed is read by ours. Needs the C server's tools and root (to become its user).

mod common;

use common::append;
use cyrus_store::append::AppendParams;
use cyrus_store::lock::{Mode, UserLock, Wait};
use cyrus_store::mailbox::{
    Cleanup, FlagLimit, Location, Mailbox, MailboxHeader, SystemFlags, Touch, UnlinkMark,
};
use cyrus_store::{Settings, Store};
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

fn place(root: &Path, store: &Store, wanted: &str) -> Location {
    fn walk(dir: &Path, wanted: &str) -> Option<(PathBuf, MailboxHeader)> {
        for entry in std::fs::read_dir(dir).ok()?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                if let Some(found) = walk(&path, wanted) {
                    return Some(found);
                }
            } else if path.ends_with("cyrus.header") {
                let header = MailboxHeader::decode(&std::fs::read(&path).ok()?, &path).ok()?;
                if header.name == wanted.as_bytes() {
                    return Some((dir.to_path_buf(), header));
                }
            }
        }
        None
    }
    let spool = root.join("spool");
    let (dir, header) = walk(&spool, wanted).expect("mailbox");
    let lock = store.locks().id_path(&header.uniqueid);
    Location::plain(MboxName::new(wanted.as_bytes()), &header.uniqueid, &dir, &spool, lock)
}

fn changes(mailbox: &mut Mailbox) {
    let user = UserLock::unowned();
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
    guard.expunge(|record| record.uid.0 % 3 == 0).expect("expunge");
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
    let settings = Settings { lock_root: root.join("conf/lock"), hash_spool: true, ..Settings::default() };
    let store = Arc::new(Store::new(settings));
    let open = |name: &str| {
        let at = place(&root, &store, name);
        Mailbox::open(&store, &UserLock::unowned(), at, Mode::Shared, Wait::Block).expect("open")
    };
    let names = ["shared", "shared.team", "old12", "old13", "old14", "old16"];
    for (round, name) in names.iter().enumerate() {
        let number = u32::try_from(round).expect("few") * 10;
        let mut mailbox = open(name);
        append(&mut mailbox, &[number + 1, number + 2, number + 3], &AppendParams::default());
        changes(&mut mailbox);
        append(&mut mailbox, &[number + 4], &AppendParams::default());
        if round % 2 == 1 {
            let user = UserLock::unowned();
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
    let told = tool(&root, "chk_cyrus", &["-M", "shared"]);
    assert!(told.contains("checking: shared"), "{told}");

    // And back: C repacks and changes the version, ours reads on.
    let told = tool(&root, "reconstruct", &["-V", "17", "old14"]);
    assert!(told.contains("Converted old14 version 14 to 17"), "{told}");
    let told = tool(&root, "reconstruct", &["-V", "13", "shared"]);
    assert!(told.contains("Converted shared version 17 to 13"), "{told}");
    for name in ["old14", "shared"] {
        let mut mailbox = open(name);
        let user = UserLock::unowned();
        let guard = mailbox.lock_index(&user, Mode::Shared).expect("lock");
        assert!(guard.records().all(|record| record.is_ok()));
        guard.abort();
        append(&mut mailbox, &[70], &AppendParams::default());
        drop(mailbox);
        let told = tool(&root, "reconstruct", &["-n", "-G", name]);
        assert_eq!(told.trim(), name, "reconstruct -n -G {name} after both");
    }
}
