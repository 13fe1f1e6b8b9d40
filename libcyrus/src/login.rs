//! Who may log in as whom, for every daemon that serves mailboxes.

use cyrus_auth::{self as auth, AuthState};
use cyrus_base::config::{Config, Opt};
use cyrus_base::log::{self, Priority};
use cyrus_net::sasl;
use cyrus_store::Catalog;
use cyrus_util::acl::Rights;
use cyrus_util::mboxname::MboxName;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What a login leaves beside libsasl: written by the policy, read by the session.
#[derive(Debug, Default)]
pub struct LoginFacts {
    /// `+detail` cut off the user name (`imapmagicplus`).
    pub magicplus: Option<Vec<u8>>,
    /// Domain of the address the client is connected to (`virtdomains: on`).
    pub local_domain: Option<Vec<u8>>,
}

/// Who may act for whom: administrators and proxy servers for anybody, with `loginuseacl` those
/// with right `a` on the INBOX too. C: mysasl_proxy_policy(), mysasl_canon_user()
pub struct ProxyPolicy {
    /// imapd.conf.
    pub config: Arc<Config>,
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// What is noted at the login.
    pub facts: Rc<RefCell<LoginFacts>>,
    /// Whether `imapmagicplus` cuts user names here.
    pub cuts_detail: bool,
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
        let realm = identity.get(at.saturating_add(1)..).unwrap_or_default();
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
        if self.cuts_detail
            && self.config.switch(Opt::Imapmagicplus)
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
