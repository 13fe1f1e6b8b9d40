//! EXPUNGE and UID EXPUNGE (RFC 3501 6.4.3, RFC 4315 2.1).

use crate::command::Sequence;
use crate::reply::Answer;
use crate::response::{self, FlagsForm};
use crate::session::{Flow, Session};
use libcyrus::base::log::{self, Priority};
use libcyrus::imap::view::By;
use libcyrus::store::Error;

/// Expunges the \Deleted messages, all or those among `uids`.
pub fn expunge(session: &mut Session<'_>, uids: Option<&Sequence>) -> Flow {
    let before = session.selected.as_ref().map(|selected| selected.view.highestmodseq());
    let expunged = super::with_selected(session, |selected, host| {
        let access = selected.view.access();
        if access.examining || !access.expunge {
            return Err(Error::PermissionDenied);
        }
        let set = uids.map(|uids| selected.view.resolve(&uids.0, By::Uid));
        selected.view.expunge(set.as_ref(), true, host)
    });
    match expunged {
        Some(Ok(count)) => {
            if count > 0 {
                log_expunged(session, count);
            }
            response::changes_as(session, true, FlagsForm { uid: uids.is_some(), modseq: false });
            let after = session.selected.as_ref().map(|selected| selected.view.highestmodseq());
            match after.filter(|_| after > before) {
                Some(modseq) => Answer::completed().with_code(format!("HIGHESTMODSEQ {modseq}")).into(),
                None => Answer::completed().into(),
            }
        }
        Some(Err(error)) => super::failed(session, error),
        None => Answer::from(Error::NotFound).into(),
    }
}

/// C's line for an expunge by a client.
pub fn log_expunged(session: &Session<'_>, count: u32) {
    let name = session.selected.as_ref().map_or(&[][..], |selected| selected.name.as_bytes());
    let name = log::printable(name, 490);
    log::write(Priority::Notice, format_args!("Expunged {count} messages from {name}"));
}
