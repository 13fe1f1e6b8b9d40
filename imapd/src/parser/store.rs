//! Arguments of STORE (RFC 3501 6.4.6, RFC 7162 3.1.3).

use super::lexer::{Bad, Lexer, is_atom};
use super::{sequence_and_space, shown};
use crate::command::{Command, Ids, Sequence, StoreChange, StoreMode, StoreRequest};

/// `STORE sequence [(UNCHANGEDSINCE n)] [+-]FLAGS[.SILENT] flags`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn parse(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    let ids = Ids::Seq(sequence(lexer)?);
    Ok(Command::Store { ids, request: request(lexer, name)? })
}

/// `UID STORE`
///
/// # Errors
/// As [`parse`].
pub fn parse_uid(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let ids = Ids::Uid(sequence(lexer)?);
    let request = request(lexer, "UID Store").map_err(|bad| bad.of("UID Store"))?;
    Ok(Command::Store { ids, request })
}

/// To C a STORE that ends behind its sequence has a bad sequence.
fn sequence(lexer: &mut Lexer<'_>) -> Result<Sequence, Bad> {
    lexer.space()?;
    sequence_and_space(lexer)?.ok_or(Bad::Sequence)
}

fn request(lexer: &mut Lexer<'_>, name: &str) -> Result<StoreRequest, Bad> {
    let unchanged_since = if lexer.eat(b'(')? { Some(modifiers(lexer, name)?) } else { None };
    let mut operation = lexer.word()?;
    lexer.space()?;
    operation.make_ascii_lowercase();
    let operation = match operation.strip_suffix(b".silent") {
        Some(bare) if !bare.is_empty() => bare,
        _ => operation.as_slice(),
    };
    if operation == b"annotation" {
        let entries = super::annotate::values(lexer, super::annotate::Place::Message)?;
        lexer.end()?;
        return Ok(StoreRequest { unchanged_since, change: StoreChange::Annotations(entries) });
    }
    let mode = match operation {
        b"+flags" => StoreMode::Add,
        b"-flags" => StoreMode::Remove,
        b"flags" => StoreMode::Replace,
        _ => return Err(Bad::text(format!("Invalid {name} attribute"))),
    };
    let flags = flags(lexer, name)?;
    lexer.end()?;
    Ok(StoreRequest { unchanged_since, change: StoreChange::Flags { mode, flags } })
}

fn modifiers(lexer: &mut Lexer<'_>, name: &str) -> Result<u64, Bad> {
    let mut unchanged_since;
    loop {
        let word = lexer.keyword()?;
        if word != b"UNCHANGEDSINCE" {
            return Err(Bad::text(format!("Invalid {name} modifier {}", shown(&word))));
        }
        if !lexer.eat(b' ')? {
            return Err(Bad::text(format!("Missing required argument to {name} UNCHANGEDSINCE")));
        }
        unchanged_since = lexer
            .number(u64::MAX)?
            .ok_or_else(|| Bad::text(format!("Invalid argument to {name} UNCHANGEDSINCE")))?;
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if !lexer.eat(b')')? {
        return Err(Bad::text("Missing close paren in store modifier entry "));
    }
    lexer.space()?;
    Ok(unchanged_since)
}

/// Flags with or without parentheses, as STORE and APPEND take them; system flags come in lower case.
pub(crate) fn flags(lexer: &mut Lexer<'_>, name: &str) -> Result<Vec<Vec<u8>>, Bad> {
    let in_list = lexer.eat(b'(')?;
    let mut flags = Vec::new();
    loop {
        let mut flag = lexer.word()?;
        if flag.is_empty() {
            break;
        }
        if flag.first() == Some(&b'\\') {
            flag.make_ascii_lowercase();
            if !matches!(
                flag.as_slice(),
                b"\\seen" | b"\\answered" | b"\\flagged" | b"\\deleted" | b"\\draft"
            ) {
                return Err(Bad::text(format!("Invalid system flag in {name} command")));
            }
        } else if !is_atom(&flag) {
            return Err(Bad::text(format!("Invalid flag name {} in {name} command", shown(&flag))));
        }
        flags.push(flag);
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if !in_list && flags.is_empty() {
        return Err(Bad::Missing);
    }
    if in_list && !lexer.eat(b')')? {
        return Err(Bad::text(format!("Missing close parenthesis in {name}")));
    }
    Ok(flags)
}
