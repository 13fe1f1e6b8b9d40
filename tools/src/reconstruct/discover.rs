//! Mailboxes that are in the file system and not in mailboxes.db.

use crate::context::Context;
use crate::io;
use libcyrus::auth::Granted;
use libcyrus::base::config::Opt;
use libcyrus::store::lock::Mode;
use libcyrus::store::mboxlist::{Actor, MbEntry, MbType, NewMailbox};
use libcyrus::store::{Error, Result};
use libcyrus::util::mboxname::MboxName;
use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Tells of directories below that of a mailbox (by name) that hold a cyrus.header and have no entry.
pub fn below(context: &Context, name: &MboxName, directory: &Path, discovered: &mut VecDeque<MboxName>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        // Directories of mailboxes never have a dot in their names.
        if file_name.as_bytes().contains(&b'.') || !entry.path().join("cyrus.header").is_file() {
            continue;
        }
        let name = name.child(file_name.as_bytes());
        match context.catalog.lookup(&name) {
            Ok(_) => {}
            Err(Error::NotFound) => {
                io::print(format!("discovered {name}\n").as_bytes());
                discovered.push_back(name);
            }
            Err(_) => return,
        }
    }
}

/// Makes the entry of a mailbox, and with `anew` its files too.
///
/// # Errors
/// As creating a mailbox.
pub fn create(context: &Context, name: &MboxName, partition: Option<&[u8]>, anew: bool) -> Result<()> {
    let catalog = &context.catalog;
    let lock = context.store.lock_owner(context.owner(name).as_deref(), Mode::Exclusive)?;
    let actor = Actor::Tool(Granted::admin("reconstruct"));
    if anew {
        let partition = partition.map(<[u8]>::to_vec);
        let new = NewMailbox { partition, ..NewMailbox::named(name.clone()) };
        return catalog.create_mailbox(&context.store, &lock, &actor, &new).map(drop);
    }
    catalog.check_create(&actor, name, false)?;
    let user = match context.owner(name) {
        Some(userid) => catalog.lookup(&MboxName::user_inbox(&userid, catalog.rules())).ok(),
        None => catalog.find_parent(name)?,
    };
    let legacy = match user {
        Some(user) => user.mbtype.has_legacy_dirs(),
        None => context.config().switch(Opt::MailboxLegacyDirs),
    };
    let entry = MbEntry {
        name: name.clone(),
        mbtype: MbType::default().with_legacy_dirs(legacy),
        // C leaves the id out and finds it in cyrus.header; by id there is no directory to find.
        uniqueid: (!legacy).then(libcyrus::store::mboxlist::new_uniqueid),
        partition: Some(catalog.partition_for_new(name, partition)?),
        acl: Some(catalog.acl_for_new(name)?),
        ..MbEntry::default()
    };
    catalog.update_entry(&lock, &entry)?;
    catalog.fill_intermediates(&context.store, &lock, name, entry.mbtype, entry.foldermodseq)
}
