//! The index against the rows: what came, what went, what changed.

use super::{Access, Host, Known, Row, SeenPlace, View, count};
use cyrus_store::lock::Mode;
use cyrus_store::mailbox::{IndexGuard, InternalFlags, Mailbox, MailboxOptions, RecordView, SystemFlags};
use cyrus_store::{Error, Result};
use cyrus_util::ids::{ModSeq, MsgNo, RecNo, UidValidity, UnixTime};
use cyrus_util::seqset::{MergingSet, SeqSet};

impl View {
    /// Opens the view on an open mailbox for SELECT or EXAMINE; a SELECT takes the \Recent
    /// messages for itself. C: `index_open_mailbox()`
    ///
    /// # Errors
    /// As locking the mailbox.
    pub fn open(mailbox: Mailbox, userid: &[u8], access: Access, host: &mut dyn Host) -> Result<Self> {
        let seen_place =
            if mailbox.seen_is_internal(userid) { SeenPlace::Index } else { SeenPlace::Database };
        let mut view = Self {
            mailbox,
            access,
            seen_place,
            rows: Vec::new(),
            keywords: Vec::new(),
            keywords_dirty: true,
            exists_told: 0,
            known: Known::default(),
            told_highestmodseq: ModSeq(0),
            delayed_modseq: None,
            unseen: 0,
            recent: 0,
            first_unseen: None,
            seen_dirty: false,
        };
        view.refresh(host)?;
        view.told_highestmodseq = view.known.highestmodseq;
        Ok(view)
    }

    /// Looks what changed in the mailbox, for NOOP, CHECK, IDLE and between commands.
    /// C: `index_refresh()`
    ///
    /// # Errors
    /// `NotFound` when the mailbox was deleted or remade under the client; as locking it otherwise.
    pub fn refresh(&mut self, host: &mut dyn Host) -> Result<()> {
        self.locked(host, Mode::Shared, |_, _, _| Ok(()))?;
        if self.seen_dirty && !self.access.examining {
            self.locked(host, Mode::Exclusive, |_, _, _| Ok(()))?;
        }
        Ok(())
    }

    /// Runs `work` under the index lock with the rows brought up to date, writes the seen state it
    /// dirtied, commits, and tells the host.
    pub(super) fn locked<T>(
        &mut self,
        host: &mut dyn Host,
        mode: Mode,
        work: impl FnOnce(&mut Rows<'_>, &mut IndexGuard<'_>, &mut dyn Host) -> Result<T>,
    ) -> Result<T> {
        let user = self.mailbox.lock_user(mode)?;
        let mut guard = self.mailbox.lock_index(&user, mode)?;
        let uidvalidity = guard.header().uidvalidity;
        if self.known.uidvalidity != uidvalidity && self.known.uidvalidity != UidValidity(0) {
            return Err(Error::NotFound);
        }
        let mut rows = Rows {
            rows: &mut self.rows,
            keywords: &mut self.keywords,
            keywords_dirty: &mut self.keywords_dirty,
            known: &mut self.known,
            delayed_modseq: &mut self.delayed_modseq,
            unseen: &mut self.unseen,
            recent: &mut self.recent,
            first_unseen: &mut self.first_unseen,
            seen_dirty: &mut self.seen_dirty,
            seen_place: self.seen_place,
            access: self.access,
        };
        rows.refresh(&guard, host);
        let value = work(&mut rows, &mut guard, host)?;
        if mode == Mode::Exclusive {
            rows.write_seen(&mut guard, host)?;
            rows.refresh_header(&guard);
            let changed = guard.commit()?;
            drop(user);
            if changed.changed {
                host.mailbox_changed(self.mailbox.location(), &changed);
            }
        } else {
            guard.abort();
        }
        Ok(value)
    }
}

