//! USER and PASS, APOP, AUTH and STLS, and what every login ends with (RFC 1939 7, RFC 2595 4, RFC 5034).
//!
//! DIAGNOSTICS: `login: ...`, `badlogin: ...` (NOTICE), `Unable to open maildrop NAME: ...` (INFO, ERR),
//! `NAME: Logins must be at least N minutes apart` (ERR), `Too many open connections (...)` (ERR),
//! `[pop3d] STARTTLS failed: HOST`, `pop3s failed: HOST` (NOTICE).

use crate::maildrop::{Maildrop, Refusal, authorize_maildrop};
use crate::session::Session;
use libcyrus::auth::{AuthState, Op};
use libcyrus::autocreate::Autocreate;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::sasl::{Canonical, Dialect, Failure, Peer};
use libcyrus::net::telemetry::Telemetry;
use libcyrus::net::{Error, tls};
use libcyrus::service::proc;
use libcyrus::store;
use libcyrus::store::event::EventKind;
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::util::mboxname::{MboxName, Parts};
use std::time::Duration;

/// SASL_NOUSER and the text it is shown as, so that nobody can try user names.
const NO_USER: (i32, &str) = (-20, "authentication failure");

/// How long a client waits whose maildrop cannot be opened. C: openinbox()
const UNOPENED_PAUSE: Duration = Duration::from_secs(3);

/// How long the handshake of a TLS port may take.
const HANDSHAKE_AT_ONCE: Duration = Duration::from_secs(180);

/// Longest trace of an anonymous user that is logged.
const ANONYMOUS_TRACE_OCTETS: usize = 500;

/// Longest internal name; a user's INBOX is `user.` and her name. C: MAX_MAILBOX_BUFFER
const NAME_OCTETS: usize = 1024;

/// Tells libsasl of the connection as it is now.
pub fn set_peer(session: &mut Session<'_>) {
    let tls = session.stream.tls();
    session.ssf = tls.map_or(0, |info| info.bits);
    let peer = Peer {
        addresses: session.addresses,
        external_ssf: tls.map_or(session.pop3d.options.external_ssf, |info| info.bits),
        external_id: tls.and_then(|info| info.peer_cn.clone()),
    };
    session.pop3d.sasl.set_peer(peer);
    let local = session.addresses.map(|(local, _)| local);
    let domain = Canonical::from_config(&session.pop3d.config, local).domain_from_ip;
    session.pop3d.facts.borrow_mut().local_domain = domain.map(String::into_bytes);
}

/// USER.
pub fn user(session: &mut Session<'_>, name: &[u8]) {
    if session.needs_layer() || !session.pop3d.sasl.plaintext_allowed() {
        return session.err("[AUTH] USER command only available under a layer");
    }
    if session.pending.is_some() {
        return session.err("[AUTH] Must give PASS command");
    }
    session.pop3d.facts.borrow_mut().magicplus = None;
    match session.pop3d.policy.canon_user(name).filter(|userid| is_mailbox_user(session, userid)) {
        Some(userid) => {
            session.pending = Some(userid);
            session.stream.write(b"+OK Name is a valid mailbox\r\n");
        }
        None => {
            log::badlogin_invalid_user(&session.clienthost, name);
            session.err("[AUTH] Invalid user");
        }
    }
}

/// A dot is no part of a name where it separates mailboxes, but may be part of the domain.
fn is_mailbox_user(session: &Session<'_>, userid: &[u8]) -> bool {
    let options = session.pop3d.namespace.options();
    let at = userid.iter().position(|&b| b == b'@').filter(|_| options.virtdomains.is_on());
    let local = userid.get(..at.unwrap_or(userid.len())).unwrap_or_default();
    userid.len() + 6 < NAME_OCTETS && !(session.pop3d.namespace.hiersep() == b'.' && local.contains(&b'.'))
}

