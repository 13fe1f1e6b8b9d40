//! COPY and MOVE (RFC 3501 6.4.7, RFC 6851, RFC 4315 3).

use crate::command::Ids;
use crate::reply::Answer;
use crate::response::{self, FlagsForm};
use crate::session::{Flow, Session};
use libcyrus::auth::Op;
use libcyrus::base::config::Opt;
use libcyrus::imap::view::{By, Row};
use libcyrus::store::Error;
use libcyrus::store::append::{AppendTxn, Appended, CopyFlags, QuotaCheck};
use libcyrus::store::event::EventKind;
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::{InternalFlags, Location, QuotaUse, Record, SystemFlags};
use libcyrus::util::acl::Rights;
use libcyrus::util::ids::MsgNo;
use libcyrus::util::seqset::SeqSet;

/// COPY.
pub fn copy(session: &mut Session<'_>, ids: &Ids, mailbox: &[u8]) -> Flow {
    transfer(session, ids, mailbox, Transfer::Copy)
}

/// MOVE.
pub fn move_(session: &mut Session<'_>, ids: &Ids, mailbox: &[u8]) -> Flow {
    transfer(session, ids, mailbox, Transfer::Move)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Copy,
    Move,
}

/// What was copied, for COPYUID.
struct Copied {
    source: SeqSet,
    /// The user may know the new UIDs (right `r`).
    may_tell: bool,
    location: Location,
    uniqueid: Vec<u8>,
    appended: Appended,
}

impl Copied {
    fn code(&self) -> Option<String> {
        let (first, last) = (self.appended.uids.first()?, self.appended.uids.last()?);
        let uids = if first == last { first.to_string() } else { format!("{first}:{last}") };
        self.may_tell.then(|| format!("COPYUID {} {} {uids}", self.appended.uidvalidity, self.source))
    }
}

fn transfer(session: &mut Session<'_>, ids: &Ids, mailbox: &[u8], what: Transfer) -> Flow {
    let by = super::by(ids);
    let name = session.internal_name(mailbox);
    if what == Transfer::Move {
        let may = session.selected.as_ref().is_some_and(|s| {
            let access = s.view.access();
            !access.examining && access.expunge
        });
        if !may {
            return Answer::from(Error::PermissionDenied).into();
        }
    }
    let copied = match copy_messages(session, ids, &name, what) {
        Ok(Some(copied)) => copied,
        Ok(None) => {
            tell(session, by, what);
            return match by {
                By::Uid => Answer::completed().into(),
                By::MsgNo => Answer::no("No matching messages").into(),
            };
        }
        Err(answer) => return session.refuse_target(&name, answer).into(),
    };
    let moved = super::with_selected(session, |selected, host| {
        host.appended(&copied.location, &copied.uniqueid, &copied.appended);
        match what {
            Transfer::Copy => Ok(0),
            Transfer::Move => selected.view.expunge(Some(&copied.source), false, host),
        }
    });
    match moved {
        Some(Ok(count @ 1..)) => super::expunge::log_expunged(session, count),
        Some(Err(error)) => return super::failed(session, error),
        _ => {}
    }
    let code = copied.code();
    match (what, code) {
        (Transfer::Move, Some(code)) => {
            // RFC 6851 4.3: the UIDs come before the expunges.
            session.stream.write(format!("* OK [{code}] Completed\r\n").as_bytes());
            tell(session, by, what);
            Answer::completed().into()
        }
        (_, code) => {
            if what == Transfer::Copy {
                // The target may be the selected mailbox itself.
                super::noop::refresh(session);
            }
            tell(session, by, what);
            match code {
                Some(code) => Answer::completed().with_code(code).into(),
                None => Answer::completed().into(),
            }
        }
    }
}

fn tell(session: &mut Session<'_>, by: By, what: Transfer) {
    let with_expunges = what == Transfer::Move || by == By::Uid;
    response::changes_as(session, with_expunges, FlagsForm::default());
}

/// Copies the named messages; `None` when the set names none.
fn copy_messages(
    session: &mut Session<'_>,
    ids: &Ids,
    name: &libcyrus::util::mboxname::MboxName,
    what: Transfer,
) -> Result<Option<Copied>, Answer> {
    let by = super::by(ids);
    let ignore_quota = session.imapd.options.ignore_quota;
    let records = super::with_selected(session, |selected, host| {
        selected.view.refresh(host)?;
        let set = selected.view.resolve(super::ranges(ids), by);
        let msgnos: Vec<MsgNo> = selected
            .view
            .select(&set, by)
            .filter(|&msgno| selected.view.row(msgno).is_some_and(Row::is_shown))
            .collect();
        let seen: Vec<bool> =
            msgnos.iter().map(|&n| selected.view.row(n).is_some_and(|row| row.seen)).collect();
        let records = selected.view.records(&msgnos)?;
        Ok(records
            .into_iter()
            .zip(seen)
            .map(|((_, record), seen)| (revived(record), seen))
            .collect::<Vec<_>>())
    })
    .unwrap_or(Err(Error::NotFound))?;
    if records.is_empty() {
        return Ok(None);
    }
    let (mut target, lock, granted) = session.open_mailbox(name, Op::Insert, Mode::Exclusive)?;
    let location = target.location().clone();
    let index = target.lock_index(&lock, Mode::Exclusive)?;
    let uniqueid = index.mailbox_header().uniqueid.clone();
    let same_root = session.selected.as_ref().is_some_and(|selected| {
        selected.view.mailbox().header().quotaroot == index.mailbox_header().quotaroot
    });
    // A copy is the same message then, and takes nothing.
    let counts_once = session.imapd.config.switch(Opt::QuotaUseConversations);
    let quota = if ignore_quota || ((what == Transfer::Move || counts_once) && same_root) {
        QuotaCheck::Skip
    } else {
        let octets: i64 = records.iter().map(|(record, _)| i64::from(record.size)).sum();
        let messages = i64::try_from(records.len()).unwrap_or(i64::MAX);
        QuotaCheck::Room(QuotaUse { storage_octets: octets, messages, annotation_octets: 0 })
    };
    let userid = session.user.as_ref().map_or_else(Vec::new, |user| user.auth.userid().to_vec());
    let mut append = AppendTxn::begin(index, &userid, quota)?;
    append.tell_as(match what {
        Transfer::Copy => EventKind::MessageCopy,
        Transfer::Move => EventKind::MessageMove,
    });
    let Some(selected) = session.selected.as_mut() else { return Err(Answer::from(Error::NotFound)) };
    for (record, seen) in &records {
        let rights = granted.rights();
        let flags = CopyFlags {
            may_write: rights.has(Rights::WRITE),
            may_delete: rights.has(Rights::DELETEMSG),
            seen: *seen && rights.has(Rights::SETSEEN),
        };
        append.copy(selected.view.mailbox_mut(), record, flags)?;
    }
    let appended = append.commit()?;
    drop(lock);
    Ok(Some(Copied {
        source: SeqSet::from_sorted(records.iter().map(|(record, _)| record.uid.0)),
        may_tell: granted.rights().has(Rights::READ),
        location,
        uniqueid,
        appended,
    }))
}

/// The copy of an expunged message is a living one.
fn revived(mut record: Record) -> Record {
    if record.internal_flags.has(InternalFlags::EXPUNGED) {
        record.internal_flags = record.internal_flags.without(InternalFlags::EXPUNGED);
        record.system_flags = record.system_flags.without(SystemFlags::DELETED);
    }
    record
}
