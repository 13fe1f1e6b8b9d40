//! What the commands do.

use super::client::{Answer, Connection, Login, astring, string, word};
use super::table::{BUILTINS, Done, Trouble, find};
use super::{Shell, show};
use libcyrus::net::Error;
use std::collections::BTreeMap;
use std::path::PathBuf;

const LIST: &str = "usage: listmailbox [-subscribed] [-specialuse] [pattern [base]]";
const LAM: &str = "usage: listaclmailbox mailbox";
const CREATE: &str =
    "usage: createmailbox [--partition partition] [--specialuse specialuse] mailbox [partition]";
const RENAME: &str = "usage: renamemailbox [--partition name] oldname newname [partition]";
const XFER: &str = "usage: xfermailbox [--partition name] mailbox server [partition]";
const SETQUOTA: &str = "usage: setquota mailbox limit num [limit num ...]\n       setquota mailbox num";
const AUTH: &str = "usage: authenticate [-minssf N] [-maxssf N] [-mechanisms STR]
                    [-service name] [-tlskey keyfile] [-notls]
                    [-cafile cacertfile] [-capath cacertdir]
                    [user]";

/// Rights by name, as setaclmailbox takes them.
const RIGHTS: [(&str, &str); 7] = [
    ("none", ""),
    ("read", "lrs"),
    ("post", "lrsp"),
    ("append", "lrsip"),
    ("write", "lrswipkxte"),
    ("delete", "lrxte"),
    ("all", "lrswipkxtea"),
];

fn complain<T>(text: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Complaint(text.into()))
}

/// The words of a command that may have options before its first word. `options` are their names without
/// dashes, with `=` at the end where a value follows; any beginning of `-name` and `--name` count.
struct Words<'a> {
    given: Vec<(&'static str, &'a str)>,
    plain: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn new(words: &'a [String], options: &[&'static str], usage: &str) -> Result<Self, Trouble> {
        let mut all = Self { given: Vec::new(), plain: Vec::new() };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let Some(name) = word.strip_prefix('-') else {
                all.plain.push(word);
                break;
            };
            let is = |option: &&&'static str| {
                let option = option.trim_end_matches('=');
                option.starts_with(name) || name.strip_prefix('-') == Some(option)
            };
            let Some(option) = options.iter().find(is) else { return complain(usage) };
            let value = if option.ends_with('=') { words.next().unwrap_or_default() } else { "" };
            all.given.push((option.trim_end_matches('='), value));
        }
        all.plain.extend(words);
        Ok(all)
    }

    fn value(&self, option: &str) -> Option<&'a str> {
        self.given.iter().rev().find(|(name, _)| *name == option).map(|(_, value)| *value)
    }

    fn has(&self, option: &str) -> bool {
        self.value(option).is_some()
    }
}

fn one<'a>(words: &'a [String], usage: &str) -> Result<&'a str, Trouble> {
    match Words::new(words, &[], usage)?.plain.as_slice() {
        [word] => Ok(word),
        _ => complain(usage),
    }
}

/// A command line of IMAP from pieces, blanks between.
fn command(pieces: &[&[u8]]) -> Vec<u8> {
    pieces.join(&b' ')
}

fn send(shell: &mut Shell, name: &str, line: &[u8]) -> Result<Answer, Trouble> {
    let mut connection = shell.connection.borrow_mut();
    let Some(server) = connection.as_mut() else {
        return complain(format!("{name}: no connection to server"));
    };
    match server.send(line) {
        Ok(answer) => Ok(answer),
        Err(error) => {
            *connection = None;
            let lost = matches!(error, Error::Closed);
            complain(if lost { "\nConnection to server lost.".to_owned() } else { error.to_string() })
        }
    }
}

/// Sends, and complains with the command's name in front when the server refuses.
fn order(shell: &mut Shell, name: &str, line: &[u8]) -> Done {
    let answer = send(shell, name, line)?;
    if answer.is_ok() { Ok(()) } else { complain(format!("{name}: {}", answer.text)) }
}

fn need(shell: &Shell, name: &str) -> Done {
    match shell.connection.borrow().is_some() {
        true => Ok(()),
        false => complain(format!("{name}: no connection to server")),
    }
}

