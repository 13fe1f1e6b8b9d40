//! What the client must be told of a selected mailbox (RFC 3501 7.3, 7.4).

use super::{View, count};
use cyrus_util::ids::{ModSeq, MsgNo};

/// One thing to tell, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The message with this number is gone; those behind it move up.
    Expunge(MsgNo, cyrus_util::ids::Uid),
    /// How many messages there are, and how many of them are \Recent.
    Exists {
        /// Messages.
        exists: u32,
        /// Messages with \Recent.
        recent: u32,
    },
    /// The keyword names changed: FLAGS and PERMANENTFLAGS.
    Keywords,
    /// The flags of a message changed.
    Flags(MsgNo),
}

impl View {
    /// What changed since the client was last told, and marks it told; the caller writes all of it.
    /// Expunges only when the command allows them. C: `index_tellchanges()`
    pub fn changes(&mut self, with_expunges: bool) -> Vec<Update> {
        let mut updates = Vec::new();
        // Expunges first: EXISTS would otherwise count messages that the client never saw.
        if with_expunges && self.delayed_modseq.is_some() && !self.access.sees_expunged {
            self.tell_expunges(&mut updates);
        }
        if self.exists_told != self.rows.len() {
            updates.push(self.tell_exists());
        }
        if std::mem::take(&mut self.keywords_dirty) {
            updates.push(Update::Keywords);
        }
        if self.told_highestmodseq != self.known.highestmodseq {
            self.told_highestmodseq = self.known.highestmodseq;
            let changed = self.rows.iter().enumerate().filter(|(_, row)| row.modseq > row.told_modseq);
            updates.extend(changed.map(|(at, _)| Update::Flags(MsgNo(count(at + 1)))));
        }
        updates
    }

    /// The first EXISTS and keyword list of a SELECT, told whatever they are.
    pub fn tell_exists(&mut self) -> Update {
        self.exists_told = self.rows.len();
        Update::Exists { exists: self.exists(), recent: self.recent }
    }

    /// Whether messages came of which the client does not know: they must be announced before a
    /// FETCH speaks of them.
    #[must_use]
    pub fn has_untold_messages(&self) -> bool {
        self.exists_told != self.rows.len()
    }

    /// Keyword names that must be told before flags that use them; once.
    pub fn take_keyword_change(&mut self) -> bool {
        std::mem::take(&mut self.keywords_dirty)
    }

    /// The flags of this message are being told now.
    pub fn flags_told(&mut self, msgno: MsgNo) {
        if let Some(row) = super::position(msgno).and_then(|at| self.rows.get_mut(at)) {
            row.told_modseq = row.modseq;
        }
    }

    /// Whether the flags of this message changed since they were told (a FETCH of other items
    /// that set \Seen must include them, RFC 3501 6.4.5).
    #[must_use]
    pub fn has_untold_flags(&self, msgno: MsgNo) -> bool {
        self.row(msgno).is_some_and(|row| row.told_modseq != ModSeq(0) && row.modseq > row.told_modseq)
    }

    /// Messages beside `named` (ascending) whose flags changed since they were told: a FETCH tells
    /// of them in its own order (C: `index_fetchresponses()`).
    #[must_use]
    pub fn untold_beside(&self, named: &[MsgNo]) -> Vec<MsgNo> {
        if self.told_highestmodseq == self.known.highestmodseq {
            return Vec::new();
        }
        let untold = |msgno: &MsgNo| self.has_untold_flags(*msgno) && named.binary_search(msgno).is_err();
        (1..=self.exists()).map(MsgNo).filter(untold).collect()
    }

    fn tell_expunges(&mut self, updates: &mut Vec<Update>) {
        let mut told = self.exists_told;
        let mut kept = 0_usize;
        self.rows.retain(|row| {
            if !row.is_expunged() {
                kept += 1;
                return true;
            }
            // A message the client never heard of goes silently.
            if kept < told {
                told -= 1;
                updates.push(Update::Expunge(MsgNo(count(kept + 1)), row.uid));
            }
            false
        });
        self.exists_told = told;
        self.delayed_modseq = None;
    }
}
