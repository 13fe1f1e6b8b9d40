//! SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2, RFC 7162 3.1.8, RFC 8474).

use crate::command::{Qresync, SelectOptions};
use crate::host::ProcessHost;
use crate::reply::Answer;
use crate::response;
use crate::session::{Flow, Selected, Session};
use libcyrus::auth::{Granted, Op};
use libcyrus::base::config::Opt;
use libcyrus::imap::view::{Access, By, Resync, View};
use libcyrus::store::Error;
use libcyrus::store::Resource;
use libcyrus::store::lock::Mode;
use libcyrus::store::mboxlist::MbKind;
use libcyrus::store::quota::Limit;
use libcyrus::util::acl::Rights;
use libcyrus::util::ids::{ModSeq, UidValidity};
use libcyrus::util::mboxname::MboxName;
use std::time::{Duration, Instant};

/// SELECT.
pub fn select(session: &mut Session<'_>, mailbox: &[u8], options: &SelectOptions) -> Flow {
    let examining = session.imapd.config.switch(Opt::Readonly);
    open(session, mailbox, options, examining).unwrap_or_else(|answer| answer).into()
}

/// EXAMINE.
pub fn examine(session: &mut Session<'_>, mailbox: &[u8], options: &SelectOptions) -> Flow {
    open(session, mailbox, options, true).unwrap_or_else(|answer| answer).into()
}

fn open(
    session: &mut Session<'_>,
    external: &[u8],
    options: &SelectOptions,
    examining: bool,
) -> Result<Answer, Answer> {
    if options.condstore {
        session.enabled.condstore = true;
    }
    let was_selected = super::close::leave_for_another(session);
    let name = session.internal_name(external);
    let opened =
        refuse_foreign(session, &name).and_then(|()| session.open_mailbox(&name, Op::Read, Mode::Shared));
    if was_selected {
        session.stream.write(b"* OK [CLOSED] Ok\r\n");
    }
    let (mailbox, lock, granted) = opened?;
    drop(lock);
    let access = Access { sees_expunged: options.include_expunged, ..access(&granted, examining) };
    let userid = session.user.as_ref().map_or_else(Vec::new, |user| user.auth.userid().to_vec());
    let mut host = ProcessHost { imapd: session.imapd, userid: &userid };
    let view = View::open(mailbox, &userid, access, &mut host)?;
    if access.expunge {
        warn_about_quota(session, view.mailbox().header().quotaroot.clone());
    }
    session.selected = Some(Selected { name, view });
    tell(session, options.qresync.as_ref())?;
    let writes = access.write || access.set_seen || access.delete_messages || access.expunge;
    let code = if writes && !examining { "READ-WRITE" } else { "READ-ONLY" };
    Ok(Answer::completed().with_code(code))
}

/// Says when little room is left, at most every ten minutes for the same root. C: `warn_about_quota()`
fn warn_about_quota(session: &mut Session<'_>, root: Option<Vec<u8>>) {
    let Some(root) = root.filter(|root| !root.is_empty()) else { return };
    if let Some((last, when)) = &session.imapd.quota_warned
        && *last == root
        && when.elapsed() < WARN_EVERY
    {
        return;
    }
    session.imapd.quota_warned = Some((root.clone(), Instant::now()));
    let Ok(quota) = session.imapd.catalog.read_quota(&MboxName::new(root)) else { return };
    let config = &session.imapd.config;
    let from_percent = config.int(Opt::Quotawarn);
    let (octets, messages) = (config.int(Opt::Quotawarnkb), config.int(Opt::Quotawarnmsg));
    let mut out = Vec::new();
    for (resource, name, unit, left_min) in [
        (Resource::Storage, "STORAGE", 1024, octets),
        (Resource::Message, "MESSAGE", 1, messages),
        (Resource::AnnotationStorage, "X-ANNOTATION-STORAGE", 1024, octets),
        (Resource::NumFolders, "X-NUM-FOLDERS", 1, 0),
    ] {
        let Limit { used, limit } = quota.resource(resource);
        let Some(limit) = limit else { continue };
        if left_min > 0 && left_min < limit && used <= (limit - left_min).saturating_mul(unit) {
            continue;
        }
        let room = limit.saturating_mul(unit);
        if used > room {
            response::put(&mut out, format_args!("* NO [ALERT] Mailbox is over {name} quota\r\n"));
            continue;
        }
        // Of a limit of nothing C computes 0/0, which its conversion makes a very small number.
        let percent = used.saturating_mul(100).checked_div(room).unwrap_or(i64::MIN);
        if percent > from_percent {
            response::put(
                &mut out,
                format_args!("* NO [ALERT] Mailbox is at {percent}% of {name} quota\r\n"),
            );
        }
    }
    session.stream.write(&out);
}

