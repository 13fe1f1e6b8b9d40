//! What a selected mailbox needs of the process: seen.db, and who must hear of a change.

use crate::process::Imapd;
use libcyrus::imap::view::Host;
use libcyrus::net::local::IdleMessage;
use libcyrus::store::Result;
use libcyrus::store::append::Appended;
use libcyrus::store::mailbox::{Changed, Location};
use libcyrus::store::seen::SeenData;

/// Whose seen.db keeps the state that all users of a mailbox share.
const SHARED_SEEN_USER: &[u8] = b"anyone";

/// The process, acting for one user.
pub struct ProcessHost<'a> {
    /// The process.
    pub imapd: &'a mut Imapd,
    /// Whose seen state.
    pub userid: &'a [u8],
}

impl ProcessHost<'_> {
    /// Messages were appended: \\Seen that the index does not keep goes to the user's seen.db, and
    /// all who must hear of it do.
    pub fn appended(&mut self, location: &Location, uniqueid: &[u8], appended: &Appended) {
        if !appended.seen_elsewhere.is_empty() {
            let uids =
                libcyrus::util::seqset::SeqSet::from_sorted(appended.seen_elsewhere.iter().map(|uid| uid.0));
            // A failure is in the log; the messages are in, only unseen.
            let _ = self.write_seen(uniqueid, false, &mut |data| data.seenuids.join(&uids));
        }
        self.mailbox_changed(location, &appended.changed);
    }
}

impl Host for ProcessHost<'_> {
    fn read_seen(&mut self, uniqueid: &[u8], shared: bool) -> Result<SeenData> {
        let userid = if shared { SHARED_SEEN_USER } else { self.userid };
        self.imapd.catalog.read_seen(userid, uniqueid)
    }

    fn write_seen(
        &mut self,
        uniqueid: &[u8],
        shared: bool,
        change: &mut dyn FnMut(&mut SeenData),
    ) -> Result<()> {
        let userid = if shared { SHARED_SEEN_USER } else { self.userid };
        self.imapd.catalog.update_seen(userid, uniqueid, change)
    }

    fn userid(&self) -> &[u8] {
        self.userid
    }

    fn mailbox_changed(&mut self, location: &Location, changed: &Changed) {
        if !changed.changed {
            return;
        }
        let catalog = &self.imapd.catalog;
        catalog.forget_status(&location.name);
        catalog.sync_log(&[b"MAILBOX", location.name.as_bytes()]);
        if changed.appended > 0 {
            catalog.sync_log(&[b"APPEND", location.name.as_bytes()]);
        }
        if let Some(idle) = &self.imapd.idle {
            idle.send(IdleMessage::Notify, location.name.as_bytes());
        }
    }
}
