//! What the commands do.
//!
//! | file | what |
//! |---|---|
//! | this file | what all of them need: their words, an answer of the server |
//! | `mailboxes` | mailboxes listed, made, renamed, moved, removed, mended, subscribed |
//! | `acl` | who may do what with a mailbox |
//! | `quota` | limits and what is used of them |
//! | `metadata` | annotations of mailboxes and of the server |
//! | `session` | the connection and the shell itself |

mod acl;
mod mailboxes;
mod metadata;
mod quota;
mod session;

pub use acl::{delete_acl, list_acl, set_acl};
pub use mailboxes::{
    completions, create, delete, list, reconstruct, rename, subscribe, transfer, unsubscribe,
};
pub use metadata::{configure, get_metadata, info, set_info, set_metadata};
pub use quota::{list_quota, list_quota_root, set_quota};
pub use session::{authenticate, chdir, disconnect, exit, help, server, version};

use crate::cyradm::Shell;
use crate::cyradm::client::Answer;
use crate::cyradm::table::{Done, Trouble};
use libcyrus::net::Error;

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
