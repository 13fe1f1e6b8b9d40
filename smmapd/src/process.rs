//! What one smmapd process keeps from connection to connection.

use crate::reply::Manner;
use crate::session;
use libcyrus::auth::namespace::namespace;
use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::{EX_CONFIG, Fatal};
use libcyrus::base::start::Need;
use libcyrus::service::{Connection, End, Program};
use libcyrus::store::Catalog;
use libcyrus::util::mboxname::Namespace;
use libcyrus::util::mboxname::namespace::Viewer;
use std::ffi::OsString;
use std::sync::Arc;

/// The process.
pub struct Smmapd {
    /// imapd.conf.
    pub config: Arc<Config>,
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// How addresses name mailboxes.
    pub namespace: Namespace,
    /// `lmtp_downcase_rcpt`
    pub downcases: bool,
    /// `postuser`
    pub postuser: Vec<u8>,
    /// How answers are given.
    pub manner: Manner,
}

impl Program for Smmapd {
    const NEED: Need = Need::Nothing;

    fn start(config: Arc<Config>, _args: &[OsString]) -> Result<Self, Fatal> {
        let namespace = namespace(&config, Viewer::Admin);
        namespace
            .check_prefixes()
            .map_err(|_| Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG))?;
        Ok(Self {
            catalog: Arc::new(Catalog::new(Arc::clone(&config))),
            namespace,
            downcases: config.switch(Opt::LmtpDowncaseRcpt),
            postuser: config.bytes(Opt::Postuser).unwrap_or_default().to_vec(),
            manner: Manner {
                audits: config.switch(Opt::Auditlog),
                over_quota_is_permanent: config.switch(Opt::LmtpOverQuotaPermFailure),
            },
            config,
        })
    }

    fn serve(&mut self, connection: Connection) -> End {
        session::serve(self, connection)
    }

    fn say_fatal(_text: &str) {
        // The protocol has no word for it: the connection ends, and the MTA asks again.
    }
}
