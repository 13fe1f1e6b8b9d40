//! What one lmtpd process keeps from connection to connection.

use crate::session::Session;
use libcyrus::auth::namespace::namespace;
use libcyrus::auth::{self, AuthState};
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::exit::{EX_CONFIG, EX_USAGE, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::mime::copy::EightBit;
use libcyrus::net::local::{Idle, Notifier};
use libcyrus::net::{sasl, tls};
use libcyrus::service::msgfile::MsgFiles;
use libcyrus::service::session::SessionIds;
use libcyrus::service::{Connection, End, Program};
use libcyrus::store::mboxlist::NonImapFolders;
use libcyrus::store::{Catalog, Store};
use libcyrus::util::mboxname::Namespace;
use libcyrus::util::mboxname::namespace::Viewer;
use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;

/// The options of imapd.conf that deliveries consult, read once.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches of imapd.conf, each with its own name")]
pub struct Settings {
    /// `auditlog`
    pub auditlog: bool,
    /// `autocreate_post`, which counts with `autocreate_quota` only.
    pub autocreates: bool,
    /// `chatty`
    pub chatty: bool,
    /// `duplicatesuppression`
    pub suppresses_duplicates: bool,
    /// `reject8bit`, `munge8bit`
    pub eight_bit: EightBit,
    /// `lmtp_catchall_mailbox`
    pub catchall: Option<Vec<u8>>,
    /// `lmtp_downcase_rcpt`
    pub downcases_recipients: bool,
    /// `lmtp_exclude_specialuse`
    pub excluded_special_uses: Vec<Vec<u8>>,
    /// `lmtp_fuzzy_mailbox_match`
    pub matches_fuzzily: bool,
    /// `lmtp_over_quota_perm_failure`
    pub over_quota_is_permanent: bool,
    /// Folders that take no mail.
    pub no_mail: NonImapFolders,
    /// `lmtp_strict_quota`
    pub strict_quota: bool,
    /// `lmtp_strict_rfc2821`
    pub strict_rfc2821: bool,
    /// `mailnotifier`
    pub notifier: Option<String>,
    /// `maxmessagesize`, octets; `None` is no bound.
    pub message_octets_max: Option<u64>,
    /// `postmaster`
    pub postmaster: String,
    /// `postuser`
    pub postuser: Vec<u8>,
    /// `serverinfo: on`
    pub shows_version: bool,
    /// `singleinstancestore`
    pub single_instance: bool,
    /// `soft_noauth`
    pub soft_noauth: bool,
}

impl Settings {
    /// Reads the options.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let eight_bit = if config.switch(Opt::Reject8bit) {
            EightBit::Reject
        } else if config.switch(Opt::Munge8bit) {
            EightBit::Munge
        } else {
            EightBit::Pass
        };
        Self {
            auditlog: config.switch(Opt::Auditlog),
            autocreates: config.switch(Opt::AutocreatePost) && config.int(Opt::AutocreateQuota) >= 0,
            chatty: config.switch(Opt::Chatty),
            suppresses_duplicates: config.switch(Opt::Duplicatesuppression),
            eight_bit,
            catchall: config.bytes(Opt::LmtpCatchallMailbox).map(<[u8]>::to_vec),
            downcases_recipients: config.switch(Opt::LmtpDowncaseRcpt),
            excluded_special_uses: config
                .words(Opt::LmtpExcludeSpecialuse)
                .map(|word| word.as_bytes().to_vec())
                .collect(),
            matches_fuzzily: config.switch(Opt::LmtpFuzzyMailboxMatch),
            over_quota_is_permanent: config.switch(Opt::LmtpOverQuotaPermFailure),
            no_mail: NonImapFolders::new(config),
            strict_quota: config.switch(Opt::LmtpStrictQuota),
            strict_rfc2821: config.switch(Opt::LmtpStrictRfc2821),
            notifier: config.string(Opt::Mailnotifier).map(str::to_owned),
            message_octets_max: u64::try_from(config.int(Opt::Maxmessagesize)).ok().filter(|&n| n > 0),
            postmaster: config.string(Opt::Postmaster).unwrap_or("postmaster").to_owned(),
            postuser: config.bytes(Opt::Postuser).unwrap_or_default().to_vec(),
            shows_version: config.choice(Opt::Serverinfo) == "on",
            single_instance: config.switch(Opt::Singleinstancestore),
            soft_noauth: config.switch(Opt::SoftNoauth),
        }
    }
}