fn has(shell: &Shell, capability: &str) -> bool {
    shell.connection.borrow().as_ref().is_some_and(|server| server.has(capability))
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '%'])
}

/// A line of LIST.
struct Listed {
    name: Vec<u8>,
    attributes: String,
    extended: Option<String>,
}

impl Listed {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = line.strip_prefix(b"(")?;
        let end = line.iter().position(|byte| *byte == b')')?;
        let attributes = String::from_utf8_lossy(line.get(..end)?).into_owned();
        let (_, _, rest) = word(line.get(end.checked_add(1)?..)?)?;
        let (name, _, rest) = word(rest)?;
        let extended = rest.trim_ascii().strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
        let extended = extended.map(|text| String::from_utf8_lossy(text).into_owned());
        Some(Self { name, attributes, extended })
    }

    fn is_mailbox(&self) -> bool {
        let attributes = self.attributes.to_ascii_lowercase();
        !["\\noselect", "\\nonexistent", "\\placeholder"].iter().any(|each| attributes.contains(each))
    }
}

fn list_command(shell: &Shell, pattern: &str, base: &str, select: &[&str]) -> Result<Vec<u8>, Trouble> {
    let (mut select, mut give) = (select.to_vec(), Vec::new());
    let wants_special = select.contains(&"SPECIAL-USE");
    if wants_special && !has(shell, "SPECIAL-USE") {
        return complain("Remote does not support SPECIAL-USE.");
    }
    let is_extended = has(shell, "LIST-EXTENDED");
    if !select.is_empty() && !is_extended {
        return complain("Remote does not support LIST-EXTENDED.");
    }
    let referrals = has(shell, "MAILBOX-REFERRALS");
    if is_extended {
        if referrals {
            select.insert(0, "REMOTE");
        }
        give.push("SUBSCRIBED");
        if has(shell, "SPECIAL-USE") {
            give.push("SPECIAL-USE");
        }
    }
    let mut line = if referrals && !is_extended { b"RLIST".to_vec() } else { b"LIST".to_vec() };
    if !select.is_empty() {
        line.extend(format!(" ({})", select.join(" ")).into_bytes());
    }
    line.extend([b" ", astring(base.as_bytes()).as_slice(), b" ", &astring(pattern.as_bytes())].concat());
    if !give.is_empty() {
        line.extend(format!(" RETURN ({})", give.join(" ")).into_bytes());
    }
    Ok(line)
}

/// The mailboxes that match a pattern.
fn matching(shell: &mut Shell, name: &str, pattern: &str) -> Result<Vec<String>, Trouble> {
    let line = list_command(shell, pattern, "", &[])?;
    let answer = send(shell, name, &line)?;
    let listed = answer.responses("LIST").filter_map(Listed::parse).filter(Listed::is_mailbox);
    Ok(listed.map(|each| String::from_utf8_lossy(&each.name).into_owned()).collect())
}

/// Names that begin with `start`, for completion.
pub fn completions(shell_connection: &mut Connection, start: &str) -> Vec<String> {
    let pattern = format!("{start}%");
    let line = command(&[b"LIST \"\"", &astring(pattern.as_bytes())]);
    let Ok(answer) = shell_connection.send(&line) else { return Vec::new() };
    let listed = answer.responses("LIST").filter_map(Listed::parse);
    listed.map(|each| String::from_utf8_lossy(&each.name).into_owned()).collect()
}