/// C: in `warn_about_quota()`
const WARN_EVERY: Duration = Duration::from_secs(600);

/// Calendars, address books and scripts are not for IMAP clients; who may see one is told so, whatever
/// other rights are missing, as C does.
fn refuse_foreign(session: &Session<'_>, name: &MboxName) -> Result<(), Answer> {
    let Ok(found) = session.find(name) else { return Ok(()) };
    let is_visible = session.authorize(Op::Lookup, &found).is_ok();
    if is_visible && found.entry.mbtype.kind != MbKind::Email { Err(Error::BadType.into()) } else { Ok(()) }
}

/// What a SELECT tells, in C's order (C: `index_select()`).
fn tell(session: &mut Session<'_>, qresync: Option<&Qresync>) -> Result<(), Error> {
    let condstore = session.enabled.condstore;
    let Some(selected) = session.selected.as_mut() else { return Ok(()) };
    let view = &mut selected.view;
    view.tell_exists();
    view.take_keyword_change();
    let mut out = Vec::new();
    response::put(&mut out, format_args!("* {} EXISTS\r\n* {} RECENT\r\n", view.exists(), view.recent()));
    response::keywords(&mut out, view.keywords(), view.access());
    if let Some(msgno) = view.first_unseen() {
        response::put(&mut out, format_args!("* OK [UNSEEN {msgno}] Ok\r\n"));
    }
    let next = u64::from(view.last_uid().0) + 1;
    response::put(&mut out, format_args!("* OK [UIDVALIDITY {}] Ok\r\n", view.uidvalidity()));
    response::put(&mut out, format_args!("* OK [UIDNEXT {next}] Ok\r\n"));
    response::put(&mut out, format_args!("* OK [HIGHESTMODSEQ {}] Ok\r\n", view.highestmodseq()));
    let uniqueid = String::from_utf8_lossy(&view.mailbox().header().uniqueid).into_owned();
    response::put(&mut out, format_args!("* OK [MAILBOXID ({uniqueid})] Ok\r\n"));
    // RFC 4467
    out.extend_from_slice(b"* OK [URLMECH INTERNAL] Ok\r\n");
    // RFC 5257 wants a bound; none is enforced.
    out.extend_from_slice(b"* OK [ANNOTATIONS 65536] Ok\r\n");
    if let Some(qresync) = qresync {
        tell_resync(&mut out, view, qresync, condstore)?;
    }
    session.stream.write(&out);
    Ok(())
}

/// What went and what changed since the client was last here (RFC 7162 3.2.5).
fn tell_resync(out: &mut Vec<u8>, view: &mut View, qresync: &Qresync, condstore: bool) -> Result<(), Error> {
    let uids = qresync.uids.as_ref().map(|uids| view.resolve(&uids.0, By::Uid));
    let known = qresync
        .known
        .as_ref()
        .map(|(numbers, uids)| (view.resolve(&numbers.0, By::MsgNo), view.resolve(&uids.0, By::Uid)));
    let (uidvalidity, modseq) = (UidValidity(qresync.uidvalidity), ModSeq(qresync.modseq));
    let resync = Resync { uidvalidity, modseq, uids, known };
    let Some(gone) = view.vanished(&resync)? else { return Ok(()) };
    response::vanished(out, "(EARLIER) ", &gone);
    let form = response::FlagsForm { uid: true, modseq: condstore };
    for (msgno, row) in view.rows() {
        let is_asked = resync.uids.as_ref().is_none_or(|uids| uids.contains(row.uid.0));
        if is_asked && row.modseq > modseq {
            response::message_flags(out, msgno, row, view.keywords(), form);
        }
    }
    Ok(())
}

/// What the rights allow in the selected mailbox.
fn access(granted: &Granted, examining: bool) -> Access {
    let may = |right: Rights| !examining && granted.rights().has(right);
    Access {
        examining,
        set_seen: may(Rights::SETSEEN),
        write: may(Rights::WRITE),
        delete_messages: may(Rights::DELETEMSG),
        expunge: may(Rights::EXPUNGE),
        sees_expunged: false,
    }
}