/// The process.
pub struct Lmtpd {
    /// imapd.conf.
    pub config: Arc<Config>,
    /// What deliveries read of it.
    pub settings: Arc<Settings>,
    /// `-a`: clients need not authenticate.
    pub preauthorised: bool,
    /// The databases.
    pub catalog: Arc<Catalog>,
    /// The mailboxes.
    pub store: Arc<Store>,
    /// How addresses name mailboxes.
    pub namespace: Namespace,
    /// Session ids.
    pub ids: SessionIds,
    /// libsasl2.
    pub sasl: sasl::Server,
    /// Certificates, read when first needed.
    pub tls: Option<tls::Server>,
    /// The line to idled, `None` where idling is off.
    pub idle: Option<Idle>,
    /// The line to notifyd, with `mailnotifier`.
    pub notifier: Option<Notifier>,
    /// The shutdown file.
    pub msgfiles: MsgFiles,
    /// CPU time told in the log.
    pub usage: std::cell::Cell<log::Usage>,
    /// Message-IDs made by this process.
    pub messages: u32,
}

/// Only administrators may authenticate, and they may act for anybody. C: mysasl_proxy_policy()
struct ProxyPolicy {
    config: Arc<Config>,
}

impl sasl::Policy for ProxyPolicy {
    fn canon_user(&self, user: &[u8]) -> Option<Vec<u8>> {
        auth::canonical_userid(user, None, &auth::UserIdRules::new(&self.config), || None)
    }

    fn may_proxy(&self, _requested: &[u8], auth_identity: &[u8]) -> Result<(), sasl::Refusal> {
        let realm = auth_identity.iter().position(|&octet| octet == b'@');
        let realm = realm.and_then(|at| auth_identity.get(at.saturating_add(1)..));
        let mut realms = self.config.words(Opt::Loginrealms).map(str::as_bytes).peekable();
        let has_domains = auth::namespace::virtdomains(&self.config).is_on();
        if let Some(realm) = realm.filter(|_| !has_domains || realms.peek().is_some()) {
            if !realms.any(|one| one.eq_ignore_ascii_case(realm)) {
                let who = String::from_utf8_lossy(auth_identity);
                return Err(sasl::Refusal::BadAuth(format!("cross-realm login {who} denied")));
            }
        }
        if AuthState::new(&self.config, auth_identity).is_admin() {
            return Ok(());
        }
        log::write(Priority::Err, format_args!("{} is not an admin", log::printable(auth_identity, 256)));
        Err(sasl::Refusal::BadAuth("only admins may authenticate".to_owned()))
    }
}

impl Program for Lmtpd {
    const NEED: Need = Need::Partitions;
    const IOLOG: Option<&'static str> = Some("LMTP");

    fn start(config: Arc<Config>, args: &[OsString]) -> Result<Self, Fatal> {
        let preauthorised = is_preauthorised(args)?;
        let namespace = namespace(&config, Viewer::User);
        namespace
            .check_prefixes()
            .map_err(|_| Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG))?;
        let catalog = Arc::new(Catalog::new(Arc::clone(&config)));
        let store = libcyrus::open_store(&catalog);
        libcyrus::store::append::sweep(&store);
        let policy = std::rc::Rc::new(ProxyPolicy { config: Arc::clone(&config) });
        let settings = Settings::new(&config);
        Ok(Self {
            preauthorised,
            catalog,
            store,
            namespace,
            ids: SessionIds::new(&config),
            sasl: sasl::Server::new(&config, "lmtp", policy),
            tls: None,
            idle: Idle::open(&config),
            notifier: settings.notifier.as_ref().map(|_| Notifier::new(&config)),
            msgfiles: MsgFiles::new(&config),
            settings: Arc::new(settings),
            usage: std::cell::Cell::default(),
            messages: 0,
            config,
        })
    }

    fn serve(&mut self, connection: Connection) -> End {
        Session::new(self, connection).run()
    }

    fn say_fatal(text: &str) {
        let mut out = std::io::stdout();
        // The connection may be gone; there is nobody else to tell.
        let _ = write!(out, "421 4.3.0 lmtpd: {text}\r\n").and_then(|()| out.flush());
    }
}

fn is_preauthorised(args: &[OsString]) -> Result<bool, Fatal> {
    use libcyrus::base::args::{Args, Spec};
    let spec = Spec { short: "a", long: &[] };
    let args = Args::parse("lmtpd".as_ref(), args, &spec).map_err(|text| Fatal::new(text, EX_USAGE))?;
    Ok(args.has('a'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The settings of a configuration with these further lines.
    pub(crate) fn settings(lines: &str) -> Settings {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("imapd.conf");
        let text = format!("configdirectory: {0}\npartition-default: {0}\n{lines}", dir.path().display());
        std::fs::write(&file, text).expect("write");
        Settings::new(&Config::load(Some(&file), "lmtp").expect("configuration"))
    }

    #[test]
    fn options_are_read() {
        let found = settings("maxmessagesize: 99\nreject8bit: yes\nlmtp_exclude_specialuse: \\A \\B\n");
        assert_eq!(found.message_octets_max, Some(99));
        assert_eq!(found.eight_bit, EightBit::Reject);
        assert_eq!(found.excluded_special_uses, [b"\\A", b"\\B"]);
        assert_eq!(settings("").message_octets_max, None);
        assert!(is_preauthorised(&["-a".into()]).is_ok_and(|on| on));
        assert!(is_preauthorised(&["-z".into()]).is_err());
    }
}
