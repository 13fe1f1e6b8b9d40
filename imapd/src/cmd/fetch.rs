//! FETCH and UID FETCH (RFC 3501 6.4.5, RFC 7162 3.1.4, RFC 3516).

use crate::annotate::fetch::Wanted;
use crate::command::{FetchRequest, Ids};
use crate::mailboxes::Found;
use crate::parser::lexer::Stop;
use crate::reply::Answer;
use crate::response;
use crate::response::fetch::{Facts, Held, Plan, Trouble};
use crate::session::{Flow, Session};
use libcyrus::auth::Op;
use libcyrus::base::config::Opt;
use libcyrus::imap::view::{By, Resync, View};
use libcyrus::service::signals;
use libcyrus::store::Error;
use libcyrus::store::annotate::Level;
use libcyrus::store::mailbox::Record;
use libcyrus::util::ids::{ModSeq, MsgNo};
use std::time::Instant;

/// So many records are read under one index lock.
const BATCH: usize = 256;

/// Answers a FETCH.
///
/// # Errors
/// When a signal asks the process to end.
pub fn fetch(session: &mut Session<'_>, ids: &Ids, request: &FetchRequest) -> Result<Flow, Stop> {
    let started = Instant::now();
    let by = super::by(ids);
    let plan = Plan::new(&request.items, by == By::Uid);
    if request.changed_since.is_some() || request.items.contains(&crate::command::FetchItem::ModSeq) {
        super::enable::use_condstore(session, "MODSEQ fetch");
    }
    let Some(msgnos) = super::with_selected(session, |selected, host| {
        selected.view.refresh(host)?;
        let set = selected.view.resolve(super::ranges(ids), by);
        let msgnos: Vec<MsgNo> = selected.view.select(&set, by).collect();
        if plan.sets_seen {
            selected.view.set_seen(&msgnos, host)?;
        }
        Ok(msgnos)
    }) else {
        return Ok(Answer::from(libcyrus::store::Error::NotFound).after(started.elapsed()).into());
    };
    let msgnos = match msgnos {
        Ok(msgnos) => msgnos,
        Err(error) => return Ok(failed(session, error, started)),
    };
    announce(session);
    if request.vanished
        && let Err(error) = tell_vanished(session, ids, request)
    {
        return Ok(failed(session, error, started));
    }
    let uid = by == By::Uid || session.enabled.qresync;
    let form = response::FlagsForm { uid, modseq: false };
    let mut beside = Beside::new(session, &msgnos);
    let folder = super::selected_external_name(session);
    let max_header_lines = u32::try_from(session.imapd.config.int(Opt::Maxheaderlines)).unwrap_or(0);
    let store = std::sync::Arc::clone(&session.imapd.store);
    let limits = &store.settings().limits;
    let definitions = session.imapd.definitions();
    let wanted = plan.annotations.as_ref().map(|asked| Wanted::new(&definitions, Level::Message, asked));
    let config = std::sync::Arc::clone(&session.imapd.config);
    let preview_entry = config.bytes(Opt::JmapPreviewAnnot).filter(|entry| entry.starts_with(b"/shared/"));
    let userid = session.user.as_ref().map_or_else(Vec::new, |user| user.auth.userid().to_vec());
    let facts = Facts {
        folder: &folder,
        max_header_lines,
        limits,
        condstore: session.enabled.condstore,
        qresync: session.enabled.qresync,
        annotations: wanted.as_ref(),
        preview_entry: preview_entry.and_then(|entry| entry.strip_prefix(b"/shared")),
        userid: &userid,
        copies: &[],
    };
    let since = ModSeq(request.changed_since.unwrap_or(0));
    let mut fetched = false;
    'batches: for batch in msgnos.chunks(BATCH) {
        if signals::poll() == signals::Poll::Shutdown {
            return Err(Stop::Io(std::io::ErrorKind::Interrupted.into()));
        }
        let Some(selected) = session.selected.as_mut() else { break };
        let view = &mut selected.view;
        let wanted: Vec<MsgNo> = batch
            .iter()
            .copied()
            .filter(|&msgno| view.row(msgno).is_some_and(|row| row.recno.0 != 0 && row.modseq > since))
            .collect();
        fetched |= !batch.is_empty();
        if plan.needs_only_rows() {
            let mut out = Vec::new();
            for &msgno in &wanted {
                beside.tell_before(&mut out, view, msgno, form, facts.condstore);
                response::fetch::row_only(&mut out, view, msgno, &plan, facts);
            }
            session.stream.write(&out);
            continue;
        }
        let records = match view.records(&wanted) {
            Ok(records) => records,
            Err(error) => return Ok(failed(session, error, started)),
        };
        for (msgno, record) in &records {
            let Some(selected) = session.selected.as_mut() else { break };
            let mut out = Vec::new();
            beside.tell_before(&mut out, &mut selected.view, *msgno, form, facts.condstore);
            session.stream.write(&out);
            let copies = if plan.needs_copies() { copies(session, record) } else { Vec::new() };
            let facts = Facts { copies: &copies, ..facts };
            let Some(selected) = session.selected.as_mut() else { break };
            let stream = &mut session.stream;
            match response::fetch::message(stream, &mut selected.view, *msgno, record, &plan, facts) {
                Ok(()) => {}
                // As in C: what cannot be decoded ends the FETCH, and nothing is said of it.
                Err(Trouble::UnknownCte) => break 'batches,
            }
        }
    }
    response::changes_as(session, by == By::Uid, form);
    let answer =
        if fetched || by == By::Uid { Answer::completed() } else { Answer::no("No matching messages") };
    Ok(answer.after(started.elapsed()).into())
}

