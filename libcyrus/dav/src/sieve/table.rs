//! Rows of `sieve_scripts`: one for each script, dead ones until cyr_expire comes.

use crate::db::{DavDb, none_if_empty};
use crate::error::Result;
use cyrus_util::ids::{ModSeq, Uid, UnixTime};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Params, Row, params};

/// One script as the database has it. C: `struct sieve_data`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// SQLite's number of the row; 0 for one that is not there yet.
    pub rowid: i64,
    /// When it was first put.
    pub creationdate: UnixTime,
    /// When its text was last put.
    pub lastupdated: UnixTime,
    /// Unique id of the `#sieve` mailbox.
    pub mailbox: Vec<u8>,
    /// Its message.
    pub imap_uid: Uid,
    /// Modseq of the message.
    pub modseq: ModSeq,
    /// Modseq of its creation.
    pub createdmodseq: ModSeq,
    /// The id that stays through renames and new texts.
    pub id: Vec<u8>,
    /// Its name, as the message's Subject has it.
    pub name: Vec<u8>,
    /// SHA-1 of the text.
    pub contentid: Vec<u8>,
    /// It is the one that runs.
    pub is_active: bool,
    /// Not expunged.
    pub is_alive: bool,
}

const FIELDS: &str = "SELECT rowid, creationdate, lastupdated, mailbox, imap_uid, modseq, createdmodseq, id, name, \
                      contentid, isactive, alive FROM sieve_scripts";

/// Bytes stored as TEXT: C does not ask whether they are UTF-8.
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

impl Script {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text = |column: usize| -> rusqlite::Result<Vec<u8>> {
            let value = row.get_ref(column)?;
            Ok(value.as_bytes_or_null().ok().flatten().unwrap_or_default().to_vec())
        };
        let number =
            |column: usize| -> rusqlite::Result<i64> { Ok(row.get::<_, Option<i64>>(column)?.unwrap_or(0)) };
        let unsigned = |column| number(column).map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Self {
            rowid: number(0)?,
            creationdate: UnixTime(number(1)?),
            lastupdated: UnixTime(number(2)?),
            mailbox: text(3)?,
            imap_uid: Uid(u32::try_from(number(4)?).unwrap_or(0)),
            modseq: ModSeq(unsigned(5)?),
            createdmodseq: ModSeq(unsigned(6)?),
            id: text(7)?,
            name: text(8)?,
            contentid: text(9)?,
            is_active: number(10)? != 0,
            is_alive: number(11)? != 0,
        })
    }
}

impl DavDb {
    fn one(&self, rest: &str, params: impl Params) -> Result<Option<Script>> {
        let found = self.connection().prepare_cached(&format!("{FIELDS}{rest}")).and_then(|mut query| {
            query.query_row(params, Script::of).map_or_else(none_if_empty, |s| Ok(Some(s)))
        });
        found.map_err(|e| self.failed("step failed", &e))
    }

    /// The living script of a name. C: `sievedb_lookup_name()`
    ///
    /// # Errors
    /// `Io`.
    pub fn script_named(&self, name: &[u8]) -> Result<Option<Script>> {
        self.one(" WHERE name = ?1 AND alive = 1;", params![Text(name)])
    }

    /// The script of an id, dead or alive. C: `sievedb_lookup_id()`
    ///
    /// # Errors
    /// `Io`.
    pub fn script_with_id(&self, id: &[u8]) -> Result<Option<Script>> {
        self.one(" WHERE id = ?1;", params![Text(id)])
    }

    /// The script of a message, dead or alive. C: `sievedb_lookup_imapuid()`
    ///
    /// # Errors
    /// `Io`.
    pub fn script_of_message(&self, mailbox: &[u8], uid: Uid) -> Result<Option<Script>> {
        self.one(" WHERE mailbox = ?1 AND imap_uid = ?2;", params![Text(mailbox), uid.0])
    }

    /// The script that runs. C: `sievedb_lookup_active()`
    ///
    /// # Errors
    /// `Io`.
    pub fn active_script(&self) -> Result<Option<Script>> {
        self.one(" WHERE isactive = 1 AND alive = 1;", [])
    }

    /// All living scripts. C: `sievedb_foreach()`
    ///
    /// # Errors
    /// `Io`.
    pub fn scripts(&self) -> Result<Vec<Script>> {
        let found = self
            .connection()
            .prepare_cached(&format!("{FIELDS} WHERE alive = 1;"))
            .and_then(|mut query| query.query_map([], Script::of)?.collect());
        found.map_err(|e| self.failed("step failed", &e))
    }

    /// How many living scripts there are. C: `sievedb_count()`
    ///
    /// # Errors
    /// `Io`.
    pub fn script_count(&self) -> Result<i64> {
        let count = "SELECT COUNT(name) FROM sieve_scripts WHERE alive = 1;";
        self.connection().query_row(count, [], |row| row.get(0)).map_err(|e| self.failed("step failed", &e))
    }

    /// Writes a row, a new one if `rowid` is 0. C: `sievedb_write()`
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn write_script(&self, script: &Script) -> Result<()> {
        let modseq = |modseq: ModSeq| i64::try_from(modseq.0).unwrap_or(i64::MAX);
        let written = if script.rowid == 0 {
            self.connection().execute(
                "INSERT INTO sieve_scripts ( creationdate, lastupdated, mailbox, imap_uid, modseq, createdmodseq, \
                 id, name, contentid, isactive, alive ) VALUES ( ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 );",
                params![
                    script.creationdate.0,
                    script.lastupdated.0,
                    Text(&script.mailbox),
                    script.imap_uid.0,
                    modseq(script.modseq),
                    modseq(script.createdmodseq),
                    Text(&script.id),
                    Text(&script.name),
                    Text(&script.contentid),
                    script.is_active,
                    script.is_alive,
                ],
            )
        } else {
            self.connection().execute(
                "UPDATE sieve_scripts SET lastupdated = ?2, imap_uid = ?3, modseq = ?4, name = ?5, contentid = ?6, \
                 isactive = ?7, alive = ?8 WHERE rowid = ?1;",
                params![
                    script.rowid,
                    script.lastupdated.0,
                    script.imap_uid.0,
                    modseq(script.modseq),
                    Text(&script.name),
                    Text(&script.contentid),
                    script.is_active,
                    script.is_alive,
                ],
            )
        };
        written.map(drop).map_err(|e| self.failed("step failed", &e))
    }

    /// Removes a row. C: `sievedb_delete()`
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn remove_script(&self, rowid: i64) -> Result<()> {
        let removed =
            self.connection().execute("DELETE FROM sieve_scripts WHERE rowid = ?1;", params![rowid]);
        removed.map(drop).map_err(|e| self.failed("step failed", &e))
    }

    /// Removes all rows: the mailbox is gone. C: `sievedb_delmbox()`
    ///
    /// # Errors
    /// `Io`.
    pub fn remove_scripts(&self) -> Result<()> {
        let removed = self.connection().execute("DELETE FROM sieve_scripts;", []);
        removed.map(drop).map_err(|e| self.failed("step failed", &e))
    }
}
