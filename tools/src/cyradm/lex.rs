//! The shell's words: quotes, backslashes, environment variables, `;` and redirections.

/// One part of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word.
    Word(String),
    /// `;`, `<`, `>` or `&`.
    Operator(char),
}

/// Where a descriptor goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file written anew.
    Write(String),
    /// A file written on.
    Append(String),
    /// A file read.
    Read(String),
    /// What another descriptor is.
    Same(u32),
}

/// One command of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Its words.
    pub words: Vec<String>,
    /// Its redirections, in order.
    pub redirections: Vec<(u32, Target)>,
}

/// Takes a line apart; `variable` knows the environment.
///
/// # Errors
/// The complaint.
pub fn commands(line: &str, variable: &dyn Fn(&str) -> String) -> Result<Vec<Command>, String> {
    let mut all = Vec::new();
    let mut command = Command::default();
    let mut state = String::new();
    for token in tokens(line, variable) {
        match token {
            Token::Word(word) if state.is_empty() => command.words.push(word),
            Token::Word(word) => {
                let is_number = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let given = match command.words.last() {
                    Some(last) if is_number(last) => command.words.pop().and_then(|text| text.parse().ok()),
                    _ => None,
                };
                let default = u32::from(!state.starts_with('<'));
                let target = match state.as_str() {
                    ">" => Target::Write(word),
                    ">>" => Target::Append(word),
                    "<" => Target::Read(word),
                    _ => match word.parse() {
                        Ok(number) => Target::Same(number),
                        Err(_) => return Err(format!("invalid file descriptor `{word}'")),
                    },
                };
                command.redirections.push((given.unwrap_or(default), target));
                state.clear();
            }
            Token::Operator(';') => all.push(std::mem::take(&mut command)),
            Token::Operator('&') if state == "<" || state == ">" => state.push('&'),
            Token::Operator(sign @ ('<' | '>')) if state.is_empty() || (state == ">" && sign == '>') => {
                state.push(sign);
            }
            Token::Operator(sign) => return Err(format!("syntax error: cannot deal with `{sign}' here")),
        }
    }
    all.push(command);
    all.retain(|command| !command.words.is_empty());
    Ok(all)
}

fn tokens(line: &str, variable: &dyn Fn(&str) -> String) -> Vec<Token> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars().peekable();
    while let Some(ch) = rest.next() {
        match ch {
            _ if quote == Some(ch) => quote = None,
            '\\' => word.get_or_insert_default().extend(rest.next()),
            '$' => {
                let braced = rest.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(ch) = rest.next_if(|ch| ch.is_ascii_alphanumeric() || *ch == '_') {
                    name.push(ch);
                }
                if braced {
                    rest.next_if_eq(&'}');
                }
                let value = if name.is_empty() { "$".to_owned() } else { variable(&name) };
                word.get_or_insert_default().push_str(&value);
            }
            _ if quote.is_some() => word.get_or_insert_default().push(ch),
            '\'' | '"' => {
                quote = Some(ch);
                word.get_or_insert_default();
            }
            '&' | '<' | '>' | ';' => {
                all.extend(word.take().map(Token::Word));
                all.push(Token::Operator(ch));
            }
            _ if ch.is_whitespace() => all.extend(word.take().map(Token::Word)),
            _ => word.get_or_insert_default().push(ch),
        }
    }
    all.extend(word.map(Token::Word));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let parsed = commands(line, &|name| format!("<{name}>"));
        let text = match parsed {
            Ok(commands) => commands
                .iter()
                .map(|command| format!("{} {:?}", command.words.join("|"), command.redirections))
                .collect::<Vec<_>>()
                .join("; "),
            Err(complaint) => complaint,
        };
        assert_eq!(text, expected, "{line}");
    }

    #[test]
    fn lines_are_taken_apart_as_a_shell_does() {
        check("cm 'a b' \"c;d\" e\\ f", "cm|a b|c;d|e f []");
        check("lm; lam x", "lm []; lam|x []");
        check("lm > out 2>&1", "lm [(1, Write(\"out\")), (2, Same(1))]");
        check("lm >> out", "lm [(1, Append(\"out\"))]");
        check("cm $HOME/${X}y ''", "cm|<HOME>/<X>y| []");
        check("lm & x", "syntax error: cannot deal with `&' here");
        check("  ", "");
    }
}