/// The parts of a [`View`] beside its mailbox, so that both can be borrowed at once.
pub(super) struct Rows<'v> {
    pub(super) rows: &'v mut Vec<Row>,
    keywords: &'v mut Vec<Option<Vec<u8>>>,
    keywords_dirty: &'v mut bool,
    known: &'v mut Known,
    delayed_modseq: &'v mut Option<ModSeq>,
    pub(super) unseen: &'v mut u32,
    pub(super) recent: &'v mut u32,
    first_unseen: &'v mut Option<MsgNo>,
    pub(super) seen_dirty: &'v mut bool,
    pub(super) seen_place: SeenPlace,
    pub(super) access: Access,
}

impl Rows<'_> {
    /// Notes the index header after changes of our own.
    fn refresh_header(&mut self, guard: &IndexGuard<'_>) {
        self.known.highestmodseq = guard.header().highestmodseq;
        self.take_keywords(guard);
    }

    fn take_keywords(&mut self, guard: &IndexGuard<'_>) {
        let names = &guard.mailbox_header().flags;
        if *names != *self.keywords {
            self.keywords.clone_from(names);
            *self.keywords_dirty = true;
        }
    }

    fn refresh(&mut self, guard: &IndexGuard<'_>, host: &mut dyn Host) {
        let header = guard.header();
        let now = Known {
            uidvalidity: header.uidvalidity,
            generation_no: header.generation_no,
            num_records: header.num_records,
            highestmodseq: header.highestmodseq,
            last_uid: header.last_uid,
        };
        self.take_keywords(guard);
        if now == *self.known {
            return;
        }
        if self.rows.is_empty() {
            guard.bring_in();
        }
        let shared = header.options.has(MailboxOptions::SHARED_SEEN);
        let (seen, recent_uid) = match self.seen_place {
            SeenPlace::Index => (None, header.recentuid),
            SeenPlace::Database => match host.read_seen(&guard.mailbox_header().uniqueid, shared) {
                Ok(data) => (Some(data.seenuids), data.lastuid),
                // As C: without a readable seen state nothing is seen and nothing recent.
                Err(_) => (Some(SeqSet::new()), header.last_uid),
            },
        };
        let mut merge = Merge {
            old: std::mem::take(self.rows).into_iter().peekable(),
            new: Vec::new(),
            gone_modseq: ModSeq(self.known.highestmodseq.0 + 1),
            delayed: None,
            shows_expunged: self.access.sees_expunged,
        };
        merge.new.reserve(
            usize::try_from(header.exists).unwrap_or(0).min(usize::try_from(header.num_records).unwrap_or(0)),
        );
        for recno in (1..=header.num_records).map(RecNo) {
            let Some(record) = guard.view(recno) else { break };
            if !record.crc_ok() {
                log::error!(
                    target: "syslog",
                    "IOERROR: index record CRC mismatch: mailbox=<{}> recno=<{recno}> - run reconstruct",
                    String::from_utf8_lossy(&guard.mailbox_header().name)
                );
                continue;
            }
            let is_seen = match &seen {
                None => record.system_flags().has(SystemFlags::SEEN),
                Some(set) => set.contains(record.uid().0),
            };
            if merge.add(&record, is_seen, record.uid() > recent_uid) {
                *self.seen_dirty = true;
            }
        }
        merge.lose_the_rest();
        *self.delayed_modseq = merge.delayed;
        *self.rows = merge.new;
        *self.known = now;
        self.count();
    }

    fn count(&mut self) {
        (*self.unseen, *self.recent, *self.first_unseen) = (0, 0, None);
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.is_expunged()) {
            if !row.seen {
                *self.unseen += 1;
                self.first_unseen.get_or_insert(MsgNo(count(at + 1)));
            }
            *self.recent += u32::from(row.recent);
        }
    }

    /// Writes \Seen and the \Recent mark where this user's are kept. C: `index_writeseen()`
    fn write_seen(&mut self, guard: &mut IndexGuard<'_>, host: &mut dyn Host) -> Result<()> {
        if !*self.seen_dirty || self.access.examining {
            return Ok(());
        }
        *self.seen_dirty = false;
        let last_uid = self.known.last_uid;
        if self.seen_place == SeenPlace::Index {
            let now = guard.now();
            return guard.change_index_header(|header| {
                header.recenttime = now;
                header.recentuid = header.recentuid.max(last_uid);
            });
        }
        let (last_change, shared) = {
            let header = guard.header();
            (header.last_appenddate, header.options.has(MailboxOptions::SHARED_SEEN))
        };
        let uniqueid = guard.mailbox_header().uniqueid.clone();
        let mut seen = MergingSet::default();
        for row in &*self.rows {
            seen.add(row.uid.0, row.seen);
        }
        let mut seen = Some(seen);
        host.write_seen(&uniqueid, shared, &mut |data| {
            let Some(mut set) = seen.take() else { return };
            // UIDs this session does not know of yet keep the state another session gave them.
            if let Some(last) = data.seenuids.last().filter(|&last| last > last_uid.0) {
                for uid in last_uid.0 + 1..=last {
                    set.add(uid, data.seenuids.contains(uid));
                }
            }
            let before = (data.lastuid, std::mem::take(&mut data.seenuids));
            data.lastuid = data.lastuid.max(last_uid);
            data.seenuids = set.finish();
            if before != (data.lastuid, data.seenuids.clone()) {
                data.lastread = UnixTime::now().0;
                data.lastchange = last_change.0;
            }
        })
    }
}

