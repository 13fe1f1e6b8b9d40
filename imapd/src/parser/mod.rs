//! Bytes to [`Command`]; no store type is known here.
//!
//! `lexer` tokens | one file per family of commands. A function gets the lexer behind the
//! command's name and must end at the line's end; texts of refusals are C's.

pub mod acl;
pub mod annotate;
pub mod append;
pub mod auth;
pub mod fetch;
pub mod lexer;
pub mod list;
pub mod mailbox;
pub mod messages;
pub mod metadata;
pub mod quota;
pub mod search;
pub mod sort;
pub mod status;
pub mod store;
pub mod urlauth;

use crate::command::{Command, Sequence};
use lexer::{Bad, Lexer};

/// A command without arguments.
///
/// # Errors
/// [`Bad::Extra`] when something follows.
pub fn bare(lexer: &mut Lexer<'_>, command: Command) -> Result<Command, Bad> {
    lexer.end()?;
    Ok(command)
}

/// Parses a sequence set (RFC 3501 9); `None` when it is none.
#[must_use]
pub fn sequence(text: &[u8]) -> Option<Sequence> {
    let number = |part: &[u8]| -> Option<Option<u32>> {
        match part {
            b"*" => Some(None),
            [] => None,
            // As in C: 0 and what no message can have are numbers that name none.
            digits if digits.iter().all(u8::is_ascii_digit) => {
                Some(Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u32::MAX)))
            }
            _ => None,
        }
    };
    text.split(|&b| b == b',')
        .map(|range| match range.iter().position(|&b| b == b':') {
            None => number(range).map(|n| (n, n)),
            Some(at) => Some((number(range.get(..at)?)?, number(range.get(at + 1..)?)?)),
        })
        .collect::<Option<Vec<_>>>()
        .map(Sequence)
}

/// The sequence set that the message commands begin with, up to and including the space behind it.
fn sequence_argument(lexer: &mut Lexer<'_>) -> Result<Sequence, Bad> {
    lexer.space()?;
    sequence_and_space(lexer)?.ok_or(Bad::Missing)
}

/// The same behind the command's space; `None` when the line ends where a space should be.
fn sequence_and_space(lexer: &mut Lexer<'_>) -> Result<Option<Sequence>, Bad> {
    let word = lexer.word()?;
    match lexer.peek()? {
        Some(b'\r') => Ok(None),
        Some(b' ') => {
            let set = sequence(&word).ok_or(Bad::Sequence)?;
            lexer.space()?;
            Ok(Some(set))
        }
        _ => Err(Bad::Sequence),
    }
}

/// An octet string for an error text.
fn shown(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_set_is_ranges_of_numbers_and_stars() {
        assert_eq!(sequence(b"1"), Some(Sequence(vec![(Some(1), Some(1))])));
        assert_eq!(sequence(b"2,4:*"), Some(Sequence(vec![(Some(2), Some(2)), (Some(4), None)])));
        for bad in [&b""[..], b"1,", b"1:", b":2", b"a", b"1:2:3", b"1*", b"-1"] {
            assert_eq!(sequence(bad), None, "{bad:?}");
        }
    }
}
