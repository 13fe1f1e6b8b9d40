//! Arguments of COPY, MOVE and UID EXPUNGE.

use super::lexer::{Bad, Lexer};
use super::sequence_argument;
use crate::command::{Command, Ids};

/// `COPY sequence mailbox` (RFC 3501 6.4.7)
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn copy(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let ids = Ids::Seq(sequence_argument(lexer)?);
    Ok(Command::Copy { ids, mailbox: target(lexer)? })
}

/// `UID COPY`
///
/// # Errors
/// As [`copy`].
pub fn uid_copy(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let ids = Ids::Uid(sequence_argument(lexer)?);
    Ok(Command::Copy { ids, mailbox: target(lexer)? })
}

/// `MOVE sequence mailbox` (RFC 6851)
///
/// # Errors
/// As [`copy`].
pub fn move_(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let ids = Ids::Seq(sequence_argument(lexer)?);
    Ok(Command::Move { ids, mailbox: target(lexer)? })
}

/// `UID MOVE`
///
/// # Errors
/// As [`copy`].
pub fn uid_move(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let ids = Ids::Uid(sequence_argument(lexer)?);
    Ok(Command::Move { ids, mailbox: target(lexer)? })
}

/// `UID EXPUNGE sequence` (RFC 4315 2.1)
///
/// # Errors
/// As [`copy`].
pub fn uid_expunge(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let word = lexer.word()?;
    let ids = super::sequence(&word).ok_or(Bad::Sequence)?;
    lexer.end()?;
    Ok(Command::Expunge { ids: Some(ids) })
}

fn target(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, Bad> {
    let mailbox = lexer.argument()?;
    lexer.end()?;
    Ok(mailbox)
}
