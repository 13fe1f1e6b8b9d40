//! The user's `.dav` database: an SQLite file with the schema that C makes, `user_version` 14.
//!
//! C opens the same file, so all tables are made here, those of calendars and address books too.
//! Each [`DavDb`] is a connection of its own; writers wait for each other for `dav_lock_timeout`.
//!
//! DIAGNOSTICS: `creating sql_db FILE`, `sqldb_open(FILE) upgrade to vN`, and `DBERROR: sqldb ...`
//! with the failing statement, in C's words.

use crate::error::{Error, Result};
use cyrus_base::config::Opt;
use cyrus_base::log::{self, Logged, Priority};
use cyrus_store::Catalog;
use cyrus_util::guid::Guid;
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `user_version` of the schema.
pub const VERSION: i64 = 14;

/// What makes a new database. The text is what `sqlite_master` then shows, as C's does.
const CREATE: &str = "\
CREATE TABLE IF NOT EXISTS ical_objs ( rowid INTEGER PRIMARY KEY, creationdate INTEGER, mailbox TEXT NOT NULL, resource TEXT NOT NULL, imap_uid INTEGER, modseq INTEGER, createdmodseq INTEGER, lock_token TEXT, lock_owner TEXT, lock_ownerid TEXT, lock_expire INTEGER, comp_type INTEGER, ical_uid TEXT, organizer TEXT, dtstart TEXT, dtend TEXT, comp_flags INTEGER, sched_tag TEXT, alive INTEGER, UNIQUE( mailbox, imap_uid ), UNIQUE( mailbox, resource ) );\
CREATE INDEX IF NOT EXISTS idx_ical_uid ON ical_objs ( ical_uid );\
CREATE TABLE IF NOT EXISTS vcard_objs ( rowid INTEGER PRIMARY KEY, creationdate INTEGER, mailbox TEXT NOT NULL, resource TEXT NOT NULL, imap_uid INTEGER, modseq INTEGER, createdmodseq INTEGER, lock_token TEXT, lock_owner TEXT, lock_ownerid TEXT, lock_expire INTEGER, version INTEGER, vcard_uid TEXT, kind INTEGER, fullname TEXT, name TEXT, nickname TEXT, alive INTEGER, UNIQUE( mailbox, imap_uid ), UNIQUE( mailbox, resource ) );\
CREATE INDEX IF NOT EXISTS idx_vcard_fn ON vcard_objs ( fullname );\
CREATE INDEX IF NOT EXISTS idx_vcard_uid ON vcard_objs ( vcard_uid );\
CREATE TABLE IF NOT EXISTS vcard_emails ( rowid INTEGER PRIMARY KEY, objid INTEGER, pos INTEGER NOT NULL, email TEXT NOT NULL COLLATE NOCASE, ispref INTEGER NOT NULL DEFAULT 0, ispinned INTEGER NOT NULL DEFAULT 0, FOREIGN KEY (objid) REFERENCES vcard_objs (rowid) ON DELETE CASCADE );\
CREATE INDEX IF NOT EXISTS idx_vcard_email ON vcard_emails ( email COLLATE NOCASE );\
CREATE TABLE IF NOT EXISTS vcard_groups ( rowid INTEGER PRIMARY KEY, objid INTEGER, pos INTEGER NOT NULL, member_uid TEXT NOT NULL, otheruser TEXT NOT NULL DEFAULT \"\", FOREIGN KEY (objid) REFERENCES vcard_objs (rowid) ON DELETE CASCADE );\
CREATE TABLE IF NOT EXISTS dav_objs ( rowid INTEGER PRIMARY KEY, creationdate INTEGER, mailbox TEXT NOT NULL, resource TEXT NOT NULL, imap_uid INTEGER, modseq INTEGER, createdmodseq INTEGER, lock_token TEXT, lock_owner TEXT, lock_ownerid TEXT, lock_expire INTEGER, filename TEXT, type TEXT, subtype TEXT, res_uid TEXT, ref_count INTEGER, alive INTEGER, UNIQUE( mailbox, imap_uid ), UNIQUE( mailbox, resource ) );\
CREATE TABLE IF NOT EXISTS ical_jmapcache ( rowid INTEGER NOT NULL, userid TEXT NOT NULL, jmapversion INTEGER NOT NULL, jmapdata TEXT NOT NULL, PRIMARY KEY (rowid, userid) FOREIGN KEY (rowid) REFERENCES ical_objs (rowid) ON DELETE CASCADE );\
CREATE TABLE IF NOT EXISTS vcard_jmapcache ( rowid INTEGER NOT NULL PRIMARY KEY, jmapversion INTEGER NOT NULL, jmapdata TEXT NOT NULL, FOREIGN KEY (rowid) REFERENCES vcard_objs (rowid) ON DELETE CASCADE );";

