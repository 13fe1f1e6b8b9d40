//! arbitron: who reads and who subscribes to which mailboxes.
//!
//! As the original it looks only at files found by name (`user/X/NAME.seen` and `.sub`), not at
//! those of users whose directories go by id.

use crate::context::Context;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::Opt;
use libcyrus::base::exit::{EX_CONFIG, EX_OK, EX_SOFTWARE, EX_USAGE, Fatal};
use libcyrus::base::start::Need;
use libcyrus::db::{self, Create, Db, Kind, OpenFlags};
use libcyrus::sys::localtime::{self, LocalTime};
use libcyrus::util::ids::UnixTime;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
usage: arbitron [-o] [-u] [-l] [-C alt_config] [-d days | -D mmddyyy[:mmddyyyy]]
                [-p months] [mboxpattern]
";

const DAY_S: i64 = 86400;

/// A month, as far as pruning is concerned.
const MONTH_S: i64 = 31 * DAY_S;

/// Who uses one mailbox.
#[derive(Default)]
struct Usage {
    readers: Vec<Vec<u8>>,
    subscribers: Vec<Vec<u8>>,
}

/// What is counted.
struct Report {
    from: i64,
    until: i64,
    /// Seen state older than this goes.
    prune_before: i64,
    subscriptions: bool,
    by_name: BTreeMap<Vec<u8>, Usage>,
    name_of_id: BTreeMap<Vec<u8>, Vec<u8>>,
    seen_flags: (Kind, Kind, OpenFlags),
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:oud:D:p:l", long: &[] };
    let wrong = |complaint: &str| io::usage(complaint, USAGE, EX_USAGE);
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return wrong(&complaint),
    };
    let now = UnixTime::now().0;
    let positive = |letter: char| args.value(letter).map(io::atoi);
    let (days, months) = (positive('d'), positive('p'));
    if days.is_some_and(|days| days <= 0) || months.is_some_and(|months| months <= 0) {
        return wrong("");
    }
    let mut period = (now.saturating_sub(days.unwrap_or(30).saturating_mul(DAY_S)), now);
    if let Some(text) = args.value('D') {
        match dates(text.as_bytes()) {
            Some((from, until)) => period = (from, until.unwrap_or(now)),
            None => return wrong(""),
        }
    }
    let context = match Context::open(args.value('C').map(Path::new), "arbitron", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    if context.namespace.check_prefixes().is_err() {
        return Fatal::new("Invalid namespace prefix in configuration file", EX_CONFIG).report();
    }
    let kind = |opt, default| Kind::from_name(context.config().choice(opt)).unwrap_or(default);
    let flags = OpenFlags { create: Create::Never, ..OpenFlags::from_config(context.config()) };
    let mut report = Report {
        from: period.0,
        until: period.1,
        prune_before: months.map_or(0, |months| now.saturating_sub(months.saturating_mul(MONTH_S))),
        subscriptions: !args.has('o'),
        by_name: BTreeMap::new(),
        name_of_id: BTreeMap::new(),
        seen_flags: (kind(Opt::SeenstateDb, Kind::Twoskip), kind(Opt::SubscriptionDb, Kind::Flat), flags),
    };
    io::complain(b"Loading Mailboxes...");
    let pattern = args.words.first().map_or(b"*".as_slice(), |word| word.as_bytes());
    let matches = match context.matches(pattern) {
        Ok(matches) => matches,
        Err(error) => return io::failed(&error),
    };
    for found in matches.into_iter().filter(|found| !found.entry.mbtype.is_intermediate()) {
        let name = found.entry.name.as_bytes().to_vec();
        report.name_of_id.insert(found.entry.uniqueid.unwrap_or_default(), name.clone());
        report.by_name.insert(name, Usage::default());
    }
    io::complain(b"Done\nLoading Users");
    if report.users(&context.config().configdirectory().join("user")).is_err() {
        return Fatal::new("can't open user directory", EX_SOFTWARE).report();
    }
    io::complain(b"Done\n");
    report.show(&context, args.has('u'), args.has('l'));
    EX_OK
}

/// `MMDDYYYY` or `MMDDYYYY:MMDDYYYY` as times.
fn dates(text: &[u8]) -> Option<(i64, Option<i64>)> {
    let date = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..8)?).ok()?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i32>().ok();
        let (month, day, year) = (number(0..2)?, number(2..4)?, number(4..8)?);
        localtime::epoch(&LocalTime { year, month, day, hour: 0, minute: 0, second: 0, utc_offset_s: 0 })
    };
    let until = match text.get(8..) {
        Some([b':', rest @ ..]) if rest.len() == 8 => Some(date(rest)?),
        _ => None,
    };
    Some((date(text)?, until))
}

