//! Events become payloads, payloads go to the notify socket.
//!
//! DIAGNOSTICS: `NOTIFY(EVENT): ...` (ERR), by the notifier.

use super::fill::Place;
use super::rules::Rules;
use super::{Event, EventKind, Param, Value, json, url};
use crate::catalog::Catalog;
use crate::counters::Counters;
use crate::mailbox::Location;
use cyrus_base::config::{Config, Opt};
use cyrus_net::local::{Notification, Notifier, Patience, Sent};
use cyrus_sys::time;
use cyrus_util::datetime::print_iso8601_local;
use cyrus_util::ids::UidValidity;
use cyrus_util::mboxname::{MboxName, Namespace};
use cyrus_util::seqset::SeqSet;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// Payloads kept while the socket takes no more; beyond these the oldest are lost.
const WAITING_MAX: usize = 4096;

/// How long one flush waits for notifyd.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells events. One per process, in the [`Catalog`], where `event_notifier` is set.
#[derive(Debug)]
pub struct Reporter {
    notifier: Notifier,
    method: String,
    service: String,
    servername: String,
    rules: Arc<Rules>,
    namespace: Namespace,
    session: Mutex<Session>,
    waiting: Mutex<VecDeque<Payload>>,
}

/// In whose name events are told.
#[derive(Clone, Debug, Default)]
struct Session {
    id: String,
    client_id: Vec<u8>,
}

/// A payload, and what is told when it does not fit into a datagram.
#[derive(Debug)]
struct Payload {
    text: String,
    without_content: Option<String>,
}

impl Reporter {
    /// The reporter of a configuration; none without `event_notifier`.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let method = config.string(Opt::EventNotifier)?.to_owned();
        Some(Self {
            notifier: Notifier::new(config),
            method,
            service: config.service().to_owned(),
            servername: config.servername().to_owned(),
            rules: Arc::new(Rules::new(config)),
            namespace: cyrus_auth::namespace::admin_namespace(config),
            session: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    pub(crate) fn serve(&self, session: &str) {
        let mut facts = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        *facts = Session { id: session.to_owned(), client_id: Vec::new() };
    }

    fn begin(&self, kind: EventKind) -> Option<Event> {
        self.rules.is_told(kind).then(|| Event::new(kind, Arc::clone(&self.rules)))
    }

    /// Makes the payloads of an event, one or, where flags were set, up to three, and queues them.
    /// C: `mboxevent_notify()`
    fn queue(&self, mut event: Event) {
        if event.is_void() {
            return;
        }
        self.complete(&mut event);
        loop {
            let kind = self.take_kind(&mut event);
            if !event.flags.is_empty() && !matches!(kind, EventKind::MessageTrash | EventKind::MessageRead) {
                let flags = std::mem::take(&mut event.flags).join(&b' ');
                event.set(Param::FlagNames, Value::Text(flags));
            }
            self.queue_payload(kind, &event);
            if event.flags.is_empty() {
                return;
            }
        }
    }

    /// RFC 5423 4.2 prefers `MessageTrash` and `MessageRead` to `FlagsSet`.
    fn take_kind(&self, event: &mut Event) -> EventKind {
        if event.kind != EventKind::FlagsSet {
            return event.kind;
        }
        let kinds = [
            (b"\\Deleted".as_slice(), EventKind::MessageTrash),
            (b"\\Seen".as_slice(), EventKind::MessageRead),
        ];
        for (flag, kind) in kinds {
            if let Some(at) = event.flags.iter().position(|each| each == flag) {
                event.flags.remove(at);
                return kind;
            }
        }
        event.kind
    }

    fn complete(&self, event: &mut Event) {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        event.set(Param::Pid, Value::Int(i64::from(std::process::id())));
        event.set(Param::ServerFqdn, Value::Text(self.servername.clone().into_bytes()));
        if event.wants(Param::Timestamp) {
            let text = timestamp(event.at.duration_since(UNIX_EPOCH).unwrap_or_default());
            event.set(Param::Timestamp, Value::Text(text.into_bytes()));
        }
        let texts = [
            (Param::Service, self.service.as_bytes()),
            (Param::SessionId, session.id.as_bytes()),
            (Param::FastmailSessionId, session.id.as_bytes()),
            (Param::ClientId, session.client_id.as_slice()),
        ];
        for (param, text) in texts {
            if event.wants(param) {
                event.set(param, Value::Text(text.to_vec()));
            }
        }
        for (param, uids) in [(Param::UidSet, &event.uids), (Param::OldUidset, &event.old_uids)] {
            if !uids.is_empty() {
                let mut uids = uids.clone();
                uids.sort_unstable();
                let text = SeqSet::from_sorted(uids).to_string();
                event.params.insert(param, Value::Text(text.into_bytes()));
            }
        }
        if !event.message_ids.is_empty() {
            event.set(Param::MidSet, Value::List(event.message_ids.clone()));
        }
    }

    fn queue_payload(&self, kind: EventKind, event: &Event) {
        let print = |skipped: Option<Param>| {
            let params = event.params.iter().filter(|(param, _)| Some(**param) != skipped);
            json::print(kind.name(), params.map(|(param, value)| (*param, value)))
        };
        let content = Param::MessageContent;
        let payload = Payload {
            text: print(None),
            without_content: event.params.contains_key(&content).then(|| print(Some(content))),
        };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            waiting.pop_front();
        }
        waiting.push_back(payload);
        self.send(&mut waiting, Patience::None);
    }

    /// Sends what waits, in order, as far as the socket takes it.
    fn send(&self, waiting: &mut VecDeque<Payload>, patience: Patience) {
        let notification = |text: &str| -> Sent {
            let notification = Notification {
                method: self.method.as_bytes(),
                class: b"EVENT",
                message: text.as_bytes(),
                ..Notification::default()
            };
            self.notifier.notify(&notification, patience)
        };
        while let Some(payload) = waiting.front() {
            let fitting = match &payload.without_content {
                Some(shorter) if !self.notifier.fits(self.method.len() + payload.text.len()) => shorter,
                _ => &payload.text,
            };
            match notification(fitting) {
                Sent::Later => return,
                Sent::Yes | Sent::Never => waiting.pop_front(),
            };
        }
    }
}

/// Local time with milliseconds. C: `timeval_to_iso8601()`
fn timestamp(since_epoch: Duration) -> String {
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(0);
    let text = print_iso8601_local(seconds, i64::from(time::local(seconds).utc_offset_s));
    let (head, zone) = text.split_at_checked("2006-01-02T15:04:05".len()).unwrap_or((&text, ""));
    format!("{head}.{:03}{zone}", since_epoch.subsec_millis())
}

impl Catalog {
    /// Begins an event; none where nobody wants to hear of its kind. C: `mboxevent_new()`
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Option<Event> {
        self.reporter()?.begin(kind)
    }

