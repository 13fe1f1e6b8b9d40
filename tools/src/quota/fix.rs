//! Counting anew what the mailboxes below the roots use.
//!
//! Locks: quota change, then for each mailbox user, name, index and last the root's record. While
//! a mailbox is counted its index lock keeps others from changing it; what changes later in a
//! mailbox that was counted is added by who changes it, see `Catalog::use_quota_of`.

use super::{Root, Run, SHOWN, complain, complain_of_walk};
use crate::io;
use libcyrus::base::exit::{EX_DATAERR, EX_IOERR, EX_NOPERM, EX_SOFTWARE, EX_TEMPFAIL, EX_UNAVAILABLE};
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{Cleanup, IndexGuard, Mailbox, QuotaUse};
use libcyrus::store::mboxlist::{MbEntry, Show};
use libcyrus::store::quota::{Change, Limit, Quota};
use libcyrus::store::{Error, Result};
use libcyrus::util::mboxname::MboxName;
use std::ops::ControlFlow;

/// C: convert_code()
pub(super) fn exit_code(error: &Error) -> i32 {
    match error {
        Error::Io { .. } => EX_IOERR,
        Error::PermissionDenied => EX_NOPERM,
        Error::OverQuota(_) => EX_TEMPFAIL,
        Error::NotSupported | Error::ConversationsUnsupported => EX_DATAERR,
        Error::NotFound => EX_UNAVAILABLE,
        _ => EX_SOFTWARE,
    }
}

impl Run {
    /// C: fixquotas()
    pub(super) fn fix(&self, roots: &mut [Root]) -> Result<()> {
        for at in 0..self.prefixes.len() {
            self.count_below(at, roots)?;
        }
        for root in roots {
            self.finish(root)?;
        }
        Ok(())
    }

    /// C: fixquota_dopass()
    fn count_below(&self, at: usize, roots: &mut [Root]) -> Result<()> {
        let Some(prefix) = self.prefixes.get(at) else { return Ok(()) };
        let entries = match &prefix.userid {
            Some(userid) => self.catalog.user_mailboxes(userid, false),
            None => self.entries_below(&prefix.name),
        };
        let done = entries.and_then(|entries| {
            for entry in entries {
                if entry.mbtype.is_remote() || entry.mbtype.is_intermediate() {
                    continue;
                }
                self.steps.iter().for_each(|steps| steps.wait(&entry.name));
                let counted = self.count(&entry.name, &prefix.name, roots);
                self.steps.iter().for_each(|steps| steps.done(&entry.name));
                counted?;
            }
            Ok(())
        });
        done.inspect_err(|error| match &prefix.userid {
            Some(_) => complain_of_walk(error, &format!("processing user '{}'", prefix.name)),
            None => complain_of_walk(error, &format!("processing mbox list for '{}'", prefix.name)),
        })
    }

