//! mailboxes.db: which mailboxes there are, and everything that changes their names
//! (reference/databases.md 2).
//!
//! | file | what |
//! |---|---|
//! | [`entry`] | an entry as value and bytes |
//! | `dump` | entries as `ctl_mboxlist -d` prints them |
//! | [`find`] | LIST and LSUB: names in a client's view |
//! | `nonimap` | folders that are not mail |
//! | `reach` | where in the database the names lie that LIST patterns can match |
//! | `reader` | many look-ups under one lock |
//! | [`change`] | both records of a mailbox and the reverse ACLs in one transaction |
//! | `create`, `delete`, `rename`, `setacl` | the operations, with who may do them |
//!
//! Functions hang on [`Catalog`]. What changes an entry asks for the exclusive namespace lock of
//! the owner.

pub mod change;
mod create;
mod delete;
mod dump;
pub mod entry;
pub mod find;
mod nonimap;
mod reach;
mod reader;
mod rename;
mod setacl;
mod upgrade;

pub use create::{NewMailbox, new_uniqueid};
pub use delete::DeleteHow;
pub use dump::dump_line;
pub use entry::{FormerName, MbEntry, MbKind, MbType};
pub use find::{Find, Found, Step};
pub use nonimap::NonImapFolders;
pub use reader::ListReader;
pub use rename::RenameHow;

use crate::catalog::{Catalog, Global, db_error};
use crate::error::{Error, Result};
use cyrus_auth::{AuthState, Granted};
use cyrus_db::Db;
use cyrus_util::mboxname::{MboxName, Parts, US};
use std::ops::ControlFlow;

/// Who asks for a change.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// A logged-in user.
    Session(&'a AuthState),
    /// A tool that was granted everything.
    Tool(Granted),
}

impl Actor<'_> {
    /// Whether no ACL stands in the way.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        match self {
            Self::Session(state) => state.is_admin(),
            Self::Tool(granted) => granted.is_admin(),
        }
    }

    /// The userid, if it is a user.
    #[must_use]
    pub fn userid(&self) -> Option<&[u8]> {
        match self {
            Self::Session(state) => Some(state.userid()),
            Self::Tool(_) => None,
        }
    }
}

/// Which entries a walk shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Mailboxes and intermediate names.
    Living,
    /// Only real mailboxes.
    Mailboxes,
    /// Tombstones too.
    Everything,
}

impl Show {
    fn shows(self, mbtype: MbType) -> bool {
        match self {
            Self::Living => !mbtype.is_deleted(),
            Self::Mailboxes => !mbtype.is_deleted() && !mbtype.is_intermediate(),
            Self::Everything => true,
        }
    }
}

/// Key of a name's record.
pub(crate) fn name_key(dbname: &[u8]) -> Vec<u8> {
    [b"N", dbname].concat()
}

/// Key of an id's record.
pub(crate) fn id_key(uniqueid: &[u8]) -> Vec<u8> {
    [b"I", uniqueid].concat()
}

impl Catalog {
    /// mailboxes.db itself.
    ///
    /// # Errors
    /// `Io`.
    pub fn mboxlist_db(&self) -> Result<Db> {
        self.global(Global::Mboxlist)
    }

    /// The entry of a mailbox that can be opened. C: mboxlist_lookup()
    ///
    /// # Errors
    /// `NotFound` also for tombstones and intermediate names, `Reserved`.
    pub fn lookup(&self, name: &MboxName) -> Result<MbEntry> {
        let entry = self.lookup_any(name)?;
        if entry.mbtype.is_reserved() {
            Err(Error::Reserved)
        } else if entry.mbtype.is_deleted() || entry.mbtype.is_intermediate() {
            Err(Error::NotFound)
        } else {
            Ok(entry)
        }
    }

    /// The entry of a name, whatever its state. C: mboxlist_lookup_allow_all()
    ///
    /// # Errors
    /// `NotFound`, `BadFormat`.
    pub fn lookup_any(&self, name: &MboxName) -> Result<MbEntry> {
        let db = self.mboxlist_db()?;
        let dbname = name.to_db(self.rules());
        if dbname.is_empty() {
            return Err(Error::NotFound);
        }
        let data = db.fetch(&name_key(&dbname)).map_err(|error| db_error(db.path(), error))?;
        self.parse_entry(&db, Some(name.clone()), &data.ok_or(Error::NotFound)?)
    }

