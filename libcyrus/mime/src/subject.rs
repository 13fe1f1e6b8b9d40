//! Subjects reduced to what makes a conversation (reference/databases.md 3.2) or a thread (RFC 5256 2.1).

use crate::address::is_space;

/// The subject for conversations: UTF-8 in, normalised out (bracketed pieces, leading `Re:`-like words and all
/// white space removed). C: conversation_normalise_subject()
#[must_use]
pub fn normalise(subject: &[u8]) -> Vec<u8> {
    let text = without_brackets(subject);
    let mut rest = text.as_slice();
    loop {
        let blanks = rest.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
        let word = rest.get(blanks..).unwrap_or_default();
        let len =
            word.iter().position(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n' | 0x0c)).unwrap_or(word.len());
        // the longest token that ends in a colon and has something before it
        match word.get(..len).and_then(|token| memchr::memrchr(b':', token)).filter(|&colon| colon > 0) {
            Some(colon) => rest = word.get(colon + 1..).unwrap_or_default(),
            None => break,
        }
    }
    without_space(rest)
}

/// Removes `[...]` pieces, an unmatched `]` with all before it, an unmatched `[` with all after it, leftmost
/// first, until none is left.
fn without_brackets(subject: &[u8]) -> Vec<u8> {
    if memchr::memchr2(b'[', b']', subject).is_none() {
        return subject.to_vec();
    }
    // one pass with a stack of what stands before each open bracket gives what removing one by one gives
    let mut out: Vec<u8> = Vec::with_capacity(subject.len());
    let mut open: Vec<usize> = Vec::new();
    for &c in subject {
        match c {
            b'[' => {
                open.push(out.len());
                out.push(c);
            }
            b']' => match open.pop() {
                Some(at) => out.truncate(at),
                None => out.clear(),
            },
            _ => out.push(c),
        }
    }
    if let Some(&first) = open.first() {
        out.truncate(first);
    }
    out
}

/// The older rule, still compared with. C: oldstyle_normalise_subject()
#[must_use]
pub fn normalise_old(subject: &[u8]) -> Vec<u8> {
    let mut rest = subject;
    while let Some(shorter) = old_token(rest).or_else(|| old_blob(rest)).or_else(|| old_label(rest)) {
        rest = shorter;
    }
    without_space(rest)
}

fn after_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
    text.get(blanks..).unwrap_or_default()
}

/// What follows `word:` or `word[digits]:`.
fn old_token(text: &[u8]) -> Option<&[u8]> {
    let text = after_blanks(text);
    let len = text.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let mut rest = text.get(len..).filter(|_| len > 0)?;
    if let Some(number) = rest.strip_prefix(b"[") {
        let digits = number.iter().take_while(|c| c.is_ascii_digit()).count();
        rest = number.get(digits..).filter(|_| digits > 0)?.strip_prefix(b"]")?;
    }
    rest.strip_prefix(b":")
}

/// What follows `[...]`.
fn old_blob(text: &[u8]) -> Option<&[u8]> {
    let inside = after_blanks(text).strip_prefix(b"[")?;
    let close = memchr::memchr(b']', inside).filter(|&at| at > 0)?;
    inside.get(close + 1..)
}

/// What stands before a final `[SEC=...]` or `[DLM=...]`.
fn old_label(text: &[u8]) -> Option<&[u8]> {
    let trailing = text.iter().rev().take_while(|c| matches!(c, b' ' | b'\t')).count();
    let body = text.get(..text.len().checked_sub(trailing)?)?.strip_suffix(b"]")?;
    // the leftmost label that reaches the end without another closing bracket
    let start = memchr::memrchr(b']', body).map_or(0, |at| at + 1);
    let window = body.get(start..)?;
    let at = memchr::memchr_iter(b'[', window).find(|&at| {
        let tail = window.get(at + 1..).unwrap_or_default();
        (tail.starts_with(b"SEC=") || tail.starts_with(b"DLM=")) && tail.len() > 4
    })?;
    text.get(..start + at)
}

/// Blanks, line ends and U+00A0 taken out.
fn without_space(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&c, tail)) = rest.split_first() {
        rest = tail;
        match c {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            0xc2 if tail.first() == Some(&0xa0) => rest = tail.get(1..).unwrap_or_default(),
            _ => out.push(c),
        }
    }
    out
}

/// Result of [`base`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseSubject {
    /// The extracted base subject, ASCII letters in upper case.
    pub text: Vec<u8>,
    /// Whether the subject marks a reply or forward (RFC 5256 2.1).
    pub is_reply: bool,
}

