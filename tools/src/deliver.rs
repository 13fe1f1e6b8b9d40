//! deliver: hand a message on standard input to lmtpd, as the local delivery agent of an MTA, or
//! (`-l`) be a pipe between an MTA that speaks LMTP and lmtpd's socket.

use crate::{Call, io};
use libcyrus::base::VERSION;
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::config::{Config, Opt};
use libcyrus::base::exit::{EX_CONFIG, EX_DATAERR, EX_TEMPFAIL, EX_USAGE};
use libcyrus::base::start::{self, Need};
use libcyrus::net::prot::Stream;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The longest line of a reply.
const LINE_OCTETS: usize = 8192;

/// One recipient and what became of it.
struct Recipient {
    address: Vec<u8>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Good,
    /// Try again.
    Temporary,
    /// C's sentence for it.
    Permanent(&'static str),
}

/// A reply: its code and last line. A lost connection is a temporary failure.
struct Reply {
    code: u16,
    last: Vec<u8>,
}

pub(crate) fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:df:r:m:a:F:eE:lqD", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return usage(&complaint),
    };
    let (mut mailboxes, mut senders) = (0, 0);
    for given in &args.options {
        match given.letter {
            'm' if mailboxes > 0 => return usage("deliver: multiple -m options"),
            'm' => mailboxes += usize::from(given.value.as_ref().is_some_and(|value| !value.is_empty())),
            'a' if senders > 0 => return usage("deliver: multiple -a options"),
            'a' => senders += 1,
            'F' => return usage("deliver: 'F' option no longer supported"),
            'E' => return usage("deliver: 'E' option no longer supported"),
            _ => {}
        }
    }
    let value = |letter: &str| {
        let last = args.options.iter().rev().find(|given| letter.contains(given.letter));
        last.and_then(|given| given.value.as_deref()).map(OsStr::as_bytes).filter(|text| !text.is_empty())
    };
    let config = match start::init(
        value("C").map(|file| Path::new(OsStr::from_bytes(file))),
        "deliver",
        Need::Partitions,
    ) {
        Ok(config) => config,
        Err(fatal) => return die(&fatal.text, fatal.code),
    };
    if args.has('l') {
        return match connect(&config) {
            Ok(socket) => pipe(&socket),
            Err(error) => lost("connect failed", &error),
        };
    }
    let users: Vec<Vec<u8>> = args.words.iter().map(|word| word.clone().into_vec()).collect();
    let Some(addresses) = addresses(&config, &users, value("m")) else { return usage("") };
    let sender = match args.options.iter().rev().find(|given| "rf".contains(given.letter)) {
        Some(given) => given.value.clone().unwrap_or_default().into_vec(),
        None => my_name(),
    };
    let foreign = |text: &[u8]| text.iter().any(|&octet| matches!(octet, b'\r' | b'\n' | 0));
    let authid = value("a").unwrap_or_default();
    if foreign(&sender) || foreign(authid) || addresses.iter().any(|address| foreign(address)) {
        return usage("deliver: line break in an address");
    }
    let mut recipients: Vec<Recipient> =
        addresses.into_iter().map(|address| Recipient { address, outcome: Outcome::Temporary }).collect();
    let socket = match connect(&config) {
        Ok(socket) => socket,
        Err(error) => return lost("couldn't connect to lmtpd", &error),
    };
    let mut client = Client { stream: Stream::new(socket.into()) };
    if client.reply().code != 220 {
        return lost("couldn't connect to lmtpd", &std::io::ErrorKind::ConnectionReset.into());
    }
    client.deliver(&sender, authid, args.has('q'), &mut recipients);
    report(&recipients)
}

fn usage(complaint: &str) -> i32 {
    let text = format!(
        "421-4.3.0 usage: deliver [-C <alt_config> ] [-m mailbox] [-a auth] [-r return_path] [-l] [-D]\r\n\
         421 4.3.0 {VERSION}\r\n"
    );
    io::usage(complaint, &text, EX_USAGE)
}

/// The last words, as LMTP, so that a calling MTA understands them.
fn die(text: &str, code: i32) -> i32 {
    io::print(format!("421 4.3.0 deliver: {text}\r\n").as_bytes());
    code
}

fn lost(text: &str, error: &std::io::Error) -> i32 {
    let reason = error.to_string();
    let reason = reason.split(" (os error ").next().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "{text}: {reason}");
    die(text, EX_CONFIG)
}

fn connect(config: &Config) -> std::io::Result<UnixStream> {
    let default = || config.configdirectory().join("socket/lmtp");
    UnixStream::connect(config.path(Opt::Lmtpsocket).map_or_else(default, Path::to_path_buf))
}

