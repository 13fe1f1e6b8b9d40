//! A ManageSieve client (RFC 5804).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libcyrus::net::sasl::{Client as Sasl, Failure};
use libcyrus::net::{Error, Stream};
use libcyrus::sys::sasl::{Credentials, Security};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

/// The longest line taken from a server, literals apart.
const LINE_OCTETS_MAX: usize = 1 << 16;

/// The strongest security layer that is asked for.
const LAYER_MAX: u32 = 128;

/// How to log in.
#[derive(Debug)]
pub struct Login {
    /// Whose scripts.
    pub username: String,
    /// Who logs in.
    pub authname: String,
    /// The realm.
    pub realm: String,
    /// The password; asked for when a mechanism needs one.
    pub password: Option<String>,
}

/// What a server said no to, or that it is gone.
#[derive(Debug)]
pub enum Refused {
    /// Its words.
    No(Vec<u8>),
    /// The connection failed.
    Lost,
}

impl From<Error> for Refused {
    fn from(_: Error) -> Self {
        Self::Lost
    }
}

/// A word of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Atom(Vec<u8>),
    String(Vec<u8>),
}

/// An answer: the lines before its last one, and the SASL data of that.
#[derive(Debug, Default)]
struct Answer {
    lines: Vec<Vec<Word>>,
    sasl: Option<Vec<u8>>,
}

/// A connection.
pub struct Client {
    stream: Stream,
    host: String,
    addresses: Option<(SocketAddr, SocketAddr)>,
    mechanisms: String,
}

/// An error of the system in its own words.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

impl Client {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(host: &str, port: u16) -> std::io::Result<Self> {
        let tcp = TcpStream::connect((host, port))?;
        let addresses = tcp.local_addr().ok().zip(tcp.peer_addr().ok());
        let mut client = Self {
            stream: Stream::new(OwnedFd::from(tcp)),
            host: host.to_owned(),
            addresses,
            mechanisms: String::new(),
        };
        // A server that hangs up offers nothing, and the login fails.
        let _ = client.read_capabilities();
        Ok(client)
    }

    fn read_capabilities(&mut self) -> Result<(), Refused> {
        let answer = self.answer()?;
        self.mechanisms = String::new();
        for line in answer.lines {
            if let [Word::String(name), Word::String(value)] = line.as_slice()
                && name.eq_ignore_ascii_case(b"SASL")
            {
                self.mechanisms = String::from_utf8_lossy(value).to_uppercase();
            }
        }
        Ok(())
    }