/// PASS.
pub fn pass(session: &mut Session<'_>, password: &[u8]) {
    let Some(userid) = session.pending.clone() else {
        return session.err("[AUTH] Must give USER command");
    };
    if userid == b"anonymous" {
        if !session.pop3d.config.switch(Opt::Allowanonymouslogin) {
            log::badlogin_anonymous(&session.clienthost);
            return session.err("[AUTH] Invalid login");
        }
        log::login_anonymous(&session.clienthost, password.get(..ANONYMOUS_TRACE_OCTETS).unwrap_or(password));
        open(session, userid);
        return;
    }
    let checked = session.pop3d.sasl.check_password(&userid, password);
    match checked {
        Ok(success) => {
            log_login(session, &success.userid, "plaintext");
            if session.stream.tls().is_none() {
                session.pause(Opt::Plaintextloginpause);
            }
            open(session, success.userid);
        }
        Err(failure) => {
            let detail = match failure {
                Failure::Refused { detail, .. } => detail,
                Failure::Stream(error) => error.to_string(),
                Failure::Cancelled | Failure::BadBase64 => String::new(),
            };
            log::badlogin(&session.clienthost, "plaintext", Some(&userid), &detail);
            session.pause(Opt::Failedloginpause);
            session.err("[AUTH] Invalid login");
            forget(session);
        }
    }
}

/// APOP.
pub fn apop(session: &mut Session<'_>, response: &[u8]) {
    if session.needs_layer() {
        return session.err("[AUTH] APOP command only available under a layer");
    }
    if session.pending.is_some() {
        return session.err("[AUTH] Must give PASS command");
    }
    session.pop3d.facts.borrow_mut().magicplus = None;
    let challenge = session.challenge.clone().unwrap_or_default();
    let checked = session.pop3d.sasl.check_apop(challenge.as_bytes(), response);
    match checked {
        Ok(success) => {
            log_login(session, &success.userid, "APOP");
            open(session, success.userid);
        }
        Err(failure) => {
            let (text, detail) = match failure {
                Failure::Refused { code, text, detail, .. } => (refusal_text(code, text), detail),
                _ => ("generic failure".to_owned(), String::new()),
            };
            log::write(
                Priority::Notice,
                format_args!("badlogin: {} APOP ({challenge}) {detail}", session.clienthost),
            );
            session.pause(Opt::Failedloginpause);
            session.err(&format!("[AUTH] authenticating: {text}"));
            forget(session);
        }
    }
}

/// AUTH.
///
/// # Errors
/// When the connection is lost.
pub fn auth(session: &mut Session<'_>, arguments: Option<(Vec<u8>, Option<Vec<u8>>)>) -> Result<(), Error> {
    if session.needs_layer() {
        session.err("[AUTH] AUTH command only available under a layer");
        return Ok(());
    }
    let Some((mechanism, initial)) = arguments else {
        let mut out = String::from("+OK List of supported mechanisms follows\r\n");
        for name in session.pop3d.sasl.mechanisms().unwrap_or_default() {
            out.push_str(&format!("{name}\r\n"));
        }
        out.push_str(".\r\n");
        session.stream.write(out.as_bytes());
        return Ok(());
    };
    session.pop3d.facts.borrow_mut().magicplus = None;
    let name = String::from_utf8_lossy(&mechanism).into_owned();
    let sasl = &mut session.pop3d.sasl;
    match sasl.authenticate(&mut session.stream, &name, initial.as_deref(), &Dialect::IMAP) {
        Ok(success) => {
            log_login(session, &success.userid, &name);
            if open(session, success.userid) {
                session.ssf = session.ssf.max(success.ssf);
                session.stream.flush()?;
                session.pop3d.sasl.install_layer(&mut session.stream)?;
            }
            Ok(())
        }
        Err(Failure::Stream(error)) => Err(error),
        Err(failure) => {
            refused(session, &name, failure);
            forget(session);
            Ok(())
        }
    }
}

