//! Control structure of a script, and resuming after errors.
//!
//! The C's parser is a bison one, and what it shows after a syntax error follows from bison's rules, which are kept
//! here by hand:
//! * It looks ahead only where the next token decides. A complaint carries the line of the last token read, so each
//!   check stands before or after a `peek` exactly as there.
//! * On an unexpected token `syntax error` is said, unless fewer than three tokens were accepted since the last one;
//!   if none was accepted since, the token is dropped (at the end of the script: parsing ends).
//! * Then it resumes at the nearest place where a test or a command may stand: a broken test is `false`; a broken
//!   command extends to the next `;` and becomes an `error` command. Within `require` there is no such place, and
//!   parsing ends.

use super::ast::{Branch, Command, Script, TestNode, Texts};
use super::lex::{Lexer, Token};
use super::{Diagnostics, ScriptError, address};
use crate::code::{MAX_NESTING, Op, Test};
use crate::settings::{Capabilities, Capability, CompileSettings};

/// Why a rule could not be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The token ahead does not fit; nothing was said yet.
    Unexpected,
    /// Parsing ends.
    End,
}

/// The parser and the state of the script so far.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    ahead: Option<Token>,
    pub(super) diagnostics: Diagnostics,
    /// Tokens still to be accepted until syntax errors are told again. C: yyerrstatus
    recovering: u8,
    /// What `require` granted.
    pub(super) granted: Capabilities,
    pub(super) settings: &'a CompileSettings,
    pub(super) addresses: address::Addresses,
    depth: usize,
}

/// Parses and checks a script.
pub(super) fn parse(script: &[u8], settings: &CompileSettings) -> Result<Script, Vec<ScriptError>> {
    let mut granted = Capabilities::default();
    granted.insert(Capability::Base);
    let mut parser = Parser {
        lexer: Lexer::new(script),
        ahead: None,
        diagnostics: Diagnostics::default(),
        recovering: 0,
        granted,
        settings,
        addresses: address::Addresses::default(),
        depth: 0,
    };
    // A script whose parsing ended without a complaint (under `ihave`) does nothing.
    let commands = parser.script().unwrap_or_default();
    if !parser.diagnostics.errors.is_empty() {
        return Err(parser.diagnostics.errors);
    }
    Ok(Script { commands, variables: parser.granted.has(Capability::Variables) })
}

