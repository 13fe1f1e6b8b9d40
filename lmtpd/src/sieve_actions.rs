//! Filtering a recipient's mail: the script is run, and what it decided is done (C: run_sieve() and the callbacks
//! of lmtp_sieve.c).
//!
//! DIAGNOSTICS: `sieve redirected: ID to: ADDRESS`, `sieve discarded: ID`, `sieve LMTP rejected: ID`,
//! `sieve rejected: ID to: ADDRESS`, `sieve: discarded reject to <> for USER id ID`,
//! `sieve fcc 'NAME' failed: ...`, `sieve runtime error for USER id ID: ...`, `autosievefolder: ...`, and with
//! `auditlog` their lines.

use crate::deliver::{Delivery, Posting};
use crate::outgoing::{self, Stamp};
use crate::recipient::Recipient;
use crate::reply::Refusal;
use crate::script::{self, Asker, by_id, internal_name, keep_target, sieve_db};
use libcyrus::auth::AuthState;
use libcyrus::autocreate::give_special_uses;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::dav::card::{address_book, addresses};
use libcyrus::dav::db::DavDb;
use libcyrus::net::local::{Notification, Notifier, Patience};
use libcyrus::net::smtp::{self, Mail};
use libcyrus::sieve::run::{
    Deed, Effects, Envelope, Folder, Headers, Input, Keep, Notice, Redirect, Reject, Snooze, Vacation, run,
};
use libcyrus::sieve::{CompileSettings, Program};
use libcyrus::store::Error;
use libcyrus::store::append::Stage;
use libcyrus::store::duplicate::DeliveryKey;
use libcyrus::store::lock::Mode;
use libcyrus::store::mboxlist::{Actor, MbEntry, NewMailbox};
use libcyrus::store::subs::Subscribe;
use libcyrus::sys::map::Map;
use libcyrus::sys::time;
use libcyrus::util::ids::{Uid, UnixTime};
use libcyrus::util::mboxname::MboxName;
use md5::{Digest, Md5};
use std::rc::Rc;
use std::time::Duration;

/// How long notifyd may take.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(5);

/// Special uses a new folder may get (RFC 6154, RFC 8457, and C's own).
const SPECIAL_USES: [&str; 8] =
    ["\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Snoozed", "\\Trash"];

/// What filtering came to.
pub(crate) enum Filtered {
    /// There is no script.
    Unfiltered,
    /// All was done: this is the recipient's answer.
    Done(Result<(), Refusal>),
    /// It failed: the message is delivered as if there were no script, marked.
    Failed,
}

/// Runs the script of a recipient.
pub(crate) fn filter(delivery: &mut Delivery<'_>, recipient: &Recipient) -> Filtered {
    let Some(script) = script::find(delivery, recipient) else { return Filtered::Unfiltered };
    let userid = recipient.parts.userid();
    let message = match delivery.batch.staged().message() {
        Ok(message) => message,
        Err(error) => return Filtered::Done(Err(error.into())),
    };
    let mut doer = Doer {
        owner: userid.as_deref().map(|userid| Rc::new(AuthState::new(&delivery.lmtpd.config, userid))),
        delivery,
        recipient,
        userid,
        message,
        rejected: None,
    };
    let program = match Program::load(&script.bytecode) {
        Ok(program) => program,
        Err(malformed) => {
            doer.runtime_error(malformed.to_string().as_bytes());
            return Filtered::Failed;
        }
    };
    let outcome = {
        let mut headers = Headers::parse(&doer.message);
        headers.unfold_first(b"Received");
        let settings = CompileSettings::from_config(&doer.delivery.lmtpd.config);
        let sender = doer.delivery.sender;
        let address = doer.address();
        let input = Input {
            message: &doer.message,
            headers,
            envelope: Envelope { from: &sender.return_path, to: &address, auth: sender.authid.as_deref() },
            size: doer.message.len() as u64,
            now: time::now(),
            identity: script.identity,
            active: settings.map(|settings| settings.active).unwrap_or_default(),
            limits: doer.delivery.lmtpd.store.settings().limits.clone(),
        };
        let mut asker =
            Asker { delivery: doer.delivery, recipient, userid: doer.userid.clone(), cards: None };
        run(program, input, &mut asker)
    };
    if outcome.perform(&mut doer).is_err() {
        return Filtered::Failed;
    }
    let to = sieve_db(&doer.address());
    doer.mark(&doer.delivery.message_id, &to, &doer.delivery.date, time::now());
    Filtered::Done(match doer.rejected {
        Some(reply) => Err(Refusal::Rejected(reply)),
        None => Ok(()),
    })
}

