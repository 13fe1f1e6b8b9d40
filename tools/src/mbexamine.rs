//! mbexamine: shows what header, index and cache of a mailbox say (`-q` the quota use only, `-c` where
//! they differ from the message files).

use crate::context::{Context, Match};
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_USAGE};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::store::append::ParsedMessage;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::cache::{CacheView, Item};
use libcyrus::store::mailbox::{InternalFlags, Mailbox, MailboxOptions, Record, SystemFlags, spool};
use libcyrus::store::{Error, Result};
use libcyrus::sys::time;
use libcyrus::util::datetime;
use libcyrus::util::guid::Guid;
use libcyrus::util::ids::UnixTime;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
usage: mbexamine [-C <alt_config>] [-s seqnum] mailbox...
       mbexamine [-C <alt_config>] [-u uid] mailbox...
       mbexamine [-C <alt_config>] -q mailbox...
       mbexamine [-C <alt_config>] -c mailbox...
";

/// The message asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Number(u32),
    Uid(u32),
}

/// What to do with each mailbox.
#[derive(Clone, Copy, Debug)]
enum Job {
    Compare,
    Examine,
    Quota,
}

/// Runs the tool: `mbexamine [-C config] [-u uid | -s number | -q | -c] [mailbox...]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:u:s:qc", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_USAGE),
    };
    let (mut wanted, mut job, mut by_uid) = (Wanted::All, Job::Examine, false);
    for given in &args.options {
        match given.letter {
            'u' | 's' => {
                if wanted != Wanted::All {
                    return io::usage("", USAGE, EX_USAGE);
                }
                by_uid |= given.letter == 'u';
                let number = crate::io::atoi(given.value.as_deref().unwrap_or_default());
                wanted = match u32::try_from(number).unwrap_or(u32::MAX) {
                    0 => Wanted::All,
                    uid if by_uid => Wanted::Uid(uid),
                    number => Wanted::Number(number),
                };
            }
            'q' => job = Job::Quota,
            'c' => job = Job::Compare,
            _ => {}
        }
    }
    let context = match Context::open(args.value('C').map(Path::new), "mbexamine", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let all = [std::ffi::OsString::from("*")];
    for pattern in if args.words.is_empty() { all.as_slice() } else { &args.words } {
        let found = match context.matches(pattern.as_bytes()) {
            Ok(found) => found,
            Err(error) => return io::failed(&error),
        };
        for each in &found {
            let mut out = b"Examining ".to_vec();
            out.extend_from_slice(&each.ext);
            out.extend_from_slice(b"...");
            let done = match job {
                Job::Compare => compare(&context, each, &mut out),
                Job::Examine => examine(&context, each, wanted, &mut out),
                Job::Quota => quota(&context, each, &mut out),
            };
            io::print(&out);
            // As in C, one that cannot be opened ends the walk of its pattern.
            if done.is_err() {
                break;
            }
        }
    }
    EX_OK
}

/// Calls `f` with the mailbox and its living records (all with `Job::Compare`), under the shared index lock only
/// as long as it takes to read them.
fn with_mailbox<T>(
    context: &Context,
    found: &Match,
    f: impl FnOnce(&mut Mailbox, Vec<Record>) -> Result<T>,
) -> Result<T> {
    let owner = context.owner(&found.entry.name);
    let user = context.store.lock_owner(owner.as_deref(), Mode::Shared)?;
    let mut mailbox = Mailbox::open_entry(&context.store, &user, &found.entry, Mode::Shared, Wait::Block)?;
    let guard = mailbox.lock_index(&user, Mode::Shared)?;
    let records = guard.records().collect::<Result<Vec<_>>>();
    guard.abort();
    f(&mut mailbox, records?)
}

