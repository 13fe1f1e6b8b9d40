//! What the tools that work on mailboxes share: configuration, databases, store, and the names that
//! administrators write.

use libcyrus::auth::{AuthState, namespace};
use libcyrus::base::config::Config;
use libcyrus::base::exit::Fatal;
use libcyrus::base::start::{self, Need};
use libcyrus::service::session::SessionIds;
use libcyrus::store::mboxlist::find::Step;
use libcyrus::store::mboxlist::{Find, MbEntry};
use libcyrus::store::{Catalog, Result, Store};
use libcyrus::util::mboxname::{MboxName, Namespace};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// The user tools act as where a user is asked for.
const TOOL_USER: &[u8] = b"cyrus";

/// Configuration, databases and store of one installation, seen by an administrator.
pub struct Context {
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// The mailboxes.
    pub store: Arc<Store>,
    /// Names as administrators write them.
    pub namespace: Namespace,
    auth: AuthState,
}

impl Drop for Context {
    fn drop(&mut self) {
        self.catalog.flush_events();
    }
}

/// A mailbox that matched a pattern.
pub struct Match {
    /// Its name as administrators write it.
    pub ext: Vec<u8>,
    /// Its entry.
    pub entry: MbEntry,
}

impl Context {
    /// Reads the configuration and becomes the cyrus user; nothing is opened yet.
    ///
    /// # Errors
    /// The text and code to end the program with.
    pub fn open(file: Option<&Path>, ident: &str, need: Need) -> std::result::Result<Self, Fatal> {
        Ok(Self::new(start::init(file, ident, need)?))
    }

    /// The same of a configuration that was read already.
    pub fn new(config: Config) -> Self {
        let namespace = namespace::admin_namespace(&config);
        let auth = AuthState::new(&config, TOOL_USER);
        let session = SessionIds::new(&config).next_id();
        let catalog = Arc::new(Catalog::new(Arc::new(config)));
        catalog.audit_as(&session);
        let store = libcyrus::open_store(&catalog);
        Self { catalog, store, namespace, auth }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        self.catalog.config()
    }

    /// The mailboxes whose external name matches `pattern` as a whole, in C's order.
    ///
    /// # Errors
    /// `Io`.
    pub fn matches(&self, pattern: &[u8]) -> Result<Vec<Match>> {
        self.matches_any(&[pattern.to_vec()])
    }

    /// The same for several patterns, each mailbox once.
    ///
    /// # Errors
    /// `Io`.
    pub fn matches_any(&self, patterns: &[Vec<u8>]) -> Result<Vec<Match>> {
        let find = Find { namespace: &self.namespace, auth: &self.auth, is_admin: true, patterns };
        let mut matches = Vec::new();
        self.catalog.find_all(&find, |step| {
            if let Step::Name(found) = step
                && found.is_exact
                && let Some(entry) = &found.entry
            {
                matches.push(Match { ext: found.ext.clone(), entry: entry.clone() });
            }
            ControlFlow::Continue(())
        })?;
        Ok(matches)
    }

    /// The userid that owns a mailbox.
    pub fn owner(&self, name: &MboxName) -> Option<Vec<u8>> {
        name.owner(self.catalog.rules())
    }

    /// A mailbox's name as administrators write it.
    pub fn external(&self, name: &MboxName) -> Vec<u8> {
        self.namespace.to_external(name, None).unwrap_or_else(|| name.as_bytes().to_vec())
    }
}
