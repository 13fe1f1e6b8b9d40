//! Goal: what we create, rename, delete and grant is what the C tools find, and the reverse.
//!
//! Method: an installation in a temporary directory, changed by the catalog, listed by
//! `ctl_mboxlist -d`, examined by `mbexamine`, counted by `quota`; needs the C server installed.

use cyrus_auth::{AuthState, Granted};
use cyrus_base::config::Config;
use cyrus_store::lock::{Mode, UserLock};
use cyrus_store::mboxlist::{Actor, DeleteHow, MbEntry, NewMailbox, RenameHow, Show, dump_line};
use cyrus_store::quota::Quota;
use cyrus_store::subs::Subscribe;
use cyrus_store::{Catalog, Error, Resource, Store};
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const BIN: &str = "/usr/lib/cyrus/bin";

struct Place {
    dir: tempfile::TempDir,
    catalog: Arc<Catalog>,
    store: Arc<Store>,
}

fn name(text: &str) -> MboxName {
    MboxName::from(text)
}

const ADMIN: fn() -> Actor<'static> = || Actor::Tool(Granted::admin("test"));

impl Place {
    fn new(options: &str) -> Option<Self> {
        if !Path::new(BIN).join("ctl_mboxlist").exists() {
            println!("skipped: the C server is not installed");
            return None;
        }
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().display();
        for sub in ["conf", "spool", "conf/db", "conf/quota"] {
            std::fs::create_dir(dir.path().join(sub)).expect("directory");
        }
        let text = format!(
            "configdirectory: {root}/conf\npartition-default: {root}/spool\ndefaultpartition: default\n\
             admins: admin\nsasl_pwcheck_method: alwaystrue\n{options}"
        );
        std::fs::write(dir.path().join("imapd.conf"), text).expect("configuration");
        let config = Config::load(Some(&dir.path().join("imapd.conf")), "test").expect("configuration");
        let catalog = Arc::new(Catalog::new(Arc::new(config)));
        let store = Arc::new(Store::open(Arc::clone(&catalog)));
        Some(Self { dir, catalog, store })
    }

    fn conf(&self) -> PathBuf {
        self.dir.path().join("imapd.conf")
    }

    fn lock(&self, userid: &str) -> UserLock {
        self.store.lock_owner(Some(userid.as_bytes()), Mode::Exclusive).expect("lock")
    }

    fn create(&self, userid: &str, mailbox: &str) -> MbEntry {
        let lock = self.lock(userid);
        let created =
            self.catalog.create_mailbox(&self.store, &lock, &ADMIN(), &NewMailbox::named(name(mailbox)));
        created.unwrap_or_else(|error| panic!("{mailbox}: {error:?}"))
    }

    /// What a C tool prints, run as the C server's user where we are root.
    fn tool(&self, tool: &str, args: &[&str]) -> (String, Option<i32>) {
        let _ = Command::new("chmod").arg("755").arg(self.dir.path()).status();
        let _ = Command::new("chown").args(["-R", "cyrus:mail"]).arg(self.dir.path()).status();
        let done = Command::new(Path::new(BIN).join(tool))
            .arg("-C")
            .arg(self.conf())
            .args(args)
            .output()
            .expect("tool runs");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        (text + &String::from_utf8_lossy(&done.stderr), done.status.code())
    }