fn examine(context: &Context, found: &Match, wanted: Wanted, out: &mut Vec<u8>) -> Result<()> {
    with_mailbox(context, found, |mailbox, records| {
        put_header(mailbox, found, out);
        let mut is_found = false;
        for record in records.iter().filter(|record| record.is_live()) {
            // C never counts the number on: every message is shown as the first.
            let shown = match wanted {
                Wanted::All => true,
                Wanted::Number(number) => number == 1,
                Wanted::Uid(uid) => record.uid.0 == uid,
            };
            if !shown {
                continue;
            }
            put_record(mailbox, record, out);
            if wanted != Wanted::All {
                is_found = true;
                break;
            }
        }
        if wanted != Wanted::All && !is_found {
            out.extend_from_slice(b"Desired message not found\n");
        }
        Ok(())
    })
}

fn put_header(mailbox: &Mailbox, found: &Match, out: &mut Vec<u8>) {
    let location = mailbox.location();
    out.extend_from_slice(b" Mailbox Header Info:\n  Path to mailbox: ");
    out.extend_from_slice(location.data.as_os_str().as_bytes());
    out.extend_from_slice(b"\n  Mailbox ACL: ");
    out.extend_from_slice(&found.entry.acl().print());
    out.extend_from_slice(b"\n  Unique ID: ");
    out.extend_from_slice(&location.uniqueid);
    out.extend_from_slice(b"\n  User Flags: ");
    let named = mailbox.header().flags.iter().map_while(Option::as_deref);
    let mut none = true;
    for flag in named {
        none = false;
        out.extend_from_slice(flag);
        out.push(b' ');
    }
    if none {
        out.extend_from_slice(b"[none]");
    }
    let index = mailbox.index_header();
    let options: String = [
        (MailboxOptions::POP3_NEW_UIDL, " POP3_NEW_UIDL"),
        (MailboxOptions::SHARED_SEEN, " IMAP_SHAREDSEEN"),
        (MailboxOptions::DUP_DELIVER, " IMAP_DUPDELIVER"),
        (MailboxOptions::HAS_ALARMS, " IMAP_HAS_ALARMS"),
    ]
    .iter()
    .filter(|(bit, _)| index.options.has(*bit))
    .map(|(_, name)| *name)
    .collect();
    let options = if index.options.0 == 0 { " NONE" } else { &options };
    put(
        out,
        format_args!(
            "\n\n Index Header Info:\n  Generation Number: {}\n  Minor Version: {}\n  \
             Header Size: {} bytes  Record Size: {} bytes\n  \
             Number of Messages: {}  Mailbox Size: {} bytes  Annotations Size: {} bytes\n  \
             Last Append Date: ({}) {}\n  UIDValidity: {}  Last UID: {}\n  \
             Deleted: {}  Answered: {}  Flagged: {}\n  Mailbox Options:{options}\n  \
             Last POP3 Login: ({}) {}\n  Highest Mod Sequence: {}\n\n Message Info:\n",
            index.generation_no,
            index.version.minor(),
            index.start_offset,
            index.record_size,
            index.exists,
            index.quota_mailbox_used,
            index.quota_annot_used,
            index.last_appenddate.0,
            time::ctime(index.last_appenddate.0),
            index.uidvalidity.0,
            index.last_uid.0,
            index.deleted,
            index.answered,
            index.flagged,
            index.pop3_last_login.0,
            time::ctime(index.pop3_last_login.0),
            index.highestmodseq.0,
        ),
    );
}

