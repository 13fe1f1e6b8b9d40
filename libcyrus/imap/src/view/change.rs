//! The client's changes: STORE, the \Seen that FETCH sets, EXPUNGE.

use super::{By, Host, Row, SeenPlace, View, position};
use cyrus_store::event::{Event, EventKind, Order};
use cyrus_store::lock::Mode;
use cyrus_store::mailbox::{
    FlagLimit, IndexGuard, InternalFlags, NewAnnotation, Record, SystemFlags, Touch, UserFlags,
};
use cyrus_store::{Error, Result};
use cyrus_util::ids::{ModSeq, MsgNo};
use cyrus_util::seqset::SeqSet;

/// How a STORE combines its flags with those a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagMode {
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
    /// `FLAGS`
    Replace,
}

/// A STORE's flags.
#[derive(Clone, Debug)]
pub struct FlagChange {
    /// Add, remove or replace.
    pub mode: FlagMode,
    /// \Seen is among them.
    pub seen: bool,
    /// The other system flags.
    pub system_flags: SystemFlags,
    /// Keywords by name.
    pub keywords: Vec<Vec<u8>>,
    /// Only messages whose modseq is not above this (RFC 7162 UNCHANGEDSINCE).
    pub unchanged_since: Option<ModSeq>,
}

/// What a STORE did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreOutcome {
    /// Messages left alone because of UNCHANGEDSINCE, as numbers or UIDs like the command's.
    pub modified: SeqSet,
}

impl View {
    /// Changes flags. C: `index_store()`
    ///
    /// # Errors
    /// `PermissionDenied` when the rights allow none of it, `TooManyFlags`; as locking otherwise.
    pub fn store(
        &mut self,
        set: &SeqSet,
        by: By,
        mut change: FlagChange,
        host: &mut dyn Host,
    ) -> Result<StoreOutcome> {
        self.permit(&mut change)?;
        let (access, seen_place) = (self.access, self.seen_place);
        self.locked(host, Mode::Exclusive, |rows, guard, host| {
            let mut slots = UserFlags::default();
            for name in &change.keywords {
                slots.set(guard.user_flag(name, FlagLimit::Client)?, true);
            }
            let mut modified = Vec::new();
            let mut told = FlagEvents::default();
            let mut unseen_delta = 0_i64;
            for (at, number) in picked(rows.rows, set, by) {
                let Some(row) = rows.rows.get_mut(at).filter(|row| !row.is_expunged()) else { continue };
                if change.unchanged_since.is_some_and(|since| row.modseq > since) {
                    modified.push(number);
                    continue;
                }
                let new = change.apply(row, slots, access);
                let old = Flags::of(row);
                let old_seen = row.seen;
                let Some(record) = rewrite(guard, row, new, seen_place)? else { continue };
                told.add(guard, &record, old, Flags::of(row));
                if row.seen != old_seen {
                    unseen_delta += if old_seen { 1 } else { -1 };
                    *rows.seen_dirty = true;
                }
            }
            shift(rows.unseen, unseen_delta);
            told.tell(guard, host.userid(), *rows.unseen);
            Ok(StoreOutcome { modified: SeqSet::from_sorted(modified) })
        })
    }

