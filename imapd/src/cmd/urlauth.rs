//! GENURLAUTH, RESETKEY, URLFETCH: URLs for which their owner vouches (RFC 4467, RFC 5524).
//!
//! A URL is fetched with its owner's rights of this moment: what she may not read (any more) nobody gets through her.

use super::login;
use crate::command::{UrlData, UrlRequest};
use crate::mailboxes::Acting;
use crate::reply::{Answer, one_line};
use crate::response::put;
use crate::session::{Flow, Session};
use crate::urlpart::{UrlMessage, cut};
use libcyrus::auth::{Op, Role};
use libcyrus::imap::urlauth;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::imapstr::put_string;
use libcyrus::util::imapurl::{ImapUrl, UrlAuth};

/// What C's mechanism is called.
const MECHANISM: &[u8] = b"INTERNAL";

/// GENURLAUTH.
pub fn generate(session: &mut Session<'_>, urls: &[Vec<u8>]) -> Flow {
    let mut out = Vec::new();
    let mut answer = Answer::completed();
    for url in urls {
        match vouch(session, url) {
            Ok(text) => {
                out.extend_from_slice(if out.is_empty() { b"* GENURLAUTH " } else { b" " });
                put_string(&mut out, &text);
            }
            Err(refused) => {
                answer = refused;
                break;
            }
        }
    }
    if !out.is_empty() {
        out.extend_from_slice(b"\r\n");
        session.stream.write(&out);
    }
    answer.into()
}

/// The URL with its token.
fn vouch(session: &Session<'_>, text: &[u8]) -> Result<Vec<u8>, Answer> {
    let shown = one_line(text);
    let bad = || Answer::no(format!("Error authorizing {shown}: not a cyrusdb error"));
    let url = ImapUrl::parse(text).filter(|url| is_whole(session, url)).ok_or_else(bad)?;
    let Some(user) = &session.user else { return Err(bad()) };
    if url.auth.is_none() || url.user.as_deref() != Some(user.auth.userid()) {
        return Err(bad());
    }
    let name = session.internal_name(url.mailbox.as_deref().unwrap_or_default());
    let may = session.find(&name).map_err(Answer::from).and_then(|found| session.authorize(Op::Read, &found));
    let _granted = may.map_err(|_| Answer::bad(format!("Poorly specified URL to Genurlauth {shown}")))?;
    let secret = session.imapd.catalog.make_mailbox_key(user.auth.userid(), &name)?;
    let token = urlauth::token(&secret, text);
    Ok([text, b":internal:", token.as_bytes()].concat())
}

/// RESETKEY.
pub fn reset(session: &mut Session<'_>, mailbox: Option<&[u8]>) -> Flow {
    let Some(user) = &session.user else { return Answer::bad("Please login first").into() };
    let catalog = &session.imapd.catalog;
    let Some(mailbox) = mailbox else {
        return match catalog.forget_mailbox_keys(user.auth.userid()) {
            Ok(()) => Answer::ok("All keys removed").into(),
            Err(error) => Answer::no(format!("Error removing keys: {error}")).into(),
        };
    };
    let name = session.internal_name(mailbox);
    let found = session.find(&name).map_err(Answer::from);
    let done = found
        .and_then(|found| session.authorize(Op::Lookup, &found))
        .and_then(|_granted| catalog.forget_mailbox_key(user.auth.userid(), &name).map_err(Answer::from));
    match done {
        Ok(()) => Answer::ok("key removed").with_code("URLMECH INTERNAL").into(),
        Err(answer) => Answer::no(format!("Error removing key: {}", answer.text())).into(),
    }
}

/// URLFETCH.
pub fn fetch(session: &mut Session<'_>, urls: &[UrlRequest]) -> Flow {
    session.stream.write(b"* URLFETCH");
    for request in urls {
        let mut out = b" ".to_vec();
        put_string(&mut out, &request.url);
        match fetch_one(session, request) {
            Some(data) => out.extend(data),
            None => out.extend_from_slice(b" NIL"),
        }
        session.stream.write(&out);
    }
    session.stream.write(b"\r\n");
    Answer::completed().into()
}

