//! GENURLAUTH, RESETKEY, URLFETCH (RFC 4467 7 and 8, RFC 5524 3).

use super::lexer::{Bad, Lexer};
use super::shown;
use crate::command::{Command, UrlData, UrlRequest};

/// `GENURLAUTH url mechanism [url mechanism ...]`
///
/// # Errors
/// A missing argument, an unknown mechanism.
pub fn generate(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mut urls = Vec::new();
    lexer.space()?;
    loop {
        urls.push(lexer.argument()?);
        lexer.space()?;
        let mechanism = lexer.word()?;
        if !mechanism.eq_ignore_ascii_case(b"INTERNAL") {
            let mechanism = shown(&mechanism);
            return Err(Bad::text(format!("Unknown auth mechanism to Genurlauth {mechanism}")));
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.at_eol()? {
        Ok(Command::GenUrlAuth { urls })
    } else {
        Err(Bad::text("Unexpected extra arguments to GENURLAUTH"))
    }
}

/// `RESETKEY [mailbox [mechanism]]`; there is one mechanism only.
///
/// # Errors
/// An extra argument.
pub fn reset(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mut mailbox = None;
    if lexer.eat(b' ')? {
        mailbox = Some(lexer.argument()?);
        if lexer.eat(b' ')? {
            lexer.word()?;
        }
    }
    lexer.end()?;
    Ok(Command::ResetKey { mailbox })
}

/// `URLFETCH url|(url parameter ...) [...]`
///
/// # Errors
/// A missing argument, an unknown or doubled parameter.
pub fn fetch(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let mut urls = Vec::new();
    lexer.space()?;
    loop {
        urls.push(request(lexer)?);
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.at_eol()? {
        Ok(Command::UrlFetch { urls })
    } else {
        Err(Bad::text("Unexpected extra arguments to URLFETCH"))
    }
}

fn request(lexer: &mut Lexer<'_>) -> Result<UrlRequest, Bad> {
    let is_extended = lexer.eat(b'(')?;
    let mut request = UrlRequest { url: lexer.argument()?, ..UrlRequest::default() };
    if !is_extended {
        return Ok(request);
    }
    let invalid = || Bad::text("Invalid extended URLFETCH parameters");
    while lexer.eat(b' ')? {
        match lexer.keyword()?.as_slice() {
            b"BINARY" if request.data.is_none() => request.data = Some(UrlData::Binary),
            b"BODY" if request.data.is_none() => request.data = Some(UrlData::Body),
            b"BODYPARTSTRUCTURE" if !request.structure => request.structure = true,
            _ => return Err(invalid()),
        }
    }
    if lexer.eat(b')')? { Ok(request) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Limits, tests::Text};
    use super::*;

    fn check(parse: crate::command::Parse, input: &str, expected: Result<Command, &str>) {
        let mut source = Text(format!("{input}\r\n").into_bytes(), 0);
        match (parse(&mut Lexer::new(&mut source, Limits::default()), "X"), expected) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{input}"),
            (Err(Bad::Text(text)), Err(sentence)) => assert_eq!(shown(&text), sentence, "{input}"),
            (got, want) => panic!("{input}: {got:?}, expected {want:?}"),
        }
    }

    #[test]
    fn urls_with_their_parameters() {
        let plain = |url: &str| UrlRequest { url: url.into(), ..UrlRequest::default() };
        check(fetch, " a b", Ok(Command::UrlFetch { urls: vec![plain("a"), plain("b")] }));
        let both = UrlRequest { data: Some(UrlData::Binary), structure: true, ..plain("a") };
        check(
            fetch,
            " (a bodypartstructure BINARY) b",
            Ok(Command::UrlFetch { urls: vec![both, plain("b")] }),
        );
        check(fetch, " (a BODY BINARY)", Err("Invalid extended URLFETCH parameters"));
        check(fetch, " (a BODY", Err("Invalid extended URLFETCH parameters"));
        check(fetch, " a)", Err("Unexpected extra arguments to URLFETCH"));
        check(generate, " a internal", Ok(Command::GenUrlAuth { urls: vec![b"a".to_vec()] }));
        check(generate, " a EXTERNAL", Err("Unknown auth mechanism to Genurlauth EXTERNAL"));
        check(reset, "", Ok(Command::ResetKey { mailbox: None }));
        check(reset, " INBOX INTERNAL", Ok(Command::ResetKey { mailbox: Some(b"INBOX".to_vec()) }));
    }
}
