//! LIST and LSUB: the names that match patterns, as one reader sees them, in C's order.
//!
//! All entries are read under one lock; sorting into the sections (INBOX, own, clashing, other
//! users, shared, deleted) happens in memory.

use super::{MbEntry, name_key, reach};
use crate::catalog::{Catalog, db_error};
use crate::error::{Error, Result};
use cyrus_auth::AuthState;
use cyrus_base::config::Opt;
use cyrus_util::acl::Rights;
use cyrus_util::glob::Glob;
use cyrus_util::mboxname::{Category, MboxName, Namespace, Parts, US};
use std::ops::ControlFlow;

/// What to look for, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Find<'a> {
    /// The reader's namespace.
    pub namespace: &'a Namespace,
    /// The reader.
    pub auth: &'a AuthState,
    /// Whether ACLs and visibility do not count.
    pub is_admin: bool,
    /// External patterns with `*` and `%`, reference name already in front.
    pub patterns: &'a [Vec<u8>],
}

/// A name that matches.
#[derive(Clone, Debug)]
pub struct Found {
    /// The external name, cut to what the patterns match.
    pub ext: Vec<u8>,
    /// Whether the whole name matches; if not, `ext` is one of its ancestors.
    pub is_exact: bool,
    /// Section.
    pub category: Category,
    /// Parts of the whole name.
    pub parts: Parts,
    /// The entry; `None` for a subscription to a name that does not exist.
    pub entry: Option<MbEntry>,
}

/// What a walk calls back with.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// The next name.
    Name(&'a Found),
    /// A new section begins; names of different sections do not belong together. Also once at the
    /// end.
    Section,
}

/// Names before they are cut and called back.
struct Candidate {
    matched: usize,
    ext: Vec<u8>,
    category: Category,
    parts: Parts,
    entry: Option<MbEntry>,
}

struct Matcher<'a> {
    find: &'a Find<'a>,
    globs: Vec<Glob>,
    user: Parts,
    crossdomains: bool,
}

impl Matcher<'_> {
    fn test(&self, ext: &[u8]) -> usize {
        self.globs.iter().filter_map(|glob| glob.test(ext)).max().unwrap_or(0)
    }

    fn candidate(&self, parts: Parts) -> Option<Candidate> {
        let userid = Some(self.find.auth.userid());
        if !self.find.is_admin && !self.crossdomains && parts.domain != self.user.domain {
            return None;
        }
        let category = self.find.namespace.category(&parts, userid);
        // C looks for shared mailboxes below the reader's domain only, and gives up finding own
        // folders when the separator is part of the user's name.
        let in_other_domain = self.user.domain.is_some() && parts.domain != self.user.domain;
        match category {
            Category::Shared if in_other_domain => return None,
            Category::Inbox
            | Category::InboxSub
            | Category::Owner
            | Category::AltInbox
            | Category::AltPrefix
                if !self.find.is_admin && self.has_unlistable_user() =>
            {
                return None;
            }
            _ => {}
        }
        let ext = self.find.namespace.external_of(&parts, userid)?;
        let matched = self.test(&ext);
        (matched > 0).then_some(Candidate { matched, ext, category, parts, entry: None })
    }

    fn has_unlistable_user(&self) -> bool {
        let localpart = self.user.localpart.as_deref().unwrap_or_default();
        localpart.contains(&self.find.namespace.hiersep())
    }

    fn may_see(&self, entry: &MbEntry, parts: &Parts) -> bool {
        if entry.mbtype.is_deleted() {
            return false;
        }
        if self.find.is_admin {
            return true;
        }
        if entry.mbtype.is_intermediate() {
            return parts.userid().as_deref() == Some(self.find.auth.userid());
        }
        self.find.auth.rights(&entry.acl()).has(Rights::LOOKUP)
    }

    /// Whether a pattern is a prefix and one `%`: then every ancestor that matches is called back
    /// too (C: singlepercent).
    fn wants_ancestors(&self) -> bool {
        let [pattern] = self.find.patterns else { return false };
        let wildcard = pattern.iter().position(|byte| matches!(byte, b'*' | b'%' | b'?'));
        let tail = wildcard.and_then(|at| pattern.get(at..)).unwrap_or_default();
        tail == b"%" || tail == b"*%"
    }
}

