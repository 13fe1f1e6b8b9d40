//! APPEND up to its mailbox (RFC 3501 6.3.11, RFC 3502); the messages follow in
//! [`crate::cmd::append`], which streams them and so reads their heads itself.

use super::lexer::{Bad, Lexer};
use crate::command::Command;

/// `APPEND mailbox SP ...`; what follows the space is left unread.
///
/// # Errors
/// A missing argument.
pub fn parse(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    lexer.space()?;
    Ok(Command::Append { mailbox })
}
