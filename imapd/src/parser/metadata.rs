//! Arguments of GETMETADATA and SETMETADATA (RFC 5464 4.2, 4.3).

use super::lexer::{Bad, Lexer};
use crate::command::{Command, MetadataDepth, MetadataName, MetadataOptions};

/// `GETMETADATA [(options)] mailbox entries`; the options may stand behind the mailbox, too.
///
/// # Errors
/// A missing or malformed argument.
pub fn get(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let missing = || Bad::text("Missing arguments to Getmetadata");
    let mut lists = vec![words(lexer)?];
    while lists.len() < 3 && lexer.eat(b' ')? {
        lists.push(words(lexer)?);
    }
    lexer.end().map_err(|_| Bad::text("Unexpected extra arguments to Getannotation"))?;
    let entries = lists.pop().filter(|_| !lists.is_empty()).ok_or_else(missing)?;
    let mut options = MetadataOptions::default();
    let mut mailboxes = lists.remove(0);
    if let Some(second) = lists.pop() {
        match (parse_options(&mailboxes.0), parse_options(&second.0)) {
            (Some(_), Some(_)) => return Err(Bad::text("Too many option lists for Getmetadata")),
            (Some(first), None) => (options, mailboxes) = (first, second),
            (None, Some(found)) => options = found,
            (None, None) => return Err(missing()),
        }
    }
    let entries = entries.0.iter().map(|entry| name(entry)).collect::<Result<_, _>>()?;
    let (mailboxes, in_list) = mailboxes;
    let is_wild = |mailbox: &Vec<u8>| mailbox.iter().any(|byte| b"%*".contains(byte));
    let is_pattern = !in_list && mailboxes.first().is_some_and(is_wild);
    Ok(Command::GetMetadata { mailboxes, is_pattern, entries, options })
}

/// `SETMETADATA mailbox (entry value ...)`
///
/// # Errors
/// A missing or malformed argument.
pub fn set(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    lexer.space()?;
    if !lexer.eat(b'(')? {
        return Err(Bad::text("Missing metadata entry list"));
    }
    let mut entries = Vec::new();
    loop {
        let entry = lexer.astring()?;
        let Some(entry) = entry.filter(|entry| !entry.is_empty()) else {
            return Err(Bad::text("Missing metadata entry"));
        };
        if !lexer.eat(b' ')? {
            return Err(Bad::text("Missing metadata entry"));
        }
        let value = lexer.binary_nstring()?;
        let value = value.ok_or_else(|| Bad::text("Missing metadata value"))?;
        entries.push((name(&entry)?, value));
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if !lexer.eat(b')')? {
        return Err(Bad::text("Missing close paren in annotation entry list "));
    }
    lexer.end()?;
    Ok(Command::SetMetadata { mailbox, entries })
}

/// One string, or several in parentheses; then true is beside them.
pub(super) fn words(lexer: &mut Lexer<'_>) -> Result<(Vec<Vec<u8>>, bool), Bad> {
    let missing = || Bad::text("Missing metadata entry");
    if !lexer.eat(b'(')? {
        return Ok((vec![lexer.astring()?.ok_or_else(missing)?], false));
    }
    let mut words = vec![lexer.astring()?.ok_or_else(missing)?];
    while lexer.eat(b' ')? {
        words.push(lexer.astring()?.ok_or_else(missing)?);
    }
    if lexer.eat(b')')? {
        Ok((words, true))
    } else {
        Err(Bad::text("Missing close paren in metadata entry list "))
    }
}

/// `None` when the words are no options.
pub(super) fn parse_options(words: &[Vec<u8>]) -> Option<MetadataOptions> {
    let mut options = MetadataOptions::default();
    for pair in words.chunks(2) {
        let [option, value] = pair else { return None };
        match option.to_ascii_uppercase().as_slice() {
            b"MAXSIZE" => options.max_size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
            b"DEPTH" => {
                options.depth = match value.to_ascii_lowercase().as_slice() {
                    b"0" => MetadataDepth::Zero,
                    b"1" => MetadataDepth::One,
                    b"infinity" => MetadataDepth::Infinity,
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some(options)
}

/// `/shared/...` or `/private/...`, any case.
pub(super) fn name(text: &[u8]) -> Result<MetadataName, Bad> {
    let text = text.to_ascii_lowercase();
    let below = |top: &[u8]| {
        let rest = text.strip_prefix(top)?;
        (rest.is_empty() || rest.starts_with(b"/")).then(|| rest.to_vec())
    };
    if let Some(entry) = below(b"/private") {
        return Ok(MetadataName { entry, is_shared: false });
    }
    let entry = below(b"/shared").ok_or_else(|| Bad::text("entry must begin with /shared or /private"))?;
    Ok(MetadataName { entry, is_shared: true })
}