    /// Sets annotations of messages, all or none. Their modseqs rise, whether a value changed or
    /// not. C: `index_store_annotation()`
    ///
    /// # Errors
    /// `PermissionDenied`, `OverQuota`; as locking otherwise.
    pub fn annotate(
        &mut self,
        set: &SeqSet,
        by: By,
        annotations: &[NewAnnotation],
        unchanged_since: Option<ModSeq>,
        host: &mut dyn Host,
    ) -> Result<StoreOutcome> {
        if self.access.examining {
            return Err(Error::Internal("mailbox is open for reading only"));
        }
        let snoozes = |each: &&NewAnnotation| each.entry == SNOOZED && each.userid.is_empty();
        let snoozed = annotations.iter().find(snoozes).map(|each| !each.value.is_empty());
        self.locked(host, Mode::Exclusive, |rows, guard, _| {
            let (mut modified, mut rewritten) = (Vec::new(), Vec::new());
            for (at, number) in picked(rows.rows, set, by) {
                let Some(row) = rows.rows.get(at).filter(|row| !row.is_expunged()) else { continue };
                if unchanged_since.is_some_and(|since| row.modseq > since) {
                    modified.push(number);
                    continue;
                }
                guard.set_annotations(row.uid, annotations)?;
                let mut record = guard.record(row.recno)?;
                if let Some(is_snoozed) = snoozed {
                    let flags = record.internal_flags;
                    record.internal_flags = match is_snoozed {
                        true => flags.with(InternalFlags::SNOOZED),
                        false => flags.without(InternalFlags::SNOOZED),
                    };
                }
                guard.rewrite(&mut record, Touch::Modseq)?;
                rewritten.push((at, record.modseq, record.internal_flags));
            }
            for (at, modseq, flags) in rewritten {
                let Some(row) = rows.rows.get_mut(at) else { continue };
                (row.modseq, row.internal_flags) = (modseq, flags);
            }
            Ok(StoreOutcome { modified: SeqSet::from_sorted(modified) })
        })
    }

    /// Sets \Seen on messages whose body is fetched. C: `_fetch_setseen()`
    ///
    /// # Errors
    /// As locking.
    pub fn set_seen(&mut self, msgnos: &[MsgNo], host: &mut dyn Host) -> Result<()> {
        if self.access.examining || !self.access.set_seen {
            return Ok(());
        }
        let unseen = |row: Option<&Row>| row.is_some_and(|row| !row.seen && row.is_shown());
        if !msgnos.iter().any(|&msgno| unseen(self.row(msgno))) {
            return Ok(());
        }
        let seen_place = self.seen_place;
        self.locked(host, Mode::Exclusive, |rows, guard, host| {
            let mut event = guard.event(EventKind::MessageRead);
            let mut unseen_delta = 0_i64;
            for at in msgnos.iter().filter_map(|&msgno| position(msgno)) {
                let Some(row) = rows.rows.get_mut(at).filter(|row| !row.seen && row.is_shown()) else {
                    continue;
                };
                let new = Flags { seen: true, system: row.system_flags, user: row.user_flags };
                let record = rewrite(guard, row, new, seen_place)?;
                if let (Some(event), Some(record)) = (&mut event, &record) {
                    event.add_record(guard.mailbox_mut(), record);
                }
                *rows.seen_dirty = true;
                unseen_delta -= 1;
            }
            shift(rows.unseen, unseen_delta);
            tell(guard, Order::AfterModseq, event, host.userid(), *rows.unseen);
            Ok(())
        })
    }

    /// Expunges the \Deleted messages, or those among them that `uids` names; gives their number.
    /// With `only_deleted` false (MOVE) \Deleted is not asked for. C: `index_expunge()`
    ///
    /// # Errors
    /// As locking.
    pub fn expunge(&mut self, uids: Option<&SeqSet>, only_deleted: bool, host: &mut dyn Host) -> Result<u32> {
        self.locked(host, Mode::Exclusive, |rows, guard, host| {
            let mut event = guard.event(EventKind::MessageExpunge);
            let mut expunged = 0;
            let mut lowest: Option<ModSeq> = None;
            for row in rows.rows.iter_mut() {
                if row.is_expunged()
                    || (only_deleted && !row.system_flags.has(SystemFlags::DELETED))
                    || uids.is_some_and(|set| !set.contains(row.uid.0))
                {
                    continue;
                }
                let mut record = guard.record(row.recno)?;
                record.system_flags = record.system_flags.with(SystemFlags::DELETED);
                record.internal_flags = record.internal_flags.with(InternalFlags::EXPUNGED);
                let told = row.told_modseq == row.modseq;
                guard.rewrite(&mut record, Touch::Modseq)?;
                if let Some(event) = &mut event {
                    event.add_record(guard.mailbox_mut(), &record);
                }
                row.modseq = record.modseq;
                row.system_flags = record.system_flags;
                row.internal_flags = record.internal_flags;
                if told {
                    row.told_modseq = row.modseq;
                }
                *rows.unseen = rows.unseen.saturating_sub(u32::from(!row.seen));
                *rows.recent = rows.recent.saturating_sub(u32::from(row.recent));
                row.seen = true;
                row.recent = false;
                expunged += 1;
                lowest.get_or_insert(row.modseq);
            }
            if let Some(modseq) = lowest {
                rows.hold_back(modseq);
            }
            tell(guard, Order::AfterModseq, event, host.userid(), *rows.unseen);
            Ok(expunged)
        })
    }

