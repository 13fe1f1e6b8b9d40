//! STATUS (RFC 3501 6.3.10, RFC 7162, RFC 8438, 8474), and the same for LIST's RETURN (STATUS).

use crate::command::StatusItem;
use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::Op;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{Mailbox, SystemFlags};
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::store::seen::SeenData;
use libcyrus::store::statuscache::{MailboxStatus, UserStatus};
use libcyrus::store::{Error, Result};
use libcyrus::util::imapstr::put_astring;

/// What is known of a mailbox.
#[derive(Clone, Debug, Default)]
pub(super) struct StatusData {
    uniqueid: Vec<u8>,
    mailbox: MailboxStatus,
    user: UserStatus,
}

/// STATUS.
pub fn status(session: &mut Session<'_>, mailbox: &[u8], items: &[StatusItem]) -> Flow {
    match try_status(session, mailbox, items) {
        Ok(data) => {
            let mut line = Vec::new();
            data.put_line(&mut line, mailbox, items);
            session.stream.write(&line);
            Answer::completed().into()
        }
        Err(answer) => answer.into(),
    }
}

fn try_status(
    session: &mut Session<'_>,
    mailbox: &[u8],
    items: &[StatusItem],
) -> std::result::Result<StatusData, Answer> {
    let name = session.internal_name(mailbox);
    let found = session.find(&name)?;
    let _granted = session.authorize(Op::Read, &found)?;
    let mut data = if session.selected.as_ref().is_some_and(|selected| selected.name == name) {
        super::noop::check(session);
        look_up(session, &found.entry, &ALL)?
    } else {
        return Ok(look_up(session, &found.entry, items)?);
    };
    if let Some(selected) = &session.selected {
        // What is recent to this session is so until it leaves the mailbox.
        data.user.recent = selected.view.recent();
        data.user.unseen = selected.view.unseen();
    }
    Ok(data)
}

const ALL: [StatusItem; 2] = [StatusItem::Messages, StatusItem::Unseen];

/// Gathers what `items` need, from the entry, the cache or the mailbox itself.
/// C: status_lookup_mbentry()
pub(super) fn look_up(session: &Session<'_>, entry: &MbEntry, items: &[StatusItem]) -> Result<StatusData> {
    let mut data = StatusData {
        uniqueid: entry.uniqueid.clone().unwrap_or_default(),
        mailbox: MailboxStatus { uidvalidity: entry.uidvalidity.0, ..MailboxStatus::default() },
        user: UserStatus::default(),
    };
    if items.iter().all(|item| matches!(item, StatusItem::UidValidity | StatusItem::MailboxId)) {
        return Ok(data);
    }
    let wants_seen = items.iter().any(|item| matches!(item, StatusItem::Recent | StatusItem::Unseen));
    let Some(user) = &session.user else { return Err(Error::PermissionDenied) };
    let userid = user.auth.userid();
    let catalog = &session.imapd.catalog;
    if let Some(cached) = catalog.cached_status(&entry.name) {
        let seen = match wants_seen {
            true => catalog.cached_user_status(&entry.name, userid, cached.highestmodseq),
            false => Some(UserStatus::default()),
        };
        if let Some(seen) = seen {
            data.mailbox = cached;
            data.user = seen;
            return Ok(data);
        }
    }
    load(session, entry, userid, wants_seen, &mut data)?;
    let seen = wants_seen.then_some((userid, data.user));
    catalog.remember_status(&entry.name, &data.mailbox, seen);
    Ok(data)
}

fn load(
    session: &Session<'_>,
    entry: &MbEntry,
    userid: &[u8],
    wants_seen: bool,
    data: &mut StatusData,
) -> Result<()> {
    let (catalog, store) = (&session.imapd.catalog, &session.imapd.store);
    let owner = entry.name.owner(catalog.rules());
    let lock = store.lock_owner(owner.as_deref(), Mode::Shared)?;
    let location = catalog.location(entry)?;
    let mut mailbox = Mailbox::open(store, &lock, location, Mode::Shared, Wait::Block)?;
    let index = mailbox.lock_index(&lock, Mode::Shared)?;
    let header = index.header();
    data.mailbox = MailboxStatus {
        messages: header.exists,
        uidnext: header.last_uid.0.saturating_add(1),
        uidvalidity: header.uidvalidity.0,
        mboptions: header.options.0,
        size: header.quota_mailbox_used,
        createdmodseq: header.createdmodseq.0,
        highestmodseq: header.highestmodseq.0,
    };
    data.user = UserStatus { highestmodseq: header.highestmodseq.0, ..UserStatus::default() };
    if !wants_seen || header.exists == 0 {
        return Ok(());
    }
    let is_internal = index.mailbox().seen_is_internal(userid);
    let seen = match is_internal {
        true => SeenData { lastuid: header.recentuid, ..SeenData::default() },
        false => catalog.read_seen(userid, &index.mailbox_header().uniqueid)?,
    };
    for record in index.records() {
        let record = record?;
        if !record.is_live() {
            continue;
        }
        if record.uid > seen.lastuid {
            data.user.recent = data.user.recent.saturating_add(1);
        }
        let is_seen = match is_internal {
            true => record.system_flags.has(SystemFlags::SEEN),
            false => seen.seenuids.contains(record.uid.0),
        };
        if !is_seen {
            data.user.unseen = data.user.unseen.saturating_add(1);
        }
    }
    Ok(())
}

impl StatusData {
    /// `* STATUS name (ITEM value ...)`, items in C's order.
    pub(super) fn put_line(&self, out: &mut Vec<u8>, mailbox: &[u8], items: &[StatusItem]) {
        out.extend_from_slice(b"* STATUS ");
        put_astring(out, mailbox);
        let (m, u) = (&self.mailbox, &self.user);
        let id = String::from_utf8_lossy(&self.uniqueid);
        let all = [
            (StatusItem::Messages, format!("MESSAGES {}", m.messages)),
            (StatusItem::Recent, format!("RECENT {}", u.recent)),
            (StatusItem::UidNext, format!("UIDNEXT {}", m.uidnext)),
            (StatusItem::UidValidity, format!("UIDVALIDITY {}", m.uidvalidity)),
            (StatusItem::MailboxId, format!("MAILBOXID ({id})")),
            (StatusItem::Unseen, format!("UNSEEN {}", u.unseen)),
            (StatusItem::Size, format!("SIZE {}", m.size)),
            (StatusItem::CreatedModSeq, format!("CREATEDMODSEQ {}", m.createdmodseq)),
            (StatusItem::HighestModSeq, format!("HIGHESTMODSEQ {}", m.highestmodseq)),
        ];
        let asked = all.into_iter().filter(|(item, _)| items.contains(item)).map(|(_, text)| text);
        let text = asked.collect::<Vec<_>>().join(" ");
        out.extend_from_slice(format!(" ({text})\r\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_one_order_whatever_was_asked_first() {
        let data = StatusData {
            uniqueid: b"id1".to_vec(),
            mailbox: MailboxStatus { messages: 3, uidnext: 7, ..MailboxStatus::default() },
            user: UserStatus::default(),
        };
        let mut out = Vec::new();
        let items = [StatusItem::MailboxId, StatusItem::UidNext, StatusItem::Messages];
        data.put_line(&mut out, b"a b", &items);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "* STATUS \"a b\" (MESSAGES 3 UIDNEXT 7 MAILBOXID (id1))\r\n"
        );
    }
}
