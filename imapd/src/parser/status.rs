//! Arguments of STATUS (RFC 3501 6.3.10) and of RETURN (STATUS ...).

use super::lexer::{Bad, Lexer};
use super::shown;
use crate::command::{Command, StatusItem};

/// `STATUS mailbox (items)`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn parse(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    lexer.space()?;
    let items = items(lexer)?;
    lexer.end().map_err(|bad| match bad {
        Bad::Extra => Bad::text("Unexpected extra arguments to Status"),
        other => other,
    })?;
    Ok(Command::Status { mailbox, items })
}

/// A parenthesised list of status items.
pub(super) fn items(lexer: &mut Lexer<'_>) -> Result<Vec<StatusItem>, Bad> {
    if !lexer.eat(b'(')? {
        return Err(Bad::text("Bad status string"));
    }
    let mut items = Vec::new();
    loop {
        let mut word = lexer.word()?;
        if word.is_empty() && items.is_empty() {
            return Err(Bad::text("Bad status string"));
        }
        word.make_ascii_lowercase();
        let item = match word.as_slice() {
            b"messages" => StatusItem::Messages,
            b"recent" => StatusItem::Recent,
            b"uidnext" => StatusItem::UidNext,
            b"uidvalidity" => StatusItem::UidValidity,
            b"mailboxid" => StatusItem::MailboxId,
            b"unseen" => StatusItem::Unseen,
            b"size" => StatusItem::Size,
            b"highestmodseq" => StatusItem::HighestModSeq,
            b"createdmodseq" => StatusItem::CreatedModSeq,
            other => return Err(Bad::text(format!("Invalid Status attributes {}", shown(other)))),
        };
        if !items.contains(&item) {
            items.push(item);
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.eat(b')')? { Ok(items) } else { Err(Bad::text("Missing close parenthesis in Status")) }
}
