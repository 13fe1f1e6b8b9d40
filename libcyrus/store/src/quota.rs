//! Quota roots: their limits and what is used (reference/databases.md 5).
//!
//! Used octets are stored as such, limits of octets in KiB. The root of a mailbox is its nearest
//! ancestor that has a record.

use crate::Store;
use crate::catalog::{Catalog, Global, db_error};
use crate::counters::Scope;
use crate::error::{Error, Resource, Result};
use crate::event::EventKind;
use crate::lock::{Mode, NameLock, UserLock, Wait};
use crate::mailbox::QuotaUse;
use crate::mboxlist::MbKind;
use cyrus_base::config::Opt;
use cyrus_db::Db;
use cyrus_util::dlist::Value;
use cyrus_util::ids::ModSeq;
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;

/// Resources in the order of the record, with their names there.
const RESOURCES: [(Resource, &[u8]); 4] = [
    (Resource::Storage, b"S"),
    (Resource::Message, b"M"),
    (Resource::AnnotationStorage, b"AS"),
    (Resource::NumFolders, b"NF"),
];

/// Use and limit of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Octets, or a count.
    pub used: i64,
    /// KiB, or a count; `None` for no limit.
    pub limit: Option<i64>,
}

impl Limit {
    /// Whether nothing more fits. C: quota_is_overquota()
    #[must_use]
    pub fn is_over(&self, resource: Resource) -> bool {
        self.limit.is_some_and(|limit| self.used >= limit.saturating_mul(unit(resource)))
    }
}

/// Octets or pieces that one unit of a limit stands for.
fn unit(resource: Resource) -> i64 {
    match resource {
        Resource::Storage | Resource::AnnotationStorage => 1024,
        Resource::Message | Resource::NumFolders => 1,
    }
}

/// A quota record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// The four resources in the order of [`Resource`]'s record names: S, M, AS, NF.
    limits: [Limit; 4],
    /// Left by a `quota -f` under way: up to where it came and what it counted.
    scan: Option<(Vec<u8>, [i64; 4])>,
    /// Modseq of the last change.
    pub modseq: u64,
}

/// A change of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Octets of messages.
    pub storage: i64,
    /// Messages.
    pub messages: i64,
    /// Octets of annotation values.
    pub annotations: i64,
    /// Mailboxes.
    pub folders: i64,
}

impl Change {
    /// The opposite.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self {
            storage: self.storage.saturating_neg(),
            messages: self.messages.saturating_neg(),
            annotations: self.annotations.saturating_neg(),
            folders: self.folders.saturating_neg(),
        }
    }

    fn as_array(&self) -> [i64; 4] {
        [self.storage, self.messages, self.annotations, self.folders]
    }
}

impl From<&QuotaUse> for Change {
    fn from(used: &QuotaUse) -> Self {
        Self {
            storage: used.storage_octets,
            messages: used.messages,
            annotations: used.annotation_octets,
            folders: 0,
        }
    }
}

impl Quota {
    /// A record without use and with these limits (S, M, AS, NF).
    #[must_use]
    pub fn with_limits(limits: [Option<i64>; 4]) -> Self {
        Self { limits: limits.map(|limit| Limit { used: 0, limit }), ..Self::default() }
    }

    /// Use and limit of a resource.
    #[must_use]
    pub fn resource(&self, resource: Resource) -> Limit {
        let at = RESOURCES.iter().position(|(each, _)| *each == resource);
        at.and_then(|at| self.limits.get(at)).copied().unwrap_or_default()
    }

    /// Sets use and limit of a resource.
    pub fn set(&mut self, resource: Resource, limit: Limit) {
        let at = RESOURCES.iter().position(|(each, _)| *each == resource);
        if let Some(slot) = at.and_then(|at| self.limits.get_mut(at)) {
            *slot = limit;
        }
    }

