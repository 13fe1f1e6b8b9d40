//! Arguments of SEARCH (RFC 3501 6.4.4, RFC 4731, 5032, 7162, 8474, 8514).

use super::lexer::{Bad, Lexer, is_atom};
use super::{sequence, shown};
use crate::command::{
    Command, DateField, Numbering, SearchKey, SearchProgram, SearchReturn, SystemFlag, TextField,
};

/// Search keys nest this deep at most; C has no bound and ends on its stack's.
const DEPTH_MAX: usize = 100;

/// `SEARCH [RETURN (...)] [CHARSET name] keys`
///
/// # Errors
/// C's sentence for each way to get it wrong.
pub fn parse(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    Ok(Command::Search { by: Numbering::Seq, program: program(lexer)? })
}

/// `UID SEARCH`
///
/// # Errors
/// As [`parse`].
pub fn parse_uid(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    let program = program(lexer).map_err(|bad| bad.of("UID Search"))?;
    Ok(Command::Search { by: Numbering::Uid, program })
}

fn program(lexer: &mut Lexer<'_>) -> Result<SearchProgram, Bad> {
    lexer.space()?;
    let program = SearchProgram { returns: None, charset: None, keys: Vec::new() };
    keys(lexer, program, true, "Search")
}

/// `charset keys`, as SORT and THREAD have them behind their own arguments.
pub(super) fn sorted_program(lexer: &mut Lexer<'_>, name: &str) -> Result<SearchProgram, Bad> {
    let charset = lexer.astring()?;
    if charset.is_none() || !lexer.eat(b' ')? {
        return Err(Bad::text("Missing charset"));
    }
    keys(lexer, SearchProgram { returns: None, charset, keys: Vec::new() }, false, name)
}

fn keys(
    lexer: &mut Lexer<'_>,
    mut program: SearchProgram,
    is_search: bool,
    name: &str,
) -> Result<SearchProgram, Bad> {
    let (mut may_return, mut may_charset) = (is_search, is_search);
    loop {
        let mut word = lexer.word()?;
        word.make_ascii_lowercase();
        match word.as_slice() {
            b"return" if may_return => {
                program.returns = Some(return_options(lexer)?);
            }
            b"charset" if may_charset => {
                if !lexer.eat(b' ')? {
                    return Err(Bad::text("Missing charset"));
                }
                program.charset = lexer.astring()?;
                if program.charset.is_none() || lexer.peek()? != Some(b' ') {
                    return Err(Bad::text("Missing charset"));
                }
                may_charset = false;
            }
            _ => {
                program.keys.push(key(lexer, &mut word, 0)?);
                may_charset = false;
            }
        }
        may_return = false;
        if !lexer.eat(b' ')? {
            break;
        }
    }
    lexer.end().map_err(|bad| match bad {
        Bad::Extra => Bad::text(format!("Unexpected extra arguments to {name}")),
        other => other,
    })?;
    Ok(program)
}

pub(super) fn return_options(lexer: &mut Lexer<'_>) -> Result<SearchReturn, Bad> {
    let mut options = SearchReturn::default();
    if !lexer.eat(b' ')? || !lexer.eat(b'(')? {
        return Err(Bad::text("Missing return options in Search"));
    }
    loop {
        let mut word = lexer.word()?;
        word.make_ascii_lowercase();
        match word.as_slice() {
            b"" => {}
            b"all" => options.all = true,
            b"count" => options.count = true,
            b"max" => options.max = true,
            b"min" => options.min = true,
            other => return Err(Bad::text(format!("Invalid Search return option {}", shown(other)))),
        }
        if !lexer.eat(b' ')? {
            break;
        }
    }
    if !lexer.eat(b')')? {
        return Err(Bad::text("Missing close parenthesis in Search"));
    }
    if options == SearchReturn::default() {
        options.all = true;
    }
    Ok(options)
}

/// The next key; `last` becomes the last word read.
fn next_key(lexer: &mut Lexer<'_>, last: &mut Vec<u8>, depth: usize) -> Result<SearchKey, Bad> {
    *last = lexer.word()?;
    last.make_ascii_lowercase();
    key(lexer, last, depth + 1)
}

fn invalid() -> Bad {
    Bad::text("Invalid Search criteria")
}

