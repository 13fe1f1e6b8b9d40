//! Who may do what with a mailbox.

use super::mailboxes::{is_pattern, matching, to_each};
use super::{Words, command, complain, need, one, send};
use crate::cyradm::Shell;
use crate::cyradm::client::{astring, word};
use crate::cyradm::table::{Done, Trouble};

const LAM: &str = "usage: listaclmailbox mailbox";

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