/// Who runs this, as `-r` would say it.
fn my_name() -> Vec<u8> {
    libcyrus::sys::privilege::user_name().unwrap_or_default().into_bytes()
}

/// The addresses of users (or of a shared mailbox), each with the folder behind a plus sign;
/// `None` when there is neither user nor mailbox.
fn addresses(config: &Config, users: &[Vec<u8>], mailbox: Option<&[u8]>) -> Option<Vec<Vec<u8>>> {
    match mailbox {
        None if users.is_empty() => None,
        None => Some(users.to_vec()),
        Some(mailbox) if users.is_empty() => {
            let postuser = config.bytes(Opt::Postuser).unwrap_or_default();
            Some(vec![[postuser, b"+", mailbox].concat()])
        }
        Some(mailbox) => Some(
            users
                .iter()
                .map(|user| {
                    let at = user.iter().position(|&octet| octet == b'@').unwrap_or(user.len());
                    let (local, domain) = user.split_at_checked(at).unwrap_or((user, &[]));
                    [local, b"+", mailbox, domain].concat()
                })
                .collect(),
        ),
    }
}

/// Says what was refused for good; the code is that of the worst a sender may mend by trying again.
fn report(recipients: &[Recipient]) -> i32 {
    let mut code = 0;
    for recipient in recipients {
        match recipient.outcome {
            Outcome::Good => {}
            Outcome::Temporary => code = EX_TEMPFAIL,
            Outcome::Permanent(text) => {
                io::print(&[&recipient.address, b": ".as_slice(), text.as_bytes(), b"\n"].concat());
                if code != EX_TEMPFAIL {
                    code = EX_DATAERR;
                }
            }
        }
    }
    code
}

impl Reply {
    const LOST: Self = Self { code: 400, last: Vec::new() };

    fn is_good(&self) -> bool {
        self.code / 100 == 2
    }

    /// C: revconvert_lmtp(), as far as deliver shows it.
    fn outcome(&self) -> Outcome {
        let detail = |at: usize| self.last.get(at).copied().unwrap_or(0);
        match (self.code, detail(6)) {
            (200..=299, _) => Outcome::Good,
            (550, b'1') if detail(4) == b'5' => Outcome::Permanent("Mailbox does not exist"),
            (550, _) => Outcome::Permanent("Permission denied"),
            (552, b'3') => Outcome::Permanent("Message size exceeds fixed limit"),
            (552, _) => Outcome::Permanent("Over quota"),
            (554, _) => Outcome::Permanent("Message contains invalid header"),
            (500..=599, _) => Outcome::Permanent("Protocol error"),
            _ => Outcome::Temporary,
        }
    }
}

struct Client {
    stream: Stream,
}

impl Client {
    fn command(&mut self, line: &[u8]) -> Reply {
        self.stream.write(line);
        self.stream.write(b"\r\n");
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        self.lines().pop().map_or(Reply::LOST, |last| {
            let code = last.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            Reply { code: code.unwrap_or(400), last }
        })
    }

    /// All lines of a reply; none when the connection is lost.
    fn lines(&mut self) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let is_there = self.stream.flush().is_ok()
                && self.stream.read_line(LINE_OCTETS, &mut line).is_ok_and(|is_there| is_there);
            if !is_there {
                return Vec::new();
            }
            let goes_on = line.get(3) == Some(&b'-');
            lines.push(line);
            if !goes_on {
                return lines;
            }
        }
    }

    /// One transaction. C: lmtp_runtxn()
    fn deliver(&mut self, sender: &[u8], authid: &[u8], ignores_quota: bool, recipients: &mut [Recipient]) {
        self.stream.write(b"LHLO deliver\r\n");
        let offers = self.lines();
        let has =
            |word: &[u8]| offers.iter().any(|line| line.get(4..).is_some_and(|rest| rest.starts_with(word)));
        let sender = sender.strip_prefix(b"<").and_then(|inner| inner.strip_suffix(b">")).unwrap_or(sender);
        let mut mail = [b"MAIL FROM:<", sender, b">"].concat();
        if has(b"AUTH") {
            mail.extend_from_slice(b" AUTH=");
            mail.extend_from_slice(if authid.is_empty() { b"<>" } else { authid });
        }
        let begun = self.command(b"RSET");
        let begun = if begun.is_good() { self.command(&mail) } else { begun };
        if !begun.is_good() {
            fail(recipients, &begun);
            return;
        }
        let tail: &[u8] = if ignores_quota && has(b"IGNOREQUOTA") { b"> IGNOREQUOTA" } else { b">" };
        for recipient in recipients.iter_mut() {
            let reply = self.command(&[b"RCPT TO:<", recipient.address.as_slice(), tail].concat());
            recipient.outcome = reply.outcome();
        }
        if recipients.iter().all(|recipient| recipient.outcome != Outcome::Good) {
            return;
        }
        let ready = self.command(b"DATA");
        if ready.code != 354 {
            let ready = if ready.is_good() { Reply::LOST } else { ready };
            fail(recipients, &ready);
            return;
        }
        if self.send_message().is_err() {
            // The connection is dropped without the final dot: nothing is delivered.
            fail(recipients, &Reply::LOST);
            return;
        }
        for recipient in recipients.iter_mut().filter(|recipient| recipient.outcome == Outcome::Good) {
            recipient.outcome = self.reply().outcome();
        }
        self.command(b"QUIT");
    }

    /// Standard input with line ends made CRLF and dots doubled, and the final dot.
    fn send_message(&mut self) -> std::io::Result<()> {
        let mut stuffing = Stuffing::default();
        let mut input = std::io::stdin().lock();
        let mut piece = vec![0; 32 * 1024];
        let mut out = Vec::new();
        loop {
            let length = match input.read(&mut piece) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if length == 0 {
                break;
            }
            out.clear();
            stuffing.take(piece.get(..length).unwrap_or_default(), &mut out);
            self.stream.write(&out);
        }
        self.stream.write(stuffing.end());
        Ok(())
    }
}

