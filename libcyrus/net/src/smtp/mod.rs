//! Outgoing mail: SMTP to `sendmail -bs` or to a host (`smtp_backend`, `smtp_host`). C: smtpclient.c
//!
//! One connection takes one message. The commands and their extensions are C's, BY included: it goes out only where
//! the server announces the capability under the name that C looks for.
//!
//! DIAGNOSTICS: `smtpclient: unexpected response to CMD: code=550 text=...`, `smtpclient: ... during CMD`,
//! `smptclient_open: can't connect to host: ...`.

use crate::error::Error;
use crate::prot::Stream;
use cyrus_base::config::{Config, Opt};
use cyrus_base::log::{self, Priority};
use std::fmt;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

mod host;

/// How long the server may be silent once it is known.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The longest reply line, its end included (RFC 5321 4.5.3.1.5).
const LINE_OCTETS: usize = 512;

/// Lines of one reply.
const REPLY_LINES: usize = 128;

/// Why a mail was not taken; the words are those of C's error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server cannot be reached.
    Internal,
    /// The connection broke.
    Io,
    /// No such recipient.
    MailboxNonexistent,
    /// It takes no mail.
    MailboxDisabled,
    /// The message is too large.
    MessageTooLarge,
    /// An answer that has no better meaning.
    Protocol,
    /// The server does not want to.
    RemoteDenied,
    /// No process could be started.
    System,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Internal => "Internal Error",
            Self::Io => "System I/O error",
            Self::MailboxNonexistent => "Mailbox does not exist",
            Self::MailboxDisabled => "Delivery to mailbox is disabled",
            Self::MessageTooLarge => "Message size exceeds fixed limit",
            Self::Protocol => "Bad protocol",
            Self::RemoteDenied => "The remote Server(s) denied the operation",
            Self::System => "Operating System Error",
        })
    }
}

impl std::error::Error for Refusal {}

/// A mail on its way out.
#[derive(Clone, Debug, Default)]
pub struct Mail<'m> {
    /// Reverse-path; empty for the null reverse-path.
    pub from: &'m [u8],
    /// Recipients.
    pub to: &'m [Vec<u8>],
    /// Who sends it, for `AUTH=`.
    pub authid: Option<&'m [u8]>,
    /// Value of NOTIFY.
    pub notify: Option<&'m [u8]>,
    /// Value of RET.
    pub ret: Option<&'m [u8]>,
    /// Value of BY.
    pub by: Option<&'m [u8]>,
    /// The message in pieces that follow one another, its lines ending in CRLF.
    pub message: &'m [&'m [u8]],
}

/// What the server announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "one extension of SMTP each")]
struct Capabilities {
    auth: Option<String>,
    starttls: bool,
    dsn: bool,
    deliver_by: bool,
    status: bool,
    /// The number of SIZE, 0 when it has none.
    size: Option<u64>,
}

struct Client {
    stream: Stream,
    capabilities: Capabilities,
    child: Option<Child>,
}

/// Sends one mail as configured. C: smtpclient_open(), smtpclient_send()
///
/// # Errors
/// Why it was not taken; the log has more.
pub fn send(config: &Config, mail: &Mail<'_>) -> Result<(), Refusal> {
    let mut client = match config.string(Opt::SmtpBackend).unwrap_or("sendmail") {
        "host" => host::open(config)?,
        _ => Client::sendmail(config.string(Opt::Sendmail).unwrap_or("/usr/lib/sendmail"))?,
    };
    let done = client.mail(mail);
    client.quit();
    client.close();
    done
}