    /// RFC 4314 4: a STORE that adds or removes does what the rights allow of it and fails only
    /// when nothing is left; one that replaces must be allowed whole.
    fn permit(&self, change: &mut FlagChange) -> Result<()> {
        if self.access.examining {
            // What C says: it takes the index lock for reading and then cannot write.
            return Err(Error::Internal("mailbox is open for reading only"));
        }
        let deleted = change.system_flags.has(SystemFlags::DELETED);
        let others = change.system_flags.without(SystemFlags::DELETED) != SystemFlags(0)
            || !change.keywords.is_empty();
        let seen_denied = change.seen && !self.access.set_seen;
        let deleted_denied = deleted && !self.access.delete_messages;
        let others_denied = others && !self.access.write;
        if !seen_denied && !deleted_denied && !others_denied {
            return Ok(());
        }
        if change.mode == FlagMode::Replace {
            return Err(Error::PermissionDenied);
        }
        if seen_denied {
            change.seen = false;
        }
        if deleted_denied {
            change.system_flags = change.system_flags.without(SystemFlags::DELETED);
        }
        if others_denied {
            let keep = change.system_flags.has(SystemFlags::DELETED);
            change.system_flags = if keep { SystemFlags::DELETED } else { SystemFlags(0) };
            change.keywords.clear();
        }
        if change.seen || change.system_flags != SystemFlags(0) || !change.keywords.is_empty() {
            Ok(())
        } else {
            Err(Error::PermissionDenied)
        }
    }
}

/// The annotation that says until when a message sleeps; a flag of the record tells that it does.
const SNOOZED: &[u8] = b"/vendor/cmu/cyrus-imapd/snoozed";

/// The flags of one message.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Flags {
    seen: bool,
    system: SystemFlags,
    user: UserFlags,
}

impl Flags {
    fn of(row: &Row) -> Self {
        Self { seen: row.seen, system: row.system_flags.without(SystemFlags::SEEN), user: row.user_flags }
    }

    /// The system flags, \Seen among them.
    fn all(self) -> SystemFlags {
        if self.seen { self.system.with(SystemFlags::SEEN) } else { self.system }
    }
}

/// What one STORE set and what it cleared, for event notifications.
#[derive(Default)]
struct FlagEvents {
    /// In the order in which C began them.
    events: Vec<Event>,
}

impl FlagEvents {
    fn add(&mut self, guard: &mut IndexGuard<'_>, record: &Record, old: Flags, new: Flags) {
        self.note(guard, EventKind::FlagsSet, record, old, new);
        self.note(guard, EventKind::FlagsClear, record, new, old);
    }

    /// Notes what `new` has that `old` has not.
    fn note(&mut self, guard: &mut IndexGuard<'_>, kind: EventKind, record: &Record, old: Flags, new: Flags) {
        let system = new.all().without(old.all());
        let user = combine(new.user, old.user, |a, b| a & !b);
        if system == SystemFlags(0) && user == UserFlags::default() {
            return;
        }
        let at = match self.events.iter().position(|event| event.kind() == kind) {
            Some(at) => at,
            None => {
                let Some(event) = guard.event(kind) else { return };
                self.events.push(event);
                self.events.len() - 1
            }
        };
        let Some(event) = self.events.get_mut(at) else { return };
        let names = &guard.mailbox_header().flags;
        let keywords = user.iter().filter_map(|slot| names.get(usize::from(slot))?.as_deref());
        event.add_flags(system, keywords);
        event.add_record(guard.mailbox_mut(), record);
    }

