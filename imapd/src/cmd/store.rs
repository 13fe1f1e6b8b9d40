//! STORE and UID STORE (RFC 3501 6.4.6, RFC 7162 3.1.3).

use crate::annotate::store::of_messages;
use crate::command::{AnnotationEntry, Ids, StoreChange, StoreMode, StoreRequest};
use crate::reply::Answer;
use crate::response::{self, FlagsForm};
use crate::session::{Flow, Session};
use libcyrus::auth::Op;
use libcyrus::imap::view::{By, FlagChange, FlagMode, StoreOutcome};
use libcyrus::store::mailbox::SystemFlags;
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::ModSeq;

/// Answers a STORE. New flags are told with `.SILENT`, too: 3.6.1 does, and RFC 7162 3.1.3 wants it so.
pub fn store(session: &mut Session<'_>, ids: &Ids, request: &StoreRequest) -> Flow {
    if request.unchanged_since.is_some() {
        super::enable::use_condstore(session, "UNCHANGEDSINCE");
    }
    let by = super::by(ids);
    let since = request.unchanged_since.map(ModSeq);
    let stored = match &request.change {
        StoreChange::Annotations(entries) => annotate(session, ids, entries, since),
        StoreChange::Flags { mode, flags } => super::with_selected(session, |selected, host| {
            let set = selected.view.resolve(super::ranges(ids), by);
            selected.view.store(&set, by, change(*mode, flags, since), host)
        }),
    };
    match stored {
        Some(Ok(outcome)) => {
            let form = FlagsForm { uid: by == By::Uid, modseq: request.unchanged_since.is_some() };
            response::changes_as(session, by == By::Uid, form);
            if outcome.modified.is_empty() {
                return Answer::completed().into();
            }
            Answer::completed().with_code(format!("MODIFIED {}", outcome.modified)).into()
        }
        Some(Err(error)) => super::failed(session, error),
        None => Answer::from(Error::NotFound).into(),
    }
}

/// STORE ANNOTATION (RFC 5257 4.5). The flags are told as after every STORE.
fn annotate(
    session: &mut Session<'_>,
    ids: &Ids,
    entries: &[AnnotationEntry],
    since: Option<ModSeq>,
) -> Option<Result<StoreOutcome>> {
    let selected = session.selected.as_ref()?;
    let found = match session.find(&selected.name) {
        Ok(found) => found,
        Err(error) => return Some(Err(error)),
    };
    let may_share = session.authorize(Op::AnnotateMessage, &found).is_ok();
    let userid = session.user.as_ref().map_or(&[][..], |user| user.auth.userid());
    let definitions = session.imapd.definitions();
    let annotations = match of_messages(&definitions, entries, userid, may_share) {
        Ok(annotations) => annotations,
        Err(error) => return Some(Err(error)),
    };
    let by = super::by(ids);
    super::with_selected(session, |selected, host| {
        let set = selected.view.resolve(super::ranges(ids), by);
        selected.view.annotate(&set, by, &annotations, since, host)
    })
}

fn change(mode: StoreMode, flags: &[Vec<u8>], unchanged_since: Option<ModSeq>) -> FlagChange {
    let mut change = FlagChange {
        mode: match mode {
            StoreMode::Add => FlagMode::Add,
            StoreMode::Remove => FlagMode::Remove,
            StoreMode::Replace => FlagMode::Replace,
        },
        seen: false,
        system_flags: SystemFlags(0),
        keywords: Vec::new(),
        unchanged_since,
    };
    for flag in flags {
        let bit = match flag.as_slice() {
            b"\\seen" => {
                change.seen = true;
                continue;
            }
            b"\\answered" => SystemFlags::ANSWERED,
            b"\\deleted" => SystemFlags::DELETED,
            b"\\draft" => SystemFlags::DRAFT,
            b"\\flagged" => SystemFlags::FLAGGED,
            keyword => {
                change.keywords.push(keyword.to_vec());
                continue;
            }
        };
        change.system_flags = change.system_flags.with(bit);
    }
    change
}
