//! cyr_deny: keep users out of services.

use crate::context::Context;
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_OK, EX_USAGE};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::Need;
use libcyrus::service::proc;
use libcyrus::sys::signal::{self, Signal};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

const USAGE: &str = "\
Usage: cyr_deny [-C <altconfig>] [ -s services ] [ -m message ] user
       cyr_deny [-C <altconfig>] -a user
       cyr_deny [-C <altconfig>] -l
";

/// Asking waits 1, 2, 4 and 8 seconds, then comes SIGKILL.
const WAIT_MAX_S: u64 = 8;

/// The signal that cannot be caught.
const SIGKILL: i32 = 9;

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:alm:s:", long: &[] };
    let wrong = |complaint: &str| io::usage(complaint, USAGE, EX_USAGE);
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return wrong(&complaint),
    };
    let modes = args.options.iter().filter(|given| matches!(given.letter, 'a' | 'l')).count();
    let denies = modes == 0;
    let wants_user = !args.has('l');
    if modes > 1
        || (!denies && (args.has('m') || args.has('s')))
        || args.words.len() != usize::from(wants_user)
    {
        return wrong("");
    }
    let context = match Context::open(args.value('C').map(Path::new), "cyr_deny", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let catalog = &context.catalog;
    let user = args.words.first().map(|word| word.as_bytes()).unwrap_or_default();
    let shown = String::from_utf8_lossy(user);
    let failed = |text: String| {
        io::complain(format!("cyr_deny: {text}\n").as_bytes());
        1
    };
    if args.has('l') {
        return match catalog.denied_users() {
            Ok(None) => failed("failed to open deny db: No such file or directory".to_owned()),
            Ok(Some(denied)) => {
                let mut out = b"Username                       Service(s)           Message\n".to_vec();
                for each in denied {
                    put_padded(&mut out, &each.userid, 30);
                    out.push(b' ');
                    put_padded(&mut out, &each.services, 20);
                    out.push(b' ');
                    out.extend([each.message.as_slice(), b"\n"].concat());
                }
                io::print(&out);
                EX_OK
            }
            Err(error) => failed(format!("failed to list entries: {error}")),
        };
    }
    if args.has('a') {
        return match catalog.allow_user(user) {
            Ok(true) => EX_OK,
            Ok(false) => failed("failed to open deny db: No such file or directory".to_owned()),
            Err(error) => failed(format!("failed to allow access for {shown}: {error}")),
        };
    }
    let bytes = |letter: char| args.value(letter).map(OsStr::as_bytes);
    match catalog.deny_user(user, bytes('s'), bytes('m')) {
        Ok(()) => {
            end_sessions(&context, user);
            EX_OK
        }
        Err(error) => failed(format!("failed to deny access for {shown}: {error}")),
    }
}

/// Asks the processes that serve the user to end, and ends those that do not.
/// C: kill_existing_services()
fn end_sessions(context: &Context, user: &[u8]) {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut pids: Vec<i32> = proc::entries(context.config())
        .into_iter()
        .filter(|(pid, entry)| *pid != own && entry.user == user)
        .map(|(pid, _)| pid)
        .collect();
    for how in [Signal::Term.number(), SIGKILL] {
        pids.retain(|&pid| signal::kill(pid, how).is_ok());
        let mut wait_s = 1;
        while !pids.is_empty() && wait_s <= WAIT_MAX_S {
            std::thread::sleep(Duration::from_secs(wait_s));
            wait_s *= 2;
            // Number 0 only asks whether it is there.
            pids.retain(|&pid| signal::kill(pid, 0).is_ok());
        }
    }
    if !pids.is_empty() {
        log::write(Priority::Alert, format_args!("cannot kill some processes even with SIGKILL"));
    }
}

fn put_padded(line: &mut Vec<u8>, text: &[u8], width: usize) {
    line.extend(text);
    line.extend(std::iter::repeat_n(b' ', width.saturating_sub(text.len())));
}
