//! The canonical form of user and group names (unix method).

use cyrus_base::config::{Config, Opt};
use cyrus_util::mboxname::VirtDomains;

/// Longest identifier, in octets.
const MAX: usize = 80;

/// The options that decide how a user name is written.
#[derive(Clone, Debug)]
pub struct UserIdRules {
    /// `username_tolower`
    pub tolower: bool,
    /// `virtdomains`
    pub virtdomains: VirtDomains,
    /// `defaultdomain`
    pub defaultdomain: Vec<u8>,
}

impl UserIdRules {
    /// Reads the options.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            tolower: config.switch(Opt::UsernameTolower),
            virtdomains: crate::namespace::virtdomains(config),
            defaultdomain: config.bytes(Opt::Defaultdomain).unwrap_or(b"internal").to_vec(),
        }
    }
}

/// Names that mean everybody, with their written forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anybody {
    /// Not logged in, or logged in as ANONYMOUS.
    Anonymous,
    /// Every identity.
    Anyone,
}

/// The canonical userid of what somebody typed: global names lower-cased, the default domain
/// dropped, and a missing domain filled in from `login` (who asks; for LISTRIGHTS and its like) or
/// else from `local_domain` (what the address the client connected to is called; only looked at
/// with `virtdomains: yes`). `None` for a name that cannot be one. C: canonify_userid()
pub fn canonical_userid(
    user: &[u8],
    login: Option<&[u8]>,
    rules: &UserIdRules,
    local_domain: impl FnOnce() -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut user = user.to_vec();
    let mut length = user.len();
    let mut at = None;
    if rules.virtdomains.is_on() {
        let last = |byte| user.iter().rposition(|&each| each == byte);
        at = last(b'@').or_else(|| last(b'%'));
        if let Some(at) = at {
            length = at;
            if let Some(byte) = user.get_mut(at) {
                *byte = b'@';
            }
        }
    }
    let local = user.get(..length).unwrap_or_default();
    if user.eq_ignore_ascii_case(b"anonymous") {
        return Some(b"anonymous".to_vec());
    }
    if local.eq_ignore_ascii_case(b"anybody") || local.eq_ignore_ascii_case(b"anyone") {
        return Some(b"anyone".to_vec());
    }
    if rules.virtdomains.is_on() {
        let is_default = |domain: &[u8]| domain.eq_ignore_ascii_case(&rules.defaultdomain);
        match (at, login) {
            (Some(at), _) => {
                if is_default(user.get(at.saturating_add(1)..).unwrap_or_default()) {
                    user.truncate(at);
                }
            }
            (None, Some(login)) => {
                if let Some(at) = login.iter().rposition(|&byte| byte == b'@') {
                    user.extend_from_slice(login.get(at..).unwrap_or_default());
                }
            }
            (None, None) if rules.virtdomains == VirtDomains::Yes => {
                if let Some(domain) = local_domain().filter(|domain| !is_default(domain)) {
                    user.push(b'@');
                    user.extend_from_slice(&domain);
                }
            }
            (None, None) => {}
        }
    }
    canonical_identifier(&user, rules.tolower)
}

/// The canonical form of an ACL identifier: `group:NAME` must be a group of the system, other
/// names are checked for bytes that would confuse Unix or IMAP. C: auth_canonifyid()
#[must_use]
pub fn canonical_identifier(identifier: &[u8], tolower: bool) -> Option<Vec<u8>> {
    if identifier.is_empty() || identifier.len() > MAX {
        return None;
    }
    if let Some(group) = identifier.strip_prefix(b"group:") {
        let name = std::str::from_utf8(group).ok()?;
        let group = nix::unistd::Group::from_name(name).ok()??;
        let canonical = [b"group:".as_slice(), group.name.as_bytes()].concat();
        return (canonical.len() <= MAX).then_some(canonical);
    }
    let mut identifier = identifier.to_vec();
    if tolower {
        identifier.make_ascii_lowercase();
    }
    identifier.iter().all(|&byte| is_allowed(byte)).then_some(identifier)
}

/// Printable ASCII without `% & * / : ?`.
fn is_allowed(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && !b"%&*/:?".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(virtdomains: VirtDomains, login: Option<&str>, user: &str, expected: Option<&str>) {
        let rules = UserIdRules { tolower: true, virtdomains, defaultdomain: b"internal".to_vec() };
        let canonical = canonical_userid(user.as_bytes(), login.map(str::as_bytes), &rules, || {
            Some(b"ip.example".to_vec())
        });
        assert_eq!(canonical.as_deref(), expected.map(str::as_bytes), "{user}");
    }

    #[test]
    fn names_take_their_canonical_form() {
        use VirtDomains::{Off, Userid, Yes};
        check(Off, None, "Ann", Some("ann"));
        check(Off, None, "ann@internal", Some("ann@internal"));
        check(Off, None, "j.doe", Some("j.doe"));
        check(Off, None, "a/b", None);
        check(Off, None, "a%b", None);
        check(Off, None, "", None);
        check(Off, None, "AnyOne", Some("anyone"));
        check(Off, None, "anybody", Some("anyone"));
        check(Off, None, "Anonymous", Some("anonymous"));
        check(Userid, None, "ed@Internal", Some("ed"));
        check(Userid, None, "ed%ex.org", Some("ed@ex.org"));
        check(Userid, Some("x@ex.org"), "ed", Some("ed@ex.org"));
        check(Userid, None, "ed", Some("ed"));
        check(Yes, None, "ed", Some("ed@ip.example"));
        check(Yes, None, "anyone@ex.org", Some("anyone"));
        check(Off, None, &"x".repeat(81), None);
        check(Off, None, "group:no such group", None);
    }
}
