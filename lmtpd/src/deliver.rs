//! One message to its recipients (C: deliver(), deliver_local(), deliver_mailbox()).
//!
//! A folder that is not there, or may not be posted to, is replaced by the INBOX. What is
//! acknowledged is durable: docs/durability.md.
//!
//! DIAGNOSTICS: `Delivered: ID to mailbox: NAME`; dupelim lines from the store; a notice where a
//! user has an active Sieve script, because scripts are not run yet.

use crate::process::Lmtpd;
use crate::recipient::{Recipient, Sender, denied, fuzzy_match};
use crate::reply::Refusal;
use crate::spool::Spooled;
use libcyrus::auth::{Granted, Op, Target, authorize};
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::net::local::{IdleMessage, Notification, Patience};
use libcyrus::store::Error;
use libcyrus::store::append::{
    self, AppendParams, BatchOptions, Delivered, DeliveryBatch, MessageKey, Outcome, QuotaCheck,
};
use libcyrus::store::lock::Mode;
use libcyrus::store::mailbox::{Cleanup, Location, QuotaUse};
use libcyrus::store::mboxlist::{MbEntry, MbKind};
use libcyrus::util::datetime::parse_rfc5322;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::{MboxName, Parts, id_dir};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

/// How long `mailnotifier` waits for room in the notify socket.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(5);

/// One message on its way to its recipients.
struct Delivery<'d> {
    lmtpd: &'d Lmtpd,
    sender: &'d Sender,
    batch: DeliveryBatch,
    message_id: Vec<u8>,
    internaldate: UnixTime,
    octets: i64,
    notice: Vec<u8>,
    cleanups: Vec<Location>,
}

/// Whose right to post is asked for.
#[derive(Clone, Copy)]
enum Gate {
    /// The sender's.
    Sender,
    /// Nobody's: everybody may send to an INBOX.
    Open,
}

/// What delivering came to.
pub struct Report {
    /// One result for each recipient.
    pub results: Vec<Result<(), Refusal>>,
    /// Mailboxes to tidy up when nobody waits.
    pub cleanups: Vec<Location>,
}

/// Delivers to all recipients; the results are in their order.
pub fn deliver(
    lmtpd: &Lmtpd,
    session: &str,
    spooled: Spooled,
    received_at: UnixTime,
    sender: &Sender,
    recipients: &[Recipient],
) -> Report {
    lmtpd.catalog.audit_as(session);
    let settings = &lmtpd.settings;
    let asked = spooled.notes.internaldate.as_deref().and_then(parse_rfc5322);
    let octets = i64::from(spooled.staged.parsed().size);
    let duplicates = settings
        .suppresses_duplicates
        .then(|| MessageKey { id: spooled.message_id.clone(), date: spooled.date.clone() });
    let options = BatchOptions {
        duplicates,
        copies: !settings.single_instance,
        expected: recipients.len(),
        audit_session: settings.auditlog.then(|| session.to_owned()),
    };
    let mut delivery = Delivery {
        lmtpd,
        sender,
        batch: DeliveryBatch::new(&lmtpd.store, spooled.staged, options),
        message_id: spooled.message_id,
        internaldate: asked.map_or(received_at, UnixTime),
        octets,
        notice: spooled.notes.for_notifier.concat(),
        cleanups: Vec::new(),
    };
    let results = recipients.iter().map(|recipient| delivery.bring_to_recipient(recipient)).collect();
    delivery.batch.finish();
    lmtpd.catalog.flush_events();
    Report { results, cleanups: delivery.cleanups }
}

