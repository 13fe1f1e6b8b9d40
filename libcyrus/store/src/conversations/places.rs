//! Where copies of a message are, as FETCH MAILBOXES tells it.

use super::{FOLDER_IDS, FOLDER_NAMES, guid};
use crate::catalog::{Catalog, db_error};
use crate::error::{Error, Result};
use crate::mailbox::{InternalFlags, SystemFlags};
use crate::mboxlist::MbEntry;
use cyrus_base::config::Opt;
use cyrus_db::Create;
use cyrus_util::dlist::Value;
use cyrus_util::guid::Guid;
use cyrus_util::mboxname::MboxName;
use std::ops::ControlFlow;

impl Catalog {
    /// The mailboxes of a user that hold a message which is neither \Deleted nor expunged, one entry
    /// for each copy. C: `conversations_guid_foreach()` with `fetch_mailbox_cb()`
    ///
    /// # Errors
    /// `Io`, `BadFormat`.
    pub fn mailboxes_of(&self, userid: &[u8], guid: &Guid) -> Result<Vec<MbEntry>> {
        let inbox = MboxName::user_inbox(userid, self.rules());
        let path = match self.owner_path(&inbox, "conversations") {
            Ok(path) => path,
            Err(Error::NotFound) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if !path.exists() {
            return Ok(Vec::new());
        }
        let db = self.open_as(&path, Opt::ConversationsDb, Create::Never)?;
        let fail = |error| db_error(&path, error);
        let (by_name, folders) = match db.fetch(FOLDER_IDS).map_err(fail)? {
            Some(ids) => (false, Some(ids)),
            None => (true, db.fetch(FOLDER_NAMES).map_err(fail)?),
        };
        let list = Value::parse(&folders.unwrap_or_default())
            .map_err(|_| Error::bad_format(&path, "folders of conversations"))?;
        let mut places = Vec::new();
        db.foreach(&guid::prefix(guid), |key, value| {
            places.extend(guid::parse(key, value));
            ControlFlow::Continue(())
        })
        .map_err(fail)?;
        let mut found = Vec::new();
        for place in places {
            let gone = SystemFlags(place.system_flags).has(SystemFlags::DELETED)
                || InternalFlags(place.internal_flags).has(InternalFlags::EXPUNGED);
            let at = usize::try_from(place.folder).unwrap_or(usize::MAX);
            let Some(folder) = list.items().get(at).and_then(Value::as_bytes).filter(|_| !gone) else {
                continue;
            };
            let entry = match by_name {
                true => self.lookup(&MboxName::new(folder.to_vec())),
                false => self.lookup_by_uniqueid(folder),
            };
            match entry {
                Ok(entry) => found.push(entry),
                Err(Error::NotFound | Error::Reserved) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}
