//! Arguments of the commands on a mailbox as a whole.

use super::lexer::{Bad, Lexer, is_atom};
use super::{sequence, shown};
use crate::command::{Command, CreateOptions, CreateParameter, Qresync, SelectOptions};

/// One mailbox name and nothing else.
pub(super) fn only(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    lexer.end()?;
    Ok(mailbox)
}

/// `CREATE mailbox [partition | (parameters)]` (RFC 3501 6.3.3, RFC 6154 3)
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn create(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    let mut options = CreateOptions::default();
    if lexer.eat(b' ')? {
        if lexer.eat(b'(')? {
            options.parameters = parameters(lexer).map_err(|bad| match bad {
                Bad::Missing => Bad::Partition,
                other => other,
            })?;
        } else {
            let word = lexer.word()?;
            if !is_atom(&word) {
                return Err(Bad::Partition);
            }
            options.partition = Some(word);
        }
    }
    lexer.end()?;
    Ok(Command::Create { mailbox, options })
}

/// RFC 4466 create-param list behind its `(`: names with an atom or a list of atoms each.
fn parameters(lexer: &mut Lexer<'_>) -> Result<Vec<CreateParameter>, Bad> {
    let mut list = Vec::new();
    loop {
        let name = lexer.keyword()?;
        if name.is_empty() {
            return Err(Bad::Missing);
        }
        lexer.space()?;
        let mut values = Vec::new();
        if lexer.eat(b'(')? {
            loop {
                let value = lexer.word()?;
                if !value.is_empty() {
                    values.push(value);
                }
                if lexer.eat(b' ')? {
                    continue;
                }
                if lexer.eat(b')')? {
                    break;
                }
                return Err(Bad::Missing);
            }
        } else {
            values.push(lexer.argument()?);
        }
        list.push((name, values));
        if lexer.eat(b' ')? {
            continue;
        }
        return if lexer.eat(b')')? { Ok(list) } else { Err(Bad::Missing) };
    }
}

/// `DELETE mailbox`
///
/// # Errors
/// A missing or extra argument.
pub fn delete(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    Ok(Command::Delete { mailbox: only(lexer)? })
}

/// `SUBSCRIBE mailbox`
///
/// # Errors
/// A missing or extra argument.
pub fn subscribe(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    Ok(Command::Subscribe { mailbox: subscription(lexer, name)? })
}

/// `UNSUBSCRIBE mailbox`
///
/// # Errors
/// A missing or extra argument.
pub fn unsubscribe(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    Ok(Command::Unsubscribe { mailbox: subscription(lexer, name)? })
}

/// Behind `SUBSCRIBE` the word `MAILBOX` may stand before the name, from times when there were
/// bulletin boards too.
fn subscription(lexer: &mut Lexer<'_>, name: &str) -> Result<Vec<u8>, Bad> {
    lexer.space()?;
    let first = lexer.argument()?;
    if !lexer.eat(b' ')? {
        lexer.end()?;
        return Ok(first);
    }
    let second = lexer.argument()?;
    lexer.end()?;
    match first.eq_ignore_ascii_case(b"mailbox") {
        true => Ok(second),
        false => Err(Bad::text(format!("Invalid {name} subcommand"))),
    }
}

/// `RECONSTRUCT mailbox [RECURSIVE]`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn reconstruct(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    let recursive = lexer.eat(b' ')?;
    if recursive && !lexer.word()?.eq_ignore_ascii_case(b"recursive") {
        return Err(Bad::Extra);
    }
    lexer.end()?;
    Ok(Command::Reconstruct { mailbox, recursive })
}

/// `RENAME from to [partition]`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn rename(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let from = lexer.argument()?;
    lexer.space()?;
    let to = lexer.argument()?;
    let mut partition = None;
    if lexer.eat(b' ')? {
        let word = lexer.word()?;
        if !is_atom(&word) {
            return Err(Bad::Partition);
        }
        partition = Some(word);
    }
    lexer.end()?;
    Ok(Command::Rename { from, to, partition })
}

/// `SELECT mailbox [(parameters)]` (RFC 3501 6.3.1, RFC 4466 2.1)
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn select(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    let (mailbox, options) = select_arguments(lexer, name)?;
    Ok(Command::Select { mailbox, options })
}

/// `EXAMINE mailbox [(parameters)]`
///
/// # Errors
/// As [`select`].
pub fn examine(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    let (mailbox, options) = select_arguments(lexer, name)?;
    Ok(Command::Examine { mailbox, options })
}

/// ` (uidvalidity modseq [uids] [(numbers uids)])`; `None` for anything else.
fn qresync(lexer: &mut Lexer<'_>) -> Result<Option<Qresync>, Bad> {
    if !lexer.eat(b' ')? || !lexer.eat(b'(')? {
        return Ok(None);
    }
    let uidvalidity = lexer.astring()?.unwrap_or_default();
    let uidvalidity = std::str::from_utf8(&uidvalidity).ok().and_then(|text| text.parse::<u32>().ok());
    let Some(uidvalidity) = uidvalidity.filter(|&number| number > 0) else { return Ok(None) };
    if !lexer.eat(b' ')? {
        return Ok(None);
    }
    let Some(modseq) = lexer.number(u64::MAX)? else { return Ok(None) };
    let mut qresync = Qresync { uidvalidity, modseq, uids: None, known: None };
    let mut more = lexer.eat(b' ')?;
    if more && lexer.peek()? != Some(b'(') {
        let Some(uids) = sequence(&lexer.word()?) else { return Ok(None) };
        qresync.uids = Some(uids);
        more = lexer.eat(b' ')?;
    }
    if more {
        if !lexer.eat(b'(')? {
            return Ok(None);
        }
        let Some(numbers) = sequence(&lexer.word()?) else { return Ok(None) };
        if !lexer.eat(b' ')? {
            return Ok(None);
        }
        let Some(uids) = sequence(&lexer.word()?) else { return Ok(None) };
        if !lexer.eat(b')')? {
            return Ok(None);
        }
        qresync.known = Some((numbers, uids));
    }
    Ok(lexer.eat(b')')?.then_some(qresync))
}

fn select_arguments(lexer: &mut Lexer<'_>, name: &str) -> Result<(Vec<u8>, SelectOptions), Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    let mut options = SelectOptions::default();
    if lexer.eat(b' ')? {
        if !lexer.eat(b'(')? {
            return Err(Bad::text(format!("Invalid modifier list in {name}")));
        }
        loop {
            match lexer.keyword()?.as_slice() {
                b"CONDSTORE" => options.condstore = true,
                b"ANNOTATE" => options.annotate = true,
                b"QRESYNC" if lexer.has_qresync() => {
                    let invalid = || Bad::text(format!("Invalid QRESYNC parameter list in {name}"));
                    options.qresync = Some(qresync(lexer)?.ok_or_else(invalid)?);
                }
                b"VENDOR.CMU-INCLUDE-EXPUNGED" if lexer.allows_deleted() => options.include_expunged = true,
                b"" => return Err(Bad::text(format!("Invalid modifier list in {name}"))),
                other => return Err(Bad::text(format!("Invalid {name} modifier {}", shown(other)))),
            }
            if !lexer.eat(b' ')? {
                break;
            }
        }
        if !lexer.eat(b')')? {
            return Err(Bad::text(format!("Missing close parenthesis in {name}")));
        }
    }
    lexer.end()?;
    Ok((mailbox, options))
}
