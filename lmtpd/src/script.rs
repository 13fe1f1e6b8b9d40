//! Which script filters a recipient's mail, its bytecode, and what it may ask while it runs.
//! C: run_sieve(), sieve_find_script(), getinclude() and the other callbacks of lmtp_sieve.c
//!
//! A user's script is the active one of the Sieve directory, or the bytecode in `~/.sieve` with `sieveusehomedir`; a
//! shared mailbox names a global one in the annotation `/vendor/cmu/cyrus-imapd/sieve`. Bytecode is compiled anew first
//! when it is older than its source.
//!
//! DIAGNOSTICS: `Illegal script name '..' for user '..'`, `sieve log: ...`.

use crate::deliver::Delivery;
use crate::process::Lmtpd;
use crate::recipient::{Recipient, fuzzy_match};
use libcyrus::base::VERSION;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::dav::card::{address_book, has_address};
use libcyrus::dav::db::DavDb;
use libcyrus::dav::sieve::{ScriptDir, active_script, ensure_bytecode};
use libcyrus::sieve::code::Location;
use libcyrus::sieve::run::{Host, Included, NotIncluded};
use libcyrus::store::Catalog;
use libcyrus::store::annotate::Scope;
use libcyrus::store::duplicate::DeliveryKey;
use libcyrus::store::mboxlist::{MbEntry, MbKind};
use libcyrus::sys::privilege;
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::{MboxName, Parts};
use libcyrus::util::mutf7;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The largest bytecode that is run.
const BYTECODE_OCTETS: u64 = 16 * 1024 * 1024;

/// A script to run.
#[derive(Debug)]
pub struct Script {
    /// Its bytecode.
    pub bytecode: Vec<u8>,
    /// The inode of its file.
    pub identity: u64,
}

/// The script of a recipient, if there is one.
pub(crate) fn find(delivery: &Delivery<'_>, recipient: &Recipient) -> Option<Script> {
    let lmtpd = delivery.lmtpd;
    let store = &lmtpd.store;
    let catalog = &lmtpd.catalog;
    if has_home(delivery, recipient) {
        return load(&home(recipient)?.join(".sieve"))
            .map(|(identity, bytecode)| Script { bytecode, identity });
    }
    let (userid, dir, name) = match recipient.parts.userid() {
        Some(userid) => {
            let active = active_script(store, &userid).ok()??;
            (Some(userid), active.dir, active.name)
        }
        None => {
            let entry = catalog.lookup(&recipient.parts.to_name(catalog.rules())).ok()?;
            let scope = Scope::Mailbox(&entry);
            let name = catalog.annotation(scope, b"/vendor/cmu/cyrus-imapd/sieve", b"").ok()??;
            let dir = ScriptDir::global(catalog, recipient.parts.domain.as_deref()).ok()?;
            (None, dir, name)
        }
    };
    // Without source the bytecode is run as it is.
    let _ = ensure_bytecode(store, userid.as_deref(), &dir, &name);
    load(&dir.bytecode(&name)).map(|(identity, bytecode)| Script { bytecode, identity })
}

/// Whether the recipient's scripts are in a home directory: those of users with `sieveusehomedir`.
fn has_home(delivery: &Delivery<'_>, recipient: &Recipient) -> bool {
    recipient.parts.localpart.is_some() && delivery.lmtpd.config.switch(Opt::Sieveusehomedir)
}

/// The home directory of a recipient; not all of them are users of the system.
fn home(recipient: &Recipient) -> Option<PathBuf> {
    privilege::home_of(std::str::from_utf8(recipient.parts.localpart.as_deref()?).ok()?)
}

fn load(path: &Path) -> Option<(u64, Vec<u8>)> {
    use std::io::Read;
    let file = std::fs::File::open(path).ok()?;
    let identity = file.metadata().ok()?.ino();
    let mut bytecode = Vec::new();
    file.take(BYTECODE_OCTETS).read_to_end(&mut bytecode).ok()?;
    Some((identity, bytecode))
}

/// Answers the questions of a script.
pub(crate) struct Asker<'d> {
    /// The delivery.
    pub delivery: &'d Delivery<'d>,
    /// Whose script it is.
    pub recipient: &'d Recipient,
    /// The user, if the recipient is one.
    pub userid: Option<Vec<u8>>,
    /// The user's address books, opened when first needed.
    pub cards: Option<DavDb>,
}

