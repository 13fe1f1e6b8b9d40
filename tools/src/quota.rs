//! quota: report what the quota roots use, and count it anew (`-f`).

mod fix;
mod steps;

use self::steps::Steps;
use crate::{Call, io};
use libcyrus::auth::namespace::admin_namespace;
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_CONFIG, EX_USAGE, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::{self, Need};
use libcyrus::store::quota::Quota;
use libcyrus::store::{Catalog, Error, Resource, Result, Store};
use libcyrus::util::mboxname::{MboxName, Namespace};
use serde_json::{Map, Value};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

const USAGE: &str =
    "usage: quota [-C <alt_config>] [-d <domain>] [-f] [-q] [-J] [-n] [-u] [mailbox-spec]...\n";

/// A resource as it is counted and shown.
struct Shown {
    resource: Resource,
    name: &'static str,
    /// What a limit of one is.
    unit: i64,
}

const SHOWN: [Shown; 4] = [
    Shown { resource: Resource::Storage, name: "STORAGE", unit: 1024 },
    Shown { resource: Resource::Message, name: "MESSAGE", unit: 1 },
    Shown { resource: Resource::AnnotationStorage, name: "X-ANNOTATION-STORAGE", unit: 1024 },
    Shown { resource: Resource::NumFolders, name: "X-NUM-FOLDERS", unit: 1 },
];

/// What one run works on.
struct Run {
    catalog: Arc<Catalog>,
    store: Arc<Store>,
    /// The start of the names of roots and mailboxes: one of the operands, or all of a domain.
    prefixes: Vec<Prefix>,
    /// Only tell (`-n`).
    dry: bool,
    /// Count a mailbox only when told to (`-Z`).
    steps: Option<Steps>,
}

/// An operand.
struct Prefix {
    name: MboxName,
    /// With `-u`, whose roots and mailboxes are meant.
    userid: Option<Vec<u8>>,
}

/// A root that takes part.
struct Root {
    name: MboxName,
    mailboxes: usize,
    removed: bool,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:d:fqJnuZ", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_USAGE),
    };
    let config = match start::init(args.value('C').map(Path::new), "quota", Need::Partitions) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let namespace = admin_namespace(&config);
    if namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    let steps = args.has('Z').then(|| Steps::new(&config));
    let catalog = Arc::new(Catalog::new(Arc::new(config)));
    let store = libcyrus::open_store(&catalog);
    let prefixes = prefixes(&args, &catalog, &namespace);
    let run = Run { catalog, store, prefixes, dry: args.has('n'), steps };
    let reports = !args.has('q') || !args.has('f');
    match run.work(args.has('f')) {
        Ok(roots) if reports => run.report(&namespace, &roots, args.has('J')),
        Ok(_) => 0,
        Err(error) => fix::exit_code(&error),
    }
}

/// The operands; none means everything.
fn prefixes(args: &Args, catalog: &Catalog, namespace: &Namespace) -> Vec<Prefix> {
    let mut domain = args.value('d').map(|domain| domain.as_bytes().to_vec()).unwrap_or_default();
    if !domain.is_empty() {
        domain.push(b'!');
    }
    if args.words.is_empty() {
        return vec![Prefix { name: MboxName::new(domain), userid: None }];
    }
    let meant = |word: &std::ffi::OsString| {
        if args.has('u') {
            let name = MboxName::user_inbox(word.as_bytes(), catalog.rules());
            return Prefix { name, userid: Some(word.as_bytes().to_vec()) };
        }
        let name = namespace.to_internal(word.as_bytes(), None);
        Prefix { name: MboxName::new([&domain, name.as_bytes()].concat()), userid: None }
    };
    args.words.iter().map(meant).collect()
}

/// Tells what went wrong. C: errmsg()
fn complain(error: &Error, what: &str) {
    match error {
        Error::Io { source, .. } => say(&format!("{what}: {error}: {}", source)),
        error => say(&format!("{what}: {error}")),
    }
}

/// Tells that a walk ended early, which C calls an I/O error whatever it was.
fn complain_of_walk(error: &Error, what: &str) {
    match error {
        Error::Io { .. } => complain(error, what),
        error => say(&format!("{what}: System I/O error: {error}")),
    }
}