    fn ours(&self) -> String {
        let mut lines = Vec::new();
        let mut add = |entry| {
            lines.push(dump_line(&entry));
            ControlFlow::Continue(())
        };
        self.catalog.each_entry(b"", Show::Everything, &mut add).expect("list");
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    fn living(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut add = |entry: MbEntry| {
            names.push(entry.name.to_string());
            ControlFlow::Continue(())
        };
        self.catalog.each_entry(b"", Show::Living, &mut add).expect("list");
        names
    }

    fn check_against_c(&self) {
        let (theirs, code) = self.tool("ctl_mboxlist", &["-d"]);
        assert_eq!((theirs.as_str(), code), (self.ours().as_str(), Some(0)));
    }
}

#[test]
fn mailboxes_made_renamed_and_deleted_by_us_are_those_the_c_tools_find() {
    for options in
        ["", "mailbox_legacy_dirs: yes\nhashimapspool: yes\n", "delete_mode: immediate\nreverseacls: yes\n"]
    {
        let Some(place) = Place::new(options) else { return };
        let (catalog, store) = (&place.catalog, &place.store);
        place.create("ann", "user.ann");
        place.create("ann", "user.ann.a.b.c");
        place.create("ann", "user.ann.x^y");
        assert!(place.living().contains(&"user.ann.a.b".to_owned()));
        assert!(place.living().contains(&"user.ann.a".to_owned()));
        place.check_against_c();

        let lock = place.lock("ann");
        let acl = catalog
            .set_acl(store, &lock, &ADMIN(), &name("user.ann.x^y"), b"bob", Some(b"lrs"))
            .expect("acl");
        assert_eq!(acl.print(), b"ann\tlrswipkxtecdan\tbob\tlrs\t");
        catalog.set_acl(store, &lock, &ADMIN(), &name("user.ann.x^y"), b"bob", Some(b"-s")).expect("acl");
        place.check_against_c();

        let done = catalog.rename_tree(
            store,
            &lock,
            &ADMIN(),
            &name("user.ann.a"),
            &name("user.ann.z"),
            &RenameHow::default(),
        );
        assert_eq!(done.expect("renamed").len(), 3);
        place.check_against_c();
        catalog
            .delete_mailbox(store, &lock, &ADMIN(), &name("user.ann.x^y"), DeleteHow::Configured)
            .expect("deleted");
        assert!(matches!(catalog.lookup(&name("user.ann.x^y")), Err(Error::NotFound)));
        place.check_against_c();
        drop(lock);
        let again = place.create("ann", "user.ann.x^y");
        assert_eq!(catalog.lookup(&name("user.ann.x^y")).expect("entry").uniqueid, again.uniqueid);
        place.check_against_c();

        for mailbox in place.living() {
            let (text, code) = place.tool("mbexamine", &[&mailbox.replace('.', "/").replace('^', ".")]);
            assert!(code == Some(0) && text.contains("Number of Messages: 0"), "{mailbox}: {text}");
        }
    }
}

#[test]
fn quota_counts_are_those_of_the_c_tools() {
    let Some(place) = Place::new("") else { return };
    let root = name("user.ann");
    place.create("ann", "user.ann");
    place.catalog.write_quota(&root, &Quota::with_limits([Some(1000), None, None, Some(3)])).expect("quota");
    place.create("ann", "user.ann.a");
    place.create("ann", "user.ann.b");
    let used = place.catalog.read_quota(&root).expect("quota").resource(Resource::NumFolders).used;
    assert_eq!(used, 2, "INBOX was there before the root");
    let lock = place.lock("ann");
    place.create("ann", "user.ann.c");
    let over =
        place.catalog.create_mailbox(&place.store, &lock, &ADMIN(), &NewMailbox::named(name("user.ann.d")));
    assert!(matches!(over, Err(Error::OverQuota(Resource::NumFolders))), "{over:?}");
    place
        .catalog
        .delete_mailbox(&place.store, &lock, &ADMIN(), &name("user.ann.c"), DeleteHow::Configured)
        .expect("deleted");
    drop(lock);
    let (text, code) = place.tool("quota", &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("user/ann") && text.contains("X-NUM-FOLDERS"), "{text}");
    let used = place.catalog.read_quota(&root).expect("quota").resource(Resource::NumFolders).used;
    assert_eq!(used, 2);
}

#[test]
fn users_may_do_what_their_rights_say_and_nothing_else() {
    let Some(place) = Place::new("") else { return };
    place.create("ann", "user.ann");
    let ann = AuthState::new(place.catalog.config(), b"ann");
    let bob = AuthState::new(place.catalog.config(), b"bob");
    let lock = place.lock("ann");
    let create = |state: &AuthState, mailbox: &str| {
        place
            .catalog
            .create_mailbox(&place.store, &lock, &Actor::Session(state), &NewMailbox::named(name(mailbox)))
            .map(drop)
    };
    create(&ann, "user.ann.a").expect("owner creates");
    assert!(matches!(create(&ann, "user.ann.a"), Err(Error::Exists)));
    assert!(matches!(create(&bob, "user.ann.a"), Err(Error::PermissionDenied)));
    assert!(matches!(create(&bob, "user.ann.b"), Err(Error::PermissionDenied)));
    assert!(matches!(create(&ann, "toplevel"), Err(Error::PermissionDenied)));
    assert!(matches!(create(&ann, "user.ann.b/c"), Err(Error::BadName)));
    let delete = |state: &AuthState, mailbox: &str| {
        place.catalog.delete_mailbox(
            &place.store,
            &lock,
            &Actor::Session(state),
            &name(mailbox),
            DeleteHow::Configured,
        )
    };
    assert!(matches!(delete(&ann, "user.ann"), Err(Error::NotSupported)));
    assert!(matches!(delete(&bob, "user.ann"), Err(Error::PermissionDenied)));
    assert!(matches!(delete(&bob, "user.ann.a"), Err(Error::NotFound)), "bob may not even look it up");
    let denied = place.catalog.set_acl(
        &place.store,
        &lock,
        &Actor::Session(&bob),
        &name("user.ann.a"),
        b"bob",
        Some(b"lr"),
    );
    assert!(matches!(denied, Err(Error::NotFound)));
    let granted = place.catalog.set_acl(
        &place.store,
        &lock,
        &Actor::Session(&ann),
        &name("user.ann.a"),
        b"bob",
        Some(b"lr"),
    );
    granted.expect("owner grants");
    assert!(matches!(delete(&bob, "user.ann.a"), Err(Error::PermissionDenied)));
    place.catalog.change_subscription(&bob, &name("user.ann.a"), Subscribe::Existing).expect("visible");
    let hidden = place.catalog.change_subscription(&bob, &name("user.ann"), Subscribe::Existing);
    assert!(matches!(hidden, Err(Error::NotFound)));
    assert_eq!(place.catalog.subscriptions(b"bob").expect("subscriptions"), vec![name("user.ann.a")]);
    delete(&ann, "user.ann.a").expect("owner deletes");
}