/// The base subject of RFC 5256 2.1 for SORT and THREAD. Takes the decoded subject, as the cache holds it.
/// C: index_extract_subject(), which decodes once more and so turns all that is not ASCII into U+FFFD
#[must_use]
pub fn base(subject: &[u8]) -> BaseSubject {
    let mut text = subject;
    let mut is_reply = false;
    loop {
        text = base_once(text, &mut is_reply);
        let inner = text.split_at_checked(5).filter(|(head, _)| head.eq_ignore_ascii_case(b"[fwd:"));
        match inner.and_then(|(_, tail)| tail.strip_suffix(b"]")) {
            Some(inner) => {
                is_reply = true;
                text = inner;
            }
            None => return BaseSubject { text: text.to_ascii_uppercase(), is_reply },
        }
    }
}

/// One round of trimming, trailer then leader.
fn base_once<'a>(subject: &'a [u8], is_reply: &mut bool) -> &'a [u8] {
    let mut text = subject;
    loop {
        if let Some((_, head)) = text.split_last().filter(|(c, _)| is_space(**c)) {
            text = head;
            continue;
        }
        let cut = text.len().checked_sub(5).and_then(|at| text.split_at_checked(at));
        match cut.filter(|(_, tail)| tail.eq_ignore_ascii_case(b"(fwd)")) {
            Some((head, _)) => {
                *is_reply = true;
                text = head;
            }
            None => break,
        }
    }
    loop {
        if let Some((_, tail)) = text.split_first().filter(|(c, _)| is_space(**c)) {
            text = tail;
        } else if let Some(word) = reply_word(text) {
            match after_reply_word(word) {
                Some(tail) => {
                    *is_reply = true;
                    text = tail;
                }
                None => return text,
            }
        } else if let Some(tail) = after_blob(text) {
            text = tail;
        } else {
            return text;
        }
    }
}

/// What follows `re`, `fwd` or `fw`.
fn reply_word(text: &[u8]) -> Option<&[u8]> {
    [b"re".as_slice(), b"fwd", b"fw"].into_iter().find_map(|word| {
        text.split_at_checked(word.len())
            .filter(|(head, _)| head.eq_ignore_ascii_case(word))
            .map(|(_, tail)| tail)
    })
}

fn skip_space(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&c| is_space(c)).count();
    text.get(blanks..).unwrap_or_default()
}

/// What follows an optional `[...]` and the colon.
fn after_reply_word(text: &[u8]) -> Option<&[u8]> {
    let mut rest = skip_space(text);
    if let Some(inside) = rest.strip_prefix(b"[") {
        rest = inside.get(memchr::memchr(b']', inside)? + 1..)?;
    }
    skip_space(rest).strip_prefix(b":")
}

/// What follows a leading `[...]`, if anything does.
fn after_blob(text: &[u8]) -> Option<&[u8]> {
    let inside = text.strip_prefix(b"[")?;
    let end = memchr::memchr2(b'[', b']', inside)?;
    let (_, tail) = inside.split_at_checked(end)?;
    tail.strip_prefix(b"]").filter(|tail| !tail.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_get_normalised_subjects() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&normalise(text.as_bytes())), expected, "{text}");
        };
        check("Re: [list] Fwd: hello  world", "helloworld");
        check("a] b [c", "b");
        check("x [y [z] w] v", "xv");
        check("AW:RE:x", "x");
        check("12:30 meeting", "30meeting");
        check("a\u{a0}b", "ab");
    }

    #[test]
    fn old_subjects_are_normalised_the_old_way() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&normalise_old(text.as_bytes())), expected, "{text}");
        };
        check("Re[2]: [list] hello [SEC=UNCLASSIFIED] ", "hello");
        check("re: fw: x", "x");
    }

    #[test]
    fn base_subjects_follow_rfc_5256() {
        let check = |text: &str, expected: &str, is_reply: bool| {
            let got = base(text.as_bytes());
            assert_eq!(
                (String::from_utf8_lossy(&got.text).as_ref(), got.is_reply),
                (expected, is_reply),
                "{text}"
            );
        };
        check("Re: [x] Hello (fwd)", "HELLO", true);
        check("[Fwd: Re: hello]", "HELLO", true);
        check("[blob]", "[BLOB]", false);
        check("re hello", "RE HELLO", false);
        check("Re[3]: a", "A", true);
    }
}
