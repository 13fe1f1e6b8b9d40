//! A message as RETR and TOP send it: dots doubled, a line end at its end, then a dot (RFC 1939 3).

use memchr::memmem;

/// How much of a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The header, the line between, and so many lines of the body.
    Top(u32),
}

/// The octets of `message` that `part` means.
#[must_use]
pub fn cut(message: &[u8], part: Part) -> &[u8] {
    let Part::Top(lines) = part else { return message };
    let Some(header) = header_end(message) else { return message };
    let mut at = header;
    for _ in 0..lines {
        match memchr::memchr(b'\n', message.get(at..).unwrap_or_default()) {
            Some(n) => at += n + 1,
            None => return message,
        }
    }
    message.get(..at).unwrap_or(message)
}

/// Behind the first line that begins with CRLF.
fn header_end(message: &[u8]) -> Option<usize> {
    if message.starts_with(b"\r\n") {
        return Some(2);
    }
    memmem::find(message, b"\n\r\n").map(|at| at + 3)
}

/// Hands `message` to `write` piece by piece, every dot at the start of a line doubled.
pub fn stuffed<'m>(message: &'m [u8], mut write: impl FnMut(&'m [u8])) {
    let mut rest = message;
    if rest.first() == Some(&b'.') {
        write(b".");
    }
    let mut from = 0;
    while let Some(at) = memmem::find(rest.get(from..).unwrap_or_default(), b"\n.") {
        let cut = from + at + 1;
        write(rest.get(..cut).unwrap_or_default());
        write(b".");
        rest = rest.get(cut..).unwrap_or_default();
        // The dot itself begins the rest and was dealt with.
        from = 0;
    }
    write(rest);
    if !message.is_empty() && !message.ends_with(b"\n") {
        write(b"\r\n");
    }
    write(b".\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(message: &[u8], part: Part) -> Vec<u8> {
        let mut out = Vec::new();
        stuffed(cut(message, part), |piece| out.extend_from_slice(piece));
        out
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(sent(b".a\r\nb.\r\n..\r\n.\r\n", Part::Whole), b"..a\r\nb.\r\n...\r\n..\r\n.\r\n");
        assert_eq!(sent(b"no end", Part::Whole), b"no end\r\n.\r\n");
        assert_eq!(sent(b"", Part::Whole), b".\r\n");
    }

    #[test]
    fn top_counts_lines_of_the_body() {
        let message = b"A: 1\r\nB: 2\r\n\r\none\r\n.two\r\nthree";
        assert_eq!(sent(message, Part::Top(0)), b"A: 1\r\nB: 2\r\n\r\n.\r\n");
        assert_eq!(sent(message, Part::Top(2)), b"A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n.\r\n");
        assert_eq!(sent(message, Part::Top(9)), b"A: 1\r\nB: 2\r\n\r\none\r\n..two\r\nthree\r\n.\r\n");
        assert_eq!(sent(b"A: 1\r\n", Part::Top(0)), b"A: 1\r\n.\r\n");
        assert_eq!(sent(b"\r\nx\r\ny\r\n", Part::Top(1)), b"\r\nx\r\n.\r\n");
    }
}