impl Catalog {
    /// Walks the mailboxes that match. `f` ends the section it is in by breaking.
    /// C: mboxlist_findallmulti()
    ///
    /// # Errors
    /// `Io`.
    pub fn find_all(&self, find: &Find<'_>, f: impl FnMut(Step<'_>) -> ControlFlow<()>) -> Result<()> {
        let Some(matcher) = self.matcher(find) else { return Ok(()) };
        let db = self.mboxlist_db()?;
        let rules = self.rules();
        let mut found = Vec::new();
        let mut take = |dbname: &[u8], data: &[u8]| {
            let Some(mut candidate) = matcher.candidate(Parts::from_db(dbname, rules)) else { return };
            let name = candidate.parts.to_name(rules);
            if let Ok(entry) = MbEntry::parse(Some(name), data, rules) {
                if matcher.may_see(&entry, &candidate.parts) {
                    candidate.entry = Some(entry);
                    found.push(candidate);
                }
            }
        };
        let txn = db.begin_read().map_err(|error| db_error(db.path(), error))?;
        if !find.is_admin && self.config().switch(Opt::Reverseacls) && is_marked(&txn, db.path())? {
            for dbname in self.visible_names(&txn, db.path(), find, &matcher.user)? {
                let data = txn.fetch(&name_key(&dbname)).map_err(|error| db_error(db.path(), error))?;
                if let Some(data) = data {
                    take(&dbname, &data);
                }
            }
        } else {
            for prefix in reach::prefixes(find, &matcher.user, rules) {
                txn.foreach(&name_key(&prefix), |key, data| {
                    take(key.get(1..).unwrap_or_default(), data);
                    ControlFlow::Continue(())
                })
                .map_err(|error| db_error(db.path(), error))?;
            }
        }
        drop(txn);
        self.call_back(&matcher, found, f)
    }

    /// Walks the subscriptions of the reader that match; with `existing` only those whose mailbox
    /// can be looked up, and with their entries. C: mboxlist_findsubmulti()
    ///
    /// # Errors
    /// `Io`.
    pub fn find_subscribed(
        &self,
        find: &Find<'_>,
        existing: bool,
        f: impl FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let Some(matcher) = self.matcher(find) else { return Ok(()) };
        let mut found = Vec::new();
        for name in self.subscriptions(find.auth.userid())? {
            let Some(mut candidate) = matcher.candidate(name.parts(self.rules())) else { continue };
            if existing {
                match self.lookup(&name) {
                    Ok(entry) => candidate.entry = Some(entry),
                    Err(Error::NotFound) => continue,
                    Err(error) => return Err(error),
                }
            }
            found.push(candidate);
        }
        self.call_back(&matcher, found, f)
    }

    fn matcher<'a>(&self, find: &'a Find<'a>) -> Option<Matcher<'a>> {
        let separator = find.namespace.hiersep();
        let globs = find.patterns.iter().map(|pattern| Glob::new(pattern, separator)).collect::<Vec<_>>();
        (!globs.is_empty()).then(|| Matcher {
            find,
            globs,
            user: Parts::from_userid(find.auth.userid(), self.rules()),
            crossdomains: self.names().crossdomains,
        })
    }

    /// Database names the reader can see by owning them or by reverse ACLs, sorted.
    fn visible_names(
        &self,
        txn: &cyrus_db::ReadTxn,
        path: &std::path::Path,
        find: &Find<'_>,
        user: &Parts,
    ) -> Result<Vec<Vec<u8>>> {
        let inbox = user.to_db(self.rules());
        let mut names = vec![inbox.clone()];
        let mut own = user.clone();
        own.deleted = 1;
        let mut own_deleted = own.to_db(self.rules());
        own_deleted.pop();
        for prefix in [[inbox.as_slice(), &[US]].concat(), own_deleted] {
            txn.foreach(&name_key(&prefix), |key, _| {
                names.extend(key.get(1..).map(<[u8]>::to_vec));
                ControlFlow::Continue(())
            })
            .map_err(|error| db_error(path, error))?;
        }
        let groups = find.auth.groups().iter().map(|group| [b"group:".as_slice(), group].concat());
        let identities = [find.auth.userid().to_vec(), b"anyone".to_vec()].into_iter().chain(groups);
        for identity in identities {
            for kind in *b"US" {
                let start = [&[b'A', kind, 0x1e], identity.as_slice(), &[0x1e]].concat();
                txn.foreach(&start, |key, _| {
                    names.extend(key.get(start.len()..).map(<[u8]>::to_vec));
                    ControlFlow::Continue(())
                })
                .map_err(|error| db_error(path, error))?;
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn call_back(
        &self,
        matcher: &Matcher<'_>,
        mut found: Vec<Candidate>,
        mut f: impl FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let is_admin = matcher.find.is_admin;
        let allow_deleted = self.config().switch(Opt::Allowdeleted);
        let show_users = is_admin || !self.config().switch(Opt::DisableUserNamespace);
        let show_shared = is_admin || !self.config().switch(Opt::DisableSharedNamespace);
        let sections = [
            (Category::Inbox, !is_admin),
            (Category::InboxSub, !is_admin),
            (Category::Owner, !is_admin),
            (Category::AltInbox, !is_admin),
            (Category::AltPrefix, !is_admin),
            (Category::OtherUser, show_users),
            (Category::Shared, show_shared),
            (Category::OwnerDeleted, !is_admin && allow_deleted),
            (Category::OtherDeleted, is_admin || (allow_deleted && show_shared)),
        ];
        if is_admin {
            // To an administrator the own mailboxes are a user's like all others.
            for candidate in &mut found {
                candidate.category = match candidate.category {
                    Category::OwnerDeleted | Category::OtherDeleted => Category::OtherDeleted,
                    Category::Shared => Category::Shared,
                    _ => Category::OtherUser,
                };
            }
        }
        let separator = matcher.find.namespace.hiersep();
        for (category, is_shown) in sections {
            if !is_shown {
                continue;
            }
            // INBOX and the folders below it belong together but in the alternate namespace.
            let starts = match category {
                Category::Inbox | Category::InboxSub | Category::AltPrefix => false,
                Category::Owner => matcher.find.namespace.is_alt(),
                _ => true,
            };
            if starts {
                let _ = f(Step::Section);
            }
            for candidate in found.iter().filter(|candidate| candidate.category == category) {
                if call_one(matcher, candidate, separator, &mut f).is_break() {
                    break;
                }
            }
        }
        let _ = f(Step::Section);
        Ok(())
    }

    /// The name of the reader's mailbox with a special use such as `\Trash`.
    /// C: mboxlist_find_specialuse()
    ///
    /// # Errors
    /// `Io`.
    pub fn find_special_use(&self, special_use: &[u8], userid: &[u8]) -> Result<Option<MboxName>> {
        let inbox = MboxName::user_inbox(userid, self.rules());
        if special_use.eq_ignore_ascii_case(b"\\Inbox") {
            return Ok(Some(inbox));
        }
        for entry in self.user_mailboxes(userid, false)? {
            if entry.name != inbox
                && self.special_uses(&entry)?.iter().any(|each| each.eq_ignore_ascii_case(special_use))
            {
                return Ok(Some(entry.name));
            }
        }
        Ok(None)
    }
}

fn is_marked(txn: &cyrus_db::ReadTxn, path: &std::path::Path) -> Result<bool> {
    let marker = txn.fetch(&[b'A', b'S', 0x1e]).map_err(|error| db_error(path, error))?;
    Ok(marker.is_some())
}

fn call_one(
    matcher: &Matcher<'_>,
    candidate: &Candidate,
    separator: u8,
    f: &mut impl FnMut(Step<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let found = |length: usize, is_exact| Found {
        ext: candidate.ext.get(..length).unwrap_or_default().to_vec(),
        is_exact,
        category: candidate.category,
        parts: candidate.parts.clone(),
        entry: candidate.entry.clone(),
    };
    if matcher.wants_ancestors() {
        let name = candidate.ext.get(..candidate.matched).unwrap_or_default();
        for (at, _) in name.iter().enumerate().filter(|(_, byte)| **byte == separator) {
            if matcher.test(name.get(..at).unwrap_or_default()) == at && at > 0 {
                f(Step::Name(&found(at, false)))?;
            }
        }
    }
    f(Step::Name(&found(candidate.matched, candidate.matched == candidate.ext.len())))
}
