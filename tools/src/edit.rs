//! Changing one mailbox: the locks in order, the commit, and who is told of it.

use crate::context::Context;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{Cleanup, IndexGuard, Mailbox};
use libcyrus::store::{Error, Result};
use libcyrus::util::mboxname::MboxName;

/// Opens a mailbox, lets `f` work under the exclusive index lock, and commits what it did. When
/// `f` fails nothing is changed. Files that are no longer needed are removed at the end.
/// C: mailbox_open_iwl() .. mailbox_close()
///
/// # Errors
/// `NotFound` and the like when it cannot be opened, what `f` says, `Io`.
pub fn edit<T>(
    context: &Context,
    name: &MboxName,
    f: impl FnOnce(&mut IndexGuard<'_>) -> Result<T>,
) -> Result<T> {
    let store = &context.store;
    let user = store.lock_owner(context.owner(name).as_deref(), Mode::Exclusive)?;
    let entry = context.catalog.lookup(name)?;
    if entry.mbtype.is_remote() {
        return Err(Error::Moved);
    }
    let mut mailbox = Mailbox::open_entry(store, &user, &entry, Mode::Shared, Wait::Block)?;
    let mut index = mailbox.lock_index(&user, Mode::Exclusive)?;
    let done = f(&mut index)?;
    if index.commit()?.changed {
        context.catalog.forget_status(name);
        context.catalog.sync_log(&[b"MAILBOX", name.as_bytes()]);
    }
    let cleanup = mailbox.close()?;
    drop(user);
    if let Cleanup::Wanted(location) = cleanup {
        Mailbox::run_cleanup(store, *location)?;
    }
    context.catalog.flush_events();
    Ok(done)
}
