//! Arguments about annotations: of FETCH, STORE and APPEND (RFC 5257), of GETANNOTATION and
//! SETANNOTATION (the drafts before RFC 5464).

use super::lexer::{Bad, Lexer};
use crate::command::{AnnotationEntry, AnnotationRequest, Command};

/// Where the names stand: those of messages may be atoms, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In GETANNOTATION and SETANNOTATION.
    Mailbox,
    /// In FETCH, STORE and APPEND.
    Message,
}

/// `GETANNOTATION mailbox entries attributes`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn get(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mailbox = mailbox(lexer)?;
    let request = request(lexer, Place::Mailbox)?;
    lexer.end()?;
    Ok(Command::GetAnnotation { mailbox, request })
}

/// `SETANNOTATION mailbox entry (attribute value ...)`, or several entries in parentheses.
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn set(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mailbox = mailbox(lexer)?;
    let entries = values(lexer, Place::Mailbox)?;
    lexer.end()?;
    Ok(Command::SetAnnotation { mailbox, entries })
}

fn mailbox(lexer: &mut Lexer<'_>) -> Result<Vec<u8>, Bad> {
    lexer.space()?;
    let mailbox = lexer.argument()?;
    lexer.space()?;
    Ok(mailbox)
}

fn name(lexer: &mut Lexer<'_>, place: Place, missing: &str) -> Result<Vec<u8>, Bad> {
    let name = match place {
        Place::Mailbox => lexer.string_only()?,
        Place::Message => lexer.astring()?,
    };
    name.ok_or_else(|| Bad::text(missing))
}

/// Names of entries and of attributes, each one or several in parentheses.
///
/// # Errors
/// A missing or malformed name.
pub fn request(lexer: &mut Lexer<'_>, place: Place) -> Result<AnnotationRequest, Bad> {
    let entry = "Missing annotation entry";
    let entries = names(lexer, place, entry, entry, "Missing close paren in annotation entry list ")?;
    let missing = "Missing annotation attribute(s)";
    if !lexer.eat(b' ')? {
        return Err(Bad::text(missing));
    }
    let close = "Missing close paren in annotation attribute list";
    let attributes = names(lexer, place, "Missing annotation attribute", missing, close)?;
    Ok(AnnotationRequest { entries, attributes })
}

fn names(
    lexer: &mut Lexer<'_>,
    place: Place,
    missing_one: &str,
    missing: &str,
    close: &str,
) -> Result<Vec<Vec<u8>>, Bad> {
    if !lexer.eat(b'(')? {
        return Ok(vec![name(lexer, place, missing_one)?]);
    }
    let mut names = vec![name(lexer, place, missing)?];
    while lexer.eat(b' ')? {
        names.push(name(lexer, place, missing)?);
    }
    if lexer.eat(b')')? { Ok(names) } else { Err(Bad::text(close)) }
}

/// Entries with the values of their attributes.
///
/// # Errors
/// A missing or malformed part.
pub fn values(lexer: &mut Lexer<'_>, place: Place) -> Result<Vec<AnnotationEntry>, Bad> {
    let in_list = lexer.eat(b'(')?;
    if !in_list && place == Place::Message {
        return Err(Bad::text("Missing paren for annotation entry"));
    }
    let mut entries: Vec<AnnotationEntry> = Vec::new();
    loop {
        let name_of = name(lexer, place, "Missing annotation entry")?;
        if !lexer.eat(b' ')? || !lexer.eat(b'(')? {
            return Err(Bad::text("Missing annotation attribute-values list"));
        }
        let mut entry = AnnotationEntry { name: name_of, values: Vec::new() };
        loop {
            let attribute = name(lexer, place, "Missing annotation attribute")?;
            let missing = || Bad::text("Missing annotation value");
            if !lexer.eat(b' ')? {
                return Err(missing());
            }
            let value = lexer.binary_nstring()?.ok_or_else(missing)?;
            entry.values.push((attribute, value));
            if !lexer.eat(b' ')? {
                break;
            }
        }
        if !lexer.eat(b')')? {
            return Err(Bad::text("Missing close paren in annotation attribute-values list"));
        }
        entries.push(entry);
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if in_list && !lexer.eat(b')')? {
        return Err(Bad::text("Missing close paren in annotation entry list "));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Limits, tests::Text};
    use super::super::shown;
    use super::*;

    fn with<T>(input: &str, f: impl FnOnce(&mut Lexer<'_>) -> Result<T, Bad>) -> Result<T, String> {
        let mut source = Text(format!("{input}\r\n").into_bytes(), 0);
        f(&mut Lexer::new(&mut source, Limits::default())).map_err(|bad| match bad {
            Bad::Text(text) => shown(&text).into_owned(),
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn entries_and_attributes_are_one_or_several() {
        for (input, entries, attributes) in
            [("/comment value.priv", 1, 1), ("(/comment \"/x\") (value.priv {4+}\r\nsize)", 2, 2)]
        {
            let request = with(input, |lexer| request(lexer, Place::Message)).expect(input);
            assert_eq!((request.entries.len(), request.attributes.len()), (entries, attributes), "{input}");
        }
    }

    #[test]
    fn values_may_be_nil_and_hold_any_octet() {
        let entries = with("(/a (value.priv NIL value.shared {2+}\r\na\0) /b (value.priv \"x\"))", |lexer| {
            values(lexer, Place::Message)
        });
        let entries = entries.expect("values");
        let a = [(b"value.priv".to_vec(), None), (b"value.shared".to_vec(), Some(b"a\0".to_vec()))];
        assert_eq!(entries.first().map(|entry| entry.values.as_slice()), Some(&a[..]));
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn refusals_have_their_sentences() {
        for (input, place, expected) in [
            ("/comment (value.priv \"x\")", Place::Message, "Missing paren for annotation entry"),
            ("/comment (value.priv \"x\")", Place::Mailbox, "Missing annotation entry"),
            ("(/c \"x\")", Place::Message, "Missing annotation attribute-values list"),
            ("(/c (value.priv))", Place::Message, "Missing annotation value"),
            ("(/c (value.priv x))", Place::Message, "Missing annotation value"),
            (
                "(/c (value.priv \"x\"",
                Place::Message,
                "Missing close paren in annotation attribute-values list",
            ),
            ("(/c (value.priv \"x\")", Place::Message, "Missing close paren in annotation entry list "),
        ] {
            assert_eq!(with(input, |lexer| values(lexer, place)).err().as_deref(), Some(expected), "{input}");
        }
        for (input, expected) in [
            ("(/c", "Missing close paren in annotation entry list "),
            ("/c", "Missing annotation attribute(s)"),
            ("/c (", "Missing annotation attribute(s)"),
            ("/c (value.priv", "Missing close paren in annotation attribute list"),
        ] {
            assert_eq!(
                with(input, |lexer| request(lexer, Place::Message)).err().as_deref(),
                Some(expected),
                "{input}"
            );
        }
    }
}