impl Client {
    fn sendmail(program: &str) -> Result<Self, Refusal> {
        let fail = |what: &str, error: std::io::Error| {
            log::write(Priority::Err, format_args!("smtpclient_open: can't {what}: {error}"));
            Refusal::System
        };
        let (ours, theirs) = UnixStream::pair().map_err(|error| fail("create pipe", error))?;
        let input = theirs.try_clone().map_err(|error| fail("create pipe", error))?;
        let child = Command::new(program)
            .arg0("sendmail")
            .arg("-bs")
            .stdin(Stdio::from(OwnedFd::from(input)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .map_err(|error| {
                log::write(Priority::Err, format_args!("smtpclient_open: can't exec sendmail: {error}"));
                log::write(Priority::Err, format_args!("smptclient_open: can't open sendmail backend"));
                Refusal::Internal
            })?;
        let mut client = Self::over(Stream::new(ours.into()), Some(child));
        if client.greet().is_err() {
            log::write(Priority::Err, format_args!("smptclient_open: can't open sendmail backend"));
            client.close();
            return Err(Refusal::Internal);
        }
        Ok(client)
    }

    /// Ends the connection and waits for the program, whose input ends with it. C: smtpclient_close()
    fn close(self) {
        drop(self.stream);
        if let Some(mut child) = self.child {
            let _ = child.wait();
        }
    }

    fn over(mut stream: Stream, child: Option<Child>) -> Self {
        stream.set_timeout(Some(TIMEOUT));
        Self { stream, capabilities: Capabilities::default(), child }
    }

    /// The greeting, and EHLO.
    fn greet(&mut self) -> Result<(), Error> {
        let (code, _) = self.reply()?;
        if code != *b"220" {
            return Err(Error::Closed);
        }
        self.ehlo()
    }

    fn ehlo(&mut self) -> Result<(), Error> {
        self.say(b"EHLO localhost")?;
        let (code, lines) = self.reply()?;
        if !code.starts_with(b"2") {
            return Err(Error::Closed);
        }
        self.capabilities = Capabilities::default();
        for line in lines.iter().skip(1) {
            let line = String::from_utf8_lossy(line).into_owned();
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word.to_ascii_uppercase().as_str() {
                "AUTH" => self.capabilities.auth = Some(rest.to_owned()),
                "STARTTLS" => self.capabilities.starttls = true,
                "DSN" => self.capabilities.dsn = true,
                "DELIVERYBY" => self.capabilities.deliver_by = true,
                "ENHANCEDSTATUSCODES" => self.capabilities.status = true,
                "SIZE" => self.capabilities.size = Some(rest.trim().parse().unwrap_or(0)),
                _ => {}
            }
        }
        Ok(())
    }

    fn mail(&mut self, mail: &Mail<'_>) -> Result<(), Refusal> {
        let size: u64 = mail.message.iter().map(|piece| piece.len() as u64).sum();
        if self.capabilities.size.is_some_and(|most| most > 0 && most < size) {
            return Err(Refusal::MessageTooLarge);
        }
        if mail.to.is_empty() {
            log::write(Priority::Err, format_args!("smtpclient: envelope missing recipients"));
            return Err(Refusal::Protocol);
        }
        let mut line = [b"MAIL FROM:<".as_slice(), mail.from, b">"].concat();
        let mut param = |on: bool, name: &str, value: Option<&[u8]>| {
            if let (true, Some(value)) = (on, value) {
                line.extend_from_slice(&[b" ", name.as_bytes(), b"=", value].concat());
            }
        };
        param(self.capabilities.auth.is_some(), "AUTH", mail.authid);
        param(self.capabilities.dsn, "RET", mail.ret);
        param(self.capabilities.deliver_by, "BY", mail.by);
        param(self.capabilities.size.is_some(), "SIZE", Some(size.to_string().as_bytes()));
        self.command("MAIL FROM", &line, b'2')?;
        let mut refused = Ok(());
        for address in mail.to {
            let mut line = [b"RCPT TO:<".as_slice(), address, b">"].concat();
            if let (true, Some(notify)) = (self.capabilities.dsn, mail.notify) {
                line.extend_from_slice(&[b" NOTIFY=", notify].concat());
            }
            let done = self.command("RCPT TO", &line, b'2');
            if refused.is_ok() {
                refused = done;
            }
        }
        refused?;
        self.command("DATA", b"DATA", b'3')?;
        self.data(mail.message);
        self.expect("EOT", b'2').map_err(|refusal| told("DATA", refusal))
    }

    fn data(&mut self, message: &[&[u8]]) {
        // The two octets before.
        let mut before = *b"\r\n";
        for line in message.iter().flat_map(|piece| piece.split_inclusive(|&octet| octet == b'\n')) {
            if before.ends_with(b"\n") && line.starts_with(b".") {
                self.stream.write(b".");
            }
            self.stream.write(line);
            before = match *line {
                [] => before,
                [only] => [before[1], only],
                [.., last_but_one, last] => [last_but_one, last],
            };
        }
        self.stream.write(if before == *b"\r\n" { b".\r\n" } else { b"\r\n.\r\n" });
    }

    fn command(&mut self, name: &str, line: &[u8], first_digit: u8) -> Result<(), Refusal> {
        // A line end inside would be a second command.
        if line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return Err(told(name, Refusal::Protocol));
        }
        self.say(line).map_err(|_| told(name, Refusal::Io))?;
        self.expect(name, first_digit).map_err(|refusal| told(name, refusal))
    }

    fn expect(&mut self, name: &str, first_digit: u8) -> Result<(), Refusal> {
        let (code, lines) = self.reply().map_err(|_| Refusal::Io)?;
        if code.first() == Some(&first_digit) {
            return Ok(());
        }
        let text = lines.first().map(Vec::as_slice).unwrap_or_default();
        log::write(
            Priority::Err,
            format_args!(
                "smtpclient: unexpected response to {name}: code={} text={}",
                log::printable(&code, 3),
                log::printable(text, LINE_OCTETS)
            ),
        );
        Err(meaning(code, text, self.capabilities.status))
    }

    fn say(&mut self, line: &[u8]) -> Result<(), Error> {
        self.stream.write(line);
        self.stream.write(b"\r\n");
        self.stream.flush()
    }

    /// Code and texts of a reply.
    fn reply(&mut self) -> Result<([u8; 3], Vec<Vec<u8>>), Error> {
        self.stream.flush()?;
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            if !self.stream.read_line(LINE_OCTETS, &mut line)? || lines.len() > REPLY_LINES {
                return Err(Error::Closed);
            }
            let line = line.trim_ascii_end();
            let (code, rest) = line.split_first_chunk::<3>().ok_or(Error::Closed)?;
            if !code.iter().all(u8::is_ascii_digit) {
                return Err(Error::Closed);
            }
            lines.push(rest.get(1..).unwrap_or_default().to_vec());
            match rest.first() {
                Some(b'-') => {}
                None | Some(b' ' | b'\t') => return Ok((*code, lines)),
                Some(_) => return Err(Error::Closed),
            }
        }
    }

