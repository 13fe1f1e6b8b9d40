//! Mailboxes: listed, made, renamed, moved, removed, mended, subscribed.

use super::{Words, command, complain, has, need, one, order, send};
use crate::cyradm::client::{Connection, astring, word};
use crate::cyradm::table::{Done, Trouble};
use crate::cyradm::{Shell, show};

const LIST: &str = "usage: listmailbox [-subscribed] [-specialuse] [pattern [base]]";
const CREATE: &str =
    "usage: createmailbox [--partition partition] [--specialuse specialuse] mailbox [partition]";
const RENAME: &str = "usage: renamemailbox [--partition name] oldname newname [partition]";
const XFER: &str = "usage: xfermailbox [--partition name] mailbox server [partition]";

pub(super) fn is_pattern(name: &str) -> bool {
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
pub(super) fn matching(shell: &mut Shell, name: &str, pattern: &str) -> Result<Vec<String>, Trouble> {
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

/// Does something to every mailbox of a pattern and tells of each; stops at the first refusal.
pub(super) fn to_each(
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
