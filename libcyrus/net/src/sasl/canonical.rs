//! The rules of user name canonicalisation that the configuration decides.

use cyrus_base::{Config, Opt};
use std::net::SocketAddr;

/// Domain handling, `anyone` and `anonymous`; `auth` adds its own `auth_canonifyid`.
/// C: canonify_userid()
#[derive(Clone, Debug, Default)]
pub struct Canonical {
    /// `virtdomains` is not off.
    pub virtdomains: bool,
    /// `defaultdomain`.
    pub defaultdomain: Option<String>,
    /// Domain of our own address, used with `virtdomains: on` for names without one.
    pub domain_from_ip: Option<String>,
}

impl Canonical {
    /// The rules of a configuration; `local` is our end of the connection. With `virtdomains: on`
    /// its host name is looked up: the part after the first dot is the domain.
    #[must_use]
    pub fn from_config(config: &Config, local: Option<SocketAddr>) -> Self {
        let virtdomains = config.choice(Opt::Virtdomains);
        let defaultdomain = config.string(Opt::Defaultdomain).map(str::to_owned);
        let host = match local {
            Some(addr) if virtdomains == "on" => cyrus_sys::socket::host_name(&addr),
            _ => None,
        };
        let domain_from_ip = host
            .and_then(|h| h.split_once('.').map(|(_, domain)| domain.to_owned()))
            .filter(|d| !defaultdomain.as_ref().is_some_and(|def| def.eq_ignore_ascii_case(d)));
        Self { virtdomains: virtdomains != "off", defaultdomain, domain_from_ip }
    }

    /// Applies the rules; the result still needs `auth`'s canonical form. `loginid` lends its
    /// domain to a name without one (LISTRIGHTS and the like).
    #[must_use]
    pub fn apply(&self, user: &[u8], loginid: Option<&[u8]>) -> Vec<u8> {
        let at = if self.virtdomains {
            let last = |c| user.iter().rposition(|b| *b == c);
            last(b'@').or_else(|| last(b'%'))
        } else {
            None
        };
        let local = user.get(..at.unwrap_or(user.len())).unwrap_or(user);
        if local.eq_ignore_ascii_case(b"anonymous") {
            return b"anonymous".to_vec();
        }
        if local.eq_ignore_ascii_case(b"anybody") || local.eq_ignore_ascii_case(b"anyone") {
            return b"anyone".to_vec();
        }
        if !self.virtdomains {
            return user.to_vec();
        }
        let with = |domain: &[u8]| [local, b"@", domain].concat();
        if let Some(at) = at {
            let domain = user.get(at + 1..).unwrap_or(&[]);
            let default = self.defaultdomain.as_ref();
            if default.is_some_and(|d| d.as_bytes().eq_ignore_ascii_case(domain)) {
                return local.to_vec();
            }
            return with(domain);
        }
        if let Some(loginid) = loginid {
            return match loginid.iter().rposition(|b| *b == b'@') {
                Some(at) => with(loginid.get(at + 1..).unwrap_or(&[])),
                None => user.to_vec(),
            };
        }
        match &self.domain_from_ip {
            Some(domain) => with(domain.as_bytes()),
            None => user.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rules: &Canonical, user: &str, expected: &str) {
        let got = rules.apply(user.as_bytes(), None);
        assert_eq!(String::from_utf8_lossy(&got), expected, "{user}");
    }

    #[test]
    fn without_virtdomains_only_special_names_change() {
        let rules = Canonical::default();
        for (user, expected) in [
            ("ann", "ann"),
            ("ann@example.org", "ann@example.org"),
            ("ann%x", "ann%x"),
            ("AnyBody", "anyone"),
            ("anyone", "anyone"),
            ("Anonymous", "anonymous"),
            ("", ""),
        ] {
            check(&rules, user, expected);
        }
    }

    #[test]
    fn with_virtdomains_the_default_domain_is_trimmed() {
        let rules = Canonical {
            virtdomains: true,
            defaultdomain: Some("Example.org".to_owned()),
            domain_from_ip: None,
        };
        for (user, expected) in [
            ("ann@example.ORG", "ann"),
            ("ann%example.org", "ann"),
            ("dora%ex.example", "dora@ex.example"),
            ("a%b@c", "a%b@c"),
            ("a@", "a@"),
            ("anyone@ex.example", "anyone"),
            ("ann", "ann"),
        ] {
            check(&rules, user, expected);
        }
        assert_eq!(rules.apply(b"bob", Some(b"dora@ex.example")), b"bob@ex.example");
        assert_eq!(rules.apply(b"bob", Some(b"ann")), b"bob");
    }

    #[test]
    fn the_domain_of_the_address_is_added() {
        let rules = Canonical {
            virtdomains: true,
            defaultdomain: None,
            domain_from_ip: Some("ex.example".to_owned()),
        };
        check(&rules, "dora", "dora@ex.example");
        check(&rules, "dora@other", "dora@other");
    }
}