impl Report {
    /// C: run_users()
    fn users(&mut self, directory: &Path) -> std::io::Result<()> {
        for hashed in std::fs::read_dir(directory)?.flatten() {
            let Ok(files) = std::fs::read_dir(hashed.path()) else { continue };
            io::complain(b".");
            for file in files.flatten() {
                let (path, name) = (file.path(), file.file_name());
                let name = name.as_bytes();
                // As in C, a database that cannot be read is left out.
                if let Some(user) = name.strip_suffix(b".seen").filter(|user| !user.is_empty()) {
                    let _ = self.seen(&path, user);
                } else if let Some(user) = name.strip_suffix(b".sub").filter(|user| !user.is_empty())
                    && self.subscriptions
                {
                    let _ = self.subs(&path, user);
                }
            }
        }
        Ok(())
    }

    /// C: process_seen()
    fn seen(&mut self, path: &Path, user: &[u8]) -> Result<(), db::Error> {
        let (kind, _, flags) = &self.seen_flags;
        let db = Db::open(path, *kind, flags)?;
        let mut old = Vec::new();
        db.foreach(b"", |key, data| {
            // `version lastread ...`
            let lastread = data.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
            let lastread = io::atoi(OsStr::from_bytes(lastread));
            if (self.from..=self.until).contains(&lastread)
                && let Some(name) = self.name_of_id.get(key)
                && let Some(usage) = self.by_name.get_mut(name)
            {
                usage.readers.insert(0, user.to_vec());
            }
            if lastread < self.prune_before {
                old.push(key.to_vec());
            }
            ControlFlow::Continue(())
        })?;
        for key in old {
            db.delete(&key)?;
        }
        Ok(())
    }

    /// C: process_subs()
    fn subs(&mut self, path: &Path, user: &[u8]) -> Result<(), db::Error> {
        let (_, kind, flags) = &self.seen_flags;
        Db::open(path, *kind, flags)?.foreach(b"", |key, _| {
            if let Some(usage) = self.by_name.get_mut(key) {
                usage.subscribers.insert(0, user.to_vec());
            }
            ControlFlow::Continue(())
        })
    }

    /// C: make_report()
    fn show(&self, context: &Context, users: bool, long: bool) {
        let mut out = Vec::new();
        for (name, usage) in &self.by_name {
            let is_user = name.get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"user."));
            if is_user && usage.readers.len() <= 1 {
                continue;
            }
            let ext = context.external(&libcyrus::util::mboxname::MboxName::new(name.as_slice()));
            if long {
                for (who, kind) in [(&usage.readers, b",r,"), (&usage.subscribers, b",s,")] {
                    for user in who {
                        let period = format!("{},{}\n", shown(self.from), shown(self.until));
                        out.extend([&ext, b",".as_slice(), user, kind, period.as_bytes()].concat());
                    }
                }
                continue;
            }
            out.extend_from_slice(&ext);
            out.extend(format!(" {}", usage.readers.len()).as_bytes());
            put_users(&mut out, &usage.readers, users);
            if self.subscriptions {
                out.extend(format!(" {}", usage.subscribers.len()).as_bytes());
                put_users(&mut out, &usage.subscribers, users);
            }
            out.push(b'\n');
        }
        io::print(&out);
    }
}

fn put_users(out: &mut Vec<u8>, users: &[Vec<u8>], wanted: bool) {
    for (at, user) in users.iter().enumerate().filter(|_| wanted) {
        out.push(if at == 0 { b':' } else { b',' });
        out.extend_from_slice(user);
    }
}

fn shown(time: i64) -> String {
    localtime::at(time).map_or(String::new(), |at| {
        let LocalTime { year, month, day, hour, minute, second, .. } = at;
        format!("{month:02}-{day:02}-{year} {hour:02}:{minute:02}:{second:02}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_month_day_and_year() {
        let (from, until) = dates(b"01022024:01032024").expect("dates");
        assert_eq!(until.map(|until| until - from), Some(DAY_S));
        assert!(dates(b"0102202").is_none() && dates(b"0102x024").is_none());
    }
}