    /// Logs in with the best mechanism, or the next best ones when it fails. C: auth_sasl()
    ///
    /// # Errors
    /// When all fail.
    pub fn login(&mut self, login: &mut Login) -> Result<(), Refused> {
        let mut left: Vec<String> = self.mechanisms.split(' ').map(str::to_owned).collect();
        let without = ["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "ANONYMOUS"];
        let needs_password = left.iter().any(|one| !one.is_empty() && !without.contains(&one.as_str()));
        if needs_password && login.password.is_none() {
            login.password = crate::cyradm::ask_password("Please enter your password: ");
        }
        loop {
            let (tried, outcome) = self.try_login(login, &left.join(" "));
            match (tried, outcome) {
                (_, Ok(())) => return Ok(()),
                (Some(tried), Err(Refused::No(_))) if left.contains(&tried) => {
                    left.retain(|one| *one != tried)
                }
                (_, Err(refused)) => return Err(refused),
            }
        }
    }

    fn try_login(&mut self, login: &Login, mechanisms: &str) -> (Option<String>, Result<(), Refused>) {
        let credentials = Credentials {
            userid: login.username.clone().into_bytes(),
            authname: login.authname.clone().into_bytes(),
            realm: (!login.realm.is_empty()).then(|| login.realm.clone().into_bytes()),
            password: login.password.clone().unwrap_or_default().into_bytes(),
        };
        let security = Security { min_ssf: 0, max_ssf: LAYER_MAX, noplaintext: false, noanonymous: true };
        let sasl = Sasl::new("sieve", &self.host, self.addresses, &credentials, security, 0);
        let Ok(mut sasl) = sasl else { return (None, Err(Refused::Lost)) };
        match sasl.start(mechanisms) {
            Ok((mechanism, initial)) => {
                let outcome = self.exchange(&mut sasl, &mechanism, initial);
                (Some(mechanism), outcome)
            }
            Err(_) => (None, Err(Refused::Lost)),
        }
    }

    fn exchange(
        &mut self,
        sasl: &mut Sasl,
        mechanism: &str,
        initial: Option<Vec<u8>>,
    ) -> Result<(), Refused> {
        let refused = |_: Failure| Refused::Lost;
        let mut command = format!("AUTHENTICATE \"{mechanism}\"").into_bytes();
        if let Some(initial) = initial {
            command.push(b' ');
            put_literal(&mut command, STANDARD.encode(initial).as_bytes());
        }
        command.extend_from_slice(b"\r\n");
        self.stream.write(&command);
        loop {
            self.stream.flush()?;
            let words = self.line()?;
            if let [Word::String(challenge)] = words.as_slice() {
                let response =
                    STANDARD.decode(challenge).ok().and_then(|challenge| sasl.step(&challenge).ok());
                let mut line = Vec::new();
                match response {
                    Some(response) => put_literal(&mut line, STANDARD.encode(response).as_bytes()),
                    None => line.extend_from_slice(b"\"*\""),
                }
                line.extend_from_slice(b"\r\n");
                self.stream.write(&line);
                continue;
            }
            let answer = Self::ending(words)?;
            if let Some(data) = answer.sasl.and_then(|data| STANDARD.decode(data).ok()) {
                sasl.step(&data).map_err(refused)?;
            }
            return sasl.install_layer(&mut self.stream).map_err(refused);
        }
    }

    /// The scripts, and which is active.
    ///
    /// # Errors
    /// `No`, `Lost`.
    pub fn list(&mut self) -> Result<Vec<(Vec<u8>, bool)>, Refused> {
        self.send(b"LISTSCRIPTS\r\n")?;
        let lines = self.answer()?.lines;
        Ok(lines
            .into_iter()
            .filter_map(|mut words| {
                let is_active = words.len() > 1;
                match words.drain(..).next() {
                    Some(Word::String(name)) => Some((name, is_active)),
                    _ => None,
                }
            })
            .collect())
    }

    /// Puts a script.
    ///
    /// # Errors
    /// `No`, `Lost`.
    pub fn put(&mut self, name: &[u8], text: &[u8]) -> Result<(), Refused> {
        let mut command = named("PUTSCRIPT", name);
        command.push(b' ');
        put_literal(&mut command, text);
        command.extend_from_slice(b"\r\n");
        self.send(&command)?;
        self.answer().map(drop)
    }

    /// Fetches a script.
    ///
    /// # Errors
    /// `No`, `Lost`.
    pub fn get(&mut self, name: &[u8]) -> Result<Vec<u8>, Refused> {
        self.send(&[named("GETSCRIPT", name), b"\r\n".to_vec()].concat())?;
        match self.answer()?.lines.pop().and_then(|mut words| words.pop()) {
            Some(Word::String(text)) => Ok(text),
            _ => Err(Refused::Lost),
        }
    }

    /// SETACTIVE or DELETESCRIPT.
    ///
    /// # Errors
    /// `No`, `Lost`.
    pub fn simple(&mut self, verb: &str, name: &[u8]) -> Result<(), Refused> {
        self.send(&[named(verb, name), b"\r\n".to_vec()].concat())?;
        self.answer().map(drop)
    }

    /// Says goodbye.
    pub fn logout(mut self) {
        // Whoever does not hear it has gone already.
        let _ = self.send(b"LOGOUT\r\n");
        self.stream.close();
    }

    fn send(&mut self, command: &[u8]) -> Result<(), Refused> {
        self.stream.write(command);
        Ok(self.stream.flush()?)
    }

    /// Lines up to OK, NO or BYE.
    fn answer(&mut self) -> Result<Answer, Refused> {
        let mut lines = Vec::new();
        loop {
            let words = self.line()?;
            if let Some(Word::Atom(_)) = words.first() {
                return Self::ending(words).map(|answer| Answer { lines, ..answer });
            }
            lines.push(words);
        }
    }

    /// What the last line of an answer says.
    fn ending(words: Vec<Word>) -> Result<Answer, Refused> {
        let is_ok = matches!(words.first(), Some(Word::Atom(word)) if word == b"OK");
        let mut codes = words.iter().skip_while(|word| **word != Word::Atom(b"(SASL".to_vec()));
        let sasl = match (codes.next(), codes.next()) {
            (Some(_), Some(Word::String(data))) => Some(data.clone()),
            _ => None,
        };
        if is_ok {
            return Ok(Answer { lines: Vec::new(), sasl });
        }
        let text = words.into_iter().rev().find_map(|word| match word {
            Word::String(text) => Some(text),
            Word::Atom(_) => None,
        });
        Err(Refused::No(text.unwrap_or_default()))
    }

    /// One line in words; literals in place.
    fn line(&mut self) -> Result<Vec<Word>, Refused> {
        let mut words = Vec::new();
        loop {
            let mut line = Vec::new();
            if !self.stream.read_line(LINE_OCTETS_MAX, &mut line)? {
                return Err(Refused::Lost);
            }
            let line = line.trim_ascii_end();
            let (rest, literal) = words_of(line, &mut words);
            if !rest {
                return Err(Refused::Lost);
            }
            let Some(octets) = literal else { return Ok(words) };
            let mut text = Vec::new();
            self.stream.read_exact_onto(octets, &mut text)?;
            words.push(Word::String(text));
        }
    }
}

/// Takes a line apart; false when it cannot be, and the size of the literal it ends in.
fn words_of(line: &[u8], words: &mut Vec<Word>) -> (bool, Option<u64>) {
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        let Some((&first, tail)) = rest.split_first() else { return (true, None) };
        if first == b'"' {
            let mut text = Vec::new();
            let mut octets = tail.iter();
            loop {
                match octets.next() {
                    None => return (false, None),
                    Some(b'"') => break,
                    Some(b'\\') => text.extend(octets.next()),
                    Some(&octet) => text.push(octet),
                }
            }
            words.push(Word::String(text));
            rest = octets.as_slice();
        } else if first == b'{' {
            let digits = tail.strip_suffix(b"}").unwrap_or_default();
            let digits = digits.strip_suffix(b"+").unwrap_or(digits);
            let size = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            return (size.is_some(), size);
        } else {
            let end = rest.iter().skip(1).position(|octet| matches!(octet, b' ' | b'"' | b'{'));
            let (word, behind) = rest.split_at(end.map_or(rest.len(), |end| end.saturating_add(1)));
            words.push(Word::Atom(word.to_ascii_uppercase()));
            rest = behind;
        }
    }
}

