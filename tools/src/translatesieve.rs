//! translatesieve: rewrites the folders of fileinto when the hierarchy separator or the namespace has changed.

use crate::sieve_tree::{EX_NO_CONFIG, ROOT, each_line, is_root, loose_value, names, script_stem, value};
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::DEFAULT_FILE;
use libcyrus::base::exit::EX_OK;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Code of a fatal error.
const FATAL: i32 = 1;
/// Code of the usage text.
const USAGE_CODE: i32 = 255;

const USAGE: &str = "
       -v tell what is done
       -n change nothing, only show what would be changed (with -v)
       -f go on after errors
       -u unixhierarchysep was on before
       -a altnamespace was on before
       -C read this imapd.conf instead of /etc/imapd.conf

Without -u and -a both settings are taken to have been off. The new settings
are those of imapd.conf. Stop the server, change imapd.conf, run this as the
cyrus user, and start the server again.
";

/// How names are written under a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Names {
    /// `unixhierarchysep`
    slash: bool,
    /// `altnamespace`
    alt: bool,
}

/// Before and after.
#[derive(Debug)]
struct Change {
    old: Names,
    new: Names,
    user_prefix: Vec<u8>,
    shared_prefix: Vec<u8>,
}

/// How errors are treated, and what is shown.
#[derive(Debug, Clone, Copy)]
struct Manner {
    verbose: bool,
    no_action: bool,
    force: bool,
}

/// The program ends with this code.
struct End(i32);

impl Manner {
    /// Says what went wrong; ends the program unless told to go on.
    fn ouch(self, text: &[u8]) -> Result<(), End> {
        if self.force || self.no_action {
            io::print(&[b"error: ", text, b"\n"].concat());
            return Ok(());
        }
        io::print(&[b"fatal error: ", text, b"\n"].concat());
        Err(End(FATAL))
    }
}

/// Runs the tool: `translatesieve [-v] [-n] [-f] [-u] [-a] [-C config]`.
pub fn run(call: &Call) -> i32 {
    match work(call) {
        Ok(()) => EX_OK,
        Err(End(code)) => code,
    }
}

fn work(call: &Call) -> Result<(), End> {
    let spec = Spec { short: "vnhfuaC:", long: &[] };
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for complaint in &complaints {
        io::usage(complaint, "", 0);
    }
    if args.has('h') {
        let text = format!(
            "usage: {} [-v] [-n] [-f] [-u] [-a] [-C imapd.conf]\n{USAGE}",
            call.prog.to_string_lossy()
        );
        return Err(End(io::usage("", &text, USAGE_CODE)));
    }
    if is_root() {
        io::complain(ROOT.0);
        return Err(End(ROOT.1));
    }
    let manner =
        Manner { verbose: args.has('v') || args.has('n'), no_action: args.has('n'), force: args.has('f') };
    let mut change = Change {
        old: Names { slash: args.has('u'), alt: args.has('a') },
        new: Names { slash: true, alt: true },
        user_prefix: b"Other Users".to_vec(),
        shared_prefix: b"Shared Folders".to_vec(),
    };
    let mut sieve_dir = b"/usr/sieve".to_vec();
    let config = args.value('C').unwrap_or(OsStr::new(DEFAULT_FILE));
    let read = each_line(Path::new(config), |line| {
        let no = |value: &[u8]| [&b"0"[..], b"f", b"no", b"off"].iter().any(|word| value.starts_with(word));
        if let Some(dir) = value(line, "sievedir") {
            sieve_dir = dir.to_vec();
            io::print(&[b"you are using ", dir, b" as your sieve directory.\n"].concat());
        }
        change.new.slash &= !loose_value(line, "unixhierarchysep").is_some_and(no);
        change.new.alt &= !loose_value(line, "altnamespace").is_some_and(no);
        if let Some(prefix) = loose_value(line, "userprefix") {
            change.user_prefix = prefix.to_vec();
            io::print(&[b"you are using ", prefix, b" as your other users prefix.\n"].concat());
        }
        if let Some(prefix) = loose_value(line, "sharedprefix") {
            change.shared_prefix = prefix.to_vec();
            io::print(&[b"you are using ", prefix, b" as your shared prefix.\n"].concat());
        }
    });
    if let Err(file) = read {
        io::complain(&[b"can't open ", file.as_os_str().as_bytes(), b"\n"].concat());
        return Err(End(EX_NO_CONFIG));
    }
    if change.new == change.old {
        return manner.ouch(b"There's been no change to Unix hierarchy separator or the alternate namespace");
    }
    io::print(&[b"translating sievedir ", &*sieve_dir, b"... "].concat());
    io::print(match (change.old.slash, change.new.slash) {
        (false, true) => b"converting separator from '.' to '/'\n",
        (true, false) => b"converting separator from '/' to '.'\n",
        _ => b"not converting separator.\n",
    });
    match (change.old.alt, change.new.alt) {
        (false, true) => io::print(b"converting name space from traditional to alternative.\n"),
        (true, false) => {
            return manner.ouch(b"this utility *cannot* convert from altnamespace to traditional!");
        }
        _ => io::print(b"not changing name space.\n"),
    }
    let top = PathBuf::from(OsString::from_vec(sieve_dir));
    if fs::read_dir(&top).is_err() {
        io::complain(&[b"couldn't change to ", top.as_os_str().as_bytes(), b"\n"].concat());
        return Err(End(EX_NO_CONFIG));
    }
    for part in names(&top).into_iter().map(|name| top.join(name)).filter(|part| part.is_dir()) {
        let users = names(&part).into_iter().filter(|user| !user.as_bytes().starts_with(b"."));
        for user in users.map(|user| part.join(user)).filter(|user| user.is_dir()) {
            for name in names(&user).iter().filter(|name| script_stem(name).is_some()) {
                translate_file(&user, name, &change, manner)?;
            }
        }
    }
    io::print(b"done\n");
    Ok(())
}

