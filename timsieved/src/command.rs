//! Tokens to commands, with C's sentence for each way to write one wrongly. C: parser()

use crate::lex::{Lexer, Source, Token, Verb};

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// AUTHENTICATE mechanism \[initial response\], as sent
    Authenticate {
        /// The mechanism.
        mechanism: Vec<u8>,
        /// The initial response in base64.
        initial: Option<Vec<u8>>,
    },
    /// CAPABILITY
    Capability,
    /// CHECKSCRIPT script
    CheckScript(Vec<u8>),
    /// DELETESCRIPT name
    DeleteScript(Vec<u8>),
    /// GETSCRIPT name
    GetScript(Vec<u8>),
    /// HAVESPACE name octets
    HaveSpace(Vec<u8>, u64),
    /// LISTSCRIPTS
    ListScripts,
    /// LOGOUT
    Logout,
    /// NOOP \[tag\]
    Noop(Option<Vec<u8>>),
    /// PUTSCRIPT name script
    PutScript(Vec<u8>, Vec<u8>),
    /// RENAMESCRIPT old new
    RenameScript(Vec<u8>, Vec<u8>),
    /// SETACTIVE name, which is empty for none
    SetActive(Vec<u8>),
    /// STARTTLS
    StartTls,
    /// UNAUTHENTICATE
    Unauthenticate,
}

/// What decides which commands may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four facts of a session that do not exclude each other")]
pub struct State {
    /// Somebody is logged in.
    pub is_authenticated: bool,
    /// It is `anonymous`, who may only have scripts checked.
    pub only_verifies: bool,
    /// TLS is configured.
    pub has_tls: bool,
    /// AUTHENTICATE has to wait for TLS.
    pub needs_tls: bool,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A command.
    Command(Command),
    /// Something else, and what is said to it.
    Refused(&'static str),
    /// The peer is gone.
    Gone,
}

/// Takes one command. What it leaves of a refused line is taken for the next command, as in C.
///
/// # Errors
/// As the source.
pub fn parse<S: Source>(lexer: &mut Lexer, source: &mut S, state: State) -> Result<Parsed, S::Error> {
    let token = loop {
        match lexer.token(source)? {
            Token::Eol => {}
            token => break token,
        }
    };
    if token == Token::Eof {
        return Ok(Parsed::Gone);
    }
    let verb = match &token {
        Token::Verb(verb) => Some(*verb),
        _ => None,
    };
    // Strings and numbers count as commands here.
    let is_command = matches!(token, Token::Verb(_) | Token::String(_) | Token::Number(_));
    if is_command && !state.is_authenticated && !verb.is_some_and(|verb| is_for_all(verb, state)) {
        lexer.recover();
        return Ok(Parsed::Refused("Authenticate first"));
    }
    let may_verify = [Verb::CheckScript, Verb::PutScript, Verb::Logout];
    if is_command && state.only_verifies && !verb.is_some_and(|verb| may_verify.contains(&verb)) {
        lexer.recover();
        return Ok(Parsed::Refused("Script verification only"));
    }
    let Some(verb) = verb else {
        return Ok(Parsed::Refused("Expected a command. Got something else."));
    };
    if verb == Verb::Authenticate && state.needs_tls {
        return Ok(Parsed::Refused("AUTHENTICATE only available under a layer"));
    }
    let mut arguments = Arguments { lexer, source, refusal: None };
    let command = arguments.command(verb)?;
    Ok(match (command, arguments.refusal) {
        (Some(command), None) => Parsed::Command(command),
        (_, refusal) => Parsed::Refused(refusal.unwrap_or("Expected EOL")),
    })
}

fn is_for_all(verb: Verb, state: State) -> bool {
    match verb {
        Verb::Authenticate | Verb::Capability | Verb::CheckScript | Verb::Logout | Verb::Noop => true,
        Verb::StartTls => state.has_tls,
        _ => false,
    }
}

/// What stands behind a verb. Each step gives `None` when it was refused.
struct Arguments<'a, S: Source> {
    lexer: &'a mut Lexer,
    source: &'a mut S,
    refusal: Option<&'static str>,
}

