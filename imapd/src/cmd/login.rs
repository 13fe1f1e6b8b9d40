//! LOGIN (RFC 3501 6.2.3), and what every login ends with.
//!
//! DIAGNOSTICS: `login: ...`, `badlogin: ...` (NOTICE), `Too many open connections (...)` (ERR).

use crate::capability;
use crate::cmd::create;
use crate::reply::Answer;
use crate::session::{Flow, Session, User};
use libcyrus::auth::{AuthState, namespace};
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::sasl::Failure;
use libcyrus::net::telemetry::Telemetry;
use libcyrus::service::proc;
use libcyrus::store::event::EventKind;
use libcyrus::util::mboxname::namespace::Viewer;
use std::time::Duration;

/// SASL_NOUSER and the code it is shown as, so that nobody can try user names.
const NO_USER: (i32, &str) = (-20, "authentication failure");

/// Longest trace of an anonymous user that is logged.
const ANONYMOUS_TRACE_OCTETS: usize = 500;

/// LOGIN.
pub fn login(session: &mut Session<'_>, user: &[u8], password: &[u8]) -> Flow {
    if session.user.is_some() {
        return Answer::bad("Already logged in").into();
    }
    session.imapd.facts.borrow_mut().magicplus = None;
    let Some(userid) = session.imapd.policy.canon_user(user) else {
        log::badlogin_invalid_user(&session.clienthost, user);
        return Answer::no("Invalid user").into();
    };
    let is_anonymous = userid == b"anonymous";
    if needs_layer(session) || (!is_anonymous && needs_layer_for_password(session)) {
        return Answer::no("Login only available under a layer").into();
    }
    let session_id = format!("User logged in SESSIONID=<{}>", session.id);
    let is_tls = session.stream.tls().is_some();
    let (userid, text) = if is_anonymous {
        if !session.imapd.config.switch(Opt::Allowanonymouslogin) {
            log::badlogin_anonymous(&session.clienthost);
            return Answer::no("Anonymous login is not permitted").into();
        }
        let trace = password.get(..ANONYMOUS_TRACE_OCTETS).unwrap_or(password);
        log::login_anonymous(&session.clienthost, trace);
        (userid, "Anonymous access granted".to_owned())
    } else if session.imapd.options.no_password_check {
        log_login(session, &userid, "nopassword", is_tls);
        (userid, session_id)
    } else {
        let checked = session.imapd.sasl.check_password(&userid, password);
        match checked {
            Ok(success) => {
                log_login(session, &success.userid, "plaintext", is_tls);
                if !is_tls {
                    pause(session, Opt::Plaintextloginpause);
                    session.alert = session.imapd.config.string(Opt::Plaintextloginalert).map(str::to_owned);
                }
                (success.userid, session_id)
            }
            Err(failure) => return refused(session, &userid, &failure).into(),
        }
    };
    if let Some(refusal) = check_limits(session, &userid) {
        return refusal.into();
    }
    set_user(session, &userid);
    let capabilities = capability::list(session, capability::Depth::Full);
    let answer = Answer::ok(text).with_code([b"CAPABILITY ".as_slice(), &capabilities].concat());
    start(session);
    answer.into()
}

fn refused(session: &mut Session<'_>, userid: &[u8], failure: &Failure) -> Answer {
    let (code, text, detail) = match failure {
        Failure::Refused { code, text, detail, .. } => (*code, text.clone(), detail.clone()),
        Failure::Cancelled | Failure::BadBase64 => (-1, "generic failure".to_owned(), String::new()),
        Failure::Stream(error) => (-1, "generic failure".to_owned(), error.to_string()),
    };
    log::badlogin(&session.clienthost, "plaintext", Some(userid), &detail);
    pause(session, Opt::Failedloginpause);
    Answer::no(format!("Login failed: {}", refusal_text(code, &text)))
}

/// What the client is told of libsasl's refusal: not that the user is unknown.
pub(super) fn refusal_text(code: i32, text: &str) -> String {
    if code == NO_USER.0 { NO_USER.1.to_owned() } else { text.to_owned() }
}

/// Whether nothing may be tried before STARTTLS (`tls_required`).
pub(super) fn needs_layer(session: &Session<'_>) -> bool {
    session.imapd.config.switch(Opt::TlsRequired) && session.stream.tls().is_none()
}

/// Whether no password may be sent before STARTTLS (`tls_required`, `allowplaintext`).
pub fn needs_layer_for_password(session: &Session<'_>) -> bool {
    needs_layer(session) || !session.imapd.sasl.plaintext_allowed()
}

/// Waits as an option says, to slow down guessing.
pub(super) fn pause(session: &Session<'_>, option: Opt) {
    let seconds = session.imapd.config.duration_s(option);
    if let Ok(seconds @ 1..) = u64::try_from(seconds) {
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

/// The `login:` line; a magic plus stands behind the userid.
pub(super) fn log_login(session: &Session<'_>, userid: &[u8], mechanism: &str, is_tls: bool) {
    let facts = session.imapd.facts.borrow();
    let plus = facts.magicplus.as_deref().unwrap_or_default();
    let userid = [userid, plus].concat();
    log::login(&session.clienthost, &userid, mechanism, is_tls, &session.id);
}

/// `maxlogins_per_host`, `maxlogins_per_user`: the refusal when one is reached. C: checklimits()
pub(super) fn check_limits(session: &Session<'_>, userid: &[u8]) -> Option<Answer> {
    let host = &session.clienthost;
    let reached = proc::check_limits(&session.imapd.config, host.as_bytes(), userid).err()?;
    let text = reached.sentence(host, userid);
    log::write(Priority::Err, format_args!("{text}"));
    Some(Answer::no(text))
}

/// Somebody's rights and names.
pub(super) fn user(config: &Config, userid: &[u8]) -> User {
    let auth = AuthState::new(config, userid);
    let viewer = if auth.is_admin() { Viewer::Admin } else { Viewer::User };
    User { auth, namespace: namespace::namespace(config, viewer) }
}

/// From now on the session is this user's.
pub(super) fn set_user(session: &mut Session<'_>, userid: &[u8]) {
    session.user = Some(user(&session.imapd.config, userid));
    session.magicplus = session.imapd.facts.borrow_mut().magicplus.take();
}

/// What happens first in a session that is logged in. C: authentication_success()
pub(super) fn start(session: &mut Session<'_>) {
    let Some(user) = &session.user else { return };
    let userid = String::from_utf8_lossy(user.auth.userid()).into_owned();
    let telemetry = Telemetry::open(&session.imapd.config, &userid, &session.id);
    session.stream.set_telemetry(telemetry);
    session.tell_access(EventKind::Login);
    create::autocreate_inbox(session);
}
