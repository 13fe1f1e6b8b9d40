//! Mailbox names as this installation and this session write them.

use cyrus_base::config::{Config, Opt};
use cyrus_util::mboxname::namespace::Viewer;
use cyrus_util::mboxname::{NameRules, Namespace, Options, VirtDomains};

/// `virtdomains` of the configuration.
#[must_use]
pub fn virtdomains(config: &Config) -> VirtDomains {
    match config.choice(Opt::Virtdomains) {
        "userid" => VirtDomains::Userid,
        "on" | "yes" => VirtDomains::Yes,
        _ => VirtDomains::Off,
    }
}

/// Default domain and deleted prefix of the configuration.
#[must_use]
pub fn name_rules(config: &Config) -> NameRules {
    NameRules {
        defaultdomain: config.bytes(Opt::Defaultdomain).unwrap_or_default().to_vec(),
        deletedprefix: config.bytes(Opt::Deletedprefix).unwrap_or_default().to_vec(),
    }
}

/// All options of names.
#[must_use]
pub fn options(config: &Config) -> Options {
    let text = |opt| config.bytes(opt).unwrap_or_default().to_vec();
    Options {
        rules: name_rules(config),
        hiersep: if config.switch(Opt::Unixhierarchysep) { b'/' } else { b'.' },
        altnamespace: config.switch(Opt::Altnamespace),
        virtdomains: virtdomains(config),
        crossdomains: config.switch(Opt::Crossdomains),
        crossdomains_onlyother: config.switch(Opt::CrossdomainsOnlyother),
        userprefix: text(Opt::Userprefix),
        sharedprefix: text(Opt::Sharedprefix),
        altprefix: text(Opt::Altprefix),
    }
}

/// The namespace of a session. C: mboxname_init_namespace()
#[must_use]
pub fn namespace(config: &Config, viewer: Viewer) -> Namespace {
    Namespace::new(options(config), viewer)
}

/// The view of tools. C: mboxname_get_adminnamespace()
#[must_use]
pub fn admin_namespace(config: &Config) -> Namespace {
    namespace(config, Viewer::Admin)
}