    /// Reads a record, new form or old. C: quota_parseval()
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let mut quota = Self::default();
        if data.first() != Some(&b'%') {
            return quota.read_old(data).then_some(quota);
        }
        let value = Value::parse(data.trim_ascii_end()).ok()?;
        for ((_, key), limit) in RESOURCES.iter().zip(&mut quota.limits) {
            let items = value.get(key).map(Value::items).unwrap_or_default();
            let number = |at: usize| items.get(at).and_then(read_number);
            limit.used = number(0).unwrap_or(0);
            limit.limit = number(1).filter(|limit| *limit >= 0);
        }
        if let Some(scan) = value.get(b"SCAN") {
            let mut used = [0; 4];
            for ((_, key), slot) in RESOURCES.iter().zip(&mut used) {
                *slot = scan.get(key).and_then(read_number).unwrap_or(0);
            }
            let name = scan.get(b"MBOX").and_then(Value::as_bytes);
            quota.scan = name.map(|name| (name.to_vec(), used));
        }
        quota.modseq = value.get(b"MODSEQ").and_then(Value::as_u64).unwrap_or(0);
        Some(quota)
    }

    /// `used limit [M used limit] ...`, on one or more lines; a third number after a pair is left
    /// over from an interrupted `quota -f`.
    fn read_old(&mut self, data: &[u8]) -> bool {
        let mut words = data.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).peekable();
        let number = |word: Option<&[u8]>| -> Option<i64> { std::str::from_utf8(word?).ok()?.parse().ok() };
        let mut at = 0;
        loop {
            let (Some(used), Some(limit)) = (number(words.next()), number(words.next())) else {
                return false;
            };
            if let Some(slot) = self.limits.get_mut(at) {
                *slot = Limit { used, limit: (limit >= 0).then_some(limit) };
            }
            if number(words.peek().copied()).is_some() {
                words.next();
            }
            let Some(name) = words.next() else { return true };
            match RESOURCES.iter().position(|(_, key)| key.eq_ignore_ascii_case(name)) {
                Some(found) => at = found,
                None => return false,
            }
        }
    }

    /// The record. C: quota_write()
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let signed = |number: i64| match u64::try_from(number) {
            Ok(number) => Value::Num(number),
            // C prints a negative number as the unsigned one of the same bits.
            Err(_) => Value::Num(u64::from_ne_bytes(number.to_ne_bytes())),
        };
        let mut value = Value::kv();
        for ((_, key), limit) in RESOURCES.iter().zip(&self.limits) {
            let numbers = std::iter::once(limit.used).chain(limit.limit);
            value.put(key, Value::List(numbers.map(signed).collect()));
        }
        if let Some((name, used)) = &self.scan {
            let mut scan = Value::kv();
            scan.put(b"MBOX", Value::str(name.as_slice()));
            for ((_, key), used) in RESOURCES.iter().zip(used) {
                scan.put(key, signed(*used));
            }
            value.put(b"SCAN", scan);
        }
        value.put(b"MODSEQ", Value::Num(self.modseq));
        value.print()
    }

    /// Whether a change fits. Less is always fine, and so is what is not limited.
    /// C: quota_check()
    ///
    /// # Errors
    /// `OverQuota`.
    pub fn check(&self, change: &Change) -> Result<()> {
        for (((resource, _), limit), delta) in RESOURCES.iter().zip(&self.limits).zip(change.as_array()) {
            let Some(most) = limit.limit else { continue };
            if delta >= 0 && limit.used.saturating_add(delta) > most.saturating_mul(unit(*resource)) {
                return Err(Error::OverQuota(*resource));
            }
        }
        Ok(())
    }

    /// Where a `quota -f` under way is, and what it counted (S, M, AS, NF).
    #[must_use]
    pub fn scanned(&self) -> Option<(&[u8], [i64; 4])> {
        self.scan.as_ref().map(|(name, used)| (name.as_slice(), *used))
    }

    /// Notes that a mailbox was counted and what it uses.
    pub fn add_scanned(&mut self, name: &MboxName, change: &Change) {
        let mut used = self.scan.take().map_or([0; 4], |(_, used)| used);
        for (slot, delta) in used.iter_mut().zip(change.as_array()) {
            *slot = slot.saturating_add(delta);
        }
        self.scan = Some((name.as_bytes().to_vec(), used));
    }

    /// Forgets what was counted.
    pub fn clear_scan(&mut self) {
        self.scan = None;
    }

    /// Adds a change of use; never below zero. C: quota_use()
    pub fn apply(&mut self, change: &Change) {
        for (limit, delta) in self.limits.iter_mut().zip(change.as_array()) {
            limit.used = limit.used.saturating_add(delta).max(0);
        }
    }
}

fn read_number(value: &Value) -> Option<i64> {
    std::str::from_utf8(value.as_bytes()?)
        .ok()?
        .parse::<i64>()
        .ok()
        .or_else(|| value.as_u64().map(|number| i64::from_ne_bytes(number.to_ne_bytes())))
}

impl Catalog {
    fn quota_db(&self) -> Result<Db> {
        self.global(Global::Quota)
    }

    /// The record of a root. C: quota_read()
    ///
    /// # Errors
    /// `QuotaRootNotFound`, `BadFormat`, `Io`.
    pub fn read_quota(&self, root: &MboxName) -> Result<Quota> {
        let db = self.quota_db()?;
        let data = db.fetch(root.as_bytes()).map_err(|error| db_error(db.path(), error))?;
        let data = data.filter(|data| !data.is_empty()).ok_or(Error::QuotaRootNotFound)?;
        Quota::parse(&data).ok_or_else(|| Error::bad_format(db.path(), "quota record"))
    }

