//! Comparators (RFC 4790) and match types, with C's readings. C: comparator.c

use super::budget::{self, Budget};
use super::vars::MATCHES;
use super::{Host, RunError};
use crate::code::{Comparator, Match, Relation};
use crate::verify::Comparison;
use pcre2::bytes::RegexBuilder;
use std::cmp::Ordering;

/// What a comparison found, and what it makes of the match variables.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// It matched.
    pub matched: bool,
    /// The new match variables; `None` leaves the old ones.
    pub matches: Option<Vec<Vec<u8>>>,
}

impl Found {
    fn plain(matched: bool) -> Self {
        Self { matched, matches: None }
    }
}

/// Whether there is a comparator for this match type at all. C: lookup_comp()
pub fn is_possible(comparison: Comparison) -> bool {
    let has_relation = comparison.relation.is_some();
    match (comparison.how, comparison.comparator) {
        (Match::List, _) => true,
        (Match::Is, _) => true,
        (Match::Value, _) | (Match::Count, Comparator::AsciiNumeric) => has_relation,
        (Match::Count, _) => false,
        (Match::Contains | Match::Matches | Match::Regex, comparator) => {
            comparator != Comparator::AsciiNumeric
        }
    }
}

/// Compares a text with a key of the script.
pub fn compare(
    comparison: Comparison,
    text: &[u8],
    key: &[u8],
    budget: &mut Budget,
    host: &mut dyn Host,
) -> Result<Found, RunError> {
    budget.work(budget::STEP + text.len() as u64 + key.len() as u64)?;
    let caseless = comparison.comparator == Comparator::AsciiCasemap;
    Ok(match comparison.how {
        Match::Is => Found::plain(order(comparison.comparator, text, key) == Ordering::Equal),
        Match::Count | Match::Value => {
            let order = order(comparison.comparator, text, key);
            Found::plain(comparison.relation.is_some_and(|relation| holds(relation, order)))
        }
        Match::Contains => {
            budget.work((text.len() as u64).saturating_mul(key.len() as u64) / 16)?;
            Found::plain(contains(text, key, caseless))
        }
        Match::Matches => {
            budget.work((text.len() as u64).saturating_mul(key.len() as u64))?;
            let matches = glob(text, key, caseless);
            Found { matched: matches.is_some(), matches: Some(matches.unwrap_or_default()) }
        }
        Match::Regex => {
            budget.work(budget::REGEX)?;
            let matches = regex(text, key, caseless)?;
            Found { matched: matches.is_some(), matches: Some(matches.unwrap_or_default()) }
        }
        Match::List => {
            let matched = host.list_contains(key, text);
            Found { matched, matches: None }
        }
    })
}

fn holds(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Gt => order.is_gt(),
        Relation::Ge => order.is_ge(),
        Relation::Lt => order.is_lt(),
        Relation::Le => order.is_le(),
        Relation::Eq => order.is_eq(),
        Relation::Ne => order.is_ne(),
    }
}

fn order(comparator: Comparator, text: &[u8], key: &[u8]) -> Ordering {
    // C's char is signed: octets from 0x80 on come before ASCII.
    let signed = |octet: &u8| octet.cast_signed();
    match comparator {
        Comparator::AsciiNumeric => numeric(text, key),
        Comparator::Octet => text.iter().map(signed).cmp(key.iter().map(signed)),
        Comparator::AsciiCasemap => {
            let upper = |octet: &u8| octet.to_ascii_uppercase().cast_signed();
            text.iter().map(upper).cmp(key.iter().map(upper))
        }
    }
}

/// Leading digits as a number; what has none is larger than all, and equal to its like. C: ascii_numeric_cmp()
fn numeric(text: &[u8], key: &[u8]) -> Ordering {
    let digits = |text: &[u8]| -> Option<Vec<u8>> {
        let count = text.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let digits = text.get(..count).filter(|digits| !digits.is_empty())?;
        let zeros = digits.iter().take_while(|&&octet| octet == b'0').count();
        digits.get(zeros..).map(<[u8]>::to_vec)
    };
    match (digits(text), digits(key)) {
        (Some(text), Some(key)) => text.len().cmp(&key.len()).then_with(|| text.cmp(&key)),
        // C has the sides so: a text that is no number is larger than a key that is one.
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (None, None) => Ordering::Equal,
    }
}

fn contains(text: &[u8], key: &[u8], caseless: bool) -> bool {
    if key.is_empty() {
        return true;
    }
    if caseless {
        text.windows(key.len()).any(|window| window.eq_ignore_ascii_case(key))
    } else {
        text.windows(key.len()).any(|window| window == key)
    }
}

/// A piece of a `:matches` pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Glob {
    Octet(u8),
    Any,
    Star,
}

fn pieces(pattern: &[u8]) -> Vec<Glob> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut octets = pattern.iter().copied();
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'?' => Glob::Any,
            b'*' => Glob::Star,
            b'\\' => Glob::Octet(octets.next().unwrap_or(0)),
            octet => Glob::Octet(octet),
        });
    }
    out
}

