//! A stub of an SMTP server: it answers as told and tells the whole dialogue.

use crate::tls;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Patience with a silent client.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the stub says, and how its client is configured for it.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Title of the case.
    pub name: &'static str,
    /// Options of imapd.conf; `@PORT@` is the stub's.
    pub options: &'static [(&'static str, &'static str)],
    /// Answer to EHLO in the clear.
    pub ehlo: &'static str,
    /// Answer to EHLO inside TLS.
    pub ehlo_inside: &'static str,
    /// A line that begins so is answered so.
    pub answers: &'static [(&'static str, &'static str)],
    /// TLS begins on connecting.
    pub tls_at_once: bool,
}

impl Manners {
    /// A server that has nothing against anything, and no extensions.
    pub const KIND: Self = Self {
        name: "",
        options: &[("smtp_host", "127.0.0.1:@PORT@")],
        ehlo: "250-stub\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
        ehlo_inside: "250-stub\r\n250 AUTH PLAIN\r\n",
        answers: &[],
        tls_at_once: false,
    };

    fn answer(&self, verb: &str, well: &str) -> String {
        let other = self.answers.iter().find(|(start, _)| verb.starts_with(start));
        other.map_or(well, |(_, answer)| *answer).to_owned()
    }
}

trait Duplex: Read + Write {}
impl<T: Read + Write> Duplex for T {}

/// Serves one connection and tells it.
///
/// # Panics
/// When the system refuses what any socket may do.
#[must_use]
pub fn converse(stream: TcpStream, manners: &Manners) -> String {
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let mut told = String::new();
    let mut is_inside = manners.tls_at_once;
    let mut peer: BufReader<Box<dyn Duplex>> = match is_inside {
        true => match secure(Box::new(stream), &mut told) {
            Some(peer) => peer,
            None => return told,
        },
        false => BufReader::new(Box::new(stream)),
    };
    let _ = say(&mut peer, &manners.answer("greeting", "220 stub\r\n"));
    let mut in_data = false;
    let mut octets = Vec::new();
    while peer.read_until(b'\n', &mut octets).is_ok_and(|count| count > 0) {
        let line = String::from_utf8_lossy(&octets).trim_end_matches(['\r', '\n']).to_owned();
        octets.clear();
        told.push_str(&format!("> {}\n", credentials(&line)));
        let verb = line.split(' ').next().unwrap_or_default();
        let reply = match verb {
            "." if in_data => {
                in_data = false;
                manners.answer(".", "250 2.0.0 done\r\n")
            }
            _ if in_data => continue,
            "EHLO" if is_inside => manners.ehlo_inside.to_owned(),
            "EHLO" => manners.ehlo.to_owned(),
            "DATA" => {
                in_data = true;
                "354 go\r\n".to_owned()
            }
            "AUTH" => manners.answer("AUTH", "235 2.7.0 ok\r\n"),
            "STARTTLS" => manners.answer("STARTTLS", "220 2.0.0 go\r\n"),
            "QUIT" => "221 2.0.0 bye\r\n".to_owned(),
            verb => manners.answer(verb, "250 2.0.0 ok\r\n"),
        };
        told.push_str(&format!("< {}\n", reply.trim_end().replace("\r\n", " | ")));
        let _ = say(&mut peer, &reply);
        if verb == "STARTTLS" && reply.starts_with("220") {
            match secure(peer.into_inner(), &mut told) {
                Some(inside) => peer = inside,
                None => return told,
            }
            is_inside = true;
        }
    }
    told
}

/// TLS over `under`, when the client does its part.
fn secure(under: Box<dyn Duplex>, told: &mut String) -> Option<BufReader<Box<dyn Duplex>>> {
    let mut under = under;
    let mut connection = ServerConnection::new(tls::server()).expect("TLS");
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut under) {
            let alert = error.get_ref().map_or_else(|| error.kind().to_string(), ToString::to_string);
            told.push_str(&format!("* no TLS: {alert}\n"));
            return None;
        }
    }
    told.push_str("* TLS\n");
    Some(BufReader::new(Box::new(StreamOwned::new(connection, under))))
}

fn say(peer: &mut BufReader<Box<dyn Duplex>>, text: &str) -> std::io::Result<()> {
    peer.get_mut().write_all(text.as_bytes())?;
    peer.get_mut().flush()
}

/// The initial response of PLAIN in the clear.
fn credentials(line: &str) -> String {
    match line.strip_prefix("AUTH PLAIN ").and_then(|text| STANDARD.decode(text).ok()) {
        Some(octets) => format!("AUTH PLAIN {:?}", String::from_utf8_lossy(&octets)),
        None => line.to_owned(),
    }
}