/// What is answered for one URL; `None` for NIL.
fn fetch_one(session: &Session<'_>, request: &UrlRequest) -> Option<Vec<u8>> {
    let url = ImapUrl::parse(&request.url).filter(|url| is_whole(session, url))?;
    let owner = login::user(&session.imapd.config, url.user.as_deref()?);
    let owner = Acting { imapd: session.imapd, user: Some(&owner) };
    let name = owner.internal_name(url.mailbox.as_deref()?);
    let reader = match &url.auth {
        None => session.acting(),
        Some(auth) => {
            let token = auth.token.as_deref()?;
            if !is_meant(session, auth) {
                return None;
            }
            let secret = session.imapd.catalog.mailbox_key(url.user.as_deref()?, &name).ok()??;
            let rump = request.url.get(..auth.rump_octets)?;
            if !urlauth::is_valid(&secret, rump, token) {
                return None;
            }
            owner
        }
    };
    let message = UrlMessage::open(reader, &name, &url).ok()?;
    print(&message, &url, request)
}

/// The parts that were asked for.
fn print(message: &UrlMessage, url: &ImapUrl, request: &UrlRequest) -> Option<Vec<u8>> {
    let section = url.section.as_deref();
    let part = message.part(section).ok()?;
    let mut out = Vec::new();
    let is_binary = request.data == Some(UrlData::Binary);
    if is_binary && !part.is_binary_part(section) {
        return None;
    }
    let decoded = if is_binary { part.decoded() } else { None };
    if request.structure {
        out.extend_from_slice(b" (BODYPARTSTRUCTURE ");
        out.extend(message.structure(&part, decoded.as_deref()));
        out.push(b')');
    }
    let content = match (request.data, &decoded) {
        (None, _) if request.structure => return Some(out),
        (None, _) => part.content,
        (Some(UrlData::Body), _) => {
            out.extend_from_slice(b" (BODY");
            part.content
        }
        (Some(UrlData::Binary), None) => {
            out.extend_from_slice(b" (BINARY NIL)");
            return Some(out);
        }
        (Some(UrlData::Binary), Some(decoded)) => {
            out.extend_from_slice(b" (BINARY");
            decoded
        }
    };
    let content = cut(content, url.partial);
    let form = if memchr::memchr(0, content).is_some() { "~" } else { "" };
    put(&mut out, format_args!(" {form}{{{}}}\r\n", content.len()));
    out.extend_from_slice(content);
    if request.data.is_some() {
        out.push(b')');
    }
    Some(out)
}

/// Whether a URL names a message on this server, and is not void by now.
fn is_whole(session: &Session<'_>, url: &ImapUrl) -> bool {
    let is_here = url.server.as_deref() == Some(session.imapd.config.servername().as_bytes());
    let has_names = url.user.is_some() && url.mailbox.is_some() && url.uid != 0;
    let has_section = url.section.as_deref() != Some(b"");
    let expired = url.expires_s.is_some_and(|when| when < UnixTime::now().0);
    is_here && has_names && has_section && !expired
}

/// Whether the access identifier means the session's user (RFC 4467 3).
fn is_meant(session: &Session<'_>, auth: &UrlAuth) -> bool {
    let Some(user) = session.user.as_ref().map(|user| &user.auth) else { return false };
    if !auth.mechanism.as_deref().is_some_and(|mechanism| mechanism.eq_ignore_ascii_case(MECHANISM)) {
        return false;
    }
    let after = |prefix: &[u8]| {
        let (head, rest) = auth.access.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    if let Some(userid) = after(b"user+") {
        return userid == user.userid();
    }
    if after(b"submit+").is_some() {
        return user.has_role(&session.imapd.config, Role::SubmitServer);
    }
    auth.access.eq_ignore_ascii_case(b"anonymous")
        || (auth.access.eq_ignore_ascii_case(b"authuser") && user.userid() != b"anonymous")
}
