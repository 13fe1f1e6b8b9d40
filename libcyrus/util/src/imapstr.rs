//! Strings as IMAP prints them: atom, quoted, literal (RFC 3501 4).

/// Longest string printed in quotes.
const QUOTED_MAX: usize = 1024;

/// How a string may be printed at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it stands.
    Atom,
    /// Between double quotes, nothing to escape.
    Quoted,
    /// With a length in front.
    Literal,
}

/// The shortest form C uses. C: imparse_isatom(), prot_printmap()
#[must_use]
pub fn form(text: &[u8]) -> Form {
    if !text.is_empty()
        && text.len() < QUOTED_MAX
        && text.iter().all(|&byte| is_atom_byte(byte))
        && text != b"NIL"
    {
        Form::Atom
    } else if text.len() < QUOTED_MAX && text.iter().all(|&byte| is_quotable(byte)) {
        Form::Quoted
    } else {
        Form::Literal
    }
}

/// Whether a byte may stand in an atom as C prints it: 0x1F and up, without DEL, 8-bit and
/// `SP { ( ) " % * \`.
#[must_use]
pub fn is_atom_byte(byte: u8) -> bool {
    (0x1f..0x7f).contains(&byte) && !b" {()\"%*\\".contains(&byte)
}

fn is_quotable(byte: u8) -> bool {
    byte < 0x80 && !b"\0\r\n\"%\\".contains(&byte)
}

/// Appends an astring: atom, quoted or literal.
pub fn put_astring(out: &mut Vec<u8>, text: &[u8]) {
    match form(text) {
        Form::Atom => out.extend_from_slice(text),
        Form::Quoted => put_quoted(out, text),
        Form::Literal => put_literal(out, text),
    }
}

/// As [`put_astring`] with non-synchronising literals, `{n+}`, as databases and clients have them.
pub fn put_astring_plus(out: &mut Vec<u8>, text: &[u8]) {
    match form(text) {
        Form::Literal => {
            out.extend_from_slice(format!("{{{}+}}\r\n", text.len()).as_bytes());
            out.extend_from_slice(text);
        }
        Form::Atom | Form::Quoted => put_astring(out, text),
    }
}

/// Appends a string that is never an atom: quoted or literal.
pub fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    match form(text) {
        Form::Atom | Form::Quoted => put_quoted(out, text),
        Form::Literal => put_literal(out, text),
    }
}

/// Appends a string, or `NIL` for none.
pub fn put_nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Appends `{n}` CRLF and the bytes.
pub fn put_literal(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text);
}

fn put_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &[u8]) {
        let mut out = Vec::new();
        put_astring(&mut out, input);
        assert_eq!(out, expected);
    }

    #[test]
    fn the_shortest_form_is_printed() {
        check(b"INBOX", b"INBOX");
        check(b"", b"\"\"");
        check(b"NIL", b"\"NIL\"");
        check(b"a b", b"\"a b\"");
        check(b"a%b", b"{3}\r\na%b");
        check(b"a\"b", b"{3}\r\na\"b");
        check(b"user\x1fann", b"user\x1fann");
        check(b"ex.org\x1duser", b"\"ex.org\x1duser\"");
        check(b"\xff", b"{1}\r\n\xff");
        check(&[b'x'; 1024], &[b"{1024}\r\n".as_slice(), &[b'x'; 1024]].concat());
    }
}
