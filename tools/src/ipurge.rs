//! ipurge: expunge messages by age or size.

use crate::context::Context;
use crate::edit::edit;
use crate::{Call, describe, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_CONFIG, EX_OK, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::store::event::EventKind;
use libcyrus::store::mailbox::{Record, SystemFlags};
use libcyrus::store::{Error, Result};
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::MboxName;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Seconds of a day.
const DAY_S: i64 = 86400;

/// What is to go.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the program")]
struct Purge {
    /// `-d`
    age_s: Option<i64>,
    /// `-b`, `-k`, `-m`
    size_octets: Option<i64>,
    exact: bool,
    inverts: bool,
    skips_flagged: bool,
    only_deleted: bool,
    by_internaldate: bool,
    now: UnixTime,
}

#[derive(Default)]
struct Stats {
    total: u64,
    total_octets: u64,
    deleted: u64,
    deleted_octets: u64,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:hxd:b:k:m:fsMXionv", long: &[] };
    let prog = call.prog.to_string_lossy();
    // Usage is no failure here, and goes to standard output.
    let wrong = |complaint: &str| {
        if !complaint.is_empty() {
            io::complain(format!("{complaint}\n").as_bytes());
        }
        io::print(usage(&prog).as_bytes());
        EX_OK
    };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return wrong(&complaint),
    };
    if args.has('h') {
        return wrong("");
    }
    let number = |letter: char, unit: i64| args.value(letter).map(|text| io::atoi(text).saturating_mul(unit));
    let size = args.options.iter().rev().find_map(|given| match given.letter {
        'b' => number('b', 1),
        'k' => number('k', 1024),
        'm' => number('m', 1024 * 1024),
        _ => None,
    });
    let purge = Purge {
        age_s: number('d', DAY_S).filter(|age_s| *age_s >= 0),
        size_octets: size.filter(|size| *size >= 0),
        exact: args.has('x'),
        inverts: args.has('i'),
        skips_flagged: args.has('s'),
        only_deleted: args.has('o'),
        by_internaldate: args.has('X'),
        now: UnixTime::now(),
    };
    if !args.has('d') && size.is_none() {
        io::print(b"One of these must be specified -d, -b -k, -m\n");
        return wrong("");
    }
    let context = match Context::open(args.value('C').map(Path::new), "ipurge", Need::Partitions) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    if context.namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    let words: Vec<&[u8]> = args.words.iter().map(|word| word.as_bytes()).collect();
    let names = match names(&context, &words, args.has('M')) {
        Ok(names) => names,
        Err(error) => return io::failed(&error),
    };
    for name in names {
        if !args.has('f') && context.owner(&name).is_some() {
            continue;
        }
        if args.has('v') {
            io::print(&[b"Working on ", name.as_bytes(), b"...\n"].concat());
        }
        // As in C, one that cannot be opened ends the run, and is no failure.
        if purge.mailbox(&context, &name, args.has('n')).is_err() {
            log::write(Priority::Err, format_args!("Couldn't find {name}, check spelling"));
            break;
        }
    }
    EX_OK
}

