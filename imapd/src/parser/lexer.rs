//! Bytes to tokens: words, astrings, numbers, literals (RFC 3501 9, C: imapparse.c).
//!
//! The lexer reads as little as it needs: a synchronising literal is asked for with
//! `+ go ahead` only when the grammar has come to it, and grows with the octets received.
//! Every token leaves its delimiter unread, so `peek` tells what stands behind it.

use std::io;

/// Where the octets come from; the connection in the server, a slice in the tests.
pub trait Source {
    /// Octets received and not yet consumed, waiting for some when there are none.
    /// An empty slice means that the peer is gone.
    ///
    /// # Errors
    /// What reading from the peer gives, a timeout included.
    fn fill(&mut self) -> io::Result<&[u8]>;
    /// Drops the first `n` octets of what [`Source::fill`] showed.
    fn consume(&mut self, n: usize);
    /// Sends `+ go ahead` and flushes.
    ///
    /// # Errors
    /// What writing to the peer gives.
    fn go_ahead(&mut self) -> io::Result<()>;
}

/// Bounds of one token (options `maxword`, `maxquoted`, `maxliteral`, `maxargssize`, `literalminus`); 0 is no bound.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "one rule of the configuration each")]
pub struct Limits {
    /// Octets of an unquoted word.
    pub word_octets: usize,
    /// Octets of a quoted string.
    pub quoted_octets: usize,
    /// Octets of a literal that is not a message.
    pub literal_octets: usize,
    /// Octets of all arguments of one command together.
    pub arguments_octets: usize,
    /// Non-synchronising literals are held to 4096 octets (RFC 7888 LITERAL-).
    pub literal_minus: bool,
    /// LOGIN will be refused for want of a layer: its password is not asked for.
    pub login_needs_layer: bool,
    /// Conversations are kept: FETCH knows their items.
    pub conversations: bool,
    /// QRESYNC is on: SELECT and UID FETCH know its parameters.
    pub qresync: bool,
    /// Option `allowdeleted`: SELECT may ask for expunged messages.
    pub allow_deleted: bool,
}

/// Why the conversation cannot go on.
#[derive(Debug)]
pub enum Stop {
    /// The peer closed the connection.
    Eof,
    /// Reading or writing failed.
    Io(io::Error),
    /// The peer sent what ends the session; the text goes into `* BYE Fatal error: ...`.
    Fatal(&'static str),
    /// The selected mailbox is gone and the session ends with it.
    Gone,
    /// The peer sent more than the server takes; the text goes into `* BYE ...`.
    TooMuch(&'static str),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why a command was refused before it was run.
#[derive(Debug)]
pub enum Bad {
    /// `BAD Missing required argument to <command>`
    Missing,
    /// `BAD Unexpected extra arguments to <command>`
    Extra,
    /// `BAD Invalid sequence in <command>`
    Sequence,
    /// `BAD Invalid partition name in <command>`
    Partition,
    /// `BAD <text>`
    Text(Vec<u8>),
    /// `NO [TOOBIG] ...`: a literal or all arguments together are larger than the server takes.
    TooBig,
    /// `NO Login only available under a layer`, said before a password is sent in the clear.
    NeedsLayer,
    /// Nothing can be said any more.
    Stop(Stop),
}

impl From<Stop> for Bad {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<io::Error> for Bad {
    fn from(error: io::Error) -> Self {
        Self::Stop(Stop::Io(error))
    }
}

impl Bad {
    /// Where the sentence names another command than the loop would.
    #[must_use]
    pub fn of(self, command: &str) -> Self {
        match self {
            Self::Missing => Self::text(format!("Missing required argument to {command}")),
            Self::Extra => Self::text(format!("Unexpected extra arguments to {command}")),
            other => other,
        }
    }

    /// A `BAD` with this sentence.
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().to_vec())
    }
}

/// A literal's head `{n}` or `{n+}`, read up to its line end; the octets are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiteralHead {
    /// Octets announced.
    pub octets: u64,
    /// The client waits for `+ go ahead`.
    pub synchronising: bool,
    /// `~{n}`: the octets may hold NUL (RFC 3516 literal8).
    pub binary: bool,
}

/// Reads one command.
pub struct Lexer<'a> {
    source: &'a mut dyn Source,
    limits: Limits,
    arguments_octets: usize,
    /// The line end of this command was consumed.
    at_end: bool,
}

