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
use cyrus_util::glob::Glob;
use cyrus_util::mboxname::MboxName;
use cyrus_util::mboxname::namespace::Viewer;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

const MATRIX: &str = include_str!("../../../tests/golden/names/matrix.tsv");

fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    MATRIX.lines().map(|line| line.split('\t').collect())
}

/// A set of options and a reader, and what LIST "" "*" shows then.
type Group = ((&'static str, &'static str), Vec<&'static str>);

fn groups() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows().filter(|row| row[0] == "X") {
        match groups.last_mut() {
            Some((key, names)) if *key == (row[1], row[2]) => names.push(row[3]),
            _ => groups.push(((row[1], row[2]), vec![row[3]])),
        }
    }
    assert!(groups.len() > 60, "{}", groups.len());
    groups
}

/// A catalog with these options over the list in `root`.
fn catalog(root: &Path, options: &str) -> Catalog {
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
    Catalog::new(Arc::new(config))
}

fn fill(catalog: &Catalog) {
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

/// The external names that LIST shows, cut to what matches, and whether they are whole.
fn walk(catalog: &Catalog, user: &str, patterns: &[Vec<u8>]) -> Vec<(Vec<u8>, bool)> {
    let auth = AuthState::new(catalog.config(), user.as_bytes());
    let viewer = if auth.is_admin() { Viewer::Admin } else { Viewer::User };
    let namespace = namespace(catalog.config(), viewer);
    let find = Find { namespace: &namespace, auth: &auth, is_admin: auth.is_admin(), patterns };
    let mut found = Vec::new();
    let walked = catalog.find_all(&find, |step| {
        if let Step::Name(name) = step {
            found.push((name.ext.clone(), name.is_exact));
        }
        ControlFlow::Continue(())
    });
    walked.expect("walk");
    found
}

#[test]
fn names_come_in_the_order_of_the_c_server() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut is_filled = false;
    for ((options, user), expected) in groups() {
        let catalog = catalog(dir.path(), options);
        if !is_filled {
            is_filled = true;
            fill(&catalog);
        }
        let found = walk(&catalog, user, &[b"*".to_vec()]);
        assert!(found.iter().all(|(_, is_exact)| *is_exact));
        let names: Vec<_> = found.iter().map(|(ext, _)| String::from_utf8_lossy(ext).into_owned()).collect();
        assert_eq!(names, expected, "{options} {user}");
    }
}

/// LIST of few names does not read the whole list; it must find what one that reads all of it finds.
#[test]
fn narrow_patterns_find_what_stands_among_all_names() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut is_filled = false;
    let mut tried = 0;
    for ((options, user), names) in groups() {
        let catalog = catalog(dir.path(), options);
        if !is_filled {
            is_filled = true;
            fill(&catalog);
        }
        let separator = if options.starts_with("yes") { b'/' } else { b'.' };
        let all = walk(&catalog, user, &[b"*".to_vec()]);
        // A second pattern keeps the ancestors of C's single percent away.
        let nothing = b"no such name".to_vec();
        for name in names.iter().step_by(37) {
            for at in (0..=name.len()).step_by(3).chain([name.len()]) {
                let Some(start) = name.as_bytes().get(..at) else { continue };
                for tail in [b"".as_slice(), b"*", b"%", b"%*b%"] {
                    let pattern = [start, tail].concat();
                    let glob = Glob::new(&pattern, separator);
                    let matching = all.iter().filter_map(|(ext, _)| {
                        let length = glob.test(ext).filter(|&length| length > 0)?;
                        Some((ext.get(..length)?.to_vec(), length == ext.len()))
                    });
                    let expected: Vec<_> = matching.collect();
                    let found = walk(&catalog, user, &[nothing.clone(), pattern.clone()]);
                    let shown = String::from_utf8_lossy(&pattern).into_owned();
                    assert_eq!(found, expected, "{options} {user} {shown}");
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}
