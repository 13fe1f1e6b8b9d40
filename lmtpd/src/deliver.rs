//! One message to its recipients (C: deliver(), deliver_local(), deliver_mailbox()).
//!
//! A folder that is not there, or may not be posted to, is replaced by the INBOX. What is
//! acknowledged is durable: docs/durability.md.
//!
//! DIAGNOSTICS: `Delivered: ID to mailbox: NAME`; dupelim lines from the store.

use crate::process::Lmtpd;
use crate::recipient::{Recipient, Sender, denied, fuzzy_match};
use crate::reply::Refusal;
use crate::sieve_actions::{self, Filtered};
use crate::spool::Spooled;
use libcyrus::auth::{AuthState, Granted, Op, Target, authorize, my_rights};
use libcyrus::base::log::{self, Priority};
use libcyrus::net::local::{IdleMessage, Notification, Patience};
use libcyrus::store::Error;
use libcyrus::store::append::{
    self, AppendParams, BatchOptions, Delivered, DeliveryBatch, MessageKey, Outcome, QuotaCheck, Stage,
};
use libcyrus::store::lock::{Mode, UserLock};
use libcyrus::store::mailbox::{Cleanup, Location, QuotaUse, SystemFlags};
use libcyrus::store::mboxlist::{MbEntry, MbKind};
use libcyrus::util::acl::Rights;
use libcyrus::util::datetime::parse_rfc5322;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::MboxName;
use std::time::Duration;

/// How long `mailnotifier` waits for room in the notify socket.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(5);

/// One message on its way to its recipients.
pub(crate) struct Delivery<'d> {
    /// The process.
    pub lmtpd: &'d Lmtpd,
    /// Who sends.
    pub sender: &'d Sender,
    /// The copies.
    pub batch: DeliveryBatch,
    /// Message-ID.
    pub message_id: Vec<u8>,
    /// The text of Date.
    pub date: Vec<u8>,
    /// Id of the session.
    pub session: String,
    options: BatchOptions,
    internaldate: UnixTime,
    octets: i64,
    notice: Vec<u8>,
    cleanups: Vec<Location>,
}

/// Into which mailbox, by whom, with which flags.
#[derive(Clone, Copy)]
pub(crate) struct Posting<'p> {
    /// The mailbox.
    pub name: &'p MboxName,
    /// Who is told of it.
    pub user: Option<&'p [u8]>,
    /// Who puts it there.
    pub actor: &'p AuthState,
    /// Whether the right to post is asked for: everybody may send to an INBOX.
    pub checks_post: bool,
    /// Flags.
    pub flags: &'p [Vec<u8>],
    /// Who may also set them.
    pub flags_of: &'p AuthState,
    /// Quota is not looked at.
    pub ignores_quota: bool,
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
        batch: DeliveryBatch::new(&lmtpd.store, spooled.staged, options.clone()),
        options,
        message_id: spooled.message_id,
        date: spooled.date,
        session: session.to_owned(),
        internaldate: asked.map_or(received_at, UnixTime),
        octets,
        notice: spooled.notes.for_notifier.concat(),
        cleanups: Vec::new(),
    };
    let mut bring = |recipient: &Recipient| {
        let result = delivery.bring_to_recipient(recipient);
        let mut usage = lmtpd.usage.get();
        usage.tell(&recipient.parts.userid().unwrap_or_default());
        lmtpd.usage.set(usage);
        result
    };
    let results = recipients.iter().map(&mut bring).collect();
    delivery.batch.finish();
    lmtpd.catalog.flush_events();
    Report { results, cleanups: delivery.cleanups }
}

