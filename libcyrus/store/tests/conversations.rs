//! Conversations that ours wrote, judged by the C server's audit. Needs the C server's tools, root
//! (to become its user) and the golden instance that has conversations.

mod common;

use common::append;
use cyrus_base::config::Config;
use cyrus_store::append::AppendParams;
use cyrus_store::event::EventKind;
use cyrus_store::lock::{Mode, UserLock, Wait};
use cyrus_store::mailbox::{Mailbox, SystemFlags, Touch};
use cyrus_store::mboxlist::{Actor, DeleteHow, NewMailbox, RenameHow};
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
    let tool = Path::new(BIN).join("ctl_conversationsdb");
    if root && tool.exists() && shared.join("golden/setup.sh").exists() {
        return Some(shared);
    }
    eprintln!("skipped: needs root, the C tools and golden data (set CYRUS_SHARED)");
    None
}

/// What the audit of a user's conversations says.
fn audit(root: &Path, user: &str) -> String {
    let own = Command::new("chown").arg("-R").arg("cyrus:mail").arg(root).status();
    assert!(own.is_ok_and(|status| status.success()));
    let out = Command::new("setpriv")
        .args(["--reuid=cyrus", "--regid=mail", "--init-groups"])
        .arg(Path::new(BIN).join("ctl_conversationsdb"))
        .arg("-C")
        .arg(root.join("imapd.conf"))
        .args(["-A", "-v", user])
        .output()
        .expect("setpriv");
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn open(store: &Arc<Store>, lock: &UserLock, name: &str) -> Mailbox {
    let catalog = store.catalog().expect("catalog");
    let entry = catalog.lookup(&MboxName::new(name.as_bytes())).expect("entry");
    Mailbox::open_entry(store, lock, &entry, Mode::Shared, Wait::Block).expect("open")
}

fn change(store: &Arc<Store>, lock: &UserLock, name: &str) {
    let mut mailbox = open(store, lock, name);
    let mut guard = mailbox.lock_index(lock, Mode::Exclusive).expect("lock");
    for recno in 1..=guard.num_records() {
        let mut record = guard.record(RecNo(recno)).expect("record");
        if !record.is_live() {
            continue;
        }
        let flags = record.system_flags;
        record.system_flags = match recno % 5 {
            0 => flags.with(SystemFlags::SEEN),
            1 => flags.without(SystemFlags::SEEN),
            2 => flags.with(SystemFlags::DELETED),
            3 => flags.with(SystemFlags::FLAGGED),
            _ => continue,
        };
        guard.rewrite(&mut record, Touch::Modseq).expect("rewrite");
    }
    guard.expunge(EventKind::MessageExpunge, |record| record.uid.0 % 7 == 0).expect("expunge");
    guard.commit().expect("commit");
    assert!(mailbox.close().is_ok());
}

#[test]
fn the_c_audit_finds_nothing_wrong_after_ours() {
    let Some(shared) = ready() else { return };
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let made = Command::new("sh").arg(shared.join("golden/setup.sh")).arg("g2").arg(dir.path()).status();
    assert!(made.is_ok_and(|status| status.success()));
    let root = dir.path().join("g2");
    let config = Config::load(Some(&root.join("imapd.conf")), "test").expect("imapd.conf");
    let catalog = Arc::new(Catalog::new(Arc::new(config)));
    let store = Arc::new(Store::open(Arc::clone(&catalog)));
    let inbox = MboxName::new(&b"user.ann"[..]);
    let before = catalog.read_counters(&inbox).expect("counters").highest();
    {
        let lock = store.lock_owner(Some(b"ann"), Mode::Exclusive).expect("user lock");
        let actor = Actor::Tool(cyrus_auth::Granted::admin("test"));
        let name = |text: &str| MboxName::new(text.as_bytes());
        let create = |text: &str| {
            catalog.create_mailbox(&store, &lock, &actor, &NewMailbox::named(name(text))).expect("create");
        };
        create("user.ann.Ours");
        create("user.ann.Gone");
        for (box_name, numbers) in
            [("user.ann", [1, 2, 3]), ("user.ann.Ours", [2, 3, 4]), ("user.ann.Gone", [3, 4, 5])]
        {
            let uids = append(&mut open(&store, &lock, box_name), &numbers, &AppendParams::default());
            assert_eq!(uids.len(), 3);
            change(&store, &lock, box_name);
        }
        change(&store, &lock, "user.ann.Trash");
        let how = RenameHow::default();
        let (from, to) = (name("user.ann.Ours"), name("user.ann.Theirs"));
        catalog.rename_mailbox(&store, &lock, &actor, &from, &to, &how).expect("rename");
        let gone = name("user.ann.Gone");
        catalog.delete_mailbox(&store, &lock, &actor, &gone, DeleteHow::Configured).expect("delete");
        change(&store, &lock, "user.ann.Theirs");
    }
    // Copies of one message in two folders are one conversation.
    let lock = store.lock_owner(Some(b"ann"), Mode::Exclusive).expect("user lock");
    let cid_of = |box_name: &str, guid| {
        let mut mailbox = open(&store, &lock, box_name);
        let guard = mailbox.lock_index(&lock, Mode::Shared).expect("lock");
        guard.records().filter_map(Result::ok).filter(|record| record.guid == guid).map(|r| r.cid).next()
    };
    let guid = cyrus_util::guid::Guid::of(&common::message(2));
    let cid = cid_of("user.ann", guid);
    assert!(cid.is_some_and(|cid| cid != 0));
    assert_eq!(cid_of("user.ann.Theirs", guid), cid);
    assert!(catalog.read_counters(&inbox).expect("counters").highest() > before);
    drop(lock);
    drop(store);

    let told = audit(&root, "ann");
    assert!(told.contains("ann is OK"), "{told}");
}
