//! The messages as they were at login, and what QUIT does to them (RFC 1939 3, 6).
//!
//! The list is taken under the mailbox's locks; then all of them are let go. A message that an IMAP client
//! expunges meanwhile stays on the list and can no longer be fetched; QUIT looks each message up by its UID
//! in the same mailbox: its unique id and its UIDVALIDITY tell it from one made anew under the old name.

use crate::process::Pop3d;
use libcyrus::auth::{AuthState, Denied, Granted, Op, Target, authorize};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::local::IdleMessage;
use libcyrus::store::Error;
use libcyrus::store::event::{EventKind, Order};
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::index::{InternalFlags, MailboxOptions, SystemFlags};
use libcyrus::store::mailbox::{Changed, Cleanup, Location, Mailbox, Touch};
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::sys::map::Map;
use libcyrus::sys::time;
use libcyrus::util::ids::{Uid, UidValidity, UnixTime};
use libcyrus::util::mboxname::MboxName;
use std::fs::File;
use std::io;

/// One message of the list.
#[derive(Clone, Debug)]
pub struct Message {
    /// UID.
    pub uid: Uid,
    /// Octets.
    pub size: u32,
    /// DELE was said.
    pub is_deleted: bool,
    /// RETR was said.
    pub is_seen: bool,
    is_archived: bool,
}

/// The mailbox as the client sees it.
#[derive(Debug)]
pub struct Maildrop {
    /// Internal name.
    pub name: MboxName,
    /// Message 1 first.
    pub messages: Vec<Message>,
    /// UIDs are shown with UIDVALIDITY (option bit of the mailbox).
    pub has_new_uidl: bool,
    /// UIDVALIDITY.
    pub uidvalidity: UidValidity,
    /// Right `t`, or `popuseacl` is off.
    pub may_delete: bool,
    uniqueid: Option<Vec<u8>>,
    location: Location,
    login_time: UnixTime,
}

/// Why a maildrop cannot be had.
#[derive(Debug)]
pub enum Refusal {
    /// `popminpoll`: the last login was less than so many seconds ago.
    TooEarly(i64),
    /// Opening failed.
    Unopened(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Unopened(error)
    }
}

/// The gate of a maildrop: the owner's own business, or the ACL's with `popuseacl`.
///
/// # Errors
/// What a closed gate means here.
pub fn authorize_maildrop(
    pop3d: &Pop3d,
    auth: &AuthState,
    op: Op,
    entry: &MbEntry,
) -> Result<Granted, Error> {
    let uses_acl = pop3d.config.switch(Opt::Popuseacl);
    let op = if uses_acl { op } else { Op::PickUp };
    let owner = entry.name.owner(pop3d.catalog.rules());
    authorize(auth, op, &Target { acl: &entry.acl(), owner: owner.as_deref() }).map_err(|denied| match denied
    {
        Denied::Hidden => Error::NotFound,
        Denied::Permission => Error::PermissionDenied,
    })
}

