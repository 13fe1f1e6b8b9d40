//! tls_prune: remove TLS sessions whose time is over.
//!
//! Ours keep no sessions on disk; a database that the original left is pruned as it does.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::{self, Need};
use libcyrus::db::{self, Create, Db, Kind, OpenFlags};
use libcyrus::util::ids::UnixTime;
use std::ops::ControlFlow;
use std::path::Path;

const USAGE: &str = "tls_prune [-C <altconfig>]\n";

/// Runs the tool: `tls_prune [-C config]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let config = match start::init(args.value('C').map(Path::new), "tls_prune", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    match prune(&config) {
        Ok(()) => EX_OK,
        Err(error) => {
            log::write(Priority::Err, format_args!("DBERROR: opening TLS sessions: {error}"));
            1
        }
    }
}

/// C: tls_prune_sessions()
fn prune(config: &Config) -> Result<(), db::Error> {
    let configured = config.path(Opt::TlsSessionsDbPath).map(Path::to_path_buf);
    let file = configured.unwrap_or_else(|| config.configdirectory().join("tls_sessions.db"));
    let kind = Kind::from_name(config.choice(Opt::TlsSessionsDb)).unwrap_or(Kind::Twoskip);
    let flags = OpenFlags { create: Create::IfMissing, ..OpenFlags::from_config(config) };
    let db = Db::open(&file, kind, &flags)?;
    let now = UnixTime::now().0;
    let (mut seen, mut over) = (0_u64, Vec::new());
    db.foreach(b"", |key, data| {
        seen = seen.saturating_add(1);
        // The time of expiry in the machine's own form, then the session. A broken one goes too.
        let expires = data.first_chunk::<8>().map(|time| i64::from_ne_bytes(*time));
        if expires.is_none_or(|time| time < now) {
            over.push(key.to_vec());
        }
        ControlFlow::Continue(())
    })?;
    let removed = over.len();
    if !over.is_empty() {
        let mut txn = db.begin()?;
        for key in &over {
            txn.delete(key)?;
        }
        txn.commit()?;
    }
    log::write(Priority::Notice, format_args!("tls_prune: purged {removed} out of {seen} entries"));
    Ok(())
}
