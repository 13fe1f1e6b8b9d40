//! cyr_ls: the mailboxes below one, as ls(1) shows files.

use crate::context::{Context, Match};
use crate::{Call, io, mbpath};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};
use libcyrus::base::start::Need;
use libcyrus::store::mboxlist::MbKind;
use libcyrus::store::{Error, Result};
use libcyrus::sys::{localtime, space};
use libcyrus::util::ids::UnixTime;
use libcyrus::util::mboxname::MboxName;
use libcyrus::util::mutf7;
use std::fs::Metadata;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const USAGE: &str = "\
usage: cyr_ls [-C <alt_config>] [-p] [-m] [-i] [-l] [-R] [-1] [mailbox name]

\t-p\targument is a UNIX path, not mailbox
\t-7\tmailbox argument is in modified UTF7 rather than UTF8
\t-m\tlist the contents of the metadata directory (if different from the data directory)
\t-i\tprint ID of each mailbox
\t-l\tlong listing format
\t-R\tlist submailboxes recursively
\t-1\tlist one file per line
";

/// Width of all columns together.
const WIDTH: usize = 76;

/// Names with one of these are quoted.
const SPECIALS: &[u8] = b" !\"#$&'()*,;<>?[\\]^`{|}~";

const RED: &str = "\x1b[31m";
const MAGENTA: &str = "\x1b[35m";
const BRIGHT_BLUE: &str = "\x1b[94m";
const PLAIN: &str = "\x1b[0m";

/// A year, as far as dates without a time are concerned.
const YEAR_S: i64 = 365 * 86400;

#[allow(clippy::struct_excessive_bools, reason = "each is an option of the program")]
struct Listing {
    context: Context,
    utf8: bool,
    recursive: bool,
    ids: bool,
    long: bool,
    meta: bool,
    colours: bool,
    columns: usize,
}

/// Runs the tool.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:7milR1p", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let context = match Context::open(args.value('C').map(Path::new), "cyr_ls", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    let listing = Listing {
        context,
        utf8: !args.has('7'),
        recursive: args.has('R'),
        ids: args.has('i'),
        long: args.has('l'),
        meta: args.has('m'),
        colours: std::io::stdout().is_terminal(),
        columns: if ['i', 'l', '1'].iter().any(|&letter| args.has(letter)) { 1 } else { 4 },
    };
    let word = args.words.first().map(|word| word.as_bytes());
    let name = match listing.meant(word.filter(|_| !args.has('p')), word) {
        Ok(name) => name,
        Err(Error::NotFound) => {
            // What C prints of a name there is not.
            io::complain(b"Invalid mailbox name: '(null)'\n");
            return EX_OK;
        }
        Err(error) => return io::failed(&error),
    };
    match listing.list(&name) {
        Ok(()) => EX_OK,
        Err(error) => io::failed(&error),
    }
}