/// The mailboxes that are meant: all, those of the patterns, or just those named.
fn names(context: &Context, words: &[&[u8]], just_named: bool) -> Result<Vec<MboxName>> {
    let mut names = Vec::new();
    if words.is_empty() {
        names.extend(context.matches(b"*")?.into_iter().map(|found| found.entry.name));
    } else if just_named {
        for word in words {
            let name = context.namespace.to_internal(word, None);
            match context.catalog.lookup_any(&name) {
                Ok(entry) if !entry.mbtype.is_deleted() && !entry.mbtype.is_intermediate() => {
                    names.push(entry.name);
                }
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    } else {
        let patterns: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        names.extend(context.matches_any(&patterns)?.into_iter().map(|found| found.entry.name));
    }
    Ok(names)
}

impl Purge {
    /// Expunges what is to go, or with `dry` only shows it. C: purge_one()
    fn mailbox(&self, context: &Context, name: &MboxName, dry: bool) -> Result<()> {
        let mut stats = Stats::default();
        let shown = edit(context, name, |index| {
            let mut found = Vec::new();
            let mut gone = Vec::new();
            for record in index.records() {
                let record = record?;
                if record.is_live() && self.is_meant(&record, &mut stats) {
                    gone.push(record.uid);
                    found.push(record);
                }
            }
            if dry {
                let mailbox = index.mailbox_mut();
                return Ok(found
                    .iter()
                    .flat_map(|record| describe::message(mailbox, record, None))
                    .collect());
            }
            index.expunge(EventKind::MessageExpunge, |record| gone.binary_search(&record.uid).is_ok())?;
            Ok(Vec::new())
        })?;
        io::print(&shown);
        let Stats { total, total_octets, deleted, deleted_octets } = stats;
        let lines = [
            ("Total messages    ", total),
            ("Total bytes       ", total_octets),
            ("Deleted messages  ", deleted),
            ("Deleted bytes     ", deleted_octets),
            ("Remaining messages", total - deleted),
            ("Remaining bytes   ", total_octets - deleted_octets),
        ];
        let text: String = lines.iter().map(|(label, number)| format!("{label}\t\t {number}\n")).collect();
        io::print(text.as_bytes());
        Ok(())
    }

    /// C: purge_check()
    fn is_meant(&self, record: &Record, stats: &mut Stats) -> bool {
        let size = u64::from(record.size);
        stats.total += 1;
        stats.total_octets += size;
        if (self.skips_flagged && record.system_flags.has(SystemFlags::FLAGGED))
            || (self.only_deleted && !record.system_flags.has(SystemFlags::DELETED))
        {
            return false;
        }
        let date = if self.by_internaldate { record.internaldate } else { record.sentdate };
        let meant = self.matches(self.now.0.saturating_sub(date.0), i64::from(record.size));
        if meant {
            stats.deleted += 1;
            stats.deleted_octets += size;
        }
        meant
    }

    fn matches(&self, age_s: i64, size: i64) -> bool {
        if self.exact {
            // The age decides alone when there is one.
            return match (self.age_s, self.size_octets) {
                (Some(wanted), _) => (age_s / DAY_S == wanted / DAY_S) != self.inverts,
                (None, Some(wanted)) => (size == wanted) != self.inverts,
                (None, None) => false,
            };
        }
        let beyond = |value: i64, limit: i64| if self.inverts { value < limit } else { value > limit };
        self.age_s.is_some_and(|limit| beyond(age_s, limit))
            || self.size_octets.is_some_and(|limit| beyond(size, limit))
    }
}

fn usage(prog: &str) -> String {
    format!(
        "usage: {prog} [-f] [-s] [-C <alt_config>] [-x] [-X] [-i] [-o] [-n] {{-d days | -b bytes|-k Kbytes|-m \
         Mbytes}}\n\
         \t[mboxpattern1 ... [mboxpatternN]]\n\
         \tthere are no defaults and at least one of -d, -b, -k, -m\n\tmust be specified\n\
         \tif no mboxpattern is given {prog} works on all mailboxes\n\
         \t -x specifies an exact match for days or size\n\
         \t -f force also to delete mail below user.* and INBOX.*\n\
         \t -s skip over messages that are flagged.\n\
         \t -X use delivery time instead of date header for date matches.\n\
         \t -i invert match logic: -x means not equal, date is for newer, size is for smaller.\n\
         \t -M don't recurse mailboxes.\n\
         \t -o only purge messages that are deleted.\n\
         \t -n only print messages that would be deleted (dry run).\n\
         \t -v enable verbose output/logging.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purge(age_s: Option<i64>, size_octets: Option<i64>, exact: bool, inverts: bool) -> Purge {
        Purge {
            age_s,
            size_octets,
            exact,
            inverts,
            skips_flagged: false,
            only_deleted: false,
            by_internaldate: false,
            now: UnixTime(0),
        }
    }

    #[test]
    fn age_or_size_is_enough_but_an_exact_age_decides_alone() {
        let either = purge(Some(DAY_S), Some(100), false, false);
        assert!(either.matches(DAY_S + 1, 1) && either.matches(0, 101) && !either.matches(DAY_S, 100));
        let exact = purge(Some(DAY_S), Some(100), true, false);
        assert!(exact.matches(DAY_S + 5, 1) && !exact.matches(0, 100));
        let other = purge(None, Some(100), true, true);
        assert!(other.matches(0, 99) && !other.matches(0, 100));
    }
}