/// The key that `last` begins, and then is the last word of: C names that one when something is
/// missing behind it.
fn key(lexer: &mut Lexer<'_>, last: &mut Vec<u8>, depth: usize) -> Result<SearchKey, Bad> {
    use SearchKey as K;
    if depth > DEPTH_MAX {
        return Err(invalid());
    }
    let word = last.clone();
    let mut arguments = Arguments { lexer, word: &word };
    let key = match word.as_slice() {
        b"" => {
            if !arguments.lexer.eat(b'(')? {
                return Err(invalid());
            }
            let mut keys = Vec::new();
            loop {
                keys.push(next_key(arguments.lexer, last, depth)?);
                if !arguments.lexer.eat(b' ')? {
                    break;
                }
            }
            if !arguments.lexer.eat(b')')? {
                return Err(Bad::text("Missing required close paren in Search command"));
            }
            K::And(keys)
        }
        [b'0'..=b'9' | b'*', ..] => K::Sequence(sequence(&word).ok_or_else(invalid)?),
        b"all" => K::All,
        b"annotation" => arguments.annotation()?,
        b"answered" => K::Flag(SystemFlag::Answered),
        b"bcc" => K::Text(TextField::Bcc, arguments.string()?),
        b"before" => K::Before(DateField::Internal, arguments.day()?.0),
        b"body" => K::Text(TextField::Body, arguments.string()?),
        b"cc" => K::Text(TextField::Cc, arguments.string()?),
        b"deleted" => K::Flag(SystemFlag::Deleted),
        b"draft" => K::Flag(SystemFlag::Draft),
        b"emailid" => K::EmailId(arguments.string()?),
        b"flagged" => K::Flag(SystemFlag::Flagged),
        // RFC 6203: without an index of the words all searches are alike.
        b"fuzzy" => {
            arguments.space()?;
            next_key(arguments.lexer, last, depth)?
        }
        b"from" => K::Text(TextField::From, arguments.string()?),
        b"header" => {
            let field = arguments.string()?;
            K::Header(field, arguments.string()?)
        }
        b"keyword" => K::Keyword(arguments.flag()?),
        b"larger" => K::Larger(arguments.size()?),
        b"modseq" => K::ModSeq(arguments.modseq()?),
        b"new" => K::And(vec![K::Not(Box::new(K::Flag(SystemFlag::Seen))), K::Flag(SystemFlag::Recent)]),
        b"not" => {
            arguments.space()?;
            K::Not(Box::new(next_key(arguments.lexer, last, depth)?))
        }
        b"old" => K::Not(Box::new(K::Flag(SystemFlag::Recent))),
        b"older" => K::Older(arguments.interval()?),
        b"on" => {
            let (start, end) = arguments.day()?;
            K::On(DateField::Internal, start, end)
        }
        b"or" => {
            arguments.space()?;
            let first = next_key(arguments.lexer, last, depth)?;
            Arguments { lexer: arguments.lexer, word: last }.space()?;
            K::Or(Box::new(first), Box::new(next_key(arguments.lexer, last, depth)?))
        }
        b"recent" => K::Flag(SystemFlag::Recent),
        b"savedatesupported" => K::SaveDateSupported,
        b"savedbefore" => K::Before(DateField::Saved, arguments.day()?.0),
        b"savedon" => {
            let (start, end) = arguments.day()?;
            K::On(DateField::Saved, start, end)
        }
        b"savedsince" => K::Since(DateField::Saved, arguments.day()?.0),
        b"seen" => K::Flag(SystemFlag::Seen),
        b"sentbefore" => K::Before(DateField::Sent, arguments.day()?.0),
        b"senton" => {
            let (start, end) = arguments.day()?;
            K::On(DateField::Sent, start, end)
        }
        b"sentsince" => K::Since(DateField::Sent, arguments.day()?.0),
        b"since" => K::Since(DateField::Internal, arguments.day()?.0),
        b"smaller" => K::Smaller(arguments.size()?),
        b"subject" => K::Text(TextField::Subject, arguments.string()?),
        b"text" => K::Text(TextField::Text, arguments.string()?),
        b"threadid" => K::ThreadId(arguments.string()?),
        b"to" => K::Text(TextField::To, arguments.string()?),
        b"uid" => {
            arguments.space()?;
            let word = arguments.lexer.word()?;
            K::Uid(sequence(&word).ok_or_else(invalid)?)
        }
        b"unanswered" => K::Not(Box::new(K::Flag(SystemFlag::Answered))),
        b"undeleted" => K::Not(Box::new(K::Flag(SystemFlag::Deleted))),
        b"undraft" => K::Not(Box::new(K::Flag(SystemFlag::Draft))),
        b"unflagged" => K::Not(Box::new(K::Flag(SystemFlag::Flagged))),
        b"unkeyword" => K::Not(Box::new(K::Keyword(arguments.flag()?))),
        b"unseen" => K::Not(Box::new(K::Flag(SystemFlag::Seen))),
        b"younger" => K::Younger(arguments.interval()?),
        _ => return Err(invalid()),
    };
    Ok(key)
}

/// What follows one search key.
struct Arguments<'a, 'b> {
    lexer: &'a mut Lexer<'b>,
    word: &'a [u8],
}

impl Arguments<'_, '_> {
    fn missing(&self) -> Bad {
        Bad::text(format!("Missing required argument to Search {}", shown(self.word)))
    }

    fn space(&mut self) -> Result<(), Bad> {
        if self.lexer.eat(b' ')? { Ok(()) } else { Err(self.missing()) }
    }

    fn string(&mut self) -> Result<Vec<u8>, Bad> {
        self.space()?;
        self.lexer.astring()?.ok_or_else(|| self.missing())
    }

