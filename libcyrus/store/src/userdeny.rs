//! user_deny.db: users kept out of services (reference/databases.md 7).

use crate::catalog::{Catalog, db_error};
use crate::error::{Error, Result};
use cyrus_db::Create;
use std::ops::ControlFlow;

/// What a refused user is told when the record does not say.
const DEFAULT_MESSAGE: &[u8] = b"Access to this service has been blocked";

impl Catalog {
    /// The message for a user who is kept out of `service`; `None` lets the user in. A missing or
    /// broken database lets everybody in. C: userdeny()
    #[must_use]
    pub fn user_denied(&self, userid: &[u8], service: &[u8]) -> Option<Vec<u8>> {
        let db = self.user_deny_db()?;
        let data = match db.fetch(userid) {
            Ok(data) => data?,
            Err(error) => {
                log::warn!(target: "syslog", "DENYDB_ERROR: error reading entry '{}': {error}", userid.escape_ascii());
                return None;
            }
        };
        let Some((patterns, message)) = parse(&data) else {
            log::warn!(target: "syslog", "DENYDB_ERROR: invalid entry for '{}'", userid.escape_ascii());
            return None;
        };
        for pattern in patterns.split(|&byte| byte == b',').filter(|pattern| !pattern.is_empty()) {
            let (pattern, negated) = match pattern.strip_prefix(b"!") {
                Some(rest) => (rest, true),
                None => (pattern, false),
            };
            if wildmat(service, pattern) {
                return (!negated).then(|| message.to_vec());
            }
        }
        None
    }
}

/// A user who is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Who.
    pub userid: Vec<u8>,
    /// Patterns of services, separated by commas.
    pub services: Vec<u8>,
    /// What the user is told.
    pub message: Vec<u8>,
}

impl Catalog {
    /// Keeps a user out of the services that match; all of them, with the usual message, where
    /// nothing is given. C: denydb_set()
    ///
    /// # Errors
    /// `InvalidIdentifier` for services with a tab, `Io`.
    pub fn deny_user(&self, userid: &[u8], services: Option<&[u8]>, message: Option<&[u8]>) -> Result<()> {
        let services = services.unwrap_or(b"*");
        if services.contains(&b'\t') {
            return Err(Error::InvalidIdentifier);
        }
        let db = self.user_deny_db_to_change(Create::IfMissing)?.ok_or(Error::NotFound)?;
        let record = [b"2\t", services, b"\t", message.unwrap_or(DEFAULT_MESSAGE)].concat();
        db.store(userid, &record).map_err(|error| db_error(db.path(), error))
    }

    /// Lets a user in again; false when there is no database. C: denydb_delete()
    ///
    /// # Errors
    /// `Io`.
    pub fn allow_user(&self, userid: &[u8]) -> Result<bool> {
        let Some(db) = self.user_deny_db_to_change(Create::Never)? else { return Ok(false) };
        db.delete(userid).map_err(|error| db_error(db.path(), error))?;
        Ok(true)
    }

    /// Everybody who is kept out; `None` when there is no database. C: denydb_foreach()
    ///
    /// # Errors
    /// `Io`.
    pub fn denied_users(&self) -> Result<Option<Vec<Denied>>> {
        let Some(db) = self.user_deny_db_to_change(Create::Never)? else { return Ok(None) };
        let mut found = Vec::new();
        db.foreach(b"", |key, data| {
            if let Some((services, message)) = parse(data) {
                found.push(Denied {
                    userid: key.to_vec(),
                    services: services.to_vec(),
                    message: message.to_vec(),
                });
            } else {
                log::warn!(target: "syslog", "DENYDB_ERROR: invalid entry for '{}'", key.escape_ascii());
            }
            ControlFlow::Continue(())
        })
        .map_err(|error| db_error(db.path(), error))?;
        Ok(Some(found))
    }
}

/// `version TAB patterns [TAB message]`
fn parse(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut fields = data.splitn(3, |&byte| byte == b'\t');
    let version = fields.next()?;
    let patterns = fields.next()?;
    let message = fields.next();
    match version {
        b"1" => Some((data.get(2..)?, DEFAULT_MESSAGE)),
        b"2" => Some((patterns, message.unwrap_or(DEFAULT_MESSAGE))),
        _ => None,
    }
}

/// Shell-like matching: `*`, `?`, `[a-z]`, `[^a-z]`, `\x`. C: wildmat()
#[must_use]
pub fn wildmat(text: &[u8], pattern: &[u8]) -> bool {
    // Where the last star stood and how much it has eaten: going back there is enough.
    let (mut t, mut p) = (0_usize, 0_usize);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match match_one(text.get(t).copied(), pattern.get(p..).unwrap_or_default()) {
            One::Star => {
                star = Some((p, t));
                p = p.saturating_add(1);
            }
            One::Matches(length) => {
                t = t.saturating_add(1);
                p = p.saturating_add(length);
            }
            One::Fails => match &mut star {
                Some((at, eaten)) => {
                    *eaten = eaten.saturating_add(1);
                    (p, t) = (at.saturating_add(1), *eaten);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|&byte| byte == b'*')
}

enum One {
    Fails,
    Matches(usize),
    Star,
}

fn match_one(byte: Option<u8>, pattern: &[u8]) -> One {
    let Some(byte) = byte else { return One::Fails };
    let (matches, length) = match pattern {
        [b'*', ..] => return One::Star,
        [b'?', ..] => (true, 1),
        [b'\\', literal, ..] => (*literal == byte, 2),
        [b'[', rest @ ..] => {
            let negated = rest.first() == Some(&b'^');
            let set = rest.get(usize::from(negated)..).unwrap_or_default();
            let end = set.iter().skip(1).position(|&each| each == b']').map(|at| at.saturating_add(1));
            let Some(end) = end else { return One::Fails };
            let set = set.get(..end).unwrap_or_default();
            let ranged =
                set.windows(3).any(|w| matches!(w, [low, b'-', high] if (*low..=*high).contains(&byte)));
            let found = ranged || set.contains(&byte);
            (found != negated, end.saturating_add(2).saturating_add(usize::from(negated)))
        }
        [literal, ..] => (*literal == byte, 1),
        [] => (false, 0),
    };
    if matches { One::Matches(length) } else { One::Fails }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_services() {
        for (text, pattern, expected) in [
            ("imap", "imap", true),
            ("imap", "*", true),
            ("imaps", "imap", false),
            ("imaps", "imap*", true),
            ("imaps", "*map?", true),
            ("imap", "[a-k]map", true),
            ("imap", "[^a-k]map", false),
            ("imap", "", false),
            ("aab", "*ab", true),
        ] {
            assert_eq!(wildmat(text.as_bytes(), pattern.as_bytes()), expected, "{text} {pattern}");
        }
    }

    #[test]
    fn records_have_two_versions() {
        assert_eq!(parse(b"2\timap\tgo away"), Some((b"imap".as_slice(), b"go away".as_slice())));
        assert_eq!(parse(b"1\timap"), Some((b"imap".as_slice(), DEFAULT_MESSAGE)));
        assert_eq!(parse(b"3\timap"), None);
        assert_eq!(parse(b""), None);
    }
}
