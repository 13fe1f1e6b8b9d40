//! Reverse and forward paths of MAIL and RCPT (RFC 2033, RFC 2821 4.1.2), as liberal as C.

/// A path `<...>` and what follows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// Angle brackets included; eight-bit octets of the local part are `X` already.
    pub path: Vec<u8>,
    /// The rest of the line: empty, or a space and parameters.
    pub rest: &'a [u8],
}

impl Path<'_> {
    /// Without its brackets and source route: `local@domain`, `local`, or nothing for `<>`.
    #[must_use]
    pub fn mailbox(&self) -> &[u8] {
        let inner = self.path.strip_prefix(b"<").unwrap_or(&self.path);
        let inner = inner.strip_suffix(b">").unwrap_or(inner);
        match inner.first() {
            Some(b'@') => {
                inner.iter().position(|&b| b == b':').and_then(|at| inner.get(at + 1..)).unwrap_or(&[])
            }
            _ => inner,
        }
    }
}

/// Parses a path at the start of `text`. With `strict` (option `lmtp_strict_rfc2821`) an eight-bit
/// local part is refused, else each such octet becomes `X` so that no bounce goes to a stranger.
#[must_use]
pub fn parse(text: &[u8], strict: bool) -> Option<Path<'_>> {
    let mut path = Vec::with_capacity(text.len().min(256));
    let mut at = 0;
    let peek = |at: usize| text.get(at).copied();
    let mut take = |at: usize, octet: u8| {
        path.push(octet);
        at + 1
    };
    if peek(at) != Some(b'<') {
        return None;
    }
    at = take(at, b'<');
    while peek(at) == Some(b'@') {
        at = take(at, b'@');
        let end = domain_end(text, at)?;
        while at < end {
            at = take(at, peek(at)?);
        }
        match (peek(at), peek(at + 1)) {
            (Some(b','), Some(b'@')) => at = take(at, b','),
            (Some(b':'), next) if next != Some(b'@') => at = take(at, b':'),
            _ => return None,
        }
    }
    if peek(at) == Some(b'"') {
        at = take(at, b'"');
        loop {
            match peek(at)? {
                b'"' => break,
                b'\\' => {
                    at = take(at, b'\\');
                    at = take(at, peek(at)?);
                }
                octet => at = take(at, octet),
            }
        }
        at = take(at, b'"');
    } else {
        loop {
            match peek(at) {
                None | Some(b'@' | b'>') => break,
                Some(b'\\') => {
                    at = take(at, b'\\');
                    at = take(at, peek(at)?);
                }
                Some(0x80..) if !strict => at = take(at, b'X'),
                Some(octet) if octet <= b' ' || octet >= 0x80 || b"<>()[]\\,;:\"".contains(&octet) => {
                    return None;
                }
                Some(octet) => at = take(at, octet),
            }
        }
    }
    if peek(at) == Some(b'@') {
        at = take(at, b'@');
        let end = domain_end(text, at)?;
        while at < end {
            at = take(at, peek(at)?);
        }
    }
    if peek(at) != Some(b'>') {
        return None;
    }
    at = take(at, b'>');
    let rest = text.get(at..).unwrap_or(&[]);
    matches!(rest.first(), None | Some(b' ')).then_some(Path { path, rest })
}

/// Where a domain or an address literal `[1.2.3.4]` that starts at `at` ends.
fn domain_end(text: &[u8], at: usize) -> Option<usize> {
    let tail = text.get(at..)?;
    let run =
        |skip: usize, fits: fn(u8) -> bool| skip + tail.iter().skip(skip).take_while(|&&b| fits(b)).count();
    if tail.first() == Some(&b'[') {
        let end = run(1, |b| b.is_ascii_digit() || b == b'.');
        return (tail.get(end) == Some(&b']')).then_some(at + end + 1);
    }
    Some(at + run(0, |b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: Option<(&[u8], &[u8], &[u8])>) {
        let got = parse(text, false);
        let shown = got.as_ref().map(|p| (p.path.as_slice(), p.mailbox(), p.rest));
        assert_eq!(shown, expected, "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn paths_are_taken_with_routes_quotes_and_literals() {
        check(b"<>", Some((b"<>", b"", b"")));
        check(b"<ann@example.org> SIZE=1", Some((b"<ann@example.org>", b"ann@example.org", b" SIZE=1")));
        check(b"<@a.b,@c:ann@d>", Some((b"<@a.b,@c:ann@d>", b"ann@d", b"")));
        check(
            b"<\"a \\\" b\"@[127.0.0.1]>",
            Some((b"<\"a \\\" b\"@[127.0.0.1]>", b"\"a \\\" b\"@[127.0.0.1]", b"")),
        );
        check(b"<\xe4x@d>", Some((b"<Xx@d>", b"Xx@d", b"")));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            &b""[..],
            b"ann@d",
            b"<ann@d",
            b"<a b@d>",
            b"<ann@d>x",
            b"<\"open@d>",
            b"<ann@[1.2>",
            b"<@a ann@d>",
            b"<a\\",
        ] {
            check(text, None);
        }
        assert_eq!(parse(b"<\xe4x@d>", true), None);
    }
}