impl Maildrop {
    /// Takes the list of the messages of a maildrop that the user may read; `None` for an empty one. C: openinbox()
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn open(pop3d: &Pop3d, auth: &AuthState, entry: &MbEntry) -> Result<Option<Self>, Refusal> {
        let config = &pop3d.config;
        let login_time = UnixTime(time::now());
        if pop3d.catalog.cached_status(&entry.name).is_some_and(|known| known.messages == 0) {
            log_empty(auth);
            return Ok(None);
        }
        let owner = entry.name.owner(pop3d.catalog.rules());
        let lock = pop3d.store.lock_owner(owner.as_deref(), Mode::Shared)?;
        let entry = pop3d.catalog.lookup(&entry.name)?;
        let _: Granted = authorize_maildrop(pop3d, auth, Op::Read, &entry)?;
        let may_delete = authorize_maildrop(pop3d, auth, Op::DeleteMessage, &entry).is_ok();
        let mut mailbox = Mailbox::open_entry(&pop3d.store, &lock, &entry, Mode::Shared, Wait::Block)?;
        let location = mailbox.location().clone();
        let guard = mailbox.lock_index(&lock, Mode::Shared)?;
        let header = guard.header();
        if config.switch(Opt::Statuscache) && header.exists == 0 {
            log_empty(auth);
            return Ok(None);
        }
        let minpoll_s = config.duration_s(Opt::Popminpoll);
        if minpoll_s != 0 && header.pop3_last_login.0.saturating_add(minpoll_s) > login_time.0 {
            return Err(Refusal::TooEarly(minpoll_s));
        }
        let uses_flags = config.switch(Opt::Popuseimapflags);
        let show_after = header.pop3_show_after;
        let mut messages = Vec::new();
        for record in guard.records() {
            let record = record?;
            let is_hidden = !record.is_live()
                || (uses_flags && record.system_flags.has(SystemFlags::DELETED))
                || (show_after.0 != 0 && record.internaldate <= show_after);
            if !is_hidden {
                messages.push(Message {
                    uid: record.uid,
                    size: record.size,
                    is_deleted: false,
                    is_seen: false,
                    is_archived: record.internal_flags.has(InternalFlags::ARCHIVED),
                });
            }
        }
        let has_new_uidl = header.options.has(MailboxOptions::POP3_NEW_UIDL);
        let uidvalidity = header.uidvalidity;
        guard.abort();
        Ok(Some(Self {
            name: entry.name,
            messages,
            has_new_uidl,
            uidvalidity,
            may_delete,
            uniqueid: entry.uniqueid,
            location,
            login_time,
        }))
    }

    /// A message that is there and was not marked by DELE.
    #[must_use]
    pub fn message(&self, number: u32) -> Option<&Message> {
        self.messages.get(index(number)?).filter(|message| !message.is_deleted)
    }

    /// As [`Maildrop::message`], to be marked.
    pub fn message_mut(&mut self, number: u32) -> Option<&mut Message> {
        self.messages.get_mut(index(number)?).filter(|message| !message.is_deleted)
    }

    /// What DELE left, numbered.
    pub fn listed(&self) -> impl Iterator<Item = (usize, &Message)> {
        let numbered = self.messages.iter().enumerate().map(|(at, message)| (at + 1, message));
        numbered.filter(|(_, message)| !message.is_deleted)
    }