/// Merges the records of the index, in UID order, into the old rows.
struct Merge {
    old: std::iter::Peekable<std::vec::IntoIter<Row>>,
    new: Vec<Row>,
    /// The lowest modseq at which a record that a repack removed can have gone.
    gone_modseq: ModSeq,
    delayed: Option<ModSeq>,
    shows_expunged: bool,
}

impl Merge {
    /// Takes one record; true when a message became \Recent for this session.
    fn add(&mut self, record: &RecordView<'_>, seen: bool, above_recent_mark: bool) -> bool {
        while self.old.peek().is_some_and(|row| row.uid < record.uid()) {
            self.lose_one();
        }
        let internal_flags = record.internal_flags();
        let expunged = internal_flags.has(InternalFlags::EXPUNGED);
        let old = self.old.next_if(|row| row.uid == record.uid());
        let is_shown_expunged =
            expunged && self.shows_expunged && !internal_flags.has(InternalFlags::UNLINKED);
        // An expunged record that was never shown gets no number.
        if old.is_none() && expunged && !is_shown_expunged {
            return false;
        }
        let modseq = record.modseq();
        let recent = old.map_or(above_recent_mark && !expunged, |row| row.recent);
        self.new.push(Row {
            uid: record.uid(),
            recno: record.recno(),
            modseq,
            // New messages are announced by EXISTS, their flags are not told unasked.
            told_modseq: old.map_or(modseq, |row| row.told_modseq),
            system_flags: record.system_flags(),
            internal_flags,
            user_flags: record.user_flags(),
            seen,
            recent,
            is_shown_expunged,
        });
        if expunged && !is_shown_expunged {
            self.delay(modseq);
        }
        old.is_none() && recent
    }

    fn lose_the_rest(&mut self) {
        while self.old.peek().is_some() {
            self.lose_one();
        }
    }

    /// A row whose record a repack removed: it stays, expunged, until that is told.
    fn lose_one(&mut self) {
        let Some(mut row) = self.old.next() else { return };
        if !row.is_expunged() {
            row.modseq = self.gone_modseq;
        }
        row.recno = RecNo(0);
        row.internal_flags = row.internal_flags.with(InternalFlags::EXPUNGED).with(InternalFlags::UNLINKED);
        self.delay(row.modseq);
        self.new.push(row);
    }

    /// RFC 5162 erratum 1809: while an expunge is untold, HIGHESTMODSEQ stays below it.
    fn delay(&mut self, modseq: ModSeq) {
        let below = ModSeq(modseq.0.saturating_sub(1));
        self.delayed = Some(self.delayed.map_or(below, |d| d.min(below)));
    }
}

impl Rows<'_> {
    /// An expunge of our own is untold: HIGHESTMODSEQ stays below it.
    pub(super) fn hold_back(&mut self, modseq: ModSeq) {
        let below = ModSeq(modseq.0.saturating_sub(1));
        *self.delayed_modseq = Some(self.delayed_modseq.map_or(below, |d| d.min(below)));
    }
}
