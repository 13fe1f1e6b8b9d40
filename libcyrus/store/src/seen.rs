//! seen.db: what a user who is not the owner has seen (reference/databases.md 3.3).

use crate::catalog::{Catalog, db_error};
use crate::error::Result;
use cyrus_base::config::Opt;
use cyrus_db::{Create, Db};
use cyrus_util::ids::Uid;
use cyrus_util::seqset::SeqSet;

/// Seen state of one mailbox for one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenData {
    /// When the mailbox was last read, seconds since the epoch.
    pub lastread: i64,
    /// Highest uid that was \Recent to this user.
    pub lastuid: Uid,
    /// The mailbox's last append when this was written.
    pub lastchange: i64,
    /// Uids with \Seen.
    pub seenuids: SeqSet,
}

impl SeenData {
    /// Reads `1 lastread lastuid lastchange seenuids`; a sequence that is none counts as empty.
    /// C: parse_data()
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(data).ok()?;
        let mut words = text.split(' ');
        if words.next()? != "1" {
            return None;
        }
        let (lastread, lastuid, lastchange) = (words.next()?, words.next()?, words.next()?);
        let uids = words.next().unwrap_or_default();
        Some(Self {
            lastread: lastread.parse().ok()?,
            lastuid: Uid(lastuid.parse().ok()?),
            lastchange: lastchange.parse().ok()?,
            seenuids: SeqSet::parse(uids.as_bytes(), None).unwrap_or_default(),
        })
    }

    /// The stored text.
    #[must_use]
    pub fn print(&self) -> String {
        format!("1 {} {} {} {}", self.lastread, self.lastuid, self.lastchange, self.seenuids)
    }
}

impl Catalog {
    fn seen_db(&self, userid: &[u8], create: Create) -> Result<Option<Db>> {
        let path = self.user_path(userid, "seen")?;
        if create == Create::Never && !path.exists() {
            return Ok(None);
        }
        self.open_as(&path, Opt::SeenstateDb, create).map(Some)
    }

    /// The state of a mailbox, the empty one when there is none. C: seen_read()
    ///
    /// # Errors
    /// `Io`.
    pub fn read_seen(&self, userid: &[u8], uniqueid: &[u8]) -> Result<SeenData> {
        let Some(db) = self.seen_db(userid, Create::Never)? else { return Ok(SeenData::default()) };
        let data = db.fetch(uniqueid).map_err(|error| db_error(db.path(), error))?;
        Ok(data.and_then(|data| SeenData::parse(&data)).unwrap_or_default())
    }

    /// Changes the state of a mailbox under the write lock. C: seen_lockread(), seen_write()
    ///
    /// # Errors
    /// `Io`.
    pub fn update_seen(&self, userid: &[u8], uniqueid: &[u8], f: impl FnOnce(&mut SeenData)) -> Result<()> {
        let Some(db) = self.seen_db(userid, Create::IfMissing)? else { return Ok(()) };
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        let old = txn.fetch(uniqueid).map_err(fail)?;
        let before = old.and_then(|data| SeenData::parse(&data));
        let mut data = before.clone().unwrap_or_default();
        f(&mut data);
        if before.as_ref() == Some(&data) {
            return Ok(());
        }
        txn.store(uniqueid, data.print().as_bytes()).map_err(fail)?;
        txn.commit().map_err(fail)?;
        self.sync_log(&[b"SEEN", userid, uniqueid]);
        Ok(())
    }

    /// Forgets the state of a mailbox. C: seen_delete_mailbox()
    ///
    /// # Errors
    /// `Io`.
    pub fn delete_seen(&self, userid: &[u8], uniqueid: &[u8]) -> Result<()> {
        let Some(db) = self.seen_db(userid, Create::Never)? else { return Ok(()) };
        db.delete(uniqueid).map(drop).map_err(|error| db_error(db.path(), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_as_they_were_read() {
        for text in ["1 1795375841 4 1795375841 1,3", "1 0 0 0 ", "1 5 6 7 1:9"] {
            assert_eq!(SeenData::parse(text.as_bytes()).map(|data| data.print()).as_deref(), Some(text));
        }
        let broken = SeenData::parse(b"1 1 2 3 1,,x").unwrap_or_default();
        assert!(broken.seenuids.is_empty());
        assert_eq!(SeenData::parse(b"2 1 2 3 1"), None);
    }
}