/// `* VANISHED (EARLIER)` of the UIDs named that went since CHANGEDSINCE.
fn tell_vanished(session: &mut Session<'_>, ids: &Ids, request: &FetchRequest) -> Result<(), Error> {
    let since = ModSeq(request.changed_since.unwrap_or(0));
    let gone = super::with_selected(session, |selected, _| {
        let uids = selected.view.resolve(super::ranges(ids), By::Uid);
        let uidvalidity = selected.view.uidvalidity();
        selected.view.vanished(&Resync { uidvalidity, modseq: since, uids: Some(uids), known: None })
    });
    if let Some(gone) = gone.transpose()?.flatten() {
        let mut out = Vec::new();
        response::vanished(&mut out, "(EARLIER) ", &gone);
        session.stream.write(&out);
    }
    Ok(())
}

/// The mailboxes that hold a message and that the user may read; without a readable database none.
fn copies(session: &Session<'_>, record: &Record) -> Vec<Held> {
    let Some(user) = &session.user else { return Vec::new() };
    let catalog = &session.imapd.catalog;
    let entries = catalog.mailboxes_of(user.auth.userid(), &record.guid).unwrap_or_default();
    let found = entries.into_iter().map(|entry| {
        let (acl, owner) = (entry.acl(), entry.name.owner(catalog.rules()));
        Found { entry, acl, owner }
    });
    let may = |found: &Found| {
        session.authorize(Op::Read, found).is_ok() && session.authorize(Op::Lookup, found).is_ok()
    };
    let held = |found: Found| Held {
        name: user.namespace.to_external(&found.entry.name, Some(user.auth.userid())).unwrap_or_default(),
        uniqueid: found.entry.uniqueid.unwrap_or_default(),
    };
    found.filter(may).map(held).collect()
}

/// Changed flags of messages that the FETCH does not name, told where they stand in the order.
struct Beside(std::vec::IntoIter<MsgNo>);

impl Beside {
    fn new(session: &Session<'_>, named: &[MsgNo]) -> Self {
        let untold = session.selected.as_ref().map(|selected| selected.view.untold_beside(named));
        Self(untold.unwrap_or_default().into_iter())
    }

    fn tell_before(
        &mut self,
        out: &mut Vec<u8>,
        view: &mut View,
        msgno: MsgNo,
        form: response::FlagsForm,
        condstore: bool,
    ) {
        while let Some(&other) = self.0.as_slice().first().filter(|&&other| other < msgno) {
            self.0.next();
            if let Some(row) = view.row(other) {
                let form = response::FlagsForm { modseq: form.modseq || condstore, ..form };
                response::message_flags(out, other, row, view.keywords(), form);
            }
            view.flags_told(other);
        }
    }
}

fn failed(session: &mut Session<'_>, error: libcyrus::store::Error, started: Instant) -> Flow {
    match super::failed(session, error) {
        Flow::Answer(answer) => answer.after(started.elapsed()).into(),
        other => other,
    }
}

/// Messages that came meanwhile and new keywords are told before a FETCH speaks of them.
fn announce(session: &mut Session<'_>) {
    let Some(selected) = session.selected.as_mut() else { return };
    let mut out = Vec::new();
    if selected.view.has_untold_messages()
        && let libcyrus::imap::view::Update::Exists { exists, recent } = selected.view.tell_exists()
    {
        response::put(&mut out, format_args!("* {exists} EXISTS\r\n* {recent} RECENT\r\n"));
    }
    if selected.view.take_keyword_change() {
        response::keywords(&mut out, selected.view.keywords(), selected.view.access());
    }
    session.stream.write(&out);
}
