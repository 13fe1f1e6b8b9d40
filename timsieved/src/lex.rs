//! Octets to tokens, one at a time, as C's lexer takes them (RFC 5804 4, in parts).
//!
//! After something it does not understand the lexer is *recovering*: the next token is the first one
//! behind the next LF. Literals are non-synchronizing (`{n+}`) only; one that is longer than
//! `sieve_maxscriptsize` is read and thrown away. Memory grows with what was received.

/// Where octets come from: the connection, or a slice in tests.
pub trait Source {
    /// Why there are no more.
    type Error;

    /// The next octet without taking it; `None` when the peer is gone.
    ///
    /// # Errors
    /// When the session must end.
    fn peek(&mut self) -> Result<Option<u8>, Self::Error>;

    /// Takes the octet that `peek` showed.
    fn bump(&mut self);

    /// Takes up to `most` octets that are there already, at least one; hands them to `sink`. False
    /// when the peer is gone.
    ///
    /// # Errors
    /// When the session must end.
    fn take(&mut self, most: u64, sink: &mut dyn FnMut(&[u8])) -> Result<u64, Self::Error>;
}

/// The commands there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the command of its name")]
pub enum Verb {
    Authenticate,
    Capability,
    CheckScript,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    Logout,
    Noop,
    PutScript,
    RenameScript,
    SetActive,
    StartTls,
    Unauthenticate,
}

impl Verb {
    /// The command of a word in lower case.
    fn of(word: &[u8], has_tls: bool) -> Option<Self> {
        Some(match word {
            b"authenticate" => Self::Authenticate,
            b"capability" => Self::Capability,
            b"checkscript" => Self::CheckScript,
            b"deletescript" => Self::DeleteScript,
            b"getscript" => Self::GetScript,
            b"havespace" => Self::HaveSpace,
            b"listscripts" => Self::ListScripts,
            b"logout" => Self::Logout,
            b"noop" => Self::Noop,
            b"putscript" => Self::PutScript,
            b"renamescript" => Self::RenameScript,
            b"setactive" => Self::SetActive,
            b"starttls" if has_tls => Self::StartTls,
            b"unauthenticate" => Self::Unauthenticate,
            _ => return None,
        })
    }
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// The word of a command.
    Verb(Verb),
    /// A quoted string or a literal.
    String(Vec<u8>),
    /// A number.
    Number(u64),
    /// CRLF, or LF alone.
    Eol,
    /// A blank.
    Space,
    /// Any other octet.
    Other(u8),
    /// Not understood; the lexer is recovering.
    Bad,
    /// The peer is gone.
    Eof,
}

/// The longest that a token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `sieve_maxscriptsize`, octets.
    pub script_octets: u64,
    /// Whether STARTTLS is a command here.
    pub has_tls: bool,
}

/// The lexer's state between tokens.
#[derive(Debug)]
pub struct Lexer {
    limits: Limits,
    is_recovering: bool,
}

impl Lexer {
    /// At the beginning of a connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, is_recovering: false }
    }

    /// The longest script, octets.
    #[must_use]
    pub fn script_octets(&self) -> u64 {
        self.limits.script_octets
    }

    /// Lets the next token be the first one behind the next LF. C: lex_setrecovering()
    pub fn recover(&mut self) {
        self.is_recovering = true;
    }

    /// The next token. C: timlex()
    ///
    /// # Errors
    /// As the source.
    pub fn token<S: Source>(&mut self, source: &mut S) -> Result<Token, S::Error> {
        while self.is_recovering {
            let Some(octet) = source.peek()? else { return Ok(Token::Eof) };
            source.bump();
            self.is_recovering = octet != b'\n';
        }
        let Some(first) = source.peek()? else { return Ok(Token::Eof) };
        if first.is_ascii_alphabetic() {
            return self.word(source);
        }
        source.bump();
        Ok(match first {
            b'0'..=b'9' => return self.number(source, first),
            b'"' => return self.quoted(source),
            b'{' => return self.literal(source),
            b' ' => Token::Space,
            b'\n' => Token::Eol,
            b'\r' => match source.peek()? {
                None => Token::Eof,
                Some(b'\n') => {
                    source.bump();
                    Token::Eol
                }
                Some(_) => self.bad(),
            },
            other => Token::Other(other),
        })
    }

    fn bad(&mut self) -> Token {
        self.is_recovering = true;
        Token::Bad
    }

    /// Whether a word or quoted string may get another octet: C's buffer has room for the longest
    /// script less ten.
    fn has_room(&self, word: &[u8]) -> bool {
        (word.len() as u64) < self.limits.script_octets.saturating_sub(10)
    }

    fn word<S: Source>(&mut self, source: &mut S) -> Result<Token, S::Error> {
        let mut word = Vec::new();
        loop {
            let Some(octet) = source.peek()? else { return Ok(Token::Eof) };
            if !octet.is_ascii_alphabetic() {
                let verb = Verb::of(&word, self.limits.has_tls);
                return Ok(verb.map_or_else(|| self.bad(), Token::Verb));
            }
            if !word.is_empty() && !self.has_room(&word) {
                return Ok(self.bad());
            }
            source.bump();
            word.push(octet.to_ascii_lowercase());
        }
    }

    fn number<S: Source>(&mut self, source: &mut S, first: u8) -> Result<Token, S::Error> {
        let mut number = u64::from(first - b'0');
        loop {
            let Some(octet) = source.peek()? else { return Ok(Token::Eof) };
            if !octet.is_ascii_digit() {
                return Ok(Token::Number(number));
            }
            match append(number, octet) {
                Some(longer) => number = longer,
                None => return Ok(self.bad()),
            }
            source.bump();
        }
    }

    fn quoted<S: Source>(&mut self, source: &mut S) -> Result<Token, S::Error> {
        let mut text = Vec::new();
        loop {
            let Some(mut octet) = source.peek()? else { return Ok(Token::Eof) };
            if octet == b'"' {
                source.bump();
                return Ok(Token::String(text));
            }
            if matches!(octet, b'\0' | b'\r' | b'\n' | 0x80..) || !self.has_room(&text) {
                return Ok(self.bad());
            }
            source.bump();
            if octet == b'\\' {
                octet = match source.peek()? {
                    None => return Ok(Token::Eof),
                    Some(escaped @ (b'"' | b'\\')) => escaped,
                    Some(_) => return Ok(self.bad()),
                };
                source.bump();
            }
            text.push(octet);
        }
    }

    fn literal<S: Source>(&mut self, source: &mut S) -> Result<Token, S::Error> {
        let mut size = 0_u64;
        loop {
            let Some(octet) = source.peek()? else { return Ok(Token::Eof) };
            if !octet.is_ascii_digit() {
                break;
            }
            match append(size, octet) {
                Some(longer) => size = longer,
                None => return Ok(self.bad()),
            }
            source.bump();
        }
        for expected in *b"+}\r\n" {
            match source.peek()? {
                Some(octet) if octet == expected => source.bump(),
                None if expected == b'+' => return Ok(Token::Eof),
                _ => return Ok(self.bad()),
            }
        }
        let is_wanted = size <= self.limits.script_octets;
        let mut text = Vec::new();
        let mut left = size;
        while left > 0 {
            let taken = source.take(left, &mut |piece| {
                if is_wanted {
                    text.extend_from_slice(piece);
                }
            })?;
            if taken == 0 {
                break;
            }
            left = left.saturating_sub(taken);
        }
        if is_wanted { Ok(Token::String(text)) } else { Ok(self.bad()) }
    }
}