fn named(verb: &str, name: &[u8]) -> Vec<u8> {
    let mut command = format!("{verb} ").into_bytes();
    if name.iter().all(|octet| (b' '..=b'~').contains(octet) && !matches!(octet, b'"' | b'\\')) {
        command.push(b'"');
        command.extend_from_slice(name);
        command.push(b'"');
    } else {
        put_literal(&mut command, name);
    }
    command
}

fn put_literal(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(format!("{{{}+}}\r\n", text.len()).as_bytes());
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        let mut words = Vec::new();
        assert_eq!(words_of(b"NO (QUOTA/MAXSIZE) \"a \\\"b\\\"\"", &mut words), (true, None));
        assert_eq!(words.last(), Some(&Word::String(b"a \"b\"".to_vec())));
        assert!(matches!(Client::ending(words), Err(Refused::No(text)) if text == b"a \"b\""));
        let mut words = Vec::new();
        assert_eq!(words_of(b"NO {22}", &mut words), (true, Some(22)));
        let mut words = Vec::new();
        assert_eq!(words_of(b"OK (SASL \"Zm9v\")", &mut words), (true, None));
        assert!(Client::ending(words).is_ok_and(|answer| answer.sasl.as_deref() == Some(b"Zm9v")));
        assert_eq!(words_of(b"\"open", &mut Vec::new()), (false, None));
        assert_eq!(words_of(b"{99999999999999999999999}", &mut Vec::new()), (false, None));
    }

    #[test]
    fn names_are_literals_where_they_must_be() {
        assert_eq!(named("SETACTIVE", b"a b"), b"SETACTIVE \"a b\"");
        assert_eq!(named("SETACTIVE", b"a\"b"), b"SETACTIVE {3+}\r\na\"b");
    }
}
