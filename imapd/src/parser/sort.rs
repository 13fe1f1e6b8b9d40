//! Arguments of SORT and THREAD (RFC 5256, 5267, 5957).

use super::lexer::{Bad, Lexer};
use super::search::{return_options, sorted_program};
use super::shown;
use crate::command::{Command, Numbering, SearchReturn, SortCriterion, SortKey, ThreadAlgorithm};

/// `SORT [RETURN (...)] (criteria) charset keys`
///
/// # Errors
/// C's sentence for each way to get it wrong.
pub fn sort(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    parse_sort(lexer, Numbering::Seq)
}

/// `UID SORT`
///
/// # Errors
/// As [`sort`].
pub fn uid_sort(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    parse_sort(lexer, Numbering::Uid).map_err(|bad| bad.of("UID Sort"))
}

/// `THREAD algorithm charset keys`
///
/// # Errors
/// C's sentence for each way to get it wrong.
pub fn thread(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    parse_thread(lexer, Numbering::Seq)
}

/// `UID THREAD`
///
/// # Errors
/// As [`thread`].
pub fn uid_thread(lexer: &mut Lexer<'_>, _: &str) -> Result<Command, Bad> {
    parse_thread(lexer, Numbering::Uid).map_err(|bad| bad.of("UID Thread"))
}

fn parse_sort(lexer: &mut Lexer<'_>, by: Numbering) -> Result<Command, Bad> {
    lexer.space()?;
    let mut returns: Option<SearchReturn> = None;
    if lexer.peek()? != Some(b'(') {
        // What is no RETURN is not looked at: criteria must follow.
        if !lexer.word()?.eq_ignore_ascii_case(b"return") {
            return Err(Bad::text("Missing Sort criteria"));
        }
        returns = Some(return_options(lexer)?);
        lexer.space()?;
    }
    let criteria = criteria(lexer)?;
    // As in C, whatever stands between the criteria and the charset is taken for the space.
    if !matches!(lexer.peek()?, Some(b'\r' | b'\n')) {
        lexer.take()?;
    }
    let mut program = sorted_program(lexer, "Sort")?;
    program.returns = returns;
    Ok(Command::Sort { by, criteria, program })
}

fn parse_thread(lexer: &mut Lexer<'_>, by: Numbering) -> Result<Command, Bad> {
    lexer.space()?;
    let word = lexer.keyword()?;
    if !lexer.eat(b' ')? {
        return Err(Bad::text("Missing algorithm in Thread"));
    }
    let algorithm = match word.as_slice() {
        b"ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
        b"REFERENCES" => ThreadAlgorithm::References,
        b"REFS" => ThreadAlgorithm::Refs,
        other => return Err(Bad::text(format!("Invalid Thread algorithm {}", shown(other)))),
    };
    Ok(Command::Thread { by, algorithm, program: sorted_program(lexer, "Thread")? })
}

/// `(criterion ...)`
fn criteria(lexer: &mut Lexer<'_>) -> Result<Vec<SortCriterion>, Bad> {
    let missing = || Bad::text("Missing Sort criteria");
    if !lexer.eat(b'(')? {
        return Err(missing());
    }
    let mut word = lexer.word()?;
    if word.is_empty() {
        return Err(missing());
    }
    let mut criteria = Vec::new();
    let mut reverse = false;
    loop {
        word.make_ascii_lowercase();
        if word == b"reverse" {
            reverse = true;
        } else {
            let key = key(lexer, &word)?;
            criteria.push(SortCriterion { key, reverse: std::mem::take(&mut reverse) });
        }
        if !lexer.eat(b' ')? {
            break;
        }
        word = lexer.word()?;
    }
    if reverse {
        return Err(Bad::text("Missing Sort criterion to reverse"));
    }
    if lexer.eat(b')')? { Ok(criteria) } else { Err(Bad::text("Missing close parenthesis in Sort")) }
}

fn key(lexer: &mut Lexer<'_>, word: &[u8]) -> Result<SortKey, Bad> {
    use SortKey as K;
    let missing = |word: &[u8]| Bad::text(format!("Missing argument to Sort criterion {}", shown(word)));
    Ok(match word {
        b"annotation" => {
            if !lexer.eat(b' ')? {
                return Err(missing(word));
            }
            let entry = lexer.astring()?.unwrap_or_default();
            if !lexer.eat(b' ')? {
                return Err(missing(&entry));
            }
            let attribute = lexer.astring()?.unwrap_or_default();
            match attribute.as_slice() {
                b"value.shared" => K::Annotation { entry, is_shared: true },
                b"value.priv" => K::Annotation { entry, is_shared: false },
                other => return Err(missing(other)),
            }
        }
        b"arrival" => K::Arrival,
        b"cc" => K::Cc,
        b"date" => K::Date,
        b"displayfrom" => K::DisplayFrom,
        b"displayto" => K::DisplayTo,
        b"folder" => K::Folder,
        b"from" => K::From,
        b"hasflag" => {
            if !lexer.eat(b' ')? {
                return Err(missing(word));
            }
            K::HasFlag(lexer.astring()?.ok_or_else(|| missing(b""))?)
        }
        b"modseq" => K::ModSeq,
        b"relevancy" => K::Relevancy,
        b"size" => K::Size,
        b"spamscore" => K::SpamScore,
        b"subject" => K::Subject,
        b"to" => K::To,
        b"uid" => K::Uid,
        other => return Err(Bad::text(format!("Invalid Sort criterion {}", shown(other)))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::lexer::{Limits, tests::Text};
    use super::*;

    fn parse(input: &str) -> Result<Vec<SortCriterion>, String> {
        let mut source = Text(format!(" {input}\r\n").into_bytes(), 0);
        match sort(&mut Lexer::new(&mut source, Limits::default()), "Sort") {
            Ok(Command::Sort { criteria, .. }) => Ok(criteria),
            Err(Bad::Text(text)) => Err(shown(&text).into_owned()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn reverse_belongs_to_the_next_criterion() {
        let criteria = parse("(REVERSE DATE hasflag \\Flagged) UTF-8 ALL").expect("criteria");
        let expected = [
            SortCriterion { key: SortKey::Date, reverse: true },
            SortCriterion { key: SortKey::HasFlag(b"\\Flagged".to_vec()), reverse: false },
        ];
        assert_eq!(criteria, expected);
    }

    #[test]
    fn refusals_have_their_sentences() {
        for (input, expected) in [
            ("() UTF-8 ALL", "Missing Sort criteria"),
            ("DATE UTF-8 ALL", "Missing Sort criteria"),
            ("(NOSUCH) UTF-8 ALL", "Invalid Sort criterion nosuch"),
            ("(DATE REVERSE) UTF-8 ALL", "Missing Sort criterion to reverse"),
            ("(DATE UTF-8 ALL", "Invalid Sort criterion utf-8"),
            ("(DATE) UTF-8", "Missing charset"),
        ] {
            assert_eq!(parse(input).err().as_deref(), Some(expected), "{input}");
        }
    }
}