    /// C tells first what was set, unless it was told in this order and \Seen was cleared.
    fn tell(mut self, guard: &mut IndexGuard<'_>, userid: &[u8], unseen: u32) {
        let clears_seen = self.events.get(1).is_some_and(Event::clears_seen);
        if clears_seen {
            self.events.reverse();
        }
        for event in self.events {
            tell(guard, Order::BeforeModseq, Some(event), userid, unseen);
        }
    }
}

/// Hands an event of this user to the guard.
fn tell(guard: &mut IndexGuard<'_>, order: Order, event: Option<Event>, userid: &[u8], unseen: u32) {
    if let Some(mut event) = event {
        event.set_user(userid);
        event.set_unseen(unseen);
        guard.tell(order, event);
    }
}

impl FlagChange {
    /// The flags that `row` gets, within the rights of `access`.
    fn apply(&self, row: &Row, slots: UserFlags, access: super::Access) -> Flags {
        let old = row.system_flags.without(SystemFlags::SEEN);
        let mut new = Flags { seen: row.seen, system: old, user: row.user_flags };
        match self.mode {
            FlagMode::Add => {
                new.seen |= self.seen;
                new.system = old.with(self.system_flags);
                new.user = combine(new.user, slots, |a, b| a | b);
            }
            FlagMode::Remove => {
                new.seen &= !self.seen;
                new.system = old.without(self.system_flags);
                new.user = combine(new.user, slots, |a, b| a & !b);
            }
            FlagMode::Replace => {
                if access.set_seen {
                    new.seen = self.seen;
                }
                let replaced = |mask: SystemFlags, may: bool| {
                    SystemFlags(if may { self.system_flags.0 } else { old.0 } & mask.0)
                };
                let others = SystemFlags(u32::MAX).without(SystemFlags::DELETED);
                // Without right w only \Deleted changes, as C does it, whatever right t says.
                let may_delete = access.delete_messages || !access.write;
                new.system = replaced(SystemFlags::DELETED, may_delete).with(replaced(others, access.write));
                if access.write {
                    new.user = slots;
                }
            }
        }
        new
    }
}

/// Writes new flags into a row and its record, which it gives back; none when nothing changes (RFC
/// 7162 3.8: then the mod-sequence stays).
fn rewrite(
    guard: &mut IndexGuard<'_>,
    row: &mut Row,
    new: Flags,
    seen_place: SeenPlace,
) -> Result<Option<Record>> {
    let old = Flags::of(row);
    let new = Flags { system: new.system.without(SystemFlags::SEEN), ..new };
    if new == old {
        return Ok(None);
    }
    let mut record = guard.record(row.recno)?;
    let keep_seen = match seen_place {
        SeenPlace::Index => new.seen,
        SeenPlace::Database => record.system_flags.has(SystemFlags::SEEN),
    };
    record.system_flags = if keep_seen { new.system.with(SystemFlags::SEEN) } else { new.system };
    record.user_flags = new.user;
    guard.rewrite(&mut record, Touch::Modseq)?;
    row.modseq = record.modseq;
    row.system_flags = record.system_flags;
    row.user_flags = record.user_flags;
    row.seen = new.seen;
    Ok(Some(record))
}

fn combine(a: UserFlags, b: UserFlags, with: impl Fn(u32, u32) -> u32) -> UserFlags {
    let mut words = a.0;
    for (word, other) in words.iter_mut().zip(b.0) {
        *word = with(*word, other);
    }
    UserFlags(words)
}

fn shift(number: &mut u32, by: i64) {
    *number = u32::try_from((i64::from(*number) + by).max(0)).unwrap_or(u32::MAX);
}

/// Positions in `rows` that the set names, with the number or UID each is named by.
fn picked(rows: &[Row], set: &SeqSet, by: By) -> Vec<(usize, u32)> {
    let mut list = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let number = match by {
            By::MsgNo => super::count(at + 1),
            By::Uid => row.uid.0,
        };
        if set.contains(number) {
            list.push((at, number));
        }
    }
    list
}
