//! From the name a client writes to an open mailbox, through the authorisation gate.

use crate::process::Imapd;
use crate::reply::Answer;
use crate::session::{Session, User};
use libcyrus::auth::{Granted, Op, ServerOp, Target, authorize, authorize_server};
use libcyrus::base::config::Opt;
use libcyrus::store::lock::{Mode, UserLock, Wait};
use libcyrus::store::mailbox::Mailbox;
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::store::{Error, Result};
use libcyrus::util::acl::Acl;
use libcyrus::util::mboxname::{MboxName, NameRules};

/// A mailbox that exists, and what the user may do to it.
pub struct Found {
    /// Its entry in mailboxes.db.
    pub entry: MbEntry,
    /// Its ACL.
    pub acl: Acl,
    /// Its owner's userid.
    pub owner: Option<Vec<u8>>,
}

impl Found {
    /// The mailbox of an entry.
    #[must_use]
    pub fn new(entry: MbEntry, rules: &NameRules) -> Self {
        Self { acl: entry.acl(), owner: entry.name.owner(rules), entry }
    }

    /// The mailbox as the gate sees it.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        Target { acl: &self.acl, owner: self.owner.as_deref() }
    }
}

/// Who acts on mailboxes, for where a whole session cannot be lent.
#[derive(Clone, Copy)]
pub struct Acting<'a> {
    /// The process.
    pub imapd: &'a Imapd,
    /// `None` before login.
    pub user: Option<&'a User>,
}

impl Acting<'_> {
    /// The internal name of what the client wrote.
    #[must_use]
    pub fn internal_name(&self, external: &[u8]) -> MboxName {
        match self.user {
            Some(user) => user.namespace.to_internal(external, Some(user.auth.userid())),
            None => MboxName::new(Vec::new()),
        }
    }

    /// Looks a mailbox up. Deleted ones are shown to administrators only, or with `allowdeleted`.
    ///
    /// # Errors
    /// `NotFound` and what reading mailboxes.db gives.
    pub fn find(&self, name: &MboxName) -> Result<Found> {
        let catalog = &self.imapd.catalog;
        let may_see_deleted =
            self.authorize_server(ServerOp::ListAll).is_ok() || self.imapd.config.switch(Opt::Allowdeleted);
        if !may_see_deleted && name.is_deleted(catalog.rules()) {
            return Err(Error::NotFound);
        }
        Ok(Found::new(catalog.lookup(name)?, catalog.rules()))
    }

    /// The gate: may the user do `op` to this mailbox?
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn authorize(&self, op: Op, found: &Found) -> std::result::Result<Granted, Answer> {
        let Some(user) = self.user else { return Err(Answer::bad("Please login first")) };
        authorize(&user.auth, op, &found.target()).map_err(Answer::from)
    }

    fn authorize_server(&self, op: ServerOp) -> std::result::Result<Granted, Answer> {
        let Some(user) = self.user else { return Err(Answer::bad("Please login first")) };
        authorize_server(&user.auth, op).map_err(Answer::from)
    }

    /// Takes the owner's namespace lock, looks the mailbox up under it, passes the gate and opens.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn open_mailbox(
        &self,
        name: &MboxName,
        op: Op,
        mode: Mode,
    ) -> std::result::Result<(Mailbox, UserLock, Granted), Answer> {
        let store = &self.imapd.store;
        let owner = name.owner(self.imapd.catalog.rules());
        let lock = store.lock_owner(owner.as_deref(), mode)?;
        let found = self.find(name)?;
        let granted = self.authorize(op, &found)?;
        let location = self.imapd.catalog.location(&found.entry)?;
        let mailbox = Mailbox::open(store, &lock, location, Mode::Shared, Wait::Block)?;
        Ok((mailbox, lock, granted))
    }
}

impl Session<'_> {
    /// The session's user on this server.
    #[must_use]
    pub fn acting(&self) -> Acting<'_> {
        Acting { imapd: self.imapd, user: self.user.as_ref() }
    }

    /// See [`Acting::internal_name`].
    #[must_use]
    pub fn internal_name(&self, external: &[u8]) -> MboxName {
        self.acting().internal_name(external)
    }

    /// See [`Acting::find`].
    ///
    /// # Errors
    /// `NotFound` and what reading mailboxes.db gives.
    pub fn find(&self, name: &MboxName) -> Result<Found> {
        self.acting().find(name)
    }

    /// See [`Acting::authorize`].
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn authorize(&self, op: Op, found: &Found) -> std::result::Result<Granted, Answer> {
        self.acting().authorize(op, found)
    }

    /// The gate of what only administrators may do.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn authorize_server(&self, op: ServerOp) -> std::result::Result<Granted, Answer> {
        self.acting().authorize_server(op)
    }

    /// See [`Acting::open_mailbox`].
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn open_mailbox(
        &self,
        name: &MboxName,
        op: Op,
        mode: Mode,
    ) -> std::result::Result<(Mailbox, UserLock, Granted), Answer> {
        self.acting().open_mailbox(name, op, mode)
    }

    /// `NO` for a mailbox that is the target of APPEND, COPY or MOVE: `[TRYCREATE]` when the user
    /// could create it (RFC 3501 7.1).
    pub fn refuse_target(&self, name: &MboxName, answer: Answer) -> Answer {
        if !answer.is_nonexistent() {
            return answer;
        }
        let Some(user) = &self.user else { return answer };
        let actor = libcyrus::store::mboxlist::Actor::Session(&user.auth);
        match self.imapd.catalog.check_create(&actor, name, false) {
            Ok(()) => answer.with_code("TRYCREATE"),
            Err(_) => answer,
        }
    }
}