    fn quit(&mut self) {
        if self.say(b"QUIT").is_ok() {
            let _ = self.reply();
        }
    }
}

/// What a refusal means. C: expect_code_cb()
fn meaning(code: [u8; 3], text: &[u8], has_status: bool) -> Refusal {
    if has_status {
        return match (text.get(2), text.get(4)) {
            (Some(b'1'), Some(b'1'..=b'3')) => Refusal::MailboxNonexistent,
            (Some(b'3'), Some(b'4')) => Refusal::MessageTooLarge,
            (Some(b'5'), Some(b'3')) => Refusal::MailboxDisabled,
            (Some(b'3'), Some(b'0')) => Refusal::RemoteDenied,
            _ => Refusal::Protocol,
        };
    }
    match &code {
        b"421" | b"451" | b"554" => Refusal::RemoteDenied,
        b"450" | b"550" => Refusal::MailboxDisabled,
        b"452" | b"552" => Refusal::MessageTooLarge,
        b"553" => Refusal::MailboxNonexistent,
        _ => Refusal::Protocol,
    }
}

fn told(command: &str, refusal: Refusal) -> Refusal {
    log::write(Priority::Err, format_args!("smtpclient: {refusal} during {command}"));
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};

    #[test]
    fn refusals_have_meanings() {
        assert_eq!(meaning(*b"550", b"no", false), Refusal::MailboxDisabled);
        assert_eq!(meaning(*b"550", b"5.1.1 no", true), Refusal::MailboxNonexistent);
        assert_eq!(meaning(*b"500", b"", true), Refusal::Protocol);
    }

    /// A server with these replies; what it got.
    fn talk(replies: &'static str, mail: &Mail<'_>) -> (Result<(), Refusal>, String) {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let server = std::thread::spawn(move || {
            let mut out = theirs.try_clone().expect("clone");
            let mut input = BufReader::new(theirs);
            let mut got = String::new();
            for reply in replies.split_inclusive('|') {
                out.write_all(reply.trim_end_matches('|').as_bytes()).expect("write");
                let mut line = String::new();
                while input.read_line(&mut line).is_ok_and(|octets| octets > 0) {
                    let is_over = !reply.starts_with("354") || line.ends_with("\r\n.\r\n");
                    if is_over {
                        break;
                    }
                }
                got.push_str(&line);
            }
            // The last line read was QUIT, which the client waits to hear of.
            let _ = out.write_all(b"221 bye\r\n");
            drop(out);
            let _ = input.read_to_string(&mut got);
            got
        });
        let mut client = Client::over(Stream::new(ours.into()), None);
        let done = match client.greet() {
            Ok(()) => client.mail(mail),
            Err(_) => Err(Refusal::Internal),
        };
        client.quit();
        drop(client);
        (done, server.join().expect("server"))
    }

    #[test]
    fn a_mail_is_sent_with_what_the_server_takes() {
        let to = [b"a@x".to_vec(), b"b@x".to_vec()];
        let mail = Mail {
            from: b"s@y",
            to: &to,
            authid: Some(b"ann"),
            notify: Some(b"NEVER"),
            ret: Some(b"HDRS"),
            by: Some(b"+10;N"),
            message: &[b"Subject: x\r", b"\n", b"", b"\r\n.", b"dot\r\n"],
        };
        let replies = "220 hi\r\n|250-me\r\n250-DSN\r\n250-AUTH PLAIN\r\n250 SIZE 999\r\n|250 ok\r\n|250 ok\r\n|250 ok\r\n|\
                       354 go\r\n|250 done\r\n|";
        let (done, got) = talk(replies, &mail);
        assert_eq!(done, Ok(()));
        assert_eq!(
            got,
            "EHLO localhost\r\nMAIL FROM:<s@y> AUTH=ann RET=HDRS SIZE=20\r\nRCPT TO:<a@x> NOTIFY=NEVER\r\n\
             RCPT TO:<b@x> NOTIFY=NEVER\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n"
        );
    }

    #[test]
    fn no_recipient_brings_a_command_of_its_own() {
        let to = [b"a@x>\r\nRSET".to_vec()];
        let mail = Mail { to: &to, message: &[b"x"], ..Mail::default() };
        let (done, got) = talk("220 hi\r\n|250 me\r\n|250 ok\r\n|", &mail);
        assert_eq!(done, Err(Refusal::Protocol));
        assert!(!got.contains("RSET"), "{got}");
    }
}
