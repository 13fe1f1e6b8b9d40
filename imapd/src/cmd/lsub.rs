//! LSUB (RFC 3501 6.3.9): LIST of subscriptions, in its older words.

use super::list::{Form, run};
use crate::command::ListRequest;
use crate::session::{Flow, Session};

/// LSUB.
pub fn lsub(session: &mut Session<'_>, request: &ListRequest) -> Flow {
    let mut request = request.clone();
    request.select_subscribed = true;
    request.select_dav |= session.magicplus.as_ref().is_some_and(|plus| plus.eq_ignore_ascii_case(b"+dav"));
    run(session, request, Form::Lsub)
}