/// Rewrites one script by way of a new file.
fn translate_file(dir: &Path, name: &OsStr, change: &Change, manner: Manner) -> Result<(), End> {
    if manner.verbose {
        io::print(&[b"translating ", name.as_bytes(), b"...\n"].concat());
    }
    let path = dir.join(name);
    let script = match fs::read(&path) {
        Ok(script) => script,
        Err(error) => {
            return manner.ouch(&told(&[b"cannot open ", name.as_bytes(), b" for reading: "], &error));
        }
    };
    let mut translated = Vec::new();
    for line in script.split_inclusive(|byte| *byte == b'\n') {
        let new = change.translate(line);
        if let Some(new) = new.as_ref().filter(|_| manner.verbose) {
            io::print(&[b"< ", line, b"> ", new].concat());
        }
        translated.extend_from_slice(new.as_deref().unwrap_or(line));
    }
    if manner.no_action {
        return Ok(());
    }
    let mut hidden = OsString::from(".");
    hidden.push(name);
    let new = dir.join(&hidden);
    if let Err(error) = fs::write(&new, translated) {
        return manner.ouch(&told(&[b"cannot create /.", name.as_bytes(), b": "], &error));
    }
    if fs::rename(&new, &path).is_err() {
        return manner.ouch(&[b"couldn't move .", name.as_bytes(), b" to ", name.as_bytes()].concat());
    }
    Ok(())
}

/// Words with the system's for the error.
fn told(words: &[&[u8]], error: &std::io::Error) -> Vec<u8> {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    [words.concat(), text.as_bytes().to_vec()].concat()
}

impl Change {
    /// The line with its folder translated, or nothing where there is none to translate.
    fn translate(&self, line: &[u8]) -> Option<Vec<u8>> {
        let folder = folder(line)?;
        let mut out = line.to_vec();
        let mut changed = false;
        if folder.eq_ignore_ascii_case(b"inbox") {
            return None;
        }
        let separator = if self.old.slash { b'/' } else { b'.' };
        if self.new.alt != self.old.alt {
            // The place is that of the name's first appearance in the line, as the original finds it.
            let at = find(line, folder);
            let below = |prefix: &[u8]| {
                folder.get(prefix.len()) == Some(&separator)
                    && folder.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
            };
            if below(b"inbox") {
                out.splice(at..at + 6, []);
            } else if below(b"user") && folder.starts_with(b"user") {
                out.splice(at..at + 4, self.user_prefix.iter().copied());
            } else {
                let mut prefix = self.shared_prefix.clone();
                prefix.push(separator);
                out.splice(at..at, prefix);
            }
            changed = true;
        }
        if self.new.slash != self.old.slash {
            let at = self::folder(&out).map(|folder| find(&out, folder));
            let (from, to) = if self.new.slash { (b'.', b'/') } else { (b'/', b'.') };
            if let Some(at) = at {
                out.iter_mut().skip(at).filter(|byte| **byte == from).for_each(|byte| *byte = to);
                changed = true;
            }
        }
        changed.then_some(out)
    }
}

/// Where a text is first found.
fn find(line: &[u8], text: &[u8]) -> usize {
    (0..line.len()).find(|at| line.get(*at..).is_some_and(|rest| rest.starts_with(text))).unwrap_or(0)
}

/// The folder of the first `fileinto "folder";` with a blank before it.
fn folder(line: &[u8]) -> Option<&[u8]> {
    (1..line.len()).find_map(|at| {
        line.get(at - 1).filter(|byte| byte.is_ascii_whitespace())?;
        let rest = line.get(at..)?.strip_prefix(b"fileinto")?;
        let quoted = rest.trim_ascii_start();
        if quoted.len() == rest.len() {
            return None;
        }
        let name = quoted.strip_prefix(b"\"")?;
        let length = name.iter().position(|byte| *byte == b'"')?;
        let (name, rest) = name.split_at_checked(length)?;
        rest.strip_prefix(b"\"")?.trim_ascii_start().starts_with(b";").then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(old: (bool, bool), new: (bool, bool), line: &str) -> Option<String> {
        let change = Change {
            old: Names { slash: old.0, alt: old.1 },
            new: Names { slash: new.0, alt: new.1 },
            user_prefix: b"Other Users".to_vec(),
            shared_prefix: b"Shared Folders".to_vec(),
        };
        change.translate(line.as_bytes()).map(|line| String::from_utf8_lossy(&line).into_owned())
    }

    #[test]
    fn folders_are_translated() {
        let both = |line| translate((false, false), (true, true), line);
        assert_eq!(both(" fileinto \"INBOX\";"), None);
        assert_eq!(both(" fileinto \"INBOX.a.b\";\n").as_deref(), Some(" fileinto \"a/b\";\n"));
        assert_eq!(
            both("\tfileinto \"user.ann.a\" ;").as_deref(),
            Some("\tfileinto \"Other Users/ann/a\" ;")
        );
        assert_eq!(
            both(" fileinto \"news.x\"; # a.b").as_deref(),
            Some(" fileinto \"Shared Folders/news/x\"; # a/b")
        );
        assert_eq!(both("fileinto \"a.b\";"), None);
        assert_eq!(both(" fileinto :copy \"a.b\";"), None);
        let back = |line| translate((true, true), (false, true), line);
        assert_eq!(back("{ fileinto \"a/b\"; }").as_deref(), Some("{ fileinto \"a.b\"; }"));
    }
}
