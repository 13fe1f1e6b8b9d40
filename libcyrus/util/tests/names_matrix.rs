//! Goal: names translate as the C server translates them.
//!
//! Method: compare with some seven thousand captured answers (tests/golden/names).

use cyrus_util::mboxname::namespace::Viewer;
use cyrus_util::mboxname::{MboxName, NameRules, Namespace, Options, Parts, VirtDomains};
use std::collections::{BTreeMap, BTreeSet};

const MATRIX: &str = include_str!("../../../tests/golden/names/matrix.tsv");

fn namespace(options: &str, user: &str) -> Namespace {
    let words = options.split(' ').collect::<Vec<_>>();
    let [separator, alt, virtdomains, cross, onlyother] = words.as_slice() else { panic!("{options}") };
    let viewer = if user == "admin" { Viewer::Admin } else { Viewer::User };
    let options = Options {
        hiersep: if *separator == "yes" { b'/' } else { b'.' },
        altnamespace: *alt == "yes",
        virtdomains: if *virtdomains == "off" { VirtDomains::Off } else { VirtDomains::Userid },
        crossdomains: *cross == "yes",
        crossdomains_onlyother: *onlyother == "yes",
        ..Options::default()
    };
    Namespace::new(options, viewer)
}

fn rows(kind: &str) -> impl Iterator<Item = Vec<&'static str>> {
    MATRIX
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(move |row| row.first() == Some(&kind))
}

fn report(what: &str, checked: usize, wrong: &[String]) {
    assert!(checked > 1000, "{checked}");
    assert!(
        wrong.is_empty(),
        "{} of {checked} {what} differ, first:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(30)].join("\n")
    );
}

#[test]
fn external_names_are_those_of_the_c_server() {
    let names = rows("N").map(|row| MboxName::from(row[1])).collect::<Vec<_>>();
    let mut listed: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for row in rows("X") {
        listed.entry((row[1], row[2])).or_default().insert(row[3].to_owned());
    }
    let (mut checked, mut wrong) = (0, Vec::new());
    for ((options, user), theirs) in listed {
        let namespace = namespace(options, user);
        let domain = Parts::from_userid(user.as_bytes(), &NameRules::default()).domain;
        let mut ours = BTreeSet::new();
        for name in &names {
            let parts = name.parts(namespace.rules());
            let is_own = parts.userid().as_deref() == Some(user.as_bytes());
            let cross = namespace.options().crossdomains;
            // LIST, not the name, decides these: no other domains without crossdomains; of shared
            // mailboxes only those of the own domain; no own folders for a user whose name holds
            // the separator.
            let local = user.split('@').next().unwrap_or_default().as_bytes();
            let hidden = !namespace.is_admin()
                && (parts.deleted != 0
                    || (!cross && parts.domain != domain)
                    || (parts.localpart.is_none() && domain.is_some() && parts.domain != domain)
                    || (is_own && local.contains(&namespace.hiersep())));
            if let (false, Some(ext)) = (hidden, namespace.external_of(&parts, Some(user.as_bytes()))) {
                ours.insert(String::from_utf8_lossy(&ext).into_owned());
            }
        }
        checked += theirs.len();
        wrong.extend(theirs.difference(&ours).map(|ext| format!("{options} {user}: missing {ext}")));
        wrong.extend(ours.difference(&theirs).map(|ext| format!("{options} {user}: extra {ext}")));
    }
    report("external names", checked, &wrong);
}

#[test]
fn internal_names_are_those_of_the_c_server() {
    let rules = NameRules::default();
    let (mut checked, mut wrong) = (0, Vec::new());
    for row in rows("I") {
        let (options, user, ext, expected) = (row[1], row[2], row[3], row[4]);
        let name = namespace(options, user).to_internal(ext.as_bytes(), Some(user.as_bytes()));
        // SUBSCRIBE does nothing for the bare prefixes, which name no mailbox.
        if expected == "-" && (name.is_empty() || name.as_bytes().ends_with(b"!")) {
            checked += 1;
            continue;
        }
        let dbname = name.to_db(&rules);
        let inbox = Parts::from_userid(user.as_bytes(), &rules).to_db(&rules);
        let key = match dbname.strip_prefix(inbox.as_slice()) {
            Some(rest) => [b"NINBOX", rest].concat(),
            None => [b"N", dbname.as_slice()].concat(),
        };
        let key = String::from_utf8_lossy(&key).replace('\x1f', "|").replace('\x1d', "#");
        checked += 1;
        if key != expected {
            wrong.push(format!("{options} {user}: {ext}: {key} instead of {expected}"));
        }
    }
    report("internal names", checked, &wrong);
}
