//! What one pop3d process keeps from connection to connection.

use crate::session::Session;
use libcyrus::auth::{self, namespace};
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::{EX_CONFIG, EX_USAGE, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::login::{LoginFacts, ProxyPolicy};
use libcyrus::net::local::Idle;
use libcyrus::net::{sasl, tls};
use libcyrus::service::msgfile::MsgFiles;
use libcyrus::service::proc::ProcFile;
use libcyrus::service::session::SessionIds;
use libcyrus::service::{Connection, End, Program};
use libcyrus::store::{Catalog, Store};
use libcyrus::util::mboxname::Namespace;
use libcyrus::util::mboxname::namespace::Viewer;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

/// Options of the command line (C: pop3d(8)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// `-k`: Kerberos 4, which Debian's is built without, too: every connection gets the usage.
    pub kpop: bool,
    /// `-s`: TLS before the greeting.
    pub tls_at_once: bool,
    /// `-p ssf`: strength of a layer that something else already provides.
    pub external_ssf: u32,
}

/// The process.
pub struct Pop3d {
    /// imapd.conf.
    pub config: Arc<Config>,
    /// The command line.
    pub options: Options,
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// The mailboxes.
    pub store: Arc<Store>,
    /// How user names and subfolders name mailboxes.
    pub namespace: Namespace,
    /// Session ids.
    pub ids: SessionIds,
    /// libsasl2.
    pub sasl: sasl::Server,
    /// The rules of user names and of proxying.
    pub policy: Rc<dyn sasl::Policy>,
    /// What the policy noted at the login; `magicplus` is the subfolder.
    pub facts: Rc<RefCell<LoginFacts>>,
    /// Certificates, read when first needed.
    pub tls: Option<tls::Server>,
    /// The line to idled, `None` where idling is off.
    pub idle: Option<Idle>,
    /// `proc/<pid>`.
    pub proc: ProcFile,
    /// The shutdown file.
    pub msgfiles: MsgFiles,
}

/// As every daemon's policy; `popsubfolders` cuts `+folder` off a user name. C: popd_canon_user()
struct SubfolderPolicy(ProxyPolicy);

impl SubfolderPolicy {
    /// The user name without its subfolder, and the subfolder with its plus.
    fn split(&self, user: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let plus = user.iter().position(|&b| b == b'+').filter(|_| self.0.config.switch(Opt::Popsubfolders));
        let Some(plus) = plus else { return (user.to_vec(), None) };
        let rest = user.get(plus..).unwrap_or_default();
        let has_domains = namespace::virtdomains(&self.0.config).is_on();
        let domain = if has_domains { rest.iter().position(|&b| b == b'@') } else { None };
        let mut name = user.to_vec();
        let subfolder = name.drain(plus..plus + domain.unwrap_or(rest.len())).collect();
        (name, Some(subfolder))
    }
}

impl sasl::Policy for SubfolderPolicy {
    fn canon_user(&self, user: &[u8]) -> Option<Vec<u8>> {
        let (name, subfolder) = self.split(user);
        if subfolder.is_some() {
            self.0.facts.borrow_mut().magicplus = subfolder;
        }
        self.0.canon_user(&name)
    }

    fn may_proxy(&self, requested: &[u8], auth_identity: &[u8]) -> Result<(), sasl::Refusal> {
        self.0.may_proxy(&self.split(requested).0, auth_identity)
    }
}

impl Program for Pop3d {
    const NEED: Need = Need::Partitions;
    const IOLOG: Option<&'static str> = Some("POP");

    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal> {
        let options = options(args)?;
        let namespace = auth::namespace::namespace(&config, Viewer::Admin);
        namespace
            .check_prefixes()
            .map_err(|_| Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG))?;
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = libcyrus::open_store(&catalog);
        if options.tls_at_once && !tls::is_enabled(&config) {
            let text = "pop3s: required OpenSSL options not present";
            log::write(Priority::Err, format_args!("{text}"));
            return Err(Fatal::new(text.to_owned(), EX_CONFIG));
        }
        let facts = Rc::new(RefCell::new(LoginFacts::default()));
        let policy = Rc::new(SubfolderPolicy(ProxyPolicy {
            config: Arc::clone(&config),
            catalog: Arc::clone(&catalog),
            facts: Rc::clone(&facts),
            cuts_detail: false,
        }));
        Ok(Self {
            options,
            catalog,
            store,
            namespace,
            ids: SessionIds::new(&config),
            sasl: sasl::Server::new(&config, "pop", policy.clone()),
            policy,
            facts,
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
        ending
    }

    fn say_fatal(text: &str) {
        let mut out = std::io::stdout();
        // The connection may be gone; there is nobody else to tell.
        let _ = write!(out, "-ERR [SYS/PERM] Fatal error: {text}\r\n").and_then(|()| out.flush());
    }
}

fn options(args: &[OsString]) -> Result<Options, Fatal> {
    use libcyrus::base::args::{Args, Spec};
    let usage = |text: String| Fatal::new(text, EX_USAGE);
    let spec = Spec { short: "skp:", long: &[] };
    let args = Args::parse("pop3d".as_ref(), args, &spec).map_err(usage)?;
    let external_ssf = match args.value('p').and_then(|v| v.to_str()) {
        Some(text) => text.parse().map_err(|_| usage(format!("pop3d: -p {text}: not a number")))?,
        None => 0,
    };
    Ok(Options { kpop: args.has('k'), tls_at_once: args.has('s'), external_ssf })
}
