//! One connection: question after question.

use crate::netstring::{self, Parsed};
use crate::process::Smmapd;
use crate::reply::{self, Refusal};
use crate::verify::verify;
use libcyrus::base::exit::EX_TEMPFAIL;
use libcyrus::net::Error;
use libcyrus::net::prot::Stream;
use libcyrus::service::{Connection, End, signals};
use std::time::Duration;

/// How long a client may be silent.
const TIMEOUT: Duration = Duration::from_secs(360);

/// Serves a connection to its end. C: begin_handling()
pub fn serve(smmapd: &Smmapd, connection: Connection) -> End {
    let mut stream = Stream::new(connection.fd);
    stream.set_timeout(Some(TIMEOUT));
    let ending = match questions(smmapd, &mut stream, &connection.clienthost) {
        Ok(ending) => ending,
        Err(Error::Interrupted) => End::Exit(EX_TEMPFAIL),
        Err(_) => End::Reuse,
    };
    stream.close();
    ending
}

fn questions(smmapd: &Smmapd, stream: &mut Stream, client: &str) -> Result<End, Error> {
    loop {
        if stream.fill()?.is_empty() {
            return Ok(End::Reuse);
        }
        match signals::poll() {
            signals::Poll::Shutdown => return Err(Error::Interrupted),
            signals::Poll::Reload => return Ok(End::Exit(0)),
            signals::Poll::Clear => {}
        }
        let mut before = 0;
        let answered = loop {
            let received = stream.buffered();
            let at_end = received.len() == before;
            before = received.len();
            match netstring::parse(received, at_end) {
                Parsed::Incomplete => {
                    stream.fill_more()?;
                }
                Parsed::Request { key, octets } => {
                    let key = key.to_vec();
                    break (verify(smmapd, &key).map_err(Refusal::Store), key, octets);
                }
                Parsed::Bad { text, octets } => break (Err(Refusal::Protocol(text)), Vec::new(), octets),
            }
        };
        let (result, key, octets) = answered;
        stream.write(&reply::answer(result, &key, client, smmapd.manner));
        if octets == 0 {
            // Nobody knows where the next question begins.
            stream.flush()?;
            return Ok(End::Reuse);
        }
        stream.consume(octets);
    }
}