fn put_record(mailbox: &mut Mailbox, record: &Record, out: &mut Vec<u8>) {
    let minor = mailbox.index_header().version.minor();
    put(
        out,
        format_args!(
            "000001> UID:{:08}   INT_DATE:{} SENTDATE:{} SAVEDATE:{} SIZE:{:<6}\n      \
             > HDRSIZE:{:<6} LASTUPD :{} SYSFLAGS:{:08X}      > CACHEVER:{:<2}",
            record.uid.0,
            record.internaldate.0,
            record.sentdate.0,
            record.savedate.0,
            record.size,
            record.header_size,
            record.last_updated.0,
            record.system_flags.0,
            record.cache_version,
        ),
    );
    if minor >= 7 {
        put(out, format_args!(" GUID:{}", record.guid));
    }
    if minor >= 8 {
        put(out, format_args!(" MODSEQ:{}", record.modseq.0));
    }
    if minor >= 13 {
        put(out, format_args!("  THRID: {:x}", record.cid));
    }
    out.extend_from_slice(b"\n      > INTERNALFLAGS:");
    for (flag, name) in [
        (InternalFlags::EXPUNGED, " FLAG_INTERNAL_EXPUNGED"),
        (InternalFlags::UNLINKED, " FLAG_INTERNAL_UNLINKED"),
        (InternalFlags::ARCHIVED, " FLAG_INTERNAL_ARCHIVED"),
        (InternalFlags::NEEDS_CLEANUP, " FLAG_INTERNAL_NEEDS_CLEANUP"),
        (InternalFlags::SNOOZED, " FLAG_INTERNAL_SNOOZED"),
    ] {
        if record.internal_flags.has(flag) {
            out.extend_from_slice(name.as_bytes());
        }
    }
    out.extend_from_slice(b"      > SYSTEMFLAGS:");
    for (flag, name) in [
        (SystemFlags::SEEN, " FLAG_SEEN"),
        (SystemFlags::DRAFT, " FLAG_DRAFT"),
        (SystemFlags::DELETED, " FLAG_DELETED"),
        (SystemFlags::FLAGGED, " FLAG_FLAGGED"),
        (SystemFlags::ANSWERED, " FLAG_ANSWERED"),
    ] {
        if record.system_flags.has(flag) {
            out.extend_from_slice(name.as_bytes());
        }
    }
    out.extend_from_slice(b"\n      > USERFLAGS:");
    for word in record.user_flags.0.iter().rev() {
        put(out, format_args!(" {word:08X}"));
    }
    out.push(b'\n');
    let Ok(bytes) = mailbox.cache_bytes(record) else { return };
    let Some(view) = CacheView::at(&bytes, 0) else { return };
    for (name, item) in [
        ("Envel", Item::Envelope),
        ("BdyStr", Item::BodyStructure),
        ("Body", Item::Body),
        ("CacHdr", Item::Headers),
        ("From", Item::From),
        ("To", Item::To),
        ("Cc", Item::Cc),
        ("Bcc", Item::Bcc),
        ("Subjct", Item::Subject),
    ] {
        let item = view.item(item);
        put(out, format_args!(" {name}>{{{}}}", item.len()));
        // printf stops at a NUL.
        out.extend(item.iter().take_while(|byte| **byte != 0));
        out.push(b'\n');
    }
}

fn quota(context: &Context, found: &Match, out: &mut Vec<u8>) -> Result<()> {
    with_mailbox(context, found, |mailbox, records| {
        let mut total = 0_u64;
        for record in records.iter().filter(|record| record.is_live()) {
            let path = spool::record_file(mailbox.location(), record);
            let Ok(metadata) = std::fs::metadata(&path) else {
                let path = path.display();
                log::write(Priority::Warning, format_args!("Can not open message file {path} -- skipping"));
                continue;
            };
            if metadata.len() != u64::from(record.size) {
                put(out, format_args!("  Message {} has INCORRECT size in index record\n", record.uid.0));
                return Ok(());
            }
            total = total.saturating_add(metadata.len());
        }
        let verdict = if mailbox.index_header().quota_mailbox_used == total { "" } else { "IN" };
        put(out, format_args!("  Mailbox has {verdict}CORRECT total quota usage\n"));
        Ok(())
    })
}

/// A message file as the comparison needs it; `None` when it cannot be read.
struct OnDisk {
    uid: u32,
    parsed: Option<ParsedMessage>,
}

