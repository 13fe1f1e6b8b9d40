//! Limits and what is used of them.

use super::{Words, command, complain, need, one, order, send};
use crate::cyradm::client::{astring, word};
use crate::cyradm::table::Done;
use crate::cyradm::{Shell, show};

const SETQUOTA: &str = "usage: setquota mailbox limit num [limit num ...]\n       setquota mailbox num";

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