impl Delivery<'_> {
    fn bring_to_recipient(&mut self, recipient: &Recipient) -> Result<(), Refusal> {
        let rules = self.lmtpd.catalog.rules();
        let parts = &recipient.parts;
        let Some(userid) = parts.userid() else {
            let name = parts.to_name(rules);
            return self.bring_to_mailbox(&name, recipient, None, Gate::Sender);
        };
        self.tell_of_sieve(&recipient.entry, &userid);
        if !parts.boxes.is_empty() {
            let mut done =
                self.bring_to_mailbox(&parts.to_name(rules), recipient, Some(&userid), Gate::Sender);
            let is_missing = matches!(done, Err(Refusal::Store(Error::NotFound)));
            if is_missing && self.lmtpd.settings.matches_fuzzily {
                if let Some(found) = fuzzy_match(&self.lmtpd.catalog, parts)? {
                    done =
                        self.bring_to_mailbox(&found.to_name(rules), recipient, Some(&userid), Gate::Sender);
                }
            }
            if done.is_ok() {
                return done;
            }
        }
        let inbox = MboxName::user_inbox(&userid, rules);
        self.bring_to_mailbox(&inbox, recipient, Some(&userid), Gate::Open)
    }

    fn bring_to_mailbox(
        &mut self,
        name: &MboxName,
        recipient: &Recipient,
        userid: Option<&[u8]>,
        gate: Gate,
    ) -> Result<(), Refusal> {
        let lmtpd = self.lmtpd;
        let catalog = &lmtpd.catalog;
        let owner = name.owner(catalog.rules());
        let lock = lmtpd.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        let entry = catalog.lookup(name)?;
        if entry.mbtype.is_remote() {
            return Err(Refusal::Remote);
        }
        if !matches!(entry.mbtype.kind, MbKind::Email | MbKind::Netnews) {
            return Err(Error::NotSupported.into());
        }
        self.check_special_use(&entry)?;
        if let Gate::Sender = gate {
            let acl = entry.acl();
            let target = Target { acl: &acl, owner: owner.as_deref() };
            let _: Granted = authorize(&self.sender.auth, Op::Post, &target).map_err(denied)?;
        }
        let location = catalog.location(&entry)?;
        let quota = if recipient.ignores_quota {
            QuotaCheck::Skip
        } else if lmtpd.settings.strict_quota {
            QuotaCheck::Room(QuotaUse { storage_octets: self.octets, messages: 1, annotation_octets: 0 })
        } else {
            QuotaCheck::Room(QuotaUse::default())
        };
        let actor = match gate {
            Gate::Open => userid.unwrap_or_default().to_vec(),
            Gate::Sender => self.sender.auth.userid().to_vec(),
        };
        let target = append::Target {
            location,
            params: AppendParams { internaldate: self.internaldate, ..AppendParams::default() },
            userid: actor,
            quota,
        };
        let outcome = self.batch.deliver_one(&target)?;
        drop(lock);
        if let Outcome::Delivered(delivered) = outcome {
            self.tell(&target.location, *delivered);
        }
        if let (Some(userid), Some(_)) = (userid, &lmtpd.notifier) {
            self.notify(userid, name, owner.as_deref());
        }
        Ok(())
    }

    /// Folders of certain special uses take no deliveries. An INBOX never has one.
    fn check_special_use(&self, entry: &MbEntry) -> Result<(), Refusal> {
        let excluded = &self.lmtpd.settings.excluded_special_uses;
        let rules = self.lmtpd.catalog.rules();
        if excluded.is_empty() || !entry.name.is_user_mailbox(rules) || entry.name.is_user_inbox(rules) {
            return Ok(());
        }
        let uses = self.lmtpd.catalog.special_uses(entry)?;
        let is_excluded = |one: &Vec<u8>| excluded.iter().any(|each| each.eq_ignore_ascii_case(one));
        if uses.iter().any(is_excluded) { Err(Error::SpecialUse.into()) } else { Ok(()) }
    }

    /// All who must hear of a new message do.
    fn tell(&mut self, location: &Location, delivered: Delivered) {
        let name = location.name.as_bytes();
        log::write(
            Priority::Info,
            format_args!(
                "Delivered: {} to mailbox: {}",
                log::printable(&self.message_id, 1024),
                log::printable(name, 1024)
            ),
        );
        let catalog = &self.lmtpd.catalog;
        catalog.forget_status(&location.name);
        catalog.sync_log(&[b"MAILBOX", name]);
        if delivered.changed.appended > 0 {
            catalog.sync_log(&[b"APPEND", name]);
        }
        if let Some(idle) = &self.lmtpd.idle {
            idle.send(IdleMessage::Notify, name);
        }
        if let Cleanup::Wanted(location) = delivered.cleanup {
            self.cleanups.push(*location);
        }
    }

    /// Option `mailnotifier`.
    fn notify(&self, userid: &[u8], name: &MboxName, owner: Option<&[u8]>) {
        let (Some(notifier), Some(method)) = (&self.lmtpd.notifier, &self.lmtpd.settings.notifier) else {
            return;
        };
        let rules = self.lmtpd.catalog.rules();
        let inbox = MboxName::user_inbox(userid, rules);
        let shown = if owner == Some(userid) { &inbox } else { name };
        let mailbox = self.lmtpd.namespace.to_external(shown, Some(userid)).unwrap_or_default();
        let notification = Notification {
            method: method.as_bytes(),
            class: b"MAIL",
            user: userid,
            mailbox: &mailbox,
            message: &self.notice,
            ..Notification::default()
        };
        notifier.notify(&notification, Patience::Wait(NOTIFY_PATIENCE));
    }

    /// Scripts are not run yet; whoever has one hears of it in the log (docs/deviations.md).
    fn tell_of_sieve(&self, inbox: &MbEntry, userid: &[u8]) {
        if std::fs::symlink_metadata(self.active_script(inbox, userid)).is_ok() {
            let user = log::printable(userid, 256);
            log::write(
                Priority::Notice,
                format_args!(
                    "{user} has an active Sieve script, which is not run yet: delivering without it"
                ),
            );
        }
    }

    /// C: user_sieve_path(), sieve_dir_get_active()
    fn active_script(&self, inbox: &MbEntry, userid: &[u8]) -> PathBuf {
        let config = &self.lmtpd.config;
        let catalog = &self.lmtpd.catalog;
        let mut path = config.path(Opt::Sievedir).map(PathBuf::from).unwrap_or_default();
        match &inbox.uniqueid {
            Some(uniqueid) if !inbox.mbtype.has_legacy_dirs() => {
                path.push(OsStr::from_bytes(&id_dir(uniqueid)));
            }
            _ => {
                let Parts { domain, localpart, .. } = Parts::from_userid(userid, catalog.rules());
                let letter = |name: &[u8]| catalog.dirhash().letter(name).to_string();
                if let Some(domain) = domain {
                    path.extend(["domain".into(), letter(&domain)]);
                    path.push(OsStr::from_bytes(&domain));
                }
                let local = localpart.unwrap_or_default();
                path.push(letter(&local));
                path.push(OsStr::from_bytes(&local));
            }
        }
        path.push("defaultbc");
        path
    }
}
