//! A selected mailbox as one client knows it: message numbers, what was told, what is \Recent.
//!
//! Between commands the view holds the open [`Mailbox`] and no lock: the mailbox rests. Each operation takes the owner's namespace lock and the index lock, copies what changed,
//! and lets both go before anything is said. C: `struct index_state`.
//!
//! | file | what |
//! |---|---|
//! | `refresh` | the index against the rows |
//! | `change` | STORE, \Seen by FETCH, EXPUNGE |
//! | `resync` | what went since a client was last here |
//! | `tell` | what the client must be told |

mod change;
mod refresh;
mod resync;
mod tell;

pub use change::{FlagChange, FlagMode, StoreOutcome};
pub use resync::Resync;
pub use tell::Update;

use cyrus_store::Result;
use cyrus_store::mailbox::{Changed, InternalFlags, Location, Mailbox, Record, SystemFlags, UserFlags};
use cyrus_store::seen::SeenData;
use cyrus_util::ids::{ModSeq, MsgNo, RecNo, Uid, UidValidity};
use cyrus_util::seqset::SeqSet;

/// What the view needs of the process around it.
pub trait Host {
    /// The seen state that `userid`'s seen.db has of the mailbox with this uniqueid
    /// (C: `seen_read()`); `shared` asks for the state that all users share.
    ///
    /// # Errors
    /// When the database cannot be read; the view then calls nothing recent.
    fn read_seen(&mut self, uniqueid: &[u8], shared: bool) -> Result<SeenData>;

    /// Changes that state under the database's lock (C: `seen_lockread()`, `seen_write()`); what
    /// `change` leaves as it was is not written.
    ///
    /// # Errors
    /// When the database cannot be written.
    fn write_seen(
        &mut self,
        uniqueid: &[u8],
        shared: bool,
        change: &mut dyn FnMut(&mut SeenData),
    ) -> Result<()>;

    /// Who changes it, for event notifications.
    fn userid(&self) -> &[u8];

    /// A commit changed the mailbox: sync log, status cache and idlers are to hear of it.
    fn mailbox_changed(&mut self, location: &Location, changed: &Changed);
}

/// What the user may do to the messages, from her rights and from how the mailbox was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "one right of RFC 4314 each, all combinations occur")]
pub struct Access {
    /// EXAMINE: nothing is changed, not even \Recent.
    pub examining: bool,
    /// Right `s`.
    pub set_seen: bool,
    /// Right `w`.
    pub write: bool,
    /// Right `t`.
    pub delete_messages: bool,
    /// Right `e`.
    pub expunge: bool,
    /// Expunged messages that are still on disk are shown too, and EXPUNGE is never told
    /// (`VENDOR.CMU-INCLUDE-EXPUNGED`).
    pub sees_expunged: bool,
}

/// Where \Seen and \Recent of this user are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeenPlace {
    /// In the index: the owner's, or everybody's with SHAREDSEEN.
    Index,
    /// In a seen.db.
    Database,
}

/// One message as the client numbers it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its UID.
    pub uid: Uid,
    /// Where its record is; 0 once a repack removed it.
    pub recno: RecNo,
    /// MODSEQ now.
    pub modseq: ModSeq,
    /// MODSEQ at the last time its flags were told.
    told_modseq: ModSeq,
    /// System flags; \Seen is in `seen`.
    pub system_flags: SystemFlags,
    /// Cyrus's own flags.
    pub internal_flags: InternalFlags,
    /// Keyword slots.
    pub user_flags: UserFlags,
    /// \Seen for this user.
    pub seen: bool,
    /// \Recent for this session.
    pub recent: bool,
    /// Expunged, and shown all the same, with the flag \Expunged.
    pub is_shown_expunged: bool,
}

impl Row {
    /// Expunged, though its EXPUNGE may not have been told yet.
    #[must_use]
    pub fn is_expunged(&self) -> bool {
        self.internal_flags.has(InternalFlags::EXPUNGED)
    }

    /// Whether it is there for FETCH and COPY: not expunged, or shown as such.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !self.is_expunged() || self.is_shown_expunged
    }
}

/// A sequence set's two meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Message sequence numbers.
    MsgNo,
    /// Unique identifiers.
    Uid,
}

/// A selected mailbox. See the module.
#[derive(Debug)]
pub struct View {
    mailbox: Mailbox,
    access: Access,
    seen_place: SeenPlace,
    /// In UID order; `rows[n - 1]` is message n.
    rows: Vec<Row>,
    keywords: Vec<Option<Vec<u8>>>,
    keywords_dirty: bool,
    exists_told: usize,
    known: Known,
    told_highestmodseq: ModSeq,
    /// Lowest modseq that is still untold because of an untold expunge, less one.
    delayed_modseq: Option<ModSeq>,
    unseen: u32,
    recent: u32,
    first_unseen: Option<MsgNo>,
    seen_dirty: bool,
}

/// The index as of the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    uidvalidity: UidValidity,
    generation_no: u32,
    num_records: u32,
    highestmodseq: ModSeq,
    last_uid: Uid,
}

impl View {
    /// The open mailbox.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The open mailbox, to read messages and cache records.
    pub fn mailbox_mut(&mut self) -> &mut Mailbox {
        &mut self.mailbox
    }

    /// What the user may do here.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// How many messages the client may name: told or about to be, expunged but untold ones too.
    #[must_use]
    pub fn exists(&self) -> u32 {
        count(self.rows.len())
    }