    /// The octets of a message. It may have been archived, or taken back, since the login.
    ///
    /// # Errors
    /// `NotFound` when it was expunged and unlinked meanwhile; `InvalidData` when the file is not the one that was
    /// listed: a mailbox made anew under the old name gives its messages the same names.
    pub fn read(&self, message: &Message) -> io::Result<Map> {
        let (spool, archive) =
            (self.location.spool_file(message.uid), self.location.archive_file(message.uid));
        let (first, second) = if message.is_archived { (archive, spool) } else { (spool, archive) };
        let file = match File::open(&first) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && first != second => File::open(&second)?,
            file => file?,
        };
        let map = Map::whole(&file)?;
        if map.len() != usize::try_from(message.size).unwrap_or(usize::MAX) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(map)
    }

    /// The UIDL of a message (option `uidl_format`).
    #[must_use]
    pub fn uidl(&self, message: &Message, format: &str) -> String {
        let (uid, validity) = (message.uid.0, self.uidvalidity.0);
        match format {
            _ if !self.has_new_uidl => uid.to_string(),
            "uidonly" => uid.to_string(),
            "dovecot" => format!("{uid:08x}{validity:08x}"),
            "courier" => format!("{validity}-{uid}"),
            _ => format!("{validity}.{uid}"),
        }
    }

    /// QUIT: expunges what DELE marked, sets \Seen on what RETR fetched (`popuseimapflags`), notes the
    /// login. What is left to clean up comes back.
    ///
    /// # Errors
    /// Nothing was removed then.
    pub fn update(self, pop3d: &Pop3d, auth: &AuthState) -> Result<Option<Location>, Error> {
        let owner = self.name.owner(pop3d.catalog.rules());
        let lock = pop3d.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        let entry = pop3d.catalog.lookup(&self.name)?;
        if entry.uniqueid != self.uniqueid {
            return Err(Error::NotFound);
        }
        let may_delete = authorize_maildrop(pop3d, auth, Op::DeleteMessage, &entry).is_ok();
        let sets_seen = pop3d.config.switch(Opt::Popuseimapflags)
            && authorize_maildrop(pop3d, auth, Op::SetSeen, &entry).is_ok();
        let mut mailbox = Mailbox::open_entry(&pop3d.store, &lock, &entry, Mode::Shared, Wait::Block)?;
        let mut guard = mailbox.lock_index(&lock, Mode::Exclusive)?;
        if guard.header().uidvalidity != self.uidvalidity {
            return Err(Error::NotFound);
        }
        let last_login = self.next_last_login(pop3d, guard.header().pop3_last_login);
        guard.change_index_header(|header| header.pop3_last_login = last_login)?;
        let mut event = guard.event(EventKind::MessageExpunge);
        let mut expunged = 0_u32;
        for message in &self.messages {
            let removes = message.is_deleted && may_delete;
            let gets_seen = message.is_seen && sets_seen;
            if !removes && !gets_seen {
                continue;
            }
            let Some(mut record) = guard.find(message.uid)?.filter(|record| record.is_live()) else {
                continue;
            };
            let before = (record.system_flags, record.internal_flags);
            if removes {
                record.system_flags = record.system_flags.with(SystemFlags::DELETED);
                record.internal_flags = record.internal_flags.with(InternalFlags::EXPUNGED);
                expunged += 1;
            }
            if gets_seen && !removes {
                record.system_flags = record.system_flags.with(SystemFlags::SEEN);
            }
            if before != (record.system_flags, record.internal_flags) {
                guard.rewrite(&mut record, Touch::Modseq)?;
                if let (Some(event), true) = (&mut event, removes) {
                    event.add_record(guard.mailbox_mut(), &record);
                }
            }
        }
        if let Some(mut event) = event.filter(|_| expunged > 0) {
            event.set_user(auth.userid());
            event.set_unseen(guard.header().unseen);
            guard.tell(Order::AfterModseq, event);
        }
        let changed = guard.commit()?;
        if expunged > 0 {
            let name = log::printable(self.name.as_bytes(), 490);
            log::write(Priority::Notice, format_args!("Expunged {expunged} messages from {name}"));
        }
        let cleanup = mailbox.close()?;
        drop(lock);
        tell(pop3d, &self.name, &changed);
        Ok(match cleanup {
            Cleanup::Wanted(location) => Some(*location),
            Cleanup::None => None,
        })
    }

    /// With `poppollpadding` more than one login may come within `popminpoll`.
    fn next_last_login(&self, pop3d: &Pop3d, last: UnixTime) -> UnixTime {
        let padding = pop3d.config.int(Opt::Poppollpadding);
        let minpoll_s = pop3d.config.duration_s(Opt::Popminpoll);
        if minpoll_s <= 0 || padding <= 1 {
            return self.login_time;
        }
        let least = self.login_time.0.saturating_sub(minpoll_s.saturating_mul(padding));
        UnixTime(last.0.max(least).saturating_add(minpoll_s))
    }
}

fn log_empty(auth: &AuthState) {
    let userid = log::printable(auth.userid(), 256);
    log::write(Priority::Info, format_args!("optimized mode for empty maildrop: {userid}"));
}

/// A message's place in the list.
fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

/// Sync log, status cache and idlers hear of a change.
fn tell(pop3d: &Pop3d, name: &MboxName, changed: &Changed) {
    if !changed.changed {
        return;
    }
    pop3d.catalog.forget_status(name);
    pop3d.catalog.sync_log(&[b"MAILBOX", name.as_bytes()]);
    if let Some(idle) = &pop3d.idle {
        idle.send(IdleMessage::Notify, name.as_bytes());
    }
}