/// C: duplicate_log()
pub(crate) fn tell_duplicate(key: &DeliveryKey<'_>, action: &str) {
    let shown = |text| log::printable(text, 1024);
    log::write(
        Priority::Info,
        format_args!(
            "dupelim: eliminated duplicate message to {} id {} date {} ({action})",
            shown(key.to),
            shown(key.id),
            shown(key.date)
        ),
    );
}

/// Does what a script decided.
struct Doer<'a, 'd> {
    delivery: &'a mut Delivery<'d>,
    recipient: &'a Recipient,
    userid: Option<Vec<u8>>,
    /// Whose rights the script has: the user's; the sender's in a shared mailbox.
    owner: Option<Rc<AuthState>>,
    message: Map,
    /// The reply of `reject`.
    rejected: Option<Vec<u8>>,
}

impl Doer<'_, '_> {
    /// The recipient as an address. C: mbname_recipient()
    fn address(&self) -> Vec<u8> {
        let lmtpd = self.delivery.lmtpd;
        let parts = &self.recipient.parts;
        let mut out = parts.localpart.clone().unwrap_or_else(|| lmtpd.settings.postuser.clone());
        for (index, part) in parts.boxes.iter().enumerate() {
            out.push(if index == 0 { b'+' } else { lmtpd.namespace.hiersep() });
            out.extend_from_slice(part);
        }
        out.push(b'@');
        let default = lmtpd.config.bytes(Opt::Defaultdomain).unwrap_or(b"internal");
        out.extend_from_slice(parts.domain.as_deref().unwrap_or(default));
        out
    }

    fn user(&self) -> &[u8] {
        self.userid.as_deref().unwrap_or_default()
    }

    fn id(&self) -> String {
        log::printable(&self.delivery.message_id, 1024)
    }

    fn mark(&self, id: &[u8], to: &[u8], date: &[u8], at: i64) {
        let key = DeliveryKey { id, to, date };
        if let Err(error) = self.delivery.lmtpd.catalog.mark_duplicate(&key, UnixTime(at), Uid(0)) {
            log::write(Priority::Err, format_args!("DBERROR: updating duplicate database: {error}"));
        }
    }

    fn audit(&self, text: std::fmt::Arguments<'_>) {
        if self.delivery.lmtpd.settings.auditlog {
            log::write(Priority::Notice, format_args!("auditlog: {text}"));
        }
    }

    fn session(&self) -> &str {
        &self.delivery.session
    }

    /// Puts the message, or it with another header, into a mailbox.
    fn post(
        &mut self,
        name: &MboxName,
        actor: Option<&AuthState>,
        checks_post: bool,
        flags: &[Vec<u8>],
        headers: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let user = self.userid.clone();
        let owner = self.owner.clone();
        let sender = self.delivery.sender;
        let posting = Posting {
            name,
            user: user.as_deref(),
            actor: actor.unwrap_or(&sender.auth),
            checks_post,
            flags,
            flags_of: owner.as_deref().unwrap_or(&sender.auth),
            ignores_quota: self.recipient.ignores_quota,
        };
        match headers {
            None => self.delivery.post(&posting),
            Some(headers) => {
                let stage = self.edited(name, headers)?;
                self.delivery.post_other(stage, &posting)
            }
        }
    }

