//! How far LIST patterns reach into mailboxes.db: whoever names one mailbox does not read those of everybody.

use super::Find;
use cyrus_util::glob::Glob;
use cyrus_util::mboxname::{GS, NameRules, Parts, US};

/// Database prefixes, ascending and none within another. Each stored name whose external form some pattern can match
/// begins with one of them; most of what else begins so does not match.
pub(super) fn prefixes(find: &Find<'_>, user: &Parts, rules: &NameRules) -> Vec<Vec<u8>> {
    let namespace = find.namespace;
    let options = namespace.options();
    let sees_domains =
        options.crossdomains || (find.is_admin && (options.virtdomains.is_on() || namespace.is_alt()));
    if sees_domains {
        // The domain stands at the end of external names, and first in the database.
        return vec![Vec::new()];
    }
    let reach = Reach { find, own: user.to_db(rules), domain: domain_prefix(user) };
    let mut found = Vec::new();
    for pattern in find.patterns {
        let literal = Glob::new(pattern, namespace.hiersep()).literal_prefix();
        if namespace.is_alt() {
            reach.alternate(&literal, &mut found);
        } else {
            reach.standard(&literal, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup_by(|next, kept| next.starts_with(kept));
    found
}

fn domain_prefix(user: &Parts) -> Vec<u8> {
    let domain = user.domain.as_deref().map(|domain| [domain, &[GS]].concat());
    domain.unwrap_or_default()
}

struct Reach<'a> {
    find: &'a Find<'a>,
    /// The reader's INBOX as the database has it.
    own: Vec<u8>,
    /// The reader's domain as the database has it.
    domain: Vec<u8>,
}

impl Reach<'_> {
    /// Own folders are below INBOX; all other names begin alike outside and inside.
    fn standard(&self, literal: &[u8], found: &mut Vec<Vec<u8>>) {
        found.push([self.domain.clone(), self.inside(literal)].concat());
        match below(literal, &self.find.namespace.inbox_prefix()) {
            Below::Nothing => {}
            Below::All => found.push(self.own.clone()),
            Below::From(rest) => found.push([self.own.clone(), vec![US], self.inside(rest)].concat()),
        }
    }

    /// Own folders stand at the top, beside the prefixes of what belongs to others.
    fn alternate(&self, literal: &[u8], found: &mut Vec<Vec<u8>>) {
        found.push(self.own.clone());
        let users = [self.domain.as_slice(), b"user"].concat();
        match below(literal, &self.find.namespace.user_prefix()) {
            Below::Nothing => {}
            Below::All => found.push(users),
            Below::From(rest) => found.push([users, vec![US], self.inside(rest)].concat()),
        }
        match below(literal, &self.find.namespace.shared_prefix()) {
            Below::Nothing => {}
            Below::All => found.push(self.domain.clone()),
            Below::From(rest) => found.push([self.domain.clone(), self.inside(rest)].concat()),
        }
    }

    /// As the database writes the start of an external name, as far as that can be told: a dot may be written in two
    /// ways.
    fn inside(&self, ext: &[u8]) -> Vec<u8> {
        let separator = self.find.namespace.hiersep();
        ext.iter()
            .map(|&byte| if byte == separator { US } else { byte })
            .take_while(|byte| !b".^".contains(byte))
            .collect()
    }
}

/// What of a space whose names begin with a prefix a literal start of names leads to.
enum Below<'a> {
    Nothing,
    /// All of it, and the name that the prefix itself is without its separator.
    All,
    /// What goes on with this after the prefix.
    From(&'a [u8]),
}

fn below<'a>(literal: &'a [u8], prefix: &[u8]) -> Below<'a> {
    match literal.strip_prefix(prefix) {
        Some(rest) => Below::From(rest),
        None if prefix.starts_with(literal) => Below::All,
        None => Below::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cyrus_auth::AuthState;
    use cyrus_auth::namespace::namespace;
    use cyrus_base::config::Config;
    use cyrus_util::mboxname::namespace::Viewer;

    /// The prefixes for `user`, with `/` for US and `!` for GS.
    fn check(options: &str, user: &str, patterns: &[&str], expected: &[&str]) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("imapd.conf");
        let text = format!("configdirectory: {}\nadmins: admin\n{options}", dir.path().display());
        std::fs::write(&file, text).expect("configuration");
        let config = Config::load(Some(&file), "test").expect("configuration");
        let auth = AuthState::new(&config, user.as_bytes());
        let viewer = if auth.is_admin() { Viewer::Admin } else { Viewer::User };
        let namespace = namespace(&config, viewer);
        let patterns: Vec<Vec<u8>> = patterns.iter().map(|pattern| pattern.as_bytes().to_vec()).collect();
        let find =
            Find { namespace: &namespace, auth: &auth, is_admin: auth.is_admin(), patterns: &patterns };
        let own = Parts::from_userid(user.as_bytes(), namespace.rules());
        let found = prefixes(&find, &own, namespace.rules());
        let shown = |prefix: &Vec<u8>| -> String {
            let readable = |&byte: &u8| match byte {
                US => '/',
                GS => '!',
                other => char::from(other),
            };
            prefix.iter().map(readable).collect()
        };
        assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), expected, "{options} {user} {patterns:?}");
    }

    const STANDARD: &str = "altnamespace: no\nunixhierarchysep: no\n";
    const ALTERNATE: &str = "altnamespace: yes\nunixhierarchysep: yes\n";
    const DOMAINS: &str = "altnamespace: no\nunixhierarchysep: no\nvirtdomains: userid\n";

    #[test]
    fn a_name_leads_to_its_place() {
        check(STANDARD, "admin", &["user.ann"], &["user/ann"]);
        check(STANDARD, "admin", &["user.ann.Box.%"], &["user/ann/Box/"]);
        check(STANDARD, "ann", &["INBOX.Box"], &["INBOX/Box", "user/ann/Box"]);
        check(STANDARD, "ann", &["INBOX"], &["INBOX", "user/ann"]);
        check(STANDARD, "ann", &["news.*"], &["news/"]);
        check(STANDARD, "ann", &["user.b^c"], &["user/b"]);
        check(ALTERNATE, "ann", &["Sent"], &["user/ann"]);
        check(ALTERNATE, "ann", &["Other Users/bert/*"], &["user/ann", "user/bert/"]);
        check(ALTERNATE, "ann", &["Shared Folders/news"], &["news", "user/ann"]);
        check(ALTERNATE, "ann", &["a.b"], &["user/ann"]);
        check(DOMAINS, "ann@x.example", &["INBOX"], &["x.example!INBOX", "x.example!user/ann"]);
    }

    #[test]
    fn wildcards_at_the_start_lead_everywhere() {
        check(STANDARD, "admin", &["%"], &[""]);
        check(STANDARD, "ann", &["*Box"], &[""]);
        check(ALTERNATE, "ann", &["%"], &[""]);
        check(ALTERNATE, "ann", &["Other Users"], &["user"]);
        check(DOMAINS, "ann@x.example", &["*"], &["x.example!"]);
        check(DOMAINS, "admin", &["user.ann"], &[""]);
    }

    #[test]
    fn no_place_is_read_twice() {
        check(STANDARD, "admin", &["user.ann", "user.a*", "user.ann.Box", "news"], &["news", "user/a"]);
        check(STANDARD, "admin", &["user.ann", "*"], &[""]);
    }
}