    /// The entry of a unique id, with its former names; also a tombstone's.
    /// C: mboxlist_lookup_by_uniqueid()
    ///
    /// # Errors
    /// `NotFound`, `Reserved`, `BadFormat`.
    pub fn lookup_by_uniqueid(&self, uniqueid: &[u8]) -> Result<MbEntry> {
        let db = self.mboxlist_db()?;
        let data = db.fetch(&id_key(uniqueid)).map_err(|error| db_error(db.path(), error))?;
        let mut entry = self.parse_entry(&db, None, &data.ok_or(Error::NotFound)?)?;
        if entry.mbtype.is_reserved() {
            return Err(Error::Reserved);
        }
        entry.uniqueid = Some(uniqueid.to_vec());
        Ok(entry)
    }

    pub(crate) fn parse_entry(&self, db: &Db, name: Option<MboxName>, data: &[u8]) -> Result<MbEntry> {
        MbEntry::parse(name, data, self.rules())
            .map_err(|_| Error::bad_format(db.path(), "mailboxes.db entry"))
    }

    /// The nearest existing mailbox above a name. C: mboxlist_findparent()
    ///
    /// # Errors
    /// As [`Catalog::lookup`] but for `NotFound`.
    pub fn find_parent(&self, name: &MboxName) -> Result<Option<MbEntry>> {
        let mut parts = name.parts(self.rules());
        while parts.boxes.pop().is_some() {
            // `INBOX` alone is no mailbox: the parent of user.x.INBOX.a is user.x.
            if parts.boxes.len() == 1 && parts.boxes.first().is_some_and(|top| top == b"INBOX") {
                parts.boxes.clear();
            }
            match self.lookup(&parts.to_name(self.rules())) {
                Ok(entry) => return Ok(Some(entry)),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Calls `f` with the entries below `name`, in the order of the database; the name itself is
    /// not among them. C: mboxlist_mboxtree(MBOXTREE_SKIP_ROOT)
    ///
    /// # Errors
    /// `Io`, `BadFormat`.
    pub fn each_child(
        &self,
        name: &MboxName,
        show: Show,
        f: impl FnMut(MbEntry) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut prefix = name.to_db(self.rules());
        prefix.push(US);
        self.each_entry(&prefix, show, f)
    }

    /// Calls `f` with every entry whose database name starts with `db_prefix`.
    /// C: mboxlist_allmbox()
    ///
    /// # Errors
    /// `Io`. Entries that cannot be read are left out, as in C.
    pub fn each_entry(
        &self,
        db_prefix: &[u8],
        show: Show,
        mut f: impl FnMut(MbEntry) -> ControlFlow<()>,
    ) -> Result<()> {
        let db = self.mboxlist_db()?;
        let rules = self.rules();
        db.foreach(&name_key(db_prefix), |key, data| {
            let dbname = key.get(1..).unwrap_or_default();
            match MbEntry::parse(Some(MboxName::from_db(dbname, rules)), data, rules) {
                Ok(entry) if show.shows(entry.mbtype) => f(entry),
                _ => ControlFlow::Continue(()),
            }
        })
        .map_err(|error| db_error(db.path(), error))
    }

    /// All mailboxes of a user, INBOX first, deleted ones (those still kept) last.
    /// C: mboxlist_usermboxtree()
    ///
    /// # Errors
    /// `Io`.
    pub fn user_mailboxes(&self, userid: &[u8], with_deleted: bool) -> Result<Vec<MbEntry>> {
        let inbox = Parts::from_userid(userid, self.rules());
        let name = inbox.to_name(self.rules());
        let mut found = Vec::new();
        match self.lookup_any(&name) {
            Ok(entry) if !entry.mbtype.is_deleted() => found.push(entry),
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        let mut collect = |entry| {
            found.push(entry);
            ControlFlow::Continue(())
        };
        self.each_child(&name, Show::Living, &mut collect)?;
        if with_deleted {
            let mut deleted = inbox;
            // Any stamp: only the prefix in front of it is used.
            deleted.deleted = 1;
            let mut prefix = deleted.to_db(self.rules());
            prefix.pop();
            self.each_entry(&prefix, Show::Living, &mut collect)?;
        }
        Ok(found)
    }

    /// Every userid that has an INBOX. C: mboxlist_alluser()
    ///
    /// # Errors
    /// `Io`.
    pub fn all_users(&self) -> Result<Vec<Vec<u8>>> {
        let mut users = Vec::new();
        self.each_entry(b"", Show::Mailboxes, |entry| {
            let parts = entry.name.parts(self.rules());
            if parts.deleted == 0 && parts.boxes.is_empty() {
                users.extend(parts.userid());
            }
            ControlFlow::Continue(())
        })?;
        Ok(users)
    }

    /// Whether a living entry stands below `name`. C: mboxlist_haschildren()
    ///
    /// # Errors
    /// `Io`.
    pub fn has_children(&self, name: &MboxName) -> Result<bool> {
        let mut found = false;
        self.each_child(name, Show::Living, |_| {
            found = true;
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}