/// The tables of `CREATE` above, then the scripts.
const CREATE_SIEVE: &str = "\
CREATE TABLE IF NOT EXISTS sieve_scripts ( rowid INTEGER PRIMARY KEY, creationdate INTEGER, lastupdated INTEGER, mailbox TEXT NOT NULL, imap_uid INTEGER, modseq INTEGER, createdmodseq INTEGER, id TEXT NOT NULL, name TEXT NOT NULL, contentid TEXT NOT NULL, isactive INTEGER, alive INTEGER, UNIQUE( mailbox, imap_uid ), UNIQUE( id ) );\
CREATE INDEX IF NOT EXISTS idx_sieve_name ON sieve_scripts ( name );";

const CREATE_OBJECTS: &str = "\
CREATE TABLE IF NOT EXISTS dav_objs ( rowid INTEGER PRIMARY KEY, creationdate INTEGER, mailbox TEXT NOT NULL, resource TEXT NOT NULL, imap_uid INTEGER, modseq INTEGER, createdmodseq INTEGER, lock_token TEXT, lock_owner TEXT, lock_ownerid TEXT, lock_expire INTEGER, filename TEXT, type TEXT, subtype TEXT, res_uid TEXT, ref_count INTEGER, alive INTEGER, UNIQUE( mailbox, imap_uid ), UNIQUE( mailbox, resource ) );";

const CREATE_CACHES: &str = "\
CREATE TABLE IF NOT EXISTS ical_jmapcache ( rowid INTEGER NOT NULL, userid TEXT NOT NULL, jmapversion INTEGER NOT NULL, jmapdata TEXT NOT NULL, PRIMARY KEY (rowid, userid) FOREIGN KEY (rowid) REFERENCES ical_objs (rowid) ON DELETE CASCADE );\
CREATE TABLE IF NOT EXISTS vcard_jmapcache ( rowid INTEGER NOT NULL PRIMARY KEY, jmapversion INTEGER NOT NULL, jmapdata TEXT NOT NULL, FOREIGN KEY (rowid) REFERENCES vcard_objs (rowid) ON DELETE CASCADE );";

/// Steps from older versions. There is none to 11, 12 and 13.
const UPGRADES: [(i64, &str); 10] = [
    (
        2,
        "ALTER TABLE ical_objs ADD COLUMN comp_flags INTEGER;\
         UPDATE ical_objs SET comp_flags = recurring + 2 * transp;",
    ),
    (
        3,
        "ALTER TABLE ical_objs ADD COLUMN modseq INTEGER; UPDATE ical_objs SET modseq = 1;\
         ALTER TABLE vcard_objs ADD COLUMN modseq INTEGER; UPDATE vcard_objs SET modseq = 1;",
    ),
    (
        4,
        "ALTER TABLE ical_objs ADD COLUMN alive INTEGER; UPDATE ical_objs SET alive = 1;\
         ALTER TABLE vcard_objs ADD COLUMN alive INTEGER; UPDATE vcard_objs SET alive = 1;",
    ),
    (
        5,
        "ALTER TABLE vcard_emails ADD COLUMN ispref INTEGER NOT NULL DEFAULT 0;\
         ALTER TABLE vcard_groups ADD COLUMN otheruser TEXT NOT NULL DEFAULT \"\";",
    ),
    (6, CREATE_OBJECTS),
    (
        7,
        "ALTER TABLE ical_objs ADD COLUMN createdmodseq INTEGER; UPDATE ical_objs SET createdmodseq = 0;\
         ALTER TABLE vcard_objs ADD COLUMN createdmodseq INTEGER; UPDATE vcard_objs SET createdmodseq = 0;\
         ALTER TABLE dav_objs ADD COLUMN createdmodseq INTEGER; UPDATE dav_objs SET createdmodseq = 0;",
    ),
    (8, "ALTER TABLE vcard_emails ADD COLUMN ispinned INTEGER NOT NULL DEFAULT 0;"),
    (9, CREATE_CACHES),
    (
        10,
        "CREATE UNIQUE INDEX IF NOT EXISTS idx_ical_imapuid ON ical_objs ( mailbox, imap_uid );\
         CREATE UNIQUE INDEX IF NOT EXISTS idx_vcard_imapuid ON vcard_objs ( mailbox, imap_uid );\
         CREATE UNIQUE INDEX IF NOT EXISTS idx_object_imapuid ON dav_objs ( mailbox, imap_uid );\
         DROP INDEX IF EXISTS idx_res_uid;",
    ),
    (14, CREATE_SIEVE),
];

