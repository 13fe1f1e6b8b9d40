//! Annotations of mailboxes and of the server.

use super::{Words, command, complain, has, need, order, send};
use crate::cyradm::client::string;
use crate::cyradm::table::Done;
use crate::cyradm::{Shell, show};
use std::collections::BTreeMap;

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