/// The name a script gives a mailbox, inside; one like `\Trash` is the mailbox of that special use, the empty name
/// if there is none. C: mboxname_from_externalUTF8()
pub(crate) fn internal_name(delivery: &Delivery<'_>, name: &[u8], userid: Option<&[u8]>) -> MboxName {
    let lmtpd = delivery.lmtpd;
    if name.starts_with(b"\\") {
        let found = lmtpd.catalog.find_special_use(name, userid.unwrap_or_default());
        return found.ok().flatten().unwrap_or_else(|| MboxName::new(Vec::new()));
    }
    if lmtpd.config.switch(Opt::SieveUtf8fileinto) {
        return lmtpd.namespace.to_internal(&mutf7::from_utf8(name), userid);
    }
    lmtpd.namespace.to_internal(name, userid)
}

/// A mailbox that mail may go to, by its id.
pub(crate) fn by_id(lmtpd: &Lmtpd, id: &[u8]) -> Option<MbEntry> {
    let catalog = &lmtpd.catalog;
    let entry = catalog.lookup_by_uniqueid(id).ok().filter(|entry| !entry.mbtype.is_deleted())?;
    let is_mail = matches!(entry.mbtype.kind, MbKind::Email | MbKind::Netnews);
    (is_mail && !lmtpd.settings.no_mail.refuse_mail(&entry.name, catalog.rules())).then_some(entry)
}

/// Where `keep` goes. C: sieve_keep()
pub(crate) fn keep_target(delivery: &Delivery<'_>, recipient: &Recipient) -> Option<MboxName> {
    let catalog = &delivery.lmtpd.catalog;
    let rules = catalog.rules();
    let name = recipient.parts.to_name(rules);
    let exists = |name: &MboxName| catalog.lookup(name).is_ok();
    let Some(userid) = recipient.parts.userid() else { return exists(&name).then_some(name) };
    if !recipient.parts.boxes.is_empty() {
        if exists(&name) {
            return Some(name);
        }
        if delivery.lmtpd.settings.matches_fuzzily {
            let found = fuzzy_match(catalog, &recipient.parts).ok().flatten();
            let found = found.map(|found: Parts| found.to_name(rules)).filter(exists);
            if found.is_some() {
                return found;
            }
        }
    }
    Some(MboxName::user_inbox(&userid, rules))
}

/// The key under which a script's deeds are remembered. C: make_sieve_db()
pub(crate) fn sieve_db(name: &[u8]) -> Vec<u8> {
    [b".", name, b".sieve."].concat()
}

impl Asker<'_> {
    fn catalog(&self) -> &Catalog {
        &self.delivery.lmtpd.catalog
    }

    fn user(&self) -> &[u8] {
        self.userid.as_deref().unwrap_or_default()
    }

    fn name(&self, name: &[u8]) -> MboxName {
        internal_name(self.delivery, name, self.userid.as_deref())
    }
}