/// An open `.dav` database.
pub struct DavDb {
    connection: Connection,
    path: PathBuf,
}

impl std::fmt::Debug for DavDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DavDb").field("path", &self.path).finish_non_exhaustive()
    }
}

impl DavDb {
    /// The database of a user, made if there is none. C: `dav_open_userid()`
    ///
    /// # Errors
    /// `Store`, `Io`.
    pub fn open_user(catalog: &Catalog, userid: &[u8]) -> Result<Self> {
        let path = catalog.user_path(userid, "dav")?;
        let wait_s = u64::try_from(catalog.config().duration_s(Opt::DavLockTimeout)).unwrap_or(0);
        Self::open(&path, Duration::from_secs(wait_s), &|name| {
            let entry = catalog.lookup_any(&cyrus_util::mboxname::MboxName::from(name)).ok()?;
            entry.uniqueid
        })
    }

    /// The database of a user if there is one already: reading makes no file.
    ///
    /// # Errors
    /// `Store`, `Io`.
    pub fn open_user_existing(catalog: &Catalog, userid: &[u8]) -> Result<Option<Self>> {
        if !catalog.user_path(userid, "dav")?.exists() {
            return Ok(None);
        }
        Self::open_user(catalog, userid).map(Some)
    }

    /// A database file; `uniqueid_of` tells the unique id of a mailbox, which old versions of the
    /// table of scripts name. C: `sqldb_open()`
    ///
    /// # Errors
    /// `Io`.
    pub fn open(path: &Path, wait: Duration, uniqueid_of: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Result<Self> {
        if !path.exists()
            && let Some(parent) = path.parent()
        {
            std::fs::create_dir_all(parent).map_err(|error| {
                let fields: [(&str, &dyn std::fmt::Display); 1] = [("path", &parent.display())];
                log::ioerror("unable to create directory", &fields, Some(&error))
            })?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|e| told("sqldb open failed", path, &e))?;
        let mut db = Self { connection, path: path.to_path_buf() };
        db.connection.busy_timeout(wait).map_err(|e| db.failed("busy timeout failed", &e))?;
        db.batch(
            "enable foreign keys failed",
            "PRAGMA foreign_keys = ON; PRAGMA secure_delete = OFF; PRAGMA temp_store = 2;",
        )?;
        if db.version()? != VERSION {
            db.upgrade(uniqueid_of)?;
        }
        Ok(db)
    }

    /// The connection, for the tables of this crate.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Begins a transaction that may write. C: `sqldb_begin()`
    pub(crate) fn begin(&self) -> Result<()> {
        self.batch("step failed", "BEGIN IMMEDIATE;")
    }

    /// Makes it durable. C: `sqldb_commit()`
    pub(crate) fn commit(&self) -> Result<()> {
        self.batch("commit failed", "COMMIT;")
    }

    /// Takes it back. C: `sqldb_rollback()`
    pub(crate) fn rollback(&self) -> Result<()> {
        self.batch("rollback failed", "ROLLBACK;")
    }

    /// Writes a failure to the log and gives the error for it.
    pub(crate) fn failed(&self, what: &str, error: &rusqlite::Error) -> Error {
        Error::Io(told(what, &self.path, error))
    }

    fn batch(&self, what: &str, statements: &str) -> Result<()> {
        self.connection.execute_batch(statements).map_err(|e| self.failed(what, &e))
    }

    fn version(&self) -> Result<i64> {
        let version = self.connection.pragma_query_value(None, "user_version", |row| row.get(0));
        version.map_err(|e| self.failed("get user version failed", &e))
    }

    /// Makes the tables, or brings them up to the version of today; another process may be faster.
    fn upgrade(&mut self, uniqueid_of: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Result<()> {
        self.batch("begin failed", "BEGIN EXCLUSIVE;")?;
        let found = self.version()?;
        if found == VERSION {
            return self.commit();
        }
        let name = self.path.display();
        if found == 0 {
            log::write(Priority::Notice, format_args!("creating sql_db {name}"));
            self.batch("create failed", CREATE)?;
            self.batch("create failed", CREATE_SIEVE)?;
        } else {
            for (version, statements) in UPGRADES.iter().filter(|(version, _)| *version > found) {
                log::write(Priority::Notice, format_args!("sqldb_open({name}) upgrade to v{version}"));
                self.batch("upgrade failed", statements)?;
            }
            let upgraded = self.upgrade_scripts(found, uniqueid_of);
            upgraded.map_err(|e| self.failed("upgrade failed", &e))?;
        }
        let last = if found > VERSION { found } else { VERSION };
        self.batch("user version failed", &format!("PRAGMA user_version = {last};"))?;
        self.commit()
    }

    /// Versions 12 and 13 kept scripts by the mailbox's name, 12 also their text in the row.
    fn upgrade_scripts(
        &self,
        found: i64,
        uniqueid_of: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> rusqlite::Result<()> {
        if found != 12 && found != 13 {
            return Ok(());
        }
        let name: Option<String> = self
            .connection
            .query_row("SELECT mailbox FROM sieve_scripts LIMIT 1;", [], |row| row.get(0))
            .map_or_else(none_if_empty, |name| Ok(Some(name)))?;
        if found == 12 {
            let mut ids = Vec::new();
            let mut rows = self.connection.prepare("SELECT rowid, content FROM sieve_scripts;")?;
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let text: String = row.get(1)?;
                ids.push((row.get::<_, i64>(0)?, Guid::of(text.as_bytes()).to_string()));
            }
            self.connection.execute_batch("ALTER TABLE sieve_scripts RENAME COLUMN content TO contentid;")?;
            for (row, id) in ids {
                let set = "UPDATE sieve_scripts SET contentid = ?2 WHERE rowid = ?1;";
                self.connection.execute(set, params![row, id])?;
            }
        }
        if let Some(uniqueid) = name.and_then(|name| uniqueid_of(name.as_bytes())) {
            let uniqueid = String::from_utf8_lossy(&uniqueid).into_owned();
            self.connection.execute("UPDATE sieve_scripts SET mailbox = ?1;", params![uniqueid])?;
        }
        Ok(())
    }
}

/// `None` when a query gave no row.
pub(crate) fn none_if_empty<T>(error: rusqlite::Error) -> rusqlite::Result<Option<T>> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(None),
        error => Err(error),
    }
}