fn compare(context: &Context, found: &Match, out: &mut Vec<u8>) -> Result<()> {
    with_mailbox(context, found, |mailbox, records| {
        if mailbox.index_header().version.minor() < 7 {
            out.extend_from_slice(b"Mailbox version is too old for comparison\n");
            return Ok(());
        }
        let directory = mailbox.location().data.clone();
        let entries =
            std::fs::read_dir(&directory).map_err(|error| Error::io("read directory", &directory, error))?;
        let mut uids: Vec<u32> =
            entries.flatten().filter_map(|entry| leading_number(entry.file_name().as_bytes())).collect();
        uids.sort_unstable();
        out.extend_from_slice(b"\n Mailbox Header Info:\n  Path to mailbox: ");
        out.extend_from_slice(directory.as_os_str().as_bytes());
        put(out, format_args!("\n\n{:<56}\tMessage File Info:\n", " Index Record Info:"));
        let mut files = uids.into_iter().peekable();
        let mut records = records.iter();
        loop {
            let record = records.next();
            if record.is_none() && files.peek().is_none() {
                return Ok(());
            }
            let below = |uid: &u32| record.is_none_or(|record| *uid <= record.uid.0);
            loop {
                let file = files.next_if(below).map(|uid| {
                    let bytes = std::fs::read(directory.join(format!("{uid}."))).ok();
                    let bytes = bytes.filter(|bytes| !bytes.is_empty());
                    let parsed = bytes.map(|bytes| ParsedMessage::parse(&bytes, context.store.settings()));
                    OnDisk { uid, parsed }
                });
                let guid = file.as_ref().and_then(|file| file.parsed.as_ref()).map(|parsed| parsed.guid);
                let same = record.is_some_and(|record| {
                    file.as_ref().is_some_and(|file| file.uid == record.uid.0) && guid == Some(record.guid)
                });
                if !same {
                    put_difference(mailbox, record, file.as_ref(), guid, out);
                }
                if !files.peek().is_some_and(below) {
                    break;
                }
            }
        }
    })
}

fn put_difference(
    mailbox: &mut Mailbox,
    record: Option<&Record>,
    file: Option<&OnDisk>,
    guid: Option<Guid>,
    out: &mut Vec<u8>,
) {
    let uid = record.map_or_else(|| file.map_or(0, |file| file.uid), |record| record.uid.0);
    let parsed = file.and_then(|file| file.parsed.as_ref());
    put(out, format_args!("  UID: {uid:08}\n"));
    let text = record.map(|record| record.guid.to_string()).unwrap_or_default();
    put(out, format_args!("   GUID: {text:<50}"));
    if file.is_some() {
        let text = guid.map_or_else(|| "Failed to parse file".to_owned(), |guid| guid.to_string());
        put(out, format_args!("\t{text:<50}"));
    }
    let text = record.map(|record| record.size.to_string()).unwrap_or_default();
    put(out, format_args!("\n   Size: {text:<50}"));
    if let Some(parsed) = parsed {
        put(out, format_args!("\t{:<50}", parsed.size));
    }
    let text = record.map(|record| date(record.sentdate)).unwrap_or_default();
    put(out, format_args!("\n   Date: {text:<50}"));
    if let Some(parsed) = parsed {
        put(out, format_args!("\t{:<50}", date(parsed.sentdate)));
    }
    let cached = record.and_then(|record| Some(mailbox.cache_bytes(record).ok()?.into_owned()));
    for (title, item) in [("From", Item::From), ("Subj", Item::Subject)] {
        put(out, format_args!("\n   {title}: "));
        put_column(cached.as_deref(), item, out);
        if let Some(parsed) = parsed {
            out.push(b'\t');
            put_column(Some(&parsed.cache), item, out);
        }
    }
    out.extend_from_slice(b"\n\n");
}

/// A cached item cut or filled to 50 octets.
fn put_column(cache: Option<&[u8]>, item: Item, out: &mut Vec<u8>) {
    let text = cache.and_then(|bytes| CacheView::at(bytes, 0)).map_or(b"".as_slice(), |view| view.item(item));
    let mut text: Vec<u8> = text.iter().copied().take(50).take_while(|byte| *byte != 0).collect();
    text.resize(50, b' ');
    out.append(&mut text);
}

fn date(when: UnixTime) -> String {
    datetime::print_rfc5322(when.0, i64::from(time::local(when.0).utc_offset_s))
}

/// What `%u` of scanf reads at the start of a name.
fn leading_number(name: &[u8]) -> Option<u32> {
    let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(name.get(..digits)?).ok()?.parse().ok()
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}
