//! ctl_cyrusdb: run at every start to set the recovery stamp and convert databases (`-r`), and from
//! time to time to archive them (`-c`).

use crate::context::Context;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::EX_MINUS_ONE;
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::{self, Need};
use libcyrus::db::{self, Db, Kind, OpenFlags};
use libcyrus::store::append;
use libcyrus::util::ids::UnixTime;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const USAGE: &str = "\
ctl_cyrusdb [-C <altconfig>] -c
ctl_cyrusdb [-C <altconfig>] -r [-x]
";

/// A database of the whole server.
struct Global {
    /// Below the configuration directory, unless the path option says otherwise.
    name: &'static str,
    kind: Opt,
    path: Opt,
    archived: bool,
}

const GLOBALS: [Global; 8] = [
    Global { name: "mailboxes.db", kind: Opt::MboxlistDb, path: Opt::MboxlistDbPath, archived: true },
    Global { name: "quotas.db", kind: Opt::QuotaDb, path: Opt::QuotaDbPath, archived: true },
    Global { name: "annotations.db", kind: Opt::AnnotationDb, path: Opt::AnnotationDbPath, archived: true },
    Global { name: "backups.db", kind: Opt::BackupDb, path: Opt::BackupDbPath, archived: true },
    Global { name: "deliver.db", kind: Opt::DuplicateDb, path: Opt::DuplicateDbPath, archived: false },
    Global {
        name: "tls_sessions.db",
        kind: Opt::TlsSessionsDb,
        path: Opt::TlsSessionsDbPath,
        archived: false,
    },
    Global {
        name: "ptclient/ptscache.db",
        kind: Opt::PtscacheDb,
        path: Opt::PtscacheDbPath,
        archived: false,
    },
    Global {
        name: "statuscache.db",
        kind: Opt::StatuscacheDb,
        path: Opt::StatuscacheDbPath,
        archived: false,
    },
];

impl Global {
    fn file(&self, config: &Config) -> PathBuf {
        match config.path(self.path) {
            Some(path) => path.to_owned(),
            None => config.configdirectory().join(self.name),
        }
    }

    fn kind(&self, config: &Config) -> Option<Kind> {
        let name = config.string(self.kind).unwrap_or("twoskip");
        Kind::from_name(name.strip_suffix("-nosync").unwrap_or(name))
    }
}

/// Runs the tool: `ctl_cyrusdb [-C config] -r [-x] | -c`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:rxc", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let modes = args.options.iter().filter(|given| matches!(given.letter, 'r' | 'c')).count();
    if modes != 1 || (args.has('x') && !args.has('r')) {
        return io::usage("", USAGE, EX_MINUS_ONE);
    }
    let config = match start::init(args.value('C').map(Path::new), "ctl_cyrusdb", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let recovered = args.has('r').then(|| recover(&config));
    let message = if args.has('r') { "recovering cyrus databases" } else { "checkpointing cyrus databases" };
    log::write(Priority::Notice, format_args!("{message}"));
    let code = recovered.unwrap_or_else(|| archive(&config));
    if args.has('r') && !args.has('x') {
        let context = Context::new(config);
        // C goes on too: a service that cannot read the list says so itself.
        if let Err(error) = context.catalog.recover_list(&context.store) {
            log::write(Priority::Err, format_args!("DBERROR: recovering mailboxes.db: {error}"));
        }
        append::sweep(&context.store);
    }
    log::write(Priority::Notice, format_args!("done {message}"));
    code
}

/// Sets the stamp before which every skiplist file counts as possibly torn, and converts the global
/// databases to the type the configuration asks for.
fn recover(config: &Config) -> i32 {
    let mut code = 0;
    let directory = config.configdirectory().join("db");
    match fs::remove_file(directory.join("skipcleanshutdown")) {
        Ok(()) => {
            log::write(Priority::Notice, format_args!("skiplist: clean shutdown detected, starting normally"))
        }
        Err(_) => {
            log::write(
                Priority::Notice,
                format_args!("skiplist: clean shutdown file missing, updating recovery stamp"),
            );
            if let Err(error) = stamp(&directory.join("skipstamp")) {
                log::write(
                    Priority::Err,
                    format_args!(
                        "DBERROR: write failed: filename=<{}/skipstamp> {error}",
                        directory.display()
                    ),
                );
                code = 1;
            }
        }
    }
    let flags = OpenFlags::from_config(config);
    for global in &GLOBALS {
        let file = global.file(config);
        let (Ok(Some(found)), Some(wanted)) = (db::detect(&file), global.kind(config)) else { continue };
        if found == wanted {
            continue;
        }
        let name = file.display();
        log::write(Priority::Notice, format_args!("converting {name} from {found} to {wanted}"));
        if let Err(error) = db::convert((&file, found), (&file, wanted), &flags) {
            log::write(Priority::Notice, format_args!("conversion failed {name}: {error}"));
        }
    }
    code
}

fn stamp(path: &Path) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::File::create(path)?;
    file.write_all(&UnixTime::now().as_u32().to_be_bytes())?;
    file.sync_all()
}

/// Moves the last archive away and copies the databases that cannot be made again.
fn archive(config: &Config) -> i32 {
    let first = config.configdirectory().join("db.backup1");
    let second = config.configdirectory().join("db.backup2");
    if let Err(error) = rotate(&first, &second) {
        return failed(&first, &error);
    }
    let flags = OpenFlags::from_config(config);
    let mut code = 0;
    for global in GLOBALS.iter().filter(|global| global.archived) {
        let Some(kind) = global.kind(config).filter(|kind| *kind != Kind::QuotaLegacy) else { continue };
        let file = global.file(config);
        let Some(name) = file.file_name().filter(|_| file.is_file()) else { continue };
        // The shared lock makes the copy one moment's.
        let copied = match Db::open(&file, kind, &flags) {
            Ok(db) => match db.begin_read() {
                Ok(_lock) => fs::copy(&file, first.join(name)),
                Err(error) => Err(std::io::Error::other(error)),
            },
            // What cannot be read may yet be wanted.
            Err(_) => fs::copy(&file, first.join(name)),
        };
        if let Err(error) = copied {
            code = failed(&file, &error);
        }
    }
    code
}

fn rotate(first: &Path, second: &Path) -> std::io::Result<()> {
    let missing_is_fine = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    };
    missing_is_fine(fs::remove_dir_all(second))?;
    missing_is_fine(fs::rename(first, second))?;
    fs::create_dir(first)
}

fn failed(path: &Path, error: &std::io::Error) -> i32 {
    log::write(Priority::Err, format_args!("DBERROR: archive {}: {error}", path.display()));
    io::usage("ctl_cyrusdb: unable to archive environment", "", 1)
}