impl<S: Source> Arguments<'_, S> {
    fn refuse<T>(&mut self, text: &'static str) -> Result<Option<T>, S::Error> {
        self.refusal = Some(text);
        Ok(None)
    }

    fn space(&mut self, text: &'static str) -> Result<Option<()>, S::Error> {
        match self.lexer.token(self.source)? {
            Token::Space => Ok(Some(())),
            _ => self.refuse(text),
        }
    }

    fn string(&mut self, text: &'static str) -> Result<Option<Vec<u8>>, S::Error> {
        match self.lexer.token(self.source)? {
            Token::String(string) => Ok(Some(string)),
            _ => self.refuse(text),
        }
    }

    fn end(&mut self, command: Command) -> Result<Option<Command>, S::Error> {
        match self.lexer.token(self.source)? {
            Token::Eol => Ok(Some(command)),
            _ => self.refuse("Expected EOL"),
        }
    }

    /// The end of the line, or a blank and a string before it.
    fn optional_string(&mut self) -> Result<Option<Option<Vec<u8>>>, S::Error> {
        match self.lexer.token(self.source)? {
            Token::Eol => return Ok(Some(None)),
            Token::Space => {}
            _ => return self.refuse("Expected SPACE"),
        }
        let Some(string) = self.string("Expected string")? else { return Ok(None) };
        match self.lexer.token(self.source)? {
            Token::Eol => Ok(Some(Some(string))),
            _ => self.refuse("Expected EOL"),
        }
    }

    fn name(
        &mut self,
        space: &'static str,
        name: &'static str,
        command: fn(Vec<u8>) -> Command,
    ) -> Result<Option<Command>, S::Error> {
        let Some(()) = self.space(space)? else { return Ok(None) };
        match self.string(name)? {
            Some(name) => self.end(command(name)),
            None => Ok(None),
        }
    }

    fn pair(
        &mut self,
        texts: [&'static str; 3],
        command: fn(Vec<u8>, Vec<u8>) -> Command,
    ) -> Result<Option<Command>, S::Error> {
        let [space, first, second] = texts;
        let Some(()) = self.space(space)? else { return Ok(None) };
        let Some(one) = self.string(first)? else { return Ok(None) };
        let Some(()) = self.space("Expected SPACE")? else { return Ok(None) };
        match self.string(second)? {
            Some(two) => self.end(command(one, two)),
            None => Ok(None),
        }
    }

    fn command(&mut self, verb: Verb) -> Result<Option<Command>, S::Error> {
        const NAME: &str = "Did not specify script name";
        match verb {
            Verb::Authenticate => {
                let Some(()) = self.space("SPACE must occur after AUTHENTICATE")? else { return Ok(None) };
                let Some(mechanism) = self.string("Did not specify mechanism name")? else { return Ok(None) };
                let initial = self.optional_string()?;
                Ok(initial.map(|initial| Command::Authenticate { mechanism, initial }))
            }
            Verb::Capability => self.end(Command::Capability),
            Verb::CheckScript => self.name(
                "SPACE must occur after CHECKSCRIPT",
                "Expected script content as second parameter",
                Command::CheckScript,
            ),
            Verb::DeleteScript => {
                self.name("SPACE must occur after DELETESCRIPT", NAME, Command::DeleteScript)
            }
            Verb::GetScript => self.name("SPACE must occur after GETSCRIPT", NAME, Command::GetScript),
            Verb::HaveSpace => {
                let Some(()) = self.space("SPACE must occur after HAVESPACE")? else { return Ok(None) };
                let Some(name) = self.string(NAME)? else { return Ok(None) };
                let Some(()) = self.space("Expected SPACE after SCRIPTNAME")? else { return Ok(None) };
                match self.lexer.token(self.source)? {
                    Token::Number(octets) => self.end(Command::HaveSpace(name, octets)),
                    _ => self.refuse("Expected Number"),
                }
            }
            Verb::ListScripts => self.end(Command::ListScripts),
            Verb::Logout => match self.lexer.token(self.source)? {
                Token::Eol | Token::Eof | Token::Verb(Verb::Logout) => Ok(Some(Command::Logout)),
                _ => self.refuse("Garbage after logout command"),
            },
            Verb::Noop => Ok(self.optional_string()?.map(Command::Noop)),
            Verb::PutScript => self.pair(
                ["SPACE must occur after PUTSCRIPT", NAME, "Did not specify legal script data length"],
                Command::PutScript,
            ),
            Verb::RenameScript => self.pair(
                [
                    "SPACE must occur after RENAMESCRIPT",
                    "Did not specify old script name",
                    "Did not specify new script name",
                ],
                Command::RenameScript,
            ),
            Verb::SetActive => self.name("SPACE must occur after SETACTIVE", NAME, Command::SetActive),
            Verb::StartTls => self.end(Command::StartTls),
            Verb::Unauthenticate => self.end(Command::Unauthenticate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::{Limits, Octets};

    fn check(text: &str, state: State, expected: &[Parsed]) {
        let mut lexer = Lexer::new(Limits { script_octets: 1024, has_tls: state.has_tls });
        let mut source = Octets(text.as_bytes());
        let mut found = Vec::new();
        loop {
            match parse(&mut lexer, &mut source, state) {
                Ok(Parsed::Gone) => break,
                Ok(parsed) => found.push(parsed),
                Err(never) => match never {},
            }
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn before_the_login_little_is_heard() {
        let nobody = State::default();
        check(
            "LISTSCRIPTS x\r\nNOOP\r\n",
            nobody,
            &[Parsed::Refused("Authenticate first"), Parsed::Command(Command::Noop(None))],
        );
        check(
            "\"a\"\r\n12\r\n",
            nobody,
            &[Parsed::Refused("Authenticate first"), Parsed::Refused("Authenticate first")],
        );
        let anonymous = State { is_authenticated: true, only_verifies: true, ..State::default() };
        check(
            "NOOP\r\nCHECKSCRIPT \"keep;\"\r\n",
            anonymous,
            &[
                Parsed::Refused("Script verification only"),
                Parsed::Command(Command::CheckScript(b"keep;".to_vec())),
            ],
        );
        let needy = State { needs_tls: true, ..State::default() };
        let nothing = Parsed::Refused("Expected a command. Got something else.");
        check(
            "AUTHENTICATE \"PLAIN\"\r\n",
            needy,
            &[
                Parsed::Refused("AUTHENTICATE only available under a layer"),
                nothing,
                Parsed::Refused("Authenticate first"),
            ],
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let user = State { is_authenticated: true, ..State::default() };
        for (text, refusal) in [
            ("HAVESPACE\r\n", "SPACE must occur after HAVESPACE"),
            ("HAVESPACE \"x\"\r\n", "Expected SPACE after SCRIPTNAME"),
            ("HAVESPACE \"x\" \r\n", "Expected Number"),
            ("GETSCRIPT \r\n", "Did not specify script name"),
            ("RENAMESCRIPT \"a\"\r\n", "Expected SPACE"),
            ("RENAMESCRIPT \"a\" \r\n", "Did not specify new script name"),
            ("PUTSCRIPT \"a\" {5}\r\n", "Did not specify legal script data length"),
            ("SETACTIVE{\r\n", "SPACE must occur after SETACTIVE"),
        ] {
            check(text, user, &[Parsed::Refused(refusal)]);
        }
    }

    /// A session of any octets: it ends, nothing in it grows past what came, and a line feed always brings the lexer back.
    /// `FUZZ_SECONDS` makes it last longer than a moment.
    #[test]
    fn any_octets_are_taken_and_the_lexer_comes_back() {
        const SEEDS: [&str; 8] = [
            "AUTHENTICATE \"PLAIN\" \"AGFubgBwdw==\"\r\n",
            "PUTSCRIPT \"a\" {5+}\r\nkeep;\r\n",
            "GETSCRIPT {3+}\r\na\"b\r\nHAVESPACE \"x\" 99999999999999999999\r\n",
            "RENAMESCRIPT \"a\" \"b\\\"c\\\\\"\r\nLOGOUT\r\n",
            "NOOP \"tag\"\r\nSTARTTLS\r\nUNAUTHENTICATE\r\n",
            "CHECKSCRIPT {18446744073709551615+}\r\nx",
            "LISTSCRIPTS\nCAPABILITY\r\nDELETESCRIPT \"\"\r\n",
            "SETACTIVE \"é\"\r\n\r\r\n=(){}*\r\n",
        ];
        let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
        let mut random = fastrand::Rng::new();
        let mut rounds = 0_u64;
        while rounds < 20_000 || std::time::Instant::now() < end {
            rounds += 1;
            let mut text = Vec::new();
            for _ in 0..random.usize(1..4) {
                text.extend_from_slice(SEEDS[random.usize(..SEEDS.len())].as_bytes());
            }
            for _ in 0..random.usize(0..8) {
                let at = random.usize(..text.len().max(1)).min(text.len());
                match random.u8(..4) {
                    0 => text.truncate(at),
                    1 => text.insert(at, random.u8(..)),
                    2 => {
                        let signs = b"\"{}+\\\r\n 0a";
                        text.insert(at, signs[random.usize(..signs.len())]);
                    }
                    _ => {
                        if let Some(octet) = text.get_mut(at) {
                            *octet = random.u8(..);
                        }
                    }
                }
            }
            let state = State {
                is_authenticated: random.bool(),
                only_verifies: random.bool(),
                has_tls: random.bool(),
                needs_tls: random.bool(),
            };
            let limits = Limits { script_octets: random.u64(20..64), has_tls: state.has_tls };
            let mut lexer = Lexer::new(limits);
            let mut source = Octets(&text);
            loop {
                let before = source.0.len();
                match parse(&mut lexer, &mut source, state) {
                    Ok(Parsed::Gone) => break,
                    Ok(Parsed::Command(Command::PutScript(name, script))) => {
                        assert!((name.len() + script.len()) <= text.len());
                        assert!(script.len() as u64 <= limits.script_octets);
                    }
                    Ok(_) => {}
                    Err(never) => match never {},
                }
                assert!(source.0.len() < before, "no progress in {}", text.escape_ascii());
            }
            lexer.recover();
            let mut source = Octets(b"junk\nLOGOUT\r\n");
            let last = parse(&mut lexer, &mut source, State { only_verifies: false, ..state });
            assert_eq!(last, Ok(Parsed::Command(Command::Logout)));
        }
        if seconds > 0 {
            println!("{rounds} sessions");
        }
    }
}
