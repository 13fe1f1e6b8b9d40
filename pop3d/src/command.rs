//! One POP3 line as a typed command (RFC 1939, RFC 2449), or the text that refuses it.

/// A command, parsed. Numbers are not yet looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `APOP user digest`
    Apop(Vec<u8>),
    /// `AUTH [mechanism [initial-response]]`
    Auth(Option<(Vec<u8>, Option<Vec<u8>>)>),
    /// `CAPA`
    Capa,
    /// `DELE n`; whether the user may is said before what is wrong with the number.
    Dele(Result<u32, Refusal>),
    /// `LIST [n]`
    List(Option<u32>),
    /// `NOOP`
    Noop,
    /// `PASS password`
    Pass(Vec<u8>),
    /// `QUIT`
    Quit,
    /// `RETR n`
    Retr(u32),
    /// `RSET`
    Rset,
    /// `STAT`
    Stat,
    /// `STLS`
    Stls,
    /// `TOP n lines`
    Top(u32, u32),
    /// `UIDL [n]`
    Uidl(Option<u32>),
    /// `USER name`
    User(Vec<u8>),
}

/// What a line cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An argument where none is taken.
    ExtraArgument,
    /// Not a number of lines.
    Lines,
    /// No argument.
    MissingArgument,
    /// A message's number that is none.
    NotANumber,
    /// A blank and nothing behind it.
    Syntax,
    /// No such command in this state.
    Unrecognized,
}

impl Refusal {
    /// What the client is told behind `-ERR `.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ExtraArgument => "Unexpected extra argument",
            Self::Lines => "Invalid number of lines",
            Self::MissingArgument => "Missing argument",
            Self::NotANumber => "Not a number",
            Self::Syntax => "Syntax error",
            Self::Unrecognized => "Unrecognized command",
        }
    }
}

/// Which commands are known.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// A user has logged in.
    pub logged_in: bool,
    /// The greeting offered APOP.
    pub has_apop: bool,
    /// TLS is configured.
    pub has_tls: bool,
}

/// Parses one line (without its line end). The word of the command comes back too, in small letters, for
/// the log.
///
/// # Errors
/// The refusal C gives.
pub fn parse(line: &[u8], state: State) -> (Vec<u8>, Result<Command, Refusal>) {
    let end = line.iter().position(|&b| is_space(b)).unwrap_or(line.len());
    let word = line.get(..end).unwrap_or_default().to_ascii_lowercase();
    let mut argument = line.get(end.saturating_add(1)..);
    if let Some(text) = argument {
        let text = if word == b"pass" { text } else { skip_space(text) };
        argument = Some(text);
        if text.is_empty() {
            // Outlook says "AUTH " to ask for the mechanisms.
            if word != b"auth" {
                return (word, Err(Refusal::Syntax));
            }
            argument = None;
        }
    }
    let command = known(&word, argument, state);
    (word, command)
}

fn known(word: &[u8], argument: Option<&[u8]>, state: State) -> Result<Command, Refusal> {
    let alone = |command: Command| if argument.is_some() { Err(Refusal::ExtraArgument) } else { Ok(command) };
    let needed = || argument.ok_or(Refusal::MissingArgument);
    match word {
        b"quit" => return alone(Command::Quit),
        b"capa" => return alone(Command::Capa),
        _ => {}
    }
    if !state.logged_in {
        return match word {
            b"user" => needed().map(|text| Command::User(text.to_vec())),
            b"pass" => needed().map(|text| Command::Pass(text.to_vec())),
            b"apop" if state.has_apop => needed().map(|text| Command::Apop(text.to_vec())),
            b"auth" => Ok(Command::Auth(argument.map(mechanism))),
            b"stls" if state.has_tls => alone(Command::Stls),
            _ => Err(Refusal::Unrecognized),
        };
    }
    match word {
        b"stat" => alone(Command::Stat),
        b"list" => argument.map(message_number).transpose().map(Command::List),
        b"retr" => message_number(needed()?).map(Command::Retr),
        b"dele" => Ok(Command::Dele(message_number(needed()?))),
        b"noop" => alone(Command::Noop),
        b"rset" => alone(Command::Rset),
        b"top" => top(argument.unwrap_or_default()),
        b"uidl" => argument.map(message_number).transpose().map(Command::Uidl),
        _ => Err(Refusal::Unrecognized),
    }
}

fn mechanism(text: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let end = text.iter().position(|&b| is_space(b)).unwrap_or(text.len());
    let initial = text.get(end.saturating_add(1)..).map(<[u8]>::to_vec);
    (text.get(..end).unwrap_or_default().to_vec(), initial)
}

fn top(text: &[u8]) -> Result<Command, Refusal> {
    let (number, rest) = uint32(skip_space(text)).ok_or(Refusal::MissingArgument)?;
    if rest.is_empty() {
        return Err(Refusal::MissingArgument);
    }
    let (lines, rest) = uint32(skip_space(rest)).ok_or(Refusal::Lines)?;
    if rest.is_empty() { Ok(Command::Top(number, lines)) } else { Err(Refusal::ExtraArgument) }
}

fn message_number(text: &[u8]) -> Result<u32, Refusal> {
    let (number, rest) = uint32(text).ok_or(Refusal::NotANumber)?;
    if rest.is_empty() { Ok(number) } else { Err(Refusal::ExtraArgument) }
}

/// Digits at the start, and what follows them; `None` without, or beyond 32 bits.
fn uint32(text: &[u8]) -> Option<(u32, &[u8])> {
    let count = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

fn skip_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| !is_space(b)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn is_space(octet: u8) -> bool {
    octet.is_ascii_whitespace() || octet == 0x0B
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, logged_in: bool, expected: Result<Command, Refusal>) {
        let state = State { logged_in, has_apop: true, has_tls: true };
        assert_eq!(parse(line.as_bytes(), state).1, expected, "{line}");
    }

    #[test]
    fn commands_belong_to_their_states() {
        check("USER ann", false, Ok(Command::User(b"ann".to_vec())));
        check("USER ann", true, Err(Refusal::Unrecognized));
        check("STAT", false, Err(Refusal::Unrecognized));
        check("quit", true, Ok(Command::Quit));
        check("quit now", false, Err(Refusal::ExtraArgument));
        check("STLS x", false, Err(Refusal::ExtraArgument));
        check("STLS", true, Err(Refusal::Unrecognized));
    }

    #[test]
    fn blanks_and_numbers_are_taken_as_in_c() {
        check("PASS  a b", false, Ok(Command::Pass(b" a b".to_vec())));
        check("PASS ", false, Err(Refusal::Syntax));
        check("AUTH ", false, Ok(Command::Auth(None)));
        check("AUTH PLAIN AA==", false, Ok(Command::Auth(Some((b"PLAIN".to_vec(), Some(b"AA==".to_vec()))))));
        check("LIST \t2", true, Ok(Command::List(Some(2))));
        check("LIST ", true, Err(Refusal::Syntax));
        check("LIST 2x", true, Err(Refusal::ExtraArgument));
        check("RETR", true, Err(Refusal::MissingArgument));
        check("RETR 4294967296", true, Err(Refusal::NotANumber));
        check("DELE -1", true, Ok(Command::Dele(Err(Refusal::NotANumber))));
        check("TOP", true, Err(Refusal::MissingArgument));
        check("TOP 1", true, Err(Refusal::MissingArgument));
        check("TOP 1 x", true, Err(Refusal::Lines));
        check("TOP 1 2 3", true, Err(Refusal::ExtraArgument));
        check("TOP 1 2", true, Ok(Command::Top(1, 2)));
    }
}