/// Which forms of string a place in the grammar takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Astring,
    /// Quoted, literal or NIL; a literal may hold NUL.
    BinaryNstring,
    Nstring,
    Qstring,
    /// Quoted or literal.
    String,
}

impl<'a> Lexer<'a> {
    /// Starts at the first octet of a command.
    pub fn new(source: &'a mut dyn Source, limits: Limits) -> Self {
        Self { source, limits, arguments_octets: 0, at_end: false }
    }

    /// Whether a password sent now would be refused anyway.
    #[must_use]
    pub fn login_needs_layer(&self) -> bool {
        self.limits.login_needs_layer
    }

    /// Whether conversations are kept.
    #[must_use]
    pub fn has_conversations(&self) -> bool {
        self.limits.conversations
    }

    /// Whether expunged messages may be asked for.
    #[must_use]
    pub fn allows_deleted(&self) -> bool {
        self.limits.allow_deleted
    }

    /// Whether QRESYNC is on.
    #[must_use]
    pub fn has_qresync(&self) -> bool {
        self.limits.qresync
    }

    /// The next octet, unread; `None` when the peer is gone.
    ///
    /// # Errors
    /// As [`Source::fill`].
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.source.fill()?.first().copied())
    }

    /// Takes the next octet.
    ///
    /// # Errors
    /// As [`Source::fill`].
    pub fn take(&mut self) -> io::Result<Option<u8>> {
        let next = self.peek()?;
        if let Some(octet) = next {
            self.source.consume(1);
            self.at_end = octet == b'\n';
        }
        Ok(next)
    }

    /// Takes the next octet if it is `octet`.
    ///
    /// # Errors
    /// As [`Source::fill`].
    pub fn eat(&mut self, octet: u8) -> io::Result<bool> {
        if self.peek()? == Some(octet) {
            self.take()?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Takes a space, or refuses the command for want of an argument.
    ///
    /// # Errors
    /// [`Bad::Missing`] when there is none.
    pub fn space(&mut self) -> Result<(), Bad> {
        if self.eat(b' ')? { Ok(()) } else { Err(Bad::Missing) }
    }

    /// Takes the line end, or refuses what stands before it.
    ///
    /// # Errors
    /// [`Bad::Extra`] when something else stands there.
    pub fn end(&mut self) -> Result<(), Bad> {
        if self.at_eol()? { Ok(()) } else { Err(Bad::Extra) }
    }

    /// Takes CRLF or a bare LF; false, with a lone CR consumed, when neither stands there.
    ///
    /// # Errors
    /// As [`Source::fill`].
    pub fn at_eol(&mut self) -> io::Result<bool> {
        self.eat(b'\r')?;
        self.eat(b'\n')
    }

    /// Skips what is left of the command, non-synchronising literals included, so that the next
    /// octet is a tag (C: eatline()).
    ///
    /// # Errors
    /// [`Stop::Eof`] when the peer goes away meanwhile.
    pub fn eat_line(&mut self) -> Result<(), Stop> {
        let mut literal: Option<u64> = None;
        let mut closing = 0_u8; // how much of "+}\r" has been seen behind the digits
        while !self.at_end {
            let octet = self.take()?.ok_or(Stop::Eof)?;
            (literal, closing) = match (octet, literal, closing) {
                (b'{', ..) => (Some(0), 0),
                (b'0'..=b'9', Some(n), 0) => {
                    (Some(n.saturating_mul(10).saturating_add(u64::from(octet - b'0'))), 0)
                }
                (b'+', Some(n), 0) => (Some(n), 1),
                (b'}', Some(n), 1) => (Some(n), 2),
                (b'\r', Some(n), 2) => (Some(n), 3),
                (b'\n', Some(n), 2 | 3) => {
                    self.skip(n)?;
                    self.at_end = false;
                    (None, 0)
                }
                _ => (None, 0),
            };
        }
        Ok(())
    }

    /// Drops `octets` octets.
    ///
    /// # Errors
    /// [`Stop::Eof`] when the peer goes away meanwhile.
    pub fn skip(&mut self, mut octets: u64) -> Result<(), Stop> {
        while octets > 0 {
            let some = self.source.fill()?.len();
            if some == 0 {
                return Err(Stop::Eof);
            }
            let step = usize::try_from(octets).unwrap_or(usize::MAX).min(some);
            self.source.consume(step);
            octets -= step as u64;
        }
        Ok(())
    }

    /// A run of octets up to white space, a parenthesis or a double quote; may be empty (C: getword()).
    ///
    /// # Errors
    /// [`Stop::Fatal`] beyond `maxword`.
    pub fn word(&mut self) -> Result<Vec<u8>, Bad> {
        let mut word = Vec::new();
        loop {
            let bytes = self.source.fill()?;
            if bytes.is_empty() {
                break;
            }
            let length = bytes.iter().position(|&b| is_delimiter(b)).unwrap_or(bytes.len());
            word.extend_from_slice(bytes.get(..length).unwrap_or(bytes));
            let done = length < bytes.len();
            self.source.consume(length);
            if length > 0 {
                self.at_end = false;
            }
            if self.limits.word_octets > 0 && word.len() > self.limits.word_octets {
                return Err(Bad::Stop(Stop::TooMuch("[TOOBIG] Word too long")));
            }
            if done {
                break;
            }
        }
        self.charge(word.len())?;
        Ok(word)
    }

    /// A word in front of a literal; empty where the literal itself stands.
    ///
    /// # Errors
    /// As [`Lexer::word`].
    pub fn word_before_literal(&mut self) -> Result<Vec<u8>, Bad> {
        match self.peek()? {
            Some(b'~' | b'{') => Ok(Vec::new()),
            _ => self.word(),
        }
    }

    /// A word in upper case.
    ///
    /// # Errors
    /// As [`Lexer::word`].
    pub fn keyword(&mut self) -> Result<Vec<u8>, Bad> {
        let mut word = self.word()?;
        word.make_ascii_uppercase();
        Ok(word)
    }

    /// RFC 3501 astring, as liberal as C: `None` when none starts or ends properly here.
    ///
    /// # Errors
    /// Peer gone, or a bound passed.
    pub fn astring(&mut self) -> Result<Option<Vec<u8>>, Bad> {
        Ok(self.string(Form::Astring)?.flatten())
    }

    /// An astring where the command must have one.
    ///
    /// # Errors
    /// [`Bad::Missing`] when there is none.
    pub fn argument(&mut self) -> Result<Vec<u8>, Bad> {
        self.astring()?.ok_or(Bad::Missing)
    }

    /// RFC 3501 nstring: the outer `None` means none starts here, the inner one is NIL.
    ///
    /// # Errors
    /// Peer gone, or a bound passed.
    pub fn nstring(&mut self) -> Result<Option<Option<Vec<u8>>>, Bad> {
        self.string(Form::Nstring)
    }

    /// A quoted string only.
    ///
    /// # Errors
    /// Peer gone, or a bound passed.
    pub fn quoted_only(&mut self) -> Result<Option<Vec<u8>>, Bad> {
        Ok(self.string(Form::Qstring)?.flatten())
    }

    /// A quoted string or a literal, no atom.
    ///
    /// # Errors
    /// Peer gone, or a bound passed.
    pub fn string_only(&mut self) -> Result<Option<Vec<u8>>, Bad> {
        Ok(self.string(Form::String)?.flatten())
    }

    /// As [`Lexer::nstring`], with literals that may hold NUL.
    ///
    /// # Errors
    /// Peer gone, or a bound passed.
    pub fn binary_nstring(&mut self) -> Result<Option<Option<Vec<u8>>>, Bad> {
        self.string(Form::BinaryNstring)
    }

    fn string(&mut self, form: Form) -> Result<Option<Option<Vec<u8>>>, Bad> {
        match self.peek()? {
            None => Err(Bad::Stop(Stop::Eof)),
            Some(b'"') => Ok(self.quoted()?.map(Some)),
            Some(_) if form == Form::Qstring => Ok(None),
            Some(b'{') => Ok(self.literal(form == Form::BinaryNstring)?.map(Some)),
            Some(b'~') if form == Form::BinaryNstring => Ok(self.literal(true)?.map(Some)),
            Some(b' ' | b'(' | b')' | b'\r' | b'\n') => Ok(None),
            Some(_) if form == Form::String => Ok(None),
            Some(_) => {
                let word = self.word()?;
                match form {
                    Form::BinaryNstring | Form::Nstring if word == b"NIL" => Ok(Some(None)),
                    Form::BinaryNstring | Form::Nstring => Ok(None),
                    _ => Ok(Some(Some(word))),
                }
            }
        }
    }

    fn quoted(&mut self) -> Result<Option<Vec<u8>>, Bad> {
        self.take()?;
        let mut text = Vec::new();
        loop {
            match self.peek()? {
                None => return Err(Bad::Stop(Stop::Eof)),
                Some(b'\r' | b'\n') => return Ok(None),
                Some(b'"') => {
                    self.take()?;
                    break;
                }
                Some(b'\\') => {
                    self.take()?;
                    let escaped = self.take()?.ok_or(Stop::Eof)?;
                    text.push(escaped);
                    if escaped == b'\n' {
                        return Ok(None);
                    }
                }
                Some(octet) => {
                    self.take()?;
                    text.push(octet);
                }
            }
            if self.limits.quoted_octets > 0 && text.len() > self.limits.quoted_octets {
                return Err(Bad::Stop(Stop::TooMuch("[TOOBIG] Quoted value too long")));
            }
        }
        self.charge(text.len())?;
        // C strings end at the first NUL; an argument that holds one is refused instead.
        Ok((!text.contains(&0)).then_some(text))
    }

    fn literal(&mut self, may_hold_nul: bool) -> Result<Option<Vec<u8>>, Bad> {
        let Some(head) = self.literal_head()? else { return Ok(None) };
        if self.limits.literal_octets > 0 && head.octets > self.limits.literal_octets as u64 {
            if !head.synchronising {
                return Err(Bad::Stop(Stop::TooMuch("[TOOBIG] Literal size exceeds fixed limit")));
            }
            self.end_line();
            return Err(Bad::TooBig);
        }
        if head.synchronising {
            self.source.go_ahead()?;
        }
        let mut text = Vec::new();
        let mut left = usize::try_from(head.octets).map_err(|_| Bad::TooBig)?;
        while left > 0 {
            let bytes = self.source.fill()?;
            if bytes.is_empty() {
                return Err(Bad::Stop(Stop::Eof));
            }
            let step = left.min(bytes.len());
            text.extend_from_slice(bytes.get(..step).unwrap_or(bytes));
            self.source.consume(step);
            left -= step;
        }
        self.at_end = false;
        self.charge(text.len())?;
        Ok((may_hold_nul || head.binary || !text.contains(&0)).then_some(text))
    }

    /// A literal's head including its line end, `None` if it is malformed. The caller asks for the
    /// octets with [`Lexer::go_ahead`] if it is synchronising, and reads them.
    ///
    /// # Errors
    /// Peer gone; [`Stop::Fatal`] for a number beyond 2^31-1.
    pub fn literal_head(&mut self) -> Result<Option<LiteralHead>, Bad> {
        let binary = self.eat(b'~')?;
        if !self.eat(b'{')? {
            return Ok(None);
        }
        self.literal_size(binary)
    }

    /// The rest of a literal's head, behind its `{`.
    ///
    /// # Errors
    /// As [`Lexer::literal_head`].
    pub fn literal_size(&mut self, binary: bool) -> Result<Option<LiteralHead>, Bad> {
        let Some(octets) = self.number(u64::from(i32::MAX.unsigned_abs()))? else { return Ok(None) };
        let synchronising = !self.eat(b'+')?;
        if !synchronising && self.limits.literal_minus && octets > 4096 {
            return Ok(None);
        }
        if !self.eat(b'}')? || !self.eat(b'\r')? || !self.eat(b'\n')? {
            return Ok(None);
        }
        self.at_end = false;
        Ok(Some(LiteralHead { octets, synchronising, binary }))
    }

    /// The command ends here: the client is not told to send the literal it announced.
    pub fn end_line(&mut self) {
        self.at_end = true;
    }

    /// Tells the client to send the literal.
    ///
    /// # Errors
    /// What writing gives.
    pub fn go_ahead(&mut self) -> io::Result<()> {
        self.source.go_ahead()
    }

    /// Lends the octets that are here, for a literal that is streamed elsewhere.
    ///
    /// # Errors
    /// [`Stop::Eof`] when the peer is gone.
    pub fn chunk(&mut self) -> Result<&[u8], Stop> {
        let bytes = self.source.fill()?;
        if bytes.is_empty() { Err(Stop::Eof) } else { Ok(bytes) }
    }

    /// Drops octets lent by [`Lexer::chunk`].
    pub fn consume(&mut self, n: usize) {
        self.source.consume(n);
        self.at_end = false;
    }

    /// A decimal number, `None` when no digit stands here.
    ///
    /// # Errors
    /// [`Stop::Fatal`] when it is larger than `most`, as C ends the session too.
    pub fn number(&mut self, most: u64) -> Result<Option<u64>, Bad> {
        let mut value: Option<u64> = None;
        while let Some(digit @ b'0'..=b'9') = self.peek()? {
            self.take()?;
            let next =
                value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
            match next {
                Some(v) if v <= most => value = Some(v),
                _ => return Err(Bad::Stop(Stop::Fatal("num too big"))),
            }
        }
        Ok(value)
    }

    fn charge(&mut self, octets: usize) -> Result<(), Bad> {
        self.arguments_octets = self.arguments_octets.saturating_add(octets);
        if self.limits.arguments_octets > 0 && self.arguments_octets > self.limits.arguments_octets {
            return Err(Bad::TooBig);
        }
        Ok(())
    }
}

fn is_delimiter(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | b'(' | b')' | b'"')
}