    /// How many of them are \Recent.
    #[must_use]
    pub fn recent(&self) -> u32 {
        self.recent
    }

    /// How many of them are not \Seen.
    #[must_use]
    pub fn unseen(&self) -> u32 {
        self.unseen
    }

    /// The first message without \Seen.
    #[must_use]
    pub fn first_unseen(&self) -> Option<MsgNo> {
        self.first_unseen
    }

    /// UIDVALIDITY.
    #[must_use]
    pub fn uidvalidity(&self) -> UidValidity {
        self.known.uidvalidity
    }

    /// Highest UID ever given; UIDNEXT - 1.
    #[must_use]
    pub fn last_uid(&self) -> Uid {
        self.known.last_uid
    }

    /// The HIGHESTMODSEQ that may be told: one less than an expunge still untold
    /// (C: `index_highestmodseq()`).
    #[must_use]
    pub fn highestmodseq(&self) -> ModSeq {
        self.delayed_modseq.unwrap_or(self.known.highestmodseq)
    }

    /// Keyword names by slot as told to the client.
    #[must_use]
    pub fn keywords(&self) -> &[Option<Vec<u8>>] {
        &self.keywords
    }

    /// The row of a message number.
    #[must_use]
    pub fn row(&self, msgno: MsgNo) -> Option<&Row> {
        self.rows.get(position(msgno)?)
    }

    /// All rows with their numbers.
    pub fn rows(&self) -> impl Iterator<Item = (MsgNo, &Row)> {
        (1..).map(MsgNo).zip(&self.rows)
    }

    /// The number of the message with this UID.
    #[must_use]
    pub fn find_uid(&self, uid: Uid) -> Option<MsgNo> {
        let at = self.rows.binary_search_by_key(&uid, |row| row.uid).ok()?;
        Some(MsgNo(count(at + 1)))
    }

    /// Resolves the ranges of a client's sequence set; `None` is `*`: the last message's number or
    /// UID (RFC 3501 9 seq-range), in an empty mailbox UIDNEXT.
    #[must_use]
    pub fn resolve(&self, ranges: &[(Option<u32>, Option<u32>)], by: By) -> SeqSet {
        let star = match by {
            By::MsgNo => self.exists(),
            By::Uid => match self.rows.last() {
                Some(row) => row.uid.0,
                None => self.known.last_uid.0.saturating_add(1),
            },
        };
        let mut set = SeqSet::new();
        for (from, to) in ranges {
            let (from, to) = (from.unwrap_or(star), to.unwrap_or(star));
            let (low, high) = (from.min(to).max(1), from.max(to));
            if low <= high {
                set.insert_range(low, high);
            }
        }
        set
    }

    /// The message numbers that a resolved set names, ascending.
    pub fn select<'v>(&'v self, set: &'v SeqSet, by: By) -> impl Iterator<Item = MsgNo> + 'v {
        let bound = match by {
            By::MsgNo => |_: &Self, number: u32| position(MsgNo(number)).unwrap_or(0),
            By::Uid => |view: &Self, number: u32| view.rows.partition_point(|row| row.uid.0 < number),
        };
        set.ranges().iter().flat_map(move |&(low, high)| {
            let end = match high.checked_add(1) {
                Some(next) => bound(self, next).min(self.rows.len()),
                None => self.rows.len(),
            };
            (bound(self, low)..end).map(|at| MsgNo(count(at + 1)))
        })
    }

    /// The records of some messages, read under one shared index lock, in the order of `msgnos`;
    /// messages whose record is gone are left out.
    ///
    /// # Errors
    /// As locking the mailbox; `Corrupt` for a record that fails its CRC.
    pub fn records(&mut self, msgnos: &[MsgNo]) -> Result<Vec<(MsgNo, Record)>> {
        let user = self.mailbox.lock_user(cyrus_store::lock::Mode::Shared)?;
        let guard = self.mailbox.lock_index(&user, cyrus_store::lock::Mode::Shared)?;
        let mut records = Vec::with_capacity(msgnos.len());
        for &msgno in msgnos {
            let Some(row) = position(msgno).and_then(|at| self.rows.get(at)) else { continue };
            if row.recno.0 == 0 || guard.header().generation_no != self.known.generation_no {
                if let Some(record) = guard.find(row.uid)? {
                    records.push((msgno, record));
                }
                continue;
            }
            let record = guard.record(row.recno)?;
            if record.uid == row.uid {
                records.push((msgno, record));
            }
        }
        guard.abort();
        Ok(records)
    }

    /// Lets all locks go until the next look. C: `index_release()`
    pub fn rest(&mut self) {
        self.mailbox.rest();
    }

    /// The mailbox was deleted or renamed under the client: there are no messages any more. Gives
    /// how many expunges must be told. C: `index_check()`
    pub fn vanish(&mut self) -> u32 {
        let told = count(self.exists_told);
        self.rows.clear();
        self.exists_told = 0;
        self.recent = 0;
        self.unseen = 0;
        self.delayed_modseq = None;
        told
    }

    /// Gives the mailbox back, to be closed.
    #[must_use]
    pub fn into_mailbox(self) -> Mailbox {
        self.mailbox
    }
}

/// Index of a message number in the rows.
fn position(msgno: MsgNo) -> Option<usize> {
    usize::try_from(msgno.0.checked_sub(1)?).ok()
}

/// A number of messages as IMAP counts them.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
