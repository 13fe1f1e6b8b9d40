//! GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 2087).

use crate::reply::Answer;
use crate::session::{Flow, Session};
use libcyrus::auth::{Op, ServerOp};
use libcyrus::quota::set_quota_limits;
use libcyrus::store::lock::Mode;
use libcyrus::store::quota::{Limit, Quota};
use libcyrus::store::{Error, Resource};
use libcyrus::util::imapstr::put_astring;
use libcyrus::util::mboxname::MboxName;

/// Resources with their names and the octets or pieces that one unit has.
const RESOURCES: [(Resource, &str, i64); 4] = [
    (Resource::Storage, "STORAGE", 1024),
    (Resource::Message, "MESSAGE", 1),
    (Resource::AnnotationStorage, "X-ANNOTATION-STORAGE", 1024),
    (Resource::NumFolders, "X-NUM-FOLDERS", 1),
];

/// GETQUOTA, for administrators.
pub fn get(session: &mut Session<'_>, root: &[u8]) -> Flow {
    super::noop::check(session);
    if let Err(refusal) = session.authorize_server(ServerOp::ReadQuotaRoot) {
        return refusal.into();
    }
    match session.imapd.catalog.read_quota_once(&session.internal_name(root)) {
        Ok(quota) => {
            let mut line = Vec::new();
            put_quota(&mut line, root, &quota);
            session.stream.write(&line);
            Answer::completed().into()
        }
        Err(error) => Answer::from(error).into(),
    }
}

/// `* QUOTA root (resource used limit ...)`
fn put_quota(out: &mut Vec<u8>, root: &[u8], quota: &Quota) {
    out.extend_from_slice(b"* QUOTA ");
    put_astring(out, root);
    let limited = RESOURCES.iter().filter_map(|(resource, name, unit)| {
        let Limit { used, limit } = quota.resource(*resource);
        Some(format!("{name} {} {}", used / unit, limit?))
    });
    let text = limited.collect::<Vec<_>>().join(" ");
    out.extend_from_slice(format!(" ({text})\r\n").as_bytes());
}

/// GETQUOTAROOT: the root a mailbox counts to, and its state.
pub fn get_root(session: &mut Session<'_>, mailbox: &[u8]) -> Flow {
    let name = session.internal_name(mailbox);
    let opened = session.open_mailbox(&name, Op::ReadQuota, Mode::Shared);
    let root = match opened {
        Ok((mut mailbox, lock, _granted)) => {
            mailbox.lock_index(&lock, Mode::Shared).map(|index| index.mailbox_header().quotaroot.clone())
        }
        Err(answer) => return answer.into(),
    };
    let root = match root {
        Ok(root) => root,
        Err(error) => return Answer::from(error).into(),
    };
    let mut out = b"* QUOTAROOT ".to_vec();
    put_astring(&mut out, mailbox);
    let mut outcome = Ok(());
    match root.map(MboxName::new) {
        None => out.extend_from_slice(b"\r\n"),
        Some(root) => {
            let external = session
                .user
                .as_ref()
                .and_then(|user| user.namespace.to_external(&root, Some(user.auth.userid())));
            let external = external.unwrap_or_default();
            out.push(b' ');
            put_astring(&mut out, &external);
            out.extend_from_slice(b"\r\n");
            match session.imapd.catalog.read_quota_once(&root) {
                Ok(quota) => put_quota(&mut out, &external, &quota),
                Err(error) => outcome = Err(error),
            }
        }
    }
    session.stream.write(&out);
    match outcome {
        Ok(()) => {
            super::noop::check(session);
            Answer::completed().into()
        }
        Err(error) => Answer::from(error).into(),
    }
}

/// SETQUOTA, for administrators; `+root` makes a root where no mailbox is.
pub fn set(session: &mut Session<'_>, tag: &[u8], root: &[u8], limits: &[(Vec<u8>, i64)]) -> Flow {
    if session.authorize_server(ServerOp::SetQuota).is_err() {
        return refuse_early(session, tag, Error::PermissionDenied);
    }
    let (root, force) = match root.strip_prefix(b"+") {
        Some(root) => (root, true),
        None => (root, false),
    };
    let mut wanted = Quota::default();
    for (name, limit) in limits {
        let known = RESOURCES.iter().find(|(_, each, _)| each.as_bytes().eq_ignore_ascii_case(name));
        let Some((resource, _, _)) = known else {
            return refuse_early(session, tag, Error::UnsupportedQuota);
        };
        if *limit < -1 {
            return Answer::bad("Invalid quota list in Setquota").into();
        }
        wanted.set(*resource, Limit { used: 0, limit: Some(*limit).filter(|limit| *limit >= 0) });
    }
    let root = session.internal_name(root);
    let outcome = set_quota_limits(&session.imapd.catalog, &session.imapd.store, &root, &wanted, force);
    super::noop::check(session);
    match outcome {
        Ok(()) => Answer::completed().into(),
        Err(error) => Answer::from(error).into(),
    }
}

/// C answers before it has read the list and takes the rest of the line for another command.
fn refuse_early(session: &mut Session<'_>, tag: &[u8], error: Error) -> Flow {
    session.stream.write(&Answer::from(error).line(tag));
    session.stream.write(b"* BAD Invalid tag\r\n");
    Flow::Answered
}
