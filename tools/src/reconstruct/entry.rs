//! Making cyrus.header, cyrus.index and the entry in mailboxes.db agree.

use super::End;
use crate::context::Context;
use crate::io;
use libcyrus::base::args::Args;
use libcyrus::base::log::{self, Priority};
use libcyrus::store::lock::{Mode, UserLock};
use libcyrus::store::mailbox::Mailbox;
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::UidValidity;

/// What is to be written where once everything was told.
#[derive(Default)]
struct Amends {
    entry: bool,
    acl: Option<Vec<u8>>,
    uidvalidity: Option<UidValidity>,
    uniqueid: Option<Vec<u8>>,
}

/// Tells what differs and, without `-n`, writes it: the mailbox is right unless `-M` was given.
///
/// # Errors
/// What the store says; the inner error ends the tool.
pub fn agree(
    context: &Context,
    user: &UserLock,
    mailbox: &mut Mailbox,
    args: &Args,
) -> Result<std::result::Result<(), End>> {
    let catalog = &context.catalog;
    let name = mailbox.location().name.clone();
    let is_dry = args.has('n');
    let mode = if is_dry { Mode::Shared } else { Mode::Exclusive };
    let mut guard = mailbox.lock_index(user, mode)?;
    let Ok(mut entry) = catalog.lookup(&name) else {
        io::print(format!("Failed to re-read {name}!\n").as_bytes());
        return Ok(Err(End(1)));
    };
    let mut amends = Amends::default();
    let header = guard.mailbox_header().clone();
    // C compares an entry with itself here, so only one without an id (made for a directory) is completed.
    let uniqueid = match entry.uniqueid.clone() {
        Some(uniqueid) => uniqueid,
        None => {
            let id = text(Some(&header.uniqueid));
            say(format_args!("Wrong uniqueid in mbentry, fixing {name} ((null) -> {id})"));
            entry.uniqueid = Some(header.uniqueid.clone());
            amends.entry = true;
            header.uniqueid.clone()
        }
    };
    match catalog.lookup_by_uniqueid(&uniqueid) {
        Err(Error::NotFound) => {
            let id = text(Some(&uniqueid));
            say(format_args!("Missing mboxlist entry for uniqueid - will rewrite {name} ({id})"));
            amends.entry = true;
        }
        Err(_) => {
            say(format_args!("Error reading mailboxesdb for {name}"));
            return Ok(Err(End(1)));
        }
        Ok(by_id) if by_id.name != name => {
            say(format_args!("Wrong uniqueid! {} (should be {name})", by_id.name));
            let (other, id) = (&by_id.name, text(Some(&uniqueid)));
            if !args.has('I') {
                log::write(Priority::Err, format_args!("uniqueid clash with {other} for {name} ({id})"));
                return Ok(Err(End(1)));
            }
            let new = libcyrus::store::mboxlist::new_uniqueid();
            log::write(
                Priority::Err,
                format_args!("uniqueid clash with {other} - changed {name} ({id} => {})", text(Some(&new))),
            );
            entry.uniqueid = Some(new.clone());
            amends.uniqueid = Some(new);
            amends.entry = true;
        }
        Ok(by_id) => amends.entry |= tell_differences(&entry, &by_id),
    }
    let uidvalidity = guard.header().uidvalidity;
    if uidvalidity != entry.uidvalidity {
        if uidvalidity.0 == 0 || (args.has('M') && entry.uidvalidity.0 != 0) {
            let right = entry.uidvalidity;
            say(format_args!("Wrong uidvalidity in mailbox, fixing {name} ({uidvalidity} -> {right})"));
            amends.uidvalidity = Some(right);
        } else {
            let wrong = entry.uidvalidity;
            say(format_args!("Wrong uidvalidity in mbentry, fixing {name} ({wrong} -> {uidvalidity})"));
            entry.uidvalidity = uidvalidity;
            amends.entry = true;
        }
    }
    // That the ACLs differ was told before. As in C, cyrus.header does not change the entry.
    let in_entry = entry.acl().print();
    if args.has('M') && header.acl.as_deref().unwrap_or_default() != in_entry {
        amends.acl = Some(in_entry);
    }
    if is_dry {
        guard.abort();
        return Ok(Ok(()));
    }
    if amends.uniqueid.is_some() || amends.acl.is_some() {
        guard.change_mailbox_header(|header| {
            if let Some(uniqueid) = amends.uniqueid {
                header.uniqueid = uniqueid;
            }
            if amends.acl.is_some() {
                header.acl = amends.acl;
            }
        })?;
    }
    if let Some(uidvalidity) = amends.uidvalidity {
        guard.change_index_header(|header| header.uidvalidity = uidvalidity)?;
    }
    if amends.entry
        && let Err(error) = catalog.update_entry(user, &entry)
    {
        log::write(Priority::Err, format_args!("IOERROR: failed to update mbentry for {name} ({error})"));
    }
    guard.commit()?;
    Ok(Ok(()))
}

/// The records by name and by id should say the same.
fn tell_differences(by_name: &MbEntry, by_id: &MbEntry) -> bool {
    let acl = |entry: &MbEntry| String::from_utf8_lossy(&entry.acl().print()).into_owned();
    let fields = [
        ("uidvalidity", by_name.uidvalidity.to_string(), by_id.uidvalidity.to_string()),
        ("mbtype", by_name.mbtype.number().to_string(), by_id.mbtype.number().to_string()),
        ("partition", text(by_name.partition.as_deref()), text(by_id.partition.as_deref())),
        ("server", text(by_name.server.as_deref()), text(by_id.server.as_deref())),
        ("acl", acl(by_name), acl(by_id)),
    ];
    let mut differs = false;
    for (field, named, other) in fields {
        if named != other {
            say(format_args!("mismatched {field} byid {} ({named} {other})", by_name.name));
            differs = true;
        }
    }
    differs
}

fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "(null)".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn say(line: std::fmt::Arguments<'_>) {
    io::print(format!("{line}\n").as_bytes());
}