    /// The message with another header, staged. C: setup_special_delivery()
    fn edited(&self, name: &MboxName, headers: &[u8]) -> Result<Stage, Refusal> {
        self.stage(name, &[headers, self.header_and_body().1])
    }

    /// The message in two: the body begins with the blank line.
    fn header_and_body(&self) -> (&[u8], &[u8]) {
        let octets = Headers::parse(&self.message).octets();
        self.message.split_at_checked(octets).unwrap_or((&self.message, &[]))
    }

    fn stage(&self, name: &MboxName, text: &[&[u8]]) -> Result<Stage, Refusal> {
        let lmtpd = self.delivery.lmtpd;
        let entry = lmtpd.catalog.lookup(name).unwrap_or_else(|_| self.recipient.entry.clone());
        let partition = entry.partition.as_deref().and_then(|name| std::str::from_utf8(name).ok());
        let root =
            partition.and_then(|name| lmtpd.config.partition_dir(name)).ok_or(Error::UnknownPartition)?;
        let mut stage = Stage::create(&lmtpd.store, root)?;
        text.iter().try_for_each(|piece| stage.write(piece))?;
        Ok(stage)
    }

    /// Makes a folder if the configuration or the script lets it be made. C: autosieve_createfolder()
    fn create(&mut self, name: &MboxName, wanted: bool, special_use: Option<&[u8]>) -> Result<(), Error> {
        let Some(userid) = self.userid.clone() else { return Err(Error::NotFound) };
        let lmtpd = self.delivery.lmtpd;
        let catalog = &lmtpd.catalog;
        let (user, folder) = (log::printable(&userid, 256), log::printable(name.as_bytes(), 1024));
        log::write(
            Priority::Debug,
            format_args!(
                "autosievefolder: autosieve_createfolder() was called for user {user}, folder {folder}"
            ),
        );
        let inbox = MboxName::user_inbox(&userid, catalog.rules());
        let listed = lmtpd.config.string(Opt::AutocreateSieveFolders).unwrap_or_default();
        let is_listed = listed
            .split('|')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .any(|word| [inbox.as_bytes(), b".", word.as_bytes()].concat() == name.as_bytes());
        if !(wanted || is_listed || lmtpd.config.switch(Opt::Anysievefolder)) {
            return Err(Error::NotFound);
        }
        let lock = lmtpd.store.lock_owner(name.owner(catalog.rules()).as_deref(), Mode::Exclusive)?;
        match catalog.lookup(name) {
            // Somebody was faster.
            Ok(_) => return Ok(()),
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let Some(owner) = self.owner.clone() else { return Err(Error::NotFound) };
        let actor = Actor::Session(&owner);
        let entry: MbEntry =
            match catalog.create_mailbox(&lmtpd.store, &lock, &actor, &NewMailbox::named(name.clone())) {
                Ok(entry) => entry,
                Err(error) => {
                    log::write(
                        Priority::Err,
                        format_args!(
                            "autosievefolder: User {user}, folder {folder} creation failed. {}",
                            error.sentence()
                        ),
                    );
                    return Err(error);
                }
            };
        let _ = catalog.change_subscription(&owner, name, Subscribe::Force);
        log::write(
            Priority::Debug,
            format_args!("autosievefolder: User {user}, folder {folder} creation succeeded"),
        );
        let known = special_use.and_then(|special_use| {
            SPECIAL_USES.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(special_use))
        });
        if let Some(known) = known {
            let _ = give_special_uses(catalog, &lmtpd.store, &lock, &entry, &[known.as_bytes()]);
        }
        Ok(())
    }

