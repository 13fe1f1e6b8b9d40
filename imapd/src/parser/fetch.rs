//! Arguments of FETCH (RFC 3501 6.4.5, RFC 3516, 7162, 8474, 8514 and C's own items).

use super::lexer::{Bad, Lexer};
use super::{sequence_argument, shown};
use crate::command::{Command, FetchItem, FetchRequest, Fields, Ids, Partial};

/// `FETCH sequence items [(modifiers)]`
///
/// # Errors
/// A missing, malformed or extra argument.
pub fn parse(lexer: &mut Lexer<'_>, name: &str) -> Result<Command, Bad> {
    let ids = Ids::Seq(sequence_argument(lexer)?);
    Ok(Command::Fetch { ids, request: request(lexer, name)? })
}

/// `UID FETCH`
///
/// # Errors
/// As [`parse`].
pub fn parse_uid(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let ids = Ids::Uid(sequence_argument(lexer)?);
    let request = request(lexer, "UID Fetch").map_err(|bad| bad.of("UID Fetch"))?;
    Ok(Command::Fetch { ids, request })
}

fn request(lexer: &mut Lexer<'_>, name: &str) -> Result<FetchRequest, Bad> {
    let mut request = FetchRequest::default();
    let mut word = lexer.keyword()?;
    let in_list = word.is_empty() && lexer.eat(b'(')?;
    if in_list {
        word = lexer.keyword()?;
    }
    let mut space;
    loop {
        item(lexer, name, &word, in_list, &mut request.items)?;
        // PREVIEW must look behind the space to know whether its own arguments follow.
        let is_preview = matches!(request.items.last(), Some(FetchItem::Preview));
        space = lexer.eat(b' ')?;
        if is_preview && space && lexer.eat(b'(')? {
            lazy(lexer)?;
            space = lexer.eat(b' ')?;
        }
        if !in_list || !space {
            break;
        }
        word = lexer.keyword()?;
    }
    if in_list {
        if !lexer.eat(b')')? {
            return Err(Bad::text(format!("Missing close parenthesis in {name}")));
        }
        space = lexer.eat(b' ')?;
    }
    if space {
        modifiers(lexer, name, &mut request)?;
    }
    lexer.end()?;
    if request.vanished && request.changed_since.is_none() {
        return Err(Bad::Missing);
    }
    Ok(request)
}

