//! Arguments of the QUOTA commands (RFC 2087 4).

use super::lexer::{Bad, Lexer};
use crate::command::Command;

/// `GETQUOTA root`
///
/// # Errors
/// A missing or extra argument.
pub fn get(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    Ok(Command::GetQuota { root: super::mailbox::only(lexer)? })
}

/// `GETQUOTAROOT mailbox`
///
/// # Errors
/// A missing or extra argument.
pub fn get_root(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    Ok(Command::GetQuotaRoot { mailbox: super::mailbox::only(lexer)? })
}

/// `SETQUOTA root (resource limit ...)`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn set(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let bad_list = || Bad::text("Invalid quota list in Setquota");
    lexer.space()?;
    let root = lexer.argument()?;
    lexer.space()?;
    if !lexer.eat(b'(')? {
        return Err(bad_list());
    }
    let mut limits = Vec::new();
    if !lexer.eat(b')')? {
        loop {
            let resource = lexer.word()?;
            if resource.is_empty() || !lexer.eat(b' ')? {
                return Err(bad_list());
            }
            // C reads a signed number here: -1 stands for "no limit".
            let negative = lexer.eat(b'-')?;
            let most = u64::from(i32::MAX.unsigned_abs());
            let limit = lexer.number(most)?.and_then(|n| i64::try_from(n).ok()).ok_or_else(bad_list)?;
            limits.push((resource, if negative { -limit } else { limit }));
            if lexer.eat(b' ')? {
                continue;
            }
            if lexer.eat(b')')? {
                break;
            }
            return Err(bad_list());
        }
    }
    lexer.end().map_err(|bad| match bad {
        Bad::Extra => Bad::text("Unexpected extra arguments to SETQUOTA"),
        other => other,
    })?;
    Ok(Command::SetQuota { root, limits })
}
