//! Address books as far as Sieve asks: which there are, and whose addresses they hold (RFC 6134).
//!
//! A book is a mailbox below `addressbookprefix`; the rows of its cards are only read here.

use crate::db::DavDb;
use crate::error::Result;
use cyrus_base::config::Opt;
use cyrus_store::Catalog;
use cyrus_store::mboxlist::MbEntry;
use cyrus_util::hex;
use cyrus_util::mboxname::MboxName;
use rusqlite::params;

/// How the URI of a list begins.
const PREFIXES: [&[u8]; 2] = [b"urn:ietf:params:sieve:addrbook:", b":addrbook:"];

/// The address book that the URI of a list names, if the user has it; `default` in any spelling is `Default`, and what
/// stands behind a slash does not matter. C: get_addrbook_mbentry(), carddav_mboxname()
#[must_use]
pub fn address_book(catalog: &Catalog, userid: &[u8], uri: &[u8]) -> Option<MbEntry> {
    let uri = unescaped(uri);
    let name = PREFIXES.iter().find_map(|prefix| uri.strip_prefix(*prefix))?;
    let name = if name.eq_ignore_ascii_case(b"default") { b"Default" } else { name };
    let name = name.split(|&octet| octet == b'/').next()?;
    let rules = catalog.rules();
    let mut parts = MboxName::user_inbox(userid, rules).parts(rules);
    parts.boxes.push(catalog.config().bytes(Opt::Addressbookprefix)?.to_vec());
    parts.boxes.extend(name.split(|&octet| octet == b'.').map(<[u8]>::to_vec));
    catalog.lookup(&parts.to_name(rules)).ok()
}

/// Whether a living card of the book has an address, in any case. C: carddav_getemail2details()
///
/// # Errors
/// `Io`.
pub fn has_address(db: &DavDb, book: &MbEntry, address: &[u8]) -> Result<bool> {
    const QUERY: &str = "SELECT 1 FROM vcard_emails JOIN vcard_objs ON vcard_emails.objid = vcard_objs.rowid \
                         WHERE vcard_objs.mailbox = ?1 AND vcard_objs.alive = 1 AND vcard_emails.email = ?2;";
    let (mailbox, address) = (key(book), String::from_utf8_lossy(address));
    let found = db.connection().prepare(QUERY).and_then(|mut query| query.exists(params![mailbox, address]));
    found.map_err(|error| db.failed("address book failed", &error))
}

/// An address of each living card of the book: the preferred one, or else the first. The newest card stands first.
///
/// # Errors
/// `Io`.
pub fn addresses(db: &DavDb, book: &MbEntry) -> Result<Vec<Vec<u8>>> {
    const QUERY: &str = "SELECT vcard_emails.email, vcard_objs.rowid FROM vcard_objs \
                         JOIN vcard_emails ON vcard_emails.objid = vcard_objs.rowid \
                         WHERE vcard_objs.mailbox = ?1 AND vcard_objs.alive = 1 \
                         ORDER BY vcard_objs.modseq DESC, vcard_objs.rowid, vcard_emails.ispref DESC, vcard_emails.pos;";
    let read = || {
        let mut query = db.connection().prepare(QUERY)?;
        let mut rows = query.query(params![key(book)])?;
        let (mut found, mut last) = (Vec::new(), None);
        while let Some(row) = rows.next()? {
            let card: i64 = row.get(1)?;
            if last.replace(card) != Some(card) {
                let address = row.get_ref(0)?.as_bytes_or_null()?.unwrap_or_default();
                found.push(address.to_vec());
            }
        }
        Ok(found)
    };
    read().map_err(|error| db.failed("address book failed", &error))
}

/// How the rows name the book's mailbox.
fn key(book: &MbEntry) -> String {
    String::from_utf8_lossy(book.uniqueid.as_deref().unwrap_or_default()).into_owned()
}

/// A URI without percent escapes; what is none stays.
fn unescaped(uri: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(uri.len());
    let mut rest = uri;
    while let [octet, tail @ ..] = rest {
        rest = tail;
        let escaped = match (octet, tail) {
            (b'%', [high, low, tail @ ..]) => hex::octet(*high, *low).map(|escaped| (escaped, tail)),
            _ => None,
        };
        match escaped {
            Some((escaped, tail)) => {
                out.push(escaped);
                rest = tail;
            }
            None => out.push(*octet),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn escapes_of_a_uri_are_decoded() {
        assert_eq!(unescaped(b"a%42%4x%"), b"aB%4x%");
    }

    #[test]
    fn living_cards_of_the_book_count() {
        let dir = tempfile::tempdir().expect("tempdir");
        let db = DavDb::open(&dir.path().join("dav"), Duration::from_secs(5), &|_| None).expect("database");
        db.connection()
            .execute_batch(
                "INSERT INTO vcard_objs (rowid, mailbox, resource, imap_uid, modseq, alive) VALUES \
                 (1, 'book', 'a', 1, 1, 1), (2, 'book', 'b', 2, 2, 1), (3, 'book', 'c', 3, 3, 0), (4, 'other', 'd', 1, 1, 1);\
                 INSERT INTO vcard_emails (objid, pos, email, ispref) VALUES (1, 0, 'a@x', 0), (1, 1, 'a@y', 1), \
                 (2, 0, 'b@x', 0), (2, 1, 'b@y', 0), (3, 0, 'c@x', 0), (4, 0, 'd@x', 0);",
            )
            .expect("rows");
        let book = MbEntry { uniqueid: Some(b"book".to_vec()), ..MbEntry::default() };
        for (address, is_there) in [("A@x", true), ("a@y", true), ("c@x", false), ("d@x", false)] {
            assert_eq!(has_address(&db, &book, address.as_bytes()).expect("query"), is_there, "{address}");
        }
        assert_eq!(addresses(&db, &book).expect("query"), [b"b@x", b"a@y"]);
    }
}
