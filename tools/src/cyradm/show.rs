//! How answers are shown.

use super::client::word;
use std::collections::BTreeMap;

/// By mailbox, then private or shared, then entry: the value.
pub type Metadata = BTreeMap<String, BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>>;

const SCREEN: usize = 79;

/// Lines in as many columns as the screen is wide for (`COLUMNS`), going down first.
pub fn columns(lines: &[Vec<u8>]) -> Vec<u8> {
    let screen = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    in_columns(lines, screen.unwrap_or(SCREEN))
}

fn in_columns(lines: &[Vec<u8>], screen: usize) -> Vec<u8> {
    let longest = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = longest.saturating_add(1).min(screen);
    let rows = lines.len().div_ceil((screen / width.max(1)).max(1));
    let mut out = Vec::new();
    for row in 0..rows {
        for line in lines.iter().skip(row).step_by(rows.max(1)) {
            out.extend_from_slice(line);
            let padding = width.saturating_add(1).saturating_sub(line.len());
            out.extend(std::iter::repeat_n(b' ', padding));
        }
        out.push(b'\n');
    }
    out
}

/// ` STORAGE 5/100 (5%)`
pub fn quota((resource, used, limit): &(String, String, String)) -> String {
    let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    if number(limit) == 0.0 {
        return format!(" {resource} {used}/{limit}");
    }
    let percent = significant(number(used) * 100.0 / number(limit));
    format!(" {resource} {used}/{limit} ({percent}%)")
}

/// A number with 15 significant digits, as printf's `%.15g` writes it.
fn significant(number: f64) -> String {
    let whole_digits = (number.abs().max(1.0).log10().floor() as usize).saturating_add(1);
    let leading_zeros = if number > 0.0 && number < 0.1 { (-number.log10()).floor() as usize } else { 0 };
    let decimals = if number < 1.0 {
        15_usize.saturating_add(leading_zeros)
    } else {
        15_usize.saturating_sub(whole_digits)
    };
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The entry that a short name stands for.
pub fn metadata_entry(name: &str) -> Option<String> {
    Some(match name {
        "comment" => "/private/comment".to_owned(),
        "specialuse" => "/private/specialuse".to_owned(),
        "expire" | "news2mail" | "pop3showafter" | "sharedseen" | "sieve" | "squat" => {
            format!("/shared/vendor/cmu/cyrus-imapd/{name}")
        }
        _ => return None,
    })
}

/// Takes in what a METADATA response says.
pub fn take_metadata(response: &[u8], found: &mut Metadata) {
    let Some((mailbox, _, rest)) = word(response) else { return };
    let Some(mut rest) = rest.trim_ascii_start().strip_prefix(b"(") else { return };
    let mailbox = found.entry(String::from_utf8_lossy(&mailbox).into_owned()).or_default();
    while let Some((entry, _, tail)) = word(rest) {
        let Some((mut value, is_atom, tail)) = word(tail) else { return };
        let entry = String::from_utf8_lossy(&entry).into_owned();
        // An atom (NIL) before another entry has always been shown with the blank behind it.
        if is_atom && tail.first() == Some(&b' ') {
            value.push(b' ');
        }
        let scope = if entry.contains("private") { "private" } else { "shared" };
        mailbox.entry(scope).or_default().insert(entry, value);
        rest = tail;
    }
}

/// Metadata as info shows them.
pub fn metadata(found: &Metadata) -> Vec<u8> {
    let mut out = Vec::new();
    for (mailbox, scopes) in found {
        let title =
            if mailbox.is_empty() { "{Server Wide}\n".to_owned() } else { format!("{{{mailbox}}}:\n") };
        out.extend(title.into_bytes());
        for (scope, entries) in scopes {
            out.extend(format!("  {scope}:\n").into_bytes());
            for (entry, value) in entries {
                let name = entry.rsplit('/').next().unwrap_or_default();
                out.extend(format!("    {name}: ").into_bytes());
                out.extend_from_slice(value);
                out.push(b'\n');
            }
        }
    }
    out
}

/// The system's word for an error, without Rust's addition.
pub fn errno(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_down_first() {
        let lines: Vec<Vec<u8>> = ["a", "bb", "c"].iter().map(|text| text.as_bytes().to_vec()).collect();
        assert_eq!(in_columns(&lines, 6), b"a   c   \nbb  \n");
        assert_eq!(in_columns(&[], 79), b"");
        assert_eq!(in_columns(&lines, 1), b"a \nbb\nc \n");
    }

    #[test]
    fn percents_have_as_many_digits_as_perl_gives_them() {
        let quota = |used: &str, limit: &str| quota(&("STORAGE".into(), used.into(), limit.into()));
        assert_eq!(quota("0", "100"), " STORAGE 0/100 (0%)");
        assert_eq!(quota("1", "3"), " STORAGE 1/3 (33.3333333333333%)");
        assert_eq!(quota("131", "5000"), " STORAGE 131/5000 (2.62%)");
        assert_eq!(quota("5", "0"), " STORAGE 5/0");
    }

    #[test]
    fn metadata_is_shown_by_mailbox_and_scope() {
        let mut found = Metadata::new();
        take_metadata(b"user.a (/shared/x \"1\" /private/comment NIL /private/b NIL)", &mut found);
        take_metadata(b"\"\" (/shared/motd {2}\r\nhi)", &mut found);
        take_metadata(b"broken", &mut found);
        let text = "{Server Wide}\n  shared:\n    motd: hi\n{user.a}:\n  private:\n    b: NIL\n    \
                    comment: NIL \n  shared:\n    x: 1\n";
        assert_eq!(String::from_utf8_lossy(&metadata(&found)), text);
    }
}
