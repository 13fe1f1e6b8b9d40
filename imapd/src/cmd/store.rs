//! STORE and UID STORE (RFC 3501 6.4.6, RFC 7162 3.1.3).

use crate::command::{Ids, StoreMode, StoreRequest};
use crate::reply::Answer;
use crate::response::{self, FlagsForm};
use crate::session::{Flow, Session};
use libcyrus::imap::view::{By, FlagChange, FlagMode};
use libcyrus::store::Error;
use libcyrus::store::mailbox::SystemFlags;
use libcyrus::util::ids::ModSeq;

/// Answers a STORE. The new flags are told with `.SILENT`, too: 3.6.1 does, and RFC 7162 3.1.3 wants it so.
pub fn store(session: &mut Session<'_>, ids: &Ids, request: &StoreRequest) -> Flow {
    if request.unchanged_since.is_some() {
        super::enable::use_condstore(session, "UNCHANGEDSINCE");
    }
    let by = super::by(ids);
    let stored = super::with_selected(session, |selected, host| {
        let set = selected.view.resolve(super::ranges(ids), by);
        selected.view.store(&set, by, change(request), host)
    });
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

fn change(request: &StoreRequest) -> FlagChange {
    let mut change = FlagChange {
        mode: match request.mode {
            StoreMode::Add => FlagMode::Add,
            StoreMode::Remove => FlagMode::Remove,
            StoreMode::Replace => FlagMode::Replace,
        },
        seen: false,
        system_flags: SystemFlags(0),
        keywords: Vec::new(),
        unchanged_since: request.unchanged_since.map(ModSeq),
    };
    for flag in &request.flags {
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
