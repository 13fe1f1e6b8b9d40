//! The octets between DATA and its end (RFC 2821 4.5.2), as they arrive in pieces.
//!
//! The data end at CRLF "." CRLF and nowhere else: a dot beside a bare LF is content, whatever the
//! peer meant by it. Line ends are made CRLF (a bare LF becomes one, a lone CR is dropped), as C
//! does; NUL is dropped and reported, so that the message can be refused.

/// Undoes dot-stuffing and finds the end; see the module.
#[derive(Debug, Default)]
pub struct Unstuffer {
    state: State,
    /// A NUL was met.
    pub saw_nul: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Behind CRLF, or at the first octet.
    #[default]
    LineStart,
    /// A dot stands at the start of the line.
    Dot,
    /// A dot and a CR stand there.
    DotCr,
    /// In a line.
    Line,
    /// A CR is held back.
    Cr,
    /// CRLF "." CRLF was met.
    End,
}

impl Unstuffer {
    /// Whether the end was met.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.state == State::End
    }

    /// Takes octets, appends the content to `out`, and tells how many it used: fewer than given
    /// only when the end was met among them.
    pub fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while let Some(&octet) = input.get(at) {
            match (self.state, octet) {
                (State::End, _) => break,
                (State::LineStart, b'.') => self.state = State::Dot,
                (State::Dot, b'\r') => self.state = State::DotCr,
                (State::DotCr, b'\n') => self.state = State::End,
                // The dot was stuffed, or stands before a lone CR: it goes, the octet is content.
                (State::Dot | State::DotCr | State::LineStart, _) => {
                    self.state = State::Line;
                    continue;
                }
                (State::Cr, b'\n') => {
                    out.extend_from_slice(b"\r\n");
                    self.state = State::LineStart;
                }
                (State::Cr, b'\r') => {}
                (State::Cr, _) => {
                    self.state = State::Line;
                    continue;
                }
                (State::Line, b'\r') => self.state = State::Cr,
                (State::Line, b'\n') => out.extend_from_slice(b"\r\n"),
                (State::Line, 0) => self.saw_nul = true,
                (State::Line, _) => {
                    let rest = input.get(at..).unwrap_or(&[]);
                    let run = special(rest).unwrap_or(rest.len());
                    out.extend_from_slice(rest.get(..run).unwrap_or(rest));
                    at += run;
                    continue;
                }
            }
            at += 1;
        }
        at
    }
}

/// Where the next octet that needs a look stands.
fn special(text: &[u8]) -> Option<usize> {
    let line = memchr::memchr2(b'\r', b'\n', text);
    let bound = line.unwrap_or(text.len());
    memchr::memchr(0, text.get(..bound).unwrap_or(text)).or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole at once, and octet by octet, must agree.
    fn check(input: &[u8], content: &[u8], left: Option<&[u8]>) {
        let mut unstuffer = Unstuffer::default();
        let mut out = Vec::new();
        let used = unstuffer.take(input, &mut out);
        assert_eq!(out, content, "{:?}", String::from_utf8_lossy(input));
        assert_eq!(unstuffer.is_at_end().then(|| &input[used..]), left);
        let mut unstuffer = Unstuffer::default();
        let mut piecewise = Vec::new();
        for octet in input {
            if unstuffer.is_at_end() {
                break;
            }
            unstuffer.take(&[*octet], &mut piecewise);
        }
        assert_eq!(piecewise, content);
    }

    #[test]
    fn the_data_end_at_crlf_dot_crlf() {
        check(b"a\r\n.\r\nQUIT", b"a\r\n", Some(b"QUIT"));
        check(b".\r\n", b"", Some(b""));
    }

    #[test]
    fn no_other_dot_ends_them() {
        check(b"a\n.\nb\r\n", b"a\r\n.\r\nb\r\n", None);
        check(b"a\n.\r\nb", b"a\r\n.\r\nb", None);
        check(b"a\r\n.\nb", b"a\r\n\r\nb", None);
        check(b"a\r\n.\r.\r\n", b"a\r\n.\r\n", None);
        check(b"a\r.\r\n", b"a.\r\n", None);
    }

    #[test]
    fn stuffed_dots_are_undone_and_line_ends_mended() {
        check(b"..\r\n.x\r\n", b".\r\nx\r\n", None);
        check(b"a\r\r\nb\rc\n", b"a\r\nbc\r\n", None);
    }

    #[test]
    fn nul_is_reported() {
        let mut unstuffer = Unstuffer::default();
        let mut out = Vec::new();
        unstuffer.take(b"a\0b", &mut out);
        assert!(unstuffer.saw_nul);
        assert_eq!(out, b"ab");
    }
}