impl Parser<'_> {
    /// The token ahead.
    pub(super) fn peek(&mut self) -> &Token {
        let Parser { lexer, ahead, diagnostics, .. } = self;
        ahead.get_or_insert_with(|| lexer.next(diagnostics))
    }

    /// The word ahead, or nothing.
    pub(super) fn peek_word(&mut self) -> &'static str {
        match self.peek() {
            Token::Word(word) => word,
            _ => "",
        }
    }

    /// Is this byte ahead?
    pub(super) fn peek_byte(&mut self, byte: u8) -> bool {
        *self.peek() == Token::Byte(byte)
    }

    /// Takes the token ahead.
    pub(super) fn accept(&mut self) -> Token {
        self.recovering = self.recovering.saturating_sub(1);
        self.peek();
        self.ahead.take().unwrap_or(Token::End)
    }

    /// Takes this byte.
    pub(super) fn expect_byte(&mut self, byte: u8) -> Result<(), Stop> {
        if !self.peek_byte(byte) {
            return Err(Stop::Unexpected);
        }
        self.accept();
        Ok(())
    }

    /// Notes a complaint at the line reached.
    pub(super) fn complain(&mut self, pieces: &[&[u8]]) {
        self.diagnostics.complain(self.lexer.line, pieces);
    }

    /// After an unexpected token, before resuming.
    fn resume(&mut self) -> Result<(), Stop> {
        self.peek();
        if self.recovering == 0 {
            self.complain(&[b"syntax error"]);
        }
        if self.recovering == 3 {
            if *self.peek() == Token::End {
                return Err(Stop::End);
            }
            self.ahead = None;
        }
        self.recovering = 3;
        Ok(())
    }

    /// One level deeper; past the limit parsing ends.
    fn enter(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            self.diagnostics.ignored = 0;
            self.complain(&[b"blocks and tests are nested too deeply"]);
            return Err(Stop::End);
        }
        Ok(())
    }

    fn script(&mut self) -> Result<Vec<Command>, Stop> {
        while self.peek_word() == "require" {
            if self.require().is_err() {
                // Nothing can be resumed before the first command.
                self.resume()?;
                return Err(Stop::End);
            }
        }
        self.commands(false)
    }

    fn require(&mut self) -> Result<(), Stop> {
        self.accept();
        let names = self.texts()?;
        self.expect_byte(b';')?;
        self.grant(&names);
        Ok(())
    }

    /// Commands up to the end of the block (which is taken) or of the script.
    fn commands(&mut self, in_block: bool) -> Result<Vec<Command>, Stop> {
        let mut commands = Vec::new();
        loop {
            if self.at_command() {
                match self.command() {
                    Ok(command) => commands.push(command),
                    Err(Stop::Unexpected) => {
                        self.resume()?;
                        commands.push(self.broken_command()?);
                    }
                    Err(Stop::End) => return Err(Stop::End),
                }
            } else if in_block && self.peek_byte(b'}') {
                self.accept();
                return Ok(commands);
            } else if !in_block && *self.peek() == Token::End {
                return Ok(commands);
            } else {
                self.resume()?;
                commands.push(self.broken_command()?);
            }
        }
    }

    /// Skips to the `;` and takes it.
    fn broken_command(&mut self) -> Result<Command, Stop> {
        while !self.peek_byte(b';') {
            self.resume()?;
        }
        self.accept();
        self.granted.insert(Capability::Ihave);
        let text = format!("unsupported extension: line {}", self.lexer.line).into_bytes();
        Ok(self.message_command(Op::Error, text))
    }

    fn command(&mut self) -> Result<Command, Stop> {
        let command = match self.peek_word() {
            "if" => return self.conditional(),
            "stop" => {
                self.accept();
                self.expect_byte(b';')?;
                return Ok(Command::Simple(Op::Stop, Vec::new()));
            }
            "error" => {
                self.accept();
                let text = self.text()?;
                self.expect_byte(b';')?;
                return Ok(self.message_command(Op::Error, text));
            }
            "include" => {
                self.accept();
                return self.include();
            }
            "return" => {
                self.accept();
                self.expect_byte(b';')?;
                self.need(Capability::Include, "include");
                return Ok(Command::Simple(Op::Return, Vec::new()));
            }
            _ => self.action()?,
        };
        self.expect_byte(b';')?;
        Ok(command)
    }

    fn conditional(&mut self) -> Result<Command, Stop> {
        self.accept();
        self.enter()?;
        let mut branches = Vec::new();
        let otherwise = loop {
            let mut test = self.test()?;
            // One branch; what breaks after its test makes the test `false` and is skipped up to a block.
            let otherwise = loop {
                while !self.peek_byte(b'{') {
                    self.resume()?;
                    test = TestNode::new(Test::False, Vec::new());
                }
                self.accept();
                let then = self.commands(true)?;
                let word = self.peek_word();
                if word == "elsif" || word == "else" {
                    self.accept();
                }
                if word == "else" && !self.peek_byte(b'{') {
                    self.resume()?;
                    test = TestNode::new(Test::False, Vec::new());
                    continue;
                }
                let otherwise = match word {
                    "elsif" => None,
                    "else" => {
                        self.accept();
                        Some(self.commands(true)?)
                    }
                    _ => Some(Vec::new()),
                };
                branches.push(Branch { test, then });
                break otherwise;
            };
            if let Some(otherwise) = otherwise {
                break otherwise;
            }
        };
        for branch in &branches {
            if branch.test.ignored != 0 {
                self.diagnostics.ignored -= 1;
            }
        }
        self.depth -= 1;
        Ok(Command::If(branches, otherwise))
    }

    /// A test; a broken one is `false`.
    pub(super) fn test(&mut self) -> Result<TestNode, Stop> {
        self.enter()?;
        let test = match self.read_test() {
            Err(Stop::Unexpected) => {
                self.resume()?;
                TestNode::new(Test::False, Vec::new())
            }
            other => other?,
        };
        self.depth -= 1;
        Ok(test)
    }

    /// `(test, test)`
    pub(super) fn test_list(&mut self) -> Result<Vec<TestNode>, Stop> {
        self.expect_byte(b'(')?;
        let mut tests = vec![self.test()?];
        loop {
            if self.peek_byte(b',') {
                self.accept();
                tests.push(self.test()?);
            } else if self.peek_byte(b')') {
                self.accept();
                return Ok(tests);
            } else {
                self.resume()?;
                tests = vec![TestNode::new(Test::False, Vec::new())];
            }
        }
    }

    /// A string without regard to variables.
    pub(super) fn plain_text(&mut self) -> Result<Vec<u8>, Stop> {
        if !matches!(self.peek(), Token::Text(_)) {
            return Err(Stop::Unexpected);
        }
        match self.accept() {
            Token::Text(text) => Ok(text),
            _ => Err(Stop::Unexpected),
        }
    }

    /// A string.
    pub(super) fn text(&mut self) -> Result<Vec<u8>, Stop> {
        let text = self.plain_text()?;
        self.check_match_variables(&text);
        Ok(text)
    }

    /// A string or a list of strings.
    pub(super) fn texts(&mut self) -> Result<Texts, Stop> {
        self.list(Self::text)
    }

    /// One element, or elements between brackets.
    pub(super) fn list<T>(&mut self, element: impl Fn(&mut Self) -> Result<T, Stop>) -> Result<Vec<T>, Stop> {
        if !self.peek_byte(b'[') {
            return Ok(vec![element(self)?]);
        }
        self.accept();
        let mut elements = vec![element(self)?];
        while self.peek_byte(b',') {
            self.accept();
            elements.push(element(self)?);
        }
        self.expect_byte(b']')?;
        Ok(elements)
    }

    /// A number.
    pub(super) fn number(&mut self) -> Result<i32, Stop> {
        let Token::Number(number) = *self.peek() else { return Err(Stop::Unexpected) };
        self.accept();
        Ok(number)
    }

    /// Is a string or a list of strings ahead?
    pub(super) fn at_texts(&mut self) -> bool {
        matches!(self.peek(), Token::Text(_) | Token::Byte(b'['))
    }
}
