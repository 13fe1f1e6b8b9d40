//! Arguments of the commands before and around login.

use super::lexer::{Bad, Lexer};
use crate::command::{Command, PasswordArgument};

/// RFC 2971: an ID list has at most so many pairs, names and values at most so many octets.
const ID_PAIRS_MAX: usize = 30;
const ID_NAME_OCTETS_MAX: usize = 30;
const ID_VALUE_OCTETS_MAX: usize = 1024;

/// `LOGIN user password` (RFC 3501 6.2.3)
///
/// # Errors
/// A missing or extra argument.
pub fn login(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let user = lexer.argument()?;
    lexer.space()?;
    if lexer.login_needs_layer() && !user.eq_ignore_ascii_case(b"anonymous") {
        return Err(Bad::NeedsLayer);
    }
    let password = PasswordArgument(lexer.argument()?);
    lexer.end().map_err(|bad| match bad {
        Bad::Extra => Bad::text("Unexpected extra arguments to LOGIN"),
        other => other,
    })?;
    Ok(Command::Login { user, password })
}

/// `AUTHENTICATE mechanism [initial-response]` (RFC 4959)
///
/// # Errors
/// A missing or extra argument, or a mechanism that is no atom.
pub fn authenticate(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mechanism = lexer.word()?;
    if !super::lexer::is_atom(&mechanism) {
        return Err(Bad::text("Invalid authenticate mechanism"));
    }
    let initial = if lexer.eat(b' ')? { Some(lexer.argument()?) } else { None };
    lexer.end()?;
    Ok(Command::Authenticate { mechanism, initial })
}

/// `ENABLE capability ...` (RFC 5161)
///
/// # Errors
/// A missing or extra argument.
pub fn enable(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mut capabilities = Vec::new();
    lexer.space()?;
    loop {
        let word = lexer.keyword()?;
        if word.is_empty() {
            return Err(Bad::text("Missing required argument to Enable"));
        }
        capabilities.push(word);
        if !lexer.eat(b' ')? {
            break;
        }
    }
    lexer.end()?;
    Ok(Command::Enable { capabilities })
}

/// `XMEID id`
///
/// # Errors
/// A missing or extra argument.
pub fn xmeid(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let id = lexer.argument()?;
    lexer.end()?;
    Ok(Command::Xmeid { id })
}

/// `ID NIL` or `ID (name value ...)` (RFC 2971)
///
/// # Errors
/// C's sentence for each way to get the list wrong.
pub fn id(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let word = lexer.keyword()?;
    let mut parameters = Vec::new();
    if word == b"NIL" {
        // no parameters
    } else if word.is_empty() && lexer.eat(b'(')? {
        if !lexer.eat(b')')? {
            loop {
                parameters.push(id_pair(lexer)?);
                if parameters.len() > ID_PAIRS_MAX {
                    return Err(Bad::text(format!("too many ({ID_PAIRS_MAX}) field-value pairs in ID")));
                }
                if lexer.eat(b' ')? {
                    continue;
                }
                if lexer.eat(b')')? {
                    break;
                }
                return Err(Bad::text("trailing junk"));
            }
        }
    } else {
        return Err(Bad::text("Invalid parameter list in Id"));
    }
    lexer.end().map_err(|bad| match bad {
        Bad::Extra => Bad::text("Unexpected extra arguments to Id"),
        other => other,
    })?;
    Ok(Command::Id { parameters })
}

fn id_pair(lexer: &mut Lexer<'_>) -> Result<(Vec<u8>, Option<Vec<u8>>), Bad> {
    let name = match lexer.astring()? {
        Some(name) if lexer.eat(b' ')? => name,
        _ => return Err(Bad::text("Invalid field-value pair in Id")),
    };
    let Some(value) = lexer.nstring()? else {
        return Err(Bad::text("Invalid field-value pair in Id"));
    };
    if name.len() > ID_NAME_OCTETS_MAX {
        return Err(Bad::text(format!("field longer than {ID_NAME_OCTETS_MAX} octets in Id")));
    }
    if value.as_ref().is_some_and(|v| v.len() > ID_VALUE_OCTETS_MAX) {
        return Err(Bad::text(format!("value longer than {ID_VALUE_OCTETS_MAX} octets in Id")));
    }
    Ok((name, value))
}
/// `COMPRESS algorithm` (RFC 4978)
///
/// # Errors
/// A missing or extra argument.
pub fn compress(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let algorithm = lexer.word()?;
    lexer.end()?;
    Ok(Command::Compress { algorithm })
}
