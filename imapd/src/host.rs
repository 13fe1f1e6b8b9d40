//! What a selected mailbox needs of the process: seen.db, and who must hear of a change.

use crate::process::Imapd;
use libcyrus::imap::view::{Host, SeenState};
use libcyrus::net::local::IdleMessage;
use libcyrus::store::mailbox::{Changed, Location};
use libcyrus::store::{Error, Result};

/// The process, acting for one user.
pub struct ProcessHost<'a> {
    /// The process.
    pub imapd: &'a mut Imapd,
    /// Whose seen state.
    pub userid: &'a [u8],
}

impl Host for ProcessHost<'_> {
    fn read_seen(&mut self, _uniqueid: &[u8], _shared: bool) -> Result<SeenState> {
        Err(Error::ItemNotFound)
    }

    fn write_seen(
        &mut self,
        _uniqueid: &[u8],
        _shared: bool,
        _change: &mut dyn FnMut(&SeenState) -> Option<SeenState>,
    ) -> Result<()> {
        Err(Error::ItemNotFound)
    }

    fn mailbox_changed(&mut self, location: &Location, _changed: &Changed) {
        if let Some(idle) = &self.imapd.idle {
            idle.send(IdleMessage::Notify, location.name.as_bytes());
        }
    }
}
