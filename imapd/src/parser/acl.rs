//! Arguments of the ACL commands (RFC 4314 3).

use super::lexer::{Bad, Lexer};
use crate::command::Command;

/// `SETACL mailbox identifier rights`
///
/// # Errors
/// A missing or extra argument.
pub fn set(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    lexer.space()?;
    let identifier = lexer.argument()?;
    lexer.space()?;
    let rights = lexer.argument()?;
    lexer.end()?;
    Ok(Command::SetAcl { mailbox, identifier, rights })
}

/// `DELETEACL mailbox identifier`
///
/// # Errors
/// A missing or extra argument.
pub fn delete(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let (mailbox, identifier) = pair(lexer)?;
    Ok(Command::DeleteAcl { mailbox, identifier })
}

/// `LISTRIGHTS mailbox identifier`
///
/// # Errors
/// A missing or extra argument.
pub fn list_rights(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let (mailbox, identifier) = pair(lexer)?;
    Ok(Command::ListRights { mailbox, identifier })
}

/// `GETACL mailbox`
///
/// # Errors
/// A missing or extra argument.
pub fn get(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    Ok(Command::GetAcl { mailbox: super::mailbox::only(lexer)? })
}

/// `MYRIGHTS mailbox`
///
/// # Errors
/// A missing or extra argument.
pub fn my_rights(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    Ok(Command::MyRights { mailbox: super::mailbox::only(lexer)? })
}

fn pair(lexer: &mut Lexer<'_>) -> Result<(Vec<u8>, Vec<u8>), Bad> {
    lexer.space()?;
    let first = lexer.argument()?;
    lexer.space()?;
    let second = lexer.argument()?;
    lexer.end()?;
    Ok((first, second))
}
