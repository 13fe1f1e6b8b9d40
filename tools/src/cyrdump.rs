//! cyrdump: mailboxes as MIME on standard output.

use crate::context::{Context, Match};
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_USAGE};
use libcyrus::base::start::Need;
use libcyrus::store::Result;
use libcyrus::store::lock::{Mode, Wait};
use libcyrus::store::mailbox::{Mailbox, Record, SystemFlags};
use libcyrus::store::mboxlist::MbEntry;
use libcyrus::util::ids::UnixTime;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
[OPTIONS] {mailboxes}
Dumps out a basic copy of mailbox data to stdout.

-C <config-file>         use <config-file> instead of config from imapd.conf
-v                       enable verbose output

";

/// Flags of which the messages are told.
const FLAGS: [(&str, SystemFlags); 4] = [
    ("\\Answered", SystemFlags::ANSWERED),
    ("\\Deleted", SystemFlags::DELETED),
    ("\\Draft", SystemFlags::DRAFT),
    ("\\Flagged", SystemFlags::FLAGGED),
];

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "vC:", long: &[] };
    let prog = Path::new(&call.prog).file_name().unwrap_or(&call.prog).to_string_lossy().into_owned();
    let usage = format!("Usage: {prog} {USAGE}");
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, &usage, EX_USAGE),
    };
    if args.words.is_empty() {
        return io::usage("", &usage, EX_USAGE);
    }
    let context = match Context::open(args.value('C').map(Path::new), "dump", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let patterns: Vec<Vec<u8>> = args.words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let matches = match context.matches_any(&patterns) {
        Ok(matches) => matches,
        Err(error) => return io::failed(&error),
    };
    for Match { entry, .. } in &matches {
        if let Err(error) = dump(&context, entry)
            && args.has('v')
        {
            io::print(format!("error opening {}: {error}\n", entry.name).as_bytes());
        }
    }
    EX_OK
}

/// C: dump_me()
fn dump(context: &Context, entry: &MbEntry) -> Result<()> {
    let store = &context.store;
    let user = store.lock_owner(context.owner(&entry.name).as_deref(), Mode::Shared)?;
    let mut mailbox = Mailbox::open_entry(store, &user, entry, Mode::Shared, Wait::Block)?;
    let index = mailbox.lock_index(&user, Mode::Shared)?;
    let next_uid = index.header().last_uid.0.saturating_add(1);
    let uniqueid = index.mailbox_header().uniqueid.clone();
    let mut records = Vec::new();
    for record in index.records() {
        let record = record?;
        if record.is_live() {
            records.push(record);
        }
    }
    index.abort();
    drop(user);
    let boundary = format!("dump-{}-{}-{}", std::process::id(), UnixTime::now(), distinct());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    // A reader that went away is no failure.
    let _ = (|| -> std::io::Result<()> {
        write!(out, "Content-Type: multipart/related; boundary=\"{boundary}\"\n\n--{boundary}\n")?;
        out.write_all(b"Content-Type: text/xml\nIMAP-Dump-Version: 0\n\n")?;
        out.write_all(&[b"<imapdump uniqueid=\"", uniqueid.as_slice(), b"\">\n"].concat())?;
        let server = context.config().string(libcyrus::base::config::Opt::Servername).unwrap_or_default();
        out.write_all(&[b"  <mailbox-url>", url(server, entry.name.as_bytes()).as_slice()].concat())?;
        write!(out, "</mailbox-url>\n  <incremental-uid>0</incremental-uid>\n")?;
        write!(out, "  <nextuid>{next_uid}</nextuid>\n\n")?;
        write!(out, "  <uidlist>{}</uidlist>\n\n  <flags>\n", uids(&records, |_| true))?;
        for (name, flag) in FLAGS {
            let list = uids(&records, |record| record.system_flags.has(flag));
            writeln!(out, "  <flag name=\"{name}\" user=\"*\">{list}</flag>")?;
        }
        out.write_all(b"  </flags>\n</imapdump>\n")?;
        for record in &records {
            let Ok(message) = mailbox.message(record) else { break };
            write!(out, "\n--{boundary}\nContent-Type: message/rfc822\n")?;
            write!(out, "Content-ID: {}\n\n", record.uid)?;
            out.write_all(&message)?;
        }
        write!(out, "\n--{boundary}--\n")?;
        out.flush()
    })();
    Ok(())
}

fn uids(records: &[Record], is_meant: impl Fn(&Record) -> bool) -> String {
    records.iter().filter(|record| is_meant(record)).map(|record| format!("{} ", record.uid)).collect()
}

/// `imap://SERVER/MAILBOX`, the name in UTF-8 with what is not allowed in a URL as `%XX`.
fn url(server: &str, name: &[u8]) -> Vec<u8> {
    let mut out = format!("imap://{server}/").into_bytes();
    let name = libcyrus::util::mutf7::to_utf8(name).map_or_else(|| name.to_vec(), String::into_bytes);
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"$-_.!*'(),&=~:@/+".contains(&byte) {
            out.push(byte);
        } else {
            out.extend(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// Some number that no other run has at the same time.
fn distinct() -> u32 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_url_are_utf8_and_escaped() {
        assert_eq!(url("h", b"user.a.Entw&APw-rfe x"), b"imap://h/user.a.Entw%C3%BCrfe%20x");
    }
}
