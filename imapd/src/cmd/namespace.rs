//! NAMESPACE (RFC 2342).

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::base::config::Opt;
use libcyrus::util::mboxname::MboxName;

/// NAMESPACE: personal only when there is an INBOX, the others unless switched off.
pub fn namespace(session: &mut Session<'_>) -> Flow {
    let Some(user) = &session.user else { return Answer::bad("Please login first").into() };
    let catalog = &session.imapd.catalog;
    let is_shown = |off: Opt| user.auth.is_admin() || !session.imapd.config.switch(off);
    let has_inbox = catalog.lookup(&MboxName::user_inbox(user.auth.userid(), catalog.rules())).is_ok();
    let namespace = &user.namespace;
    let parts = [
        has_inbox.then(|| namespace.inbox_prefix()),
        is_shown(Opt::DisableUserNamespace).then(|| namespace.user_prefix()),
        is_shown(Opt::DisableSharedNamespace).then(|| namespace.shared_prefix()),
    ];
    let mut line = b"* NAMESPACE".to_vec();
    for part in parts {
        match part {
            Some(prefix) => {
                line.extend_from_slice(b" ((\"");
                line.extend_from_slice(&prefix);
                line.extend_from_slice(&[b'"', b' ', b'"', namespace.hiersep(), b'"', b')', b')']);
            }
            None => line.extend_from_slice(b" NIL"),
        }
    }
    line.extend_from_slice(b"\r\n");
    session.stream.write(&line);
    super::noop::check(session);
    Answer::completed().into()
}
