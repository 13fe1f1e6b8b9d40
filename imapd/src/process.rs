//! What one imapd process keeps from connection to connection.

use crate::session::{Ending, Session};
use libcyrus::auth::{self, AuthState};
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::Fatal;
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::net::local::Idle;
use libcyrus::net::{sasl, tls};
use libcyrus::service::msgfile::MsgFiles;
use libcyrus::service::proc::ProcFile;
use libcyrus::service::session::SessionIds;
use libcyrus::service::{Connection, End, Program};
use libcyrus::store::{Catalog, Store};
use libcyrus::util::acl::Rights;
use libcyrus::util::mboxname::MboxName;
use std::cell::RefCell;
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
    /// shutdown and motd.
    pub msgfiles: MsgFiles,
}

/// What a login leaves beside libsasl: written by the policy, read by the session.
#[derive(Debug, Default)]
pub struct LoginFacts {
    /// `+detail` cut off the user name (`imapmagicplus`).
    pub magicplus: Option<Vec<u8>>,
    /// Domain of the address the client is connected to (`virtdomains: on`).
    pub local_domain: Option<Vec<u8>>,
}

/// Who may act for whom: administrators and proxy servers for anybody, with `loginuseacl` those
/// with right `a` on the INBOX too (C: mysasl_proxy_policy()).
struct ProxyPolicy {
    config: Arc<Config>,
    catalog: Arc<Catalog>,
    facts: Rc<RefCell<LoginFacts>>,
}

impl ProxyPolicy {
    fn is_denied(&self, userid: &[u8]) -> bool {
        let service = self.config.service();
        if self.catalog.user_denied(userid, service.as_bytes()).is_none() {
            return false;
        }
        let shown = log::printable(userid, 256);
        log::write(Priority::Err, format_args!("user '{shown}' denied access to service '{service}'"));
        true
    }

    /// `loginrealms`: which domains may log in where domains mean nothing to mailboxes.
    fn is_foreign_realm(&self, identity: &[u8]) -> bool {
        let mut realms = self.config.words(Opt::Loginrealms).peekable();
        let has_domains = self.config.choice(Opt::Virtdomains) != "off";
        if has_domains && realms.peek().is_none() {
            return false;
        }
        let Some(at) = identity.iter().position(|&byte| byte == b'@') else { return false };
        let realm = identity.get(at + 1..).unwrap_or_default();
        !realms.any(|word| word.as_bytes().eq_ignore_ascii_case(realm))
    }

    /// `loginuseacl`: right `a` on the INBOX lets act for its owner. C: acl_ok()
    fn rules_inbox_of(&self, state: &AuthState, requested: &[u8]) -> bool {
        let inbox = MboxName::user_inbox(requested, self.catalog.rules());
        self.catalog.lookup(&inbox).is_ok_and(|entry| state.rights(&entry.acl()).has(Rights::ADMIN))
    }
}

impl sasl::Policy for ProxyPolicy {
    fn canon_user(&self, user: &[u8]) -> Option<Vec<u8>> {
        let mut user = user.to_vec();
        if self.config.switch(Opt::Imapmagicplus)
            && let Some(plus) = user.iter().position(|&byte| byte == b'+')
        {
            let has_domains = self.config.choice(Opt::Virtdomains) != "off";
            let rest = user.get(plus..).unwrap_or_default();
            let length = if has_domains { rest.iter().position(|&byte| byte == b'@') } else { None }
                .unwrap_or(rest.len());
            let detail = user.drain(plus..plus + length).collect();
            self.facts.borrow_mut().magicplus = Some(detail);
        }
        let domain = || self.facts.borrow().local_domain.clone();
        auth::canonical_userid(&user, None, &auth::UserIdRules::new(&self.config), domain)
    }

    fn may_proxy(&self, requested: &[u8], auth_identity: &[u8]) -> Result<(), sasl::Refusal> {
        let shown = |name| log::printable(name, 256);
        if self.is_foreign_realm(auth_identity) {
            let text = format!("cross-realm login {} denied", shown(auth_identity));
            return Err(sasl::Refusal::BadAuth(text));
        }
        let state = AuthState::new(&self.config, auth_identity);
        if !state.is_admin() && self.is_denied(requested) {
            let (user, service) = (shown(requested), self.config.service());
            let text = format!("user '{user}' is denied access to service '{service}'");
            return Err(sasl::Refusal::NoAuthz(text));
        }
        let may_proxy = auth_identity == requested
            || state.is_admin()
            || (self.config.switch(Opt::Loginuseacl) && self.rules_inbox_of(&state, requested))
            || state.has_role(&self.config, auth::Role::Proxy);
        if may_proxy {
            return Ok(());
        }
        Err(sasl::Refusal::BadAuth(format!("user {} is not allowed to proxy", shown(auth_identity))))
    }
}

impl Program for Imapd {
    const NEED: Need = Need::Partitions;

    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal> {
        let options = options(args)?;
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = Arc::new(Store::open(Arc::clone(&catalog)));
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
