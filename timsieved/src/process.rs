//! What one timsieved process keeps from connection to connection.

use crate::session::Session;
use libcyrus::base::Config;
use libcyrus::base::exit::{EX_SOFTWARE, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::login::{LoginFacts, ProxyPolicy};
use libcyrus::net::{sasl, tls};
use libcyrus::service::session::SessionIds;
use libcyrus::service::{Connection, End, Program};
use libcyrus::sieve::CompileSettings;
use libcyrus::store::{Catalog, Store};
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;

/// The process.
pub struct Timsieved {
    /// imapd.conf.
    pub config: Arc<Config>,
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// The mailboxes.
    pub store: Arc<Store>,
    /// How scripts are compiled here.
    pub compile: CompileSettings,
    /// libsasl2.
    pub sasl: sasl::Server,
    /// What the policy noted at the login.
    pub facts: Rc<RefCell<LoginFacts>>,
    /// Session ids, for the audit log and telemetry.
    pub ids: SessionIds,
    /// Certificates, read when first needed.
    pub tls: Option<tls::Server>,
}

impl Program for Timsieved {
    const NEED: Need = Need::Partitions;

    fn start(config: Arc<Config>, _args: &[OsString]) -> Result<Self, Fatal> {
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = libcyrus::open_store(&catalog);
        let compile = CompileSettings::from_config(&config).map_err(|error| {
            log::write(Priority::Err, format_args!("{error}"));
            Fatal::new(error.to_string(), EX_SOFTWARE)
        })?;
        let facts = Rc::new(RefCell::new(LoginFacts::default()));
        let policy = Rc::new(ProxyPolicy {
            config: Arc::clone(&config),
            catalog: Arc::clone(&catalog),
            facts: Rc::clone(&facts),
            cuts_detail: false,
        });
        Ok(Self {
            catalog,
            store,
            compile,
            sasl: sasl::Server::new(&config, "sieve", policy),
            facts,
            ids: SessionIds::new(&config),
            tls: None,
            config,
        })
    }

    fn serve(&mut self, connection: Connection) -> End {
        Session::new(self, connection).run()
    }

    fn say_fatal(text: &str) {
        let mut out = std::io::stdout();
        // The connection may be gone; there is nobody else to tell.
        let _ = write!(out, "NO Fatal error: {text}\r\n").and_then(|()| out.flush());
    }
}
