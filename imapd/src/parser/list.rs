//! Arguments of LIST and LSUB (RFC 3501 6.3.8, RFC 5258, 5819, 6154, 8440, 9590).

use super::lexer::{Bad, Lexer};
use super::shown;
use crate::command::{Command, ListRequest};

/// `LSUB reference pattern`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn lsub(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let reference = lexer.argument()?;
    lexer.space()?;
    let pattern = lexer.argument()?;
    lexer.end()?;
    Ok(Command::Lsub(ListRequest { reference, patterns: vec![pattern], ..ListRequest::default() }))
}

/// `RLIST reference pattern`, LIST of times when mailboxes could be referred to (RFC 2193).
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn rlist(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    match lsub(lexer, name)? {
        Command::Lsub(request) => Ok(Command::List(request)),
        other => Ok(other),
    }
}

/// `XLIST`, LIST with special uses before RFC 6154.
///
/// # Errors
/// As [`list`].
pub fn xlist(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    match list(lexer, name)? {
        Command::List(request) => Ok(Command::List(ListRequest { is_xlist: true, ..request })),
        other => Ok(other),
    }
}

/// `LIST [(selection)] reference pattern|(patterns) [RETURN (options)]`
///
/// # Errors
/// C's sentence for each way to get it wrong.
pub fn list(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mut list = ListRequest::default();
    lexer.space()?;
    if lexer.eat(b'(')? {
        list.extended = true;
        selection(lexer, &mut list)?;
        lexer.eat(b' ')?;
    }
    list.reference =
        lexer.astring()?.ok_or_else(|| Bad::text("Missing required argument to List: reference name"))?;
    if !lexer.eat(b' ')? {
        return Err(Bad::text("Missing required argument to List: mailbox pattern"));
    }
    if lexer.eat(b'(')? {
        list.extended = true;
        loop {
            let Some(pattern) = lexer.astring()? else {
                return Err(Bad::text("Invalid syntax in List command"));
            };
            if !pattern.is_empty() {
                list.patterns.push(pattern);
            }
            if !lexer.eat(b' ')? {
                break;
            }
        }
        if !lexer.eat(b')')? {
            return Err(Bad::text("Invalid syntax in List command"));
        }
    } else {
        let pattern = lexer
            .astring()?
            .ok_or_else(|| Bad::text("Missing required argument to List: mailbox pattern"))?;
        list.patterns.push(pattern);
    }
    if lexer.eat(b' ')? {
        list.extended = true;
        returns(lexer, &mut list)?;
    }
    lexer.end().map_err(|bad| match bad {
        Bad::Extra => Bad::text("Unexpected extra arguments to List"),
        other => other,
    })?;
    Ok(Command::List(list))
}

fn selection(lexer: &mut Lexer<'_>, list: &mut ListRequest) -> Result<(), Bad> {
    if lexer.eat(b')')? {
        return Ok(());
    }
    loop {
        let mut word = lexer.word()?;
        word.make_ascii_lowercase();
        match word.as_slice() {
            b"" => return Err(Bad::text("Invalid syntax in List command")),
            b"metadata" => {
                let words = metadata(lexer, "Missing close parenthesis for List selection options")?;
                // As in C: what is no option asks for the usual.
                list.metadata_options = super::metadata::parse_options(&words).unwrap_or_default();
            }
            b"recursivematch" => list.select_recursivematch = true,
            b"remote" => list.select_remote = true,
            b"special-use" => {
                list.select_special_use = true;
                list.return_special_use = true;
            }
            b"subscribed" => {
                list.select_subscribed = true;
                list.return_subscribed = true;
            }
            b"vendor.cmu-dav" => list.select_dav = true,
            b"vendor.cmu-include-deleted" => list.select_deleted = true,
            b"vendor.fm-include-nonexistent" => list.select_intermediates = true,
            other => {
                return Err(Bad::text(format!("Invalid List selection option \"{}\"", shown(other))));
            }
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if !lexer.eat(b')')? {
        return Err(Bad::text("Missing close parenthesis for List selection options"));
    }
    if list.select_recursivematch && !list.select_subscribed && !list.select_special_use {
        return Err(Bad::text("Invalid combination of selection options"));
    }
    Ok(())
}

/// A word or a list of words behind METADATA; without them the list of options is `unended`.
fn metadata(lexer: &mut Lexer<'_>, unended: &str) -> Result<Vec<Vec<u8>>, Bad> {
    if lexer.eat(b' ')? {
        super::metadata::words(lexer).map(|(words, _)| words)
    } else {
        Err(Bad::text(unended))
    }
}

fn returns(lexer: &mut Lexer<'_>, list: &mut ListRequest) -> Result<(), Bad> {
    let mut word = lexer.word()?;
    word.make_ascii_lowercase();
    match word.as_slice() {
        b"" => return Err(Bad::text("Invalid syntax in List command")),
        b"return" => {}
        other => {
            return Err(Bad::text(format!("Unexpected extra argument to List: \"{}\"", shown(other))));
        }
    }
    if !lexer.eat(b' ')? || !lexer.eat(b'(')? {
        return Err(Bad::text("Missing return argument list"));
    }
    if lexer.eat(b')')? {
        return Ok(());
    }
    loop {
        let mut word = lexer.word()?;
        word.make_ascii_lowercase();
        match word.as_slice() {
            b"" => return Err(Bad::text("Invalid syntax in List command")),
            b"children" => list.return_children = true,
            b"metadata" => {
                let names = metadata(lexer, "Missing close parenthesis for List return options")?;
                let names: Result<Vec<_>, Bad> =
                    names.iter().map(|name| super::metadata::name(name)).collect();
                // As in C: with one that is no entry nothing is told.
                list.return_metadata = names.unwrap_or_default();
            }
            b"myrights" => list.return_myrights = true,
            b"special-use" => list.return_special_use = true,
            b"subscribed" => list.return_subscribed = true,
            b"status" => {
                if !lexer.eat(b' ')? {
                    return Err(Bad::text("Bad status string"));
                }
                list.return_status = Some(super::status::items(lexer)?);
            }
            other => return Err(Bad::text(format!("Invalid List return option \"{}\"", shown(other)))),
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.eat(b')')? {
        Ok(())
    } else {
        Err(Bad::text("Missing close parenthesis for List return options"))
    }
}