fn refused(session: &mut Session<'_>, mechanism: &str, failure: Failure) {
    match failure {
        Failure::Cancelled => session.err("[AUTH] Client canceled authentication"),
        Failure::Refused { code, text, userid, .. } => {
            let shown = userid.filter(|_| code != NO_USER.0);
            let shown = shown.as_deref().unwrap_or(b"-notset-");
            log::badlogin(&session.clienthost, mechanism, Some(shown), &text);
            session.pause(Opt::Failedloginpause);
            session.err(&format!("[AUTH] authenticating: {}", refusal_text(code, text)));
        }
        Failure::BadBase64 => {
            // What C says: libsasl was asked nothing yet.
            let text = "another step is needed in authentication";
            log::badlogin(&session.clienthost, mechanism, Some(b"-notset-"), text);
            session.pause(Opt::Failedloginpause);
            session.err(&format!("[AUTH] authenticating: {text}"));
        }
        Failure::Stream(_) => session.err("[AUTH] Error reading client response: "),
    }
}

fn refusal_text(code: i32, text: String) -> String {
    if code == NO_USER.0 { NO_USER.1.to_owned() } else { text }
}

/// The login did not come to anything.
fn forget(session: &mut Session<'_>) {
    session.pending = None;
    session.pop3d.facts.borrow_mut().magicplus = None;
}

/// The `login:` line; the subfolder stands behind the userid.
fn log_login(session: &Session<'_>, userid: &[u8], mechanism: &str) {
    let facts = session.pop3d.facts.borrow();
    let userid = [userid, facts.magicplus.as_deref().unwrap_or_default()].concat();
    log::login(&session.clienthost, &userid, mechanism, session.stream.tls().is_some(), &session.id);
}

/// Opens the maildrop and answers; true when the user is logged in. C: openinbox()
fn open(session: &mut Session<'_>, userid: Vec<u8>) -> bool {
    let auth = AuthState::new(&session.pop3d.config, &userid);
    let subfolder = session.pop3d.facts.borrow().magicplus.clone();
    let name = maildrop_name(session, &userid, subfolder.as_deref());
    session.pop3d.catalog.report_session(EventKind::Login, session.addresses, &userid);
    let opened = try_open(session, &auth, &name);
    let maildrop = match opened {
        Ok(maildrop) => maildrop,
        Err(text) => {
            session.err(&text);
            forget(session);
            return false;
        }
    };
    if let Err(reached) = proc::check_limits(&session.pop3d.config, session.clienthost.as_bytes(), &userid) {
        let text = reached.sentence(&session.clienthost, &userid);
        log::write(Priority::Err, format_args!("{text}"));
        session.err(&text);
        forget(session);
        return false;
    }
    let shown = String::from_utf8_lossy(&userid).into_owned();
    session.stream.set_telemetry(Telemetry::open(&session.pop3d.config, &shown, &session.id));
    session.stream.write(format!("+OK Mailbox locked and ready SESSIONID=<{}>\r\n", session.id).as_bytes());
    session.maildrop = maildrop;
    session.user = Some(auth);
    session.pending = None;
    true
}

/// The user's INBOX, or the folder of it that `popsubfolders` names.
fn maildrop_name(session: &Session<'_>, userid: &[u8], subfolder: Option<&[u8]>) -> MboxName {
    let namespace = &session.pop3d.namespace;
    let mut parts = Parts::from_userid(userid, namespace.rules());
    if let Some(folder) = subfolder.and_then(|text| text.strip_prefix(b"+")).filter(|text| !text.is_empty()) {
        parts.boxes = folder.split(|&b| b == namespace.hiersep()).map(<[u8]>::to_vec).collect();
    }
    parts.to_name(namespace.rules())
}

