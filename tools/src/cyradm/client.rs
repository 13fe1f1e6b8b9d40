//! The connection to an IMAP server: commands, answers, login.

use libcyrus::net::sasl::{Client as Sasl, Command};
use libcyrus::net::tls::{Client as Tls, ClientOptions, Info};
use libcyrus::net::{Error, Stream};
use libcyrus::sys::sasl::{Credentials, Security};
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

/// The longest line taken from a server, literals apart.
const LINE_OCTETS_MAX: usize = 1 << 20;
const HANDSHAKE: Duration = Duration::from_secs(60);

/// How to log in.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// Authentication identity; none is the user of the system.
    pub user: Option<String>,
    /// Authorisation identity.
    pub authz: String,
    /// Mechanisms, if not those the server offers.
    pub mechanisms: Option<String>,
    /// Password, if known already.
    pub password: Option<String>,
    /// libsasl's name of the service.
    pub service: Option<String>,
    /// Least and greatest strength of a security layer.
    pub ssf: (u32, Option<u32>),
    /// STARTTLS is wanted, with this certificate and key unless empty.
    pub tlskey: Option<PathBuf>,
    /// STARTTLS is not wanted.
    pub notls: bool,
    /// Whom to believe.
    pub cafile: Option<PathBuf>,
    /// The same as a directory.
    pub cadir: Option<PathBuf>,
}

/// A server's answer to a command.
#[derive(Debug, Default)]
pub struct Answer {
    /// `OK`, `NO` or `BAD`.
    pub status: String,
    /// What it says.
    pub text: String,
    /// The untagged responses before it, without `* `, literals in place.
    pub untagged: Vec<Vec<u8>>,
}

impl Answer {
    /// Whether the command was done.
    pub fn is_ok(&self) -> bool {
        self.status == "OK"
    }

    /// What follows the keyword of each untagged response of a kind.
    pub fn responses<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.untagged.iter().filter_map(move |line| {
            let word = line.get(..kind.len())?;
            let rest = line.get(kind.len()..)?.strip_prefix(b" ")?;
            word.eq_ignore_ascii_case(kind.as_bytes()).then_some(rest)
        })
    }
}

/// A connection.
pub struct Connection {
    stream: Stream,
    /// The server's name as given, shown in the prompt.
    pub servername: String,
    addresses: Option<(SocketAddr, SocketAddr)>,
    tag: u32,
    capabilities: BTreeSet<String>,
}