impl Host for Asker<'_> {
    fn mailbox_exists(&mut self, name: &[u8]) -> bool {
        self.catalog().lookup(&self.name(name)).is_ok()
    }

    fn mailboxid_exists(&mut self, id: &[u8]) -> bool {
        by_id(self.delivery.lmtpd, id).is_some()
    }

    fn special_uses_exist(&mut self, mailbox: Option<&[u8]>, uses: &[Vec<u8>]) -> bool {
        let catalog = self.catalog();
        let Some(mailbox) = mailbox else {
            let is_found =
                |each: &Vec<u8>| matches!(catalog.find_special_use(each, self.user()), Ok(Some(_)));
            return uses.iter().all(is_found);
        };
        let Ok(entry) = catalog.lookup(&self.name(mailbox)) else { return false };
        let value = catalog.annotation(Scope::Mailbox(&entry), b"/specialuse", self.user()).ok().flatten();
        let mut found: Vec<Vec<u8>> = value
            .unwrap_or_default()
            .split(|&octet| octet == b' ')
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        if entry.name == MboxName::user_inbox(self.user(), catalog.rules()) {
            found.push(b"\\Inbox".to_vec());
        }
        let has = |each: &Vec<u8>| found.iter().any(|one| one.eq_ignore_ascii_case(each));
        !found.is_empty() && uses.iter().all(has)
    }

    fn metadata(&mut self, mailbox: Option<&[u8]>, entry: &[u8]) -> Option<Vec<u8>> {
        let (name, userid) = match entry.strip_prefix(b"/private".as_slice()) {
            Some(name) if name.starts_with(b"/") => (name, self.user().to_vec()),
            _ => {
                (entry.strip_prefix(b"/shared".as_slice()).filter(|name| name.starts_with(b"/"))?, Vec::new())
            }
        };
        let catalog = self.catalog();
        let found = match mailbox {
            None => catalog.annotation(Scope::Server, name, &userid),
            Some(mailbox) => {
                let found = catalog.lookup(&self.name(mailbox)).ok()?;
                catalog.annotation(Scope::Mailbox(&found), name, &userid)
            }
        };
        found.ok().flatten().filter(|value| !value.is_empty())
    }

    fn environment(&mut self, item: &[u8]) -> Option<Vec<u8>> {
        let server = self.delivery.lmtpd.config.servername();
        let sender = self.delivery.sender;
        let value = match item {
            b"domain" => server.split_once('.').map_or("", |(_, domain)| domain).to_owned(),
            b"host" => server.to_owned(),
            b"location" => "MDA".to_owned(),
            b"name" => "Cyrus LMTP".to_owned(),
            b"phase" => "during".to_owned(),
            b"remote-host" => sender.clienthost.split([' ', '[']).next().unwrap_or_default().to_owned(),
            b"remote-ip" => sender.remote_ip.clone()?,
            b"version" => VERSION.to_owned(),
            _ => return None,
        };
        Some(value.into_bytes())
    }

    fn is_list(&mut self, uri: &[u8]) -> bool {
        address_book(self.catalog(), self.user(), uri).is_some()
    }

    fn list_contains(&mut self, uri: &[u8], member: &[u8]) -> bool {
        let Some(book) = address_book(self.catalog(), self.user(), uri) else { return false };
        if self.cards.is_none() {
            self.cards = DavDb::open_user_existing(self.catalog(), self.user()).ok().flatten();
        }
        let cards = self.cards.as_ref();
        cards.is_some_and(|cards| has_address(cards, &book, member).unwrap_or(false))
    }

    fn is_duplicate(&mut self, id: &[u8]) -> bool {
        let to = sieve_db(self.user());
        let key = DeliveryKey { id, to: &to, date: b"" };
        let until = self.catalog().check_duplicate(&key).ok().flatten();
        let is_known = until.is_some_and(|until| UnixTime::now().0 < until.0);
        if is_known {
            crate::sieve_actions::tell_duplicate(&key, "sieve-duplicate");
        }
        is_known
    }

    fn include(&mut self, name: &[u8], location: Location) -> Result<Included, NotIncluded> {
        // The compiler refuses such names; bytecode from elsewhere may hold them.
        if name.starts_with(b"/") || name.windows(3).any(|window| window == b"../") {
            let (name, user) = (log::printable(name, 256), log::printable(self.user(), 256));
            log::write(Priority::Notice, format_args!("Illegal script name '{name}' for user '{user}'"));
            return Err(NotIncluded::NotFound);
        }
        let lmtpd = self.delivery.lmtpd;
        let domain = self.recipient.parts.domain.as_deref();
        let personal = if location == Location::Personal { self.userid.as_deref() } else { None };
        if personal.is_some() && has_home(self.delivery, self.recipient) {
            let file = home(self.recipient).map(|home| home.join(OsStr::from_bytes(name)));
            let (identity, bytecode) = file.and_then(|file| load(&file)).ok_or(NotIncluded::NotLoaded)?;
            return Ok(Included { identity, bytecode });
        }
        let dirs = match personal {
            Some(userid) => vec![ScriptDir::of_user(&lmtpd.catalog, userid).ok().flatten()],
            None => {
                let mut dirs = Vec::new();
                if domain.is_some() {
                    dirs.push(ScriptDir::global(&lmtpd.catalog, domain).ok());
                }
                dirs.push(ScriptDir::global(&lmtpd.catalog, None).ok());
                dirs
            }
        };
        for dir in dirs.into_iter().flatten() {
            let _ = ensure_bytecode(&lmtpd.store, personal, &dir, name);
            if let Some((identity, bytecode)) = load(&dir.bytecode(name)) {
                return Ok(Included { identity, bytecode });
            }
        }
        Err(NotIncluded::NotLoaded)
    }

    fn fileinto_target(
        &mut self,
        name: &[u8],
        special_use: Option<&[u8]>,
        mailboxid: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        let catalog = self.catalog();
        if let Some(entry) = mailboxid.and_then(|id| by_id(self.delivery.lmtpd, id)) {
            return Some(entry.name.into_bytes());
        }
        let by_use = special_use.map(|special_use| catalog.find_special_use(special_use, self.user()));
        if let Some(Ok(Some(name))) = by_use {
            return Some(name.into_bytes());
        }
        Some(self.name(name).into_bytes())
    }

    fn keep_target(&mut self) -> Option<Vec<u8>> {
        keep_target(self.delivery, self.recipient).map(MboxName::into_bytes)
    }

    fn log(&mut self, text: &[u8]) {
        log::write(
            Priority::Info,
            format_args!(
                "sieve log: userid={} messageid={} text={}",
                log::printable(self.user(), 256),
                log::printable(&self.delivery.message_id, 1024),
                log::printable(text, 4096)
            ),
        );
    }
}