    /// The addresses of an external list, if there are any.
    fn members(&self, uri: &[u8]) -> Option<Vec<Vec<u8>>> {
        let catalog = &self.delivery.lmtpd.catalog;
        let book = address_book(catalog, self.user(), uri)?;
        let cards = DavDb::open_user_existing(catalog, self.user()).ok()??;
        addresses(&cards, &book).ok().filter(|members| !members.is_empty())
    }

    /// Files a copy of what was sent. C: do_fcc()
    fn file_copy(&mut self, folder: &Folder, text: &[u8]) {
        let catalog = &self.delivery.lmtpd.catalog;
        let by_special_use =
            || catalog.find_special_use(folder.special_use.as_deref()?, self.user()).ok().flatten();
        let found =
            folder.mailboxid.as_deref().and_then(|id| by_id(self.delivery.lmtpd, id)).map(|entry| entry.name);
        let name = found.or_else(by_special_use);
        let done = match name {
            Some(name) => self.append_copy(&name, folder, text),
            None => {
                let name = internal_name(self.delivery, &folder.name, self.userid.as_deref());
                let is_missing = matches!(catalog.lookup(&name), Err(Error::NotFound));
                let made = if is_missing {
                    self.create(&name, folder.create, folder.special_use.as_deref())
                } else {
                    Ok(())
                };
                made.map_err(Refusal::from).and_then(|()| self.append_copy(&name, folder, text))
            }
        };
        if let Err(refusal) = done {
            let name = log::printable(&folder.name, 1024);
            log::write(Priority::Notice, format_args!("sieve fcc '{name}' failed: {}", refusal.sentence()));
        }
    }

    fn append_copy(&mut self, name: &MboxName, folder: &Folder, text: &[u8]) -> Result<(), Refusal> {
        let stage = self.stage(name, &[text])?;
        let owner = self.owner.clone();
        let sender = self.delivery.sender;
        let auth = owner.as_deref().unwrap_or(&sender.auth);
        self.delivery.append_copy(stage, name, auth, &folder.flags)
    }

    fn reject_by_lmtp(&mut self, reason: &[u8]) {
        // Eight-bit reasons only come here from ereject; C encodes them as quoted-printable.
        let text = if reason.is_ascii() { reason.to_vec() } else { quoted_printable(reason) };
        let lines: Vec<&[u8]> =
            text.split(|octet| b"\r\n".contains(octet)).filter(|line| !line.is_empty()).collect();
        let mut reply = Vec::new();
        let (last, before) = lines.split_last().map_or((b"".as_slice(), [].as_slice()), |(l, b)| (*l, b));
        for line in before {
            reply.extend_from_slice(&[b"550-5.7.1 ", *line, b"\r\n"].concat());
        }
        reply.extend_from_slice(&[b"550 5.7.1 ", last, b"\r\n"].concat());
        self.rejected = Some(reply);
        let id = self.id();
        log::write(Priority::Info, format_args!("sieve LMTP rejected: {id}"));
        let user = log::printable(self.user(), 256);
        self.audit(format_args!(
            "LMTP reject sessionid=<{}> message-id={id} userid=<{user}>",
            self.session()
        ));
    }
}

/// Quoted-printable of a body. C: charset_qpencode_mimebody()
fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut column = 0;
    let mut octets = text.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        if octet == b'\r' && octets.peek() == Some(&b'\n') {
            octets.next();
            out.extend_from_slice(b"\r\n");
            column = 0;
            continue;
        }
        let is_plain = matches!(octet, b' '..=b'<' | b'>'..=b'~' | b'\t');
        let width = if is_plain { 1 } else { 3 };
        if column + width >= 76 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_plain {
            out.push(octet);
        } else {
            out.extend_from_slice(format!("={octet:02X}").as_bytes());
        }
        column += width;
    }
    out
}