/// listmailbox
pub fn list(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &["subscribed", "specialuse", "recursivematch"], LIST)?;
    let (pattern, base) = match words.plain.as_slice() {
        [] => ("*", ""),
        [pattern] => (*pattern, ""),
        [pattern, base] => (*pattern, *base),
        _ => return complain(LIST),
    };
    need(shell, "listmailbox")?;
    let mut select = Vec::new();
    if words.has("recursivematch") {
        select.push("RECURSIVEMATCH");
    }
    if words.has("specialuse") {
        select.push("SPECIAL-USE");
    }
    let lsub = words.has("subscribed") && select.is_empty();
    if words.has("subscribed") && !lsub {
        select.insert(select.len().saturating_sub(1), "SUBSCRIBED");
    }
    let line = if lsub {
        let verb: &[u8] = if has(shell, "MAILBOX-REFERRALS") { b"RLSUB" } else { b"LSUB" };
        let base = if base.is_empty() { pattern } else { base };
        command(&[verb, &astring(pattern.as_bytes()), &astring(base.as_bytes())])
    } else {
        list_command(shell, pattern, base, &select)?
    };
    let answer = send(shell, "listmailbox", &line)?;
    if !answer.is_ok() {
        return complain(answer.text);
    }
    let kind = if lsub { "LSUB" } else { "LIST" };
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for listed in answer.responses(kind).filter_map(Listed::parse) {
        let mut line = listed.name;
        if !listed.attributes.is_empty() {
            line.extend(format!(" ({})", listed.attributes).into_bytes());
        }
        if let Some(extended) = listed.extended {
            line.extend(format!(" ({extended})").into_bytes());
        }
        lines.push(line);
    }
    lines.sort();
    shell.print(&show::columns(&lines));
    Ok(())
}

/// The rights on a mailbox, as the server lists them.
fn rights(shell: &mut Shell, name: &str, mailbox: &str) -> Result<Vec<(String, String)>, Trouble> {
    let line = command(&[b"GETACL", &astring(mailbox.as_bytes())]);
    let answer = send(shell, name, &line)?;
    if !answer.is_ok() {
        return complain(answer.text);
    }
    let mut all = Vec::new();
    for response in answer.responses("ACL") {
        let Some((_, _, mut rest)) = word(response) else { continue };
        while let Some((identifier, _, tail)) = word(rest) {
            let Some((rights, _, tail)) = word(tail) else { break };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            all.push((text(&identifier), text(&rights)));
            rest = tail;
        }
    }
    Ok(all)
}

/// listacl
pub fn list_acl(shell: &mut Shell, words: &[String]) -> Done {
    let mailbox = one(words, LAM)?;
    need(shell, "listaclmailbox")?;
    if !is_pattern(mailbox) {
        for (identifier, rights) in rights(shell, "listaclmailbox", mailbox)? {
            shell.print(format!("{identifier} {rights}\n").as_bytes());
        }
        return Ok(());
    }
    for name in matching(shell, "listaclmailbox", mailbox)? {
        shell.print(format!("{name}:\n").as_bytes());
        match rights(shell, "listaclmailbox", &name) {
            Ok(all) => {
                for (identifier, rights) in all {
                    shell.print(format!("  {identifier} {rights}\n").as_bytes());
                }
            }
            Err(Trouble::Complaint(text)) => shell.complain(&text),
            Err(exit) => return Err(exit),
        }
    }
    Ok(())
}

/// Does something to every mailbox of a pattern and tells of each; stops at the first refusal.
fn to_each(
    shell: &mut Shell,
    name: &str,
    pattern: &str,
    doing: &str,
    mut f: impl FnMut(&mut Shell, &str) -> Done,
) -> Done {
    for mailbox in matching(shell, name, pattern)? {
        shell.print(format!("{doing} {mailbox}...").as_bytes());
        match f(shell, &mailbox) {
            Ok(()) => shell.print(b"OK.\n"),
            Err(Trouble::Complaint(text)) => {
                let prefix = format!("{name}: ");
                shell.print(format!("{}\n", text.strip_prefix(&prefix).unwrap_or(&text)).as_bytes());
                return Ok(());
            }
            Err(exit) => return Err(exit),
        }
    }
    Ok(())
}

