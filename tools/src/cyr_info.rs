//! cyr_info: the configuration as one service sees it, and what the server does.
//!
//! Output is that of the C program byte for byte, its oddities included: the order of keys that are no options is that
//! of C's hash table, and words of a bit field are printed by their position in the list with aliases counted.

mod lint;
pub(crate) mod listing;

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::{EX_CONFIG, EX_MINUS_ONE, EX_OK, Fatal};
use libcyrus::base::log::{self, Priority};
use libcyrus::base::start::{self, Need};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const USAGE: &str = "\
cyr_info [-C <altconfig>] [-M <cyrus.conf>] [-n servicename] [-s oldversion] command

If you give a service name (-n), it will show config as if you
were running that service, i.e. imap

If you give an old version (-s), it will highlight config
options that are new or whose behaviour has changed since that
version.

Where command is one of:

  * conf          - listing of non-default config values
  * conf-all      - listing of all config values
  * conf-default  - listing of all default config values
  * conf-lint     - unknown config keys
  * proc          - listing of all open processes
  * version       - Cyrus version

";

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let args = match Args::parse(&call.prog, &call.args, &Spec { short: "C:M:n:s:", long: &[] }) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let mut since = None;
    for given in args.options.iter().filter(|given| given.letter == 's') {
        match given.value.as_ref().and_then(|text| listing::version(text.as_bytes())) {
            Some(version) => since = Some(version),
            None => return io::usage("", USAGE, EX_MINUS_ONE),
        }
    }
    let Some(command) = args.words.first().and_then(|word| word.to_str()) else {
        return io::usage("", USAGE, EX_MINUS_ONE);
    };
    if command == "version" {
        io::print(format!("{} {}\n", libcyrus::base::PACKAGE, libcyrus::base::VERSION).as_bytes());
        return EX_OK;
    }
    let ident = args.value('n').map_or("cyr_info".into(), |name| name.to_string_lossy());
    let config = match start::init(args.value('C').map(Path::new), &ident, Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let cyrus_conf = args.value('M').map_or(Path::new("/etc/cyrus.conf"), Path::new);
    let output = match command {
        "conf" => Ok(listing::in_force(&config, true, since)),
        "conf-all" => Ok(listing::in_force(&config, false, since)),
        "conf-default" => Ok(listing::defaults(&config, since)),
        "conf-lint" => lint::unknown_keys(&config, cyrus_conf),
        "proc" => processes(&config),
        _ => return io::usage("", USAGE, EX_MINUS_ONE),
    };
    finish(output)
}

fn finish(output: Result<Vec<u8>, Fatal>) -> i32 {
    match output {
        Ok(output) => {
            io::print(&output);
            EX_OK
        }
        Err(fatal) => fatal.report(),
    }
}

/// A line `PID SERVICE HOST [USER [MAILBOX [COMMAND]]]` per file of the proc directory. C: proc_foreach()
fn processes(config: &Config) -> Result<Vec<u8>, Fatal> {
    let refused = |text: &str| Err(Fatal::new(text, EX_CONFIG));
    let directory = match config.path(Opt::ProcPath) {
        Some(path) if !path.is_absolute() => return refused("proc path must be fully qualified"),
        Some(path) if path == Path::new("/") => return refused("proc path must not be '/'"),
        Some(path) => path.to_owned(),
        None => config.configdirectory().join("proc"),
    };
    let mut out = Vec::new();
    let Ok(entries) = std::fs::read_dir(&directory) else { return Ok(out) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let bytes = name.as_bytes();
        if bytes.starts_with(b".") || (bytes.len() > 4 && bytes.ends_with(b".new")) {
            continue;
        }
        let pid = name.to_str().and_then(|text| text.parse::<u32>().ok()).filter(|pid| *pid != 0);
        let Some(pid) = pid else {
            let path = entry.path();
            log::write(
                Priority::Err,
                format_args!("IOERROR: bogus filename \"{}\" in proc_foreach", path.to_string_lossy()),
            );
            continue;
        };
        // The file is opened by number: `007` leads to `7`.
        let path = directory.join(pid.to_string());
        if !path.is_file() {
            continue;
        }
        let Ok(content) = std::fs::read(path) else { continue };
        let line = content.split(|b| matches!(b, b'\r' | b'\n' | 0)).next().unwrap_or_default();
        if !line.contains(&b'\t') {
            continue;
        }
        out.extend_from_slice(pid.to_string().as_bytes());
        for field in line.splitn(5, |&b| b == b'\t') {
            out.push(b' ');
            out.extend_from_slice(field);
        }
        out.push(b'\n');
    }
    Ok(out)
}