/// Matches with wildcards, every `*` taking as little as it can; gives `${0}` to `${9}`. C: octet_matches_()
///
/// Between two stars the first place where the pieces fit is as good as any later one, so there is no need to come
/// back to an earlier star: the time is at most text times pattern.
fn glob(text: &[u8], pattern: &[u8], caseless: bool) -> Option<Vec<Vec<u8>>> {
    let pieces = pieces(pattern);
    let fits = |piece: Glob, octet: u8| match piece {
        Glob::Octet(wanted) => wanted == octet || (caseless && wanted.eq_ignore_ascii_case(&octet)),
        Glob::Any => true,
        Glob::Star => false,
    };
    let segment_fits = |segment: &[Glob], at: usize| {
        let window = text.get(at..at.checked_add(segment.len())?)?;
        segment.iter().zip(window).all(|(piece, octet)| fits(*piece, *octet)).then_some(at)
    };
    let mut vars = vec![text.to_vec()];
    let mut note = |from: usize, to: usize| {
        if vars.len() < MATCHES {
            vars.push(text.get(from..to).unwrap_or_default().to_vec());
        }
    };
    let note_segment = |segment: &[Glob], at: usize, note: &mut dyn FnMut(usize, usize)| {
        for (index, piece) in segment.iter().enumerate() {
            if *piece == Glob::Any {
                note(at + index, at + index + 1);
            }
        }
    };
    let mut segments = pieces.split(|piece| *piece == Glob::Star);
    let first = segments.next().unwrap_or_default();
    segment_fits(first, 0)?;
    note_segment(first, 0, &mut note);
    let mut at = first.len();
    let rest: Vec<&[Glob]> = segments.collect();
    let Some((last, middle)) = rest.split_last() else {
        return (at == text.len()).then_some(vars);
    };
    for segment in middle {
        let found = (at..=text.len()).find_map(|from| segment_fits(segment, from))?;
        note(at, found);
        note_segment(segment, found, &mut note);
        at = found + segment.len();
    }
    let found = text.len().checked_sub(last.len()).filter(|found| *found >= at)?;
    segment_fits(last, found)?;
    note(at, found);
    note_segment(last, found, &mut note);
    Some(vars)
}

/// Searches with a regular expression; gives `${0}` to `${9}`. Text that is no UTF-8, or that takes PCRE too long,
/// does not match. C: octet_regex()
fn regex(text: &[u8], pattern: &[u8], caseless: bool) -> Result<Option<Vec<Vec<u8>>>, RunError> {
    // A pattern that a variable made may be wrong.
    let invalid = RunError::new("Invalid test");
    let Ok(pattern) = std::str::from_utf8(pattern) else { return Err(invalid) };
    let pattern = format!("(*LIMIT_MATCH=500000)(*LIMIT_DEPTH=50000)(*LIMIT_HEAP=65536){pattern}");
    let Ok(regex) = RegexBuilder::new().caseless(caseless).utf(true).build(&pattern) else {
        return Err(invalid);
    };
    if std::str::from_utf8(text).is_err() {
        return Ok(None);
    }
    let mut places = regex.capture_locations();
    let Ok(Some(_)) = regex.captures_read(&mut places, text) else { return Ok(None) };
    let group = |index| {
        let (from, to) = places.get(index)?;
        text.get(from..to).map(<[u8]>::to_vec)
    };
    Ok(Some((0..MATCHES).map(|index| group(index).unwrap_or_default()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_glob(text: &str, pattern: &str, expected: Option<&[&str]>) {
        let found = glob(text.as_bytes(), pattern.as_bytes(), true);
        let found: Option<Vec<String>> = found
            .map(|vars| vars.iter().skip(1).map(|var| String::from_utf8_lossy(var).into_owned()).collect());
        let expected = expected.map(|vars| vars.iter().map(|var| (*var).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expected, "{text:?} {pattern:?}");
    }

    #[test]
    fn stars_take_as_little_as_they_can() {
        check_glob("[acme-users] [fwd] version 1.0", "[*] *", Some(&["acme-users", "[fwd] version 1.0"]));
        check_glob("abcX", "*?X", Some(&["ab", "c"]));
        check_glob("abc", "*?*", Some(&["", "a", "bc"]));
        check_glob("abc", "A?c", Some(&["b"]));
        check_glob("abc", "a?", None);
        check_glob("", "*", Some(&[""]));
        check_glob("", "?", None);
        check_glob("a*c", "a\\*c", Some(&[]));
        check_glob("abc", "a\\*c", None);
        check_glob("aXbXc", "*X*", Some(&["a", "bXc"]));
        check_glob("aXbX", "*X", Some(&["aXb"]));
        check_glob("abcdefghijkl", "????????????", Some(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]));
    }

    #[test]
    fn many_stars_end_soon() {
        let text = "a".repeat(100_000);
        check_glob(&text, "*a*a*a*a*a*a*a*a*b", None);
    }

    #[test]
    fn numbers_compare_as_numbers() {
        for (text, key, expected) in [
            ("10", "9", Ordering::Greater),
            ("010x", "10", Ordering::Equal),
            ("x", "1", Ordering::Greater),
            ("1", "x", Ordering::Less),
            ("x", "y", Ordering::Equal),
            ("0", "00", Ordering::Equal),
        ] {
            assert_eq!(numeric(text.as_bytes(), key.as_bytes()), expected, "{text} {key}");
        }
        assert_eq!(order(Comparator::Octet, b"\xc3", b"a"), Ordering::Less);
        assert_eq!(order(Comparator::AsciiCasemap, b"B", b"a"), Ordering::Greater);
    }

    #[test]
    fn regular_expressions_search_and_capture() {
        let found = regex(b"Re: [list] x", b"\\[(.*)\\] (y)?", true).expect("valid").expect("matches");
        assert_eq!(found.len(), MATCHES);
        assert_eq!(
            (found[0].as_slice(), found[1].as_slice(), found[2].as_slice()),
            (b"[list] ".as_slice(), b"list".as_slice(), b"".as_slice())
        );
        assert_eq!(regex(b"a\xff", b"a", true), Ok(None));
        assert!(regex(b"a", b"(", true).is_err());
    }

    #[test]
    fn backtracking_has_an_end() {
        let text = "a".repeat(40);
        let before = std::time::Instant::now();
        assert_eq!(regex(text.as_bytes(), b"^(a+)+$b", true), Ok(None));
        assert!(before.elapsed().as_secs() < 5);
    }
}