/// setaclmailbox
pub fn set_acl(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: setaclmailbox mailbox id rights [id rights ...]";
    let words = Words::new(words, &[], USAGE)?;
    let (mailbox, pairs) = match words.plain.split_first() {
        Some((mailbox, pairs)) if !pairs.is_empty() && pairs.len() % 2 == 0 => (*mailbox, pairs),
        _ => return complain(USAGE),
    };
    need(shell, "setaclmailbox")?;
    let set = |shell: &mut Shell, mailbox: &str| {
        let mut refused = Vec::new();
        for pair in pairs.chunks_exact(2) {
            let [identifier, rights] = pair else { continue };
            let rights = RIGHTS.iter().find(|(name, _)| name == rights).map_or(*rights, |(_, set)| set);
            let line = command(&[
                b"SETACL",
                &astring(mailbox.as_bytes()),
                &astring(identifier.as_bytes()),
                &astring(rights.as_bytes()),
            ]);
            let answer = send(shell, "setaclmailbox", &line)?;
            if !answer.is_ok() {
                refused.push(format!("{identifier}: {rights}: {}", answer.text));
            }
        }
        if refused.is_empty() { Ok(()) } else { complain(format!("setaclmailbox: {}", refused.join("\n"))) }
    };
    match is_pattern(mailbox) {
        true => to_each(shell, "setaclmailbox", mailbox, "Setting ACL on", set),
        false => set(shell, mailbox),
    }
}

/// deleteaclmailbox
pub fn delete_acl(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: deleteaclmailbox mailbox id [id ...]";
    let words = Words::new(words, &[], USAGE)?;
    let (mailbox, identifiers) = match words.plain.split_first() {
        Some((mailbox, identifiers)) if !identifiers.is_empty() => (*mailbox, identifiers),
        _ => return complain(USAGE),
    };
    need(shell, "deleteaclmailbox")?;
    let remove = |shell: &mut Shell, mailbox: &str| {
        let mut all: Vec<String> = identifiers.iter().map(|each| (*each).to_owned()).collect();
        if all.first().is_some_and(|first| first == "*") {
            all = rights(shell, "deleteaclmailbox", mailbox)?.into_iter().map(|(each, _)| each).collect();
        }
        let mut refused = Vec::new();
        let count = all.len();
        for identifier in all {
            let line =
                command(&[b"DELETEACL", &astring(mailbox.as_bytes()), &astring(identifier.as_bytes())]);
            let answer = send(shell, "deleteaclmailbox", &line)?;
            if !answer.is_ok() {
                refused.push(format!("{identifier}: {}", answer.text));
            }
        }
        // As ever: only when none went it is an error.
        if count == 0 || refused.len() < count {
            return Ok(());
        }
        complain(format!("deleteaclmailbox: {}", refused.join("\n")))
    };
    match is_pattern(mailbox) {
        true => to_each(shell, "deleteaclmailbox", mailbox, "Deleting acl on", remove),
        false => remove(shell, mailbox),
    }
}

/// createmailbox
pub fn create(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &["partition=", "specialuse="], CREATE)?;
    let (mailbox, partition) = match words.plain.as_slice() {
        [mailbox] => (*mailbox, None),
        [mailbox, partition] => (*mailbox, Some(*partition)),
        _ => return complain("usage: createmailbox [--partition partition] mailbox [partition]"),
    };
    need(shell, "createmailbox")?;
    let partition = words.value("partition").or(partition);
    let mut line = command(&[b"CREATE", &astring(mailbox.as_bytes())]);
    match (words.value("specialuse"), partition) {
        (Some(_), _) if !has(shell, "CREATE-SPECIAL-USE") => {
            return complain("createmailbox: Remote does not support CREATE-SPECIAL-USE.");
        }
        (Some(uses), Some(partition)) => {
            line.extend(format!(" (PARTITION {partition} USE ({uses}))").into_bytes());
        }
        (Some(uses), None) => line.extend(format!(" (USE ({uses}))").into_bytes()),
        (None, Some(partition)) => line.extend(format!(" {partition}").into_bytes()),
        (None, None) => {}
    }
    order(shell, "createmailbox", &line)
}

/// deletemailbox
pub fn delete(shell: &mut Shell, words: &[String]) -> Done {
    if words.first().is_some_and(|word| word.starts_with('-') && word != "--") {
        return complain("usage: deletemailbox mailbox [host]");
    }
    let mailbox = one(words, "usage: deletemailbox mailbox")?;
    need(shell, "deletemailbox")?;
    let remove = |shell: &mut Shell, mailbox: &str| {
        order(shell, "deletemailbox", &command(&[b"DELETE", &astring(mailbox.as_bytes())]))
    };
    match is_pattern(mailbox) {
        true => to_each(shell, "deletemailbox", mailbox, "Deleting mailbox", remove),
        false => remove(shell, mailbox),
    }
}