    /// The root a mailbox counts to. C: quota_findroot()
    ///
    /// # Errors
    /// `Io`.
    pub fn find_quota_root(&self, name: &MboxName) -> Result<Option<MboxName>> {
        let db = self.quota_db()?;
        let mut root = name.as_bytes().to_vec();
        let start = match (self.names().virtdomains.is_on(), root.iter().position(|&byte| byte == b'!')) {
            (true, Some(at)) => at.saturating_add(1),
            _ => 0,
        };
        while root.len() > start {
            if db.fetch(&root).map_err(|error| db_error(db.path(), error))?.is_some() {
                return Ok(Some(MboxName::new(root)));
            }
            let dot = root.get(start..).and_then(|rest| rest.iter().rposition(|&byte| byte == b'.'));
            root.truncate(dot.map_or(start, |dot| start.saturating_add(dot)));
        }
        if start == 0 {
            return Ok(None);
        }
        let domain = db.fetch(&root).map_err(|error| db_error(db.path(), error))?;
        Ok(domain.map(|_| MboxName::new(root)))
    }

    /// Whether a change fits below a root that may have vanished meanwhile.
    /// C: quota_check_useds()
    ///
    /// # Errors
    /// `OverQuota`, `Io`.
    pub fn check_quota(&self, root: &MboxName, change: &Change) -> Result<()> {
        match self.read_quota_once(root) {
            Ok(quota) => quota.check(change).inspect_err(|error| {
                if let (Error::OverQuota(resource), Some(mut event)) =
                    (error, self.event(EventKind::QuotaExceed))
                {
                    event.set_quota(self, root, &quota, *resource);
                    self.report(event);
                }
            }),
            Err(Error::QuotaRootNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// As [`Catalog::read_quota`]; with `quota_use_conversations` each message of the user counts
    /// once, however many copies there are. C: quota_read_withconversations()
    ///
    /// # Errors
    /// As [`Catalog::read_quota`].
    pub fn read_quota_once(&self, root: &MboxName) -> Result<Quota> {
        let mut quota = self.read_quota(root)?;
        let is_on =
            self.config().switch(Opt::QuotaUseConversations) && self.config().switch(Opt::Conversations);
        if is_on && root.owner(self.rules()).is_some() {
            let once = self.email_use(root)?;
            let rows = [(Resource::Storage, once.storage_octets), (Resource::Message, once.emails)];
            for (resource, used) in rows {
                let limit = quota.resource(resource).limit;
                quota.set(resource, Limit { used, limit });
            }
        }
        Ok(quota)
    }

    /// Records a change of use, durable on return. C: quota_update_useds()
    ///
    /// # Errors
    /// `BadFormat`, `Io`; a root that is gone is no error.
    pub fn use_quota(&self, root: &MboxName, change: &Change) -> Result<()> {
        if *change == Change::default() {
            return Ok(());
        }
        self.change_use(root, change, |_| {})
    }

    /// Applies a change, lets `also` change more, and tells which limits hold again.
    fn change_use(&self, root: &MboxName, change: &Change, also: impl FnOnce(&mut Quota)) -> Result<()> {
        let mut within = Vec::new();
        self.update_quota(root, |quota| {
            let over = RESOURCES.map(|(resource, _)| quota.resource(resource).is_over(resource));
            quota.apply(change);
            also(quota);
            for ((resource, _), was_over) in RESOURCES.into_iter().zip(over) {
                if was_over
                    && !quota.resource(resource).is_over(resource)
                    && let Some(mut event) = self.event(EventKind::QuotaWithin)
                {
                    event.set_quota(self, root, quota, resource);
                    within.push(event);
                }
            }
        })?;
        within.into_iter().for_each(|event| self.report(event));
        Ok(())
    }

    /// As [`Catalog::use_quota`] for a change in mailbox `name`: a `quota -f` that has counted it
    /// already counts the change too. C: quota_update_useds()
    ///
    /// # Errors
    /// `BadFormat`, `Io`; a root that is gone is no error.
    pub fn use_quota_of(&self, root: &MboxName, change: &Change, name: &MboxName) -> Result<()> {
        if *change == Change::default() {
            return Ok(());
        }
        self.change_use(root, change, |quota| {
            let counted = quota.scan.as_ref().map(|(at, _)| MboxName::from(at.as_slice()));
            if let Some(at) = counted
                && name.to_db(self.rules()) <= at.to_db(self.rules())
            {
                quota.add_scanned(&at, change);
            }
        })
    }

    /// The lock of those who make and remove quota roots or count anew what is used.
    /// C: quota_changelock()
    ///
    /// # Errors
    /// `Io`.
    pub fn lock_quota_change(&self, store: &Store) -> Result<NameLock> {
        let locks = store.locks();
        locks.lock_name(&UserLock::unowned(), locks.id_path(b"$QUOTACHANGE"), Mode::Exclusive, Wait::Block)
    }

    /// The modseq of a root that is written. C: mboxname_nextquotamodseq()
    fn next_quota_modseq(&self, root: &MboxName, last: u64) -> Result<u64> {
        if !root.is_user_mailbox(self.rules()) {
            return Ok(last);
        }
        self.next_modseq(root, ModSeq(last), MbKind::Email, Scope::Quota).map(|modseq| modseq.0)
    }

    /// Reads a record under the write lock, lets `f` change it and writes it back. False when
    /// there is no such root.
    ///
    /// # Errors
    /// `BadFormat`, `Io`.
    pub fn update_quota(&self, root: &MboxName, f: impl FnOnce(&mut Quota)) -> Result<bool> {
        let db = self.quota_db()?;
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        let data = txn.fetch(root.as_bytes()).map_err(fail)?;
        let Some(data) = data.filter(|data| !data.is_empty()) else { return Ok(false) };
        let mut quota = Quota::parse(&data).ok_or_else(|| Error::bad_format(db.path(), "quota record"))?;
        f(&mut quota);
        quota.modseq = self.next_quota_modseq(root, quota.modseq)?;
        txn.store(root.as_bytes(), &quota.print()).map_err(fail)?;
        txn.commit().map_err(fail)?;
        Ok(true)
    }

    /// Writes a whole record with the next modseq. C: quota_write()
    ///
    /// # Errors
    /// `Io`.
    pub fn write_quota(&self, root: &MboxName, quota: &Quota) -> Result<()> {
        let db = self.quota_db()?;
        let modseq = self.next_quota_modseq(root, quota.modseq)?;
        let quota = Quota { modseq, ..quota.clone() };
        db.store(root.as_bytes(), &quota.print()).map_err(|error| db_error(db.path(), error))
    }

    /// Removes a root's record. C: quota_deleteroot()
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_quota(&self, root: &MboxName) -> Result<()> {
        let db = self.quota_db()?;
        db.delete(root.as_bytes()).map_err(|error| db_error(db.path(), error))?;
        self.next_quota_modseq(root, 0).map(drop)
    }

    /// Every root whose name starts with `prefix`, in the order of the database.
    ///
    /// # Errors
    /// `Io`; records that cannot be read are left out.
    pub fn quota_roots(&self, prefix: &[u8]) -> Result<Vec<(MboxName, Quota)>> {
        let db = self.quota_db()?;
        let mut roots = Vec::new();
        db.foreach(prefix, |key, data| {
            roots.extend(Quota::parse(data).map(|quota| (MboxName::from(key), quota)));
            ControlFlow::Continue(())
        })
        .map_err(|error| db_error(db.path(), error))?;
        Ok(roots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_they_were_read() {
        for text in [
            "%(S (123 1000) M (1) AS (0) NF (2 5) MODSEQ 7)",
            "%(S (0) M (0) AS (0) NF (0) SCAN %(MBOX user.ann S 1 M 2 AS 3 NF 4) MODSEQ 0)",
        ] {
            assert_eq!(
                Quota::parse(text.as_bytes()).map(|quota| quota.print()).as_deref(),
                Some(text.as_bytes())
            );
        }
        let old = Quota::parse(b"2048\n10 M 3 -1\n").unwrap_or_default();
        assert_eq!(old.resource(Resource::Storage), Limit { used: 2048, limit: Some(10) });
        assert_eq!(old.resource(Resource::Message), Limit { used: 3, limit: None });
        assert_eq!(Quota::parse(b"nonsense"), None);
    }

    #[test]
    fn limits_hold_for_growth_only() {
        let quota = Quota::parse(b"%(S (1024 1) M (5) AS (0) NF (0) MODSEQ 0)").unwrap_or_default();
        assert!(quota.check(&Change { storage: 1, ..Change::default() }).is_err());
        assert!(quota.check(&Change { storage: -1, messages: 99, ..Change::default() }).is_ok());
        assert!(quota.check(&Change { storage: 0, ..Change::default() }).is_ok());
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut random = fastrand::Rng::with_seed(19);
        for _ in 0..20_000 {
            let alphabet = b"%()SM 019-\nAF\xff";
            let text = (0..random.usize(..30))
                .map(|_| alphabet.get(random.usize(..alphabet.len())).copied().unwrap_or(0));
            let _ = Quota::parse(&text.collect::<Vec<_>>());
        }
    }
}