impl Connection {
    /// Connects, reads the greeting and the capabilities.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(host: &str, port: u16) -> std::io::Result<Self> {
        let tcp = TcpStream::connect((host, port))?;
        let addresses = tcp.local_addr().ok().zip(tcp.peer_addr().ok());
        let mut connection = Self {
            stream: Stream::new(OwnedFd::from(tcp)),
            servername: host.to_owned(),
            addresses,
            tag: 0,
            capabilities: BTreeSet::new(),
        };
        let greeting = connection.line().map_err(|error| std::io::Error::other(error.to_string()))?;
        if !greeting.starts_with(b"* OK") && !greeting.starts_with(b"* PREAUTH") {
            return Err(std::io::ErrorKind::ConnectionRefused.into());
        }
        connection.ask_capabilities().map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(connection)
    }

    /// Whether the server has a capability, written in capitals.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Sends a command and reads through its answer.
    ///
    /// # Errors
    /// The connection is of no use afterwards.
    pub fn send(&mut self, command: &[u8]) -> Result<Answer, Error> {
        self.tag = self.tag.wrapping_add(1);
        let tag = format!("{} ", self.tag);
        self.stream.write(&[tag.as_bytes(), command, b"\r\n"].concat());
        self.stream.flush()?;
        let mut answer = Answer::default();
        loop {
            let line = self.line()?;
            if let Some(untagged) = line.strip_prefix(b"* ") {
                answer.untagged.push(untagged.to_vec());
            } else if let Some(tagged) = line.strip_prefix(tag.as_bytes()) {
                let tagged = String::from_utf8_lossy(tagged).into_owned();
                let (status, text) = tagged.split_once(' ').unwrap_or((&tagged, ""));
                answer.status = status.to_ascii_uppercase();
                answer.text = text.to_owned();
                return Ok(answer);
            }
        }
    }

    /// A line without its end; literals are read along and stand in it behind their `{n}` CRLF.
    fn line(&mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        loop {
            let mut line = Vec::new();
            if !self.stream.read_line(LINE_OCTETS_MAX, &mut line)? {
                return Err(Error::Closed);
            }
            let literal = literal_size(&line);
            all.append(&mut line);
            match literal {
                Some(size) => self.stream.read_exact_onto(size, &mut all)?,
                None => {
                    while matches!(all.last(), Some(b'\r' | b'\n')) {
                        all.pop();
                    }
                    return Ok(all);
                }
            }
        }
    }

    fn ask_capabilities(&mut self) -> Result<(), Error> {
        let answer = self.send(b"CAPABILITY")?;
        let words = answer.responses("CAPABILITY").map(|line| String::from_utf8_lossy(line).to_uppercase());
        self.capabilities = words.flat_map(|line| words_of(&line)).collect();
        Ok(())
    }

    fn offered(&self) -> String {
        let mechanisms: Vec<&str> =
            self.capabilities.iter().filter_map(|word| word.strip_prefix("AUTH=")).collect();
        mechanisms.join(" ")
    }

    fn start_tls(&mut self, login: &Login) -> Result<(), String> {
        let identity = login.tlskey.clone().filter(|key| !key.as_os_str().is_empty());
        let options = ClientOptions {
            identity: identity.map(|key| (key.clone(), key)),
            ca_file: login.cafile.clone(),
            ca_dir: login.cadir.clone(),
        };
        let client = Tls::new(&options).map_err(|error| error.to_string())?;
        let answer = self.send(b"STARTTLS").map_err(|error| error.to_string())?;
        if !answer.is_ok() {
            return Err(answer.text);
        }
        let name = self.servername.clone();
        self.stream.start_tls_client(&client, &name, HANDSHAKE).map_err(|error| error.to_string())?;
        self.ask_capabilities().map_err(|error| error.to_string())
    }

    /// Logs in: STARTTLS where it is asked for or needed, then SASL, then LOGIN. `ask` gets the prompt and
    /// gives a password. C: the Perl module's authenticate()
    ///
    /// # Errors
    /// What to tell; empty when there is nothing to add.
    pub fn authenticate(
        &mut self,
        login: &Login,
        ask: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<(), String> {
        let is_offered = |offered: &str| {
            login.mechanisms.as_ref().is_none_or(|wanted| {
                words_of(&wanted.to_uppercase()).iter().any(|one| words_of(offered).contains(one))
            })
        };
        let disabled = self.has("LOGINDISABLED");
        let needs_tls = disabled && (self.offered().is_empty() || !is_offered(&self.offered()));
        if login.tlskey.is_some() || needs_tls {
            if login.notls || !self.has("STARTTLS") {
                return Err(if disabled { "Login disabled." } else { "TLS disabled." }.to_owned());
            }
            self.start_tls(login)?;
        }
        let user = login.user.clone().unwrap_or_else(|| "nobody".to_owned());
        let mut password = login.password.clone();
        let mut refused = self.sasl(login, &user, &mut password, ask);
        if refused.is_err() && self.has("LOGINDISABLED") && self.stream.tls().is_none() {
            if login.notls {
                return refused;
            }
            self.start_tls(login)?;
            refused = self.sasl(login, &user, &mut password, ask);
        }
        let plain = login.mechanisms.as_deref().is_none_or(|wanted| {
            words_of(&wanted.to_uppercase()).iter().any(|one| one == "PLAIN" || one == "LOGIN")
        });
        if refused.is_ok() || !plain {
            return refused.and_then(|()| self.announce());
        }
        let password = match password {
            Some(password) => password,
            None => ask("IMAP Password: ").ok_or("no password")?,
        };
        let mut command = b"LOGIN ".to_vec();
        command.extend(astring(user.as_bytes()));
        command.push(b' ');
        command.extend(astring(password.as_bytes()));
        let answer = self.send(&command).map_err(|error| error.to_string())?;
        if !answer.is_ok() {
            return Err(answer.text);
        }
        self.announce()
    }

    fn sasl(
        &mut self,
        login: &Login,
        user: &str,
        password: &mut Option<String>,
        ask: &mut dyn FnMut(&str) -> Option<String>,
    ) -> Result<(), String> {
        let mechanisms = login.mechanisms.clone().unwrap_or_else(|| self.offered()).to_uppercase();
        if mechanisms.is_empty() || mechanisms == "LOGIN" {
            return Err(String::new());
        }
        let without = ["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "ANONYMOUS"];
        if password.is_none() && !words_of(&mechanisms).iter().all(|one| without.contains(&one.as_str())) {
            *password = ask("Password: ");
        }
        let credentials = Credentials {
            userid: login.authz.clone().into_bytes(),
            authname: user.as_bytes().to_vec(),
            realm: None,
            password: password.clone().unwrap_or_default().into_bytes(),
        };
        let security = Security {
            min_ssf: login.ssf.0,
            max_ssf: login.ssf.1.unwrap_or(10_000),
            noplaintext: false,
            noanonymous: false,
        };
        let strength = self.stream.tls().map_or(0, strength);
        let service = login.service.as_deref().unwrap_or("imap");
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let mut sasl = Sasl::new(service, &self.servername, self.addresses, &credentials, security, strength)
            .map_err(|error| text(&error))?;
        let command = Command {
            start: "A01 AUTHENTICATE ",
            initial: self.has("SASL-IR"),
            challenge: "+ ",
            ok: "A01 OK",
        };
        match sasl.authenticate(&mut self.stream, &mechanisms, &command) {
            Ok(_) => self.ask_capabilities().map_err(|error| text(&error)),
            Err(failure) => {
                let detail = format!("{failure:?}");
                Err(detail)
            }
        }
    }

    /// Says that referrals are understood.
    fn announce(&mut self) -> Result<(), String> {
        self.ask_capabilities().map_err(|error| error.to_string())?;
        if self.has("MAILBOX-REFERRALS") {
            let answer = self.send(b"RLIST \"\" \"\"").map_err(|error| error.to_string())?;
            if !answer.is_ok() {
                return Err(answer.text);
            }
        }
        Ok(())
    }
}

fn strength(info: &Info) -> u32 {
    info.bits
}

fn words_of(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The size of a literal that a line announces at its end.
fn literal_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(line.get(open.checked_add(1)?..)?).ok()?.parse().ok()
}

/// What a string must be written as.
enum Form {
    Atom,
    Quoted,
    Literal,
}

fn form(text: &[u8]) -> Form {
    if text.len() >= 1024 || text.iter().any(|byte| matches!(byte, 0 | b'\n' | b'\r' | b'"' | b'\\' | 128..))
    {
        return Form::Literal;
    }
    let special = |byte: &u8| *byte < 33 || matches!(byte, b'%' | b'(' | b')' | b'*' | b'{');
    if text.iter().any(special) { Form::Quoted } else { Form::Atom }
}

/// A string as an atom, quoted or as a literal that the server does not ask for, as needed.
pub fn astring(text: &[u8]) -> Vec<u8> {
    match form(text) {
        Form::Atom if !text.is_empty() => text.to_vec(),
        _ => string(text),
    }
}

/// A string, quoted or as a literal.
pub fn string(text: &[u8]) -> Vec<u8> {
    match form(text) {
        Form::Literal => [format!("{{{}+}}\r\n", text.len()).as_bytes(), text].concat(),
        Form::Atom | Form::Quoted => [b"\"", text, b"\""].concat(),
    }
}

/// A word of a response and what follows it: an atom, a quoted string or a literal; `None` at the end or at a
/// parenthesis. The flag tells an atom.
pub fn word(text: &[u8]) -> Option<(Vec<u8>, bool, &[u8])> {
    let text = text.trim_ascii_start();
    match text.first()? {
        b'"' => {
            let (mut value, mut rest) = (Vec::new(), text.get(1..)?);
            loop {
                let (&byte, tail) = rest.split_first()?;
                rest = tail;
                match byte {
                    b'"' => return Some((value, false, rest)),
                    b'\\' => {
                        let (&quoted, tail) = rest.split_first()?;
                        value.push(quoted);
                        rest = tail;
                    }
                    other => value.push(other),
                }
            }
        }
        b'{' => {
            let end = text.iter().position(|byte| *byte == b'\n')?.checked_add(1)?;
            let size = usize::try_from(literal_size(text.get(..end)?)?).ok()?;
            let (value, rest) = text.get(end..)?.split_at_checked(size)?;
            Some((value.to_vec(), false, rest))
        }
        b'(' | b')' => None,
        _ => {
            let end = text.iter().position(|byte| matches!(byte, b' ' | b'(' | b')'));
            let (value, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
            Some((value.to_vec(), true, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_they_must_be() {
        assert_eq!(astring(b"user.a"), b"user.a");
        assert_eq!(astring(b""), b"\"\"");
        assert_eq!(astring(b"a b"), b"\"a b\"");
        assert_eq!(astring(b"a\"b"), b"{3+}\r\na\"b");
        assert_eq!(string(b"x"), b"\"x\"");
    }

    #[test]
    fn words_are_read_in_every_form() {
        let (value, atom, rest) = word(b" \"a\\\"b\" {2}\r\nx) NIL)").unwrap_or_default();
        assert_eq!((value.as_slice(), atom), (b"a\"b".as_slice(), false));
        let (value, _, rest) = word(rest).unwrap_or_default();
        assert_eq!(value, b"x)");
        assert_eq!(word(rest), Some((b"NIL".to_vec(), true, b")".as_slice())));
        assert_eq!(word(b")"), None);
        assert_eq!(word(b"\"open"), None);
        assert_eq!(word(b"{9}\r\nshort"), None);
    }
}