/// The two names and the partition of renamemailbox and xfermailbox.
fn two_and_partition<'a>(
    words: &'a [String],
    usage: &str,
) -> Result<(&'a str, &'a str, Option<&'a str>), Trouble> {
    let words = Words::new(words, &["partition="], usage)?;
    match (words.plain.as_slice(), words.value("partition")) {
        ([one, two], partition) => Ok((one, two, partition)),
        ([one, two, partition], None) => Ok((one, two, Some(partition))),
        _ => complain(usage),
    }
}

fn two_command(verb: &[u8], (one, two, partition): (&str, &str, Option<&str>)) -> Vec<u8> {
    let mut line = command(&[verb, &astring(one.as_bytes()), &astring(two.as_bytes())]);
    if let Some(partition) = partition.filter(|partition| !partition.is_empty()) {
        line.extend(format!(" {partition}").into_bytes());
    }
    line
}

/// renamemailbox
pub fn rename(shell: &mut Shell, words: &[String]) -> Done {
    let line = two_command(b"RENAME", two_and_partition(words, RENAME)?);
    order(shell, "renamemailbox", &line)
}

/// xfermailbox
pub fn transfer(shell: &mut Shell, words: &[String]) -> Done {
    let line = two_command(b"XFER", two_and_partition(words, XFER)?);
    order(shell, "xfermailbox", &line)
}

/// reconstruct
pub fn reconstruct(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: reconstruct [-r] mailbox";
    let words = Words::new(words, &["r"], USAGE)?;
    let [mailbox] = words.plain.as_slice() else { return complain(USAGE) };
    let mut line = command(&[b"RECONSTRUCT", &astring(mailbox.as_bytes())]);
    if words.has("r") {
        line.extend_from_slice(b" RECURSIVE");
    }
    order(shell, "reconstruct", &line)
}

/// The resources of a QUOTA response with use and limit.
fn resources(response: &[u8]) -> Vec<(String, String, String)> {
    let open =
        response.iter().rposition(|byte| *byte == b'(').map_or(response.len(), |at| at.saturating_add(1));
    let inside = String::from_utf8_lossy(response.get(open..).unwrap_or_default()).into_owned();
    let words: Vec<&str> = inside.trim_end_matches(')').split_whitespace().collect();
    let text = |word: &&str| (*word).to_owned();
    words
        .chunks_exact(3)
        .filter_map(|chunk| match chunk {
            [resource, used, limit] => Some((text(resource), text(used), text(limit))),
            _ => None,
        })
        .collect()
}

/// listquota
pub fn list_quota(shell: &mut Shell, words: &[String]) -> Done {
    let root = one(words, "usage: listquota root")?;
    let answer = send(shell, "listquota", &command(&[b"GETQUOTA", &astring(root.as_bytes())]))?;
    let mut line = String::new();
    for response in answer.responses("QUOTA").filter(|_| answer.is_ok()) {
        let found = resources(response);
        if found.is_empty() {
            line.push_str("  /");
        }
        line.extend(found.iter().map(show::quota));
    }
    shell.print(format!("{line}\n").as_bytes());
    Ok(())
}

/// listquotaroot
pub fn list_quota_root(shell: &mut Shell, words: &[String]) -> Done {
    let mailbox = one(words, "usage: listquotaroot mailbox")?;
    let answer = send(shell, "listquotaroot", &command(&[b"GETQUOTAROOT", &astring(mailbox.as_bytes())]))?;
    let mut line = String::new();
    if answer.is_ok() {
        for response in answer.responses("QUOTAROOT") {
            let root = word(response).and_then(|(_, _, rest)| word(rest));
            line = root.map(|(root, _, _)| String::from_utf8_lossy(&root).into_owned()).unwrap_or_default();
        }
        for response in answer.responses("QUOTA") {
            line.extend(resources(response).iter().map(show::quota));
        }
    }
    shell.print(format!("{line}\n").as_bytes());
    Ok(())
}

