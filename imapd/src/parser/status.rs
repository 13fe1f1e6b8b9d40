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
        return Err(Bad::text("Missing or invalid status attribute list"));
    }
    let mut items = Vec::new();
    loop {
        let word = lexer.keyword()?;
        let item = match word.as_slice() {
            b"MESSAGES" => StatusItem::Messages,
            b"RECENT" => StatusItem::Recent,
            b"UIDNEXT" => StatusItem::UidNext,
            b"UIDVALIDITY" => StatusItem::UidValidity,
            b"UNSEEN" => StatusItem::Unseen,
            b"HIGHESTMODSEQ" => StatusItem::HighestModSeq,
            b"CREATEDMODSEQ" => StatusItem::CreatedModSeq,
            b"SIZE" => StatusItem::Size,
            b"MAILBOXID" => StatusItem::MailboxId,
            b"MBOPTIONS" => StatusItem::MbOptions,
            b"" => return Err(Bad::text("Missing status attribute list")),
            other => return Err(Bad::text(format!("Invalid status attributes {}", shown(other)))),
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
