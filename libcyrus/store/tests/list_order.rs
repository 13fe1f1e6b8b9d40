//! Goal: LIST "" "*" shows the same names in the same order as the C server.
//!
//! Method: the mailboxes of the captured name matrix (tests/golden/names) in a list of our own,
//! walked for every option set and user.

use cyrus_auth::AuthState;
use cyrus_auth::namespace::namespace;
use cyrus_base::config::Config;
use cyrus_store::Catalog;
use cyrus_store::lock::UserLock;
use cyrus_store::mboxlist::find::Step;
use cyrus_store::mboxlist::{Find, MbEntry};
use cyrus_util::acl::Acl;
use cyrus_util::mboxname::MboxName;
use cyrus_util::mboxname::namespace::Viewer;
use std::ops::ControlFlow;
use std::sync::Arc;

const MATRIX: &str = include_str!("../../../tests/golden/names/matrix.tsv");

fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    MATRIX.lines().map(|line| line.split('\t').collect())
}

#[test]
fn names_come_in_the_order_of_the_c_server() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path();
    let mut groups: Vec<((&str, &str), Vec<&str>)> = Vec::new();
    for row in rows().filter(|row| row[0] == "X") {
        match groups.last_mut() {
            Some((key, names)) if *key == (row[1], row[2]) => names.push(row[3]),
            _ => groups.push(((row[1], row[2]), vec![row[3]])),
        }
    }
    assert!(groups.len() > 60, "{}", groups.len());
    let mut is_filled = false;
    for ((options, user), expected) in groups {
        let words = options.split(' ').collect::<Vec<_>>();
        let text = format!(
            "configdirectory: {0}\npartition-default: {0}\nadmins: admin\nunixhierarchysep: {1}\naltnamespace: {2}\n\
             virtdomains: {3}\ncrossdomains: {4}\ncrossdomains_onlyother: {5}\n",
            root.display(),
            words[0],
            words[1],
            words[2],
            words[3],
            words[4]
        );
        std::fs::write(root.join("imapd.conf"), text).expect("configuration");
        let config = Config::load(Some(&root.join("imapd.conf")), "test").expect("configuration");
        let catalog = Catalog::new(Arc::new(config));
        if !is_filled {
            is_filled = true;
            let lock = UserLock::unowned();
            let mut change = catalog.change_list(&lock).expect("list");
            for row in rows().filter(|row| row[0] == "N") {
                let entry = MbEntry {
                    name: MboxName::from(row[1]),
                    acl: Some(Acl::parse(b"anyone\tlrskxp\t")),
                    ..MbEntry::default()
                };
                change.put(&entry).expect("entry");
            }
            change.commit().expect("commit");
        }
        let auth = AuthState::new(catalog.config(), user.as_bytes());
        let viewer = if auth.is_admin() { Viewer::Admin } else { Viewer::User };
        let namespace = namespace(catalog.config(), viewer);
        let patterns = [b"*".to_vec()];
        let find =
            Find { namespace: &namespace, auth: &auth, is_admin: auth.is_admin(), patterns: &patterns };
        let mut found = Vec::new();
        let walked = catalog.find_all(&find, |step| {
            if let Step::Name(name) = step {
                assert!(name.is_exact);
                found.push(String::from_utf8_lossy(&name.ext).into_owned());
            }
            ControlFlow::Continue(())
        });
        walked.expect("walk");
        assert_eq!(found, expected, "{options} {user}");
    }
}