/// setquota
pub fn set_quota(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &[], SETQUOTA)?;
    let (mailbox, limits) = match words.plain.as_slice() {
        [mailbox, "none"] => {
            shell.print(b"remove quota\n");
            (*mailbox, Vec::new())
        }
        [mailbox, limit] => {
            shell.print(format!("quota:{limit}\n").as_bytes());
            (*mailbox, vec!["STORAGE", limit])
        }
        [mailbox, pairs @ ..] if pairs.len() % 2 == 0 => (*mailbox, pairs.to_vec()),
        _ => return complain(SETQUOTA),
    };
    need(shell, "setquota")?;
    for pair in limits.chunks_exact(2) {
        let [resource, limit] = pair else { continue };
        let is_atom = |byte: u8| byte.is_ascii_graphic() && !b"\"(){%*\\".contains(&byte);
        if resource.is_empty() || !resource.bytes().all(is_atom) {
            return complain(format!("setquota: {resource}: not an atom"));
        }
        if limit.is_empty() || !limit.bytes().all(|byte| byte.is_ascii_digit()) {
            return complain(format!("setquota: {resource}: {limit}: not a number"));
        }
    }
    let limits = format!("({})", limits.join(" "));
    order(shell, "setquota", &command(&[b"SETQUOTA", &astring(mailbox.as_bytes()), limits.as_bytes()]))
}

/// subscribe
pub fn subscribe(shell: &mut Shell, words: &[String]) -> Done {
    subscription(shell, words, "subscribe", b"SUBSCRIBE")
}

/// unsubscribe
pub fn unsubscribe(shell: &mut Shell, words: &[String]) -> Done {
    subscription(shell, words, "unsubscribe", b"UNSUBSCRIBE")
}

fn subscription(shell: &mut Shell, words: &[String], name: &str, verb: &[u8]) -> Done {
    let words = Words::new(words, &[], &format!("usage: {name} [mailbox]"))?;
    let mailbox = words.plain.first().copied().unwrap_or_default();
    let answer = send(shell, name, &command(&[verb, &astring(mailbox.as_bytes())]))?;
    if answer.is_ok() { Ok(()) } else { complain(answer.text) }
}

/// info
pub fn info(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &[], "usage: info [mailbox]")?;
    let (mailbox, entries) = words.plain.split_first().map_or(("", [].as_slice()), |(m, rest)| (*m, rest));
    let both = |entry: &&str| [format!("/private{entry}"), format!("/shared{entry}")];
    let entries: Vec<String> = entries.iter().flat_map(both).collect();
    show_metadata(shell, mailbox, &entries)
}

/// getmetadata
pub fn get_metadata(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &[], "usage: getmetadata [mailbox]")?;
    let (mailbox, entries) = words.plain.split_first().map_or(("", [].as_slice()), |(m, rest)| (*m, rest));
    let full = |entry: &&str| show::metadata_entry(entry).unwrap_or_else(|| (*entry).to_owned());
    let entries: Vec<String> = entries.iter().map(full).collect();
    show_metadata(shell, mailbox, &entries)
}

fn show_metadata(shell: &mut Shell, mailbox: &str, entries: &[String]) -> Done {
    need(shell, "info")?;
    if !has(shell, "METADATA") {
        return complain("Remote does not support METADATA.");
    }
    let all = ["/private/*".to_owned(), "/shared/*".to_owned()];
    let mut found: show::Metadata = BTreeMap::new();
    let mut last = None;
    for entry in if entries.is_empty() { all.as_slice() } else { entries } {
        let asked = [b"(", string(entry.as_bytes()).as_slice(), b")"].concat();
        let line = command(&[b"GETMETADATA", &string(mailbox.as_bytes()), &asked]);
        let answer = send(shell, "info", &line)?;
        for response in answer.responses("METADATA") {
            show::take_metadata(response, &mut found);
        }
        let refused = !answer.is_ok();
        last = Some(answer);
        if refused && !entries.is_empty() {
            break;
        }
    }
    if let Some(answer) = last.filter(|answer| !answer.is_ok()) {
        return complain(answer.text);
    }
    shell.print(&show::metadata(&found));
    Ok(())
}