fn say(text: &str) {
    log::write(Priority::Err, format_args!("{text}"));
    io::complain(format!("{text}\n").as_bytes());
}

impl Run {
    fn work(&self, fix: bool) -> Result<Vec<Root>> {
        let _lock = self.catalog.lock_quota_change(&self.store)?;
        let mut roots = self.find_roots()?;
        if fix {
            self.fix(&mut roots)?;
        }
        Ok(roots)
    }

    /// The roots that are meant. What an interrupted run left in them goes. C: buildquotalist()
    fn find_roots(&self) -> Result<Vec<Root>> {
        let mut roots = Vec::new();
        for prefix in &self.prefixes {
            let found = self.catalog.quota_roots(prefix.name.as_bytes()).inspect_err(|error| {
                complain_of_walk(error, &format!("failed building quota list for '{}'", prefix.name));
            })?;
            for (name, quota) in found {
                let owner = || name.owner(self.catalog.rules());
                if prefix.userid.as_ref().is_some_and(|userid| owner().as_ref() != Some(userid)) {
                    continue;
                }
                if quota.scanned().is_some() {
                    self.catalog.update_quota(&name, Quota::clear_scan).inspect_err(|error| {
                        complain(error, &format!("failed writing quota record for '{name}'"));
                    })?;
                }
                roots.push(Root { name, mailboxes: 0, removed: false });
            }
        }
        Ok(roots)
    }

    /// Writes the table, or with `-J` an object. C: reportquota()
    fn report(&self, namespace: &Namespace, roots: &[Root], json: bool) -> i32 {
        let mut table = b"   Quota   % Used     Used             Resource Root\n".to_vec();
        let mut object = Map::new();
        for root in roots.iter().filter(|root| !root.removed) {
            let Ok(quota) = self.catalog.read_quota(&root.name) else { break };
            let name = namespace.to_external(&root.name, None);
            let name = name.unwrap_or_else(|| root.name.as_bytes().to_vec());
            if json {
                object.insert(String::from_utf8_lossy(&name).into_owned(), as_object(&quota));
                continue;
            }
            for shown in &SHOWN {
                table.extend(line(&quota, shown).as_bytes());
                table.extend(&name);
                table.push(b'\n');
            }
        }
        if json {
            table = serde_json::to_string_pretty(&object).unwrap_or_default().into_bytes();
            table.push(b'\n');
        }
        io::print(&table);
        0
    }
}

fn as_object(quota: &Quota) -> Value {
    let mut object = Map::new();
    for shown in &SHOWN {
        let found = quota.resource(shown.resource);
        let mut facts = Map::new();
        facts.insert("used".into(), found.used.into());
        if let Some(limit) = found.limit.filter(|limit| *limit > 0) {
            facts.insert("limit".into(), limit.saturating_mul(shown.unit).into());
        }
        object.insert(shown.name.into(), facts.into());
    }
    object.into()
}

/// A line of the table without the root's name. C: reportquota_resource()
fn line(quota: &Quota, shown: &Shown) -> String {
    let found = quota.resource(shown.resource);
    let used = found.used.checked_div(shown.unit).unwrap_or(0);
    let limit = match found.limit {
        Some(0) => "       0         ".to_owned(),
        Some(limit) => {
            let percent = used.saturating_mul(100).checked_div(limit).unwrap_or(0);
            format!(" {limit:7} {percent:8}")
        }
        None => " ".repeat(17),
    };
    format!("{limit} {used:8} {:>20} ", shown.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_c() {
        let quota = Quota::parse(b"%(S (134651 5000) M (69 0) AS (65) NF (13 40) MODSEQ 97)");
        let quota = quota.unwrap_or_default();
        let lines: Vec<_> = SHOWN.iter().map(|shown| line(&quota, shown)).collect();
        let expected = [
            "    5000        2      131              STORAGE ",
            "       0                69              MESSAGE ",
            "                         0 X-ANNOTATION-STORAGE ",
            "      40       32       13        X-NUM-FOLDERS ",
        ];
        assert_eq!(lines, expected);
    }
}
