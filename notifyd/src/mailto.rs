//! The mailto method: a mail by `sendmail` to the address that is the first option.
//!
//! DIAGNOSTICS: `notify_mailto: exec returned ...` (ERR).

use crate::child;
use crate::request::Request;
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use libcyrus::sys::time;
use libcyrus::util::datetime::print_rfc5322;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// What the `X-Sieve` field of the C says.
const SIEVE_VERSION: &str = "CMU Sieve 3.0";

/// C: `notify_mailto()`
pub fn notify(config: &Config, request: &Request<'_>, sent: &mut u32) {
    let Some(address) = request.options.first() else { return };
    let program = config.string(Opt::Sendmail).unwrap_or("/usr/lib/sendmail");
    let args = ["-i", "-f", "<>", "--"].map(OsStr::new);
    let args: Vec<&OsStr> = args.into_iter().chain([OsStr::from_bytes(address)]).collect();
    let child = match child::start(program, "sendmail", &args) {
        Ok(child) => child,
        Err(error) => {
            let text = log::errno_text(&error);
            log::write(Priority::Err, format_args!("notify_mailto: exec returned {text}"));
            return;
        }
    };
    let now = time::now();
    let id = format!("<cmu-sieve-{}-{now}-{sent}@{}>", child.id(), config.servername());
    *sent = sent.wrapping_add(1);
    let date = print_rfc5322(now, i64::from(time::local(now).utc_offset_s));
    let postmaster = config.string(Opt::Postmaster).unwrap_or("postmaster");
    child::feed(child, &mail(request, address, &id, &date, postmaster));
}

/// The mail's octets.
fn mail(request: &Request<'_>, address: &[u8], id: &str, date: &str, postmaster: &str) -> Vec<u8> {
    let mut mail = Vec::new();
    let mut field = |parts: &[&[u8]]| {
        for part in parts {
            // A line end inside would begin a field of the sender's choice.
            mail.extend(part.iter().filter(|byte| !b"\r\n".contains(byte)));
        }
        mail.extend_from_slice(b"\r\n");
    };
    field(&[b"Message-ID: ", id.as_bytes()]);
    field(&[b"Date: ", date.as_bytes()]);
    field(&[b"X-Sieve: ", SIEVE_VERSION.as_bytes()]);
    field(&[b"From: Mail Sieve Subsystem <", postmaster.as_bytes(), b">"]);
    field(&[b"To: <", address, b">"]);
    field(&[b"Subject: [", request.class, b"] New mail notification"]);
    if !request.message.is_ascii() {
        field(&[b"MIME-Version: 1.0"]);
        field(&[b"Content-Type: text/plain; charset=UTF-8"]);
        field(&[b"Content-Transfer-Encoding: 8BIT"]);
    }
    mail.extend_from_slice(b"\r\n");
    mail.extend_from_slice(request.message);
    mail.extend_from_slice(b"\r\n");
    mail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mail_has_cs_octets() {
        let request =
            Request::parse("mailto\0SIEVE\0\0ann\0\x001\0a@b\r\nX: y\0grün\0".as_bytes()).expect("request");
        let mail = mail(&request, request.options[0], "<1@x>", "now", "postmaster");
        let expected = "Message-ID: <1@x>\r\nDate: now\r\nX-Sieve: CMU Sieve 3.0\r\nFrom: Mail Sieve Subsystem \
                        <postmaster>\r\nTo: <a@bX: y>\r\nSubject: [SIEVE] New mail notification\r\nMIME-Version: \
                        1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8BIT\r\n\r\ngrün\r\n";
        assert_eq!(String::from_utf8_lossy(&mail), expected);
    }
}
