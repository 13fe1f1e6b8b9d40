//! cyr_dbtool: looks into one database and changes it.

use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{
    EX_CONFIG, EX_DATAERR, EX_MINUS_ONE, EX_OK, EX_OSERR, EX_SOFTWARE, EX_TEMPFAIL, Fatal,
};
use libcyrus::base::start::{self, Need};
use libcyrus::db::{self, Backend, Convert, Create, Db, Kind, OpenFlags, Order, Storage, System, Txn};
use libcyrus::util::imapstr;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// What both database tools say to a relative path.
pub(crate) const RELATIVE: &[u8] = b"\nSorry, you cannot use this tool with relative path names.
This is because some database backends do not
always do what you would expect with them.

Please use absolute pathnames instead.\n\n";

const USAGE: &str = "\
Actions:
* show [<prefix>]
* get <key>
* set <key> <value>
* delete <key>
* dump - internal format dump
* consistent - check consistency
* repack - repack/checkpoint the DB (if supported)
* damage - start a commit then die during
* batch - read from stdin and execute commands
You may omit key or key/value and specify one per line on stdin
keys are terminated by tab or newline, values are terminated by newline
";

/// Longest line of keys and values from standard input.
const LINE_MAX_OCTETS: usize = 64000 - 1;

/// Runs the tool: `cyr_dbtool [-C config] [-n] [-T] [-c] [-M] FILE TYPE ACTION [KEY [VALUE]]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:MntTc", long: &[] };
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for complaint in complaints {
        io::usage(&complaint, "", 0);
    }
    let [file, kind, action, rest @ ..] = args.words.as_slice() else {
        return usage(call);
    };
    if action == "set" && rest.len() == 1 {
        // The original dies of this.
        return usage(call);
    }
    if !file.as_bytes().starts_with(b"/") {
        io::print(RELATIVE);
        return EX_OSERR;
    }
    let config = match start::init(args.value('C').map(Path::new), "cyr_dbtool", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let Some(kind) = Kind::from_name(&kind.to_string_lossy()) else {
        return fatal_backend(kind).report();
    };
    let mut flags = OpenFlags::from_config(&config);
    if args.has('n') {
        flags.create = Create::IfMissing;
    }
    if args.has('c') {
        flags.convert = Convert::InPlace;
    }
    if args.has('M') {
        flags.order = Order::Mbox;
    }
    if action == "damage" {
        flags.backend = Backend(Arc::new(Damaging));
    }
    let path = Path::new(file);
    match open(path, kind, &flags).and_then(|db| act(&db, path, action, rest, args.has('T'))) {
        Ok(()) => EX_OK,
        Err(fatal) => fatal.report(),
    }
}

fn usage(call: &Call) -> i32 {
    let text = format!(
        "Usage: {} [-C altconfig] <db file> <db backend> <action> [<key>] [<value>]\n\
         Usable Backends: flat, skiplist, quotalegacy, sql, twoskip\n\n{USAGE}",
        call.prog.to_string_lossy()
    );
    io::usage("", &text, EX_MINUS_ONE)
}

/// The end of a tool that was asked for an unknown backend.
pub(crate) fn fatal_backend(name: &OsStr) -> Fatal {
    Fatal::new(format!("cyrusdb backend {} not supported", name.to_string_lossy()), EX_CONFIG)
}

fn open(path: &Path, kind: Kind, flags: &OpenFlags) -> Result<Db, Fatal> {
    Db::open(path, kind, flags).map_err(|error| {
        libcyrus::base::log::write(
            libcyrus::base::log::Priority::Err,
            format_args!("DBERROR: opening {}: {error}", path.display()),
        );
        Fatal::new("can't open database", EX_TEMPFAIL)
    })
}

fn act(
    db: &Db,
    path: &Path,
    action: &OsStr,
    rest: &[std::ffi::OsString],
    in_transaction: bool,
) -> Result<(), Fatal> {
    let name = action.to_string_lossy();
    match &*name {
        "get" | "set" | "delete" => keys(db, &name, rest, in_transaction)?,
        "batch" => batch(db),
        "show" => show(db, rest.first().map_or(&b""[..], |prefix| prefix.as_bytes())),
        "consistency" => {
            if db.check_consistency().is_err() {
                io::print(format!("Consistency Error for {}\n", path.display()).as_bytes());
            }
        }
        "consistent" => io::print(match db.check_consistency() {
            Ok(()) => b"Yes, consistent\n",
            Err(_) => b"No, not consistent\n",
        }),
        "dump" => {
            let level = rest.first().and_then(|level| level.to_str()?.parse().ok());
            let mut out = Vec::new();
            // The text ends with its own word about what could not be read.
            let _ = db.dump(level.unwrap_or(i32::from(rest.is_empty())), &mut out);
            io::print(&out);
        }
        "repack" => {
            if db.repack().is_err() {
                io::print(b"Failed to repack\n");
            }
        }
        "damage" => {
            let _ = db.store(b"INVALID", b"CRASHME");
            let text = "Internal error: assertion failed: imap/cyr_dbtool.c: 407: !tid";
            return Err(Fatal::new(text, EX_SOFTWARE));
        }
        _ => io::print(format!("Unknown action {name}\n").as_bytes()),
    }
    Ok(())
}

