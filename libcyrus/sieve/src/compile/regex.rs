//! Does a regular expression compile? With the complaint in the words of PCRE's POSIX face.
//!
//! C compiles with the first PCRE through its POSIX functions, and here without capturing groups (REG_NOSUB), so that
//! a reference back to a group is refused; here it is the second PCRE under the same rule. The categories of errors
//! are the same; the offset is another for a few of them, and `\8`, `\9`, `(?R)` are judged differently.

use pcre2::bytes::RegexBuilder;

/// Turns capturing off; errors are counted behind it.
const NO_CAPTURE: &str = "(?n)";

/// Compiles; the error is what C's `regerror` says, with its blanks.
pub(super) fn check(pattern: &[u8], caseless: bool) -> Result<(), String> {
    let text = match std::str::from_utf8(pattern) {
        Ok(text) => text,
        Err(error) => return Err(complaint("pattern error", error.valid_up_to())),
    };
    let pattern_text = format!("{NO_CAPTURE}{text}");
    let Err(error) = RegexBuilder::new().caseless(caseless).utf(true).build(&pattern_text) else {
        return Ok(());
    };
    let offset = error.offset().unwrap_or(0).saturating_sub(NO_CAPTURE.len());
    // The numbers of PCRE2 are those of PCRE and 100.
    let (words, offset) = match error.code() {
        101..=103 | 137 => ("bad escape sequence", offset),
        104 | 105 => ("invalid repeat counts in {}", offset),
        106 => ("unbalanced []", offset),
        107 | 130 => ("bad class", offset),
        108 => ("bad range inside []", offset),
        109 | 110 => ("? * + invalid", offset),
        114 if text.ends_with("(?") => ("pattern error", offset),
        114 | 118 | 122 => ("unbalanced ()", offset),
        115 => {
            // References are found missing at the end, calls of groups at once.
            let before = text.get(..offset).unwrap_or(text).trim_end_matches(|c: char| c.is_ascii_digit());
            let offset = if before.ends_with('\\') { text.len() } else { offset };
            ("bad back reference", offset)
        }
        119 | 120 => ("expression too big", offset),
        147 | 157 => ("pattern error", offset.saturating_sub(1)),
        _ => ("pattern error", offset),
    };
    Err(complaint(words, offset))
}

fn complaint(words: &str, offset: usize) -> String {
    format!("{words} at offset {offset:<6}")
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn complaints_are_those_of_the_first_pcre() {
        assert_eq!(check(b"(a|b)+[[:alpha:]]\\d{2,}", true), Ok(()));
        for (pattern, expected) in [
            ("a(b", "unbalanced () at offset 3     "),
            ("[", "unbalanced [] at offset 1     "),
            ("*", "? * + invalid at offset 0     "),
            ("(a)\\1", "bad back reference at offset 5     "),
            ("a{3,2}", "invalid repeat counts in {} at offset 5     "),
        ] {
            assert_eq!(check(pattern.as_bytes(), true), Err(expected.to_owned()), "{pattern}");
        }
        assert_eq!(check(b"gr\xfc", false), Err("pattern error at offset 2     ".to_owned()));
    }
}
