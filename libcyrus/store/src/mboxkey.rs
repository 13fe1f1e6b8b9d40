//! mboxkey.db: a user's secrets, one a mailbox, with which she vouches for URLs (RFC 4467).
//!
//! Key: the internal name. Value: the version 1 as u16 in network order, then the secret. A key that is removed
//! makes all URLs of its mailbox void. C: mboxkey.c

use crate::catalog::{Catalog, db_error};
use crate::error::{Error, Result};
use cyrus_base::config::Opt;
use cyrus_db::{Create, Db};
use cyrus_sys::random;
use cyrus_util::mboxname::MboxName;
use std::io::ErrorKind;
use std::path::Path;

const VERSION: [u8; 2] = 1_u16.to_be_bytes();
const SECRET_OCTETS: usize = 16;

impl Catalog {
    /// The user's secret for a mailbox. C: mboxkey_read()
    ///
    /// # Errors
    /// `Io`; a record of another version is `Internal`.
    pub fn mailbox_key(&self, userid: &[u8], name: &MboxName) -> Result<Option<Vec<u8>>> {
        let path = self.user_path(userid, "mboxkey")?;
        if !path.exists() {
            return Ok(None);
        }
        let db = self.open_as(&path, Opt::MboxkeyDb, Create::Never)?;
        let value = db.fetch(name.as_bytes()).map_err(|error| db_error(db.path(), error))?;
        value.map(|value| secret(&value)).transpose()
    }

    /// The same, made when there is none.
    ///
    /// # Errors
    /// `Io`.
    pub fn make_mailbox_key(&self, userid: &[u8], name: &MboxName) -> Result<Vec<u8>> {
        let db = self.mboxkey_db(userid)?;
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        if let Some(value) = txn.fetch(name.as_bytes()).map_err(fail)? {
            return secret(&value);
        }
        let mut made = vec![0; SECRET_OCTETS];
        random::fill(&mut made).map_err(|error| Error::io("read", Path::new("/dev/urandom"), error))?;
        txn.store(name.as_bytes(), &[VERSION.as_slice(), &made].concat()).map_err(fail)?;
        txn.commit().map_err(fail)?;
        Ok(made)
    }

    /// Forgets the user's secret for a mailbox. C: mboxkey_write() of none
    ///
    /// # Errors
    /// `Io`.
    pub fn forget_mailbox_key(&self, userid: &[u8], name: &MboxName) -> Result<()> {
        let db = self.mboxkey_db(userid)?;
        let fail = |error| db_error(db.path(), error);
        let mut txn = db.begin().map_err(fail)?;
        if txn.fetch(name.as_bytes()).map_err(fail)?.is_some() {
            txn.delete(name.as_bytes()).map_err(fail)?;
        }
        txn.commit().map_err(fail)
    }

    /// Forgets all of them. C: mboxkey_delete_user()
    ///
    /// # Errors
    /// `Io`.
    pub fn forget_mailbox_keys(&self, userid: &[u8]) -> Result<()> {
        let path = self.user_path(userid, "mboxkey")?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("unlink", &path, error)),
            _ => Ok(()),
        }
    }

    fn mboxkey_db(&self, userid: &[u8]) -> Result<Db> {
        self.open_as(&self.user_path(userid, "mboxkey")?, Opt::MboxkeyDb, Create::IfMissing)
    }
}

fn secret(value: &[u8]) -> Result<Vec<u8>> {
    let secret = value.strip_prefix(VERSION.as_slice()).filter(|secret| !secret.is_empty());
    secret.map(<[u8]>::to_vec).ok_or(Error::Internal("mboxkey.db: record of another version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_one_with_a_secret_is_read() {
        assert_eq!(secret(b"\x00\x01abc").ok().as_deref(), Some(b"abc".as_slice()));
        assert!(secret(b"\x00\x02abc").is_err() && secret(b"\x00\x01").is_err() && secret(b"").is_err());
    }
}