fn show(db: &Db, prefix: &[u8]) {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    // What cannot be read is not shown, as in C.
    let _ = db.foreach(prefix, |key, value| {
        let written = [key, b"\t", value, b"\n"].iter().try_for_each(|part| out.write_all(part));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let _ = out.flush();
}

/// get, set and delete of the key on the command line or of those on standard input.
fn keys(db: &Db, action: &str, rest: &[std::ffi::OsString], in_transaction: bool) -> Result<(), Fatal> {
    let mut txn = None;
    let mut one = |key: &[u8], value: &[u8]| -> db::Result<()> {
        if in_transaction && txn.is_none() {
            txn = Some(db.begin()?);
        }
        match (action, &mut txn) {
            ("get", _) => {
                let value = db.fetch(key).unwrap_or_default().unwrap_or_default();
                // C prints a string: up to the first NUL.
                let text = value.split(|c| *c == 0).next().unwrap_or_default();
                io::print(&[text, b"\n"].concat());
                Ok(())
            }
            ("set", Some(txn)) => txn.store(key, value),
            ("set", None) => db.store(key, value),
            (_, Some(txn)) => txn.delete(key).map(|_| ()),
            (_, None) => db.delete(key).map(|_| ()),
        }
    };
    // A failed change is in the log and has no other sign, as in C.
    match rest {
        [key, more @ ..] => {
            let value = more.first().map_or(&b""[..], |value| value.as_bytes());
            report(one(key.as_bytes(), value));
        }
        [] => {
            let mut input = std::io::stdin().lock();
            loop {
                let mut line = Vec::new();
                if input.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                    break;
                }
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                if line.len() >= LINE_MAX_OCTETS {
                    io::print(b"Error, stack overflow\n");
                    return Err(Fatal::new("stack overflow", EX_DATAERR));
                }
                let mut parts = line.splitn(2, |c| *c == b'\t');
                let key = parts.next().unwrap_or_default();
                if key.is_empty() {
                    break;
                }
                report(one(key, parts.next().unwrap_or_default()));
            }
        }
    }
    if let Some(txn) = txn {
        report(txn.commit());
    }
    Ok(())
}

fn report(result: db::Result<()>) {
    if let Err(error) = result {
        libcyrus::base::log::write(libcyrus::base::log::Priority::Err, format_args!("DBERROR: {error}"));
    }
}

/// Reads commands from standard input: BEGIN SHOW SET GET DELETE COMMIT ABORT.
fn batch(db: &Db) {
    let mut input = Reader { input: std::io::stdin().lock(), last: None };
    let mut txn: Option<Txn> = None;
    let mut number = 0;
    loop {
        number += 1;
        let Some((command, terminator)) = input.word() else { break };
        let mut words = Vec::new();
        let mut last = terminator;
        while last == Some(b' ') && words.len() < 2 {
            match input.astring() {
                Some((word, terminator)) => {
                    words.push(word);
                    last = terminator;
                }
                None => {
                    last = Some(0);
                    break;
                }
            }
        }
        if last == Some(b'\r') {
            last = input.next();
        }
        let done = if last == Some(b'\n') {
            let mut words = words.into_iter();
            let (key, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            perform(db, &mut txn, &command, &key, &value)
        } else if last.is_none() && input.at_end() && command.is_empty() {
            break;
        } else {
            Err("Syntax error in parameters")
        };
        if let Err(text) = done {
            let command = String::from_utf8_lossy(&command);
            io::usage(&format!("FAILED: line {number} at cmd {command} with error {text}"), "", 0);
            break;
        }
    }
}

fn perform(
    db: &Db,
    txn: &mut Option<Txn>,
    command: &[u8],
    key: &[u8],
    value: &[u8],
) -> Result<(), &'static str> {
    let failed = |error: db::Error| match error {
        db::Error::NotFound => "Item does not exist",
        _ => "Unknown error",
    };
    match command {
        b"" => {}
        b"BEGIN" => {
            if txn.is_some() {
                return Err("Mailbox is locked");
            }
            *txn = Some(db.begin().map_err(failed)?);
        }
        b"SHOW" => {
            let mut out = Vec::new();
            db.foreach(key, |key, value| {
                put_pair(&mut out, key, value);
                ControlFlow::Continue(())
            })
            .map_err(failed)?;
            io::print(&out);
        }
        b"SET" => match txn {
            Some(txn) => txn.store(key, value),
            None => db.store(key, value),
        }
        .map_err(failed)?,
        b"GET" => {
            if let Some(value) = db.fetch(key).map_err(failed)? {
                let mut out = Vec::new();
                put_pair(&mut out, key, &value);
                io::print(&out);
            }
        }
        b"DELETE" => {
            match txn {
                Some(txn) => txn.delete(key),
                None => db.delete(key),
            }
            .map_err(failed)?;
        }
        b"COMMIT" => txn.take().ok_or("Item does not exist")?.commit().map_err(failed)?,
        b"ABORT" => txn.take().ok_or("Item does not exist")?.abort().map_err(failed)?,
        _ => return Err("Mailbox does not exist"),
    }
    Ok(())
}

fn put_pair(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    imapstr::put_astring(out, key);
    out.push(b' ');
    imapstr::put_astring(out, value);
    out.push(b'\n');
}

/// The words of a batch: as a client's, with literals.
struct Reader<R> {
    input: R,
    last: Option<u8>,
}

impl<R: BufRead> Reader<R> {
    fn next(&mut self) -> Option<u8> {
        if let Some(c) = self.last.take() {
            return Some(c);
        }
        let c = self.input.fill_buf().ok()?.first().copied()?;
        self.input.consume(1);
        Some(c)
    }

    fn at_end(&mut self) -> bool {
        self.last.is_none() && self.input.fill_buf().map_or(true, <[u8]>::is_empty)
    }

    /// Letters up to what is none; `None` at the end of input.
    fn word(&mut self) -> Option<(Vec<u8>, Option<u8>)> {
        let mut word = Vec::new();
        loop {
            match self.next() {
                None => return None,
                Some(c) if c.is_ascii_alphanumeric() || b"_-.".contains(&c) => word.push(c),
                Some(c) => return Some((word, Some(c))),
            }
        }
    }

    /// An atom, a quoted string or a literal, and what follows it.
    fn astring(&mut self) -> Option<(Vec<u8>, Option<u8>)> {
        let mut text = Vec::new();
        match self.next()? {
            b'"' => loop {
                match self.next()? {
                    b'"' => return Some((text, self.next())),
                    b'\\' => text.push(self.next()?),
                    b'\r' | b'\n' => return None,
                    c => text.push(c),
                }
            },
            b'{' => {
                let mut length = 0_usize;
                loop {
                    match self.next()? {
                        c @ b'0'..=b'9' => {
                            length = length.checked_mul(10)?.checked_add(usize::from(c - b'0'))?;
                        }
                        b'+' => {}
                        b'}' => break,
                        _ => return None,
                    }
                }
                if self.next()? == b'\r' && self.next()? != b'\n' {
                    return None;
                }
                for _ in 0..length {
                    text.push(self.next()?);
                }
                Some((text, self.next()))
            }
            first => {
                let mut c = Some(first);
                loop {
                    match c {
                        Some(c) if c > b' ' && c != 0x7f && !b"(){\"%*".contains(&c) => text.push(c),
                        _ if text.is_empty() => return None,
                        other => return Some((text, other)),
                    }
                    c = self.next();
                }
            }
        }
    }
}

/// Does everything up to the first sync and then refuses, so that a commit ends in its middle.
#[derive(Debug)]
struct Damaging;

impl Storage for Damaging {
    fn write_at(&self, path: &Path, file: &File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        System.write_at(path, file, bytes, offset)
    }

    fn sync(&self, _path: &Path, _file: &File) -> std::io::Result<()> {
        // Not even the undoing of the failed commit may run.
        let text = "Internal error: assertion failed: imap/cyr_dbtool.c: 407: !tid";
        Err(std::io::Error::other(text))
    }

    fn truncate(&self, _path: &Path, _file: &File, _len: u64) -> std::io::Result<()> {
        Err(std::io::Error::other("no undoing"))
    }

    fn rename(&self, _from: &Path, _to: &Path) -> std::io::Result<()> {
        Err(std::io::Error::other("no undoing"))
    }

    fn sync_directory(&self, _path: &Path) -> std::io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        System.remove(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands of a batch as `command key value|...`, `!` where a line is refused.
    fn check(input: &[u8], expected: &str) {
        let mut reader = Reader { input, last: None };
        let mut out = Vec::new();
        while let Some((command, mut last)) = reader.word() {
            let mut line = String::from_utf8_lossy(&command).into_owned();
            while last == Some(b' ') {
                match reader.astring() {
                    Some((text, next)) => {
                        line.push_str(&format!(" {}", String::from_utf8_lossy(&text)));
                        last = next;
                    }
                    None => last = Some(0),
                }
            }
            if last == Some(b'\r') {
                last = reader.next();
            }
            if last != Some(b'\n') {
                line.push('!');
                out.push(line);
                break;
            }
            out.push(line);
        }
        assert_eq!(out.join("|"), expected, "{}", String::from_utf8_lossy(input));
    }

    #[test]
    fn batch_lines_are_read_as_a_client_writes_them() {
        check(b"BEGIN\nSET a b\r\nCOMMIT\n", "BEGIN|SET a b|COMMIT");
        check(b"SET \"a b\" \"c\\\"d\"\n", "SET a b c\"d");
        check(b"SET {3+}\r\na b {1}\r\nx\nGET q\n", "SET a b x|GET q");
        check(b"SET 8 \\foo\n", "SET 8 \\foo");
        check(b"SET p (a\n", "SET p!");
        check(b"SET a {99999999999999999999999}\r\n", "SET a!");
        check(b"\n\nSHOW", "|");
    }
}