/// Whether `text` is an RFC 3501 atom as C sees it (C: imparse_isatom()).
#[must_use]
pub fn is_atom(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|&b| b > b' ' && b < 0x7f && !matches!(b, b'{' | b'(' | b')' | b'"' | b'%' | b'*' | b'\\'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Octets given at once, as if the client had sent them all.
    pub(crate) struct Text(pub Vec<u8>, pub usize);

    impl Source for Text {
        fn fill(&mut self) -> io::Result<&[u8]> {
            Ok(&self.0)
        }
        fn consume(&mut self, n: usize) {
            self.0.drain(..n);
        }
        fn go_ahead(&mut self) -> io::Result<()> {
            self.1 += 1;
            Ok(())
        }
    }

    fn with<T>(text: &[u8], f: impl FnOnce(&mut Lexer<'_>) -> T) -> (T, Vec<u8>, usize) {
        let mut source = Text(text.to_vec(), 0);
        let value = f(&mut Lexer::new(&mut source, Limits { literal_octets: 100, ..Limits::default() }));
        (value, source.0, source.1)
    }

    #[test]
    fn an_astring_has_four_forms_and_leaves_its_delimiter() {
        for (input, expected, rest) in [
            (&b"abc def\r\n"[..], Some(&b"abc"[..]), &b" def\r\n"[..]),
            (b"\"a \\\"b\\\\\" x", Some(b"a \"b\\"), b" x"),
            (b"{3+}\r\nx y)", Some(b"x y"), b")"),
            (b" x", None, b" x"),
            (b"\"open\r\n", None, b"\r\n"),
        ] {
            let (value, left, _) = with(input, |lexer| lexer.astring().unwrap());
            assert_eq!(value.as_deref(), expected, "{input:?}");
            assert_eq!(left, rest, "{input:?}");
        }
    }

    #[test]
    fn a_synchronising_literal_is_asked_for_once() {
        let (value, _, asked) = with(b"{2}\r\nhi\r\n", |lexer| lexer.argument().unwrap());
        assert_eq!((value.as_slice(), asked), (&b"hi"[..], 1));
    }

    #[test]
    fn a_literal_too_large_is_not_asked_for() {
        let (value, _, asked) = with(b"{101}\r\n", |lexer| lexer.astring());
        assert!(matches!(value, Err(Bad::TooBig)));
        assert_eq!(asked, 0);
    }

    #[test]
    fn eating_a_line_swallows_its_nonsync_literals() {
        let (_, left, _) = with(b"x {4+}\r\na\nb\n y\r\nnext", |lexer| lexer.eat_line().unwrap());
        assert_eq!(left, b"next");
    }

    #[test]
    fn a_number_beyond_its_bound_ends_the_session() {
        let (value, ..) = with(b"2147483648}", |lexer| lexer.number(2_147_483_647));
        assert!(matches!(value, Err(Bad::Stop(Stop::Fatal(_)))));
    }
}