fn told(what: &str, path: &Path, error: &rusqlite::Error) -> Logged {
    log::dberror(what, &[("fname", &path.display()), ("error", error)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> DavDb {
        DavDb::open(path, Duration::from_secs(5), &|_| Some(b"unique".to_vec())).expect("database")
    }

    #[test]
    fn a_new_database_has_the_oracles_schema() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("u/x/dav.db");
        let db = open(&path);
        assert_eq!(db.version().expect("version"), VERSION);
        let mut rows = db
            .connection
            .prepare(
                "SELECT type || '|' || name || '|' || coalesce(sql, '') FROM sqlite_master ORDER BY rowid",
            )
            .expect("statement");
        let found: Vec<String> = rows
            .query_map([], |row| row.get(0))
            .expect("rows")
            .collect::<rusqlite::Result<_>>()
            .expect("rows");
        let golden = include_str!("schema.golden");
        assert_eq!(found, golden.lines().collect::<Vec<_>>());
        drop(open(&path));
    }

    #[test]
    fn older_versions_are_brought_up() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("dav.db");
        let old = Connection::open(&path).expect("database");
        old.execute_batch(
            "CREATE TABLE sieve_scripts ( rowid INTEGER PRIMARY KEY, creationdate INTEGER, lastupdated INTEGER, \
             mailbox TEXT NOT NULL, imap_uid INTEGER, modseq INTEGER, createdmodseq INTEGER, id TEXT NOT NULL, \
             name TEXT NOT NULL, content TEXT NOT NULL, isactive INTEGER, alive INTEGER );\
             INSERT INTO sieve_scripts VALUES (1, 1, 1, 'user.ann.#sieve', 1, 1, 1, 'id', 's', 'keep;', 1, 1);\
             PRAGMA user_version = 12;",
        )
        .expect("old schema");
        drop(old);
        let db = open(&path);
        let row: (String, String) = db
            .connection
            .query_row("SELECT mailbox, contentid FROM sieve_scripts", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .expect("row");
        assert_eq!(row, ("unique".to_owned(), "1741a5f56c1cfc0f7ef3d0ad53bceb6518bdfdad".to_owned()));
        assert_eq!(db.version().expect("version"), VERSION);
    }
}