/// Another digit; `None` when C sees that the sum is smaller.
fn append(number: u64, digit: u8) -> Option<u64> {
    let longer = number.wrapping_mul(10).wrapping_add(u64::from(digit.saturating_sub(b'0')));
    (longer >= number).then_some(longer)
}

/// A slice as a source: all that a peer sent before it went.
#[derive(Clone, Copy, Debug)]
pub struct Octets<'a>(pub &'a [u8]);

impl Source for Octets<'_> {
    type Error = std::convert::Infallible;

    fn peek(&mut self) -> Result<Option<u8>, Self::Error> {
        Ok(self.0.first().copied())
    }

    fn bump(&mut self) {
        self.0 = self.0.get(1..).unwrap_or_default();
    }

    fn take(&mut self, most: u64, sink: &mut dyn FnMut(&[u8])) -> Result<u64, Self::Error> {
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        sink(piece);
        self.0 = rest;
        Ok(length as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<Token> {
        let mut lexer = Lexer::new(Limits { script_octets: 64, has_tls: false });
        let mut source = Octets(text);
        let mut found = Vec::new();
        loop {
            match lexer.token(&mut source) {
                Ok(Token::Eof) => return found,
                Ok(token) => found.push(token),
                Err(never) => match never {},
            }
        }
    }

    fn string(text: &str) -> Token {
        Token::String(text.as_bytes().to_vec())
    }

    #[test]
    fn a_command_is_a_word_with_strings() {
        let put = Token::Verb(Verb::PutScript);
        let expected = [put, Token::Space, string("a\"b"), Token::Space, string("keep;"), Token::Eol];
        assert_eq!(tokens(b"putScript \"a\\\"b\" {5+}\r\nkeep;\r\n"), expected);
        assert_eq!(
            tokens(b"12 \n=*"),
            [Token::Number(12), Token::Space, Token::Eol, Token::Other(b'='), Token::Other(b'*')]
        );
    }

    #[test]
    fn what_is_not_understood_ends_with_the_line() {
        let noop = Token::Verb(Verb::Noop);
        for bad in [
            b"frob \"x\"\r\n".as_slice(),
            b"starttls\r\n",
            b"{5}\r\n",
            b"\"\xc3\xa9\"\r\n",
            b"\"a\\b\"\r\n",
            b"\rx\n",
            b"{999+}\r\n",
            b"{99999999999999999999999+}\r\n",
        ] {
            let mut text = bad.to_vec();
            if bad == b"{999+}\r\n" {
                text.extend_from_slice(&[b'x'; 999]);
                text.push(b'\n');
            }
            text.extend_from_slice(b"noop\n");
            let found = tokens(&text);
            assert_eq!(found.first(), Some(&Token::Bad), "{}", bad.escape_ascii());
            assert_eq!(found.get(1), Some(&noop), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn an_announced_size_reserves_nothing() {
        let mut lexer = Lexer::new(Limits { script_octets: u64::MAX, has_tls: false });
        let mut source = Octets(b"{18446744073709551615+}\r\nabc");
        assert_eq!(lexer.token(&mut source), Ok(string("abc")));
    }
}
