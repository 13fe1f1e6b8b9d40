//! What one imapd process keeps from connection to connection.

use crate::session::{Ending, Session};
use libcyrus::auth::{self, AuthState};
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::Fatal;
use libcyrus::base::start::Need;
use libcyrus::net::local::Idle;
use libcyrus::net::{sasl, tls};
use libcyrus::service::msgfile::MsgFiles;
use libcyrus::service::proc::ProcFile;
use libcyrus::service::session::SessionIds;
use libcyrus::service::{Connection, End, Program};
use libcyrus::store::{Catalog, Store};
use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;

/// Options of the command line (C: imapd(8)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// `-s`: TLS before the greeting.
    pub tls_at_once: bool,
    /// `-p ssf`: strength of a layer that something else already provides.
    pub external_ssf: u32,
    /// `-N`: LOGIN without a password check.
    pub no_password_check: bool,
    /// `-q`: quota is not looked at.
    pub ignore_quota: bool,
}

/// The process.
pub struct Imapd {
    /// imapd.conf.
    pub config: Arc<Config>,
    /// The command line.
    pub options: Options,
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// The mailboxes.
    pub store: Arc<Store>,
    /// Session ids.
    pub ids: SessionIds,
    /// libsasl2.
    pub sasl: sasl::Server,
    /// Certificates, read when first needed; `None` where TLS is not configured.
    pub tls: Option<tls::Server>,
    /// The line to idled, `None` where idling is off.
    pub idle: Option<Idle>,
    /// proc/<pid>.
    pub proc: ProcFile,
    /// shutdown and motd.
    pub msgfiles: MsgFiles,
}

/// Who may act for whom: administrators and proxy servers for anybody, with `loginuseacl` those
/// with right `a` on the INBOX too (C: mysasl_proxy_policy()).
struct ProxyPolicy {
    config: Arc<Config>,
}

impl sasl::Policy for ProxyPolicy {
    fn canon_user(&self, user: &[u8]) -> Option<Vec<u8>> {
        auth::canonical_userid(user, None, &auth::UserIdRules::new(&self.config), || None)
    }

    fn may_proxy(&self, requested: &[u8], auth_identity: &[u8]) -> Result<(), sasl::Refusal> {
        let state = AuthState::new(&self.config, auth_identity);
        if auth_identity == requested || state.is_admin() || state.has_role(&self.config, auth::Role::Proxy) {
            return Ok(());
        }
        Err(sasl::Refusal::BadAuth("user is not allowed to proxy".to_owned()))
    }
}

impl Program for Imapd {
    const NEED: Need = Need::Partitions;

    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal> {
        let options = options(args)?;
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = Arc::new(Store::open(Arc::clone(&catalog)));
        let policy = std::rc::Rc::new(ProxyPolicy { config: Arc::clone(&config) });
        Ok(Self {
            options,
            catalog,
            store,
            ids: SessionIds::new(&config),
            sasl: sasl::Server::new(&config, "imap", policy),
            tls: None,
            idle: Idle::open(&config),
            proc: ProcFile::new(&config)?,
            msgfiles: MsgFiles::new(&config),
            config,
        })
    }

    fn serve(&mut self, connection: Connection) -> End {
        let ending = Session::new(self, connection).run();
        self.proc.cleanup();
        match ending {
            Ending::Closed => End::Reuse,
            Ending::Exit(code) => End::Exit(code),
        }
    }

    fn say_fatal(text: &str) {
        let mut out = std::io::stdout();
        // The connection may be gone; there is nobody else to tell.
        let _ = write!(out, "* BYE Fatal error: {text}\r\n").and_then(|()| out.flush());
    }
}

fn options(args: &[OsString]) -> Result<Options, Fatal> {
    use libcyrus::base::args::{Args, Spec};
    let usage = |text: String| Fatal::new(text, libcyrus::base::exit::EX_USAGE);
    let spec = Spec { short: "Np:qs", long: &[] };
    let args = Args::parse("imapd".as_ref(), args, &spec).map_err(usage)?;
    let external_ssf = match args.value('p').and_then(|v| v.to_str()) {
        Some(text) => text.parse().map_err(|_| usage(format!("imapd: -p {text}: not a number")))?,
        None => 0,
    };
    Ok(Options {
        tls_at_once: args.has('s'),
        external_ssf,
        no_password_check: args.has('N'),
        ignore_quota: args.has('q'),
    })
}
