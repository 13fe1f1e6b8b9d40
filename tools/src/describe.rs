//! A message in a few lines, as unexpunge and ipurge show it.

use libcyrus::store::mailbox::cache::Item;
use libcyrus::store::mailbox::{Mailbox, Record};
use libcyrus::sys::time;
use libcyrus::util::ids::UnixTime;

/// UID, size and dates, with the time of expunging if asked for, then the addresses and the subject
/// out of the cache.
pub fn message(mailbox: &mut Mailbox, record: &Record, expunged_at: Option<UnixTime>) -> Vec<u8> {
    let mut out = [
        format!("UID: {}\n\tSize: {}\n", record.uid, record.size),
        format!("\tSent: {}\n", time::ctime(record.sentdate.0)),
        format!("\tRecv: {}\n", time::ctime(record.internaldate.0)),
        expunged_at.map_or(String::new(), |at| format!("\tExpg: {}\n", time::ctime(at.0))),
    ]
    .concat()
    .into_bytes();
    let Ok(cached) = mailbox.cached(record) else {
        out.extend(b"\tERROR: cache record missing or corrupt, not printing cache details\n\n");
        return out;
    };
    let items = [
        ("From", Item::From),
        ("To  ", Item::To),
        ("Cc  ", Item::Cc),
        ("Bcc ", Item::Bcc),
        ("Subj", Item::Subject),
    ];
    for (label, item) in items {
        out.extend(format!("\t{label}: ").as_bytes());
        out.extend(cached.item(item));
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}
