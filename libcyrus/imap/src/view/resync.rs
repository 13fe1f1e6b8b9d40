//! What went since a client was last here (QRESYNC, RFC 7162 3.2).

use super::View;
use cyrus_store::Result;
use cyrus_store::lock::Mode;
use cyrus_util::ids::{ModSeq, UidValidity};
use cyrus_util::seqset::SeqSet;

/// What a client knows of a mailbox.
#[derive(Clone, Debug)]
pub struct Resync {
    /// UIDVALIDITY.
    pub uidvalidity: UidValidity,
    /// MODSEQ up to which it knows all.
    pub modseq: ModSeq,
    /// The UIDs it asks of; all when `None`.
    pub uids: Option<SeqSet>,
    /// Message numbers and the UIDs they had.
    pub known: Option<(SeqSet, SeqSet)>,
}

impl View {
    /// The UIDs that went since; `None` when there is nothing to tell of. When the records of what
    /// went are partly gone, every UID without a message counts, from the first on where the
    /// client's numbers do not fit any more. C: `index_vanished()`
    ///
    /// # Errors
    /// As locking the mailbox.
    pub fn vanished(&mut self, since: &Resync) -> Result<Option<SeqSet>> {
        if since.uidvalidity != self.known.uidvalidity || since.modseq >= self.known.highestmodseq {
            return Ok(None);
        }
        let is_asked = |uid: u32| since.uids.as_ref().is_none_or(|uids| uids.contains(uid));
        let user = self.mailbox.lock_user(Mode::Shared)?;
        let guard = self.mailbox.lock_index(&user, Mode::Shared)?;
        let mut gone = SeqSet::new();
        if since.modseq >= guard.header().deletedmodseq {
            for record in guard.records() {
                let record = record?;
                if !record.is_live() && record.modseq > since.modseq && is_asked(record.uid.0) {
                    gone.insert_range(record.uid.0, record.uid.0);
                }
            }
            guard.abort();
            return Ok(Some(gone));
        }
        let name = String::from_utf8_lossy(&guard.mailbox_header().name).into_owned();
        let (deleted, modseq) = (guard.header().deletedmodseq, since.modseq);
        cyrus_base::log::write(
            cyrus_base::log::Priority::Notice,
            format_args!("inefficient qresync ({deleted} > {modseq}) {name}"),
        );
        let mut previous = 0;
        if let Some((numbers, uids)) = &since.known {
            let each = |set: &SeqSet| set.ranges().to_vec().into_iter().flat_map(|(low, high)| low..=high);
            for (number, uid) in each(numbers).zip(each(uids)) {
                match self.rows.get(usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)) {
                    Some(row) if row.uid.0 == uid => previous = uid,
                    _ => break,
                }
            }
        }
        let last = guard.header().last_uid.0;
        let mut living = Vec::new();
        for record in guard.records() {
            let record = record?;
            if record.is_live() && record.uid.0 > previous {
                living.push(record.uid.0);
            }
        }
        guard.abort();
        let mut holes: Vec<(u32, u32)> = Vec::new();
        for uid in living.into_iter().chain([last.saturating_add(1)]) {
            let (low, high) = (previous.saturating_add(1), uid.saturating_sub(1));
            if low <= high {
                holes.push((low, high));
            }
            previous = uid;
        }
        for (low, high) in holes {
            match &since.uids {
                None => gone.insert_range(low, high),
                Some(asked) => {
                    for &(from, to) in asked.ranges() {
                        if from.max(low) <= to.min(high) {
                            gone.insert_range(from.max(low), to.min(high));
                        }
                    }
                }
            }
        }
        Ok(Some(gone))
    }
}