    /// `entry attribute value` (RFC 5257 4.6)
    fn annotation(&mut self) -> Result<SearchKey, Bad> {
        let mut name = || -> Result<Vec<u8>, Bad> {
            if !self.lexer.eat(b' ')? {
                return Err(invalid());
            }
            self.lexer.astring()?.filter(|name| !name.is_empty()).ok_or_else(invalid)
        };
        let (entry, attribute) = (name()?, name()?);
        if !matches!(attribute.as_slice(), b"value" | b"value.shared" | b"value.priv") {
            return Err(invalid());
        }
        if !self.lexer.eat(b' ')? {
            return Err(invalid());
        }
        let value = self.lexer.binary_nstring()?.ok_or_else(invalid)?;
        Ok(SearchKey::Annotation { entry, attribute, value })
    }

    fn flag(&mut self) -> Result<Vec<u8>, Bad> {
        self.space()?;
        let flag = self.lexer.word()?;
        if is_atom(&flag) {
            Ok(flag)
        } else {
            Err(Bad::text(format!("Invalid flag name {} in Search command", shown(&flag))))
        }
    }

    fn size(&mut self) -> Result<u32, Bad> {
        self.space()?;
        let number = self.lexer.number(u64::from(i32::MAX.unsigned_abs()))?;
        number
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| Bad::text("Invalid number in Search command"))
    }

    /// `MODSEQ ["entry" type] n`; C ignores the entry too.
    fn modseq(&mut self) -> Result<u64, Bad> {
        self.space()?;
        if self.lexer.quoted_only()?.is_some() {
            self.space()?;
            self.lexer.word()?;
            self.space()?;
        }
        self.lexer.number(u64::MAX)?.ok_or_else(|| Bad::text("Invalid number in Search command"))
    }

    fn interval(&mut self) -> Result<i64, Bad> {
        self.space()?;
        let number = self.lexer.number(i64::MAX.unsigned_abs())?;
        number
            .and_then(|n| i64::try_from(n).ok())
            .ok_or_else(|| Bad::text("Invalid interval in Search command"))
    }

    /// A date `d-mmm-yyyy`, quoted or not, as the local start and end of that day.
    fn day(&mut self) -> Result<(i64, i64), Bad> {
        self.space()?;
        let text = match self.lexer.peek()? {
            Some(b'"') => self.lexer.quoted_only()?,
            _ => Some(self.lexer.word()?),
        };
        text.as_deref()
            .and_then(crate::date::search_day)
            .ok_or_else(|| Bad::text("Invalid date in Search command"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Limits, tests::Text};
    use super::*;

    fn check(input: &str, expected: Result<&[SearchKey], &str>) {
        let mut source = Text(format!(" {input}\r\n").into_bytes(), 0);
        let mut lexer = Lexer::new(&mut source, Limits::default());
        match (program(&mut lexer), expected) {
            (Ok(program), Ok(keys)) => assert_eq!(program.keys, keys, "{input}"),
            (Err(Bad::Text(text)), Err(sentence)) => assert_eq!(shown(&text), sentence, "{input}"),
            (got, want) => panic!("{input}: {got:?}, expected {want:?}"),
        }
    }

    #[test]
    fn keys_nest_and_take_their_arguments() {
        use SearchKey as K;
        check("ALL", Ok(&[K::All]));
        check(
            "RETURN (MIN COUNT) 1:* UNSEEN",
            Ok(&[
                K::Sequence(crate::command::Sequence(vec![(Some(1), None)])),
                K::Not(Box::new(K::Flag(SystemFlag::Seen))),
            ]),
        );
        check(
            "OR (ALL) NOT KEYWORD x",
            Ok(&[K::Or(
                Box::new(K::And(vec![K::All])),
                Box::new(K::Not(Box::new(K::Keyword(b"x".to_vec())))),
            )]),
        );
        check("CHARSET utf-8 SUBJECT {3+}\r\na b", Ok(&[K::Text(TextField::Subject, b"a b".to_vec())]));
        check("MODSEQ \"/flags/\\\\draft\" all 7", Ok(&[K::ModSeq(7)]));
    }

    #[test]
    fn refusals_have_their_sentences() {
        check("FROM", Err("Missing required argument to Search from"));
        check("OR SEEN", Err("Missing required argument to Search seen"));
        check("OR (SEEN NOT FLAGGED)", Err("Missing required argument to Search flagged"));
        check("ANNOTATION /comment size \"x\"", Err("Invalid Search criteria"));
        check("FROB", Err("Invalid Search criteria"));
        check("LARGER x", Err("Invalid number in Search command"));
        check("(ALL", Err("Missing required close paren in Search command"));
        check("RETURN (FROB) ALL", Err("Invalid Search return option frob"));
        check("SINCE 40-Jan-2020", Err("Invalid date in Search command"));
        check(&"NOT ".repeat(5000), Err("Invalid Search criteria"));
    }
}