impl Effects for Doer<'_, '_> {
    fn keep(&mut self, keep: &Keep) -> Deed {
        let resolved = keep.target.clone().map(MboxName::new);
        let Some(name) = resolved.or_else(|| keep_target(self.delivery, self.recipient)) else {
            return Err(Error::NotFound.sentence().to_owned());
        };
        let rules = self.delivery.lmtpd.catalog.rules();
        let done = if name.is_user_inbox(rules) {
            let owner = self.owner.clone();
            self.post(&name, owner.as_deref(), false, &keep.flags, keep.headers.as_deref())
        } else {
            self.post(&name, None, true, &keep.flags, keep.headers.as_deref())
        };
        done.map_err(|refusal| refusal.sentence().to_owned())
    }

    fn fileinto(&mut self, folder: &Folder) -> Deed {
        let Some(name) = folder.target.clone().map(MboxName::new) else {
            return Err(Error::NotFound.sentence().to_owned());
        };
        let owner = self.owner.clone();
        let owner = owner.as_deref();
        let headers = folder.headers.as_deref();
        let mut done = self.post(&name, owner, true, &folder.flags, headers);
        if matches!(done, Err(Refusal::Store(Error::NotFound))) {
            done = match self.create(&name, folder.create, folder.special_use.as_deref()) {
                Ok(()) => self.post(&name, owner, true, &folder.flags, headers),
                Err(error) => Err(error.into()),
            };
        }
        done.map_err(|refusal| refusal.sentence().to_owned())
    }

    fn redirect(&mut self, redirect: &Redirect) -> Deed {
        let id = [self.delivery.message_id.as_slice(), b"-", &redirect.address].concat();
        let to = sieve_db(&self.address());
        let date = self.delivery.date.clone();
        let key = DeliveryKey { id: &id, to: &to, date: &date };
        if matches!(self.delivery.lmtpd.catalog.check_duplicate(&key), Ok(Some(_))) {
            tell_duplicate(&key, "redirect");
            return Ok(());
        }
        let (header, body) = self.header_and_body();
        let header = redirect.headers.as_deref().unwrap_or(header);
        let members = if redirect.is_list {
            self.members(&redirect.address).ok_or("no such list, or nobody is on it")?
        } else {
            vec![redirect.address.clone()]
        };
        outgoing::forward(self.delivery, self.userid.as_deref(), redirect, &members, [header, body])
            .map_err(|refusal| refusal.to_string())?;
        self.mark(&id, &to, &date, time::now());
        let (id, address) = (self.id(), log::printable(&redirect.address, 1024));
        log::write(Priority::Info, format_args!("sieve redirected: {id} to: {address}"));
        let user = log::printable(self.user(), 256);
        self.audit(format_args!(
            "redirect sessionid=<{}> message-id={id} target=<{address}> userid=<{user}>",
            self.session()
        ));
        Ok(())
    }

    fn discard(&mut self) {
        let id = self.id();
        log::write(Priority::Info, format_args!("sieve discarded: {id}"));
        self.audit(format_args!("discard sessionid=<{}> message-id={id}", self.session()));
    }

    fn reject(&mut self, reject: &Reject) -> Deed {
        let by_lmtp = self.delivery.lmtpd.config.switch(Opt::SieveUseLmtpReject);
        if reject.extended || (by_lmtp && reject.reason.is_ascii()) {
            self.reject_by_lmtp(&reject.reason);
            return Ok(());
        }
        let (id, user) = (self.id(), log::printable(self.user(), 256));
        let sender = self.delivery.sender.return_path.clone();
        if sender.is_empty() {
            log::write(Priority::Info, format_args!("sieve: discarded reject to <> for {user} id {id}"));
            self.audit(format_args!(
                "discard-reject sessionid=<{}> message-id={id} userid=<{user}>",
                self.session()
            ));
            return Ok(());
        }
        let stamp = Stamp::new(self.delivery);
        let address = self.address();
        self.mark(stamp.id.as_bytes(), &sieve_db(&address), stamp.date.as_bytes(), stamp.at);
        let headers = Headers::parse(&self.message);
        let original = headers.first(b"original-recipient");
        let [before, behind] = outgoing::rejection(self.delivery, &address, original, &reject.reason, &stamp);
        let to = [sender.clone()];
        let authid = self.userid.as_deref();
        let mail = Mail { to: &to, authid, message: &[&before, &self.message, &behind], ..Mail::default() };
        if let Err(refusal) = smtp::send(&self.delivery.lmtpd.config, &mail) {
            log::write(Priority::Err, format_args!("sieve: send_rejection: SMTP error: {refusal}"));
            return Err(refusal.to_string());
        }
        let target = log::printable(&sender, 1024);
        log::write(Priority::Info, format_args!("sieve rejected: {id} to: {target}"));
        self.audit(format_args!(
            "reject sessionid=<{}> message-id={id} target=<{target}> userid=<{user}>",
            self.session()
        ));
        Ok(())
    }

