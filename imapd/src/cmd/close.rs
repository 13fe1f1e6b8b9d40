//! CLOSE and UNSELECT (RFC 3501 6.4.2, RFC 3691).

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::base::config::Opt;
use libcyrus::store::mailbox::Cleanup;

/// CLOSE: expunges what is \Deleted, silently, if the mailbox was selected for writing and the
/// rights allow it.
pub fn close(session: &mut Session<'_>) -> Flow {
    expunge_silently(session);
    leave_mailbox(session);
    Answer::completed().into()
}

/// UNSELECT: leaves without expunging, but for the option `autoexpunge`.
pub fn unselect(session: &mut Session<'_>) -> Flow {
    leave_for_another(session);
    Answer::completed().into()
}

/// Leaves the selected mailbox because another command needs the place; true if there was one.
pub fn leave_for_another(session: &mut Session<'_>) -> bool {
    if session.imapd.config.switch(Opt::Autoexpunge) {
        expunge_silently(session);
    }
    let was_selected = session.selected.is_some();
    leave_mailbox(session);
    was_selected
}

/// Closes the selected mailbox, if any; what is left to clean up waits for a quiet moment.
pub fn leave_mailbox(session: &mut Session<'_>) {
    let Some(selected) = session.selected.take() else { return };
    if let Ok(Cleanup::Wanted(location)) = selected.view.into_mailbox().close() {
        session.cleanups.push(*location);
    }
}

fn expunge_silently(session: &mut Session<'_>) {
    let expunged = super::with_selected(session, |selected, host| {
        let access = selected.view.access();
        if access.examining || !access.expunge { Ok(0) } else { selected.view.expunge(None, true, host) }
    });
    // A failure is in the log; the mailbox is left all the same, as C does.
    if let Some(Ok(count @ 1..)) = expunged {
        super::expunge::log_expunged(session, count);
    }
}