/// The maildrop, `None` for an empty one that need not be opened, or the text that refuses it.
fn try_open(
    session: &mut Session<'_>,
    auth: &AuthState,
    name: &MboxName,
) -> Result<Option<Maildrop>, String> {
    let pop3d = &mut *session.pop3d;
    let shown = log::printable(name.as_bytes(), 490);
    let entry = match find(pop3d, auth, name) {
        Ok(entry) => entry,
        Err(error) => {
            std::thread::sleep(UNOPENED_PAUSE);
            let text = error.sentence();
            log::write(Priority::Info, format_args!("Unable to open maildrop {shown}: {text}"));
            return Err(format!("[SYS/TEMP] Unable to open maildrop: {text}"));
        }
    };
    if entry.mbtype.is_remote() {
        log::write(Priority::Err, format_args!("couldn't authenticate to backend server"));
        return Err("Authentication to backend server failed".to_owned());
    }
    match Maildrop::open(pop3d, auth, &entry) {
        Ok(maildrop) => Ok(maildrop),
        Err(Refusal::TooEarly(seconds)) => {
            let minutes = seconds / 60;
            let text = format!(
                "Logins must be at least {minutes} minute{} apart",
                if minutes > 1 { "s" } else { "" }
            );
            log::write(Priority::Err, format_args!("{shown}: {text}"));
            Err(format!("[LOGIN-DELAY] {text}"))
        }
        Err(Refusal::Unopened(error)) => {
            std::thread::sleep(UNOPENED_PAUSE);
            let text = error.sentence();
            log::write(Priority::Err, format_args!("Unable to open maildrop {shown}: {text}"));
            Err(format!("[SYS/PERM] Unable to open maildrop: {text}"))
        }
    }
}

/// The entry of the maildrop, through the gate; a first login makes the INBOX.
fn find(pop3d: &crate::process::Pop3d, auth: &AuthState, name: &MboxName) -> store::Result<MbEntry> {
    let entry = match pop3d.catalog.lookup(name) {
        Err(store::Error::NotFound) => {
            let inbox = MboxName::user_inbox(auth.userid(), pop3d.catalog.rules());
            if *name != inbox && pop3d.catalog.lookup(&inbox).is_ok() {
                // A folder that is not there; what C's attempt to make the INBOX once more says.
                return Err(store::Error::Exists);
            }
            let (catalog, store, namespace) = (&pop3d.catalog, &pop3d.store, &pop3d.namespace);
            Autocreate { catalog, store, auth, namespace }.user()?;
            pop3d.catalog.lookup(name)?
        }
        found => found?,
    };
    let _: libcyrus::auth::Granted = authorize_maildrop(pop3d, auth, Op::Read, &entry)?;
    if entry.mbtype.is_deleted() {
        return Err(store::Error::NotFound);
    }
    if entry.mbtype.is_reserved() {
        return Err(store::Error::Reserved);
    }
    if entry.mbtype.is_moving() {
        return Err(store::Error::Moved);
    }
    Ok(entry)
}

/// STLS.
///
/// # Errors
/// When the connection is lost.
pub fn stls(session: &mut Session<'_>) -> Result<(), Error> {
    if session.stream.tls().is_some() {
        session.err("Already successfully executed STLS");
        return Ok(());
    }
    if !load(session) {
        session.err("[SYS/PERM] Error initializing TLS");
        return Ok(());
    }
    // Whatever was sent behind STLS in the clear is dropped.
    let early = session.stream.buffered().len();
    session.stream.consume(early);
    session.stream.write(b"+OK Begin TLS negotiation now\r\n");
    session.stream.flush()?;
    if !shake_hands(session, session.timeout()) {
        log::write(Priority::Notice, format_args!("[pop3d] STARTTLS failed: {}", session.clienthost));
        session.err("[SYS/PERM] Starttls failed");
    }
    Ok(())
}

/// TLS before the greeting (`-s`); false when the connection is to end.
pub fn tls_at_once(session: &mut Session<'_>) -> bool {
    if !load(session) {
        return false;
    }
    let is_done = shake_hands(session, HANDSHAKE_AT_ONCE);
    if !is_done {
        log::write(Priority::Notice, format_args!("pop3s failed: {}", session.clienthost));
    }
    is_done
}

/// Certificates and keys, read once.
fn load(session: &mut Session<'_>) -> bool {
    if session.pop3d.tls.is_none() {
        session.pop3d.tls = tls::Server::from_config(&session.pop3d.config).ok();
    }
    if session.pop3d.tls.is_none() {
        log::write(Priority::Err, format_args!("[pop3d] error initializing TLS"));
    }
    session.pop3d.tls.is_some()
}

fn shake_hands(session: &mut Session<'_>, timeout: Duration) -> bool {
    let Some(server) = &session.pop3d.tls else { return false };
    if session.stream.start_tls(server, timeout).is_err() {
        return false;
    }
    set_peer(session);
    true
}