    /// Messages sleep in the mailbox of the special use `\Snoozed`, which is JMAP's: its details and its alarm are
    /// not written yet, so nothing may be put to sleep.
    fn snooze(&mut self, _snooze: &Snooze) -> Deed {
        Err(Error::NotFound.sentence().to_owned())
    }

    fn is_vacation_due(&mut self, vacation: &Vacation) -> bool {
        let mut hash = Md5::new();
        for part in &vacation.key {
            hash.update(part);
        }
        let id: String = hash.finalize().iter().map(|octet| format!("{octet:02X}")).collect();
        let user = self.user().to_vec();
        let now = time::now();
        let key = DeliveryKey { id: id.as_bytes(), to: &user, date: b"" };
        let until = self.delivery.lmtpd.catalog.check_duplicate(&key).ok().flatten();
        if until.is_some_and(|until| now < until.0) {
            return false;
        }
        self.mark(id.as_bytes(), &user, b"", now.saturating_add(vacation.seconds));
        true
    }

    fn vacation(&mut self, vacation: &Vacation) -> Deed {
        let stamp = Stamp::new(self.delivery);
        let text = outgoing::answer(self.delivery, vacation, &stamp);
        let to = [vacation.to.clone()];
        let authid = self.userid.as_deref();
        let mail = Mail { to: &to, authid, message: &[&text], ..Mail::default() };
        smtp::send(&self.delivery.lmtpd.config, &mail).map_err(|refusal| refusal.to_string())?;
        self.mark(stamp.id.as_bytes(), &sieve_db(&self.address()), &self.delivery.date, stamp.at);
        if let Some(folder) = &vacation.fcc {
            self.file_copy(folder, &text);
        }
        Ok(())
    }

    fn notify(&mut self, notice: &Notice, message: &[u8]) {
        let lmtpd = self.delivery.lmtpd;
        let Some(default) = lmtpd.config.string(Opt::Sievenotifier) else { return };
        let method = notice.method.as_deref().unwrap_or_default();
        let options: Vec<&[u8]> = notice.options.iter().map(Vec::as_slice).collect();
        let file = self.delivery.batch.staged().named().map(|file| file.as_os_str().as_encoded_bytes());
        let notification = Notification {
            method: if method == b"default" { default.as_bytes() } else { method },
            class: b"SIEVE",
            priority: notice.priority.as_bytes(),
            user: self.user(),
            options: &options,
            message,
            filename: file.ok(),
            ..Notification::default()
        };
        Notifier::new(&lmtpd.config).notify(&notification, Patience::Wait(NOTIFY_PATIENCE));
    }

    fn track(&mut self, id: &[u8], seconds: i64) {
        self.mark(id, &sieve_db(self.user()), b"", time::now().saturating_add(seconds));
    }

    fn runtime_error(&mut self, text: &[u8]) {
        let (user, id) = (log::printable(self.user(), 256), self.id());
        log::write(
            Priority::Info,
            format_args!("sieve runtime error for {user} id {id}: {}", log::printable(text, 1024)),
        );
    }
}
