//! ctl_deliver: dump the duplicate delivery database.

use crate::{Call, cyr_expire, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};
use libcyrus::base::start::{self, Need};
use libcyrus::db::{self, Create, Db, Kind, OpenFlags};
use libcyrus::util::ids::UnixTime;
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const USAGE: &str = "ctl_deliver [-C <altconfig>] -d [-f <dbfile>]\n";

/// Runs the tool: `ctl_deliver [-C config] -d [-f file] | -E days`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:drE:f:", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let count = |letters: &str| args.options.iter().filter(|given| letters.contains(given.letter)).count();
    if count("dE") != 1 || count("f") > 1 || args.has('r') {
        return io::usage("", USAGE, EX_MINUS_ONE);
    }
    if let Some(days) = args.value('E') {
        io::complain(b"ctl_deliver -E is deprecated: using cyr_expire -E instead\n");
        let mut words: Vec<OsString> = Vec::new();
        if let Some(config) = args.value('C') {
            words.extend(["-C".into(), config.to_owned()]);
        }
        words.extend(["-E".into(), days.to_owned()]);
        return cyr_expire::run(&Call { prog: "cyr_expire".into(), args: words });
    }
    let config = match start::init(args.value('C').map(Path::new), "ctl_deliver", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    match dump(&config, args.value('f').map(PathBuf::from)) {
        Ok(()) => EX_OK,
        Err(_) => io::usage("ctl_deliver: unable to init duplicate delivery database", "", 1),
    }
}

/// C: duplicate_dump()
fn dump(config: &Config, file: Option<PathBuf>) -> Result<(), db::Error> {
    let configured = || config.path(Opt::DuplicateDbPath).map(Path::to_path_buf);
    let file = file.or_else(configured).unwrap_or_else(|| config.configdirectory().join("deliver.db"));
    let kind = Kind::from_name(config.choice(Opt::DuplicateDb)).unwrap_or(Kind::Twoskip);
    let flags = OpenFlags { create: Create::IfMissing, ..OpenFlags::from_config(config) };
    let db = Db::open(&file, kind, &flags)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    // A reader that went away is no failure.
    let _ = writeln!(out, "it is NOW: {}", UnixTime::now());
    let mut count = 0_u64;
    db.foreach(b"", |key, data| {
        if let Some(line) = line(key, data) {
            let _ = out.write_all(&line);
            count = count.saturating_add(1);
        }
        ControlFlow::Continue(())
    })?;
    let _ = writeln!(out, "got {count} entries");
    let _ = out.flush();
    Ok(())
}

/// `id NUL recipient NUL date NUL`, with the time and the UID in the machine's own form.
fn line(key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let mut fields = key.strip_suffix(b"\0")?.split(|&byte| byte == 0);
    let (id, to, _date) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let (mark, rest) = data.split_first_chunk::<8>()?;
    let uid = rest.first_chunk::<8>().map_or(0, |word| u64::from_ne_bytes(*word));
    let mut line = b"id: ".to_vec();
    put_padded(&mut line, id, 40);
    line.extend(b"\tto: ");
    put_padded(&mut line, to, 20);
    line.extend(format!("\tat: {}\tuid: {uid}\n", i64::from_ne_bytes(*mark)).as_bytes());
    Some(line)
}

fn put_padded(line: &mut Vec<u8>, text: &[u8], width: usize) {
    line.extend(text);
    line.extend(std::iter::repeat_n(b' ', width.saturating_sub(text.len())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_a_line_and_a_broken_key_is_none() {
        let value = [7_i64.to_ne_bytes(), 3_u64.to_ne_bytes()].concat();
        let expected = format!("id: {:<40}\tto: {:<20}\tat: 7\tuid: 3\n", "<a@b>", "box");
        assert_eq!(line(b"<a@b>\0box\0date\0", &value), Some(expected.into_bytes()));
        assert_eq!(line(b"<a@b>\0box\0", &value), None);
        assert_eq!(line(b"<a@b>\0box\0date", &value), None);
    }
}