fn modifiers(lexer: &mut Lexer<'_>, name: &str, request: &mut FetchRequest) -> Result<(), Bad> {
    if !lexer.eat(b'(')? {
        return Err(Bad::text(format!("Missing required open parenthesis in {name} modifiers")));
    }
    loop {
        let word = lexer.keyword()?;
        if word == b"VANISHED" && name == "UID Fetch" && lexer.has_qresync() {
            request.vanished = true;
            if lexer.eat(b' ')? {
                continue;
            }
            break;
        }
        if word != b"CHANGEDSINCE" {
            return Err(Bad::text(format!("Invalid {name} modifier {}", shown(&word))));
        }
        if !lexer.eat(b' ')? {
            return Err(Bad::text(format!("Missing required argument to {name} CHANGEDSINCE")));
        }
        let since = lexer
            .number(u64::MAX)?
            .ok_or_else(|| Bad::text(format!("Invalid argument to {name} CHANGEDSINCE")))?;
        request.changed_since = Some(since);
        if !request.items.contains(&FetchItem::ModSeq) {
            request.items.push(FetchItem::ModSeq);
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.eat(b')')? { Ok(()) } else { Err(Bad::text(format!("Missing close parenthesis in {name}"))) }
}

fn item(
    lexer: &mut Lexer<'_>,
    name: &str,
    word: &[u8],
    in_list: bool,
    items: &mut Vec<FetchItem>,
) -> Result<(), Bad> {
    use FetchItem as F;
    let simple = match word {
        b"ANNOTATION" => annotation(lexer)?,
        b"BASECID" if lexer.has_conversations() => F::BaseCid,
        b"CID" if lexer.has_conversations() => F::Cid,
        b"MAILBOXES" if lexer.has_conversations() => F::Mailboxes,
        b"MAILBOXIDS" if lexer.has_conversations() => F::MailboxIds,
        b"PREVIEW" => F::Preview,
        b"ALL" if !in_list => {
            items.extend([F::Flags, F::InternalDate, F::Rfc822Size, F::Envelope]);
            return Ok(());
        }
        b"FAST" if !in_list => {
            items.extend([F::Flags, F::InternalDate, F::Rfc822Size]);
            return Ok(());
        }
        b"FULL" if !in_list => {
            items.extend([F::Flags, F::InternalDate, F::Rfc822Size, F::Envelope, F::Body]);
            return Ok(());
        }
        b"BODY" => F::Body,
        b"BODYSTRUCTURE" => F::BodyStructure,
        b"CREATEDMODSEQ" => F::CreatedModSeq,
        b"DIGEST.SHA1" => F::DigestSha1,
        b"EMAILID" => F::EmailId,
        b"ENVELOPE" => F::Envelope,
        b"FLAGS" => F::Flags,
        b"FOLDER" => F::Folder,
        b"INTERNALDATE" => F::InternalDate,
        b"LASTUPDATED" => F::LastUpdated,
        b"MODSEQ" => F::ModSeq,
        b"RFC822" => F::Rfc822 { peek: false },
        b"RFC822.FILESIZE" => F::Rfc822FileSize,
        b"RFC822.HEADER" => F::Rfc822Header,
        b"RFC822.PEEK" => F::Rfc822 { peek: true },
        b"RFC822.SHA1" => F::Rfc822Sha1,
        b"RFC822.SIZE" => F::Rfc822Size,
        b"RFC822.TEXT" => F::Rfc822Text { peek: false },
        b"RFC822.TEXT.PEEK" => F::Rfc822Text { peek: true },
        b"SAVEDATE" => F::SaveDate,
        b"THREADID" => F::ThreadId,
        b"UID" => F::Uid,
        b"UIDVALIDITY" => F::UidValidity,
        b"RFC822.HEADER.LINES" | b"RFC822.HEADER.LINES.NOT" => {
            let names = field_names(lexer, name, word)?;
            F::Rfc822HeaderLines { names, not: word.ends_with(b".NOT") }
        }
        _ => {
            let rest = |head: &[u8]| word.strip_prefix(head).map(<[u8]>::to_vec);
            if let Some(rest) = rest(b"BINARY.PEEK[") {
                binary(&rest, true)?
            } else if let Some(rest) = rest(b"BINARY.SIZE[") {
                let (section, rest) = binary_section(&rest)?;
                if !rest.is_empty() {
                    return Err(Bad::text("Junk after binary section"));
                }
                F::BinarySize { section: section.to_vec() }
            } else if let Some(rest) = rest(b"BINARY[") {
                binary(&rest, false)?
            } else if let Some(rest) = rest(b"BODY.PEEK[") {
                body(lexer, name, word, &rest, true)?
            } else if let Some(rest) = rest(b"BODY[") {
                body(lexer, name, word, &rest, false)?
            } else {
                return Err(Bad::text(format!("Invalid {name} attribute {}", shown(word))));
            }
        }
    };
    items.push(simple);
    Ok(())
}

/// ` (entries attributes)` behind ANNOTATION (RFC 5257 4.3).
fn annotation(lexer: &mut Lexer<'_>) -> Result<FetchItem, Bad> {
    let invalid = || Bad::text("invalid Annotation");
    if !lexer.eat(b' ')? || !lexer.eat(b'(')? {
        return Err(invalid());
    }
    let request = super::annotate::request(lexer, super::annotate::Place::Message)?;
    if lexer.eat(b')')? { Ok(FetchItem::Annotation(request)) } else { Err(invalid()) }
}

/// `LAZY)` behind `PREVIEW (` (RFC 8970 3.1); there is nothing to be lazy about.
fn lazy(lexer: &mut Lexer<'_>) -> Result<(), Bad> {
    loop {
        let word = lexer.word()?;
        if !word.eq_ignore_ascii_case(b"LAZY") {
            return Err(Bad::text(format!("FETCH contains invalid preview modifier ({})", shown(&word))));
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.eat(b')')? { Ok(()) } else { Err(Bad::text("PREVIEW list not finished.")) }
}

/// How many octets at the start of `text` are part numbers `1.2.3`, a trailing dot included.
fn part_length(text: &[u8], zero_allowed: bool) -> usize {
    let mut previous_digit = false;
    for (at, &octet) in text.iter().enumerate() {
        let fits = match octet {
            b'.' => previous_digit,
            b'0' if !previous_digit => zero_allowed && text.get(at + 1) == Some(&b']'),
            b'0'..=b'9' => true,
            _ => false,
        };
        if !fits {
            return at;
        }
        previous_digit = octet.is_ascii_digit();
    }
    text.len()
}

fn binary_section(text: &[u8]) -> Result<(&[u8], &[u8]), Bad> {
    let length = part_length(text, false);
    match text.split_at_checked(length) {
        Some((section, [b']', rest @ ..])) => Ok((section, rest)),
        _ => Err(Bad::text("Invalid binary section")),
    }
}

fn binary(text: &[u8], peek: bool) -> Result<FetchItem, Bad> {
    let (section, rest) = binary_section(text)?;
    let partial = partial(rest, "Junk after binary section")?;
    Ok(FetchItem::Binary { section: section.to_vec(), peek, partial })
}

fn body(lexer: &mut Lexer<'_>, name: &str, word: &[u8], text: &[u8], peek: bool) -> Result<FetchItem, Bad> {
    let length = part_length(text, true);
    let (part, tail) = text.split_at_checked(length).unwrap_or((text, &[]));
    let at_start_of_name = part.is_empty() || part.last() == Some(&b'.');
    if at_start_of_name && matches!(tail, b"HEADER.FIELDS" | b"HEADER.FIELDS.NOT") {
        let names = field_names(lexer, name, word)?;
        let close = lexer.word()?;
        let Some(rest) = close.strip_prefix(b"]") else {
            return Err(Bad::text(format!("Missing required close bracket after {name} {}", shown(word))));
        };
        let partial = partial(rest, "Junk after body section")?;
        let fields = Some(Fields { names, not: tail.ends_with(b".NOT") });
        return Ok(FetchItem::BodySection { section: text.to_vec(), fields, peek, partial });
    }
    let close = match tail {
        [b']', ..] => 0,
        _ if at_start_of_name && tail.starts_with(b"HEADER]") => 6,
        _ if at_start_of_name && tail.starts_with(b"TEXT]") => 4,
        _ if part.last() == Some(&b'.') && tail.starts_with(b"MIME]") => 4,
        _ => return Err(Bad::text("Invalid body section")),
    };
    let section = text.get(..length + close).unwrap_or(text).to_vec();
    let partial = partial(tail.get(close + 1..).unwrap_or(&[]), "Junk after body section")?;
    Ok(FetchItem::BodySection { section, fields: None, peek, partial })
}

/// `<start.count>` or nothing.
fn partial(text: &[u8], junk: &'static str) -> Result<Option<Partial>, Bad> {
    let Some(inner) = text.strip_prefix(b"<") else {
        return if text.is_empty() { Ok(None) } else { Err(Bad::text(junk)) };
    };
    let bad = || Bad::text("Invalid body partial");
    let close = inner.iter().position(|&b| b == b'>').ok_or_else(bad)?;
    let (numbers, rest) = inner.split_at_checked(close).ok_or_else(bad)?;
    let dot = numbers.iter().position(|&b| b == b'.').ok_or_else(bad)?;
    let number = |digits: Option<&[u8]>| -> Option<u32> {
        let digits = digits.filter(|d| !d.is_empty() && d.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    let start = number(numbers.get(..dot)).ok_or_else(bad)?;
    let count = number(numbers.get(dot + 1..)).filter(|&n| n > 0).ok_or_else(bad)?;
    if rest.len() > 1 {
        return Err(Bad::text(junk));
    }
    Ok(Some(Partial { start, count }))
}

/// ` (name name ...)`
fn field_names(lexer: &mut Lexer<'_>, name: &str, word: &[u8]) -> Result<Vec<Vec<u8>>, Bad> {
    let word = shown(word);
    if !lexer.eat(b' ')? {
        return Err(Bad::text(format!("Missing required argument to {name} {word}")));
    }
    if !lexer.eat(b'(')? {
        return Err(Bad::text(format!("Missing required open parenthesis in {name} {word}")));
    }
    let mut names = Vec::new();
    loop {
        let field = lexer.astring()?.unwrap_or_default();
        if field.is_empty() || field.iter().any(|&b| b <= b' ' || b >= 0x80 || b == b':') {
            return Err(Bad::text(format!("Invalid field-name in {name} {word}")));
        }
        names.push(field);
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if lexer.eat(b')')? {
        Ok(names)
    } else {
        Err(Bad::text(format!("Missing required close parenthesis in {name} {word}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Limits, tests::Text};
    use super::*;

    fn check(input: &str, expected: Result<&[FetchItem], &str>) {
        let mut source = Text(format!("{input}\r\n").into_bytes(), 0);
        let mut lexer = Lexer::new(&mut source, Limits::default());
        match (request(&mut lexer, "Fetch"), expected) {
            (Ok(request), Ok(items)) => assert_eq!(request.items, items, "{input}"),
            (Err(Bad::Text(text)), Err(sentence)) => assert_eq!(shown(&text), sentence, "{input}"),
            (got, want) => panic!("{input}: {got:?}, expected {want:?}"),
        }
    }

    fn section(section: &str, peek: bool, partial: Option<Partial>) -> FetchItem {
        FetchItem::BodySection { section: section.into(), fields: None, peek, partial }
    }

    #[test]
    fn items_are_parsed_with_their_sections() {
        use FetchItem as F;
        check("flags", Ok(&[F::Flags]));
        check("(UID BODY[])", Ok(&[F::Uid, section("", false, None)]));
        check("BODY.PEEK[1.2.MIME]", Ok(&[section("1.2.MIME", true, None)]));
        check("BODY[TEXT]<0.10>", Ok(&[section("TEXT", false, Some(Partial { start: 0, count: 10 }))]));
        check("BODY[0]", Ok(&[section("0", false, None)]));
        check("BINARY.SIZE[2]", Ok(&[F::BinarySize { section: b"2".to_vec() }]));
        check(
            "body.peek[header.fields (From \"To\")]<5.1>",
            Ok(&[F::BodySection {
                section: b"HEADER.FIELDS".to_vec(),
                fields: Some(Fields { names: vec![b"From".to_vec(), b"To".to_vec()], not: false }),
                peek: true,
                partial: Some(Partial { start: 5, count: 1 }),
            }]),
        );
    }

    #[test]
    fn refusals_have_their_sentences() {
        check("(ALL)", Err("Invalid Fetch attribute ALL"));
        check("BODY[MIME]", Err("Invalid body section"));
        check("BODY[1.]", Ok(&[section("1.", false, None)]));
        check("BODY[]<1>", Err("Invalid body partial"));
        check("BODY[]<1.0>", Err("Invalid body partial"));
        check("BODY[]x", Err("Junk after body section"));
        check("BINARY[HEADER]", Err("Invalid binary section"));
        check("(FLAGS", Err("Missing close parenthesis in Fetch"));
        check("BODY[HEADER.FIELDS (a:b)]", Err("Invalid field-name in Fetch BODY[HEADER.FIELDS"));
    }
}
