//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.6, 6.3.7).

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::base::config::Opt;
use libcyrus::store::subs::Subscribe;

/// SUBSCRIBE.
pub fn subscribe(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    let how = match session.imapd.config.switch(Opt::Allowallsubscribe) {
        true => Subscribe::Force,
        false => Subscribe::Existing,
    };
    change(session, mailbox, how, "Subscribe")
}

/// UNSUBSCRIBE.
pub fn unsubscribe(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    change(session, mailbox, Subscribe::Remove, "Unsubscribe")
}

fn change(session: &mut Session<'_>, mailbox: &[u8], how: Subscribe, command: &str) -> Flow {
    let name = session.internal_name(mailbox);
    let Some(user) = &session.user else { return Answer::bad("Please login first").into() };
    let namespace = &user.namespace;
    // The top of the other namespaces is no mailbox but some clients subscribe to it.
    let is_top = |prefix: Vec<u8>| prefix.split_last().is_some_and(|(_, top)| top == mailbox);
    let is_prefix = session.imapd.config.switch(Opt::Allowallsubscribe)
        && namespace.is_alt()
        && (is_top(namespace.user_prefix()) || is_top(namespace.shared_prefix()));
    let outcome =
        if is_prefix { Ok(()) } else { session.imapd.catalog.change_subscription(&user.auth, &name, how) };
    super::noop::check(session);
    match outcome {
        Ok(()) => Answer::completed().into(),
        Err(error) => Answer::no(format!("{command}: {error}")).into(),
    }
}