impl Listing {
    /// The mailbox of this name, or in whose directory we are.
    fn meant(&self, word: Option<&[u8]>, path: Option<&[u8]>) -> Result<MboxName> {
        let catalog = &self.context.catalog;
        if let Some(word) = word {
            let ext = if self.utf8 { mutf7::from_utf8(word) } else { word.to_vec() };
            let name = self.context.namespace.to_internal(&ext, Some(b"cyrus"));
            match catalog.lookup_any(&name) {
                Ok(_) => return Ok(name),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        mbpath::by_path(catalog, path.unwrap_or(b"."))
    }

    /// C: do_list()
    fn list(&self, name: &MboxName) -> Result<()> {
        let context = &self.context;
        let ext = context.external(name);
        let entry = match context.catalog.lookup_any(name) {
            Ok(entry) => entry,
            Err(Error::NotFound) => {
                io::complain(&[b"Invalid mailbox name: '", ext.as_slice(), b"'\n"].concat());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut out = [b"\n", ext.as_slice(), b":\n"].concat();
        if entry.mbtype.is_reserved() || entry.mbtype.is_deleted() {
            io::print(&out);
            return Ok(());
        }
        if entry.mbtype.is_remote() {
            let server = entry.server.as_deref().unwrap_or_default();
            let partition = entry.partition.as_deref().unwrap_or_default();
            out.extend([b"Non-local mailbox: ", server, b"!", partition, b"\n"].concat());
            io::print(&out);
            return Ok(());
        }
        let separator = context.namespace.hiersep();
        let below = |path: &[u8]| {
            let (box_name, domain) = split_domain(&ext);
            [box_name, &[separator], path, domain].concat()
        };
        let children = context.matches(&below(b"%"))?;
        for (count, child) in children.iter().enumerate() {
            self.put(&mut out, count, child, b"");
        }
        if name.is_user_inbox(context.catalog.rules()) {
            let hidden = context.matches(&below(&[b"INBOX", [separator].as_slice(), b"%"].concat()))?;
            for (at, child) in hidden.iter().enumerate() {
                self.put(&mut out, children.len().saturating_add(at), child, b"INBOX/");
            }
        }
        out.push(b'\n');
        io::print(&out);
        if self.recursive {
            for child in &children {
                self.list(&child.entry.name)?;
            }
        }
        Ok(())
    }

    /// C: list_cb()
    fn put(&self, out: &mut Vec<u8>, count: usize, child: &Match, prefix: &[u8]) {
        let entry = &child.entry;
        out.extend_from_slice(if count.is_multiple_of(self.columns) { b"\n" } else { b"    " });
        if self.ids {
            let id = entry.uniqueid.as_deref().unwrap_or_default();
            out.extend_from_slice(id);
            out.extend(std::iter::repeat_n(b' ', 40_usize.saturating_sub(id.len())));
            out.push(b' ');
        }
        let found = self.context.catalog.location(entry).ok().and_then(|location| {
            let path = if self.meta { location.header.parent()? } else { location.data.as_path() };
            std::fs::metadata(path).ok()
        });
        if self.long {
            out.extend(long(found.as_ref()).as_bytes());
        }
        let colour = match &found {
            _ if !self.colours => "",
            None => RED,
            Some(_) if entry.mbtype.kind != MbKind::Email => MAGENTA,
            Some(_) => BRIGHT_BLUE,
        };
        out.extend_from_slice(colour.as_bytes());
        let parts = entry.name.parts(self.context.catalog.rules());
        let last = parts.boxes.last().map(Vec::as_slice).unwrap_or_default();
        let name = [prefix, last].concat();
        let shown = if self.utf8 { mutf7::to_utf8(&name).map(String::into_bytes) } else { None };
        let shown = quoted(shown.as_deref().unwrap_or(&name));
        out.extend_from_slice(&shown);
        if !colour.is_empty() {
            out.extend_from_slice(PLAIN.as_bytes());
        }
        if self.columns > 1 {
            // Octets are counted, as in C.
            let fill = (WIDTH / self.columns).saturating_sub(shown.len());
            out.extend(std::iter::repeat_n(b' ', fill));
        }
    }
}

/// A name and the `@domain` behind it.
fn split_domain(ext: &[u8]) -> (&[u8], &[u8]) {
    ext.split_at(ext.iter().rposition(|&byte| byte == b'@').unwrap_or(ext.len()))
}

/// A name for a shell; one that needs no quotes gets a blank in front. C: print_name()
fn quoted(name: &[u8]) -> Vec<u8> {
    if !name.iter().any(|byte| SPECIALS.contains(byte)) {
        return [b" ", name].concat();
    }
    let first = name.iter().position(|byte| SPECIALS.contains(byte)).unwrap_or(0);
    let rest = name.get(first..).unwrap_or_default();
    if !rest.contains(&b'\'') {
        return [b"'", name, b"'"].concat();
    }
    if !rest.contains(&b'"') {
        return [b"\"", name, b"\""].concat();
    }
    let mut out = b"'".to_vec();
    for &byte in name {
        if byte == b'\'' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'\'');
    out
}

/// The columns of `ls -l` in front of the name. C: long_list()
fn long(found: Option<&Metadata>) -> String {
    let mode = found.map_or(0, MetadataExt::mode);
    let mut text = String::from(if found.is_some_and(Metadata::is_dir) { "d" } else { "-" });
    for (at, letter) in "rwxrwxrwx".chars().enumerate() {
        text.push(if mode & (0o400 >> at) != 0 { letter } else { '-' });
    }
    let (links, uid, gid, size, ctime) =
        found.map_or((0, 0, 0, 0, 0), |is| (is.nlink(), is.uid(), is.gid(), is.size(), is.ctime()));
    let date = localtime::at(ctime).map_or(String::new(), |at| {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = usize::try_from(at.month).unwrap_or(1).saturating_sub(1);
        let month = MONTHS.get(month).copied().unwrap_or("Jan");
        if UnixTime::now().0.saturating_sub(ctime) > YEAR_S {
            format!("{month} {:02}  {}", at.day, at.year)
        } else {
            format!("{month} {:02} {:>2}:{:02}", at.day, at.hour, at.minute)
        }
    });
    let (user, group) = (space::user(uid), space::group(gid));
    format!("{text} {links} {user:<8} {group:<8} {size:>10} {date} ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_a_shell_needs_it() {
        assert_eq!(quoted(b"Sent"), b" Sent");
        assert_eq!(quoted(b"#sieve"), b"'#sieve'");
        assert_eq!(quoted(b"it's"), b"\"it's\"");
        assert_eq!(quoted(b"a\"b'c"), b"'a\"b\\'c'");
    }
}