fn store_metadata(shell: &mut Shell, name: &str, mailbox: &str, entry: &str, value: &str) -> Done {
    need(shell, name)?;
    if !has(shell, "METADATA") {
        return complain(format!("{name}: Remote does not support METADATA."));
    }
    let value = if value == "none" { b"NIL".to_vec() } else { string(value.as_bytes()) };
    let pair = [b"(", string(entry.as_bytes()).as_slice(), b" ", &value, b")"].concat();
    order(shell, name, &command(&[b"SETMETADATA", &string(mailbox.as_bytes()), &pair]))
}

/// mboxcfg
pub fn configure(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: mboxconfig [--private] mailbox \
        [comment|expire|news2mail|sharedseen|sieve|squat|/<explicit annotation>] value";
    let words = Words::new(words, &["private"], USAGE)?;
    let [mailbox, entry, rest @ ..] = words.plain.as_slice() else { return complain(USAGE) };
    let full = show::metadata_entry(entry).unwrap_or_else(|| (*entry).to_owned());
    let bare = full.strip_prefix("/private").or_else(|| full.strip_prefix("/shared")).unwrap_or(&full);
    let scope = if words.has("private") { "/private" } else { "/shared" };
    let value = rest.first().copied().unwrap_or("none");
    store_metadata(shell, "mboxconfig", mailbox, &format!("{scope}{bare}"), value)
}

/// setmetadata
pub fn set_metadata(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: setmetadata [--private] mailbox \
        [comment|expire|news2mail|pop3showafter|sharedseen|sieve|specialuse|squat|/<explicit metadata>] value";
    let words = Words::new(words, &["private"], USAGE)?;
    let [mailbox, entry, rest @ ..] = words.plain.as_slice() else { return complain(USAGE) };
    let mut full = show::metadata_entry(entry).unwrap_or_else(|| (*entry).to_owned());
    if words.has("private")
        && let Some(bare) = full.strip_prefix("/shared/")
    {
        full = format!("/private/{bare}");
    }
    store_metadata(shell, "setmetadata", mailbox, &full, rest.first().copied().unwrap_or("none"))
}

/// setinfo
pub fn set_info(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: setinfo [motd|comment|admin|shutdown|expire|squat] text";
    let words = Words::new(words, &[], USAGE)?;
    let [entry, value, ..] = words.plain.as_slice() else { return complain(USAGE) };
    let full = match *entry {
        "comment" | "motd" | "admin" => format!("/{entry}"),
        "shutdown" | "expire" | "squat" => format!("/vendor/cmu/cyrus-imapd/{entry}"),
        other => other.to_owned(),
    };
    store_metadata(shell, "setinfo", "", &format!("/shared{full}"), value)
}

/// version
pub fn version(shell: &mut Shell, words: &[String]) -> Done {
    if !words.is_empty() {
        return complain("usage: version");
    }
    let answer = send(shell, "version", b"ID NIL")?;
    if !answer.is_ok() {
        return complain(answer.text);
    }
    let Some(mut rest) = answer.responses("ID").next().and_then(|text| text.strip_prefix(b"(")) else {
        shell.print(b"no version info returned by server\n");
        return Ok(());
    };
    while let Some((field, _, tail)) = word(rest) {
        let Some((value, is_atom, tail)) = word(tail) else { break };
        let (field, value) = (String::from_utf8_lossy(&field), String::from_utf8_lossy(&value));
        let value = match field.as_ref() {
            _ if is_atom => String::new(),
            "environment" => value.replace(';', "\n            "),
            _ => value.into_owned(),
        };
        shell.print(format!("{field:<11}: {value}\n").as_bytes());
        rest = tail;
    }
    Ok(())
}