    fn entries_below(&self, prefix: &MboxName) -> Result<Vec<MbEntry>> {
        let mut entries = Vec::new();
        self.catalog.each_entry(&prefix.to_db(self.catalog.rules()), Show::Mailboxes, |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// Adds the use of one mailbox to its root, and mends the root in its header.
    /// C: fixquota_dombox()
    fn count(&self, name: &MboxName, prefix: &MboxName, roots: &mut [Root]) -> Result<()> {
        let above = roots.iter_mut().filter(|root| is_below(name, &root.name));
        let root = above.max_by_key(|root| root.name.as_bytes().len()).map(|root| {
            root.mailboxes = root.mailboxes.saturating_add(1);
            root.name.clone()
        });
        // Reading is enough for a mailbox that has the right root.
        let done = self.count_under(name, prefix, root.as_ref(), Mode::Shared);
        match done {
            Ok(true) => Ok(()),
            Ok(false) => self.count_under(name, prefix, root.as_ref(), Mode::Exclusive).map(drop),
            Err(error) => Err(error),
        }
    }

    /// Does the work under index locks of `mode`; false when a stronger one is needed.
    fn count_under(
        &self,
        name: &MboxName,
        prefix: &MboxName,
        root: Option<&MboxName>,
        mode: Mode,
    ) -> Result<bool> {
        let owner = name.owner(self.catalog.rules());
        let user = self.store.lock_owner(owner.as_deref(), mode)?;
        let opened = self
            .catalog
            .lookup(name)
            .and_then(|entry| Mailbox::open_entry(&self.store, &user, &entry, Mode::Shared, Wait::Block));
        let mut mailbox = match opened {
            Ok(mailbox) => mailbox,
            // Deleted or renamed since the list was read.
            Err(Error::NotFound) if matches!(self.catalog.lookup(name), Err(Error::NotFound)) => {
                return Ok(true);
            }
            Err(error) => {
                complain(&error, &format!("failed opening header for mailbox '{name}'"));
                return Err(error);
            }
        };
        let done = mailbox.lock_index(&user, mode).and_then(|index| self.count_index(index, prefix, root));
        let cleanup = mailbox.close()?;
        drop(user);
        if let Cleanup::Wanted(location) = cleanup {
            // Somebody else's work that nobody did yet; that it fails is no failure of ours.
            let _ = Mailbox::run_cleanup(&self.store, *location);
        }
        match done {
            Err(Error::NotFound) if matches!(self.catalog.lookup(name), Err(Error::NotFound)) => Ok(true),
            done => done,
        }
    }

    fn count_index(
        &self,
        mut index: IndexGuard<'_>,
        prefix: &MboxName,
        root: Option<&MboxName>,
    ) -> Result<bool> {
        let name = index.mailbox().location().name.clone();
        let current = index.mailbox_header().quotaroot.clone();
        let wanted = root.map(MboxName::as_bytes);
        if current.as_deref() != wanted {
            let is_outside = current.as_ref().is_some_and(|root| root.len() < prefix.as_bytes().len());
            if root.is_none() && is_outside {
                return Ok(true);
            }
            if !self.dry && index.mode() != Mode::Exclusive {
                return Ok(false);
            }
            let text: [&[u8]; 6] = [
                name.as_bytes(),
                b": quota root ",
                current.as_deref().unwrap_or(b"(none)"),
                b" --> ",
                wanted.unwrap_or(b"(none)"),
                b"\n",
            ];
            io::complain(&text.concat());
            if !self.dry {
                index.change_mailbox_header(|header| header.quotaroot = wanted.map(<[u8]>::to_vec))?;
            }
        }
        if let Some(root) = root {
            let used = Change { folders: 1, ..Change::from(&QuotaUse::of(index.header())) };
            if !self.catalog.update_quota(root, |quota| quota.add_scanned(&name, &used))? {
                return Err(Error::QuotaRootNotFound);
            }
        }
        index.commit()?;
        Ok(true)
    }

    /// Puts what was counted in the place of what the root said. C: fixquota_finish()
    fn finish(&self, root: &mut Root) -> Result<()> {
        let name = &root.name;
        if root.mailboxes == 0 {
            root.removed = true;
            io::complain(&[name.as_bytes(), b": removed\n"].concat());
            return if self.dry { Ok(()) } else { self.delete(name) };
        }
        let mut lines = Vec::new();
        let found = self.catalog.update_quota(name, |quota| settle(quota, name, self.dry, &mut lines));
        io::complain(&lines);
        match found {
            Ok(true) => Ok(()),
            Ok(false) => {
                complain(&Error::QuotaRootNotFound, &format!("failed reading quotaroot '{name}'"));
                Err(Error::QuotaRootNotFound)
            }
            Err(error) => {
                complain(&error, &format!("failed writing quotaroot: '{name}'"));
                Err(error)
            }
        }
    }

    fn delete(&self, name: &MboxName) -> Result<()> {
        self.catalog
            .delete_quota(name)
            .inspect_err(|error| complain(error, &format!("failed deleting quotaroot '{name}'")))
    }
}

fn settle(quota: &mut Quota, name: &MboxName, dry: bool, lines: &mut Vec<u8>) {
    let counted = quota.scanned().map_or([0; 4], |(_, used)| used);
    for (shown, counted) in SHOWN.iter().zip(counted) {
        let Limit { used, limit } = quota.resource(shown.resource);
        if used == counted {
            continue;
        }
        let text = format!(": {} usage was {used}, now {counted}\n", shown.name);
        lines.extend([name.as_bytes(), text.as_bytes()].concat());
        if !dry {
            quota.set(shown.resource, Limit { used: counted, limit });
        }
    }
    quota.clear_scan();
}

/// Whether a mailbox counts to a root. C: mboxname_is_prefix()
fn is_below(name: &MboxName, root: &MboxName) -> bool {
    let rest = name.as_bytes().strip_prefix(root.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b".") || root.as_bytes().ends_with(b"!"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_hold_whole_components_and_domains() {
        let check = |name: &str, root: &str, expected| {
            assert_eq!(is_below(&name.into(), &root.into()), expected, "{name} {root}");
        };
        check("user.ann", "user.ann", true);
        check("user.ann.x", "user.ann", true);
        check("user.anna", "user.ann", false);
        check("ex.org!user.ann", "ex.org!", true);
        check("user.ann", "user.ann.x", false);
    }

    #[test]
    fn what_was_counted_replaces_what_was_said_unless_dry() {
        let text = b"%(S (9 5) M (1) AS (0) NF (1) SCAN %(MBOX user.ann S 7 M 1 AS 0 NF 1) MODSEQ 3)";
        let mut quota = Quota::parse(text).unwrap_or_default();
        let mut lines = Vec::new();
        settle(&mut quota, &"user.ann".into(), true, &mut lines);
        assert_eq!(lines, b"user.ann: STORAGE usage was 9, now 7\n");
        assert_eq!(quota.print(), b"%(S (9 5) M (1) AS (0) NF (1) MODSEQ 3)");
        let mut quota = Quota::parse(text).unwrap_or_default();
        settle(&mut quota, &"user.ann".into(), false, &mut lines);
        assert_eq!(quota.print(), b"%(S (7 5) M (1) AS (0) NF (1) MODSEQ 3)");
    }
}