fn fail(recipients: &mut [Recipient], reply: &Reply) {
    for recipient in recipients {
        recipient.outcome = match reply.code {
            500..=599 => Outcome::Permanent("Protocol error"),
            _ => Outcome::Temporary,
        };
    }
}

/// Makes line ends CRLF, drops lone CRs and doubles the dot that starts a line.
#[derive(Debug)]
struct Stuffing {
    at_line_start: bool,
}

impl Default for Stuffing {
    fn default() -> Self {
        Self { at_line_start: true }
    }
}

impl Stuffing {
    fn take(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &octet in piece {
            match octet {
                b'\r' => continue,
                b'\n' => out.extend_from_slice(b"\r\n"),
                b'.' if self.at_line_start => out.extend_from_slice(b".."),
                octet => out.push(octet),
            }
            self.at_line_start = octet == b'\n';
        }
    }

    fn end(&self) -> &'static [u8] {
        if self.at_line_start { b".\r\n" } else { b"\r\n.\r\n" }
    }
}

/// Copies both ways until lmtpd closes.
fn pipe(socket: &UnixStream) -> i32 {
    let Ok(mut outgoing) = socket.try_clone() else { return EX_TEMPFAIL };
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut outgoing);
        // What lmtpd still has to say is shown.
        let _ = outgoing.shutdown(Shutdown::Write);
    });
    let mut incoming = socket;
    let mut piece = vec![0; 32 * 1024];
    while let Ok(length @ 1..) = incoming.read(&mut piece) {
        io::print(piece.get(..length).unwrap_or_default());
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_outcome(reply: &str, expected: Outcome) {
        let code = reply.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        assert_eq!(Reply { code, last: reply.as_bytes().to_vec() }.outcome(), expected, "{reply}");
    }

    #[test]
    fn replies_become_the_sentences_of_c() {
        check_outcome("250 2.1.5 ok", Outcome::Good);
        check_outcome("550 5.1.1 User unknown", Outcome::Permanent("Mailbox does not exist"));
        check_outcome("550 5.7.1 Permission denied", Outcome::Permanent("Permission denied"));
        check_outcome("552 5.2.2 Over quota", Outcome::Permanent("Over quota"));
        check_outcome("552 5.3.4 too big", Outcome::Permanent("Message size exceeds fixed limit"));
        // lmtpd's own words for a message that is too big have the digits of a full mailbox.
        check_outcome("552 5.2.3 Message size", Outcome::Permanent("Over quota"));
        check_outcome("554 5.6.0 x", Outcome::Permanent("Message contains invalid header"));
        check_outcome("501 5.5.4 x", Outcome::Permanent("Protocol error"));
        check_outcome("452 4.2.2 Over quota", Outcome::Temporary);
        check_outcome("430 x", Outcome::Temporary);
    }

    #[test]
    fn messages_are_stuffed_whatever_the_pieces() {
        let message = b".a\n..b\r\nc.\n\n.";
        for size in 1..=message.len() {
            let (mut stuffing, mut out) = (Stuffing::default(), Vec::new());
            for piece in message.chunks(size) {
                stuffing.take(piece, &mut out);
            }
            out.extend_from_slice(stuffing.end());
            assert_eq!(out, b"..a\r\n...b\r\nc.\r\n\r\n..\r\n.\r\n");
        }
        assert_eq!(Stuffing::default().end(), b".\r\n");
    }
}