impl Delivery<'_> {
    fn bring_to_recipient(&mut self, recipient: &Recipient) -> Result<(), Refusal> {
        match sieve_actions::filter(self, recipient) {
            Filtered::Done(done) => done,
            Filtered::Failed => self.bring_unfiltered(recipient, &[b"$SieveFailed".to_vec()]),
            Filtered::Unfiltered => self.bring_unfiltered(recipient, &[]),
        }
    }

    /// C: deliver_local()
    fn bring_unfiltered(&mut self, recipient: &Recipient, flags: &[Vec<u8>]) -> Result<(), Refusal> {
        let rules = self.lmtpd.catalog.rules();
        let parts = &recipient.parts;
        let sender = self.sender;
        let (exact, mut fuzzy) = (parts.to_name(rules), None);
        let userid = parts.userid();
        let inbox = MboxName::user_inbox(userid.as_deref().unwrap_or_default(), rules);
        let owner = AuthState::new(&self.lmtpd.config, userid.as_deref().unwrap_or_default());
        let user = userid.as_deref();
        let asked = Posting {
            name: &exact,
            user,
            actor: &sender.auth,
            checks_post: true,
            flags,
            flags_of: &sender.auth,
            ignores_quota: recipient.ignores_quota,
        };
        if user.is_none() {
            return self.post(&asked);
        }
        if !parts.boxes.is_empty() {
            let mut done = self.post(&asked);
            let is_missing = matches!(done, Err(Refusal::Store(Error::NotFound)));
            if is_missing && self.lmtpd.settings.matches_fuzzily {
                fuzzy = fuzzy_match(&self.lmtpd.catalog, parts)?.map(|found| found.to_name(rules));
            }
            if let Some(found) = &fuzzy {
                done = self.post(&Posting { name: found, ..asked });
            }
            if done.is_ok() {
                return done;
            }
        }
        self.post(&Posting { name: &inbox, actor: &owner, checks_post: false, ..asked })
    }

    /// Puts the message into one mailbox. C: deliver_mailbox()
    pub(crate) fn post(&mut self, posting: &Posting<'_>) -> Result<(), Refusal> {
        let (target, lock) = self.target(posting)?;
        let outcome = self.batch.deliver_one(&target)?;
        drop(lock);
        self.told(posting, &target, outcome);
        Ok(())
    }

    /// Puts another text of the message there.
    pub(crate) fn post_other(&mut self, stage: Stage, posting: &Posting<'_>) -> Result<(), Refusal> {
        let (target, lock) = self.target(posting)?;
        let options = BatchOptions { expected: 1, ..self.options.clone() };
        let mut batch = DeliveryBatch::new(&self.lmtpd.store, stage.finish()?, options);
        let outcome = batch.deliver_one(&target)?;
        drop(lock);
        batch.finish();
        self.told(posting, &target, outcome);
        Ok(())
    }

    /// Puts a mail of our own there, one second from now so that it follows what it answers.
    pub(crate) fn append_copy(
        &mut self,
        stage: Stage,
        name: &MboxName,
        auth: &AuthState,
        flags: &[Vec<u8>],
    ) -> Result<(), Refusal> {
        let posting = Posting {
            name,
            user: None,
            actor: auth,
            checks_post: true,
            flags,
            flags_of: auth,
            ignores_quota: true,
        };
        let (mut target, lock) = self.target(&posting)?;
        target.params.internaldate = UnixTime(UnixTime::now().0 + 1);
        let mut batch = DeliveryBatch::new(&self.lmtpd.store, stage.finish()?, BatchOptions::default());
        let outcome = batch.deliver_one(&target)?;
        drop(lock);
        batch.finish();
        if let Outcome::Delivered(delivered) = outcome {
            self.tell_others(&target.location, *delivered);
        }
        Ok(())
    }

    fn told(&mut self, posting: &Posting<'_>, target: &append::Target, outcome: Outcome) {
        // As in C nobody is notified of a duplicate.
        let Outcome::Delivered(delivered) = outcome else { return };
        self.tell(&target.location, *delivered);
        if let (Some(userid), Some(_)) = (posting.user, &self.lmtpd.notifier) {
            let owner = posting.name.owner(self.lmtpd.catalog.rules());
            self.notify(userid, posting.name, owner.as_deref());
        }
    }

    /// Where a copy goes and with what; the lock of its owner.
    fn target(&self, posting: &Posting<'_>) -> Result<(append::Target, UserLock), Refusal> {
        let lmtpd = self.lmtpd;
        let catalog = &lmtpd.catalog;
        if lmtpd.settings.no_mail.refuse_mail(posting.name, catalog.rules()) {
            return Err(Error::NotSupported.into());
        }
        let owner = posting.name.owner(catalog.rules());
        let lock = lmtpd.store.lock_owner(owner.as_deref(), Mode::Exclusive)?;
        let entry = catalog.lookup(posting.name)?;
        if entry.mbtype.is_remote() {
            return Err(Refusal::Remote);
        }
        if !matches!(entry.mbtype.kind, MbKind::Email | MbKind::Netnews) {
            return Err(Error::NotSupported.into());
        }
        self.check_special_use(&entry)?;
        let acl = entry.acl();
        let target = Target { acl: &acl, owner: owner.as_deref() };
        if posting.checks_post {
            let _: Granted = authorize(posting.actor, Op::Post, &target).map_err(denied)?;
        }
        let rights = my_rights(posting.actor, &target) | my_rights(posting.flags_of, &target);
        let quota = if posting.ignores_quota {
            QuotaCheck::Skip
        } else if lmtpd.settings.strict_quota {
            QuotaCheck::Room(QuotaUse { storage_octets: self.octets, messages: 1, annotation_octets: 0 })
        } else {
            QuotaCheck::Room(QuotaUse::default())
        };
        let params = flagged(
            AppendParams { internaldate: self.internaldate, ..AppendParams::default() },
            posting.flags,
            rights,
        );
        let location = catalog.location(&entry)?;
        Ok((append::Target { location, params, userid: posting.actor.userid().to_vec(), quota }, lock))
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
        self.tell_others(location, delivered);
    }

    /// All but the log.
    fn tell_others(&mut self, location: &Location, delivered: Delivered) {
        let name = location.name.as_bytes();
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
}

/// The flags that the rights allow. C: append_apply_flags()
fn flagged(params: AppendParams, flags: &[Vec<u8>], rights: Rights) -> AppendParams {
    let mut params = params;
    for flag in flags {
        let (system, right) = match flag.to_ascii_lowercase().as_slice() {
            b"\\seen" => (Some(SystemFlags::SEEN), Rights::NONE),
            b"\\deleted" => (Some(SystemFlags::DELETED), Rights::DELETEMSG),
            b"\\answered" => (Some(SystemFlags::ANSWERED), Rights::WRITE),
            b"\\draft" => (Some(SystemFlags::DRAFT), Rights::WRITE),
            b"\\flagged" => (Some(SystemFlags::FLAGGED), Rights::WRITE),
            _ => (None, Rights::WRITE),
        };
        if !rights.has(right) {
            continue;
        }
        match system {
            Some(system) => params.system_flags = params.system_flags.with(system),
            None => params.keywords.push(flag.clone()),
        }
        params.flag_names.push(flag.clone());
    }
    params
}
