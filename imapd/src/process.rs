//! What one imapd process keeps from connection to connection.

use crate::session::Session;
use libcyrus::base::Config;
use libcyrus::base::exit::Fatal;
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::login::{LoginFacts, ProxyPolicy};
use libcyrus::net::local::Idle;
use libcyrus::net::{sasl, tls};
use libcyrus::service::msgfile::MsgFiles;
use libcyrus::service::proc::ProcFile;
use libcyrus::service::session::SessionIds;
use libcyrus::service::{Connection, End, Program};
use libcyrus::store::annotate::Definitions;
use libcyrus::store::{Catalog, Store};
use std::cell::{OnceCell, RefCell};
use std::ffi::OsString;
use std::io::Write;
use std::rc::Rc;
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
    /// The rules of user names and of proxying.
    pub policy: Rc<dyn sasl::Policy>,
    /// What the policy noted at the login.
    pub facts: Rc<RefCell<LoginFacts>>,
    /// Certificates, read when first needed; `None` where TLS is not configured.
    pub tls: Option<tls::Server>,
    /// The line to idled, `None` where idling is off.
    pub idle: Option<Idle>,
    /// `proc/<pid>`.
    pub proc: ProcFile,
    /// The quota root of which SELECT warned last, and when.
    pub quota_warned: Option<(Vec<u8>, std::time::Instant)>,
    /// CPU time told in the log.
    pub usage: log::Usage,
    /// shutdown and motd.
    pub msgfiles: MsgFiles,
    /// The annotations that are known, read when first needed.
    pub definitions: OnceCell<Rc<Definitions>>,
}

impl Imapd {
    /// The annotations that are known.
    pub fn definitions(&self) -> Rc<Definitions> {
        Rc::clone(self.definitions.get_or_init(|| Rc::new(Definitions::load(&self.config))))
    }
}

impl Program for Imapd {
    const NEED: Need = Need::Partitions;
    const IOLOG: Option<&'static str> = Some("IMAP");

    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal> {
        let options = options(args)?;
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = libcyrus::open_store(&catalog);
        libcyrus::store::append::sweep(&store);
        if options.tls_at_once && !tls::is_enabled(&config) {
            let text = "imaps: required OpenSSL options not present";
            log::write(Priority::Err, format_args!("{text}"));
            return Err(Fatal::new(text.to_owned(), libcyrus::base::exit::EX_CONFIG));
        }
        let facts = Rc::new(RefCell::new(LoginFacts::default()));
        let policy = Rc::new(ProxyPolicy {
            config: Arc::clone(&config),
            catalog: Arc::clone(&catalog),
            facts: Rc::clone(&facts),
            cuts_detail: true,
        });
        Ok(Self {
            options,
            catalog,
            store,
            ids: SessionIds::new(&config),
            sasl: sasl::Server::new(&config, "imap", policy.clone()),
            policy,
            facts,
            tls: None,
            idle: Idle::open(&config),
            proc: ProcFile::new(&config)?,
            quota_warned: None,
            usage: log::Usage::default(),
            msgfiles: MsgFiles::new(&config),
            definitions: OnceCell::new(),
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