/// server
pub fn server(shell: &mut Shell, words: &[String]) -> Done {
    const USAGE: &str = "usage: server [-noauthenticate] [server]";
    let words = Words::new(words, &["noauthenticate"], USAGE)?;
    match words.plain.as_slice() {
        [] => {
            need(shell, "server")?;
            let name = shell.connection.borrow().as_ref().map(|server| server.servername.clone());
            shell.print(format!("{}\n", name.unwrap_or_default()).as_bytes());
            Ok(())
        }
        [host] => {
            let Ok(mut connection) = Connection::open(host, super::PORT) else {
                return complain(format!("server: {host}: cannot connect to server"));
            };
            let login = Login { user: super::system_user(), ..Login::default() };
            if !words.has("noauthenticate")
                && let Err(text) = connection.authenticate(&login, &mut super::ask_password)
            {
                shell.complain(&text);
                return complain(format!("server: {host}: cannot authenticate"));
            }
            *shell.connection.borrow_mut() = Some(connection);
            Ok(())
        }
        _ => complain(USAGE),
    }
}

/// authenticate
pub fn authenticate(shell: &mut Shell, words: &[String]) -> Done {
    let options =
        ["mechanisms=", "minssf=", "maxssf=", "service=", "tlskey=", "notls", "cafile=", "cadir=", "capath="];
    let words = Words::new(words, &options, AUTH)?;
    let user = match words.plain.as_slice() {
        [] => super::system_user(),
        [user] => Some((*user).to_owned()),
        _ => return complain(AUTH),
    };
    let number = |option| words.value(option).map(|value| value.parse().unwrap_or(0));
    let login = Login {
        user,
        mechanisms: words.value("mechanisms").map(str::to_owned),
        service: words.value("service").map(str::to_owned),
        ssf: (number("minssf").unwrap_or(0), number("maxssf")),
        tlskey: words.value("tlskey").map(PathBuf::from),
        notls: words.has("notls"),
        cafile: words.value("cafile").map(PathBuf::from),
        cadir: words.value("cadir").or(words.value("capath")).map(PathBuf::from),
        ..Login::default()
    };
    need(shell, "authenticate")?;
    let mut connection = shell.connection.borrow_mut();
    let Some(server) = connection.as_mut() else { return Ok(()) };
    match server.authenticate(&login, &mut super::ask_password) {
        Ok(()) => Ok(()),
        Err(text) => {
            let name = server.servername.clone();
            drop(connection);
            shell.complain(&text);
            complain(format!("authenticate: authentication to server {name} failed"))
        }
    }
}

/// disconnect
pub fn disconnect(shell: &mut Shell, words: &[String]) -> Done {
    if !words.is_empty() {
        return complain("usage: disconnect");
    }
    need(shell, "disconnect")?;
    *shell.connection.borrow_mut() = None;
    Ok(())
}

/// chdir
pub fn chdir(_: &mut Shell, words: &[String]) -> Done {
    let directory = one(words, "usage: chdir directory")?;
    std::env::set_current_dir(directory)
        .or_else(|error| complain(format!("chdir: {directory}: {}", show::errno(&error))))
}

/// exit
pub fn exit(_: &mut Shell, words: &[String]) -> Done {
    match Words::new(words, &[], "usage: exit [number]")?.plain.as_slice() {
        [] => Err(Trouble::Exit(0)),
        [number] => Err(Trouble::Exit(number.parse::<i32>().unwrap_or(0) & 0xff)),
        _ => complain("usage: exit [number]"),
    }
}

/// help
pub fn help(shell: &mut Shell, words: &[String]) -> Done {
    let words = Words::new(words, &[], "usage: help [command]")?;
    let mut asked = words.plain;
    asked.sort_unstable();
    for name in &asked {
        let text = match find(name) {
            None => format!("unknown command: {name}\n"),
            Some(found) => {
                let alias = if found.name == *name { String::new() } else { format!("{name}, alias for ") };
                format!("{alias}{} {}\n\t{}\n", found.name, found.arguments, found.about)
            }
        };
        shell.print(text.as_bytes());
    }
    if asked.is_empty() {
        let names = |builtin: &super::table::Builtin| {
            std::iter::once(&builtin.name).chain(builtin.aliases).copied().collect::<Vec<_>>().join(", ")
        };
        let width = BUILTINS.iter().map(|builtin| names(builtin).len()).max().unwrap_or(0);
        for builtin in BUILTINS {
            shell.print(format!("{:<width$}  {}\n", names(builtin), builtin.about).as_bytes());
        }
    }
    Ok(())
}