    /// The counters of the owner of a mailbox, where an event that is told after a commit is to
    /// have those from before it, as C has it.
    pub(crate) fn counters_for_events(&self, name: &MboxName) -> Option<Counters> {
        let rules = &self.reporter()?.rules;
        if rules.wants(EventKind::FlagsSet, Param::Counters)
            || rules.wants(EventKind::FlagsSet, Param::JmapStates)
        {
            return self.read_counters(name).ok();
        }
        None
    }

    /// Whether any events are told.
    #[must_use]
    pub fn tells_events(&self) -> bool {
        self.reporter().is_some()
    }

    /// Tells an event, now or as soon as the socket takes it. C: `mboxevent_notify()`
    pub fn report(&self, event: Event) {
        if let Some(reporter) = self.reporter() {
            reporter.queue(event);
        }
    }

    /// Tells events about a mailbox as it is now.
    pub(crate) fn report_of(&self, place: &Place<'_>, mut event: Event) {
        event.set_mailbox(self, place);
        self.report(event);
    }

    /// Waits until the socket took all that there is to tell, or lets it go after some seconds.
    /// To be called where no lock is held.
    pub fn flush_events(&self) {
        let Some(reporter) = self.reporter() else { return };
        let mut waiting = reporter.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.is_empty() {
            reporter.send(&mut waiting, Patience::Wait(PATIENCE));
            waiting.clear();
        }
    }

    /// What the client of this session calls itself (XMEID). C: `mboxevent_set_client_id()`
    pub fn set_event_client(&self, id: &[u8]) {
        if let Some(reporter) = self.reporter() {
            let mut session = reporter.session.lock().unwrap_or_else(PoisonError::into_inner);
            session.client_id = id.to_vec();
        }
    }

    pub(super) fn event_url(
        &self,
        mailbox: Option<&MboxName>,
        uidvalidity: Option<UidValidity>,
        uid: Option<u32>,
    ) -> Vec<u8> {
        let Some(reporter) = self.reporter() else { return Vec::new() };
        let name = mailbox.map(|name| reporter.namespace.to_external(name, None).unwrap_or_default());
        url::print(&reporter.servername, name.as_deref(), uidvalidity, uid)
    }

    /// Whether events of a mailbox are told (`event_exclude_specialuse`).
    /// C: `mboxevent_enabled_for_mailbox()`
    pub(super) fn tells_of(&self, name: &MboxName, location: &Location) -> bool {
        let Some(reporter) = self.reporter() else { return false };
        let rules = &reporter.rules;
        if rules.only_inboxes && !name.is_user_inbox(self.rules()) {
            return false;
        }
        if rules.excluded_uses.is_empty() {
            return true;
        }
        let entry = crate::mboxlist::MbEntry {
            name: name.clone(),
            uniqueid: Some(location.uniqueid.clone()),
            ..crate::mboxlist::MbEntry::default()
        };
        let uses = self.special_uses(&entry).unwrap_or_default();
        !uses.iter().any(|each| rules.excluded_uses.iter().any(|word| word.as_bytes() == each))
    }

    /// A session that logged in or out. C: `authentication_success()`
    pub fn report_session(
        &self,
        kind: EventKind,
        addresses: Option<(std::net::SocketAddr, std::net::SocketAddr)>,
        userid: &[u8],
    ) {
        let Some(mut event) = self.event(kind) else { return };
        event.set_session(addresses, userid);
        let url = self.event_url(None, None, None);
        event.set(Param::Uri, Value::Text(url));
        self.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        let text = timestamp(Duration::from_millis(1_669_000_000_042));
        assert!(text.contains(".042"), "{text}");
        assert_eq!(text.find(".042"), Some(19));
    }
}
