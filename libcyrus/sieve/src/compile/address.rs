//! Is a string an address of RFC 5321's kind, as C's little address grammar sees it? C: addr.y, addr-lex.l
//!
//! `local@domain` or `phrase <local@domain>`; the local part is words with dots between, a word is an atom or a quoted
//! string that is not empty, the domain is atoms or one-piece literals with dots between. Comments are skipped; what
//! follows a broken or unopened comment is not looked at. An atom is anything without `()<>@,;:\".[]`, space, CR, LF.
//!
//! C's scanner keeps its place inside quotes or brackets from one address to the next when one is refused there, so
//! that later good addresses of the same script are refused too: `Addresses` keeps that state for one script.

/// Reads the addresses of one script.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    inside: Inside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    Quotes,
    Brackets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Atom,
    Quoted,
    Literal,
    Byte(u8),
    End,
}

struct Scanner<'a> {
    rest: &'a [u8],
    inside: Inside,
}

impl Scanner<'_> {
    /// The longest run of `[^ends\\]` and `\\.`.
    fn run(&mut self, ends: &[u8]) -> usize {
        let mut length = 0;
        loop {
            match self.rest.get(length..).unwrap_or_default() {
                [b'\\', byte, ..] if *byte != b'\n' => length += 2,
                [byte, ..] if *byte != b'\\' && !ends.contains(byte) => length += 1,
                _ => return length,
            }
        }
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn enclosed(&mut self, ends: &[u8], close: u8, piece: Piece) -> Piece {
        loop {
            let length = self.run(ends);
            match self.rest.first() {
                None => {
                    self.inside = Inside::Nothing;
                    return Piece::End;
                }
                Some(_) if length > 0 => {
                    self.skip(length);
                    return piece;
                }
                Some(byte) if *byte == close => {
                    self.inside = Inside::Nothing;
                    self.skip(1);
                    return Piece::Byte(close);
                }
                // Any other end is passed over.
                Some(_) => self.skip(1),
            }
        }
    }

    fn next(&mut self) -> Piece {
        match self.inside {
            Inside::Quotes => return self.enclosed(b"\n\r\"", b'"', Piece::Quoted),
            Inside::Brackets => return self.enclosed(b"[]\n\r", b']', Piece::Literal),
            Inside::Nothing => {}
        }
        loop {
            let atom = |byte: &&u8| !b"()<>@,;:\\\".[] \n\r".contains(byte);
            let length = self.rest.iter().take_while(atom).count();
            if length > 0 {
                self.skip(length);
                return Piece::Atom;
            }
            let Some(&byte) = self.rest.first() else { return Piece::End };
            self.skip(1);
            match byte {
                b' ' | b'\n' | b'\r' => {}
                b'(' => {
                    if !self.comment() {
                        return Piece::End;
                    }
                }
                b')' => return Piece::End,
                b'"' => {
                    self.inside = Inside::Quotes;
                    return Piece::Byte(byte);
                }
                b'[' => {
                    self.inside = Inside::Brackets;
                    return Piece::Byte(byte);
                }
                byte => return Piece::Byte(byte),
            }
        }
    }

    /// Skips to the end of a comment; false: it has none.
    fn comment(&mut self) -> bool {
        let mut open = 1;
        loop {
            match *self.rest {
                [b'\\', byte, ..] if byte != b'\n' => self.skip(1),
                [b'(', ..] => open += 1,
                [b')', ..] => open -= 1,
                [] => return false,
                _ => {}
            }
            self.skip(1);
            if open == 0 {
                return true;
            }
        }
    }
}

impl Addresses {
    /// Is it an address?
    pub(super) fn accept(&mut self, text: &[u8]) -> bool {
        let mut scanner = Scanner { rest: text, inside: self.inside };
        let accepted = address(&mut scanner).is_some();
        self.inside = scanner.inside;
        accepted
    }
}

/// A word whose first piece has been read.
fn word(scanner: &mut Scanner<'_>, first: Piece) -> Option<()> {
    match first {
        Piece::Atom => Some(()),
        Piece::Byte(b'"') => {
            let quoted = scanner.next() == Piece::Quoted && scanner.next() == Piece::Byte(b'"');
            quoted.then_some(())
        }
        _ => None,
    }
}

fn address(scanner: &mut Scanner<'_>) -> Option<()> {
    let first = scanner.next();
    word(scanner, first)?;
    match scanner.next() {
        after @ Piece::Byte(b'.' | b'@') => (after_local_word(scanner, after)? == Piece::End).then_some(()),
        mut piece => {
            while piece != Piece::Byte(b'<') {
                word(scanner, piece)?;
                piece = scanner.next();
            }
            let first = scanner.next();
            word(scanner, first)?;
            let after = scanner.next();
            (after_local_word(scanner, after)? == Piece::Byte(b'>') && scanner.next() == Piece::End)
                .then_some(())
        }
    }
}

/// The rest of an address from the piece after the first word; the piece after the domain.
fn after_local_word(scanner: &mut Scanner<'_>, mut piece: Piece) -> Option<Piece> {
    while piece == Piece::Byte(b'.') {
        let next = scanner.next();
        word(scanner, next)?;
        piece = scanner.next();
    }
    if piece != Piece::Byte(b'@') {
        return None;
    }
    loop {
        match scanner.next() {
            Piece::Atom => {}
            Piece::Byte(b'[') if scanner.next() == Piece::Literal && scanner.next() == Piece::Byte(b']') => {}
            _ => return None,
        }
        match scanner.next() {
            Piece::Byte(b'.') => {}
            after => return Some(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Addresses;

    #[test]
    fn addresses_are_told_from_others() {
        let good: [&[u8]; 9] = [
            b"a@b",
            b"a.b@c.d",
            b"\"a b\".c@d",
            b"Ann Doe <ann@example.org>",
            b"\"Doe, Ann\" <ann@[10.0.0.1]>",
            b"a (comment (nested)) @ b",
            b"a@b (open",
            b"a@b) rest",
            b"\xc3\xa9@b",
        ];
        for text in good {
            assert!(Addresses::default().accept(text), "{}", String::from_utf8_lossy(text));
        }
        let bad: [&[u8]; 12] = [
            b"", b"a", b"a@", b"@b", b"a@b.", b"<a@b>", b"a b@c", b"\"\"@b", b"a@b c@d", b"a@\"b\"",
            b"x <a@b", b"a@[]",
        ];
        for text in bad {
            assert!(!Addresses::default().accept(text), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_refusal_inside_quotes_spoils_the_next_address() {
        let mut addresses = Addresses::default();
        assert!(!addresses.accept(b"a@\"b\""));
        assert!(!addresses.accept(b"a@b"));
    }
}
